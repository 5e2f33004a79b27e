/* One run into a comparison: its stacks into the common tree of calls, its stages into the common tree of stages,
 * its samples into cells. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"
#include "prof/analyze/estimate.h"
#include "prof/analyze/filter.h"

struct adding {
	struct compare *c;
	const struct profile *p;
	struct compare_run *run;
	struct filter filter;
	uint32_t *text_of;  /* owned; per string of the profile: own string, or PROFILE_NONE */
	uint32_t *label_of; /* owned; per frame */
	uint32_t *node_of;  /* owned; per stack */
	uint32_t *spot_of;  /* owned; per stage */
	struct err *err;
};

static int no_memory(struct err *err)
{
	return err_nomem(err, "a comparison of runs");
}

/* Room for one more of `size` bytes in an array that holds `n` of `*cap`. */
static int grow(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t more = *cap ? 2 * *cap : 256;
	void **place = array, *larger;

	if (n < *cap)
		return 0;
	if (*cap > UINT32_MAX / 4)
		return ERR_NOMEM;
	larger = realloc(*place, (size_t)more * size);
	if (!larger)
		return ERR_NOMEM;
	*place = larger;
	*cap = more;
	return 0;
}

/* ---- texts ---- */

/* Own id of a string of the profile, PROFILE_NONE: no memory. */
static uint32_t own_text(struct adding *x, uint32_t id)
{
	uint32_t *own = &x->text_of[id];

	if (*own == PROFILE_NONE && strtab_intern(x->c->strings, strtab_text(x->p->strings, id),
						  strtab_len(x->p->strings, id), own))
		*own = PROFILE_NONE;
	return *own;
}

/* "file.c:12" without folders, or with them. PROFILE_NONE: no memory. */
static uint32_t line_text(struct adding *x, const struct profile_frame *f, int folders)
{
	const char *file = strtab_text(x->p->strings, f->file), *slash = strrchr(file, '/');
	char text[4200];
	uint32_t id;

	if (f->file == STRTAB_EMPTY)
		return STRTAB_EMPTY;
	if (!folders && slash && slash[1])
		file = slash + 1;
	snprintf(text, sizeof text, "%.4096s:%u", file, f->line);
	return strtab_intern_text(x->c->strings, text, &id) ? PROFILE_NONE : id;
}

/* ---- labels ---- */

struct label_wanted {
	const struct compare_label *labels;
	struct compare_label key;
};

static int same_label(const void *ctx, uint32_t id)
{
	const struct label_wanted *w = ctx;
	const struct compare_label *l = &w->labels[id];

	return l->function == w->key.function && l->module == w->key.module &&
	       l->line == w->key.line;
}

static uint32_t intern_label(struct compare *c, const struct compare_label *key)
{
	struct label_wanted w = {c->labels, *key};
	uint64_t hash = hash_u64((uint64_t)key->function << 32 | key->module) ^
			hash_u64(key->line + UINT64_C(0x9e3779b97f4a7c15));
	uint32_t at = hashidx_find(&c->label_index, hash, same_label, &w);

	if (at != HASHIDX_NONE)
		return at;
	if (grow(&c->labels, c->n_labels, &c->cap_labels, sizeof *c->labels) ||
	    hashidx_add(&c->label_index, hash, c->n_labels))
		return PROFILE_NONE;
	c->labels[c->n_labels] = *key;
	c->labels[c->n_labels].shown_group = -1;
	return c->n_labels++;
}

/* What people see of it: as the candidate has it. */
static int show_label(struct adding *x, struct compare_label *l, const struct profile_frame *f)
{
	if (l->shown_group >= x->run->group && (l->file || f->file == STRTAB_EMPTY))
		return 0;
	l->shown_group = x->run->group;
	l->path = f->module == PROFILE_NONE ? STRTAB_EMPTY
					    : own_text(x, x->p->modules[f->module].path);
	if (f->file != STRTAB_EMPTY)
		l->file = own_text(x, f->file);
	if (l->line)
		l->shown = line_text(x, f, 1);
	return l->path == PROFILE_NONE || l->file == PROFILE_NONE || l->shown == PROFILE_NONE
		       ? ERR_NOMEM
		       : 0;
}

