/* Trees of calls: self and total, labels that join frames, order, recursion; against sums taken over
 * every path of every sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/calltree.h"

/* Path of frames given outermost first, as one reads it. */
static uint32_t path(struct stacktab *t, const char *frames)
{
	uint32_t at = STACK_ROOT;

	for (; *frames; frames++)
		assert_int_equal(stacktab_intern(t, at, (uint32_t)*frames, &at), 0);
	return at;
}

/* "label:self/total(children…)" of the whole tree. */
static size_t print(const struct calltree *tree, uint32_t i, char *out)
{
	const struct calltree_node *n = &tree->nodes[i];
	size_t at = (size_t)snprintf(out, 64, "%c:%d/%d",
				     n->label == CALLTREE_NO_LABEL ? '*' : (char)n->label,
				     (int)n->self_value, (int)n->total_value);
	uint32_t c;

	for (c = i + 1; c < n->end; c = tree->nodes[c].end) {
		out[at++] = c == i + 1 ? '(' : ' ';
		assert_int_equal(tree->nodes[c].parent, i);
		assert_int_equal(tree->nodes[c].depth, n->depth + 1);
		at += print(tree, c, out + at);
	}
	if (n->end > i + 1)
		out[at++] = ')';
	out[at] = '\0';
	return at;
}

static void is_tree(const struct calltree *tree, const char *want)
{
	char text[512];

	assert_int_equal(tree->nodes[0].end, tree->count);
	assert_int_equal(tree->nodes[0].label, CALLTREE_NO_LABEL);
	print(tree, 0, text);
	assert_string_equal(text, want);
}

static void totals_include_what_is_called(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[] = {
		{path(t, "mab"), 1, 5}, {path(t, "ma"), 1, 2}, {path(t, "mc"), 1, 9},
		{path(t, "mab"), 2, 1}, {STACK_ROOT, 1, 100},
	};
	struct calltree tree;

	(void)state;
	path(t, "mxyz"); /* nothing sampled there */
	assert_int_equal(calltree_build(&tree, t, s, 5, NULL), 0);
	is_tree(&tree, "*:100/117(m:0/17(c:9/9 a:2/8(b:6/6)))");
	assert_int_equal(tree.nodes[0].total_count, 6);
	assert_int_equal(tree.nodes[calltree_child(&tree, 1, 'a')].total_count, 4);
	assert_int_equal(calltree_child(&tree, 1, 'b'), 0);
	assert_int_equal(calltree_child(&tree, 99, 'b'), 0);
	calltree_release(&tree);
	assert_int_equal(tree.count, 0);
	calltree_release(&tree);
	stacktab_free(t);
}

static void no_samples_make_a_root(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree tree;

	(void)state;
	path(t, "abc");
	assert_int_equal(calltree_build(&tree, t, NULL, 0, NULL), 0);
	is_tree(&tree, "*:0/0");
	calltree_release(&tree);
	stacktab_free(t);
}

static void recursion_is_left_as_it_is(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[] = {{path(t, "faaab"), 1, 1}, {path(t, "faab"), 1, 2}};
	struct calltree tree;

	(void)state;
	assert_int_equal(calltree_build(&tree, t, s, 2, NULL), 0);
	is_tree(&tree, "*:0/3(f:0/3(a:0/3(a:0/3(b:2/2 a:0/1(b:1/1)))))");
	calltree_release(&tree);
	stacktab_free(t);
}

/* Two addresses of one function, 'a' and 'A', are one node, also when their callees differ. */
static void labels_join_frames(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[] = {
		{path(t, "maX"), 1, 1}, {path(t, "mAX"), 1, 2}, {path(t, "mAy"), 1, 4}};
	uint32_t labels[128], i;
	struct calltree_options o = {.labels = labels, .n_labels = 128};
	struct calltree tree;

	(void)state;
	for (i = 0; i < 128; i++)
		labels[i] = i >= 'A' && i <= 'Z' ? i + 32 : i;
	assert_int_equal(calltree_build(&tree, t, s, 3, &o), 0);
	is_tree(&tree, "*:0/7(m:0/7(a:0/7(y:4/4 x:3/3)))");
	calltree_release(&tree);
	o.n_labels = 'm'; /* no label for 'm' */
	assert_int_equal(calltree_build(&tree, t, s, 3, &o), ERR_ARG);
	assert_int_equal(tree.count, 0);
	stacktab_free(t);
}

static void equal_children_stand_by_rank(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[] = {{path(t, "b"), 1, 1},
				      {path(t, "c"), 1, 1},
				      {path(t, "a"), 1, 1},
				      {path(t, "d"), 1, 2}};
	uint32_t ranks[128] = {0};
	struct calltree_options o = {.ranks = ranks, .n_ranks = 128};
	struct calltree tree;

	(void)state;
	ranks['b'] = 3, ranks['c'] = 2, ranks['a'] = 3, ranks['d'] = 9;
	assert_int_equal(calltree_build(&tree, t, s, 4, &o), 0);
	is_tree(&tree, "*:0/5(d:2/2 c:1/1 a:1/1 b:1/1)");
	calltree_release(&tree);
	o.order = CALLTREE_BY_RANK;
	assert_int_equal(calltree_build(&tree, t, s, 4, &o), 0);
	is_tree(&tree, "*:0/5(c:1/1 a:1/1 b:1/1 d:2/2)");
	calltree_release(&tree);
	o.n_ranks = 'd';
	assert_int_equal(calltree_build(&tree, t, s, 4, &o), ERR_ARG);
	stacktab_free(t);
}

