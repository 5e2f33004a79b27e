#!/bin/bash
# protea-prof runs, and what `run` itself does: listing, showing, labels, names, removing, merging; exit codes,
# the summary, programs that cannot be started, options that are wrong.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PROGRAMS=$PWD/$O/samples/programs
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE COLUMNS NO_COLOR CLICOLOR_FORCE
"$TOOLS/store_fill" "$S" --runs 4 --stacks 20 --samples 300 --seed 3 >"$TMP/ids" || exit 1
cd "$TMP" || exit 1
mapfile -t ids <ids # oldest first
runs() { "$PROF" runs --store "$S" "$@"; }
sql() { sqlite3 "$S" "$1"; }
is_json() { python3 -m json.tool >/dev/null; }
json() { python3 -c "import json, sys; d = json.load(sys.stdin); print($1)"; }

# ---- list and show -------------------------------------------------------------------------------------

newest_first() {
	[ "$(runs | sed 1d | cut -c1-8)" = "$(printf '%.8s\n' "${ids[3]}" "${ids[2]}" "${ids[1]}" "${ids[0]}")" ] &&
		[ "$(runs list --json | json '"\n".join(r["id"] for r in d)')" = "$(tac ids)" ]
}
check "the newest run comes first" newest_first
numbers() {
	[ "$(runs --json | json 'd[0]["samples"], d[0]["duration_ns"], d[0]["exit_code"], d[0]["labels"]["kind"]')" = \
		"300 300000000 0 synthetic" ] && COLUMNS=200 runs | grep -q "^${ids[0]:0:8}  2023-11-14 22:13:20 .* 300 ms .* 300  exit 0 .*store_fill  kind=synthetic$"
}
check "a row has time, samples, end, name, labels" numbers
narrow() {
	local columns
	for columns in 80 100 200; do
		COLUMNS=$columns runs | python3 -c "import sys; sys.exit(any(len(l) > $columns + 1 for l in sys.stdin))" || return 1
	done
	[ "$(COLUMNS=200 runs | awk '{ print index($0, "store_fill") }' | sort -u | wc -l)" -eq 2 ] # 0 in the head
}
check "the list fits its terminal and is aligned" narrow
empty_list() {
	"$PROF" runs --store "$S.2" merge "$S" && "$PROF" runs -q --store "$S.2" remove last last~1 last~2 last~3 &&
		[ -z "$("$PROF" runs --store "$S.2" 2>err)" ] && grep -q 'no runs' err &&
		[ "$("$PROF" runs --store "$S.2" --json)" = "[]" ]
}
check "no runs are no failure" empty_list
show() {
	[ "$(runs show --json "${ids[1]}" | json 'd["run"]["id"], d["samples"], len(d["rows"])')" = "${ids[1]} 300 10" ] &&
		runs show "${ids[1]:0:6}" | grep -q "^id       ${ids[1]}$" && runs show | grep -q "^id       ${ids[3]}$"
}
check "show takes a prefix, or the last" show

# ---- changes -------------------------------------------------------------------------------------------

