#!/bin/bash
# A database in trouble: not there, wrong password, tables and columns that are missing or of other types, odd
# values, encodings, timeouts, killed while it sends. Each time the program says what and where, ends by itself,
# leaves nothing half-made and never shows the password.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
need "a database in trouble"
pg_rig_need "a database in trouble"
pg_rig_start || { not_ok "the server starts" && exit 1; }

world "$TMP/w" 3 small none
B=$TMP/w/bundle.sqlite
OUT=$TMP/out.sqlite
L=$TMP/log
URL=$(pg_rig_db world)
"$EXPORT" bundle load -q --no-constraints "$B" --to "$URL" || { not_ok "a bundle is loaded" && exit 1; }
job "$TMP/w/job-v5-all.json" "$TMP/w/job.json" "j['source'] = '$URL'" "p['output_name'] = 'trouble'"

# says_so TITLE CODE TEXT… -- COMMAND…: it ends with the code and says the texts, and no secret.
says_so() {
	local title=$1 code=$2 texts=() rc
	shift 2
	while [ "$1" != -- ]; do texts+=("$1") && shift; done
	shift
	timeout -k 5 300 "$@" >"$L" 2>&1
	rc=$?
	if [ $rc -ne "$code" ]; then
		not_ok "$title"
		printf 'exit code %s\n' $rc | cat - "$L" | tail -n 5 | sed 's/^/# /'
	else
		check "$title" quiet_about_it "${texts[@]}"
	fi
}
quiet_about_it() {
	says "$L" "$@" || return 1
	! grep -qF -e "$PG_PASSWORD" -e "$PG_PASSWORD_URL" -e s3cr3t "$L" || { echo "the password is shown" && return 1; }
	absent "$OUT" "$OUT".tmp.[0-9]*
}
save() { says_so "$1" 1 "${@:3}" -- "$EXPORT" bundle create -q --from "$2" "$OUT"; }
run_says() { says_so "$1" 1 "${@:2}" -- "$EXPORT" run --memory-limit 4GiB "$TMP/w/job.json"; }

one_session() { [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE $1")" = 1 ]; }
# fresh: nothing of an earlier run.
fresh() { rm -rf "$TMP/w/store" "$TMP/w/resume"; }

# ---- no connection --------------------------------------------------------------------------------------------

save "nobody listens" "postgresql://$PG_USER:$PG_PASSWORD_URL@127.0.0.1:1/world" "127.0.0.1:1/world" "cannot connect" "refused"
save "a wrong password" "postgresql://$PG_USER:s3cr3twrong@127.0.0.1:$PG_PORT/world" "password authentication failed" ".pgpass"
save "no password" "postgresql://$PG_USER@127.0.0.1:$PG_PORT/world" "cannot connect" ".pgpass or PGPASSWORD"
save "no such database" "$(pg_rig_url nowhere)" 'database "nowhere" does not exist'
save "a host that does not exist" "postgresql://u:s3cr3t@no.such.host.invalid/d" "no.such.host.invalid"
says_so "a password that breaks the URL" 2 "not a database URL" -- "$EXPORT" bundle create -q --from "postgresql://u:s3cr3t%zz@h/d" "$OUT"
says_so "an option that libpq does not know" 2 "not a database URL" -- "$EXPORT" bundle create -q --from "$URL?s3cr3t=1" "$OUT"
full() { # all connections taken: tried again, and had in the end
	local pids
	pg_sql "ALTER SYSTEM SET superuser_reserved_connections = 0" && pg_sql "ALTER DATABASE world CONNECTION LIMIT 1"
	pg_sql "CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain" world
	(PGPASSWORD=plain exec psql -X -q -h 127.0.0.1 -p "$PG_PORT" -U plain -d world -c 'SELECT pg_sleep(1.2)' >/dev/null) &
	pids=$!
	wait_for 30 one_session "usename = 'plain'"
	"$EXPORT" bundle create -q --from "postgresql://plain:plain@127.0.0.1:$PG_PORT/world" "$OUT" >"$L" 2>&1
	local rc=$?
	wait $pids
	pg_sql "ALTER DATABASE world CONNECTION LIMIT -1"
	cat "$L"
	rm -f "$OUT"
	return $rc
}
check "too many connections for a moment: tried again" full

# ---- tables and columns ---------------------------------------------------------------------------------------

