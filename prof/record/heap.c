/* Heap files while they grow: see heap.h. A site is looked at once, soon after it was made, while its stack's
 * modules are loaded and its stage is known; only sums change later. */
#include "prof/record/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/record/recording.h"

/* A file that is being made has no magic yet, and some never come (no space): asking again is one system
 * call a round. */
static int open_heap(struct recording *r, struct image *m)
{
	char path[SPOOL_PATH_MAX + 64];
	struct err err = ERR_INIT;
	struct image_heap *h;
	int rc;

	if (r->session->memory_mode == HEAP_OFF || m->no_heap ||
	    snprintf(path, sizeof path, "%s/%s" HEAP_SUFFIX, r->session_path, m->name) >=
		    (int)sizeof path)
		return 0;
	h = calloc(1, sizeof *h);
	if (!h)
		return ERR_NOMEM;
	rc = heap_reader_open(&h->reader, path, &err);
	if (rc) {
		free(h);
		m->no_heap = rc == ERR_UNSUPPORTED;
		return rc == ERR_NOMEM ? rc : 0;
	}
	h->sites = HEAP_SITES_RESERVED;
	m->heap = h;
	return r->recovering ? recover_heap(r, m) : 0;
}

void heap_release(struct image *m)
{
	struct image_heap *h = m->heap;

	if (!h)
		return;
	heap_reader_close(&h->reader);
	idmap_release(&h->stacks);
	idmap_release(&h->stages);
	free(h->threads);
	free(h->new_stages);
	free(h);
	m->heap = NULL;
}

/* ---- stacks */

static int resolve(struct recording *r, struct image *m, uint32_t stack, uint32_t *row)
{
	struct heap_stack_view v = {0};
	struct resolve_request q = {.label = heap_label_name, .counted = 1};
	int rc = heap_reader_stack(&m->heap->reader, stack, &v);

	if (rc)
		return rc;
	q.t_ns = v.t_ns;
	q.addresses = v.addresses;
	q.n = v.n;
	q.end = (enum unwind_end)(v.flags & SPOOL_SAMPLE_END_MASK);
	q.truncated = (v.flags & SPOOL_SAMPLE_TRUNCATED) != 0;
	return resolve_stack(&r->resolver, &m->space, &q, row);
}

static int know_stack(struct recording *r, struct image *m, uint32_t stack)
{
	uint32_t row;
	int rc;

	if (idmap_get(&m->heap->stacks, stack) != IDMAP_NONE)
		return 0;
	rc = resolve(r, m, stack, &row);
	if (rc == ERR_NOMEM)
		return rc;
	if (rc) { /* its sums are kept, though not its path */
		batch_loss(&r->batch, rc == ERR_LIMIT ? SPOOL_LOSS_TABLE_FULL : SPOOL_LOSS_TORN, 1);
		row = STACK_ROOT;
	}
	return idmap_set(&m->heap->stacks, stack, row);
}

/* ---- stages */

static int know_stage(struct image_heap *h, uint64_t id)
{
	if (id == 0 || idmap_get(&h->stages, id) != IDMAP_NONE)
		return 0;
	if (h->n_new_stages == h->cap_new_stages) {
		uint32_t cap = h->cap_new_stages ? 2 * h->cap_new_stages : 64;
		struct heap_stage *p = realloc(h->new_stages, (size_t)cap * sizeof *p);

		if (!p)
			return ERR_NOMEM;
		h->new_stages = p;
		h->cap_new_stages = cap;
	}
	if (idmap_set(&h->stages, id, 0))
		return ERR_NOMEM;
	h->new_stages[h->n_new_stages++] = (struct heap_stage){id, 0};
	return 0;
}

/* ---- sites */

/* 1: seen, 0: not complete yet, ERR_NOMEM. */
static int know_site(struct recording *r, struct image *m, uint32_t index)
{
	struct heap_sums s;
	int rc;

	if (!heap_reader_site(&m->heap->reader, index, 0, &s))
		return 0;
	rc = know_stack(r, m, s.stack);
	if (rc == 0)
		rc = know_stage(m->heap, s.stage);
	return rc ? rc : 1;
}

