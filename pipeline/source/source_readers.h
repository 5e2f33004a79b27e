/* Handles of one source for several threads: the caller's own and further ones that are open for reading.
 * Handle `worker` belongs to thread `worker` of workers_run(). */
#ifndef SOURCE_SOURCE_READERS_H
#define SOURCE_SOURCE_READERS_H

#include <stddef.h>

#include "pipeline/source/source.h"

struct source_readers {
	struct source *own;    /* borrowed: the caller's */
	struct source **extra; /* owned: n - 1 */
	size_t n;
};

/* At most `n` handles; further ones that cannot be opened are done without. Lack of memory is the only
 * failure. */
int source_readers_open(struct source_readers *r, struct source *own, size_t n, struct err *err);
void source_readers_close(struct source_readers *r); /* a zeroed struct is fine */

static inline struct source *source_reader(const struct source_readers *r, size_t worker)
{
	return worker ? r->extra[worker - 1] : r->own;
}

#endif
