#!/bin/bash
# The planted regressions and the planted improvement of samples/programs: gate and diff find each, and name the function and the
# stage, whether both variants are one program, two programs, or two builds of one name.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
export PROTEA_PROF_STORE=$TMP/s.sqlite

if [ ! -x /usr/bin/python3 ]; then
	skip "planted changes are found" "python3 is missing"
	exit 0
fi
run() {
	local name=$1
	shift
	"$PROF" run -q -n "$name" -r 999 "$@" >/dev/null 2>>"$TMP/talk" || sed 's/^/# /' "$TMP/talk"
}
# pairs N NAME PROGRAM SCALE: both variants in turns, in changing order.
pairs() {
	local i
	for ((i = 0; i < $1; i++)); do
		if ((i % 2)); then
			run "$2-after" -- "$P/$3" "$4" after
			run "$2-before" -- "$P/$3" "$4" before
		else
			run "$2-before" -- "$P/$3" "$4" before
			run "$2-after" -- "$P/$3" "$4" after
		fi
	done
}
# says COMMAND WANTED-EXIT PYTHON ARGS…: true of the document d; f(name): the function's entry, m(stage, metric): the row.
says() {
	local command=$1 want=$2 test=$3 rc
	shift 3
	"$PROF" "$command" "$@" --json >"$TMP/d.json" 2>"$TMP/err"
	rc=$?
	if [ "$rc" -ne "$want" ]; then
		echo "exit $rc"
		cat "$TMP/err"
		return 1
	fi
	python3 - "$TMP/d.json" "$test" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
def f(name):
    return next((x for x in d["functions"] if x["function"] == name), {})
def m(stage, metric):
    return next((x for x in d["metrics"] if x["stage"] == stage and x["metric"] == metric), {})
moved = [x["function"] for x in d["functions"] if x.get("moved", x["verdict"] in ("regression", "improved"))]
if not eval(sys.argv[2]):
    print(json.dumps({k: d[k] for k in ("verdict", "metrics", "functions")}, indent=1)[:4000])
    sys.exit(1)
PY
}

# ---- CPU time: a hash that uses a quarter of its buckets ----

pairs 12 hash planted_hash 0.15
check "gate: the hash is a regression, of CPU time in 'index'" says gate 1 \
	"d['verdict'] == 'regression' and m('index', 'cpu')['verdict'] == 'regression' and m('index', 'cpu')['change'] > 1" hash-before hash-after
check "gate: it is bucket_find, in 'index', on its path" says gate 1 \
	"f('bucket_find')['verdict'] == 'regression' and f('bucket_find')['stage'] == 'index' and f('bucket_find')['stack'][-2:] == ['build_index', 'bucket_find']" hash-before hash-after
check "diff: bucket_find first, more than three times its time" says diff 0 \
	"moved[0] == 'bucket_find' and f('bucket_find')['change'] > 2 and f('bucket_find')['stage'] == 'index' and d['test'] == 'runs'" hash-before hash-after
check "diff: the smallest subtree that explains it" says diff 0 \
	"d['explanation']['stack'][-1] in ('build_index', 'bucket_find') and d['explanation']['part'] > 0.8" hash-before hash-after
check "diff: what is unchanged did not move" says diff 0 "'unchanged_work' not in moved" hash-before hash-after

# ---- allocations: a buffer for each item ----

run buffer-before --memory full -- "$P/planted_buffer" 1 before
run buffer-after --memory full -- "$P/planted_buffer" 1 after
check "gate: the buffers are a regression, of one run a side, exactly" says gate 1 \
	"d['verdict'] == 'regression' and m('render', 'alloc_count')['base'] == 1 and m('render', 'alloc_count')['candidate'] == 2000 and m('render', 'alloc_bytes')['verdict'] == 'regression'" \
	--counts buffer-before buffer-after
check "gate: it is item_buffer, in 'render'" says gate 1 \
	"f('item_buffer')['verdict'] == 'regression' and f('item_buffer')['stage'] == 'render' and f('item_buffer')['candidate'] == 2000 * 65536" --counts buffer-before buffer-after
check "diff: bytes" says diff 0 "moved == ['item_buffer'] and f('item_buffer')['delta'] == 1999 * 65536 and f('item_buffer')['stage'] == 'render'" -k alloc buffer-before buffer-after
check "diff: blocks" says diff 0 "f('item_buffer')['delta'] == 1999" -k alloc --count buffer-before buffer-after
check "diff: stage 'parse' did not move" says diff 0 "m('parse', 'alloc_bytes')['change'] == 0" -k alloc buffer-before buffer-after

# ---- an improvement: by halves ----

pairs 12 lookup planted_lookup 0.1
check "gate: the look-up is an improvement, exit 0" says gate 0 \
	"d['verdict'] == 'improved' and m('join', 'cpu')['verdict'] == 'improved' and f('lookup')['verdict'] == 'improved' and f('lookup')['stage'] == 'join'" lookup-before lookup-after
check "diff: lookup first, less than a tenth" says diff 0 \
	"moved[0] == 'lookup' and f('lookup')['change'] < -0.8 and f('lookup')['stack'][-3:] == ['main', 'join', 'lookup'] and f('lookup')['stage'] == 'join'" lookup-before lookup-after

# ---- two builds ----

run two-before -- "$P/planted_hash" 1
run two-after -- "$P/planted_hash_after" 1
check "diff: builds of two names are matched by their functions" says diff 0 \
	"moved[0] == 'bucket_find' and f('bucket_find')['base'] > 0 and f('bucket_find')['fate'] is None and any('by name alone' in r for r in d['remarks'])" two-before two-after
mkdir "$TMP/a" "$TMP/b"
cp "$P/planted_lookup" "$TMP/a/prog"
cp "$P/planted_lookup_after" "$TMP/b/prog"
run build-before -- "$TMP/a/prog" 0.5
run build-after -- "$TMP/b/prog" 0.5
check "diff: builds of one name in two folders are one module" says diff 0 \
	"moved[0] == 'lookup' and f('lookup')['base'] > 0 and not any('by name alone' in r for r in d['remarks']) and f('lookup')['change'] < -0.8" build-before build-after
cp "$P/planted_hash" "$TMP/stripped"
strip "$TMP/stripped" && run stripped -- "$TMP/stripped" 0.5
check "diff: a build without names is said to be one" says diff 0 "any('without names' in r for r in d['remarks'])" two-before stripped
exit $((tap_failed > 0))