static int know_late(struct recording *r, struct image *m)
{
	struct image_heap *h = m->heap;
	uint32_t n = h->n_late;

	h->n_late = 0;
	for (uint32_t i = 0; i < n; i++) {
		int rc = know_site(r, m, h->late[i]);

		if (rc < 0)
			return rc;
		if (rc == 0)
			h->late[h->n_late++] = h->late[i];
	}
	return 0;
}

/* Sites of last resort come into use in no order, and all have one stack. */
static int know_last_resort(struct recording *r, struct image *m)
{
	struct image_heap *h = m->heap;
	int rc = 0;

	if (idmap_get(&h->stacks, 0) != IDMAP_NONE)
		return 0;
	for (uint32_t i = 1; i < HEAP_SITES_RESERVED && rc == 0; i++)
		rc = know_site(r, m, i);
	return rc < 0 ? rc : 0;
}

static int know_sites(struct recording *r, struct image *m)
{
	struct image_heap *h = m->heap;
	uint32_t n = heap_reader_sites(&h->reader);
	int rc = know_last_resort(r, m);

	if (rc == 0)
		rc = know_late(r, m);

	for (; rc >= 0 && h->sites < n; h->sites++) {
		rc = know_site(r, m, h->sites);
		if (rc == 0 && h->n_late == HEAP_LATE_MAX)
			break; /* goes on here next time */
		if (rc == 0)
			h->late[h->n_late++] = h->sites;
	}
	return rc < 0 ? rc : 0;
}

/* ---- threads */

static int grow_threads(struct image_heap *h, uint32_t n)
{
	uint32_t cap = h->cap_threads ? h->cap_threads : 64;
	uint32_t *p;

	if (n <= h->cap_threads)
		return 0;
	while (cap < n)
		cap *= 2;
	p = realloc(h->threads, (size_t)cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	h->threads = p;
	h->cap_threads = cap;
	return 0;
}

/* In their order, so up to the first that is not known yet, or younger than what was read of the rings: a
 * thread with the same number may still have its end to be read there. */
static int know_threads(struct recording *r, struct image *m, int last)
{
	struct image_heap *h = m->heap;
	uint32_t n = heap_reader_threads(&h->reader);
	int rc = grow_threads(h, n);

	for (uint32_t i = h->n_threads; i < n && rc == 0; i++) {
		uint32_t thread = KNOWN_NONE;
		int64_t start_ns = 0;
		int tid = 0;

		if (i > 0 && heap_reader_thread(&h->reader, i, &tid, &start_ns) == 0 && tid > 0) {
			if (!last && start_ns > r->round_ns)
				break;
			thread = known_thread_at(&r->known, m->process, tid, start_ns);
			rc = thread == KNOWN_NONE ? ERR_NOMEM : 0;
		} else if (i > 0 && !last) {
			break;
		}
		h->threads[i] = thread;
		h->n_threads = i + 1;
	}
	return rc;
}

static int look(struct recording *r, struct image *m, int last)
{
	int rc = 0;

	if (!m->heap)
		rc = open_heap(r, m);
	if (rc || !m->heap || m->heap->stored)
		return rc;
	rc = know_threads(r, m, last);
	return rc ? rc : know_sites(r, m);
}

int heap_look(struct recording *r, struct image *m)
{
	return m->ended || !m->file.head ? 0 : look(r, m, 0);
}

int heap_look_all(struct recording *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		rc = heap_look(r, r->images[i]);
	return rc;
}

static void note_foreign(struct recording *r, const struct image *m)
{
	const volatile uint32_t *foreign = &m->heap->reader.head->foreign_malloc;

	if (*foreign && !r->totals.foreign_malloc[0])
		memcpy(r->totals.foreign_malloc, r->known.processes[m->process].name,
		       sizeof r->totals.foreign_malloc);
}

int heap_last_look(struct recording *r, struct image *m, int64_t t_ns)
{
	int rc = look(r, m, 1);

	if (rc)
		return rc;
	if (m->heap) {
		note_foreign(r, m);
		m->heap->ended_ns = t_ns;
		m->heap->left = m->gone;
	} else if (r->session->memory_mode != HEAP_OFF && atomic_load(&m->file.head->rings_used)) {
		r->totals.untracked++;
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
	}
	return 0;
}
