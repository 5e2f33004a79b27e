/* The payload of spec section 3: see payload.h. Each field has one check below; a check that fails
 * adds a problem and lets the others go on. Whether what is named exists is asked elsewhere. */
#include "pipeline/job/payload.h"

#include "pipeline/job/problems.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES   255 /* dataset.name is varchar(255) */
#define SOURCE_MAX_CHARS 32  /* dataset.annotation_source is varchar(32) */

/* One parse under way. */
struct reader {
	const json_t *object;
	struct problems *problems;
	int bad;   /* problems were added */
	int nomem; /* sticky */
};

static const char *const known_keys[] = {
	"output_name",
	"embedding_config_id",
	"ontology_snapshot_id",
	"train_versions",
	"test_versions",
	"annotation_source",
	"k",
	"search_backend",
	"compute_alignments",
	"compute_taxonomy",
	"expand_votes_to_ancestors",
	"use_embedding_pca",
	"compute_self_prior",
	"compute_association",
	"compute_classifier",
	"compute_protst",
	"stable_feature_cache",
	"classifier_variants",
	"metric",
	"distance_threshold",
	"ia_file",
	"schema_profile",
	"sane_empty_sw",
	"strict_embeddings",
	"compute_groundtruth",
};

/* ---- types ------------------------------------------------------------------------------------ */

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a real number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static void complain(struct reader *r, const char *key, const char *what)
{
	problems_add(r->problems, ERR_ARG, "payload.%s: %s", key, what);
	r->bad = 1;
}

static void complain_type(struct reader *r, const char *key, const char *wanted, const json_t *v)
{
	problems_add(r->problems, ERR_ARG, "payload.%s: must be %s, not %s", key, wanted,
		     type_name(v));
	r->bad = 1;
}

/* A field that may be left out: NULL if it is. */
static const json_t *optional(const struct reader *r, const char *key)
{
	return json_object_get(r->object, key);
}

static const json_t *required(struct reader *r, const char *key)
{
	const json_t *v = json_object_get(r->object, key);

	if (!v)
		complain(r, key, "is required");
	return v;
}

static void read_bool(struct reader *r, const char *key, int *out)
{
	const json_t *v = optional(r, key);

	*out = 0;
	if (v && !json_is_boolean(v))
		complain_type(r, key, "true or false", v);
	else if (v)
		*out = json_is_true(v);
}

static char *copy(struct reader *r, const char *text, size_t n)
{
	char *out = strndup(text, n);

	if (!out)
		r->nomem = 1;
	return out;
}

/* A string without the white space around it, malloc'ed; NULL after a problem. */
static char *trimmed(struct reader *r, const char *key, const json_t *v)
{
	static const char blank[] = " \t\n\v\f\r";
	const char *text;
	size_t n;

	if (!json_is_string(v)) {
		complain_type(r, key, "a string", v);
		return NULL;
	}
	text = json_string_value(v);
	text += strspn(text, blank);
	n = strlen(text);
	while (n > 0 && strchr(blank, text[n - 1]))
		n--;
	if (n == 0) {
		complain(r, key, "must be a non-empty string");
		return NULL;
	}
	return copy(r, text, n);
}

/* ---- fields ----------------------------------------------------------------------------------- */

