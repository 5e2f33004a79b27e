#!/bin/bash
# Every entry point of the malloc family and every operator new, however the program is linked: it prints and
# exits as without us in each mode, and in full mode the sums are what it says itself.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
DUMP=$TOOLS/heap_dump
export XDG_CACHE_HOME=$TMP/cache
P=$TMP/p
mkdir -p "$P"
cc() { "${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -g -fno-builtin -fno-optimize-sibling-calls -pthread "$@" || exit 1; }
cxx() { "${CXX:-g++}" -std=gnu++17 -O1 -g -fno-builtin -fno-optimize-sibling-calls -pthread -Wno-alloc-size-larger-than "$@" || exit 1; }

# same NAME CMD…: output and exit code with tracking in each mode are those without.
same() {
	local name=$1 want got mode
	shift
	"$@" >"$TMP/want" 2>"$TMP/want.err"
	want=$?
	for mode in off sampled full; do
		"$DUMP" -l "$LIB" -o "$TMP/dump.$mode" -c "$TMP/cache" -m $mode -r 4096 -- "$@" >"$TMP/got" 2>"$TMP/got.err"
		got=$?
		: >"$TMP/diff"
		if [ $want != $got ] || ! diff "$TMP/want" "$TMP/got" >"$TMP/diff" ||
			! diff "$TMP/want.err" "$TMP/got.err" >>"$TMP/diff"; then
			not_ok "$name, $mode"
			echo "# exit codes $want, $got"
			head -n 20 "$TMP/diff" | sed 's/^/# /'
			return 1
		fi
	done
	ok "$name: is not changed in any mode"
}
# The sums of functions by_*, as the program writes them.
by_function() {
	sqlite3 -separator ' ' "$1" "WITH RECURSIVE up(leaf, id) AS (
			SELECT DISTINCT stack_id, stack_id FROM sample WHERE kind IN ('alloc', 'leak')
			UNION SELECT up.leaf, k.parent_id FROM up JOIN stack k ON k.id = up.id WHERE k.parent_id IS NOT NULL),
		named(leaf, function) AS (
			SELECT up.leaf, substr(f.function, instr(f.function, 'by_')) FROM up JOIN stack k ON k.id = up.id
			JOIN frame f ON f.id = k.frame_id WHERE f.function LIKE '%by\_%' ESCAPE '\\'),
		who(leaf, function) AS (SELECT DISTINCT leaf, substr(function, 1, instr(function || '(', '(') - 1) FROM named)
		SELECT w.function, sum(s.value * (s.kind = 'alloc')), sum(s.count * (s.kind = 'alloc')),
			sum(s.value * (s.kind = 'leak')), sum(s.count * (s.kind = 'leak'))
		FROM who w JOIN sample s ON s.stack_id = w.leaf WHERE s.kind IN ('alloc', 'leak') GROUP BY 1 ORDER BY 1"
}
# exact NAME CMD…: the program is given the file for its sums; what we count is what it says.
exact() {
	local name=$1
	shift
	rm -f "$TMP"/s.sqlite*
	"$PROF" run -q -o "$TMP/s.sqlite" --memory full -- "$1" "$TMP/sums" "${@:2}" >/dev/null 2>"$TMP/talk"
	by_function "$TMP/s.sqlite" >"$TMP/counted"
	if [ -s "$TMP/counted" ] && LC_ALL=C sort "$TMP/sums" | diff - "$TMP/counted" >"$TMP/diff"; then
		ok "$name: the sums are the program's own"
	else
		not_ok "$name: the sums are the program's own"
		cat "$TMP/diff" "$TMP/talk" | head -n 20 | sed 's/^/# /'
	fi
}
none() { # NAME: what the last same() left has no losses
	if grep -q 'loss' "$TMP/dump.full"; then
		not_ok "$1: nothing is lost"
		sed 's/^/# /' "$TMP/dump.full"
	else
		ok "$1: nothing is lost"
	fi
}

# ---- C, whichever allocator does the work
calls=tests/programs/mem_calls.c
cc $calls -o "$P/calls"
same "libc" "$P/calls" /dev/null && none "libc"
exact "libc" "$P/calls"
cc -no-pie -fno-pie $calls -o "$P/calls_nopie"
same "not position-independent" "$P/calls_nopie" /dev/null
exact "not position-independent" "$P/calls_nopie"
cc -Wl,-z,now $calls -o "$P/calls_now"
exact "bound at once" "$P/calls_now"
LD_BIND_NOW=1 exact "bound at once by the environment" "$P/calls"
cc -static $calls -o "$P/calls_static"
same "static: cannot be preloaded" "$P/calls_static" /dev/null
if command -v clang >/dev/null; then
	CC=clang cc -O2 $calls -o "$P/calls_clang"
	exact "made by clang" "$P/calls_clang"