labels() { sql "SELECT labels FROM run WHERE id = '${ids[$1]}'"; }
label() {
	runs label "${ids[1]}" who=me 'what=a "b" ü' kind= && [ "$(labels 1)" = '{"what":"a \"b\" ü","who":"me"}' ] &&
		[ "$(runs label "${ids[1]}" who=you --json | json 'd["labels"]["who"], d["id"]')" = "you ${ids[1]}" ]
}
check "label sets and removes" label
label_all_or_none() {
	runs label "${ids[0]}" a=1 nonsense 2>err
	[ $? -eq 2 ] && [ "$(labels 0)" = '{"kind":"synthetic"}' ] && grep -q 'key=value' err
}
check "of several labels one is wrong: none is set" label_all_or_none
rename() {
	runs rename "${ids[2]}" 'ein Name' && [ "$(runs rename 'ein Name' other --json | json 'd["name"]')" = other ] &&
		runs show other >/dev/null
}
check "rename renames" rename
remove_looks_first() { # "last~1" is what it was when the command was typed
	cp "$S" r.sqlite
	"$PROF" runs --store r.sqlite remove last last~1 "${ids[3]}" 2>err || return 1
	[ "$(sqlite3 r.sqlite 'SELECT id FROM run ORDER BY started_at')" = "$(head -n 2 ids)" ] && [ "$(wc -l <err)" -eq 2 ] &&
		[ "$(sqlite3 r.sqlite 'SELECT count(*) FROM sample s WHERE run_id NOT IN (SELECT id FROM run)')" = 0 ] &&
		[ "$(sqlite3 r.sqlite 'PRAGMA integrity_check')" = ok ]
}
check "remove looks all its runs up before one goes" remove_looks_first
remove_none() {
	cp "$S" r2.sqlite
	"$PROF" runs --store r2.sqlite remove last nosuchrun 2>/dev/null
	[ $? -eq 1 ] && [ "$(sqlite3 r2.sqlite 'SELECT count(*) FROM run')" = 4 ] &&
		[ "$("$PROF" runs --store r2.sqlite remove last --json | json 'd["removed"][0]["id"]')" = "${ids[3]}" ]
}
check "one of the runs does not exist: none is removed" remove_none
merge() {
	"$PROF" runs --store m.sqlite merge "$S" r.sqlite --json | json 'd["merged"]' >out || return 1
	[ "$(cat out)" = "[{'file': '$S', 'copied': 4, 'known': 0}, {'file': 'r.sqlite', 'copied': 0, 'known': 2}]" ] || return 1
	cmp <("$PROF" report --store m.sqlite "${ids[0]}" --json -t) <("$PROF" report --store "$S" "${ids[0]}" --json -t) &&
		cmp <("$PROF" runs --store m.sqlite --json) <(runs --json)
}
check "merge copies what is not there yet" merge
merge_self() { "$PROF" runs --store m.sqlite merge m.sqlite 2>err && grep -q '0 copied, 4 known' err; }
check "a store merged into itself stays" merge_self
merge_nothing() {
	"$PROF" runs --store new.sqlite merge "$S" nosuch.sqlite 2>/dev/null
	[ $? -eq 1 ] && [ ! -e new.sqlite ]
}
check "a source that does not exist: no store is made" merge_nothing
for wrong in "nonsense" "r" "l" "label" "label last" "label last x" "label last =x" "rename last" "rename last a b" "remove" "merge" "show last last" \
	"list last" "--nosuch" "--store"; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: runs $wrong" runs $wrong
done
for wrong in "show nosuchrun" "label nosuchrun a=b" "rename nosuchrun x" "remove nosuchrun" "show last~4"; do
	# shellcheck disable=SC2086 # words
	check_fails 1 "fails: runs $wrong" runs $wrong
done
check_fails 1 "a store that does not exist" "$PROF" runs --store nosuch.sqlite
check_fails 1 "… nor to be changed" "$PROF" runs --store nosuch.sqlite label last a=b
check "… is not made" test ! -e nosuch.sqlite
full_disk() {
	local rc
	runs >/dev/full 2>err
	rc=$?
	[ $rc -eq 1 ] && grep -q 'No space left' err && runs --json >/dev/full 2>err
	[ $? -eq 1 ] && grep -q 'No space left' err
}
check "a full disk behind the list is a failure" full_disk
hostile() {
	sqlite3 "$S" ".backup h.sqlite"
	sqlite3 h.sqlite "UPDATE run SET name = char(27) || '[2J' || CAST(x'ff' AS TEXT), command = 'x' || char(10) || 'y',
		labels = '{\"a\": 1, \"b\": [2], \"c\\u001b\": \"d\\n\"}'; UPDATE run SET labels = '[' WHERE key = 1; UPDATE run SET rate_hz = 9e999"
	"$PROF" runs --store h.sqlite >out 2>err || { cat err; return 1; }
	[ "$(wc -l <out)" -eq 5 ] && ! grep -q $'\033' out && iconv -f utf-8 -t utf-8 <out >/dev/null &&
		"$PROF" runs --store h.sqlite --json | is_json && "$PROF" runs show --store h.sqlite --json | is_json
}
check "hostile names and labels cannot act" hostile

# ---- run: exit codes and talk --------------------------------------------------------------------------

