/* Every allocation of the alignment cache fails once, SQLite's too: there is trouble or
 * a miss, never a wrong value, a crash or a leak, and the file stays usable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/align/align_cache.h"
#include "tests/fault/fault.h"
#include "tests/unit/scratch.h"

#define N 300 /* rows: more than the queue's first size */

/* SQLite's memory from this program's malloc, which can fail. A header keeps the size. */
struct block {
	_Alignas(16) size_t size;
};

static void *lite_malloc(int size)
{
	struct block *b = malloc(sizeof *b + (size_t)size);

	if (!b)
		return NULL;
	b->size = (size_t)size;
	return b + 1;
}

static void lite_free(void *p)
{
	if (p)
		free((struct block *)p - 1);
}

static void *lite_realloc(void *p, int size)
{
	struct block *b = realloc((struct block *)p - 1, sizeof *b + (size_t)size);

	if (!b)
		return NULL;
	b->size = (size_t)size;
	return b + 1;
}

static int lite_size(void *p)
{
	return p ? (int)((struct block *)p - 1)->size : 0;
}

static int lite_roundup(int size)
{
	return (size + 7) & ~7;
}

static int lite_init(void *ctx)
{
	(void)ctx;
	return SQLITE_OK;
}

static void lite_shutdown(void *ctx)
{
	(void)ctx;
}

static sqlite3_mem_methods methods = {lite_malloc,  lite_free, lite_realloc,  lite_size,
				      lite_roundup, lite_init, lite_shutdown, NULL};

static char q[N][MD5_HEX], r[N][MD5_HEX];
static struct align_values rows[N];

static int prepare(void **state)
{
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
	assert_int_equal(sqlite3_initialize(), SQLITE_OK);
	for (int i = 0; i < N; i++) {
		snprintf(q[i], MD5_HEX, "%032d", i);
		snprintf(r[i], MD5_HEX, "%032d", 2 * i);
		rows[i] = (struct align_values){1.0 / (i + 1), 0.5, i, 0.1, 1, 2, 3, 4, 5, 6, 7, i};
	}
	if (access("/dev/shm", W_OK) == 0) /* a thousand databases, each synced several times */
		setenv("TMPDIR", "/dev/shm", 0);
	return scratch_make(state);
}

/* The whole use of a cache. Returns hits; SIZE_MAX: no cache at all. */
static size_t use(const char *dir, int *trouble)
{
	struct align_cache *c = align_cache_open(dir);
	struct align_values got[N];
	unsigned char hit[N];
	size_t hits;

	if (!c)
		return SIZE_MAX;
	for (size_t i = 0; i < N; i++)
		align_cache_insert(c, q[i], r[i], &rows[i]);
	hits = align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r, N, got,
				  hit);
	for (size_t i = 0; i < N; i++)
		if (hit[i])
			assert_memory_equal(&got[i], &rows[i], sizeof got[i]);
	*trouble = align_cache_trouble(c) != NULL;
	align_cache_close(c);
	return hits;
}

/* Fails the n-th, for n = 1, 1 + step, …, until nothing is left to fail. */
static size_t fail_each(int fresh, size_t step)
{
	char dir[PATH_MAX];
	size_t n, hits;
	int trouble = 0;

	snprintf(dir, sizeof dir, "%s", scratch("cache"));
	for (n = 1;; n += step) {
		if (fresh)
			assert_int_equal(fsio_remove_tree(dir, NULL), 0);
		fault_arm(n);
		hits = use(dir, &trouble);
		fault_disarm();
		if (!fault_fired())
			break;
		assert_true(hits == SIZE_MAX || hits <= N);
	}
	assert_int_equal(hits, N);
	assert_false(trouble);
	return n;
}

static void a_new_cache_without_memory_is_no_cache(void **state)
{
	(void)state;
	assert_true(fail_each(1, 7) > 300);
}

static void a_full_cache_without_memory_is_no_cache(void **state)
{
	(void)state;
	assert_true(fail_each(0, 7) > 300);
}

/* The first allocations one by one: opening, preparing. */
static void every_early_failure_is_clean(void **state)
{
	char dir[PATH_MAX];
	int trouble;

	(void)state;
	snprintf(dir, sizeof dir, "%s", scratch("early"));
	for (size_t n = 1; n <= 400; n++) {
		assert_int_equal(fsio_remove_tree(dir, NULL), 0);
		fault_arm_forever(n);
		assert_true(use(dir, &trouble) != N);
		fault_disarm();
		assert_true(fault_fired());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_cache_without_memory_is_no_cache),
		cmocka_unit_test(a_full_cache_without_memory_is_no_cache),
		cmocka_unit_test(every_early_failure_is_clean),
	};

	return cmocka_run_group_tests(tests, prepare, scratch_remove);
}
