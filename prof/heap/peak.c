/* Shards' limits, the levels of open stages' marks, and the declaring of a new mark: peak.h.
 *
 * Why no mark is missed. Between two moments at which all locks are held: (1) limits add up to at most the edge,
 * and each shard's live bytes are at most its limit; (2) an allocation that takes its shard's lock only leaves
 * that shard below its limit, a free leaves its shard lower than it was. So after each such event the heap is
 * at most the sum of limits, and after an allocation less than it: below the edge. A mark is reached by an
 * allocation only, and one that could reach it is booked with all locks held, as one event, and looked at.
 *
 * Why sites add up to it. A site changes under its shard's lock, with its shard's live bytes; `gen` changes with
 * all locks held. So each event lies wholly before or wholly after each mark, for its site as for its shard, and
 * in the order in which the locks were taken, which is one that the program's own threads could have seen. At
 * mark g the heap is the sum of what sites hold; a site's first event after it finds site.gen < g and notes
 * what it holds, which is what it held at g, since it had no event in between. One without an event since still
 * holds it.
 *
 * Why levels are a stack. A stage begins with the live heap, to which no open mark is lower; so levels never rise
 * with the order of begins. A new high raises those it passes to one and the same value: the last ones. A
 * stage's level is therefore found by the serial of its begin. */
#include "prof/heap/peak.h"

#include <string.h>

/* What a shard grew to is forgotten by an eighth each time that limits are dealt out. */
#define HIGH_DECAY 8

void heap_peak_begin(struct heap_peak *p, struct heap_head *head)
{
	if (p->levels && p->levels != p->levels_first)
		heap_unmap(p->head, p->levels, p->levels_max * sizeof *p->levels);
	p->head = head;
	p->recording++;
	for (uint32_t i = 0; i < HEAP_SHARDS; i++) {
		struct heap_shard *s = &p->shards[i];

		s->threads = 0;
		s->sum = head ? &head->shards[i] : NULL;
		s->limit_bytes = s->high_bytes = 0;
	}
	p->levels = p->levels_first;
	p->levels_max = HEAP_LEVELS_FIRST;
	p->levels[0] = (struct heap_level){0, 0, 0};
	p->n_levels = 1;
	if (atomic_load_explicit(&p->n_shards, memory_order_relaxed) == 0)
		atomic_store_explicit(&p->n_shards, 1, memory_order_relaxed);
}

void heap_peak_fork_child(struct heap_peak *p)
{
	atomic_store_explicit(&heap_lock_many, 0, memory_order_relaxed);
	heap_lock_reset(&p->lock);
	for (uint32_t i = 0; i < HEAP_SHARDS; i++)
		heap_lock_reset(&p->shards[i].lock);
	atomic_store_explicit(&p->n_shards, 1, memory_order_relaxed);
}

/* n_shards grows under all locks, so with one of them held it can be trusted. */
void heap_peak_lock_all(struct heap_peak *p, uint32_t id)
{
	uint32_t n;

	if (heap_peak_alone(p)) {
		heap_lock_take_as(&p->shards[0].lock, id);
		if (heap_peak_alone(p))
			return;
		heap_lock_give(&p->shards[0].lock);
	}
	heap_lock_take_as(&p->lock, id);
	n = atomic_load_explicit(&p->n_shards, memory_order_relaxed);
	for (uint32_t i = 0; i < n; i++)
		heap_lock_take_as(&p->shards[i].lock, id);
}

static void unlock_many(struct heap_peak *p, uint32_t n)
{
	for (uint32_t i = n; i-- > 0;)
		heap_lock_give(&p->shards[i].lock);
	heap_lock_give(&p->lock);
}

void heap_peak_unlock_all(struct heap_peak *p)
{
	if (heap_peak_alone(p))
		heap_lock_give(&p->shards[0].lock);
	else
		unlock_many(p, atomic_load_explicit(&p->n_shards, memory_order_relaxed));
}

/* The live heap that is the next mark. A stage's own is only raised by more than it; the run's is declared
 * again by as much. */
static int64_t edge(const struct heap_peak *p)
{
	return p->levels[p->n_levels - 1].peak_bytes + (p->n_levels > 1);
}

static int64_t live_of_all(const struct heap_peak *p, uint32_t n)
{
	int64_t live = 0;

	for (uint32_t i = 0; i < n; i++)
		live += heap_shard_live(&p->shards[i]);
	return live;
}

