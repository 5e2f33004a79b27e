/* Address space by who asked for it: exact in both modes. What is mapped belongs to the heap's marks (how much
 * was mapped when the heap was highest) but never makes one. The map's lock comes before shards' locks. Inside
 * the target; normal context. */
#include "prof/heap/core.h"

static void mapped_add(int64_t bytes)
{
	atomic_fetch_add_explicit(&heap_core.peak.head->mapped_bytes, bytes, memory_order_relaxed);
}

static void gain(struct heap_site *site, uint64_t bytes)
{
	const struct heap_amount a = {bytes, heap_core.peak.head->count_unit};

	heap_book_alloc(site, a, heap_ticks());
	mapped_add((int64_t)bytes);
}

/* A piece of a site's is unmapped, or mapped over; or a range of it was cut in two. */
static void lost(void *ctx, uint32_t at, uint64_t bytes, int ranges)
{
	struct heap_thread *t = ctx;
	struct heap_shard *s = heap_enter(t);
	struct heap_site *site;

	if (!s)
		return;
	site = heap_site_at(heap_core.peak.head, at);
	s = heap_go(s, site->shard);
	if (!s)
		return;
	if (ranges < 0)
		heap_book_alloc(site, (struct heap_amount){0, heap_core.peak.head->count_unit},
				heap_ticks());
	else
		heap_book_free(site, (struct heap_amount){bytes, heap_core.peak.head->count_unit},
			       heap_ticks());
	mapped_add(-(int64_t)bytes);
	heap_lock_give(&s->lock);
}

void heap_mapped(struct heap_thread *t, uint64_t start, uint64_t bytes,
		 const struct heap_stack *stack)
{
	struct heap_shard *s = heap_enter(t);
	struct heap_head *head;
	uint32_t site;

	if (!s || !bytes) {
		if (s)
			heap_lock_give(&s->lock);
		return;
	}
	head = heap_core.peak.head;
	site = heap_site_of(t, s, HEAP_SITE_MAP, stack);
	gain(heap_site_at(head, site), bytes);
	heap_lock_give(&s->lock);
	if (heap_maps_set(head, heap_core.maps, start, bytes, site, lost, t) < 0) {
		heap_loss(head, HEAP_LOSS_NO_MEMORY, 1);
		lost(t, site, bytes, 1);
	}
}

void heap_unmap_begin(struct heap_thread *t, uint64_t start, uint64_t bytes,
		      struct heap_maps_taken *taken)
{
	struct heap_head *head = heap_file();

	if (head)
		heap_maps_take(head, heap_core.maps, start, bytes, taken, lost, t);
	else
		*taken = (struct heap_maps_taken){NULL, 0};
}

static void give(struct heap_thread *t, struct heap_maps_taken *taken, uint64_t from, uint64_t to,
		 uint64_t bytes)
{
	struct heap_head *head = heap_file();

	if (head)
		heap_maps_give(head, heap_core.maps, taken, from, to, bytes, lost, t);
}

void heap_unmap_end(struct heap_thread *t, struct heap_maps_taken *taken)
{
	give(t, taken, 0, 0, 0);
}

void heap_unmap_failed(struct heap_thread *t, struct heap_maps_taken *taken, uint64_t start,
		       uint64_t bytes)
{
	give(t, taken, start, start, bytes);
}

/* What was not known at the old place stays so: nobody saw who mapped it. */
void heap_remap_end(struct heap_thread *t, struct heap_maps_taken *taken,
		    const struct heap_remap *r, const struct heap_stack *stack)
{
	uint64_t kept = r->old_bytes < r->bytes ? r->old_bytes : r->bytes;

	give(t, taken, r->old, r->start, kept);
	if (r->bytes > kept)
		heap_mapped(t, r->start + kept, r->bytes - kept, stack);
}
