#!/bin/bash
# protea-prof check on this machine and on worse ones (no perf events, no shared memory, no cache, a foreign
# store), the help of every command against what the commands take and against the man page, colours, versions.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
MAN=$PWD/docs/man/protea-prof.1
unset PROTEA_PROF_STORE NO_COLOR CLICOLOR_FORCE
cd "$TMP" || exit 1
field() { # name field: of a finding in the JSON file "out"
	python3 -c 'import json, sys
print(next(c[sys.argv[2]] for c in json.load(open("out"))["checks"] if c["name"] == sys.argv[1]))' "$1" "$2"
}

# ---- findings ------------------------------------------------------------------------------------------

here() {
	"$PROF" check --json >out
	local rc=$?
	python3 - $rc <<'P'
import json, sys
d = json.load(open("out"))
names = [c["name"] for c in d["checks"]]
assert d["works"] == (sys.argv[1] == "0") and d["version"], d
assert len(names) == len(set(names)) and {"perf-events", "cpu-timers", "agent", "shared-memory", "store", "build"} <= set(names), names
for c in d["checks"]:
    assert c["state"] in ("ok", "poor", "bad") and c["what"] and (c["state"] == "ok" or c["remedy"]), c
P
}
check "every finding has a state, what was found, and what would change it" here
text() {
	"$PROF" check >text
	local name
	for name in $(python3 -c 'import json; print(*(c["name"] for c in json.load(open("out"))["checks"]))'); do
		grep -qE "^(ok   |poor |bad  ) $name +[^ ]" text || { echo "no $name"; return 1; }
	done
	tail -n 1 text | grep -qE '^sampling (works|does not work) here$'
}
check "the text has the same findings" text
true_perf() { # what check says of perf is what run does
	# shellcheck disable=SC2016 # the script is to be expanded later
	echo 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done' >busy
	"$PROF" run -q -o e.sqlite -- sh busy
	[ "$(sqlite3 e.sqlite 'SELECT engine FROM run')" = "$([ "$(field perf-events state)" = ok ] && echo perf || echo clock)" ]
}
check "what it says of perf events is what run finds" true_perf
foreign_store() {
	echo words >words
	PROTEA_PROF_STORE=words "$PROF" check --json >out && [ "$(field store state)" = poor ] && [ "$(cat words)" = words ] &&
		PROTEA_PROF_STORE=/no/such/folder/s "$PROF" check --json >out && [ "$(field store state)" = poor ] &&
		PROTEA_PROF_STORE=new.sqlite "$PROF" check --json >out && [ "$(field store state)" = ok ] && [ ! -e new.sqlite ]
}
check "a store that run would refuse is said" foreign_store
no_cache() {
	env -u HOME -u XDG_CACHE_HOME -u PROTEA_PROF_CACHE "$PROF" check --json >out
	local state
	state=$(field cache state)
	[ "$state" = poor ] || [ "$state" = ok ] && python3 -m json.tool <out >/dev/null &&
		PROTEA_PROF_CACHE=/proc/no/such "$PROF" check --json >out && [ "$(field cache state)" = poor ]
}
check "a cache that cannot be written is said" no_cache
no_agent() { # a copy of the program alone
	mkdir alone && cp "$PROF" alone/ && env -u LD_LIBRARY_PATH alone/protea-prof check --json >out
	local rc=$?
	{ [ $rc -eq 1 ] && [ "$(field agent state)" = bad ] && [ -n "$(field agent remedy)" ]; } ||
		[ "$(field agent state)" = ok ] # an installed one was found
}
check "without its library sampling does not work, and that is said" no_agent
limits() {
	(ulimit -n 100 && "$PROF" check --json >out) && [ "$(field limits state)" = poor ]
}
check "few open files are said" limits
container() {
	KUBERNETES_SERVICE_HOST=x "$PROF" check --json >out && [ "$(field container what)" = kubernetes ]
}
check "a container is noticed" container
hostile_path() {
	PROTEA_PROF_STORE=$'a\033[31m\377' "$PROF" check >text && ! grep -q $'\033' text && iconv -f utf-8 -t utf-8 <text >/dev/null &&
		PROTEA_PROF_STORE=$'a\033[31m\377' "$PROF" check --json | python3 -m json.tool >/dev/null
}
check "a hostile path cannot act" hostile_path
colours() {
	! "$PROF" check | grep -q $'\033' && CLICOLOR_FORCE=1 "$PROF" check | grep -q $'\033\\[32mok' &&
		! NO_COLOR=1 CLICOLOR_FORCE=1 "$PROF" check | grep -q $'\033' && ! CLICOLOR_FORCE=0 "$PROF" check | grep -q $'\033' || return 1
	command -v script >/dev/null || return 0
	TERM=xterm script -qec "$PROF check" /dev/null </dev/null | grep -q $'\033\\[32mok' &&
		! TERM=dumb script -qec "$PROF check" /dev/null </dev/null | grep -q $'\033\\[32mok' &&
		! NO_COLOR=1 TERM=xterm script -qec "$PROF check" /dev/null </dev/null | grep -q $'\033\\[32mok'
}
check "colours only on a terminal, NO_COLOR and CLICOLOR_FORCE" colours
full() {
	"$PROF" "$@" >/dev/full 2>err
	[ $? -eq 1 ] && grep -q 'No space left' err
}
check "a full disk is a failure" full check
check "a full disk is a failure of --json" full check --json
check "a full disk is a failure of --version" full --version
check_fails 2 "arguments are refused" "$PROF" check nonsense
check_fails 2 "options are refused" "$PROF" check --nosuch

