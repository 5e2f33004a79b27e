#!/bin/bash
# The program against the independent oracle in tests/oracle: random bundles, every job, exact rows and manifest.
# ORACLE_SEEDS="1 2 …" chooses the bundles, ORACLE_SIZE=mid makes them larger, ORACLE_KEEP=DIR keeps everything.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PY=/usr/bin/python3
ORACLE=tests/oracle
seeds=${ORACLE_SEEDS:-1 2 3 5 8}
size=${ORACLE_SIZE:-small}
work=${ORACLE_KEEP:-$TMP}
mkdir -p "$work"

missing=
[ -x "$PY" ] || missing="no $PY"
[ -n "$missing" ] || "$PY" -c 'import numpy' 2>/dev/null || missing="python3-numpy is missing"
[ -n "$missing" ] || "$PY" -c 'import parasail' 2>/dev/null || missing="python3-parasail is missing"
[ -n "$missing" ] || command -v node >/dev/null || missing="node is missing"
[ -n "$missing" ] || node -e 'require("module").createRequire(process.cwd() + "/tests/node/package.json").resolve("@duckdb/node-api")' \
	2>/dev/null || missing="DuckDB for node is missing (npm install in tests/node)"
if [ -n "$missing" ]; then
	skip "files equal the oracle's" "$missing"
	exit 0
fi

export PYTHONDONTWRITEBYTECODE=1
check "the oracle keeps the vectors of the specification" "$PY" "$ORACLE/test_oracle.py"
check "the random bundles show every trap" "$PY" "$ORACLE/test_bundles.py"

# producer FIELD MANIFEST: the two fields the oracle cannot know.
producer() { "$PY" -c 'import json, sys; v = json.load(open(sys.argv[2]))[sys.argv[1]]; print("" if v is None else v)' "$1" "$2"; }

run_oracle() { # JOB OUT [MANIFEST]
	local args=() label
	while IFS=$'\t' read -r label _; do
		args+=(--groundtruth "$label=${1%/*}/groundtruth-$label.tsv")
	done <"${1%/*}/groundtruth.list"
	if [ -n "${3:-}" ] && [ -f "$3" ]; then
		args+=(--producer-version "$(producer producer_version "$3")")
		local sha
		sha=$(producer producer_git_sha "$3")
		[ -z "$sha" ] || args+=(--producer-git-sha "$sha")
	fi
	"$PY" "$ORACLE/export_oracle.py" "$1" --out "$2" "${args[@]}"
}

same_split() { # NAME EXPECTED.tsv FILE.parquet
	if [ ! -f "$2" ]; then
		check "$1: no file without rows" test ! -e "$3"
		return
	fi
	if ! node tests/tools/parquet_dump.mjs "$3" "${2%.tsv}.actual.tsv" >"$TMP/dump.log" 2>&1; then
		not_ok "$1: the Parquet file reads"
		tail -n 5 "$TMP/dump.log" | sed 's/^/# /'
		return
	fi
	check "$1: rows equal the oracle's" "$PY" "$ORACLE/compare_tsv.py" "$2" "${2%.tsv}.actual.tsv"
}

one_job() { # SEED FOLDER JOB
	local name=${3##*/job-} out published rc
	name=${name%.json}
	out=$2/expected-$name
	published=$2/store/datasets/oracle-$1-$name
	"$EXPORT" run "$3" >"$2/$name.log" 2>&1
	rc=$?
	if ! run_oracle "$3" "$out" "$published/manifest.json" 2>"$2/$name.oracle.log"; then
		if [ "$rc" -ne 0 ] && [ ! -e "$published" ]; then ok "seed $1 $name: both refuse"; else
			not_ok "seed $1 $name: both refuse"
			sed 's/^/# /' "$2/$name.oracle.log"
		fi
		return
	fi
	if [ "$rc" -ne 0 ]; then
		not_ok "seed $1 $name: the job runs"
		tail -n 10 "$2/$name.log" | sed 's/^/# /'
		return
	fi
	same_split "seed $1 $name train" "$out/train.tsv" "$published/train.parquet"
	same_split "seed $1 $name eval" "$out/eval.tsv" "$published/eval.parquet"
	check "seed $1 $name: manifest bytes" cmp "$out/manifest.json" "$published/manifest.json"
}

# Stored buckets, written by DuckDB.
store_groundtruth() { # FOLDER
	local label key
	while IFS=$'\t' read -r label key; do
		node "$ORACLE/groundtruth_parquet.mjs" "$1/groundtruth-$label.tsv" "$1/store/$key" || return 1
	done <"$1/groundtruth.list"
}

for seed in $seeds; do
	folder=$work/oracle-$seed
	if ! "$PY" "$ORACLE/make_bundle.py" "$seed" --size "$size" --out "$folder" >"$TMP/make.log" 2>&1; then
		not_ok "seed $seed: a bundle"
		tail -n 5 "$TMP/make.log" | sed 's/^/# /'
		continue
	fi
	sed 's/^/# /' "$TMP/make.log"
	if ! store_groundtruth "$folder" >"$TMP/make.log" 2>&1; then
		not_ok "seed $seed: stored buckets"
		tail -n 5 "$TMP/make.log" | sed 's/^/# /'
	fi
	for job in "$folder"/job-*.json; do one_job "$seed" "$folder" "$job"; done
done
[ "$tap_failed" -eq 0 ]
