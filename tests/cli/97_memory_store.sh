#!/bin/bash
# Memory on its way into the store: every sum once, under its function, stage and process, whoever is killed
# on the way; snapshots of a program that runs; nothing is left behind.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache

if ! command -v sqlite3 >/dev/null; then
	skip "memory on its way into the store" "sqlite3 is missing"
	exit 0
fi
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -g -fno-builtin -Iprof/include tests/programs/memory_steps.c -o "$TMP/steps" || exit 1

last="(SELECT id FROM run ORDER BY key DESC LIMIT 1)"
sql() { sqlite3 -cmd '.timeout 20000' "$S" "$1"; } # a supervisor may just be closing it
is_sound() { [ "$(sql 'PRAGMA integrity_check')" = ok ]; }
# one SQL EXPECTED
one() {
	local got
	got=$(sql "$1")
	[ "$got" = "$2" ] || { echo "$1: '$got', expected '$2'"; return 1; }
}
# holds KIND FUNCTION BYTES/BLOCKS: of the last run, what was asked for by the function itself
holds() {
	one "SELECT coalesce(sum(s.value), 0) || '/' || coalesce(sum(s.count), 0) FROM sample s JOIN stack k ON k.id = s.stack_id
		JOIN frame f ON f.id = k.frame_id WHERE s.run_id = $last AND s.kind = '$1' AND f.function = '$2'" "$3"
}
# recorded OPTIONS… STEPS: a run to its end
recorded() {
	local steps=${*: -1}
	printf %s "$steps" | "$PROF" run -q -o "$S" "${@:1:$#-1}" -- "$TMP/steps" >/dev/null
}
session_of() { # of the run that is being recorded
	sql "SELECT spool_path FROM run ORDER BY key DESC LIMIT 1"
}

# A program that is told its steps while it is recorded: steps_begin OPTIONS…, steps LETTERS, steps_end.
steps_begin() {
	rm -f "$TMP/in" "$TMP/answer"
	mkfifo "$TMP/in" "$TMP/answer"
	"$PROF" run -q -o "$S" "$@" -- "$TMP/steps" <"$TMP/in" >"$TMP/answer" 2>"$TMP/talk" &
	supervisor=$!
	exec 8>"$TMP/in" 9<"$TMP/answer"
}
steps() { # waits until they are done
	printf '%sw' "$1" >&8
	read -r -t 60 <&9
}
target() { ps -o pid= --ppid "$supervisor" | head -n 1 | tr -d " "; }
steps_end() {
	exec 8>&-
	wait "$supervisor"
	local rc=$?
	exec 9<&-
	return $rc
}
answered() { # a snapshot of that name with that many bytes of a stack, in the store
	[ "$(sql "SELECT count(*) FROM snapshot s JOIN snapshot_sample x ON x.snapshot_id = s.id
		WHERE s.run_id = $last AND s.name = '$1' AND x.value = $2")" -gt 0 ]
}
gone() { ! kill -0 "$1" 2>/dev/null; }

# ---- a run to its end

