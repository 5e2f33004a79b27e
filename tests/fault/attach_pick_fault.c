/* Lists of processes and of threads with each allocation failing in turn: an error with its words, nothing kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/attach/pick.h"
#include "tests/fault/each.h"

static int said(int rc, const struct err *err)
{
	if (rc && rc != ERR_NOTFOUND) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_non_null(strstr(err->text, "memory"));
	}
	return rc == ERR_NOTFOUND ? 0 : rc;
}

static int adds(void)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	int rc =
		pick_parse(&l, "40,39,38,37,36,35,34,33,32,31,30,29,28,27,26,25,24,23,22,21", &err);

	pick_release(&l);
	return said(rc, &err);
}

static int by_name(void)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	int rc = pick_named(&l, ".", &err);

	pick_release(&l);
	return said(rc, &err);
}

static int once_waited(void)
{
	volatile int stop = 1;
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	int rc = pick_wait(&l, "^no such process of this name$", &stop, &err);

	pick_release(&l);
	return rc == ERR_CANCELLED ? 0 : said(rc, &err);
}

static int descendants(void)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	int rc = pick_add(&l, 1);

	if (rc == 0)
		rc = said(pick_children(&l, &err), &err);
	pick_release(&l);
	return rc;
}

static int threads(void)
{
	uint32_t n = 0, cap = 0;
	struct err err = ERR_INIT;
	int *tids = NULL, rc;
	struct proc p;

	assert_int_equal(proc_open(&p, getpid(), &err), 0);
	rc = proc_tasks(&p, &tids, &n, &cap);
	free(tids);
	proc_close(&p);
	return rc;
}

static void lists_survive(void **state)
{
	(void)state;
	assert_true(fault_each(adds, 0) >= 2);
	assert_true(fault_each(descendants, 0) >= 3);
	assert_int_equal(fault_each(threads, 0), 1);
}

static void searches_survive(void **state)
{
	(void)state;
	assert_true(fault_each(by_name, 0) >= 3);
	assert_true(fault_each(once_waited, 0) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_survive),
		cmocka_unit_test(searches_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
