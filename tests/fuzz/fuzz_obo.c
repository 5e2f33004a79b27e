/* Any bytes as an OBO file: every term handed over has an id, and texts are whole strings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/obo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int on_header(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)err;
	must(++*(int *)ctx == 1);
	must(strlen(h->format_version) + strlen(h->data_version) + strlen(h->date) +
		     strlen(h->ontology) <
	     SIZE_MAX / 2);
	return 0;
}

static int on_term(void *ctx, const struct obo_term *t, struct err *err)
{
	size_t i;

	(void)err;
	must(*(int *)ctx == 1);
	must(t->id && *t->id && t->line > 0 && t->name && strlen(t->name) < SIZE_MAX / 2);
	must(t->aspect == 0 || strchr("PFC", t->aspect));
	for (i = 0; i < t->n_alt_ids; i++)
		must(*t->alt_ids[i] != '\0');
	for (i = 0; i < t->n_edges; i++)
		must(*t->edges[i].target != '\0' && t->edges[i].line > t->line &&
		     strlen(t->edges[i].relation) < SIZE_MAX / 2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct obo_handler handler = {on_header, on_term};
	struct err err = ERR_INIT;
	struct lines *in;
	int headers = 0, rc;

	if (lines_open_memory(&in, "fuzz", data, size, &err) < 0)
		return 0;
	rc = obo_read(in, &handler, &headers, &err);
	must(rc <= 0 && (rc == 0) == (err.text[0] == '\0'));
	lines_close(in);
	return 0;
}
