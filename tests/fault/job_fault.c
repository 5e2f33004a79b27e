/* Every allocation of reading a payload and the settings fails once, jansson's included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/job/payload.h"
#include "pipeline/job/problems.h"
#include "pipeline/job/settings.h"
#include "tests/fault/each.h"

static const char good[] =
	"{\"output_name\": \"n\", \"embedding_config_id\": "
	"\"500a0c59-be09-424d-9d51-b7997629c95a\","
	" \"ontology_snapshot_id\": \"500a0c59-be09-424d-9d51-b7997629c95a\","
	" \"train_versions\": [1, 2, 3], \"test_versions\": [4], \"ia_file\": \"ia\","
	" \"annotation_source\": \"x\", \"search_backend\": \"flat\", \"what\": 1, \"else\": 2}";
static const char bad[] =
	"{\"output_name\": \"/\", \"embedding_config_id\": 1, \"k\": 0, \"metric\": \"\","
	" \"train_versions\": [1, 1, 1.5], \"test_versions\": [], \"search_backend\": \"\","
	" \"ia_file\": \"\", \"schema_profile\": \"\", \"distance_threshold\": -1}";

static json_t *object; /* made with memory, parsed without */

static int parse_good(void)
{
	struct problems problems = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	struct payload p;
	int rc = payload_parse(&p, object, &problems, &err);

	if (rc != 0)
		assert_int_equal(rc, ERR_NOMEM);
	else
		assert_int_equal(json_array_size(p.unknown_keys), 2);
	payload_release(&p); /* fine after a failure too */
	assert_int_equal(problems.count, 0);
	problems_release(&problems);
	return rc;
}

static void a_good_payload_is_whole_or_refused(void **state)
{
	(void)state;
	object = json_parse("good", good, strlen(good), NULL);
	assert_true(fault_each(parse_good, 0) >= 20);
	json_decref(object);
}

/* A problem that found no memory is counted as lost, so a bad payload never passes. */
static int parse_bad(void)
{
	struct problems problems = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	struct payload p;
	int rc = payload_parse(&p, object, &problems, &err), whole;

	assert_int_not_equal(rc, 0);
	assert_true(problems.count > 0 || problems.lost);
	assert_int_not_equal(problems_result(&problems, &err), 0);
	whole = rc == ERR_ARG && !problems.lost;
	if (whole)
		assert_int_equal(problems.count, 11);
	problems_release(&problems);
	return !whole;
}

static void a_bad_payload_never_passes(void **state)
{
	(void)state;
	object = json_parse("bad", bad, strlen(bad), NULL);
	assert_true(fault_each(parse_bad, 1) >= 20);
	json_decref(object);
}

static int load(void)
{
	struct problems problems = PROBLEMS_INIT;
	struct err err = ERR_INIT;
	struct settings s;
	int rc = settings_load(&s, object, "/job", &problems, &err);

	if (rc == 0) {
		assert_string_equal(s.anc2vec_path, "/job/a.npz");
		assert_non_null(s.storage_root);
		assert_true(problems.count == 1 || problems.lost);
	} else {
		assert_int_equal(rc, ERR_NOMEM);
	}
	settings_release(&s);
	problems_release(&problems);
	return rc;
}

static void settings_are_whole_or_refused(void **state)
{
	static const char environment[] =
		"{\"PROTEA_ANC2VEC_PATH\": \"a.npz\", \"PROTEA_PAIR_FEATURE_WORKERS\": \"x\","
		" \"PROTEA_UNKNOWN\": \"x\", \"PROTEA_MINIO_ENDPOINT\": 5}";

	(void)state;
	object = json_parse("env", environment, strlen(environment), NULL);
	assert_true(fault_each(load, 1) >= 10);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_payload_is_whole_or_refused),
		cmocka_unit_test(a_bad_payload_never_passes),
		cmocka_unit_test(settings_are_whole_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
