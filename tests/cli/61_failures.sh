#!/bin/bash
# What a run does with jobs, payloads, files, bundles, folders and disks that are wrong: every row of the
# specification's table of failures that a bundle can show. Errors say what, where and what next; a refused
# job leaves nothing behind; nothing half stands under a final name.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "failures are told and leave nothing half"

NAME=wrong
world "$TMP/base" 3 small
job "$TMP/base/job-v5-all.json" "$TMP/base/job.json" "p['output_name']='$NAME'"
fresh() { rm -rf "$TMP/w" && cp -r "$TMP/base" "$TMP/w"; }
B=$TMP/w/bundle.sqlite
L=$TMP/log
fresh

# refused TITLE TEXT…: job.json is refused with exit code 2, says the texts, leaves nothing.
refused() {
	local title=$1 rc
	shift
	run "$L" "$TMP/w/job.json"
	rc=$?
	check "$title: refused" test $rc -eq 2
	check "$title: said" says "$L" "$@"
	check "$title: nothing left" nothing_left "$TMP/w"
}
# fails TITLE TEXT…: job.json fails with exit code 1, says the texts; nothing is published.
fails() {
	local title=$1 rc
	shift
	run "$L" "$TMP/w/job.json"
	rc=$?
	check "$title: fails" test $rc -eq 1
	check "$title: said" says "$L" "$@"
	check "$title: nothing published" absent "$TMP/w/store/datasets"
}
# The job's file anew from the base, changed.
change() { job "$TMP/base/job.json" "$TMP/w/job.json" "$@"; }

# ---- the command line --------------------------------------------------------------------------------------

check_fails 2 "no command" "$EXPORT"
check_fails 2 "an unknown command" "$EXPORT" explode
check_fails 2 "an empty command" "$EXPORT" ""
for c in run check grid; do
	check_fails 2 "$c without a job" "$EXPORT" $c
	check_fails 2 "$c with two jobs" "$EXPORT" $c a b
	check_fails 2 "$c with an unknown option" "$EXPORT" $c --no-such-option "$TMP/w/job.json"
	check_fails 2 "$c with a bad number of workers" "$EXPORT" $c -w 2x "$TMP/w/job.json"
	check_fails 2 "$c with more workers than it makes threads" "$EXPORT" $c -w 4097 "$TMP/w/job.json"
	check_fails 2 "$c with a bad size" "$EXPORT" $c --memory-limit much "$TMP/w/job.json"
	check_fails 2 "$c of a file that is not there" "$EXPORT" $c "$TMP/nothing.json"
	check_fails 2 "$c of a folder" "$EXPORT" $c "$TMP"
	check "$c --help is no failure" "$EXPORT" $c --help
done
for c in --help -h help --version "bundle --help" "bundle create --help"; do
	# shellcheck disable=SC2086 # words
	check "$c is no failure" "$EXPORT" $c
done
"$EXPORT" help >"$L"
check "help names every command" says "$L" "  run " "  check " "  grid " "  bundle "
check_fails 2 "check takes no UUID" "$EXPORT" check 00000000-0000-4000-8000-000000000000
check_fails 2 "a UUID needs a database" "$EXPORT" run 00000000-0000-4000-8000-000000000000
check_fails 1 "a full standard output" bash -c "\"$EXPORT\" check --memory-limit 4GiB '$TMP/w/job.json' >/dev/full"
check "none of this left anything" nothing_left "$TMP/w"

# ---- job files ---------------------------------------------------------------------------------------------

# file TITLE CONTENT TEXT…
file() {
	local title=$1 rc
	printf '%b' "$2" >"$TMP/w/job.json"
	shift 2
	"$EXPORT" run "$TMP/w/job.json" >"$L" 2>&1
	rc=$?
	check "$title: refused" test $rc -eq 2
	check "$title: said" says "$L" "$@"
}
file "an empty job file" '' 'job.json:1:'
file "a job file that ends early" '{\n "operation": "export_research_dataset",\n "source": ' 'job.json:3:'
file "a job file with a stray comma" '{"operation": "x",\n  }' 'job.json:2:3'
file "a job file of bytes" '\x00\xff\xfe' 'job.json:1:1'
file "a job file that is no object" '[]' 'a job file is a JSON object'
file "a job file without operation" '{}' '"operation" is missing'
file "a job file of another operation" '{"operation": "train"}' "'train' is not known" export_grid
file "a job file without source" '{"operation": "export_research_dataset"}' '"source" is missing'
file "a job file without payload" '{"operation": "export_research_dataset", "source": "bundle:x"}' '"payload" is missing'
file "a job file with a list as environment" \
	'{"operation": "export_research_dataset", "source": "bundle:x", "payload": {}, "environment": []}' '"environment" must be an object'
