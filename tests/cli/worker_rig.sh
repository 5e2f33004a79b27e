# Sourced by tests of workers, after lib.sh, job.sh and pg_rig.sh: the tiny bundle in a database, a small job, the
# settings of workers.
# shellcheck shell=bash
W=$TMP/w # what workers leave: store and staging

# worker_need NAME: skips the whole file when a tool is missing.
worker_need() {
	need "$1"
	pg_rig_need "$1"
	"$PY" -c 'import psycopg2' 2>/dev/null && return
	skip "$1" "python3-psycopg2 is missing"
	exit 0
}

# Starts the server, loads it. A job is the smallest that gives rows.
worker_rig() {
	local tiny=$PWD/$O/samples/tiny
	pg_rig_start || return 1
	samples/build.sh tiny "$tiny" >"$TMP/build" 2>&1 || { cat "$TMP/build" && return 1; }
	"$EXPORT" bundle load -q "$tiny/tiny.bundle" --to "$PG_URL" || return 1
	mkdir "$W"
	cat >"$W/job.json" <<-END
		{"operation": "export_research_dataset", "source": "$PG_URL", "environment": {}, "payload": {
		"output_name": "one", "embedding_config_id": "084943c6-fec1-441d-bdc5-63b0268ada1b",
		"ontology_snapshot_id": "884d1167-86e5-8831-94d6-f1160a3c5244",
		"train_versions": [160, 165], "test_versions": [170], "k": 2}}
	END
	export PROTEA_DB_URL=$PG_URL PROTEA_ANC2VEC_PATH=$tiny/anc2vec.npz PROTEA_TAXONOMY_PATH=$tiny/taxonomy \
		PROTEA_STORAGE_ROOT=$W/store PROTEA_EXPORT_RESUME_DIR=$W/resume PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS=1
}

# queue PREFIX N [STATEMENT…]: jobs PREFIX1 … in the queue; prints their ids.
queue() {
	"$PY" tests/cli/worker_jobs.py queue "$PG_URL" "$W/job.json" "$@"
}
# status ID
status() { pg_sql "SELECT status FROM job WHERE id = '$1'"; }
is() { [ "$(status "$1")" = "$2" ] || { pg_sql "SELECT * FROM job WHERE id = '$1'" && return 1; }; }

# worker LOG ARGUMENT…
worker() {
	local log=$1
	shift
	timeout -k 5 300 "$EXPORT" worker --memory-limit 4GiB "$@" >"$log" 2>&1
}
# A job that lasts, however late we are to see it: alignments on one thread without vector instructions, in many pairs of
# releases.
# shellcheck disable=SC2034 # for who sources this
LONG="p.update(train_versions=[160, 165, 170, 175, 180], test_versions=[185], k=150, compute_alignments=True)"
L=$TMP/log

begun() { [ -n "$(pg_sql "SELECT 1 FROM job_event WHERE job_id = '$1' AND event LIKE '%split_start'")" ]; }
# shellcheck disable=SC2034 # for who sources this
process_of() { # JOB: the process $c that runs it, and its worker $w
	c=$(pgrep -f "run .*--claimed [0-9]* $1") &&
		w=$(ps -o ppid= -p "$c" | tr -d " ")
}
# under_way PREFIX: a long job in a worker $w, its process $c, its pairs begun.
under_way() {
	id=$(queue "$1" 1 "$LONG")
	PROTEA_SIMD=portable worker "$L" --poll 0.2 --once "${@:2}" &
	wait_for 60 begun "$id"
	process_of "$id"
}
gone() { ! kill -0 "$1" 2>/dev/null; }
ended() { pg_sql "SELECT status || ' ' || coalesce(error_code, '') || ' ' || (SELECT count(*) FROM job_event e
	WHERE e.job_id = j.id AND event IN ('job.failed', 'job.succeeded', 'job.cancelled')) FROM job j WHERE id = '$id'"; }
