/* Costs by source line of all files at once: the same as file by file, and as adding up stack by stack; which
 * stacks are the first of their label. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/analyze/library.h"
#include "prof/analyze/source.h"
#include "prof/base/hash.h"
#include "prof/model/outermost.h"
#include "tests/unit/made_profile.h"

static uint64_t state_of;

static uint32_t next(uint32_t below)
{
	state_of = hash_u64(state_of + 0x9e3779b97f4a7c15u);
	return (uint32_t)(state_of % below);
}

/* A path of up to 12 frames out of few functions, files and lines, so that much recurs; some have no file, some
 * are library code. */
static void random_path(char *path, size_t size)
{
	static const char *const frames[] = {
		"f%u@/bin/p:/s/a.c:%u", "f%u@/bin/p:/s/b.c:%u",         "f%u@/bin/p",
		"f%u@/bin/p:/s/c.h:%u", "malloc%u@/lib/libc.so.6:m:%u", "[truncated]",
	};
	uint32_t depth = 1 + next(12), i;
	size_t len = 0;

	for (i = 0; i < depth; i++) {
		char one[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(one, sizeof(one), frames[next(6)], next(3), next(4));
#pragma GCC diagnostic pop
		len += (size_t)snprintf(path + len, size - len, "%s%s", i ? ";" : "", one);
	}
}

static void fill(struct profile *p, uint64_t seed)
{
	static const enum profile_kind kinds[] = {PROFILE_CPU,  PROFILE_ALLOC, PROFILE_PEAK,
						  PROFILE_LIVE, PROFILE_COPY,  PROFILE_WALL};
	char path[1024];
	uint32_t i, n = next(2) ? 60 : 3;

	state_of = seed;
	assert_int_equal(profile_init(p), 0);
	p->run.mode = made_text(p, seed % 3 ? "cpu" : "wall");
	made_thread(p, "main", 1);
	made_thread(p, "worker", 2);
	made_stage(p, "load", PROFILE_NONE, 10);
	for (i = 0; i < n; i++) {
		random_path(path, sizeof(path));
		made_sample(p, kinds[next(6)], next(2) ? 0 : PROFILE_NONE, next(2), path, next(3),
			    (int64_t)next(1000));
	}
}

/* What a line costs, the plain way: stack by stack, frame by frame. */
static void plain_sum(const struct profile *p, const struct sample_filter *filter,
		      enum profile_kind kind, uint32_t file, uint32_t line, int64_t *self,
		      int64_t *total, int64_t *here)
{
	size_t i;

	*self = *total = *here = 0;
	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];
		uint32_t own =
			profile_kind_is_time(kind) ? s->stack : library_user_stack(p, s->stack);
		uint32_t at;
		int touches = 0, in_file = 0;

		if (s->kind != (uint32_t)kind || (filter->thread && s->thread != 1))
			continue;
		for (at = s->stack; at; at = p->stacks[at].parent) {
			const struct profile_frame *f = &p->frames[p->stacks[at].frame];

			in_file |= f->file == file;
			touches |= f->file == file && f->line == line;
			if (at == own && f->file == file && f->line == line)
				*self += s->value;
		}
		*total += touches ? s->value : 0;
		*here += in_file ? s->value : 0;
	}
}

static void same_as_plain(const struct profile *p, const struct sample_filter *filter,
			  const struct source_files *v, const struct source_file *f)
{
	int64_t self, total, here;
	size_t i;
	int k;

	for (i = 0; i < f->n; i++) {
		assert_true(i == 0 || f->lines[i - 1].line < f->lines[i].line);
		for (k = 0; k < SOURCE_COLUMNS; k++) {
			plain_sum(p, filter, source_files_kind(v, (enum source_column)k), f->file,
				  f->lines[i].line, &self, &total, &here);
			assert_int_equal(f->lines[i].self[k], self);
			assert_int_equal(f->lines[i].total[k], total);
			assert_int_equal(f->here[k], here);
		}
	}
}

