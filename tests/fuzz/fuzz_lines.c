/* Any bytes as a text file, plain or gzip: lines come out whole, limits and numbers hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	char *fields[4], *text;
	uint64_t number = 0;
	struct lines *l;
	size_t len, n;
	int rc;

	if (lines_open_memory(&l, "fuzz", data, size, &err) != 0)
		return 0;
	while ((rc = lines_next(l, &text, &len, &err)) == 1) {
		if (strlen(text) != len || lines_number(l) != ++number)
			abort();
		n = lines_split(text, '\t', fields, 4);
		if (n < 1 || n > 4 || fields[n - 1] + strlen(fields[n - 1]) != text + len)
			abort();
	}
	if (rc < 0 && (err.code != rc || !strstr(err.text, "fuzz")))
		abort();
	lines_close(l);
	return 0;
}