static int name_is_safe(const char *name)
{
	static const char alnum[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return name[0] && strchr(alnum, name[0]) && name[strspn(name, all)] == '\0' &&
	       strlen(name) <= NAME_MAX_BYTES;
}

static void read_name(struct reader *r, struct payload *out)
{
	const json_t *v = required(r, "output_name");

	out->output_name = v ? trimmed(r, "output_name", v) : NULL;
	if (out->output_name && !name_is_safe(out->output_name))
		complain(r, "output_name",
			 "must be 1 to 255 of the characters A-Z a-z 0-9 . _ - and start with a "
			 "letter or digit");
}

static void read_uuid(struct reader *r, const char *key, char out[UUID_TEXT])
{
	const json_t *v = required(r, key);
	char *text = v ? trimmed(r, key, v) : NULL;

	out[0] = '\0';
	if (text && uuid_normalise(text, out) != 0)
		complain(r, key, "must be a UUID such as 500a0c59-be09-424d-9d51-b7997629c95a");
	free(text);
}

static int compare_versions(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Fills `*list` from an array of integers; 0 if every item is one. */
static int copy_versions(struct reader *r, const char *key, const json_t *v, int64_t *list)
{
	size_t i, n = json_array_size(v);
	int bad = 0;

	for (i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);

		list[i] = json_integer_value(item);
		if (json_is_integer(item))
			continue;
		problems_add(r->problems, ERR_ARG, "payload.%s[%zu]: must be an integer, not %s",
			     key, i, type_name(item));
		r->bad = bad = 1;
	}
	return bad;
}

/* A sorted list of at least `at_least` integers; *n = 0 after a problem. */
static void read_versions(struct reader *r, const char *key, size_t at_least, const char *too_few,
			  int64_t **list, size_t *n)
{
	const json_t *v = required(r, key);
	size_t count;

	if (!v)
		return;
	if (!json_is_array(v)) {
		complain_type(r, key, "a list of integers", v);
		return;
	}
	count = json_array_size(v);
	if (count < at_least)
		complain(r, key, too_few);
	if (count == 0)
		return;
	*list = calloc(count, sizeof **list);
	if (!*list) {
		r->nomem = 1;
		return;
	}
	if (copy_versions(r, key, v, *list) != 0)
		return;
	qsort(*list, count, sizeof **list, compare_versions);
	*n = count;
}

static void check_train_twice(struct reader *r, const struct payload *p)
{
	size_t i;

	for (i = 1; i < p->n_train_versions; i++) {
		int64_t v = p->train_versions[i];

		if (v != p->train_versions[i - 1] || (i > 1 && v == p->train_versions[i - 2]))
			continue; /* said once per version */
		problems_add(r->problems, ERR_ARG,
			     "payload.train_versions: %lld is there more than once", (long long)v);
		r->bad = 1;
	}
}

static void read_both_versions(struct reader *r, struct payload *p)
{
	int64_t first, last;

	read_versions(r, "train_versions", 2, "must have at least 2 entries to form pairs",
		      &p->train_versions, &p->n_train_versions);
	read_versions(r, "test_versions", 1, "must have at least 1 entry", &p->test_versions,
		      &p->n_test_versions);
	check_train_twice(r, p);
	if (p->n_train_versions == 0 || p->n_test_versions == 0)
		return;
	first = p->test_versions[0];
	last = p->train_versions[p->n_train_versions - 1];
	if (first > last)
		return;
	problems_add(r->problems, ERR_ARG,
		     "payload.test_versions: the first test version (%lld) must be greater than "
		     "the last train version (%lld), or training would see the test release",
		     (long long)first, (long long)last);
	r->bad = 1;
}

static size_t utf8_chars(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void read_source(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "annotation_source");

	p->annotation_source = v ? trimmed(r, "annotation_source", v) : copy(r, "goa", 3);
	if (p->annotation_source && utf8_chars(p->annotation_source) > SOURCE_MAX_CHARS)
		complain(r, "annotation_source", "must have at most 32 characters");
}

static void read_k(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "k");
	json_int_t k;

	p->k = 5;
	if (!v)
		return;
	if (!json_is_integer(v)) {
		complain_type(r, "k", "an integer", v);
		return;
	}
	k = json_integer_value(v);
	if (k <= 0 || k > INT_MAX)
		complain(r, "k", k <= 0 ? "must be greater than 0" : "is too large");
	else
		p->k = (int)k;
}

static int one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return 1;
	return 0;
}

static void read_backend(struct reader *r, struct payload *p)
{
	static const char *const exact[] = {"numpy", "exact", "flat", NULL};
	static const char *const alias[] = {"faiss", "torch", NULL};
	const json_t *v = optional(r, "search_backend");
	const char *text = v ? json_string_value(v) : "numpy";

	if (!text) {
		complain_type(r, "search_backend", "a string", v);
		return;
	}
	p->search_backend = copy(r, text, strlen(text));
	p->backend_is_alias = one_of(text, alias);
	if (!p->backend_is_alias && !one_of(text, exact))
		complain(r, "search_backend",
			 "must be numpy, exact or flat (faiss and torch are taken as other names "
			 "of the exact search)");
}

static void read_metric(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "metric");
	const char *text = v ? json_string_value(v) : "cosine";

	p->metric = KNN_COSINE;
	if (!text)
		complain_type(r, "metric", "a string", v);
	else if (strcmp(text, "l2") == 0)
		p->metric = KNN_L2;
	else if (strcmp(text, "cosine") != 0)
		complain(r, "metric", "must be cosine or l2");
}

static void read_threshold(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "distance_threshold");

	p->distance_threshold = NAN;
	if (!v || json_is_null(v))
		return;
	if (!json_is_number(v))
		complain_type(r, "distance_threshold", "a number", v);
	else if (!(json_number_value(v) >= 0))
		complain(r, "distance_threshold", "must be 0 or greater");
	else
		p->distance_threshold = json_number_value(v);
}

