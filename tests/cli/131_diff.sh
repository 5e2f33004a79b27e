#!/bin/bash
# protea-prof diff: its numbers against sums over the store, what it refuses, its outputs.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
ORACLE=$PWD/tests/cli/diff_oracle.py
S=$TMP/s.sqlite
export PROTEA_PROF_STORE=$S

if [ ! -x /usr/bin/python3 ]; then
	skip "differences are those of the store's sums" "python3 is missing"
	exit 0
fi
run() {
	local name=$1
	shift
	"$PROF" run -q -n "$name" -r 999 "$@" >/dev/null 2>>"$TMP/talk" || sed 's/^/# /' "$TMP/talk"
}
json() { # json ARGS… -- PYTHON: true of the document d
	local args=()
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	"$PROF" diff "${args[@]}" --json >"$TMP/d.json" || return 1
	python3 -c "
import json, sys
d = json.load(open('$TMP/d.json'))
ok = $2
print('' if ok else json.dumps(d, indent=1)[:2000])
sys.exit(not ok)"
}

# ---- sums ----

for _ in 1 2; do
	run hash-a -- "$P/planted_hash" 0.2 before
	run hash-b -- "$P/planted_hash" 0.2 after
done
run down -- "$P/recurse" 0.3
run up -- "$P/recurse" 0.5
run split -- "$P/split" 0.3
run plain --memory off -- "$P/split" 0.1
run cut -- "$P/deep" 0.2
run cc1 -- "$P/torture" 0.05
run cc2 -- "$P/torture" 0.05
run staged1 --memory full -- "$P/stages" 0.2
run staged2 --memory full -- "$P/stages" 0.4
run full-a --memory full -- "$P/planted_buffer" 0.5 before
run full-b --memory full -- "$P/planted_buffer" 0.5 after
run part-a --memory sampled -- "$P/planted_buffer" 1 before
run part-b --memory sampled -- "$P/planted_buffer" 1 after

agrees() { # agrees BASE CANDIDATE OPTIONS…
	check "$*: as the store sums it" "$ORACLE" "$PROF" "$S" "$@"
}
for options in "" "--by stage" "--by stack" "--normalise total" "--normalise duration" "--normalise stage --by stack" \
	"--normalise items" "--stage index --normalise total"; do
	# shellcheck disable=SC2086
	agrees hash-a hash-b $options
done
agrees down up
agrees down up --by stack
agrees down split
agrees cut up
agrees cc1 cc2
agrees staged1 staged2
agrees staged1 staged2 --by stage --normalise items
for kind in alloc peak temporary cpu; do agrees full-a full-b --kind $kind; done
agrees part-a part-b --kind alloc

# ---- what is said ----

check "exact bytes are exact" json full-a full-b -k alloc -- "d['test'] == 'exact' and d['total']['base'] == 65536 + 50000 and d['total']['candidate'] == 65536000 + 50000"
check "blocks instead of bytes" json full-a full-b -k alloc --count -- "d['unit'] == '' and [f for f in d['functions'] if f['function'] == 'item_buffer'][0]['candidate'] == 1000"
# The interval covers the truth in 95 of 100 runs; two and a half times its width does in all but one of a million. Its own
# width follows from the 250 blocks or so that are seen, 16 of them more or less.
check "sampled bytes have an interval as wide as their error is" json part-a part-b -k alloc -- \
	"(lambda f, t: f['moved'] and 0.19 * t < f['delta_ci'][1] - f['delta_ci'][0] < 0.31 * t and abs(sum(f['delta_ci']) / 2 - t) < 1.25 * (f['delta_ci'][1] - f['delta_ci'][0]))([f for f in d['functions'] if f['function'] == 'item_buffer'][0], 1999 * 65536)"
check "one run a side: the noise of its samples" json down up -- "d['test'] == 'sampling' and d['verdict'] is None"
check "the same shape as gate's" json hash-a hash-b -- \
	"all(k in m for m in d['metrics'] for k in ('stage', 'metric', 'base', 'candidate', 'change', 'ci', 'verdict')) and any(m['stage'] == 'index' and m['metric'] == 'cpu' for m in d['metrics'])"
check "--limit" json hash-a hash-b --limit 1 -- "len(d['functions']) == 1"
check "operands of several runs" json hash-a,down hash-b,up -- "len(d['base']['runs']) == 3 and d['test'] == 'runs'"
check "by line, module and thread" bash -c "'$PROF' diff hash-a hash-b --by line >/dev/null && '$PROF' diff hash-a hash-b --by module | grep -q planted_hash && '$PROF' diff cc1 cc2 --thread torture >/dev/null"

