/* The tree of those that wait: see blockers.h. Actors are numbered, their edges kept in rows; roots first, then what
 * circles leave over. */
#include "prof/pgwatch/blockers.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"

struct actor {
	enum block_is is;
	uint32_t item;
	int pid;
	const struct shot_lock *lock; /* that it waits for */
	uint32_t parent;
	uint32_t first, n;    /* whom it blocks, in work.links by blocker */
	uint32_t first_child, /* of the tree, in the order of actors; chained by `next` */
		last_child, next;
	uint32_t blockers, waiting, stamp;
	int circle, parent_is_hard;
};

struct link { /* actors */
	uint32_t blocker, waiter;
	int hard; /* the blocker has the lock, and is not merely ahead */
};

struct work {
	const struct shot *shot;
	struct actor *actors;
	struct link *links;
	uint32_t *stack;
	uint32_t n, n_links, cap_links;
	struct idmap marks; /* pid to `mark`: has the lock that `marked_for` waits for */
	uint32_t mark, marked_for;
	const struct shot_lock *marked_lock;
	uint64_t steps; /* of reach() */
	struct idmap by_key;
};

static void work_release(struct work *w)
{
	free(w->actors);
	free(w->links);
	free(w->stack);
	idmap_release(&w->by_key);
	idmap_release(&w->marks);
}

/* ---- actors ---- */

#define KEY_PREPARED (UINT64_C(1) << 40)

static uint32_t add_actor(struct work *w, uint64_t key, enum block_is is, uint32_t item, int pid)
{
	uint32_t at = idmap_intern(&w->by_key, key, w->n);

	if (at == IDMAP_NONE)
		return SHOT_NONE;
	if (at == w->n)
		w->actors[w->n++] = (struct actor){.is = is,
						   .item = item,
						   .pid = pid,
						   .parent = SHOT_NONE,
						   .first_child = SHOT_NONE,
						   .last_child = SHOT_NONE,
						   .next = SHOT_NONE};
	return at;
}

/* A parallel worker's leader stands for it. */
static int stands_for(const struct shot *s, int pid)
{
	uint32_t at = shot_find(s, pid);

	return at != SHOT_NONE && s->sessions[at].leader ? s->sessions[at].leader : pid;
}

static uint32_t actor_of(struct work *w, int pid)
{
	uint32_t at;

	pid = stands_for(w->shot, pid);
	at = shot_find(w->shot, pid);
	return add_actor(w, (uint32_t)pid, at == SHOT_NONE ? BLOCK_GONE : BLOCK_SESSION, at, pid);
}

/* Rows of the lock that the waiter itself, or one of its workers, waits for. */
static const struct shot_lock *rows_of(const struct work *w, const struct shot_lock *wanted,
				       uint32_t *n)
{
	*n = 0;
	return wanted ? shot_object(w->shot, wanted->object, n) : NULL;
}

/* Marks all that have the lock; edges of one waiter come together. 0 or ERR_NOMEM. */
static int mark_holders(struct work *w, uint32_t waiter, const struct shot_lock *wanted)
{
	uint32_t i, n;
	const struct shot_lock *rows = rows_of(w, wanted, &n);

	if (w->marked_for == waiter && w->marked_lock == wanted)
		return 0;
	w->marked_for = waiter;
	w->marked_lock = wanted;
	w->mark++;
	for (i = 0; i < n && rows[i].granted; i++)
		if (rows[i].pid &&
		    idmap_set(&w->marks, (uint32_t)stands_for(w->shot, rows[i].pid), w->mark))
			return ERR_NOMEM;
	return 0;
}

static int room_for_link(struct work *w)
{
	uint32_t cap = w->cap_links ? 2 * w->cap_links : 256;
	struct link *more;

	if (w->n_links < w->cap_links)
		return 0;
	more = cap > w->cap_links ? reallocarray(w->links, cap, sizeof(*more)) : NULL;
	if (!more)
		return ERR_NOMEM;
	w->links = more;
	w->cap_links = cap;
	return 0;
}

static int add_link(struct work *w, uint32_t waiter, uint32_t blocker, int hard)
{
	if (waiter == SHOT_NONE || blocker == SHOT_NONE)
		return ERR_NOMEM;
	if (waiter == blocker) /* a worker behind its leader: theirs to settle */
		return 0;
	if (room_for_link(w))
		return ERR_NOMEM;
	w->links[w->n_links++] = (struct link){blocker, waiter, hard};
	w->actors[waiter].blockers++;
	return 0;
}

/* Pid 0 tells only that there are prepared transactions; which, the lock's rows do. */
static int add_prepared(struct work *w, uint32_t waiter, const struct shot_lock *wanted)
{
	uint32_t i, n, found = 0;
	const struct shot_lock *rows = rows_of(w, wanted, &n);
	int rc = 0;

	for (i = 0; i < n && rows[i].granted && rc == 0; i++) {
		if (rows[i].pid)
			continue;
		found = 1;
		rc = add_link(w, waiter,
			      add_actor(w, KEY_PREPARED | rows[i].prepared, BLOCK_PREPARED,
					rows[i].prepared, 0),
			      1);
	}
	if (rc == 0 && !found)
		rc = add_link(w, waiter,
			      add_actor(w, KEY_PREPARED | SHOT_NONE, BLOCK_PREPARED, SHOT_NONE, 0),
			      1);
	return rc;
}