# broken TITLE SQL TEXT…: a run on a copy of the database that was changed so.
n_broken=0
broken() {
	local title=$1 sql=$2 url
	shift 2
	n_broken=$((n_broken + 1))
	url=$(pg_rig_db "broken$n_broken" TEMPLATE world) || { not_ok "$title" && return; }
	pg_sql "$sql" "broken$n_broken" >/dev/null || { not_ok "$title" && return; }
	job "$TMP/w/job.json" "$TMP/w/broken.json" "j['source'] = '$url'"
	says_so "$title" 1 "$@" -- "$EXPORT" run --memory-limit 4GiB "$TMP/w/broken.json"
}
broken "tables and columns that are missing, all at once" \
	"DROP TABLE embedding_config; ALTER TABLE protein DROP COLUMN taxonomy_id; DROP TABLE job_event CASCADE" \
	"table embedding_config" "column protein.taxonomy_id" "table job_event" "docs/postgres.md"
broken "columns of other types" "ALTER TABLE go_term ALTER id TYPE text; ALTER TABLE embedding_config ALTER id TYPE text;
	ALTER TABLE sequence_embedding ALTER embedding TYPE text" \
	"go_term.id is text (integer is needed)" "embedding_config.id is text (uuid is needed)" \
	"sequence_embedding.embedding is text (halfvec, vector, real[] or bytea is needed)"
broken "bytes without a dimension" "ALTER TABLE sequence_embedding DROP COLUMN embedding_dim" embedding_dim
no_right() {
	pg_sql "REVOKE SELECT ON sequence FROM plain" world
	"$EXPORT" bundle create -q --from "postgresql://plain:plain@127.0.0.1:$PG_PORT/world" "$OUT" >"$L" 2>&1 && return 1
	pg_sql "GRANT SELECT ON sequence TO plain" world
	says "$L" "sequence"
}
check "a table that this user may not read" no_right

# ---- values -----------------------------------------------------------------------------------------------------

reals="ALTER TABLE sequence_embedding DROP COLUMN embedding, ADD COLUMN embedding real[];
	UPDATE sequence_embedding SET embedding = array_fill(1::real, ARRAY[embedding_dim]);"
broken "NULL in an array" "$reals UPDATE sequence_embedding SET embedding[3] = NULL" "element 3 of the array is NULL" "table sequence_embedding, row"
broken "an array of two dimensions" "$reals UPDATE sequence_embedding SET embedding = '{{1,2},{3,4}}'" "2 dimensions"
broken "bytes that do not fit their dimension" "UPDATE sequence_embedding SET embedding = '\\x0102030405'" "5 bytes for embedding_dim"
broken "a vector of another length" "$reals UPDATE sequence_embedding SET embedding = embedding || '{1}'
	WHERE id = (SELECT max(id) FROM sequence_embedding e JOIN protein p USING (sequence_id)
	WHERE embedding_config_id = (SELECT embedding_config_id FROM sequence_embedding GROUP BY 1 ORDER BY count(*) DESC LIMIT 1))" "dimension"
broken "an accession that is empty" "ALTER TABLE protein DROP CONSTRAINT protein_pkey;
	INSERT INTO protein VALUES ('', NULL, NULL)" "column accession is empty"
broken "an accession that comes twice" "ALTER TABLE protein DROP CONSTRAINT protein_pkey;
	INSERT INTO protein SELECT * FROM protein LIMIT 1" "comes twice"
broken "a time without end" "UPDATE annotation_set SET created_at = 'infinity'" "created_at" "between 1678 and 2262"
broken "statistics that are no object's" "UPDATE evaluation_set SET stats = '{\"pivot_ontology_snapshot_id\": \"x\"}'" "is not a UUID"

# hostile texts are values, not SQL: the run is as good as any other
hostile() {
	local url
	url=$(pg_rig_db hostile TEMPLATE world) || return 1
	pg_sql "UPDATE annotation_set SET source = 'go''a; DROP TABLE protein; --'" hostile
	job "$TMP/w/job.json" "$TMP/w/hostile.json" "j['source'] = '$url'" "p['annotation_source'] = \"go'a; DROP TABLE protein; --\""
	fresh
	run "$L" "$TMP/w/hostile.json" || { tail -n 3 "$L" && return 1; }
	[ "$(pg_sql "SELECT count(*) > 0 FROM protein" hostile)" = t ]
}
check "SQL in the name of a source is a name" hostile
job "$TMP/w/job.json" "$TMP/w/hostile.json" "p['output_name'] = \"x'; DROP TABLE dataset; --\""
says_so "SQL in the name of a data set is refused" 2 "output_name" -- "$EXPORT" run --memory-limit 4GiB "$TMP/w/hostile.json"

# ---- encodings --------------------------------------------------------------------------------------------------

