#!/bin/bash
# protea-prof gate: groups of runs, verdicts and exit codes, kept values, accepted changes, and what is refused: other
# hosts, rates and modes, runs that are not whole, one run only, zero and missing values, the same run twice.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
BUFFER=$PWD/$O/samples/programs/planted_buffer
unset PROTEA_PROF_STORE NO_COLOR CLICOLOR_FORCE GITHUB_ACTIONS GITLAB_CI GITHUB_STEP_SUMMARY COLUMNS
cd "$TMP" || exit 1
if [ ! -x "$BUFFER" ]; then
	skip "gate" "$O/samples/programs/planted_buffer is not built (make sample-programs)"
	echo "1..$tap_n"
	exit 0
fi
record() { # store name variant: a short run with every allocation
	"$PROF" run -q --memory full -o "$1" -n "$2" -l "side=$3" -- "$BUFFER" 1 "$3"
}
for _ in 1 2 3; do
	record runs.sqlite before before && record runs.sqlite after after || exit 1
done
record runs.sqlite again before
export PROTEA_PROF_STORE=runs.sqlite
gate() { "$PROF" gate "$@"; }
id() { sqlite3 runs.sqlite "SELECT id FROM run WHERE name = '$1' ORDER BY started_at LIMIT 1"; }
# gate_is CODE PATTERN ARGS…: exit code, and a line of what it says
gate_is() {
	local want=$1 pattern=$2 rc
	shift 2
	gate "$@" >out 2>err
	rc=$?
	cat out err
	[ "$rc" -eq "$want" ] && cat out err | grep -qE -- "$pattern"
}

# ---- verdicts ------------------------------------------------------------------------------------------

check "more allocations are a regression, found in the stage" gate_is 1 '^regression +render +allocations +1 +2,000 ' before after
first_line() { gate_is 1 . before after && head -n 1 out | grep -qE '^regression: .*rose'; }
check "the verdict is the first line" first_line
check "the function that asks for them is named with its stack" \
	gate_is 1 'by .*main;render;item_buffer$' before after
check "the line that accepts it is there to be typed" \
	gate_is 1 "^    protea-prof gate --accept render:alloc_[a-z]+ --reason .* before after$" before after
check "fewer of them are an improvement" gate_is 0 '^improved: ' --counts after before
check "the same counts are ok" gate_is 0 '^ok: ' --counts before again
check "one count of one stage" gate_is 0 '^ok: .* 1 comparison' --metric alloc_count --stage parse before after
check "rows that did not move are shown when asked for" gate_is 0 '^ok +parse +allocations +500 +500 ' --counts --all before again
check "few runs of times cannot be told" gate_is 3 '^inconclusive: wall time cannot be said' --metric wall before again
check "one run of each: counts are compared all the same" gate_is 1 '^regression +render +allocations ' --counts last~2 last~1
json() { # code expression args…
	local want=$1 expression=$2 rc
	shift 2
	gate --json "$@" >out 2>err
	rc=$?
	[ "$rc" -eq "$want" ] || { cat out err; return 1; }
	python3 -c "import json, sys
d = json.load(open('out'))
rows = {(r['stage'], r['metric']): r for r in d['metrics']}
assert $expression, d"
}
contract() {
	json 1 "d['verdict'] == 'regression' and {'stage', 'metric', 'base', 'candidate', 'change', 'ci', 'verdict'} <= set(d['metrics'][0])" before after &&
		json 1 "rows['render', 'alloc_count']['base'] == 1 and rows['render', 'alloc_count']['candidate'] == 2000" before after &&
		json 1 "rows[None, 'alloc_count']['change'] == 1999 / 501 and rows[None, 'alloc_count']['test'] == 'exact'" before after &&
		json 1 "any(f['function'] == 'item_buffer' and f['stack'][-2:] == ['render', 'item_buffer'] and f['stage'] == 'render' for f in d['functions'])" before after &&
		json 1 "[len(d[s]['runs']) for s in ('base', 'candidate')] == [3, 3]" before after
}
check "--json has the contract's members and the numbers" contract

