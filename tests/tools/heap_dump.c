/* Runs a program with its memory tracked and prints what its heap files hold at the end, one line for each
 * image of a process, in the order of their beginning: the eyes of the tests of what goes on in the target.
 *   heap_dump [options] -- CMD…
 *     -o FILE  (default stdout, after CMD's own output)   -l LIBRARY   -n  do not follow children
 *     -m off|sampled|full (full)   -r BYTES  mean distance of samples   -t N  what is temporary
 *     -z HZ  rate of ticks (0)     -c DIR  cache of tables
 * Exit code: CMD's, 128 + N by a signal. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/heap/reader.h"
#include "prof/spool/session.h"

struct totals {
	uint64_t sites, alloc_bytes, alloc_count, live_bytes, live_count, peak_bytes, temporary;
};

static FILE *out;

static void add_site(struct totals *t, const struct heap_sums *s)
{
	t->sites++;
	if (s->kind != HEAP_SITE_MALLOC)
		return;
	t->alloc_bytes += s->alloc_bytes;
	t->alloc_count += s->alloc_count;
	t->live_bytes += s->live_bytes;
	t->live_count += s->live_count;
	t->peak_bytes += s->peak_bytes;
	t->temporary += s->temporary_count;
}

static void show(const char *folder, const char *name)
{
	struct err err = ERR_INIT;
	struct heap_reader r;
	struct heap_sums s;
	struct totals t = {0};
	char path[SPOOL_PATH_MAX + 300];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (heap_reader_open(&r, path, &err)) {
		fprintf(out, "image %s: %s\n", name, err.text);
		return;
	}
	for (uint32_t i = 1, n = heap_reader_sites(&r); i < n; i++)
		if (heap_reader_site(&r, i, 0, &s))
			add_site(&t, &s);
	fprintf(out,
		"image %u mode %u ended %d foreign %u threads %u sites %" PRIu64 " alloc %" PRIu64
		" %" PRIu64 " live %" PRIu64 " %" PRIu64 " peak %" PRIu64 " temporary %" PRIu64,
		r.head->image, r.mode, r.head->ended != 0, r.head->foreign_malloc,
		heap_reader_threads(&r) - 1, t.sites, t.alloc_bytes, t.alloc_count, t.live_bytes,
		t.live_count, t.peak_bytes, t.temporary);
	for (int i = 0; i < HEAP_LOSSES; i++)
		if (r.head->losses[i])
			fprintf(out, " loss%d=%" PRIu64, i, (uint64_t)r.head->losses[i]);
	fputc('\n', out);
	heap_reader_close(&r);
}

static int by_image(const struct dirent **a, const struct dirent **b)
{
	const char *x = strchr((*a)->d_name, '.'), *y = strchr((*b)->d_name, '.');
	long m = x ? strtol(x + 1, NULL, 10) : 0, n = y ? strtol(y + 1, NULL, 10) : 0;

	return (m > n) - (m < n);
}

static int is_heap(const struct dirent *e)
{
	size_t n = strlen(e->d_name), suffix = strlen(HEAP_SUFFIX);

	return n > suffix && strcmp(e->d_name + n - suffix, HEAP_SUFFIX) == 0;
}

static void show_all(const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, is_heap, by_image);

	for (int i = 0; i < n; i++) {
		show(folder, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void child(char **argv, const char *library, const char *session)
{
	const char *old = getenv("LD_PRELOAD");
	char preload[16384];

	snprintf(preload, sizeof preload, "%s%s%s", library, old && *old ? ":" : "",
		 old ? old : "");
	(void)setenv("LD_PRELOAD", preload, 1);
	(void)setenv(SPOOL_ENV_SESSION, session, 1);
	execvp(argv[0], argv);
	fprintf(stderr, "heap_dump: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Until the process and all who share the session have ended (orphans are adopted). */
static int wait_all(pid_t pid)
{
	int status = 0, result = 0;
	pid_t got;

	while ((got = wait(&status)) > 0 || errno == EINTR)
		if (got == pid)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

static int run(const struct spool_session *config, const char *library, char **argv)
{
	struct spool_session *session;
	struct err err = ERR_INIT;
	char folder[SPOOL_PATH_MAX];
	pid_t pid;
	int rc;

	if (session_make(&session, folder, config, "/tmp", &err)) {
		fprintf(stderr, "heap_dump: %s\n", err.text);
		return 1;
	}
	session->supervisor_pid = getpid();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)signal(SIGINT, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGINT, SIG_DFL);
		child(argv, library, folder);
	}
	rc = pid < 0 ? 1 : wait_all(pid);
	show_all(folder);
	(void)session_remove(folder, NULL);
	return rc;
}

static uint32_t mode_named(const char *name)
{
	if (strcmp(name, "off") == 0)
		return HEAP_OFF;
	return strcmp(name, "sampled") == 0 ? HEAP_SAMPLED : HEAP_FULL;
}

int main(int argc, char **argv)
{
	struct spool_session config = {
		.children = 1, .ring_bytes = 1 << 20, .memory_mode = HEAP_FULL};
	char library[4096];
	const char *o = getenv("O"), *given = NULL;
	int opt;

	out = stdout;
	while ((opt = getopt(argc, argv, "+o:l:nm:r:t:z:c:")) != -1) {
		if (opt == 'o' && !(out = fopen(optarg, "we")))
			return perror(optarg), 2;
		if (opt == 'l')
			given = optarg;
		if (opt == 'n')
			config.children = 0;
		if (opt == 'm')
			config.memory_mode = mode_named(optarg);
		if (opt == 'r')
			config.memory_rate_bytes = strtoull(optarg, NULL, 10);
		if (opt == 't')
			config.memory_temporary = (uint32_t)strtoul(optarg, NULL, 10);
		if (opt == 'z')
			config.rate_hz = (uint32_t)strtoul(optarg, NULL, 10);
		if (opt == 'c')
			snprintf(config.cache_dir, sizeof config.cache_dir, "%s", optarg);
		if (opt == '?')
			return 2;
	}
	if (optind >= argc)
		return fprintf(stderr, "usage: heap_dump [options] -- CMD…\n"), 2;
	if (given)
		snprintf(library, sizeof library, "%s", given);
	else if (snprintf(library, sizeof library, "%s/%s/libprotea-prof.so", getenv("PWD"),
			  o ? o : "build") < 0)
		return 2;
	return run(&config, library, argv + optind);
}
