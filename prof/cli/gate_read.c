/* Reading and judging two groups of runs: see gate_read.h. */
#include "prof/cli/gate_read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/baseline.h"
#include "prof/cli/cmd.h"
#include "prof/formats/callgrind.h"
#include "prof/store/read.h"

#define VALUE_PARTS (STORE_READ_SAMPLES | STORE_READ_COUNTERS)

/* ---- files ---- */

static int read_all(FILE *in, const char *path, struct buf *b, struct err *err)
{
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
		if (buf_put(b, chunk, n))
			break;
	if (ferror(in))
		return err_sys(err, ERR_IO, "cannot read '%s'", path);
	if (b->failed == ERR_LIMIT)
		return err_set(err, ERR_LIMIT, "'%s' has more than %zu MiB, which no such file has",
			       path, b->max >> 20);
	return b->failed ? err_nomem(err, path) : 0;
}

int gate_file_read(char **bytes, size_t *n, const char *path, size_t most, struct err *err)
{
	FILE *in = fopen(path, "re");
	struct buf b;
	int rc;

	*bytes = NULL;
	*n = 0;
	if (!in)
		return err_sys(err, ERR_IO, "cannot read '%s'", path);
	buf_init(&b, most);
	rc = read_all(in, path, &b, err);
	(void)fclose(in);
	if (rc == 0 && !b.len)
		buf_reserve(&b, 1);
	if (rc == 0 && !(*bytes = b.data ? buf_steal(&b, n) : NULL) && b.failed)
		rc = err_nomem(err, path);
	if (rc == 0 && !*bytes && !(*bytes = strdup("")))
		rc = err_nomem(err, path);
	buf_release(&b);
	return rc;
}

/* ---- values ---- */

static int read_kept(struct gate_input *in, int group, struct err *err)
{
	const char *path = in->groups[group].baseline;
	char *bytes;
	size_t n;
	int rc = gate_file_read(&bytes, &n, path, BASELINE_BYTES, err);

	if (rc == 0)
		rc = baseline_read(&in->table, group, bytes, n, path, err);
	free(bytes);
	return rc;
}

static int add_values(struct gate_input *in, int group, const struct gate_pick *pick,
		      const struct profile *p, struct err *err)
{
	size_t at = group == METRICS_BASE ? in->table.n_a : in->table.n_b;
	int rc = metrics_add_run(&in->table, group, p, err);

	if (rc == 0)
		rc = metrics_set_source(&in->table, group, at, store_path(pick->store), err);
	return rc;
}

/* Each run of a group once: into the table (values) and the comparison (NULL: none). */
static int read_group(struct gate_input *in, int group, int values, struct compare *functions,
		      struct err *err)
{
	const struct gate_group *g = &in->groups[group];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < g->n; i++) {
		struct profile p;

		rc = gate_group_read(g, i, VALUE_PARTS, &p, err);
		if (rc)
			return rc;
		if (values && i == 0)
			in->argv[group] = strdup(strtab_text(p.strings, p.run.argv));
		if (values)
			rc = add_values(in, group, &g->runs[i], &p, err);
		if (rc == 0 && functions)
			rc = compare_add_run(functions, group, &p, err);
		profile_release(&p);
	}
	return rc;
}

int gate_input_values(struct gate_input *in, int group, struct err *err)
{
	if (in->groups[group].baseline)
		return read_kept(in, group, err);
	return read_group(in, group, 1, NULL, err);
}

/* ---- functions ---- */

/* The kind that a view of the first run would be of; imported instructions are numbers. */
static int first_kind(struct gate_input *in, const struct gate_wish *wish, enum profile_kind *kind,
		      struct err *err)
{
	const struct gate_group *g =
		&in->groups[in->groups[METRICS_BASE].n ? METRICS_BASE : METRICS_CANDIDATE];
	struct profile p;
	int rc;

	*kind = wish->kind >= 0 ? (enum profile_kind)wish->kind : PROFILE_CPU;
	if (wish->kind >= 0 || !g->n)
		return 0;
	rc = gate_group_read(g, 0, STORE_READ_STAGES, &p, err);
	if (rc)
		return rc;
	*kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
	in->counts = *kind == PROFILE_CPU &&
		     strcmp(strtab_text(p.strings, p.run.engine), CALLGRIND_ENGINE) == 0 &&
		     strcmp(strtab_text(p.strings, p.run.mode), CALLGRIND_EVENT) == 0;
	profile_release(&p);
	return 0;
}

static int new_compare(struct compare **c, const struct gate_wish *wish, enum profile_kind kind,
		       int counts, struct err *err)
{
	const struct compare_options o = {
		.kind = kind, .by = COMPARE_BY_FUNCTION, .norm = wish->norm, .counts = counts};

	return compare_new(c, &o, err);
}

