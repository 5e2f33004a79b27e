/* S3's XML answers from arbitrary bytes: error codes, messages, upload ids. What comes out is printable
 * ASCII that fits its array. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/output/artifact_s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const char *text, size_t n, const char *tag, size_t size)
{
	char *out = malloc(size); /* of exactly this size, so that ASan sees a byte too many */
	size_t i;
	int found;

	if (!out)
		return;
	found = s3xml_text(text, n, tag, out, size);
	if (found == 0 && out[0])
		abort();
	for (i = 0; i < size && out[i]; i++)
		if (out[i] < 0x20 || out[i] > 0x7e)
			abort();
	if (i == size)
		abort();
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;

	ask(text, n, "Code", 64);
	ask(text, n, "Message", 512);
	ask(text, n, "UploadId", 16);
	s3xml_root_is(text, n, "Error");
	return 0;
}
