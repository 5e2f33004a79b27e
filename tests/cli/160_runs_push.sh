#!/bin/bash
# Runs between stores and a team's database: byte for byte there and back, the same views there, twice is once, many at once,
# broken off anywhere, refused for all the reasons there are, and gate with a baseline there.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
FILL=$TOOLS/store_fill
unset PROTEA_PROF_STORE COLUMNS
pg_rig_need "runs push and pull"
if "$PROF" runs push postgresql://127.0.0.1:1/x 2>&1 | grep -q 'libpq-dev'; then
	skip "runs push and pull" "this build has no libpq"
	exit 0
fi
pg_rig_start || exit 1
cd "$TMP" || exit 1
prof() { "$PROF" runs --store "$@"; }
dump() { sqlite3 "$1" .dump | grep -v 'sqlite_sequence'; }
json() { /usr/bin/python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }
count() { pg_sql "SELECT count(*) FROM protea_prof.run" "${1:-postgres}"; }

"$FILL" a.sqlite --runs 3 --stacks 300 --samples 1000 --seed 3 --inline --memory --stages 3 --threads 2 --name app >ids || exit 1
# What no recording writes but a store may hold: bytes that are no UTF-8, characters at the end of Unicode, infinities, the
# largest numbers, statements.
sqlite3 a.sqlite "
	UPDATE string_row SET text = CAST(x'66ff00c3a9f48fbc81eda0800a' AS TEXT), folded = '' WHERE id = (1 << 32) | 1;
	UPDATE counter_row SET value = 9e999 WHERE id = (SELECT min(id) FROM counter_row);
	UPDATE counter_row SET value = 4.9e-324 WHERE id = (SELECT max(id) FROM counter_row);
	UPDATE stage_row SET items = 0.1, peak_rss_bytes = 9223372036854775807 WHERE id = (SELECT min(id) FROM stage_row);
	UPDATE run SET rate_hz = 0.1, name = 'Müller ''; DROP TABLE run; --', labels = '{\"branch\":\"main\",\"n\":1}' WHERE key = 2;
	INSERT INTO sql_statement_row (id, fingerprint, text, calls, total_ns, rows, distinct_params, stack, stage, process, times)
		VALUES ((1 << 32) | 1, 'abc', 'select ''\\x'' -- tab	and more', 3, 10, NULL, 1, 2, 1, 1, 'x')" || exit 1

# ---- there and back ----------------------------------------------------------------------------------------

check_fails 1 "nothing was pushed yet" prof x.sqlite pull "$PG_URL"
check "no store was made for it" test ! -e x.sqlite
check "push" prof a.sqlite push "$PG_URL"
check "pull" prof b.sqlite pull "$PG_URL"
same() { cmp <(dump "$1") <(dump "$2"); }
check "there and back is the same, byte for byte" same a.sqlite b.sqlite
export_same() {
	local id
	while read -r id; do
		cmp <("$PROF" export --store a.sqlite "$id" --format folded) <("$PROF" export --store b.sqlite "$id" --format folded) || return 1
	done <ids
}
check "and so are its exports" export_same
nothing_twice() {
	pg_sql "SELECT xmin, * FROM protea_prof.run ORDER BY key" >before
	[ "$(prof a.sqlite push "$PG_URL" --json | json 'len(d["pushed"]), len(d["known"]), d["rows"]')" = "0 3 0" ] &&
		[ "$(prof b.sqlite pull "$PG_URL" --json | json 'len(d["pulled"]), len(d["known"])')" = "0 3" ] &&
		pg_sql "SELECT xmin, * FROM protea_prof.run ORDER BY key" | cmp - before && same a.sqlite b.sqlite
}
check "pushing and pulling twice changes nothing" nothing_twice
cat >views.py <<'END'
# Every view of the store has the same columns in the same order there, and the same rows: numbers as numbers.
import sqlite3, sys, psycopg2
here = sqlite3.connect(sys.argv[1])
here.text_factory = bytes
there = psycopg2.connect(sys.argv[2])
there.autocommit = True
# A byte that is no text there is a character of a block of its own.
back = lambda s: b''.join(bytes([ord(c) - 0x10ff00]) if ord(c) >= 0x10ff00 else c.encode() for c in s)
plain = lambda v: back(v) if isinstance(v, str) else float(v) if isinstance(v, (int, float)) or type(v).__name__ == 'Decimal' else v
key = lambda row: [(v is not None, str(type(v)), v if v is not None else 0) for v in row]
names = [r[0].decode() for r in here.execute("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")] + ['sample_kind']
assert len(names) > 14, names
for name in names:
	mine = here.execute(f'SELECT * FROM {name}')
	cursor = there.cursor()
	cursor.execute(f'SELECT * FROM protea_prof.{name}')
	a, b = [c[0] for c in mine.description], [c.name for c in cursor.description]
	assert a == b, f'{name}: {a} here, {b} there'
	strip = lambda row: [plain(v) for v in row]
	rows, others = sorted(map(strip, mine), key=key), sorted(map(strip, cursor), key=key)
	assert rows == others, f'{name}: {[x for x in zip(rows, others) if x[0] != x[1]][:2]}'
	print(name, len(rows))
