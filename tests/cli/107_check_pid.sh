#!/bin/bash
# protea-prof check -p PID: every right with its state, what each command would do, what the program's files are like; and
# that the process feels nothing of it.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
started=
trap 'kill -9 $started 2>/dev/null; rm -rf "$TMP"' EXIT
cd "$TMP" || exit 1
unset KUBERNETES_SERVICE_HOST

# start CMD…: in the background; $pid
start() {
	"$@" &
	pid=$!
	started="$started $pid"
}
stop() {
	kill -9 "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}
# The program has begun: it is not the shell any more that was to start it.
runs() { [ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ]; }
look() { "$PROF" check -p "$1" --json >out; }
field() { # row field
	python3 -c 'import json, sys
print(next(c[sys.argv[2]] for c in json.load(open("out"))["checks"] if c["name"] == sys.argv[1]))' "$1" "$2"
}
right() { # right field
	python3 -c 'import json, sys
print(next(c[sys.argv[2]] for c in json.load(open("out"))["rights"] if c["right"] == sys.argv[1]))' "$1" "$2"
}

cat >place.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *waits(void *p)
{
	pause();
	return p;
}
int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	while (n-- > 0) {
		pthread_t t;
		pthread_create(&t, NULL, waits, NULL);
	}
	if (argc > 2)
		pthread_exit(NULL);
	pause();
	return 0;
}
END
cc=${CC:-gcc}
"$cc" -O1 -g -pthread place.c -o place && "$cc" -O1 -g -pthread -static place.c -o fixed &&
	strip -o bare place && strip -g -o lines place || exit 1

# ---- the report ----------------------------------------------------------------------------------------

start ./place 3
wait_for 30 runs "$pid"
plain=$pid
if ! look "$plain" || [ "$(right read granted)" != True ]; then
	skip "everything about live processes" "our own children may not be looked at here: $(right read why)"
	echo "1..$tap_n"
	exit 0
fi

json() {
	look "$plain" || return 1
	python3 - "$plain" <<'P'
import json, sys
d = json.load(open("out"))
assert d["pid"] == int(sys.argv[1]) and d["name"] == "place" and d["works"] is True and d["threads"] == 4, d
assert [r["right"] for r in d["rights"]] == ["read", "ptrace", "perf", "files"], d["rights"]
for r in d["rights"]:
    assert set(r) == {"right", "granted", "errno", "why", "remedy", "other"}, r
    assert r["granted"] == (r["errno"] == 0), r
    assert r["granted"] or (r["why"] and r["remedy"] and "protea-prof run" in r["other"]), r
names = [c["name"] for c in d["checks"]]
assert names == ["process", "read", "ptrace", "perf", "files", "program", "modules", "threads", "dump", "record", "top"], names
for c in d["checks"]:
    assert c["state"] in ("ok", "poor", "bad") and c["what"] and (c["state"] == "ok" or c["remedy"]), c
P
}
check "--json: each right, each row, the process" json
text() {
	"$PROF" check -p "$plain" >text || return 1
	local name
	for name in process read ptrace perf files program modules threads dump record top; do
		grep -qE "^(ok   |poor |bad  ) $name +[^ ]" text || { echo "no $name"; return 1; }
	done
	[ "$(tail -n 1 text)" = "dump works on process $plain" ]
}
check "the text has the same rows" text
true_perf() { # what it says of perf events is what record finds
	"$PROF" record -q -p "$plain" -d 0.1s -o e.sqlite 2>err || { cat err; return 1; }
	look "$plain"
	local engine
	engine=$(sqlite3 e.sqlite 'SELECT engine FROM run')
	[ "$(right perf granted)" = "$([ "$engine" = perf ] && echo True || echo False)" ]
}
if "$PROF" --help | grep -q '^  record '; then
	check "what it says of perf events is what record finds" true_perf
fi
untouched() { # a sleeping process that is woken would switch
	local before after
	before=$(cat /proc/"$plain"/task/*/status | grep ctxt; cut -d' ' -f1 /proc/"$plain"/schedstat)
	for _ in 1 2 3 4 5; do "$PROF" check -p "$plain" >/dev/null || return 1; done
	after=$(cat /proc/"$plain"/task/*/status | grep ctxt; cut -d' ' -f1 /proc/"$plain"/schedstat)
	[ "$before" = "$after" ] && grep -q '^TracerPid:.0$' "/proc/$plain/status"
}
check "the process feels nothing of it: no switch, no time" untouched
stop "$plain"

# ---- files ---------------------------------------------------------------------------------------------

