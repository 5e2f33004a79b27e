/* Runs over time as series: see trend.h. */
#include "prof/cli/trend.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/rank.h"
#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/usual_runs.h"
#include "prof/store/read.h"

#define ID_CHARS 8

static int no_memory(struct err *err)
{
	return err_nomem(err, "the trend of runs");
}

/* ---- runs ---- */

static int read_run(struct trend *t, const struct gate_group *g, size_t i, struct err *err)
{
	struct profile p;
	int rc = gate_group_read(g, i, STORE_READ_SAMPLES | STORE_READ_COUNTERS, &p, err);

	if (rc)
		return rc;
	if (!p.run.finished || profile_has_failed(&p))
		t->left_out++;
	else
		rc = metrics_add_run(&t->table, METRICS_BASE, &p, err);
	profile_release(&p);
	return rc;
}

static int read_runs(struct trend *t, int n, char **runs, struct err *err)
{
	struct gate_stores stores = {0};
	struct gate_group group = {0};
	size_t i;
	int rc = 0, k;

	if (n == 0)
		rc = usual_runs_add(&stores, &group, t->o->store, err);
	for (k = 0; rc == 0 && k < n; k++)
		rc = gate_group_add(&stores, &group, t->o->store, runs[k], 1, err);
	for (i = 0; rc == 0 && i < group.n; i++)
		rc = read_run(t, &group, i, err);
	if (rc == 0) {
		t->what = strdup(group.what ? group.what : "");
		rc = t->what ? 0 : no_memory(err);
	}
	if (rc == 0 && t->table.n_a == 0)
		rc = err_set(err, ERR_NOTFOUND, "no trend: %s failed or %s without an end",
			     t->left_out > 1 ? "all of these runs" : "this run",
			     t->left_out > 1 ? "are" : "is");
	gate_group_release(&group);
	gate_stores_release(&stores);
	return rc;
}

/* ---- commits ---- */

/* malloc'ed; NULL: the run has no such label (or no memory). */
static char *label_of(const struct gate_run *r, const char *key)
{
	json_t *labels = json_loads(r->label, 0, NULL);
	const char *text = json_string_value(json_object_get(labels, key));
	char *copy = text ? strdup(text) : NULL;

	json_decref(labels);
	return copy;
}

static int has_label(const struct trend *t, const char *key)
{
	size_t i;

	for (i = 0; i < t->table.n_a; i++) {
		char *text = label_of(&t->table.runs_a[i], key);
		int found = text != NULL;

		free(text);
		if (found)
			return 1;
	}
	return 0;
}

static int shas_differ(const struct trend *t)
{
	size_t i;

	for (i = 1; i < t->table.n_a; i++)
		if (strcmp(t->table.runs_a[i].git_sha, t->table.runs_a[0].git_sha) != 0)
			return 1;
	return 0;
}

/* What the option says; else the label `commit`, else the hash that protea-prof itself was built from (a program of the same
 * repository has the same). */
static int choose_key(struct trend *t, struct err *err)
{
	const char *key = NULL;

	if (t->o->label && !has_label(t, t->o->label))
		return err_set(err, ERR_NOTFOUND, "none of these runs has a label '%s'",
			       t->o->label);
	if (t->o->label)
		key = t->o->label;
	else if (has_label(t, "commit"))
		key = "commit";
	else if (shas_differ(t))
		key = "git_sha";
	t->by_sha = !t->o->label && key && strcmp(key, "git_sha") == 0;
	t->key = key ? strdup(key) : NULL;
	return key && !t->key ? no_memory(err) : 0;
}

static int name_runs(struct trend *t, struct err *err)
{
	size_t i;

	t->names = calloc(t->table.n_a + 1, sizeof *t->names);
	if (!t->names)
		return no_memory(err);
	for (i = 0; i < t->table.n_a; i++) {
		const struct gate_run *r = &t->table.runs_a[i];

		if (!t->key)
			t->names[i] = strndup(r->id, ID_CHARS);
		else if (t->by_sha)
			t->names[i] = strdup(r->git_sha);
		else
			t->names[i] = label_of(r, t->key);
		if (!t->names[i] && t->key && !t->by_sha) {
			t->unlabelled++;
			continue;
		}
		if (!t->names[i])
			return no_memory(err);
	}
	return 0;
}

/* ---- hosts ---- */

static int add_host(struct trend *t, const struct gate_run *r, struct trend_host **to,
		    struct err *err)
{
	struct trend_host *more;
	size_t i;

