/* Arbitrary bytes as a cached value: what is accepted is finite, survives being written and read
 * again, and jansson agrees with every number. */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"identity_nw",         "similarity_nw",      "alignment_score_nw", "gaps_pct_nw",
	"alignment_length_nw", "length_query",       "length_ref",         "identity_sw",
	"similarity_sw",       "alignment_score_sw", "gaps_pct_sw",        "alignment_length_sw",
};

/* jansson refuses some texts that we read (bad UTF-8 in keys we skip), never the other way round. */
static void compare(const json_t *root, const struct align_values *v, int accepted)
{
	const double *x = &v->identity_nw;
	int whole = json_is_object(root);

	for (size_t i = 0; whole && i < 12; i++) {
		const json_t *number = json_object_get(root, names[i]);

		if (!json_is_number(number))
			whole = 0;
		else if (accepted && json_number_value(number) != x[i])
			abort();
	}
	if (accepted && json_is_object(root) && !whole)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct align_values v = {0}, again;
	const double *x = &v.identity_nw;
	json_t *root = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, NULL);
	int rc = align_cache_value_parse(text, size, &v);
	char out[1024];

	if (rc != 0 && rc != ERR_FORMAT)
		abort();
	compare(root, &v, rc == 0);
	json_decref(root);
	if (rc != 0)
		return 0;
	for (size_t i = 0; i < 12; i++)
		if (!isfinite(x[i]))
			abort();
	if (align_cache_value_format(&v, out, sizeof out) != 0 ||
	    align_cache_value_parse(out, strlen(out), &again) != 0)
		abort();
	for (size_t i = 0; i < 12; i++)
		if ((&again.identity_nw)[i] != x[i])
			abort();
	return 0;
}