file "a key twice" '{"operation": "export_research_dataset",\n"operation": "x"}' 'job.json:2:'
"$PY" -c 'print("[" * 100000)' >"$TMP/w/job.json"
check_fails 2 "a job file that nests without end" "$EXPORT" run "$TMP/w/job.json"
job "$TMP/base/job.json" "$TMP/w/grid.json" "j['operation']='export_grid'" "j['cells']=dict(plm=['no such'], k=[0, 3, 3, 2**31, 100001])"
check_fails 2 "run of a grid" "$EXPORT" run "$TMP/w/grid.json"
check_fails 2 "grid of a single job" "$EXPORT" grid "$TMP/base/job.json"
"$EXPORT" grid "$TMP/w/grid.json" >"$L" 2>&1
check "a grid lists all that is wrong with its cells" says "$L" "'no such'" "entry 1 must be" "3 occurs twice" "entry 4 is too large"
check "K of a cell may be as large as that of a job" eval "! grep -q 'entry 5' '$L'"
check "none of this left anything behind either" nothing_left "$TMP/w"

# ---- payloads ----------------------------------------------------------------------------------------------

while IFS=$'\t' read -r statement text; do
	change "$statement"
	rc=0
	run "$L" "$TMP/w/job.json" || rc=$?
	check "payload $statement: refused with its reason" eval "[ $rc -eq 2 ] && says '$L' '$text'"
done <<-'EOF'
	del p['output_name']	payload.output_name: is required
	p['output_name']='  '	must be a non-empty string
	p['output_name']=5	payload.output_name: must be a string
	p['output_name']=None	payload.output_name: must be a string, not null
	p['output_name']='../x'	payload.output_name
	p['output_name']='.x'	payload.output_name
	p['output_name']='a/b'	payload.output_name
	p['output_name']='x' * 256	payload.output_name
	p['output_name']='n\u00e4me'	payload.output_name
	p['output_name']='a\nb'	payload.output_name
	del p['embedding_config_id']	payload.embedding_config_id: is required
	p['embedding_config_id']='f16'	payload.embedding_config_id
	p['embedding_config_id']=1	payload.embedding_config_id
	p['ontology_snapshot_id']=''	payload.ontology_snapshot_id
	p['ontology_snapshot_id']='0a198cd8-2fd6-828b-8c90-e3468684f80'	payload.ontology_snapshot_id
	p['train_versions']=[160]	must have at least 2 entries to form pairs
	p['train_versions']=[]	must have at least 2 entries to form pairs
	p['train_versions']='160'	payload.train_versions
	p['train_versions']=[160, '165']	payload.train_versions
	p['train_versions']=[160, 165.0]	payload.train_versions
	p['train_versions']=[160, True]	payload.train_versions
	p['train_versions']=[160, 165, 160]	160 is there more than once
	p['test_versions']=[]	must have at least 1 entry
	p['test_versions']=[175]	must be greater than the last train version
	p['test_versions']=[185, 170]	must be greater than the last train version
	p['annotation_source']=''	payload.annotation_source
	p['annotation_source']='x' * 33	payload.annotation_source
	p['k']=0	payload.k: must be greater than 0
	p['k']=-1	payload.k: must be greater than 0
	p['k']='5'	payload.k: must be an integer, not a string
	p['k']=5.0	payload.k: must be an integer, not a real
	p['k']=True	payload.k: must be an integer, not a boolean
	p['k']=2**40	payload.k: is too large
	p['search_backend']='annoy'	payload.search_backend: must be numpy, exact or flat
	p['search_backend']=1	payload.search_backend
	p['compute_alignments']=1	payload.compute_alignments: must be true or false
	p['compute_taxonomy']='yes'	payload.compute_taxonomy
	p['expand_votes_to_ancestors']=None	payload.expand_votes_to_ancestors
	p['use_embedding_pca']=[]	payload.use_embedding_pca
	p['compute_self_prior']=0	payload.compute_self_prior
	p['compute_association']={}	payload.compute_association
	p['sane_empty_sw']='x'	payload.sane_empty_sw
	p['strict_embeddings']='x'	payload.strict_embeddings
	p['compute_groundtruth']='x'	payload.compute_groundtruth
	p['compute_classifier']=True	payload.compute_classifier: not supported
	p['compute_protst']=True	payload.compute_protst: not supported
	p['classifier_variants']='a'	payload.classifier_variants
	p['stable_feature_cache']=1	payload.stable_feature_cache
	p['metric']='dot'	payload.metric: must be cosine or l2
	p['distance_threshold']=-0.1	payload.distance_threshold
	p['distance_threshold']='1'	payload.distance_threshold
	p['ia_file']=''	payload.ia_file
	p['schema_profile']='v3'	payload.schema_profile: must be v2-56 or v5-73
	e['PROTEA_STORAGE_BACKEND']='ftp'	unknown backend
	e['PROTEA_STORAGE_BACKEND']='minio'	PROTEA_MINIO_ENDPOINT
	e['PROTEA_STORAGE_ROOT']=5	environment.PROTEA_STORAGE_ROOT: must be a string
