#!/bin/bash
# Outputs of protea-prof gate: JUnit against its schema, Markdown, annotations, code quality, the differential page,
# addresses on CI servers; names of stages, functions and hosts that want to act; failures that must not look like a pass.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
BUFFER=$PWD/$O/samples/programs/planted_buffer
XSD=$PWD/tests/cli/junit.xsd
CHECK=$PWD/tests/cli/gate_outputs.py
unset PROTEA_PROF_STORE NO_COLOR CLICOLOR_FORCE GITHUB_ACTIONS GITLAB_CI GITHUB_STEP_SUMMARY GITHUB_WORKSPACE COLUMNS CI_JOB_URL
cd "$TMP" || exit 1
if [ ! -x "$BUFFER" ]; then
	skip "outputs of gate" "$O/samples/programs/planted_buffer is not built (make sample-programs)"
	echo "1..$tap_n"
	exit 0
fi
for _ in 1 2; do
	for side in before after; do
		"$PROF" run -q --memory full -o runs.sqlite -n "$side" -- "$BUFFER" 1 "$side" || exit 1
	done
done
export PROTEA_PROF_STORE=runs.sqlite
gate() { "$PROF" gate "$@"; }
all_outputs() { # prefix args…: every document, the text on standard output
	local prefix=$1
	shift
	gate --markdown "$prefix.md" --junit "$prefix.xml" --html "$prefix.html" --code-quality "$prefix.cq.json" --annotations github "$@" >"$prefix.txt" 2>"$prefix.err"
}

# ---- each ----------------------------------------------------------------------------------------------

all_outputs plain --counts before after
[ $? -eq 1 ] || echo "# gate did not find the regression"
gate --json --counts before after >plain.json 2>/dev/null
if command -v xmllint >/dev/null; then
	junit() { xmllint --noout --schema "$XSD" "$1"; }
	check "JUnit is valid" junit plain.xml
	cases() { # as many as it says, the verdict among them
		[ "$(xmllint --xpath 'count(//testcase)' plain.xml)" = "$(xmllint --xpath 'string(//testsuite/@tests)' plain.xml)" ] &&
			[ "$(xmllint --xpath 'count(//testcase[failure])' plain.xml)" = "$(xmllint --xpath 'string(//testsuite/@failures)' plain.xml)" ] &&
			[ "$(xmllint --xpath 'count(//testcase[@classname="gate" and @name="verdict"]/failure)' plain.xml)" = 1 ] &&
			[ "$(xmllint --xpath 'count(//testcase[@classname="render" and @name="alloc_count"]/failure)' plain.xml)" = 1 ]
	}
	check "it counts its cases" cases
