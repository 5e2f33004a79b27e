/* The store: rows per second going in and out, bytes per sample of long runs, the view `folded`, each
 * beside plain SQLite doing the same work in the same process (one prepared statement per row, no care).
 * Medians of three interleaved rounds. Numbers, no verdict. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "prof/store/read.h"
#include "prof/store/write.h"

#define ROUNDS  3
#define SAMPLES 1000000u
#define STACKS  20000u
#define ROWS    1000000u

static char folder[64], path[96];

static void fresh(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char name[128];

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s%s", path, ends[i]);
		unlink(name);
	}
}

static void check(int rc, const struct err *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bench_store: %s\n", err->text);
	exit(1);
}

static uint32_t pick(uint32_t i, uint32_t of)
{
	uint64_t h = hash_u64(i);

	return (uint32_t)((h & 3 ? h >> 8 & 0xffff : h >> 8) % of); /* some stacks are hot */
}

/* One row per call, as a program would that knows nothing of what comes next. */
static double plain_upserts(void)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t start;

	fresh();
	sqlite3_open(path, &db);
	sqlite3_exec(
		db,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE s (run, kind,"
		" stage, thread, stack, count, value, PRIMARY KEY (run, kind, stage, thread, "
		"stack))"
		" WITHOUT ROWID; BEGIN",
		NULL, NULL, NULL);
	sqlite3_prepare_v2(
		db,
		"INSERT INTO s VALUES (1, 0, 0, 1, ?1, 1, 1000) ON CONFLICT DO UPDATE SET"
		" count = count + 1, value = value + 1000",
		-1, &stmt, NULL);
	start = clock_mono_ns();
	for (uint32_t i = 0; i < SAMPLES; i++) {
		sqlite3_bind_int64(stmt, 1, pick(i, STACKS) + 1);
		sqlite3_step(stmt);
		sqlite3_reset(stmt);
		if (i % 50000 == 49999)
			sqlite3_exec(db, "COMMIT; BEGIN", NULL, NULL, NULL);
	}
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	start = clock_mono_ns() - start;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return (double)start;
}

static int64_t begin_run(struct store *s, int64_t *thread, struct err *err)
{
	struct store_run run = {.id = "bench", .start_ns = 1, .mode = "cpu"};
	struct profile_process p = {.pid = 1};
	struct profile_thread t = {.tid = 1};
	int64_t key, process;

	check(store_begin(s, err), err);
	check(store_run_add(s, &run, &key, err), err);
	check(store_process_add(s, key, &p, "p", &process, err), err);
	check(store_thread_add(s, process, &t, "t", thread, err), err);
	return key;
}

/* Samples and ticks of one thread, 50,000 a transaction. */
static double our_samples(struct store *s, int64_t run, int64_t thread, const int64_t *stacks,
			  int ticks, struct err *err)
{
	int64_t start = clock_mono_ns();

	for (uint32_t i = 0; i < SAMPLES; i++) {
		int64_t stack = stacks[pick(i, STACKS)];

		check(store_sample_add(s, run, PROFILE_CPU, 0, thread, stack, 1, 1000000, err),
		      err);
		if (ticks)
			check(store_tick_add(s, run, thread, (int64_t)i * 1000000, stack,
					     PROFILE_RUNNING, err),
			      err);
		if (i % 50000 == 49999) {
			check(store_commit(s, err), err);
			check(store_begin(s, err), err);
		}
	}
	return (double)(clock_mono_ns() - start);
}

static double add_rows(struct store *s, int64_t run, int64_t *stacks, struct err *err)
{
	int64_t start = clock_mono_ns(), frame = 0, stack = 0;

	for (uint32_t i = 0; i < ROWS / 2; i++) {
		check(store_frame_add(s, run, 0, i, &frame, err), err);
		check(store_stack_add(s, i % 25 ? stack : 0, frame, i % 25 + 1, &stack, err), err);
		stacks[i % STACKS] = stack;
	}
	return (double)(clock_mono_ns() - start);
}

static double name_rows(struct store *s, int64_t run, struct err *err)
{
	int64_t start = clock_mono_ns();

	for (uint32_t i = 0; i < ROWS / 2; i++) {
		char name[32];
		struct store_name n[2] = {{.function = "owner"}, {.function = name, .line = i}};

		snprintf(name, sizeof name, "function_%u", i % 5000);
		check(store_name_frame(s, run, run << 32 | (i + 1), i % 8 ? n + 1 : n,
				       i % 8 ? 1 : 2, err),
		      err);
	}
	check(store_names_apply(s, run, err), err);
	return (double)(clock_mono_ns() - start);
}

struct round {
	double plain, ours, rows, named, read, open, folded;
};

