/* Footers and page headers: the first byte chooses which. What parses is written again, so that the
 * writer meets odd values too. */
#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/parquet_meta.h"
#include "pipeline/output/thrift.h"

static void footer(const uint8_t *data, size_t size)
{
	struct parquet_meta m;
	struct buf out = BUF_INIT;
	enum schema_column columns[SCHEMA_COLUMNS];
	size_t n = schema_columns(SCHEMA_V2_56, columns);

	if (parquet_meta_parse(&m, data, size, "fuzz", NULL) < 0)
		return;
	for (size_t g = 0; g < m.n_groups; g++)
		if (m.groups[g].n_chunks == n)
			parquet_meta_put_group(&out, &m.groups[g], SCHEMA_V2_56);
	buf_release(&out);
	parquet_meta_release(&m);
}

static void page(const uint8_t *data, size_t size)
{
	struct parquet_page p;
	struct buf out = BUF_INIT;

	if (parquet_page_parse(&p, data, size))
		parquet_page_put(&out, &p);
	buf_release(&out);
}

static void any_struct(const uint8_t *data, size_t size)
{
	struct thrift_field f = {0};
	struct thrift_in in;

	thrift_open(&in, data, size);
	while (thrift_next(&in, &f))
		thrift_skip(&in, &f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		footer(data + 1, size - 1);
		break;
	case 1:
		page(data + 1, size - 1);
		break;
	default:
		any_struct(data + 1, size - 1);
	}
	return 0;
}
