/* Any bytes as JSON: what is accepted comes back equal through both writers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const json_t *value, char *text)
{
	struct err err = ERR_INIT;
	json_t *again = text ? json_parse("again", text, strlen(text), &err) : NULL;

	if (!again || !json_equal(value, again))
		abort();
	json_decref(again);
	free(text);
}

static void only_ascii(const char *text)
{
	for (; text && *text; text++)
		if ((unsigned char)*text > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	json_t *value = json_parse("fuzz", (const char *)data, size, &err);
	char *pretty;

	if (!value) {
		if (err.code != ERR_FORMAT || strncmp(err.text, "fuzz:", 5) != 0)
			abort();
		return 0;
	}
	same_again(value, json_compact(value));
	pretty = json_pretty_ascii(value);
	only_ascii(pretty);
	same_again(value, pretty);
	json_decref(value);
	return 0;
}
