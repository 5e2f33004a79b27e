#!/bin/bash
# protea-prof run as a wrapper: the program's exit code, signals, input and environment are its own; what is
# killed on either side leaves a sound store with what was spooled; what cannot be recorded is said.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
S=$TMP/s.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache

if ! command -v sqlite3 >/dev/null; then
	skip "protea-prof run wraps a program" "sqlite3 is missing"
	exit 0
fi
sql() { sqlite3 "$1" "$2"; }
is_sound() { [ "$(sql "$1" 'PRAGMA integrity_check')" = ok ]; }
# one STORE SQL EXPECTED
one() {
	local got
	got=$(sql "$1" "$2")
	[ "$got" = "$3" ] || { echo "$2: '$got', expected '$3'"; return 1; }
}
runq() { "$PROF" run -q -o "$S" "$@"; }
left_over() { find /dev/shm -maxdepth 1 -name "protea-prof-$(id -u)-*" -newer "$TMP/begin" | sort; }
touch "$TMP/begin"

# ---- the program's own answer ----------------------------------------------------------------------

exit_codes() {
	local code rc
	for code in 0 1 2 3 4 5 42 64 100 125 126 127 128 129 137 143 200 254 255; do
		"$PROF" run -q -o "$TMP/codes.sqlite" -- sh -c "exit $code"
		rc=$?
		[ $rc -eq $code ] || { echo "exit $code became $rc"; return 1; }
	done
	one "$TMP/codes.sqlite" 'SELECT count(*), sum(finished), sum(exit_code) FROM run' '19|19|1845'
}
signals() {
	local signal rc
	for signal in 1 2 3 6 9 11 13 14 15 10; do
		(ulimit -c 0; "$PROF" run -q -o "$TMP/signals.sqlite" -- sh -c "kill -$signal \$\$")
		rc=$?
		[ $rc -eq $((128 + signal)) ] || { echo "signal $signal became $rc"; return 1; }
		one "$TMP/signals.sqlite" 'SELECT signal, exit_code IS NULL FROM run ORDER BY key DESC LIMIT 1' "$signal|1" || return 1
	done
}
check "exit codes are the program's" exit_codes
check "signals are told as 128 + N and in the store" signals

head -c 300000 /dev/urandom >"$TMP/random"
passes_input() {
	runq -- cat <"$TMP/random" >"$TMP/passed" || return 1
	cmp "$TMP/passed" "$TMP/random"
}
check "input and output pass through" passes_input
own_output() {
	[ "$(runq -- sh -c 'echo out; echo err >&2' 2>/dev/null)" = out ] && [ "$("$PROF" run -o "$S" -- true 2>/dev/null)" = "" ]
}
check "stdout is the program's alone" own_output

world='env; cd /; grep -E "^(SigBlk|SigIgn)" /proc/self/status; ls /proc/self/fd | grep -c "^.\{1,2\}$"; ps -o pgid= -p $$ | wc -w; umask; ulimit -a'
same_world() {
	env A=1 B="x y" sh -c "$world" >"$TMP/alone" 2>&1
	A=1 B="x y" runq -- sh -c "$world" >"$TMP/under" 2>&1
	diff <(grep -v '^_=' "$TMP/alone" | sort) <(grep -v '^_=' "$TMP/under" | sort)
}
check "environment, signals and files are the program's own" same_world
ignored() {
	(trap '' HUP; runq -- grep SigIgn /proc/self/status) | grep -q '1$' &&
		(trap '' CHLD 2>/dev/null; runq -- sh -c 'exit 9'); [ $? -eq 9 ]
}
check "ignored signals stay ignored" ignored

# ---- signals to us ------------------------------------------------------------------------------------

