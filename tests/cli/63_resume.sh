#!/bin/bash
# A stopped run goes on from what it finished: after SIGTERM and after damage to its staging folder; and it
# does not when anything changed that can change a value: payload, files, data.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "stopped runs go on"

NAME=resumed
world "$TMP/mid" 1 mid
job "$TMP/mid/job-v5-all.json" "$TMP/mid/job.json" "p['output_name']='$NAME'"
fresh() { rm -rf "$1" && cp -r "$2" "$1"; }
events() { sql "$1/bundle.sqlite" "SELECT count(*) FROM job_event WHERE event LIKE 'export_research_dataset.$2'"; }
forget() { sql "$1/bundle.sqlite" 'DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job' && rm -rf "$1/store"; }
staging() { echo "$1"/resume/"$NAME"-*; }

fresh "$TMP/r" "$TMP/mid"
run "$TMP/log" "$TMP/r/job.json"
published "$TMP/r" $NAME >"$TMP/reference"
same_as_reference() { diff "$TMP/reference" <(published "$1" $NAME); }

# ---- SIGTERM -----------------------------------------------------------------------------------------------

# A library that has a process end itself by a signal when it says a text.
cat >"$TMP/halt.c" <<-'EOF'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <signal.h>
	#include <stdlib.h>
	#include <string.h>
	#include <unistd.h>
	ssize_t write(int fd, const void *b, size_t n)
	{
		static ssize_t (*next)(int, const void *, size_t);
		const char *at = getenv("HALT_AT"), *by = getenv("HALT_BY");
		ssize_t rc;
		if (!next)
			next = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
		rc = next(fd, b, n);
		if (fd == 2 && at && by && memmem(b, n, at, strlen(at)))
			kill(getpid(), atoi(by));
		return rc;
	}
EOF
if ! "${CC:-cc}" -shared -fPIC -o "$TMP/halt.so" "$TMP/halt.c" -ldl 2>"$TMP/cc.log"; then
	skip "stopped runs go on" "no C compiler"
	exit 0
elif nm -D "$EXPORT" | grep -q __asan; then
	skip "stopped runs go on" "the program is sanitized"
	exit 0
fi
# halted SIGNAL TEXT COMMAND…: it gets the signal from itself when it says TEXT; the exit code.
halted() {
	env LD_PRELOAD="$TMP/halt.so" HALT_BY="$(kill -l "$1")" HALT_AT="$2" "${@:3}" >"$TMP/log" 2>&1
}
# stop FOLDER SIGNAL TEXT: the folder's job.
stop() { { halted "$2" "$3" "$EXPORT" run --memory-limit 4GiB "$1/job.json"; } 2>/dev/null; }
fresh "$TMP/t" "$TMP/mid"
stop "$TMP/t" TERM 'split_staged  split=1 '
rc=$?
check "SIGTERM ends a run with exit code 1" test "$rc" -eq 1
check "it says what happened and how to go on" says "$TMP/log" "stopped by SIGTERM" "run the job again and it goes on"
check "the job is FAILED with WorkerShutdown" test "$(last_job "$TMP/t/bundle.sqlite" \
	"status || ' ' || error_code || ' ' || (finished_at >= started_at)")" = "FAILED WorkerShutdown 1"
check "job.failed carries the code" test "$(sql "$TMP/t/bundle.sqlite" \
	"SELECT level, fields FROM job_event WHERE event = 'job.failed'")" = 'error|{"error_code":"WorkerShutdown"}'
check "staging is kept" test -s "$(staging "$TMP/t")/v160-v165.json"
check "nothing is published" test ! -e "$TMP/t/store/datasets"
check "no name is reserved any more" absent "$TMP"/t/bundle.sqlite.lock-*
check "the next run goes on" run "$TMP/log" "$TMP/t/job.json"
check "it says which pairs it took over" test "$(sql "$TMP/t/bundle.sqlite" "SELECT fields FROM job_event
	WHERE event = 'export_research_dataset.split_resumed' ORDER BY id LIMIT 1")" = '{"split":1,"skipped":false}'
check "it writes the same bytes" same_as_reference "$TMP/t"
check "staging is gone" empty "$TMP/t/resume"

