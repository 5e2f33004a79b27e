/* What the cells of a grid have in common, before any of them: the neighbours of each PLM at the largest K, and
 * one alignment pass over the sequence pairs of all PLMs; see grid.h. Neighbours are kept in the grid's folder,
 * alignments in the cache; the cells find them there. */
#include "pipeline/job/grid.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/job/align_pass.h"
#include "pipeline/job/pairs.h"
#include "pipeline/job/preflight.h"
#include "prof/base/log.h"

/* Distinct pairs of proteins, query << 32 | reference. */
struct pair_keys {
	uint64_t *key; /* owned */
	size_t n, cap;
};

static int add_key(struct pair_keys *k, uint64_t key, struct err *err)
{
	if (k->n == k->cap) {
		size_t cap = k->cap ? k->cap + k->cap / 2 : 65536;
		uint64_t *more = realloc(k->key, cap * sizeof *more);

		if (!more)
			return err_nomem(err, "sequence pairs");
		k->key = more;
		k->cap = cap;
	}
	k->key[k->n++] = key;
	return 0;
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void make_distinct(struct pair_keys *k)
{
	size_t i, n = 0;

	if (k->n)
		qsort(k->key, k->n, sizeof *k->key, cmp_u64);
	for (i = 0; i < k->n; i++)
		if (i == 0 || k->key[i] != k->key[i - 1])
			k->key[n++] = k->key[i];
	k->n = n;
}

/* ---- neighbours --------------------------------------------------------------------------------------- */

static int collect(struct pair_keys *keys, const struct pairs *r, struct err *err)
{
	const struct pool *pool = &r->c->pool;
	size_t i;
	uint32_t j;
	int rc = 0;

	for (i = 0; i < r->n; i++) {
		const struct split *s = &r->split[i];

		for (j = 0; !rc && s->works && j < s->pairs.n; j++)
			rc = add_key(keys,
				     (uint64_t)pool->protein[s->query_row[s->pairs.query[j]]]
						     << 32 |
					     pool->protein[s->pairs.ref_row[j]],
				     err);
	}
	make_distinct(keys);
	return rc;
}

static int search_plm(struct context *c, const struct payload *payload, const struct plan *plan,
		      struct events *e, struct pair_keys *keys, struct err *err)
{
	struct pairs pairs = {.c = c, .payload = payload, .plan = plan, .events = e};
	int rc = context_load_maps(c, payload, plan, e, err);

	if (!rc)
		rc = context_load_pool(c, payload, e, err);
	if (!rc)
		rc = pairs_search(&pairs, err);
	if (!rc && payload->compute_alignments)
		rc = collect(keys, &pairs, err);
	pairs_release(&pairs);
	return rc;
}

/* What stands in the way of a cell is told by the cell itself. */
static int try_plm(struct context *c, const struct jobfile *job, const struct grid_cell *cell,
		   const struct run_options *options, struct events *e, struct pair_keys *keys,
		   struct err *err)
{
	json_t *json = grid_cell_payload(job, cell);
	struct problems problems = PROBLEMS_INIT;
	struct notes notes = {0};
	struct payload payload = {0};
	struct plan plan = {0};
	int rc = json ? payload_parse(&payload, json, &problems, err) : err_nomem(err, "a cell");

	if (!rc)
		rc = preflight_run(c, &payload, &plan, options->memory_limit, &problems, &notes,
				   err);
	if (!rc && problems.count == 0) {
		log_info("neighbours of %s, K = %d", cell->plm, cell->k);
		rc = search_plm(c, &payload, &plan, e, keys, err);
	}
	plan_release(&plan);
	payload_release(&payload);
	notes_release(&notes);
	problems_release(&problems);
	json_decref(json);
	return rc;
}

/* ---- alignments --------------------------------------------------------------------------------------- */

static int make_jobs(struct align_pass *p, const struct pair_keys *keys, struct err *err)
{
	struct align_work *w = &p->work;
	uint32_t job;
	size_t i;
	int fresh, rc = align_work_init(w, p->c, err);

	for (i = 0; !rc && i < keys->n; i++) {
		align_work_want(w, (uint32_t)(keys->key[i] >> 32));
		align_work_want(w, (uint32_t)keys->key[i]);
	}
	if (!rc)
		rc = align_work_load(w, p->c, 1, err);
	for (i = 0; !rc && i < keys->n; i++)
		rc = align_work_add(w, (uint32_t)(keys->key[i] >> 32), (uint32_t)keys->key[i], &job,
				    &fresh, err);
	return rc ? rc : align_work_room(w, err);
}

static double missing_cells(const struct align_pass *p)
{
	double cells = 0;
	size_t i;

	for (i = 0; i < p->missing; i++)
		cells += align_work_cells(&p->work, p->work.job[i]);
	return cells;
}

static int align_all(struct context *c, const struct pair_keys *keys, struct events *e,
		     struct err *err)
{
	struct align_pass p = {.c = c, .events = e};
	struct events_stage stage;
	int rc = 0;

	events_stage_begin(e, &stage, "alignment");
	align_pass_open(&p);
	if (p.cache)
		rc = make_jobs(&p, keys, err);
	if (!rc && p.cache)
		rc = align_pass_look_up(&p, err);
	if (!rc && p.cache)
		rc = align_work_split(&p.work, &p.missing, err);
	if (!rc && p.cache) {
		align_pass_mark(&p, &stage.mark, missing_cells(&p));
		rc = align_pass_run(&p, err);
	}
	align_pass_close(&p);
	events_stage_end(&stage, rc ? NULL : "grid_aligned",
			 json_pack("{s:I, s:I, s:I}", "pairs", (json_int_t)p.work.n, "cache_hits",
				   (json_int_t)p.hits, "computed", (json_int_t)p.missing));
	align_work_release(&p.work);
	return rc;
}

/* ---- both --------------------------------------------------------------------------------------------- */

int grid_search(const struct grid *g, struct context *c, const struct jobfile *job,
		const struct run_options *options, struct err *err)
{
	struct events *e = events_new(NULL, NULL);
	struct pair_keys keys = {0};
	const char *last = "";
	size_t i;
	int rc = e ? 0 : err_nomem(err, "events");

	for (i = 0; !rc && i < g->n; i++) {
		const struct grid_cell *cell = &g->cells[i];
		struct err why = ERR_INIT;

		/* K descends: the first cell of a PLM that is to be made has the largest. */
		if (strcmp(cell->config_id, last) == 0 ||
		    source_has_dataset(c->source, cell->name, &why) == 1)
			continue;
		last = cell->config_id;
		rc = try_plm(c, job, cell, options, e, &keys, &why);
		if (rc == ERR_CANCELLED) {
			*err = why;
		} else if (rc) {
			log_warn("%s: its cells search alone: %s", cell->plm, why.text);
			grid_start_afresh(c);
			rc = 0;
		}
	}
	if (!rc && keys.n)
		rc = align_all(c, &keys, e, err);
	free(keys.key);
	events_free(e);
	return rc;
}