columns = [r[1].decode() for r in here.execute('PRAGMA table_info(run)')]
cursor.execute('SELECT * FROM protea_prof.run')
assert [c.name for c in cursor.description][:len(columns)] == columns
END
check "the views there have the same columns and rows" /usr/bin/python3 views.py a.sqlite "$PG_URL"
listed() {
	[ "$("$PROF" runs list --db "$PG_URL" --json | json '[(r["id"], r["samples"], r["labels"].get("branch")) for r in d]')" = \
		"$(prof a.sqlite list --json | json '[(r["id"], r["samples"], r["labels"].get("branch")) for r in d]')" ] &&
		"$PROF" runs --db "$PG_URL" --last 1 2>said | grep -q "^$(tail -n 1 ids | cut -c1-8) " && grep -q '2 older' said
}
check "list --db" listed
chosen() {
	[ "$(prof c.sqlite pull "$PG_URL" --label branch=main --label n=1 --json | json 'd["pulled"]')" = "['$(sed -n 2p ids)']" ] &&
		[ "$(prof c.sqlite pull "$PG_URL" "$(head -c 8 ids)" last --json | json 'len(d["pulled"])')" = 2 ] &&
		[ "$(prof d.sqlite pull --name app --last 1 --json "$PG_URL" | json 'd["pulled"]')" = "['$(sed -n 3p ids)']" ] &&
		[ "$(prof a.sqlite push --since 2023-11-14T22:13:21 "$PG_URL" --json | json 'len(d["known"])')" = 2 ]
}
check "runs by label, id, name, number and time" chosen
check_fails 1 "none fits" prof d.sqlite pull "$PG_URL" --since 1h
check_fails 1 "an id that is none" prof d.sqlite pull "$PG_URL" ffffffff
check_fails 2 "no database" prof a.sqlite push
check_fails 2 "runs named and chosen" prof a.sqlite push "$PG_URL" last --name app
check_fails 2 "a date that is none" prof a.sqlite push "$PG_URL" --since yesterday
update() {
	prof a.sqlite label "$(head -n 1 ids)" note=new 2>/dev/null && prof a.sqlite rename "$(head -n 1 ids)" other &&
		[ "$(prof a.sqlite push "$PG_URL" --json | json 'len(d["updated"])')" = 0 ] &&
		[ "$(prof a.sqlite push --update "$PG_URL" --json | json 'len(d["updated"]), len(d["known"])')" = "1 2" ] &&
		[ "$(pg_sql "SELECT name, labels::jsonb ->> 'note' FROM protea_prof.run WHERE id = '$(head -n 1 ids)'")" = 'other|new' ] &&
		[ "$(prof b.sqlite pull --update "$PG_URL" --json | json 'len(d["updated"])')" = 1 ] && same a.sqlite b.sqlite
}
check "names and labels are brought in line when asked" update
cat >refuses.sh <<'END'
# refuses WORDS CODE ARGUMENT…: runs with these arguments exits with CODE, says WORDS, and nothing of the password
words=$1 code=$2
shift 2
"$PROF" runs --store "$@" >out 2>&1
[ $? -eq "$code" ] && grep -q -- "$words" out && ! grep -q -e 's3cr3t' -e 'w?rd' -e '%2Fw' out || { cat out; exit 1; }
END
export PROF
refuses() { bash refuses.sh "$@"; }
other_run() {
	cp a.sqlite e.sqlite && sqlite3 e.sqlite "UPDATE run SET duration_ns = 1 WHERE key = 1" && refuses 'its duration_ns differs' 1 e.sqlite push "$PG_URL"
}
check "another run of the same id is refused" other_run
unfinished() {
	local pid
	"$PROF" run -q -o u.sqlite -- sleep 300 &
	pid=$!
	wait_for 30 test -s u.sqlite && wait_for 30 bash -c "[ \"\$(sqlite3 u.sqlite 'SELECT count(*) FROM run')\" = 1 ]" &&
		refuses 'has not finished' 2 u.sqlite push last "$PG_URL" &&
		[ "$(prof u.sqlite push "$PG_URL" --json | json 'len(d["unfinished"]), len(d["pushed"])')" = "1 0" ] && kill $pid && { wait $pid; true; } &&
		[ "$(prof u.sqlite push "$PG_URL" --json | json 'len(d["unfinished"]), len(d["pushed"])')" = "0 1" ]
}
check "what is still being recorded stays here until it ends" unfinished

