/* pp_start() and pp_stop() as a program should not notice them: no child, no SIGCHLD, no descriptor left; what
 * is out of order is refused. wrap_start STORE: prints one line per observation. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protea-prof.h"

static volatile sig_atomic_t children;
static volatile int going = 1;

static void on_child(int signo)
{
	(void)signo;
	children++;
}

static void work(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

static void *busy(void *arg)
{
	(void)arg;
	while (going) {
		pp_stage s = pp_stage_begin("busy");

		work(100000);
		pp_stage_end(&s);
	}
	return NULL;
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static const char *result(int rc)
{
	return rc == 0             ? "ok"
	       : errno == EALREADY ? "already"
	       : errno == EINVAL   ? "invalid"
				   : "fails";
}

int main(int argc, char **argv)
{
	const char *store = argc > 1 ? argv[1] : NULL;
	pthread_t t;
	pp_stage s;
	int before, status;

	signal(SIGCHLD, on_child);
	pthread_create(&t, NULL, busy, NULL);
	before = descriptors();
	printf("stop first: %s\n", result(pp_stop()));
	for (int i = 0; i < 3; i++) {
		printf("start: %s\n", result(pp_start(store)));
		printf("start again: %s\n", result(pp_start(store)));
		s = pp_stage_begin("main");
		work(100000000);
		fflush(stdout);
		if (fork() == 0) {
			work(1000000);
			_exit(pp_stop() == 0);
		}
		printf("child: %d\n", wait(&status) > 0 && status == 0);
		pp_stage_end(&s);
		s = pp_stage_begin("left open");
		printf("stop: %s\n", result(pp_stop()));
		pp_stage_end(&s);
		printf("stop again: %s\n", result(pp_stop()));
		printf("children %d, none left %d\n", (int)children,
		       wait(NULL) < 0 && errno == ECHILD);
	}
	printf("descriptors %d\n", descriptors() - before);
	going = 0;
	pthread_join(t, NULL);
	printf("no such folder: %s\n", result(pp_start("/nowhere/at/all.sqlite")));
	printf("after it: %s\n", result(pp_start(store)));
	return 0; /* without a stop */
}
