/* Arrays that grow, from mmap: for code that runs in someone else's process, where malloc may be the
 * program's own and locked. Not for signal handlers. Not thread-safe. */
#ifndef UNWIND_PAGES_H
#define UNWIND_PAGES_H

#include <stddef.h>

struct pages {      /* zeroed: empty */
	void *data; /* owned; page-aligned, new bytes are 0 */
	size_t bytes;
};

/* At least `bytes` bytes, old content kept; the block may move. 0 or ERR_NOMEM (nothing changed). */
int pages_need(struct pages *p, size_t bytes);
void pages_free(struct pages *p); /* empty again */

#endif