else
	junit() { python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1"; }
	skip "JUnit is valid" "xmllint is not installed"
fi
markdown_first() { sed -n 2p plain.md | grep -qE '^### ❌ regression: ' && grep -qE '^\| \*\*regression\*\* \| `render` \| allocations \| 1 \| 2,000 \|' plain.md && grep -q '`item_buffer`' plain.md; }
check "Markdown has the verdict first, the rows, the function" markdown_first
page() { [ "$(head -n 1 plain.html)" = '<!DOCTYPE html>' ] && [ "$(tail -n 1 plain.html)" = '</html>' ] && grep -q 'wrote plain.html' plain.err; }
check "the differential page is whole" page
annotations() { grep -qE '^::error title=regression%3A allocations::render: allocations 1 → 2,000' plain.err && ! grep -q '^::' plain.txt; }
check "annotations of GitHub go beside standard output" annotations
quality() { python3 -c '
import json
d = json.load(open("plain.cq.json"))
assert d and all({"description", "check_name", "fingerprint", "severity", "location"} <= set(i) for i in d), d
assert all(i["location"]["path"] and i["location"]["lines"]["begin"] == 1 for i in d)
assert len({i["fingerprint"] for i in d}) == len(d)'; }
check "code quality for GitLab" quality
to_stdout() { gate -q --junit - --html plain.html --counts before after | cmp - plain.xml && gate -q --markdown - --html plain.html --counts before after | cmp - plain.md; }
check "a document on standard output is the same" to_stdout
json_alone() { GITHUB_ACTIONS=true gate --json --counts before after 2>/dev/null | python3 -m json.tool >/dev/null; }
check "JSON stays alone on standard output on a CI server" json_alone

# ---- on CI servers -------------------------------------------------------------------------------------

summary() {
	echo '# before' >summary.md
	GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=summary.md gate --counts --step-summary before after >out 2>err
	[ $? -eq 1 ] && head -n 1 summary.md | grep -qx '# before' && grep -q '^### ❌ regression' summary.md && grep -q '^::error ' err
}
check "the step's summary is appended to" summary
artifacts() {
	GITHUB_ACTIONS=true GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=me/it GITHUB_RUN_ID=7 gate --html d.html --markdown d.md --counts before after >/dev/null 2>&1
	grep -qF '[differential page](https://github.com/me/it/actions/runs/7#artifacts)' d.md || return 1
	GITLAB_CI=true CI_JOB_URL=https://gitlab.com/me/it/-/jobs/7 gate --html d.html --markdown d.md --counts before after >/dev/null 2>&1
	grep -qF '[differential page](https://gitlab.com/me/it/-/jobs/7/artifacts/file/d.html)' d.md && [ -s gl-code-quality-report.json ] || return 1
	gate --html d.html --link 'https://x.org/a b)[c](d' --markdown d.md --counts before after >/dev/null 2>&1
	grep -qF '[differential page](https://x.org/a%20b%29%5Bc%5D%28d)' d.md
}
check "the page's address on GitHub, on GitLab, and one that was given" artifacts
quiet_when_off() { GITHUB_ACTIONS=true gate --annotations none --counts before after 2>&1 | grep -q '^::' && return 1; GITHUB_ACTIONS=false gate --counts before after 2>&1 | grep -q '^::' && return 1; return 0; }
check "no annotations when they are not wanted" quiet_when_off
workspace() {
	local root
	root=$(sqlite3 runs.sqlite "SELECT DISTINCT text FROM string_row WHERE text LIKE '%planted_buffer.c'" | head -n 1)
	[ -n "$root" ] || return 0
	GITHUB_ACTIONS=true GITHUB_WORKSPACE=$(dirname "$root") gate --counts before after 2>&1 | grep -q '^::error file=planted_buffer.c,title='
}
check "a function's file is named from the workspace" workspace

# ---- hostile names -------------------------------------------------------------------------------------

# Names as a store may hold them: pipes, backticks, markup, ends of CDATA, line ends, escapes, broken UTF-8.
hostile_names() {
	cp runs.sqlite hostile.sqlite && python3 - <<'P'
import sqlite3
evil = b'a|b`c```d<script>alert(1)</script>]]>&amp;"\'\n::error::x\r\n##[error]y\x1b[31m\xff\xe2\x80\xae@who #1 $(id) %0A \\| ' + b'z' * 300
db = sqlite3.connect("hostile.sqlite")
db.text_factory = bytes
for name in (b"render", b"item_buffer", b"main"):
    db.execute("UPDATE string_row SET text = CAST(? AS TEXT) WHERE text = ?", (name + evil, name.decode()))
db.execute("UPDATE run SET host = CAST(? AS TEXT), name = CAST(? || name AS TEXT), command = CAST(? AS TEXT)", (evil, evil, evil))
db.commit()
P
}
check "hostile names are in the store" hostile_names
sides=$(sqlite3 hostile.sqlite 'SELECT group_concat(substr(id, 1, 12)) FROM (SELECT id, row_number() OVER (ORDER BY key) AS n FROM run) GROUP BY n % 2 ORDER BY n % 2 DESC')
hostile() {
	# shellcheck disable=SC2086 # two words
	PROTEA_PROF_STORE=hostile.sqlite all_outputs evil --counts "$@" $sides
	[ $? -eq 1 ] || { cat evil.err; return 1; }
	junit evil.xml || return 1
	# shellcheck disable=SC2086
	PROTEA_PROF_STORE=hostile.sqlite gate --json --counts "$@" $sides >evil.json 2>/dev/null
	python3 "$CHECK" evil
}
check "they act in none of the outputs" hostile
rendered() { # as GitHub's renderer has it, before it removes what is not allowed
	cmark-gfm --unsafe -e table -e autolink -e strikethrough -e tagfilter evil.md >evil.html && python3 "$CHECK" --html evil.html
}
if command -v cmark-gfm >/dev/null; then
	check "… nor when the Markdown is rendered" rendered
else
	skip "… nor when the Markdown is rendered" "cmark-gfm is not installed"
fi
hostile_all() { hostile --all; }
check "… nor where every row is shown" hostile_all
accept_hostile() { # the line that is proposed is taken by a shell as it stands
	sed -n "s/^    protea-prof \\(gate .*--accept .*\\)/\\1/p" evil.txt | head -n 1 >line
	[ -s line ] || return 1
	sed -i "s/'…'/x/" line
	PROTEA_PROF_STORE=hostile.sqlite PROF=$PROF bash -c "\"\$PROF\" $(cat line)" >out 2>err
	cat err
	grep -q '^accepted ' out && python3 -m json.tool <protea-prof.gate.json >/dev/null
	local rc=$?
	rm -f protea-prof.gate.json
	return $rc
}
check "the line that accepts a change works with such a name" accept_hostile
long_comment() { # thousands of stages
	gate --counts --save base.json before 2>/dev/null && python3 - <<'P'
import json
d = json.load(open("base.json"))
for f, add in (("long_a.json", 0), ("long_b.json", 50)):
    d["metrics"] = [{"stage": "stage <%d> | of ``` many" % i, "metric": "alloc_count", "kind": "count", "values": [100 + add] * len(d["runs"])} for i in range(3000)]
    json.dump(d, open(f, "w"))
P
	gate --markdown long.md --junit long.xml long_a.json long_b.json >out 2>err
	[ $? -eq 1 ] && [ "$(wc -c <long.md)" -lt 65536 ] && grep -qE '^[0-9]+ lines are left out' long.md && junit long.xml
}
check "a comment of 3,000 regressions is cut, and says so" long_comment

# ---- failures ------------------------------------------------------------------------------------------

no_pass() { # what an earlier run left is replaced
	local code=$1
	shift
	echo '<testsuites/>' >failed.xml
	echo '### ✅ ok' >failed.md
	gate --junit failed.xml --markdown failed.md --annotations github "$@" >out 2>err
	[ $? -eq "$code" ] || { cat out err; return 1; }
	grep -q '<error ' failed.xml && junit failed.xml && ! grep -q '✅' failed.md && grep -q '^::error ' err && [ ! -s out ]
}
check "no such run: the documents say so" no_pass 1 before nosuch
check "no store likewise" no_pass 1 --store none.sqlite before after
check "… nor operands that make no sense" no_pass 2 before before
json_failed() { gate --json before nosuch >out 2>/dev/null; [ $? -eq 1 ] && python3 -c 'import json; d = json.load(open("out")); assert d["verdict"] is None and d["error"] and d["metrics"] == []'; }
check "JSON without a verdict" json_failed
inconclusive_error() { gate --junit inc.xml --metric wall before after >/dev/null 2>&1; [ $? -eq 3 ] && grep -q '<error message="inconclusive: ' inc.xml && junit inc.xml; }
check "what cannot be told is an error of the case 'verdict'" inconclusive_error
cannot_write() { gate --markdown no/such/dir.md --junit fine.xml --counts after before >out 2>err; [ $? -eq 1 ] && grep -q "no/such/dir.md" err && [ -s fine.xml ] && grep -q '^improved' out; }
check "a file that cannot be written is a failure; the others are there" cannot_write
full_disk() {
	[ -c /dev/full ] || return 0
	gate --junit /dev/full --counts after before >/dev/null 2>err
	[ $? -eq 1 ] && gate --counts after before >/dev/full 2>err
	[ $? -eq 1 ] && grep -q 'No space' err
}
check "a full disk is a failure" full_disk

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
