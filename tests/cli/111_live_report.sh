#!/bin/bash
# Views of a run that is still being recorded: names, inlined calls, the time so far; the store is left as it is.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/live.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache
pids=()
stop_all() {
	[ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" 2>/dev/null
	rm -rf "$TMP"
}
trap stop_all EXIT

cat >"$TMP/live.c" <<'C'
/* All its time is in slow_path(), mostly in what that has inlined; ends when the file named first is there. */
#include <unistd.h>
static volatile unsigned long sink;
static inline __attribute__((always_inline)) void inlined_part(void)
{
	for (int i = 0; i < 20000; i++)
		sink += (unsigned long)i;
}
__attribute__((noinline)) void slow_path(void)
{
	inlined_part();
	sink++;
}
int main(int argc, char **argv)
{
	(void)argc;
	if (argc > 2)
		unlink(argv[2]);
	while (access(argv[1], F_OK) != 0)
		for (int i = 0; i < 100; i++)
			slow_path();
	return 0;
}
C
"${CC:-gcc}" -O2 -g "$TMP/live.c" -o "$TMP/live" || exit 1
has() { grep -qE "$1" <<<"$2"; }

begin() { # begin NAME ARGUMENTS…: starts what records the program, in $recorder
	rm -f "$TMP/enough"
	"$@" &
	recorder=$!
	pids+=("$recorder")
}
end() { # lets the program end and the run be completed
	touch "$TMP/enough"
	wait "$recorder"
}
is_live_gone() { [ ! -e "$TMP/shortlived" ] && is_live; }
is_live() { "$PROF" report --store "$S" | grep -q 'inlined_part'; }

by_run() { "$PROF" run -q -o "$S" -- "$TMP/live" "$TMP/enough"; }
if ! { begin by_run && wait_for 60 is_live; }; then
	not_ok "a run that is being recorded has names"
	exit 1
fi
ok "a run that is being recorded has names"

report() {
	local text
	text=$("$PROF" report --store "$S" 2>"$TMP/err") || return 1
	echo "$text"
	[ ! -s "$TMP/err" ] && has ' in [0-9.]+ m?s so far; still being recorded' "$text" &&
		has '^ +[0-9.]+ % .* inlined_part  live$' "$text" && has ' slow_path  live$' "$text" && has ' main  live$' "$text" &&
		! has 'unknown in live' "$text"
}
check "report names functions and inlined ones, and says that it is not over" report
tree() { "$PROF" report --store "$S" --tree | grep -A1 ' slow_path$' | grep -q ' inlined_part$'; }
check "inlined functions are rows below their owner" tree
lines() { "$PROF" report --store "$S" --by line | grep -qE '/live\.c:[0-9]+  inlined_part$'; }
check "lines are known" lines
json() {
	"$PROF" report --store "$S" --json >"$TMP/r.json" && grep -q '"finished": false' "$TMP/r.json" &&
		grep -q '"function": "inlined_part"' "$TMP/r.json" && ! grep -q '"duration_ns": 0,' "$TMP/r.json"
}
check "report --json" json
folded() {
	"$PROF" export -f folded --store "$S" 2>"$TMP/err" | grep -qE ';main;slow_path;inlined_part [0-9]+$' &&
		grep -q 'still being recorded' "$TMP/err"
}
check "export" folded
page() {
	"$PROF" flame --store "$S" -o "$TMP/f.html" 2>"$TMP/err" &&
		[ "$(tail -n 1 "$TMP/f.html")" = '</html>' ] && grep -q 'still being recorded' "$TMP/err"
}
check "flame" page
runs() { "$PROF" runs --store "$S" | grep -E '  recording  ' | grep -qvE ' 0 ns '; }
check "runs tells how long it has been going on" runs
untouched() { # no name has come into the store
	[ "$(sqlite3 "$S" "SELECT count(*) FROM frame WHERE function IS NOT NULL AND function NOT LIKE '[%'")" = 0 ] &&
		[ "$(sqlite3 "$S" 'PRAGMA integrity_check')" = ok ]
}
if command -v sqlite3 >/dev/null; then check "the store is as it was" untouched; else skip "the store is as it was" "sqlite3 is missing"; fi
grown() { [ "$("$PROF" export -f folded --count --store "$S" 2>/dev/null | awk '{ n += $NF } END { print n }')" -gt "$1" ]; }
more() { # what is read later has more in it
	local first
	first=$("$PROF" export -f folded --count --store "$S" 2>/dev/null | awk '{ n += $NF } END { print n }')
	wait_for 30 grown "$first"
}
check "and grows" more
over() {
	"$PROF" report --store "$S" --json | grep -q '"finished": true' && "$PROF" report --store "$S" | grep -q ' inlined_part  live$' &&
		! "$PROF" report --store "$S" | grep -q 'so far'
}
if end; then ok "the run ends well"; else not_ok "the run ends well"; fi
check "once it is over nothing is made up any more" over

if [ "$(id -u)" -eq 0 ] || [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" -eq 0 ]; then
	cp "$TMP/live" "$TMP/shortlived"
	begin "$PROF" run -q -o "$S" -- "$TMP/shortlived" "$TMP/enough" "$TMP/shortlived"
	check "a program whose file is gone has names while it runs" wait_for 60 is_live_gone
	end
else
	skip "a program whose file is gone has names while it runs" "Yama"
fi
