#!/bin/bash
# protea-prof pg against a private server: chains and fans of locks, the root blocker and the local process behind it,
# advisory keys, prepared transactions, idle transactions, repeated statements with and without pg_stat_statements, an
# ordinary user, Unix sockets, hostile texts, JSON, refusals, a server that goes away, a run in a store.
# shellcheck disable=SC2317,SC2119,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
pg_rig_need "sessions, locks and statements of a server"
finish() {
	[ ! -s "$TMP/started" ] || xargs kill -KILL <"$TMP/started" 2>/dev/null
	pg_rig_end
}
says() { grep -qE -- "$1" "$2" || { echo "not said: $1"; cat "$2"; return 1; }; }
not_says() { ! grep -qE -- "$1" "$2" || { echo "said: $1"; cat "$2"; return 1; }; }

# As check, but in this shell: what it starts and sets stays.
direct() {
	local name=$1
	shift
	if "$@" >"$TMP/why" 2>&1; then ok "$name"; else
		not_ok "$name"
		tail -n 30 "$TMP/why" | sed 's/^/# /'
	fi
}

# ---- refusals, before there is a server ----------------------------------------------------------------

refused() { # CODE PATTERN ARG…
	local want=$1 pattern=$2 rc
	shift 2
	"$PROF" pg "$@" >"$TMP/out" 2>"$TMP/talk" </dev/null
	rc=$?
	[ "$rc" -eq "$want" ] && [ ! -s "$TMP/out" ] && says "$pattern" "$TMP/talk"
}
if "$PROF" pg postgresql://127.0.0.1:1/x 2>&1 | grep -q 'libpq'; then
	skip "sessions of a server" "built without libpq"
	exit 0
fi
check "a server that is not there" refused 1 '127.0.0.1:1.*[Cc]onnect' postgresql://u:s3cretword@127.0.0.1:1/x
check "… and no password is told" not_says s3cretword "$TMP/talk"
check "what is no URL" refused 2 'postgresql://' sqlite:x
check "two of them" refused 2 'one database' postgresql://a/b postgresql://c/d
check "an interval that is none" refused 2 'at least 100ms' --watch --interval 1us postgresql://a/b
check "--dump with --watch" refused 2 'neither' --dump 12 --watch postgresql://a/b
check "--store without --record" refused 2 'go with --record' --store x postgresql://a/b
check "--record with --json" refused 2 'no --watch' --record --json postgresql://a/b

pg_rig_start || { not_ok "a server"; exit 1; }
trap finish EXIT
trap "" PIPE # a session that ended must not end us, and leave the server behind
export PGPASSWORD=$PG_PASSWORD
pg_sql "ALTER SYSTEM SET max_prepared_transactions = 10" && pg_sql "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"
pg_rig_restart || { not_ok "a server with settings"; exit 1; }
pg_sql "CREATE TABLE job (id int PRIMARY KEY, v int); INSERT INTO job SELECT i, 0 FROM generate_series(1, 100) i;
	CREATE TABLE other (id int); CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT SELECT, UPDATE ON job TO plain"

# A session per name, fed through a file descriptor: begin NAME [HOST], tell NAME SQL, its backend in pid_NAME.
declare -A FD PSQL_PID
sessions=0
begin() {
	local fifo=$TMP/fifo.$sessions
	sessions=$((sessions + 1))
	mkfifo "$fifo"
	PGAPPNAME=$1 $PG_PSQL -v ON_ERROR_STOP=0 -h "${2:-127.0.0.1}" -p "$PG_PORT" -U "$PG_USER" -d postgres <"$fifo" >"$TMP/$1.out" 2>&1 &
	PSQL_PID[$1]=$!
	echo $! >>"$TMP/started"
	exec {fd}>"$fifo"
	FD[$1]=$fd
}
tell() { echo "$2;" >&"${FD[$1]}"; }
end() {
	echo "\\q" >&"${FD[$1]}"
	eval "exec ${FD[$1]}>&-"
	wait "${PSQL_PID[$1]}" 2>/dev/null
	return 0
}
backend() { pg_sql "SELECT pid FROM pg_stat_activity WHERE application_name = '$1'"; }
state() { [ "$(pg_sql "SELECT state || coalesce(' ' || wait_event_type, '') FROM pg_stat_activity WHERE application_name = '$1'")" = "$2" ]; }
waits() { wait_for 30 state "$1" 'active Lock'; }
idles() { wait_for 30 state "$1" 'idle in transaction Client'; }

