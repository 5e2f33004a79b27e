/* Any bytes in a heap file: as the whole of a file, and as words written over the head, the sites, the stacks
 * and the threads of a right one. Whatever the reader accepts is asked for everything. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/heap/reader.h"
#include "prof/heap/tables.h"

#define SITES   40u
#define PATCHES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct heap_head *head, right; /* as it was before words were written over it */
static struct heap_index heap_index;
static char path[64], raw_path[64];
static volatile uint64_t sink;

static void leave(void)
{
	(void)unlink(path);
	(void)unlink(raw_path);
}

static void prepare(void)
{
	uint64_t addresses[16];

	if (head)
		return;
	snprintf(path, sizeof path, "/dev/shm/fuzz-heap-%d", (int)getpid());
	snprintf(raw_path, sizeof raw_path, "/dev/shm/fuzz-heap-raw-%d", (int)getpid());
	if (heap_file_make(&head, path, 512, 65536, NULL))
		abort();
	heap_file_describe(head, HEAP_FULL, 0, 1, 0);
	(void)heap_thread_row_add(head, 77, 1);
	for (uint32_t i = 0; i < SITES; i++) {
		struct heap_stack stack = {
			.hash = (i + 1) * 0x9e3779b97f4a7c15u, .addresses = addresses, .n = i % 16};
		struct heap_site_key key = {.stage = i, .thread = 1, .kind = HEAP_SITE_MALLOC};

		for (uint32_t k = 0; k < 16; k++)
			addresses[k] = i * 100 + k;
		(void)heap_site_find(head, &heap_index, &stack, &key, 1);
	}
	right = *head;
	atexit(leave);
}

static void read_stack(const struct heap_reader *r, uint32_t stack)
{
	struct heap_stack_view view;

	if (heap_reader_stack(r, stack, &view))
		return;
	for (uint32_t i = 0; i < view.n; i++)
		sink += view.addresses[i] + (heap_label_name(view.addresses[i]) != NULL);
}

static void read_all(const char *file)
{
	struct heap_reader r;
	struct heap_sums sums;
	uint32_t n;
	int64_t start;
	int tid;

	if (heap_reader_open(&r, file, NULL))
		return;
	n = heap_reader_sites(&r);
	for (uint32_t i = 0; i < n && i < 2000; i++)
		if (heap_reader_site(&r, i, (int64_t)sink, &sums)) {
			if (sums.live_bytes > sums.alloc_bytes || sums.variance < 0 ||
			    sums.life_ns < -1)
				abort();
			read_stack(&r, sums.stack);
		}
	for (uint32_t i = 0; i < 1000; i++)
		read_stack(&r, i);
	n = heap_reader_threads(&r);
	for (uint32_t i = 0; i < n && i < 2000; i++)
		sink += heap_reader_thread(&r, i, &tid, &start) == 0;
	heap_reader_close(&r);
}

static void raw(const uint8_t *data, size_t size)
{
	int fd = open(raw_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	/* A head's worth of bytes, then zeros as many as the head may claim. */
	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    ftruncate(fd, (off_t)right.file_bytes))
		abort();
	(void)close(fd);
	read_all(raw_path);
}

static uint64_t *word_at(uint8_t part, uint16_t at)
{
	uint64_t offset = part % 4 == 0 ? at % 256u
			  : part % 4 == 1
				  ? right.sites_offset + at % ((HEAP_SITES_RESERVED + SITES) *
							       sizeof(struct heap_site))
			  : part % 4 == 2 ? right.stacks_offset + at % 8192u
					  : right.threads_offset + at % 64u;

	return (uint64_t *)((uintptr_t)head + offset / 8 * 8);
}

/* part, offset (2), then a word: each of them written over what was there, and put back afterwards. */
static void patched(const uint8_t *data, size_t size)
{
	struct {
		uint64_t *word, was;
	} done[PATCHES];
	uint32_t n = 0;

	for (; size >= 11 && n < PATCHES; data += 11, size -= 11, n++) {
		done[n].word = word_at(data[0], (uint16_t)(data[1] | data[2] << 8));
		done[n].was = *done[n].word;
		memcpy(done[n].word, data + 3, 8);
	}
	read_all(path);
	while (n-- > 0)
		*done[n].word = done[n].was;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	prepare();
	if (size == 0)
		return 0;
	if (data[0] & 1)
		raw(data + 1, size - 1);
	else
		patched(data + 1, size - 1);
	return 0;
}
