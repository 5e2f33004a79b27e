#!/bin/bash
# record by perf events: every sample program's known profile, from its exec on and attached to; threads and children in
# numbers; deep stacks; another user; what was lost is told.
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
# Also those that a check that failed left behind.
stop_all() {
	while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$TMP/started"
	rm -rf "$TMP"
}
: >"$TMP/started"
trap stop_all EXIT
# Not on our standard output: a check ends when all that have it end.
begin() {
	"$@" >/dev/null 2>&1 &
	pid=$!
	echo "$pid" >>"$TMP/started"
}
finish() {
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	true
}

begin sleep 3600
if ! why=$("$PROF" record -q -o "$TMP/try.sqlite" --engine perf -d 0.05s -p "$pid" 2>&1); then
	skip "protea-prof record samples by perf events" "${why%%$'\n'*}"
	exit 0
fi
finish
for need in sqlite3 python3; do
	command -v $need >/dev/null && continue
	skip "protea-prof record samples by perf events" "$need is missing"
	exit 0
done
sql() { sqlite3 -cmd '.timeout 5000' "$S" "$1"; }
one() { # one SQL EXPECTED
	local got
	got=$(sql "$1")
	[ "$got" = "$2" ] || { echo "$1: '$got', expected '$2'"; return 1; }
}
of() { echo "FROM sample s JOIN run r ON r.id = s.run_id WHERE r.name = '$1'"; }
record() { "$PROF" record -q --engine perf -o "$S" "$@"; }
# record_until RUN CONDITION… -- OPTION…: $pid, until the condition is done.
record_until() {
	local run=$1 condition=()
	shift
	while [ "$1" != -- ]; do condition+=("$1"); shift; done
	shift
	record_while "$S" "$run" "${condition[@]}" -- "$PROF" record -q --engine perf -o "$S" -n "$run" "$@" -p "$pid"
}

# ---- what each program's head promises ---------------------------------------------------------------------------

truth() { # truth NAME EXIT-CODE PROGRAM-ARGS… -- CHECK…
	local name=$1 want=$2 args=() rc
	shift 2
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	record -n "$name-${RATE:-999}" -r "${RATE:-999}" -- "$P/$name" "${args[@]}" >"$TMP/out" 2>"$TMP/talk"
	rc=$?
	if [ "$rc" -ne "$want" ]; then
		not_ok "$name ends as it does alone"
		echo "# exit code $rc, expected $want"
		sed 's/^/# /' "$TMP/talk"
		return
	fi
	check "$name: $*" tests/cli/truth.py "$PROF" "$S" "$name-${RATE:-999}" "$@"
}
# At a rate at which the rings hold what comes while the recorder waits for a CPU.
none_lost() { RATE=99 TRUTH_MIN=20 truth split 0 1 -- self:three=0.75 lost:truncated=0 lost:record_dropped=0; }
if [ -x "$P/split" ]; then
	truth split 0 1 -- self:three=0.75 self:one=0.25 total:work=0.99 path:main\>work\>three root:_start=0.985 lost:truncated=0
	none_lost
	truth recurse 0 1 -- self:leaf=0.99 total:down=0.5 total:even=0.5 path:main\>down\>down path:main\>even\>odd\>even
	truth threads 0 2 -- thread:w1=0.1 thread:w2=0.2 thread:w3=0.3 thread:w4=0.4 self:nine=0.9 self:tenth=0.1 path:worker\>nine
	truth nofp 0 1 -- self:bottom=0.99 total:f39=0.99 total:f20=0.99 path:f10\>f5\>f0\>bottom root:_start=0.985
	truth inline 0 1 -- self:inner=0.75 total:middle=0.75 total:outer=0.75 self:plain=0.25 path:main\>outer\>middle\>inner
	SPIN_SCALE=0.1 truth dlopen 0 1 -- path:main\>plugin_work\>plugin_inner path:main\>plugin_init\>plugin_start root:_start=0.985
	truth forks 3 1 -- self:parent_work=0.1667 self:child_work=0.3333 self:exec_work=0.5
	truth sleepy 0 1 -- path:worker\>burst total:burst=0.95
	truth throw 0 1 -- "total:geo::Shape<int>::area() const=0.98" path:main\>area
	truth longjmp 0 1 -- path:main\>dive\>dive\>before path:main\>after
	truth sigframe 0 1 -- total:on_normal=0.5 total:on_alternate=0.5 total:raiser=0.99 path:__restore_rt\>in_handler root:_start=0.97
	truth asmcfi 0 1 -- total:asm_leaf=0.99 path:main\>asm_in_rbx\>asm_middle\>asm_expression\>asm_leaf root:_start=0.985
	truth deep 0 1 -- path:down\>bottom lost:truncated=100
	truth stages 0 1 -- total:load_rows=0.2 total:score_rows=0.8
	truth syscalls 0 1 -- total:main=0.99
