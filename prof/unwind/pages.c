/* Growing blocks of mmap memory: see pages.h. Doubling, and mremap moves page tables, not bytes. */
#include "prof/unwind/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "prof/base/err.h"

#define PAGE      ((size_t)4096)
#define BYTES_MAX ((size_t)1 << 46)

int pages_need(struct pages *p, size_t bytes)
{
	size_t want = p->bytes ? p->bytes : PAGE;
	void *q;

	if (bytes <= p->bytes)
		return 0;
	if (bytes > BYTES_MAX)
		return ERR_NOMEM;
	while (want < bytes)
		want *= 2;
	if (p->data)
		q = mremap(p->data, p->bytes, want, MREMAP_MAYMOVE);
	else
		q = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (q == MAP_FAILED)
		return ERR_NOMEM;
	p->data = q;
	p->bytes = want;
	return 0;
}

void pages_free(struct pages *p)
{
	if (p->data)
		munmap(p->data, p->bytes);
	*p = (struct pages){0};
}