to_its_end() {
	recorded --memory full aabft && is_sound &&
		holds alloc hold 128000/2000 && holds live hold 96000/1500 && holds leak hold 96000/1500 &&
		holds peak hold 128000/2000 && holds peak hold_large 40960/10 && holds temporary churn 3200/100 &&
		holds leak churn 0/0 && holds temporary hold 0/0 &&
		one "SELECT count(*) FROM sample WHERE run_id = $last AND value = 0 AND count = 0" 0 &&
		one "SELECT memory, memory_rate_bytes IS NULL, memory_temporary FROM run WHERE id = $last" 'full|1|1' &&
		one "SELECT name, heap_bytes = (SELECT sum(value) FROM sample WHERE kind = 'live' AND run_id = $last),
			heap_bytes = (SELECT sum(value) FROM snapshot_sample WHERE run_id = $last) FROM snapshot
			WHERE run_id = $last AND name = 'end'" 'end|1|1'
}
check "a run to its end: total, live, leaked, peak, temporary by function" to_its_end
as_sampled() { # every byte is a sample
	recorded --memory sampled --memory-rate 1 aabft && holds alloc hold 128000/2000 && holds leak hold 96000/1500 &&
		holds alloc hold_large 40960/10 &&
		one "SELECT memory, memory_rate_bytes FROM run WHERE id = $last" 'sampled|1'
}
check "sampled at every byte is the same" as_sampled
has_lives() {
	one "SELECT sum(s.life_ns) > 0 FROM sample s JOIN stack k ON k.id = s.stack_id JOIN frame f ON f.id = k.frame_id
		WHERE s.run_id = $last AND s.kind = 'alloc' AND f.function = 'hold'" 1 &&
		one "SELECT sum(variance) IS NULL, sum(life_ns) IS NULL FROM sample WHERE run_id = $last AND kind = 'leak'" '1|1'
}
recorded --memory full a
check "lives are there, of total alone; exact numbers have no variance" has_lives
estimated() {
	recorded --memory sampled --memory-rate 1000 aaaaaaaaaa &&
		one "SELECT sum(variance) > 0 FROM sample WHERE run_id = $last AND kind = 'alloc'" 1 &&
		one "SELECT sum(variance) > 0 FROM sample WHERE run_id = $last AND kind = 'leak'" 1 &&
		one "SELECT sum(value) BETWEEN 500000 AND 800000 FROM sample WHERE run_id = $last AND kind = 'alloc'" 1
}
check "an estimate has a variance" estimated
turned_off() {
	recorded --memory off aabft && one "SELECT count(*) FROM sample WHERE run_id = $last AND kind NOT IN ('cpu', 'wall')" 0 &&
		one "SELECT count(*) FROM snapshot WHERE run_id = $last" 0 && one "SELECT memory FROM run WHERE id = $last" off
}
check "off is off" turned_off
by_stage() {
	recorded --memory full aSaaEf && one "SELECT g.name || ' ' || sum(s.value) FROM sample s JOIN stage g ON g.id = s.stage_id
		WHERE s.run_id = $last AND s.kind = 'alloc'" "steps 128000" && holds alloc hold 192000/3000
}
check "a stage has what was allocated in it" by_stage

# ---- processes

with_children() {
	recorded --memory full accb && holds alloc hold_child 14000/14 && holds leak hold_child 14000/14 &&
		holds leak hold 64000/1000 && holds leak hold_large 40960/10 &&
		one "SELECT count(DISTINCT t.process_id) FROM sample s JOIN thread t ON t.id = s.thread_id
			WHERE s.run_id = $last AND s.kind = 'leak'" 3
}
check "children have heaps of their own, added up" with_children
with_exec() {
	recorded --memory full abxa && holds alloc hold 128000/2000 && holds leak hold 128000/2000 && holds leak hold_large 40960/10 &&
		one "SELECT count(*) FROM process WHERE run_id = $last" 1
}
check "a program that becomes another leaves what it held" with_exec

# ---- killed

