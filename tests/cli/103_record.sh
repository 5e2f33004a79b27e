#!/bin/bash
# protea-prof record: live processes and commands sampled from outside. Programs whose right answer is known, by both engines;
# who is recorded, how it ends, what is left when anything is killed, and that the program never notices.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/live_rig.sh
. tests/cli/live_rig.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
S=$TMP/s.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache
started=()
stop_all() {
	[ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null
	[ -z "${mounted:-}" ] || umount "$mounted"
	rm -rf "$TMP"
}
trap stop_all EXIT

if ! command -v sqlite3 >/dev/null; then
	skip "protea-prof record samples from outside" "sqlite3 is missing"
	exit 0
fi
sql() { sqlite3 -cmd '.timeout 5000' "$1" "$2"; }
is_sound() { [ "$(sql "$1" 'PRAGMA integrity_check')" = ok ]; }
# one STORE SQL EXPECTED
one() {
	local got
	got=$(sql "$1" "$2")
	[ "$got" = "$3" ] || { echo "$2: '$got', expected '$3'"; return 1; }
}
of() { echo "FROM sample s JOIN run r ON r.id = s.run_id WHERE r.name = '$1'"; } # of RUN
quiet() { "$PROF" record -q -o "$S" "$@"; }
# begin NAME=COMMAND…: in the background, its pid in $pid.
begin() {
	"$@" &
	pid=$!
	started+=("$pid")
}
# The same of a recorder: what a shell starts in the background ignores Ctrl-C otherwise.
begin_record() { begin env --default-signal=INT,TERM,HUP "$PROF" record -q "$@"; }
left_over() { find /dev/shm -maxdepth 1 -name "protea-prof-$(id -u)-*" -newer "$TMP/begin" | sort; }
touch "$TMP/begin"
denied() { # why events or reads are not permitted here, or nothing
	local out
	begin sleep 3600
	out=$("$PROF" record -q -o "$TMP/try.sqlite" -d 0.05s "$@" -p "$pid" 2>&1) || echo "$out" | head -n 1
	kill -9 "$pid"
}
no_perf=$(denied --engine perf)
no_poll=$(denied --engine clock)
# engine E NAME CMD…: check, or skip where that engine is not permitted.
engine() {
	local why=$no_perf e=$1 name=$2
	shift 2
	[ "$e" = perf ] || why=$no_poll
	if [ -n "$why" ]; then skip "$name" "$why"; else check "$name" "$@"; fi
}

# ---- what comes out ---------------------------------------------------------------------------------------------

busy='i=0; while [ $i -lt 100000000 ]; do i=$((i + 1)); done'

# record_until RUN CONDITION… -- OPTION…: until the condition is done.
record_until() {
	local run=$1 condition=()
	shift
	while [ "$1" != -- ]; do condition+=("$1"); shift; done
	shift
	record_while "$S" "$run" "${condition[@]}" -- "$PROF" record -q -o "$S" -n "$run" "$@"
}
# A shell that is busy, past its start.
begin_busy() {
	begin sh -c "$busy"
	at_work "$pid" sh
}

# truth ENGINE NAME EXIT-CODE RATE ARGS… -- CHECK…: a command.
truth() {
	local e=$1 name=$2 want=$3 rate=$4 args=() rc
	shift 4
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	quiet -n "$e-$name" -r "$rate" --engine "$e" -- "$P/$name" "${args[@]}" >"$TMP/out"
	rc=$?
	[ $rc -eq "$want" ] || { echo "exit code $rc, expected $want"; return 1; }
	tests/cli/truth.py "$PROF" "$S" "$e-$name" "$@"
}
# attached ENGINE NAME ARGS… -- CHECK…: the same of a program that runs.
attached() {
	local e=$1 name=$2 args=()
	shift 2
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	begin "$P/$name" "${args[@]}" >/dev/null
	at_work "$pid" "$name" || return 1
	record_until "$e-at-$name" uses 100 "$pid" -- -r 999 --engine "$e" -p "$pid" || return 1
	kill -0 "$pid" || { echo "the program is gone"; return 1; }
	kill -9 "$pid"
	tests/cli/truth.py "$PROF" "$S" "$e-at-$name" "$@"
}
# Polling leaves looks out where the machine is busy: few samples may have to do.
env_truth() {
	local TRUTH_MIN=$1
	export TRUTH_MIN
	shift
	"$@"
}
if [ -x /usr/bin/python3 ] && [ -x "$P/split" ]; then
	engine perf "split, by events" truth perf split 0 999 1 -- self:three=0.75 self:one=0.25 total:main=1 path:main\>work\>three root:_start=0.999
	engine clock "split, by polling" env_truth 10 truth clock split 0 499 1 -- self:three=0.75 self:one=0.25 path:main\>work\>three
	engine perf "nofp, by events" attached perf nofp 60 -- self:bottom=0.99 total:f20=0.99 path:f20\>f10\>f5\>f0\>bottom
	engine perf "inline, by events" truth perf inline 0 999 1 -- self:inner=0.75 total:outer=0.75 self:plain=0.25 path:main\>outer\>middle\>inner
	engine perf "children that fork and exec, by events" truth perf forks 3 999 1 -- self:parent_work=0.1667 self:child_work=0.3333 self:exec_work=0.5
	engine perf "threads that run already, by events" attached perf threads 300 -- self:nine=0.9 self:tenth=0.1 path:worker\>nine
	engine clock "a program that runs already, by polling" env_truth 10 attached clock split 200 -- self:three=0.75 self:one=0.25 path:main\>work\>three
	engine perf "recursion, attached" attached perf recurse 60 -- self:leaf=0.99 path:main\>down\>down path:main\>even\>odd\>even
else
	skip "known programs have their known profile" "python3 or the sample programs are missing"
fi

# CPU time is getrusage's, kernel included: of a command from its first instruction on.
cpu_is_rusage() { # cpu_is_rusage ENGINE
	local told got
	told=$(quiet -n "cpu-$1" --engine "$1" -- "$P/syscalls" 1 | sed -n 's/^cpu_ns //p')
	got=$(sql "$S" "SELECT sum(value) $(of "cpu-$1") AND kind = 'cpu'")
	awk -v a="$told" -v b="$got" 'BEGIN { d = a > b ? a - b : b - a; if (d > a / 100 + 2e6) { print "rusage " a ", in the store " b; exit 1 } }'
}
[ -x "$P/syscalls" ] && for e in perf clock; do engine $e "CPU time is getrusage's ($e)" cpu_is_rusage $e; done

wall_time() { # sleeping threads: wall time is life, off-CPU time has the system call for leaf
	begin "$P/sleepy" 20 >/dev/null
	quiet -n "wall-$1" --engine "$1" --mode wall -d 1s -p "$pid" || return 1
	kill -9 "$pid"
	one "$S" "SELECT sum(CASE kind WHEN 'wall' THEN value END) / 1.0 / (SELECT sum(t.end_ns - t.start_ns) FROM thread t JOIN process p ON p.id = t.process_id JOIN run r ON r.id = p.run_id WHERE r.name = 'wall-$1') BETWEEN 0.9 AND 1.1,
		sum(CASE kind WHEN 'offcpu' THEN value END) > 1e8 $(of "wall-$1")" '1|1' &&
		one "$S" "SELECT count(*) > 0 FROM folded f JOIN run r ON r.id = f.run_id WHERE r.name = 'wall-$1' AND f.kind = 'offcpu' AND folded LIKE '%;[syscall %]'" 1
}
[ -x "$P/sleepy" ] && for e in perf clock; do engine $e "wall and off-CPU time, with the system call ($e)" wall_time $e; done

long_enough() { sleep 1.2 && uses 20 "$pid"; }
counters() {
	local begun
	begin_busy || return 1
	begun=$EPOCHREALTIME
	record_until counters long_enough -- -p "$pid" || return 1
	begun=$(awk -v b="$begun" -v e="$EPOCHREALTIME" 'BEGIN { printf "%.0f", (e - b) * 1e9 }')
	kill -9 "$pid"
	one "$S" "SELECT count(DISTINCT c.name), min(CASE c.name WHEN 'rss_bytes' THEN c.value END) > 100000 FROM counter c JOIN run r ON r.id = c.run_id WHERE r.name = 'counters'" '3|1' &&
		one "$S" "SELECT count(*), min(t.name), max(t.cpu_ns) > 1e7 FROM thread t JOIN process p ON p.id = t.process_id JOIN run r ON r.id = p.run_id WHERE r.name = 'counters'" '1|sh|1' &&
		one "$S" "SELECT count(*) > 10, min(state) FROM tick t JOIN run r ON r.id = t.run_id WHERE r.name = 'counters'" '1|running' &&
		one "$S" "SELECT name, mode, finished, exit_code IS NULL, duration_ns BETWEEN 11e8 AND $begun FROM run WHERE name = 'counters'" 'counters|cpu|1|1|1'
}
check "counters, threads, ticks and the run's own row" counters

# ---- whom --------------------------------------------------------------------------------------------------------

several() {
	local a b
	begin_busy && a=$pid && begin_busy && b=$pid || return 1
	record_until several uses 10 "$a" "$b" -- -p "$a" -p "$b,$a" || return 1
	kill -9 "$a" "$b"
	one "$S" "SELECT count(*), sum(p.cpu_ns > 1e7) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'several'" '2|2'
}
check "several processes are one run" several

by_name() {
	cp "$(command -v sh)" "$TMP/oddly_named_sh" || return 1
	begin "$TMP/oddly_named_sh" -c "$busy"
	at_work "$pid" oddly_named_sh || return 1
	quiet --name 'oddly_named' -n named -d 0.4s || return 1
	kill -9 "$pid"
	one "$S" "SELECT count(*), min(p.pid) = $pid FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'named'" '1|1'
}
check "--name PATTERN finds it" by_name
not_there() { "$PROF" record -q -o "$TMP/none.sqlite" --name 'no_such_program_anywhere' 2>"$TMP/talk"; [ $? -eq 1 ] && [ ! -e "$TMP/none.sqlite" ]; }
check "a pattern that nobody matches is an error, and makes no store" not_there
waits_for_it() {
	local rec
	cp "$(command -v sh)" "$TMP/late_comer_sh"
	begin_record -o "$S" --name late_comer --wait -n late; rec=$pid
	sleep 0.3
	begin "$TMP/late_comer_sh" -c "$busy"
	wait_for 60 has_run "$S" late && uses 10 "$pid" || return 1
	kill -INT "$rec"
	wait "$rec" || return 1
	kill -9 "$pid"
	one "$S" "SELECT sum(value) > 1e7 $(of late)" 1
}
check "--wait waits until there is one" waits_for_it
gives_up_waiting() {
	begin_record -o "$TMP/none.sqlite" --name no_such_program_anywhere --wait
	wait_for 30 takes "$pid" 2
	sleep 0.1
	kill -INT "$pid"
	wait "$pid" && [ ! -e "$TMP/none.sqlite" ]
}
check "Ctrl-C while it waits ends it" gives_up_waiting

has_children() { [ "$(pgrep -P "$pid" | wc -l)" = "$1" ]; }
second_comes() {
	echo >"$TMP/come"
	# shellcheck disable=SC2046 # two numbers
	wait_for 30 has_children 2 && uses 10 $(pgrep -P "$pid")
}
children() { # children WANTED OPTIONS…: a shell with a child now, and one that comes
	local want=$1
	shift
	rm -f "$TMP/come"
	mkfifo "$TMP/come"
	begin sh -c "(exec sh -c '$busy') & read x <'$TMP/come'; (exec sh -c '$busy') & wait"
	wait_for 30 has_children 1 && at_work "$(pgrep -P "$pid")" sh || return 1
	record_until "children$want" second_comes -- "$@" -p "$pid" || return 1
	pkill -9 -P "$pid"
	kill -9 "$pid" 2>/dev/null
	one "$S" "SELECT sum(p.cpu_ns > 1e7) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'children$want'" "$want"
}
check "--children follows those that are there and those that come" children 2 --children
check "without it, only the process itself" children 0

own_name() {
	quiet -d 0.1s -p $$ --name given && one "$S" "SELECT count(*) FROM run WHERE name = 'given'" 1 &&
		quiet -d 0.1s -p $$ -l a=b -l c=d && one "$S" "SELECT name, labels FROM run ORDER BY key DESC LIMIT 1" 'bash|{"a":"b","c":"d"}' &&
		one "$S" "SELECT command LIKE '%103_record.sh%' FROM run ORDER BY key DESC LIMIT 1" 1
}
check "with -p, --name names the run; without, the program does" own_name

# ---- how it ends ---------------------------------------------------------------------------------------------------

ends_with_it() {
	local rec target
	begin sh -c "while [ ! -e '$TMP/may_end' ]; do :; done"; target=$pid
	at_work "$target" sh || return 1
	begin timeout 120 "$PROF" record -q -o "$S" -n ended -p "$target"; rec=$pid
	wait_for 60 has_run "$S" ended && uses 10 "$target"
	touch "$TMP/may_end"
	wait "$rec" || return 1
	one "$S" "SELECT sum(value) > 1e7 $(of ended)" 1 &&
		one "$S" "SELECT p.end_ns > p.start_ns FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'ended'" 1
}
check "the end of the process ends the recording" ends_with_it
becomes_bash() { echo >"$TMP/come"; wait_for 30 is_program "$pid" bash && uses 10 "$pid"; }
execs() {
	rm -f "$TMP/come"
	mkfifo "$TMP/come"
	begin sh -c "read x <'$TMP/come'; exec bash -c '$busy'"
	wait_for 30 is_program "$pid" sh || return 1
	record_until execs becomes_bash -- -p "$pid" || return 1
	kill -9 "$pid"
	one "$S" "SELECT count(*), min(name), max(cpu_ns) > 1e7 FROM process WHERE run_id = (SELECT id FROM run WHERE name = 'execs')" '1|bash|1' &&
		one "$S" "SELECT count(*) > 0 FROM module WHERE run_id = (SELECT id FROM run WHERE name = 'execs') AND path LIKE '%/bash'" 1
}
check "an exec in the process is followed" execs
ends_on() { # ends_on SIGNAL
	local rec target
	begin_busy || return 1
	target=$pid
	begin env --default-signal=INT,TERM,HUP "$PROF" record -o "$S" -n "on$1" -p "$target" 2>"$TMP/talk"; rec=$pid
	wait_for 60 has_run "$S" "on$1" && uses 10 "$target"
	kill "-$1" "$rec"
	wait "$rec" || { cat "$TMP/talk"; return 1; }
	kill -0 "$target" || { echo "the program is gone"; return 1; }
	kill -9 "$target"
	grep -q 'next: protea-prof report' "$TMP/talk" && grep -qE '[0-9]+ pauses?' "$TMP/talk" && grep -q 'profiler .* % CPU' "$TMP/talk" &&
		one "$S" "SELECT finished, (SELECT sum(value) $(of "on$1")) > 1e7 FROM run WHERE name = 'on$1'" '1|1'
}
for s in INT TERM HUP; do check "SIG$s ends it and keeps the data" ends_on $s; done
second_signal() {
	local target rec
	begin sh -c "$busy"; target=$pid
	begin_record -o "$TMP/second.sqlite" -n second -p "$target"; rec=$pid
	wait_for 60 has_samples "$TMP/second.sqlite" second 1e7
	kill -STOP "$rec" # so that both arrive before it has ended
	kill -INT "$rec"
	kill -TERM "$rec"
	kill -CONT "$rec"
	wait "$rec"
	kill -0 "$target" || return 1
	kill -9 "$target"
	is_sound "$TMP/second.sqlite" && "$PROF" runs -q --store "$TMP/second.sqlite" >"$TMP/out" &&
		one "$TMP/second.sqlite" "SELECT finished, (SELECT sum(value) $(of second)) > 1e7 FROM run" '1|1'
}
check "a second signal ends it at once, and the store stays sound" second_signal
ignored_hangup() {
	local target rec
	begin sh -c "$busy"; target=$pid
	(trap '' HUP; exec "$PROF" record -q -o "$S" -n hup -d 1s -p "$target") &
	rec=$!
	started+=("$rec")
	sleep 0.4
	kill -HUP "$rec"
	wait "$rec" || return 1
	kill -9 "$target"
	one "$S" "SELECT duration_ns > 9e8 FROM run WHERE name = 'hup'" 1
}
check "under nohup it goes on" ignored_hangup

# ---- killed, full, at the same time -----------------------------------------------------------------------------------

recorder_killed() { # recorder_killed SECONDS
	local target rec
	begin sh -c "$busy"; target=$pid
	begin_record -o "$TMP/kill.sqlite" -n "kill$1" -p "$target"; rec=$pid
	case $1 in
	0.7) wait_for 60 has_run "$TMP/kill.sqlite" kill0.7 ;;
	2.4) wait_for 60 has_samples "$TMP/kill.sqlite" kill2.4 1e7 ;;
	esac
	sleep "$1"
	kill -9 "$rec"
	wait "$rec" 2>/dev/null
	kill -0 "$target" || { echo "the program died with us"; return 1; }
	uses 5 "$target" || return 1
	kill -9 "$target"
	[ -e "$TMP/kill.sqlite" ] || return 0
	"$PROF" report -q --store "$TMP/kill.sqlite" >"$TMP/out" 2>"$TMP/talk" || { cat "$TMP/talk"; grep -q 'nothing was recorded' "$TMP/talk" || { [ "$1" = 0.1 ] && grep -q 'holds no run yet' "$TMP/talk"; }; return; }
	is_sound "$TMP/kill.sqlite" && one "$TMP/kill.sqlite" 'SELECT count(*) FROM run WHERE finished = 0' 0 &&
		one "$TMP/kill.sqlite" "SELECT count(*) FROM frame WHERE function IS NULL" 0
}
for t in 0.1 0.7 2.4; do check "the recorder killed $t s later: the next command completes the run" recorder_killed $t; done
kept_seconds() { one "$TMP/kill.sqlite" "SELECT sum(value) > 1e7 $(of kill2.4)" 1 &&
	one "$TMP/kill.sqlite" "SELECT engine IN ('perf', 'clock'), duration_ns > 5e8, (SELECT min(end_ns) > 0 FROM thread) FROM run WHERE name = 'kill2.4'" '1|1|1'; }
