/* What becomes of uploaded objects when the upload breaks off: they go only while nobody else can have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/job/publish.h"
#include "pipeline/job/sweep.h"
#include "pipeline/source/source_ops.h"
#include "tests/unit/bundle_fixture.h"

#define TRAIN "datasets/a/train.parquet"

static struct {
	int held, registered; /* answers */
} database;

static int check_name(struct source *s, struct err *why)
{
	(void)s;
	return database.held < 0 ? err_set(why, database.held, "lost") : database.held;
}

static int has_dataset(struct source *s, const char *of, struct err *why)
{
	(void)s;
	assert_string_equal(of, "a");
	return database.registered < 0 ? err_set(why, database.registered, "no answer")
				       : database.registered;
}

static const struct source_ops ops = {
	.kind = "made", .check_name = check_name, .has_dataset = has_dataset};

static struct err err;
static char dir[PATH_MAX], name[] = "made", output_name[] = "a";
static struct source source = {.ops = &ops, .name = name};
static struct settings settings;
static struct payload payload;
static struct staging staging = {.lock = -1};
static struct context context = {.source = &source, .settings = &settings};
static struct publication p;

static char *in_dir(const char *file)
{
	char *path = fsio_join(dir, file);

	assert_non_null(path);
	return path;
}

static void open_store(void)
{
	char *root = in_dir("store");
	struct artifact_config config = {.backend = "local", .root = root};

	assert_int_equal(artifact_open(&context.store, &config, &err), 0);
	free(root);
}

/* The training rows can be read; what comes behind them is a folder. */
static int setup(void **state)
{
	(void)state;
	err = (struct err)ERR_INIT;
	fixture_dir(dir);
	open_store();
	settings.resume_dir = dir;
	staging.dir = dir;
	payload.output_name = output_name;
	p = (struct publication){.c = &context,
				 .payload = &payload,
				 .staging = &staging,
				 .train_file = in_dir("train"),
				 .manifest_file = in_dir("manifest")};
	assert_int_equal(fsio_write_file(p.train_file, "rows", 4, &err), 0);
	assert_int_equal(mkdir(p.manifest_file, 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	publish_release(&p);
	artifact_close(context.store);
	return fsio_remove_tree(dir, NULL);
}

/* 1: the training rows are in the store after an upload that failed. */
static int left_behind(int held, int registered)
{
	database.held = held;
	database.registered = registered;
	assert_true(publish_upload(&p, &err) < 0);
	return artifact_exists(context.store, TRAIN, NULL);
}

static void what_is_ours_is_removed(void **state)
{
	(void)state;
	assert_int_equal(left_behind(0, 0), 0);
}

static void a_name_regained_is_ours_again(void **state)
{
	(void)state;
	assert_int_equal(left_behind(1, 0), 0);
}

static void what_another_run_registered_meanwhile_stays(void **state)
{
	(void)state;
	assert_int_equal(left_behind(1, 1), 1);
}

static void without_an_answer_it_stays(void **state)
{
	(void)state;
	assert_int_equal(left_behind(1, ERR_NETWORK), 1);
}

static void without_the_name_it_stays(void **state)
{
	(void)state;
	assert_int_equal(left_behind(ERR_EXISTS, 0), 1);
}

static char backend[] = "local", root[PATH_MAX + 8];

/* What is left behind, swept: 1 it is still there. */
static int swept(int held, int registered, int want)
{
	snprintf(root, sizeof root, "%s/store", dir);
	settings.storage_backend = backend;
	settings.storage_root = root;
	assert_int_equal(left_behind(1, ERR_NETWORK), 1);
	database.held = held;
	database.registered = registered;
	assert_int_equal(sweep_leftovers(&source, &settings, output_name, 1, &err), want);
	return artifact_exists(context.store, TRAIN, NULL);
}

static void with_an_answer_later_it_goes(void **state)
{
	(void)state;
	assert_int_equal(swept(0, 0, 1), 0);
}

static void what_turns_out_to_be_registered_stays(void **state)
{
	(void)state;
	assert_int_equal(swept(0, 1, 0), 1);
}

static void what_is_anothers_by_now_stays(void **state)
{
	(void)state;
	assert_int_equal(swept(ERR_EXISTS, 0, 0), 1);
}

/* Told, and the journal kept: the next one looks again. */
static void without_an_answer_nothing_is_swept(void **state)
{
	(void)state;
	assert_int_equal(swept(0, ERR_NETWORK, ERR_NETWORK), 1);
	assert_int_equal(swept(0, 0, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_ours_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_regained_is_ours_again, setup, teardown),
		cmocka_unit_test_setup_teardown(what_another_run_registered_meanwhile_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(without_an_answer_it_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_name_it_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(with_an_answer_later_it_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_turns_out_to_be_registered_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_is_anothers_by_now_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(without_an_answer_nothing_is_swept, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
