/* The stack of a call, put together from pieces that were met before. Of a piece that begins with a frame
 * (pc, sp) a "shape" says where its return addresses lie, and what the saved frame pointers were that it
 * depends on; the sum of what lies there now, looked up among the sums of pieces that were walked and found
 * to have this shape, tells that it is one of them, and with what frame the next piece begins. What is not
 * known is walked by its rules and known from then on (trail_parts.c); what has no plain rules is left to
 * unwind().
 *
 * Why that is enough. A walk through a piece is decided by the pc, sp and bp of its first frame, by the rules
 * (the same while the map is), and by the words it reads: return addresses, and where a CFA counts from bp
 * or is kept in the frame, those words. Plain rules read nothing else. Of a piece that was walked, the shape has
 * the values of all words of the second sort, and the sum stands for the return addresses of all its frames
 * but the last, whose return address is free: it only says what comes next. If the first frame has the same pc
 * and sp (and bp, if that was used), the words have the same values, and the return addresses have the same
 * sum, hence are the same (two that differ have the same sum by chance only: each is multiplied with a random
 * odd constant, so 2^-60), then by induction from its first frame on every step leads to where it led: same
 * pc, hence same rule; same sp, and bp where it counts, hence same CFA; hence the same places are read. Before
 * that is known nothing that was read is believed, and all of it lies between sp and the end of the stack,
 * so that it may be read. A bp that was saved but not used yet is not compared: it is read where it lies
 * once a later piece uses it.
 *
 * The hash is made of the sums of pieces, which begin at every TRAIL_PART-th frame from the leaf on, so it
 * depends on addresses alone. Signal-safe: no allocation, no lock, no library call. */
#include "prof/unwind/trail.h"

#include "prof/unwind/trail_internal.h"

#define STEADY 3 /* so often the same stack: the next one may be the same again */

size_t unwind_trail_bytes(uint32_t depth_max)
{
	(void)depth_max;
	return sizeof(struct unwind_trail);
}

void unwind_trail_init(struct unwind_trail *t, uint32_t depth_max)
{
	t->depth_max = depth_max < TRAIL_DEPTH ? depth_max : TRAIL_DEPTH;
	if (t->generation || t->at_it)
		trail_forget(t);
}

static uint64_t finish(uint64_t sum)
{
	sum = (sum ^ sum >> 32) * TRAIL_MIX;
	return sum ^ sum >> 29;
}

uint64_t unwind_trail_hash(const uint64_t *addresses, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t frames; n > 0; n -= frames, addresses += frames) {
		uint64_t part = 0;

		frames = n < TRAIL_PART ? n : TRAIL_PART;
		for (uint32_t i = 0; i < frames; i++)
			part += addresses[i] * TRAIL_FACTOR(frames)[-(int32_t)i];
		sum = trail_add(sum, part);
	}
	return finish(sum);
}

/* ---- pieces that are known ---------------------------------------------------------------------- */

_Static_assert(TRAIL_PART == 8, "the turns below");
#define EIGHT_TURNS TURN(0) TURN(1) TURN(2) TURN(3) TURN(4) TURN(5) TURN(6) TURN(7)

/* Which of the four it is nobody can guess: no branch. */
static inline int is_in(const uint64_t *set, uint64_t tag)
{
	int a = set[0] == tag, b = set[1] == tag, c = set[2] == tag, d = set[3] == tag;

	__asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	return (a | b) | (c | d);
}

static __attribute__((noinline)) int words_hold(struct unwind_trail *t, const struct trail_shape *s,
						uint32_t parts)
{
	const struct trail_words *w = trail_words_of(t, s);
	uint64_t differ = 0;

	if (s->has_bp)
		differ = (trail_word(trail_bp_at(t, parts)) - s->sp) ^ w->bp;
	for (uint32_t i = 0; i < s->words; i++)
		differ |= (trail_word(s->sp + w->at[i]) - s->sp) ^ w->value[i];
	return differ == 0;
}

/* Goes on through pieces that are known, at least `frames_max` frames if there are; the sum of what lies where a
 * shape says is looked up. 1: to the root; 0: enough; -1: the piece at hand is not known. */
static inline __attribute__((always_inline)) int
known_parts(struct unwind_trail *t, struct trail_walk *w, uint32_t parts_max)
{
	uint64_t key = w->key, sp = w->sp, sum = w->sum;
	uint32_t parts = w->parts;
	int rc = 0;

	while (parts < parts_max) {
		const struct trail_shape *s = trail_set(t, key, sp);
		const uint64_t *factor = TRAIL_FACTOR(TRAIL_PART), *set;
		uint64_t *out = t->out + (size_t)parts * TRAIL_PART, a[2], at = key, tag;

		int hit;

		rc = -1;
		if (s->key != key || s->sp != sp) {
		second:
			s++;
			if (s->key != key || s->sp != sp)
				break;
		}
		if (UNWIND_UNLIKELY(s->flags & TRAIL_ROOT))
			factor = TRAIL_FACTOR(s->frames);
		a[0] = a[1] = 0;
#define TURN(i)                                                                                    \
	out[i] = at;                                                                               \
	a[(i) % 2] += at * factor[-(i)];                                                           \
	at = trail_word(sp + s->place[i]) - 1;
		EIGHT_TURNS
#undef TURN
		a[0] += a[1];
		set = trail_known(t, s, a[0], &tag);
		hit = is_in(set, tag);
		if (UNWIND_UNLIKELY(!hit ||
				    ((s->flags & TRAIL_WORDS) && !words_hold(t, s, parts)))) {
			if (s == trail_set(t, key, sp))
				goto second;
			break;
		}
		t->last[parts++] = s;
		sum = trail_add(sum, a[0]);
		key = at;
		sp += s->place[TRAIL_PART - 1] + 8;
		rc = s->flags & TRAIL_ROOT;
		if (rc)
			break;
	}
	w->key = key;
	w->sp = sp;
	w->sum = sum;
	w->parts = parts;
	return rc;
}