static uint32_t label_of_frame(struct adding *x, uint32_t frame)
{
	const struct profile_frame *f = &x->p->frames[frame];
	struct compare_label key = {0};
	uint32_t function = own_text(x, f->function), module = STRTAB_EMPTY, label;

	if (f->module != PROFILE_NONE)
		module = own_text(x, x->p->modules[f->module].path);
	if (function == PROFILE_NONE || module == PROFILE_NONE)
		return PROFILE_NONE;
	key.function = compare_function_key(x->c, function);
	key.module = compare_module_key(x->c, module);
	if (x->c->o.by == COMPARE_BY_LINE)
		key.line = line_text(x, f, 0);
	if (key.function == PROFILE_NONE || key.module == PROFILE_NONE || key.line == PROFILE_NONE)
		return PROFILE_NONE;
	label = intern_label(x->c, &key);
	if (label != PROFILE_NONE && show_label(x, &x->c->labels[label], f))
		return PROFILE_NONE;
	return label;
}

/* ---- the tree of calls ---- */

uint32_t compare_node(struct compare *c, uint32_t parent, uint32_t label)
{
	uint64_t key = (uint64_t)parent << 32 | label;
	uint32_t at = idmap_get(&c->node_index, key);

	if (at != IDMAP_NONE)
		return at;
	if (grow(&c->nodes, c->n_nodes, &c->cap_nodes, sizeof *c->nodes) ||
	    idmap_set(&c->node_index, key, c->n_nodes))
		return PROFILE_NONE;
	c->nodes[c->n_nodes] = (struct profile_stack){
		.parent = parent, .frame = label, .depth = c->nodes[parent].depth + 1};
	return c->n_nodes++;
}

/* Node of a stack whose parent has one. */
static int enter_stack(struct adding *x, uint32_t stack)
{
	const struct profile_stack *s = &x->p->stacks[stack];
	uint32_t *label = &x->label_of[s->frame];

	if (*label == PROFILE_NONE)
		*label = label_of_frame(x, s->frame);
	if (*label == PROFILE_NONE)
		return ERR_NOMEM;
	x->node_of[stack] = compare_node(x->c, x->node_of[s->parent], *label);
	return x->node_of[stack] == PROFILE_NONE ? ERR_NOMEM : 0;
}

/* Stacks on the way to a sample; parents have lower numbers. */
static int enter_stacks(struct adding *x, const unsigned char *wanted)
{
	uint32_t i;
	int rc = 0;

	x->node_of[0] = 0;
	for (i = 1; rc == 0 && i < x->p->n_stacks; i++)
		if (wanted[i])
			rc = enter_stack(x, i);
	return rc;
}

static void want_stacks(const struct adding *x, unsigned char *wanted)
{
	size_t i;
	uint32_t at;

	for (i = 0; i < x->p->n_samples; i++)
		if (filter_passes(&x->filter, &x->p->samples[i]))
			wanted[x->p->samples[i].stack] = 1;
	for (at = x->p->n_stacks; at-- > 1;)
		if (wanted[at])
			wanted[x->p->stacks[at].parent] = 1;
}

/* ---- the tree of stages ---- */

struct spot_wanted {
	const struct compare *c;
	uint32_t parent, name, norm;
};

static int same_spot(const void *ctx, uint32_t id)
{
	const struct spot_wanted *w = ctx;

	return w->c->spots[id].parent == w->parent && w->c->spots[id].frame == w->name &&
	       w->c->spot_norm[id] == w->norm;
}

