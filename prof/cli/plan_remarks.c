/* What one should know about the stages that a plan stands on. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "prof/cli/plan.h"

#define TEXT_MAX 240

static char room[PLAN_REMARKS][TEXT_MAX];

struct remarks {
	const char **to;
	size_t n;
};

static void say(struct remarks *r, const char *fmt, ...) ERR_PRINTF(2, 3);
static void say(struct remarks *r, const char *fmt, ...)
{
	va_list ap;

	if (r->n >= PLAN_REMARKS - 1)
		return;
	va_start(ap, fmt);
	vsnprintf(room[r->n], TEXT_MAX, fmt, ap);
	va_end(ap);
	r->to[r->n] = room[r->n];
	r->to[++r->n] = NULL;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void of_stages(struct remarks *r, const struct plan *p)
{
	const struct batch_stage *s = p->stage;

	if (s->after)
		say(r,
		    "%" PRIu64 " batch%s not counted: a larger one ran before in the same process, "
		    "and its memory stays resident; run sizes upwards, or each in a run of its "
		    "own, or plan with --metric peak_heap",
		    s->after, s->after == 1 ? " was" : "es were");
	if (s->no_items)
		say(r, "%" PRIu64 " stage%s without a number of items", s->no_items,
		    plural(s->no_items));
	if (s->no_memory && p->model.reason == BATCH_FITTED && !p->model.given_per_item)
		say(r,
		    "%" PRIu64 " batch%s too short for %s memory to be measured: %s no part in "
		    "the line of memory",
		    s->no_memory, s->no_memory == 1 ? " was" : "es were",
		    s->no_memory == 1 ? "its" : "their",
		    s->no_memory == 1 ? "it has" : "they have");
	if (s->folded)
		say(r,
		    "%" PRIu64 " stages are known by their sum alone (more than 10,000 of a "
		    "name in a run)",
		    s->folded);
	if (s->processes && p->memory == BATCH_RSS && !p->model.given_shared)
		say(r, "several processes ran at once: what they share is not known; --shared says "
		       "it");
	else if (!p->model.shared_known && p->model.reason == BATCH_FITTED &&
		 p->memory == BATCH_HEAP)
		say(r, "the heap shares nothing, and is not all: plan with --metric peak_rss, or "
		       "give --base and --shared");
	else if (!p->model.shared_known && p->model.reason == BATCH_FITTED)
		say(r, "these runs do not tell what is shared: each worker is counted with all of "
		       "it; --shared says it");
}

static void of_model(struct remarks *r, const struct plan *p)
{
	const struct batch_model *m = &p->model;

	if (m->memory.left_out && !m->given_per_item)
		say(r,
		    "%zu of %zu points left out: further from the line than 2.5 robust standard "
		    "deviations",
		    m->memory.left_out, m->memory.n);
	if (!m->given_per_item && !isnan(m->lo) && !(m->lo > 0) && m->reason == BATCH_FITTED)
		say(r, "that an item takes memory at all is not sure: more runs, or sizes further "
		       "apart, would tell");
	if (m->steep > 0)
		say(r,
		    "memory grows faster than a line: from %g to %g items each takes %.4g MiB, on "
		    "the line %.4g MiB",
		    m->steep_from, m->steep_to, m->steep / 1048576, m->per_item / 1048576);
	if (m->shared_line.sizes >= 2 && m->shared_line.lo > 0 && m->reason == BATCH_FITTED &&
	    !m->given_shared && m->shared_line.per_item > m->per_item / 20)
		say(r,
		    "shared memory grows with the batch: %.4g MiB an item, counted for each "
		    "worker",
		    m->shared_line.per_item / 1048576);
	if (m->reason == BATCH_FITTED && !p->plan.bends && m->memory.sizes >= 2 &&
	    !m->given_per_item && p->plan.largest > 2 * m->memory.most_x)
		say(r,
		    "the largest batch measured had %g items: beyond it the plan trusts the line",
		    m->memory.most_x);
	if (m->reason == BATCH_FITTED && m->wall.sizes < 2)
		say(r, "latency and throughput need stages that were measured");
}

void plan_remarks(const char *to[PLAN_REMARKS], const struct plan *p)
{
	struct remarks r = {to, 0};

	to[0] = NULL;
	if (p->stage)
		of_stages(&r, p);
	of_model(&r, p);
	if (p->data && p->data->machines && strtab_count(p->data->machines) > 2) /* "" is one */
		say(&r, "runs of several machines: their times are of none of them");
	if (p->data && p->data->failed && p->stage && p->stage->failed_at > 0)
		say(&r,
		    "%" PRIu32 " failed run%s left out: the smallest size at which one failed is "
		    "%g, and no batch of %g or more is planned",
		    p->data->failed, plural(p->data->failed), p->stage->failed_at,
		    p->stage->failed_at);
	else if (p->data && p->data->failed)
		say(&r, "%" PRIu32 " failed run%s left out", p->data->failed,
		    plural(p->data->failed));
	if (p->data && p->data->unfinished)
		say(&r, "%" PRIu32 " run%s without an end: stages that ended count",
		    p->data->unfinished, plural(p->data->unfinished));
	if (p->data && p->data->lossy)
		say(&r, "%" PRIu32 " run%s lost records (report tells): stages may be missing",
		    p->data->lossy, plural(p->data->lossy));
}
