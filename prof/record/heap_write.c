/* Sums of a heap file as samples of the store, in the transaction of a flush: see heap.h. */
#include <stdlib.h>

#include "prof/record/recording.h"

struct writer {
	struct recording *r;
	struct image *m;
	int64_t now_ns;
	struct err *err;
};

static int64_t row_id(const struct recording *r, uint32_t n)
{
	return n ? (int64_t)((uint64_t)r->run << 32 | n) : 0;
}

static int64_t value_of(uint64_t bytes)
{
	return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

/* Where in the tables of the store a site is. */
static void place(const struct writer *w, const struct heap_sums *s, struct store_sample *row)
{
	const struct known *k = &w->r->known;
	const struct image_heap *h = w->m->heap;
	uint32_t stack = idmap_get(&h->stacks, s->stack);
	uint32_t stage = s->stage ? idmap_get(&h->stages, s->stage) : 0;
	uint32_t thread = s->thread < h->n_threads ? h->threads[s->thread] : KNOWN_NONE;

	row->stack = stack == IDMAP_NONE ? 0 : k->stack_ids[stack];
	row->stage = stage == IDMAP_NONE ? 0 : row_id(w->r, stage);
	row->thread = thread == KNOWN_NONE ? 0 : k->threads[thread].id;
}

static int write_kind(const struct writer *w, const struct store_sample *where,
		      enum profile_kind kind, uint64_t count, uint64_t bytes)
{
	struct store_sample row = *where;

	if (count == 0 && bytes == 0)
		return 0;
	row.kind = kind;
	row.count = count;
	row.value = value_of(bytes);
	return store_sample_add_memory(w->r->store, w->r->run, &row, w->err);
}

/* Some of a site's blocks. The variance of all is shared out by bytes: that is exact for blocks of one size, and
 * for small ones, whose samples all stand for as many bytes (docs/memory.md). */
static int write_part(const struct writer *w, const struct store_sample *all,
		      const struct heap_sums *s, enum profile_kind kind, uint64_t count,
		      uint64_t bytes)
{
	struct store_sample row = *all;
	double part = s->alloc_bytes ? (double)bytes / (double)s->alloc_bytes : 0;

	row.variance *= part < 1 ? part : 1;
	row.life_ns = 0;
	return write_kind(w, &row, kind, count, bytes);
}

static int write_blocks(const struct writer *w, const struct store_sample *row,
			const struct heap_sums *s)
{
	int rc = write_kind(w, row, PROFILE_ALLOC, s->alloc_count, s->alloc_bytes);

	if (rc == 0)
		rc = write_part(w, row, s, PROFILE_LIVE, s->live_count, s->live_bytes);
	if (rc == 0)
		rc = write_part(w, row, s, PROFILE_PEAK, s->peak_count, s->peak_bytes);
	if (rc == 0 && w->m->heap->left)
		rc = write_part(w, row, s, PROFILE_LEAK, s->live_count, s->live_bytes);
	if (rc == 0)
		rc = write_part(w, row, s, PROFILE_TEMPORARY, s->temporary_count,
				s->temporary_bytes);
	return rc;
}

static int write_site(const struct writer *w, uint32_t index)
{
	struct store_sample row = {0};
	struct heap_sums s;

	if (!heap_reader_site(&w->m->heap->reader, index, w->now_ns, &s))
		return 0;
	place(w, &s, &row);
	if (s.kind == HEAP_SITE_MAP)
		return write_kind(w, &row, PROFILE_MMAP, s.peak_count, s.peak_bytes);
	row.variance = s.variance;
	if (s.kind == HEAP_SITE_COPY)
		return write_kind(w, &row, PROFILE_COPY, s.alloc_count, s.alloc_bytes);
	row.life_ns = s.life_ns > 0 ? (double)s.life_ns * (double)s.alloc_count : 0;
	return write_blocks(w, &row, &s);
}

static int write_losses(const struct writer *w)
{
	const struct heap_head *head = w->m->heap->reader.head;
	int rc = 0;

	for (int i = 0; i < HEAP_LOSSES && rc == 0; i++)
		rc = store_loss_add(w->r->store, w->r->run, heap_loss_name((enum heap_loss)i),
				    atomic_load_explicit(&head->losses[i], memory_order_relaxed),
				    w->err);
	return rc;
}

static int set_mark(const struct writer *w, enum mark_kind kind, uint64_t opened, uint64_t value)
{
	return store_mark_set(w->r->store, w->r->run, w->m->name, SPOOL_RINGS_MAX * (uint32_t)kind,
			      opened, value, w->err);
}

/* Another supervisor that takes up this file must not add it again: the mark goes with the sums. */
static int write_sums(const struct writer *w)
{
	const struct image_heap *h = w->m->heap;
	int rc = 0;

	for (uint32_t i = 1; i < h->sites && rc == 0; i++)
		rc = write_site(w, i);
	if (rc == 0)
		rc = write_losses(w);
	return rc ? rc : set_mark(w, MARK_HEAP, 0, 1);
}

/* Stages that sites name have their rows now, or are not known (yet). */
static int write_stages(const struct writer *w)
{
	struct image_heap *h = w->m->heap;
	const struct known *k = &w->r->known;
	int rc = 0;

	for (uint32_t i = 0; i < h->n_new_stages && rc == 0; i++) {
		struct heap_stage *s = &h->new_stages[i];
		uint32_t stage = known_stage_find(k, w->m->space.id, s->id);

		s->row = stage == KNOWN_NONE ? 0 : (uint32_t)k->stages[stage].row_id;
		if (idmap_set(&h->stages, s->id, s->row))
			rc = err_nomem(w->err, "stages");
		else if (s->row)
			rc = set_mark(w, MARK_STAGE, s->id, s->row);
	}
	return rc;
}

int heap_write(struct recording *r, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->n_images && rc == 0; i++) {
		struct image *m = r->images[i];
		struct writer w = {r, m, 0, err};

		if (!m->heap || m->heap->stored)
			continue;
		w.now_ns = r->recovering ? r->last_ns : m->heap->ended_ns;
		rc = write_stages(&w);
		if (rc == 0 && m->ended)
			rc = write_sums(&w);
	}
	return rc;
}

static void forget_new_stages(struct image_heap *h)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n_new_stages; i++)
		if (h->new_stages[i].row == 0)
			h->new_stages[n++] = h->new_stages[i];
	h->n_new_stages = n;
}

void heap_written(struct recording *r)
{
	for (uint32_t i = 0; i < r->n_images; i++) {
		struct image *m = r->images[i];

		if (!m->heap)
			continue;
		forget_new_stages(m->heap);
		m->heap->stored |= m->ended;
	}
}
