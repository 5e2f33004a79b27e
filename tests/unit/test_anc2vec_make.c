/* Derived term vectors: the base vectors are pinned, the sums follow the slow rule, and which ontology is
 * taken is plain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "pipeline/bundle/anc2vec_make.h"
#include "tests/unit/bundle_inputs.h"

static struct inputs in;

static int make_bundle(void **state)
{
	struct create_report r;
	struct err err = ERR_INIT;

	if (scratch_make(state) < 0)
		return -1;
	inputs_make(&in);
	if (bundle_create(&in.opt, &r, &err) < 0)
		return -1;
	create_report_release(&r);
	return 0;
}

static int remove_bundle(void **state)
{
	inputs_release(&in);
	return scratch_remove(state);
}

/* Expected signs: the same arithmetic in Python's integers. */
static void base_vectors_never_change(void **state)
{
	static const struct {
		uint64_t seed;
		const char *go_id, *signs; /* entries 0-31 and 60-75 */
	} want[] = {
		{0, "GO:0003674", "--+-+-+++++-++-++-+-+++++-++--+--++-++----++--++"},
		{42, "GO:0008150", "--++-+-------+-+---++--+-+----+++-----++--+--++-"},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (k = 0; k < 48; k++)
			assert_int_equal(
				anc2vec_base(want[i].seed, want[i].go_id, k < 32 ? k : k + 28),
				want[i].signs[k] == '+' ? 1 : -1);
	}
}

/* `ids`: the term and all its ancestors. */
static void vector_is_sum_of(const struct anc2vec_vectors *v, size_t at, uint64_t seed,
			     const char *const *ids, size_t n)
{
	double sum[96], squares = 0;
	size_t i, k;

	for (i = 0; i < v->dim; i++) {
		sum[i] = 0;
		for (k = 0; k < n; k++)
			sum[i] += anc2vec_base(seed, ids[k], i);
		squares += sum[i] * sum[i];
	}
	for (i = 0; i < v->dim; i++)
		assert_true(v->vectors[at * v->dim + i] == (float)(sum[i] / sqrt(squares)));
}

static void vectors_sum_over_all_ancestors(void **state)
{
	static const char *const binding[] = {"GO:0005488", "GO:0003674"};
	/* is_a biological_process, part_of protein binding (by its old id), not regulates */
	static const char *const regulation[] = {"GO:0006357", "GO:0008150", "GO:0005515",
						 "GO:0005488", "GO:0003674"};
	struct anc2vec_vectors v;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(anc2vec_make(&v, in.opt.out, INPUT_OBO_NEW, 96, 5, &err), 0);
	assert_string_equal(v.version, INPUT_OBO_NEW);
	assert_int_equal(v.n, 6);
	assert_int_equal(v.dim, 96);
	assert_string_equal(v.go_id[0], "GO:0000005"); /* obsolete, with an aspect */
	assert_string_equal(v.go_id[3], "GO:0005515");
	assert_string_equal(v.go_id[5], "GO:0008150");
	vector_is_sum_of(&v, 0, 5, (const char *const[]){"GO:0000005"}, 1);
	vector_is_sum_of(&v, 2, 5, binding, 2);
	vector_is_sum_of(&v, 4, 5, regulation, 5);
	anc2vec_vectors_release(&v);
}

static void the_newest_ontology_is_the_default(void **state)
{
	struct anc2vec_vectors v;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(anc2vec_make(&v, in.opt.out, NULL, 8, 0, &err), 0);
	assert_string_equal(v.version, INPUT_OBO_NEW);
	anc2vec_vectors_release(&v);
	assert_int_equal(anc2vec_make(&v, in.opt.out, INPUT_OBO_OLD, 8, 0, &err), 0);
	assert_int_equal(v.n, 2);
	anc2vec_vectors_release(&v);
	assert_int_equal(anc2vec_make(&v, in.opt.out, "2001-01-01", 8, 0, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no ontology version '2001-01-01'"));
}

static void ontologies_of_one_date_must_be_chosen(void **state)
{
	struct create_report r;
	struct anc2vec_vectors v;
	struct err err = ERR_INIT;
	struct create_options opt = in.opt;
	struct create_obo obo[2] = {{.path = scratch("twin.obo")}, in.obo[1]};

	(void)state;
	input_text("twin.obo", "data-version: other/2024-01-17\n[Term]\nid: GO:0000001\n");
	opt.out = scratch("twin.bundle");
	opt.obo = obo;
	opt.n_gaf = 0;
	assert_int_equal(bundle_create(&opt, &r, &err), 0);
	create_report_release(&r);
	assert_int_equal(anc2vec_make(&v, opt.out, NULL, 8, 0, &err), ERR_ARG);
	assert_non_null(strstr(err.text, "--snapshot"));
	assert_non_null(strstr(err.text, "'other/2024-01-17'"));
	assert_int_equal(anc2vec_make(&v, opt.out, "other/2024-01-17", 8, 0, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no term with an aspect"));
}

static void cycles_end(void **state)
{
	static const char *const all[] = {"GO:0000001", "GO:0000002"};
	struct create_report r;
	struct anc2vec_vectors v;
	struct err err = ERR_INIT;
	struct create_options opt = in.opt;
	struct create_obo obo = {.path = scratch("cycle.obo")};

	(void)state;
	input_text("cycle.obo", "data-version: x\ndefault-namespace: cellular_component\n"
				"[Term]\nid: GO:0000001\nis_a: GO:0000002\nis_a: GO:0000001\n"
				"[Term]\nid: GO:0000002\nis_a: GO:0000001\n");
	opt.out = scratch("cycle.bundle");
	opt.obo = &obo;
	opt.n_obo = 1;
	opt.n_gaf = 0;
	assert_int_equal(bundle_create(&opt, &r, &err), 0);
	create_report_release(&r);
	assert_int_equal(anc2vec_make(&v, opt.out, NULL, 64, 1, &err), 0);
	vector_is_sum_of(&v, 0, 1, all, 2);
	vector_is_sum_of(&v, 1, 1, all, 2);
	anc2vec_vectors_release(&v);
}

static void arguments_and_files_are_checked(void **state)
{
	struct anc2vec_vectors v;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(anc2vec_make(&v, in.opt.out, NULL, 0, 0, &err), ERR_ARG);
	assert_int_equal(anc2vec_make(&v, in.opt.out, NULL, ANC2VEC_MAX_DIM + 1, 0, &err), ERR_ARG);
	assert_int_equal(anc2vec_make(&v, scratch("absent"), NULL, 8, 0, &err), ERR_NOTFOUND);
	assert_int_equal(anc2vec_make(&v, scratch("one.fasta"), NULL, 8, 0, &err), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_vectors_never_change),
		cmocka_unit_test(vectors_sum_over_all_ancestors),
		cmocka_unit_test(the_newest_ontology_is_the_default),
		cmocka_unit_test(ontologies_of_one_date_must_be_chosen),
		cmocka_unit_test(cycles_end),
		cmocka_unit_test(arguments_and_files_are_checked),
	};

	return cmocka_run_group_tests(tests, make_bundle, remove_bundle);
}
