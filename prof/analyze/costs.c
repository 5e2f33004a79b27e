/* Observations from profiles: see costs.h. */
#include "prof/analyze/costs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/costs_params.h"

int costs_init(struct costs *c, struct err *err)
{
	memset(c, 0, sizeof *c);
	c->strings = strtab_new();
	if (c->strings && strtab_intern_text(c->strings, "items", &c->items) == 0)
		return 0;
	costs_release(c);
	return err_nomem(err, "costs of stages");
}

void costs_release(struct costs *c)
{
	strtab_free(c->strings);
	free(c->runs);
	free(c->nodes);
	free(c->obs);
	free(c->params);
	idmap_release(&c->node_of);
	idmap_release(&c->first_of);
	idmap_release(&c->last_of);
	memset(c, 0, sizeof *c);
}

/* Room for `more` items; 0 or ERR_NOMEM. */
static int grow(void **items, size_t *cap, size_t n, size_t more, size_t size)
{
	size_t want = *cap ? *cap : 64;
	void *moved;

	if (n + more <= *cap)
		return 0;
	while (want < n + more)
		want *= 2;
	moved = want <= SIZE_MAX / size ? realloc(*items, want * size) : NULL;
	if (!moved)
		return ERR_NOMEM;
	*items = moved;
	*cap = want;
	return 0;
}

int costs_push_run(struct costs *c, const struct cost_run *r)
{
	void *items = c->runs;
	int rc = grow(&items, &c->cap_runs, c->n_runs, 1, sizeof *c->runs);

	c->runs = items;
	if (rc == 0)
		c->runs[c->n_runs++] = *r;
	return rc;
}

int costs_push_obs(struct costs *c, const struct cost_obs *o, const struct cost_param *params,
		   size_t n_params)
{
	void *obs = c->obs, *values = c->params;
	uint32_t stage = c->nodes[o->node].name, at = (uint32_t)c->n_obs, last;
	int rc = c->n_obs < COSTS_NONE ? 0 : ERR_LIMIT;

	if (rc == 0)
		rc = grow(&obs, &c->cap_obs, c->n_obs, 1, sizeof *c->obs);
	c->obs = obs;
	if (rc == 0)
		rc = grow(&values, &c->cap_params, c->n_params, n_params, sizeof *c->params);
	c->params = values;
	if (rc)
		return rc;
	last = idmap_get(&c->last_of, stage);
	if (idmap_set(&c->last_of, stage, at) ||
	    (last == IDMAP_NONE && idmap_set(&c->first_of, stage, at)))
		return ERR_NOMEM;
	if (last != IDMAP_NONE)
		c->obs[last].next = at;
	if (n_params)
		memcpy(c->params + c->n_params, params, n_params * sizeof *params);
	c->obs[at] = *o;
	c->obs[at].first = c->n_params;
	c->obs[at].n = n_params;
	c->obs[at].next = COSTS_NONE;
	c->n_params += n_params;
	c->n_obs++;
	return 0;
}

uint32_t costs_first(const struct costs *c, uint32_t stage)
{
	uint32_t at = idmap_get(&c->first_of, stage);

	return at == IDMAP_NONE ? COSTS_NONE : at;
}

int costs_node(struct costs *c, uint32_t parent, uint32_t name, uint32_t *node)
{
	uint64_t key = (uint64_t)(parent + 1) << 32 | name;
	uint32_t at = idmap_get(&c->node_of, key);
	const struct cost_node *above = parent == COSTS_NONE ? NULL : &c->nodes[parent];
	struct cost_node fresh = {name, parent, above ? above->depth + 1 : 0,
				  above && above->inside, 0};
	void *nodes = c->nodes;
	int rc;

	if (at != IDMAP_NONE) {
		*node = at;
		return 0;
	}
	if (strcmp(strtab_text(c->strings, name), DECLARE_EXPORT) == 0)
		fresh.inside = 1;
	rc = grow(&nodes, &c->cap_nodes, c->n_nodes, 1, sizeof *c->nodes);
	c->nodes = nodes;
	if (rc == 0)
		rc = idmap_set(&c->node_of, key, (uint32_t)c->n_nodes);
	if (rc)
		return rc;
	*node = (uint32_t)c->n_nodes;
	c->nodes[c->n_nodes++] = fresh;
	return 0;
}

double costs_param(const struct costs *c, const struct cost_obs *o, uint32_t name)
{
	size_t i;

	if (name == c->items)
		return o->items > 0 ? o->items : NAN;
	for (i = o->first; i < o->first + o->n; i++)
		if (c->params[i].name == name)
			return c->params[i].value;
	return NAN;
}

/* ---- one run ---- */