static uint32_t intern_spot(struct compare *c, uint32_t parent, uint32_t name, uint32_t norm)
{
	struct spot_wanted w = {c, parent, name, norm};
	uint64_t hash = hash_u64((uint64_t)parent << 32 | name) ^ hash_u64(norm + UINT64_C(7));
	uint32_t at = hashidx_find(&c->spot_index, hash, same_spot, &w);
	uint32_t cap = c->cap_spots;

	if (at != HASHIDX_NONE)
		return at;
	if (grow(&c->spots, c->n_spots, &cap, sizeof *c->spots) ||
	    grow(&c->spot_norm, c->n_spots, &c->cap_spots, sizeof *c->spot_norm) ||
	    hashidx_add(&c->spot_index, hash, c->n_spots))
		return PROFILE_NONE;
	c->spots[c->n_spots] = (struct profile_stack){
		.parent = parent, .frame = name, .depth = c->spots[parent].depth + 1};
	c->spot_norm[c->n_spots] = norm;
	return c->n_spots++;
}

static int enter_stage(struct adding *x, uint32_t stage)
{
	const struct profile_stage *s = &x->p->stages[stage];
	uint32_t parent = s->parent < stage ? x->spot_of[s->parent] : 0;
	uint32_t name = own_text(x, s->name), norm = STRTAB_EMPTY;

	if (name == PROFILE_NONE)
		return ERR_NOMEM;
	if (x->c->o.norm == COMPARE_STAGE)
		norm = name;
	else if (x->c->o.norm == COMPARE_ITEMS)
		norm = s->items > 0 ? name : x->c->spot_norm[parent];
	x->spot_of[stage] = intern_spot(x->c, parent, name, norm);
	return x->spot_of[stage] == PROFILE_NONE ? ERR_NOMEM : 0;
}

/* ---- what stages are normalised by ---- */

static int add_amount(struct compare_run *run, uint32_t name, double value)
{
	struct compare_amount *more;
	size_t i;

	if (name == PROFILE_NONE)
		return ERR_NOMEM;
	for (i = run->n_amounts; i-- > 0;) /* samples of a stage stand together: mostly the last */
		if (run->amounts[i].name == name) {
			run->amounts[i].value += value;
			return 0;
		}
	more = realloc(run->amounts, (run->n_amounts + 1) * sizeof *more);
	if (!more)
		return ERR_NOMEM;
	run->amounts = more;
	more[run->n_amounts++] = (struct compare_amount){name, value};
	return 0;
}

static int enter_stages(struct adding *x)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < x->p->n_stages; i++) {
		const struct profile_stage *s = &x->p->stages[i];

		rc = enter_stage(x, i);
		if (rc == 0 && x->c->o.norm == COMPARE_ITEMS && s->items > 0)
			rc = add_amount(x->run, own_text(x, s->name), s->items);
	}
	return rc;
}

/* ---- samples ---- */

/* Values of these kinds are sampled in time: each sample stands for the time since the last one. */
static int is_sampled_time(uint32_t kind)
{
	return kind == PROFILE_CPU || kind == PROFILE_WALL || kind == PROFILE_OFFCPU;
}

/* What callgrind counted is no sample. */
static int is_counted(const struct profile *p)
{
	return strcmp(strtab_text(p->strings, p->run.engine), "callgrind") == 0;
}

static double variance_of(const struct compare *c, const struct profile *p,
			  const struct profile_sample *s)
{
	double value = (double)s->value, count = (double)s->count, variance;

	if (is_counted(p))
		return 0;
	if (is_sampled_time(s->kind))
		return !s->count ? 0 : c->o.counts ? count : value * value / count;
	variance = estimate_variance(p, s);
	if (!c->o.counts)
		return variance;
	return value > 0 ? variance * (count / value) * (count / value) : 0;
}

