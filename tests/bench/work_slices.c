/* work_slices KIND: the same work over and over until killed; each line tells when a piece of it ended
 * (CLOCK_MONOTONIC, s) and the CPU time it took (ns, all threads). KIND: cpu (arithmetic over 256 KiB), sqlite
 * (queries on a table in memory), switch (two threads that hand a byte back and forth), deep (recursion of 400
 * frames). */
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t area[65536];

static void cpu_slice(void)
{
	uint32_t x = 1;

	for (int round = 0; round < 60; round++) {
		for (uint32_t i = 0; i < 65536; i++) {
			x = x * 1664525u + area[(x >> 10) & 65535] + i;
			area[i] ^= x;
		}
	}
}

static __attribute__((noinline)) uint64_t deep(int n)
{
	volatile uint64_t here = (uint64_t)n;

	if (n == 0) {
		cpu_slice();
		return here;
	}
	return deep(n - 1) + here;
}

static sqlite3 *db;

static void sqlite_open_table(void)
{
	if (sqlite3_open(":memory:", &db) ||
	    sqlite3_exec(db,
			 "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
			 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
			 "20000)"
			 "INSERT INTO t SELECT i, hex(i * 7919) FROM n; CREATE INDEX k ON t(b)",
			 NULL, NULL, NULL))
		exit(1);
}

static void sqlite_slice(void)
{
	for (int i = 0; i < 6; i++)
		if (sqlite3_exec(
			    db,
			    "SELECT count(*), max(x.b || y.b) FROM t x JOIN t y ON x.a = y.a + 1 "
			    "WHERE x.b < y.b",
			    NULL, NULL, NULL))
			exit(1);
}

static int there[2], back[2];

static void *echo(void *ctx)
{
	char byte;

	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1) {
	}
	return ctx;
}

static void switch_start(void)
{
	pthread_t t;

	if (pipe(there) || pipe(back) || pthread_create(&t, NULL, echo, NULL))
		exit(1);
}

static void switch_slice(void)
{
	char byte = 0;

	for (int i = 0; i < 2000; i++) {
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "cpu";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(kind, "sqlite") == 0)
		sqlite_open_table();
	if (strcmp(kind, "switch") == 0)
		switch_start();
	for (;;) {
		double before = seconds(CLOCK_PROCESS_CPUTIME_ID);

		if (strcmp(kind, "sqlite") == 0)
			sqlite_slice();
		else if (strcmp(kind, "switch") == 0)
			switch_slice();
		else if (strcmp(kind, "deep") == 0)
			(void)deep(400);
		else
			cpu_slice();
		printf("%.6f %.0f\n", seconds(CLOCK_MONOTONIC),
		       (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) * 1e9);
	}
}
