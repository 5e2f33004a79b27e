#!/bin/sh
# Our export beside what a Python programmer has in Debian: NumPy, FAISS, parasail, sqlite3. `make bench-peers` calls it.
#   PEERS="knn align cache cell"   what to compare (default: all four)
#   ROUNDS=3 SLOW_ROUNDS=3         rounds; contenders take turns in each, NumPy's and Python's in the first SLOW_ROUNDS only
#   PEER_N=200000 PEER_D=1024 PEER_Q=1000 PEER_K=10   the neighbour search
#   PEER_PAIRS=20000               alignments, of pairs that the cell's run really aligns
#   CELL=medium                    the cell: tiny, medium or full
#   CELL_K=10                      neighbours of the cell
#   CELL_SHARE=1                   share of the queries that the plain rendering works on, the rest is scaled
#   PLAIN=FILE                     times of an earlier plain run of the same cell (O/peers/plain-CELL.json), instead of a new one
#   CORES="Zen"                    OPENBLAS_CORETYPE to try beside what OpenBLAS chooses (default: by the CPU's flags)
#   LOCK=FILE                      taken (flock) around each timed command, where others measure too
# Times are wall times; two threads or processes unless said. Numbers, no verdict. Lines go to O/peers/results.jsonl.
set -eu
cd "$(dirname "$0")/../../.."
. samples/lib.sh

here=tests/bench/peers
bin=$O/tests/bench/peers
work=$O/peers
py=${PYTHON:-/usr/bin/python3}
rounds=${ROUNDS:-3}
slow=${SLOW_ROUNDS:-$rounds}
export OPENBLAS_NUM_THREADS=2 OMP_NUM_THREADS=2
need_programs
mkdir -p "$work"
work=$(cd "$work" && pwd)
results=$work/results.jsonl

# The best kernels of Debian's OpenBLAS (0.3.21) for this CPU; it chooses them itself for CPUs that it knows.
best_core() {
	if grep -qw avx512vl /proc/cpuinfo; then
		echo SkylakeX
	elif grep -q AuthenticAMD /proc/cpuinfo && grep -qw avx2 /proc/cpuinfo; then
		echo Zen
	elif grep -qw avx2 /proc/cpuinfo; then
		echo Haswell
	else
		echo Nehalem
	fi
}
cores=${CORES:-$(best_core)}

timed() {
	if [ -n "${LOCK:-}" ]; then
		flock "$LOCK" "$@"
	else
		"$@"
	fi
}
note() { # WHAT NAME: JSON lines of standard input
	"$py" "$here/table.py" add "$results" "$1" "$2"
}
show() { # WHAT BASE
	"$py" "$here/table.py" show "$results" "$1" "$2"
}
forget() { # WHAT...: earlier lines of the same comparison
	for what in "$@"; do
		[ ! -f "$results" ] || sed -i "/\"what\": \"$what\"/d" "$results"
	done
}
said() { # FILE WHAT NAME
	note "$2" "$3" <"$1"
}

# ---- neighbours ----------------------------------------------------------------------------------

n=${PEER_N:-200000} d=${PEER_D:-1024} q=${PEER_Q:-1000} k=${PEER_K:-10}

knn_python() { # METHOD CORE NAME
	if [ -n "$2" ]; then
		OPENBLAS_CORETYPE=$2 timed "$py" "$here/knn_python.py" "$1" "$n" "$d" "$q" "$k" "$data" "$work/$1-$2.npy" >"$work/line"
	else
		timed "$py" "$here/knn_python.py" "$1" "$n" "$d" "$q" "$k" "$data" "$work/$1-as-installed.npy" >"$work/line"
	fi
	said "$work/line" knn "$3"
}
knn_ours() { # THREADS NAME
	timed "$bin/knn_ours" "$n" "$d" "$q" "$k" "$1" "$data" "$work/ours.npy" >"$work/line"
	said "$work/line" knn "$2"
}
compare_knn() {
	data=$work/knn-$n-$d.f16
	forget knn
	[ -s "$data" ] || "$py" "$here/knn_data.py" "$n" "$d" "$data"
	for round in $(seq "$rounds"); do
		say "neighbours, round $round of $rounds: n = $n, d = $d, q = $q, k = $k"
		knn_ours 2 "ours, 2 threads"
		knn_python faiss "" "FAISS IndexFlatIP, OpenBLAS as installed"
		for core in $cores; do
			knn_python faiss "$core" "FAISS IndexFlatIP, OpenBLAS $core"
		done
		knn_ours 1 "ours, 1 thread"
		[ "$round" -le "$slow" ] || continue
		knn_python argsort "" "NumPy, argsort (the original), OpenBLAS as installed"
		for core in $cores; do
			knn_python argsort "$core" "NumPy, argsort (the original), OpenBLAS $core"
			knn_python argpartition "$core" "NumPy, argpartition, OpenBLAS $core"
		done
	done
	show knn "ours, 2 threads"
	set --
	for core in $cores; do
		set -- "$@" "$work/faiss-$core.npy" "$work/argsort-$core.npy"
	done
	"$py" "$here/knn_check.py" "$n" "$d" "$q" "$k" "$data" "$work/ours.npy" "$@"
	echo
}

# ---- the cell, and what its run leaves ------------------------------------------------------------

cell=${CELL:-medium}
bundle=${CELL_BUNDLE:-$O/samples/$cell}
cell_k=${CELL_K:-10}
share=${CELL_SHARE:-1}
cell_run=$work/cell-$cell

