#!/bin/bash
# Memory across fork, exec, threads, signals and every kind of end: the program is as without us, and each image
# of a process has the sums that the program itself counted.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
DUMP=$TOOLS/heap_dump
export XDG_CACHE_HOME=$TMP/cache
P=$TMP/p
mkdir -p "$P"
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -g -fno-builtin -Wno-use-after-free -pthread tests/programs/mem_fork.c -o "$P/fork" || exit 1
pool() { "${CXX:-g++}" -std=gnu++17 -O1 -g -fno-builtin -pthread "$@" || exit 1; }
pool -DOWN_POOL -shared -fPIC tests/programs/mem_new.cc -o "$P/libpool.so"
pool tests/programs/mem_signal.cc -o "$P/signal" -L"$P" -Wl,--no-as-needed,-rpath,"$P" -lpool

# same NAME CMD…: in each mode, with ticks; the dump of the full one stays.
same() {
	local name=$1 want got mode
	shift
	# The shell tells of those that die; cat has all of it only when whoever goes on in the background has ended.
	{
		timeout 300 "$@" 2>"$TMP/want.err" | cat >"$TMP/want"
		want=${PIPESTATUS[0]}
	} 2>/dev/null
	for mode in off sampled full; do
		: >"$TMP/diff"
		timeout 300 "$DUMP" -l "$LIB" -o "$TMP/dump" -c "$TMP/cache" -m $mode -r 4096 -z 997 -- "$@" >"$TMP/got" 2>"$TMP/got.err"
		got=$?
		if [ "$want" != "$got" ] || ! diff "$TMP/want" "$TMP/got" >"$TMP/diff" ||
			! diff "$TMP/want.err" "$TMP/got.err" >>"$TMP/diff"; then
			not_ok "$name, $mode"
			echo "# exit codes $want, $got"
			head -n 20 "$TMP/diff" | sed 's/^/# /'
			return 1
		fi
	done 2>/dev/null
	ok "$name: is not changed in any mode"
}
claim() { # NAME EXPRESSION
	if awk "BEGIN { exit !($2) }" </dev/null; then ok "$1"; else
		not_ok "$1"
		echo "# $2"
		head -n 20 "$TMP/dump" | sed 's/^/# /'
	fi
}
images() { wc -l <"$TMP/dump"; }
# field IMAGE NAME [N]: the Nth word after NAME.
field() {
	awk -v image="$1" -v name="$2" -v n="${3:-1}" '$2 == image { for (i = 1; i <= NF; i++) if ($i == name) print $(i + n) }' "$TMP/dump"
}
# sums IMAGE: bytes, blocks, bytes that live
sums() { echo "$(field "$1" alloc) $(field "$1" alloc 2) $(field "$1" live)"; }
# are NAME IMAGE "BYTES BLOCKS LIVE"
are() { claim "$1" "\"$(sums "$2")\" == \"$3\""; }
# Both streams may be torn between: the words that the program says of itself.
said() { awk -v name="$1" '$1 == "sum" && $2 == name { print $3, $4, $5; exit }' "$TMP/got"; }

# ---- fork, exec
same "fork" "$P/fork" fork
are "the parent's blocks are its own" 0 "$(said parent)"
are "a child's are what it allocates, not what it inherits" 1 "4000 100 2000"
are "and so are a grandchild's" 2 "5 1 5"
claim "nothing else is recorded" "$(images) == 3"
same "forks that nobody is told of" "$P/fork" bare_fork
are "do not touch the parent's sums" 0 "$(said parent)"
are "_Fork() is followed" 1 "4000 100 2000"
claim "bare system calls are not" "$(images) == 2"
same "vfork and posix_spawn" "$P/fork" vfork
are "leave the parent's sums alone" 0 "$(said parent)"
are "what is started so is followed" 1 "$(said leaf)"
claim "all of it" "$(images) == 3"
same "exec" "$P/fork" exec
are "an image that is replaced keeps what it held" 0 "$(said before)"
are "the next one begins with nothing" 1 "$(said leaf)"
same "a daemon" "$P/fork" daemon
are "is a child like others" 1 "$(said daemon)"
timeout 300 "$DUMP" -l "$LIB" -o "$TMP/dump" -c "$TMP/cache" -n -- "$P/fork" fork >"$TMP/got"
claim "without children the parent alone is tracked" "$(images) == 1"
are "by what it does itself" 0 "$(said parent)"

