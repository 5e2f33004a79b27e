/* What descriptors are that sleeping threads wait for: real pipes, sockets, ptys and the kernel's nameless files. And the
 * same calls as strace tells them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "tests/unit/waits_rig.h"

static int ends[2], fd;
static char byte[16];

static void make_pipe(void)
{
	if (pipe(ends))
		_exit(1);
}
static void read_pipe(void)
{
	(void)!read(ends[0], byte, 1);
}
static void readv_pipe(void)
{
	struct iovec v = {byte, 1};

	(void)!readv(ends[0], &v, 1);
}

static void make_pipe_of_two(void)
{
	int ready[2];
	char c;

	make_pipe();
	if (pipe(ready))
		_exit(1);
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "writer");
		(void)close(ends[0]);
		(void)!write(ready[1], "x", 1);
		(void)alarm(60);
		while (pause())
			;
	}
	(void)close(ends[1]);
	(void)!read(ready[0], &c, 1);
}
static void write_full_pipe(void)
{
	static char bytes[1 << 20];

	(void)!write(ends[1], bytes, sizeof bytes);
}

static void a_pipe_names_who_has_its_other_end(void **state)
{
	static const struct scenario own = {make_pipe, read_pipe},
				     other = {make_pipe_of_two, read_pipe};
	static const struct scenario full = {make_pipe, write_full_pipe},
				     vector = {make_pipe, readv_pipe};

	(void)state;
	rig_case(&own, SYS_read, "read([0-9]*, 0x*, 1)",
		 "fd [0-9]*: pipe:\\[[0-9]*] (other end: itself)");
	rig_case(&other, SYS_read, "read([0-9]*, 0x*, 1)",
		 "fd [0-9]*: pipe:\\[[0-9]*] (other end: writer [0-9]*)");
	rig_case(&full, SYS_write, "write([0-9]*, 0x*, 1048576)",
		 "fd [0-9]*: pipe:\\[[0-9]*] (other end: itself)");
	rig_case(&vector, SYS_readv, "readv([0-9]*, 0x*, 1)", "fd [0-9]*: pipe:*");
}

/* ---- sockets --------------------------------------------------------------------------------------- */

static void make_listener(int family)
{
	struct sockaddr_in6 a = {.sin6_family = (sa_family_t)family};
	struct sockaddr_in *a4 = (void *)&a;
	socklen_t n = family == AF_INET6 ? sizeof a : sizeof *a4;

	if (family == AF_INET6)
		a.sin6_addr = in6addr_loopback;
	else
		a4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(family, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, 3))
		_exit(2);
}
static void listen_four(void)
{
	make_listener(AF_INET);
}
static void listen_six(void)
{
	make_listener(AF_INET6);
}
static void accept_one(void)
{
	(void)accept(fd, NULL, NULL);
}
static void connect_to_self(void)
{
	struct sockaddr_in6 a;
	socklen_t n = sizeof a;
	int to;

	(void)getsockname(fd, (struct sockaddr *)&a, &n);
	to = socket(a.sin6_family, SOCK_STREAM, 0);
	if (connect(to, (struct sockaddr *)&a, n))
		_exit(2);
	fd = to;
}
static void connect_four(void)
{
	listen_four();
	connect_to_self();
}
static void connect_six(void)
{
	listen_six();
	connect_to_self();
}
static void receive(void)
{
	(void)recv(fd, byte, 1, MSG_WAITALL | MSG_PEEK);
}
static void make_udp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a))
		_exit(2);
}

static void internet_sockets_are_told_by_their_addresses(void **state)
{
	static const struct scenario cases[] = {
		{listen_four, accept_one},
		{connect_four, receive},
		{make_udp, receive},
	};

	(void)state;
	rig_case(&cases[0], SYS_accept, "accept([0-9]*, NULL, NULL)",
		 "fd [0-9]*: TCP 127.0.0.1:[0-9]* (listening)");
	rig_case(&cases[1], SYS_recvfrom,
		 "recvfrom([0-9]*, 0x*, 1, MSG_PEEK|MSG_WAITALL, NULL, NULL)",
		 "fd [0-9]*: TCP 127.0.0.1:[0-9]* from 127.0.0.1:[0-9]*");
	rig_case(&cases[2], SYS_recvfrom, "recvfrom(*)", "fd [0-9]*: UDP 127.0.0.1:[0-9]*");
}

