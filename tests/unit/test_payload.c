/* The payload of spec section 3: defaults, strict types, every violation at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/job/payload.h"
#include "pipeline/job/problems.h"

#define CONFIG   "500a0c59-be09-424d-9d51-b7997629c95a"
#define SNAPSHOT "11111111-0000-4000-8000-000000000001"

static struct payload p;
static struct problems bad;
static struct err err;

static int setup(void **state)
{
	(void)state;
	bad = (struct problems)PROBLEMS_INIT;
	err = (struct err)ERR_INIT;
	p = (struct payload){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	payload_release(&p);
	problems_release(&bad);
	return 0;
}

/* The smallest good payload, with members of the JSON object `more` put over it; a member that is
 * "DROP" is taken away. */
static int parse(const char *more)
{
	static const char base[] = "{\"output_name\": \"set-1\", \"embedding_config_id\": \"" CONFIG
				   "\", \"ontology_snapshot_id\": \"" SNAPSHOT
				   "\", \"train_versions\": [160, 165], \"test_versions\": [170]}";
	json_t *object = json_parse("base", base, strlen(base), &err);
	json_t *over = json_parse("over", more, strlen(more), &err), *value;
	const char *key;
	int rc;

	assert_non_null(over);
	json_object_foreach(over, key, value)
	{
		if (json_is_string(value) && strcmp(json_string_value(value), "DROP") == 0)
			json_object_del(object, key);
		else
			json_object_set(object, key, value);
	}
	payload_release(&p);
	problems_release(&bad);
	rc = payload_parse(&p, object, &bad, &err);
	json_decref(over);
	json_decref(object);
	assert_int_equal(rc != 0, bad.count != 0);
	return rc;
}

/* `more` is refused with exactly the problems given, separated by newlines. */
static void refused(const char *more, const char *want)
{
	struct buf got = BUF_INIT;
	size_t i;

	assert_int_equal(parse(more), ERR_ARG);
	for (i = 0; i < bad.count; i++) {
		assert_int_equal(bad.list[i].code, ERR_ARG);
		buf_printf(&got, "%s%s", i ? "\n" : "", bad.list[i].text);
	}
	assert_string_equal(buf_str(&got), want);
	buf_release(&got);
	assert_null(p.output_name); /* nothing is left */
	assert_null(p.json);
}

static void defaults_are_those_of_the_spec(void **state)
{
	(void)state;
	assert_int_equal(parse("{}"), 0);
	assert_string_equal(p.output_name, "set-1");
	assert_string_equal(p.embedding_config_id, CONFIG);
	assert_string_equal(p.ontology_snapshot_id, SNAPSHOT);
	assert_int_equal(p.n_train_versions, 2);
	assert_int_equal(p.n_test_versions, 1);
	assert_string_equal(p.annotation_source, "goa");
	assert_int_equal(p.k, 5);
	assert_string_equal(p.search_backend, "numpy");
	assert_int_equal(p.backend_is_alias, 0);
	assert_false(p.compute_alignments || p.compute_taxonomy || p.expand_votes_to_ancestors);
	assert_false(p.use_embedding_pca || p.compute_self_prior || p.compute_association);
	assert_int_equal(p.metric, KNN_COSINE);
	assert_true(isnan(p.distance_threshold));
	assert_null(p.ia_file);
	assert_int_equal(p.profile, SCHEMA_V2_56);
	assert_false(p.sane_empty_sw || p.strict_embeddings || p.compute_groundtruth);
	assert_int_equal(p.ignored_known, 0);
	assert_int_equal(json_array_size(p.unknown_keys), 0);
	assert_int_equal(json_object_size(p.json), 5);
}