# ---- help ----------------------------------------------------------------------------------------------

commands=(run record top dump report flame diff gate model plan site runs import export pg check)
check_fails 2 "no command: usage" "$PROF"
check_fails 2 "an unknown command is refused" "$PROF" nonsense
check_fails 2 "a hidden command is not found by its beginning" "$PROF" _s
check_fails 2 "an empty command is refused" "$PROF" ''
all_listed() {
	diff <("$PROF" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | sort) <(printf '%s\n' "${commands[@]}" | sort) &&
		cmp <("$PROF" --help) <("$PROF" help) && cmp <("$PROF" --help) <("$PROF" -h) && "$PROF" --version | grep -q '^protea-prof [0-9]'
}
check "--help lists the commands" all_listed
options_of() { "$PROF" "$1" --help | grep -oE '^  (-[a-z], |    )--[a-z-]+' | grep -oE -- '-[a-zA-Z-]+'; }
helps() {
	local c
	for c in "${commands[@]}"; do
		"$PROF" "$c" --help >out 2>err && [ ! -s err ] && [ "$(head -c 19 out)" = 'usage: protea-prof ' ] || return 1
		cmp out <("$PROF" "$c" -h) && cmp out <("$PROF" "${c:0:4}" --help) || return 1
		python3 -c 'import sys; sys.exit(any(len(l.rstrip("\n")) > 100 for l in open("out")))' || { echo "$c: too wide"; return 1; }
	done
}
check "--help of every command, not wider than 100 columns" helps
no_clash() { # a letter or name stands for one thing
	local c
	for c in "${commands[@]}"; do
		[ -z "$(options_of "$c" | sort | uniq -d)" ] || { echo "$c: $(options_of "$c" | sort | uniq -d)"; return 1; }
	done
}
check "no option stands twice" no_clash
section() { # COMMAND: its man page, or its part of the common one, without font changes
	if [ -f "${MAN%.1}-$1.1" ]; then cat "${MAN%.1}-$1.1"; else awk -v want="$(tr '[:lower:]' '[:upper:]' <<<"$1")" '/^\.SH/ { on = $2 == want || $2 == "OPTIONS" } on' "$MAN"; fi |
		sed -e 's/\\f[A-Z]//g' -e 's/\\-/-/g' -e 's/"/ /g'
}
in_man() {
	local c o
	for c in "${commands[@]}"; do
		section "$c" >its_section
		options_of "$c" >options
		while IFS= read -r o; do
			grep -qE -- "(^|[^a-zA-Z-])$o([^a-z-]|$)" its_section || echo "$c: $o is not in the man page"
		done <options
		# … and nothing that is not there.
		grep -oE -- '(^|[ (])--[a-z-]+' its_section | grep -oE -- '--[a-z-]+' | sort -u | while IFS= read -r o; do
			grep -qx -- "$o" options || [ "$o" = -- ] || echo "$c: the man page has $o, --help has not"
		done
	done >bad
	cat bad
	[ ! -s bad ]
}
check "the man page has the options of --help, and no others" in_man
if command -v groff >/dev/null; then
	for page in "${MAN%.1}"*.1; do groff -man -Tutf8 -ww -z "$page"; done >man.log 2>&1
	check "groff has nothing to say about the man page" diff man.log /dev/null
else
	skip "groff has nothing to say about the man page" "groff is not installed"
fi

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
