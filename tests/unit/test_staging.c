/* Names in the resume folder, and which staging folders go when a data set is registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "pipeline/job/folder_name.h"
#include "pipeline/job/staging.h"
#include "pipeline/job/uploads.h"
#include "tests/unit/bundle_fixture.h"

#define FP(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static struct err err;
static char dir[PATH_MAX], resume[PATH_MAX + 16];
static struct source *source, *other_source;

static struct source *make_source(const char *name)
{
	char path[PATH_MAX + 16];
	struct source *s = NULL;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fixture_make(path);
	if (source_open(&s, path, SOURCE_READ, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static int setup(void **state)
{
	(void)state;
	err = (struct err)ERR_INIT;
	fixture_dir(dir);
	snprintf(resume, sizeof resume, "%s/resume", dir);
	source = make_source("one.sqlite");
	other_source = make_source("two.sqlite");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source_close(source);
	source_close(other_source);
	return fsio_remove_tree(dir, NULL);
}

static struct staging begin(const char *name, const char *fingerprint, const struct source *owner)
{
	struct staging s;

	if (staging_open(&s, resume, name, fingerprint, &err) != 0 ||
	    (owner && staging_own(&s, owner, &err) != 0))
		fail_msg("%s", err.text);
	return s;
}

static void leave(const char *name, const char *fingerprint, const struct source *owner)
{
	struct staging s = begin(name, fingerprint, owner);

	staging_close(&s);
}

static int there(const char *name)
{
	char path[PATH_MAX + 512];

	snprintf(path, sizeof path, "%s/%s", resume, name);
	return fsio_exists(path);
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void short_names_are_kept(void **state)
{
	char out[FOLDER_NAME_TEXT], name[256] = {0};

	(void)state;
	assert_int_equal(folder_name("a", "0123456789ab", out), 0);
	assert_string_equal(out, "a-0123456789ab");
	memset(name, 'n', 242);
	assert_int_equal(folder_name(name, "0123456789ab", out), 0);
	assert_int_equal(strlen(out), 255);
	assert_memory_equal(out, name, 242);
}

static void long_names_are_cut_and_stay_apart(void **state)
{
	char one[FOLDER_NAME_TEXT], two[FOLDER_NAME_TEXT], name[256] = {0};
	size_t n;

	(void)state;
	for (n = 243; n <= 255; n++) {
		memset(name, 'n', n);
		assert_int_equal(folder_name(name, "0123456789ab", one), 0);
		assert_int_equal(strlen(one), 255);
		assert_string_equal(one + 242, "-0123456789ab");
		assert_int_equal(one[229], '~');
		name[n - 1] = 'm';
		assert_int_equal(folder_name(name, "0123456789ab", two), 0);
		assert_string_not_equal(one, two);
	}
}

static void a_name_of_255_bytes_has_a_folder_and_a_journal(void **state)
{
	char name[256] = {0};
	struct staging s;
	struct uploads u;

	(void)state;
	memset(name, 'x', 255);
	s = begin(name, FP("ab"), source);
	assert_int_equal(uploads_open(&u, resume, source, name, &err), 0);
	assert_int_equal(uploads_note(&u, "key", FP("cd"), &err), 0);
	assert_int_equal(uploads_noted(&u, "key"), 1);
	uploads_end(&u);
	staging_remove(&s);
	assert_int_equal(fsio_remove_tree(resume, &err), 0);
}

static void folders_of_other_fingerprints_go_with_success(void **state)
{
	char link[PATH_MAX + 64];
	struct staging s, busy;

	(void)state;
	leave("a", FP("11"), source);
	leave("a", FP("22"), source);
	leave("a", FP("33"), other_source);
	leave("a", FP("44"), NULL);
	leave("a-b", FP("11"), source);
	leave("a-111111111111", FP("11"), source);
	leave("ab", FP("11"), source);
	snprintf(link, sizeof link, "%s/a-666666666666", resume);
	assert_int_equal(symlink("a-b-111111111111", link), 0);
	busy = begin("a", FP("55"), source);
	s = begin("a", FP("99"), source);
	staging_remove(&s);
	assert_false(there("a-999999999999"));
	assert_false(there("a-111111111111"));
	assert_false(there("a-222222222222"));
	assert_true(there("a-333333333333")); /* of another database */
	assert_true(there("a-444444444444")); /* of nobody knows whom */
	assert_true(there("a-555555555555")); /* a run is in it */
	assert_true(there("a-666666666666")); /* a link */
	assert_true(there("a-b-111111111111"));
	assert_true(there("a-b-111111111111/.source"));
	assert_true(there("a-111111111111-111111111111"));
	assert_true(there("ab-111111111111"));
	staging_close(&busy);
}

static void a_kept_folder_keeps_the_others(void **state)
{
	(void)state;
	leave("a", FP("11"), source);
	leave("a", FP("22"), source);
	assert_true(there("a-111111111111"));
	assert_true(there("a-222222222222"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_names_are_kept),
		cmocka_unit_test(long_names_are_cut_and_stay_apart),
		cmocka_unit_test_setup_teardown(a_name_of_255_bytes_has_a_folder_and_a_journal,
						setup, teardown),
		cmocka_unit_test_setup_teardown(folders_of_other_fingerprints_go_with_success,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_kept_folder_keeps_the_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
