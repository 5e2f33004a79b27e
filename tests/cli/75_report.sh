#!/bin/bash
# protea-prof report: every number against sums over the store's views (report_oracle.py), filters, limits,
# the shape of tables at several widths, hostile names, stores and runs that are not there, full disks.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PROGRAMS=$PWD/$O/samples/programs
ORACLE=$PWD/tests/cli/report_oracle.py
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE COLUMNS NO_COLOR CLICOLOR_FORCE
id=$("$TOOLS/store_fill" "$S" --stacks 200 --depth 8 --samples 2000 --threads 3 --stages 40 --memory \
	--inline --seed 5) || exit 1
cd "$TMP" || exit 1
report() { "$PROF" report --store "$S" "$@"; }
sql() { sqlite3 "$S" "$1"; }
is_json() { python3 -m json.tool >/dev/null; }
has() { grep -q -- "$1" <<<"$2" || { printf 'no %s in:\n%s\n' "$1" "$2"; return 1; }; }

# ---- numbers -------------------------------------------------------------------------------------------

oracle() { # what store id
	if ! python3 "$ORACLE" "$PROF" "$2" "$3" >oracle.log 2>&1; then
		not_ok "$1: the comparison ends"
		tail -n 5 oracle.log | sed 's/^/# /'
	fi
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "$1: ${line#ok }" ;;
		"not ok "*)
			not_ok "$1: ${line#not ok }"
			;;
		esac
	done <oracle.log
}
oracle "made-up run" "$S" "$id"
"$PROF" run -q -o real.sqlite -r 1000 -- "$PROGRAMS/stages" >/dev/null
oracle "real run" real.sqlite "$(sqlite3 real.sqlite 'SELECT id FROM run')"
"$PROF" run -q -o wall.sqlite --mode wall -- "$PROGRAMS/sleepy" >/dev/null
oracle "wall run" wall.sqlite "$(sqlite3 wall.sqlite 'SELECT id FROM run')"
wall_is_the_default() {
	"$PROF" report --store wall.sqlite >out && grep -q '^wall by function' out &&
		"$PROF" report --store wall.sqlite -k cpu | grep -q '^cpu by function'
}
check "a wall run is shown by wall time" wall_is_the_default

# words_of_none SQL TEXT OPTION…: what is said of a run without samples, other than that of a program too short for the rate.
words_of_none() {
	local change=$1 want=$2
	shift 2
	cp real.sqlite bare.sqlite
	sqlite3 bare.sqlite "DELETE FROM sample_row; DELETE FROM loss_row; $change"
	"$PROF" report --store bare.sqlite "$@" | tail -n 1 >said
	grep -q "^no samples of kind cpu$want\$" said || { cat said; return 1; }
}
lost_row="INSERT INTO loss_row SELECT key, 'disk_full', 7 FROM run"
check "no samples: the program was short" words_of_none "" ": the program used less CPU time than .* takes more"
check "no samples: those that were lost are told of" words_of_none "$lost_row" "; some were lost, see above"
check "no samples of a stage: nothing is said of the program" words_of_none "" " in this stage" --stage "$(sqlite3 real.sqlite 'SELECT name FROM stage LIMIT 1')"
check "no samples of a thread: nothing is said of the program" words_of_none "" " of this thread" --tree --thread stages

# ---- what is shown -------------------------------------------------------------------------------------

