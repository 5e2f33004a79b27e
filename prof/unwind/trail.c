/* The stack of a call, put together from pieces that were met before. Of a piece that begins with a frame
 * (pc, sp) a "shape" says where its return addresses lie, and what the saved frame pointers were that it
 * depends on; the sum of what lies there now, looked up among the sums of pieces that were walked and found
 * to have this shape, tells that it is one of them, and with what frame the next piece begins. What is not
 * known is walked by its rules and known from then on (trail_parts.c); what has no plain rules is left to
 * unwind(). A whole stack that is met again becomes a "path", a shape of all its pieces (trail_path.c), which
 * is asked first: no load waits for another then.
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
			part += (addresses[i] + 1) * TRAIL_FACTOR(frames)[-(int32_t)i];
		sum = trail_add(sum, part);
	}
	return finish(sum);
}

/* ---- pieces that are known ---------------------------------------------------------------------- */

_Static_assert(TRAIL_PART == 8, "the turns below");
#define EIGHT_TURNS TURN(0) TURN(1) TURN(2) TURN(3) TURN(4) TURN(5) TURN(6) TURN(7)

/* What lies in so many places, summed up with the first return address, *ra, which becomes the last one
 * read: it leads to the next piece. */
static UNWIND_INLINE uint64_t read_part(uint64_t *ra, uint64_t sp, const uint32_t *place,
					uint32_t frames)
{
	const uint64_t *factor = TRAIL_FACTOR(frames);
	uint64_t at = *ra, a[2] = {0, 0};

#define TURN(i)                                                                                    \
	a[(i) % 2] += at * factor[-(i)];                                                           \
	at = trail_word(sp + place[i]);
	EIGHT_TURNS
#undef TURN
	*ra = at;
	return a[0] + a[1];
}

/* Which of the four it is nobody can guess: no branch. */
static UNWIND_INLINE int is_in(const uint64_t *set, uint64_t tag)
{
	uint8_t a = set[0] == tag, b = set[1] == tag, c = set[2] == tag, d = set[3] == tag;

	__asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	return (a | b) | (c | d);
}

static inline int words_hold(struct unwind_trail *t, const struct trail_shape *s, uint32_t parts)
{
	const struct trail_words *w = trail_words_of(t, s);
	uint64_t differ = 0;

	if (s->has_bp)
		differ = (trail_word(trail_bp_at(t, parts)) - s->sp) ^ w->bp;
	for (uint32_t i = 0; i < s->words; i++)
		differ |= (trail_word(s->sp + w->at[i]) - s->sp) ^ w->value[i];
	return differ == 0;
}

static UNWIND_INLINE int is_known(struct unwind_trail *t, const struct trail_shape *s,
				  uint32_t parts, uint64_t *part, uint64_t *next)
{
	const uint64_t *set;
	uint64_t tag;

	*next = s->ra;
	*part = read_part(next, s->sp, s->place, s->frames);
	set = trail_known(t, s->salt, *part, &tag);
	return UNWIND_LIKELY(is_in(set, tag)) &&
	       (!(s->flags & TRAIL_WORDS) || words_hold(t, s, parts));
}

/* Goes on through pieces that are known, as long as there are less than `max`. 1: to the root; 0: so many;
 * -1: the piece at hand is not known. */
static UNWIND_INLINE int known_parts(struct unwind_trail *t, struct trail_walk *w, uint32_t max)
{
	uint64_t ra = w->ra, sp = w->sp, sum = w->sum;
	uint32_t parts = w->parts;
	int rc = 0;

	while (parts < max) {
		const struct trail_shape *s = trail_set(t, ra, sp), *end = s + TRAIL_WAYS;
		uint64_t part, next;

		for (; s < end; s++)
			if (s->ra == ra && s->sp == sp && is_known(t, s, parts, &part, &next))
				break;
		rc = -1;
		if (s == end)
			break;
		t->part[parts++] = s;
		sum = trail_add(sum, part);
		ra = next;
		sp += s->place[TRAIL_PART - 1] + 8;
		rc = s->flags & TRAIL_ROOT;
		if (rc)
			break;
	}
	w->ra = ra;
	w->sp = sp;
	w->sum = sum;
	w->parts = parts;
	return rc;
}

/* ---- paths that are known ----------------------------------------------------------------------- */

static inline int path_words_hold(const struct unwind_trail *t, const struct trail_path *p)
{
	uint64_t differ = p->has_bp ? (t->bp - p->sp) ^ p->bp : 0;

	for (uint32_t i = 0; i < p->words; i++)
		differ |= (trail_word(p->sp + p->at[i]) - p->sp) ^ p->value[i];
	return differ == 0;
}

/* The path of the whole stack, or NULL. As with pieces: its places were those of a stack that had this sum and
 * these words. */
static UNWIND_INLINE const struct trail_path *known_path(struct unwind_trail *t, uint64_t ra,
							 uint64_t sp, uint64_t *sum)
{
	const struct trail_path *p = trail_paths(t, ra, sp), *end = p + 2;

	for (; p < end; p++) {
		const uint32_t *place = p->place;
		uint64_t at = ra, tag;
		const uint64_t *set;

		if (p->ra != ra || p->sp != sp)
			continue;
		*sum = 0;
		for (uint32_t k = 1; k < p->parts; k++, place += TRAIL_PART)
			*sum = trail_add(*sum, read_part(&at, sp, place, TRAIL_PART));
		*sum = trail_add(*sum, read_part(&at, sp, place, p->last_frames));
		set = trail_known(t, p->salt, *sum, &tag);
		if (UNWIND_LIKELY(is_in(set, tag)) && path_words_hold(t, p))
			return p;
	}
	return NULL;
}

