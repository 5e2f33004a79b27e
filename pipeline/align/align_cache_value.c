/* The text of a cache row and its key: spec 8. Written as Python's json.dumps writes the original's
 * dictionary, read in any spelling of JSON. Thread-safe. */
#include "pipeline/align/align_cache.h"

#include "pipeline/core/text.h"
#include "prof/base/buf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct value_key {
	const char *name;
	size_t offset; /* of the double in struct align_values */
	int whole;     /* an integer in Python */
};

#define FIELD(f) offsetof(struct align_values, f)

static const struct value_key value_keys[] = {
	{"identity_nw", FIELD(identity_nw), 0},       {"similarity_nw", FIELD(similarity_nw), 0},
	{"alignment_score_nw", FIELD(score_nw), 0},   {"gaps_pct_nw", FIELD(gaps_pct_nw), 0},
	{"alignment_length_nw", FIELD(length_nw), 0}, {"length_query", FIELD(length_query), 1},
	{"length_ref", FIELD(length_ref), 1},         {"identity_sw", FIELD(identity_sw), 0},
	{"similarity_sw", FIELD(similarity_sw), 0},   {"alignment_score_sw", FIELD(score_sw), 0},
	{"gaps_pct_sw", FIELD(gaps_pct_sw), 0},       {"alignment_length_sw", FIELD(length_sw), 0},
};

#define N_KEYS (sizeof value_keys / sizeof value_keys[0])

void align_cache_key(const char query_md5[MD5_HEX], const char ref_md5[MD5_HEX],
		     char key[ALIGN_KEY_TEXT])
{
	snprintf(key, ALIGN_KEY_TEXT, "%.32s:%.32s:10:1:blosum62", query_md5, ref_md5);
}

static double get(const struct align_values *v, const struct value_key *k)
{
	double x;

	memcpy(&x, (const char *)v + k->offset, sizeof x);
	return x;
}

static void set(struct align_values *v, const struct value_key *k, double x)
{
	memcpy((char *)v + k->offset, &x, sizeof x);
}

static void number_text(double x, int whole, char out[DOUBLE_TEXT])
{
	if (whole && x >= 0 && x < 9e15 && x == floor(x)) /* below 2^53: exact */
		snprintf(out, DOUBLE_TEXT, "%.0f", x);
	else
		double_shortest(x, out);
}

int align_cache_value_format(const struct align_values *v, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < N_KEYS; i++) {
		const struct value_key *k = &value_keys[i];
		char number[DOUBLE_TEXT];
		double x = get(v, k);
		int n;

		if (!isfinite(x))
			return ERR_ARG;
		number_text(x, k->whole, number);
		n = snprintf(out + at, size - at, "%s\"%s\": %s%s", i == 0 ? "{" : "", k->name,
			     number, i + 1 == N_KEYS ? "}" : ", ");
		if (n < 0 || (size_t)n >= size - at)
			return ERR_LIMIT;
		at += (size_t)n;
	}
	return 0;
}

int align_cache_value_parse(const char *text, size_t len, struct align_values *v)
{
	struct align_values fresh;
	json_t *root = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, NULL);
	int rc = json_is_object(root) ? 0 : ERR_FORMAT;

	for (size_t i = 0; rc == 0 && i < N_KEYS; i++) {
		const json_t *x = json_object_get(root, value_keys[i].name);

		if (json_is_real(x))
			set(&fresh, &value_keys[i], json_real_value(x));
		else
			rc = ERR_FORMAT;
	}
	json_decref(root);
	if (rc == 0)
		*v = fresh;
	return rc;
}
