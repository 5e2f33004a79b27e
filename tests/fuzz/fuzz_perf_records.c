/* Any bytes as what the kernel wrote into a perf ring: records come out whole, what they point at lies inside them, and
 * the reader always gets on or refuses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/perf_records.h"
#include "prof/attach/perf_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const void *at, size_t n, const uint8_t *bytes, size_t size)
{
	const uint8_t *p = at;

	if (p && (p < bytes || p + n > bytes + size))
		abort();
}

static void check(const struct perf_record *r, const uint8_t *bytes, size_t size)
{
	inside(r->stack, r->stack_asked, bytes, size);
	if (r->stack_bytes > r->stack_asked)
		abort();
	if (r->text)
		inside(r->text, strlen(r->text) + 1, bytes, size);
	if (r->kind != PERF_IS_SAMPLE && (r->regs.known || r->stack))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t scratch[PERF_RECORD_MAX];
	static uint64_t page[8192 / 8];
	struct perf_ring ring = {.fd = -1, .map = page, .bytes = 4096};
	uint8_t *area;
	struct perf_record r;
	size_t n;
	int bad = 0, with_value;
	const uint8_t *bytes;

	if (size < 4)
		return 0;
	with_value = data[0] & 1;
	ring.tail = ring.freed = (uint64_t)(data[1] * 16);
	data += 2;
	size -= 2;
	while (ring.bytes < size)
		ring.bytes *= 2;
	area = calloc(1, ring.bytes);
	if (!area)
		return 0;
	for (size_t i = 0; i < size; i++) /* as the kernel would have written it from the tail on */
		area[(ring.tail + i) & (ring.bytes - 1)] = data[i];
	ring.data = area;
	ring.head = ring.tail + size;
	while ((bytes = perf_ring_peek(&ring, scratch, &n, &bad))) {
		if (n < 8 || n > size)
			abort();
		(void)perf_record_time(bytes, n);
		if (perf_record_decode(&r, bytes, n, with_value) == 0)
			check(&r, bytes, n);
		perf_ring_take(&ring, n);
	}
	if (!bad && ring.tail != ring.head)
		abort();
	free(area);
	return 0;
}
