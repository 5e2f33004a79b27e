/* Threads that run for a moment and sleep for a moment, each in a system call of its own, and count how often one of
 * them answers EINTR. No signal is ever sent to them, so the right answer is 0, whoever looks on. Also counts
 * calls with a timeout that came back too late by more than a second: a timeout that was begun anew.
 *
 * eintr_calls SECONDS: prints "ready" and, at the end, a line "NAME calls EINTR" for each thread and the sum:
 * "total CALLS EINTR". */
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 60000

struct place { /* of one thread */
	const char *name;
	int (*call)(struct place *p); /* 0, or -1 and errno */
	int fd, other;
	aio_context_t aio;
	_Atomic uint64_t calls, eintr;
};

static _Atomic int over;

static int nap_epoll(struct place *p)
{
	struct epoll_event e;

	return epoll_wait(p->fd, &e, 1, 1);
}

static int nap_epoll_pwait(struct place *p)
{
	struct epoll_event e;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return epoll_pwait(p->fd, &e, 1, 1, &set);
}

static int nap_poll(struct place *p)
{
	struct pollfd f = {.fd = p->fd, .events = POLLIN};

	return poll(&f, 1, 1);
}

static int nap_select(struct place *p)
{
	struct timeval t = {.tv_usec = NAP_NS / 1000};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(p->fd, &set);
	return select(p->fd + 1, &set, NULL, NULL, &t);
}

static int nap_semop(struct place *p)
{
	struct sembuf op = {0, -1, 0};
	struct timespec t = {.tv_nsec = NAP_NS};
	int rc = semtimedop(p->fd, &op, 1, &t);

	return rc < 0 && errno == EAGAIN ? 0 : rc;
}

static int nap_sigwait(struct place *p)
{
	struct timespec t = {.tv_nsec = NAP_NS};
	sigset_t set;
	int rc;

	(void)p;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	rc = sigtimedwait(&set, NULL, &t);
	return rc < 0 && errno == EAGAIN ? 0 : rc;
}

static int nap_aio(struct place *p)
{
	struct timespec t = {.tv_nsec = NAP_NS};
	struct io_event e;

	return (int)syscall(SYS_io_getevents, p->aio, 1, 1, &e, &t);
}

static int nap_recv(struct place *p)
{
	char c;
	ssize_t n = recv(p->fd, &c, 1, 0);

	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : (int)n;
}

static int nap_accept(struct place *p)
{
	int fd = accept(p->fd, NULL, NULL);

	return fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : fd;
}

static int nap_nanosleep(struct place *p)
{
	struct timespec t = {.tv_nsec = NAP_NS};

	(void)p;
	return nanosleep(&t, NULL);
}

static int nap_futex(struct place *p)
{
	struct timespec t = {.tv_nsec = NAP_NS};
	uint32_t word = 0;
	long rc = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);

	(void)p;
	return rc < 0 && errno == ETIMEDOUT ? 0 : (int)rc;
}

/* With a partner that sends it back what it sent. */
static int nap_read(struct place *p)
{
	char c = 0;

	if (write(p->other, &c, 1) != 1)
		return -1;
	return read(p->fd, &c, 1) == 1 ? 0 : -1;
}

static int nap_msg(struct place *p)
{
	struct {
		long type;
		char c;
	} m = {1, 0};

	if (msgsnd(p->other, &m, 1, 0) < 0)
		return -1;
	return msgrcv(p->fd, &m, 1, 0, 0) == 1 ? 0 : -1;
}

static int ipc[3];

