#!/bin/bash
# How often diff says that a function moved between runs of the same program: 24 runs, split at random into two groups of 1, 2, 3, 5
# and 10 runs, 60 times each. Prints counts; judges nothing. MODE=cpu (default) or wall.
set -eu
O=${O:-build}
PROF=$PWD/$O/protea-prof
MODE=${MODE:-cpu}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/protea-bench.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
store=$TMP/s.sqlite
for _ in $(seq 24); do
	"$PROF" run -q -r 999 --mode "$MODE" -o "$store" -n same -- "$O/samples/programs/planted_hash" 0.3 before
done
python3 - "$PROF" "$store" "$MODE" <<'PY'
import json, random, sqlite3, subprocess, sys
prof, store, mode = sys.argv[1:]
ids = [r[0] for r in sqlite3.connect(f"file:{store}?mode=ro", uri=True).execute("SELECT id FROM run ORDER BY started_at")]
random.seed(7)
for n in (1, 2, 3, 5, 10):
    wrong = functions = 0
    for _ in range(60):
        pick = random.sample(ids, 2 * n)
        out = subprocess.run([prof, "diff", ",".join(pick[:n]), ",".join(pick[n:]), "--json", "--store", store],
                             capture_output=True, check=True).stdout
        rows = json.loads(out)["functions"]
        wrong += any(f["moved"] for f in rows)
        functions += len(rows)
    print(f"{mode}: {n} + {n} runs: {wrong} of 60 comparisons name a function that did not change ({functions / 60:.1f} functions each)")
PY
