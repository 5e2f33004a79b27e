#!/bin/bash
# Runs on data, folders, disks and job tables that are wrong or unusual: damaged bundles, embeddings that are
# not numbers, proteins without sequences, very long ones, read-only and full disks, leftovers of killed
# uploads, jobs by UUID and who may run them.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "unusual data is told or computed"

NAME=odd
world "$TMP/base" 1 small none
job "$TMP/base/job-v5-all.json" "$TMP/base/job.json" "p['output_name']='$NAME'"
fresh() { rm -rf "$TMP/w" && cp -r "$TMP/base" "$TMP/w"; }
B=$TMP/w/bundle.sqlite
L=$TMP/log
change() { job "$TMP/base/job.json" "$TMP/w/job.json" "$@"; }
warned() { asks "$B" "SELECT count(*) FROM job_event WHERE level = 'warning' AND event LIKE '%.warning' AND fields->>'code' = '$1'" "${2:-1}"; }
rows() { asks "$B" "SELECT count(*) FROM dataset" "$1"; }
# fails TITLE TEXT…
fails() {
	local title=$1 rc
	shift
	run "$L" "$TMP/w/job.json"
	rc=$?
	check "$title: fails" test $rc -eq 1
	check "$title: said" says "$L" "$@"
	check "$title: nothing published" absent "$TMP/w/store/datasets"
}
f32="(SELECT id FROM embedding_config WHERE model_name = 'model-f32')"
# Row ids of the embeddings of the first N sequences, in the order of their proteins.
first_rows() {
	echo "(SELECT id FROM sequence_embedding WHERE embedding_config_id = $f32 AND sequence_id IN (SELECT sequence_id FROM (
		SELECT e.sequence_id, min(p.accession) a FROM sequence_embedding e JOIN protein p USING (sequence_id)
		WHERE e.embedding_config_id = $f32 GROUP BY 1 ORDER BY a LIMIT $1)))"
}

# ---- embeddings --------------------------------------------------------------------------------------------

fresh
check "the untouched world runs" run "$L" "$TMP/w/job.json"
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = CAST(x'0000c07f' || substr(embedding, 5) AS BLOB) WHERE id IN $(first_rows 12)"
check "embeddings with NaN: the run goes on" run "$L" "$TMP/w/job.json"
check "embeddings with NaN: one warning with count and at most ten accessions" asks "$B" "SELECT fields->>'details'->>'proteins' >= 12,
	json_array_length(fields, '\$.details.accessions') FROM job_event WHERE fields->>'code' = 'non_finite_embeddings'" '1|10'
check "embeddings with NaN: counted in the event" asks "$B" "SELECT fields->>'dropped_non_finite' >= 12 FROM job_event
	WHERE event LIKE '%.embeddings_preloaded'" 1
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = CAST(x'0000c07f' || substr(embedding, 5) AS BLOB) WHERE id IN $(first_rows 1)"
change "p['strict_embeddings']=True"
fails "NaN with strict_embeddings" "not finite" "$(sql "$B" "SELECT min(accession) FROM protein p JOIN sequence_embedding e USING (sequence_id) WHERE e.id IN $(first_rows 1)")"
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = CAST(x'0000803f' || x'0010c547' || substr(embedding, 9) AS BLOB) WHERE id IN $(first_rows 1)"
check "a float32 beyond 65504: the run goes on" run "$L" "$TMP/w/job.json"
check "a float32 beyond 65504 is infinite as a half" warned non_finite_embeddings
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = CAST(substr(embedding, 5) AS BLOB), embedding_dim = embedding_dim - 1 WHERE id IN $(first_rows 1)"
fails "a row of another dimension" "$(sql "$B" "SELECT min(accession) FROM protein p JOIN sequence_embedding e USING (sequence_id) WHERE e.id IN $(first_rows 1)")" \
	"$(sql "$B" "SELECT id FROM embedding_config WHERE model_name = 'model-f32'")" dimension
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = CAST(substr(embedding, 2) AS BLOB) WHERE id IN $(first_rows 1)"
fails "a blob that is neither float16 nor float32" sequence_embedding
fresh
sql "$B" "UPDATE sequence_embedding SET embedding = zeroblob(length(embedding)) WHERE embedding_config_id = $f32"
check "zero vectors are at distance 1 and run" run "$L" "$TMP/w/job.json"
fresh
sql "$B" "DELETE FROM sequence_embedding WHERE embedding_config_id = $f32"
fails "a configuration without embeddings" "has no embeddings"
check "a configuration without embeddings: found at the start" absent "$TMP/w/resume"