static void make_place(struct place *p)
{
	int ends[2];
	struct timeval t = {.tv_usec = NAP_NS / 1000};
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	p->fd = p->other = -1;
	if (p->call == nap_epoll || p->call == nap_epoll_pwait) {
		p->fd = epoll_create1(0);
	} else if (p->call == nap_semop) {
		p->fd = ipc[0] = semget(IPC_PRIVATE, 1, 0600);
	} else if (p->call == nap_aio) {
		(void)syscall(SYS_io_setup, 4, &p->aio);
	} else if (p->call == nap_accept) {
		p->fd = socket(AF_UNIX, SOCK_STREAM, 0);
		(void)bind(p->fd, (struct sockaddr *)&a, sizeof a.sun_family); /* any free name */
		(void)listen(p->fd, 1);
		(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	} else if (p->call == nap_recv && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
		p->fd = ends[0];
		p->other = ends[1];
		(void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	} else if (p->call == nap_msg) {
		p->fd = ipc[1] = msgget(IPC_PRIVATE, 0600);
		p->other = ipc[2] = msgget(IPC_PRIVATE, 0600);
	} else {
		p->fd = eventfd(0, 0);
	}
}

static void *work(void *arg)
{
	struct place *p = arg;

	while (!over) {
		for (volatile int i = 0; i < 20000; i++)
			continue;
		if (p->call(p) < 0 && !over) {
			if (errno == EINTR)
				p->eintr++;
			else
				fprintf(stderr, "%s: %s\n", p->name, strerror(errno));
		}
		p->calls++;
	}
	return NULL;
}

/* The partners: they answer, and sleep in read() and msgrcv() themselves. */
static void *echo(void *arg)
{
	struct place *p = arg;
	char c;

	while (read(p->fd, &c, 1) == 1) {
		p->calls++;
		if (write(p->other, &c, 1) != 1)
			break;
	}
	p->eintr += !over && errno == EINTR;
	return NULL;
}

static void *echo_msg(void *arg)
{
	struct place *p = arg;
	struct {
		long type;
		char c;
	} m = {1, 0};

	while (msgrcv(p->fd, &m, 1, 0, 0) == 1) {
		p->calls++;
		if (msgsnd(p->other, &m, 1, 0) < 0)
			break;
	}
	p->eintr += !over && errno == EINTR;
	return NULL;
}

static struct place places[] = {
	{.name = "epoll_wait", .call = nap_epoll}, {.name = "epoll_pwait", .call = nap_epoll_pwait},
	{.name = "poll", .call = nap_poll},        {.name = "select", .call = nap_select},
	{.name = "semtimedop", .call = nap_semop}, {.name = "sigtimedwait", .call = nap_sigwait},
	{.name = "io_getevents", .call = nap_aio}, {.name = "recv", .call = nap_recv},
	{.name = "accept", .call = nap_accept},    {.name = "nanosleep", .call = nap_nanosleep},
	{.name = "futex", .call = nap_futex},      {.name = "read", .call = nap_read},
	{.name = "msgrcv", .call = nap_msg},       {.name = "read (echo)", .call = NULL},
	{.name = "msgrcv (echo)", .call = NULL},
};

#define N (sizeof places / sizeof *places)

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	struct place *pipe_place = &places[N - 4], *msg_place = &places[N - 3];
	uint64_t calls = 0, eintr = 0;
	pthread_t threads[N];
	int there[2], back[2];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < N - 2; i++)
		make_place(&places[i]);
	if (pipe(there) != 0 || pipe(back) != 0)
		return 1;
	pipe_place->fd = back[0];
	pipe_place->other = there[1];
	places[N - 2].fd = there[0];
	places[N - 2].other = back[1];
	places[N - 1].fd = msg_place->other;
	places[N - 1].other = msg_place->fd;
	for (size_t i = 0; i < N; i++)
		if (pthread_create(&threads[i], NULL,
				   i < N - 2    ? work
				   : i == N - 2 ? echo
						: echo_msg,
				   &places[i]) != 0)
			return 1;
	puts("ready");
	fflush(stdout);
	while (nanosleep(&t, &t) != 0)
		continue;
	over = 1;
	for (size_t i = 0; i < N; i++) {
		printf("%s %llu %llu\n", places[i].name, (unsigned long long)places[i].calls,
		       (unsigned long long)places[i].eintr);
		calls += places[i].calls;
		eintr += places[i].eintr;
	}
	printf("total %llu %llu\n", (unsigned long long)calls, (unsigned long long)eintr);
	fflush(stdout);
	(void)semctl(ipc[0], 0, IPC_RMID);
	(void)msgctl(ipc[1], IPC_RMID, NULL);
	(void)msgctl(ipc[2], IPC_RMID, NULL);
	_exit(0);
}