static void same_as_one(const struct profile *p, const struct sample_filter *filter,
			const struct source_files *v, const struct source_file *f)
{
	struct source_view one;

	assert_int_equal(source_view_make(&one, p, strtab_text(p->strings, f->file), filter, NULL),
			 0);
	assert_int_equal(one.n, f->n);
	assert_memory_equal(one.lines, f->lines, f->n * sizeof(*f->lines));
	assert_memory_equal(one.here, f->here, sizeof(f->here));
	assert_memory_equal(one.all, v->all, sizeof(v->all));
	source_view_release(&one);
}

static void all_files_are_as_one_by_one(void **state)
{
	struct sample_filter filters[] = {{0}, {.thread = "worker"}};
	struct source_files v;
	struct profile p;
	uint64_t seed;
	size_t i, k, lines = 0;

	(void)state;
	for (seed = 1; seed <= 300; seed++) {
		fill(&p, seed);
		for (k = 0; k < 2; k++) {
			assert_int_equal(source_files_make(&v, &p, &filters[k], NULL), 0);
			for (i = 0; i < v.n; i++) {
				same_as_plain(&p, &filters[k], &v, &v.files[i]);
				same_as_one(&p, &filters[k], &v, &v.files[i]);
				assert_true(i == 0 ||
					    strcmp(strtab_text(p.strings, v.files[i - 1].file),
						   strtab_text(p.strings, v.files[i].file)) < 0);
				lines += v.files[i].n;
			}
			source_files_release(&v);
		}
		profile_release(&p);
	}
	assert_true(lines > 3000);
}

static void a_run_without_files_has_none(void **state)
{
	struct source_files v;
	struct profile p;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	assert_int_equal(source_files_make(&v, &p, NULL, NULL), 0);
	assert_int_equal(v.n, 0);
	source_files_release(&v);
	made_thread(&p, "main", 1);
	made_sample(&p, PROFILE_CPU, PROFILE_NONE, 0, "main;f", 1, 10);
	assert_int_equal(source_files_make(&v, &p, NULL, NULL), 0);
	assert_int_equal(v.n, 0);
	source_files_release(&v);
	profile_release(&p);
}

/* A chain as deep as none is in practice, where a walk by calls would overflow: f;g;f;g;… */
static void deep_stacks_are_no_trouble(void **state)
{
	const uint32_t depth = 300000;
	uint32_t label_of[2] = {0, PROFILE_NONE}, i;
	unsigned char *first = malloc(depth + 1);
	struct profile p;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_frame(&p, "f");
	made_frame(&p, "g");
	p.stacks = realloc(p.stacks, (depth + 1) * sizeof(*p.stacks));
	assert_true(p.stacks && first);
	for (i = 1; i <= depth; i++)
		p.stacks[i] = (struct profile_stack){i - 1, (i - 1) % 2, i};
	p.n_stacks = depth + 1;
	assert_int_equal(outermost_find(&p, label_of, 1, first), 0);
	assert_int_equal(first[1], 1);
	for (i = 2; i <= depth; i++)
		assert_int_equal(first[i], 0);
	free(first);
	profile_release(&p);
}

static void each_branch_has_its_own_first(void **state)
{
	unsigned char first[16];
	uint32_t label_of[8] = {0, 1, 1, 2};
	struct profile p;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	made_stack(&p, "a;b;a"); /* 1 2 3 */
	made_stack(&p, "a;c;b"); /* 4 5: c has b's label */
	made_stack(&p, "b;a");   /* 6 7 */
	made_stack(&p, "d");     /* 8 */
	label_of[3] = PROFILE_NONE;
	assert_int_equal(outermost_find(&p, label_of, 2, first), 0);
	assert_memory_equal(first, "\0\1\1\0\1\0\1\1\0", 9);
	profile_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_files_are_as_one_by_one),
		cmocka_unit_test(a_run_without_files_has_none),
		cmocka_unit_test(deep_stacks_are_no_trouble),
		cmocka_unit_test(each_branch_has_its_own_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