# ---- threads
same "forks in a program with threads" "$P/fork" threads
claim "each child is tracked by itself" "$(images) == 51"
# What is on the heap of a thread that they make themselves is one block of libc's.
claim "with nothing of its parent's" "$(awk '$2 > 0 && !($14 == 10000 && $15 == 100 || $17 == 10000 && $15 ~ /^20[01]$/ ||
	$17 == 10304 && $15 == 201 || $14 == 77) { n++ } END { print n + 0 }' "$TMP/dump") == 0"
same "blocks that end in another thread" "$P/fork" handover
claim "each is seen to end" "$(field 0 live 2) == 1 && $(field 0 alloc 2) == 20001"
claim "all threads are told apart" "$(field 0 threads) == 201"

# ---- ends
same "destructors of threads and of the program" "$P/fork" late
claim "are followed to the last" "$(field 0 alloc 2) == 203 && $(field 0 live 2) == 2"
same "exit in a thread" "$P/fork" exit_in_thread
claim "ends with what is left" "$(field 0 ended) == 1 && $(field 0 live 2) == 102"
for how in 0:kill 1:abort 2:_exit 3:"a foreign pointer" 4:"a block freed twice" 5:"a bad address"; do
	same "dies of ${how#*:}" "$P/fork" "dies${how%%:*}"
	claim "and the sums are there" "$(field 0 alloc) == 1000 && $(field 0 alloc 2) == 100 && $(field 0 live) <= 990"
done

# ---- out of memory
(
	ulimit -v 400000
	tap_n=1000
	same "little address space" "$P/fork" limit
) >"$TMP/limit"
check "little address space: is not changed in any mode" grep -q "^ok" "$TMP/limit"

# A limit that the program sets itself counts what is its own: the same blocks, but for a few MiB of small things.
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -fno-builtin tests/programs/mem_limit.c -o "$P/limit" || exit 1
limited() { # as|data MIB [soft]
	"$P/limit" "$@" >"$TMP/alone" || return 1
	for mode in off sampled full; do
		"$O/protea-prof" run -q --memory "$mode" -o "$TMP/limited.sqlite" -- "$P/limit" "$@" >"$TMP/with" || return 1
		paste "$TMP/alone" "$TMP/with" | awk -v mode="$mode" '
			{ print mode ":", $0 }
			NR == 3 { bad += $2 < $1 - 1 || $2 > $1 + 4; next }
			NF == 4 { bad += $1 != $3 || $2 != $4; next }
			{ bad += $1 != $2 }
			END { exit bad > 0 || NR != 4 }' || return 1
	done
}
for limit in "as 256" "as 256 soft" "data 100" "data 100 soft"; do
	# shellcheck disable=SC2086
	check "a limit that the program sets ($limit MiB) is its own" limited $limit
done

# ---- signals
for way in allocate free jump; do
	same "handlers that $way" "$P/signal" $way /dev/null
	timeout 300 "$DUMP" -l "$LIB" -o "$TMP/dump" -c "$TMP/cache" -z 997 -- "$P/signal" $way "$TMP/blocks" >"$TMP/got"
	made=$(awk '{ print $2 }' "$TMP/blocks")
	lost=$(sed -n 's/.*loss0=\([0-9]*\).*/\1/p' "$TMP/dump")
	# Before main: the C++ library's, then the file's; a jump may leave a block behind that was made.
	claim "handlers that $way: what is not counted is lost" \
		"$(field 0 alloc 2) + ${lost:-0} >= $made && $(field 0 alloc 2) <= $made + 3 + 400"
	claim "and little is: ${lost:-0} of $made" "${lost:-0} <= 400 * 64"
done
same "handlers that jump, beside another thread that allocates" "$P/signal" jump_beside /dev/null
same "handlers that fork in the middle of anything" "$P/signal" fork /dev/null
timeout 300 "$DUMP" -l "$LIB" -o "$TMP/dump" -c "$TMP/cache" -z 997 -- "$P/signal" fork "$TMP/blocks" >"$TMP/got"
claim "the parent's sums are its own to the block" "$(field 0 alloc 2) == $(awk '{ print $2 }' "$TMP/blocks") + 3"
# The call that was interrupted may be counted.
claim "the children's are theirs" "$(images) > 50 && $(awk '$2 > 0 && !($15 >= 1000 && $15 <= 1001 && $14 == 16 * $15 && $17 <= 16) { n++ }
	END { print n + 0 }' "$TMP/dump") == 0"

[ "$tap_failed" -eq 0 ]