static int has_six(void)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int s = socket(AF_INET6, SOCK_STREAM, 0);
	int ok = s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) == 0;

	if (s >= 0)
		(void)close(s);
	return ok;
}

static void so_are_those_of_ipv6(void **state)
{
	static const struct scenario cases[] = {{listen_six, accept_one}, {connect_six, receive}};

	(void)state;
	if (!has_six()) {
		print_message("no IPv6 on this machine\n");
		skip();
	}
	rig_case(&cases[0], SYS_accept, "accept(*)", "fd [0-9]*: TCP \\[::1]:[0-9]* (listening)");
	rig_case(&cases[1], SYS_recvfrom, "recvfrom(*)",
		 "fd [0-9]*: TCP \\[::1]:[0-9]* from \\[::1]:[0-9]*");
}

static void make_pair(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		_exit(2);
	fd = ends[0];
}
static void listen_unix(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "protea\n%d", getpid());
	if (bind(fd, (struct sockaddr *)&a,
		 (socklen_t)(sizeof(sa_family_t) + 1 + strlen(a.sun_path + 1))) ||
	    listen(fd, 1))
		_exit(2);
}

static void unix_sockets_are_told_by_name_or_other_end(void **state)
{
	static const struct scenario pair = {make_pair, receive}, named = {listen_unix, accept_one};
	struct rig r;

	(void)state;
	rig_case(&named, SYS_accept, "accept(*)", "fd [0-9]*: unix socket @protea* (listening)");
	rig_start(&r, &pair, SYS_recvfrom);
	if (!strstr(r.on, "other end")) /* a kernel without socket diagnosis */
		rig_match(&r, "waits on", r.on, "fd [0-9]*: unix socket");
	else
		rig_match(&r, "waits on", r.on, "fd [0-9]*: unix socket (other end: itself)");
	rig_stop(&r);
}

/* ---- nameless files ----------------------------------------------------------------------------------- */

static void read_event(void)
{
	(void)!read(eventfd(0, 0), byte, 8);
}
static void read_timer(void)
{
	struct itimerspec in = {.it_value = {3000, 0}};
	int t = timerfd_create(CLOCK_MONOTONIC, 0);

	(void)timerfd_settime(t, 0, &in, NULL);
	(void)!read(t, byte, 8);
}
static void read_signal(void)
{
	char bytes[128];
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)!read(signalfd(-1, &set, 0), bytes, sizeof bytes);
}
static void read_inotify(void)
{
	char bytes[512];
	int i = inotify_init();

	(void)inotify_add_watch(i, "/", IN_MOVE_SELF);
	(void)!read(i, bytes, sizeof bytes);
}
static void read_pty(void)
{
	int p = posix_openpt(O_RDWR | O_NOCTTY);

	if (p < 0 || grantpt(p) || unlockpt(p) || open(ptsname(p), O_RDWR | O_NOCTTY) < 0)
		_exit(2);
	(void)!read(p, byte, 1);
}

static void nameless_files_tell_how_they_stand(void **state)
{
	static const struct scenario cases[] = {
		{NULL, read_event},   {NULL, read_timer}, {NULL, read_signal},
		{NULL, read_inotify}, {NULL, read_pty},
	};

	(void)state;
	rig_case(&cases[0], SYS_read, "read(*)", "fd [0-9]*: eventfd (count 0)");
	rig_case(&cases[1], SYS_read, "read(*)",
		 "fd [0-9]*: timerfd ([45][09] min [05][0-9] s left)");
	rig_case(&cases[2], SYS_read, "read(*)", "fd [0-9]*: signalfd for HUP TERM");
	rig_case(&cases[3], SYS_read, "read(*)", "fd [0-9]*: inotify (1 watch)");
	rig_case(&cases[4], SYS_read, "read(*)", "fd [0-9]*: pty of /dev/pts/[0-9]*");
}