static void every_field_can_be_given(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\"annotation_source\": \" quickgo \", \"k\": 10, \"search_backend\": "
		      "\"faiss\", \"compute_alignments\": true, \"compute_taxonomy\": true, "
		      "\"expand_votes_to_ancestors\": true, \"use_embedding_pca\": true, "
		      "\"compute_self_prior\": true, \"compute_association\": true, "
		      "\"compute_classifier\": false, \"compute_protst\": false, \"metric\": "
		      "\"l2\", \"distance_threshold\": 0.5, \"ia_file\": \"ia.tsv\", "
		      "\"schema_profile\": \"v5-73\", \"sane_empty_sw\": true, "
		      "\"strict_embeddings\": true, \"compute_groundtruth\": true}"),
		0);
	assert_string_equal(p.annotation_source, "quickgo");
	assert_int_equal(p.k, 10);
	assert_string_equal(p.search_backend, "faiss");
	assert_int_equal(p.backend_is_alias, 1);
	assert_true(p.compute_alignments && p.compute_taxonomy && p.expand_votes_to_ancestors);
	assert_true(p.use_embedding_pca && p.compute_self_prior && p.compute_association);
	assert_int_equal(p.metric, KNN_L2);
	assert_true(p.distance_threshold == 0.5);
	assert_string_equal(p.ia_file, "ia.tsv");
	assert_int_equal(p.profile, SCHEMA_V5_73);
	assert_true(p.sane_empty_sw && p.strict_embeddings && p.compute_groundtruth);
	assert_int_equal(json_array_size(p.unknown_keys), 0);
}

static void texts_are_trimmed_and_ids_lowered(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"output_name\": \"\\t A.b_c-1 \\n\", \"embedding_config_id\": "
			       "\" 500A0C59-BE09-424D-9D51-B7997629C95A \"}"),
			 0);
	assert_string_equal(p.output_name, "A.b_c-1");
	assert_string_equal(p.embedding_config_id, CONFIG);
}

static void versions_are_sorted(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\"train_versions\": [170, -1, 165], \"test_versions\": [300, 171]}"), 0);
	assert_int_equal(p.train_versions[0], -1);
	assert_int_equal(p.train_versions[1], 165);
	assert_int_equal(p.train_versions[2], 170);
	assert_int_equal(p.test_versions[0], 171);
	assert_int_equal(p.test_versions[1], 300);
}

static void required_fields_are_missed_all_at_once(void **state)
{
	(void)state;
	refused("{\"output_name\": \"DROP\", \"embedding_config_id\": \"DROP\", "
		"\"ontology_snapshot_id\": \"DROP\", \"train_versions\": \"DROP\", "
		"\"test_versions\": \"DROP\"}",
		"payload.output_name: is required\n"
		"payload.embedding_config_id: is required\n"
		"payload.ontology_snapshot_id: is required\n"
		"payload.train_versions: is required\n"
		"payload.test_versions: is required");
}

static void output_names_are_safe_path_components(void **state)
{
	static const char *const names[] = {".hidden", "../x",        "a/b",    "a b", "-x",
					    "_x",      "caf\xc3\xa9", "a\\\\b", "a:b"};
	char text[600], name[257];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(text, sizeof text, "{\"output_name\": \"%s\"}", names[i]);
		refused(text, "payload.output_name: must be 1 to 255 of the characters A-Z a-z 0-9 "
			      ". _ - and start with a letter or digit");
	}
	memset(name, 'x', 256);
	name[255] = '\0';
	snprintf(text, sizeof text, "{\"output_name\": \"%s\"}", name);
	assert_int_equal(parse(text), 0);
	snprintf(text, sizeof text, "{\"output_name\": \"%sx\"}", name);
	assert_int_equal(parse(text), ERR_ARG);
	refused("{\"output_name\": \"  \"}", "payload.output_name: must be a non-empty string");
	refused("{\"output_name\": null}", "payload.output_name: must be a string, not null");
}

static void ids_are_uuids(void **state)
{
	(void)state;
	refused("{\"embedding_config_id\": \"esm2\", \"ontology_snapshot_id\": \" \"}",
		"payload.embedding_config_id: must be a UUID such as " CONFIG "\n"
		"payload.ontology_snapshot_id: must be a non-empty string");
	refused("{\"embedding_config_id\": 5}",
		"payload.embedding_config_id: must be a string, not an integer");
}

