/* Alignments of all pairs: their distinct text pairs in one pass; what each pair had of it is counted apart. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/align_pass.h"
#include "pipeline/job/pairs.h"
#include "pipeline/job/staged_texts.h"

struct counting {
	struct pairs *r;
	struct align_pass pass;
	size_t *fresh;    /* owned, per pair and one more: its first new job */
	size_t *distinct; /* owned, per pair: text pairs */
	double *cells;    /* owned, per pair: of its new jobs that are missing */
	double all_cells;
	uint32_t *seen; /* owned, per job: the last pair that has it */
	size_t seen_cap;
};

/* ---- distinct text pairs ------------------------------------------------------------------------------ */

static uint32_t protein_of(const struct pairs *r, uint32_t row)
{
	return r->c->pool.protein[row];
}

static void want(struct counting *k)
{
	size_t i;
	uint32_t j;

	for (i = 0; i < k->r->n; i++) {
		const struct split *s = &k->r->split[i];

		for (j = 0; s->works && j < s->n_queries; j++)
			align_work_want(&k->pass.work, protein_of(k->r, s->query_row[j]));
		for (j = 0; s->works && j < s->pairs.n; j++)
			align_work_want(&k->pass.work, protein_of(k->r, s->pairs.ref_row[j]));
	}
}

static int grow_seen(struct counting *k, struct err *err)
{
	uint32_t *more;

	if (k->seen_cap >= k->pass.work.cap)
		return 0;
	more = realloc(k->seen, k->pass.work.cap * sizeof *more);
	if (!more)
		return err_nomem(err, "alignments");
	k->seen = more;
	k->seen_cap = k->pass.work.cap;
	return 0;
}

static int add_pair(struct counting *k, struct split *s, struct err *err)
{
	uint32_t i;
	int rc = 0;

	s->job_of = malloc(((size_t)s->pairs.n + 1) * sizeof *s->job_of);
	if (!s->job_of)
		return err_nomem(err, "alignments");
	for (i = 0; !rc && i < s->pairs.n; i++) {
		uint32_t job;
		int fresh;

		rc = align_work_add(&k->pass.work,
				    protein_of(k->r, s->query_row[s->pairs.query[i]]),
				    protein_of(k->r, s->pairs.ref_row[i]), &job, &fresh, err);
		s->job_of[i] = job;
		if (!rc)
			rc = grow_seen(k, err);
		if (rc || job == ALIGN_WORK_NONE)
			continue;
		k->distinct[s->pair] += fresh || k->seen[job] != (uint32_t)s->pair;
		k->seen[job] = (uint32_t)s->pair;
	}
	return rc;
}

static int make_jobs(struct counting *k, struct err *err)
{
	struct pairs *r = k->r;
	size_t i;
	int rc = align_work_init(&k->pass.work, r->c, err);

	if (rc)
		return rc;
	want(k);
	rc = align_work_load(&k->pass.work, r->c, k->pass.cache != NULL, err);
	if (!rc)
		rc = staged_texts_note(r->staging, k->pass.work.texts, &r->c->proteins,
				       k->pass.work.wanted, (size_t)r->c->settings->workers, err);
	for (i = 0; !rc && i < r->n; i++) {
		k->fresh[i] = k->pass.work.n;
		if (r->split[i].works)
			rc = add_pair(k, &r->split[i], err);
	}
	k->fresh[r->n] = k->pass.work.n;
	return rc ? rc : align_work_room(&k->pass.work, err);
}

/* A text pair belongs to the first pair of releases that has it; the others find its values there. */
static void count_missing(struct counting *k)
{
	const struct align_work *w = &k->pass.work;
	size_t i, j;

	for (i = 0; i < k->r->n; i++) {
		struct split *s = &k->r->split[i];

		for (j = k->fresh[i]; j < k->fresh[i + 1]; j++)
			if (!w->done[j]) {
				s->align_computed++;
				k->cells[i] += align_work_cells(w, w->job[j]);
			}
		s->align_hits = k->distinct[i] - s->align_computed;
		k->all_cells += k->cells[i];
	}
}

