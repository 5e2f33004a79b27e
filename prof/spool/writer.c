/* The producer's side of a ring. Signal-safe: no call leaves this file but
 * crc32c() and madvise(). What the consumer
 * may have scribbled (tail) or the program itself (head) is bounded before it is used, so that no
 * write leaves the ring. */
#include "prof/spool/writer.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "prof/spool/crc32c.h"

#define RECORD_HEAD sizeof(struct spool_record)
#define PAYLOAD_MAX (1u << 30)

static uint32_t align8(uint32_t n)
{
	return (n + 7) & ~7u;
}

static void lose(struct ring_writer *w, enum spool_loss loss, uint64_t n)
{
	if (loss < SPOOL_RING_LOSSES)
		atomic_fetch_add_explicit(&w->ring->losses[loss], n, memory_order_relaxed);
}

static uint32_t free_bytes(const struct ring_writer *w, uint64_t head)
{
	uint64_t used = head - atomic_load_explicit(&w->ring->tail, memory_order_acquire);

	return used > w->size ? 0 : w->size - (uint32_t)used;
}

/* Fills the rest of the ring, `room` bytes from `at`; nobody sees it before head moves. */
static void pad(struct ring_writer *w, uint32_t at, uint32_t room)
{
	struct spool_record *r = (struct spool_record *)(void *)(w->bytes + at);

	r->bytes = room;
	r->type = SPOOL_PAD;
	r->flags = 0;
}

/* Memory for the first `end` bytes of the ring, so that writing cannot fault: on a full tmpfs that would
 * be SIGBUS. Doubling keeps the calls few. 0 or -1. */
static int make_ready(struct ring_writer *w, uint32_t end)
{
	uint32_t more = w->ready;
	int saved = errno, rc;

	if (end <= w->ready)
		return 0;
	while (more < end && more < w->size)
		more = more > w->size / 2 ? w->size : 2 * more;
	rc = madvise(w->bytes + w->ready, more - w->ready, MADV_POPULATE_WRITE);
	if (rc == 0)
		w->ready = more;
	errno = saved;
	return rc;
}

/* The place of a record of `need` bytes, or NULL if the ring has no room for it. */
static void *place(struct ring_writer *w, uint32_t need)
{
	uint64_t head = atomic_load_explicit(&w->ring->head, memory_order_relaxed) & ~7ull;
	uint32_t at = (uint32_t)head & (w->size - 1), room = w->size - at;
	uint32_t skip = need > room ? room : 0;

	if (need > w->size || skip + need > free_bytes(w, head))
		return NULL;
	if (make_ready(w, skip ? w->size : at + need))
		return NULL;
	if (skip)
		pad(w, at, room);
	w->record_at = head + skip;
	w->record_max = need;
	return w->bytes + (skip ? 0 : at) + RECORD_HEAD;
}

void *ring_begin(struct ring_writer *w, enum spool_type type, uint32_t payload_max)
{
	struct spool_record *r;
	void *payload;

	if (!w->ring)
		return NULL;
	if (w->busy) {
		lose(w, SPOOL_LOSS_RECORD_DROPPED, 1);
		return NULL;
	}
	w->busy = 1;
	atomic_signal_fence(memory_order_seq_cst); /* head is read after busy stands */
	payload = payload_max > PAYLOAD_MAX ? NULL
					    : place(w, align8((uint32_t)RECORD_HEAD + payload_max));
	if (!payload) {
		lose(w, SPOOL_LOSS_RING_FULL, 1);
		ring_abandon(w);
		return NULL;
	}
	r = (struct spool_record *)(void *)((uint8_t *)payload - RECORD_HEAD);
	r->type = (uint16_t)type;
	return payload;
}

static uint32_t record_crc(const struct spool_record *r)
{
	const size_t after = offsetof(struct spool_record, extra);
	uint32_t crc = crc32c(0, r, offsetof(struct spool_record, crc));

	return crc32c(crc, (const uint8_t *)r + after, r->bytes - after);
}

void ring_commit(struct ring_writer *w, uint16_t flags, uint32_t extra, int64_t t_ns,
		 uint32_t payload)
{
	uint8_t *at = w->bytes + ((uint32_t)w->record_at & (w->size - 1));
	struct spool_record *r = (struct spool_record *)(void *)at;
	uint32_t used = (uint32_t)RECORD_HEAD + payload, bytes = align8(used);

	if (!w->busy)
		return;
	if (payload > w->record_max - (uint32_t)RECORD_HEAD) {
		lose(w, SPOOL_LOSS_RECORD_DROPPED, 1);
		ring_abandon(w);
		return;
	}
	memset(at + used, 0, bytes - used);
	r->bytes = bytes;
	r->flags = flags;
	r->extra = extra;
	r->t_ns = t_ns;
	r->crc = record_crc(r);
	atomic_store_explicit(&w->ring->head, w->record_at + bytes, memory_order_release);
	ring_abandon(w);
}

void ring_abandon(struct ring_writer *w)
{
	atomic_signal_fence(memory_order_seq_cst);
	w->busy = 0;
}

void ring_loss(struct ring_writer *w, enum spool_loss loss, uint64_t n)
{
	if (w->ring)
		lose(w, loss, n);
}

uint32_t ring_room(const struct ring_writer *w)
{
	uint64_t head;
	uint32_t at, room, left;

	if (!w->ring || w->busy)
		return 0;
	head = atomic_load_explicit(&w->ring->head, memory_order_relaxed) & ~7ull;
	at = (uint32_t)head & (w->size - 1);
	left = free_bytes(w, head);
	room = w->size - at;
	if (left > room) /* one record lies before the ring's end or after it, never across */
		room = left - room > room ? left - room : room;
	else
		room = left;
	return room;
}