# ---- groups --------------------------------------------------------------------------------------------

cp runs.sqlite other.sqlite
sqlite3 other.sqlite "UPDATE run SET id = 'ffff' || substr(id, 5)"
check "a label" gate_is 1 "^base +the 4 runs with the label side=before" --counts side=before after
check "an id" gate_is 1 "^base +the run $(id before | head -c 8) \\(before\\)" --counts "$(id before | head -c 12)" after
check "the last one" gate_is 0 "^candidate +the run .* \\(again\\)" --counts before last
check "a store" gate_is 3 "^base +the 7 runs of other.sqlite" other.sqlite after --metric wall,alloc_count
check "a run of another store" gate_is 1 "^base +the 3 runs named 'before' of other.sqlite" --counts other.sqlite:before after
check "several together" gate_is 0 "^base +the 3 runs named 'before', the run .* \\(again\\)" --counts "before,$(id again)" other.sqlite:before
check "several of one file" gate_is 0 "^candidate +the 3 runs named 'before' of other.sqlite, the run named 'again' of other.sqlite" --counts before other.sqlite:before,again
check "a file of another folder, by another name" gate_is 0 '^ok' --counts before "$TMP/other.sqlite:again"
other_readings() {
	cp other.sqlite knn && "$PROF" runs rename again knn >/dev/null && gate_is 0 "'knn' is taken as the file; for the run of that name: runs.sqlite:knn" --counts --anyway all side=before knn:again &&
		"$PROF" runs rename knn again >/dev/null
	"$PROF" runs rename again knn >/dev/null
	gate --counts --anyway all before knn >out 2>err
	cat out err
	"$PROF" runs rename knn again >/dev/null
	grep -q "'knn' is taken as the file; for the run of that name: runs.sqlite:knn" err
}
check "what fits two readings is said" other_readings
check "a comma in a name" bash -c '"$1" runs rename again "x,y" >/dev/null && "$1" gate --counts before "x,y"; rc=$?; "$1" runs rename "x,y" again >/dev/null; exit $rc' - "$PROF"
check "the same run in both groups" gate_is 2 'the run [0-9a-f]{8} is in both groups' before "again,$(id before)"
same_file() { ln -s runs.sqlite link.sqlite && gate_is 2 'is in both groups' before link.sqlite:before && gate_is 2 'is in both groups' before copy.sqlite:before; }
cp runs.sqlite copy.sqlite
check "the same run by another name, or of a copied store" same_file
check "a run that is named twice counts once" gate_is 0 'is named twice' --counts "before,$(id before)" again
check "no such name" gate_is 1 "'nosuch' is no name, label .* the latest are .*again" before nosuch
check "no such file" gate_is 1 "there is no file 'no/such.sqlite'" no/such.sqlite after
check "a folder" gate_is 1 "'/tmp' is a folder" /tmp after
check "a file of something else" gate_is 1 'neither a store nor kept values' "$BUFFER" after
check "an empty part" gate_is 2 'in front of or behind a comma' before, after
check "too few operands" gate_is 2 'two groups are compared, and 1 was given' before
check "too many operands" gate_is 2 '3 were given' before after again
no_store() { PROTEA_PROF_STORE=none.sqlite gate_is 1 "there is no store 'none.sqlite'" before after && [ ! -e none.sqlite ]; }
check "no store, and none is made" no_store
empty_store() { # no run at all
	cp runs.sqlite empty.sqlite && sqlite3 empty.sqlite 'DELETE FROM run' && gate_is 1 "'empty.sqlite' holds no run yet" before empty.sqlite
}
check "a store without a run" empty_store

# ---- what is refused -----------------------------------------------------------------------------------

