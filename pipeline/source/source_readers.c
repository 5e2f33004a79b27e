/* Handles of one source for several threads: see source_readers.h. */
#include "pipeline/source/source_readers.h"

#include <stdlib.h>

int source_readers_open(struct source_readers *r, struct source *own, size_t n, struct err *err)
{
	*r = (struct source_readers){.own = own, .n = 1};
	if (n < 2)
		return 0;
	r->extra = calloc(n - 1, sizeof *r->extra);
	if (!r->extra)
		return err_nomem(err, "handles of a source");
	for (; r->n < n; r->n++) {
		struct err why = ERR_INIT;
		int rc = source_open(&r->extra[r->n - 1], source_url(own), SOURCE_READ, &why);

		if (rc == ERR_NOMEM) {
			source_readers_close(r);
			return err_nomem(err, "handles of a source");
		}
		if (rc)
			break; /* fewer threads do the same work */
	}
	return 0;
}

void source_readers_close(struct source_readers *r)
{
	size_t i;

	for (i = 1; i < r->n; i++)
		source_close(r->extra[i - 1]);
	free(r->extra);
	*r = (struct source_readers){0};
}
