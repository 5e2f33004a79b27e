/* Functions and call paths of all runs: the same function of the same module is one label, and stacks that
 * differ only in addresses or lines are one path. See graph_build.h. */
#include <stdlib.h>
#include <string.h>

#include "prof/model/grow.h"
#include "viewer/graph_build.h"
#include "viewer/redact.h"

/* ---- strings ---- */

static uint32_t *make_cache(const struct build_run *r)
{
	size_t n = strtab_count(r->p->strings) * sizeof(uint32_t);
	uint32_t *cache = malloc(n);

	return cache ? memset(cache, 0xff, n) : NULL;
}

static int intern_redacted(struct build *b, const char *text, size_t len, uint32_t *id)
{
	struct buf name = BUF_INIT;
	int rc;

	redact_name(&name, text, len);
	rc = buf_failed(&name) ? ERR_NOMEM
			       : strtab_intern(b->g->strings, buf_str(&name), name.len, id);
	buf_release(&name);
	return rc;
}

static uint32_t intern(struct build *b, uint32_t **cache, const struct build_run *r, uint32_t id,
		       int base)
{
	const char *text;
	size_t len, i;

	if (id >= strtab_count(r->p->strings))
		return STRTAB_EMPTY;
	if (!*cache && !(*cache = make_cache(r)))
		return GRAPH_NONE;
	if ((*cache)[id] != GRAPH_NONE)
		return (*cache)[id];
	text = strtab_text(r->p->strings, id);
	len = strtab_len(r->p->strings, id);
	for (i = len; base && i-- > 0;)
		if (text[i] == '/' && i + 1 < len) {
			text += i + 1;
			len -= i + 1;
			break;
		}
	if (b->options->redact ? intern_redacted(b, text, len, &(*cache)[id])
			       : strtab_intern(b->g->strings, text, len, &(*cache)[id]))
		return GRAPH_NONE;
	return (*cache)[id];
}

uint32_t build_string(struct build *b, struct build_run *r, uint32_t id)
{
	return intern(b, &r->string_of, r, id, 0);
}

uint32_t build_base(struct build *b, struct build_run *r, uint32_t id)
{
	return intern(b, &r->base_of, r, id, 1);
}

/* ---- labels ---- */

struct labels {
	struct idmap pairs;  /* (function << 32 | module) to pair */
	struct idmap labels; /* (pair << 32 | flags) to label */
	uint32_t *of;        /* owned; by frame of the run */
};

static uint32_t flags_of(const struct build_run *r, const struct profile_frame *f)
{
	const char *name = strtab_text(r->p->strings, f->function);

	return (f->inline_depth ? GRAPH_INLINED : 0u) | (name[0] == '[' ? GRAPH_NO_CODE : 0u) |
	       (r->run->library && r->run->library(r->p, f) ? GRAPH_LIBRARY : 0u);
}

/* In one run, modules are told apart by path; runs may be of different machines, where paths differ. */
static int set_module(struct build *b, struct build_run *r, const struct profile_frame *f,
		      struct graph_label *l)
{
	uint32_t path;

	l->module = GRAPH_NONE;
	if (f->module == PROFILE_NONE)
		return 0;
	path = r->p->modules[f->module].path;
	l->module = b->g->n_runs > 1 || b->options->redact ? build_base(b, r, path)
							   : build_string(b, r, path);
	return l->module == GRAPH_NONE ? ERR_NOMEM : 0;
}

/* With more than one run, what one of them inlined is compared with what another one did not: what is not
 * true everywhere is not said. */
static uint32_t label_of(struct build *b, struct build_run *r, struct labels *w, uint32_t frame)
{
	const struct profile_frame *f = &r->p->frames[frame];
	struct graph *g = b->g;
	struct graph_label l = {.function = build_string(b, r, f->function)};
	uint32_t pair, at, joined = g->n_runs > 1;

	if (l.function == GRAPH_NONE || set_module(b, r, f, &l) != 0)
		return GRAPH_NONE;
	l.flags = flags_of(r, f);
	pair = idmap_intern(&w->pairs, (uint64_t)l.function << 32 | l.module,
			    (uint32_t)w->pairs.count);
	if (pair == IDMAP_NONE)
		return GRAPH_NONE;
	at = idmap_intern(&w->labels, (uint64_t)pair << 32 | (joined ? 0 : l.flags), g->n_labels);
	if (at == IDMAP_NONE)
		return GRAPH_NONE;
	if (at == g->n_labels)
		g->labels[g->n_labels++] = l;
	g->labels[at].flags &= l.flags;
	return at;
}