/* Groups without such samples are judged by their values alone. */
static int finish_compare(struct gate_input *in, struct compare **c, struct err *err)
{
	struct err why = ERR_INIT;
	int rc = compare_finish(*c, &why);

	if (rc == 0)
		return 0;
	compare_free(*c);
	*c = NULL;
	if (rc != ERR_NOTFOUND && rc != ERR_ARG) {
		*err = why;
		return rc;
	}
	in->no_functions = 1;
	snprintf(in->functions_why, sizeof in->functions_why, "%.500s", why.text);
	return 0;
}

/* ---- counted instructions ---- */

/* Counted costs stand as samples of CPU time: their sum is exact. */
static double sum_of(const struct profile *p)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == PROFILE_CPU)
			sum += (double)p->samples[i].value;
	return sum;
}

static char *text_of(const struct profile *p, uint32_t string)
{
	return (char *)(uintptr_t)strtab_text(p->strings, string); /* copied by the table */
}

/* Groups without runs are these profiles. */
static int add_counted(struct gate_input *in, int group, const struct profile *p, struct compare *c,
		       struct err *err)
{
	const struct gate_run run = {.name = text_of(p, p->run.name),
				     .command = text_of(p, p->run.command),
				     .host = text_of(p, p->run.host),
				     .engine = text_of(p, p->run.engine),
				     .git_sha = text_of(p, p->run.git_sha),
				     .started_at = p->run.started_at,
				     .finished = 1};
	int rc = metrics_add_known(&in->table, group, &run, err);

	return rc ? rc : compare_add_run(c, group, p, err);
}

/* Instructions are the values of the first runs. */
static int set_counted(struct gate_input *in, const struct gate_wish *wish, struct compare *c,
		       struct err *err)
{
	int group, rc = 0;

	in->counts |= !in->table.n_a;
	for (group = 0; rc == 0 && group < METRICS_GROUPS; group++) {
		const struct profile *p = &wish->counted[group];

		if (!in->groups[group].n)
			rc = add_counted(in, group, p, c, err);
		if (rc == 0)
			rc = metrics_set(&in->table, group, 0, NULL, METRIC_INSTRUCTIONS,
					 METRIC_KIND_COUNT, sum_of(p), err);
	}
	return rc;
}

/* Values and functions of both groups in one pass over the runs. */
static int read_both(struct gate_input *in, const struct gate_wish *wish, struct compare **c,
		     struct err *err)
{
	int kept = in->groups[0].baseline || in->groups[1].baseline, group, rc;

	*c = NULL;
	rc = first_kind(in, wish, &in->kind, err);
	if (rc == 0 && !kept)
		rc = new_compare(c, wish, in->kind,
				 in->counts || (wish->counted && !in->groups[0].n), err);
	in->no_functions = kept;
	if (kept)
		snprintf(in->functions_why, sizeof in->functions_why,
			 "kept values have no samples: functions cannot be compared");
	for (group = 0; rc == 0 && group < METRICS_GROUPS; group++)
		rc = in->groups[group].baseline ? read_kept(in, group, err)
						: read_group(in, group, 1, *c, err);
	if (rc == 0 && wish->counted)
		rc = set_counted(in, wish, *c, err);
	if (rc == 0 && *c)
		rc = finish_compare(in, c, err);
	return rc;
}

/* ---- what else moved ---- */

static int moved(const struct gate_result *g, unsigned metrics)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		enum gate_state s = gate_row_state(&g->rows[i]);

		if ((metrics >> g->rows[i].metric & 1) &&
		    (s == GATE_STATE_REGRESSION || s == GATE_STATE_IMPROVED))
			return 1;
	}
	return 0;
}

/* Functions by another kind of sample; where there are none of it, nothing is added. */
static int add_kind(struct gate_input *in, const struct gate_wish *wish, enum profile_kind kind,
		    int counts, struct err *err)
{
	struct gate_options judge = wish->judge;
	struct gate_kind *o = &in->others[in->n_others];
	struct compare *c = NULL;
	struct err why = ERR_INIT;
	int group, rc = new_compare(&c, wish, kind, counts, err);

	for (group = 0; rc == 0 && group < METRICS_GROUPS; group++)
		rc = read_group(in, group, 0, c, err);
	if (rc == 0 && compare_finish(c, &why) == 0) {
		judge.kind = kind;
		rc = gate_judge(&o->g, &in->table, c, &judge, err);
		o->counts = counts;
		in->n_others += rc == 0;
	}
	compare_free(c);
	return rc;
}