# ---- proteins and sequences --------------------------------------------------------------------------------

fresh
sql "$B" "PRAGMA foreign_keys = OFF; UPDATE sequence SET sequence = '' WHERE id IN (SELECT sequence_id FROM sequence_embedding WHERE id IN $(first_rows 5));
	UPDATE protein SET sequence_id = NULL WHERE accession IN (SELECT accession FROM protein ORDER BY accession DESC LIMIT 3);
	UPDATE protein SET taxonomy_id = 'human' WHERE accession IN (SELECT accession FROM protein ORDER BY accession LIMIT 1);
	UPDATE protein SET taxonomy_id = '0' WHERE accession IN (SELECT accession FROM protein ORDER BY accession LIMIT 1 OFFSET 1);
	UPDATE protein SET taxonomy_id = '99999999999999999999' WHERE accession IN (SELECT accession FROM protein ORDER BY accession LIMIT 1 OFFSET 2)"
check "empty texts, no sequence row, taxa that are no numbers: the run goes on" run "$L" "$TMP/w/job.json"
check "proteins without sequence are counted" asks "$B" "SELECT fields->>'without_sequence' >= 3 FROM job_event WHERE event LIKE '%.maps_loaded'" 1
check "and reported" "$PY" -c 'import json, sys; r = json.load(open(sys.argv[1])); assert r["dropped_proteins"]["no_sequence"] >= 3, r["dropped_proteins"]' \
	"$TMP/w/store/datasets/$NAME/report.json"
fresh
sql "$B" "UPDATE sequence SET sequence = (SELECT group_concat(sequence, '') FROM sequence, (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3
	UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9))
	WHERE id IN (SELECT sequence_id FROM sequence_embedding WHERE id IN $(first_rows 2))"
sql "$B" "UPDATE sequence SET sequence = substr(sequence || sequence || sequence || sequence || sequence || sequence || sequence
	|| sequence || sequence || sequence || sequence || sequence || sequence || sequence, 1, 35000) WHERE length(sequence) > 2000"
longest=$(sql "$B" 'SELECT max(length(sequence)) FROM sequence')
change "p['k']=2" "p['train_versions']=[160, 165]; p['test_versions']=[170]"
if nm -D "$EXPORT" | grep -q -e __asan -e __tsan; then
	skip "sequences of 35,000 residues align in 1 GiB of addresses" "the program is sanitized"
else
	check "sequences of $longest residues align in 1 GiB of addresses" bash -c "ulimit -v 1048576; \
		timeout 300 '$EXPORT' run -q -w 1 --memory-limit 4GiB '$TMP/w/job.json'"
	check "35,000 residues it were" test "$longest" -ge 30000
fi

# ---- annotation ----------------------------------------------------------------------------------------------

fresh
sql "$B" "UPDATE OR REPLACE protein_go_annotation SET evidence_code = 'IEA'"
"$EXPORT" check "$TMP/w/job.json" >"$L" 2>&1
check "no experimental annotation anywhere: check fails" test $? -eq 1
check "no experimental annotation anywhere: check says so" says "$L" "no training data would come from any split" "v170-v175: no ground truth in any category"
fails "no experimental annotation anywhere" "No training data produced from any split" "v160-v165: no ground truth in any category" "v170-v175: "
check "each pair is skipped with a warning" asks "$B" "SELECT count(*) FROM job_event WHERE event LIKE '%.split_skipped' AND level = 'warning'" 4
fresh
if [ -d tests/node/node_modules/@duckdb ]; then
	sql "$B" "UPDATE evaluation_set SET groundtruth_uri = 'stored'"
	printf 'P1\tGO:0000001\tnk\nP1\tGO:0000002\t\n' >"$TMP/buckets.tsv"
	for id in $(sql "$B" "SELECT id FROM evaluation_set"); do
		node tests/oracle/groundtruth_parquet.mjs "$TMP/buckets.tsv" "$TMP/w/store/eval_groundtruth/$id/groundtruth.parquet"
	done
	fails "stored buckets with a gap" "groundtruth.parquet" "row 2 has no bucket" compute_groundtruth
