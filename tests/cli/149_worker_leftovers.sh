#!/bin/bash
# Ends and registrations that meet, and what killed runs leave in the store: objects that nobody registered go with
# whoever ends the job, a data set that is registered a moment later keeps its job from failing, a job that has
# ended registers nothing.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
# shellcheck source=tests/cli/worker_rig.sh
. tests/cli/worker_rig.sh
worker_need "objects of jobs that failed are removed"
worker_rig || { not_ok "the bundle is in the database" && exit 1; }
exec 2>"$TMP/shell" # what the shell says of jobs that were killed

# hold STATEMENT: a session that runs it and keeps its locks until let_go.
hold() {
	mkfifo "$TMP/held"
	PGPASSWORD=$PG_PASSWORD $PG_PSQL -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d postgres <"$TMP/held" >"$TMP/holder" 2>&1 &
	holder=$!
	exec 7>"$TMP/held"
	printf 'BEGIN;\n%s;\n\\echo holds\n' "$1" >&7
	wait_for 60 grep -q holds "$TMP/holder"
}
let_go() { # STATEMENT: COMMIT or ROLLBACK
	printf '%s;\n' "$1" >&7
	exec 7>&-
	wait "$holder"
	rm "$TMP/held"
}
objects() { find "$W/store/datasets/$1" -type f 2>/dev/null | wc -l; }
# uploaded PREFIX: a worker $w whose job's process $c has uploaded everything and waits for table dataset.
uploaded() {
	id=$(queue "$1" 1)
	hold "LOCK TABLE dataset IN EXCLUSIVE MODE"
	worker "$L" --poll 0.2 --once &
	wait_for 60 test -f "$W/store/datasets/${1}1/manifest.json"
	process_of "$id"
}

# ---- objects of a job that nobody has any more ---------------------------------------------------------------

uploaded killed
kill -9 "$w" "$c"
wait_for 60 gone "$c"
let_go ROLLBACK
check "a run that is killed with its worker leaves its objects" test "$(objects killed1)" = 4
check "and its job RUNNING" is "$id" RUNNING
# The next run of the job is stopped before it comes to its own upload.
pg_sql "UPDATE job SET status = 'QUEUED', started_at = NULL, leased_until = NULL WHERE id = '$id'"
hold "LOCK TABLE go_term_relationship IN ACCESS EXCLUSIVE MODE"
worker "$L" --poll 0.2 --once &
named() { [ "$(pg_sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")" != 0 ]; }
check "the next run has the name" wait_for 60 named
process_of "$id"
kill -TERM "$w"
wait_for 60 gone "$w"
let_go ROLLBACK
check "it is stopped" test "$(ended)" = "FAILED WorkerShutdown 1"
check "and removes what the first one left" test "$(objects killed1)" = 0
check "run --again makes the data set" "$EXPORT" run -q --again --memory-limit 4GiB "$id"
check "which is whole" test "$(objects killed1)" = 4

uploaded leased
kill -9 "$w" "$c"
wait_for 60 gone "$c"
let_go ROLLBACK
pg_sql "UPDATE job SET leased_until = now() - interval '1 s' WHERE id = '$id'"
PROTEA_ANC2VEC_PATH=$TMP/none worker "$L" --idle-exit 0
check "a job that is put back and fails at once leaves nothing either" test "$(objects leased1)" = 0
check "it has FAILED" is "$id" FAILED

# ---- an end and a registration at the same time -----------------------------------------------------------------

# The killed run's session is still at its COMMIT: the end waits for it.
under_way late
hold "SELECT status FROM job WHERE id = '$id' FOR NO KEY UPDATE; INSERT INTO dataset SELECT (d).* FROM (SELECT
	jsonb_populate_record(dataset, jsonb_build_object('id', gen_random_uuid(), 'name', 'late1', 'job_id', '$id')) AS d FROM dataset LIMIT 1) AS r"
kill -9 "$c"
sleep 2
check "the job has not ended yet" is "$id" RUNNING
let_go COMMIT
wait_for 60 gone "$w"
check "a job whose registration comes through late has SUCCEEDED" test "$(ended)" = "SUCCEEDED  1"
check "with that result" test "$(pg_sql "SELECT fields->'result'->>'output_name' FROM job_event WHERE job_id = '$id' AND event = 'job.succeeded'")" = late1
pg_sql "DELETE FROM dataset WHERE job_id = '$id'"

uploaded closed
pg_sql "UPDATE job SET status = 'FAILED', finished_at = now() WHERE id = '$id'"
let_go ROLLBACK
wait_for 60 gone "$w"
check "a job that was ended by hand registers nothing" test "$(pg_sql "SELECT count(*) FROM dataset WHERE name = 'closed1'")" = 0
check "and leaves nothing" test "$(objects closed1)" = 0
[ "$tap_failed" -eq 0 ]