	for (i = 0; i < t->n_hosts; i++)
		if (strcmp(t->hosts[i].name, r->host) == 0 &&
		    strcmp(t->hosts[i].cpu, r->cpu_model) == 0) {
			*to = &t->hosts[i];
			return 0;
		}
	more = realloc(t->hosts, (t->n_hosts + 1) * sizeof *more);
	if (!more)
		return no_memory(err);
	t->hosts = more;
	more[t->n_hosts] = (struct trend_host){.name = r->host, .cpu = r->cpu_model};
	more[t->n_hosts].runs = calloc(t->table.n_a, sizeof(size_t));
	more[t->n_hosts].commits = calloc(t->table.n_a, sizeof(struct trend_commit));
	*to = &more[t->n_hosts++];
	return (*to)->runs && (*to)->commits ? 0 : no_memory(err);
}

struct dated {
	const struct trend *t;
	size_t run, first; /* of the runs of its commit */
};

static int by_time(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;
	int64_t s = x->t->table.runs_a[x->run].started_at,
		u = y->t->table.runs_a[y->run].started_at;

	if (s != u)
		return s < u ? -1 : 1;
	return x->run < y->run ? -1 : x->run > y->run;
}

static int by_name(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;
	int by = strcmp(x->t->names[x->run], y->t->names[y->run]);

	return by ? by : x->first < y->first ? -1 : x->first > y->first;
}

static int by_first(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return by_time(a, b);
}

/* Runs by time, those of a commit side by side, commits by their first run. */
static void order(struct trend_host *h, const struct trend *t, struct dated *d)
{
	size_t i, n = h->n_runs;

	for (i = 0; i < n; i++)
		d[i] = (struct dated){t, h->runs[i], 0};
	qsort(d, n, sizeof *d, by_time);
	for (i = 0; i < n; i++)
		d[i].first = i;
	qsort(d, n, sizeof *d, by_name);
	for (i = 1; i < n && t->key; i++)
		if (strcmp(t->names[d[i].run], t->names[d[i - 1].run]) == 0)
			d[i].first = d[i - 1].first;
	qsort(d, n, sizeof *d, by_first);
	for (i = 0; i < n; i++) {
		struct trend_commit *c = &h->commits[h->n_commits];

		h->runs[i] = d[i].run;
		if (i && d[i].first == d[i - 1].first) {
			c[-1].n++;
			continue;
		}
		*c = (struct trend_commit){t->names[d[i].run], t->table.runs_a[d[i].run].started_at,
					   i, 1};
		h->n_commits++;
	}
}

static int make_hosts(struct trend *t, struct err *err)
{
	struct dated *d = malloc(t->table.n_a * sizeof *d);
	struct trend_host *h = NULL;
	size_t i;
	int rc = d ? 0 : no_memory(err);

	for (i = 0; rc == 0 && i < t->table.n_a; i++) {
		if (!t->names[i])
			continue;
		rc = add_host(t, &t->table.runs_a[i], &h, err);
		if (rc == 0)
			h->runs[h->n_runs++] = i;
	}
	for (i = 0; rc == 0 && i < t->n_hosts; i++)
		order(&t->hosts[i], t, d);
	free(d);
	return rc;
}

/* ---- series ---- */

static struct change_rule rule_of(const struct trend_options *o, const struct metric_row *row)
{
	struct change_rule r = {.alpha = TREND_ALPHA};

	r.count = row->kind == METRIC_KIND_COUNT;
	if (r.count)
		return r;
	r.relative = 0.02; /* noise of machines is seldom less */
	if (metric_is_time(row->metric))
		r.absolute = 1e6; /* 1 ms: below that a stage is a few ticks */
	else if (strcmp(metric_unit(row->metric), "bytes") == 0)
		r.absolute = 65536;
	if (!isnan(o->least))
		r.relative = o->least;
	return r;
}

static int wanted(const struct trend *t, const struct metric_row *row)
{
	const char *stage = t->o->stage;

	if (!t->o->metrics[row->metric])
		return 0;
	return !stage || (row->stage ? strcmp(row->stage, stage) == 0 : !*stage);
}

static void take_medians(struct trend_line *l, double *room)
{
	const struct trend_host *h = l->host;
	size_t i, k, with = 0;

	l->first = l->last = (double)NAN;
	for (i = 0; i < h->n_commits; i++) {
		const struct trend_commit *c = &h->commits[i];
		size_t n = 0;

		for (k = c->first; k < c->first + c->n; k++)
			if (isfinite(l->row->a[h->runs[k]]))
				room[n++] = l->row->a[h->runs[k]];
		l->values[i] = rank_median(room, n);
		if (n && isnan(l->first))
			l->first = l->values[i];
		if (n)
			l->last = l->values[i];
	}
	for (i = 0; i < h->n_commits; i++)
		if (isfinite(l->values[i]))
			room[with++] = l->values[i];
	l->level = rank_median(room, with);
}

