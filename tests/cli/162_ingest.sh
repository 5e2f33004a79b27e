#!/bin/bash
# The story of docs/story-ingest.md with samples/ingest: found with pg, explained with run --sql, fixed, proven with gate. Its
# program states how many statements each call site issues; that is what must be found.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
LOAD=$TMP/go_load
unset PROTEA_PROF_STORE COLUMNS
pg_rig_need "the story of the ingestion"
command -v pg_config >/dev/null || { skip "the story of the ingestion" "libpq's headers are not installed (package libpq-dev)"; exit 0; }
"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -O1 -g -fno-inline -Wall -Wextra -Iprof/include -I"$(pg_config --includedir)" \
	samples/ingest/go_load.c -o "$LOAD" -lpq || exit 1
samples/ingest/prepare.sh "$TMP/in" 185 || exit 1
pg_rig_start || exit 1
cd "$TMP" || exit 1
pg_sql_file in/world.sql >/dev/null || exit 1
sum_of() { pg_sql "SELECT count(*), md5(string_agg(a::text, ',' ORDER BY a::text)) FROM annotation a; TRUNCATE annotation"; }
says() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" && echo "# wanted '$2', got '$3'"; fi; }

# ---- the program's own answer --------------------------------------------------------------------------------
says "500 files" 500 "$(find in/185 -name '*.gaf' | wc -l)"
says "5,507 annotations" 5507 "$(cat in/185/*.gaf | wc -l)"
"$PROF" run -q --sql -n each -- "$LOAD" --each "$PG_URL" in/185 >/dev/null
each=$(sum_of)
"$PROF" run -q --sql -n set -- "$LOAD" --set "$PG_URL" in/185 >/dev/null
says "both leave the same rows" "$each" "$(sum_of)"
says "all of them" 5507 "${each%%|*}"

# ---- explained ------------------------------------------------------------------------------------------------
calls() {
	sqlite3 protea-prof.sqlite "SELECT f.function, sum(q.calls), max(q.distinct_params) FROM run r JOIN sql_statement q ON q.run_id = r.id
		JOIN stack k ON k.id = q.stack_id JOIN stack up ON up.id = k.parent_id JOIN frame f ON f.id = iif('$2', up.frame_id, k.frame_id)
		WHERE r.name = '$1' AND q.text LIKE '$3' GROUP BY 1"
}
says "an id look-up for each file" "protein_id|500|500" "$(calls each 1 'select id from protein%')"
says "the same look-ups over and over" "term_id|5507|430" "$(calls each 1 'select id from go_term%')"
total() { sqlite3 protea-prof.sqlite "SELECT sum(calls) FROM sql_statement q JOIN run r ON r.id = q.run_id WHERE r.name = '$1' AND q.kind <> 'connect'"; }
says "F + R + 4 statements" 6011 "$(total each)"
says "6 statements" 6 "$(total set)"
"$PROF" report --sql each >report.txt 2>&1
check "report --sql names it" grep -q 'N+1: 5,507 calls, 430 sets of parameters; 5,077 are duplicates' report.txt
check "and the line" grep -Eq 'term_id \(go_load.c:[0-9]+\) < look_up_file \(go_load.c:[0-9]+\)' report.txt
check "the picture" "$PROF" flame each --kind sql -o sql.html
check "has the statement" grep -q 'select id from go_term' sql.html

# ---- found ----------------------------------------------------------------------------------------------------
# Again and again until pg has looked: how long one load takes is the machine's business.
# shellcheck disable=SC2046 # ids
loading() {
	trap 'kill $(jobs -p) 2>/dev/null; wait; exit' TERM # none of them goes on
	while :; do
		"$LOAD" --each "$PG_URL" in/185 >/dev/null 2>&1 &
		wait $! || exit
	done
}
loading &
loads=$!
COLUMNS=200 "$PROF" pg --for 5s "$PG_URL" >found.txt 2>&1
check "pg shows what is asked over and over" grep -q 'select id from go_term where go_id = ?' found.txt
check "and by whom" grep -Eq "[0-9]+ go_load" found.txt
kill "$loads"
wait "$loads" 2>/dev/null
pg_sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL" >/dev/null

# ---- proven ----------------------------------------------------------------------------------------------------
check "the fix passes" "$PROF" gate --counts each set
check_fails 1 "the way back does not" "$PROF" gate --counts set each
check "no password in the store" bash -c "! grep -aq -e 's3cr3t' -e '%2Fw%3F' protea-prof.sqlite sql.html report.txt"

# ---- the lock --------------------------------------------------------------------------------------------------
if [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" -gt 0 ] && [ "$(id -u)" != 0 ]; then
	skip "who holds the lock" "stacks of other processes may not be read here"
	exit 0
fi
"$LOAD" --each --parse 3000 "$PG_URL" in/185 >/dev/null &
holder=$!
locked() { [ -n "$(pg_sql "SELECT pid FROM pg_locks WHERE relation = 'release'::regclass AND mode = 'RowExclusiveLock' AND granted")" ]; }
wait_for 30 locked
"$LOAD" --each "$PG_URL" in/185 >/dev/null &
waiter=$!
waits() { [ -n "$(pg_sql "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE release%'")" ]; }
wait_for 30 waits
"$PROF" pg --json "$PG_URL" >pg.json
blocker=$(/usr/bin/python3 -c '
import json
s = json.load(open("pg.json"))["sessions"]
by = {x["pid"]: x for x in s}
w = [x for x in s if x["blocked_by"]]
assert len(w) == 1 and "release" in w[0]["query"], w
print(w[0]["blocked_by"][0], by[w[0]["blocked_by"][0]]["client_pid"])')
says "pg names the process that holds the lock" "$holder" "${blocker#* }"
"$PROF" pg --dump "${blocker% *}" "$PG_URL" >dump 2>/dev/null
check "and dump what it does meanwhile" grep -Eq '(parse_file|take_line|parse|look_up_file|load_each) .*go_load.c:[0-9]+' dump
kill "$holder" "$waiter"
wait "$holder" "$waiter" 2>/dev/null
exit 0