encoded() { # ENCODING: names of proteins beyond ASCII come as UTF-8
	local url
	url=$(pg_rig_db "enc$1" "TEMPLATE template0 ENCODING '$1' LC_COLLATE 'C' LC_CTYPE 'C'") || return 1
	"$EXPORT" bundle load -q --no-constraints "$B" --to "$url" || return 1
	pg_sql "UPDATE embedding_config SET model_name = U&'mod\\00e8le'" "enc$1"
	rm -f "$TMP/enc.sqlite"
	"$EXPORT" bundle create -q --from "$url" "$TMP/enc.sqlite" || return 1
	[ "$(sql "$TMP/enc.sqlite" "SELECT DISTINCT hex(model_name) FROM embedding_config")" = 6D6F64C3A86C65 ]
}
check "a database in LATIN1" encoded LATIN1
check "a database in WIN1252" encoded WIN1252
ascii() {
	local url
	url=$(pg_rig_db ascii "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'") || return 1
	"$EXPORT" bundle load -q --no-constraints "$B" --to "$url" || return 1
	pg_sql "UPDATE protein SET taxonomy_id = E'\\xfc'" ascii
	job "$TMP/w/job.json" "$TMP/w/ascii.json" "j['source'] = '$url'"
	fresh
	run "$L" "$TMP/w/ascii.json" && return 1
	says "$L" "reading table protein" 'invalid byte sequence for encoding "UTF8": 0xfc' SQL_ASCII
}
check "bytes that are no UTF-8 in a database without encoding" ascii

# ---- time -------------------------------------------------------------------------------------------------------

# held TABLE SECONDS: nobody else can read the table meanwhile.
held() {
	(PGPASSWORD=$PG_PASSWORD exec psql -X -q -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d world \
		-c "BEGIN; LOCK TABLE $1; SELECT pg_sleep($2)" >/dev/null 2>&1) &
	HOLDER=$!
	wait_for 30 held_now
}
held_now() { [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL" world)" -ge 1 ]; }
waits_for_it() { [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'protea-export' AND wait_event_type = 'Lock'")" -ge 1 ]; }
nobody_left() { [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'protea-export'")" = 0 ]; }
let_go() {
	kill "$HOLDER" 2>/dev/null
	wait "$HOLDER" 2>/dev/null
	pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
}

pg_sql "ALTER ROLE plain SET statement_timeout = '2s'"
held sequence 120
save "a statement that takes too long" "postgresql://plain:plain@127.0.0.1:$PG_PORT/world" "statement timeout" "table sequence" "raise statement_timeout"
let_go
pg_sql "ALTER ROLE plain RESET statement_timeout"

stopped() { # a signal ends a wait for the server, and the server's wait too
	local pid rc
	held sequence 60
	"$EXPORT" bundle create -q --from "$URL" "$OUT" >"$L" 2>&1 &
	pid=$!
	wait_for 30 waits_for_it || { echo "it does not wait" && kill $pid; }
	kill -TERM $pid
	timeout 60 tail --pid=$pid -f /dev/null || { echo "it goes on" && kill -9 $pid; }
	wait $pid
	rc=$?
	wait_for 30 nobody_left || { echo "its query goes on" && rc=0; }
	let_go
	[ $rc -ne 0 ] && quiet_about_it SIGTERM
}
check "SIGTERM while the server makes us wait" stopped

killed() { # server gone while we wait for it: restarted within our tries, it is found again
	local pid rc
	fresh
	held protein 60
	"$EXPORT" run --memory-limit 4GiB "$TMP/w/job.json" >"$L" 2>&1 &
	pid=$!
	wait_for 30 waits_for_it || echo "it does not wait"
	pg_rig_kill
	pg_rig_restart
	wait $pid
	rc=$?
	let_go
	[ $rc -eq 0 ] || tail -n 5 "$L"
	return $rc
}
check "the server dies and comes back before a row was read: the run succeeds" killed

severed() { # in the middle of a stream: told, nothing is left of it
	local pid big
	big=$(pg_rig_db big TEMPLATE world) || return 1
	# The server takes its time after the first rows.
	pg_sql "ALTER TABLE sequence RENAME TO sequences; UPDATE sequences SET sequence = repeat('A', 4000000) WHERE id <
		(SELECT id FROM sequences ORDER BY id OFFSET 5 LIMIT 1); CREATE VIEW sequence AS SELECT id, sequence_hash, sequence || CASE WHEN
		length(sequence) = 4000000 THEN '' ELSE pg_sleep(120)::text END AS sequence FROM sequences ORDER BY id" big
	"$EXPORT" bundle create -q --from "$big" "$OUT" >"$L" 2>&1 &
	pid=$!
	wait_for 30 one_session "query LIKE 'COPY (SELECT id::bigint, sequence%' AND wait_event = 'PgSleep'" || echo "it is not seen"
	pg_sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT id::bigint, sequence%'" >/dev/null
	wait $pid && return 1
	quiet_about_it "reading table sequence"
}
check "a session ended in the middle of a table" severed

pg_rig_stop
save "the server is shut down" "$URL" "cannot connect"
fresh
run_says "and a run says so" "cannot connect"
[ "$tap_failed" -eq 0 ]