# refused SQL CODE PATTERN ARGS…: of a changed copy
refused() {
	local sql=$1
	shift
	rm -f changed.sqlite*
	cp runs.sqlite changed.sqlite && sqlite3 changed.sqlite "$sql" && PROTEA_PROF_STORE=changed.sqlite gate_is "$@"
}
other_host="UPDATE run SET host = 'elsewhere' WHERE name = 'after'"
check "other hosts: times are refused" refused "$other_host" 3 '^refused +\(whole run\) +wall time' --metric wall before after
check "… and the word that lets it pass is told" refused "$other_host" 3 'the machines differ: .*elsewhere.*--anyway hosts' --metric wall before after
let_pass() { # whatever comes of three runs, it is judged
	refused "$other_host" 0 . --metric wall --anyway hosts before after || refused "$other_host" 3 . --metric wall --anyway hosts before after
	! grep -q refused out && grep -q 'compared all the same' out
}
check "… with it they are judged" let_pass
check "… counts are compared" refused "$other_host" 1 '^regression: ' --counts before after
check "other processors" refused "UPDATE run SET cpu_model = 'Other' WHERE name = 'after'" 3 '^refused' --metric cpu before after
check "other rates" refused "UPDATE run SET rate_hz = 99 WHERE name = 'after'" 3 'the base has 199 Hz, the candidate 99 Hz.*--anyway rates' --metric wall before after
check "other memory tracking" refused "UPDATE run SET memory = 'sampled' WHERE name = 'after'" 1 '^refused +\(whole run\) +allocations' --counts before after
check "… and the word that lets it pass is told" refused "UPDATE run SET memory = 'sampled' WHERE name = 'after'" 1 'memory was tracked differently.*--anyway modes' --counts before after
check "runs that failed" refused "UPDATE run SET exit_code = 3 WHERE name = 'after'" 3 '^inconclusive: .*a run failed' before after
check "… unless told" refused "UPDATE run SET exit_code = 3 WHERE name = 'after'" 1 '^regression: ' --anyway failed before after
check "runs that lost allocations" refused "INSERT INTO loss_row SELECT key, 'table_full', 100 FROM run WHERE name = 'after'" 3 '^refused .*allocations' --counts before after
check "a value that is missing" refused "UPDATE run SET duration_ns = 0 WHERE name = 'before'" 3 'the base does not have this value' --metric wall before after
unfinished() {
	"$PROF" run -q --memory full -n live -- sleep 300 &
	local child=$!
	wait_for 20 sh -c '[ "$(sqlite3 runs.sqlite "SELECT count(*) FROM run WHERE name = '\''live'\''")" -eq 1 ]'
	gate_is 3 'a run is not finished' before live
	local rc=$?
	kill $child
	wait $child
	"$PROF" runs remove live >/dev/null
	return $rc
}
check "a run that goes on" unfinished
new_stage() { # stages that one side alone has
	rm -f changed.sqlite*
	cp other.sqlite changed.sqlite && sqlite3 changed.sqlite "UPDATE string_row SET text = 'paint' WHERE text = 'render'" &&
		gate_is 0 '^new +paint +allocations' --counts before changed.sqlite:before && grep -qE '^missing +render +allocations' out
}
check "new and missing stages are named and decide nothing" new_stage
zero_base() {
	gate --counts --save zero.json before 2>err && sed -i '/"render", "metric": "alloc_count"/s/\[.*\]/[0, 0, 0]/' zero.json &&
		gate_is 3 '^inconclusive +render +allocations +0 +1 ' --baseline zero.json again
}
check "a base of zero cannot be told" zero_base

# ---- kept values ---------------------------------------------------------------------------------------