static double fold(void)
{
	sqlite3 *db;
	int64_t start = clock_mono_ns();

	sqlite3_open(path, &db);
	if (sqlite3_exec(db, "SELECT sum(length(folded)) FROM folded", NULL, NULL, NULL) !=
	    SQLITE_OK)
		fprintf(stderr, "bench_store: %s\n", sqlite3_errmsg(db));
	sqlite3_close(db);
	return (double)(clock_mono_ns() - start);
}

static void one_round(struct round *r)
{
	static int64_t stacks[STACKS];
	struct store_run_end end = {.duration_ns = 1};
	struct err err = ERR_INIT;
	struct profile p;
	struct store *s;
	int64_t run, thread, start;

	r->plain = plain_upserts();
	fresh();
	check(store_open(&s, path, STORE_CREATE, &err), &err);
	run = begin_run(s, &thread, &err);
	r->rows = add_rows(s, run, stacks, &err);
	r->ours = our_samples(s, run, thread, stacks, 0, &err);
	r->named = name_rows(s, run, &err);
	check(store_run_finish(s, run, &end, &err), &err);
	check(store_commit(s, &err), &err);
	store_close(s);
	r->folded = fold();
	start = clock_mono_ns();
	check(store_open(&s, path, STORE_WRITE, &err), &err);
	r->open = (double)(clock_mono_ns() - start);
	start = clock_mono_ns();
	check(store_read_run(s, run, STORE_READ_ALL, &p, &err), &err);
	r->read = (double)(clock_mono_ns() - start);
	profile_release(&p);
	store_close(s);
}

/* Bytes of a store with a million samples of one thread over `n` stacks of depth 25. */
static double bytes_per_sample(uint32_t n)
{
	static int64_t stacks[STACKS];
	struct store_run_end end = {.duration_ns = 1};
	struct err err = ERR_INIT;
	struct stat st = {0};
	struct store *s;
	int64_t run, thread, path_to[25] = {0}, frames[6000];

	fresh();
	check(store_open(&s, path, STORE_CREATE, &err), &err);
	run = begin_run(s, &thread, &err);
	for (int i = 0; i < 6000; i++)
		check(store_frame_add(s, run, 0, (uint64_t)i, &frames[i], &err), &err);
	for (uint32_t i = 0; i < n; i++) {
		unsigned at = i ? 24 - (unsigned)(hash_u64(i) % 5) : 0;

		for (; at < 25; at++)
			check(store_stack_add(s, at ? path_to[at - 1] : 0,
					      frames[hash_u64(i * 25 + at) % 6000], at + 1,
					      &path_to[at], &err),
			      &err);
		stacks[i] = path_to[24];
	}
	for (uint32_t i = n; i < STACKS; i++)
		stacks[i] = stacks[i % n];
	our_samples(s, run, thread, stacks, 1, &err);
	for (int i = 0; i < 6000; i++) {
		char name[32];
		struct store_name one = {.function = name, .file = "file.c", .line = (uint32_t)i};

		snprintf(name, sizeof name, "some_function_%d", i / 3);
		check(store_name_frame(s, run, frames[i], &one, 1, &err), &err);
	}
	check(store_names_apply(s, run, &err), &err);
	check(store_run_finish(s, run, &end, &err), &err);
	check(store_commit(s, &err), &err);
	store_close(s);
	stat(path, &st);
	return (double)st.st_size / SAMPLES;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const struct round *rounds, size_t offset)
{
	double v[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		memcpy(&v[i], (const char *)&rounds[i] + offset, sizeof v[i]);
	qsort(v, ROUNDS, sizeof *v, by_size);
	return v[ROUNDS / 2];
}
#define MEDIAN(field) median(rounds, offsetof(struct round, field))

int main(void)
{
	struct round rounds[ROUNDS];

	snprintf(folder, sizeof folder, "%s/bench_store.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/s.sqlite", folder);
	for (int i = 0; i < ROUNDS; i++)
		one_round(&rounds[i]);
	printf("samples in:        %.2f M/s, %.1f x plain upserts (%.2f M/s)\n",
	       SAMPLES * 1e3 / MEDIAN(ours), MEDIAN(plain) / MEDIAN(ours),
	       SAMPLES * 1e3 / MEDIAN(plain));
	printf("frames and stacks: %.2f M rows/s in; named and rewritten at %.2f M rows/s\n",
	       ROWS * 1e3 / MEDIAN(rows), ROWS * 1e3 / MEDIAN(named));
	printf("a run out:         %.2f M rows/s; opened in %.2f ms\n", ROWS * 1e3 / MEDIAN(read),
	       MEDIAN(open) / 1e6);
	printf("folded:            %u stacks of depth 25 in %.0f ms\n", STACKS,
	       MEDIAN(folded) / 1e6);
	for (uint32_t n = 200; n <= STACKS; n *= 10)
		printf("size:              %.2f bytes a sample, 1 M samples over %u stacks\n",
		       bytes_per_sample(n), n);
	fresh();
	return rmdir(folder);
}
