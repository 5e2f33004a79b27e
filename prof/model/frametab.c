/* Each frame once: see frametab.h. */
#include "prof/model/frametab.h"

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/grow.h"

struct frametab {
	struct frame *rows; /* owned */
	uint32_t count, cap, max;
	struct hashidx index;
};

struct frametab *frametab_new(void)
{
	struct frametab *t = calloc(1, sizeof *t);

	if (t)
		t->max = HASHIDX_NONE - 1;
	return t;
}

void frametab_free(struct frametab *t)
{
	if (!t)
		return;
	hashidx_release(&t->index);
	free(t->rows);
	free(t);
}

void frametab_set_limit(struct frametab *t, uint32_t frames)
{
	t->max = frames < HASHIDX_NONE - 1 ? frames : HASHIDX_NONE - 1;
}

static uint64_t hash_frame(struct frame f)
{
	return hash_u64(f.rel_addr ^ hash_u64((uint64_t)f.module << 32 | f.inline_depth));
}

struct sought {
	const struct frame *rows;
	struct frame frame;
};

static int is_sought(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct frame *row = &s->rows[id];

	return row->rel_addr == s->frame.rel_addr && row->module == s->frame.module &&
	       row->inline_depth == s->frame.inline_depth;
}

int frametab_find(const struct frametab *t, struct frame frame, uint32_t *id)
{
	struct sought s = {t->rows, frame};
	uint32_t hit = hashidx_find(&t->index, hash_frame(frame), is_sought, &s);

	if (hit == HASHIDX_NONE)
		return 0;
	*id = hit;
	return 1;
}

int frametab_intern(struct frametab *t, struct frame frame, uint32_t *id)
{
	if (frametab_find(t, frame, id))
		return 0;
	if (t->count >= t->max)
		return ERR_LIMIT;
	if (t->count == t->cap) {
		uint32_t cap = grow_next(t->cap, t->max);

		if (GROW(t->rows, cap) != 0)
			return ERR_NOMEM;
		t->cap = cap;
	}
	if (hashidx_add(&t->index, hash_frame(frame), t->count) != 0)
		return ERR_NOMEM;
	t->rows[t->count] = frame;
	*id = t->count++;
	return 0;
}

uint32_t frametab_count(const struct frametab *t)
{
	return t->count;
}

struct frame frametab_get(const struct frametab *t, uint32_t id)
{
	return id < t->count ? t->rows[id] : (struct frame){.module = FRAME_NO_MODULE};
}
