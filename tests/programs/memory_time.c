/* Resident memory over time with a known answer: stages that hold 0, 200 and 50 MiB on top of what the program
 * needs, for a tenth of a second each, and until our parent, who looks at us, has been through its rounds; then 100 MiB
 * that come and go at once. Without a stage around them, 30 MiB are touched and given back at the beginning. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <protea-prof.h>

#define MB     (1ul << 20)
#define ROUNDS 5 /* one is enough where each is one wait, not more */

/* How often the parent has gone to sleep. */
static long rounds(void)
{
	char path[64], text[4096], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/status", (int)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0)
		exit(2);
	(void)close(fd);
	text[n] = '\0';
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	return at ? strtol(strchr(at, ':') + 1, NULL, 10) : 0;
}

static void hold(double seconds)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9 <
	       seconds);
	for (long from_round = rounds(); rounds() < from_round + ROUNDS;)
		usleep(1000);
}

static void *touch(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	memset(p, 1, bytes);
	return p;
}

static void stage(const char *name, size_t bytes, double seconds)
{
	pp_stage s = pp_stage_begin(name);
	void *p = bytes ? touch(bytes) : NULL;

	if (seconds > 0)
		hold(seconds);
	if (p && munmap(p, bytes))
		exit(1);
	pp_stage_end(&s);
}

int main(void)
{
	void *p;

	hold(0.3);
	p = touch(30 * MB);
	hold(0.1);
	if (munmap(p, 30 * MB))
		return 1;
	stage("nothing", 0, 0.1);
	stage("much", 200 * MB, 0.1);
	stage("some", 50 * MB, 0.1);
	stage("brief", 100 * MB, 0);
	stage("end", 0, 0.1);
	return 0;
}
