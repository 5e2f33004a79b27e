/* A treap of disjoint ranges: see maps.h. Nodes are cut from chunks that grow twofold and are never given back.
 *
 * A change needs at most three nodes beyond those in use (a cut at each end of a place, and one of what is
 * given), which are put by before it begins. Where there is no memory for them the change is made all the same,
 * at the cost of what lies beyond a cut, which is given up and counted: the tree and the sums stay true to
 * each other. */
#include "prof/heap/maps.h"

#include "prof/heap/lock.h"
#include "prof/heap/tables.h"

#define CHUNK_FIRST ((size_t)64 << 10)
#define CHUNK_MOST  ((size_t)16 << 20) /* HEAP_MAPS_MAX nodes are 20 chunks */
#define NODES_AHEAD 3

struct node {
	uint64_t start, end, mapping; /* pieces of one mapping have its number */
	struct node *left, *right;
	uint32_t site, priority;
};
_Static_assert(sizeof(struct node) == 48, "as maps.h says");

struct chunk {
	struct chunk *next; /* made before this one */
	size_t bytes;
};

struct heap_maps {
	heap_lock lock;
	uint32_t nodes; /* cut from chunks */
	struct node *root, *free;
	struct chunk *chunks; /* the newest first */
	struct chunk *uncut;  /* those from here on were left by a reset */
	struct chunk *cut;    /* nodes are cut from this one, */
	size_t cut_at;        /* beginning there */
	uint64_t random;      /* of priorities */
	uint64_t mappings;    /* number of the last one */
	uint32_t resets;
	_Atomic uint64_t total;
};

struct change { /* what a change tells of what it takes away */
	struct heap_head *head;
	struct heap_maps *maps;
	heap_maps_lost *lost;
	void *ctx;
};

size_t heap_maps_bytes(void)
{
	return sizeof(struct heap_maps);
}

uint64_t heap_maps_total(const struct heap_maps *m)
{
	return atomic_load_explicit(&m->total, memory_order_relaxed);
}

/* ---- nodes */

static int add_chunk(struct heap_head *head, struct heap_maps *m)
{
	size_t bytes = m->chunks ? m->chunks->bytes * 2 : CHUNK_FIRST;
	struct chunk *c;

	if (bytes > CHUNK_MOST)
		bytes = CHUNK_MOST;
	c = heap_map(head, bytes);
	if (!c)
		return -1;
	c->bytes = bytes;
	c->next = m->chunks;
	m->chunks = m->cut = c;
	m->cut_at = sizeof *c;
	return 0;
}

/* A node that is not in use and not in the list either. */
static struct node *cut_node(struct heap_head *head, struct heap_maps *m)
{
	struct node *n;

	if (m->nodes >= HEAP_MAPS_MAX)
		return NULL;
	while (!m->cut || m->cut_at + sizeof *n > m->cut->bytes) {
		if (!m->uncut) {
			if (add_chunk(head, m))
				return NULL;
			continue;
		}
		m->cut = m->uncut;
		m->uncut = m->uncut->next;
		m->cut_at = sizeof *m->cut;
	}
	n = (struct node *)((char *)m->cut + m->cut_at);
	m->cut_at += sizeof *n;
	m->nodes++;
	return n;
}

static void put_node(struct heap_maps *m, struct node *n)
{
	n->right = m->free;
	m->free = n;
}

/* Nodes that a change may need: at the top of the list of free ones, as far as there is memory. */
static void put_by(struct heap_head *head, struct heap_maps *m)
{
	struct node *n = m->free;
	int have = 0;

	for (; n && have < NODES_AHEAD; n = n->right)
		have++;
	for (; have < NODES_AHEAD && (n = cut_node(head, m)) != NULL; have++)
		put_node(m, n);
}

static struct node *take_node(struct heap_maps *m, uint64_t start, uint64_t end, uint32_t site,
			      uint64_t mapping)
{
	struct node *n = m->free;

	if (!n)
		return NULL;
	m->free = n->right;
	m->random = m->random * 0x5851f42d4c957f2du + 1; /* Knuth's MMIX generator */
	*n = (struct node){.start = start,
			   .end = end,
			   .mapping = mapping,
			   .site = site,
			   .priority = (uint32_t)(m->random >> 32)};
	return n;
}

/* ---- the tree */

static struct node *merge(struct node *a, struct node *b)
{
	struct node *root, **at = &root;

	while (a && b) {
		if (a->priority >= b->priority) {
			*at = a;
			at = &a->right;
			a = *at;
		} else {
			*at = b;
			at = &b->left;
			b = *at;
		}
	}
	*at = a ? a : b;
	return root;
}

/* Ranges that begin below `key`, and the others. */
static void split(struct node *n, uint64_t key, struct node **below, struct node **above)
{
	while (n) {
		if (n->start < key) {
			*below = n;
			below = &n->right;
			n = n->right;
		} else {
			*above = n;
			above = &n->left;
			n = n->left;
		}
	}
	*below = *above = NULL;
}

static void lose(const struct change *c, uint32_t site, uint64_t bytes, int ranges)
{
	atomic_fetch_sub_explicit(&c->maps->total, bytes, memory_order_relaxed);
	if (c->lost)
		c->lost(c->ctx, site, bytes, ranges);
}

/* The same, and a range that reaches beyond the key is cut there. */
static void cut_at(const struct change *c, struct node *n, uint64_t key, struct node **below,
		   struct node **above)
{
	struct node *last, *rest;