/* What asked for more or less memory: the stacks of the kind that moved. */
static int add_others(struct gate_input *in, const struct gate_wish *wish, struct err *err)
{
	const unsigned bytes = 1u << METRIC_ALLOC_BYTES, blocks = 1u << METRIC_ALLOC_COUNT;
	const struct gate_result *g = &in->result;
	int rc = 0;

	if (wish->kind >= 0 || in->no_functions || !in->groups[METRICS_BASE].n)
		return 0;
	if (moved(g, bytes | blocks))
		rc = add_kind(in, wish, PROFILE_ALLOC, !moved(g, bytes), err);
	if (rc == 0 && moved(g, 1u << METRIC_PEAK_HEAP))
		rc = add_kind(in, wish, PROFILE_PEAK, 0, err);
	if (rc == 0 && moved(g, 1u << METRIC_SQL))
		rc = add_kind(in, wish, PROFILE_SQL, 1, err);
	return rc;
}

/* ---- only some stages ---- */

static int is_wanted(const struct gate_wish *wish, const char *stage)
{
	size_t i;

	for (i = 0; stage && i < wish->n_stages; i++)
		if (strcmp(wish->stages[i], stage) == 0)
			return 1;
	return 0;
}

static int copy_row(struct metric_table *to, const struct metric_table *from,
		    const struct metric_row *row, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < from->n_a; i++)
		if (!isnan(row->a[i]))
			rc = metrics_set(to, METRICS_BASE, i, row->stage, row->metric, row->kind,
					 row->a[i], err);
	for (i = 0; rc == 0 && i < from->n_b; i++)
		if (!isnan(row->b[i]))
			rc = metrics_set(to, METRICS_CANDIDATE, i, row->stage, row->metric,
					 row->kind, row->b[i], err);
	return rc;
}

/* Each must be there: a name that was typed wrong would pass in silence. */
static int check_wanted(const struct metric_table *from, const struct gate_wish *wish,
			struct err *err)
{
	size_t i, k;

	for (k = 0; k < wish->n_stages; k++) {
		for (i = 0; i < from->n; i++)
			if (from->rows[i].stage &&
			    strcmp(from->rows[i].stage, wish->stages[k]) == 0)
				break;
		if (i == from->n)
			return err_set(err, ERR_NOTFOUND,
				       "no run has a stage '%.200s'; protea-prof report --stages "
				       "shows which there are",
				       wish->stages[k]);
	}
	return 0;
}

static int copy_wanted(struct metric_table *to, const struct metric_table *from,
		       const struct gate_wish *wish, struct err *err)
{
	size_t i;
	int rc = check_wanted(from, wish, err);

	for (i = 0; rc == 0 && i < from->n_a; i++)
		rc = metrics_add_known(to, METRICS_BASE, &from->runs_a[i], err);
	for (i = 0; rc == 0 && i < from->n_b; i++)
		rc = metrics_add_known(to, METRICS_CANDIDATE, &from->runs_b[i], err);
	for (i = 0; rc == 0 && i < from->n; i++) {
		if (is_wanted(wish, from->rows[i].stage))
			rc = copy_row(to, from, &from->rows[i], err);
	}
	return rc;
}

/* The table with the rows of these stages alone. */
static int keep_stages(struct gate_input *in, const struct gate_wish *wish, struct err *err)
{
	struct metric_table kept = {0};
	int rc;

	if (!wish->n_stages)
		return 0;
	rc = copy_wanted(&kept, &in->table, wish, err);
	if (rc) {
		metrics_release(&kept);
		return rc;
	}
	metrics_release(&in->table);
	in->table = kept;
	return 0;
}

int gate_input_judge(struct gate_input *in, const struct gate_wish *wish, struct err *err)
{
	struct gate_options judge = wish->judge;
	struct compare *c = NULL;
	int rc = gate_groups_apart(&in->groups[0], &in->groups[1], err);

	if (rc == 0)
		rc = read_both(in, wish, &c, err);
	if (rc == 0)
		rc = keep_stages(in, wish, err);
	if (rc == 0) {
		judge.kind = in->kind;
		rc = gate_judge(&in->result, &in->table, c, &judge, err);
		in->judged = rc == 0;
	}
	compare_free(c);
	return rc ? rc : add_others(in, wish, err);
}

void gate_input_release(struct gate_input *in)
{
	size_t i;
	int group;

	for (i = 0; i < in->n_others; i++)
		gate_release(&in->others[i].g);
	if (in->judged)
		gate_release(&in->result);
	metrics_release(&in->table);
	for (group = 0; group < METRICS_GROUPS; group++) {
		gate_group_release(&in->groups[group]);
		free(in->argv[group]);
	}
	gate_stores_release(&in->stores);
	memset(in, 0, sizeof(*in));
}