check "what it had stored by then is there, and by which engine" kept_seconds

live_report() {
	local target rec out
	begin sh -c "$busy"; target=$pid
	begin_record -o "$TMP/live.sqlite" -p "$target"; rec=$pid
	wait_for 60 sh -c "'$PROF' report -q --store '$TMP/live.sqlite' | grep -q ' sh'" || return 1
	out=$("$PROF" report --store "$TMP/live.sqlite")
	one "$TMP/live.sqlite" 'SELECT finished FROM run' 0 || return 1
	kill -INT "$rec"
	wait "$rec"
	kill -9 "$target"
	one "$TMP/live.sqlite" 'SELECT finished FROM run' 1
}
check "a store can be read while it is filled" live_report

two_recorders() {
	local target a b
	begin_busy || return 1
	target=$pid
	begin_record -o "$TMP/two.sqlite" -n one -p "$target"; a=$pid
	begin_record -o "$TMP/two.sqlite" -n two -p "$target"; b=$pid
	wait_for 60 has_run "$TMP/two.sqlite" one && wait_for 60 has_run "$TMP/two.sqlite" two && uses 10 "$target" || return 1
	kill -INT "$a" "$b"
	wait "$a" && wait "$b" || return 1
	kill -9 "$target"
	is_sound "$TMP/two.sqlite" && one "$TMP/two.sqlite" "SELECT count(*), sum(finished) FROM run" '2|2' &&
		one "$TMP/two.sqlite" "SELECT count(*) FROM (SELECT sum(value) v FROM sample GROUP BY run_id) WHERE v > 1e7" 2
}
check "two recorders of one process, into one store" two_recorders