struct adding {
	struct costs *c;
	const struct declarations *d;
	const struct profile *p;
	struct stage_params params; /* of its stages, own ones */
	double (*inner)[2]; /* owned, per stage: wall and CPU of the stages right inside it */
	uint32_t *node;     /* owned, per stage */
	struct idmap group; /* (parent stage + 1, name) -> observation */
	uint32_t run;
};

static int is_parent(const struct adding *x, uint32_t stage)
{
	return x->p->stages[stage].parent < stage;
}

static int same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Does the stage itself have a parameter that the form needs? */
static int has_own(const struct adding *x, uint32_t stage, const struct complexity *form)
{
	const struct profile_stage *s = &x->p->stages[stage];
	size_t i, k, n;
	const struct cost_param *own = stage_params_of(&x->params, s->params, &n);

	for (i = 0; i < form->n_params; i++) {
		if (s->items > 0 && same_text(form->params[i], "items"))
			return 1;
		for (k = 0; k < n; k++)
			if (same_text(strtab_text(x->c->strings, own[k].name), form->params[i]))
				return 1;
	}
	return 0;
}

/* Is the stage an observation of its own? */
static int is_alone(const struct adding *x, uint32_t stage)
{
	const struct profile_stage *s = &x->p->stages[stage];
	const struct cost_node *node = &x->c->nodes[x->node[stage]];
	const char *name = strtab_text(x->c->strings, node->name);
	int m, declared = 0;
	size_t n;

	for (m = 0; m < COST_METRICS; m++) {
		const struct declaration *found =
			declare_find(x->d, name, (enum cost_metric)m, node->inside);

		if (found && has_own(x, stage, &found->form))
			return 1;
		declared |= found != NULL;
	}
	if (declared)
		return 0;
	stage_params_of(&x->params, s->params, &n);
	return n > 0 || s->items > 0;
}

/* Adds what is not in the list yet. */
static size_t merge(struct cost_param *list, size_t n, const struct cost_param *more, size_t n_more)
{
	size_t i, k;

	for (k = 0; k < n_more && n < COSTS_PARAMS; k++) {
		for (i = 0; i < n; i++)
			if (list[i].name == more[k].name)
				break;
		if (i == n)
			list[n++] = more[k];
	}
	return n;
}

/* What the stage has itself (if it stands alone), then what enclosing ones have, the nearest first. */
static size_t gather(const struct adding *x, uint32_t stage, int alone, struct cost_param *list)
{
	size_t n = 0, n_more, level;

	for (level = 0; level < COSTS_DEPTH; level++) {
		const struct cost_param *more =
			stage_params_of(&x->params, x->p->stages[stage].params, &n_more);

		if (level || alone)
			n = merge(list, n, more, n_more);
		if (!is_parent(x, stage))
			break;
		stage = x->p->stages[stage].parent;
	}
	return n;
}

static void add_peak(double *peak, int64_t value)
{
	if (value >= 0 && !((double)value <= *peak))
		*peak = (double)value;
}

/* A stage's time, and that of it which is in no stage inside it. */
static void add_time(struct cost_obs *o, enum cost_metric whole, enum cost_metric self, int64_t ns,
		     double inner)
{
	double rest = (double)ns - inner;

	if (ns < 0) {
		o->value[whole] = o->value[self] = NAN;
		return;
	}
	o->value[whole] += (double)ns;
	o->value[self] += rest > 0 ? rest : 0;
}

/* Adds a stage's values to its observation. */
static void add_values(const struct adding *x, struct cost_obs *o, uint32_t stage)
{
	const struct profile_stage *s = &x->p->stages[stage];

	o->instances++;
	add_time(o, COST_WALL, COST_SELF_WALL, s->wall_ns, x->inner[stage][0]);
	add_time(o, COST_CPU, COST_SELF_CPU, s->cpu_ns, x->inner[stage][1]);
	add_peak(&o->value[COST_PEAK_HEAP], s->peak_heap_bytes);
	add_peak(&o->value[COST_PEAK_RSS], s->peak_rss_bytes);
	if (s->items > 0 && isfinite(s->items))
		o->items += s->items;
}

static int new_obs(struct adding *x, uint32_t stage, int alone)
{
	struct cost_obs o = {
		.run = x->run, .node = x->node[stage], .value = {0, 0, NAN, NAN, 0, 0}};
	struct cost_param list[COSTS_PARAMS];
	size_t n = gather(x, stage, alone, list);

	return costs_push_obs(x->c, &o, list, n);
}

