#!/bin/bash
# Stacks of allocations in full mode: whatever the stack is made of, each is the one that the program's own
# functions tell, to the outermost frame that there is.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
export XDG_CACHE_HOME=$TMP/cache
STORE=$TMP/s.sqlite
PROGRAM=$TMP/mem_stacks

# is GOT WANT NAME
is() {
	if [ "$1" = "$2" ]; then ok "$3"; else
		not_ok "$3"
		echo "# '$1', expected '$2'"
		sed 's/^/# /' "$TMP/stacks" 2>/dev/null | head -n 40
	fi
}

for flags in -O1 "-O2 -fno-optimize-sibling-calls" "-O1 -fno-omit-frame-pointer"; do
	# shellcheck disable=SC2086
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE $flags -g -fno-builtin-malloc tests/programs/mem_stacks.c -o "$PROGRAM" || exit 1
	rm -f "$STORE" "$TMP/stacks"
	"$PROF" run --memory full -q -o "$STORE" -- "$PROGRAM" >"$TMP/out" 2>&1
	is "$?" 0 "runs ($flags)"
	sqlite3 "$STORE" "SELECT folded, value FROM folded WHERE kind = 'alloc' AND folded LIKE '%;allocates'" >"$TMP/stacks"
	# bytes WHAT WANT NAME: what stacks that hold WHAT allocated.
	bytes() { is "$(awk -F'|' -v what="$1" '$1 ~ what { n += $2 } END { print n + 0 }' "$TMP/stacks")" "$2" "$3 ($flags)"; }
	bytes '^_start;.*;main;by_call;allocates$' 800 "a call"
	bytes '^_start;.*;main;by_sized;allocates$' 800 "frames of changing size"
	bytes '^_start;.*;main;by_aligned;allocates$' 800 "a realigned frame"
	bytes '^_start;.*;main;by_recursion;.*allocates$|;main;by_recursion;allocates$' 800 "recursion"
	bytes '^_start;.*;main;.*;by_sort;allocates$' 800 "through libc"
	bytes '^_start;.*;main;.*;on_signal;allocates$' 1600 "handlers, on the thread's stack and on their own"
	bytes ';?by_coroutine;allocates$' 800 "a coroutine"
	bytes '^_start;.*;main;by_jump;allocates$' 800 "a frame that is jumped out of"
	is "$(awk -F'|' '{ n += $2 } END { print n }' "$TMP/stacks")" 7200 "nothing else ($flags)"
done
[ "$tap_failed" -eq 0 ]
