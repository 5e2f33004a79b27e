#!/bin/bash
# The sample data as users meet it: tiny is built, checked, run, run again, run as a grid; its manifest and column
# digests are those of tests/golden. GOLDEN=write writes them anew (to be looked at before they are committed).
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
BUILD=$(realpath "$O")
golden=tests/golden/tiny.report.txt
export O

# An own build folder that shares the programs, in a path with a blank, so that build/run stays as the user left it.
mkdir -p "$TMP/b ld/samples"
ln -s "$BUILD/protea-export" "$BUILD/protea-prof" "$BUILD/libprotea-prof.so" "$TMP/b ld/"
ln -s "$BUILD/samples/tools" "$TMP/b ld/samples/tools"
O="$TMP/b ld"
run=$O/run
files=$run/artifacts/datasets/sample-tiny
tree_of_samples() { find samples -type f -exec sha256sum {} + | sort; }
tree=$(tree_of_samples)
sha() { sha256sum "$1" | cut -d ' ' -f 1; }

if [ ! -x "$BUILD/samples/tools/embed" ]; then
	skip "the sample job runs" "make sample-tools has not been run"
	exit 0
fi

# ---- data and bundle -----------------------------------------------------------------------------

check "samples/data is at most 1 MB" test "$(du -sb samples/data | cut -f 1)" -le 1000000
check "the bundle is made from samples/data alone" samples/build.sh tiny "$O/samples/tiny"
check "it is sound" "$EXPORT" bundle check -q "$O/samples/tiny/tiny.bundle"
derived_is_told() {
	local info
	info=$("$EXPORT" bundle info "$O/samples/tiny/tiny.bundle") || return 1
	grep -q 'embeddings: derived' <<<"$info" && grep -q 'evidence and qualifier derived' <<<"$info" &&
		grep -q 'taxa: .*derived by hash' <<<"$info"
}
check "it says what is derived" derived_is_told
before=$(stat -c %y "$O/samples/tiny/tiny.bundle")
samples/build.sh tiny "$O/samples/tiny"
check "a second build does nothing" test "$before" = "$(stat -c %y "$O/samples/tiny/tiny.bundle")"
first=$(sha "$O/samples/tiny/tiny.bundle")
rm "$O/samples/tiny/settings"
samples/build.sh tiny "$O/samples/tiny" 2>/dev/null
check "the same data gives the same bundle" test "$first" = "$(sha "$O/samples/tiny/tiny.bundle")"

have_all_vectors() { test "$(sqlite3 -readonly "$O/samples/tiny/tiny.bundle" "SELECT count(*) FROM sequence_embedding")" \
	-eq $((8 * $(sqlite3 -readonly "$O/samples/tiny/tiny.bundle" "SELECT count(*) FROM sequence"))); }
if command -v sqlite3 >/dev/null; then
	check "every sequence has a vector of each of the eight models" have_all_vectors
else
	skip "every sequence has a vector of each of the eight models" "sqlite3 is missing"
fi
embed() { "$BUILD/samples/tools/embed" --workers "$1" --model "$2" samples/data/proteins.fasta.gz "$TMP/$3.npy"; }
check "stand-in embeddings are made" embed 1 prot_t5 one
check "by several threads too" embed 3 prot_t5 three
check "with the same bytes" cmp "$TMP/one.npy" "$TMP/three.npy"
check "and for a second model" embed 2 prostt5 other
if /usr/bin/python3 -c 'import numpy' 2>/dev/null; then
	check "related sequences have near vectors, each model its own, of length 1" /usr/bin/python3 - "$TMP" <<'PY'
import gzip, sys
import numpy as np
folder = sys.argv[1]
one, other = (np.load(f"{folder}/{f}.npy").astype("f8") for f in ("one", "other"))
names = open(f"{folder}/one.txt").read().split()
sequences, accession = {}, None
for line in gzip.open("samples/data/proteins.fasta.gz", "rt"):
    if line[0] == ">":
        accession = line.split("|")[1]
        sequences[accession] = ""
    else:
        sequences[accession] += line.strip()
assert names == list(sequences) and one.shape == (500, 1024)
assert abs((one ** 2).sum(1) - 1).max() < 2e-3
words = [{s[i:i + 3] for i in range(len(s) - 2)} for s in (sequences[n] for n in names)]
n = 150
a, b, shared = [], [], []
for i in range(n):
    for j in range(i):
        a.append(one[i] @ one[j])
        b.append(other[i] @ other[j])
        shared.append(len(words[i] & words[j]) / (len(words[i]) * len(words[j])) ** .5)