static int add_stage(struct adding *x, uint32_t stage)
{
	const struct profile_stage *s = &x->p->stages[stage];
	uint64_t key = (uint64_t)(is_parent(x, stage) ? s->parent + 1 : 0) << 32 | s->name;
	uint32_t at = (uint32_t)x->c->n_obs;
	int alone, rc = 0;

	if (s->wall_ns < 0) {
		x->c->runs[x->run].open++;
		return 0;
	}
	if (s->folded > 1) {
		x->c->runs[x->run].many += s->folded;
		return 0;
	}
	alone = is_alone(x, stage);
	if (!alone)
		at = idmap_intern(&x->group, key, at);
	if (at == IDMAP_NONE)
		return ERR_NOMEM;
	if (at == x->c->n_obs)
		rc = new_obs(x, stage, alone);
	if (rc == 0)
		add_values(x, &x->c->obs[at], stage);
	return rc;
}

/* Paths, and what is inside each stage. */
static int walk(struct adding *x)
{
	const struct profile *p = x->p;
	double outermost = 0;
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < p->n_stages; i++) {
		const struct profile_stage *s = &p->stages[i];
		uint32_t name;

		rc = strtab_intern(x->c->strings, strtab_text(p->strings, s->name),
				   strtab_len(p->strings, s->name), &name);
		if (rc == 0)
			rc = costs_node(x->c, is_parent(x, i) ? x->node[s->parent] : COSTS_NONE,
					name, &x->node[i]);
		if (s->wall_ns < 0)
			continue;
		if (!is_parent(x, i)) {
			outermost += (double)s->wall_ns;
			continue;
		}
		x->inner[s->parent][0] += (double)s->wall_ns;
		x->inner[s->parent][1] += s->cpu_ns > 0 ? (double)s->cpu_ns : 0;
		x->c->nodes[x->node[s->parent]].has_inner = 1;
	}
	outermost = (double)p->run.duration_ns - outermost;
	x->c->runs[x->run].outside_ns = outermost > 0 ? outermost : 0;
	return rc;
}

static int fill(struct adding *x)
{
	const struct profile *p = x->p;
	uint32_t i;
	int rc;

	x->inner = calloc((size_t)p->n_stages + 1, sizeof *x->inner);
	x->node = calloc((size_t)p->n_stages + 1, sizeof *x->node);
	if (!x->inner || !x->node)
		return ERR_NOMEM;
	rc = stage_params_make(&x->params, p, x->c->strings);
	if (rc == 0)
		rc = walk(x);
	for (i = 0; rc == 0 && i < p->n_stages; i++)
		rc = add_stage(x, i);
	return rc;
}

static int intern(struct costs *c, const struct profile *p, uint32_t id, uint32_t *out)
{
	return strtab_intern(c->strings, strtab_text(p->strings, id), strtab_len(p->strings, id),
			     out);
}

/* Losses by which stages may be missing; those of samples change no time of a stage. */
static uint64_t lost_records(const struct profile *p)
{
	static const char *const reasons[] = {"ring_full", "record_dropped", "disk_full",
					      "table_full", "thread_limit"};
	uint64_t sum = 0;
	uint32_t i;
	size_t k;

	for (i = 0; i < p->n_losses; i++)
		for (k = 0; k < sizeof reasons / sizeof *reasons; k++)
			if (strcmp(strtab_text(p->strings, p->losses[i].reason), reasons[k]) == 0)
				sum += p->losses[i].count;
	return sum;
}

static int describe(struct costs *c, const struct profile *p, struct cost_run *r)
{
	int rc = intern(c, p, p->run.id, &r->id);

	if (rc == 0)
		rc = intern(c, p, p->run.name, &r->name);
	if (rc == 0)
		rc = intern(c, p, p->run.host, &r->host);
	if (rc == 0)
		rc = intern(c, p, p->run.cpu_model, &r->cpu_model);
	r->started_at = p->run.started_at;
	r->duration_ns = p->run.duration_ns;
	r->finished = p->run.finished;
	r->lost = lost_records(p);
	r->first = c->n_obs;
	return rc;
}

int costs_add_run(struct costs *c, const struct declarations *d, const struct profile *p,
		  struct err *err)
{
	struct adding x = {.c = c, .d = d, .p = p, .run = (uint32_t)c->n_runs};
	struct cost_run r = {0};
	size_t i;
	int rc = describe(c, p, &r);

	for (i = 0; rc == 0 && i < c->n_runs; i++)
		if (c->runs[i].id == r.id)
			return 0;
	if (rc == 0)
		rc = costs_push_run(c, &r);
	if (rc == 0) {
		rc = fill(&x);
		c->runs[x.run].n = c->n_obs - r.first;
	}
	stage_params_release(&x.params);
	idmap_release(&x.group);
	free(x.inner);
	free(x.node);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "costs of stages");
	return rc ? err_set(err, rc, "too many names of stages") : 0;
}