full_disk() {
	local target
	mkdir -p "$TMP/small"
	mount -t tmpfs -o size=180k tmpfs "$TMP/small" || return 1
	mounted=$TMP/small
	begin sh -c "$busy"; target=$pid
	"$PROF" record -o "$TMP/small/s.sqlite" -r 999 -d 1.5s -p "$target" >"$TMP/out" 2>"$TMP/talk"
	rc=$?
	kill -0 "$target" || { echo "the program is gone"; return 1; }
	kill -9 "$target"
	[ $rc -eq 0 ] || grep -qi 'full' "$TMP/talk" || { cat "$TMP/talk"; return 1; }
	[ $rc -le 1 ]
}
if [ "$(id -u)" = 0 ] && mkdir "$TMP/probe" && mount -t tmpfs -o size=64k tmpfs "$TMP/probe" 2>/dev/null; then
	umount "$TMP/probe"
	check "a full disk is said, and does the program no harm" full_disk
	umount "$TMP/small"
	mounted=
else
	skip "a full disk is said, and does the program no harm" "may not mount a tmpfs"
fi
foreign_store() {
	echo "no database" >"$TMP/foreign"
	cp "$TMP/foreign" "$TMP/foreign.before"
	"$PROF" record -q -o "$TMP/foreign" -d 0.1s -p $$ 2>"$TMP/talk"
	[ $? -eq 1 ] && cmp "$TMP/foreign" "$TMP/foreign.before"
}
check "a file that is no store is refused and left alone" foreign_store