static void version_lists_follow_their_rules(void **state)
{
	(void)state;
	refused("{\"train_versions\": [160]}",
		"payload.train_versions: must have at least 2 entries to form pairs");
	refused("{\"train_versions\": [], \"test_versions\": []}",
		"payload.train_versions: must have at least 2 entries to form pairs\n"
		"payload.test_versions: must have at least 1 entry");
	refused("{\"train_versions\": [165, 160, 165, 160, 165]}",
		"payload.train_versions: 160 is there more than once\n"
		"payload.train_versions: 165 is there more than once");
	refused("{\"train_versions\": [160, \"165\", 5.0, true, null, [1]]}",
		"payload.train_versions[1]: must be an integer, not a string\n"
		"payload.train_versions[2]: must be an integer, not a real number\n"
		"payload.train_versions[3]: must be an integer, not a boolean\n"
		"payload.train_versions[4]: must be an integer, not null\n"
		"payload.train_versions[5]: must be an integer, not a list");
	refused("{\"train_versions\": {}, \"test_versions\": 170}",
		"payload.train_versions: must be a list of integers, not an object\n"
		"payload.test_versions: must be a list of integers, not an integer");
}

static void test_versions_lie_behind_training(void **state)
{
	(void)state;
	refused("{\"test_versions\": [180, 165]}",
		"payload.test_versions: the first test version (165) must be greater than the last "
		"train version (165), or training would see the test release");
	assert_int_equal(parse("{\"test_versions\": [166]}"), 0);
}

static void numbers_are_not_coerced(void **state)
{
	(void)state;
	refused("{\"k\": 5.0}", "payload.k: must be an integer, not a real number");
	refused("{\"k\": \"5\"}", "payload.k: must be an integer, not a string");
	refused("{\"k\": true}", "payload.k: must be an integer, not a boolean");
	refused("{\"k\": null}", "payload.k: must be an integer, not null");
	refused("{\"k\": 0}", "payload.k: must be greater than 0");
	refused("{\"k\": -3}", "payload.k: must be greater than 0");
	refused("{\"k\": 2147483648}", "payload.k: is too large");
	assert_int_equal(parse("{\"k\": 1}"), 0);
}

static void booleans_are_not_coerced(void **state)
{
	static const char *const fields[] = {
		"compute_alignments", "compute_taxonomy",   "expand_votes_to_ancestors",
		"use_embedding_pca",  "compute_self_prior", "compute_association",
		"compute_classifier", "compute_protst",     "stable_feature_cache",
		"sane_empty_sw",      "strict_embeddings",  "compute_groundtruth",
	};
	static const struct {
		const char *json, *name;
	} values[] = {{"1", "an integer"},
		      {"0", "an integer"},
		      {"\"true\"", "a string"},
		      {"null", "null"},
		      {"1.0", "a real number"}};
	char text[128], want[160];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
		for (j = 0; j < sizeof values / sizeof values[0]; j++) {
			snprintf(text, sizeof text, "{\"%s\": %s}", fields[i], values[j].json);
			snprintf(want, sizeof want, "payload.%s: must be true or false, not %s",
				 fields[i], values[j].name);
			refused(text, want);
		}
}

static void what_needs_a_neural_model_is_refused(void **state)
{
	(void)state;
	refused("{\"compute_classifier\": true, \"compute_protst\": true}",
		"payload.compute_classifier: not supported: it needs a neural model; leave it out "
		"or give false\n"
		"payload.compute_protst: not supported: it needs a neural model; leave it out or "
		"give false");
}

static void fields_with_nothing_to_do_are_checked_and_told(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"stable_feature_cache\": true}"), 0);
	assert_int_equal(p.ignored_known, 1);
	assert_int_equal(parse("{\"classifier_variants\": [\"a\"]}"), 0);
	assert_int_equal(p.ignored_known, 1);
	assert_int_equal(parse("{\"classifier_variants\": null}"), 0);
	refused("{\"classifier_variants\": \"a\"}",
		"payload.classifier_variants: must be a list or null, not a string");
}

