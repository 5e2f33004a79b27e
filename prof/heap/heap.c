/* The life of a recording of memory: begin, end, fork; its threads; the marks of stages. Events are track.c's,
 * sampled.c's and mapped.c's. Normal context; inside the target. */
#include "prof/heap/heap.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/heap/core.h"

struct heap_core heap_core = {.peak = {.n_shards = 1, .recording = 1}};
_Atomic int64_t heap_now_ns;

static uint32_t own_id(void)
{
	return heap_lock_id((int)syscall(SYS_gettid));
}

static int recording(void)
{
	return !(heap_core.peak.recording & 1);
}

/* What is made once and kept: threads that are late may hold it. */
static int tables_make(enum heap_mode mode, struct err *err)
{
	struct heap_core *c = &heap_core;

	if (mode == HEAP_FULL && !c->shadow)
		c->shadow = heap_map(NULL, heap_shadow_bytes());
	if (mode == HEAP_SAMPLED && !c->tags)
		c->tags = heap_tagset_make(NULL, HEAP_TAGS_MAX);
	if (!c->maps)
		c->maps = heap_map(NULL, heap_maps_bytes());
	if ((mode == HEAP_FULL ? c->shadow != NULL : c->tags != NULL) && c->maps)
		return 0;
	return err_nomem(err, "tables of memory tracking");
}

/* With all locks held. */
static void let_go_of_last(struct heap_core *c)
{
	if (c->file) {
		for (uint32_t i = 0; i < HEAP_SHARDS; i++)
			heap_index_drop(c->file, &c->peak.shards[i].index);
		heap_file_drop(c->file);
		c->file = NULL;
	}
	if (c->shadow)
		heap_shadow_clear(c->shadow);
	if (c->tags)
		heap_tagset_clear(c->tags);
	if (c->maps)
		heap_maps_reset(c->maps);
}

static int begin(const struct heap_config *config, struct err *err)
{
	struct heap_core *c = &heap_core;
	uint32_t n = config->temporary ? config->temporary : 1;
	int rc;

	if (recording())
		return err_set(err, ERR_EXISTS, "memory is being tracked already");
	rc = tables_make(config->mode, err);
	if (rc)
		return rc;
	let_go_of_last(c);
	rc = heap_file_make(&c->file, config->path, config->sites_max, config->stacks_bytes, err);
	if (rc)
		return rc;
	c->temporary = n < HEAP_TEMPORARY_MAX ? n : HEAP_TEMPORARY_MAX;
	heap_file_describe(c->file, config->mode, config->rate_bytes, c->temporary, config->image);
	heap_now_set(c->file->start_ns);
	heap_peak_begin(&c->peak, c->file);
	atomic_store_explicit(&c->threads, 0, memory_order_relaxed);
	atomic_store_explicit(&c->mode, (uint32_t)config->mode, memory_order_release);
	return 0;
}

int heap_begin(const struct heap_config *config, struct err *err)
{
	int rc;

	if (config->mode != HEAP_SAMPLED && config->mode != HEAP_FULL)
		return err_set(err, ERR_ARG, "no mode of memory tracking");
	heap_peak_lock_all(&heap_core.peak, own_id());
	rc = begin(config, err);
	heap_peak_unlock_all(&heap_core.peak);
	return rc;
}

void heap_end(void)
{
	struct heap_core *c = &heap_core;

	heap_peak_lock_all(&c->peak, own_id());
	if (recording()) {
		atomic_store_explicit(&c->mode, HEAP_OFF, memory_order_relaxed);
		atomic_store_explicit(&c->file->ended, 1, memory_order_release);
		heap_peak_begin(&c->peak, NULL);
	}
	heap_peak_unlock_all(&c->peak);
}

/* The one thread that is left may have been anywhere but in here; the others anywhere. */
void heap_fork_child(void)
{
	struct heap_core *c = &heap_core;

	heap_peak_fork_child(&c->peak);
	atomic_store_explicit(&c->mode, HEAP_OFF, memory_order_relaxed);
	if (recording())
		heap_peak_begin(&c->peak, NULL);
	if (c->shadow)
		heap_shadow_fork_child(c->shadow);
	if (c->tags)
		heap_tagset_fork_child(c->tags);
	if (c->maps)
		heap_maps_reset(c->maps);
	if (c->file) {
		for (uint32_t i = 0; i < HEAP_SHARDS; i++)
			heap_index_drop(c->file, &c->peak.shards[i].index);
		heap_file_drop(c->file);
		c->file = NULL;
	}
}