# ---- commands ---------------------------------------------------------------------------------------------------------

exit_codes() {
	local code rc
	for code in 0 1 2 3 4 42 126 127 128 255; do
		"$PROF" record -q -o "$TMP/codes.sqlite" -- sh -c "exit $code"
		rc=$?
		[ $rc -eq $code ] || { echo "exit $code became $rc"; return 1; }
	done
	for code in 1 2 9 11 15; do
		(ulimit -c 0; "$PROF" record -q -o "$TMP/codes.sqlite" -- sh -c "kill -$code \$\$")
		rc=$?
		[ $rc -eq $((128 + code)) ] || { echo "signal $code became $rc"; return 1; }
		one "$TMP/codes.sqlite" 'SELECT signal, exit_code IS NULL FROM run ORDER BY key DESC LIMIT 1' "$code|1" || return 1
	done
	one "$TMP/codes.sqlite" 'SELECT count(*), sum(finished), sum(exit_code) FROM run' '15|15|688'
}
check "exit codes and signals are the command's" exit_codes
not_startable() {
	local rc
	echo text >"$TMP/notes"
	for c in no_such_command "$TMP" "$TMP/notes"; do
		"$PROF" record -q -o "$TMP/not.sqlite" -- "$c" 2>"$TMP/talk"
		rc=$?
		if [ $rc -ne 4 ] || ! grep -q 'cannot start' "$TMP/talk"; then
			echo "$c: $rc"
			cat "$TMP/talk"
			return 1
		fi
	done
	printf 'no program' >"$TMP/broken" && chmod +x "$TMP/broken"
	"$PROF" record -q -o "$TMP/not.sqlite" -- "$TMP/broken" 2>"$TMP/talk"
	[ $? -eq 4 ]
}
check "what cannot be started is exit code 4" not_startable
passes_input() {
	head -c 300000 /dev/urandom >"$TMP/random"
	quiet -- cat <"$TMP/random" >"$TMP/passed" && cmp "$TMP/passed" "$TMP/random" &&
		[ "$("$PROF" record -o "$S" -- true 2>/dev/null)" = "" ]
}
check "input and output pass through; stdout is the command's alone" passes_input
world='env; cd /; grep -E "^(SigBlk|SigIgn)" /proc/self/status; ls /proc/self/fd | grep -c "^.\{1,2\}$"; ps -o pgid= -p $$ | wc -w; umask; ulimit -a'
same_world() {
	env A=1 sh -c "$world" >"$TMP/alone" 2>&1
	A=1 quiet -- sh -c "$world" >"$TMP/under" 2>&1
	diff <(grep -v '^_=' "$TMP/alone" | sort) <(grep -v '^_=' "$TMP/under" | sort)
}
check "environment, signals and files are the command's own" same_world
command_stops() {
	local rc
	local begun=$EPOCHREALTIME
	timeout 120 "$PROF" record -q -o "$S" -n short -d 0.3s -- sh -c "$P/split 4; date +%s.%N >'$TMP/split-end'; exit 7"
	rc=$?
	# It ended 0.3 s after its beginning, before the program's end; the machine may have stalled at either.
	[ $rc -eq 7 ] && one "$S" "SELECT finished, exit_code, duration_ns >= 25e7, duration_ns < 1e9 * ($(cat "$TMP/split-end") - $begun) - 4e8 FROM run WHERE name = 'short'" '1|7|1|1'
}
check "--duration stops the recording, not the command" command_stops
forwards() {
	local rc rec
	begin_record -o "$S" -n fwd -- sh -c "trap 'exit 9' TERM; touch '$TMP/trapped'; while :; do sleep 0.05; done"
	rec=$pid
	wait_for 60 test -e "$TMP/trapped"
	kill -TERM "$rec"
	wait "$rec"
	rc=$?
	[ $rc -eq 9 ] || { echo "code $rc"; return 1; }
}
check "SIGTERM is passed on to the command" forwards

