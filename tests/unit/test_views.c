/* Call tree with library folding, stages by name, folded stacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/stages.h"
#include "prof/analyze/tree.h"
#include "prof/formats/folded.h"
#include "tests/unit/made_profile.h"

static void make(struct profile *p)
{
	uint32_t t;

	assert_int_equal(profile_init(p), 0);
	t = made_thread(p, "main", 1);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, t,
		    "_start@/bin/prog;__libc_start_main@/lib/libc.so.6;main@/bin/prog;qsort@/lib/"
		    "libc.so.6;"
		    "msort@/lib/libc.so.6;compare@/bin/prog",
		    6, 600);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, t,
		    "_start@/bin/prog;__libc_start_main@/lib/libc.so.6;main@/bin/prog;qsort@/lib/"
		    "libc.so.6",
		    1, 100);
	made_sample(p, PROFILE_CPU, PROFILE_NONE, t,
		    "_start@/bin/prog;__libc_start_main@/lib/libc.so.6;main@/bin/prog;free@/lib/"
		    "libc.so.6",
		    3, 300);
}

static const struct calltree_node *node(const struct profile_tree *t, const struct profile *p,
					const char *name)
{
	uint32_t i;

	for (i = 1; i < t->tree.count; i++)
		if (strcmp(strtab_text(p->strings, t->labels[t->tree.nodes[i].label].function),
			   name) == 0)
			return &t->tree.nodes[i];
	return NULL;
}

static void library_frames_below_user_code_become_one_node(void **state)
{
	struct profile_tree t;
	struct profile p;
	const struct calltree_node *n;

	(void)state;
	make(&p);
	assert_int_equal(profile_tree_build(&t, &p, NULL, 0, 1, NULL), 0);
	n = node(&t, &p, "[libc.so.6]");
	assert_non_null(n);
	assert_int_equal(n->total_value, 1000);
	assert_int_equal(n->self_value, 400);
	assert_int_equal(node(&t, &p, "compare")->total_value, 600);
	assert_null(node(&t, &p, "qsort"));
	profile_tree_release(&t);
	assert_int_equal(profile_tree_build(&t, &p, NULL, 0, 0, NULL), 0);
	assert_int_equal(node(&t, &p, "qsort")->total_value, 700);
	assert_null(node(&t, &p, "[libc.so.6]"));
	profile_tree_release(&t);
	profile_release(&p);
}

static void a_function_is_one_node_whatever_its_addresses(void **state)
{
	struct profile_tree t;
	struct profile p;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main@/p:m.c:3", 1, 10);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main@/p:m.c:4", 1, 10);
	assert_int_equal(profile_tree_build(&t, &p, NULL, 0, 0, NULL), 0);
	assert_int_equal(t.tree.count, 2);
	profile_tree_release(&t);
	assert_int_equal(profile_tree_build(&t, &p, NULL, 1, 0, NULL), 0);
	assert_int_equal(t.tree.count, 3);
	profile_tree_release(&t);
	profile_release(&p);
}

static void only_the_runtime_is_library_code(void **state)
{
	static const struct {
		const char *stack;
		int library;
	} known[] = {{"f@/lib/libc.so.6", 1},
		     {"f@/lib/libc-2.31.so", 1},
		     {"f@/lib/libc-client.so", 0},
		     {"f@/lib/libdlib.so.19", 0},
		     {"f@/lib/ld-linux-x86-64.so.2", 1},
		     {"f@/lib/ld-2.31.so", 1},
		     {"f@/lib/libldap.so.2", 0},
		     {"f@/lib/libm.so.6", 1},
		     {"f@/lib/libmagic.so.1", 0},
		     {"f@/lib/libstdc++.so.6.0.30", 1},
		     {"f@[vdso]", 1},
		     {"f@/usr/bin/ld", 0}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct profile_tree t;
		struct profile p;

		assert_int_equal(profile_init(&p), 0);
		made_thread(&p, "main", 1);
		made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, known[i].stack, 1, 10);
		assert_int_equal(profile_tree_build(&t, &p, NULL, 0, 0, NULL), 0);
		if (t.labels[0].library != known[i].library)
			fail_msg("%s", known[i].stack);
		profile_tree_release(&t);
		profile_release(&p);
	}
}

static void stages_are_summed_by_name_with_nearest_rank(void **state)
{
	struct stage_list l;
	struct profile p;
	int i;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_thread(&p, "main", 1);
	made_stage(&p, "outer", PROFILE_NONE, 900);
	for (i = 1; i <= 20; i++)
		made_stage(&p, "inner", 0, i);
	p.stages[1].items = 30;
	p.stages[2].folded = 3; /* stands for three of mean 2/3 */
	assert_int_equal(stage_list_make(&l, &p, NULL), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(strtab_text(p.strings, l.rows[0].name), "outer");
	assert_int_equal(l.rows[1].depth, 1);
	assert_int_equal(l.rows[1].n, 22);
	assert_true(l.rows[1].wall_ns.max == 20 && l.rows[1].wall_ns.sum == 210);
	assert_true(l.rows[1].wall_ns.min < 1);
	assert_true(l.rows[1].wall_ns.median == 9); /* rank 11 of 22: three thirds, 1, 3 … */
	assert_true(l.rows[1].wall_ns.p95 == 19);   /* rank ceil(20.9) = 21 */
	assert_true(l.rows[1].items == 30);
	assert_true(l.rows[1].peak_heap_bytes.max == -1);
	stage_list_release(&l);
	profile_release(&p);
}

static void folded_stacks_escape_what_would_break_a_line(void **state)
{
	struct profile p;
	char *text = NULL;
	size_t len = 0;
	FILE *out;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main;b", 2, 20);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main;a", 1, 7);
	p.frames[p.n_frames - 1].function = made_text(&p, "x;y\nz\x1b[0m");
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main@/other", 1, 5);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main", 1, 4);
	made_sample(&p, PROFILE_WALL, PROFILE_NONE, 0, "main", 9, 9);
	out = open_memstream(&text, &len);
	assert_non_null(out);
	assert_int_equal(folded_write(out, &p, PROFILE_CPU, FOLDED_VALUE, NULL, NULL, NULL), 0);
	fclose(out);
	assert_string_equal(text, "main 9\nmain;b 20\nmain;x:y?z?[0m 7\n");
	free(text);
	out = open_memstream(&text, &len);
	assert_int_equal(folded_write(out, &p, PROFILE_CPU, FOLDED_COUNT, NULL, NULL, NULL), 0);
	fclose(out);
	assert_string_equal(text, "main 2\nmain;b 2\nmain;x:y?z?[0m 1\n");
	free(text);
	profile_release(&p);
}

static void a_full_disk_is_an_error_of_folded(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct err err = ERR_INIT;
	struct profile p;

	(void)state;
	if (!full)
		skip();
	setvbuf(full, NULL, _IONBF, 0);
	make(&p);
	assert_int_equal(folded_write(full, &p, PROFILE_CPU, FOLDED_VALUE, NULL, NULL, &err),
			 ERR_IO);
	fclose(full);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(library_frames_below_user_code_become_one_node),
		cmocka_unit_test(a_function_is_one_node_whatever_its_addresses),
		cmocka_unit_test(only_the_runtime_is_library_code),
		cmocka_unit_test(stages_are_summed_by_name_with_nearest_rank),
		cmocka_unit_test(folded_stacks_escape_what_would_break_a_line),
		cmocka_unit_test(a_full_disk_is_an_error_of_folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
