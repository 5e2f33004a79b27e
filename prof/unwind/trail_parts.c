/* Pieces of stacks that are not remembered yet: walked by their rules, their shape and sum written down.
 * Signal-safe: no allocation, no lock, no library call. */
#include "prof/unwind/trail_internal.h"

/* splitmix64 (Sebastiano Vigna) of 0 … 7, made odd. */
const uint64_t trail_factors[2 * TRAIL_PART] = {0,
						0,
						0,
						0,
						0,
						0,
						0,
						0,
						0xe220a8397b1dcdaf,
						0x6e789e6aa1b965f5,
						0x06c45d188009454f,
						0xf88bb8a8724c81ed,
						0x1b39896a51a8749b,
						0x53cb9f0c747ea2eb,
						0x2c829abe1f4532e1,
						0xc584133ac916ab3d};

/* No stack is as large: see unwind.c. */
#define HALF ((uint64_t)1 << 62)

struct draft { /* a shape that is being made */
	struct trail_shape shape;
	struct trail_words words;
	uint64_t ra, sp, bp_at; /* the frame at hand */
	int saved;              /* bp_at lies in this piece */
	int far;                /* there is no room for something, or it is too far from sp */
	uint64_t lo, count;     /* of the memory; see memory_count() */
};

void trail_forget(struct unwind_trail *t)
{
	for (uint32_t i = 0; i < TRAIL_SETS * TRAIL_WAYS; i++) {
		struct trail_shape *s = &t->shapes[i / TRAIL_WAYS][i % TRAIL_WAYS];

		s->salt = 0;
		s->sp = 0;                         /* nobody's */
		__asm__ volatile("" ::: "memory"); /* no call of memset */
	}
	trail_forget_paths(t);
	t->parts = t->path_bad = t->path_pause = 0;
	t->generation = 0;
	t->hi = 0;
	t->at_it = 0;
}

/* ---- by rules ----------------------------------------------------------------------------------- */

static uint32_t off(struct draft *d, uint64_t address)
{
	d->far |= address - d->shape.sp > UINT32_MAX - 1;
	return (uint32_t)(address - d->shape.sp);
}

static void add_word(struct draft *d, uint64_t at, uint64_t value)
{
	if (d->shape.words == TRAIL_WORDS_MAX) {
		d->far = 1;
		return;
	}
	d->words.at[d->shape.words] = off(d, at);
	d->words.value[d->shape.words++] = off(d, value);
}

/* A CFA that counts from bp, in *cfa. 0, or -1: unwind() has to see to it. */
static int cfa_by_bp(struct draft *d, const struct unwind_entry *e, uint64_t *cfa)
{
	uint64_t from, at;

	if (e->kind != UNWIND_ENTRY_BP && e->kind != UNWIND_ENTRY_REALIGNED)
		return -1;
	from = trail_word(d->bp_at);
	if (from - d->sp >= HALF)
		return -1;
	if (d->saved) {
		add_word(d, d->bp_at, from);
	} else {
		d->shape.has_bp = 1;
		d->words.bp = off(d, from);
	}
	*cfa = at = from + (uint64_t)(int64_t)e->cfa_off;
	if (e->kind == UNWIND_ENTRY_BP)
		return 0;
	if (at - d->lo >= d->count || from - d->lo >= d->count)
		return -1;
	*cfa = trail_word(at);
	if (*cfa - from - 1 >= HALF)
		return -1;
	add_word(d, at, *cfa);
	d->bp_at = from;
	d->saved = 1;
	return 0;
}

/* One frame outwards: 0; 1: the frame at hand is the outermost; -1: it is not plain. */
static int step(struct draft *d, const struct unwind_entry *e)
{
	uint64_t cfa = d->sp + (uint64_t)(int64_t)e->cfa_off;

	if (e->kind == UNWIND_ENTRY_ROOT)
		return 1;
	if (e->kind != UNWIND_ENTRY_SP && cfa_by_bp(d, e, &cfa) < 0)
		return -1;
	if (UNWIND_UNLIKELY(cfa - (d->lo + 8) >= d->count))
		return -1;
	if (e->bp && e->kind != UNWIND_ENTRY_REALIGNED) {
		d->bp_at = cfa + (uint64_t)(8 * (int64_t)e->bp);
		d->saved = 1;
	}
	d->shape.place[d->shape.frames] = off(d, cfa - 8);
	d->ra = trail_word(cfa - 8);
	d->sp = cfa;
	return 0;
}

/* Up to TRAIL_PART frames; 0 or -1. */
static int run(struct draft *d, struct unwind_trail *t, const struct unwind_map *map,
	       struct unwind_cache *cache, uint64_t ras[TRAIL_PART])
{
	const uint8_t *entries = (const uint8_t *)cache_entries(cache);
	struct unwind_entry *before = &t->start;
	uint32_t places = 0;

