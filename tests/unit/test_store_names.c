/* prof/store/names and fold: inlined functions become rows of their own, and the view `folded` says what
 * the stacks say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "tests/unit/store_rig.h"

#define ID_A "0a1b2c3d-0000-4000-8000-000000000001"

static const char *text(const struct profile *p, uint32_t string)
{
	return strtab_text(p->strings, string);
}

static void path_of(const struct profile *p, uint32_t stack, struct buf *b)
{
	if (stack == 0)
		return;
	path_of(p, p->stacks[stack].parent, b);
	if (b->len)
		buf_putc(b, ';');
	buf_puts(b, text(p, p->frames[p->stacks[stack].frame].function));
}

/* The path of sample `i` of the run, to be freed. */
static char *sample_path(struct store *s, int64_t run, size_t i)
{
	struct profile p;
	struct buf b = BUF_INIT;

	OK(store_read_run(s, run, STORE_READ_SAMPLES, &p, e));
	assert_true(i < p.n_samples);
	for (uint32_t k = 1; k < p.n_stacks; k++) {
		assert_true(p.stacks[k].parent < k);
		assert_int_equal(p.stacks[k].depth, p.stacks[p.stacks[k].parent].depth + 1);
	}
	path_of(&p, p.samples[i].stack, &b);
	profile_release(&p);
	return buf_steal(&b, NULL);
}

static void check_path(struct store *s, int64_t run, size_t i, const char *want)
{
	char *path = sample_path(s, run, i);

	assert_string_equal(path, want);
	free(path);
}

struct seen {
	int modules;
	size_t frames;
	int64_t pid;
	uint64_t last;
};

static int see(void *ctx, const struct store_unnamed *u, struct err *err)
{
	struct seen *seen = ctx;

	(void)err;
	seen->modules++;
	seen->frames += u->n;
	seen->pid = u->pid;
	seen->last = u->rel_addrs[u->n - 1];
	if (u->module)
		assert_string_equal(u->path, "/usr/bin/prog");
	else
		assert_string_equal(u->path, "");
	return 0;
}

static void frames_without_names_are_told_by_module(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct seen seen = {0};
	struct rig_run r;
	int64_t id;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_frame_add(s, r.run, 0, 0x77, &id, e));
	OK(store_frame_add_label(s, r.run, "[truncated]", &id, e));
	OK(store_unnamed(s, r.run, see, &seen, e));
	assert_int_equal(seen.modules, 2);
	assert_int_equal(seen.frames, 5);
	assert_int_equal(seen.pid, 70);
	assert_int_equal(seen.last, 0x103);
	rig_name(s, &r);
	seen = (struct seen){0};
	OK(store_unnamed(s, r.run, see, &seen, e));
	assert_int_equal(seen.frames, 1); /* the one without a module */
	OK(store_commit(s, e));
	store_close(s);
}

static void inlined_functions_are_rows_of_their_own(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_name plain = {.function = "main", .file = "m.c", .line = 1};
	struct store_name chain[] = {{.function = "work", .file = "w.c", .line = 10},
				     {.function = "step", .file = "w.h", .line = 20},
				     {.function = "add", .file = "a.h", .line = 30}};
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_name_frame(s, r.run, r.frames[0], &plain, 1, e));
	OK(store_name_frame(s, r.run, r.frames[1], chain, 3, e));
	plain.function = "leaf";
	OK(store_name_frame(s, r.run, r.frames[2], &plain, 1, e));
	plain.function = "other";
	OK(store_name_frame(s, r.run, r.frames[3], &plain, 1, e));
	OK(store_names_apply(s, r.run, e));
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	check_path(s, r.run, 0, "main;work;step;add;leaf");
	check_path(s, r.run, 1, "main;other");
	OK(store_read_run(s, r.run, STORE_READ_ALL, &p, e));
	assert_int_equal(p.n_frames, 6);
	assert_int_equal(p.n_stacks, 7);
	assert_string_equal(text(&p, p.frames[1].function),
			    "add"); /* the frame itself: the innermost */
	assert_int_equal(p.frames[1].inline_depth, 2);
	assert_string_equal(text(&p, p.frames[4].function), "work");
	assert_int_equal(p.frames[4].inline_depth, 0);
	assert_int_equal(p.frames[4].line, 10);
	assert_int_equal(p.frames[5].inline_depth, 1);
	assert_int_equal(p.frames[5].rel_addr, p.frames[1].rel_addr);
	assert_int_equal(p.frames[5].module, p.frames[1].module);
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_int("SELECT max(depth) FROM stack"), 5);
	assert_int_equal(rig_int("SELECT value FROM folded WHERE folded = 'main;work;step;add;leaf'"
				 " AND kind = 'cpu' AND stage = 'knn'"),
			 30);
	assert_int_equal(
		rig_int("SELECT value FROM folded WHERE folded = 'main;other' AND stage IS NULL"),
		10);
	assert_int_equal(rig_int("SELECT count(*) FROM folded"), 2);
	assert_true(rig_sound());
}

