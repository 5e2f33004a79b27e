/* Every allocation of the readers and writers of foreign formats fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/formats/export.h"
#include "prof/formats/import.h"
#include "prof/store/write_profile.h"
#include "tests/fault/each.h"

static char *input;
static size_t input_n;

static void load(const char *path)
{
	FILE *in = fopen(path, "rb");

	assert_non_null(in);
	input = malloc(1 << 16);
	assert_non_null(input);
	input_n = fread(input, 1, 1 << 16, in);
	fclose(in);
	assert_true(input_n > 1);
}

static int read_into(struct profile *p)
{
	struct import_options o = {.kind = -1, .rate_hz = 99}; /* counts may be parts then */
	struct buf notes = BUF_INIT;
	struct err err = ERR_INIT;
	enum import_format found;
	struct bytes *from;
	int rc = bytes_from_memory(&from, input + 1, input_n - 1, &err);

	memset(p, 0, sizeof(*p));
	if (rc == 0)
		rc = import_read(p, from, -1, &o, &found, &notes, &err);
	bytes_close(from);
	buf_release(&notes);
	assert_int_equal(rc, err.code);
	return rc;
}

static int read_once(void)
{
	struct profile p;
	int rc = read_into(&p);

	profile_release(&p);
	return rc;
}

static void readers(void **state)
{
	static const char *const files[] = {
		"folded/mixed",       "perf_script/chains", "perf_script/places",
		"speedscope/sampled", "speedscope/evented", "pprof/packed",
		"pprof/plain",        "pprof/node_heap",    "gecko/threads",
		"gecko/shared",       "gecko/raw",          "cpuprofile/node"};
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", files[i]);
		load(path);
		/* Remarks that found no room are left out; looking at JSON's beginning may fail and tell nothing. */
		assert_true(fault_each(read_once, 1) > 10);
		free(input);
	}
}

static struct profile written;
static int format;

static int write_once(void)
{
	static FILE *null;
	struct export_options o = {.kind = PROFILE_CPU};
	struct err err = ERR_INIT;

	if (!null)
		null = fopen("/dev/null", "w");
	return null ? export_write(null, &written, (enum export_format)format, &o, &err) : -1;
}

static void writers(void **state)
{
	(void)state;
	load("tests/fuzz/corpus/pprof/plain");
	assert_int_equal(read_into(&written), 0);
	for (format = 0; format < EXPORT_FORMATS; format++) {
		write_once(); /* stdio makes its buffer */
		assert_true(fault_each(write_once, 0) > 5);
	}
	profile_release(&written);
	free(input);
}

/* ---- the store ---- */

static int store_once(void)
{
	static const struct store_run run = {.id = "11111111-2222-3333-4444-555555555555"};
	static const struct store_run_end end = {.duration_ns = 1};
	struct err err = ERR_INIT;
	struct store *s = NULL;
	int64_t key = -1;
	int rc;

	unlink("import-fault.sqlite");
	rc = store_open(&s, "import-fault.sqlite", STORE_CREATE, &err);
	if (rc == 0)
		rc = store_write_profile(s, &written, &run, &end, &key, &err);
	if (rc && s)
		assert_true(key == 0 || key == -1);
	store_close(s);
	return rc;
}

static void into_the_store(void **state)
{
	char folder[] = "/tmp/protea-fault.XXXXXX";

	(void)state;
	load("tests/fuzz/corpus/pprof/plain");
	assert_int_equal(read_into(&written), 0);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_true(fault_each(store_once, 1) > 20);
	unlink("import-fault.sqlite");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(folder), 0);
	profile_release(&written);
	free(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers),
		cmocka_unit_test(writers),
		cmocka_unit_test(into_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