/* ---- a walk ------------------------------------------------------------------------------------- */

struct given { /* what a walk is given */
	uint64_t ip, sp;
	struct unwind_memory *memory;
	const struct unwind_map *map;
	struct unwind_cache *cache;
};

static __attribute__((noinline)) void plain(struct unwind_trail *t, const struct given *g,
					    struct unwind_trail_result *result)
{
	struct unwind_regs regs;
	struct unwind_result r;

	t->parts = 0;
	t->path = NULL;
	regs.reg[UNWIND_IP] = g->ip;
	regs.reg[UNWIND_SP] = g->sp;
	regs.reg[UNWIND_BP] = t->bp;
	regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP | 1u << UNWIND_BP | UNWIND_IP_IS_RETURN;
	r = unwind(&regs, g->memory, g->map, g->cache, t->out, t->depth_max);
	*result = (struct unwind_trail_result){unwind_trail_hash(t->out, r.n), r.n, r.guessed, 0,
					       r.end};
}

/* Of a walk that came to the root, or as far as it may go. 0, or -1: as far as that, and who knows whether
 * more is to come. */
static inline int end_walk(struct unwind_trail *t, const struct trail_walk *w, int root,
			   uint32_t fresh, struct unwind_trail_result *result)
{
	uint32_t n = (w->parts - 1) * TRAIL_PART + t->part[w->parts - 1]->frames;

	if (UNWIND_UNLIKELY(!root && (w->ra == 0 || n != t->depth_max)))
		return -1;
	t->parts = w->parts;
	*result = (struct unwind_trail_result){finish(w->sum), n, 0, n - fresh,
					       root ? UNWIND_ROOT : UNWIND_DEPTH};
	if (!root || fresh || t->path_pause)
		return 0;
	t->at_it = 1; /* a stack met for the second time: there was no path, or none that it took */
	trail_add_path(t, w->sum);
	t->at_it = 0;
	t->path_bad += TRAIL_PATH_MISS;
	if (t->path_bad > TRAIL_PATH_BAD)
		t->path_pause = TRAIL_PATH_PAUSE;
	return 0;
}

/* Not all of it is known. */
static __attribute__((noinline)) void explore(struct unwind_trail *t, const struct given *g,
					      struct trail_walk w,
					      struct unwind_trail_result *result)
{
	uint32_t fresh = 0;
	int root;

	do {
		t->at_it = 1;
		root = trail_by_rules(t, &w, g->memory, g->map, g->cache);
		t->at_it = 0;
		if (root < 0)
			break;
		fresh += t->part[w.parts - 1]->frames;
		root = t->part[w.parts - 1]->flags & TRAIL_ROOT;
		if (!root)
			root = known_parts(t, &w, t->depth_max / TRAIL_PART);
	} while (root < 0);
	if (root < 0 || end_walk(t, &w, root, fresh, result) < 0)
		plain(t, g, result);
}

/* What is remembered is of another map or stack, or of none, or was left half written. */
static __attribute__((noinline)) void begin_anew(struct unwind_trail *t, const struct given *g)
{
	trail_forget(t);
	t->generation = g->map->generation;
	t->hi = g->memory->hi;
}

void unwind_trail_walk(struct unwind_trail *t, uint64_t ip, uint64_t sp, uint64_t bp,
		       struct unwind_memory *memory, const struct unwind_map *map,
		       struct unwind_cache *cache, struct unwind_trail_result *result)
{
	struct trail_walk w = {ip, sp, 0, 0};
	struct given g = {ip, sp, memory, map, cache};
	int root;

	t->bp = bp;
	if (UNWIND_UNLIKELY((uint64_t)(uintptr_t)memory->base != memory->lo || sp < memory->lo ||
			    sp >= memory->hi || t->depth_max < TRAIL_PART)) {
		plain(t, &g, result);
		return;
	}
	if (UNWIND_UNLIKELY(t->at_it || t->generation != map->generation || t->hi != memory->hi))
		begin_anew(t, &g);
	if (UNWIND_LIKELY(!t->path_pause)) {
		t->path = known_path(t, ip, sp, &w.sum);
		if (UNWIND_LIKELY(t->path != NULL)) {
			uint32_t n = (t->path->parts - 1u) * TRAIL_PART + t->path->last_frames;

			t->path_bad -= t->path_bad > 0;
			*result = (struct unwind_trail_result){finish(w.sum), n, 0, n, UNWIND_ROOT};
			return;
		}
		w.sum = 0;
	} else {
		t->path_pause--;
		t->path_bad = 0;
		t->path = NULL;
	}
	root = known_parts(t, &w, t->depth_max / TRAIL_PART);
	if (root < 0)
		explore(t, &g, w, result);
	else if (end_walk(t, &w, root, 0, result) < 0)
		plain(t, &g, result);
}

const uint64_t *unwind_trail_addresses(struct unwind_trail *t)
{
	uint64_t *out = t->out;

	if (t->path) {
		const struct trail_path *p = t->path;
		uint32_t n = (p->parts - 1u) * TRAIL_PART + p->last_frames;

		*out++ = p->ra - 1;
		for (uint32_t i = 1; i < n; i++)
			*out++ = trail_word(p->sp + p->place[i - 1]) - 1;
		return t->out;
	}
	for (uint32_t k = 0; k < t->parts; k++) {
		const struct trail_shape *s = t->part[k];

		*out++ = s->ra - 1;
		for (uint32_t i = 1; i < s->frames; i++)
			*out++ = trail_word(s->sp + s->place[i - 1]) - 1;
	}
	return t->out;
}
