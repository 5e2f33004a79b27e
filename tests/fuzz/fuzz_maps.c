/* Any bytes as /proc/PID/maps: ranges that come out are ranges, texts end inside the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/procmaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
	const char *text;
	size_t len;
};

static int look(void *ctx, const struct procmap *m)
{
	const struct bounds *b = ctx;

	if (m->start >= m->end || m->path < b->text || m->path + strlen(m->path) > b->text + b->len)
		abort();
	return m->executable && m->offset == 0x123 ? 7 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct bounds b = {text, size};
	int rc;

	if (!text)
		return 0;
	memcpy(text, data, size);
	rc = procmaps_parse(text, size, look, &b);
	if (rc != 0 && rc != 7)
		abort();
	free(text);
	return 0;
}