else
	skip "stored buckets with a gap" "the packages of tests/node are not installed"
fi
fresh
sql "$B" "UPDATE OR REPLACE protein_go_annotation SET evidence_code = 'IEA' WHERE annotation_set_id IN (SELECT id FROM annotation_set WHERE source_version = '180')"
check "a test pair without rows: the data set is registered all the same" run "$L" "$TMP/w/job.json"
check "a test pair without rows: eval_uri is NULL, a warning" eval "warned no_eval_rows && asks '$B' 'SELECT eval_uri IS NULL, n_eval_rows FROM dataset' '1|0'"
check "a test pair without rows: no file, said so" eval "absent '$TMP/w/store/datasets/$NAME/eval.parquet' && says '$L' 'the test pair has no row'"
check "a test pair without rows: the manifest names the pair" grep -q '"eval_snapshot_pair": "v175-v180"' "$TMP/w/store/datasets/$NAME/manifest.json"
fresh
sql "$B" "DELETE FROM protein_go_annotation WHERE go_term_id IN (SELECT id FROM go_term WHERE aspect = 'F')"
check "an aspect without references runs" run "$L" "$TMP/w/job.json"
check "its references are none" asks "$B" "SELECT DISTINCT fields->>'references' FROM job_event WHERE event LIKE '%.aspect_loaded' AND fields->>'aspect' = 'mfo'" 0
fresh
change "p['k']=5000"
check "K above the number of references takes them all" run "$L" "$TMP/w/job.json"

# ---- damaged bundles ----------------------------------------------------------------------------------------

fresh
for n in 0 50 4096 100000; do
	head -c $n "$TMP/base/bundle.sqlite" >"$B"
	check_fails 1 "a bundle cut to $n bytes" run "$L" "$TMP/w/job.json"
	check "a bundle cut to $n bytes: said" eval "says '$L' bundle.sqlite && ! grep -q 'internal' '$L'"
done
head -c 100000 /dev/urandom >"$B"
check_fails 1 "a bundle of noise" run "$L" "$TMP/w/job.json"
check "a bundle of noise: said" says "$L" "is not a SQLite file"
rm "$B" && sqlite3 "$B" 'CREATE TABLE x (y)'
check_fails 1 "a data base that is no bundle" run "$L" "$TMP/w/job.json"
crashes=0
for seed in 1 2 3 4 5 6 7 8; do
	"$PY" -c 'import random, sys
r = random.Random(int(sys.argv[3])); d = bytearray(open(sys.argv[1], "rb").read()); o = r.randrange(4096, len(d) - 3000)
d[o:o + 3000] = bytes(r.randrange(256) for _ in range(3000)); open(sys.argv[2], "wb").write(d)' "$TMP/base/bundle.sqlite" "$B" $seed
	rm -rf "$TMP/w/resume" "$TMP/w/store"
	run "$L" "$TMP/w/job.json"
	[ $? -le 1 ] || { crashes=$((crashes + 1)) && tail -n 3 "$L"; }
done
check "bundles with 3,000 bytes of noise inside end in an error or a data set" test $crashes -eq 0
for statement in "DROP TABLE evaluation_set" "ALTER TABLE protein RENAME COLUMN sequence_id TO s" "ALTER TABLE job DROP COLUMN error_code"; do
	fresh
	sql "$B" "$statement"
	check_fails 1 "a bundle after $statement" run "$L" "$TMP/w/job.json"
	check "a bundle after $statement: the table is named" says "$L" "$(echo "$statement" | cut -d' ' -f3)"
done
fresh
sql "$B" "DROP VIEW job_events; CREATE TABLE job_events (x); INSERT INTO job_events VALUES (1)"
check "a table in the place of the view job_events stops nothing" run "$L" "$TMP/w/job.json"

# ---- folders and disks --------------------------------------------------------------------------------------

