/* Every allocation of the JSON functions fails once, jansson's included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"
#include "pipeline/output/manifest.h"
#include "tests/fault/each.h"

static const char text[] =
	"{\"a\": [1, 2.5, \"\\u00e9\", {\"b\": null}], \"long\": \"0123456789012345"
	"67890123456789012345678901234567890123456789012345678901234567890\"}";

static char *want; /* made with memory */

static int round_trip(void)
{
	struct err err = ERR_INIT;
	json_t *v = json_parse("x", text, strlen(text), &err);
	char *compact, *pretty;
	int failed;

	if (!v) {
		assert_int_equal(err.code, ERR_NOMEM);
		return -1;
	}
	compact = json_compact(v);
	pretty = json_pretty_ascii(v);
	failed = !compact || !pretty;
	if (!failed)
		assert_string_equal(compact, want);
	free(compact);
	free(pretty);
	json_decref(v);
	return failed;
}

static void json_fails_cleanly(void **state)
{
	json_t *v = json_parse("x", text, strlen(text), NULL);

	(void)state;
	want = json_compact(v);
	json_decref(v);
	assert_true(fault_each(round_trip, 0) >= 10);
	free(want);
}

static int manifest(void)
{
	static const char *const pairs[] = {"v1-v2", "v2-v3"};
	const struct manifest m = {
		.name = "n",
		.k = 5,
		.embedding_config_id = "e",
		.ontology_snapshot_id = "o",
		.annotation_source = "goa",
		.train_snapshot_pairs = pairs,
		.n_train_snapshot_pairs = 2,
		.eval_snapshot_pair = "v3-v4",
		.schema_sha = "s",
		.producer_version = "0",
	};
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int rc = manifest_format(&m, &out, &err);

	if (rc != 0)
		assert_int_equal(err.code, ERR_NOMEM);
	else
		assert_int_equal(out.data[out.len - 1], '}'); /* whole */
	buf_release(&out);
	return rc;
}

static void the_manifest_is_whole_or_refused(void **state)
{
	(void)state;
	assert_true(fault_each(manifest, 0) >= 30);
}

static int clean_text(void)
{
	char *copy = text_utf8("caf\xe9");

	free(copy);
	return !copy;
}

static void clean_text_is_null_without_memory(void **state)
{
	(void)state;
	assert_int_equal(fault_each(clean_text, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_fails_cleanly),
		cmocka_unit_test(the_manifest_is_whole_or_refused),
		cmocka_unit_test(clean_text_is_null_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
