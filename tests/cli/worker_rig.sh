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