static uint32_t key_of(struct compare *c, uint32_t node, uint32_t spot)
{
	uint64_t key = (uint64_t)node << 32 | spot;
	uint32_t at = idmap_get(&c->key_index, key);

	if (at != IDMAP_NONE)
		return at;
	if (grow(&c->keys, c->n_keys, &c->cap_keys, sizeof *c->keys) ||
	    idmap_set(&c->key_index, key, c->n_keys))
		return PROFILE_NONE;
	c->keys[c->n_keys] = (struct compare_key){node, spot};
	return c->n_keys++;
}

static struct compare_cell *cell_of(struct compare *c, struct compare_run *run, uint32_t key)
{
	uint32_t old = c->cap_cell_of;

	if (grow(&c->cell_of, key, &c->cap_cell_of, sizeof *c->cell_of))
		return NULL;
	if (c->cap_cell_of > old)
		memset(c->cell_of + old, 0, (c->cap_cell_of - old) * sizeof *c->cell_of);
	if (c->cell_of[key])
		return &run->cells[c->cell_of[key] - 1];
	if (run->n == run->cap) {
		size_t cap = run->cap ? 2 * run->cap : 1024;
		struct compare_cell *more = realloc(run->cells, cap * sizeof *more);

		if (!more)
			return NULL;
		run->cells = more;
		run->cap = cap;
	}
	run->cells[run->n] = (struct compare_cell){.key = key};
	c->cell_of[key] = (uint32_t)++run->n;
	return &run->cells[run->n - 1];
}

static int add_sample(struct adding *x, const struct profile_sample *s)
{
	uint32_t spot = s->stage == PROFILE_NONE ? 0 : x->spot_of[s->stage];
	uint32_t key = key_of(x->c, x->node_of[s->stack], spot);
	struct compare_cell *cell = key == PROFILE_NONE ? NULL : cell_of(x->c, x->run, key);
	int64_t value =
		x->c->o.counts ? (s->count < INT64_MAX ? (int64_t)s->count : INT64_MAX) : s->value;
	double variance = variance_of(x->c, x->p, s);

	if (!cell)
		return ERR_NOMEM;
	if (__builtin_add_overflow(cell->value, value, &cell->value))
		cell->value = value < 0 ? INT64_MIN : INT64_MAX;
	if (__builtin_add_overflow(cell->count, s->count, &cell->count))
		cell->count = UINT64_MAX;
	cell->variance += variance;
	x->run->value += (double)value;
	x->run->variance += variance;
	if (x->c->o.norm == COMPARE_STAGE && spot)
		return add_amount(x->run, x->c->spot_norm[spot], (double)value);
	return 0;
}

/* Time without samples of its own (between the last sample of a thread and its end) is what one more sample could have
 * seen, or not. */
static void add_unsampled(struct compare_run *run)
{
	double weight = run->value > 0 ? run->variance / run->value : 0;
	size_t i;

	for (i = 0; i < run->n; i++) {
		struct compare_cell *cell = &run->cells[i];

		if (cell->variance > 0 || cell->value <= 0)
			continue;
		cell->variance = weight * (double)cell->value;
		run->variance += cell->variance;
	}
}

static int add_samples(struct adding *x)
{
	const struct filter any = {.kind = x->filter.kind, .threads = x->filter.threads};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < x->p->n_samples; i++) {
		const struct profile_sample *s = &x->p->samples[i];

		x->c->groups[x->run->group].kinds |= 1u << s->kind;
		if (filter_passes(&any, s))
			x->run->all += x->c->o.counts ? (double)s->count : (double)s->value;
		if (filter_passes(&x->filter, s))
			rc = add_sample(x, s);
	}
	for (i = 0; i < x->run->n; i++)
		x->c->cell_of[x->run->cells[i].key] = 0;
	if (is_sampled_time((uint32_t)x->filter.kind))
		add_unsampled(x->run);
	return rc;
}

/* ---- a run ---- */

