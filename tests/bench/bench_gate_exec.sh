#!/bin/bash
# gate --exec on this machine, as it is now, beside a neighbour that works in bursts: SESSIONS comparisons (10) of a program with
# itself and as many with one that does 5 % more, PAIRS pairs at most (20), MS milliseconds a run (100). Printed: verdicts on wall
# and CPU time, pairs until decided, and how far the estimated change was from the true one (root mean square); the same for
# hyperfine, if it is there, with as many runs. NEIGHBOUR=0 leaves the neighbour out. Numbers, no verdict.
set -eu
O=${O:-build}
SESSIONS=${SESSIONS:-10} PAIRS=${PAIRS:-20} MS=${MS:-100} NEIGHBOUR=${NEIGHBOUR:-1}
prof=$PWD/$O/protea-prof
[ "${O#/}" = "$O" ] || prof=$O/protea-prof
tmp=$(mktemp -d)
neighbour=
trap '[ -z "$neighbour" ] || kill "$neighbour" 2>/dev/null || :; rm -rf "$tmp"' EXIT
${CC:-cc} -std=gnu17 -D_GNU_SOURCE -O2 -g tests/bench/work_spin.c -o "$tmp/spin"

# Units that take MS milliseconds of CPU time: the best of five.
TIMEFORMAT='%U'
best=$(for _ in 1 2 3 4 5; do { time "$tmp/spin" 1000 >/dev/null; } 2>&1; done | sort -n | head -n 1)
units=$(awk -v ms="$MS" -v s="$best" 'BEGIN { printf "%d", ms / s }')
more=$((units + units / 20))
echo "$(nproc) CPUs, load $(cut -d ' ' -f 1-3 /proc/loadavg), $units units of work a run; $more is $(awk -v a="$units" -v b="$more" 'BEGIN { printf "%.2f", 100 * (b / a - 1) }') % more"
cd "$tmp"
if [ "$NEIGHBOUR" = 1 ]; then
	./spin neighbour 3600 7 >/dev/null &
	neighbour=$!
fi

cat >sum.py <<'PY'
import json, math, os, statistics, sys
truth, files = float(sys.argv[1]), sys.argv[2:]
def rms(changes):
    known = [c - truth for c in changes if c is not None]
    return f"{100 * math.sqrt(statistics.fmean(x * x for x in known)):.1f} %" if known else "-"
runs = [json.load(open(f)) for f in files if os.path.getsize(f)]
if len(runs) < len(files):
    print(f"    {len(files) - len(runs)} came to no verdict")
for metric in ("wall", "cpu"):
    rows = [next(r for r in d["metrics"] if r["stage"] is None and r["metric"] == metric) for d in runs]
    verdicts = [r["verdict"] for r in rows]
    text = ", ".join(f"{verdicts.count(v)} {v}" for v in ("ok", "improved", "regression", "inconclusive") if v in verdicts)
    pairs = sorted(r["runs"][0] for r in rows)
    print(f"    {metric:<5} {text}; {pairs[0]} to {pairs[-1]} pairs, median {statistics.median(pairs):g}; off by {rms([r['change'] for r in rows])}")
PY
cat >peer.py <<'PY'
import json, math, statistics, sys
truth, files = float(sys.argv[1]), sys.argv[2:]
def rms(of, key):
    off = []
    for f in files:
        a, b = json.load(open(f))["results"]
        off.append(of(b, key) / of(a, key) - 1 - truth)
    return f"{100 * math.sqrt(statistics.fmean(x * x for x in off)):.1f} %"
value = lambda r, key: r[key]
print(f"    hyperfine: off by {rms(value, 'mean')} by means, {rms(value, 'median')} by medians")
PY

session() { # NAME UNITS NUMBER
	rm -f store.sqlite*
	"$prof" -q gate --exec "./spin $units" "./spin $2" -n "$PAIRS" --store store.sqlite --memory off --json >"$1-$3.json" || [ $? -ne 2 ]
	if command -v hyperfine >/dev/null; then
		hyperfine -N --warmup 1 -r "$PAIRS" --export-json "$1-$3.peer" "./spin $units" "./spin $2" >/dev/null 2>&1
	fi
}
for what in same more; do
	side=$units truth=0
	[ $what = same ] || side=$more truth=$(awk -v a="$units" -v b="$more" 'BEGIN { print b / a - 1 }')
	SECONDS=0
	for i in $(seq "$SESSIONS"); do session $what "$side" "$i"; done
	echo "  $what: $SESSIONS comparisons in $SECONDS s, load $(cut -d ' ' -f 1 /proc/loadavg)"
	python3 sum.py "$truth" $what-*.json
	if command -v hyperfine >/dev/null; then python3 peer.py "$truth" $what-*.peer; fi
done