EOF
check "no refused payload left anything" nothing_left "$TMP/w"

change "p['k']='5'; p['output_name']='/'; p['train_versions']=[1]; p['metric']=''; e['PROTEA_STORAGE_ROOT']=5" \
	"j['source']='bundle:nothing.sqlite'; del e['PROTEA_ANC2VEC_PATH']"
refused "all faults at once" payload.k payload.output_name payload.train_versions payload.metric environment.PROTEA_STORAGE_ROOT \
	nothing.sqlite PROTEA_ANC2VEC_PATH "7 problems"
check "each on a line of its own" test "$(grep -c '^protea-export: error: ' "$L")" -eq 8
"$EXPORT" check --json "$TMP/w/job.json" >"$TMP/out" 2>"$L"
check "check --json lists the same" "$PY" -c 'import json, sys
r = json.load(open(sys.argv[1])); assert r["ok"] is False and len(r["problems"]) == 7, r' "$TMP/out"

change "p['not_a_field']=1; p['_job_id']='x'; p['search_backend']='faiss'; p['stable_feature_cache']=True" "p['classifier_variants']=['a']"
check "unknown keys, aliases and ignored fields do not fail a job" run "$L" "$TMP/w/job.json"
check "each of them is a warning" asks "$B" "SELECT group_concat(fields->>'code') FROM (SELECT fields FROM job_event
	WHERE event LIKE '%.warning' AND fields->>'code' IN ('unknown_keys', 'search_backend', 'ignored_fields') ORDER BY id)" \
	unknown_keys,search_backend,ignored_fields
check "the warning lists the unknown keys, not those with _" asks "$B" "SELECT fields->>'details' FROM job_event
	WHERE fields->>'code' = 'unknown_keys'" '{"keys":["not_a_field"]}'

# ---- names -------------------------------------------------------------------------------------------------

rows=$(sql "$B" 'SELECT count(*) FROM job')
check_fails 2 "a registered name is refused" run "$L" "$TMP/w/job.json"
check "it says where and what next" says "$L" "'$NAME' is registered already" "choose another name"
check "and leaves no row" asks "$B" 'SELECT count(*) FROM job' "$rows"
fresh
mkdir -p "$TMP/w/store/datasets/$NAME"
echo mine >"$TMP/w/store/datasets/$NAME/eval.parquet"
check_fails 2 "a name whose objects are there is refused at the start" run "$L" "$TMP/w/job.json"
check "the foreign object is named and left alone" eval "says '$L' datasets/$NAME/eval.parquet && grep -q mine '$TMP/w/store/datasets/$NAME/eval.parquet'"
check "no job row is left" asks "$B" 'SELECT count(*) FROM job' 0

# Two at once: one wins, the other fails cleanly; whichever it is, the files are whole.
both_at_once() {
	local one two
	fresh
	"$EXPORT" run -q --memory-limit 4GiB "$TMP/w/job.json" >"$TMP/one" 2>&1 &
	one=$!
	"$EXPORT" run -q --memory-limit 4GiB "$TMP/w/job.json" >"$TMP/two" 2>&1
	two=$?
	wait $one
	one=$?
	echo "codes $one $two" && cat "$TMP/one" "$TMP/two"
	case $one-$two in 0-1 | 1-0 | 0-2 | 2-0) ;; *) return 1 ;; esac
	asks "$B" "SELECT (SELECT count(*) FROM dataset), sum(status = 'SUCCEEDED'), sum(status IN ('RUNNING', 'QUEUED')) FROM job" '1|1|0' &&
		published "$TMP/w" "$NAME"
}
for _ in 1 2 3 4; do check "of two runs of one name at once exactly one wins" both_at_once; done
check "the other says why" eval "cat '$TMP/one' '$TMP/two' | grep -Eq 'another run is making|is registered already|was registered by another run'"

# ---- files at the start ------------------------------------------------------------------------------------