/* ---- the last walk ------------------------------------------------------------------------------ */

/* Whether this stack is the last one: its places are known beforehand, so that no load waits for another. */
static inline int is_last(struct unwind_trail *t, uint64_t key, uint64_t sp)
{
	const uint64_t *out = t->out;

	if (key != *out || sp != t->last[0]->sp)
		return 0;
	for (uint32_t k = 0; k < t->last_parts; k++, out += TRAIL_PART) {
		const struct trail_shape *s = t->last[k];
		uint64_t differ = 0;

#define TURN(i) /* also what fills up the last part */                                             \
	if ((i) + 1 < TRAIL_PART || k + 1 < t->last_parts)                                         \
		differ |= (trail_word(s->sp + s->place[i]) - 1) ^ out[(i) + 1];
		EIGHT_TURNS
#undef TURN
		if (differ)
			return 0;
		if (UNWIND_UNLIKELY(s->flags & TRAIL_WORDS) && !words_hold(t, s, k))
			return 0;
	}
	return 1;
}

/* ---- a walk ------------------------------------------------------------------------------------- */

static void plain(struct unwind_trail *t, uint64_t ip, uint64_t sp, struct unwind_memory *memory,
		  const struct unwind_map *map, struct unwind_cache *cache,
		  struct unwind_trail_result *result)
{
	struct unwind_regs regs;
	struct unwind_result r;

	t->last_parts = 0;
	regs.reg[UNWIND_IP] = ip;
	regs.reg[UNWIND_SP] = sp;
	regs.reg[UNWIND_BP] = t->bp;
	regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP | 1u << UNWIND_BP | UNWIND_IP_IS_RETURN;
	r = unwind(&regs, memory, map, cache, t->out, t->depth_max);
	*result = (struct unwind_trail_result){
		t->out, unwind_trail_hash(t->out, r.n), r.n, r.guessed, 0, r.end};
}

/* Whether what is remembered is of this map and this stack, or of none. */
static inline int is_own_stack(struct unwind_trail *t, uint64_t sp,
			       const struct unwind_memory *memory, const struct unwind_map *map)
{
	if (UNWIND_UNLIKELY((uint64_t)(uintptr_t)memory->base != memory->lo || sp < memory->lo ||
			    sp >= memory->hi))
		return 0;
	if (UNWIND_UNLIKELY(t->at_it || t->generation != map->generation || t->hi != memory->hi)) {
		trail_forget(t);
		t->generation = map->generation;
		t->hi = memory->hi;
	}
	return 1;
}

/* 0, or -1: there is something in it that is not plain. */
static int by_parts(struct unwind_trail *t, struct trail_walk *w,
		    const struct unwind_memory *memory, const struct unwind_map *map,
		    struct unwind_cache *cache, struct unwind_trail_result *result)
{
	uint32_t max = t->depth_max / TRAIL_PART, fresh = 0, n;
	uint64_t before = t->last_sum;
	const struct trail_shape *s;
	int rc;

	t->last_parts = 0;
	while ((rc = known_parts(t, w, max)) < 0) {
		t->at_it = 1;
		rc = trail_by_rules(t, w, t->out + (size_t)w->parts * TRAIL_PART, memory, map,
				    cache);
		t->at_it = 0;
		if (rc < 0)
			return -1;
		s = t->last[w->parts - 1];
		fresh += s->frames;
		rc = s->flags & TRAIL_ROOT;
		if (rc)
			break;
	}
	n = (w->parts - 1) * TRAIL_PART + t->last[w->parts - 1]->frames;
	if (rc == 0 && (w->key == UINT64_MAX || n != t->depth_max)) /* no root yet, nor this deep */
		return -1;
	t->again = w->sum == before ? t->again + 1 : 0;
	t->last_sum = w->sum;
	t->last_n = n;
	t->last_end = rc ? UNWIND_ROOT : UNWIND_DEPTH;
	t->last_parts = fresh ? 0 : w->parts;
	*result =
		(struct unwind_trail_result){t->out, finish(w->sum), n, 0, n - fresh, t->last_end};
	return 0;
}

void unwind_trail_walk(struct unwind_trail *t, uint64_t ip, uint64_t sp, uint64_t bp,
		       struct unwind_memory *memory, const struct unwind_map *map,
		       struct unwind_cache *cache, struct unwind_trail_result *result)
{
	struct trail_walk w = {ip - 1, sp, 0, 0};

	t->bp = bp;
	if (!is_own_stack(t, sp, memory, map)) {
		plain(t, ip, sp, memory, map, cache, result);
		return;
	}
	if (t->again >= STEADY && t->last_parts) {
		if (is_last(t, ip - 1, sp)) {
			*result = (struct unwind_trail_result){
				t->out, finish(t->last_sum), t->last_n, 0, t->last_n, t->last_end};
			return;
		}
		t->again = 0;
	}
	if (by_parts(t, &w, memory, map, cache, result) < 0)
		plain(t, ip, sp, memory, map, cache, result);
}
