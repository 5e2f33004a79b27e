#!/bin/bash
# Jobs of a PostgreSQL queue while everything goes wrong: the server is killed and comes back, is stopped and goes
# on, connections are ended by it, cut on the way or go nowhere for a while, workers and the processes of their jobs
# are killed, stopped and started again. At the end every job has SUCCEEDED or FAILED exactly once, and every
# registered data set is whole. CHAOS_SEED repeats a run's troubles as far as time allows, CHAOS_JOBS and CHAOS_SECONDS make it longer.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
# shellcheck source=tests/cli/worker_rig.sh
. tests/cli/worker_rig.sh
worker_need "jobs end exactly once whatever fails"

SEED=${CHAOS_SEED:-$(date +%s)}
JOBS=${CHAOS_JOBS:-100}
LIMIT=${CHAOS_SECONDS:-500} # when to give up, no trouble any more from its half on; a quiet machine needs half a minute
WORKERS=3
RANDOM=$((SEED % 32768))
echo "# CHAOS_SEED=$SEED"

worker_rig || { not_ok "the bundle is in the database" && exit 1; }
chaos_end() {
	local i
	for ((i = 0; i < WORKERS; i++)); do
		[ -n "${pid[$i]:-}" ] && kill -9 "${pid[$i]}" $(pgrep -P "${pid[$i]}") 2>/dev/null
	done
	[ -n "${proxy:-}" ] && kill "$proxy" 2>/dev/null
	pg_rig_end
}
trap chaos_end EXIT
exec 2>"$TMP/shell" # what the shell says of jobs that were killed

tests/cli/worker_proxy.py "$TMP/port" "$PG_PORT" &
proxy=$!
wait_for 60 test -s "$TMP/port" || { not_ok "the proxy listens" && exit 1; }
PROTEA_DB_URL=postgresql://$PG_USER:$PG_PASSWORD_URL@127.0.0.1:$(cat "$TMP/port")/postgres # exported before
export PROTEA_JOB_LEASE_SECONDS=4 PROTEA_DB_RETRY_SECONDS=15 PROTEA_DB_ANSWER_SECONDS=2

queue undisturbed 1 >/dev/null
start=${EPOCHREALTIME/[.,]/}
check "a job without trouble" timeout 300 "$EXPORT" worker --once --memory-limit 4GiB
[ -f "$W/store/datasets/undisturbed1/train.parquet" ] || exit 1
# Trouble comes as often as jobs end, however slow the machine: some get through.
pace=$(((${EPOCHREALTIME/[.,]/} - start) / 10000)) # a tenth of a job, ms
train=$(sha256sum "$W/store/datasets/undisturbed1/train.parquet" | cut -d ' ' -f 1)
queue chaos $((JOBS - 1)) >/dev/null

pid=()
start_worker() {
	"$EXPORT" worker --queue protea.training --poll 0.2 --grace 5 --memory-limit 4GiB >>"$TMP/worker$1" 2>&1 &
	pid[$1]=$!
}
alive() { kill -0 "${pid[$1]}" 2>/dev/null; }
for ((i = 0; i < WORKERS; i++)); do start_worker $i; done

open_jobs() { pg_sql "SELECT count(*) FROM job WHERE status IN ('QUEUED', 'RUNNING')"; }
# A number below $1; not in a subshell, which would draw its own.
draw() { drawn=$((RANDOM % $1)); }

