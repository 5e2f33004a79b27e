/* A heap file as others read it: every offset, count and length is checked against a private copy of the
 * head; words may change while they are read. Offline side; may use malloc. */
#ifndef HEAP_READER_H
#define HEAP_READER_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/heap/format.h"

struct heap_reader {
	const struct heap_head *head; /* shared, read only */
	size_t bytes;
	/* Checked copies. */
	uint64_t threads_offset, sites_offset, stacks_offset, stacks_bytes;
	uint32_t threads_max, sites_max, mode, count_unit;
	uint64_t rate_bytes;
	struct heap_reader_seen *seen; /* owned: how far each table was found to have memory */
};

/* ERR_NOTFOUND (not there, or just being made), ERR_IO, ERR_FORMAT, ERR_UNSUPPORTED (other version), ERR_NOMEM. */
int heap_reader_open(struct heap_reader *r, const char *path, struct err *err);
void heap_reader_close(struct heap_reader *r); /* a zeroed one is fine */

/* How many may be looked at now, by the functions below: what came later is not seen before these are called
 * again. Site 0 and row 0 stand for none. */
uint32_t heap_reader_sites(const struct heap_reader *r);
uint32_t heap_reader_threads(const struct heap_reader *r);

struct heap_sums { /* one site, copied; consistent in itself as far as a running target allows */
	enum heap_site_kind kind;
	uint32_t stack, thread;
	uint64_t stage;
	/* Bytes; blocks (rounded to whole ones in sampled mode). */
	uint64_t alloc_bytes, alloc_count, live_bytes, live_count, peak_bytes, peak_count,
		temporary_bytes, temporary_count;
	double variance; /* of alloc_bytes */
	int64_t life_ns; /* mean, blocks that live taken as dying now; -1: none */
};
/* 1 and *out; 0: not in use. `now_ns`: for life_ns. */
int heap_reader_site(const struct heap_reader *r, uint32_t index, int64_t now_ns,
		     struct heap_sums *out);

struct heap_stack_view {
	const uint64_t *addresses; /* in shared memory, aligned to 8 */
	uint32_t n, flags;
	int64_t t_ns;
};
/* 0, or ERR_FORMAT: not inside what is complete. Stack 0 is the label of a full table. */
int heap_reader_stack(const struct heap_reader *r, uint32_t stack, struct heap_stack_view *out);
/* 0, or ERR_NOTFOUND: not known (yet). Row 0: tid 0. */
int heap_reader_thread(const struct heap_reader *r, uint32_t row, int *tid, int64_t *start_ns);
const char *heap_label_name(uint64_t address);   /* NULL: an address of code */
const char *heap_loss_name(enum heap_loss loss); /* the store's reason */

#endif