# ---- older and newer ------------------------------------------------------------------------------------------

migrated() {
	local url
	url=$(pg_rig_db old) && prof a.sqlite push -q "$url" && pg_sql "
		DROP VIEW protea_prof.sql_statement; ALTER TABLE protea_prof.sql_statement_row DROP COLUMN kind, DROP COLUMN process;
		CREATE ROLE reader; GRANT SELECT ON protea_prof.sample TO reader;
		UPDATE protea_prof.store_version SET version = 1" old && prof o.sqlite pull -q "$url" &&
		[ "$(sqlite3 o.sqlite 'SELECT kind FROM sql_statement_row')" = query ] && "$FILL" p.sqlite --runs 1 --seed 9 >/dev/null &&
		prof p.sqlite push -q "$url" && [ "$(pg_sql "SELECT max(version) FROM protea_prof.store_version" old)" -gt 1 ] &&
		[ "$(pg_sql "SELECT count(kind) FROM protea_prof.sql_statement" old)" = 1 ] &&
		[ "$(pg_sql "SELECT has_table_privilege('reader', 'protea_prof.sample', 'SELECT')" old)" = t ]
}
check "an older schema is read, and brought forward by the next push, rights included" migrated
newer() {
	pg_sql "INSERT INTO protea_prof.store_version VALUES (1000)" old && refuses 'newer protea-prof' 1 a.sqlite push "$(pg_rig_url old)" &&
		refuses 'newer protea-prof' 1 z.sqlite pull "$(pg_rig_url old)"
}
check "a newer one is refused" newer
foreign() {
	local url
	url=$(pg_rig_db foreign) && pg_sql "CREATE SCHEMA protea_prof; CREATE TABLE protea_prof.run (a int)" foreign &&
		refuses 'holds no runs of protea-prof' 1 a.sqlite push "$url" && refuses 'holds no runs of protea-prof' 1 z.sqlite pull "$url"
}
check "a schema of somebody else is left alone" foreign
latin() {
	local url
	url=$(pg_rig_db latin "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0") && refuses 'encoding is LATIN1' 1 a.sqlite push "$url"
}
check "a database that is not UTF-8 is refused" latin
hostile() {
	local url change
	pg_rig_db bad >/dev/null
	while read -r change; do
		url=$(pg_rig_url bad)
		pg_sql 'DROP SCHEMA IF EXISTS protea_prof CASCADE' bad 2>/dev/null
		prof a.sqlite push -q last "$url" && pg_sql "$change" bad && rm -f h.sqlite || return 1
		refuses 'is damaged' 1 h.sqlite pull "$url" || { echo "$change" && return 1; }
		[ ! -e h.sqlite ] || [ "$(sqlite3 h.sqlite 'SELECT count(*) FROM stack_row WHERE id >> 32 NOT IN (SELECT key FROM run)')" = 0 ] || return 1
	done <<-'END'
		UPDATE protea_prof.stack_row SET up = -5
		UPDATE protea_prof.sample_row SET stack = stack + 100000000
		UPDATE protea_prof.frame_row SET module = 77777
		UPDATE protea_prof.run SET id = 'x' || id
		DELETE FROM protea_prof.stack_row
		UPDATE protea_prof.stage_row SET parent = 4000000
	END
}
check "rows that contradict each other are refused, and leave nothing" hostile