/* A stage or thread that this run lacks: none of its samples count. */
static int init_filter(struct adding *x, int *missing)
{
	const struct compare_options *o = &x->c->o;
	struct sample_filter want = {.kind = o->kind, .stage = o->stage, .thread = o->thread};
	struct err why = ERR_INIT;
	int rc = filter_init(&x->filter, x->p, &want, &why);

	*missing = rc == ERR_NOTFOUND;
	if (rc == ERR_NOTFOUND) {
		x->c->filter_err = why;
		x->c->filter_missing[x->run->group]++;
		return 0;
	}
	if (rc && x->err)
		*x->err = why;
	return rc;
}

static int make_tables(struct adding *x)
{
	const struct profile *p = x->p;
	size_t strings = strtab_count(p->strings), i;

	x->text_of = malloc((strings + 1) * sizeof *x->text_of);
	x->label_of = malloc(((size_t)p->n_frames + 1) * sizeof *x->label_of);
	x->node_of = malloc(((size_t)p->n_stacks + 1) * sizeof *x->node_of);
	x->spot_of = malloc(((size_t)p->n_stages + 1) * sizeof *x->spot_of);
	if (!x->text_of || !x->label_of || !x->node_of || !x->spot_of)
		return ERR_NOMEM;
	for (i = 0; i < strings; i++)
		x->text_of[i] = PROFILE_NONE;
	for (i = 0; i < p->n_frames; i++)
		x->label_of[i] = PROFILE_NONE;
	return 0;
}

static int add_parts(struct adding *x)
{
	unsigned char *wanted = calloc((size_t)x->p->n_stacks + 1, 1);
	int rc = wanted ? make_tables(x) : ERR_NOMEM;

	if (rc == 0) {
		want_stacks(x, wanted);
		rc = enter_stacks(x, wanted);
	}
	if (rc == 0)
		rc = enter_stages(x);
	if (rc == 0)
		rc = add_samples(x);
	free(wanted);
	return rc;
}

static void describe_group(struct compare_group *g, const struct profile *p,
			   const struct compare_run *run, enum profile_kind kind)
{
	const char *memory = strtab_text(p->strings, p->run.memory);
	double rate = estimate_rate(p, kind);

	g->n++;
	g->tracked |= strcmp(memory, "sampled") == 0 || strcmp(memory, "full") == 0;
	g->rate = rate > g->rate ? rate : g->rate;
	g->sum += run->value;
	g->sum_variance += run->variance;
}

/* The stage is missing: its samples of other kinds still say what the run has. */
static void add_missing(struct adding *x)
{
	size_t i;

	for (i = 0; i < x->p->n_samples; i++)
		x->c->groups[x->run->group].kinds |= 1u << x->p->samples[i].kind;
}

static int add_run(struct adding *x)
{
	int missing, rc = init_filter(x, &missing);

	if (rc)
		return rc;
	if (missing)
		add_missing(x);
	else
		rc = add_parts(x);
	filter_release(&x->filter);
	free(x->text_of);
	free(x->label_of);
	free(x->node_of);
	free(x->spot_of);
	return rc;
}

int compare_add_run(struct compare *c, int group, const struct profile *p, struct err *err)
{
	struct compare_run *more, *run;
	struct adding x = {.c = c, .p = p, .err = err};
	int rc;

	if (c->finished)
		return err_set(err, ERR_INTERNAL, "a run was added to a comparison that is over");
	if (c->n_runs == c->cap_runs) {
		size_t cap = c->cap_runs ? 2 * c->cap_runs : 16;

		more = realloc(c->runs, cap * sizeof *more);
		if (!more)
			return no_memory(err);
		c->runs = more;
		c->cap_runs = cap;
	}
	run = &c->runs[c->n_runs++];
	*run = (struct compare_run){.group = group, .duration_ns = (double)p->run.duration_ns};
	x.run = run;
	rc = add_run(&x);
	if (rc)
		return rc == ERR_NOMEM ? no_memory(err) : rc;
	describe_group(&c->groups[group], p, run, c->o.kind);
	return 0;
}