else
	skip "sample programs have their known profile" "make sample-programs has not been run"
fi

# ---- code that comes and goes ----------------------------------------------------------------------------------------

# Two libraries take turns, each mapped for a millisecond and where the other one was. Their samples are read much later.
cat >"$TMP/lib.c" <<'END'
static volatile unsigned long sink;
__attribute__((noinline)) void WORK(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink += i;
}
END
cat >"$TMP/turns.c" <<'END'
#include <dlfcn.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	for (int i = 0; argc == 4 && i < atoi(argv[3]); i++) {
		void *lib = dlopen(argv[1 + i % 2], RTLD_NOW);
		void (*work)(unsigned long);
		*(void **)&work = dlsym(lib, i % 2 ? "work_b" : "work_a");
		work(i % 2 ? 1000000 : 3000000);
		dlclose(lib);
	}
}
END
turns() {
	for x in a b; do
		${CC:-cc} -O1 -g -shared -fPIC "-DWORK=work_$x" "$TMP/lib.c" -o "$TMP/lib$x.so" || return 1
	done
	${CC:-cc} -O1 -g "$TMP/turns.c" -o "$TMP/turns" -ldl || return 1
	record -n turns -r 999 -- "$TMP/turns" "$TMP/liba.so" "$TMP/libb.so" 1600 || return 1
	"$PROF" export turns --store "$S" -f folded --count | awk '
		{ n += $NF }
		/_start;.*main;work_a / { a += $NF }
		/_start;.*main;work_b / { b += $NF }
		END {
			print a, "samples in work_a,", b, "in work_b, of", n, "; three times as many are right"
			part = b / (a + b)
			margin = 4.5 * sqrt(0.1875 / (a + b)) + 0.005
			exit !(a + b > 0.8 * n && part > 0.25 - margin && part < 0.25 + margin)
		}'
}
check "samples belong to the library that was there when they were taken" turns

# ---- threads, children -----------------------------------------------------------------------------------------------

cat >"$TMP/many.c" <<'END'
/* many THREADS CHURN: that many threads share the CPUs; CHURN short ones are born and end one after the other. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
static volatile unsigned long sink;
__attribute__((noinline)) void *spin(void *ctx)
{
	struct timespec t;
	do {
		for (int i = 0; i < 100000; i++)
			sink += (unsigned long)i;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (ctx || t.tv_nsec < 300000);
	return ctx;
}
int main(int argc, char **argv)
{
	pthread_t t;
	(void)argc;
	for (int i = 0; i < atoi(argv[1]); i++)
		pthread_create(&t, NULL, spin, argv);
	for (int i = 0; i < atoi(argv[2]); i++)
		if (pthread_create(&t, NULL, spin, NULL) == 0)
			pthread_join(t, NULL);
	pause();
}
END
${CC:-cc} -O1 -g "$TMP/many.c" -o "$TMP/many" -pthread

all_there() { [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -gt 200 ]; }
times() { # of all threads but the main one, which sleeps
	local t ns
	for t in "/proc/$pid"/task/*; do
		[ "${t##*/}" != "$pid" ] || continue
		read -r ns _ <"$t/schedstat" && echo "${t##*/} $ns"
	done
}
have_run() { [ -z "$(times | join "$TMP/times" - | awk '$3 < $2 + 25e6')" ]; }
# Each of them has a CPU for 25 ms from now on.
all_run() {
	times >"$TMP/times"
	wait_for 120 have_run
}
many_threads() {
	begin "$TMP/many" 200 0
	wait_for 60 all_there
	record_until many all_run -- -r 999 || return 1
	finish
	one "SELECT count(*) > 195, sum(t.cpu_ns > 0) > 190 FROM thread t JOIN process p ON p.id = t.process_id JOIN run r ON r.id = p.run_id WHERE r.name = 'many'" '1|1' &&
		one "SELECT count(DISTINCT s.thread_id) > 150 $(of many)" 1 && sums many && none_lost_untold many 999
}
# The sums agree: what samples carry, with what they did not, is the CPU time of the process while it was recorded.
sums() {
	one "SELECT abs(sum(s.value) * 1.0 / (SELECT sum(p.cpu_ns) FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = '$1') - 1) < 0.02 $(of "$1")" 1
}
# A busy machine may let the rings run full; then samples and told losses together come at the rate.
none_lost_untold() {
	one "SELECT sum(s.count) + coalesce((SELECT sum(l.count) FROM loss l WHERE l.run_id = r.id AND l.reason = 'record_dropped'), 0) > 0.6e-9 * $2 * sum(s.value) $(of "$1")" 1
}
check "200 running threads, all seen, what was lost is told" many_threads