# ---- programs that cannot take the agent ----------------------------------------------------------------------------------

cat >"$TMP/plain.c" <<'C'
#include <stdio.h>
#include <time.h>
__attribute__((noinline)) void hot(void) { for (volatile long i = 0; i < 1000; i++) ; }
__attribute__((noinline)) void work(void) { for (clock_t end = clock() + CLOCKS_PER_SEC / 2; clock() < end;) hot(); }
int main(void) { work(); printf("%ld\n", (long)clock()); return 8; }
C
outside() { # outside WORD PROGRAM
	local used
	"$PROF" run -r 499 -n "out-$2" -o "$S" -- "$TMP/$2" 2>"$TMP/talk" >"$TMP/used"
	if [ $? -ne 8 ] || ! grep -q "$1.*sampled from outside" "$TMP/talk"; then
		cat "$TMP/talk"
		return 1
	fi
	used=$(cat "$TMP/used")000 # half a second, and what was stolen at its end
	one "$S" "SELECT sum(value) BETWEEN 0.9 * $used AND 1.1 * $used + 5e7 $(of "out-$2") AND kind = 'cpu'" 1 &&
		one "$S" "SELECT sum(value) > 1e8 FROM folded f JOIN run r ON r.id = f.run_id WHERE r.name = 'out-$2' AND folded LIKE '%main;work;hot%'" 1 &&
		one "$S" "SELECT exit_code, finished FROM run WHERE name = 'out-$2'" '8|1'
}
if gcc -O1 -g -static "$TMP/plain.c" -o "$TMP/static" 2>/dev/null; then
	engine perf "run samples a static program from outside" outside static static
