/* Any bytes as a GAF file: every record handed over has its needed columns. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/gaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int on_header(void *ctx, const struct gaf_header *h, struct err *err)
{
	(void)err;
	must(++*(int *)ctx == 1);
	must(h->release >= -1 && (h->date == -1 || (h->date >= 19700101 && h->date <= 99991231)));
	must(h->major == 0 || h->major == 2);
	return 0;
}

static int on_record(void *ctx, const struct gaf_record *r, struct err *err)
{
	(void)err;
	must(*(int *)ctx == 1 && r->line > 0);
	must(*r->db && *r->object_id && *r->go_id && *r->evidence && strchr("PFC", r->aspect));
	must(strspn(r->taxon, "0123456789") == strlen(r->taxon) && strlen(r->taxon) <= 18);
	must(strlen(r->qualifier) + strlen(r->object_type) < SIZE_MAX / 2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct gaf_handler handler = {on_header, on_record};
	struct err err = ERR_INIT;
	struct lines *in;
	int headers = 0, rc;

	if (lines_open_memory(&in, "fuzz", data, size, &err) < 0)
		return 0;
	rc = gaf_read(in, &handler, &headers, &err);
	must(rc <= 0 && (rc == 0) == (err.text[0] == '\0'));
	lines_close(in);
	return 0;
}
