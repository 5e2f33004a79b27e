#!/bin/bash
# run --sql against a program that says what it sends (tests/programs/sql_calls.c) and against psycopg2: calls, rows,
# sets of parameters, bytes, errors, who issued them in which stage; what is said of them; what must not be kept.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
store=$TMP/s.sqlite
cc=${CC:-cc}
pg_rig_need "statements by caller"
command -v pg_config >/dev/null || { skip "statements by caller" "libpq's headers are not installed (package libpq-dev)"; exit 0; }
"$cc" -std=gnu17 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Iprof/include -I"$(pg_config --includedir)" -pthread \
	tests/programs/sql_calls.c -o "$TMP/sql_calls" -lpq || exit 1
pg_rig_start UTF8 || exit 1
pg_sql "create table t(id int primary key, x text); insert into t select i, 'v' || i from generate_series(1, 1000) i;
	create index on t(x); create table t2(a int)" || exit 1

q() { sqlite3 -separator ' ' "${2:-$store}" "$1"; }
# numbers STORE TEXT: calls rows sets errors of a query, by its normalised text
numbers() {
	q "select sum(calls), sum(rows), max(statement_distinct), sum(errors) from sql_statement where kind = 'query' and text like '$2'" "$1"
}
says() { # says NAME WANT GOT
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; echo "# wanted '$2', got '$3'"; fi
}
run() { "$PROF" run -q --memory off -o "$@"; }

# ---- what the program sees
all=(params literals same prepared staged async single pipeline aborted copyin copyout errors threads fork connect long hostile password)
check "the program alone" "$TMP/sql_calls" "${all[@]}"
check "the same with an agent that has nothing to do" env LD_PRELOAD="$LIB" "$TMP/sql_calls" "${all[@]}"
check "the same without --sql" run "$TMP/without.sqlite" -- "$TMP/sql_calls" params async
says "no statements then" 0 "$(q 'select count(*) from sql_statement' "$TMP/without.sqlite")"
check "the same with --sql" run "$store" --sql -- "$TMP/sql_calls" "${all[@]}"

# ---- its numbers: those of the head of sql_calls.c
# params, staged, threads, fork: 400 + 100 + 400 + 200
says "server-side parameters" "1100 1100 0" "$(q "select sum(calls), sum(rows), sum(errors) from sql_statement where text = 'select x from t where id = ?'")"
says "100 different ones" "100" "$(q "select max(statement_distinct) from sql_statement where text = 'select x from t where id = ?'")"
says "values in the text" "300 300 300 0" "$(numbers "$store" 'select x from t where x = ?')"
says "the same again" "200 200 1 0" "$(numbers "$store" 'select count(*) from t')"
says "prepared" "150 150 50 0" "$(numbers "$store" 'select id from t where x = ?')"
says "preparing, describing" "describe 1 prepare 1" "$(q "select kind, calls from sql_statement where kind in ('prepare', 'describe') and text = 'select id from t where x = ?' order by 1" | paste -sd' ')"
says "asynchronous" "30 270 30 0" "$(numbers "$store" 'select id from t where id < ? and ? = ?')"
says "row by row" "1 1000 1 0" "$(numbers "$store" 'select id, x from t')"
says "pipelines" "60 60 20 0" "$(numbers "$store" 'select ?::int + ?::int')"
says "a pipeline that fails" "3 1 2 2" "$(numbers "$store" 'select ?::int / ?::int')"
says "COPY in" "1 500 1 0" "$(numbers "$store" 'copy t2 from stdin')"
says "its bytes" "$((18 + $(for i in $(seq 0 499); do echo $((i * 7)); done | wc -c)))" "$(q "select bytes_sent from sql_statement where text = 'copy t2 from stdin'")"
says "COPY out" "1 1000 1 0" "$(numbers "$store" 'copy t to stdout')"
says "its bytes" "$(for i in $(seq 1000); do printf '%d\tv%d\n' "$i" "$i"; done | wc -c)" "$(q "select bytes_received from sql_statement where text = 'copy t to stdout'")"
says "errors" "10 0 1 10" "$(numbers "$store" 'select nothing from nowhere')"
# 18 modes, 4 threads, 1 child, 20 of connect
says "connections" "43 0" "$(q "select sum(calls), sum(errors) from sql_statement where kind = 'connect'")"
says "two processes" "2" "$(q "select count(distinct process_id) from sql_statement where text = 'select x from t where id = ?'")"
says "stages" "inner 50 outer 50" "$(q "select g.name, sum(calls) from sql_statement s join stage g on g.id = s.stage_id group by 1 order by 1" | paste -sd' ')"
says "who issued them" "connect_often copy_in copy_out fails hostile" "$(q "select distinct f.function from sql_statement s join stack k on k.id = s.stack_id join frame f on f.id = k.frame_id where f.function in ('copy_in', 'copy_out', 'fails', 'hostile', 'connect_often') order by 1" | paste -sd' ')"
says "every look-up was issued by lookups_params" "lookups_params" "$(q "select distinct f.function from sql_statement s join stack k on k.id = s.stack_id join frame f on f.id = k.frame_id where text = 'select x from t where id = ?'")"
says "nothing lost" "" "$(q "select * from loss where reason <> 'late_tick'")"
says "samples of kind sql are the statements" "1" "$(q "select (select sum(value) from sample where kind = 'sql') = (select sum(total_ns) from sql_statement)")"
says "time inside libpq is at most the time" "0" "$(q "select count(*) from sql_statement where inside_ns > total_ns or p95_ns > max_ns")"