# ---- a chain of four and a fan -------------------------------------------------------------------------

for s in one two three four fan; do begin $s; done
tell one "BEGIN" && tell one "UPDATE job SET v = 1 WHERE id = 1"
idles one
tell two "BEGIN" && tell two "UPDATE job SET v = 2 WHERE id = 2" && tell two "UPDATE job SET v = 2 WHERE id = 1"
waits two
tell three "BEGIN" && tell three "UPDATE job SET v = 3 WHERE id = 3" && tell three "UPDATE job SET v = 3 WHERE id = 2"
waits three
tell four "UPDATE job SET v = 4 WHERE id = 3"
waits four
tell fan "UPDATE job SET v = 5 WHERE id = 1"
waits fan
one=$(backend one) two=$(backend two) three=$(backend three) four=$(backend four) fan=$(backend fan)
screen() { COLUMNS=200 "$PROF" pg "$PG_URL" "$@" >"$TMP/screen" 2>"$TMP/talk"; }
check "one screen" screen
check "how many wait, for how many" says '^BLOCKED: 4 wait, for 1 at the root' "$TMP/screen"
check "the root: who, in which state, how many wait for it, its statement" \
	says "^$one  idle in transaction .*protea@postgres one  client ${PSQL_PID[one]} psql  4 wait  UPDATE job SET v = 1 WHERE id = 1" "$TMP/screen"
check "the command that shows where its client is" says "protea-prof dump -p ${PSQL_PID[one]} " "$TMP/screen"
check "the second of the chain, what it waits for, the mode that is held" \
	says "^ └ $two  waits [0-9.a-z ]+ for Share on transaction [0-9]+ \(Exclusive held\) .* 3 wait  UPDATE job SET v = 2" "$TMP/screen"
check "the third" says "^   └ $three  waits " "$TMP/screen"
check "the fourth" says "^     └ $four  waits .* UPDATE job SET v = 4" "$TMP/screen"
check "the fan waits for the row behind the second" says "$fan  waits [0-9.a-z ]+ for Exclusive on tuple \(0,[0-9]+\) of public.job" "$TMP/screen"
check "our own session is none of them" not_says 'pg_stat_activity|protea-prof  *client' "$TMP/screen"
check "no password on the screen" not_says "s3cr3t" "$TMP/screen"

if [ -x /usr/bin/python3 ]; then
	cat >"$TMP/tree.py" <<'EOP'
import json, sys
d = json.load(open(sys.argv[1]))
one, two, three, four, fan, client = map(int, sys.argv[2:])
by = {s["pid"]: s for s in d["sessions"]}
for key in "pid state query xact_age_s blocked_by client_pid wait_event locks".split():
    assert all(key in s for s in d["sessions"]), key
assert by[one]["blocked_by"] == [] and by[one]["state"] == "idle in transaction" and by[one]["xact_age_s"] > 0
assert by[one]["client_pid"] == client, by[one]
assert by[two]["blocked_by"] == [one] and by[three]["blocked_by"] == [two] and by[four]["blocked_by"] == [three]
assert by[fan]["blocked_by"] and by[fan]["state"] == "active" and by[fan]["wait_event_type"] == "Lock"
assert any(not l["granted"] and l["type"] == "transactionid" for l in by[two]["locks"]), by[two]["locks"]
(root,) = d["tree"]
assert root["pid"] == one and root["waiting"] == 4 and root["client_pid"] == client
def pids(n): return [n["pid"]] + [p for w in n["waiters"] for p in pids(w)]
assert sorted(pids(root)) == sorted([one, two, three, four, fan])
assert d["blocked"] == 4 and d["server"]["max_connections"] == 40
for q in d["statements"]:
    assert isinstance(q["fingerprint"], str) and isinstance(q["text"], str) and q["calls"] >= 0 and q["total_ms"] >= 0
