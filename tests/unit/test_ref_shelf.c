/* ref_shelf: references are built once for a set and the proteins of a pool, stay while they are used or wanted,
 * and are what references_build makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "pipeline/job/ref_shelf.h"

#define PROTEINS 6
#define TERMS    3

/* Protein p has p % 3 annotations, of terms p, p + 1, … modulo 3, whose aspects are P, F and none. */
static struct annset set;
static struct ann_kind kind;
static uint32_t start[PROTEINS + 1], term[2 * PROTEINS];
static uint16_t kinds[2 * PROTEINS];
static char aspects[TERMS] = {'P', 'F', 0};
static struct ontology ontology = {.n_terms = TERMS, .term_aspect = aspects};

static int make_set(void **state)
{
	uint32_t p, i, n = 0;

	(void)state;
	for (p = 0; p < PROTEINS; p++) {
		for (i = 0; i < p % 3; i++)
			term[n++] = (p + i) % TERMS;
		start[p + 1] = n;
	}
	set = (struct annset){.n_proteins = PROTEINS,
			      .n_rows = n,
			      .start = start,
			      .term = term,
			      .kind = kinds,
			      .kinds = &kind,
			      .n_kinds = 1};
	return 0;
}

static const struct references *take(struct ref_shelf *s, size_t version, const struct pool *pool)
{
	const struct references *r = NULL;

	assert_int_equal(ref_shelf_take(s, version, &set, &ontology, pool, &r, NULL), 0);
	assert_non_null(r);
	return r;
}

static uint32_t some[] = {1, 2, 4, 5}, same[] = {1, 2, 4, 5}, others[] = {0, 1, 2, 5};

static struct pool pool_of(uint32_t *proteins)
{
	return (struct pool){.n = 4, .protein = proteins};
}

static void the_same_set_and_proteins_are_built_once(void **state)
{
	struct pool a = pool_of(some), b = pool_of(same), c = pool_of(others);
	struct ref_shelf s = {0};
	const struct references *first = take(&s, 0, &a);

	(void)state;
	assert_ptr_equal(take(&s, 0, &a), first);
	assert_ptr_equal(take(&s, 0, &b), first); /* another model, the same proteins */
	assert_ptr_not_equal(take(&s, 1, &a), first);
	assert_ptr_not_equal(take(&s, 0, &c), first);
	assert_int_equal(s.n, 3);
	ref_shelf_clear(&s);
}

static void they_are_what_is_built_alone(void **state)
{
	struct pool a = pool_of(some);
	struct ref_shelf s = {0};
	const struct references *got = take(&s, 0, &a);
	struct references want;

	(void)state;
	assert_int_equal(references_build(&want, &set, &ontology, &a, NULL), 0);
	assert_int_equal(got->annotation_rows, want.annotation_rows);
	assert_ptr_equal(got->set, &set);
	for (int k = 0; k < ASPECTS; k++) {
		const struct ref_list *x = &got->aspect[k], *y = &want.aspect[k];

		assert_int_equal(x->n, y->n);
		assert_memory_equal(x->row, y->row, y->n * sizeof *y->row);
		assert_memory_equal(x->start, y->start, (y->n + 1) * sizeof *y->start);
		assert_memory_equal(x->ann, y->ann, y->start[y->n] * sizeof *y->ann);
	}
	assert_memory_equal(got->density, want.density, a.n * sizeof *want.density);
	assert_true(want.annotation_rows > 0);
	references_release(&want);
	ref_shelf_clear(&s);
}

static void who_is_last_drops_them_unless_they_are_wanted(void **state)
{
	struct pool a = pool_of(some);
	struct ref_shelf s = {0};
	const struct references *r = take(&s, 0, &a);

	(void)state;
	assert_ptr_equal(take(&s, 0, &a), r);
	ref_shelf_give_back(&s, r, 0);
	assert_int_equal(s.n, 1);
	ref_shelf_give_back(&s, r, 0);
	assert_int_equal(s.n, 0);
	r = take(&s, 0, &a);
	ref_shelf_give_back(&s, r, 1);
	assert_int_equal(s.n, 1);
	assert_ptr_equal(take(&s, 0, &a), r);
	ref_shelf_give_back(&s, NULL, 0);
	ref_shelf_clear(&s);
}

static void those_of_pools_that_are_gone_go(void **state)
{
	struct pool a = pool_of(some), b = pool_of(same), c = pool_of(others);
	const struct pool *both[] = {&c, &b};
	struct ref_shelf s = {0};
	const struct references *used;

	(void)state;
	ref_shelf_give_back(&s, take(&s, 0, &a), 1);
	ref_shelf_give_back(&s, take(&s, 0, &c), 1);
	used = take(&s, 1, &c);
	ref_shelf_keep(&s, both, 2);
	assert_int_equal(s.n, 3);
	ref_shelf_keep(&s, both + 1, 1); /* those of c: one is in use */
	assert_int_equal(s.n, 2);
	ref_shelf_give_back(&s, used, 1);
	ref_shelf_keep(&s, NULL, 0);
	assert_int_equal(s.n, 0);
	ref_shelf_clear(&s);
}

static void bytes_are_those_of_other_pools(void **state)
{
	struct pool a = pool_of(some), c = pool_of(others);
	struct ref_shelf s = {0};
	uint64_t of_a, of_c;

	(void)state;
	assert_int_equal(ref_shelf_bytes(&s, NULL), 0);
	take(&s, 0, &a);
	of_a = ref_shelf_bytes(&s, NULL);
	/* counts by term and by row, at least; the rows */
	assert_true(of_a >= (TERMS + 4 + s.list[0]->refs.annotation_rows) * 4);
	take(&s, 0, &c);
	of_c = ref_shelf_bytes(&s, &a);
	assert_int_equal(ref_shelf_bytes(&s, &c), of_a);
	assert_int_equal(ref_shelf_bytes(&s, NULL), of_a + of_c);
	ref_shelf_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_set_and_proteins_are_built_once),
		cmocka_unit_test(they_are_what_is_built_alone),
		cmocka_unit_test(who_is_last_drops_them_unless_they_are_wanted),
		cmocka_unit_test(those_of_pools_that_are_gone_go),
		cmocka_unit_test(bytes_are_those_of_other_pools),
	};

	return cmocka_run_group_tests(tests, make_set, NULL);
}