static void search_backends_are_known_names(void **state)
{
	static const char *const good[] = {"numpy", "exact", "flat", "faiss", "torch"};
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		snprintf(text, sizeof text, "{\"search_backend\": \"%s\"}", good[i]);
		assert_int_equal(parse(text), 0);
		assert_string_equal(p.search_backend, good[i]);
		assert_int_equal(p.backend_is_alias, i > 2);
	}
	refused("{\"search_backend\": \"annoy\"}",
		"payload.search_backend: must be numpy, exact or flat (faiss and torch are taken "
		"as other names of the exact search)");
	assert_int_equal(parse("{\"search_backend\": \"NumPy\"}"), ERR_ARG);
	assert_int_equal(parse("{\"search_backend\": \"\"}"), ERR_ARG);
	refused("{\"search_backend\": 1}",
		"payload.search_backend: must be a string, not an integer");
}

static void extra_fields_follow_their_rules(void **state)
{
	(void)state;
	refused("{\"metric\": \"dot\", \"distance_threshold\": -0.1, \"ia_file\": \"\", "
		"\"schema_profile\": \"v3\"}",
		"payload.metric: must be cosine or l2\n"
		"payload.distance_threshold: must be 0 or greater\n"
		"payload.ia_file: must be a non-empty string\n"
		"payload.schema_profile: must be v2-56 or v5-73");
	refused("{\"metric\": null, \"distance_threshold\": \"0.5\", \"ia_file\": 1, "
		"\"schema_profile\": 56}",
		"payload.metric: must be a string, not null\n"
		"payload.distance_threshold: must be a number, not a string\n"
		"payload.ia_file: must be a string, not an integer\n"
		"payload.schema_profile: must be a string, not an integer");
	refused("{\"distance_threshold\": true}",
		"payload.distance_threshold: must be a number, not a boolean");
	assert_int_equal(parse("{\"distance_threshold\": null, \"ia_file\": null}"), 0);
	assert_true(isnan(p.distance_threshold));
	assert_int_equal(parse("{\"distance_threshold\": 0}"), 0);
	assert_true(p.distance_threshold == 0);
}

static void the_source_fits_its_column(void **state)
{
	(void)state;
	refused("{\"annotation_source\": \"123456789012345678901234567890123\"}",
		"payload.annotation_source: must have at most 32 characters");
	refused("{\"annotation_source\": \"\"}",
		"payload.annotation_source: must be a non-empty string");
}

static void unknown_keys_are_collected_unless_private(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"_job_id\": \"x\", \"K\": 3, \"zeta\": 1, \"alpha\": {}}"), 0);
	assert_int_equal(json_array_size(p.unknown_keys), 3);
	assert_string_equal(json_string_value(json_array_get(p.unknown_keys, 0)), "K");
	assert_string_equal(json_string_value(json_array_get(p.unknown_keys, 1)), "zeta");
	assert_string_equal(json_string_value(json_array_get(p.unknown_keys, 2)), "alpha");
	assert_int_equal(json_object_size(p.json), 9);
}

static void what_is_no_object_is_refused(void **state)
{
	json_t *list = json_array();

	(void)state;
	assert_int_equal(payload_parse(&p, list, &bad, &err), ERR_ARG);
	assert_string_equal(bad.list[0].text, "payload: must be a JSON object, not a list");
	assert_int_equal(payload_parse(&p, NULL, &bad, &err), ERR_ARG);
	assert_string_equal(bad.list[1].text, "payload: must be a JSON object, not left out");
	json_decref(list);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(defaults_are_those_of_the_spec),
		CASE(every_field_can_be_given),
		CASE(texts_are_trimmed_and_ids_lowered),
		CASE(versions_are_sorted),
		CASE(required_fields_are_missed_all_at_once),
		CASE(output_names_are_safe_path_components),
		CASE(ids_are_uuids),
		CASE(version_lists_follow_their_rules),
		CASE(test_versions_lie_behind_training),
		CASE(numbers_are_not_coerced),
		CASE(booleans_are_not_coerced),
		CASE(what_needs_a_neural_model_is_refused),
		CASE(fields_with_nothing_to_do_are_checked_and_told),
		CASE(search_backends_are_known_names),
		CASE(extra_fields_follow_their_rules),
		CASE(the_source_fits_its_column),
		CASE(unknown_keys_are_collected_unless_private),
		CASE(what_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