kill_target() {
	steps_begin --memory full && steps aabft || return 1
	kill -9 "$(target)"
	steps_end
	[ $? -eq 137 ] || return 1
	is_sound && holds alloc hold 128000/2000 && holds leak hold 96000/1500 && holds peak hold_large 40960/10 &&
		holds temporary churn 3200/100
}
check "the target killed: its sums are as it left them" kill_target
kills_itself() {
	printf %s ak | "$PROF" run -q -o "$S" --memory full -- "$TMP/steps" 2>/dev/null
	[ $? -eq 137 ] && holds leak hold 64000/1000
}
check "a target that dies at once" kills_itself
recover() { "$PROF" runs --store "$S" >"$TMP/out" 2>"$TMP/talk" || { cat "$TMP/talk"; return 1; }; }
kill_supervisor() { # kill_supervisor SECONDS: before, it has had time to store some
	local child session
	steps_begin --memory full && steps SaEa || return 1
	sleep "$1"
	child=$(target)
	session=$(session_of)
	kill -9 "$supervisor"
	wait "$supervisor" 2>/dev/null
	if [ -z "$session" ] || ! ls "$session"/*.heap >/dev/null; then
		echo "no heap file in '$session'"
		return 1
	fi
	kill -9 "$child"
	exec 8>&- 9<&-
	wait_for 30 gone "$child" || return 1
	recover && is_sound && one "SELECT finished FROM run WHERE id = $last" 1 &&
		holds alloc hold 128000/2000 && holds leak hold 128000/2000 || return 1
	one "SELECT sum(s.value) FROM sample s JOIN stage g ON g.id = s.stage_id WHERE s.run_id = $last AND s.kind = 'alloc'
		AND g.name = 'steps'" 64000 || return 1
	[ ! -e "$session" ] || { echo "'$session' is left"; return 1; }
	recover && holds alloc hold 128000/2000 # nothing is added again
}
for t in 0 1.3; do check "the supervisor killed after $t s, then the target: both recovered" kill_supervisor $t; done
outlives_supervisor() { # the program goes on, unharmed
	local child
	steps_begin --memory full && steps ab || return 1
	child=$(target)
	kill -9 "$supervisor"
	wait "$supervisor" 2>/dev/null
	steps aaftc || { echo "the program does not answer any more"; kill -9 "$child"; return 1; }
	exec 8>&- 9<&-
	wait_for 30 gone "$child" || return 1
	recover && is_sound && holds alloc hold_large 40960/10 &&
		one "SELECT sum(s.value) >= 64000 FROM sample s JOIN stack k ON k.id = s.stack_id JOIN frame f ON f.id = k.frame_id
			WHERE s.run_id = $last AND s.kind = 'alloc' AND f.function = 'hold'" 1
}
check "a program outlives its supervisor" outlives_supervisor

# ---- the recording ends before the program

ends_before() {
	local seconds
	for seconds in 0.6 5 60; do # until the steps fit
		steps_begin --memory full -d $seconds && steps aabf || return 1
		"$PROF" snapshot -p "$(target)" >/dev/null 2>&1 && break
		steps_end
	done
	wait_for 90 one "SELECT count(*) FROM snapshot WHERE run_id = $last AND name = 'end'" 1 || return 1
	steps a || return 1
	steps_end && holds live hold 96000/1500 && holds alloc hold 128000/2000 && holds leak hold 0/0 &&
		one "SELECT count(*) FROM sample WHERE run_id = $last AND kind = 'leak'" 0
}
check "what lives when only the recording ends is no leak" ends_before

# A program that starts and stops its recording itself: blocks from before are nobody's.
cat >"$TMP/self.c" <<'END'
#include <stdlib.h>

#include "protea-prof.h"

static void *kept[2000];

static __attribute__((noinline)) void hold(void)
{
	for (int i = 0; i < 1000; i++)
		kept[i] = malloc(64);
}

static __attribute__((noinline)) void before(void)
{
	for (int i = 1000; i < 2000; i++)
		kept[i] = malloc(32);
}

int main(int argc, char **argv)
{
	before();
	if (pp_start(argv[1]))
		return 1;
	hold();
	for (int i = 500; i < 1500; i++)
		free(kept[i]);
	if (argc > 2)
		return 0;
	if (pp_stop())
		return 2;
	for (int i = 0; i < 500; i++)
		free(kept[i]);
	return 0;
}
END
starts_itself() {
	PROTEA_PROF_MEMORY=full "$TMP/self" "$S" && holds alloc hold 64000/1000 && holds live hold 32000/500 &&
		holds peak hold 64000/1000 && holds leak hold 0/0 && holds alloc before 0/0 &&
		one "SELECT heap_bytes FROM snapshot WHERE run_id = $last AND name = 'end'" 32000 || return 1
	PROTEA_PROF_MEMORY=full "$TMP/self" "$S" on
	wait_for 30 one "SELECT finished FROM run WHERE id = $last" 1 && holds live hold 32000/500 && holds leak hold 32000/500
}
if "${CC:-gcc}" -std=gnu17 -O1 -g -fno-builtin -Iprof/include "$TMP/self.c" -o "$TMP/self" "$O/libprotea-prof.so" \
	-Wl,-rpath,"$PWD/$O"; then
	check "pp_start and pp_stop: only a process that ended leaks" starts_itself
else
	not_ok "a program links the library"
fi

# ---- snapshots

asked_by_signal() {
	steps_begin --memory full && steps aab || return 1
	kill -USR1 "$supervisor"
	wait_for 30 answered asked 128000 || { echo "no snapshot"; steps_end; return 1; }
	steps ff
	kill -USR1 "$supervisor"
	wait_for 30 answered asked 64000 || { echo "no second snapshot"; steps_end; return 1; }
	steps_end && one "SELECT group_concat(name) FROM (SELECT name FROM snapshot WHERE run_id = $last AND name <> 'auto' ORDER BY t_ns)" \
		'asked,asked,end' &&
		one "SELECT sum(x.value) FROM snapshot s JOIN snapshot_sample x ON x.snapshot_id = s.id JOIN stack k ON k.id = x.stack_id
			JOIN frame f ON f.id = k.frame_id WHERE s.run_id = $last AND s.name = 'asked' AND f.function = 'hold_large'" 81920
}
check "a signal to the supervisor is answered while the program runs" asked_by_signal
asked_at_once() { # before the supervisor has looked for the program's files
	for _ in 1 2 3 4 5 6; do
		steps_begin --memory full && steps aab || return 1
		kill -USR1 "$supervisor"
		wait_for 30 answered asked 128000 || { steps_end; return 1; }
		steps_end || return 1
	done
}
check "and in the program's first moment" asked_at_once
by_themselves() {
	steps_begin --memory full && steps a || return 1
	wait_for 30 answered auto 64000 || { echo "none by itself"; steps_end; return 1; }
	steps_end && one "SELECT count(*) BETWEEN 1 AND 32 FROM snapshot WHERE run_id = $last AND name = 'auto'" 1 &&
		one "SELECT min(t_ns) >= (SELECT start_ns + 250000000 FROM run WHERE id = $last) FROM snapshot WHERE run_id = $last" 1
}
check "snapshots come by themselves" by_themselves
not_for_the_program() { # SIGUSR1 would end it
	printf 'import sys\nopen(sys.argv[1], "w").write("here")\nsys.stdin.read()\n' >"$TMP/p.py"
	command -v python3 >/dev/null || return 0
	rm -f "$TMP/in"
	mkfifo "$TMP/in"
	"$PROF" run -q -o "$S" -- python3 "$TMP/p.py" "$TMP/here" <"$TMP/in" &
	supervisor=$!
	exec 8>"$TMP/in"
	wait_for 30 test -s "$TMP/here"
	kill -USR1 "$supervisor"
	wait_for 30 grep -qE '^ShdPnd:[[:space:]]*0+$' "/proc/$supervisor/status" # it has it
	sleep 0.2
	exec 8>&-
	wait "$supervisor"
}
check "the signal is not passed on" not_for_the_program

removed() {
	local id
	for id in $(sql "SELECT id FROM run"); do "$PROF" runs remove --store "$S" "$id" >/dev/null 2>"$TMP/talk" || { cat "$TMP/talk"; return 1; }; done
	one "SELECT (SELECT count(*) FROM snapshot_row) + (SELECT count(*) FROM snapshot_sample_row) + (SELECT count(*) FROM sample_row)" 0 &&
		is_sound
}
check "removed runs leave nothing of their memory" removed
[ $tap_failed -eq 0 ]
