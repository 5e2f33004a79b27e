/* Rights and their words with each allocation failing in turn: every refusal keeps a remedy, with the line that was
 * typed or, without memory, the command in general. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/attach/rights.h"
#include "prof/attach/rights_internal.h"
#include "tests/fault/each.h"

static int says_what_to_type(void)
{
	struct right_finding finding = {.right = RIGHT_READ, .sys = EPERM};
	struct rights_facts f;

	memset(&f, 0, sizeof f);
	f.pid = 4711;
	f.self.uid = f.self.euid = 1000;
	f.self.cap_bounding = UINT64_MAX;
	f.yama = f.paranoid = -1;
	rights_words(&finding, &f, REASON_USER);
	assert_non_null(strstr(finding.why, "root"));
	if (strstr(finding.remedy, "protea-prof … -p 4711"))
		return ERR_NOMEM;
	assert_non_null(strstr(finding.remedy, program_invocation_short_name));
	return 0;
}

static int looks_at_us(void)
{
	struct err err = ERR_INIT;
	struct rights r;
	struct proc p;

	assert_int_equal(proc_open(&p, getpid(), &err), 0);
	rights_look(&r, &p);
	proc_close(&p);
	assert_true(r.of[RIGHT_READ].granted);
	return 0;
}

static void remedies_survive(void **state)
{
	(void)state;
	assert_true(fault_each(says_what_to_type, 0) >= 1);
}

static void looks_survive(void **state)
{
	(void)state;
	(void)fault_each(looks_at_us, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remedies_survive),
		cmocka_unit_test(looks_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
