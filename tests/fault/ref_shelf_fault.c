/* Every allocation of taking references from a shelf, and of looking which of them are wanted, fails once: an
 * error, or none stays; what is in use is never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/job/ref_shelf.h"
#include "tests/fault/each.h"

static char aspects[] = {'P', 'C'};
static struct ontology ontology = {.n_terms = 2, .term_aspect = aspects};
static struct ann_kind kind;
static uint32_t start[] = {0, 1, 3}, term[] = {0, 0, 1};
static uint16_t kinds[3];
static const struct annset set = {.n_proteins = 2,
				  .n_rows = 3,
				  .start = start,
				  .term = term,
				  .kind = kinds,
				  .kinds = &kind,
				  .n_kinds = 1};

static int take_and_keep(void)
{
	static uint32_t both[] = {0, 1};
	const struct pool pool = {.n = 2, .protein = both}, less = {.n = 1, .protein = both};
	const struct pool *const pools[] = {&pool};
	const struct references *used = NULL, *idle = NULL;
	struct ref_shelf s = {0};
	struct err err = ERR_INIT;
	int rc = ref_shelf_take(&s, 0, &set, &ontology, &pool, &used, &err);

	if (!rc)
		rc = ref_shelf_take(&s, 0, &set, &ontology, &less, &idle, &err);
	assert_true(rc == 0 || !idle);
	assert_int_equal(rc, err.code);
	ref_shelf_give_back(&s, idle, 1);
	ref_shelf_keep(&s, pools, 1);
	assert_int_equal(s.n, used != NULL);
	if (used)
		assert_int_equal(used->annotation_rows, 3);
	ref_shelf_clear(&s);
	return rc;
}

static void references_are_there_or_not(void **state)
{
	(void)state;
	assert_true(fault_each(take_and_keep, 1) >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_there_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