# ---- literals stay where they were
for secret in v17 HushHush1 zzzzzz; do
	check_fails 1 "no '$secret' in the store" grep -aq "$secret" "$store"
done
check "the password of the connection neither" bash -c "! grep -aq -e 's3cr3t' '$store'"

# ---- what is said
"$PROF" report --sql --store "$store" >"$TMP/report" || not_ok "report --sql"
check "N+1 with the caller's line" grep -A1 'N+1: 1,100 calls, 200 sets' "$TMP/report"
check "the caller" grep -q 'lookups_params (sql_calls.c:[0-9]*) < ' "$TMP/report"
check "duplicates" grep -q 'duplicates: 199 of 200 calls' "$TMP/report"
check "stages of statements" grep -q '50 calls  inner' "$TMP/report"
check "control characters are harmless" bash -c "! grep -q \$'\\033\\[31m' '$TMP/report'"
check "as JSON" bash -c "'$PROF' report --sql --json -n 0 --store '$store' | python3 -c '
import json, sys
d = json.load(sys.stdin)
s = {r[\"text\"]: r for r in d[\"statements\"] if r[\"kind\"] == \"query\"}
r = s[\"select x from t where x = ?\"]
assert r[\"n_plus_one\"] and r[\"calls\"] == r[\"distinct_params\"] == 300 and r[\"duplicates\"] == 0
assert r[\"sites\"][0][\"stack\"][0][\"function\"] == \"lookups_literals\"
assert s[\"select count(*) from t\"][\"repeated\"] and not s[\"select count(*) from t\"][\"n_plus_one\"]
assert sum(r[\"calls\"] for r in d[\"statements\"]) == d[\"calls\"]
'"
check "report --sql --stage" bash -c "'$PROF' report --sql --stage inner --store '$store' | grep -q '1 statements in 50 calls'"
check_fails 1 "a run without statements says what to do" "$PROF" report --sql --store "$TMP/without.sqlite"
check_fails 2 "report --sql --tree is refused" "$PROF" report --sql --tree --store "$store"
check "the tree ends in statements" bash -c "'$PROF' report --tree --kind sql --store '$store' | grep -q 'select count(\*) from t'"
check "the flame graph ends in statements" bash -c "'$PROF' flame --kind sql --store '$store' -o '$TMP/f.html' && grep -q 'lookups_params' '$TMP/f.html' && ! grep -q '<script>alert' '$TMP/f.html'"
check "folded too" bash -c "'$PROF' export --format folded --kind sql --store '$store' | grep -q 'same_again;select count(\*) from t [0-9]'"
check "the summary names the worst" bash -c "'$PROF' run --memory off --sql -o '$TMP/x.sqlite' -- '$TMP/sql_calls' params 2>&1 | grep -A2 'sql: .* statements' | grep -q 'from lookups_params (sql_calls.c:'"

# ---- parameters are kept when that is asked for, and can be taken out again
run "$TMP/params.sqlite" --sql-params=3 -- "$TMP/sql_calls" params literals password
says "three examples each" "3 3" "$(q "select json_array_length(examples) from sql_statement where text like 'select x%' order by text" "$TMP/params.sqlite" | paste -sd' ')"
check_fails 1 "passwords are not kept even then" grep -aq HushHush1 "$TMP/params.sqlite"
check "the report shows them" bash -c "'$PROF' report --sql --store '$TMP/params.sqlite' | grep -q \"parameters: .*'v1'\""
check "taken out again" bash -c "grep -aq \"'v1'\" '$TMP/params.sqlite' && '$PROF' runs redact last --store '$TMP/params.sqlite'"
check_fails 1 "nothing is left of them in the file" grep -aq "'v1'" "$TMP/params.sqlite"
check_fails 2 "more than may be asked for" "$PROF" run --sql-params=65 -- true

# ---- a gate on counts: exact, so one run of each will do
gate_runs() { "$PROF" run -q --memory off --sql -o "$TMP/gate.sqlite" --name "$1" -- "$TMP/sql_calls" "${@:2}"; }
gate_runs base same && gate_runs equal same && gate_runs more same same
"$PROF" gate base equal --metric sql --store "$TMP/gate.sqlite" >"$TMP/equal" 2>&1
says "as many statements: no regression" 0 $?
"$PROF" gate base more --metric sql --store "$TMP/gate.sqlite" >"$TMP/more" 2>&1
says "twice as many: a regression" 1 $?
check "which says what and how many" grep -q 'select count(\*) from t' "$TMP/more"

# ---- killed in the middle
(exec "$PROF" run -q --memory off --sql -o "$TMP/killed.sqlite" -- "$TMP/sql_calls" params hang >"$TMP/hang") &
pid=$!
wait_for 20 grep -q hangs "$TMP/hang"
wait_for 20 test "$(pg_sql "select count(*) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()")" != 0
pkill -9 -P "$pid" sql_calls
wait "$pid"
says "what was sent before the kill" "400 400 100 0" "$(numbers "$TMP/killed.sqlite" 'select x from t where id = ?')"
says "what was under way" "0 1 hang" "$(q "select calls, unfinished, f.function from sql_statement s join stack k on k.id = s.stack_id join frame f on f.id = k.frame_id where text = 'select pg_sleep(?)'" "$TMP/killed.sqlite")"

# ---- more statements than there is room for
run "$TMP/many.sqlite" --sql -- "$TMP/sql_calls" many:9000
says "all calls are there" "9000" "$(q "select sum(calls) from sql_statement where kind in ('query', 'other')" "$TMP/many.sqlite")"
says "and it is said how many had no row" "$(q "select calls from sql_statement where kind = 'other'" "$TMP/many.sqlite")" "$(q "select count from loss where reason = 'table_full'" "$TMP/many.sqlite")"

# ---- psycopg2: loaded by dlopen() for itself alone
if /usr/bin/python3 -c 'import psycopg2' 2>/dev/null; then
	check "a Python program" run "$TMP/py.sqlite" --sql -- /usr/bin/python3 tests/programs/sql_calls.py
	py=$TMP/py.sqlite
	says "its look-ups" "250 250 125 0" "$(numbers "$py" 'select x from t where id = ?')"
	says "its lists" "5 50 5 0" "$(numbers "$py" 'select x from t where x in (?, ...)')"
	says "its pages" "3 300 3 0" "$(numbers "$py" 'insert into u values (?, ?), ...')"
	says "its COPY" "302 2" "$(q "select rows from sql_statement where text like 'copy u %' order by text desc" "$py" | paste -sd' ')"
	says "its transaction" "begin 1 commit 1" "$(q "select text, calls from sql_statement where text in ('begin', 'commit') order by 1" "$py" | paste -sd' ')"
else
	skip "psycopg2" "python3-psycopg2 is not installed"
fi
echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