# forwards SIGNAL CODE: the program's trap answers.
forwards() {
	local pid rc
	env --default-signal="$1" "$PROF" run -q -o "$TMP/forward.sqlite" -- bash -c "trap 'exit $2' $1; touch $TMP/ready.$1; while :; do sleep 0.02; done" &
	pid=$!
	wait_for 20 test -e "$TMP/ready.$1" || { kill -9 $pid; return 1; }
	kill "-$1" $pid
	wait $pid
	rc=$?
	[ $rc -eq "$2" ] || { echo "code $rc, expected $2"; return 1; }
}
for s in TERM HUP QUIT; do check "SIG$s is passed on" forwards $s $((10 + ${#s})); done
cat >"$TMP/ctrlc.py" <<'EOF2'
import os, signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[2:], start_new_session=True)
deadline = time.monotonic() + 20
while not os.path.exists(sys.argv[1]) and time.monotonic() < deadline:
    time.sleep(0.02)
os.killpg(p.pid, signal.SIGINT)  # as the terminal does
sys.exit(p.wait())
EOF2
if [ -x /usr/bin/python3 ]; then
	ctrl_c() {
		python3 "$TMP/ctrlc.py" "$TMP/ready.int" "$PROF" run -q -o "$TMP/int.sqlite" -- bash -c "trap 'exit 5' INT; touch $TMP/ready.int; while :; do sleep 0.02; done"
		[ $? -eq 5 ] && one "$TMP/int.sqlite" 'SELECT exit_code, finished FROM run' '5|1'
	}
	check "Ctrl-C reaches the program, and its data are kept" ctrl_c
else
	skip "Ctrl-C reaches the program, and its data are kept" "python3 is missing"
fi

# ---- what cannot be started ------------------------------------------------------------------------------

echo 'echo not run >'"$TMP"'/was-run' >"$TMP/no-mode"
printf 'garbage' >"$TMP/garbage"
chmod +x "$TMP/garbage"
printf '#!/no/such/interpreter\n' >"$TMP/no-interpreter"
chmod +x "$TMP/no-interpreter"
says() { # says CODE PATTERN ARGS…
	local want=$1 pattern=$2 rc
	shift 2
	"$PROF" run -q "$@" >"$TMP/out" 2>"$TMP/talk"
	rc=$?
	if [ $rc -ne "$want" ] || ! grep -q -- "$pattern" "$TMP/talk"; then echo "exit $rc"; cat "$TMP/talk"; return 1; fi
}
N=$TMP/none.sqlite
check "a program that is not there: exit 4" says 4 "not found in PATH" -o "$N" -- no-such-program-anywhere
check "a path that is not there: exit 4" says 4 "no such file" -o "$N" -- "$TMP/nowhere"
check "a folder: exit 4" says 4 "directory" -o "$N" -- "$TMP"
check "a file without permission: exit 4" says 4 "permission denied" -o "$N" -- "$TMP/no-mode"
check "none of them made a store" test ! -e "$N"
check "a file of no format: exit 4" says 4 "no executable format" -o "$N" -- "$TMP/garbage"
check "a missing interpreter: exit 4" says 4 "interpreter or loader does not exist" -o "$N" -- "$TMP/no-interpreter"

# ---- stores that are not ours ----------------------------------------------------------------------------------

refused() { # refused FILE PATTERN: exit 1, nothing started, not a byte changed
	local before
	before=$(sha256sum <"$1")
	says 1 "$2" -o "$1" -- touch "$TMP/started" || return 1
	[ ! -e "$TMP/started" ] || { echo "the program was started"; return 1; }
	[ "$before" = "$(sha256sum <"$1")" ] || { echo "the file was changed"; return 1; }
}
sql "$TMP/foreign.sqlite" 'CREATE TABLE t (a); INSERT INTO t VALUES (1)'
check "a foreign SQLite file is refused" refused "$TMP/foreign.sqlite" .
runq -- true
cp "$S" "$TMP/newer.sqlite"
sql "$TMP/newer.sqlite" 'PRAGMA user_version = 99' >/dev/null
check "a newer store is refused" refused "$TMP/newer.sqlite" newer
head -c 60000 /dev/urandom >"$TMP/noise"
check "a file that is no SQLite file is refused" refused "$TMP/noise" .
cp "$S" "$TMP/corrupt.sqlite"
dd if=/dev/urandom of="$TMP/corrupt.sqlite" bs=4096 seek=1 count=3 conv=notrunc 2>/dev/null
check "a corrupt store is refused" refused "$TMP/corrupt.sqlite" .
check "a store in no folder is refused" says 1 . -o "$TMP/no/such/folder/s.sqlite" -- touch "$TMP/started"
check "and nothing was started" test ! -e "$TMP/started"

# ---- what is recorded ------------------------------------------------------------------------------------------------

check "a run is sound and complete" is_sound "$S"
if [ -x "$P/forks" ]; then
	children() {
		"$PROF" run -q -n forks -o "$S" -r 999 -- "$P/forks" 1
		[ $? -eq 3 ] && one "$S" "SELECT count(*) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'forks'" 3 &&
			one "$S" "SELECT count(*) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'forks' AND (p.end_ns < p.start_ns OR p.cpu_ns <= 0)" 0
	}
	no_children() {
		"$PROF" run -q -n alone --no-children -o "$S" -r 999 -- "$P/forks" 1
		[ $? -eq 3 ] && one "$S" "SELECT count(*) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'alone'" 1
	}
	check "children are followed through fork and exec" children
	check "--no-children leaves them alone" no_children
fi
still_running() {
	"$PROF" run -o "$S" -- sh -c 'sleep 3 & sleep 0.3; exit 6' 2>"$TMP/talk"
	[ $? -eq 6 ] && grep -q "still run" "$TMP/talk"
}
check "processes that go on are told of" still_running
stops_recording() {
	local begin=$EPOCHREALTIME
	"$PROF" run -q -n short -d 0.3s -r 999 -o "$S" -- sh -c "$P/split 3; date +%s.%N >$TMP/split-end" || return 1
	# It ended 0.3 s after its beginning, before the program's end; the machine may have stalled at either.
	one "$S" "SELECT finished, exit_code, duration_ns >= 250000000, duration_ns < 1e9 * ($(cat "$TMP/split-end") - $begin) - 3e8 FROM run WHERE name = 'short'" '1|0|1|1'
}
[ -x "$P/split" ] && check "--duration stops the recording, not the program" stops_recording

if printf 'int main(void) { volatile long i; for (i = 0; i < 100000000; i++) ; return 8; }' | gcc -static -O1 -x c - -o "$TMP/static" 2>/dev/null; then
	static_program() {
		"$PROF" run -n static -o "$S" -- "$TMP/static" 2>"$TMP/talk"
		[ $? -eq 8 ] && grep -q "static program" "$TMP/talk" &&
			one "$S" "SELECT sum(value) > 50000000 FROM sample s JOIN run r ON r.id = s.run_id WHERE r.name = 'static'" 1 &&
			one "$S" "SELECT sum(value) > 50000000 FROM folded f JOIN run r ON r.id = f.run_id WHERE r.name = 'static' AND folded LIKE '%main%'" 1
	}
	check "a static program is sampled from outside, and that is said" static_program
else
	skip "a static program is sampled from outside, and that is said" "no static libc"
fi

two_at_once() {
	local i pids=() rc=0
	for i in 1 2 3 4; do
		"$PROF" run -q -n "both$i" -r 999 -o "$TMP/both.sqlite" -- sh -c "exit $i" &
		pids+=($!)
	done
	for i in 1 2 3 4; do
		wait "${pids[$((i - 1))]}"
		[ $? -eq "$i" ] || rc=1
	done
	is_sound "$TMP/both.sqlite" && one "$TMP/both.sqlite" 'SELECT count(*), sum(finished) FROM run' '4|4' && return $rc
}
check "four runs fill a new store at the same time" two_at_once

# ---- a sandbox --------------------------------------------------------------------------------------------

# Where not even gettid() is allowed, no thread gets a number that is none, nor a clock that is not its own. Where a call
# of ours would be death, there is none behind the filter: the recording ends before, and that is said.
shut_in() { # HOW OPTION…
	local how=$1 ends='' wants='done'
	shift
	case $how in kill | all | strict | exec) ends='shut itself in' ;; esac
	[ "$how" != exec ] || wants=
	rm -f "$TMP/sandbox.sqlite"
	"$PROF" run -o "$TMP/sandbox.sqlite" "$@" -- "$TMP/sandbox" "$how" >"$TMP/out" 2>"$TMP/talk" || { cat "$TMP/out" "$TMP/talk"; return 1; }
	[ "$(cat "$TMP/out")" = "$wants" ] &&
		one "$TMP/sandbox.sqlite" 'SELECT count(*) > 0 FROM sample' 1 &&
		if [ -n "$ends" ]; then grep -q "$ends" "$TMP/talk"; else ! grep -q 'shut itself' "$TMP/talk"; fi &&
		one "$TMP/sandbox.sqlite" 'SELECT count(*) FROM thread WHERE tid < 1' 0 &&
		one "$TMP/sandbox.sqlite" "SELECT (SELECT sum(value) FROM sample WHERE kind = 'cpu') <= 4 * (SELECT duration_ns FROM run)" 1
}
if "${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -pthread tests/programs/sandbox.c -o "$TMP/sandbox" && "$TMP/sandbox" >/dev/null; then
	for options in "--memory sampled" "--memory full" "--memory off --engine clock"; do
		for how in refuse kill all strict exec wrong; do
			# shellcheck disable=SC2086 # words
			check "a program in a sandbox that shuts by '$how': $options" shut_in $how $options
		done
	done
else
	skip "a program in a sandbox" "no seccomp here"
fi

# ---- nobody listens ------

# A pipe that nobody reads any more for our stderr, from before the start. The program's own SIGPIPE is as it was.
unheard() { # COMMAND OPTION…
	local rc
	rm -f "$TMP/unheard.sqlite" "$TMP/pipe"
	mkfifo "$TMP/pipe"
	exec 9<>"$TMP/pipe"
	exec 8>"$TMP/pipe"
	exec 9>&-
	"$PROF" "$@" -o "$TMP/unheard.sqlite" -- sh -c "grep SigIgn /proc/self/status >$TMP/ignored; exit 9" 2>&8
	rc=$?
	exec 8>&-
	[ $rc -eq 9 ] || { echo "code $rc"; return 1; }
	one "$TMP/unheard.sqlite" 'SELECT finished, exit_code FROM run' '1|9' && diff <(grep SigIgn /proc/self/status) "$TMP/ignored"
}
for how in run "run --mode wall" record; do
	# shellcheck disable=SC2086 # words
	check "$how: the program's code and the data, when nobody reads what we say" unheard $how
done

# ---- killed -------------------------------------------------------------------------------------------------------------

busy='i=0; while [ $i -lt 100000000 ]; do i=$((i + 1)); done'
has_child() { [ -n "$(ps -o pid= --ppid "$pid")" ]; }
kill_target() { # kill_target SECONDS
	local pid child rc
	"$PROF" run -q -r 999 -o "$TMP/kill.sqlite" -- bash -c "$busy" &
	pid=$!
	sleep "$1"
	wait_for 20 has_child
	child=$(ps -o pid= --ppid $pid | head -n 1 | tr -d " ")
	kill -9 "$child"
	wait $pid
	rc=$?
	[ $rc -eq 137 ] || { echo "code $rc"; return 1; }
	is_sound "$TMP/kill.sqlite" && one "$TMP/kill.sqlite" 'SELECT signal, finished FROM run ORDER BY key DESC LIMIT 1' '9|1'
}
for t in 0.05 0.3 1.3; do check "the target killed after $t s" kill_target $t; done
covered() { # at least this many ns of CPU time in the last run
	local got
	got=$(sql "$1" "SELECT coalesce(sum(value), 0) FROM sample WHERE kind = 'cpu' AND run_id = (SELECT id FROM run ORDER BY key DESC LIMIT 1)")
	[ "$got" -ge "$2" ] || { echo "$got ns in the store, expected at least $2"; return 1; }
}
cpu_ns_of() { awk '{ sub(/.*\) /, ""); printf "%.0f\n", ($12 + $13) * 10000000 }' "/proc/$1/stat"; } # clock ticks of 10 ms
runs_bash() { # and has begun
	child=$(ps -o pid= --ppid "$pid" | head -n 1 | tr -d " ")
	[ "$(cat "/proc/$child/comm")" = bash ] && [ "$(cpu_ns_of "$child")" -ge 100000000 ]
}
kill_supervisor() { # kill_supervisor SECONDS
	local pid child used
	"$PROF" run -q -r 999 -o "$TMP/kill.sqlite" -- bash -c "$busy" 2>/dev/null &
	pid=$!
	sleep "$1"
	wait_for 30 runs_bash || return 1
	child=$(ps -o pid= --ppid $pid | head -n 1 | tr -d " ")
	kill -9 $pid
	wait $pid 2>/dev/null
	sleep 0.2
	kill -0 "$child" || { echo "the target died with us"; return 1; }
	used=$(cpu_ns_of "$child")
	kill -9 "$child"
	is_sound "$TMP/kill.sqlite" || return 1
	one "$TMP/kill.sqlite" 'SELECT finished FROM run ORDER BY key DESC LIMIT 1' 0 || return 1
	"$PROF" runs --store "$TMP/kill.sqlite" >"$TMP/out" 2>"$TMP/talk" || { cat "$TMP/talk"; return 1; }
	is_sound "$TMP/kill.sqlite" && one "$TMP/kill.sqlite" "SELECT finished, exit_code IS NULL, labels FROM run ORDER BY key DESC LIMIT 1" '1|1|{"recovered":"yes"}' &&
		covered "$TMP/kill.sqlite" $((used * 9 / 10 - 40000000)) &&
		one "$TMP/kill.sqlite" "SELECT count(*) FROM frame WHERE function IS NULL" 0
}
for t in 0.6 1.0 1.7 2.3; do check "the supervisor killed after $t s" kill_supervisor $t; done
two_recover() {
	local pid child used a b
	"$PROF" run -q -r 999 -o "$TMP/rec.sqlite" -- bash -c "$busy" 2>/dev/null &
	pid=$!
	sleep 0.7
	wait_for 30 runs_bash || return 1
	child=$(ps -o pid= --ppid $pid | head -n 1 | tr -d " ")
	kill -9 $pid
	wait $pid 2>/dev/null
	used=$(cpu_ns_of "$child")
	kill -9 "$child"
	"$PROF" runs --store "$TMP/rec.sqlite" >/dev/null 2>&1 &
	a=$!
	"$PROF" runs --store "$TMP/rec.sqlite" >/dev/null 2>&1 &
	b=$!
	wait $a && wait $b && is_sound "$TMP/rec.sqlite" && one "$TMP/rec.sqlite" 'SELECT count(*), finished FROM run' '1|1' &&
		one "$TMP/rec.sqlite" "SELECT sum(cpu_ns) < $used + 100000000 FROM thread" 1 && covered "$TMP/rec.sqlite" $((used * 9 / 10 - 40000000))
}
check "two that recover the same run do not disturb each other" two_recover

# ---- no space -------------------------------------------------------------------------------------------------------------------

mkdir "$TMP/small"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=2m tmpfs "$TMP/small" 2>/dev/null; then
	trap 'umount -l "$TMP/small" 2>/dev/null; rm -rf "$TMP"' EXIT
	full_disk() {
		local rc
		"$PROF" run -n full -r 999 -o "$TMP/small/s.sqlite" -- sh -c "sleep 0.3; head -c 4000000 /dev/zero > $TMP/small/more; $P/split 2 >/dev/null; exit 11" >"$TMP/out" 2>"$TMP/talk"
		rc=$?
		rm -f "$TMP/small/more"
		[ $rc -eq 11 ] || { echo "code $rc"; cat "$TMP/talk"; return 1; }
		"$PROF" runs --store "$TMP/small/s.sqlite" >/dev/null 2>&1
		is_sound "$TMP/small/s.sqlite" && one "$TMP/small/s.sqlite" 'SELECT finished FROM run' 1
	}
	check "a full disk: the program runs on, the store stays sound" full_disk
	umount -l "$TMP/small"
	mount -t tmpfs -o size=100k tmpfs "$TMP/small" && mount -o remount,ro "$TMP/small"
	check "a read-only folder is refused" says 1 . -o "$TMP/small/s.sqlite" -- touch "$TMP/started2"
	umount -l "$TMP/small"
else
	skip "a full disk: the program runs on, the store stays sound" "a small file system needs root"
fi

nothing_left() {
	local left
	sleep 0.1
	left=$(left_over)
	[ -z "$left" ] || { echo "$left"; return 1; }
}
[ -n "${RECORD_ALONE:-}" ] && check "no session folder is left" nothing_left
[ $tap_failed -eq 0 ]
