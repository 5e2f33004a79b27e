/* The journal of uploads: what it takes for an object to be ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "pipeline/job/uploads.h"
#include "tests/unit/bundle_fixture.h"

#define KEY "datasets/a/train.parquet"

static struct err err;
static char dir[PATH_MAX], path[PATH_MAX + 64];
static struct source *source;
static struct artifact_store *store;
static struct uploads u;

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	struct artifact_config config = {.backend = "local", .root = path};

	(void)state;
	err = (struct err)ERR_INIT;
	fixture_dir(dir);
	fixture_make(in_dir("one.sqlite"));
	if (source_open(&source, path, SOURCE_READ, &err) != 0)
		fail_msg("%s", err.text);
	in_dir("store");
	if (artifact_open(&store, &config, &err) != 0)
		fail_msg("%s", err.text);
	if (uploads_open(&u, dir, source, "a", &err) != 0)
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uploads_close(&u);
	artifact_close(store);
	source_close(source);
	return fsio_remove_tree(dir, NULL);
}

/* Puts `text` into the store under KEY and returns its digest. */
static const char *put(const char *text)
{
	static char sha[SHA256_HEX];
	char file[PATH_MAX + 64];

	snprintf(file, sizeof file, "%s", in_dir("file"));
	assert_int_equal(fsio_write_file(file, text, strlen(text), &err), 0);
	(void)artifact_remove(store, KEY, NULL);
	assert_int_equal(artifact_put(store, KEY, file, NULL, NULL, &err), 0);
	assert_int_equal(sha256_hex(text, strlen(text), sha), 0);
	return sha;
}

static int ours(void)
{
	return uploads_ours(&u, store, KEY, in_dir("scratch"), &err);
}

static void append(const char *text)
{
	FILE *f = fopen(u.path, "a");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void without_a_journal_nothing_is_ours(void **state)
{
	(void)state;
	put("x");
	assert_int_equal(uploads_noted(&u, KEY), 0);
	assert_int_equal(ours(), 0);
}

static void noted_bytes_are_ours_and_others_are_not(void **state)
{
	char sha[SHA256_HEX];

	(void)state;
	memcpy(sha, put("mine"), sizeof sha);
	assert_int_equal(uploads_note(&u, KEY, sha, &err), 0);
	assert_int_equal(uploads_noted(&u, KEY), 1);
	assert_int_equal(uploads_noted(&u, "datasets/a/train"), 0);
	assert_int_equal(uploads_noted(&u, "atasets/a/train.parquet"), 0);
	assert_int_equal(ours(), 1);
	put("theirs");
	assert_int_equal(ours(), 0);
	/* A later run noted other bytes for the same key: both are ours. */
	assert_int_equal(uploads_note(&u, KEY, put("mine too"), &err), 0);
	assert_int_equal(ours(), 1);
	put("mine");
	assert_int_equal(ours(), 1);
	assert_false(fsio_exists(in_dir("scratch")));
}

static void a_line_cut_short_means_nothing_and_spoils_nothing(void **state)
{
	char sha[SHA256_HEX];

	(void)state;
	memcpy(sha, put("mine"), sizeof sha);
	append(sha);
	append(" " KEY); /* killed before the newline */
	assert_int_equal(uploads_noted(&u, KEY), 0);
	assert_int_equal(uploads_note(&u, "other", sha, &err), 0);
	assert_int_equal(uploads_noted(&u, "other"), 1);
	assert_int_equal(uploads_noted(&u, KEY), 1); /* the next note ended it */
	append("\n\n \nshort " KEY "\n");
	assert_int_equal(uploads_noted(&u, "other"), 1);
	assert_int_equal(ours(), 1);
}

static void a_journal_of_another_name_or_source_is_another(void **state)
{
	struct uploads other;
	struct source *two = NULL;

	(void)state;
	assert_int_equal(uploads_note(&u, KEY, put("mine"), &err), 0);
	assert_int_equal(uploads_open(&other, dir, source, "b", &err), 0);
	assert_string_not_equal(other.path, u.path);
	assert_int_equal(uploads_noted(&other, KEY), 0);
	uploads_close(&other);
	fixture_make(in_dir("two.sqlite"));
	assert_int_equal(source_open(&two, path, SOURCE_READ, &err), 0);
	assert_int_equal(uploads_open(&other, dir, two, "a", &err), 0);
	assert_string_not_equal(other.path, u.path);
	uploads_close(&other);
	source_close(two);
}

static void the_end_removes_it(void **state)
{
	char kept[PATH_MAX + 64];

	(void)state;
	assert_int_equal(uploads_note(&u, KEY, put("mine"), &err), 0);
	snprintf(kept, sizeof kept, "%s", u.path);
	uploads_end(&u);
	assert_false(fsio_exists(kept));
	uploads_end(&u); /* twice is fine */
}

static void a_journal_that_cannot_be_written_is_an_error(void **state)
{
	char sha[SHA256_HEX];

	(void)state;
	memcpy(sha, put("mine"), sizeof sha);
	assert_int_equal(fsio_mkdirs(u.path, &err), 0); /* a folder is in its place */
	assert_int_equal(uploads_note(&u, KEY, sha, &err), ERR_IO);
	assert_non_null(strstr(err.text, "uploads"));
	assert_int_equal(uploads_noted(&u, KEY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_journal_nothing_is_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(noted_bytes_are_ours_and_others_are_not, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_line_cut_short_means_nothing_and_spoils_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_of_another_name_or_source_is_another,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_removes_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_journal_that_cannot_be_written_is_an_error, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
