#!/bin/bash
# protea-prof record --mode wall: where threads are while they do not run, by both engines: sums, states, places,
# system calls, and that no system call of the program is ever interrupted.
# shellcheck disable=SC2317
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
	rm -rf "$TMP"
}
trap stop_all EXIT

for need in sqlite3 "$P/sleepy"; do
	if ! command -v "$need" >/dev/null; then
		skip "wall mode from outside" "${need##*/} is missing"
		exit 0
	fi
done
sql() { sqlite3 -cmd '.timeout 5000' "$S" "$1"; }
# one SQL EXPECTED
one() {
	local got
	got=$(sql "$1")
	[ "$got" = "$2" ] || { echo "$1: '$got', expected '$2'"; return 1; }
}
begin() {
	"$@" &
	pid=$!
	started+=("$pid")
}
wall() { "$PROF" record -q -o "$S" --mode wall "$@"; }
denied() { # why this engine is not permitted here, or nothing
	local out
	begin sleep 3600
	out=$("$PROF" record -q -o "$TMP/try.sqlite" -d 0.05s --engine "$1" -p "$pid" 2>&1) || echo "$out" | head -n 1
	kill -9 "$pid"
}
no_perf=$(denied perf)
no_clock=$(denied clock)
both() { # both NAME FUNCTION: with each engine
	local e why
	for e in perf clock; do
		why=$no_perf
		[ $e = perf ] || why=$no_clock
		if [ -n "$why" ]; then skip "$1 ($e)" "$why"; else check "$1 ($e)" "$2" $e; fi
	done
}
# What a run has: joins for a thread's name and for a stack's function.
from_threads="FROM sample s JOIN run r ON r.id = s.run_id JOIN thread t ON t.id = s.thread_id"

all_begun() { grep -q '^Threads:.3$' "/proc/$pid/status" && grep -qx worker "/proc/$pid"/task/*/comm && grep -qx sleeper "/proc/$pid"/task/*/comm; }
# What those that only sleep have waited for a CPU so far.
waited() { for t in "/proc/$pid"/task/*; do grep -qx worker "$t/comm" || cat "$t/schedstat"; done | awk '{ s += $2 } END { printf "%.0f\n", s }'; }
at_least() { sleep "$1" && uses 10 "$pid"; }
a_life_is_the_sum() { # of each thread, a twentieth and two looks apart
	local before
	begin "$P/sleepy" 2000
	wait_for 30 all_begun || return 1
	before=$(waited)
	record_while "$S" "life-$1" at_least 1.4 -- "$PROF" record -q -o "$S" --mode wall -n "life-$1" --engine "$1" -p "$pid" || return 1
	echo $(($(waited) - before)) >"$TMP/waited-$1"
	kill -9 "$pid"
	one "SELECT count(*), sum(abs(wall - life) <= life / 20 + 2e7) FROM (
		SELECT sum(s.value) AS wall, t.end_ns - t.start_ns AS life $from_threads
		WHERE r.name = 'life-$1' AND s.kind = 'wall' GROUP BY t.id)" '3|3'
}
both "the wall time of each thread is its life" a_life_is_the_sum

sleepers_sleep() { # but for their waiting for a CPU
	one "SELECT (sum(CASE s.kind WHEN 'offcpu' THEN s.value END) + $(cat "$TMP/waited-$1")) * 10 > sum(CASE s.kind WHEN 'wall' THEN s.value END) * 9
		$from_threads WHERE r.name = 'life-$1' AND t.name IN ('sleeper', 'sleepy')" 1 &&
		one "SELECT sum(CASE s.kind WHEN 'offcpu' THEN s.value END) < sum(CASE s.kind WHEN 'wall' THEN s.value END),
			sum(CASE s.kind WHEN 'cpu' THEN s.value END) > 0
			$from_threads WHERE r.name = 'life-$1' AND t.name = 'worker'" '1|1' &&
		one "SELECT count(*) FROM tick k JOIN run r ON r.id = k.run_id
			WHERE r.name = 'life-$1' AND k.state NOT IN ('running', 'runnable', 'sleeping', 'disk')" 0
}
both "who sleeps is off the CPU, who works is not" sleepers_sleep

places_and_calls() { # half the time in nanosleep, half in poll: a look may be late on a busy machine, and a nap as long as a stall
	local slack="(0.2 + coalesce((SELECT sum(l.count) FROM loss l WHERE l.run_id = r.id AND l.reason = 'late_tick'), 0) * 1e9 / (r.rate_hz * r.duration_ns))"
	one "SELECT abs(sum(value) FILTER (WHERE folded LIKE '%;sleeper;%nanosleep%') * 1.0 / sum(value) - 0.5) < $slack,
		abs(sum(value) FILTER (WHERE folded LIKE '%;sleeper;%poll%') * 1.0 / sum(value) - 0.5) < $slack
		FROM folded f JOIN run r ON r.id = f.run_id
		WHERE r.name = 'life-$1' AND f.kind = 'offcpu' AND folded LIKE '%;sleeper;%'" '1|1' &&
		one "SELECT count(*) FROM folded f JOIN run r ON r.id = f.run_id WHERE r.name = 'life-$1'
			AND f.kind = 'offcpu' AND folded LIKE '%;sleeper;%[syscall clock_nanosleep]'" 1
}
both "sleep has its place and its system call" places_and_calls

nobody_is_interrupted() { # sleepy exits with 1 if a call of its own answered EINTR
	wall -n "eintr-$1" --engine "$1" -r 997 -- "$P/sleepy" 0.5
}
both "no system call of the program is interrupted" nobody_is_interrupted

all_stopped() { ! grep -q '^State:.[^T]' "/proc/$pid"/task/*/status; }
a_stopped_program() {
	begin "$P/threads" 600
	at_work "$pid" threads || return 1
	kill -STOP "$pid"
	wait_for 30 all_stopped
	wall -n "stopped-$1" --engine "$1" -d 1s -p "$pid" || return 1
	kill -9 "$pid"
	one "SELECT count(*) > 0, sum(k.state = 'stopped') * 10 >= count(*) * 9 FROM tick k JOIN run r ON r.id = k.run_id
		WHERE r.name = 'stopped-$1'" '1|1' &&
		one "SELECT coalesce(sum(value), 0) < 2e7 FROM sample s JOIN run r ON r.id = s.run_id
			WHERE r.name = 'stopped-$1' AND kind = 'cpu'" 1
}
[ -x "$P/threads" ] && both "a stopped program is stopped" a_stopped_program

cpu_mode_has_none() {
	begin "$P/sleepy" 20
	"$PROF" record -q -o "$S" -n "cpu-$1" --engine "$1" -d 0.5s -p "$pid" || return 1
	kill -9 "$pid"
	one "SELECT count(*) FROM sample s JOIN run r ON r.id = s.run_id
		WHERE r.name = 'cpu-$1' AND kind IN ('wall', 'offcpu')" 0
}
both "without wall mode there is no wall time" cpu_mode_has_none

[ "$tap_failed" -eq 0 ]