EOP
	as_json() { "$PROF" pg --json "$PG_URL" >"$TMP/json" && /usr/bin/python3 "$TMP/tree.py" "$TMP/json" "$one" "$two" "$three" "$four" "$fan" "${PSQL_PID[one]}"; }
	check "the same as JSON" as_json
else
	skip "the same as JSON" "python3 is missing"
fi
dumped() { "$PROF" pg --dump "$one" "$PG_URL" >"$TMP/dump" 2>"$TMP/talk" && says "^process ${PSQL_PID[one]} \(psql\)" "$TMP/dump" && says "dump -p ${PSQL_PID[one]}" "$TMP/talk"; }
check "--dump shows the stacks of the client of a session" dumped
check "--dump of a session that is none" refused 1 'no session 4194000' --dump 4194000 "$PG_URL"
by_env() { PROTEA_DB_URL=$PG_URL "$PROF" pg --once >"$TMP/out" && says "^$one " "$TMP/out"; }
check "the URL by PROTEA_DB_URL" by_env
by_libpq() { PGHOST=127.0.0.1 PGPORT=$PG_PORT PGUSER=$PG_USER PGDATABASE=postgres "$PROF" pg >"$TMP/out" && says "^$one " "$TMP/out"; }
check "or by libpq's own environment" by_libpq
for s in one two three four fan; do end $s; done

# ---- a client of our own: the function that holds the lock ---------------------------------------------

cat >"$TMP/holder.c" <<'C'
#include <libpq-fe.h>
#include <unistd.h>
__attribute__((noinline)) static int hold_the_lock(PGconn *c)
{
	PQclear(PQexec(c, "BEGIN"));
	PQclear(PQexec(c, "LOCK TABLE other IN ACCESS EXCLUSIVE MODE"));
	for (int i = 0; i < 600; i++)
		usleep(100000);
	return PQstatus(c);
}
int main(int argc, char **argv) { return argc > 1 ? hold_the_lock(PQconnectdb(argv[1])) : 2; }
C
holder() {
	"${CC:-cc}" -O1 -g -D_GNU_SOURCE "-I$(pg_config --includedir 2>/dev/null || echo /usr/include/postgresql)" "$TMP/holder.c" -o "$TMP/holder" -lpq || return 1
	PGAPPNAME=holder "$TMP/holder" "$1" >/dev/null 2>&1 &
	holder=$!
	echo $! >>"$TMP/started"
	idles holder
}
names_holder() {
	begin late "${1:-127.0.0.1}" && tell late "SELECT count(*) FROM other" && waits late || return 1
	screen && says "client $holder holder  1 wait" "$TMP/screen" && says "waits .* for AccessShare on public.other \(AccessExclusive held\)" "$TMP/screen" &&
		"$PROF" pg --dump "$(backend holder)" "$PG_URL" >"$TMP/dump" 2>&1 && says ' hold_the_lock at holder.c:' "$TMP/dump"
	local rc=$?
	kill "$holder"
	wait "$holder" 2>/dev/null
	end late
	return $rc
}
direct "a program that holds a lock" holder "postgresql://$PG_USER@127.0.0.1:$PG_PORT/postgres"
direct "is named, and its dump shows the function that does" names_holder
if [ "$(id -u)" = 0 ]; then
	direct "a program on a Unix socket" holder "host=$PG_RIG port=$PG_PORT user=$PG_USER dbname=postgres"
	direct "is found by the socket's other end" names_holder "$PG_RIG"
else
	skip "a program on a Unix socket" "needs root, or the server's user"
fi

# ---- advisory keys, prepared transactions --------------------------------------------------------------

