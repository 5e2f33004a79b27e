#!/bin/bash
# Processes that cannot be looked at, or not for long: every wrong number, zombies, kernel threads, ourselves, our parent, 32-bit
# programs; those that end, exec, have thousands of threads or change them all the time. Each command answers clearly, with exit
# code 1 (2: no such number can be), or ends well with what it has.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/live_rig.sh
. tests/cli/live_rig.sh
PROF=$PWD/$O/protea-prof
export PROTEA_PROF_CACHE=$TMP/cache
mkdir "$TMP/cache"
started=
trap 'kill -9 $started 2>/dev/null; rm -rf "$TMP"' EXIT
cd "$TMP" || exit 1
start() {
	"$@" &
	pid=$!
	started="$started $pid"
}
stop() {
	kill -9 "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}
commands=("check" "dump" "record -d 0.3s -o bad.sqlite" "top --once --interval 0.2s")
# refused CODE PID WORDS…: by every command, quickly, without a crash
refused() {
	local code=$1 p=$2 c w rc
	shift 2
	for c in "${commands[@]}"; do
		# shellcheck disable=SC2086 # words of their own
		timeout 60 "$PROF" $c "--pid=$p" >said 2>&1
		rc=$?
		[ $rc -eq "$code" ] || { echo "$c --pid=$p: exit code $rc, not $code"; cat said; return 1; }
		for w in "$@"; do
			grep -qF -- "$w" said || { echo "$c --pid=$p does not say '$w':"; cat said; return 1; }
		done
	done
}

# ---- numbers -------------------------------------------------------------------------------------------

check "0 is no process" refused 2 0 "no process can have the number 0"
check "-1 is no process" refused 2 -1 "no process can have the number -1"
check "a number that is too large" refused 2 4194305 "from 1 to 4194304"
check "a number that is much too large" refused 2 99999999999999999999 "99999999999999999999"
check "no number at all" refused 2 nginx "'nginx' is no process id"
check "an empty place in a list" refused 2 1,,2 "a process id is missing"
start sleep 0
wait "$pid"
check "a process that is not there" refused 1 "$pid" "no process $pid"

# ---- kinds ---------------------------------------------------------------------------------------------

zombie() {
	start python3 -c 'import os, sys, time
pid = os.fork() or os._exit(0)
print(pid, flush=True)
time.sleep(60)' >zombie.pid
	local parent=$pid z
	wait_for 30 test -s zombie.pid
	z=$(cat zombie.pid)
	wait_for 30 grep -q '^State:.Z' "/proc/$z/status"
	refused 1 "$z" "has ended" "process $parent (" "takes it away"
	local rc=$?
	stop "$parent"
	return $rc
}
check "a zombie, and who should take it away" zombie
if [ "$(cat /proc/2/comm 2>/dev/null)" = kthreadd ]; then
	check "a kernel thread" refused 1 2 "a thread of the kernel"
else
	skip "a kernel thread" "none is seen from here"
fi
ourselves() {
	local c
	for c in "${commands[@]}"; do
		# $$ is the shell's number, which exec keeps.
		bash -c "exec '$PROF' $c -p \$\$" >said 2>&1
		if [ $? -ne 1 ] || ! grep -q 'is this profiler itself' said; then
			echo "$c:"
			cat said
			return 1
		fi
	done
}
check "ourselves" ourselves
our_parent() {
	local c
	for c in "${commands[@]}"; do
		if ! bash -c "'$PROF' $c -p \$\$; rc=\$?; echo alive; exit \$rc" >said 2>&1 || ! grep -qx alive said; then
			echo "$c:"
			cat said
			return 1
		fi
	done
}
check "our parent, which waits for us, is looked at like any other" our_parent
thread_id() {
	start python3 -c 'import threading, time
t = threading.Thread(target=time.sleep, args=(60,))
t.start()
print(t.native_id, flush=True)' >thread.tid
	local p=$pid
	wait_for 30 test -s thread.tid
	refused 1 "$(cat thread.tid)" "a thread of process $p" "-p $p"
	local rc=$?
	stop "$p"
	return $rc
}
check "a thread's number: its process is said" thread_id
bits32() {
	start ./small
	local p=$pid
	wait_for 30 grep -qx small "/proc/$p/comm"
	refused 1 "$p" "is a 32-bit program" "gdb -p $p"
	local rc=$?
	stop "$p"
	return $rc
}
# for (;;) pause(); by the calls of i386, as the smallest ELF file there is.
python3 - <<'P'
import struct
code = bytes([0xB8, 29, 0, 0, 0, 0xCD, 0x80, 0xEB, 0xF7])
size = 84 + len(code)
head = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x08048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
open("small", "wb").write(head + struct.pack("<IIIIIIII", 1, 0, 0x08048000, 0x08048000, size, size, 5, 0x1000) + code)
P
chmod +x small
start ./small
small_or_gone() { ! kill -0 "$pid" || grep -qx small "/proc/$pid/comm"; }
wait_for 30 small_or_gone
if kill -0 "$pid" 2>/dev/null; then
	stop "$pid"
	check "a 32-bit program" bits32
else
	skip "a 32-bit program" "this kernel runs none"
fi
some_of_many() { # one that is there and one that is not: said, nothing half-done
	start sleep 3600
	local p=$pid
	"$PROF" record -d 0.2s -o some.sqlite -p "$p,4194304" >said 2>&1
	local rc=$?
	stop "$p"
	[ $rc -eq 1 ] && grep -q 'no process 4194304' said
}
check "one that is there and one that is not" some_of_many

# ---- processes that do not keep still ------------------------------------------------------------------

cat >restless.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile unsigned long n;
static void *briefly(void *p)
{
	for (int i = 0; i < 20000; i++)
		n++;
	return p;
}
static void *waits(void *p)
{
	pause();
	return p;
}
static void make(void *(*body)(void *), int join)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	if (!join)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, body, NULL))
		usleep(1000);
	else if (join)
		pthread_join(t, NULL);
	pthread_attr_destroy(&attr);
}
int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "many") == 0) {
		for (int i = atoi(argv[2]); i > 1; i--)
			make(waits, 0);
		pause();
	}
	if (argc > 1 && strcmp(argv[1], "churn") == 0)
		for (;;)
			make(briefly, 1);
	if (argc > 1 && strcmp(argv[1], "spin") == 0)
		for (;;)
			briefly(NULL);
	if (argc > 1 && strcmp(argv[1], "exec") == 0) {
		make(waits, 0);
		briefly(NULL);
		execv("/proc/self/exe", argv);
	}
	return 0;
}
END
"${CC:-gcc}" -O1 -g -pthread restless.c -o restless || exit 1
# On a machine that has no CPU time to give, the watchdog ends the profiler rather than let a thread be held.
starved() { [ "$1" -eq 137 ]; }
# fine PID: every command works on it, or finds that it is gone; it lives on afterwards
fine() {
	local p=$1 c rc
	for c in "${commands[@]}"; do
		# shellcheck disable=SC2086
		timeout 120 "$PROF" $c -p "$p" >said 2>&1
		rc=$?
		starved $rc || [ $rc -eq 0 ] || { echo "$c: exit code $rc"; tail -n 5 said; return 1; }
	done
	grep -q '^TracerPid:.0$' "/proc/$p/status" && ! grep -qE '^State:.[Tt]' /proc/"$p"/task/*/status 2>/dev/null
}
restless() {
	start ./restless "$@"
	local p=$pid rc
	wait_for 30 grep -qxE 'restless|exe' "/proc/$p/comm" # exe: it has executed itself
	fine "$p"
	rc=$?
	kill -0 "$p" || rc=1
	stop "$p"
	return $rc
}
check "a process whose threads come and go all the time" restless churn
check "a process that executes itself anew all the time" restless exec
many() {
	start ./restless many 5000
	local p=$pid rc
	wait_for 60 grep -q '^Threads:.5000$' "/proc/$p/status" || { grep Threads "/proc/$p/status"; stop "$p"; return 1; }
	fine "$p" && "$PROF" dump -p "$p" --json >many.json &&
		python3 -c 'import json, sys; d = json.load(open("many.json")); sys.exit(len(d["threads"]) != 5000)'
	rc=$?
	stop "$p"
	return $rc
}
limit=$(ulimit -u)
if [ "$limit" = unlimited ] || [ "$limit" -gt 12000 ]; then
	check "5,000 threads" many
else
	skip "5,000 threads" "ulimit -u is $limit"
fi
# Ends at any moment of a look: a message or a result, and no other exit code than 0 or 1.
ends() {
	local c rc i
	for c in "${commands[@]}"; do
		for i in 0 1 2 3 5 8 13 30; do
			start sleep "0.0$(printf %02d "$i")"
			# shellcheck disable=SC2086
			timeout 60 "$PROF" $c -p "$pid" >said 2>&1
			rc=$?
			if starved $rc; then
				:
			elif [ $rc -gt 1 ] || { [ $rc -eq 1 ] && ! grep -qE "process $pid|ended" said; }; then
				echo "$c: exit code $rc"
				cat said
				return 1
			fi
			wait "$pid"
		done
	done
}
check "a process that ends while it is looked at" ends
data_kept() { # what a recording has when its process ends stays
	start ./restless spin
	local p=$pid result
	wait_for 30 grep -qx restless "/proc/$p/comm"
	(
		wait_for 60 has_run kept.sqlite restless
		uses 20 "$p"
		kill -9 "$p"
	) &
	"$PROF" record -q -o kept.sqlite -p "$p" >said 2>&1 || { cat said; return 1; }
	wait "$p" 2>/dev/null
	result=$(sqlite3 kept.sqlite "SELECT finished, (SELECT sum(count) > 0 FROM sample) FROM run; PRAGMA integrity_check")
	[ "$result" = $'1|1\nok' ] || { echo "$result"; cat said; return 1; }
}
check "what was recorded before the process ended is kept" data_kept

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