# ---- many, and broken off ----------------------------------------------------------------------------------------

"$FILL" m.sqlite --runs 8 --stacks 200 --samples 500 --seed 20 --memory >mids
many() {
	local url i pids=() failed=0
	url=$(pg_rig_db many) || return 1
	for i in 1 2 3 4; do # the same runs from four sides, into a database that has no schema yet
		prof m.sqlite push -q "$url" 2>"err$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || failed=1; done
	[ $failed = 0 ] || { cat err? && return 1; }
	[ "$(count many)" = 8 ] && prof n.sqlite pull -q "$url" && same m.sqlite <(:) 2>/dev/null
	[ "$(pg_sql "SELECT count(*) FROM protea_prof.stack_row WHERE id >> 32 NOT IN (SELECT key FROM protea_prof.run)" many)" = 0 ] &&
		[ "$(sqlite3 n.sqlite 'SELECT count(*), sum(value) FROM sample')" = "$(sqlite3 m.sqlite 'SELECT count(*), sum(value) FROM sample')" ]
}
check "four push the same runs at once" many
"$FILL" k.sqlite --runs 1 --stacks 20000 --samples 40000 --seed 30 --memory >/dev/null
killed() {
	local url i
	url=$(pg_rig_db killed) && prof m.sqlite push -q last "$url" || return 1
	for i in 3 6 10 20 40; do
		"$PROF" runs --store k.sqlite push -q "$url" &
		sleep "0.0$i"
		kill -9 $! 2>/dev/null
		wait $! 2>/dev/null
		[ "$(count killed)" -le 2 ] || return 1
	done
	prof k.sqlite push -q "$url" && prof k2.sqlite pull -q last "$url" && prof k3.sqlite pull -q "$(sqlite3 k.sqlite 'SELECT id FROM run')" "$url" &&
		same k.sqlite k3.sqlite && [ "$(count killed)" = 2 ] &&
		[ "$(pg_sql "SELECT count(*) FROM protea_prof.stack_row WHERE id >> 32 NOT IN (SELECT key FROM protea_prof.run)" killed)" = 0 ]
}
check "killed in the middle, the next push completes it" killed
lost() {
	local url pid
	url=$(pg_rig_db lost) && prof m.sqlite push -q last "$url" || return 1
	prof k.sqlite push -q "$url" 2>err &
	pid=$!
	wait_for 30 bash -c "[ \"\$(PGPASSWORD='$PG_PASSWORD' $PG_PSQL -h 127.0.0.1 -p $PG_PORT -U $PG_USER -d lost -c \"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'protea-prof%'\")\" -gt 0 ]"
	wait $pid || { cat err && return 1; }
	[ "$(count lost)" = 2 ]
}
check "a connection that is cut is opened again" lost

# ---- refused ---------------------------------------------------------------------------------------------------

check "a wrong password" refuses 'password authentication failed' 1 a.sqlite push "postgresql://$PG_USER:wrong@127.0.0.1:$PG_PORT/postgres"
check "a database that is not there" refuses 'does not exist' 1 a.sqlite push "$(pg_rig_url nowhere)"
rights() {
	local url
	pg_sql "CREATE ROLE ci LOGIN PASSWORD 'ci'; REVOKE CREATE ON SCHEMA public FROM PUBLIC" && url=$(pg_rig_db rights) &&
		refuses 'has to be made there first' 1 a.sqlite push "postgresql://ci:ci@127.0.0.1:$PG_PORT/rights" && prof a.sqlite push -q last "$url" &&
		refuses 'permission denied' 1 a.sqlite push "postgresql://ci:ci@127.0.0.1:$PG_PORT/rights" &&
		pg_sql "GRANT USAGE ON SCHEMA protea_prof TO ci; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA protea_prof TO ci" rights &&
		prof a.sqlite push -q "postgresql://ci:ci@127.0.0.1:$PG_PORT/rights" && [ "$(count rights)" = 3 ]
}
check "who may only add, adds; who may not is told" rights
full() {
	local url
	url=$(pg_rig_db full) && prof m.sqlite push -q last "$url" && pg_sql "
		CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file'; END\$\$;
		CREATE TRIGGER no BEFORE INSERT ON protea_prof.sample_row FOR EACH STATEMENT EXECUTE FUNCTION no()" full &&
		refuses 'could not extend' 1 a.sqlite push "$url" && [ "$(count full)" = 1 ] && pg_sql "DROP TRIGGER no ON protea_prof.sample_row" full &&
		prof a.sqlite push -q "$url" && [ "$(count full)" = 4 ]
}
check "a full disk there leaves nothing of the run" full

