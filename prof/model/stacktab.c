/* Each call path once: see stacktab.h. The pair (parent, frame) is the key of the map as it is. */
#include "prof/model/stacktab.h"

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/grow.h"

struct row {
	uint32_t parent, frame, depth;
};

struct stacktab {
	struct row *rows; /* owned */
	uint32_t count, cap, max;
	struct idmap ids; /* (parent << 32 | frame) to id */
};

struct stacktab *stacktab_new(void)
{
	struct stacktab *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->max = IDMAP_NONE - 1;
	t->cap = grow_next(0, t->max);
	if (GROW(t->rows, t->cap) != 0) {
		free(t);
		return NULL;
	}
	t->rows[t->count++] = (struct row){STACK_ROOT, UINT32_MAX, 0};
	return t;
}

void stacktab_free(struct stacktab *t)
{
	if (!t)
		return;
	idmap_release(&t->ids);
	free(t->rows);
	free(t);
}

void stacktab_set_limit(struct stacktab *t, uint32_t stacks)
{
	t->max = stacks < IDMAP_NONE - 1 ? stacks : IDMAP_NONE - 1;
}

int stacktab_intern(struct stacktab *t, uint32_t parent, uint32_t frame, uint32_t *id)
{
	uint64_t key = (uint64_t)parent << 32 | frame;
	uint32_t hit;

	if (parent >= t->count || frame == UINT32_MAX)
		return ERR_ARG;
	hit = idmap_get(&t->ids, key);
	if (hit != IDMAP_NONE) {
		*id = hit;
		return 0;
	}
	if (t->count >= t->max)
		return ERR_LIMIT;
	if (t->count == t->cap) {
		uint32_t cap = grow_next(t->cap, t->max);

		if (GROW(t->rows, cap) != 0)
			return ERR_NOMEM;
		t->cap = cap;
	}
	if (idmap_set(&t->ids, key, t->count) != 0)
		return ERR_NOMEM;
	t->rows[t->count] = (struct row){parent, frame, t->rows[parent].depth + 1};
	*id = t->count++;
	return 0;
}

int stacktab_intern_path(struct stacktab *t, const uint32_t *frames, size_t n, uint32_t *id)
{
	uint32_t at = STACK_ROOT;
	int rc;

	while (n-- > 0)
		if ((rc = stacktab_intern(t, at, frames[n], &at)) != 0)
			return rc;
	*id = at;
	return 0;
}

uint32_t stacktab_count(const struct stacktab *t)
{
	return t->count;
}

static const struct row *row_of(const struct stacktab *t, uint32_t id)
{
	return &t->rows[id < t->count ? id : STACK_ROOT];
}

uint32_t stacktab_parent(const struct stacktab *t, uint32_t id)
{
	return row_of(t, id)->parent;
}

uint32_t stacktab_frame(const struct stacktab *t, uint32_t id)
{
	return row_of(t, id)->frame;
}

uint32_t stacktab_depth(const struct stacktab *t, uint32_t id)
{
	return row_of(t, id)->depth;
}

size_t stacktab_walk(const struct stacktab *t, uint32_t id, uint32_t *frames, size_t max)
{
	size_t n = 0;

	if (id >= t->count)
		return 0;
	for (; id != STACK_ROOT && n < max; id = t->rows[id].parent)
		frames[n++] = t->rows[id].frame;
	return n;
}