a, b, shared = map(np.array, (a, b, shared))
assert np.corrcoef(a, shared)[0, 1] > 0.8, np.corrcoef(a, shared)
assert a[shared > 0.7].min() > a[shared < 0.2].max()
assert 0.001 < abs(a - b).mean() < 0.2
PY
else
	skip "related sequences have near vectors, each model its own, of length 1" "python3-numpy is missing"
fi

# ---- the job -------------------------------------------------------------------------------------

check "samples/run.sh runs the job" samples/run.sh tiny
check "it runs again, afresh" samples/run.sh tiny
cp -r "$files" "$TMP/first"
TIMEFORMAT='%U %S'
{ time samples/run.sh tiny >"$TMP/run.out" 2>&1; } 2>"$TMP/times"
seconds=$(awk '{ print $1 + $2 }' "$TMP/times")
check "a further run takes less than 20 s of CPU ($seconds s)" \
	awk -v s="$seconds" 'BEGIN { exit !(s < 20) }'
for file in train.parquet eval.parquet manifest.json; do
	check "$file is the same every time" cmp "$TMP/first/$file" "$files/$file"
	check "the end of the run says where $file is" grep -q "$(basename "$(dirname "$files")")/.*$file" "$TMP/run.out"
done
check "it says what to type next" grep -q '^next ' "$TMP/run.out"
for file in protea-prof.sqlite profile.html; do
	check "the end of the run says where $file is" grep -q "/run/$file " "$TMP/run.out"
	check "$file is there" test -s "$run/$file"