/* What a shard would like to have above its live bytes: to come to where it was lately. */
static int64_t wanted(const struct heap_shard *s)
{
	int64_t live = heap_shard_live(s);

	return s->high_bytes > live ? s->high_bytes - live : 0;
}

/* Each shard may grow by its share of what is left to the edge: what it wants, or its part of that where it is
 * too much for all; the rest is for all alike. The shares add up to no more than `slack`. */
static void deal(struct heap_peak *p, uint32_t n, int64_t slack)
{
	int64_t want = 0, left = slack, each;

	for (uint32_t i = 0; i < n; i++)
		want += wanted(&p->shards[i]);
	for (uint32_t i = 0; i < n; i++) {
		struct heap_shard *s = &p->shards[i];
		int64_t live = heap_shard_live(s), share = wanted(s);

		if (want > slack)
			share = (int64_t)((double)slack * ((double)share / (double)want));
		if (share > left)
			share = left;
		left -= share;
		s->limit_bytes = live + share;
		if (s->high_bytes > live)
			s->high_bytes -= (s->high_bytes - live) / HIGH_DECAY;
	}
	each = left / n;
	for (uint32_t i = 0; i < n; i++)
		p->shards[i].limit_bytes += each;
	p->shards[0].limit_bytes += left - each * n;
}

static void limit(struct heap_peak *p, uint32_t n, int64_t live)
{
	if (n == 1)
		p->shards[0].limit_bytes = edge(p);
	else
		deal(p, n, edge(p) - live);
}

uint32_t heap_peak_thread_begin(struct heap_peak *p, uint32_t id)
{
	uint32_t n = atomic_load_explicit(&p->n_shards, memory_order_relaxed), best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (p->shards[i].threads < p->shards[best].threads)
			best = i;
	if (p->shards[best].threads && n < HEAP_SHARDS) {
		best = n;
		heap_lock_take_as(&p->shards[n].lock, id);
		if (n == 1) /* its lock stood for this one */
			heap_lock_take_as(&p->lock, id);
		atomic_store_explicit(&p->n_shards, n + 1, memory_order_relaxed);
	}
	p->shards[best].threads++;
	return best;
}