else
	skip "run samples a static program from outside" "no static libc"
fi
if command -v musl-gcc >/dev/null; then
	musl-gcc -O1 -g -static "$TMP/plain.c" -o "$TMP/musl" && musl-gcc -O1 -g "$TMP/plain.c" -o "$TMP/musl_shared"
	engine perf "run samples a static program of musl from outside" outside static musl
	engine perf "run samples a program of another libc from outside" outside 'another libc' musl_shared
else
	skip "run samples programs of musl from outside" "musl-gcc is missing"
fi
if [ "$(id -u)" = 0 ] && gcc -O1 -g "$TMP/plain.c" -o "$TMP/setuid" 2>/dev/null; then
	chown nobody "$TMP/setuid" && chmod 4755 "$TMP/setuid" "$TMP"
	chmod 755 "$TMP"
	engine perf "run samples a set-user-ID program from outside, as root" outside set-user-ID setuid
else
	skip "run samples a set-user-ID program from outside, as root" "not root"
fi

unprivileged() { # what becomes root cannot be looked at, and is not harmed
	mkdir "$TMP/theirs" && chmod 777 "$TMP/theirs" && chmod 755 "$TMP"
	cp "$PROF" "$PWD/$O/libprotea-prof.so" "$TMP/theirs" && gcc -O1 "$TMP/plain.c" -o "$TMP/theirs/becomes_root" && chmod 4755 "$TMP/theirs/becomes_root" || return 1
	for verb in run record; do
		(cd "$TMP/theirs" && PROTEA_PROF_CACHE=$TMP/theirs runuser -u nobody -- ./protea-prof $verb -n $verb -o s.sqlite -- ./becomes_root) >"$TMP/out" 2>"$TMP/talk"
		rc=$?
		if [ $rc -ne 8 ] || ! grep -qi root "$TMP/talk"; then
			cat "$TMP/talk"
			return 1
		fi
		one "$TMP/theirs/s.sqlite" "SELECT finished, exit_code FROM run WHERE name = '$verb'" '1|8' || return 1
	done
}
if [ "$(id -u)" = 0 ] && command -v runuser >/dev/null; then
	check "a set-user-ID program of somebody else's runs unharmed, and that is said" unprivileged