static int add_edge(struct work *w, const struct shot_edge *e)
{
	uint32_t waiter = actor_of(w, e->waiter);
	const struct shot_lock *wanted = shot_waited(w->shot, e->waiter);
	uint32_t blocker;

	if (waiter == SHOT_NONE || mark_holders(w, waiter, wanted))
		return ERR_NOMEM;
	if (wanted && !w->actors[waiter].lock)
		w->actors[waiter].lock = wanted;
	if (e->blocker == 0)
		return add_prepared(w, waiter, wanted);
	blocker = actor_of(w, e->blocker);
	return add_link(w, waiter, blocker,
			idmap_get(&w->marks, (uint32_t)stands_for(w->shot, e->blocker)) == w->mark);
}

static int by_blocker(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	if (x->blocker != y->blocker)
		return x->blocker < y->blocker ? -1 : 1;
	return (x->waiter > y->waiter) - (x->waiter < y->waiter);
}

/* Each pair once: workers of one leader, and blockers that the server names twice. */
static void index_links(struct work *w)
{
	uint32_t i, n = 0;

	if (w->n_links)
		qsort(w->links, w->n_links, sizeof(*w->links), by_blocker);
	for (i = 0; i < w->n_links; i++) {
		struct link *last = n ? &w->links[n - 1] : NULL;

		if (last && by_blocker(last, &w->links[i]) == 0) {
			last->hard |= w->links[i].hard;
			w->actors[last->waiter].blockers--;
			continue;
		}
		w->links[n++] = w->links[i];
	}
	w->n_links = n;
	for (i = n; i-- > 0;) {
		w->actors[w->links[i].blocker].first = i;
		w->actors[w->links[i].blocker].n++;
	}
}

static int collect(struct work *w)
{
	const struct shot *s = w->shot;
	uint32_t i;
	int rc = 0;

	/* Two of each edge at most, and prepared transactions. */
	size_t most = 2 * (size_t)s->n_edges + s->n_prepared + 2;

	w->actors = calloc(most, sizeof(*w->actors));
	w->stack = calloc(most, sizeof(*w->stack));
	w->marked_for = SHOT_NONE;
	if (!w->actors || !w->stack)
		return ERR_NOMEM;
	for (i = 0; i < s->n_edges && rc == 0; i++)
		rc = add_edge(w, &s->edges[i]);
	if (rc == 0)
		index_links(w);
	return rc;
}

/* ---- the tree ---- */

/* Steps for all actors together: a queue of 1,000 behind one lock needs a third of it. Then who waits directly counts. */
#define STEPS_MAX UINT64_C(50000000)

/* How many wait for `root` in the end; is it one of them? */
static uint32_t reach(struct work *w, uint32_t root, uint32_t stamp)
{
	uint32_t depth = 0, count = 0, i;

	if (w->steps > STEPS_MAX)
		return w->actors[root].n;
	w->stack[depth++] = root;
	w->actors[root].stamp = stamp;
	while (depth) {
		const struct actor *a = &w->actors[w->stack[--depth]];

		w->steps += a->n;
		for (i = a->first; i < a->first + a->n; i++) {
			struct actor *next = &w->actors[w->links[i].waiter];

			if (w->links[i].waiter == root)
				w->actors[root].circle = 1;
			if (next->stamp == stamp)
				continue;
			next->stamp = stamp;
			count++;
			w->stack[depth++] = w->links[i].waiter;
		}
	}
	return count;
}

/* Whoever has the lock is a better parent than who is ahead in the queue; of equals the first. */
static void choose_parents(struct work *w)
{
	uint32_t i;

	for (i = 0; i < w->n_links; i++) {
		const struct link *l = &w->links[i];
		struct actor *a = &w->actors[l->waiter];
		const struct actor *old = a->parent == SHOT_NONE ? NULL : &w->actors[a->parent];

		if (old && (a->parent_is_hard > l->hard || (a->parent_is_hard == l->hard &&
							    old->pid <= w->actors[l->blocker].pid)))
			continue;
		a->parent = l->blocker;
		a->parent_is_hard = l->hard;
	}
}

/* Parents that go round in a circle: the smallest pid of it becomes a root. */
static void open_circle(struct work *w, uint32_t from)
{
	uint32_t at = from, least = from;

	do {
		if (w->actors[at].pid < w->actors[least].pid)
			least = at;
		at = w->actors[at].parent;
	} while (at != from);
	w->actors[least].parent = SHOT_NONE;
}

static void open_circles(struct work *w)
{
	uint32_t i, at;

	for (i = 0; i < w->n; i++)
		w->actors[i].stamp = SHOT_NONE;
	for (i = 0; i < w->n; i++) {
		for (at = i; at != SHOT_NONE && w->actors[at].stamp == SHOT_NONE;
		     at = w->actors[at].parent)
			w->actors[at].stamp = i;
		if (at != SHOT_NONE && w->actors[at].stamp == i)
			open_circle(w, at);
	}
}

