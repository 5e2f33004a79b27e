/* Paths: the places of whole stacks, made of the shapes of the pieces that a walk came through. Signal-safe: no
 * allocation, no lock, no library call. */
#include "prof/unwind/trail_internal.h"

void trail_forget_paths(struct unwind_trail *t)
{
	for (uint32_t i = 0; i < 2 * TRAIL_PATHS; i++) {
		t->paths[i / 2][i % 2].salt = 0;
		t->paths[i / 2][i % 2].sp = 0;     /* nobody's */
		__asm__ volatile("" ::: "memory"); /* no call of memset */
	}
	t->path = NULL;
}

static int add_word(struct trail_path *p, uint64_t at, uint64_t value)
{
	if (p->words == TRAIL_PATH_WORDS)
		return -1;
	p->at[p->words] = (uint32_t)(at - p->sp);
	p->value[p->words++] = (uint32_t)(value - p->sp);
	return 0;
}

/* The k-th piece of the walk, which begins where the path came to. 0, or -1: no room. */
static int add_part(const struct unwind_trail *t, struct trail_path *p, uint32_t k)
{
	const struct trail_shape *s = t->part[k];
	const struct trail_words *w = trail_words_of((struct unwind_trail *)(uintptr_t)t, s);

	for (uint32_t i = 0; i < TRAIL_PART; i++)
		p->place[k * TRAIL_PART + i] = (uint32_t)(s->sp + s->place[i] - p->sp);
	if (s->has_bp) {
		uint64_t at = trail_bp_at(t, k), value = s->sp + w->bp;

		if (at == (uint64_t)(uintptr_t)&t->bp) {
			p->has_bp = 1;
			p->bp = (uint32_t)(value - p->sp);
		} else if (add_word(p, at, value) < 0) {
			return -1;
		}
	}
	for (uint32_t i = 0; i < s->words; i++)
		if (add_word(p, s->sp + w->at[i], s->sp + w->value[i]) < 0)
			return -1;
	return 0;
}

static int is_same(const struct trail_path *a, const struct trail_path *b)
{
	uint32_t differ = (a->parts ^ b->parts) | (a->last_frames ^ b->last_frames) |
			  (a->words ^ b->words) | (a->has_bp ^ b->has_bp);

	if (!a->salt || a->ra != b->ra || a->sp != b->sp || differ)
		return 0;
	if (a->has_bp)
		differ = a->bp ^ b->bp;
	for (uint32_t i = 0; i < a->parts * TRAIL_PART; i++)
		differ |= a->place[i] ^ b->place[i];
	for (uint32_t i = 0; i < a->words; i++)
		differ |= (a->at[i] ^ b->at[i]) | (a->value[i] ^ b->value[i]);
	return differ == 0;
}

static void copy(struct trail_path *to, const struct trail_path *from)
{
	to->ra = from->ra;
	to->sp = from->sp;
	to->salt = from->salt;
	to->parts = from->parts;
	to->last_frames = from->last_frames;
	to->words = from->words;
	to->has_bp = from->has_bp;
	to->bp = from->bp;
	for (uint32_t i = 0; i < from->parts * TRAIL_PART; i++)
		to->place[i] = from->place[i];
	for (uint32_t i = 0; i < from->words; i++) {
		to->at[i] = from->at[i];
		to->value[i] = from->value[i];
	}
}

void trail_add_path(struct unwind_trail *t, uint64_t sum)
{
	const struct trail_shape *first = t->part[0], *last = t->part[t->parts - 1];
	struct trail_path p, *set = trail_paths(t, first->ra, first->sp);

	if (t->parts > TRAIL_PATH_FRAMES / TRAIL_PART || t->hi - first->sp > UINT32_MAX)
		return;
	p.ra = first->ra;
	p.sp = first->sp;
	p.parts = (uint8_t)t->parts;
	p.last_frames = last->frames;
	p.words = p.has_bp = 0;
	p.bp = 0;
	for (uint32_t k = 0; k < t->parts; k++)
		if (add_part(t, &p, k) < 0)
			return;
	for (uint32_t i = 0; i < 2; i++)
		if (is_same(&set[i], &p)) {
			trail_note(t, set[i].salt, sum);
			return;
		}
	if (set[0].salt && (!set[1].salt || t->victim % 2))
		set++;
	p.salt = ++t->made * TRAIL_MIX;
	copy(set, &p);
	trail_note(t, p.salt, sum);
}