rows() { grep -c ' % ± ' <<<"$1"; }
limits() {
	[ "$(rows "$(report)")" -eq 30 ] && [ "$(rows "$(report -n 7)")" -eq 7 ] &&
		[ "$(rows "$(report -n 0)")" -eq "$(report --json | grep -c '"self_ci"')" ] &&
		[ "$(report --json -n 4 | grep -c '"self_ci"')" -eq 4 ]
}
check "-n limits rows, -n 0 shows all" limits
least() { # every row of at least 20 %, no other
	local want
	want=$(report --json | python3 -c 'import json, sys
print(sum(r["total_share"] >= 0.2 for r in json.load(sys.stdin)["rows"]))')
	[ "$want" -gt 0 ] && [ "$(report --json --min 20 | grep -c '"self_ci"')" -eq "$want" ] &&
		[ "$(rows "$(report --min 20% -n 0)")" -eq "$want" ]
}
check "--min leaves out what is less" least
more_is_said() {
	has '… [0-9]* more; -n 0 shows all' "$(report)" && has 'more parts; --min 0 shows all' "$(report -t)" &&
		! report -t --min 0 | grep -q '…'
}
check "what is not shown is counted" more_is_said
head_says() {
	local text
	text=$(report "${id:0:6}")
	has "^run      ${id:0:8}  synthetic  2023-11-14 22:13:20 UTC" "$text" && has '^command  store_fill' "$text" &&
		has '^samples  2,000 at 1000 Hz (none), CPU 2 s in 2 s$' "$text" && has '^lost     3 late_tick$' "$text" &&
		has '^labels   {"kind":"synthetic"}$' "$text"
}
check "the head names run, command, samples and losses" head_says
same_text_and_json() { # the first row of the table is that of the JSON
	local first
	first=$(report --json -n 1 | python3 -c 'import json, sys
r = json.load(sys.stdin)["rows"][0]
print("%5.1f %% ± %-4.1f %6.1f %% ± %-4.1f  %s" % (100 * r["self_share"], 50 * (r["self_ci"][1] - r["self_ci"][0]),
    100 * r["total_share"], 50 * (r["total_ci"][1] - r["total_ci"][0]), r["function"]))')
	has "^ *$first  libsynthetic.so.1$" "$(report -n 1)"
}
check "the table has the numbers of the JSON" same_text_and_json
deterministic() { cmp <(report -t --json) <(report -t --json) && cmp <(report -n 0) <(report -n 0); }
check "twice the same is the same" deterministic
sizes() { has '^alloc by function, all of it [0-9.]* MiB$' "$(report -k alloc)" && has '"unit": "bytes"' "$(report -k alloc --json)"; }
check "kinds of memory are sizes" sizes
short_forms() {
	cmp <(report -b line -k cpu -n 3) <("$PROF" rep --by=line --kind cpu --row 3 --store="$S" last) &&
		cmp <(report -ta) <(report --tree --all) && cmp <(report) <("$PROF" report "$id" --store "$S")
}
check "commands and options may be shortened, bundled, put last" short_forms
check_fails 2 "an ambiguous command is refused" "$PROF" r
check_fails 2 "an ambiguous option is refused" report --st x
quiet() { "$PROF" report -q --store "$S" last~9 2>&1 | grep -q error && "$PROF" -q report --store "$S" >/dev/null; }
check "-q goes before and after the command" quiet

# ---- widths and names ----------------------------------------------------------------------------------

sqlite3 "$S" ".backup names.sqlite"
sqlite3 names.sqlite "UPDATE string_row SET text = replace(text, 'function_', 'std::vector<std::pair<long, std::string>>::~vector_of_names_') || '(std::allocator<char> const&)'
	WHERE text LIKE 'function_%'"
cat >views.py <<'P'
"""views.py PROF STORE WHAT: runs all views; WHAT is "fit" or "tame"."""
import json, os, subprocess, sys
prof, store, what = sys.argv[1:]
views = ["-n 0", "-b line", "-b stack -n 5", "-b thread", "-b module", "-b process", "-b stage", "-t --min 0",
         "-t -a -b line", "--stages"]
def run(view, columns=100):
    out = subprocess.run([prof, "report", "--store", store, *view.split()], capture_output=True,
                         env=dict(os.environ, COLUMNS=str(columns)))
    if out.returncode or out.stderr:
        sys.exit(f"{view}: exit {out.returncode}, {out.stderr}")
    return out.stdout.decode()  # valid UTF-8
def acts(c):
    return (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == chr(8238)
for view in views:
    if what == "tame":
        if any(map(acts, run(view))):
            sys.exit(f"{view}: a control character")
        json.loads(run(view + " --json"))
        continue
    for columns in (80, 100, 200):
        longest = max(len(line) for line in run(view, columns).split("\n"))
        if longest > columns and (view, columns) != ("--stages", 80):
            sys.exit(f"{view}: {longest} of {columns} columns")
P
all_fit() { python3 views.py "$PROF" names.sqlite fit; }
check "tables keep to 80, 100 and 200 columns" all_fit
aligned() { # the head of the last column stands where the column begins
	COLUMNS=100 report | python3 -c 'import sys
lines = sys.stdin.read().split("\n")
at = next(i for i, l in enumerate(lines) if l.endswith("function"))
begin = lines[at].index("function")
sys.exit(any(l[begin - 2:begin] != "  " or l[begin] == " " for l in lines[at + 1:at + 20]))'
}
check "heads stand over their columns" aligned
operator_names() { # a slash in a function's name is no path
	sqlite3 names.sqlite "UPDATE string_row SET text = 'operator/(A, B)' WHERE id = (SELECT min(id) FROM string_row
		WHERE text LIKE 'std::vector%')"
	COLUMNS=200 "$PROF" report --store names.sqlite -n 0 -b line | grep -q '  operator/(A, B)$'
}
check "operator/ stays whole" operator_names

sqlite3 "$S" ".backup hostile.sqlite"
sqlite3 hostile.sqlite "
	CREATE TEMP TABLE t AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM string_row WHERE text LIKE 'function_%';
	UPDATE string_row SET text = 'two' || char(10) || 'lines' || char(27) || '[31mred' || char(7) WHERE id = (SELECT id FROM t WHERE n = 1);
	UPDATE string_row SET text = CAST(x'fffe80c328' AS TEXT) WHERE id = (SELECT id FROM t WHERE n = 2);
	UPDATE string_row SET text = '</script><script>alert(1)</script>\"''&' WHERE id = (SELECT id FROM t WHERE n = 3);
	UPDATE string_row SET text = 'a;b c' || char(8238) || 'x' WHERE id = (SELECT id FROM t WHERE n = 5);
	UPDATE thread_row SET name = char(27) || ']0;t' || char(7) || CAST(x'ff' AS TEXT) WHERE name = 'main';
	UPDATE run SET name = char(27) || '[2J' || CAST(x'ff' AS TEXT), command = 'x' || char(10) || 'y', labels = 'no json',
		host = CAST(x'c0af' AS TEXT), rate_hz = 9e999, engine = char(27) || 'e';
	UPDATE loss_row SET reason = CAST(x'ff1b' AS TEXT);"
tame() { # no control character but newline, valid UTF-8
	python3 -c 'import sys
text = sys.stdin.buffer.read().decode()
sys.exit(any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == chr(8238) for c in text))'
}
hostile_names() { python3 views.py "$PROF" hostile.sqlite tame; }
check "hostile names cannot act, and JSON stays JSON" hostile_names
hostile_message() {
	"$PROF" report --store hostile.sqlite --thread nosuch 2>err && return 1
	tame <err && grep -q 'worker-1' err
}
check "hostile names in a message cannot act" hostile_message
sqlite3 hostile.sqlite "UPDATE string_row SET text = replace(hex(zeroblob(5242880)), '00', 'ab')
	WHERE id = (SELECT id & ~4294967295 | function FROM frame_row
		WHERE id = (SELECT id & ~4294967295 | frame FROM stack_row WHERE depth = 1))"
whole_name() { "$PROF" report --store hostile.sqlite -t --min 0 | tame && "$PROF" report --store hostile.sqlite --json | python3 -c 'import json, sys
sys.exit(not any(len(r["function"]) == 10485760 for r in json.load(sys.stdin)["rows"]))'; }
check "a name of 10 MB is cut for people and whole in JSON" whole_name

# ---- little and nothing --------------------------------------------------------------------------------

"$TOOLS/store_fill" none.sqlite --samples 0 --stacks 1 --stages 0 >/dev/null
nothing() {
	local view
	for view in "" "-t" "-b line" "-b stack" "-b thread"; do
		# shellcheck disable=SC2086 # words
		has 'no samples of kind cpu' "$("$PROF" report --store none.sqlite $view)" &&
			"$PROF" report --store none.sqlite $view --json | is_json || return 1
	done
	has 'no stages' "$("$PROF" report --store none.sqlite --stages)" &&
		has 'no samples of kind gpu' "$(report -k gpu)"
}
check "no samples and no stages are said" nothing
dead() { # a run whose recorder is gone and left nothing behind
	"$TOOLS/store_fill" dead.sqlite --samples 500 --stacks 20 --unfinished >/dev/null
	has '^cpu by function, all of it 500 ms$' "$("$PROF" report --store dead.sqlite 2>err)" &&
		grep -q 'completed 1 run' err && "$PROF" report --store dead.sqlite --json 2>err | grep -q '"finished": true' &&
		[ ! -s err ] && has 'unknown in libsynthetic.so.1+0x' "$("$PROF" report --store dead.sqlite -n 1)"
}
check "a run that was cut off is completed and shown" dead
recording() { "$PROF" report --store live.sqlite | grep -q 'still being recorded'; }
live() { # a run that is being recorded
	"$PROF" run -q -o live.sqlite -- sh -c 'while [ ! -e enough ]; do :; done' &
	local pid=$! rc=1
	if wait_for 60 recording; then
		"$PROF" report --store live.sqlite --json | grep -q '"finished": false' &&
			"$PROF" runs --store live.sqlite | grep -q '  recording  ' && rc=0
	fi
	touch enough
	wait $pid && [ $rc -eq 0 ] && "$PROF" report --store live.sqlite --json | grep -q '"finished": true'
}
check "a run is shown while it is recorded" live
extremes() { # sums beyond 64 bits
	sqlite3 "$S" ".backup sums.sqlite"
	sqlite3 sums.sqlite 'UPDATE sample_row SET value = 9223372036854775807, count = 9223372036854775807'
	local view
	for view in "" "-b stage" "-b stack" "-t" "--json"; do
		# shellcheck disable=SC2086 # words
		"$PROF" report --store sums.sqlite $view >/dev/null 2>err || grep -q 'error' err || return 1
	done
	sqlite3 sums.sqlite 'UPDATE sample_row SET value = -9223372036854775807'
	"$PROF" report --store sums.sqlite >/dev/null && "$PROF" report --store sums.sqlite -t >/dev/null
}
check "impossible sums do no harm" extremes

# ---- what is wrong -------------------------------------------------------------------------------------

for wrong in "--by nonsense" "--kind nonsense" "--min x" "--min -1" "--min 101" "--min 5x" "--min nan" "-n x" "-n -1" "-n 99999999999" "-n" "--rows=" \
	"--nosuch" "-z" "--tree=yes" "last last" "--tree --by thread" "--stages --tree" "--stages --by line" \
	"--stages --thread main" "--store"; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: report $wrong" report $wrong
done
check_fails 1 "a run that does not exist" report nosuchrun
check_fails 1 "a run too far back" report last~1
check_fails 1 "a stage that does not exist" report --stage nosuch
check_fails 1 "a thread that does not exist" report --thread nosuch
check_fails 1 "a store that does not exist" "$PROF" report --store nosuch.sqlite
check "… is not made" test ! -e nosuch.sqlite
not_stores() {
	head -c 5000 /dev/urandom >noise
	sqlite3 foreign.sqlite 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
	cp "$S" newer.sqlite && sqlite3 newer.sqlite 'PRAGMA journal_mode=DELETE; PRAGMA user_version = 99' >/dev/null
	head -c 20000 "$S" >cut.sqlite
	: >empty
	mkdir folder
	local f before rc
	for f in noise foreign.sqlite newer.sqlite cut.sqlite empty; do
		before=$(sha256sum "$f")
		"$PROF" report --store "$f" >out 2>err
		rc=$?
		echo "$f: exit $rc, $(cat err)"
		[ $rc -eq 1 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] || return 1
		[ "$before" = "$(sha256sum "$f")" ] || return 1
	done
	! "$PROF" report --store folder 2>/dev/null
}
check "what is no store is refused and left as it was" not_stores
PROTEA_PROF_STORE=$S check "PROTEA_PROF_STORE names the store" "$PROF" report
full_disk() {
	local view rc
	for view in "" "-t" "--stages" "--json" "-t --json" "--stages --json" "--help"; do
		# shellcheck disable=SC2086 # words
		report $view >/dev/full 2>err
		rc=$?
		echo "$view: exit $rc, $(cat err)"
		[ $rc -eq 1 ] && grep -q 'No space left' err || return 1
	done
}
check "a full disk is a failure, and said" full_disk
closed_pipe() {
	report -n 0 2>err | head -n 1 >/dev/null
	report --json 2>>err | head -n 1 >/dev/null
	(
		trap '' PIPE
		report --json 2>>err | head -n 1 >/dev/null
	)
	! grep -v 'Broken pipe' err | grep -q .
}
check "a reader that goes away is no drama" closed_pipe

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