done
events_and_stages_agree() { # the job's events and the profiler's stages tell the same times
	/usr/bin/python3 - "$run/tiny.bundle" "$run/protea-prof.sqlite" <<'PY'
import json, sqlite3, sys
events, store = (sqlite3.connect(f"file:{p}?mode=ro", uri=True) for p in sys.argv[1:3])
pairs = {"preflight_done": "preflight", "maps_loaded": "load_maps", "pca_fit": "pca_fit", "groundtruth_done": "ground_truth",
         "references_done": "references", "knn_done": "knn", "alignment_done": "alignment", "taxonomy_done": "taxonomy",
         "transfer_done": "transfer"}
apart = []
for event, stage in pairs.items():
    told = [json.loads(f) for f, in events.execute(
        "select fields from job_event where event = ? order by ts, rowid", (f"export_research_dataset.{event}",))]
    a = [f["elapsed_s"] for f in told]
    if "pass_s" in told[0]:  # one pass over all pairs: each pair tells its share
        assert len(told) == told[0]["pass_splits"] and abs(sum(a) - told[0]["pass_s"]) <= 0.001 * len(a), (event, told)
        a = [told[0]["pass_s"]]
    b = [w / 1e9 for w, in store.execute("select wall_ns from stage where name = ? order by start_ns", (stage,))]
    assert a and len(a) == len(b), (event, a, b)
    apart += [(abs(x - y), event, x, y) for x, y in zip(a, b)]
# Between the two readings of the clock another process may have had the CPU for a while, or nobody.
apart.sort()
assert apart[len(apart) // 2][0] <= 0.003, apart[len(apart) // 2]
most = apart[len(apart) * 9 // 10 - 1]
assert most[0] <= 0.1, most
PY
}
if [ -x /usr/bin/python3 ]; then
	check "job events and stages agree on the time" events_and_stages_agree
fi

# What must not change without being looked at: rows per pair and category, and a digest per column.
report_lines() { # REPORT
	/usr/bin/python3 - "$1" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
print("schema", r["schema_profile"], r["schema_sha"])
for p in r["pairs"]:
    print(p["pair"], *(f"{k}={p[k]}" for k in ("queries", "pairs", "candidates", "rows")),
          *(f"{c}={p[c]['positives']}+{p[c]['negatives']}" for c in ("nk", "lk", "pk")))
for split in ("train", "eval"):
    print(split, r[split]["rows"])
    for name, c in r[split]["columns"].items():
        print(split, name, c["nulls"], c["sha256"])
PY
}
if [ -x /usr/bin/python3 ]; then
	report_lines "$files/report.json" >"$TMP/report.txt"
	[ "${GOLDEN:-}" != write ] || cp "$TMP/report.txt" "$golden"
	check "rows and column digests are the expected ones" diff "$golden" "$TMP/report.txt"
	all_kinds() { # every pair has rows of each category, positive and negative
		awk '/^v/ { n++; for (i = NF - 2; i <= NF; i++) { split($i, a, /[=+]/); if (!a[2] || !a[3]) bad = 1 } }
			END { exit bad || n != 5 }' "$TMP/report.txt"
	}
	check "train and eval have nk, lk and pk rows, positive and negative, in every pair" all_kinds
else
	skip "rows and column digests are the expected ones" "python3 is missing"
	skip "train and eval have nk, lk and pk rows, positive and negative, in every pair" "python3 is missing"
fi
check "a job on the pristine bundle left no trace in it" \
	test "$first" = "$(sha "$O/samples/tiny/tiny.bundle")"

# ---- variants ------------------------------------------------------------------------------------

# variant NAME SED-SCRIPT: runs the tiny job with its text edited, under its own data set name
variant() {
	local name=$1 script=$2
	sed -e "s/\"sample-tiny\"/\"$name\"/" -e "$script" "$run/tiny.json" >"$run/$name.json"
	"$EXPORT" run -q "${@:3}" "$run/$name.json"
}
same_rows() {
	cmp "$files/train.parquet" "$run/artifacts/datasets/$1/train.parquet" &&
		cmp "$files/eval.parquet" "$run/artifacts/datasets/$1/eval.parquet"
}
check "one thread" variant one-thread '' -w 1
check "gives the same files" same_rows one-thread
check "seven threads and a cache" variant seven 's|"environment": {|&"PROTEA_ALIGN_CACHE_DIR": "cache-7",|' -w 7
check "give the same files" same_rows seven
check "the warm cache" variant warm 's|"environment": {|&"PROTEA_ALIGN_CACHE_DIR": "cache-7",|' -w 2
check "gives the same files" same_rows warm
check "the ontology of 2013 as the pivot (both sides native)" \
	variant native 's/884d1167-86e5-8831-94d6-f1160a3c5244/e1adb1a8-f621-8241-a498-61b02144c75f/'
check "and schema v5-73" variant wide 's/v2-56/v5-73/'

# ---- the grid ------------------------------------------------------------------------------------

sed -e 's/"plm": \[.*\]/"plm": ["prot_t5", "esm2_150m"]/' samples/jobs/grid-tiny.json |
	sed -e 's|\.\./\.\./build/run/||g; s|\.\./\.\./build/|../|g' >"$run/grid.json"
check "the grid of two models and three K runs" "$EXPORT" grid -q -w 2 "$run/grid.json"
cells=0
for plm in prot_t5:084943c6-fec1-441d-bdc5-63b0268ada1b esm2_150m:500a0c59-be09-424d-9d51-b7997629c95a; do
	for k in 3 5 10; do
		cell=bench-v1-K$k-v180-lineage-${plm%%:*}
		# The single run bears the cell's name in a store and a bundle of its own, so that manifests compare too.
		cp "$O/samples/tiny/tiny.bundle" "$run/single.bundle"
		sed -e "s/\"sample-tiny\"/\"$cell\"/; s/\"k\": 5/\"k\": $k/; s/tiny\.bundle/single.bundle/" \
			-e "s/084943c6-fec1-441d-bdc5-63b0268ada1b/${plm#*:}/" \
			-e 's/: "artifacts"/: "single"/' "$run/tiny.json" >"$run/single.json"
		check "single run of $cell" "$EXPORT" run -q -w 2 "$run/single.json"
		check "$cell: the grid's files are those of the single run" bash -c '
			for f in train.parquet eval.parquet manifest.json; do cmp "$1/$f" "$2/$f" || exit 1; done' _ \
			"$run/artifacts/datasets/$cell" "$run/single/datasets/$cell"
		cells=$((cells + 1))
	done
done
check "six cells were compared" test $cells -eq 6

# ---- job files of the larger presets: same fields, other sources ----------------------------------

check "the job files are those of tiny but for names, paths, versions and models; full has all families and K = 10" bash -c '
	core() { sed -E "/\"(output_name|source|train_versions|test_versions|PROTEA_.*|plm)\":/d; s/,$//" "$1"; }
	cmp <(core samples/jobs/tiny.json) <(core samples/jobs/medium.json) &&
	cmp <(core samples/jobs/tiny.json | sed "s/\"k\": 5/\"k\": 10/; s/v2-56/v5-73/") \
		<(core samples/jobs/full.json | sed "/\"compute_\(self_prior\|association\)\": true/d") &&
	cmp <(core samples/jobs/grid-tiny.json) <(core samples/jobs/grid-medium.json)'

# ---- refusals ------------------------------------------------------------------------------------

check_fails 2 "an unknown preset is refused" samples/run.sh huge
check_fails 2 "an unknown job is refused" samples/build.sh tiny
check "samples/ is as it was" test "$tree" = "$(tree_of_samples)"
exit $((tap_failed > 0))
