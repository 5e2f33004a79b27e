/* Starts itself in every way that libc has; what was started says whether it is followed and whether its
 * environment is what it was given. wrap_exec WAY; wrap_exec leaf is what is started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protea-prof.h"

#define WORDS(self)                                                                                \
	(char *[])                                                                                 \
	{                                                                                          \
		(char *)(self), (char *)"leaf", NULL                                               \
	}

static char self[4096];

static int leaf(void)
{
	int n = 0, ours = 0, blocked = 0;
	struct sigaction a;
	sigset_t mask;

	for (char **e = environ; *e; e++, n++)
		ours += strstr(*e, "protea-prof.so") || strncmp(*e, "PROTEA_PROF_SESSION", 19) == 0;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int s = 1; s <= SIGRTMAX; s++) {
		blocked += sigismember(&mask, s) == 1;
		if (s != 32 && s != 33 && sigaction(s, NULL, &a) == 0 && a.sa_handler != SIG_DFL)
			printf("signal %d ignored ", s);
	}
	printf("agent %d variables %d ours %d blocked %d X=%s\n", pp_present(), n, ours, blocked,
	       getenv("X") ? getenv("X") : "");
	return 0;
}

static void say(void)
{
	int status = 0;

	fflush(stdout);
	while (wait(&status) > 0)
		if (status)
			printf("status %x\n", (unsigned)status);
	fflush(stdout);
}

/* The exec family, each in a child of its own. */
static void family(void)
{
	char *empty[] = {NULL}, *one[] = {(char *)"X=1", NULL};
	char *preload[] = {(char *)"X=2", (char *)"LD_PRELOAD=/nowhere/none.so:", NULL};

	for (int way = 0; way < 12; way++) {
		fflush(stdout);
		if (fork() == 0) {
			printf("%d: ", way);
			fflush(stdout);
			if (way == 0)
				execve(self, WORDS(self), environ);
			else if (way == 1)
				execve(self, WORDS(self), empty);
			else if (way == 2)
				execve(self, WORDS(self), NULL);
			else if (way == 3)
				execve(self, WORDS(self), one);
			else if (way == 4)
				execv(self, WORDS(self));
			else if (way == 5)
				execvp(self, WORDS(self));
			else if (way == 6)
				execvpe("sh",
					(char *[]){(char *)"sh", (char *)"-c", (char *)"$0 leaf",
						   self, NULL},
					one);
			else if (way == 7)
				execl(self, self, "leaf", (char *)NULL);
			else if (way == 8)
				execle(self, self, "leaf", (char *)NULL, one);
			else if (way == 9)
				execlp(self, self, "leaf", (char *)NULL);
			else if (way == 10)
				fexecve(open(self, O_RDONLY | O_CLOEXEC), WORDS(self), one);
			else
				execve(self, WORDS(self), preload);
			_exit(99);
		}
		say();
	}
}

static void spawned(void)
{
	char *one[] = {(char *)"X=s", NULL};
	pid_t pid;

	printf("spawn: ");
	fflush(stdout);
	posix_spawn(&pid, self, NULL, NULL, WORDS(self), one);
	say();
	printf("spawnp: ");
	fflush(stdout);
	posix_spawnp(&pid, self, NULL, NULL, WORDS(self), environ);
	say();
	printf("spawn none: %d\n", posix_spawn(&pid, "/nowhere", NULL, NULL, WORDS(self), one));
}

static void by_shell(void)
{
	char command[5000], line[512];
	FILE *f;

	setenv("X", "it's", 1);
	snprintf(command, sizeof command, "%s leaf", self);
	printf("system: ");
	fflush(stdout);
	printf("status %x\n", (unsigned)system(command));
	printf("system none %d exit %x\n", system(NULL), (unsigned)system("exit 7"));
	printf("killed %x\n", (unsigned)system("kill -9 $$"));
	f = popen(command, "r");
	printf("popen: %s", fgets(line, sizeof line, f) ? line : "nothing\n");
	printf("pclose %d\n", pclose(f));
	f = popen("echo \"$0 $# 'a' \\\"b\\\"\"; nowhere_at_all 2>&1; exit 5", "r");
	while (fgets(line, sizeof line, f))
		fputs(line, stdout);
	printf("pclose %x\n", (unsigned)pclose(f));
	f = popen("cat", "w");
	fputs("written\n", f);
	printf("pclose %d\n", pclose(f));
	errno = 0;
	printf("popen wrong %d %d\n", popen("true", "x") == NULL, errno == EINVAL);
}

static void borrowed(void)
{
	for (int i = 0; i < 3; i++) {
		printf("vfork: ");
		fflush(stdout);
		if (vfork() == 0) {
			if (i == 2)
				execve("/nowhere", WORDS(self), environ);
			execve(self, WORDS(self), environ);
			_exit(9);
		}
		say();
	}
}

/* What fails changes nothing; mask and ignored signals are handed on as they are. */
static void inherited(void)
{
	sigset_t all, old;

	printf("failed %d %d\n", execv("/nowhere", WORDS(self)), errno == ENOENT);
	printf("failed %d %d\n", execvp("nowhere_at_all", WORDS(self)), errno == ENOENT);
	for (volatile int i = 0; i < 20000000; i++)
		;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	printf("blocked: ");
	fflush(stdout);
	if (fork() == 0) {
		for (volatile int i = 0; i < 20000000; i++)
			;
		execv(self, WORDS(self));
	}
	say();
	printf("blocked, spawned: ");
	fflush(stdout);
	posix_spawn(&(pid_t){0}, self, NULL, NULL, WORDS(self), environ);
	say();
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, SIG_IGN);
	printf("ignored: ");
	fflush(stdout);
	if (fork() == 0)
		execv(self, WORDS(self));
	say();
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, SIG_DFL);
}

int main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (argc > 1 && strcmp(argv[1], "leaf") == 0)
		return leaf();
	if (n <= 0)
		return 2;
	family();
	spawned();
	by_shell();
	borrowed();
	inherited();
	fflush(stdout);
	execv(self, WORDS(self));
	return 98;
}
