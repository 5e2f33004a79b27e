/* Every allocation of source for pages, of pages of runs and of their plain table fails once: told, and nothing is
 * left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/utsname.h>

#include "prof/base/log.h"
#include "prof/cli/flame_page.h"
#include "prof/cli/flame_source.h"
#include "tests/fault/each.h"
#include "tests/unit/made_profile.h"
#include "tests/unit/scratch.h"
#include "viewer/static.h"

static struct profile runs[2];
static FILE *null;

static void fill(struct profile *p)
{
	struct utsname name;
	char path[1200];
	unsigned i;

	assert_int_equal(uname(&name), 0);
	assert_int_equal(profile_init(p), 0);
	p->run.mode = made_text(p, "cpu");
	p->run.memory = made_text(p, "full");
	p->run.host = made_text(p, name.nodename);
	p->run.started_at = INT64_C(4000000000) * 1000000000;
	p->run.finished = 1;
	made_thread(p, "main", 1);
	made_stage(p, "load", PROFILE_NONE, 5);
	for (i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "main@/bin/p:%.400s:1;f%u@/bin/p:%.400s:%u",
			 scratch("main.c"), i, scratch(i % 2 ? "a.c" : "b.c"), i);
		made_sample(p, i % 3 ? PROFILE_CPU : PROFILE_ALLOC, 0, 0, path, 1, 10);
	}
}

static int set_up(void **state)
{
	struct buf text = BUF_INIT;
	unsigned i;

	if (scratch_make(state))
		return -1;
	for (i = 0; i < 300; i++)
		buf_puts(&text, "a line\n");
	scratch_write("a.c", buf_str(&text), text.len);
	scratch_write("b.c", buf_str(&text), text.len / 3);
	buf_release(&text);
	fill(&runs[0]);
	fill(&runs[1]);
	null = fopen("/dev/null", "w");
	log_init("test", LOG_QUIET);
	return null ? 0 : -1;
}

static int tear_down(void **state)
{
	profile_release(&runs[0]);
	profile_release(&runs[1]);
	fclose(null);
	return scratch_remove(state);
}

static int told(int rc, const struct err *err)
{
	if (rc) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err->code, ERR_NOMEM);
	}
	return rc;
}

static int source_once(void)
{
	static const struct flame_sources_options how = {.own = 1, .room = 1 << 20};
	struct err err = ERR_INIT;
	struct flame_sources x;
	int rc = flame_sources_make(&x, &runs[0], NULL, &how, &err);

	if (rc == 0) {
		assert_int_equal(x.source.n_files, 3);
		assert_true(x.source.files[0].n_windows && x.source.files[1].n_windows);
		flame_sources_release(&x);
	}
	return told(rc, &err);
}

static void source(void **state)
{
	(void)state;
	assert_true(fault_each(source_once, 0) > 20);
}

static size_t n_runs;

static int page_once(void)
{
	static const struct flame_page page = {
		.kind = -1, .own = 1, .stage = "load", .thread = "main"};
	struct err err = ERR_INIT;
	int rc = flame_page_write(null, &page, runs, n_runs, &err);

	return told(rc, &err);
}

static void pages(void **state)
{
	(void)state;
	for (n_runs = 1; n_runs <= 2; n_runs++)
		assert_true(fault_each(page_once, 0) > 50);
}

static int table_once(void)
{
	struct flame_run shown[] = {{.p = &runs[0]}, {.p = &runs[1]}};
	struct flame_options o = {.runs = shown, .n_runs = n_runs, .kind = PROFILE_CPU};
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	int rc = static_write(&out, &o, &err);

	buf_release(&out);
	return told(rc, &err);
}

static void plain_tables(void **state)
{
	(void)state;
	for (n_runs = 1; n_runs <= 2; n_runs++)
		assert_true(fault_each(table_once, 0) > 10);
}

/* Warnings have no way to fail: what cannot be said is not said. */
static int warn_once(void)
{
	static const struct flame_page page = {.kind = PROFILE_GPU};

	runs[1].run.rate_hz = 99;
	runs[1].run.host = STRTAB_EMPTY;
	flame_page_warn(&page, runs, 2);
	return 0;
}

static void warnings(void **state)
{
	(void)state;
	assert_true(fault_each(warn_once, 1) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source),
		cmocka_unit_test(pages),
		cmocka_unit_test(plain_tables),
		cmocka_unit_test(warnings),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
