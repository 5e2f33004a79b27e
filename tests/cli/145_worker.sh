#!/bin/bash
# Workers and jobs of a PostgreSQL database in ordinary life: order, many workers, leases, cancelling, stopping,
# what a killed process leaves, a server that comes late, names that are taken, hostile texts.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
# shellcheck source=tests/cli/worker_rig.sh
. tests/cli/worker_rig.sh
worker_need "workers run the jobs of a database"
worker_rig || { not_ok "the bundle is in the database" && exit 1; }
exec 2>"$TMP/shell" # what the shell says of jobs that were killed

# ---- the command line --------------------------------------------------------------------------------------

check "--help" "$EXPORT" worker --help
check_fails 2 "an unknown option" "$EXPORT" worker --no-such
check_fails 2 "an argument" "$EXPORT" worker now
check_fails 2 "no number of jobs" "$EXPORT" worker --max-jobs 0
check_fails 2 "no time" "$EXPORT" worker --grace soon
check_fails 2 "no database" env -u PROTEA_DB_URL "$EXPORT" worker
check_fails 2 "--again of a job file" "$EXPORT" run --again "$W/job.json"
check_fails 1 "a wrong password" "$EXPORT" worker --db "postgresql://$PG_USER:wrong@127.0.0.1:$PG_PORT/postgres" --once

# ---- order and ends ----------------------------------------------------------------------------------------

queue order 3 >"$TMP/ids"
pg_sql "INSERT INTO job (id, operation, queue_name) VALUES ('00000000-0000-4000-8000-000000000001', 'train_reranker', 'protea.training'),
	('00000000-0000-4000-8000-000000000002', 'export_research_dataset', 'other')"
check "--once runs one" worker "$L" --once
check "the oldest" is "$(sed -n 1p "$TMP/ids")" SUCCEEDED
check "and no other" test "$(pg_sql "SELECT count(*) FROM job WHERE status = 'QUEUED'")" = 4
worker "$L" --idle-exit 0 --json -q
check "--json: a line a job" test "$(grep -c '"status":"SUCCEEDED","error_code":null,"reaped":false' "$L")" = 2
check "jobs of other operations and queues are left alone" test "$(pg_sql "SELECT count(*) FROM job WHERE status = 'QUEUED'")" = 2
check "an empty queue is no failure" worker "$L" --once
check "each has its events once" test "$(pg_sql "SELECT count(*) FROM (SELECT job_id FROM job_events
	WHERE event IN ('job.started', 'job.succeeded', 'export_research_dataset.registered') GROUP BY job_id HAVING count(*) = 3) x")" = 3
check "events lie between the row's times, in order" test "$(pg_sql "SELECT count(*) FROM job_event e JOIN job j ON j.id = e.job_id
	WHERE e.ts < j.started_at - interval '5 ms' OR e.ts > j.finished_at + interval '5 ms'")" = 0
check "the worker says who it is" test "$(pg_sql "SELECT count(*) FROM job_event WHERE event = 'job.started'
	AND fields->>'worker' LIKE 'protea-export@%:%'")" = 3
check "progress is in the row" test "$(pg_sql "SELECT count(*) FROM job WHERE progress_current = progress_total AND progress_total = 2")" = 3
check "the row of the data set is whole" test "$(pg_sql "SELECT count(*) FROM dataset d JOIN job j ON j.id = d.job_id
	WHERE d.name = j.payload->>'output_name' AND d.operation = j.operation AND d.storage_backend = 'local'
	AND d.key_prefix = 'datasets/' || d.name || '/' AND d.train_uri LIKE 'file:///%/train.parquet' AND d.k = 2
	AND d.train_snapshot_pairs = '[\"v160-v165\"]' AND d.eval_snapshot_pair = 'v165-v170' AND d.meta->>'producer' = 'protea-export'")" = 3
check "the objects are as registered" "$PY" tests/cli/worker_jobs.py check "$PG_URL" "$W/store" "" --only SUCCEEDED

# ---- run UUID ----------------------------------------------------------------------------------------------