/* The heap is at the run's mark, or above it. */
static void declare(struct heap_peak *p, uint32_t n, int64_t live, int64_t now_ns)
{
	struct heap_head *head = p->head;
	int64_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += atomic_load_explicit(&p->shards[i].sum->live_count, memory_order_relaxed);
	atomic_store_explicit(&head->peak_bytes, live, memory_order_relaxed);
	atomic_store_explicit(&head->peak_count, count, memory_order_relaxed);
	atomic_store_explicit(&head->peak_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&head->peak_mapped_bytes,
			      atomic_load_explicit(&head->mapped_bytes, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&head->gen,
			      atomic_load_explicit(&head->gen, memory_order_relaxed) + 1,
			      memory_order_release);
}

/* Levels that are not above `live` come to be one, with that mark; 1: the run's is among them. */
static int raise_levels(struct heap_peak *p, int64_t live)
{
	struct heap_level *top = &p->levels[p->n_levels - 1];

	if (top->peak_bytes < live)
		top->peak_bytes = live;
	while (p->n_levels > 1 && top[-1].peak_bytes <= top->peak_bytes) {
		top[-1].peak_bytes = top->peak_bytes;
		top[-1].open += top->open;
		top--;
		p->n_levels--;
	}
	return p->n_levels == 1;
}

void heap_peak_reached(struct heap_peak *p, struct heap_shard *shard, int64_t now_ns)
{
	uint32_t n = atomic_load_explicit(&p->n_shards, memory_order_relaxed);
	int64_t live = n == 1 ? heap_shard_live(shard) : live_of_all(p, n);

	if (live >= edge(p) && raise_levels(p, live))
		declare(p, n, live, now_ns);
	if (shard->high_bytes < heap_shard_live(shard))
		shard->high_bytes = heap_shard_live(shard);
	limit(p, n, live);
}

int64_t heap_peak_live(struct heap_peak *p, uint32_t id)
{
	int64_t live;

	heap_peak_lock_all(p, id);
	live = p->head ? live_of_all(p, atomic_load_explicit(&p->n_shards, memory_order_relaxed))
		       : -1;
	heap_peak_unlock_all(p);
	return live;
}

/* ---- stages ---------------------------------------------------------------------------------- */

/* Levels whose stages have all ended go; more room if that is not enough. */
static int levels_room(struct heap_peak *p)
{
	struct heap_level *more;
	uint32_t kept = 1;

	for (uint32_t i = 1; i < p->n_levels; i++)
		if (p->levels[i].open)
			p->levels[kept++] = p->levels[i];
	p->n_levels = kept;
	if (kept < p->levels_max / 2)
		return 0;
	more = heap_map(p->head, 2 * p->levels_max * sizeof *more);
	if (!more)
		return kept < p->levels_max ? 0 : -1;
	memcpy(more, p->levels, kept * sizeof *more);
	if (p->levels != p->levels_first)
		heap_unmap(p->head, p->levels, p->levels_max * sizeof *more);
	p->levels = more;
	p->levels_max *= 2;
	return 0;
}

static void mark_set(struct heap_mark *mark, uint64_t serial, int64_t peak_bytes)
{
	mark->peak_bytes = peak_bytes;
	atomic_store_explicit(&mark->serial, serial, memory_order_release);
}

void heap_peak_mark_begin(struct heap_peak *p, uint32_t id, struct heap_mark *mark)
{
	struct heap_level *top;
	int64_t live;
	uint32_t n;

	heap_peak_lock_all(p, id);
	mark_set(mark, 0, -1);
	if (!p->head || (p->n_levels == p->levels_max && levels_room(p) < 0)) {
		heap_peak_unlock_all(p);
		return;
	}
	n = atomic_load_explicit(&p->n_shards, memory_order_relaxed);
	live = n == 1 ? heap_shard_live(&p->shards[0]) : live_of_all(p, n);
	mark->recording = p->recording;
	mark_set(mark, ++p->serial, -1);
	top = &p->levels[p->n_levels - 1];
	if (top->peak_bytes == live) {
		top->open++;
	} else {
		top[1] = (struct heap_level){p->serial, live, 1};
		p->n_levels++;
		limit(p, n, live);
	}
	heap_peak_unlock_all(p);
}

static struct heap_level *level_of(struct heap_peak *p, uint64_t serial)
{
	uint32_t lo = 0, hi = p->n_levels - 1;

	if (p->levels[hi].first <= serial)
		return &p->levels[hi];
	while (lo + 1 < hi) { /* levels[lo].first <= serial < levels[hi].first */
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->levels[mid].first <= serial)
			lo = mid;
		else
			hi = mid;
	}
	return &p->levels[lo];
}

/* Limits need no change when the edge rises, except that of an only shard, which is the edge. */
static void level_leave(struct heap_peak *p, struct heap_level *level)
{
	level->open--;
	while (p->n_levels > 1 && !p->levels[p->n_levels - 1].open)
		p->n_levels--;
	if (heap_peak_alone(p))
		p->shards[0].limit_bytes = edge(p);
}

/* What levels are guarded by, when no shard is concerned. */
static heap_lock *levels_lock(struct heap_peak *p, uint32_t id)
{
	if (heap_peak_alone(p)) {
		heap_lock_take_as(&p->shards[0].lock, id);
		if (heap_peak_alone(p))
			return &p->shards[0].lock;
		heap_lock_give(&p->shards[0].lock);
	}
	heap_lock_take_as(&p->lock, id);
	return &p->lock;
}

int64_t heap_peak_mark_end(struct heap_peak *p, uint32_t id, struct heap_mark *mark,
			   uint64_t serial)
{
	heap_lock *lock = levels_lock(p, id);
	uint64_t own = atomic_load_explicit(&mark->serial, memory_order_relaxed);
	int64_t peak = mark->peak_bytes;

	if (own && (own == serial || !serial)) {
		if (p->head && mark->recording == p->recording) {
			struct heap_level *level = level_of(p, own);

			peak = level->peak_bytes;
			level_leave(p, level);
		}
		mark_set(mark, 0, peak);
	}
	heap_lock_give(lock);
	return peak;
}

void heap_peak_give_back(struct heap_peak *p, uint32_t id)
{
	for (uint32_t i = HEAP_SHARDS; i-- > 0;)
		heap_lock_give_as(&p->shards[i].lock, id);
	heap_lock_give_as(&p->lock, id);
}
