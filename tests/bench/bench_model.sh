#!/bin/bash
# How well `model predict` tells a run of four times the size: the export on cuts of the medium bundle, the largest held
# back. Numbers, no verdict. Needs the packages of `.ci/packages samples`.
#   SIZES="1250 2500 5000" HELD=20000 REPEATS=3 WORKERS=1; KEEP=FILE keeps the store
set -eu
O=${O:-build}
SIZES=${SIZES:-1250 2500 5000}
HELD=${HELD:-20000}
REPEATS=${REPEATS:-3}
WORKERS=${WORKERS:-1}
prof=$PWD/$O/protea-prof
if [ ! -x /usr/bin/python3 ] || ! command -v sqlite3 >/dev/null; then
	echo "python3 or sqlite3 is missing"
	exit 0
fi
tmp=$(mktemp -d "${TMPDIR:-/tmp}/protea-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
store=${KEEP:-$tmp/store.sqlite}
bundle=$PWD/$O/samples/medium
[ -e "$bundle/medium.bundle" ] || O=$O samples/build.sh medium "$bundle"
vectors=$bundle/anc2vec.npz

# job NAME: samples/jobs/medium.json on the bundle of this turn.
job() {
	/usr/bin/python3 - "$tmp" "$vectors" "$1" <<-'EOF'
		import json, sys
		tmp, vectors, name = sys.argv[1:]
		j = json.load(open("samples/jobs/medium.json"))
		j["source"] = f"bundle:{tmp}/now.bundle"
		j["payload"]["output_name"] = name
		j["environment"].update(PROTEA_ANC2VEC_PATH=vectors, PROTEA_STORAGE_ROOT=f"{tmp}/artifacts",
		                        PROTEA_EXPORT_RESUME_DIR=f"{tmp}/resume")
		del j["environment"]["PROTEA_ALIGN_CACHE_DIR"]
		json.dump(j, open(f"{tmp}/job.json", "w"))
	EOF
}

# run NAME N
run() {
	tests/tools/bundle_cut.sh "$bundle/medium.bundle" "$tmp/now.bundle" "$2"
	job "$1-$2"
	"$prof" -q run -q -o "$store" --name "$1" --label "proteins=$2" "$tmp/job.json" -q -w "$WORKERS" >/dev/null 2>&1
	rm -rf "$tmp/artifacts" "$tmp/resume" "$tmp"/now.bundle*
}

i=0
while [ $i -lt "$REPEATS" ]; do
	for n in $SIZES; do run fitted "$n"; done
	i=$((i + 1))
done
run held "$HELD"

# What the held-back run had: its largest n and q.
sizes=$(/usr/bin/python3 - "$store" <<-'EOF'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for p in "n", "q":
	    v, = db.execute(f"SELECT max(params ->> '{p}') FROM stage JOIN run ON run.id = run_id WHERE run.name = 'held'").fetchone()
	    print("-p", f"{p}={v:.17g}", end=" ")
EOF
)
"$prof" model fit --store "$store" fitted
# shellcheck disable=SC2086  # -p n=… -p q=…
"$prof" model predict --store "$store" fitted $sizes
# shellcheck disable=SC2086
"$prof" model predict --store "$store" fitted $sizes --json >"$tmp/predicted.json"
/usr/bin/python3 - "$store" "$tmp/predicted.json" <<-'EOF'
	import json, sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	p = json.load(open(sys.argv[2]))
	print("\nthe held-back run: predicted beside measured")
	print(f"{'stage':18}{'wall':>9}{'predicted':>11}{'error':>8}{'in interval':>13}{'CPU':>9}{'error':>8}{'peak heap':>11}{'error':>8}")
	def error(a, b): return f"{100 * (a / b - 1):+.1f} %" if a and b else "-"
	worst = 0
	for s in sorted(p["stages"], key=lambda s: -(s["wall"]["value"] or 0)):
	    wall, cpu, heap = db.execute("""SELECT sum(wall_ns), sum(cpu_ns), max(peak_heap_bytes) FROM stage JOIN run ON run.id = run_id
	        WHERE run.name = 'held' AND stage.name = ?""", (s["stage"],)).fetchone()
	    if not wall or max(wall, s["wall"]["value"]) < 1e9:
	        continue
	    lo, hi = s["wall"]["ci"]
	    inside = "-" if lo is None else "yes" if lo <= wall <= hi else "no"
	    worst = max(worst, abs(s["wall"]["value"] / wall - 1))
	    print(f"{s['stage']:18}{wall / 1e9:7.2f} s{s['wall']['value'] / 1e9:9.2f} s{error(s['wall']['value'], wall):>8}{inside:>13}"
	          f"{cpu / 1e9:7.2f} s{error(s['cpu']['value'], cpu):>8}{(heap or 0) / 2**20:7.1f} MiB{error(s['peak_heap']['value'], heap):>8}")
	wall, = db.execute("SELECT duration_ns FROM run WHERE name = 'held'").fetchone()
	t = p["total"]["wall"]
	print(f"{'the run':18}{wall / 1e9:7.2f} s{t['value'] / 1e9:9.2f} s{error(t['value'], wall):>8}")
	print(f"largest error of a stage of a second or more: {100 * worst:.1f} %")
EOF