for signal in INT HUP; do
	fresh "$TMP/t" "$TMP/mid"
	stop "$TMP/t" $signal 'annotations_loaded '
	rc=$?
	case $signal-$rc in # what who started us ignores, it ignores
	*-1) check "SIG$signal ends a run like SIGTERM" test "$(last_job "$TMP/t/bundle.sqlite" error_code)" = WorkerShutdown ;;
	*-0) skip "SIG$signal ends a run like SIGTERM" "ignored here" ;;
	*) not_ok "SIG$signal ends a run like SIGTERM" ;;
	esac
done

# ---- kill -9 between the stages that are common to the pairs -------------------------------------------------

# told FOLDER EVENT FIELD: what the last run's events of this name have in the field.
told() { sql "$1/bundle.sqlite" "SELECT group_concat(DISTINCT fields->>'$3') FROM job_event WHERE event LIKE '%.$2'
	AND job_id = (SELECT id FROM job ORDER BY started_at DESC, rowid DESC LIMIT 1)"; }
fresh "$TMP/t" "$TMP/mid"
stop "$TMP/t" KILL 'knn_done  split=test '
check "killed after the neighbours, a run goes on" run "$TMP/log" "$TMP/t/job.json"
check "no neighbour is searched again" test "$(told "$TMP/t" knn_done shared)" = 1
check "its bytes are the same" same_as_reference "$TMP/t"
fresh "$TMP/t" "$TMP/mid"
stop "$TMP/t" KILL 'alignment_done  split=test '
check "killed after the alignments, a run goes on" run "$TMP/log" "$TMP/t/job.json"
check "nothing is aligned again" test "$(told "$TMP/t" alignment_done computed)" = 0
check "its bytes are the same, too" same_as_reference "$TMP/t"
fresh "$TMP/t" "$TMP/mid"
stop "$TMP/t" KILL 'knn_done  split=test '
for f in "$(staging "$TMP/t")"/*.knn.0; do truncate -s -9 "$f"; done
check "with cut neighbours it goes on all the same" run "$TMP/log" "$TMP/t/job.json"
check "they are searched again" test "$(told "$TMP/t" knn_done shared)" = 0
check "and its bytes are the same" same_as_reference "$TMP/t"

# ---- a grid --------------------------------------------------------------------------------------------------

grid() { timeout -k 5 120 "$EXPORT" grid --memory-limit 4GiB "$1/grid.json" >"$TMP/log" 2>&1; }
cells() { (cd "$1/store/datasets" && sha256sum bench-*/train.parquet bench-*/eval.parquet bench-*/manifest.json); }
# stop_grid FOLDER TEXT: kill -9 when the log says the text.
stop_grid() { { halted KILL "$2" "$EXPORT" grid --memory-limit 4GiB "$1/grid.json"; } 2>/dev/null; }
job "$TMP/mid/job.json" "$TMP/mid/grid.json" "j['operation']='export_grid'" "[p.pop(x) for x in ('output_name', 'k')]" \
	"j['cells']=dict(plm=['model-f16', 'model-f32'], k=[2, 7])"
fresh "$TMP/g" "$TMP/mid"
check "a grid runs" grid "$TMP/g"
cells "$TMP/g" >"$TMP/cells"
check "values of the payload that no cell takes are told" eval "grep -q 'payload.embedding_config_id is not used' '$TMP/log' &&
	! grep 'payload.k is not used' '$TMP/log'"