/* ---- paths ---- */

/* Children of near parents are looked for near each other, which memory likes: stacks come depth first. Where a
 * parent has many, the rest go where their hash says. */
#define NEAR 8

/* The slot of a path, or the free one where it belongs. */
static uint32_t *slot_of(const struct build_paths *w, uint32_t parent, uint32_t label)
{
	size_t at = 2 * (size_t)parent, tries;

	for (tries = 0;; at++, tries++) {
		uint32_t *slot, row;

		if (tries == NEAR)
			at = hash_u64((uint64_t)parent << 32 | label);
		slot = &w->slots[at & w->mask];
		row = *slot;
		if (row == 0 || (w->parents[row - 1] == parent && w->labels[row - 1] == label))
			return slot;
	}
}

static int grow_slots(struct build_paths *w, size_t rows)
{
	size_t slots = 64;
	uint32_t *fresh, i;

	while (slots < 2 * rows)
		slots *= 2;
	fresh = calloc(slots, sizeof *fresh);
	if (!fresh)
		return ERR_NOMEM;
	free(w->slots);
	w->slots = fresh;
	w->mask = slots - 1;
	for (i = 1; i < w->n; i++)
		*slot_of(w, w->parents[i], w->labels[i]) = i + 1;
	return 0;
}

/* Room for `more` paths, found or not. */
static int reserve(struct build_paths *w, uint32_t more)
{
	size_t want = (size_t)w->n + more;

	if (want >= GRAPH_NONE)
		return ERR_LIMIT;
	if (want > w->cap) {
		if (GROW(w->parents, want) != 0 || GROW(w->labels, want) != 0)
			return ERR_NOMEM;
		w->cap = (uint32_t)want;
	}
	return !w->slots || 2 * want > w->mask + 1 ? grow_slots(w, want) : 0;
}

static uint32_t path_of(struct build_paths *w, uint32_t parent, uint32_t label)
{
	uint32_t *slot = slot_of(w, parent, label);

	if (*slot == 0) {
		w->parents[w->n] = parent;
		w->labels[w->n] = label;
		*slot = ++w->n;
	}
	return *slot - 1;
}

void build_paths_release(struct build_paths *w)
{
	free(w->parents);
	free(w->labels);
	free(w->slots);
}

static int join_run(struct build *b, struct build_run *r, struct labels *labels)
{
	const struct profile *p = r->p;
	uint32_t i, more = 1;
	int rc;

	for (i = 1; i < p->n_stacks; i++)
		more += r->touched[i];
	rc = reserve(&b->paths, more);
	r->row_of = malloc(p->n_stacks * sizeof *r->row_of);
	if (rc != 0 || !r->row_of)
		return rc != 0 ? rc : ERR_NOMEM;
	if (b->paths.n == 0) {
		b->paths.parents[0] = 0;
		b->paths.labels[0] = GRAPH_NONE;
		b->paths.n = 1;
	}
	r->row_of[0] = 0;
	for (i = 1; i < p->n_stacks; i++) {
		const struct profile_stack *s = &p->stacks[i];
		uint32_t *label = &labels->of[s->frame];

		if (!r->touched[i])
			continue;
		if (*label == GRAPH_NONE &&
		    (*label = label_of(b, r, labels, s->frame)) == GRAPH_NONE)
			return ERR_NOMEM;
		r->row_of[i] = path_of(&b->paths, r->row_of[s->parent], *label);
	}
	return 0;
}

int build_labels_and_paths(struct build *b)
{
	struct labels labels = {0};
	size_t frames = 2, i; /* one for the label of what is folded */
	int rc = 0;

	for (i = 0; i < b->g->n_runs; i++)
		frames += b->runs[i].p->n_frames;
	b->g->labels = malloc(frames * sizeof *b->g->labels);
	if (!b->g->labels)
		rc = ERR_NOMEM;
	for (i = 0; rc == 0 && i < b->g->n_runs; i++) {
		size_t bytes = (b->runs[i].p->n_frames + (size_t)1) * sizeof *labels.of;

		labels.of = malloc(bytes);
		if (labels.of)
			memset(labels.of, 0xff, bytes);
		rc = labels.of ? join_run(b, &b->runs[i], &labels) : ERR_NOMEM;
		free(labels.of);
	}
	idmap_release(&labels.pairs);
	idmap_release(&labels.labels);
	if (rc == ERR_LIMIT)
		return err_set(b->err, rc, "the runs have more call paths than a page can number");
	return rc == 0 ? 0 : build_no_memory(b);
}