id=$(queue single 1)
check "run UUID" "$EXPORT" run -q --memory-limit 4GiB "$id"
check "is done" is "$id" SUCCEEDED
check "a second time there is nothing to do" "$EXPORT" run -q "$id"
check "nor for a job that does not exist" "$EXPORT" run -q 00000000-0000-4000-8000-00000000ffff
check "protea-prof run UUID" "$PWD/$O/protea-prof" run -q --store "$TMP/prof.sqlite" "$(queue profiled 1)"
check "has the job's stages" test "$(sqlite3 "$TMP/prof.sqlite" "SELECT count(*) > 0 FROM stage WHERE name = 'knn'")" = 1
parent=$(queue parent 1)
child=$(queue child 1)
pg_sql "UPDATE job SET status = 'CANCELLED' WHERE id = '$parent'; UPDATE job SET parent_job_id = '$parent' WHERE id = '$child'"
check_fails 1 "a child of a cancelled job is not run" "$EXPORT" run -q "$child"
check "but cancelled, with its event" test "$(pg_sql "SELECT status || ' ' || (SELECT fields->>'reason' FROM job_event e
	WHERE e.job_id = j.id AND event = 'job.cancelled') FROM job j WHERE id = '$child'")" = "CANCELLED parent_cancelled"

# ---- many workers ------------------------------------------------------------------------------------------

queue many 12 >"$TMP/ids"
many=()
for i in 1 2 3 4; do
	worker "$TMP/many$i" --idle-exit 0 --json -q &
	many+=($!)
done
wait "${many[@]}"
check "four workers share a queue" test "$(cat "$TMP"/many? | grep -c SUCCEEDED)" = 12
check "no job was started twice" test "$(pg_sql "SELECT count(*) FROM job_event WHERE event = 'job.started'
	AND job_id IN (SELECT id FROM job WHERE payload->>'output_name' LIKE 'many%')")" = 12

# ---- notices -----------------------------------------------------------------------------------------------

"$EXPORT" worker --print-trigger >"$TMP/trigger.sql"
check "the trigger can be installed, twice" eval "pg_sql_file '$TMP/trigger.sql' && pg_sql_file '$TMP/trigger.sql'"
worker "$L" --poll 1000 --max-jobs 1 &
w=$!
# It listens, and looks at the queue once more before it sleeps.
asleep() { [ -n "$(pg_sql "SELECT 1 FROM pg_stat_activity WHERE application_name = 'protea-export' AND state = 'idle'
	AND query NOT LIKE 'LISTEN%' AND now() - state_change > interval '300 ms'")" ]; }
wait_for 30 asleep
id=$(queue notified 1)
check "a worker that sleeps is told of a job" wait_for 60 is "$id" SUCCEEDED
check "--max-jobs ends it" wait_for 30 eval "! kill -0 $w"

# ---- cancelling, stopping, killing -------------------------------------------------------------------------

# staged NAME: its staging folder is there, nothing of it is published.
staged() { ls -d "$W"/resume/"$1"-* && absent "$W/store/datasets/$1"; }

under_way cancelled
pg_sql "UPDATE job SET status = 'CANCELLED', finished_at = now() WHERE id = '$id'"
check "a cancelled job stops soon" wait_for 60 gone "$c"
wait_for 60 gone "$w"
check "stays cancelled, told once" test "$(ended)" = "CANCELLED  1"
check "its staging is kept" staged cancelled1

under_way stopped
kill -TERM "$w"
check "a stopped worker ends" wait_for 60 gone "$w"
check "its job is FAILED" test "$(ended)" = "FAILED WorkerShutdown 1"
check "its staging is kept too" staged stopped1
check "and the error says how to go on" test "$(pg_sql "SELECT error_message LIKE '%protea-export run --again $id%' FROM job WHERE id = '$id'")" = t
check "run --again goes on from there" "$EXPORT" run -q --again --memory-limit 4GiB "$id"
check "to the end" test "$(ended)" = "SUCCEEDED  2"

under_way crashed
kill -SEGV "$c"
check "a crashed job's worker goes on to its end" wait_for 60 gone "$w"
check "the job is FAILED" test "$(ended)" = "FAILED WorkerCrashed 1"
check "the row says of what" test "$(pg_sql "SELECT error_message LIKE '%signal 11%' FROM job WHERE id = '$id'")" = t

under_way stuck --grace 1
kill -STOP "$c"
kill -TERM "$w"
check "a job that does not stop is killed after the grace" wait_for 60 gone "$w"
check "and FAILED as well" test "$(ended)" = "FAILED WorkerShutdown 1"

under_way orphan
kill -9 "$w"
check "without its worker a job stops" wait_for 60 gone "$c"
check "as if it had been asked" test "$(ended)" = "FAILED WorkerShutdown 1"

under_way hurried
kill -TERM "$w" "$c" # as an init system does that knows the whole group
kill -TERM "$w"
check "a worker that is told twice ends" wait_for 60 gone "$w"
wait_for 60 gone "$c"
check "its job was asked once and writes its end" test "$(ended)" = "FAILED WorkerShutdown 1"

