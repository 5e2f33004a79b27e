/* Resident memory over time with a known answer: stages that hold 0, 200 and 50 MiB on top of what the program
 * needs, for a fifth of a second each; then 100 MiB that come and go at once.
 * Without a stage around them, 30 MiB are touched and given back at the beginning. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <protea-prof.h>

#define MB (1ul << 20)

static void hold(double seconds)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((double)(now.tv_sec - from.tv_sec) + (double)(now.tv_nsec - from.tv_nsec) / 1e9 <
	       seconds);
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
	stage("nothing", 0, 0.2);
	stage("much", 200 * MB, 0.2);
	stage("some", 50 * MB, 0.2);
	stage("brief", 100 * MB, 0);
	stage("end", 0, 0.2);
	return 0;
}
