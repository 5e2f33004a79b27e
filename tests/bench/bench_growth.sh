#!/bin/bash
# How each stage grows with n, q, K and d, one of them changed at a time over five sizes: bundles made of cuts of the medium
# sample, runs recorded in a store, exponents by `model fit` against the declared costs. Numbers, no verdict.
#   REPEATS=2 WORKERS=1; NS, QS, KS, DS: the sizes, N0, Q0, K0, D0: what the others are meanwhile
#   STORE=FILE keeps the store, PAGE=FILE writes the plots as one page; LOCK=FILE is taken (flock) around each run
# WORKERS is 1 because CPU time is fitted: what neighbours on the machine do lengthens the wall time of a run.
set -eu
O=${O:-build}
NS=${NS:-1250 2500 5000 10000 20000} QS=${QS:-100 200 400 800 1600} KS=${KS:-3 5 10 20 40} DS=${DS:-256 512 1024 2048 4096}
N0=${N0:-20000} Q0=${Q0:-400} K0=${K0:-10} D0=${D0:-1024}
here=tests/bench/growth
if [ ! -x /usr/bin/python3 ] || ! command -v sqlite3 >/dev/null; then
	echo "python3 or sqlite3 is missing"
	exit 0
fi
O=$(cd "$O" && pwd)
prof=$O/protea-prof
bundle=${BUNDLE:-$O/samples/medium}
[ -e "$bundle/medium.bundle" ] || O=$O samples/build.sh medium "$bundle"
bundle=$(cd "$bundle" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/protea-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
store=${STORE:-$tmp/store.sqlite}

make_bundle() { # N Q D
	[ ! -e "$tmp/$1-$2-$3.bundle" ] || return 0
	if [ ! -e "$tmp/$1.cut" ]; then
		tests/tools/bundle_cut.sh "$bundle/medium.bundle" "$tmp/$1.cut" "$1"
	fi
	cp --reflink=auto "$tmp/$1.cut" "$tmp/$1-$2-$3.bundle"
	/usr/bin/python3 "$here/growth_bundle.py" "$tmp/$1-$2-$3.bundle" "$2" "$3"
}
measured() {
	if [ -n "${LOCK:-}" ]; then
		flock "$LOCK" "$@"
	else
		"$@"
	fi
}
turn=0
run() { # SERIES N Q K D
	turn=$((turn + 1))
	/usr/bin/python3 - "$tmp" "$bundle/anc2vec.npz" "$2-$3-$5.bundle" "$4" "growth-$turn" <<-'EOF'
		import json, sys
		tmp, vectors, bundle, k, name = sys.argv[1:]
		j = json.load(open("samples/jobs/medium.json"))
		j["source"] = f"bundle:{tmp}/{bundle}"
		j["payload"].update(output_name=name, k=int(k), train_versions=[160, 165], test_versions=[170])
		j["environment"].update(PROTEA_ANC2VEC_PATH=vectors, PROTEA_STORAGE_ROOT=f"{tmp}/artifacts",
		                        PROTEA_EXPORT_RESUME_DIR=f"{tmp}/resume")
		del j["environment"]["PROTEA_ALIGN_CACHE_DIR"]
		json.dump(j, open(f"{tmp}/job.json", "w"))
	EOF
	measured "$prof" -q run -q -o "$store" --name growth -l "series=$1" -l "n=$2" -l "q=$3" -l "k=$4" -l "d=$5" \
		"$tmp/job.json" -q -w "${WORKERS:-1}" >/dev/null
	rm -rf "$tmp/artifacts" "$tmp/resume"
}

for n in $NS; do make_bundle "$n" "$Q0" "$D0"; done
for q in $QS; do make_bundle "$N0" "$q" "$D0"; done
for d in $DS; do make_bundle "$N0" "$Q0" "$d"; done
for round in $(seq "${REPEATS:-2}"); do
	echo "round $round" >&2
	for n in $NS; do run n "$n" "$Q0" "$K0" "$D0"; done
	for q in $QS; do run q "$N0" "$q" "$K0" "$D0"; done
	for k in $KS; do run k "$N0" "$Q0" "$k" "$D0"; done
	for d in $DS; do run d "$N0" "$Q0" "$K0" "$d"; done
done
"$prof" model fit --store "$store" -m cpu
"$prof" model fit --store "$store" -m cpu --json >"$tmp/fit.json"
/usr/bin/python3 "$here/growth_page.py" "$store" "$tmp/fit.json" "${PAGE:-$tmp/page.html}"
