#!/bin/bash
# Names of live programs from odd places: a namespace that is gone when they are needed, a library that only memory has,
# debug files that only the container has, minidebuginfo; and a live store of record.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
mkdir "$TMP/cache" "$TMP/hidden" "$TMP/bin"
chmod 755 "$TMP"
export PROTEA_PROF_CACHE=$TMP/cache
started=
trap 'kill -9 $started 2>/dev/null; rm -rf "$TMP"' EXIT
cc=${CC:-gcc}

cat >"$TMP/odd.c" <<'C'
/* Spins in library_work() of a library, called by local_caller(), until the file named first is there. */
#include <unistd.h>
extern void library_work(void);
static __attribute__((noinline)) void local_caller(void)
{
	library_work();
	__asm__ volatile("");
}
int main(int argc, char **argv)
{
	(void)argc;
	while (access(argv[1], F_OK) != 0)
		for (int i = 0; i < 20; i++)
			local_caller();
	return 0;
}
C
cat >"$TMP/work.c" <<'C'
static volatile unsigned long sink;
void library_work(void);
void library_work(void)
{
	for (unsigned long i = 0; i < 100000; i++)
		sink += i;
}
C
"$cc" -O1 -g -shared -fPIC "$TMP/work.c" -o "$TMP/bin/libwork.so" &&
	"$cc" -O1 -g "$TMP/odd.c" -o "$TMP/bin/odd" -L"$TMP/bin" -lwork '-Wl,-rpath,$ORIGIN' || exit 1

# start CMD…: in the background, $pid. Not inside of check, whose output it would hold open.
start() {
	rm -f "$TMP/enough"
	"$@" >/dev/null 2>&1 &
	pid=$!
	started="$started $!"
}
# With its library: the linker looks for that after the program has its name, and would not find one that is gone by then.
runs_it() { [ "$(cat "/proc/$pid/comm")" = odd ] && grep -q libwork.so "/proc/$pid/maps"; }
end() {
	touch "$TMP/enough"
	wait "$pid" 2>/dev/null
}
# stack_has REGEX: of the folded stacks of the store
stack_has() {
	"$PROF" export -f folded --store "$S" 2>/dev/null >"$TMP/folded"
	grep -qE "$1" "$TMP/folded" || { tail -n 5 "$TMP/folded"; return 1; }
}
may_record() { "$PROF" record -q -p "$pid" -d 0.1s -o "$TMP/try.sqlite" 2>/dev/null; }

start "$TMP/bin/odd" "$TMP/enough"
if ! wait_for 60 runs_it || ! may_record; then
	skip "names of live programs from odd places" "processes may not be looked at here"
	end
	exit 0
fi

# ---- a live store of record ----

"$PROF" record -q -p "$pid" -o "$S" 2>/dev/null &
recorder=$!
started="$started $recorder"
named() { stack_has ';main;local_caller;library_work [0-9]+$'; }
said() { "$PROF" report --store "$S" | grep -q ' so far; still being recorded'; }
check "what record is recording has names" wait_for 60 named
check "and is said to go on" said
end
wait $recorder
check "they are the same when it is over" named
check "and nothing is said any more" eval '! said'

# ---- no privilege, and the library is gone ----

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups env PROTEA_PROF_CACHE="$TMP/cache2")
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && [ -r "$PROF" ] && setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$PROF"; then
	mkdir -m 777 "$TMP/cache2" "$TMP/theirs"
	cp "$TMP/bin/odd" "$TMP/bin/libwork.so" "$TMP/theirs/"
	start "${nobody[@]}" "$TMP/theirs/odd" "$TMP/enough"
	wait_for 60 runs_it
	rm "$TMP/theirs/libwork.so"
	of_memory() {
		"${nobody[@]}" "$PROF" record -q -p "$pid" -d 0.5s -o "$TMP/theirs/s.sqlite" 2>"$TMP/err" || { cat "$TMP/err"; return 1; }
		S=$TMP/theirs/s.sqlite stack_has ';main;local_caller;library_work [0-9]+$'
	}
	check "an ordinary user sees through a library whose file is gone" of_memory
	end
else
	skip "an ordinary user sees through a library whose file is gone" "needs root and setpriv to become one, and a build that others may read"
fi

# ---- minidebuginfo ----