# ---- gate ---------------------------------------------------------------------------------------------------------

gate() { "$PROF" gate --store g.sqlite "$@"; }
same_as="--stacks 300 --samples 1000 --seed 3 --inline --threads 2 --memory --stages 3 --name app"
# shellcheck disable=SC2086 # words
"$FILL" g0.sqlite --runs 3 $same_as >/dev/null && sqlite3 g0.sqlite "UPDATE run SET name = 'app', labels = '{\"branch\":\"main\"}'"
# shellcheck disable=SC2086
"$FILL" g.sqlite --runs 2 $same_as >gids
sqlite3 g.sqlite "UPDATE run SET id = printf('%08x', key + 2863311530) || substr(id, 9)"
team=$(pg_rig_db team)
prof g0.sqlite push -q "$team"
gates() {
	gate --counts --baseline "$team" app >out && grep -q "latest runs named 'app' of postgresql://127.0.0.1:$PG_PORT/team" out &&
		gate --counts --baseline "$team#branch=main&app" --last 2 app --json | json 'len(d["base"]["runs"]), d["verdict"]' | grep -q '^2 ok'
}
check "the baseline is the candidate's name, or what is chosen" gates
pushed_too() { prof g.sqlite push -q "$team" && gate --counts --baseline "$team" app --json | json 'len(d["base"]["runs"])' | grep -qx 3; }
check "the candidate's own runs are none of the baseline" pushed_too
as_local() {
	gate --counts g0.sqlite app --json --all >x && gate --counts --baseline "$team#branch=main" app --json --all >y
	[ "$(json 'd["metrics"]' <x)" = "$(json 'd["metrics"]' <y)" ] && [ "$(json 'd["verdict"]' <x)" = "$(json 'd["verdict"]' <y)" ]
}
check "it decides as with a store" as_local
worse() {
	cp g.sqlite w.sqlite && sqlite3 w.sqlite "UPDATE stage_row SET alloc_count = alloc_count * 2 + 100000" &&
		"$PROF" gate --store w.sqlite --counts --baseline "$team#branch=main" app >out
	[ $? -eq 1 ] && grep -q '^regression' out
}
check "a regression against it fails" worse
page_line() {
	"$PROF" gate --store w.sqlite --counts --baseline "$team#branch=main" app >out
	grep -o 'protea-prof runs pull .*' out | sed "s|protea-prof|$PROF|g; s|postgresql://127|postgresql://$PG_USER:$PG_PASSWORD_URL@127|" >line &&
		[ -s line ] && bash line && [ -s diff.html ]
}
check "its line about the page works" page_line
secret_free() {
	gate --baseline "$team#branch=main" app --all --markdown m.md --junit j.xml --html p.html --json >j.json 2>said.txt
	! grep -l -e 's3cr3t' -e "$PG_PASSWORD_URL" m.md j.xml p.html j.json said.txt out
}
check "no password in any report" secret_free
check_fails 1 "no such run there" gate --baseline "$team#nix" app
check_fails 2 "runs without a common name" bash -c "cp g.sqlite mixed.sqlite && sqlite3 mixed.sqlite \"UPDATE run SET name = 'x' || key\" && '$PROF' gate --baseline '$team' mixed.sqlite"
pg_rig_stop
offline() {
	gate --baseline "$team" --junit j.xml app >out 2>&1
	[ $? -eq 1 ] && grep -q 'cannot connect' out && grep -q '<error' j.xml && ! grep -q 's3cr3t' out
}
check "offline is a failure, never a pass" offline
check "push says that the server is down" refuses 'cannot connect' 1 a.sqlite push "$PG_URL"