kept() {
	gate --counts --save kept.json before 2>err && python3 -m json.tool <kept.json >/dev/null && gate_is 0 '^ok: ' --counts --baseline kept.json again &&
		gate_is 1 '^regression: ' --baseline kept.json after && gate_is 0 '^improved: ' --counts after kept.json
}
check "kept values are a base, and a candidate" kept
kept_default() { gate_is 0 "^candidate +the run .*again" --counts --baseline kept.json; }
check "a baseline alone is compared with the last run" kept_default
same_bytes() { gate --counts --save - before 2>/dev/null | cmp - kept.json; }
check "the same runs are kept as the same bytes" same_bytes
torn() { head -c 200 kept.json >torn.json && gate_is 1 'torn.json' --baseline torn.json after; }
check "a torn file of values is an error, not a pass" torn
huge() { sed '/alloc_count/s/\[501/[1e999/' kept.json >huge.json && gate_is 1 'huge.json' --baseline huge.json after; }
check "a value that is no number is an error" huge
mixed() { gate_is 2 'cannot be joined with runs' kept.json,before after; }
check "kept values and runs are not joined" mixed

# ---- thresholds ----------------------------------------------------------------------------------------

accepts() {
	gate_is 1 "wrote protea-prof.gate.json" --counts --accept render:alloc_count --reason "it's \"wanted\"" --owner me --until 2199-12-31 before after &&
		grep -qE '^accepted +render +allocations' out && grep -q 'up_to' protea-prof.gate.json && ! grep -qE '^regression +render +allocations' out &&
		gate_is 1 '^  accepted: it.s .wanted.' --counts before after
}
check "--accept writes the change down, and it passes" accepts
accepts_all() {
	local target
	for target in render:alloc_bytes alloc_bytes alloc_count; do
		gate --counts --accept $target --reason wanted before after >out 2>err
	done
	gate_is 0 'but those accepted' --counts before after && [ "$(python3 -c 'import json; print(len(json.load(open("protea-prof.gate.json"))["accept"]))')" -eq 4 ]
}
check "one by one, until it passes" accepts_all
expired() {
	sed 's/2199-12-31/2020-12-31/' protea-prof.gate.json >old.json && gate_is 1 '^regression +render +allocations' --counts --thresholds old.json before after
}
check "what was accepted for a time does not pass after it" expired
replaced() { gate_is 0 'line [0-9]+ is replaced: it let x 2,000 pass, this one x 2,000$' --counts --metric alloc_count --accept render:alloc_count --reason again --thresholds old.json before after; }
check "what an entry replaces is said" replaced
no_look() {
	gate_is 0 '^ok: .* but those accepted$' --exec "$BUFFER 1 before" "$BUFFER 1 after" -n 9 --warmup 0 --memory full --counts &&
		grep -q '^note: 8 of at most 9 pairs were run: what matters is decided$' out
}
check "an accepted regression is not what looks stop at" no_look
rm -f protea-prof.gate.json
check "--accept of what did not change" gate_is 2 'nothing to accept' --counts --accept parse:alloc_count --reason x before after
check "--accept of no metric" gate_is 2 "is no metric" --accept render:speed --reason x before after
check "--accept without a reason" gate_is 2 'wants --reason' --accept render:alloc_count before after
check "--accept of what became less" gate_is 2 'no regression .improved.: there is nothing to accept' --counts --accept render:alloc_count --reason x after before
check "… nor of times that are not known to have changed" gate_is 2 'no regression .inconclusive.' --accept wall --reason x before again
no_file() { [ ! -e protea-prof.gate.json ]; }
check "… and no thresholds were written" no_file
limits() {
	echo '{"metrics": {"alloc_count": {"ignore": true}, "alloc_bytes": {"relative": 5000}}}' >wide.json
	gate_is 0 '^ok: ' --counts --thresholds wide.json before after && gate_is 0 '^ignored +render +allocations' --all --counts --thresholds wide.json before after
}
check "wider thresholds" limits
wrong_file() {
	printf '{\n"metrics": {\n"speed": {}}}\n' >wrong.json && gate_is 1 'wrong.json:3: .*speed' --thresholds wrong.json before after
}
check "a wrong key is an error with its line" wrong_file
check "a thresholds file that is not there" gate_is 1 "nothere.json" --thresholds nothere.json before after

# ---- commands ------------------------------------------------------------------------------------------