struct ranked {
	uint32_t actor, waiting;
	int pid;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->waiting != y->waiting)
		return x->waiting > y->waiting ? -1 : 1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->actor > y->actor) - (x->actor < y->actor);
}

static const struct shot_lock *held_by(const struct work *w, const struct actor *a)
{
	const struct actor *parent = &w->actors[a->parent];
	uint32_t i, n;
	const struct shot_lock *rows = rows_of(w, a->lock, &n);

	for (i = 0; i < n && rows[i].granted; i++)
		if (parent->is == BLOCK_PREPARED
			    ? rows[i].pid == 0 && rows[i].prepared == parent->item
			    : rows[i].pid && stands_for(w->shot, rows[i].pid) == parent->pid)
			return &rows[i];
	return NULL;
}

static void put_node(struct blockers *b, const struct work *w, uint32_t actor, uint32_t parent)
{
	const struct actor *a = &w->actors[actor];
	struct block_node *node = &b->nodes[b->n++];

	*node = (struct block_node){.is = a->is,
				    .item = a->item,
				    .pid = a->pid,
				    .parent = parent,
				    .depth = parent == SHOT_NONE ? 0 : b->nodes[parent].depth + 1,
				    .waiting = a->waiting,
				    .others = a->blockers - (parent != SHOT_NONE),
				    .circle = a->circle,
				    .lock = a->lock};
	if (parent != SHOT_NONE)
		node->held = held_by(w, a);
	if (a->blockers)
		b->n_waiting++;
	b->n_roots += parent == SHOT_NONE;
	b->n_circles += a->circle && parent == SHOT_NONE;
	if (a->lock && a->lock->wait_s > b->longest_s)
		b->longest_s = a->lock->wait_s;
}

/* Depth first, as the ranked list has siblings; parents' nodes are found by place[]. */
static void lay_out(struct blockers *b, struct work *w, const struct ranked *ranked,
		    uint32_t *place)
{
	uint32_t i, depth = 0, at;

	for (i = 0; i < w->n; i++) {
		struct actor *a = &w->actors[ranked[i].actor];
		struct actor *p = a->parent == SHOT_NONE ? NULL : &w->actors[a->parent];

		if (!p)
			continue;
		if (p->first_child == SHOT_NONE)
			p->first_child = ranked[i].actor;
		else
			w->actors[p->last_child].next = ranked[i].actor;
		p->last_child = ranked[i].actor;
	}
	for (i = 0; i < w->n; i++) {
		if (w->actors[ranked[i].actor].parent != SHOT_NONE)
			continue;
		w->stack[depth++] = ranked[i].actor;
		while (depth) {
			const struct actor *a = &w->actors[at = w->stack[--depth]];

			place[at] = b->n;
			put_node(b, w, at, a->parent == SHOT_NONE ? SHOT_NONE : place[a->parent]);
			if (a->parent != SHOT_NONE && a->next != SHOT_NONE)
				w->stack[depth++] = a->next;
			if (a->first_child != SHOT_NONE)
				w->stack[depth++] = a->first_child;
		}
	}
}

static int build(struct blockers *b, struct work *w)
{
	struct ranked *ranked = calloc((size_t)w->n + 1, sizeof(*ranked));
	uint32_t *place = calloc((size_t)w->n + 1, sizeof(*place)), i;
	int rc = ERR_NOMEM;

	b->nodes = calloc((size_t)w->n + 1, sizeof(*b->nodes));
	if (ranked && place && b->nodes) {
		choose_parents(w);
		open_circles(w);
		for (i = 0; i < w->n; i++)
			w->actors[i].stamp = SHOT_NONE;
		/* Roots first: theirs are the numbers that matter. */
		for (i = 0; i < 2 * w->n; i++)
			if ((w->actors[i % w->n].parent == SHOT_NONE) == (i < w->n))
				w->actors[i % w->n].waiting = reach(w, i % w->n, i % w->n);
		for (i = 0; i < w->n; i++)
			ranked[i] = (struct ranked){i, w->actors[i].waiting, w->actors[i].pid};
		qsort(ranked, w->n, sizeof(*ranked), by_rank);
		lay_out(b, w, ranked, place);
		rc = 0;
	}
	free(ranked);
	free(place);
	return rc;
}

int blockers_find(struct blockers *b, const struct shot *s)
{
	struct work w = {.shot = s};
	int rc;

	memset(b, 0, sizeof(*b));
	b->longest_s = -1;
	rc = collect(&w);
	if (rc == 0 && w.n)
		rc = build(b, &w);
	work_release(&w);
	if (rc)
		blockers_release(b);
	return rc;
}

void blockers_release(struct blockers *b)
{
	free(b->nodes);
	memset(b, 0, sizeof(*b));
	b->longest_s = -1;
}

const struct block_node *blockers_node(const struct blockers *b, int pid)
{
	uint32_t i;

	for (i = 0; i < b->n; i++)
		if (b->nodes[i].pid == pid && pid)
			return &b->nodes[i];
	return NULL;
}