advisory() {
	begin key && begin wants
	tell key "SELECT pg_advisory_lock(4711), pg_advisory_lock(-7, 9)" && wait_for 30 state key 'idle Client'
	tell wants "SELECT pg_advisory_lock(4711)" && waits wants && screen && says "^ └ .* waits .* for Exclusive on advisory key 4711 " "$TMP/screen" &&
		says "^$(backend key)  idle " "$TMP/screen"
	local rc=$?
	begin two_keys && tell two_keys "SELECT pg_advisory_lock(-7, 9)" && waits two_keys && screen && says "on advisory keys -7, 9 " "$TMP/screen" || rc=1
	end key && end wants && end two_keys
	return $rc
}
direct "advisory keys, of one number and of two" advisory
prepared() {
	pg_sql "BEGIN; UPDATE job SET v = 9 WHERE id = 9; PREPARE TRANSACTION 'left over'"
	begin behind && tell behind "UPDATE job SET v = 10 WHERE id = 9" && waits behind && screen &&
		says "^prepared transaction 'left over' .* protea@postgres  1 wait" "$TMP/screen" && says "^ └ $(backend behind)  waits" "$TMP/screen" &&
		says "ROLLBACK PREPARED 'left over'" "$TMP/screen" && "$PROF" pg --json "$PG_URL" | grep -q '"gid": "left over"'
	local rc=$?
	pg_sql "ROLLBACK PREPARED 'left over'"
	end behind
	return $rc
}
direct "a prepared transaction, which no process holds" prepared

# ---- statements ----------------------------------------------------------------------------------------

yes 2>/dev/null "SELECT v FROM job WHERE id = 7; SELECT v FROM job WHERE id = 14; SELECT v FROM job WHERE id = 21;" | head -n 300000 >"$TMP/lookups.sql"
look_ups() { # an ID look-up over and over, with other values
	PGAPPNAME=ingest $PG_PSQL -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d postgres -f "$TMP/lookups.sql" >/dev/null 2>&1 &
	looker=$!
	echo "$looker" >>"$TMP/started"
	wait_for 30 is_there ingest
}
is_there() { [ -n "$(backend "$1")" ]; }
look_no_more() {
	kill "$looker" 2>/dev/null
	{ wait "$looker"; } 2>/dev/null
	return 0
}
direct "a client that looks up IDs over and over" look_ups
repeated_seen() {
	screen --for 3s && says '^REPEATED statements seen in sessions, [0-9]+ looks' "$TMP/screen" &&
		says "REPEATED ([0-9]+ values )?by $looker psql  select v from job where id = \?" "$TMP/screen" &&
		says 'CREATE EXTENSION pg_stat_statements;' "$TMP/screen"
}
check "is found by looking at sessions; the line that would count is told" repeated_seen
pg_sql "CREATE SCHEMA \"odd one\"; CREATE EXTENSION pg_stat_statements SCHEMA \"odd one\""
repeated_counted() {
	screen --for 1s && says '^REPEATED statements of [0-9.]+ m?s by pg_stat_statements' "$TMP/screen" &&
		says "REPEATED .*by $looker psql  select v from job where id = \?" "$TMP/screen" && not_says 'CREATE EXTENSION' "$TMP/screen" &&
		not_says 'pg_stat_activity|pg_locks' "$TMP/screen"
}
check "and with pg_stat_statements counted" repeated_counted
rates() {
	"$PROF" pg --json --for 1s "$PG_URL" >"$TMP/json" && /usr/bin/python3 - "$TMP/json" "$looker" <<'EOP'
import json, sys
d = json.load(open(sys.argv[1]))
q = next(q for q in d["statements"] if q["text"] == "select v from job where id = ?")
assert q["repeated"] and q["source"] == "pg_stat_statements" and q["calls_per_s"] > 20, q
assert abs(q["rows"] / q["calls"] - 1) < 0.01 and int(sys.argv[2]) in q["client_pids"], q
assert d["period_s"] >= 0.9, d["period_s"]
EOP
}
# It is gone when the period ends.
left_early() {
	"$PROF" pg --json --for 4s "$PG_URL" >"$TMP/json" &
	local watcher=$!
	wait_for 30 is_there protea-prof
	sleep 2
	look_no_more
	wait "$watcher" && /usr/bin/python3 - "$TMP/json" "$looker" <<'EOP'
import json, sys
d = json.load(open(sys.argv[1]))
q = next(q for q in d["statements"] if q["text"] == "select v from job where id = ?")
assert q["client_pids"] == [int(sys.argv[2])], q
assert not any(s["application"] == "ingest" for s in d["sessions"]), d["sessions"]
EOP
}
if [ -x /usr/bin/python3 ]; then
	check "its calls a second, rows and clients as JSON" rates
	check "and by whom, also when it is gone when the period ends" left_early
