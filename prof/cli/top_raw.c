/* Stacks of an interval before they have names: see top_raw.h. */
#include "prof/cli/top_raw.h"

#include <stdlib.h>
#include <string.h>

#include "prof/cli/top_grow.h"

/* Then it starts anew: a few MB, some minutes of stacks that are all different. */
#define IDS_MAX    (1u << 20)
#define FRAMES_MAX (1u << 16)

void top_raw_release(struct top_raw *r)
{
	free(r->frames);
	free(r->stacks);
	free(r->ids);
	free(r->places);
	hashidx_release(&r->frame_ids);
	hashidx_release(&r->stack_ids);
	memset(r, 0, sizeof(*r));
}

struct frame_key {
	const struct top_raw *r;
	struct attach_frame f;
};

static int same_frame(const void *ctx, uint32_t id)
{
	const struct frame_key *k = ctx;
	const struct attach_frame *f = &k->r->frames[id].frame;

	return f->module == k->f.module && f->rel_addr == k->f.rel_addr;
}

static uint32_t frame_id(struct top_raw *r, struct attach_frame f)
{
	struct frame_key key = {r, f};
	uint64_t hash = hash_u64(f.rel_addr ^ (uint64_t)f.module << 44);
	uint32_t id = hashidx_find(&r->frame_ids, hash, same_frame, &key);

	if (id != HASHIDX_NONE)
		return id;
	if (TOP_GROW(r->frames, r->n_frames, 1, r->cap_frames) ||
	    hashidx_add(&r->frame_ids, hash, r->n_frames))
		return TOP_NONE;
	id = r->n_frames++;
	memset(&r->frames[id], 0, sizeof(*r->frames));
	r->frames[id].frame = f;
	r->frames[id].stale = 1;
	return id;
}

/* The ids sought stand behind the ones that are in use. */
struct stack_key {
	const struct top_raw *r;
	uint32_t n;
};

static int same_stack(const void *ctx, uint32_t id)
{
	const struct stack_key *k = ctx;
	const struct top_raw_stack *s = &k->r->stacks[id];

	return s->n == k->n &&
	       memcmp(k->r->ids + s->at, k->r->ids + k->r->n_ids, k->n * sizeof(*k->r->ids)) == 0;
}

static uint32_t stack_id(struct top_raw *r, uint32_t n)
{
	struct stack_key key = {r, n};
	uint64_t hash = hash_bytes(r->ids + r->n_ids, n * sizeof(*r->ids), n);
	uint32_t id = hashidx_find(&r->stack_ids, hash, same_stack, &key);

	if (id != HASHIDX_NONE)
		return id;
	if (TOP_GROW(r->stacks, r->n_stacks, 1, r->cap_stacks) ||
	    hashidx_add(&r->stack_ids, hash, r->n_stacks))
		return TOP_NONE;
	id = r->n_stacks++;
	memset(&r->stacks[id], 0, sizeof(*r->stacks));
	r->stacks[id].at = r->n_ids;
	r->stacks[id].n = n;
	r->n_ids += n;
	return id;
}

uint32_t top_raw_add(struct top_raw *r, const struct attach_frame *frames, uint32_t n,
		     const uint32_t labels[2], enum top_kind kind, double value_ns, uint64_t count)
{
	uint32_t i, all = 0, id;

	if (n > UINT32_MAX - 2 || TOP_GROW(r->ids, r->n_ids, n + 2, r->cap_ids))
		return TOP_NONE;
	for (i = 0; i < n + 2; i++) {
		struct attach_frame f = {TOP_RAW_LABEL, i < n ? 0 : labels[i - n]};

		if (i >= n && !labels[i - n])
			continue;
		id = frame_id(r, i < n ? frames[i] : f);
		if (id == TOP_NONE)
			return TOP_NONE;
		r->ids[r->n_ids + all++] = id;
	}
	id = stack_id(r, all);
	if (id == TOP_NONE)
		return TOP_NONE;
	r->stacks[id].value[kind] += value_ns;
	r->stacks[id].count[kind] += count;
	return id;
}

uint32_t *top_raw_places(struct top_raw *r, struct top_raw_frame *f, uint32_t n)
{
	if (TOP_GROW(r->places, r->n_places, n, r->cap_places))
		return NULL;
	f->first = r->n_places;
	f->n = n;
	f->stale = 0;
	r->n_places += n;
	return r->places + f->first;
}

void top_raw_stale(struct top_raw *r)
{
	uint32_t i;

	r->n_places = 0;
	for (i = 0; i < r->n_frames; i++)
		r->frames[i].stale = 1;
}

int top_raw_is_large(const struct top_raw *r)
{
	return r->n_ids > IDS_MAX || r->n_frames > FRAMES_MAX || r->n_places > IDS_MAX;
}

void top_raw_begin(struct top_raw *r)
{
	uint32_t i;
	int k;

	if (top_raw_is_large(r)) {
		top_raw_release(r);
		return;
	}
	for (i = 0; i < r->n_stacks; i++)
		for (k = 0; k < TOP_KINDS; k++) {
			r->stacks[i].value[k] = 0;
			r->stacks[i].count[k] = 0;
		}
}