commands() {
	gate_is 1 '^regression +render +allocations +1 +2,000 ' --exec "$BUFFER 1 before" "$BUFFER 1 after" -n 2 --warmup 0 --memory full --counts &&
		grep -qE "^base +.*planted_buffer 1 before, the 2 runs named 'gate-[0-9a-f]{8}-base'" out || return 1
	# What the line that accepts it compares is there afterwards.
	local line
	line=$(grep -oE 'gate-[0-9a-f]{8}-base gate-[0-9a-f]{8}-candidate$' out)
	# shellcheck disable=SC2086 # two names
	gate_is 1 '^regression: ' --counts $line
}
check "commands are run in turns, and their runs are groups afterwards" commands
command_fails() { gate_is 1 'ended with exit code 3' --junit failed.xml --exec true 'exit 3' -n 2 && grep -q '<error ' failed.xml; }
check "a command that fails is no verdict" command_fails
check "… unless that is fine" gate_is 3 '^inconclusive: ' --exec true 'exit 3' -n 2 --warmup 0 --ignore-failure --metric wall
more_pairs() { gate_is 3 '^    protea-prof gate --exec --metric wall --memory off --warmup 0 true true -n [0-9]+$' --metric wall --memory off --exec true true -n 1 --warmup 0; }
check "the line that runs more of them" more_pairs
check_fails 2 "no pairs are refused" "$PROF" gate --exec true true -n 0
if command -v valgrind >/dev/null; then
	callgrind() {
		gate_is 1 '^regression +\(whole run\) +instructions' --callgrind --exec "$BUFFER 1 before" "$BUFFER 1 after" && grep -q 'instructions .*memcpy' out &&
			grep -qE "^    protea-prof gate --exec --callgrind --accept instructions .* '.*planted_buffer 1 before' '.*planted_buffer 1 after'$" out
	}
	check "instructions are counted under callgrind" callgrind
	check "… and their functions are certain" sh -c "! grep -q 'not proven' out"
	beside_pairs() {
		gate_is 1 '^regression: instructions rose' --callgrind -n 1 --warmup 0 --metric instructions --exec "$BUFFER 1 before" "$BUFFER 1 after" || return 1
		local line
		line=$(sed -n "s/^    protea-prof gate \\(.*--accept.*\\)/\\1/p" out | sed "s/'…'/wanted/")
		eval "gate $line" >out 2>err && grep -qE '^accepted +\(whole run\) +instructions' out
	}
	check "beside pairs, the line that accepts them works" beside_pairs
	rm -f protea-prof.gate.json
	imported() {
		local v
		for v in before after; do
			valgrind -q --tool=callgrind --callgrind-out-file="cg.$v" "$BUFFER" 1 $v >/dev/null 2>&1 &&
				"$PROF" import -n "cg.$v" "cg.$v" >/dev/null 2>&1 || return 1
		done
		gate_is 1 '^regression: instructions rose by' cg.before cg.after && grep -q 'instructions .*memcpy' out && ! grep -q 'CPU time' out
	}
	check "imported files of callgrind have instructions, and no CPU time" imported
else
	skip "instructions are counted under callgrind" "valgrind is not installed"
fi

# ---- options -------------------------------------------------------------------------------------------

for wrong in "--metric speed" "--anyway that" "--pairing some" "--kind nosuch" "--normalise x" "--alpha 2" "--alpha 0" \
	"--min-effect nan" "--annotations x" "--json --markdown -" "--markdown - --junit -" "--step-summary" "-n 3" "--callgrind" \
	"--reason x" "--save x.json --baseline before"; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: $wrong" "$PROF" gate $wrong before after
done
check_fails 2 "refused: --exec with one command" "$PROF" gate --exec true
check "no stage of that name" gate_is 1 "no run has a stage 'nosuch'" --stage nosuch before after
check "… nor one of two" gate_is 1 "no run has a stage 'nosuch'" --stage parse --stage nosuch before after
check "one stage of two" gate_is 0 '^ok: ' --counts --stage parse before after

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
