/* Comparisons of profiles made by hand: runs by lines of text, rows by name. */
#ifndef TESTS_COMPARE_RIG_H
#define TESTS_COMPARE_RIG_H

#include "prof/analyze/compare.h"
#include "tests/unit/made_profile.h"

#define RIG_MS 1000000 /* ns of a sample */

struct rig {
	struct compare *c;
	struct compare_options o;
};

static inline void rig_start(struct rig *r, const struct compare_options *o)
{
	struct err err = ERR_INIT;

	r->o = *o;
	if (compare_new(&r->c, o, &err))
		abort();
}

static inline struct profile *rig_run(void)
{
	struct profile *p = calloc(1, sizeof *p);

	if (!p || profile_init(p))
		abort();
	made_thread(p, "main", 100);
	p->run.duration_ns = 1000000000;
	p->run.finished = 1;
	p->run.memory = made_text(p, "full");
	return p;
}

/* `n` samples of CPU time of a millisecond. */
static inline void rig_cpu(struct profile *p, const char *path, uint64_t n)
{
	made_sample(p, PROFILE_CPU, PROFILE_NONE, 0, path, n, (int64_t)n * RIG_MS);
}

static inline void rig_cpu_in(struct profile *p, uint32_t stage, const char *path, uint64_t n)
{
	made_sample(p, PROFILE_CPU, stage, 0, path, n, (int64_t)n * RIG_MS);
}

/* Adds and releases it. */
static inline int rig_add(struct rig *r, int group, struct profile *p)
{
	int rc = compare_add_run(r->c, group, p, NULL);

	profile_release(p);
	free(p);
	return rc;
}

static inline const struct compare_function *rig_row(const struct rig *r, const char *name)
{
	const struct compare_function *rows;
	size_t n, i;

	rows = compare_rows(r->c, &n);
	for (i = 0; i < n; i++)
		if (strcmp(compare_text(r->c, rows[i].function), name) == 0)
			return &rows[i];
	return NULL;
}

static inline const char *rig_stack(const struct rig *r, const char *name)
{
	const struct compare_function *f = rig_row(r, name);

	return f ? compare_text(r->c, f->stack) : "?";
}

static inline const char *rig_stage(const struct rig *r, const char *name)
{
	const struct compare_function *f = rig_row(r, name);

	return f ? compare_text(r->c, f->stage) : "?";
}

static inline int rig_has_remark(const struct rig *r, const char *part)
{
	const char *text;
	size_t i;

	for (i = 0; (text = compare_remark(r->c, i)); i++)
		if (strstr(text, part))
			return 1;
	return 0;
}

#endif