check "stages that one side lacks are named" bash -c "'$PROF' diff hash-a staged1 >'$TMP/sides' && grep -q '^stages that are gone: index, report' '$TMP/sides' && grep -q '^new stages: search, score' '$TMP/sides'"
"$PROF" run -q -n failed --memory off -- sh -c "'$P/split' 0.05; exit 3" >/dev/null 2>&1
check "in what runs differ, and which are not whole" json plain,failed full-b -- \
	"any('differ in memory: off, full' in r for r in d['remarks']) and any(r.startswith('1 of the 3 runs ended by') for r in d['remarks'])"

text() { COLUMNS=$1 "$PROF" diff "${@:2}" >"$TMP/text" 2>&1; }
wide() { # no line of the tables is longer than the terminal
	text "$1" "${@:2}" && awk -v w="$1" '{ gsub(/[\200-\277]/, "") } length($0) > w { print; bad = 1 } END { exit bad }' "$TMP/text"
}
for columns in 80 120; do check "$columns columns" wide $columns hash-a hash-b; done
check "40 columns hold as much as they can" text 40 hash-a hash-b --all
check "no colour but on a terminal" bash -c "! '$PROF' diff hash-a hash-b | grep -q \$'\\033'"
if command -v script >/dev/null; then
	check "colour on a terminal" bash -c "TERM=xterm script -qec \"'$PROF' diff full-a full-b -k alloc\" /dev/null </dev/null | grep -q \$'\\033\\[31m'"
	check "NO_COLOR" bash -c "! NO_COLOR=1 TERM=xterm script -qec \"'$PROF' diff full-a full-b -k alloc\" /dev/null </dev/null | grep -q \$'\\033'"
fi
check "the page" bash -c "'$PROF' diff hash-a hash-b --html '$TMP/p.html' >/dev/null 2>'$TMP/talk' && grep -q '</html>' '$TMP/p.html' && grep -q 'median wall time' '$TMP/talk'"
check "the page on stdout" bash -c "'$PROF' diff down up --html - 2>/dev/null | head -c 200 | grep -qi '<!doctype html'"

# Names of foreign stores do nothing to a terminal.
cp "$S" "$TMP/evil.sqlite"
python3 - "$TMP/evil.sqlite" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE string_row SET text = 'bucket' || char(27) || '[2J;</script>' || char(10) || '_find' WHERE text = 'bucket_find'")
db.execute("UPDATE string_row SET text = 'in' || char(7) || 'dex' WHERE text = 'index'")
db.commit()
assert db.total_changes
PY
check "hostile names are harmless as text" bash -c "'$PROF' diff --store '$TMP/evil.sqlite' hash-a hash-b --all >'$TMP/evil' && grep -q 'bucket?' '$TMP/evil' && ! grep -q \$'[\\033\\007]' '$TMP/evil'"
check "hostile names are whole as JSON" bash -c "'$PROF' diff --store '$TMP/evil.sqlite' hash-a hash-b --json | python3 -c 'import json, sys; d = json.load(sys.stdin); assert any(\"\\x1b[2J\" in f[\"function\"] for f in d[\"functions\"])'"

# ---- what is refused ----

refused() { # refused CODE PART-OF-MESSAGE ARGS…
	local code=$1 part=$2 rc
	shift 2
	"$PROF" diff "$@" >"$TMP/out" 2>"$TMP/err"
	rc=$?
	[ "$rc" -eq "$code" ] && grep -qF -- "$part" "$TMP/err" && [ ! -s "$TMP/out" ] && return 0
	echo "exit $rc"
	cat "$TMP/err"
	return 1
}
check "one operand" refused 2 "two operands are needed" hash-a
check "three operands" refused 2 "two operands are needed" hash-a hash-b down
check "a kind that does not exist" refused 2 "is no kind of sample" hash-a hash-b --kind heat
check "a kind that one side lacks" refused 1 "the base has no samples of kind alloc; both have: cpu" plain full-b --kind alloc
check "a kind that neither has: those there are" refused 1 "both have: cpu" hash-a hash-b --kind sql
check "--by" refused 2 "function" hash-a hash-b --by colour
check "--normalise" refused 2 "items" hash-a hash-b --normalise luck
check "--limit" refused 2 "limit" hash-a hash-b --limit -3
check "a stage that no run has: those there are" refused 1 "load, index, report" hash-a hash-b --stage nosuch
check "items where there are none" refused 1 "pp_stage_items" down up --normalise items
check "a run against itself" refused 2 "both groups" down down
check "a name that no run has" refused 1 "nosuch" down nosuch
check "no store" refused 1 "nothing" --store "$TMP/nothing.sqlite" a b
check "an empty operand" refused 2 "an operand is empty: is a variable unset?" "" down
check "a device" refused 1 "'/dev/null' is not a regular file" /dev/null down
check "--json and --html -" refused 2 "standard output" down up --json --html -
check "help" bash -c "'$PROF' diff --help | grep -q -- --normalise"
exit $((tap_failed > 0))