/* ---- the pass ----------------------------------------------------------------------------------------- */

/* Of the time: by the cells of what was computed, and by the text pairs that were looked up. */
static double weight(const struct counting *k, size_t i)
{
	return k->cells[i] + 1000 * ((double)k->distinct[i] + 1);
}

static void say_done(struct counting *k, double seconds)
{
	struct pairs *r = k->r;
	double all = 0, per_s = 0;
	size_t i, n = 0;

	if (k->pass.seconds > 0)
		per_s = (double)k->pass.missing / k->pass.seconds;
	for (i = 0; i < r->n; i++)
		if (r->split[i].works) {
			all += weight(k, i);
			n++;
		}
	for (i = 0; i < r->n; i++) {
		struct split *s = &r->split[i];
		double share = seconds * weight(k, i) / all;

		if (!s->works)
			continue;
		s->elapsed_s += share;
		events_emit(r->events, "info", "alignment_done", NULL,
			    json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:o}", "split",
				      split_name(s), "pairs", (json_int_t)s->pairs.n, "cache_hits",
				      (json_int_t)s->align_hits, "computed",
				      (json_int_t)s->align_computed, "workers",
				      (json_int_t)split_workers(s), "pairs_per_s",
				      json_rounded(per_s, 1), "elapsed_s", json_rounded(share, 3),
				      "pass_splits", (json_int_t)n, "pass_s",
				      json_rounded(seconds, 3)));
	}
}

static int align_all(struct counting *k, pp_stage *mark, struct err *err)
{
	int rc;

	k->fresh = calloc(k->r->n + 1, sizeof *k->fresh);
	k->distinct = calloc(k->r->n + 1, sizeof *k->distinct);
	k->cells = calloc(k->r->n + 1, sizeof *k->cells);
	if (!k->fresh || !k->distinct || !k->cells)
		return err_nomem(err, "alignments");
	rc = make_jobs(k, err);
	if (!rc)
		rc = align_pass_look_up(&k->pass, err);
	if (rc)
		return rc;
	count_missing(k);
	rc = align_work_split(&k->pass.work, &k->pass.missing, err);
	align_pass_mark(&k->pass, mark, k->all_cells);
	return rc ? rc : align_pass_run(&k->pass, err);
}

int pairs_alignments(struct pairs *r, struct err *err)
{
	struct counting k = {.r = r,
			     .pass = {.c = r->c, .events = r->events, .staging = r->staging}};
	struct events_stage stage;
	double seconds;
	int rc;

	events_stage_begin(r->events, &stage, "alignment");
	align_pass_open(&k.pass);
	rc = align_all(&k, &stage.mark, err);
	align_pass_close(&k.pass);
	align_work_keep_values(&k.pass.work);
	seconds = events_stage_end(&stage, NULL, NULL);
	if (!rc)
		say_done(&k, seconds);
	r->work = k.pass.work;
	free(k.fresh);
	free(k.distinct);
	free(k.cells);
	free(k.seen);
	return rc;
}

int pairs_take_alignments(const struct pairs *r, struct split *s, struct err *err)
{
	uint32_t i;

	s->align = malloc(((size_t)s->pairs.n + 1) * sizeof *s->align);
	s->has_align = calloc((size_t)s->pairs.n + 1, 1);
	if (!s->align || !s->has_align)
		return err_nomem(err, "alignments");
	for (i = 0; i < s->pairs.n; i++) {
		const struct align_values *v = s->job_of[i] == ALIGN_WORK_NONE
						       ? NULL
						       : align_work_value(&r->work, s->job_of[i]);

		if (v) {
			s->align[i] = *v;
			s->has_align[i] = 1;
		}
	}
	return 0;
}