static void a_run_may_be_named_again(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_name better = {.function = "better", .file = "b.c", .line = 4};
	struct store_name chain[] = {{.function = "x"}, {.function = "y"}};
	struct rig_run r;
	int64_t stack, frame;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_name_frame(s, r.run, r.frames[2], chain, 2, e));
	rig_name(s, &r); /* the last answer for frame 2 holds: `leaf` */
	check_path(s, r.run, 0, "main;work;leaf");
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	OK(store_begin(s, e)); /* later: new stacks from what a crash left, better names */
	OK(store_frame_add(s, r.run, r.module, 0x500, &frame, e));
	OK(store_stack_add(s, r.stacks[2], frame, 4, &stack, e));
	OK(store_sample_add(s, r.run, PROFILE_CPU, r.stage, r.thread, stack, 1, 5, e));
	OK(store_name_frame(s, r.run, r.frames[1], &better, 1, e));
	OK(store_name_frame(s, r.run, r.frames[0], chain, 2,
			    e)); /* named before: renamed, not spliced */
	OK(store_name_frame(s, r.run, frame, chain, 2, e));
	OK(store_names_apply(s, r.run, e));
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	check_path(s, r.run, 1, "y;better;leaf;x;y");
	store_close(s);
	assert_int_equal(rig_int("SELECT value FROM folded WHERE folded = 'y;better;leaf;x;y'"), 5);
	assert_int_equal(rig_int("SELECT value FROM folded WHERE folded = 'y;better;leaf'"), 30);
}

static void different_addresses_of_one_path_are_one_line(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_name same = {.function = "same"};
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	for (int i = 0; i < 4; i++)
		OK(store_name_frame(s, r.run, r.frames[i], &same, 1, e));
	OK(store_sample_add(s, r.run, PROFILE_WALL, 0, r.thread, r.stacks[1], 1, 3, e));
	OK(store_sample_add(s, r.run, PROFILE_WALL, 0, r.thread, r.stacks[3], 1, 4, e));
	OK(store_names_apply(s, r.run, e));
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(
		rig_int("SELECT value FROM folded WHERE folded = 'same;same' AND kind = 'wall'"),
		7);
	assert_int_equal(rig_int("SELECT count(*) FROM folded WHERE kind = 'wall'"), 1);
}

static void names_cannot_break_the_folded_text(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct store_name odd = {.function = "a;b\nc\x7f</script>\"'\xff\xc3\xa9"};
	char got[200];
	struct rig_run r;
	struct profile p;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	for (int i = 0; i < 4; i++)
		OK(store_name_frame(s, r.run, r.frames[i], &odd, 1, e));
	OK(store_names_apply(s, r.run, e));
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	assert_string_equal(text(&p, p.frames[0].function),
			    odd.function); /* only the view is tamed */
	profile_release(&p);
	store_close(s);
	rig_text("SELECT folded FROM folded WHERE stage IS NULL", got, sizeof got);
	assert_string_equal(got, "a:b?c?</script>\"'\xff\xc3\xa9;a:b?c?</script>\"'\xff\xc3\xa9");
}

static void stacks_without_names_are_unknown_in_the_view(void **state)
{
	struct store *s = rig_open(STORE_CREATE);

	(void)state;
	OK(store_begin(s, e));
	rig_small(s, ID_A, "a", 1); /* unfinished */
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT sum(value) FROM folded WHERE folded = '[unknown]'"), 40);
}

#define TREE_STACKS 20000
#define TREE_DEPTH  40

