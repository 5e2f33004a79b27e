/* Ends a process at a chosen moment of a look at it: starts a process, runs a command on it that is stopped at its
 * system calls, and kills the process when the command has come to the one asked for. So every order of "it looked" and "it
 * ended" can be had, which chance finds one of.
 *
 * end_at gone|zombie asleep|running MOMENT COMMAND…     "@" in the command is the process's number
 *
 * Moments count the beginnings and the ends of system calls, of all threads and children of the command, from 1. `gone`: the
 * process is waited for at once, its number is free; `zombie`: it stays a zombie until the command has ended.
 * Prints "pid MOMENTS" after the command's end: the process's number and how many moments there were (fewer than MOMENT: it
 * was killed after them). Exit code: the command's, 128 + signal; 125: trouble of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TROUBLE 125

static pid_t target;
static int keep_zombie;
static int running;
static int dead; /* killed */

static _Noreturn void trouble(const char *what)
{
	fprintf(stderr, "end_at: %s: %s\n", what, strerror(errno));
	if (target > 0)
		kill(target, SIGKILL);
	exit(TROUBLE);
}

/* Says its number and becomes what is looked at, which closes `fd`. */
static _Noreturn void become_target(int fd)
{
	pid_t pid = getpid();

	if (write(fd, &pid, sizeof pid) != sizeof pid)
		_exit(TROUBLE);
	if (running)
		execlp("sh", "sh", "-c", "while :; do :; done", (char *)NULL);
	else
		execlp("sleep", "sleep", "60", (char *)NULL);
	_exit(TROUBLE);
}

/* The process is the child of one that waits for it, or does not. Returns that one. */
static pid_t start_target(void)
{
	pid_t parent, pid;
	int fds[2];
	char more;

	if (pipe2(fds, O_CLOEXEC) < 0)
		trouble("pipe");
	parent = fork();
	if (parent < 0)
		trouble("fork");
	if (parent == 0) {
		pid = fork();
		if (pid == 0)
			become_target(fds[1]);
		close(fds[1]);
		if (pid > 0 && !keep_zombie)
			waitpid(pid, NULL, 0);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], &target, sizeof target) != sizeof target || read(fds[0], &more, 1) != 0)
		trouble("the process");
	close(fds[0]);
	return parent;
}

static int has_ended(void)
{
	char path[32], text[128];
	const char *state;
	size_t n;
	FILE *f;

	if (kill(target, 0) < 0)
		return 1;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)target);
	f = fopen(path, "re");
	if (!f)
		return 1;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	state = strrchr(text, ')');
	return keep_zombie && state && state[1] && state[2] == 'Z';
}

/* One that the command traces ends only when the command has seen it: it gets 20 ms here. */
static void wait_for_end(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int i;

	for (i = 0; i < 20 && !has_ended(); i++)
		nanosleep(&pause, NULL);
}

static void end_target(void)
{
	dead = 1;
	if (kill(target, SIGKILL) < 0)
		trouble("kill");
	wait_for_end();
}

static pid_t start_command(char **argv)
{
	static char number[16];
	pid_t pid;
	int i;

	snprintf(number, sizeof number, "%d", (int)target);
	for (i = 0; argv[i]; i++)
		if (strcmp(argv[i], "@") == 0)
			argv[i] = number;
	pid = fork();
	if (pid < 0)
		trouble("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
			_exit(127);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

/* The signal to give to a thread that stopped with this status; 0: none. */
static int signal_of(int status)
{
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80) || status >> 16 != 0)
		return 0;
	return signal == SIGSTOP ? 0 : signal; /* a new thread's first stop */
}

/* Runs the command to its end. Returns its wait status. */
static int run_command(pid_t command, long moment, long *moments)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int status, begun = 0;

	if (waitpid(command, &status, 0) != command || !WIFSTOPPED(status))
		trouble("the command's first stop");
	if (ptrace(PTRACE_SETOPTIONS, command, NULL, options) < 0 ||
	    ptrace(PTRACE_SYSCALL, command, NULL, NULL) < 0)
		trouble("ptrace");
	for (*moments = 0;;) {
		pid_t who = waitpid(-1, &status, __WALL);

		if (who < 0)
			trouble("waitpid");
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (who == command)
				return status;
			continue;
		}
		if (status >> 16 == PTRACE_EVENT_EXEC)
			begun = 1;
		if (begun && WSTOPSIG(status) == (SIGTRAP | 0x80) && ++*moments == moment)
			end_target();
		if (ptrace(PTRACE_SYSCALL, who, NULL, (void *)(long)signal_of(status)) < 0 &&
		    errno != ESRCH)
			trouble("ptrace");
	}
}

int main(int argc, char **argv)
{
	long moments;
	pid_t parent;
	int status;

	if (argc < 5 || (strcmp(argv[1], "gone") != 0 && strcmp(argv[1], "zombie") != 0) ||
	    (strcmp(argv[2], "asleep") != 0 && strcmp(argv[2], "running") != 0)) {
		fprintf(stderr, "usage: end_at gone|zombie asleep|running MOMENT COMMAND... (@: "
				"the process)\n");
		return TROUBLE;
	}
	keep_zombie = argv[1][0] == 'z';
	running = argv[2][0] == 'r';
	parent = start_target();
	status = run_command(start_command(argv + 4), strtol(argv[3], NULL, 10), &moments);
	if (!dead)
		kill(target, SIGKILL);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	printf("%d %ld\n", (int)target, moments);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
