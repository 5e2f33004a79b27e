/* What a program sees of signals: every real-time number set, sent, blocked, waited for in each way there
 * is, between bursts of work. Prints what it saw; the same with and without the agent. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static volatile sig_atomic_t hits, last, last_code, last_value;

static void simple(int signo)
{
	hits++;
	last = signo;
}

static void with_info(int signo, siginfo_t *info, void *uc)
{
	(void)uc;
	hits++;
	last = signo;
	last_code = info->si_code;
	last_value = info->si_value.sival_int;
}

static void work(void)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 700000);
}

static const char *name_of(void (*handler)(int))
{
	return handler == SIG_DFL    ? "dfl"
	       : handler == SIG_IGN  ? "ign"
	       : handler == SIG_HOLD ? "hold"
	       : handler == SIG_ERR  ? "err"
	       : handler == simple   ? "simple"
				     : "other";
}

static int bits(const sigset_t *set)
{
	int n = 0;

	for (int s = 1; s <= SIGRTMAX; s++)
		n += sigismember(set, s) == 1;
	return n;
}

static void mask_of(int s, const char *what)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("  %s: mask %d has %d\n", what, bits(&now), sigismember(&now, s));
}

static void actions(int s)
{
	struct sigaction a, old;

	memset(&a, 0, sizeof a);
	sigaction(s, NULL, &old);
	printf("%d: first %s flags %x\n", s, name_of(old.sa_handler), (unsigned)old.sa_flags);
	a.sa_sigaction = with_info;
	a.sa_flags = SA_SIGINFO;
	sigfillset(&a.sa_mask);
	printf("  set %d\n", sigaction(s, &a, &old));
	work();
	sigaction(s, NULL, &old);
	printf("  read back %d flags %x mask %d\n", old.sa_sigaction == with_info,
	       (unsigned)old.sa_flags, bits(&old.sa_mask));
	hits = 0;
	raise(s);
	printf("  raised %d last %d code %d\n", hits, last == s, last_code);
	sigqueue(getpid(), s, (union sigval){.sival_int = 4711});
	work();
	printf("  queued %d value %d code %d\n", hits, last_value, last_code);
	a.sa_handler = simple;
	a.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
	sigaction(s, &a, NULL);
	raise(s);
	sigaction(s, NULL, &old);
	printf("  reset after %d: %s\n", hits, name_of(old.sa_handler));
	printf("  signal %s", name_of(signal(s, simple)));
	printf(" %s\n", name_of(signal(s, SIG_IGN)));
	raise(s);
	work();
	printf("  ignored %d errno %d\n", hits, signal(s, SIG_ERR) == SIG_ERR ? errno : 0);
	printf("  sigset %s", name_of(sigset(s, simple)));
	printf(" %s", name_of(sigset(s, SIG_HOLD)));
	printf(" %s\n", name_of(sigset(s, SIG_DFL)));
	siginterrupt(s, 1);
	printf("  sysv %s", name_of(sysv_signal(s, simple)));
	printf(" %s\n", name_of(signal(s, SIG_DFL)));
}

static void masks(int s)
{
	sigset_t one, all, old, pending;
	struct sigaction a;

	sigemptyset(&one);
	sigaddset(&one, s);
	sigfillset(&all);
	mask_of(s, "at rest");
	sigprocmask(SIG_BLOCK, &all, &old);
	work();
	mask_of(s, "all blocked");
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	mask_of(s, "but one");
	sigprocmask(SIG_SETMASK, &all, NULL);
	mask_of(s, "all again");
	sigprocmask(SIG_SETMASK, &old, NULL);
	mask_of(s, "as before");
	memset(&a, 0, sizeof a);
	a.sa_handler = simple;
	sigaction(s, &a, NULL);
	hits = 0;
	sigprocmask(SIG_BLOCK, &one, NULL);
	raise(s);
	work();
	sigpending(&pending);
	printf("  held %d pending %d\n", hits, sigismember(&pending, s));
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	printf("  let go %d\n", hits);
	signal(s, SIG_DFL);
}

static void waits(int s)
{
	struct timespec soon = {0, 20000000}, none = {0, 0};
	sigset_t one, all, but;
	siginfo_t info;
	struct sigaction a;
	int got = 0, rc;

	sigemptyset(&one);
	sigaddset(&one, s);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &one, NULL);
	work();
	rc = sigtimedwait(&one, &info, &none);
	printf("  nothing there %d %d\n", rc, errno == EAGAIN);
	sigqueue(getpid(), s, (union sigval){.sival_int = 5});
	rc = sigtimedwait(&one, &info, &soon);
	printf("  timed %d value %d\n", rc == s, info.si_value.sival_int);
	raise(s);
	printf("  waitinfo %d\n", sigwaitinfo(&one, &info) == s);
	raise(s);
	rc = sigwait(&one, &got);
	printf("  wait %d %d\n", rc, got == s);
	memset(&a, 0, sizeof a);
	a.sa_handler = simple;
	sigaction(s, &a, NULL);
	hits = 0;
	raise(s);
	but = all;
	sigdelset(&but, s);
	rc = sigsuspend(&but);
	printf("  suspended %d %d hits %d\n", rc, errno == EINTR, hits);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
	signal(s, SIG_DFL);
}

static void *waiter(void *arg)
{
	sigset_t all;
	int got = 0;

	(void)arg;
	sigfillset(&all);
	sigwait(&all, &got);
	return (void *)(long)got;
}

/* All blocked everywhere, one thread waits for all: the usual way of servers. */
static void served(int s)
{
	sigset_t all, old;
	pthread_t t;
	void *got;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_create(&t, NULL, waiter, NULL);
	work();
	kill(getpid(), s);
	work();
	pthread_join(t, &got);
	printf("  served %d\n", (long)got == s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* By default it kills; what a child starts with is what we have. */
static void kills(int s)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		work();
		raise(s);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("  killed %d by %d\n", WIFSIGNALED(status),
	       WIFSIGNALED(status) && WTERMSIG(status) == s);
}

int main(void)
{
	for (int s = SIGRTMAX; s >= SIGRTMIN; s--)
		kills(s);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		served(s);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		actions(s);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		masks(s);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		waits(s);
	return 0;
}