/* ---- many at once --------------------------------------------------------------------------------------- */

static void make_two_pipes(void)
{
	make_pipe();
	fd = ends[0];
	make_pipe();
}
static void poll_two(void)
{
	struct pollfd p[3] = {{fd, POLLIN, 0}, {-1, POLLIN, 0}, {ends[0], POLLIN | POLLPRI, 0}};

	(void)poll(p, 3, -1);
}
static void ppoll_two(void)
{
	struct pollfd p[2] = {{fd, POLLIN, 0}, {ends[0], POLLIN, 0}};

	(void)ppoll(p, 2, &(struct timespec){500, 0}, NULL);
}
static void select_two(void)
{
	fd_set set, also;

	FD_ZERO(&set);
	FD_ZERO(&also);
	FD_SET(fd, &set);
	FD_SET(ends[0], &also);
	(void)syscall(SYS_select, ends[0] + 1, &set, NULL, &also, &(struct timeval){400, 0});
}
static void epoll_two(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e);
	(void)syscall(SYS_epoll_wait, ep, &e, 1, 250000);
}
static void epoll_closed(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0), copy = dup(ends[0]);

	(void)epoll_ctl(ep, EPOLL_CTL_ADD, copy, &e);
	if (dup2(fd, copy) !=
	    copy) /* the number is another pipe's now, the watch stays with the file */
		_exit(2);
	(void)epoll_wait(ep, &e, 1, -1);
}

static void sets_of_descriptors_are_listed(void **state)
{
	static const struct scenario cases[] = {
		{make_two_pipes, poll_two},     {make_two_pipes, ppoll_two},
		{make_two_pipes, select_two},   {make_two_pipes, epoll_two},
		{make_two_pipes, epoll_closed},
	};

	(void)state;
	rig_case(&cases[0], SYS_poll,
		 "poll(\\[{[0-9]*, POLLIN}, {-1, POLLIN}, {[0-9]*, POLLIN|POLLPRI}], 3, -1)",
		 "fd [0-9]*: pipe:* (other end: itself), fd [0-9]*: pipe:* (other end: itself)");
	rig_case(&cases[1], SYS_ppoll,
		 "ppoll(\\[{[0-9]*, POLLIN}, {[0-9]*, POLLIN}], 2, 8 min 20 s, NULL, [08])",
		 "fd [0-9]*: pipe:*, fd [0-9]*: pipe:*, at most 8 min 20 s");
	rig_case(&cases[2], SYS_select, "select([0-9]*, \\[[0-9]*], NULL, \\[[0-9]*], 6 min 40 s)",
		 "fd [0-9]*: pipe:*, fd [0-9]*: pipe:*, at most 6 min 40 s");
	rig_case(&cases[3], SYS_epoll_wait, "epoll_wait([0-9]*, 0x*, 1, 250000)",
		 "fd [0-9]*: pipe:*, fd [0-9]*: pipe:*, at most 4 min 10 s");
	rig_case(&cases[4], SYS_epoll_wait, "epoll_wait([0-9]*, 0x*, 1, -1)",
		 "fd [0-9]* (closed since)");
}

static void a_descriptor_is_told_alone(void **state)
{
	struct proc self;
	char out[RIG_TEXT];
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(proc_open(&self, getpid(), NULL), 0);
	waits_fd(&self, file, out, sizeof out);
	assert_string_equal(out, "/dev/null");
	(void)close(file);
	waits_fd(&self, file, out, sizeof out);
	assert_string_equal(out, "");
	waits_fd(&self, -1, out, sizeof out);
	assert_string_equal(out, "");
	proc_close(&self);
}