	while (d->shape.frames < TRAIL_PART && !d->shape.flags) {
		struct unwind_entry *e =
			(struct unwind_entry *)(uintptr_t)(const void *)(entries + before->next);
		int rc;

		if (UNWIND_UNLIKELY(e->key != d->ra - 1)) {
			e = cache_find(cache, map, d->ra - 1);
			before->next = (uint16_t)((const uint8_t *)e - entries);
		}
		ras[d->shape.frames] = d->ra;
		rc = step(d, e);
		if (rc < 0)
			return -1;
		places += rc == 0;
		d->shape.flags = rc ? TRAIL_ROOT : 0;
		d->shape.frames++;
		before = e;
	}
	/* What fills up is read too: something that does not change all the time. */
	for (uint32_t i = places; i < TRAIL_PART; i++)
		d->shape.place[i] = places ? d->shape.place[places - 1] : 0;
	return places || d->sp - d->lo < d->count ? 0 : -1;
}

/* ---- written down ------------------------------------------------------------------------------- */

static int complete(struct draft *d)
{
	if (d->saved)
		d->shape.save = off(d, d->bp_at) + 1;
	if (d->shape.has_bp || d->shape.words)
		d->shape.flags |= TRAIL_WORDS;
	return d->far ? -1 : 0;
}

static int is_same(const struct trail_shape *a, const struct trail_words *x,
		   const struct trail_shape *b, const struct trail_words *y)
{
	uint32_t differ = 0;

	if (!a->salt || a->ra != b->ra || a->sp != b->sp || a->save != b->save ||
	    a->frames != b->frames || a->words != b->words || a->has_bp != b->has_bp ||
	    a->flags != b->flags)
		return 0;
	for (uint32_t i = 0; i < TRAIL_PART; i++)
		differ |= a->place[i] ^ b->place[i];
	if (a->has_bp)
		differ |= x->bp ^ y->bp;
	for (uint32_t i = 0; i < a->words; i++)
		differ |= (x->at[i] ^ y->at[i]) | (x->value[i] ^ y->value[i]);
	return differ == 0;
}

static void write_words(struct trail_words *to, const struct draft *d)
{
	to->bp = d->words.bp;
	for (uint32_t i = 0; i < d->shape.words; i++) {
		to->at[i] = d->words.at[i];
		to->value[i] = d->words.value[i];
	}
}

static int in_use(const struct unwind_trail *t, const struct trail_shape *s, uint32_t parts)
{
	while (parts-- > 0)
		if (t->part[parts] == s)
			return 1;
	return 0;
}

/* The shape of the draft among those of its set: one that is the same, or put in the place of another; NULL:
 * the walk at hand came through all. */
static struct trail_shape *keep(struct unwind_trail *t, const struct draft *d, uint32_t parts)
{
	struct trail_shape *set = trail_set(t, d->shape.ra, d->shape.sp), *s = NULL;

	for (uint32_t i = 0; i < TRAIL_WAYS; i++)
		if (is_same(&set[i], trail_words_of(t, &set[i]), &d->shape, &d->words))
			return &set[i];
	for (uint32_t i = 0; i < TRAIL_WAYS && !s; i++)
		s = set[i].salt ? NULL : &set[i];
	for (uint32_t i = 0; i < TRAIL_WAYS && !s; i++) {
		s = &set[(t->victim + i) % TRAIL_WAYS];
		s = in_use(t, s, parts) ? NULL : s;
	}
	if (!s)
		return NULL;
	*s = d->shape;
	if (s->flags & TRAIL_WORDS)
		write_words(trail_words_of(t, s), d);
	return s;
}

static uint64_t sum_of(const struct trail_shape *s, const uint64_t ras[TRAIL_PART])
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->frames; i++)
		sum += ras[i] * TRAIL_FACTOR(s->frames)[-(int32_t)i];
	return sum;
}

int trail_by_rules(struct unwind_trail *t, struct trail_walk *w, const struct unwind_memory *memory,
		   const struct unwind_map *map, struct unwind_cache *cache)
{
	uint64_t ras[TRAIL_PART], sum;
	struct trail_shape *s;
	struct draft d;

	cache_check(cache, map, UNWIND_CACHE_SETS);
	d.shape = (struct trail_shape){.ra = w->ra, .sp = w->sp};
	d.words.bp = 0;
	d.ra = w->ra;
	d.sp = w->sp;
	d.bp_at = trail_bp_at(t, w->parts);
	d.saved = d.far = 0;
	d.lo = memory->lo;
	d.count = memory_count(memory);
	if (run(&d, t, map, cache, ras) < 0 || complete(&d) < 0)
		return -1;
	d.shape.salt = ++t->made * TRAIL_MIX;
	s = keep(t, &d, w->parts);
	if (!s)
		return -1;
	t->part[w->parts++] = s;
	sum = sum_of(s, ras);
	trail_note(t, s->salt, sum);
	w->sum = trail_add(w->sum, sum);
	w->ra = d.ra;
	w->sp = d.sp;
	return 0;
}
