/* From two groups of runs to what `diff` shows: each run is read once, for its values and its functions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/diff.h"
#include "prof/store/read.h"

/* ---- reading ---- */

/* The kind that a view of the first run would be of. */
static int first_kind(const struct diff *d, struct diff_wish *wish, struct err *err)
{
	struct profile p;
	int rc;

	if (wish->kind >= 0) {
		wish->compare.kind = (enum profile_kind)wish->kind;
		return 0;
	}
	rc = gate_group_read(&d->groups[0], 0, STORE_READ_STAGES, &p, err);
	if (rc)
		return rc;
	wish->compare.kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
	profile_release(&p);
	return 0;
}

static int read_run(struct diff *d, int group, size_t i, struct err *err)
{
	struct profile p;
	int rc = gate_group_read(&d->groups[group], i, STORE_READ_SAMPLES | STORE_READ_COUNTERS, &p,
				 err);

	if (rc)
		return rc;
	rc = metrics_add_run(&d->table, group, &p, err);
	if (rc == 0)
		rc = compare_add_run(d->functions, group, &p, err);
	profile_release(&p);
	return rc;
}

static int read_runs(struct diff *d, struct err *err)
{
	size_t i;
	int group, rc = 0;

	for (group = 0; group < METRICS_GROUPS; group++)
		for (i = 0; rc == 0 && i < d->groups[group].n; i++)
			rc = read_run(d, group, i, err);
	return rc;
}

/* ---- values ---- */

static int64_t first_start(const struct gate_group *g)
{
	return g->n ? g->runs[0].head->started_at : 0;
}

static int64_t last_start(const struct gate_group *g)
{
	return g->n ? g->runs[g->n - 1].head->started_at : 0;
}

/* Did the groups run in turns? */
static int is_mixed(const struct diff *d)
{
	return first_start(&d->groups[0]) < last_start(&d->groups[1]) &&
	       first_start(&d->groups[1]) < last_start(&d->groups[0]);
}

static int decide_row(struct diff *d, const struct metric_row *row, struct decide_scratch *scratch)
{
	const struct decide_rule rule = {.alpha = COMPARE_ALPHA,
					 .size = COMPARE_ALPHA,
					 .count = row->kind == METRIC_KIND_COUNT};
	const struct decide_series series = {.a = row->a,
					     .b = row->b,
					     .n_a = d->table.n_a,
					     .n_b = d->table.n_b,
					     .mixed = is_mixed(d)};
	struct diff_value *v = &d->values[d->n_values++];

	v->row = row;
	return decide(&v->d, &series, &rule, scratch);
}

/* One run of a group: no interval, but what it took is known. */
static void complete(struct diff_value *v)
{
	if (isnan(v->d.change) && v->d.base > 0 && isfinite(v->d.candidate))
		v->d.change = v->d.candidate / v->d.base - 1;
}

static int decide_values(struct diff *d, struct err *err)
{
	struct decide_scratch scratch = {0};
	size_t i;
	int rc = 0;

	d->values = calloc(d->table.n + 1, sizeof *d->values);
	if (!d->values)
		return err_nomem(err, "the values of runs");
	for (i = 0; rc == 0 && i < d->table.n; i++) {
		rc = decide_row(d, &d->table.rows[i], &scratch);
		if (rc == 0)
			complete(&d->values[i]);
	}
	decide_scratch_release(&scratch);
	return rc ? err_nomem(err, "the values of runs") : 0;
}

int diff_value_moved(const struct diff_value *v)
{
	if (isnan(v->d.base) || isnan(v->d.candidate))
		return 1; /* one side lacks it */
	if (isnan(v->d.lo) || isnan(v->d.hi))
		return fabs(v->d.candidate - v->d.base) > 0;
	return v->d.lo > 0 || v->d.hi < 0;
}

/* ---- all ---- */

int diff_read(struct diff *d, struct diff_wish *wish, struct err *err)
{
	int rc = first_kind(d, wish, err);

	if (rc == 0)
		rc = compare_new(&d->functions, &wish->compare, err);
	if (rc == 0)
		rc = read_runs(d, err);
	if (rc == 0)
		rc = compare_finish(d->functions, err);
	if (rc == 0)
		rc = decide_values(d, err);
	return rc ? rc : diff_remark(d, err);
}

const char *diff_remark_text(const struct diff *d, size_t i)
{
	return i < d->n_remarks ? d->remarks[i] : compare_remark(d->functions, i - d->n_remarks);
}

void diff_release(struct diff *d)
{
	size_t i;
	int g;

	for (i = 0; i < d->n_remarks; i++)
		free(d->remarks[i]);
	free(d->remarks);
	compare_free(d->functions);
	free(d->values);
	metrics_release(&d->table);
	for (g = 0; g < METRICS_GROUPS; g++)
		gate_group_release(&d->groups[g]);
	gate_stores_release(&d->stores);
	memset(d, 0, sizeof *d);
}