static void paths_of_files_are_made_harmless(void **state)
{
	char dir[] = "/tmp/protea-waits.XXXXXX", name[64], out[RIG_TEXT];
	struct proc self;
	int file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof name, "%s/a\033[31m\n\xff", dir);
	file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	assert_int_equal(proc_open(&self, getpid(), NULL), 0);
	waits_fd(&self, file, out, sizeof out);
	(void)unlink(name);
	(void)rmdir(dir);
	assert_non_null(strstr(out, "/a?[31m??"));
	waits_fd(&self, file, out, sizeof out);
	assert_non_null(strstr(out, " (deleted)"));
	(void)close(file);
	proc_close(&self);
}

/* ---- strace ------------------------------------------------------------------------------------------ */

/* What strace says of the thread, or "". It stops the thread and lets the call begin anew: only here. */
static void ask_strace(struct rig *r, char *out, size_t size)
{
	char file[] = "/tmp/protea-strace.XXXXXX", tid[16];
	const struct timespec moment = {.tv_nsec = 5000000};
	int got = mkstemp(file);
	pid_t pid;
	ssize_t n = 0;

	assert_true(got >= 0);
	snprintf(tid, sizeof tid, "%d", r->tid);
	pid = fork();
	if (pid == 0) {
		(void)freopen("/dev/null", "w", stderr);
		execlp("strace", "strace", "-e", "signal=none", "-e", "decode-pids=none", "-o",
		       file, "-p", tid, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && n <= 0; i++) {
		(void)nanosleep(&moment, NULL);
		n = pread(got, out, size - 1, 0);
	}
	(void)kill(pid, SIGINT);
	(void)waitpid(pid, NULL, 0);
	out[n > 0 ? n : 0] = '\0';
	(void)close(got);
	(void)unlink(file);
}

/* As far as both say the same in the same way: up to what strace knows of it and we do not. */
static void compare_with_strace(const struct scenario *s, int64_t nr)
{
	char theirs[1024];
	struct rig r;
	size_t n;

	rig_start(&r, s, nr);
	ask_strace(&r, theirs, sizeof theirs);
	n = strcspn(theirs, "\n");
	theirs[n] = '\0';
	if (strstr(theirs, " <"))
		*strstr(theirs, " <") = '\0'; /* "<unfinished ...>" */
	n = strlen(theirs);
	while (n > 0 && strchr(", )", theirs[n - 1]))
		theirs[--n] = '\0';
	if (n == 0 || strncmp(r.said, theirs, n) != 0) {
		(void)kill(r.child, SIGKILL);
		fail_msg("strace: \"%s\", we: \"%s\"", theirs, r.said);
	}
	rig_stop(&r);
}

static void nap(void)
{
	(void)syscall(SYS_pause);
}
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static void hold_it(void)
{
	(void)pthread_mutex_lock(&held);
}
static void want_it(void)
{
	(void)pthread_mutex_lock(&held);
}
static void wait_child(void)
{
	(void)waitpid(-1, NULL, WUNTRACED);
}
static void calls_read_as_strace_writes_them(void **state)
{
	static const struct scenario cases[] = {
		{make_pipe, read_pipe},  {hold_it, want_it}, {listen_four, accept_one},
		{connect_four, receive}, {NULL, nap},        {make_pipe_of_two, wait_child},
	};
	static const int64_t nrs[] = {SYS_read,     SYS_futex, SYS_accept,
				      SYS_recvfrom, SYS_pause, SYS_wait4};

	(void)state;
	if (access("/usr/bin/strace", X_OK)) {
		print_message("strace is missing\n");
		skip();
	}
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		compare_with_strace(&cases[i], nrs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_names_who_has_its_other_end),
		cmocka_unit_test(internet_sockets_are_told_by_their_addresses),
		cmocka_unit_test(so_are_those_of_ipv6),
		cmocka_unit_test(unix_sockets_are_told_by_name_or_other_end),
		cmocka_unit_test(nameless_files_tell_how_they_stand),
		cmocka_unit_test(sets_of_descriptors_are_listed),
		cmocka_unit_test(a_descriptor_is_told_alone),
		cmocka_unit_test(paths_of_files_are_made_harmless),
		cmocka_unit_test(calls_read_as_strace_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
