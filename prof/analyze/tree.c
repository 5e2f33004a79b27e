/* Labels for the call tree: one per function and module (or line), library code folded on request. */
#include "prof/analyze/tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/filter.h"
#include "prof/analyze/library.h"
#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "prof/model/stacktab.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct builder {
	struct profile_tree *t;
	struct profile *p;
	struct hashidx index;
	uint32_t *label_of; /* per frame */
	int by_line;
	struct err *err;
	const struct tree_label *key;
};

static int same_label(const void *ctx, uint32_t id)
{
	const struct builder *b = ctx;
	const struct tree_label *x = &b->t->labels[id], *y = b->key;

	return x->function == y->function && x->module == y->module && x->file == y->file &&
	       x->line == y->line;
}

static int label_frame(struct builder *b, const struct profile_frame *f, uint32_t *id)
{
	struct tree_label key = {.function = f->function};
	uint64_t hash;

	key.module = f->module == PROFILE_NONE ? STRTAB_EMPTY : b->p->modules[f->module].path;
	if (b->by_line) {
		key.file = f->file;
		key.line = f->line;
	}
	key.library = library_is_frame(b->p, f);
	hash = hash_u64((uint64_t)key.function << 32 | key.module) ^
	       hash_u64((uint64_t)key.file << 32 | key.line);
	b->key = &key;
	*id = hashidx_find(&b->index, hash, same_label, b);
	if (*id != HASHIDX_NONE)
		return 0;
	*id = b->t->n_labels;
	if (hashidx_add(&b->index, hash, *id))
		return ERR_NOMEM;
	b->t->labels[b->t->n_labels++] = key;
	return 0;
}

static int label_frames(struct builder *b)
{
	uint32_t i;

	b->t->labels = calloc(2 * (size_t)b->p->n_frames + 1, sizeof(*b->t->labels));
	b->label_of = malloc(((size_t)b->p->n_frames + 1) * sizeof(*b->label_of));
	if (!b->t->labels || !b->label_of)
		return ERR_NOMEM;
	for (i = 0; i < b->p->n_frames; i++)
		if (label_frame(b, &b->p->frames[i], &b->label_of[i]))
			return ERR_NOMEM;
	return 0;
}

/* "[libc.so.6]": the label that a run of library frames becomes. */
static int folded_label(struct builder *b, uint32_t label, uint32_t *id)
{
	const struct tree_label *l = &b->t->labels[label];
	struct tree_label key = {.module = l->module, .library = 1};
	struct buf text = BUF_INIT;
	uint64_t hash;
	int rc;

	buf_printf(&text, "[%s]", base_name(strtab_text(b->p->strings, l->module)));
	rc = buf_failed(&text) ||
	     strtab_intern(b->p->strings, buf_str(&text), text.len, &key.function);
	buf_release(&text);
	if (rc)
		return ERR_NOMEM;
	hash = hash_u64((uint64_t)key.function << 32 | key.module) ^ hash_u64(0);
	b->key = &key;
	*id = hashidx_find(&b->index, hash, same_label, b);
	if (*id != HASHIDX_NONE)
		return 0;
	*id = b->t->n_labels;
	if (hashidx_add(&b->index, hash, *id))
		return ERR_NOMEM;
	b->t->labels[b->t->n_labels++] = key;
	return 0;
}

/* Stacks of labels instead of frames. A library frame below user code (not at the root end, where
 * _start and thread starts are) becomes its library's label, and further ones of the same library vanish
 * into it. */
static int map_stacks(struct builder *b, struct stacktab *out, uint32_t *map, int fold)
{
	uint8_t *inside_user = calloc((size_t)b->p->n_stacks + 1, 1);
	uint32_t i;
	int rc = inside_user ? 0 : ERR_NOMEM;

	if (rc == 0)
		map[0] = STACK_ROOT;
	for (i = 1; rc == 0 && i < b->p->n_stacks; i++) {
		const struct profile_stack *s = &b->p->stacks[i];
		uint32_t label = b->label_of[s->frame];
		int library = b->t->labels[label].library;

		inside_user[i] = inside_user[s->parent] || !library;
		if (fold && library && inside_user[s->parent]) {
			rc = folded_label(b, label, &label);
			if (rc == 0 && stacktab_frame(out, map[s->parent]) == label) {
				map[i] = map[s->parent];
				continue;
			}
		}
		if (rc == 0)
			rc = stacktab_intern(out, map[s->parent], label, &map[i]);
	}
	free(inside_user);
	return rc;
}

static int build(struct builder *b, const struct filter *filter, struct stacktab *stacks,
		 const uint32_t *map)
{
	struct calltree_sample *samples = malloc((b->p->n_samples + 1) * sizeof(*samples));
	uint32_t *ranks = malloc(((size_t)strtab_count(b->p->strings) + 1) * sizeof(*ranks));
	uint32_t *label_ranks = malloc(((size_t)b->t->n_labels + 1) * sizeof(*label_ranks));
	struct calltree_options options = {.order = CALLTREE_BY_VALUE};
	size_t n = 0, i;
	int rc = samples && ranks && label_ranks ? 0 : ERR_NOMEM;

	if (rc == 0)
		rc = strtab_rank(b->p->strings, ranks);
	for (i = 0; rc == 0 && i < b->t->n_labels; i++)
		label_ranks[i] = ranks[b->t->labels[i].function];
	for (i = 0; rc == 0 && i < b->p->n_samples; i++) {
		const struct profile_sample *s = &b->p->samples[i];

		if (!filter_passes(filter, s) || s->value < 0)
			continue;
		samples[n].stack = map[s->stack];
		samples[n].count = s->count;
		samples[n++].value = (uint64_t)s->value;
	}
	options.ranks = label_ranks;
	options.n_ranks = b->t->n_labels;
	if (rc == 0)
		rc = calltree_build(&b->t->tree, stacks, samples, n, &options);
	free(samples);
	free(ranks);
	free(label_ranks);
	return rc;
}

int profile_tree_build(struct profile_tree *t, struct profile *p,
		       const struct sample_filter *filter, int by_line, int fold_library,
		       struct err *err)
{
	struct builder b = {.t = t, .p = p, .by_line = by_line, .err = err};
	struct stacktab *stacks = stacktab_new();
	uint32_t *map = malloc(((size_t)p->n_stacks + 1) * sizeof(*map));
	struct filter f;
	int rc;

	memset(t, 0, sizeof(*t));
	rc = filter_init(&f, p, filter, err);
	if (rc == 0) {
		rc = stacks && map ? label_frames(&b) : ERR_NOMEM;
		if (rc == 0)
			rc = map_stacks(&b, stacks, map, fold_library);
		if (rc == 0)
			rc = build(&b, &f, stacks, map);
		if (rc)
			rc = rc == ERR_NOMEM ? err_nomem(err, "the call tree")
					     : err_set(err, rc, "cannot build the call tree: %s",
						       err_name(rc));
		filter_release(&f);
	}
	hashidx_release(&b.index);
	free(b.label_of);
	free(map);
	stacktab_free(stacks);
	if (rc)
		profile_tree_release(t);
	return rc;
}

void profile_tree_release(struct profile_tree *t)
{
	calltree_release(&t->tree);
	free(t->labels);
	memset(t, 0, sizeof(*t));
}
