#!/bin/bash
# What dump says that sleeping threads wait for: locks with their holders, descriptors with what is behind them, children, time;
# across a pid namespace too. And that looking does nothing to them.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache
started=()
stop_all() {
	[ ${#started[@]} -eq 0 ] || kill -9 "${started[@]}" 2>/dev/null
	rm -rf "$TMP"
}
trap stop_all EXIT

if [ ! -x /usr/bin/python3 ]; then
	skip "dump says what threads wait for" "python3 is missing"
	exit 0
fi

cat >"$TMP/waiters.c" <<'C'
/* A thread per way to wait, named after it; main holds the locks. Counts calls that came back, and says so when it is
 * asked (SIGUSR1): there must be none. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_t sleeper;
static int ends[2], listener;
static volatile sig_atomic_t came_back;
static void on_mutex(void) { pthread_mutex_lock(&mutex); }
static void on_rwlock(void) { pthread_rwlock_rdlock(&rwlock); }
static void on_cond(void) { pthread_mutex_lock(&cond_mutex); pthread_cond_wait(&cond, &cond_mutex); }
static void on_join(void) { pthread_join(sleeper, NULL); }
static void on_pipe(void) { char c; (void)!read(ends[0], &c, 1); }
static void on_accept(void) { accept(listener, NULL, NULL); }
static void on_epoll(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e);
	epoll_ctl(ep, EPOLL_CTL_ADD, eventfd(0, 0), &e);
	epoll_wait(ep, &e, 1, -1);
}
static void on_child(void) { waitpid(-1, NULL, 0); }
static void on_sleep(void) { sleep(1000); }
struct way { const char *name; void (*wait)(void); };
static void *thread(void *p)
{
	const struct way *w = p;

	pthread_setname_np(pthread_self(), w->name);
	w->wait();
	came_back++;
	return NULL;
}
static const struct way ways[] = {{"on_sleep", on_sleep}, {"on_mutex", on_mutex}, {"on_rwlock", on_rwlock}, {"on_cond", on_cond}, {"on_join", on_join},
	{"on_pipe", on_pipe}, {"on_accept", on_accept}, {"on_epoll", on_epoll}, {"on_child", on_child}};
int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	sigset_t set;
	int signo;
	pthread_t t;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pipe(ends))
		return 1;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1))
		return 1;
	if (fork() == 0)
		for (alarm(600);;)
			pause();
	pthread_mutex_lock(&mutex);
	pthread_rwlock_wrlock(&rwlock);
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		pthread_create(i ? &t : &sleeper, NULL, thread, (void *)&ways[i]);
	alarm(600);
	sigwait(&set, &signo);
	printf("came back: %d\n", (int)came_back);
	return 0;
}
C
"${CC:-gcc}" -O1 -g -pthread -w "$TMP/waiters.c" -o "$TMP/waiters" || exit 1

cat >"$TMP/check.py" <<'PY'
import json, re, sys

wanted = {
    "on_mutex": r"mutex 0x[0-9a-f]+ held by thread (?P<main>\d+) \(waiters\)",
    "on_rwlock": r"rwlock 0x[0-9a-f]+ held by thread (?P<main>\d+) \(waiters\)",
    "on_cond": r"condition variable 0x[0-9a-f]+",
    "on_join": r"thread (?P<sleeper>\d+) \(on_sleep\) to end",
    "on_pipe": r"fd \d+: pipe:\[\d+\] \(other end: itself, waiters \d+\)",
    "on_accept": r"fd \d+: TCP 127\.0\.0\.1:\d+ \(listening\)",
    "on_epoll": r"fd \d+: (pipe.*, fd \d+: eventfd \(count 0\)|eventfd \(count 0\), fd \d+: pipe.*)",
    "on_child": r"child \d+ \(waiters\)",
    "on_sleep": r"timer, 16 min 40 s",
}
calls = {"on_mutex": "futex(", "on_join": "futex(", "on_pipe": "read(", "on_accept": "accept(", "on_child": "wait4(-1, "}
dump = json.load(sys.stdin)
tids = {t["name"]: t["tid"] for t in dump["threads"]}
bad = [f"{name}: not there" for name in wanted if name not in tids]
for t in dump["threads"]:
    if t["name"] not in wanted:
        continue
    m = re.fullmatch(wanted[t["name"]], t["waits_on"] or "")
    if not m:
        bad.append(f"{t['name']} waits on '{t['waits_on']}' in '{t['syscall']}'")
        continue
    for who, name in (("main", "waiters"), ("sleeper", "on_sleep")):
        if who in m.groupdict() and int(m[who]) != tids.get(name):
            bad.append(f"{t['name']}: thread {m[who]} is not {name}, which is {tids.get(name)}")
    if t["name"] in calls and not t["syscall"].startswith(calls[t["name"]]):
        bad.append(f"{t['name']}: is in '{t['syscall']}'")
print("\n".join(bad))
sys.exit(bool(bad))
PY
says() { "$PROF" dump --json -p "$1" 2>"$TMP/talk" | python3 "$TMP/check.py" || { cat "$TMP/talk"; return 1; }; }

"$TMP/waiters" >"$TMP/out" &
pid=$!
started+=("$pid")
if ! "$PROF" dump -p "$pid" >/dev/null 2>"$TMP/talk"; then
	skip "dump says what threads wait for" "$(head -n 1 "$TMP/talk")"
	exit 0
fi
wait_for 60 says "$pid"
check "locks, descriptors, children, time: each with what is behind it" says "$pid"
in_text() { "$PROF" dump -p "$pid" >"$TMP/text" && grep -q 'waits on mutex 0x.* held by thread' "$TMP/text" && ! LC_ALL=C grep -q '[[:cntrl:]]' "$TMP/text"; }
check "so for people" in_text
undisturbed() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do "$PROF" dump -p "$pid" >/dev/null || return 1; done
	kill -USR1 "$pid"
	wait_for 60 grep -q 'came back' "$TMP/out" || return 1
	[ "$(cat "$TMP/out")" = "came back: 0" ] || { cat "$TMP/out"; return 1; }
}
check "no call came back for being looked at" undisturbed

# In a pid namespace of its own threads have other numbers for themselves, by which their locks know them.
if unshare --fork --pid --mount-proc true 2>/dev/null; then
	unshare --fork --pid --mount-proc --kill-child "$TMP/waiters" >"$TMP/out" &
	outer=$!
	started+=("$outer")
	wait_for 30 pgrep -P "$outer"
	inner=$(pgrep -P "$outer" | head -n 1)
	started+=("$inner")
	wait_for 60 says "$inner"
	disown "$outer"
	check "holders in another pid namespace have our numbers" says "$inner"
	kill -9 "$inner"
else
	skip "holders in another pid namespace have our numbers" "may not make a pid namespace"
fi
[ $tap_failed -eq 0 ]
