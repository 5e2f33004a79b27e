/* See pool_slots.h. */
#include "pipeline/pool/pool_slots.h"

#include <sys/mman.h>

#include "pipeline/core/behind.h"

#define PART_BYTES ((size_t)4 << 20) /* at once: some milliseconds */
#define PAGE       4096

int pool_slots_map(struct pool_slots *s, size_t bytes, struct err *err)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return err_nomem(err, "the embedding pool");
	s->at = p;
	s->bytes = bytes;
	return 0;
}

/* What is refused once is not asked for again: whoever writes gets the page, or the signal. */
static int make_part(void *ctx, size_t part, struct err *err)
{
	struct pool_slots *s = ctx;
	size_t from = part * PART_BYTES, n = s->bytes - from;

	(void)err;
	if (!atomic_load(&s->over) &&
	    madvise(s->at + from, n < PART_BYTES ? n : PART_BYTES, MADV_POPULATE_WRITE))
		atomic_store(&s->over, 1);
	return 0;
}

void pool_slots_make_pages(struct pool_slots *s)
{
	size_t parts = (s->bytes + PART_BYTES - 1) / PART_BYTES, i;
	struct err why = ERR_INIT;

	s->behind = behind_start(make_part, s, parts, &why);
	for (i = 0; s->behind && i < parts; i++)
		(void)behind_put(s->behind, i, &why); /* no part fails */
}

void pool_slots_make(const struct pool_slots *s, size_t from, size_t to)
{
	from -= from % PAGE;
	for (; from < to; from += PART_BYTES)
		if (madvise(s->at + from, to - from < PART_BYTES ? to - from : PART_BYTES,
			    MADV_POPULATE_WRITE) != 0)
			return; /* the rest is made as it is written */
}

void pool_slots_settle(struct pool_slots *s)
{
	struct err why = ERR_INIT;

	atomic_store(&s->over, 1);
	(void)behind_finish(s->behind, &why);
	s->behind = NULL;
}