run() { "$PROF" run -o run.sqlite "$@"; }
codes() {
	local code
	for code in 0 1 2 4 127 200 255; do
		run -q -- sh -c "exit $code" || [ $? -eq $code ] || { echo "exit $code became $?"; return 1; }
	done
	for code in 1 6 9 11 15; do
		run -q -- sh -c "kill -$code \$\$; sleep 9"
		[ $? -eq $((128 + code)) ] || { echo "signal $code"; return 1; }
	done
	[ "$(sqlite3 run.sqlite 'SELECT group_concat(exit_code) FROM (SELECT exit_code FROM run WHERE exit_code IS NOT NULL ORDER BY started_at)')" = \
		0,1,2,4,127,200,255 ] && [ "$(sqlite3 run.sqlite 'SELECT group_concat(signal) FROM (SELECT signal FROM run WHERE signal ORDER BY started_at)')" = 1,6,9,11,15 ]
}
check "exit codes and signals are the program's own, and stored" codes
cannot() { # what pattern command
	local pattern=$1
	shift
	run "$@" >out 2>err
	local rc=$?
	cat err
	[ $rc -eq 4 ] && [ ! -s out ] && grep -q "$pattern" err
}
printf '#!/bin/sh\necho script; exit 3\n' >script
cp script plain && chmod +x script
printf '#!/no/such/interpreter\n' >lost && chmod +x lost
check "a program that is not there: 4, and why" cannot "cannot start 'nosuch'.*not found" -- nosuch
check "a path that is not there: 4, and why" cannot "cannot start './nosuch'" -- ./nosuch
check "a folder: 4, and why" cannot "cannot start '/tmp'.*directory" -- /tmp
check "a file without permission: 4, and why" cannot "cannot start './plain'.*permission" -- ./plain
check "an interpreter that is not there: 4, and why" cannot "cannot start './lost'" -- ./lost
check "an empty name: 4, and why" cannot "cannot start ''" -- ''
script() {
	run -q -- ./script >out
	[ $? -eq 3 ] && [ "$(cat out)" = script ]
}
check "a script runs as it would" script
own_streams() { # what the program writes is all there is on stdout, what it reads is stdin
	[ "$(echo words | run -- cat 2>err)" = words ] && grep -q 'protea-prof: run ' err &&
		[ "$(echo words | run -q -- cat 2>err)" = words ] && [ ! -s err ] &&
		[ "$("$PROF" -q run -o run.sqlite -- echo x 2>err)" = x ] && [ ! -s err ]
}
check "stdout is the program's; -q says nothing" own_streams
summary() {
	run -n named -l k=v -r 500 -- "$PROGRAMS/split" >/dev/null 2>err || return 1
	local id
	cat err
	id=$(sqlite3 run.sqlite "SELECT id FROM run WHERE name = 'named' AND labels = '{\"k\":\"v\"}' AND rate_hz = 500")
	grep -q "^protea-prof: run ${id:0:8}  .* CPU .*, 1 process, 1 thread$" err &&
		grep -qE '^  [0-9,]+ samples by (perf|clock), [0-9.]+ per second of CPU, lost [0-9.]+ %, overhead about [0-9.]+ %$' err &&
		grep -qE '^ +[0-9.]+ % +[0-9.]+ %  three  split$' err && grep -q '^protea-prof: next: protea-prof report --tree --store run.sqlite$' err
}
check "the summary has numbers, functions and the next line" summary
next_line() { # is one that a shell takes
	"$PROF" run -o "it's here.sqlite" -- true 2>err
	local line
	line=$(sed -n 's/^protea-prof: next: protea-prof //p' err)
	eval "\"$PROF\" $line" >/dev/null
}
check "the next command can be typed as it stands" next_line
stage_rows() {
	run -- "$PROGRAMS/stages" 2>err >/dev/null && grep -qE '^  stage +n +wall +CPU$' err
}
check "the summary has the stages" stage_rows
for wrong in "" "-r 0 -- true" "-r x -- true" "-r 200khz -- true" "-d 0 -- true" "-d 5x -- true" "--mode idle -- true" "--engine fast -- true" \
	"--memory lots -- true" "-l nokey -- true" "-l =v -- true" "-n -- true" "--nosuch -- true" "--ch=1 -- true" "nosuch.json" "$PROGRAMS/split" "--" "/tmp"; do
	# shellcheck disable=SC2086 # words
	"$PROF" run -o no.sqlite $wrong >out 2>err
	rc=$?
	check "refused before anything is made: run $wrong" test "$rc" -ne 0 -a "$rc" -ne 4 -a ! -s out -a -s err -a ! -e no.sqlite
done
check_fails 1 "a store that cannot be made" "$PROF" run -o /no/such/folder/s.sqlite -- true
foreign() {
	echo words >words
	"$PROF" run -o words -- touch ran 2>err
	[ $? -eq 1 ] && [ "$(cat words)" = words ] && [ ! -e ran ] && grep -q words err
}
check "a foreign file is refused before the program starts" foreign
printf 'a;b 3\n' >in.folded
for how in "run -- true" "record -- true" "import in.folded" "runs merge $S" "report" "runs label last a=b"; do
	# shellcheck disable=SC2086 # words
	check_fails 1 "a folder for a store is refused: $how" env PROTEA_PROF_STORE=. "$PROF" $how
done

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