else
	skip "made by clang" "clang is missing"
fi
for lib in jemalloc tcmalloc tcmalloc_minimal mimalloc; do
	if ! (cc $calls -Wl,--no-as-needed "-l$lib" -o "$P/calls_$lib") 2>/dev/null; then
		skip "$lib" "it is missing"
		continue
	fi
	[ $lib = jemalloc ] && export NO_PVALLOC=1
	same "$lib" "$P/calls_$lib" /dev/null && none "$lib"
	exact "$lib" "$P/calls_$lib"
	path=$(ldd "$P/calls_$lib" | awk -v l="lib$lib" 'index($1, l) { print $3; exit }')
	LD_PRELOAD=$path same "$lib, preloaded" "$P/calls" /dev/null
	unset NO_PVALLOC
done
cc $calls tests/programs/mem_own.c -o "$P/calls_own"
same "an allocator linked into the program" "$P/calls_own" /dev/null
check "is said to be one" grep -q 'foreign 1' "$TMP/dump.full"

# ---- C++
new=tests/programs/mem_new.cc
cxx $new -o "$P/new"
same "operator new" "$P/new" && none "operator new"
exact "operator new" "$P/new"
if command -v clang++ >/dev/null; then
	CXX=clang++ cxx -O2 -Wno-everything -fsized-deallocation $new -o "$P/new_clang"
	exact "operator new, made by clang" "$P/new_clang"
else
	skip "operator new, made by clang" "clang is missing"
fi
cxx -static-libstdc++ -static-libgcc $new -o "$P/new_static"
same "a C++ library linked into the program" "$P/new_static"
exact "a C++ library linked into the program" "$P/new_static"
for lib in jemalloc tcmalloc tcmalloc_minimal; do
	(cxx $new -Wl,--no-as-needed "-l$lib" -o "$P/new_$lib") 2>/dev/null || continue
	same "operator new of $lib" "$P/new_$lib"
	exact "operator new of $lib" "$P/new_$lib"
done
cxx -DOWN_MALLOC $new -o "$P/new_own"
same "operator new of the program" "$P/new_own"
exact "operator new of the program" "$P/new_own"
cxx -DOWN_POOL -shared -fPIC $new -o "$P/libpool.so"
cxx -DNO_HANDLER $new -o "$P/new_pool" -L"$P" -Wl,--no-as-needed,-rpath,"$P" -lpool
same "operator new of a library, without malloc" "$P/new_pool"
exact "operator new of a library, without malloc" "$P/new_pool"

# ---- C++ in C programs
cc tests/programs/mem_host.c -o "$P/host"
cxx -DPLUGIN -shared -fPIC $new -o "$P/plugin.so"
for scope in "" global; do
	same "a C++ plugin ${scope:-of its own scope}" "$P/host" /dev/null "$P/plugin.so" $scope
	exact "a C++ plugin ${scope:-of its own scope}" "$P/host" "$P/plugin.so" $scope
done
cxx -DPLUGIN -shared -fPIC -static-libstdc++ -static-libgcc $new -o "$P/plugin_static.so"
same "a plugin with a C++ library in it" "$P/host" /dev/null "$P/plugin_static.so"
exact "a plugin with a C++ library in it" "$P/host" "$P/plugin_static.so"

# ---- a program that records itself
cc -Iprof/include tests/programs/mem_start.c -o "$P/start" -Wl,--no-as-needed "$LIB" -Wl,-rpath,"$(dirname "$LIB")"
for mode in full sampled off; do
	rm -f "$TMP"/s?.sqlite*
	if ! PATH=$(dirname "$PROF"):$PATH PROTEA_PROF_MEMORY=$mode PROTEA_PROF_MEMORY_RATE=1 \
		"$P/start" "$TMP/s1.sqlite" "$TMP/s2.sqlite" "$TMP/s3.sqlite" >"$TMP/got"; then
		not_ok "a program that records itself, $mode"
		sed 's/^/# /' "$TMP/got"
		continue
	fi
	for i in 1 2 3; do sqlite3 -separator ' ' "$TMP/s$i.sqlite" "SELECT 'sum', sum(s.value), sum(s.count) FROM sample s
		JOIN stack k ON k.id = s.stack_id JOIN frame f ON f.id = k.frame_id WHERE s.kind = 'alloc' AND f.function = 'by_start'"; done >"$TMP/counted"
	[ $mode = off ] && sed -i 's/.*/sum  /' "$TMP/got"
	check "a program that records itself three times, $mode" diff "$TMP/got" "$TMP/counted"
done

[ "$tap_failed" -eq 0 ]