/* A value for each commit; of a few commits with many runs each, one for each run. */
static int find_changes(struct trend_line *l, const struct trend_options *o, struct change_work *w,
			double *room, uint32_t *group, struct err *err)
{
	const struct trend_host *h = l->host;
	struct change_rule rule = rule_of(o, l->row);
	size_t i, k;

	if (h->n_commits >= CHANGE_VALUES_MIN || h->n_commits == h->n_runs)
		return change_find(&l->found, l->values, NULL, h->n_commits, &rule, w, err);
	l->by_run = 1;
	for (i = 0; i < h->n_commits; i++)
		for (k = h->commits[i].first; k < h->commits[i].first + h->commits[i].n; k++) {
			room[k] = l->row->a[h->runs[k]];
			group[k] = (uint32_t)i;
		}
	return change_find(&l->found, room, group, h->n_runs, &rule, w, err);
}

static int add_line(struct trend *t, const struct trend_host *h, const struct metric_row *row,
		    struct change_work *w, double *room, uint32_t *group, struct err *err)
{
	struct trend_line *l = &t->lines[t->n];
	size_t i, n = 0;

	for (i = 0; i < h->n_runs; i++)
		n += isfinite(row->a[h->runs[i]]) != 0;
	if (!n)
		return 0;
	*l = (struct trend_line){.row = row, .host = h};
	l->values = malloc(h->n_commits * sizeof *l->values);
	if (!l->values)
		return no_memory(err);
	t->n++;
	take_medians(l, room);
	return find_changes(l, t->o, w, room, group, err);
}

static int judge(struct trend *t, struct err *err)
{
	struct change_series **all = malloc((t->n + 1) * sizeof *all);
	size_t i;
	int rc = all ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < t->n; i++)
		all[i] = &t->lines[i].found;
	if (rc == 0)
		rc = change_judge(all, t->n, TREND_RATE);
	free(all);
	return rc ? no_memory(err) : 0;
}

static int make_lines(struct trend *t, struct err *err)
{
	struct change_work *w = change_work_new();
	double *room = malloc(t->table.n_a * sizeof *room);
	uint32_t *group = malloc(t->table.n_a * sizeof *group);
	size_t h, i;
	int rc;

	t->lines = calloc(t->n_hosts * t->table.n + 1, sizeof *t->lines);
	rc = w && room && group && t->lines ? 0 : no_memory(err);
	for (h = 0; rc == 0 && h < t->n_hosts; h++)
		for (i = 0; rc == 0 && i < t->table.n; i++)
			if (wanted(t, &t->table.rows[i]))
				rc = add_line(t, &t->hosts[h], &t->table.rows[i], w, room, group,
					      err);
	change_work_free(w);
	free(room);
	free(group);
	if (rc == 0 && t->n == 0 && t->o->stage && *t->o->stage)
		rc = err_set(err, ERR_NOTFOUND,
			     "no stage '%s' with such values in these runs; protea-prof report "
			     "--stages lists them",
			     t->o->stage);
	return rc ? rc : judge(t, err);
}

const struct trend_commit *trend_commit_at(const struct trend_line *l, size_t at)
{
	const struct trend_host *h = l->host;
	size_t i;

	if (!l->by_run)
		return &h->commits[at];
	for (i = 0; i + 1 < h->n_commits && h->commits[i + 1].first <= at; i++)
		;
	return &h->commits[i];
}

int trend_read(struct trend *t, const struct trend_options *o, int n, char **runs, struct err *err)
{
	int rc;

	*t = (struct trend){.o = o};
	rc = read_runs(t, n, runs, err);
	if (rc == 0)
		rc = choose_key(t, err);
	if (rc == 0)
		rc = name_runs(t, err);
	if (rc == 0)
		rc = make_hosts(t, err);
	if (rc == 0)
		rc = make_lines(t, err);
	if (rc)
		trend_release(t);
	return rc;
}

void trend_release(struct trend *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		change_release(&t->lines[i].found);
		free(t->lines[i].values);
	}
	for (i = 0; i < t->n_hosts; i++) {
		free(t->hosts[i].runs);
		free(t->hosts[i].commits);
	}
	for (i = 0; t->names && i < t->table.n_a; i++)
		free(t->names[i]);
	free(t->names);
	free(t->lines);
	free(t->hosts);
	free(t->key);
	free(t->what);
	metrics_release(&t->table);
	*t = (struct trend){.o = NULL};
}