/* A large tree, some of whose rows get ready texts: the view must say what walking the stacks says. */
static void large_trees_fold_as_small_ones(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	int64_t frames[50], path[TREE_DEPTH];
	struct rig_run r;
	struct profile p;
	uint64_t a = 0, b = 0;
	char sql[200];

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	for (int i = 0; i < 50; i++)
		OK(store_frame_add(s, r.run, r.module, 0x1000u + (unsigned)i, &frames[i], e));
	for (uint64_t i = 0; i < TREE_STACKS; i++) {
		unsigned keep = i ? TREE_DEPTH - 1 - (unsigned)(hash_u64(i) % 12) : 0;

		for (unsigned d = keep; d < TREE_DEPTH; d++)
			OK(store_stack_add(s, d ? path[d - 1] : r.stacks[1],
					   frames[hash_u64(i * 64 + d) % 50], d + 3, &path[d], e));
		OK(store_sample_add(s, r.run, PROFILE_ALLOC, 0, r.thread, path[TREE_DEPTH - 1], 1,
				    (int64_t)i, e));
	}
	for (int i = 0; i < 50; i++) {
		char name[20];
		struct store_name chain[2] = {{.function = "outer"}, {.function = name}};

		snprintf(name, sizeof name, "f%d", i / 2);
		OK(store_name_frame(s, r.run, frames[i], chain + (i % 5 > 0), i % 5 ? 1 : 2, e));
	}
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	OK(store_read_run(s, r.run, STORE_READ_SAMPLES, &p, e));
	for (size_t i = 0; i < p.n_samples; i++) {
		struct buf line = BUF_INIT;

		path_of(&p, p.samples[i].stack, &line);
		if (p.samples[i].kind == PROFILE_ALLOC)
			a += (uint64_t)line.len * (uint64_t)p.samples[i].value;
		if (i % 1000 == 7) {
			char *line_sql = NULL;

			assert_true(asprintf(&line_sql,
					     "SELECT count(*) FROM folded WHERE kind = 'alloc' AND"
					     " folded = '%s'",
					     line.data) > 0);
			if (p.samples[i].kind == PROFILE_ALLOC)
				assert_int_equal(rig_int(line_sql), 1);
			free(line_sql);
		}
		buf_release(&line);
	}
	profile_release(&p);
	store_close(s);
	assert_true(rig_int("SELECT count(*) FROM path_row WHERE text IS NOT NULL") >= 4);
	snprintf(sql, sizeof sql,
		 "SELECT sum(length(folded) * value) FROM folded WHERE kind = 'alloc'");
	b = (uint64_t)rig_int(sql);
	assert_true(a == b);
	assert_true(rig_sound());
}

static void deep_recursion_is_walked_to_its_root(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;
	int64_t stack;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	stack = r.stacks[0];
	for (uint32_t d = 2; d <= 5000; d++)
		OK(store_stack_add(s, stack, r.frames[1], d, &stack, e));
	OK(store_sample_add(s, r.run, PROFILE_WALL, 0, r.thread, stack, 1, 1, e));
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_int("SELECT length(folded) FROM folded WHERE kind = 'wall'"),
			 4 + 4999 * 5);
}

static void stacks_that_go_in_circles_are_refused(void **state)
{
	struct store *s = rig_open(STORE_CREATE);
	struct err err = ERR_INIT;
	struct store_name n = {.function = "f"};
	struct rig_run r;

	(void)state;
	OK(store_begin(s, e));
	r = rig_small(s, ID_A, "a", 1);
	OK(store_commit(s, e));
	store_close(s);
	assert_int_equal(rig_exec("UPDATE stack_row SET up = -2 WHERE (id & 0xffffffff) = 1"), 0);
	s = rig_open(STORE_WRITE);
	OK(store_begin(s, e));
	OK(store_name_frame(s, r.run, r.frames[0], &n, 1, e));
	assert_int_equal(store_names_apply(s, r.run, &err), ERR_FORMAT);
	store_rollback(s);
	store_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(frames_without_names_are_told_by_module),
		T(inlined_functions_are_rows_of_their_own),
		T(a_run_may_be_named_again),
		T(different_addresses_of_one_path_are_one_line),
		T(names_cannot_break_the_folded_text),
		T(stacks_without_names_are_unknown_in_the_view),
		T(large_trees_fold_as_small_ones),
		T(deep_recursion_is_walked_to_its_root),
		T(stacks_that_go_in_circles_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