need_cell() {
	[ -s "$bundle/$cell.bundle" ] || samples/build.sh "$cell" "$bundle"
	bundle=$(cd "$bundle" && pwd)
}
# A job of its own on a fresh copy of the bundle; CACHE: folder of the alignment cache, or nothing.
write_job() { # CACHE
	rm -rf "$cell_run/artifacts" "$cell_run/resume" "$cell_run/$cell.bundle" "$cell_run/$cell.bundle"-*
	mkdir -p "$cell_run"
	cp --reflink=auto "$bundle/$cell.bundle" "$cell_run/"
	"$py" - "samples/jobs/$cell.json" "$cell_run/job.json" "$bundle" "$cell_k" "$1" <<-'END'
		import json, os, sys
		source, target, bundle, k, cache = sys.argv[1:]
		job = json.load(open(source))
		job["source"] = "bundle:" + os.path.basename(source).replace(".json", ".bundle")
		job["payload"]["k"] = int(k)
		env = job["environment"]
		env["PROTEA_ANC2VEC_PATH"] = bundle + "/anc2vec.npz"
		if os.path.isdir(bundle + "/taxonomy"):
		    env["PROTEA_TAXONOMY_PATH"] = bundle + "/taxonomy"
		env["PROTEA_STORAGE_ROOT"], env["PROTEA_EXPORT_RESUME_DIR"] = "artifacts", "resume"
		env.pop("PROTEA_ALIGN_CACHE_DIR", None)
		if cache:
		    env["PROTEA_ALIGN_CACHE_DIR"] = cache
		json.dump(job, open(target, "w"), indent=1)
	END
}
run_ours() { # NAME WHAT
	timed "$py" "$here/timed.py" "$EXPORT" run -q -w 2 "$cell_run/job.json" >"$work/line"
	said "$work/line" "$2" "$1"
}
filled_cache() { # the cache of a run of the cell
	cache=$work/cache-$cell-$cell_k
	if [ ! -s "$cache/alignments.sqlite" ]; then
		need_cell
		say "filling the alignment cache by a run of $cell"
		write_job "$cache"
		timed "$EXPORT" run -q -w 2 "$cell_run/job.json" >/dev/null
	fi
}

compare_align() {
	need_cell
	filled_cache
	forget align
	"$py" "$here/align_pairs.py" "$bundle/$cell.bundle" "$cache/alignments.sqlite" "${PEER_PAIRS:-20000}" "$work/pairs.tsv"
	for round in $(seq "$rounds"); do
		say "alignments, round $round of $rounds"
		timed "$bin/align_ours" "$work/pairs.tsv" 1 "$work/values.f64" >"$work/line"
		said "$work/line" align ""
		[ "$round" -le "$slow" ] || continue
		timed "$py" "$here/align_python.py" "$work/pairs.tsv" 2 striped_32 "$work/values.f64" >"$work/line"
		said "$work/line" align "parasail striped_32, Python, 2 processes (the original)"
		timed "$py" "$here/align_python.py" "$work/pairs.tsv" 2 scan_16 "$work/values.f64" >"$work/line"
		said "$work/line" align "parasail scan_16, Python, 2 processes"
	done
	show align "ours, 1 thread"
}

compare_cache() {
	filled_cache
	forget "warm cache"
	for round in $(seq "$rounds"); do
		say "warm cache, round $round of $rounds"
		timed "$bin/cache_ours" "$cache" 1 >"$work/line"
		said "$work/line" "warm cache" ours
		timed "$py" "$here/cache_python.py" "$cache" >"$work/line"
		said "$work/line" "warm cache" "Python sqlite3 and json"
	done
	show "warm cache" ours
}

compare_cell() {
	need_cell
	forget cell
	for round in $(seq "$rounds"); do
		say "cell $cell, K = $cell_k, ours, round $round of $rounds"
		write_job ""
		run_ours ours cell
	done
	times=${PLAIN:-$work/plain-$cell.json}
	if [ -z "${PLAIN:-}" ]; then
		core=$(echo "$cores" | tr ' ' '\n' | tail -n 1)
		say "cell $cell, plain rendering, share $share of the queries"
		OPENBLAS_CORETYPE=$core timed "$py" "$here/plain_cell.py" "$cell_run/job.json" --share "$share" --workers 2 --out "$work/plain" \
			--times "$times"
	fi
	"$py" "$here/stages.py" "$results" "$times" "$cell_run"/artifacts/datasets/*/report.json "$cell"
	for split in train eval; do
		if [ -f "$work/plain/$split.npz" ] && [ -d tests/node/node_modules/@duckdb ] && [ "$cell" != full ] && [ -z "${PLAIN:-}" ]; then
			node tests/tools/parquet_dump.mjs "$cell_run"/artifacts/datasets/*/$split.parquet "$work/$split.tsv" >/dev/null
			"$py" "$here/plain_compare.py" "$work/plain/$split.npz" "$work/$split.tsv" || true
		fi
	done
	rm -rf "$cell_run"
}

echo "CPU: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) threads; load $(cut -d ' ' -f 1 /proc/loadavg)"
echo
for what in ${PEERS:-knn align cache cell}; do
	case $what in
	knn | align | cache | cell) "compare_$what" ;;
	*)
		echo "PEERS: knn, align, cache or cell, not $what" >&2
		exit 2
		;;
	esac
done
