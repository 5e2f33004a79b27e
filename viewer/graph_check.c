/* What a profile must be before it is shown: rows refer to rows that exist, parents come first, nothing is
 * below zero, times go forward. See graph_build.h. */
#include "viewer/graph_build.h"

static int bad(struct build *b, const char *what)
{
	return err_set(b->err, ERR_FORMAT,
		       "the profile contradicts itself: %s; check its store with sqlite3's "
		       "pragma integrity_check",
		       what);
}

static int is_place(uint32_t place, uint32_t n)
{
	return place == PROFILE_NONE || place < n;
}

static int check_stacks(struct build *b, const struct profile *p)
{
	uint32_t i;

	if (p->n_stacks == 0)
		return bad(b, "there is no root stack");
	for (i = 1; i < p->n_stacks; i++)
		if (p->stacks[i].parent >= i || p->stacks[i].frame >= p->n_frames)
			return bad(b, "a stack without its parent or frame");
	for (i = 0; i < p->n_frames; i++)
		if (!is_place(p->frames[i].module, p->n_modules))
			return bad(b, "a frame without its module");
	return 0;
}

static int check_stages(struct build *b, const struct profile *p)
{
	uint32_t i;

	for (i = 0; i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];

		if (!is_place(s->parent, i))
			return bad(b, "a stage without its parent");
		if (!is_place(s->thread, p->n_threads))
			return bad(b, "a stage without its thread");
	}
	return 0;
}

static int check_samples(struct build *b, const struct profile *p)
{
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		if (s->stack >= p->n_stacks || s->value < 0 || !is_place(s->stage, p->n_stages) ||
		    !is_place(s->thread, p->n_threads))
			return bad(b, "a sample without its stack, stage or thread, or below zero");
		if (s->kind >= PROFILE_KINDS)
			return bad(b, "a sample of an unknown kind");
	}
	return 0;
}

static int check_ticks(struct build *b, const struct profile *p)
{
	size_t i;

	for (i = 0; i < p->n_ticks; i++) {
		const struct profile_tick *t = &p->ticks[i];

		if (t->stack >= p->n_stacks || !is_place(t->thread, p->n_threads) ||
		    t->state >= PROFILE_STATES)
			return bad(b, "a sample in time without its stack, thread or state");
		if (i > 0 && t->t_ns < t[-1].t_ns)
			return bad(b, "samples in time that go back");
	}
	return 0;
}

int build_check(struct build *b, const struct profile *p)
{
	int rc = check_stacks(b, p);

	if (rc == 0)
		rc = check_stages(b, p);
	if (rc == 0)
		rc = check_samples(b, p);
	return rc == 0 ? check_ticks(b, p) : rc;
}