if command -v xz >/dev/null && command -v objcopy >/dev/null && command -v nm >/dev/null; then
	mkdir "$TMP/mini"
	cp "$TMP/bin/libwork.so" "$TMP/mini/"
	objcopy --only-keep-debug "$TMP/bin/odd" "$TMP/mini/debug"
	nm "$TMP/bin/odd" --format=posix --defined-only | awk '$2 == "t" || $2 == "T" { print $1 }' | sort >"$TMP/mini/keep"
	objcopy -S --remove-section .comment --keep-symbols="$TMP/mini/keep" "$TMP/mini/debug" "$TMP/mini/small" 2>/dev/null
	strip -o "$TMP/mini/odd" "$TMP/bin/odd"
	xz -k "$TMP/mini/small" && objcopy --add-section .gnu_debugdata="$TMP/mini/small.xz" "$TMP/mini/odd"
	# The same build id: names of the whole file must not come out of the cache.
	export PROTEA_PROF_CACHE=$TMP/cache3
	mkdir "$TMP/cache3"
	start "$TMP/mini/odd" "$TMP/enough"
	wait_for 60 runs_it
	rm "$TMP/mini/odd"
	rm -f "$S"
	mini() { "$PROF" record -q -p "$pid" -d 0.5s -o "$S" && stack_has ';main;local_caller;library_work [0-9]+$'; }
	check "minidebuginfo of a program whose file is gone" mini
	end
	export PROTEA_PROF_CACHE=$TMP/cache
else
	skip "minidebuginfo of a program whose file is gone" "xz, objcopy or nm is missing"
fi

# ---- another mount namespace ----

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	skip "a namespace that is gone when names are needed" "needs root"
	skip "a recorder that was killed leaves a run that still gets its names" "needs root"
	skip "debug files that only the container has" "needs root"
	[ $tap_failed -eq 0 ]
	exit
fi
mounts="mount -t tmpfs none '$TMP/hidden' && cp '$TMP/bin/odd' '$TMP/bin/libwork.so' '$TMP/hidden/' && exec '$TMP/hidden/odd' '$TMP/enough'"
start unshare -m sh -c "$mounts"
wait_for 60 runs_it
rm -f "$S"
"$PROF" record -q -p "$pid" -o "$S" 2>/dev/null &
recorder=$!
started="$started $recorder"
has_samples() { "$PROF" export -f folded --count --store "$S" 2>/dev/null | grep -q .; }
wait_for 60 has_samples
end
wait $recorder
gone() { named && "$PROF" report --by line --store "$S" | grep -q '/work\.c:[0-9]*  library_work'; }
check "a namespace that is gone when names are needed" gone

rm -f "$S"
start unshare -m sh -c "$mounts"
wait_for 60 runs_it
"$PROF" record -q -p "$pid" -o "$S" 2>/dev/null &
recorder=$!
disown
wait_for 60 has_samples
sleep 1
kill -9 $recorder
rm "/proc/$pid/root$TMP/hidden/odd" "/proc/$pid/root$TMP/hidden/libwork.so"
completed() {
	"$PROF" report --store "$S" 2>"$TMP/err" >/dev/null && grep -q 'completed 1 run' "$TMP/err" && named && runs_it
}
check "a recorder that was killed leaves a run that still gets its names" completed
end

if command -v objcopy >/dev/null; then
	export PROTEA_PROF_CACHE=$TMP/cache4
	mkdir "$TMP/cache4" "$TMP/parts"
	objcopy --only-keep-debug "$TMP/bin/odd" "$TMP/parts/odd.debug"
	(cd "$TMP/parts" && strip -o odd "$TMP/bin/odd" && objcopy --add-gnu-debuglink=odd.debug odd)
	mounts="mount -t tmpfs none '$TMP/hidden' && cp '$TMP/bin/libwork.so' '$TMP/parts/'* '$TMP/hidden/' && exec '$TMP/hidden/odd' '$TMP/enough'"
	start unshare -m sh -c "$mounts"
	wait_for 60 runs_it
	rm -r "$TMP/parts"
	rm -f "$S"
	theirs() { "$PROF" record -q -p "$pid" -d 0.5s -o "$S" && stack_has ';main;local_caller;library_work [0-9]+$'; }
	check "debug files that only the container has" theirs
	end
else
	skip "debug files that only the container has" "objcopy is missing"
fi
[ $tap_failed -eq 0 ]