	split(n, key, below, above);
	last = *below;
	while (last && last->right)
		last = last->right;
	if (!last || last->end <= key)
		return;
	rest = take_node(c->maps, key, last->end, last->site, last->mapping);
	lose(c, last->site, 0, -1);
	if (rest) {
		*above = merge(rest, *above);
	} else {
		lose(c, last->site, last->end - key, 1);
		if (c->head)
			heap_loss(c->head, HEAP_LOSS_NO_MEMORY, 1);
	}
	last->end = key;
}

/* Takes the lowest range out of *tree: no recursion, whatever its shape. NULL: it is empty. */
static struct node *take_first(struct node **tree)
{
	struct node *n = *tree, *left;

	if (!n)
		return NULL;
	while ((left = n->left) != NULL) { /* turned until nothing is below */
		n->left = left->right;
		left->right = n;
		n = left;
	}
	*tree = n->right;
	n->right = NULL;
	return n;
}

/* What is known of [start, end) leaves the tree. */
static struct node *take_range(const struct change *c, uint64_t start, uint64_t end)
{
	struct node *below, *within, *above;

	cut_at(c, c->maps->root, start, &below, &above);
	cut_at(c, above, end, &within, &above);
	c->maps->root = merge(below, above);
	return within;
}

static void drop_all(const struct change *c, struct node *tree)
{
	struct node *n;

	while ((n = take_first(&tree)) != NULL) {
		lose(c, n->site, n->end - n->start, 1);
		put_node(c->maps, n);
	}
}

/* Into a gap: nothing of it is known. */
static void insert(struct heap_maps *m, struct node *n)
{
	struct node *below, *above;

	split(m->root, n->start, &below, &above);
	m->root = merge(merge(below, n), above);
}

/* Two neighbours that were one before a cut; the second one goes. */
static void join(const struct change *c, struct node *a, struct node *b, struct node **b_tree)
{
	struct node *gone;

	if (!a || !b || a->end != b->start || a->mapping != b->mapping)
		return;
	a->end = b->end;
	split(*b_tree, b->start + 1, &gone, b_tree);
	lose(c, a->site, 0, 1);
	put_node(c->maps, gone);
}

/* Back where it was. */
static void insert_joined(const struct change *c, struct node *n)
{
	struct node *below, *above, *last, *first;

	split(c->maps->root, n->start, &below, &above);
	for (first = above; first && first->left;)
		first = first->left;
	join(c, n, first, &above);
	for (last = below; last && last->right;)
		last = last->right;
	join(c, last, n, &n);
	c->maps->root = merge(merge(below, n), above);
}

/* ---- changes */

/* Where a range ends; 0: it is none. */
static uint64_t end_of(uint64_t start, uint64_t bytes)
{
	return bytes && start <= UINT64_MAX - bytes ? start + bytes : 0;
}

int heap_maps_set(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		  uint32_t site, heap_maps_lost *lost, void *ctx)
{
	struct change c = {head, m, lost, ctx};
	uint64_t end = end_of(start, bytes);
	struct node *n;

	if (!end)
		return 0;
	heap_lock_take(&m->lock);
	put_by(head, m);
	drop_all(&c, take_range(&c, start, end));
	n = take_node(m, start, end, site, ++m->mappings);
	if (n) {
		insert(m, n);
		atomic_fetch_add_explicit(&m->total, bytes, memory_order_relaxed);
	}
	heap_lock_give(&m->lock);
	return n ? 0 : -1;
}

void heap_maps_take(struct heap_head *head, struct heap_maps *m, uint64_t start, uint64_t bytes,
		    struct heap_maps_taken *taken, heap_maps_lost *lost, void *ctx)
{
	struct change c = {head, m, lost, ctx};
	uint64_t end = end_of(start, bytes);

	*taken = (struct heap_maps_taken){NULL, 0};
	if (!end)
		return;
	heap_lock_take(&m->lock);
	put_by(head, m);
	taken->ranges = take_range(&c, start, end);
	taken->resets = m->resets;
	heap_lock_give(&m->lock);
}

static void give_one(const struct change *c, struct node *n, uint64_t from, uint64_t to)
{
	n->start = n->start - from + to;
	n->end = n->end - from + to;
	drop_all(c, take_range(c, n->start, n->end));
	if (from == to) {
		insert_joined(c, n);
		return;
	}
	n->mapping = ++c->maps->mappings; /* no part any more of what it was cut from */
	insert(c->maps, n);
}

static void give(const struct change *c, struct node *ranges, uint64_t from, uint64_t to,
		 uint64_t end)
{
	struct node *kept, *rest, *n;

	cut_at(c, ranges, end, &kept, &rest);
	drop_all(c, rest);
	if (from != to) /* what was not known of the old place is not known of the new one */
		drop_all(c, take_range(c, to, end - from + to));
	while ((n = take_first(&kept)) != NULL)
		give_one(c, n, from, to);
}

void heap_maps_give(struct heap_head *head, struct heap_maps *m, struct heap_maps_taken *taken,
		    uint64_t from, uint64_t to, uint64_t bytes, heap_maps_lost *lost, void *ctx)
{
	struct change c = {head, m, lost, ctx};
	struct node *ranges = taken->ranges;

	taken->ranges = NULL;
	heap_lock_take(&m->lock);
	if (taken->resets == m->resets) {
		put_by(head, m);
		if (end_of(from, bytes) && end_of(to, bytes))
			give(&c, ranges, from, to, from + bytes);
		else
			drop_all(&c, ranges);
	}
	heap_lock_give(&m->lock);
}

void heap_maps_reset(struct heap_maps *m)
{
	m->resets++;
	m->root = m->free = NULL;
	m->uncut = m->chunks;
	m->cut = NULL;
	m->nodes = 0;
	atomic_store_explicit(&m->total, 0, memory_order_relaxed);
	heap_lock_reset(&m->lock);
}
