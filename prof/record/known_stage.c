/* Stages that are open, or ended and not stored yet, found by (address space, id). Rows are reused. */
#include "prof/record/known.h"

#include <stdlib.h>
#include <string.h>

static uint32_t chain_of(const struct known *k, uint64_t space, uint64_t id)
{
	return (uint32_t)hash_u64(id ^ space << 48) & k->stage_mask;
}

uint32_t known_stage_find(const struct known *k, uint64_t space, uint64_t id)
{
	uint32_t i;

	if (!k->stage_heads || id == 0)
		return KNOWN_NONE;
	for (i = k->stage_heads[chain_of(k, space, id)]; i != KNOWN_NONE; i = k->stages[i].next)
		if (k->stages[i].id == id && k->stages[i].space == space)
			return i;
	return KNOWN_NONE;
}

static void link_stage(struct known *k, uint32_t i)
{
	uint32_t *head = &k->stage_heads[chain_of(k, k->stages[i].space, k->stages[i].id)];

	k->stages[i].next = *head;
	*head = i;
}

/* Twice the rows and chains. */
static int grow_stages(struct known *k)
{
	uint32_t cap = k->cap_stages ? 2 * k->cap_stages : 64;
	struct known_stage *rows;
	uint32_t *heads;

	if (cap > KNOWN_STAGES_MAX)
		return -1;
	heads = malloc((size_t)cap * sizeof *heads);
	rows = heads ? realloc(k->stages, (size_t)cap * sizeof *rows) : NULL;
	if (!rows) {
		free(heads);
		return -1;
	}
	free(k->stage_heads);
	memset(heads, 0xff, (size_t)cap * sizeof *heads);
	k->stages = rows;
	k->stage_heads = heads;
	k->cap_stages = cap;
	k->stage_mask = cap - 1;
	for (uint32_t i = 0; i < k->n_stages; i++)
		if (k->stages[i].state != STAGE_FREE)
			link_stage(k, i);
	return 0;
}

uint32_t known_stage_add(struct known *k, uint64_t space, uint64_t id)
{
	uint32_t i = k->free_stage;

	if (i != KNOWN_NONE) {
		k->free_stage = k->stages[i].next;
	} else {
		if (k->n_stages >= k->cap_stages && grow_stages(k))
			return KNOWN_NONE;
		i = k->n_stages++;
	}
	memset(&k->stages[i], 0, sizeof k->stages[i]);
	k->stages[i].state = STAGE_OPEN;
	k->stages[i].space = space;
	k->stages[i].id = id;
	k->stages[i].parent = KNOWN_NONE;
	k->stages[i].seq = ++k->stage_seq;
	link_stage(k, i);
	return i;
}

uint32_t known_stage_parent(const struct known *k, uint32_t stage)
{
	const struct known_stage *s = &k->stages[stage];
	const struct known_stage *p;

	if (s->parent == KNOWN_NONE)
		return KNOWN_NONE;
	p = &k->stages[s->parent];
	return p->state != STAGE_FREE && p->seq == s->parent_seq ? s->parent : KNOWN_NONE;
}

void known_stage_drop(struct known *k, uint32_t stage)
{
	struct known_stage *s = &k->stages[stage];
	uint32_t *at = &k->stage_heads[chain_of(k, s->space, s->id)];

	while (*at != stage)
		at = &k->stages[*at].next;
	*at = s->next;
	s->state = STAGE_FREE;
	s->next = k->free_stage;
	k->free_stage = stage;
}
