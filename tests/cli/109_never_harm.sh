#!/bin/bash
# Whatever becomes of the profiler, the target runs on: killed at random moments, suspended, looking as hard as it
# can. A second heartbeat beside the first, which nobody looks at, tells what the machine itself does.
# shellcheck disable=SC2317 # checks are called through "check"
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
SIEGE=$TOOLS/attach_siege
PIDS='' probe='' target='' other=''
trap 'kill -9 $PIDS 2>/dev/null; wait 2>/dev/null; rm -rf "$TMP"' EXIT

if ! "${CC:-cc}" -O1 -D_GNU_SOURCE -pthread tests/programs/heartbeat.c -o "$TMP/heartbeat" ||
	! "${CC:-cc}" -O1 -D_GNU_SOURCE -pthread tests/programs/eintr_calls.c -o "$TMP/eintr_calls"; then
	not_ok "the programs can be built"
	exit 1
fi

# start NAME PROGRAM SECONDS: its pid in $NAME.
start() {
	"$TMP/$2" "$3" >"$TMP/$1.out" 2>"$TMP/$1.err" &
	eval "$1=$!"
	PIDS="$PIDS $!"
	wait_for 30 grep -q ready "$TMP/$1.out"
}
# finish NAME: it ends by itself, in order.
finish() {
	local pid
	eval "pid=\$$1"
	kill "$pid" 2>/dev/null
	wait "$pid"
}
# value NAME WORD: the number after it.
value() { sed -n "s/.*\b$2 \([0-9]*\).*/\1/p" "$TMP/$1.out" | tail -n 1; }
is() { [ "$1" = "$2" ] || { echo "'$1', expected '$2'"; return 1; }; }
at_most() { [ "${1:-x}" -le "$2" ] || { echo "'$1', at most $2 allowed"; return 1; }; }
# 100 ms, or twice what the one nobody looked at had to bear on a busy machine.
limit() {
	local other=$((2 * $(value "$1" gap_us)))
	[ "$other" -gt 100000 ] && echo "$other" || echo 100000
}
# A thread that is held is held in every round; twice as long as beside it a wait for a CPU may be once.
no_gap() { # SCENE
	at_most "$(value target gap_us)" "$(limit other)" && return
	"$1" && at_most "$(value target gap_us)" "$(limit other)"
}
all_signals() { is "$(value "$1" received)" "$(value "$1" sent)" && is "$(value "$1" wrong)" 0; }

if [ ! -x "$SIEGE" ]; then
	skip "never harm" "$SIEGE is not built"
	exit 0
fi
start probe heartbeat 5
if ! "$SIEGE" storm 0.1 "$probe" >"$TMP/probe.log" 2>&1; then
	finish probe
	skip "never harm" "may not trace here: $(tail -n 1 "$TMP/probe.log")"
	exit 0
fi
finish probe

# ---- kill -9 ----
snaps_are_killed() {
	start target heartbeat 120
	start other heartbeat 120
	"$SIEGE" kill 500 "$target" >"$TMP/kill.log" 2>&1
	kill -0 "$target" && lives=yes
	finish target
	finish other
}
lives=no
snaps_are_killed
check "500 snaps in the making are killed, and no thread stands still after any" \
	is "$(cat "$TMP/kill.log")" "killed 500, still 0"
check "the target lives" is "$lives" yes
check "no call of a sleeping thread was interrupted" is "$(value target eintr)" 0
check "every signal came, once and in order" all_signals target
check "no gap is longer than 100 ms ($(value target gap_us) us; beside it $(value other gap_us) us)" \
	no_gap snaps_are_killed

# ---- the commands ----
commands_are_killed() {
	start target heartbeat 60
	start other heartbeat 60
	n=0
	for _ in $(seq 20); do
		"$PROF" dump -p "$target" >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$((RANDOM % 5))$((RANDOM % 10))"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		n=$((n + 1))
	done
	for _ in $(seq 10); do
		"$PROF" record -p "$target" --engine clock -d 5 -o "$TMP/killed.sqlite" >/dev/null 2>&1 &
		pid=$!
		sleep "0.$((1 + RANDOM % 2))$((RANDOM % 10))"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		n=$((n + 1))
	done
	wait_for 30 still && stands=no
	finish target
	finish other
}
still() { ! grep -hE '^[0-9]+ \(heartbeat\) [Tt] ' /proc/"$target"/task/*/stat; }
stands=yes
commands_are_killed
check "no thread stands still after $n commands were killed" is "$stands" no
check "dump and record that are killed interrupt no call" is "$(value target eintr)" 0
check "dump and record that are killed lose no signal" all_signals target
check "dump and record that are killed leave no gap ($(value target gap_us) us; beside it $(value other gap_us) us)" \
	no_gap commands_are_killed

# ---- SIGSTOP: the watchdog ----
start target heartbeat 60
"$SIEGE" suspend 8 "$target" >"$TMP/suspend.log" 2>&1
echo "# $(cat "$TMP/suspend.log")"
check "a suspended profiler holds no thread" grep -q ' still 0$' "$TMP/suspend.log"
finish target
check "a suspended profiler interrupts no call" is "$(value target eintr)" 0
check "a suspended profiler loses no signal" all_signals target

# ---- calls that answer EINTR ----
start target eintr_calls 6
"$SIEGE" storm 5 "$target" >"$TMP/storm.log" 2>&1
echo "# $(cat "$TMP/storm.log")"
wait "$target"
check "no kind of call answers EINTR to a thread that fell asleep right then" \
	is "$(sed -n 's/^total [0-9]* //p' "$TMP/target.out")" 0
check "the program met no other error" is "$(cat "$TMP/target.err")" ""

exit $((tap_failed > 0))