check "it aligns once, for all cells" eval "[ \$(grep -c 'grid_aligned ' '$TMP/log') -eq 1 ] && ! grep 'grid_aligned .* computed=0 ' '$TMP/log' &&
	[ \"\$(sql '$TMP/g/bundle.sqlite' \"SELECT sum(fields->>'computed') FROM job_event WHERE event LIKE '%.alignment_done'\")\" = 0 ]"
check "it searches once for each model" test "$(grep -c 'knn_done .* shared=false ' "$TMP/log")" -eq 6
for at in 'neighbours of model-f32' 'grid_aligned ' 'cell bench-v1-K2-v175-lineage-model-f16'; do
	fresh "$TMP/g" "$TMP/mid"
	stop_grid "$TMP/g" "$at"
	check "killed at '$at' it goes on" grid "$TMP/g"
	check "its cells are the same" diff "$TMP/cells" <(cells "$TMP/g")
	check "the first model's neighbours are not searched again" test "$(grep -c 'knn_done .* shared=false ' "$TMP/log")" -le 3
	[ "$at" = 'neighbours of model-f32' ] ||
		check "nothing is aligned again" eval "! grep 'grid_aligned ' '$TMP/log' | grep -v ' computed=0 '"
	check "nothing is left of it" empty "$TMP/g/resume"
done

# ---- damage to staging -------------------------------------------------------------------------------------

fresh "$TMP/kept" "$TMP/mid"
run "$TMP/log" --keep-staging "$TMP/kept/job.json"
forget "$TMP/kept"
check "--keep-staging keeps it" test -s "$(staging "$TMP/kept")/v175-v180.json"
fresh "$TMP/t" "$TMP/kept"
check "a whole folder is taken over whole" run "$TMP/log" "$TMP/t/job.json"
check "every pair is resumed, the test pair by its own event" test \
	"$(events "$TMP/t" split_resumed) $(events "$TMP/t" test_resumed) $(events "$TMP/t" split_start)" = "3 1 0"
check "test_resumed names the versions" test "$(sql "$TMP/t/bundle.sqlite" "SELECT fields FROM job_event
	WHERE event LIKE '%.test_resumed'")" = '{"test_old":175,"test_new":180}'
check "a skipped pair is resumed as skipped" test "$(sql "$TMP/t/bundle.sqlite" "SELECT fields FROM job_event
	WHERE event LIKE '%.split_resumed' AND fields->>'split' = 2")" = '{"split":2,"skipped":true}'
check "the bytes are the same" same_as_reference "$TMP/t"

# damaged TITLE COMMAND: COMMAND runs in the staging folder; one pair is computed again, with a warning.
damaged() {
	fresh "$TMP/t" "$TMP/kept"
	(cd "$(staging "$TMP/t")" && eval "$2") || { not_ok "$1: cannot be made" && return; }
	check "$1: the run goes on" run "$TMP/log" "$TMP/t/job.json"
	check "$1: only that pair is computed again" test "$(events "$TMP/t" split_start)" = 1
	check "$1: a warning says so" asks "$TMP/t/bundle.sqlite" "SELECT count(*) FROM job_event WHERE level = 'warning'
		AND fields->>'code' = 'resume' AND message LIKE '%v170-v175%again'" 1
	check "$1: the bytes are the same" same_as_reference "$TMP/t"
}
flip() { "$PY" -c 'import sys
d = bytearray(open(sys.argv[1], "rb").read()); d[len(d) // 2] ^= 1; open(sys.argv[1], "wb").write(d)' "$1"; }
damaged "a truncated shard" 'truncate -s -1 v170-v175.nk.parquet'
damaged "a flipped bit in a shard" 'flip v170-v175.pk.parquet'
damaged "a missing shard" 'rm v170-v175.lk.parquet'
damaged "an empty marker" ': >v170-v175.json'
damaged "a marker that is no JSON" 'truncate -s -3 v170-v175.json'
damaged "a marker of another pair" 'cp v160-v165.json v170-v175.json'
damaged "a marker with another count" 'sed -i "s/\"rows\":[0-9]*/\"rows\":0/" v170-v175.json'
damaged "a marker of other inputs" 'sed -i "s/\"fingerprint\":\"./\"fingerprint\":\"x/" v170-v175.json'

# ---- what makes a run another one --------------------------------------------------------------------------

world "$TMP/small" 8 small all
job "$TMP/small/job-v5-all.json" "$TMP/small/job.json" "p['output_name']='$NAME'" "p['ia_file']='ia.tsv'" \
	"e['PROTEA_TAXONOMY_PATH']='taxdump'" "e['PROTEA_PCA_ARTIFACTS_DIR']='state'" "p['compute_association']=True"
run "$TMP/log" --keep-staging "$TMP/small/job.json" || sed 's/^/# /' "$TMP/log"
forget "$TMP/small"
before=$(basename "$(staging "$TMP/small")")

# changed CODE TITLE COMMAND: COMMAND changes something in the world; CODE new, same, or redone: the same folder, of which no pair counts.
changed() {
	local dirs resumed
	fresh "$TMP/t" "$TMP/small"
	cp "$TMP/t/bundle.sqlite" "$TMP/before.sqlite"
	if ! (cd "$TMP/t" && eval "$3") >"$TMP/out" 2>&1; then
		not_ok "$2: cannot be made"
		sed 's/^/# /' "$TMP/out"
		return
	fi
	if ! run "$TMP/log" "$TMP/t/job.json"; then
		not_ok "$2: runs"
		tail -n 3 "$TMP/log" | sed 's/^/# /'
		return
	fi
	resumed=$(sql "$TMP/t/bundle.sqlite" "SELECT count(*) FROM job_event WHERE event LIKE '%\_resumed' ESCAPE '\'")
	dirs=$(sql "$TMP/t/bundle.sqlite" "SELECT fields->>'staging_dir' FROM job_event WHERE event LIKE '%.resume_dir'")
	if [ "$1" = same ]; then
		check "$2 does not matter" eval "[ '$(basename "$dirs")' = '$before' ] && [ '$resumed' -gt 0 ]"
	elif [ "$1" = redone ]; then
		check "$2 makes the pairs new" eval "[ '$(basename "$dirs")' = '$before' ] && [ '$resumed' -eq 0 ]"
	else
		check "$2 makes it another run" eval "[ '$(basename "$dirs")' != '$before' ] && [ '$resumed' -eq 0 ]"
	fi
}
payload() { changed "$1" "payload: $2" "job job.json job.json \"$2\""; }
# data TITLE SQL: the statement must change a row.
data() { changed new "data: $1" "test \"\$(sqlite3 bundle.sqlite \"$2; SELECT changes()\")\" -ge 1"; }
# The first row of the pool, and rows the run reads.
pool_row="(SELECT e.rowid FROM sequence_embedding e JOIN protein p USING (sequence_id) JOIN sequence s ON s.id = e.sequence_id
	WHERE e.embedding_config_id = (SELECT id FROM embedding_config WHERE model_name = 'model-f32') ORDER BY accession, e.id LIMIT 1)"
first_of() { echo "(SELECT min(a.id) FROM protein_go_annotation a JOIN annotation_set s ON s.id = a.annotation_set_id WHERE s.source_version = '$1')"; }
pivot="(SELECT id FROM ontology_snapshot WHERE obo_version = 'releases/C')"

changed same "nothing" true
payload same "p['test_versions'].reverse()"
payload same "e['PROTEA_PAIR_FEATURE_WORKERS']='3'"
payload same "e['PROTEA_METHOD_NUMPY_QUERY_CHUNK']='3'"
payload same "e['PROTEA_ALIGN_CACHE_DIR']='c'"
payload same "e['PROTEA_REF_CACHE_DIR']='c'"
payload same "p['_job_id']='x'; p['unknown']=1"
payload same "p['search_backend']='faiss'"
payload same "e['PROTEA_PCA_ARTIFACTS_DIR']='elsewhere'"
payload new "p['k']=9"
payload new "p['metric']='l2'"
payload new "p['distance_threshold']=0.5"
payload new "p['distance_threshold']=0"
payload new "p['schema_profile']='v2-56'"
payload new "p['compute_alignments']=False"
payload new "p['compute_taxonomy']=False"
payload new "p['expand_votes_to_ancestors']=False"
payload new "p['use_embedding_pca']=False"
payload new "p['compute_self_prior']=False"
payload new "p['compute_association']=False"
payload new "p['sane_empty_sw']=True"
payload new "del p['ia_file']"
payload new "p['train_versions'].remove(165)"
payload new "p['test_versions']=[185]"
payload new "del e['PROTEA_INTERPRO_GO_PRED_PATH']"
payload new "p['ontology_snapshot_id']='$(sql "$TMP/small/bundle.sqlite" "SELECT id FROM ontology_snapshot WHERE obo_version = 'releases/B'")'"
payload new "p['embedding_config_id']='$(sql "$TMP/small/bundle.sqlite" "SELECT id FROM embedding_config WHERE model_name = 'model-f16'")'"
changed new "a number of the term vectors" 'sed -i "1s/\(\t[-0-9.]*\)[0-9]\t/\11\t/" anc2vec.tsv && ! cmp -s anc2vec.tsv ../small/anc2vec.tsv'
changed new "a line more in the InterPro table" 'printf "P1\tGO:0000001\t0.5\n" >>interpro.tsv'
changed new "an IA weight" 'sed -i "1s/$/1/" ia.tsv'
# shellcheck disable=SC2016 # for sed
changed new "a node of the taxonomy" 'sed -i "\$s/|\t[0-9]*/|\t1/" taxdump/nodes.dmp && ! cmp -s taxdump/nodes.dmp ../small/taxdump/nodes.dmp'
changed new "a merged taxon" 'head -n -1 taxdump/merged.dmp >x && mv x taxdump/merged.dmp'
# shellcheck disable=SC2016 # evaluated there
changed new "another PCA state" '"$PY" -c "
import glob, numpy
f = glob.glob(\"state/*.npz\")[0]; d = dict(numpy.load(f)); d[\"components\"] = -d[\"components\"]; numpy.savez(f, **d)"'
data "a number of an embedding" "UPDATE sequence_embedding SET embedding = CAST(substr(embedding, 1, length(embedding) - 4) || x'0000803e' AS BLOB) WHERE rowid = $pool_row"
data "an embedding less" "DELETE FROM sequence_embedding WHERE rowid = $pool_row"
# Of the texts those matter that alignments read; the folder lists them.
texts() { # read|unread: a sequence id
	"$PY" - "$(staging "$TMP/small")/sequences" "$TMP/small/bundle.sqlite" "$1" <<-'EOF'
		import sqlite3, struct, sys
		b = open(sys.argv[1], "rb").read()
		n = struct.unpack_from("=QQ", b)[1]
		ids = set(struct.unpack_from(f"={n}q", b, 16))
		all = {i for i, in sqlite3.connect(sys.argv[2]).execute("SELECT id FROM sequence WHERE sequence <> ''")}
		print(min(all & ids if sys.argv[3] == "read" else all - ids, default=""))
	EOF
}
residue() { echo "UPDATE sequence SET sequence = 'M' || substr(sequence, 2) || 'W' WHERE id = $1"; }
changed redone "data: a residue" "test \"\$(sqlite3 bundle.sqlite \"$(residue "$(texts read)"); SELECT changes()\")\" -ge 1"
changed same "data: a residue that no alignment reads" "test \"\$(sqlite3 bundle.sqlite \"$(residue "$(texts unread)"); SELECT changes()\")\" -ge 1"
changed redone "a list of sequences that is cut" "truncate -s -1 resume/*/sequences"
changed redone "a list of sequences that is gone" "rm resume/*/sequences"
data "a protein's sequence" "UPDATE protein SET sequence_id = (SELECT max(sequence_id) FROM protein p) WHERE accession = (SELECT min(accession) FROM protein
	WHERE sequence_id IN (SELECT sequence_id FROM sequence_embedding WHERE rowid = $pool_row))"
data "a taxon" "UPDATE protein SET taxonomy_id = '1' WHERE sequence_id = (SELECT sequence_id FROM sequence_embedding WHERE rowid = $pool_row) AND taxonomy_id IS NOT '1'"
data "an evidence code" "UPDATE protein_go_annotation SET evidence_code = 'ZZZ' WHERE id = $(first_of 165)"
data "a qualifier" "UPDATE protein_go_annotation SET qualifier = 'NOT|x' WHERE id = $(first_of 165)"
# Annotations are digested as they are loaded, where none and empty are the same to every reader.
changed same "data: an empty qualifier for none" "test \"\$(sqlite3 bundle.sqlite \"UPDATE protein_go_annotation SET qualifier = '' WHERE id = (SELECT min(id)
	FROM protein_go_annotation WHERE qualifier IS NULL AND annotation_set_id = (SELECT annotation_set_id FROM protein_go_annotation
	WHERE id = $(first_of 165))); SELECT changes()\")\" -ge 1"
data "an annotation less" "DELETE FROM protein_go_annotation WHERE id = $(first_of 180)"
data "the order of two annotations" "UPDATE protein_go_annotation SET id = (SELECT max(id) + 1 FROM protein_go_annotation) WHERE id = $(first_of 160)"
data "the aspect of a term" "UPDATE go_term SET aspect = 'C' WHERE id = (SELECT min(id) FROM go_term WHERE aspect = 'P' AND ontology_snapshot_id = $pivot)"
data "an edge less" "DELETE FROM go_term_relationship WHERE id = (SELECT min(id) FROM go_term_relationship WHERE relation_type = 'is_a' AND ontology_snapshot_id = $pivot)"
data "another annotation set of a version" "UPDATE annotation_set SET created_at = '2030-01-01T00:00:00Z' WHERE
	id = (SELECT max(id) FROM annotation_set WHERE source_version = '170' AND source = 'goa')"
[ "$tap_failed" -eq 0 ]