# ---- leases ------------------------------------------------------------------------------------------------

for n in 1 2 3 4; do
	[ $n = 1 ] && id=$(queue expired 1 "p['output_name'] = 'expired'")
	pg_sql "UPDATE job SET status = 'RUNNING', started_at = now() - interval '1 h', leased_until = now() - interval '1 s' WHERE id = '$id'"
	if [ $n = 4 ]; then
		worker "$L" --idle-exit 0 --json -q
	else
		worker "$L" --idle-exit 0 --json -q --queue protea.training --max-jobs 1
		[ $n -lt 3 ] && pg_sql "DELETE FROM dataset WHERE job_id = '$id'" && rm -rf "$W/store/datasets/expired1"
		[ $n = 3 ] && pg_sql "DELETE FROM dataset WHERE job_id = '$id'" && rm -rf "$W/store/datasets/expired1"
	fi
	ends[n]="$(pg_sql "SELECT status || ' ' || (SELECT count(*) FROM job_event e WHERE e.job_id = j.id AND event = 'job.requeued') FROM job j WHERE id = '$id'")"
done
check "a job with an expired lease is put back and run, three times" test "${ends[1]}, ${ends[2]}, ${ends[3]}" = "SUCCEEDED 1, SUCCEEDED 2, SUCCEEDED 3"
check "then it FAILED" test "${ends[4]} $(pg_sql "SELECT error_code FROM job WHERE id = '$id'")" = "FAILED 3 LeaseExpired"
id=$(queue settled 1)
worker "$L" --once
pg_sql "UPDATE job SET status = 'RUNNING', finished_at = NULL, leased_until = now() - interval '1 s' WHERE id = '$id'"
worker "$L" --idle-exit 0 --json -q
check "a job whose data set is registered has SUCCEEDED" is "$id" SUCCEEDED
check "and was not run again" test "$(pg_sql "SELECT count(*) FROM job_event WHERE job_id = '$id' AND event = 'job.started'")" = 1

# ---- names -------------------------------------------------------------------------------------------------

id=$(queue settled 1)
worker "$L" --once
check "a name that is registered" test "$(pg_sql "SELECT status || ' ' || error_code FROM job WHERE id = '$id'")" = "FAILED AlreadyExists"
# shellcheck disable=SC2016 # the letters themselves
for name in "a'; DROP TABLE job; --" '../../etc' 'x"y' '$1' '%s%n' 'é' ''; do
	id=$(queue hostile 1 "p['output_name'] = '''$name'''" "prefix = '''$name'''" "p['hostile'] = '''$name'''")
	pg_sql "UPDATE job SET payload = payload || jsonb_build_object('output_name', \$\$$name\$\$) WHERE id = '$id'"
	worker "$L" --once
	check "the name <$name> is refused" test "$(ended)" = "FAILED InvalidPayload 1"
done
pg_sql "UPDATE job SET payload = '[1, 2]', status = 'QUEUED' WHERE id = '$id'"
worker "$L" --once
check "so is a payload that is no object" is "$id" FAILED

# ---- other databases ---------------------------------------------------------------------------------------

no_credentials() {
	! grep -rqF -e "$PG_PASSWORD" -e "$PG_PASSWORD_URL" "$TMP"/log "$TMP"/many? "$W/resume" "$W/store" &&
		[ "$(pg_sql "SELECT count(*) FROM (SELECT e::text AS t FROM job_event e UNION ALL SELECT j::text FROM job j UNION ALL
			SELECT d::text FROM dataset d) x WHERE position('$PG_PASSWORD' in t) > 0 OR position('$PG_PASSWORD_URL' in t) > 0")" = 0 ]
}
check "no credentials in logs, rows, staging, objects" no_credentials
pg_rig_stop
# Somebody in the server's place who hangs up at the first call, and is not there any more.
hangs_up() { timeout 60 "$PY" -c 'import socket, sys
socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()' "$PG_PORT"; }
worker "$L" --poll 0.2 --max-jobs 1 &
w=$!
hangs_up
check "a worker waits for a server that is not there" kill -0 "$w"
pg_rig_restart
id=$(queue late 1)
check "and runs its job when it has come" wait_for 60 is "$id" SUCCEEDED
wait_for 60 gone "$w"
pg_rig_stop
worker "$L" &
w=$!
hangs_up
kill -TERM "$(pgrep -x protea-export -P "$(pgrep -x timeout -P $w)")"
check "a worker that waits for its server can be stopped" wait_for 60 gone "$w"
[ "$tap_failed" -eq 0 ]