static void sums_that_do_not_fit_are_refused(void **state)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[] = {{path(t, "a"), 1, UINT64_MAX}, {path(t, "b"), 1, 0}};
	struct calltree tree;

	(void)state;
	assert_int_equal(calltree_build(&tree, t, s, 2, NULL), 0);
	assert_true(tree.nodes[0].total_value == UINT64_MAX);
	calltree_release(&tree);
	s[1].value = 1;
	assert_int_equal(calltree_build(&tree, t, s, 2, NULL), ERR_LIMIT);
	s[1].value = 0;
	s[1].count = UINT64_MAX;
	assert_int_equal(calltree_build(&tree, t, s, 2, NULL), ERR_LIMIT);
	s[1].count = 1;
	s[1].stack = stacktab_count(t);
	assert_int_equal(calltree_build(&tree, t, s, 2, NULL), ERR_ARG);
	assert_int_equal(tree.count, 0);
	stacktab_free(t);
}

static void deep_paths_need_no_deep_stack(void **state)
{
	enum { DEEP = 300000 };
	struct stacktab *t = stacktab_new();
	struct calltree_sample s = {STACK_ROOT, 1, 3};
	struct calltree tree;

	(void)state;
	for (uint32_t i = 0; i < DEEP; i++)
		assert_int_equal(stacktab_intern(t, s.stack, 1, &s.stack), 0);
	assert_int_equal(calltree_build(&tree, t, &s, 1, NULL), 0);
	assert_int_equal(tree.count, DEEP + 1);
	assert_int_equal(tree.nodes[DEEP].depth, DEEP);
	assert_int_equal(tree.nodes[DEEP].self_value, 3);
	assert_int_equal(tree.nodes[1].total_value, 3);
	calltree_release(&tree);
	stacktab_free(t);
}

/* ---- against sums over paths ------------------------------------------------------------------ */

enum { FRAMES = 9, DEPTH = 6, STACKS = 300, LABELS = 4 };

/* Value of the samples whose path of labels begins with (or, for self, is) `path`. */
static uint64_t sum_over(const struct stacktab *t, const struct calltree_sample *s, size_t n,
			 const uint32_t *labels, const uint32_t *wanted, uint32_t depth, int self)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t frames[DEPTH], k,
			len = (uint32_t)stacktab_walk(t, s[i].stack, frames, DEPTH);

		if (self ? len != depth : len < depth)
			continue;
		for (k = 0; k < depth && labels[frames[len - 1 - k]] == wanted[k]; k++)
			;
		if (k == depth)
			sum += s[i].value;
	}
	return sum;
}

static void path_of_node(const struct calltree *tree, uint32_t i, uint32_t *wanted)
{
	for (; i != 0; i = tree->nodes[i].parent)
		wanted[tree->nodes[i].depth - 1] = tree->nodes[i].label;
}

static struct calltree random_tree(uint64_t seed, int reversed)
{
	struct stacktab *t = stacktab_new();
	struct calltree_sample s[STACKS];
	uint32_t labels[FRAMES];
	struct calltree_options o = {.labels = labels, .n_labels = FRAMES};
	struct calltree tree;

	for (uint32_t i = 0; i < FRAMES; i++)
		labels[i] = i % LABELS;
	for (uint32_t i = 0; i < STACKS; i++) {
		uint32_t frames[DEPTH], n;
		/* Backwards the stacks get other ids and the samples another order. */
		uint64_t r = hash_u64(seed * STACKS + (reversed ? STACKS - 1 - i : i));

		n = (uint32_t)(r % (DEPTH + 1));
		for (uint32_t k = 0; k < n; k++)
			frames[k] = (uint32_t)(hash_u64(r + k) % FRAMES);
		s[i] = (struct calltree_sample){0, 1, r >> 32 & 7};
		assert_int_equal(stacktab_intern_path(t, frames, n, &s[i].stack), 0);
	}
	assert_int_equal(calltree_build(&tree, t, s, STACKS, &o), 0);
	for (uint32_t i = 0; !reversed && i < tree.count; i++) {
		const struct calltree_node *n = &tree.nodes[i];
		uint32_t wanted[DEPTH];

		path_of_node(&tree, i, wanted);
		assert_int_equal(n->total_value,
				 sum_over(t, s, STACKS, labels, wanted, n->depth, 0));
		assert_int_equal(n->self_value,
				 sum_over(t, s, STACKS, labels, wanted, n->depth, 1));
	}
	stacktab_free(t);
	return tree;
}

static void trees_agree_with_sums_over_paths(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct calltree tree = random_tree(seed, 0), again = random_tree(seed, 1);

		assert_int_equal(tree.count, again.count);
		assert_memory_equal(tree.nodes, again.nodes, tree.count * sizeof *tree.nodes);
		calltree_release(&tree);
		calltree_release(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_include_what_is_called),
		cmocka_unit_test(no_samples_make_a_root),
		cmocka_unit_test(recursion_is_left_as_it_is),
		cmocka_unit_test(labels_join_frames),
		cmocka_unit_test(equal_children_stand_by_rank),
		cmocka_unit_test(sums_that_do_not_fit_are_refused),
		cmocka_unit_test(deep_paths_need_no_deep_stack),
		cmocka_unit_test(trees_agree_with_sums_over_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
