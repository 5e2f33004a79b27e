#!/bin/bash
# A database that takes connections and then says nothing (all processes of the server are stopped): no call waits
# for ever, what could not be written is written when the server goes on, and every job ends once.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
# shellcheck source=tests/cli/worker_rig.sh
. tests/cli/worker_rig.sh
worker_need "jobs of a database that goes silent"
worker_rig || { not_ok "the bundle is in the database" && exit 1; }
trap 'pg_rig_thaw; pg_rig_end' EXIT
exec 2>"$TMP/shell" # what the shell says of jobs that were killed
export PROTEA_DB_ANSWER_SECONDS=1 PROTEA_DB_URL="$PG_URL?connect_timeout=2"

worker() {
	timeout -k 5 300 "$EXPORT" worker --memory-limit 4GiB "$@" >"$L" 2>&1 &
	w=$!
}
LONG="p.update(train_versions=[160, 165, 170], test_versions=[175], k=100, compute_alignments=True)"
# under_way PREFIX: a job in a worker $w, its process $c, at its pairs.
under_way() {
	id=$(queue "$1" 1 "$LONG")
	PROTEA_SIMD=portable worker --poll 0.2 --once "${@:2}"
	wait_for 90 begun "$id"
	c=$(pgrep -f "run .*--claimed [0-9]* $id")
}
silent() { grep -q "no answer within 1 s" "$L"; }

# It has asked something already: it is not just connecting.
idle() { [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'protea-export' AND query <> ''")" -ge 1 ]; }

# ---- a worker without a job ----------------------------------------------------------------------------------

worker --poll 0.2 --max-jobs 1
wait_for 90 idle
pg_rig_freeze
check "a worker says that its database is silent" wait_for 90 silent
check "and waits" kill -0 "$w"
pg_rig_thaw
id=$(queue thawed 1)
check "its job is run when the server goes on" wait_for 90 gone "$w"
check "and ends once" test "$(ended)" = "SUCCEEDED  1"

worker --poll 0.2
wait_for 90 idle
pg_rig_freeze
wait_for 90 silent
kill -TERM "$w"
check "a worker of a silent database can be stopped" wait_for 90 gone "$w"
pg_rig_thaw

# ---- a job under way -----------------------------------------------------------------------------------------

under_way computing
pg_rig_freeze
check "a job's lease is not extended, it says so" wait_for 90 silent
check "the job goes on" kill -0 "$c"
pg_rig_thaw
check "to its end" wait_for 90 gone "$w"
check "which it has once" test "$(ended)" = "SUCCEEDED  1"

PROTEA_DB_RETRY_SECONDS=1 under_way shut
pg_rig_freeze
kill -TERM "$c"
check "a job that cannot write its end gives up" wait_for 90 gone "$c"
check "its worker waits for the database" kill -0 "$w"
pg_rig_thaw
check "and ends the job then" wait_for 90 gone "$w"
check "once, if it did not put it back" eval "ended | grep -qE '^(FAILED .* 1|QUEUED  0)$'"

# ---- commands ------------------------------------------------------------------------------------------------

pg_rig_freeze
check_fails 1 "run UUID" timeout 60 "$EXPORT" run -q "$id"
pg_rig_thaw
reading() { [ "$(pg_sql "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (SELECT%'")" -ge 1 ]; }
pg_sql "UPDATE sequence SET sequence = repeat('A', 2000000)" >/dev/null
PROTEA_DB_SILENCE_SECONDS=1 timeout 60 "$EXPORT" run -q --again --memory-limit 4GiB "$(queue reader 1 "$LONG")" >"$L" 2>&1 &
r=$!
wait_for 90 reading
pg_rig_freeze
check "a stream that stops is given up" wait_for 90 silent
pg_rig_thaw
kill -TERM "$r"
wait_for 90 gone "$r"
check "no password is shown" eval "! grep -rqF -e '$PG_PASSWORD' -e '$PG_PASSWORD_URL' '$TMP/log' '$W/resume'"
[ "$tap_failed" -eq 0 ]