program() { # FILE WORDS…: what the row of the program says
	local file=$1 word
	shift
	start "./$file"
	wait_for 30 runs "$pid"
	look "$pid"
	local rc=$?
	stop "$pid"
	[ $rc -eq 0 ] || return 1
	for word in "$@"; do
		case "$(field program what)" in *"$word"*) ;; *) field program what; return 1 ;; esac
	done
}
check "a program with debug information" program place "/place" "functions and lines"
check "a program with symbols" program lines "functions, no lines"
check "a stripped one is told, and where its symbols may come from" program bare "stripped"
stripped_remedy() { [ "$(field program state)" = poor ] && field program remedy | grep -q DEBUGINFOD_URLS; }
check "… poor, with a remedy" stripped_remedy
check "a static one" program fixed "static"
deleted() {
	cp place gone
	start ./gone
	wait_for 30 runs "$pid"
	rm gone
	look "$pid"
	local rc=$?
	stop "$pid"
	[ $rc -eq 0 ] && field program what | grep -q "/gone, deleted or replaced since" && field modules what | grep -q "1 deleted" &&
		[ "$(field dump state)" = ok ]
}
check "a deleted program" deleted

# ---- threads -------------------------------------------------------------------------------------------

limit() {
	start ./place 60
	wait_for 30 runs "$pid"
	wait_for 30 grep -q '^Threads:.61$' "/proc/$pid/status"
	(ulimit -n 64 && exec "$PROF" check -p "$pid" --json >out)
	local rc=$?
	stop "$pid"
	[ $rc -eq 0 ] && [ "$(field threads state)" = poor ] && field threads remedy | grep -q 'ulimit -n' || return 1
	if [ "$(right perf granted)" = True ]; then field record what | grep -q 'engine clock' && [ "$(field record remedy)" = "see threads" ]; fi
}
check "more threads than descriptors for perf events" limit
no_main() {
	start ./place 2 x
	wait_for 30 grep -q '^State:.Z' "/proc/$pid/status"
	look "$pid"
	local rc=$?
	stop "$pid"
	[ $rc -eq 0 ] && [ "$(field dump state)" != bad ] && field program what | grep -q 'place.*functions and lines'
}
check "a process whose main thread ended" no_main
traced() {
	start ./place
	local p=$pid
	wait_for 30 runs "$p"
	start strace -qq -o /dev/null -p "$p"
	local tracer=$pid
	wait_for 30 grep -q "^TracerPid:.$tracer\$" "/proc/$p/status" || { stop "$tracer" "$p"; return 1; }
	look "$p"
	local rc=$?
	stop "$tracer" "$p"
	[ $rc -eq 0 ] && [ "$(right ptrace granted)" = False ] && [ "$(field dump state)" = poor ] &&
		right ptrace why | grep -q "process $tracer (strace) traces it" && field process what | grep -q "traced by process $tracer"
}
if command -v strace >/dev/null; then
	check "a process that another one traces: dump without its running threads" traced
else
	skip "a process that another one traces" "strace is not installed"
fi

# ---- places --------------------------------------------------------------------------------------------

namespaces() {
	start unshare --mount --pid --fork --mount-proc ./place
	local outer=$pid inner
	wait_for 30 pgrep -P "$outer" || { stop "$outer"; return 1; }
	inner=$(pgrep -P "$outer")
	started="$started $inner"
	wait_for 30 grep -qx place "/proc/$inner/comm"
	look "$inner"
	local rc=$?
	kill -9 "$inner"
	stop "$outer"
	[ $rc -eq 0 ] && field process what | grep -q 'in another pid namespace (1 there)' &&
		field process what | grep -q 'in another mount namespace' && field program what | grep -q 'functions and lines'
}
if [ "$(id -u)" = 0 ] && unshare --mount --pid --fork true 2>/dev/null; then
	check "a process in other namespaces" namespaces
else
	skip "a process in other namespaces" "they need root"
fi
hostile() { # a name cannot act
	cp place $'a\033[31m\nb'
	start $'./a\033[31m\nb'
	wait_for 30 runs "$pid"
	"$PROF" check -p "$pid" >text && "$PROF" check -p "$pid" --json >out
	local rc=$?
	stop "$pid"
	[ $rc -eq 0 ] && ! grep -q $'\033' text && [ "$(grep -c . text)" -ge 11 ] && ! grep -q '^b' text && python3 -m json.tool <out >/dev/null
}
check "a hostile name cannot act" hostile

# ---- arguments -----------------------------------------------------------------------------------------

check_fails 2 "-p wants one process" "$PROF" check -p 1,2
check_fails 2 "-p wants a number" "$PROF" check -p init
check_fails 2 "-p wants something" "$PROF" check -p
full() {
	"$PROF" check -p $$ "$@" >/dev/full 2>err
	[ $? -eq 1 ] && grep -q 'No space left' err
}
check "a full disk is a failure" full
check "a full disk is a failure of --json" full --json

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