else
	skip "its calls a second, rows and clients as JSON" "python3 is missing"
fi
look_no_more

# ---- who may see what ----------------------------------------------------------------------------------

begin other_user
tell other_user "BEGIN" && tell other_user "UPDATE job SET v = 77 WHERE id = 77"
idles other_user
ordinary() {
	COLUMNS=160 "$PROF" pg "postgresql://plain:plain@127.0.0.1:$PG_PORT/postgres" >"$TMP/screen" 2>&1 && not_says 'v = 77' "$TMP/screen" &&
		says 'GRANT pg_read_all_stats TO plain;' "$TMP/screen"
}
check "an ordinary user sees what it may, and which line shows the rest" ordinary
granted() {
	pg_sql "GRANT pg_read_all_stats TO plain" && COLUMNS=160 "$PROF" pg "postgresql://plain:plain@127.0.0.1:$PG_PORT/postgres" >"$TMP/screen" 2>&1 &&
		says 'v = 77' "$TMP/screen" && not_says GRANT "$TMP/screen"
}
check "and with the right it does" granted
check_fails 1 "a wrong password is a failure" "$PROF" pg "postgresql://plain:wrong@127.0.0.1:$PG_PORT/postgres"
tell other_user "ROLLBACK"
end other_user

# ---- hostile texts -------------------------------------------------------------------------------------

hostile() {
	begin evil
	tell evil "BEGIN"
	printf 'SELECT 1, $x$\033]2;pwned\007\033[2J \342\200\256$x$;\n' >&"${FD[evil]}"
	idles evil && screen && LC_ALL=C grep -q 'pwned' "$TMP/screen" && ! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$TMP/screen" &&
		"$PROF" pg --json "$PG_URL" | /usr/bin/python3 -c 'import json,sys; json.load(sys.stdin)'
	local rc=$?
	tell evil "ALTER ROLE plain PASSWORD 'topsecret'"
	sleep 0.2
	screen && not_says topsecret "$TMP/screen" && ! "$PROF" pg --json "$PG_URL" | grep -q topsecret || rc=1
	end evil
	return $rc
}
direct "texts cannot command a terminal, and a password that is set is not shown" hostile
shadowed() { # functions of a schema in our way
	pg_sql "CREATE FUNCTION public.pg_blocking_pids(int) RETURNS int[] LANGUAGE sql AS 'SELECT ARRAY[1/0]';
		CREATE VIEW public.pg_locks AS SELECT 1/0 AS pid; CREATE VIEW public.pg_stat_activity AS SELECT 1/0 AS pid;
		ALTER ROLE protea SET search_path = public, pg_catalog" && screen
	local rc=$?
	pg_sql "ALTER ROLE protea RESET search_path"
	return $rc
}
check "what other schemas hold is not called" shadowed
# ---- again and again, and a server that goes away ------------------------------------------------------