chmod -R a+rX "$TMP"
can_drop() { [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$EXPORT"; }
unprivileged() { setpriv --reuid=65534 --regid=65534 --clear-groups "$EXPORT" run --memory-limit 4GiB "$TMP/w/job.json" >"$L" 2>&1; }
if [ "$(id -u)" -ne 0 ]; then unprivileged() { run "$L" "$TMP/w/job.json"; }; fi
if [ "$(id -u)" -eq 0 ] && ! can_drop; then
	skip "read-only folders are found at the start" "setpriv cannot drop privileges here"
else
	fresh
	chmod 755 "$TMP" "$TMP/w" && chmod 644 "$B"
	[ "$(id -u)" -ne 0 ] && chmod a-w "$TMP/w" "$B"
	check_fails 1 "a read-only bundle" unprivileged
	check "a read-only bundle: said" says "$L" "cannot be written" "make the file writable"
	chmod u+w "$TMP/w" "$B"
	chmod 666 "$B" && chmod 777 "$TMP/w"
	mkdir "$TMP/w/resume" "$TMP/w/store" && chmod 555 "$TMP/w/resume" "$TMP/w/store"
	check_fails 1 "a read-only store and resume folder" unprivileged
	check "both are listed at the start" says "$L" "PROTEA_EXPORT_RESUME_DIR: '$TMP/w/resume' cannot be written to" "artifact store '$TMP/w/store'" "2 problems"
	check "and nothing was begun" asks "$B" "SELECT count(*) FROM job_event WHERE event LIKE '%.start'" 0
	chmod 755 "$TMP/w/resume" "$TMP/w/store"
fi

# small MOUNT SIZE: the job with a file system of that size there.
cat >"$TMP/small.sh" <<-'EOF'
	mount -t tmpfs -o "size=$2" none "$1" || exit 99
	"$EXPORT" run -q --memory-limit 4GiB "$TMP/w/job.json" >"$TMP/log" 2>&1
	rc=$?
	find "$1" -type f | sort >"$TMP/left"
	exit $rc
EOF
if ! unshare -rm mount -t tmpfs none /mnt 2>/dev/null; then
	skip "full disks are told" "no mount namespace here"
else
	for where in resume store; do
		fresh
		mkdir "$TMP/w/$where"
		check_fails 1 "a full disk under $where" unshare -rm bash "$TMP/small.sh" "$TMP/w/$where" 64k
		check "a full disk under $where: file and space are named" says "$L" "cannot write $TMP/w/$where/" "bytes free there" "No space left on device"
		check "a full disk under $where: how to go on" says "$L" "run the job again and it goes on"
		check "a full disk under $where: the row says it too" asks "$B" "SELECT status, error_code FROM job" 'FAILED|InputOutputError'
		check "a full disk under $where: no manifest, no half file" eval "! grep -e manifest.json -e '\.tmp\.' -e '\.new\.' '$TMP/left'"
		check "a full disk under $where: with room the job is done" run "$L" "$TMP/w/job.json"
	done
	check "what was staged before the disk was full was used" asks "$B" "SELECT count(*) > 0 FROM job_event WHERE event LIKE '%\_resumed' ESCAPE '\\'" 1
fi
fresh
(ulimit -f 60 && exec "$EXPORT" run -q --memory-limit 4GiB "$TMP/w/job.json") >"$L" 2>&1
rc=$?
check "a limit on file sizes is an error, not a crash" test $rc -eq 1

# ---- what a killed upload left ------------------------------------------------------------------------------

fresh
run "$L" --keep-staging "$TMP/w/job.json"
published "$TMP/w" $NAME >"$TMP/reference"
# As if it had been killed between the manifest and the row: the journal names all objects.
journal="$TMP/w/resume/$NAME-uploads-$(printf %s "$B" | sha256sum | cut -c1-12).txt"
for f in train.parquet eval.parquet report.json manifest.json; do
	echo "$(sha256sum <"$TMP/w/store/datasets/$NAME/$f" | cut -d' ' -f1) datasets/$NAME/$f"
done >"$journal"
sql "$B" 'DELETE FROM dataset; DELETE FROM job_event'
check "check does not mind what a killed upload left" "$EXPORT" check --memory-limit 4GiB "$TMP/w/job.json"
check "objects of a killed upload are replaced" run "$L" "$TMP/w/job.json"
check "each with a warning" warned leftover 4
check "the files are the same" eval "diff '$TMP/reference' <(published '$TMP/w' $NAME)"
check "journal and staging are gone" empty "$TMP/w/resume"
run "$L" --keep-staging "$TMP/w/job.json"
sql "$B" 'DELETE FROM dataset; DELETE FROM job_event'
printf '%064d datasets/%s/manifest.json\n' 0 $NAME >"$journal"
printf '%064d datasets/%s/train.parquet\n' 0 $NAME >>"$journal"
for f in eval.parquet report.json; do rm "$TMP/w/store/datasets/$NAME/$f"; done
check_fails 1 "objects with other bytes than were noted are somebody else's" run "$L" "$TMP/w/job.json"
check "and stay" eval "says '$L' 'no run of this data set put it there' && test -s '$TMP/w/store/datasets/$NAME/train.parquet'"

# ---- jobs by UUID -------------------------------------------------------------------------------------------

id=11111111-2222-4333-8444-555555555555
queue() { # STATUS [PARENT]
	fresh
	"$PY" - "$TMP/w" "$1" "${2:-}" "$id" <<-'EOF'
		import json, sqlite3, sys
		folder, status, parent, job = sys.argv[1:]
		j = json.load(open(folder + "/job.json"))
		json.dump(j["environment"], open(folder + "/env.json", "w"))
		db = sqlite3.connect(folder + "/bundle.sqlite")
		if parent:
		    db.execute("INSERT INTO job (id, operation, queue_name, status) VALUES (?, 'x', 'q', ?)", ("p" + job[1:], parent))
		db.execute("INSERT INTO job (id, operation, queue_name, status, payload, parent_job_id) VALUES (?, ?, 'protea.training', ?, ?, ?)",
		           (job, "export_research_dataset", status, json.dumps(dict(j["payload"], _job_id=job)), "p" + job[1:] if parent else None))
		db.commit()
	EOF
}
# claim LOG: the job by its UUID, with the environment that its file would have given.
claim() {
	(cd "$TMP/w" && export PROTEA_ANC2VEC_PATH=anc2vec.tsv PROTEA_STORAGE_ROOT=store PROTEA_EXPORT_RESUME_DIR=resume \
		PROTEA_TAXONOMY_PATH=taxa.sqlite PROTEA_INTERPRO_GO_PRED_PATH=interpro.tsv &&
		timeout 300 "$EXPORT" run --memory-limit 4GiB --db bundle:bundle.sqlite "$id" >"$1" 2>&1)
}
queue QUEUED
check "a queued job runs by its UUID" claim "$L"
check "its row is SUCCEEDED, with times and lease" asks "$B" "SELECT status, started_at <= finished_at, leased_until > started_at FROM job WHERE id = '$id'" 'SUCCEEDED|1|1'
check "its events begin with job.started and end with job.succeeded" asks "$B" "SELECT (SELECT event FROM job_event ORDER BY id LIMIT 1),
	(SELECT event FROM job_event ORDER BY id DESC LIMIT 1), count(*) FROM job_event WHERE event LIKE 'job.%'" 'job.started|job.succeeded|2'
check "job.started names the worker" asks "$B" "SELECT fields->>'worker' <> '' FROM job_event WHERE event = 'job.started'" 1
check "the data set belongs to it" asks "$B" 'SELECT job_id FROM dataset' $id
before=$(sql "$B" 'SELECT count(*) FROM job_event')
check "claiming it again leaves silently" claim "$L"
check "and changes nothing" eval "asks '$B' 'SELECT count(*) FROM job_event' $before && asks '$B' \"SELECT status FROM job WHERE id = '$id'\" SUCCEEDED"
for status in RUNNING FAILED CANCELLED; do
	queue $status
	check "a $status job is left alone" eval "claim '$L' && asks '$B' \"SELECT status, (SELECT count(*) FROM job_event) FROM job WHERE id = '$id'\" '$status|0'"
done
queue QUEUED
sql "$B" "DELETE FROM job"
check "a job that is not there is no failure" claim "$L"
queue QUEUED
for n in 1 2 3 4; do claim "$TMP/claim$n" & done
wait
check "of four claims at once exactly one runs" eval "asks '$B' \"SELECT count(*) FROM job_event WHERE event IN ('job.started', 'job.succeeded')\" 2 && rows 1"
queue QUEUED CANCELLED
claim "$L"
check "a cancelled parent cancels the job" asks "$B" "SELECT status, finished_at IS NOT NULL FROM job WHERE id = '$id'" 'CANCELLED|1'
check "job.cancelled says why, and nothing ran" asks "$B" "SELECT fields, (SELECT count(*) FROM job_event WHERE event LIKE 'export%') FROM job_event
	WHERE event = 'job.cancelled'" '{"reason":"parent_cancelled"}|0'
queue QUEUED
sql "$B" "UPDATE sequence SET sequence = (SELECT substr(group_concat(sequence, ''), 1, 3000) FROM sequence, (SELECT 1 UNION SELECT 2 UNION SELECT 3)) || id"
PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS=1 PROTEA_SIMD=portable claim "$L" &
wait_for 20 grep -q knn_done "$L"
sql "$B" "UPDATE job SET status = 'CANCELLED' WHERE status = 'RUNNING'"
wait $!
rc=$?
if [ $rc -eq 0 ] || ! grep -q 'was cancelled' "$L"; then
	skip "a job that is cancelled while it runs stops" "it was done before"
else
	check "a job that is cancelled while it runs stops" asks "$B" "SELECT (SELECT status FROM job), (SELECT count(*) FROM dataset),
		(SELECT fields FROM job_event WHERE event = 'job.cancelled'), (SELECT count(*) FROM job_event WHERE event = 'job.failed')" \
		'CANCELLED|0|{"reason":"cancelled"}|0'
	check "and its finished work is kept" says "$L" "job $id was cancelled" "run --again $id"
fi
queue QUEUED RUNNING
check "a running parent does not" claim "$L"
queue QUEUED
sql "$B" "UPDATE job SET payload = json_set(payload, '\$.k', 0)"
check_fails 2 "a queued job with a bad payload is refused" claim "$L"
check "its row says why" asks "$B" "SELECT status, error_code, error_message FROM job" 'FAILED|InvalidPayload|payload.k: must be greater than 0'
for bad in "payload = '{'" "payload = '[]'" "operation = 'train_model'"; do
	queue QUEUED
	sql "$B" "UPDATE job SET $bad"
	claim "$L"
	rc=$?
	check "a queued job with $bad fails with a row and an event" eval "[ $rc -ne 0 ] && asks '$B' \"SELECT status, error_message <> '',
		(SELECT count(*) FROM job_event WHERE event = 'job.failed') FROM job\" 'FAILED|1|1'"
done
queue QUEUED
rm "$TMP/w/anc2vec.tsv"
check_fails 1 "a queued job without a file it needs fails" claim "$L"
check "its row and event say so" asks "$B" "SELECT status, error_code, (SELECT message LIKE '%anc2vec%' FROM job_event WHERE event = 'job.failed') FROM job" 'FAILED|NotFound|1'

# A job on standard input has its paths from the working directory.
fresh
check "a job on standard input runs" bash -c "cd '$TMP/w' && '$EXPORT' run --memory-limit 4GiB --json - <job.json 2>'$L' >'$TMP/out'"
check "--json prints the result of the specification" "$PY" -c 'import json, sys
r = json.load(open(sys.argv[1]))
assert list(r) == ["dumped", "dump_path", "dump_stats", "elapsed_seconds", "dataset_id", "output_name", "key_prefix", "storage_backend",
    "train_uri", "eval_uri", "manifest_uri", "manifest_sha"], list(r)
assert list(r["dump_stats"]) == ["dump_dir", "n_train_rows", "n_eval_rows", "train_snapshot_pairs", "eval_snapshot_pair", "schema_sha"]' "$TMP/out"
check "check --json parses" bash -c "'$EXPORT' check --memory-limit 4GiB --json '$TMP/w/job-off.json' 2>/dev/null | '$PY' -m json.tool"
[ "$tap_failed" -eq 0 ]
