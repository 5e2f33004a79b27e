/* Any bytes as NCBI dump files: the first byte says which of the three. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/taxdump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int on_node(void *ctx, int64_t taxon, int64_t parent, const char *rank, struct err *err)
{
	(void)ctx;
	(void)err;
	must(taxon >= 0 && parent >= 0 && strlen(rank) < SIZE_MAX / 2);
	return 0;
}

static int on_name(void *ctx, int64_t taxon, const char *name, const char *name_class,
		   struct err *err)
{
	(void)ctx;
	(void)err;
	must(taxon >= 0 && strlen(name) + strlen(name_class) < SIZE_MAX / 2);
	return 0;
}

static int on_merged(void *ctx, int64_t old_taxon, int64_t new_taxon, struct err *err)
{
	(void)ctx;
	(void)err;
	must(old_taxon >= 0 && new_taxon >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct lines *in;
	int rc;

	if (size == 0 || lines_open_memory(&in, "fuzz", data + 1, size - 1, &err) < 0)
		return 0;
	if (data[0] == 'n')
		rc = taxdump_read_nodes(in, on_node, NULL, &err);
	else if (data[0] == 'm')
		rc = taxdump_read_merged(in, on_merged, NULL, &err);
	else
		rc = taxdump_read_names(in, on_name, NULL, &err);
	must(rc <= 0 && (rc == 0) == (err.text[0] == '\0'));
	lines_close(in);
	return 0;
}
