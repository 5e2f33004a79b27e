/* See perf_ring.h. The order of loads and stores is the kernel's protocol (kernel/events/ring_buffer.c): its head is
 * read before its data, our tail is written after we are done with them. */
#include "prof/attach/perf_ring.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_records.h"

static int map_ring(struct perf_ring *r, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

	if (map == MAP_FAILED)
		return -1;
	r->map = map;
	r->map_bytes = page + bytes;
	r->data = (const uint8_t *)map + page;
	r->bytes = bytes;
	return 0;
}

int perf_ring_map(struct perf_ring *r, int fd, size_t bytes, size_t least, struct err *err)
{
	int e;

	memset(r, 0, sizeof *r);
	r->fd = fd;
	while (map_ring(r, bytes)) {
		if (errno != EPERM || bytes / 2 < least) {
			e = errno;
			perf_ring_close(r);
			errno = e;
			return perf_map_failed(err);
		}
		bytes /= 2;
	}
	return 0;
}

int perf_ring_open(struct perf_ring *r, uint32_t cpu, size_t bytes, struct err *err)
{
	struct perf_event_attr attr;
	int fd, rc;

	perf_attr_owner(&attr, bytes / 2);
	fd = perf_open_event(&attr, 0, (int)cpu);
	if (fd < 0) {
		r->fd = -1;
		return perf_open_failed(err, 0);
	}
	rc = perf_ring_map(r, fd, bytes, PERF_RECORD_MAX, err);
	r->cpu = cpu;
	return rc;
}

void perf_ring_close(struct perf_ring *r)
{
	if (r->map)
		(void)munmap(r->map, r->map_bytes);
	if (r->fd >= 0)
		(void)close(r->fd);
	memset(r, 0, sizeof *r);
	r->fd = -1;
}

int perf_ring_look(struct perf_ring *r)
{
	struct perf_event_mmap_page *page = r->map;
	_Atomic __u64 *head = (_Atomic __u64 *)&page->data_head;

	r->head = atomic_load_explicit(head, memory_order_acquire);
	if (r->head - r->freed > r->bytes)
		return ERR_FORMAT;
	if (r->bytes - (r->head - r->freed) < PERF_RECORD_MAX)
		r->near_full = 1;
	return 0;
}

const uint8_t *perf_ring_at(const struct perf_ring *r, uint64_t from, uint8_t *scratch,
			    size_t *size, int *bad)
{
	uint64_t there = r->head - from, at = from & (r->bytes - 1);
	size_t first = (size_t)(r->bytes - at);

	*bad = 0;
	if (there == 0)
		return NULL;
	/* Records begin at multiples of 8 bytes and so does the ring's end: a header is never in two pieces. */
	*size = there < sizeof(struct perf_event_header) ? 0 : perf_record_size(r->data + at);
	if (*size == 0 || *size > there || at % 8) {
		*bad = 1;
		return NULL;
	}
	if (*size <= first)
		return r->data + at;
	memcpy(scratch, r->data + at, first);
	memcpy(scratch + first, r->data, *size - first);
	return scratch;
}

const uint8_t *perf_ring_peek(const struct perf_ring *r, uint8_t *scratch, size_t *size, int *bad)
{
	return perf_ring_at(r, r->tail, scratch, size, bad);
}

void perf_ring_free(struct perf_ring *r)
{
	struct perf_event_mmap_page *page = r->map;
	_Atomic __u64 *tail = (_Atomic __u64 *)&page->data_tail;

	r->freed = r->tail;
	atomic_store_explicit(tail, r->tail, memory_order_release);
}

/* Each step writes to a line that the kernel reads at every sample. */
void perf_ring_take(struct perf_ring *r, size_t size)
{
	r->tail += size;
	if (r->tail - r->freed >= r->bytes / 8)
		perf_ring_free(r);
}

void perf_ring_skip(struct perf_ring *r)
{
	r->tail = r->head;
	perf_ring_free(r);
}