frames() { "$PROF" pg --watch 0.2 -n 3 --json "$PG_URL" >"$TMP/frames" && [ "$(wc -l <"$TMP/frames")" = 3 ]; }
check "frames as JSON, one a line" frames
text_frames() { "$PROF" pg --watch --interval 200ms -n 2 "$PG_URL" >"$TMP/frames" </dev/null && [ "$(grep -c '^BLOCKED' "$TMP/frames")" = 2 ]; }
check "and as text where there is no terminal" text_frames
comes_back() {
	"$PROF" pg --watch 0.3 --json "$PG_URL" >"$TMP/frames" 2>"$TMP/talk" &
	local pg=$!
	echo $pg >>"$TMP/started"
	wait_for 30 grep -q '"lost":null' "$TMP/frames" && pg_rig_kill
	wait_for 30 grep -q 'trying again' "$TMP/talk" && pg_rig_restart && wait_for 30 grep -q 'connected again' "$TMP/talk" &&
		wait_for 30 grep -q '"reconnects":1[,}].*"lost":null' "$TMP/frames" && kill -TERM $pg && wait $pg && not_says s3cr3t "$TMP/talk"
}
direct "a server that is killed and started again is found again" comes_back

# ---- a store -------------------------------------------------------------------------------------------

recorded() {
	look_ups # many calls, but seldom one is under way when it is looked; another session is always at work
	begin slow && tell slow "SELECT pg_sleep(1000)" && wait_for 30 state slow 'active Timeout' || return 1
	"$PROF" pg --record -d 2s --interval 500ms -o "$TMP/s.sqlite" --name db --label who=me "$PG_URL" 2>"$TMP/talk" || return 1
	look_no_more
	pg_sql "SELECT pg_terminate_backend($(backend slow))" >/dev/null
	end slow
	"$PROF" runs --store "$TMP/s.sqlite" | grep -q ' db ' && "$PROF" report --store "$TMP/s.sqlite" --by stack >"$TMP/report" &&
		says 'postgres;slow;select pg_sleep\(\?\)' "$TMP/report" &&
		"$PROF" flame --store "$TMP/s.sqlite" -o "$TMP/f.html" && [ -s "$TMP/f.html" ]
}
direct "a run in a store: report, flame and runs read it" recorded
if command -v sqlite3 >/dev/null; then
	in_store() { sqlite3 "$TMP/s.sqlite" "$1"; }
	counters() {
		[ "$(in_store "SELECT count(DISTINCT name) >= 9 FROM counter WHERE name LIKE 'pg!_%' ESCAPE '!'")" = 1 ] &&
			[ "$(in_store "SELECT finished || mode || engine FROM run")" = 1wallpg ] && [ "$(in_store "PRAGMA integrity_check")" = ok ] &&
			[ "$(in_store "SELECT count(*) > 0 FROM tick")" = 1 ] && [ "$(in_store "SELECT max(calls) > 20 FROM sql_statement WHERE text = 'select v from job where id = ?'")" = 1 ]
	}
	check "counters, ticks and statements in its tables" counters
	no_secrets() { ! grep -qa -e s3cr3t -e 'id = 7' "$TMP/s.sqlite"; }
	check "no password and no literal is in it" no_secrets
else
	skip "counters, ticks and statements in its tables" "sqlite3 is missing"
fi
killed() { # whoever opens the store next completes the run
	"$PROF" pg --record --interval 200ms -o "$TMP/k.sqlite" "$PG_URL" 2>/dev/null &
	local pg=$!
	echo $pg >>"$TMP/started"
	has_run() { [ "$(sqlite3 -readonly "$TMP/k.sqlite" "SELECT count(*) FROM run")" = 1 ]; }
	command -v sqlite3 >/dev/null || has_run() { test -s "$TMP/k.sqlite" && sleep 1; }
	wait_for 30 has_run && kill -KILL $pg
	{ wait $pg; } 2>/dev/null
	"$PROF" runs --store "$TMP/k.sqlite" >"$TMP/out" 2>"$TMP/talk" && says 'completed 1 run' "$TMP/talk" && says ' pg ' "$TMP/out"
}
check "a recorder that is killed leaves a run that the next command completes" killed
[ "$tap_failed" -eq 0 ]