fresh
head -c 3000 "$TMP/w/anc2vec.npz" >"$TMP/w/cut.npz"
: >"$TMP/w/empty"
printf 'GO:0000001\t1.5\nGO:0000002\tx\n' >"$TMP/w/bad.tsv"
mkdir "$TMP/w/no"
head -c 200 "$TMP/w/taxdump/nodes.dmp" >"$TMP/w/no/nodes.dmp"
head -c 2000 "$TMP/w/taxa.sqlite" >"$TMP/w/cut.sqlite"
config=$(sql "$B" "SELECT id FROM embedding_config WHERE model_name = 'model-f32'")
head -c 50 "$TMP/w/cut.npz" >"$TMP/w/no/$config.npz"
# start STATEMENT TEXT…: fails before any work, with its own FAILED row.
start() {
	local statement=$1
	shift
	change "$statement"
	fails "$statement" "$@"
	check "$statement: nothing was begun" eval "absent '$TMP/w/resume' && [ \"$(sql "$B" "SELECT count(*) FROM job_event WHERE event LIKE '%.start'")\" = 0 ]"
}
start "del e['PROTEA_ANC2VEC_PATH']" "PROTEA_ANC2VEC_PATH is not set" "protea-export bundle anc2vec"
start "e['PROTEA_ANC2VEC_PATH']='missing.npz'" "missing.npz" "No such file"
start "e['PROTEA_ANC2VEC_PATH']='cut.npz'" "cut.npz" "check that it is whole"
start "e['PROTEA_ANC2VEC_PATH']='empty'" "holds no term vector"
start "e['PROTEA_ANC2VEC_PATH']='bad.tsv'" "bad.tsv:2"
start "e['PROTEA_ANC2VEC_PATH']='no'" "Is a directory"
start "e['PROTEA_TAXONOMY_PATH']='missing'" PROTEA_TAXONOMY_PATH "No such file"
start "e['PROTEA_TAXONOMY_PATH']='no'" "nodes.dmp:4" "ends in the middle of a line"
start "e['PROTEA_TAXONOMY_PATH']='cut.sqlite'" PROTEA_TAXONOMY_PATH cut.sqlite
start "e['PROTEA_TAXONOMY_PATH']='bundle.sqlite'" PROTEA_TAXONOMY_PATH bundle.sqlite
start "e['PROTEA_INTERPRO_GO_PRED_PATH']='missing'" PROTEA_INTERPRO_GO_PRED_PATH "No such file"
start "e['PROTEA_INTERPRO_GO_PRED_PATH']='no'" PROTEA_INTERPRO_GO_PRED_PATH "is a folder"
printf 'P1\tGO:0000001\t0.5\0\n' >"$TMP/w/damaged.tsv"
change "e['PROTEA_INTERPRO_GO_PRED_PATH']='damaged.tsv'"
"$EXPORT" check "$TMP/w/job.json" >"$L" 2>&1
check "check reads the InterPro table" test $? -eq 1
check "check says where the InterPro table is damaged" says "$L" "damaged.tsv:1: NUL byte"
start "p['ia_file']='missing'" payload.ia_file "No such file"
start "p['ia_file']='bad.tsv'" "bad.tsv:2" "'x' is not a weight"
printf 'GO:0000001\t0x10\n' >"$TMP/w/hex.tsv"
start "p['ia_file']='hex.tsv'" "hex.tsv:1" "'0x10' is not a weight"
start "e['PROTEA_PCA_ARTIFACTS_DIR']='no'" "the PCA state" "remove it"
start "p['train_versions']=[160, 161, 162, 165]" "version 161" "version 162"
start "p['annotation_source']='nobody'" "source 'nobody' and version 160" "source 'nobody' and version 185"
start "p['embedding_config_id']='00000000-0000-4000-8000-000000000000'" "embedding configuration 00000000" "does not exist"
start "p['ontology_snapshot_id']='00000000-0000-4000-8000-000000000000'" "ontology snapshot 00000000" "does not exist"
start "p['train_versions']=[1, 2]; e['PROTEA_ANC2VEC_PATH']='missing'; p['ia_file']='missing'" "version 1;" "version 2;" \
	"anc2vec archive" payload.ia_file
change "j['source']='bundle:missing.sqlite'"
fails "a bundle that is not there" "missing.sqlite" "No such file"
change "j['source']='postgresql://user:secret@127.0.0.1:1/db'"
fails "a database that is not there" "cannot connect"
check "passwords are not shown" eval "! grep -q secret '$L'"
change "p['train_versions']=[1, 2]"
"$EXPORT" run --memory-limit 1M "$TMP/w/job.json" >"$L" 2>&1
check "a memory plan above the limit is a problem among the others" says "$L" "version 1;" "memory: the run needs about" "--memory-limit"
check "every failed job has its row and event" asks "$B" "SELECT count(*), sum(status = 'FAILED'), sum(error_code <> ''),
	sum(error_message <> ''), sum(finished_at >= started_at), (SELECT count(*) FROM job_event WHERE event = 'job.failed') = count(*)
	FROM job" "$(sql "$B" 'SELECT count(*) FROM job' | sed 's/.*/&|&|&|&|&|1/')"
[ "$tap_failed" -eq 0 ]