static void read_profile(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "schema_profile");
	const char *text = v ? json_string_value(v) : "v2-56";

	p->profile = SCHEMA_V2_56;
	if (!text)
		complain_type(r, "schema_profile", "a string", v);
	else if (schema_profile_parse(text, &p->profile) != 0)
		complain(r, "schema_profile", "must be v2-56 or v5-73");
}

static void read_ia_file(struct reader *r, struct payload *p)
{
	const json_t *v = optional(r, "ia_file");

	if (v && !json_is_null(v))
		p->ia_file = trimmed(r, "ia_file", v);
}

static void read_switches(struct reader *r, struct payload *p)
{
	read_bool(r, "compute_alignments", &p->compute_alignments);
	read_bool(r, "compute_taxonomy", &p->compute_taxonomy);
	read_bool(r, "expand_votes_to_ancestors", &p->expand_votes_to_ancestors);
	read_bool(r, "use_embedding_pca", &p->use_embedding_pca);
	read_bool(r, "compute_self_prior", &p->compute_self_prior);
	read_bool(r, "compute_association", &p->compute_association);
	read_bool(r, "sane_empty_sw", &p->sane_empty_sw);
	read_bool(r, "strict_embeddings", &p->strict_embeddings);
	read_bool(r, "compute_groundtruth", &p->compute_groundtruth);
}

/* Fields of the original that cannot be offered, or have nothing left to do. */
static void read_foreign(struct reader *r, struct payload *p)
{
	const json_t *variants = optional(r, "classifier_variants");
	int on;

	read_bool(r, "compute_classifier", &on);
	if (on)
		complain(r, "compute_classifier",
			 "not supported: it needs a neural model; leave it out or give false");
	read_bool(r, "compute_protst", &on);
	if (on)
		complain(r, "compute_protst",
			 "not supported: it needs a neural model; leave it out or give false");
	read_bool(r, "stable_feature_cache", &on);
	if (variants && !json_is_array(variants) && !json_is_null(variants))
		complain_type(r, "classifier_variants", "a list or null", variants);
	p->ignored_known = variants || optional(r, "stable_feature_cache");
}

static int is_known(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof known_keys / sizeof known_keys[0]; i++)
		if (strcmp(key, known_keys[i]) == 0)
			return 1;
	return 0;
}

static void collect_unknown(struct reader *r, struct payload *p)
{
	const char *key;
	json_t *value;

	p->unknown_keys = json_array();
	if (!p->unknown_keys)
		r->nomem = 1;
	json_object_foreach(p->json, key, value)
	{
		if (key[0] == '_' || is_known(key))
			continue;
		if (json_array_append_new(p->unknown_keys, json_string(key)) != 0)
			r->nomem = 1;
	}
}

int payload_parse(struct payload *out, const json_t *object, struct problems *problems,
		  struct err *err)
{
	struct reader r = {.object = object, .problems = problems};

	*out = (struct payload){.distance_threshold = NAN};
	if (!json_is_object(object)) {
		problems_add(problems, ERR_ARG, "payload: must be a JSON object, not %s",
			     object ? type_name(object) : "left out");
		return err_set(err, ERR_ARG, "the payload is no JSON object");
	}
	out->json = json_deep_copy(object);
	r.nomem = !out->json;
	read_name(&r, out);
	read_uuid(&r, "embedding_config_id", out->embedding_config_id);
	read_uuid(&r, "ontology_snapshot_id", out->ontology_snapshot_id);
	read_both_versions(&r, out);
	read_source(&r, out);
	read_k(&r, out);
	read_backend(&r, out);
	read_switches(&r, out);
	read_foreign(&r, out);
	read_metric(&r, out);
	read_threshold(&r, out);
	read_ia_file(&r, out);
	read_profile(&r, out);
	collect_unknown(&r, out);
	if (!r.nomem && !r.bad)
		return 0;
	payload_release(out);
	return r.nomem ? err_nomem(err, "the payload")
		       : err_set(err, ERR_ARG, "the payload is refused");
}

void payload_release(struct payload *p)
{
	free(p->output_name);
	free(p->train_versions);
	free(p->test_versions);
	free(p->annotation_source);
	free(p->search_backend);
	free(p->ia_file);
	json_decref(p->unknown_keys);
	json_decref(p->json);
	*p = (struct payload){.distance_threshold = NAN};
}
