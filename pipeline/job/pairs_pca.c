/* PCA scores of the queries of all pairs: a protein that several pairs ask about is projected once, and a
 * grid's cells of one configuration share what is there. */
#include <stdlib.h>

#include "pipeline/job/pairs.h"

/* Pool rows of the queries, ascending and distinct; owned by the caller. NULL: no memory. */
static uint32_t *query_rows(const struct pairs *r, size_t *n)
{
	uint32_t row, n_pool = r->c->pool.n;
	unsigned char *wanted = calloc((size_t)n_pool + 1, 1);
	uint32_t *list = malloc(((size_t)n_pool + 1) * sizeof *list);
	size_t i, q;

	*n = 0;
	for (i = 0; wanted && list && i < r->n; i++)
		for (q = 0; r->split[i].works && q < r->split[i].n_queries; q++)
			wanted[r->split[i].query_row[q]] = 1;
	for (row = 0; wanted && list && row < n_pool; row++)
		if (wanted[row])
			list[(*n)++] = row;
	if (!wanted) {
		free(list);
		list = NULL;
	}
	free(wanted);
	return list;
}

/* Are all of them there already? */
static int have_all(const struct pca_scores *s, const uint32_t *rows, size_t n)
{
	size_t i;

	for (i = 0; s->score && i < n && pca_scores_of(s, rows[i]); i++)
		;
	return s->score && i == n;
}

static int make_scores(struct pairs *r, size_t *n, struct err *err)
{
	struct context *c = r->c;
	uint32_t *rows = query_rows(r, n);
	int rc = rows ? 0 : err_nomem(err, "PCA scores");

	if (!rc && have_all(&c->scores, rows, *n)) {
		*n = 0;
	} else if (!rc) {
		pca_scores_release(&c->scores);
		rc = pca_scores_make(&c->scores, &c->pca, c->pool.values, rows, *n,
				     (size_t)c->settings->workers, err);
	}
	free(rows);
	return rc;
}

static int take_scores(struct split *s, struct err *err)
{
	uint32_t q;

	s->pca_scores = malloc(((size_t)s->n_queries + 1) * sizeof *s->pca_scores);
	if (!s->pca_scores)
		return err_nomem(err, "PCA scores");
	for (q = 0; q < s->n_queries; q++)
		s->pca_scores[q] = pca_scores_of(&s->c->scores, s->query_row[q]);
	return 0;
}

/* A pair's share of the time is that of its queries. */
static void say_done(struct pairs *r, double seconds)
{
	double all = 0;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		if (r->split[i].works) {
			all += (double)r->split[i].n_queries;
			n++;
		}
	for (i = 0; i < r->n; i++) {
		struct split *s = &r->split[i];
		double share = all > 0 ? seconds * (double)s->n_queries / all : 0;

		if (!s->works)
			continue;
		s->elapsed_s += share;
		events_emit(r->events, "info", "pca_done", NULL,
			    json_pack("{s:o, s:I, s:o, s:I, s:o}", "split", split_name(s),
				      "queries", (json_int_t)s->n_queries, "elapsed_s",
				      json_rounded(share, 3), "pass_splits", (json_int_t)n,
				      "pass_s", json_rounded(seconds, 3)));
	}
}

int pairs_project(struct pairs *r, struct err *err)
{
	struct events_stage stage;
	size_t i, projected = 0;
	double seconds;
	int rc;

	events_stage_begin(r->events, &stage, "pca");
	rc = make_scores(r, &projected, err);
	for (i = 0; !rc && i < r->n; i++)
		if (r->split[i].works)
			rc = take_scores(&r->split[i], err);
	pp_stage_items(&stage.mark, projected);
	pp_stage_param(&stage.mark, "q", (double)projected);
	seconds = events_stage_end(&stage, NULL, NULL);
	if (!rc)
		say_done(r, seconds);
	return rc;
}