int heap_mode(void)
{
	return (int)atomic_load_explicit(&heap_core.mode, memory_order_relaxed);
}

struct heap_head *heap_file(void)
{
	return heap_mode() == HEAP_OFF ? NULL : heap_core.file;
}

uint8_t *heap_filter(void)
{
	return heap_mode() == HEAP_SAMPLED ? heap_tagset_filter(heap_core.tags) : NULL;
}

/* ---- threads --------------------------------------------------------------------------------- */

void heap_threads_many(void)
{
	atomic_store_explicit(&heap_lock_many, 1, memory_order_seq_cst);
}

void heap_thread_begin(struct heap_thread *t, int tid, int64_t now_ns)
{
	struct heap_core *c = &heap_core;

	t->tid = tid;
	/* One that heap_threads_many() was not told of. */
	if (atomic_fetch_add_explicit(&c->threads, 1, memory_order_relaxed) > 0)
		heap_threads_many();
	heap_peak_lock_all(&c->peak, own_id());
	if (!recording() || t->recording == c->peak.recording) {
		atomic_fetch_sub_explicit(&c->threads, 1, memory_order_relaxed);
	} else {
		t->shard = heap_peak_thread_begin(&c->peak, own_id());
		t->row = heap_thread_row_add(c->file, tid, now_ns);
		t->recording = c->peak.recording;
		t->last_at = 0;
		memset(t->last, 0, sizeof t->last);
		memset(t->last_count, 0, sizeof t->last_count);
	}
	heap_peak_unlock_all(&c->peak);
}

void heap_thread_end(struct heap_thread *t)
{
	struct heap_core *c = &heap_core;

	heap_peak_lock_all(&c->peak, own_id());
	if (recording() && t->recording == c->peak.recording) {
		c->peak.shards[t->shard].threads--;
		atomic_fetch_sub_explicit(&c->threads, 1, memory_order_relaxed);
	}
	t->recording = 0;
	heap_peak_unlock_all(&c->peak);
}

void heap_thread_jumped(const struct heap_thread *t)
{
	heap_peak_give_back(&heap_core.peak, heap_lock_id(t->tid));
}

/* A thread that was there before this recording began. */
__attribute__((noinline)) struct heap_shard *heap_enter_slow(struct heap_thread *t)
{
	struct heap_shard *s;

	if (heap_mode() == HEAP_OFF)
		return NULL;
	heap_thread_begin(t, t->tid ? t->tid : (int)syscall(SYS_gettid), clock_mono_ns());
	s = &heap_core.peak.shards[t->shard];
	heap_lock_take_as(&s->lock, heap_lock_id(t->tid));
	if (t->recording == heap_core.peak.recording)
		return s;
	heap_lock_give(&s->lock);
	return NULL;
}

/* A stack that is new is dated exactly: readers look up its code in what was loaded then. */
__attribute__((noinline)) uint32_t heap_site_new(const struct heap_thread *t, struct heap_shard *s,
						 enum heap_site_kind kind,
						 const struct heap_stack *stack)
{
	const struct heap_site_key key = {t->stage, t->row, t->shard, kind};
	int64_t now_ns = clock_mono_ns();

	heap_now_set(now_ns);
	return heap_site_find_slow(heap_core.peak.head, &s->index, stack, &key, now_ns);
}

void heap_variance_add(struct heap_site *site, double variance)
{
	uint64_t bits = heap_word(&site->variance);
	double sum;

	memcpy(&sum, &bits, sizeof sum);
	sum += variance;
	memcpy(&bits, &sum, sizeof bits);
	atomic_store_explicit(&site->variance, bits, memory_order_relaxed);
}

/* ---- stages ---------------------------------------------------------------------------------- */

void heap_mark_begin(const struct heap_thread *t, struct heap_mark *mark)
{
	heap_peak_mark_begin(&heap_core.peak, heap_lock_id(t->tid), mark);
}

int64_t heap_mark_end(const struct heap_thread *t, struct heap_mark *mark)
{
	return heap_peak_mark_end(&heap_core.peak, heap_lock_id(t->tid), mark, 0);
}

void heap_mark_end_of(const struct heap_thread *t, struct heap_mark *mark, uint64_t serial)
{
	if (serial)
		(void)heap_peak_mark_end(&heap_core.peak, heap_lock_id(t->tid), mark, serial);
}

int64_t heap_live_bytes(void)
{
	return heap_peak_live(&heap_core.peak, own_id());
}
