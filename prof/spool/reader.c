/* The consumer's side of a ring. Every byte is copied out before it is believed; sizes come from the
 * private copies of struct spool_file. Not for handlers (may allocate). */
#include "prof/spool/reader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "prof/spool/crc32c.h"

#define RECORD_HEAD sizeof(struct spool_record)

int ring_reader_init(struct ring_reader *r, const struct spool_file *file, uint32_t index)
{
	memset(r, 0, sizeof *r);
	if (!file->head || index >= file->rings_max)
		return ERR_ARG;
	crc32c_init();
	r->ring = spool_ring_at(file, index);
	r->ring_bytes = file->ring_bytes;
	r->bytes = (const uint8_t *)file->head + SPOOL_HEAD_BYTES +
		   (size_t)file->rings_max * sizeof(struct spool_ring) +
		   (size_t)index * file->ring_bytes;
	r->at = atomic_load_explicit(&r->ring->tail, memory_order_acquire) & ~7ull;
	r->limit = r->at;
	return 0;
}

void ring_reader_release(struct ring_reader *r)
{
	free(r->copy);
	memset(r, 0, sizeof *r);
}

void ring_reader_refresh(struct ring_reader *r)
{
	uint64_t head = atomic_load_explicit(&r->ring->head, memory_order_acquire);

	r->limit = head & ~7ull;
	if (r->limit - r->at > r->ring_bytes) { /* no producer of ours writes that */
		r->bad++;
		r->at = r->limit;
	}
}

static int grow_copy(struct ring_reader *r, size_t need)
{
	size_t cap = r->copy_cap ? r->copy_cap : 4096;
	uint8_t *p;

	if (need <= r->copy_cap)
		return 0;
	while (cap < need)
		cap *= 2;
	p = realloc(r->copy, cap);
	if (!p)
		return ERR_NOMEM;
	r->copy = p;
	r->copy_cap = cap;
	return 0;
}

/* Payload bytes that a record of this type has at least; SIZE_MAX: no such type. */
static size_t payload_min(uint16_t type, uint32_t extra)
{
	switch (type) {
	case SPOOL_THREAD_START:
		return sizeof(struct spool_thread);
	case SPOOL_THREAD_NAME:
		return SPOOL_NAME_MAX;
	case SPOOL_THREAD_END:
		return sizeof(uint64_t);
	case SPOOL_MODULE_LOAD:
		return sizeof(struct spool_module);
	case SPOOL_MODULE_UNLOAD:
		return 2 * sizeof(uint64_t);
	case SPOOL_SAMPLE:
		return sizeof(struct spool_sample) + (size_t)extra * sizeof(uint64_t);
	case SPOOL_SAMPLE_RAW:
		return sizeof(struct spool_sample) + (size_t)extra * sizeof(uint64_t) +
		       sizeof(struct spool_raw);
	case SPOOL_STAGE_BEGIN:
		return sizeof(struct spool_stage_begin);
	case SPOOL_STAGE_END:
		return sizeof(struct spool_stage_end) + (size_t)extra * sizeof(struct spool_param);
	case SPOOL_STAGE_WHOLE:
		return sizeof(struct spool_stage_whole) +
		       (size_t)extra * sizeof(struct spool_param);
	case SPOOL_STAGE_FOLD:
		return sizeof(struct spool_stage_fold);
	case SPOOL_STAGE_ADD:
		return sizeof(struct spool_stage_add);
	case SPOOL_COUNTER:
		return sizeof(double);
	case SPOOL_FORK:
	case SPOOL_ENV:
		return 0;
	default:
		return SIZE_MAX;
	}
}

static int payload_fits(const struct spool_view *v)
{
	size_t min = payload_min((uint16_t)v->type, v->extra);
	struct spool_raw raw;

	if (v->payload_bytes < min)
		return 0;
	if (v->type != SPOOL_SAMPLE_RAW)
		return 1;
	memcpy(&raw, v->payload + min - sizeof raw, sizeof raw);
	return raw.stack_bytes <= v->payload_bytes - min;
}

static int copy_is_sound(const uint8_t *copy, uint32_t bytes, struct spool_view *view)
{
	const size_t after = offsetof(struct spool_record, extra);
	struct spool_record rec;
	uint32_t crc;

	memcpy(&rec, copy, sizeof rec);
	if (rec.bytes != bytes)
		return 0;
	crc = crc32c(0, copy, offsetof(struct spool_record, crc));
	if (crc32c(crc, copy + after, bytes - after) != rec.crc)
		return 0;
	view->type = (enum spool_type)rec.type;
	view->flags = rec.flags;
	view->extra = rec.extra;
	view->t_ns = rec.t_ns;
	view->payload = copy + RECORD_HEAD;
	view->payload_bytes = bytes - RECORD_HEAD;
	return payload_fits(view);
}

/* 1: *view, 0: a PAD was passed, ERR_FORMAT: malformed, ERR_NOMEM. */
static int next_record(struct ring_reader *r, struct spool_view *view)
{
	uint32_t at = (uint32_t)r->at & (r->ring_bytes - 1);
	uint64_t room = r->ring_bytes - at, avail = r->limit - r->at;
	uint32_t word[2], bytes;

	memcpy(word, r->bytes + at, sizeof word);
	bytes = word[0];
	if (bytes < sizeof word || bytes % 8 || bytes > room || bytes > avail)
		return ERR_FORMAT;
	if ((word[1] & 0xffff) == SPOOL_PAD) {
		r->at += bytes;
		return 0;
	}
	if (bytes < RECORD_HEAD)
		return ERR_FORMAT;
	if (grow_copy(r, (size_t)bytes + 1))
		return ERR_NOMEM;
	memcpy(r->copy, r->bytes + at, bytes);
	r->copy[bytes] = 0;
	if (!copy_is_sound(r->copy, bytes, view))
		return ERR_FORMAT;
	r->at += bytes;
	return 1;
}

int ring_next(struct ring_reader *r, struct spool_view *view)
{
	while (r->at != r->limit) {
		int rc = next_record(r, view);

		if (rc == 1 || rc == ERR_NOMEM)
			return rc;
		if (rc == 0)
			continue;
		r->bad++;
		r->at = r->limit;
	}
	return 0;
}

void ring_consume(const struct ring_reader *r)
{
	atomic_store_explicit(&r->ring->tail, r->at, memory_order_release);
}

int ring_recycle(const struct ring_reader *r)
{
	uint32_t ended = SPOOL_RING_ENDED;

	if (atomic_load_explicit(&r->ring->state, memory_order_acquire) != SPOOL_RING_ENDED ||
	    atomic_load_explicit(&r->ring->head, memory_order_acquire) !=
		    atomic_load_explicit(&r->ring->tail, memory_order_acquire))
		return 0;
	return atomic_compare_exchange_strong(&r->ring->state, &ended, SPOOL_RING_FREE);
}