trouble() {
	local w children
	draw $WORKERS
	w=$drawn
	children=$(pgrep -P "${pid[$w]}")
	draw 100
	if [ $drawn -lt 12 ]; then
		kinds[server]=$((${kinds[server]:-0} + 1))
		pg_rig_kill
		draw 10
		sleep 0.$drawn
		pg_rig_restart || echo "the server did not come back"
	elif [ $drawn -lt 30 ]; then
		kinds[backends]=$((${kinds[backends]:-0} + 1))
		pg_sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'protea%'" >/dev/null
	elif [ $drawn -lt 48 ]; then
		kinds[cut]=$((${kinds[cut]:-0} + 1))
		kill -USR1 "$proxy"
	elif [ $drawn -lt 54 ]; then
		kinds[silence]=$((${kinds[silence]:-0} + 1))
		kill -USR2 "$proxy"
	elif [ $drawn -lt 58 ]; then
		kinds[frozen]=$((${kinds[frozen]:-0} + 1))
		pg_rig_freeze
		draw 4
		sleep $((drawn + 1))
		pg_rig_thaw
	elif [ $drawn -lt 68 ]; then
		kinds[process]=$((${kinds[process]:-0} + 1))
		# shellcheck disable=SC2086 # ids
		[ -n "$children" ] && kill -9 $children
	elif [ $drawn -lt 78 ]; then
		kinds[worker]=$((${kinds[worker]:-0} + 1))
		kill -9 "${pid[$w]}"
	elif [ $drawn -lt 90 ]; then
		kinds[both]=$((${kinds[both]:-0} + 1))
		# shellcheck disable=SC2086 # ids
		kill -9 "${pid[$w]}" $children
	else
		kinds[stop]=$((${kinds[stop]:-0} + 1))
		kill -TERM "${pid[$w]}"
	fi
}

declare -A kinds
began=$SECONDS
while [ $((SECONDS - began)) -lt "$LIMIT" ]; do
	left=$(open_jobs) || left=unknown
	[ "$left" = 0 ] && break
	[ $((SECONDS - began)) -gt $((LIMIT / 2)) ] || trouble
	for ((i = 0; i < WORKERS; i++)); do
		alive $i || start_worker $i
	done
	draw 6
	pause=$(((drawn + 4) * (pace > 100 ? pace : 100)))
	sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
done
echo "# $((SECONDS - began)) s; troubles: $(for k in "${!kinds[@]}"; do printf '%s %s  ' "$k" "${kinds[$k]}"; done)"
pg_rig_running || pg_rig_restart
check "no job is left open" test "$(open_jobs)" = 0
for ((i = 0; i < WORKERS; i++)); do kill -TERM "${pid[$i]}"; done
for ((i = 0; i < WORKERS; i++)); do
	wait_for 60 eval "! kill -0 ${pid[$i]}"
	check "worker $i stops when asked" eval "! kill -0 ${pid[$i]} 2>/dev/null"
done
# Nor does a process that has lost its worker, and its job, still write or remove anything.
none_runs() {
	local id
	for id in $(pgrep -f "run .*--claimed"); do ! grep -qaF "PROTEA_STORAGE_ROOT=$W/" "/proc/$id/environ" || return 1; done
}
wait_for 60 none_runs
"$PY" tests/cli/worker_jobs.py check "$PG_URL" "$W/store" "$train" >"$TMP/check" 2>&1
rc=$?
grep '^#' "$TMP/check"
check "every job ended exactly once, every data set is whole" eval "cat '$TMP/check'; [ $rc -eq 0 ]"
check "there are all of them" test "$(pg_sql 'SELECT count(*) FROM job')" = "$JOBS"
check "some succeeded" test "$(pg_sql "SELECT count(*) > 10 FROM job WHERE status = 'SUCCEEDED'")" = t
leak() { ! grep -rqF -e "$PG_PASSWORD" -e "$PG_PASSWORD_URL" "$TMP"/worker? "$W/resume" "$W/store"; }
check "no log, staging or object has the password" leak
check "no row has it" test "$(pg_sql "SELECT (SELECT count(*) FROM job_event e WHERE position('$PG_PASSWORD' in e::text) > 0) +
	(SELECT count(*) FROM job j WHERE position('$PG_PASSWORD' in j::text) > 0) +
	(SELECT count(*) FROM dataset d WHERE position('$PG_PASSWORD' in d::text) > 0)")" = 0
[ "$tap_failed" -eq 0 ]