churn() {
	begin "$TMP/many" 1 1000000
	record_until churn uses 200 "$pid" -- || return 1
	kill -0 "$pid" || return 1
	finish
	one "SELECT count(*) > 20 FROM thread t JOIN process p ON p.id = t.process_id JOIN run r ON r.id = p.run_id WHERE r.name = 'churn'" 1 && sums churn
}
check "threads that live for less than an interval: their time is in the sum" churn

of_children() { awk '{ sub(/.*\) /, ""); print $14 + $15 }' "/proc/$pid/stat"; }
have_used() { [ "$(of_children)" -ge "$1" ]; }
children_use() { wait_for 120 have_used $(($(of_children) + $1)); }
fork_storm() {
	# shellcheck disable=SC2016
	begin bash -c 'while :; do (i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done); done'
	record_until storm children_use 150 -- --children || return 1
	kill -0 "$pid" || return 1
	finish
	one "SELECT count(*) > 10 FROM process p JOIN run r ON r.id = p.run_id WHERE r.name = 'storm'" 1 &&
		one "SELECT sum(s.value) > 3e8 $(of storm)" 1
}
check "a process that forks all the time" fork_storm

# ---- stacks ----------------------------------------------------------------------------------------------------------

cat >"$TMP/wide.c" <<'END'
/* Frames of 1 KiB each, 60 of them: more than a copy holds at first. */
#include <stdlib.h>
volatile unsigned long sink;
__attribute__((noinline)) void innermost(void) { for (unsigned long i = 0; i < 1000000; i++) sink += i; }
__attribute__((noinline)) void wide(int n)
{
	volatile char room[1000];
	room[n] = 1;
	if (n == 0)
		innermost();
	else
		wide(n - 1);
	room[0] = room[n];
}
int main(void) { for (;;) wide(59); }
END
${CC:-cc} -O1 -g -fomit-frame-pointer "$TMP/wide.c" -o "$TMP/wide"
wide_stacks() {
	begin "$TMP/wide"
	at_work "$pid" wide && record_until wide uses 100 "$pid" -- -r 499 || return 1
	finish
	tests/cli/truth.py "$PROF" "$S" wide root:_start=0.95 total:innermost=0.99 path:wide\>wide\>innermost
}
check "stacks of 60 KiB are whole" wide_stacks

# ---- another user ------------------------------------------------------------------------------------------------------

as_nobody() {
	mkdir "$TMP/open" && chmod 777 "$TMP/open" && chmod 711 "$TMP" && cp "$TMP/wide" "$TMP/open/" && cp "$PROF" "$TMP/open/prof" || return 1
	begin setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/open/wide"
	at_work "$pid" wide || return 1
	PROTEA_PROF_CACHE='' HOME="$TMP/open" record_while "$TMP/open/s.sqlite" nobody uses 60 "$pid" -- \
		setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/open/prof" record -q --engine perf -o "$TMP/open/s.sqlite" -n nobody -p "$pid" || return 1
	finish
	[ "$(sqlite3 "$TMP/open/s.sqlite" "SELECT r.engine, sum(s.value) > 1e8 FROM sample s JOIN run r ON r.id = s.run_id")" = 'perf|1' ]
}
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
	skip "an unprivileged user records their own" "only root can become another user"
elif [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 2 ]; then
	skip "an unprivileged user records their own" "kernel.perf_event_paranoid is above 2"
else
	check "an unprivileged user records their own" as_nobody
fi

# ---- losses ------------------------------------------------------------------------------------------------------------

# The recorder is stopped for a while: rings run full, and that is told.
losses() {
	local rec
	local target
	begin "$TMP/wide"
	target=$pid
	begin env --default-signal=INT,TERM,HUP "$PROF" record -q --engine perf -o "$S" -n losses -r 20000 -p "$pid"
	rec=$pid
	wait_for 60 has_run "$S" losses && uses 20 "$target" || return 1
	kill -STOP "$rec"
	wait_for 30 state_is "$rec" T
	uses 50 "$target"
	kill -CONT "$rec"
	uses 50 "$target"
	kill -INT "$rec"
	wait "$rec" || return 1
	kill -9 "$target"
	one "SELECT l.count > 100 FROM loss l JOIN run r ON r.id = l.run_id WHERE r.name = 'losses' AND l.reason = 'record_dropped'" 1 &&
		sql "SELECT count(*) $(of losses)" >/dev/null
}
check "what did not fit into the rings is told" losses
exit $((tap_failed > 0))