else
	skip "a set-user-ID program of somebody else's runs unharmed, and that is said" "not root"
fi

# ---- what is refused ---------------------------------------------------------------------------------------------------------

refuses() { # refuses CODE TEXT ARGS…
	local want=$1 text=$2 rc
	shift 2
	"$PROF" record -o "$TMP/refused.sqlite" "$@" >"$TMP/out" 2>"$TMP/talk"
	rc=$?
	if [ $rc -ne "$want" ] || ! grep -q -- "$text" "$TMP/talk" || [ -s "$TMP/out" ] || [ -e "$TMP/refused.sqlite" ]; then
		echo "code $rc"
		cat "$TMP/talk"
		return 1
	fi
}
check "nothing to record" refuses 2 'say whom'
check "-p and a command" refuses 2 'not both' -p 1 -- true
check "--wait without --name" refuses 2 'wait' --wait -p 1
check "a word that is no pid" refuses 2 'x12' -p x12
check "pid 0" refuses 2 '0' -p 0
check "a pid that is not there" refuses 1 '4194303' -p 4194303
check "a mode that is none" refuses 2 'cpu, wall' --mode both -p 1
check "an engine that is none" refuses 2 'auto, perf' --engine magic -p 1
check "a label without a value" refuses 2 'key=value' -l x -p 1
check "a command without dashes" refuses 2 "'--'" true
check "dashes without a command" refuses 2 'no program' --
zombie() {
	local z
	begin sh -c 'sleep 0 & exec sleep 30'
	z=$(wait_for 30 pgrep -P "$pid"; pgrep -P "$pid")
	wait_for 30 state_is "$z" Z
	refuses 1 'has ended' -p "$z" && kill -9 "$pid"
}
check "a process that has ended but was not waited for" zombie

# Where others record at the same time, theirs are there.
nothing_left() { [ -z "$(left_over)" ] || { left_over; return 1; }; }
[ -n "${RECORD_ALONE:-}" ] && check "no session folder is left behind" nothing_left
[ $tap_failed -eq 0 ]
