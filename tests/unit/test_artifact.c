/* The artifact store without a server: the local backend, configuration, keys, part sizes. The S3
 * backend against a real server is tests/cli/40_s3.mjs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/artifact.h"
#include "pipeline/output/artifact_s3_upload.h"

static char dir[PATH_MAX];

static const char *in_dir(const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static unsigned at;
	char *path = paths[at++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/artifact.XXXXXX", base ? base : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static struct artifact_store *open_local(const char *root)
{
	struct artifact_config config = {.backend = "LOCAL", .root = root};
	struct artifact_store *s;

	assert_int_equal(artifact_open(&s, &config, NULL), 0);
	return s;
}

static const char *put_file(const char *name, const char *text)
{
	const char *path = in_dir(name);

	assert_int_equal(fsio_write_file(path, text, strlen(text), NULL), 0);
	return path;
}

static void expect_text(const char *path, const char *text)
{
	struct buf b = BUF_INIT;

	assert_int_equal(fsio_read_all(path, 1 << 20, &b, NULL), 0);
	assert_string_equal(buf_str(&b), text);
	buf_release(&b);
}

static void expect_open_failure(struct artifact_config config, int code, const char *words)
{
	struct artifact_store *s;
	struct err err = ERR_INIT;

	assert_int_equal(artifact_open(&s, &config, &err), code);
	assert_null(s);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
}

static void count_bytes(void *ctx, uint64_t bytes)
{
	*(uint64_t *)ctx += bytes;
}

static void a_file_makes_the_round_trip(void **state)
{
	struct artifact_store *s = open_local(in_dir("root"));
	const char *file = put_file("file", "some bytes");
	uint64_t stored = 0;
	struct stat st;

	(void)state;
	assert_string_equal(artifact_backend(s), "local");
	assert_int_equal(artifact_exists(s, "datasets/x/train.parquet", NULL), 0);
	assert_int_equal(
		artifact_put(s, "datasets/x/train.parquet", file, count_bytes, &stored, NULL), 0);
	assert_int_equal(stored, 10);
	assert_int_equal(artifact_exists(s, "datasets/x/train.parquet", NULL), 1);
	expect_text(in_dir("root/datasets/x/train.parquet"), "some bytes");
	assert_int_equal(artifact_get(s, "datasets/x/train.parquet", in_dir("back"), NULL), 0);
	expect_text(in_dir("back"), "some bytes");
	/* The original may be replaced or removed without touching the artifact. */
	put_file("file", "other");
	expect_text(in_dir("root/datasets/x/train.parquet"), "some bytes");
	assert_int_equal(stat(in_dir("root/datasets/x"), &st), 0);
	artifact_close(s);
}

static void an_existing_key_is_never_overwritten(void **state)
{
	struct artifact_store *s = open_local(in_dir("root"));
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(artifact_put(s, "a/b", put_file("file", "first"), NULL, NULL, NULL), 0);
	assert_int_equal(artifact_put(s, "a/b", put_file("file", "second"), NULL, NULL, &err),
			 ERR_EXISTS);
	assert_non_null(strstr(err.text, "nothing is overwritten"));
	expect_text(in_dir("root/a/b"), "first");
	assert_int_equal(artifact_put(s, "a", put_file("file", "second"), NULL, NULL, &err),
			 ERR_EXISTS);
	artifact_close(s);
}

/* /dev/shm is another file system than the test folder on every Linux that has it. */
static void another_file_system_gets_a_copy(void **state)
{
	char root[64] = "/dev/shm/artifact.XXXXXX", path[128];
	struct artifact_store *s;
	struct stat a, b;

	(void)state;
	if (!mkdtemp(root) || stat(root, &a) != 0 || stat(dir, &b) != 0 || a.st_dev == b.st_dev)
		skip();
	s = open_local(root);
	assert_int_equal(artifact_put(s, "a/b", put_file("file", "first"), NULL, NULL, NULL), 0);
	assert_int_equal(artifact_put(s, "a/b", put_file("file", "second"), NULL, NULL, NULL),
			 ERR_EXISTS);
	snprintf(path, sizeof path, "%s/a/b", root);
	expect_text(path, "first");
	assert_int_equal(artifact_remove(s, "a/b", NULL), 0);
	snprintf(path, sizeof path, "%s/a", root);
	assert_int_equal(fsio_exists(path), 0); /* nothing is left beside it either */
	artifact_close(s);
	fsio_remove_tree(root, NULL);
}

static void a_link_to_a_file_is_followed(void **state)
{
	struct artifact_store *s = open_local(in_dir("root"));
	struct stat st;

	(void)state;
	put_file("target", "through a link");
	assert_int_equal(symlink("target", in_dir("link")), 0);
	assert_int_equal(artifact_put(s, "linked", in_dir("link"), NULL, NULL, NULL), 0);
	assert_int_equal(lstat(in_dir("root/linked"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	artifact_close(s);
}

static void removing_leaves_no_empty_folders(void **state)
{
	struct artifact_store *s = open_local(in_dir("root2"));

	(void)state;
	put_file("file", "x");
	assert_int_equal(artifact_put(s, "d/e/1", in_dir("file"), NULL, NULL, NULL), 0);
	assert_int_equal(artifact_put(s, "d/2", in_dir("file"), NULL, NULL, NULL), 0);
	assert_int_equal(artifact_remove(s, "d/e/1", NULL), 0);
	assert_int_equal(fsio_exists(in_dir("root2/d/e")), 0);
	assert_int_equal(artifact_exists(s, "d/2", NULL), 1);
	assert_int_equal(artifact_remove(s, "d/2", NULL), 0);
	assert_int_equal(artifact_remove(s, "d/2", NULL), 0);
	assert_int_equal(fsio_exists(in_dir("root2/d")), 0);
	assert_int_equal(fsio_exists(in_dir("root2")), 1);
	artifact_close(s);
}

static void fetching_what_is_not_there(void **state)
{
	struct artifact_store *s = open_local(in_dir("root"));
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(artifact_get(s, "no/such", in_dir("none"), &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no/such"));
	assert_int_equal(fsio_exists(in_dir("none")), 0);
	assert_int_equal(artifact_put(s, "x", in_dir("no-file"), NULL, NULL, &err), ERR_NOTFOUND);
	assert_int_equal(artifact_put(s, "x", dir, NULL, NULL, &err), ERR_ARG);
	artifact_close(s);
}

static void uris_are_absolute(void **state)
{
	struct artifact_store *s;
	char here[PATH_MAX], want[2 * PATH_MAX];
	char *uri;

	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	s = open_local("some/folder");
	uri = artifact_uri(s, "datasets/x/manifest.json");
	snprintf(want, sizeof want, "file://%s/some/folder/datasets/x/manifest.json", here);
	assert_string_equal(uri, want);
	free(uri);
	artifact_close(s);
	s = open_local("/");
	uri = artifact_uri(s, "x");
	assert_string_equal(uri, "file:///x");
	free(uri);
	artifact_close(s);
}

static void keys_must_be_plain_relative_paths(void **state)
{
	static const char *const wrong[] = {"",     "/x",   "x/",  "a//b",  "..",
					    "../x", "a/..", "./x", "a/./b", "a\nb"};
	struct artifact_store *s = open_local(in_dir("root"));
	char longest[1100];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(artifact_exists(s, wrong[i], NULL), ERR_ARG);
		assert_int_equal(artifact_remove(s, wrong[i], NULL), ERR_ARG);
		assert_int_equal(artifact_get(s, wrong[i], in_dir("none"), NULL), ERR_ARG);
		assert_int_equal(artifact_put(s, wrong[i], in_dir("file"), NULL, NULL, NULL),
				 ERR_ARG);
	}
	memset(longest, 'x', sizeof longest);
	longest[1025] = '\0';
	assert_int_equal(artifact_exists(s, longest, NULL), ERR_ARG);
	assert_int_equal(artifact_exists(s, "..x/x../...", NULL), 0);
	artifact_close(s);
}

static void probing_a_folder(void **state)
{
	struct artifact_store *s = open_local(in_dir("p/q"));
	struct err err = ERR_INIT;
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(artifact_probe(s, 0, &err), 0);
	assert_int_equal(fsio_exists(in_dir("p")), 0);
	assert_int_equal(artifact_free_bytes(s, &bytes), 0);
	assert_true(bytes > 0);
	assert_int_equal(artifact_probe(s, 1, &err), 0);
	assert_int_equal(fsio_exists(in_dir("p/q")), 1);
	artifact_close(s);
	put_file("plain", "not a folder");
	s = open_local(in_dir("plain"));
	assert_int_not_equal(artifact_probe(s, 0, &err), 0);
	assert_non_null(strstr(err.text, "plain"));
	assert_int_not_equal(artifact_probe(s, 1, &err), 0);
	artifact_close(s);
	s = open_local("/proc/artifacts");
	assert_int_not_equal(artifact_probe(s, 1, &err), 0);
	artifact_close(s);
}

static void configurations_are_checked_at_once(void **state)
{
	(void)state;
	expect_open_failure((struct artifact_config){.backend = "ftp"}, ERR_ARG, "'ftp'");
	expect_open_failure((struct artifact_config){0}, ERR_ARG, "unknown backend");
	expect_open_failure((struct artifact_config){.backend = "local"}, ERR_ARG,
			    "PROTEA_STORAGE_ROOT");
	expect_open_failure((struct artifact_config){.backend = "MINIO", .access_key = ""}, ERR_ARG,
			    "needs PROTEA_MINIO_ENDPOINT PROTEA_MINIO_ACCESS_KEY "
			    "PROTEA_MINIO_SECRET_KEY");
	expect_open_failure(
		(struct artifact_config){.backend = "minio", .endpoint = "x", .secret_key = "s"},
		ERR_ARG, "needs PROTEA_MINIO_ACCESS_KEY;");
}

#ifdef HAVE_CURL

static struct artifact_config minio(const char *endpoint)
{
	return (struct artifact_config){
		.backend = "minio", .endpoint = endpoint, .access_key = "a", .secret_key = "s"};
}

static void endpoints_and_buckets(void **state)
{
	static const char *const right[] = {"host", "host:9000", "http://host:9000",
					    "HTTPS://host/", "[::1]:9000"};
	static const char *const wrong[] = {"http://",     "http://h/path", "user:pw@host",
					    "ho st",       "host?x",        "host#x",
					    "http://a\nb", "file://x/y"};
	struct artifact_config config;
	struct artifact_store *s;
	uint64_t bytes;
	char *uri;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof right / sizeof *right; i++) {
		config = minio(right[i]);
		assert_int_equal(artifact_open(&s, &config, NULL), 0);
		assert_string_equal(artifact_backend(s), "minio");
		assert_int_equal(artifact_free_bytes(s, &bytes), ERR_UNSUPPORTED);
		uri = artifact_uri(s, "datasets/x/y");
		assert_string_equal(uri, "s3://protea/datasets/x/y");
		free(uri);
		artifact_close(s);
	}
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect_open_failure(minio(wrong[i]), ERR_ARG, "PROTEA_MINIO_ENDPOINT");
	config = minio("host");
	config.bucket = "a/b";
	expect_open_failure(config, ERR_ARG, "PROTEA_MINIO_BUCKET");
	config.bucket = "ab";
	expect_open_failure(config, ERR_ARG, "PROTEA_MINIO_BUCKET");
	config.bucket = NULL;
	config.region = "eu west";
	expect_open_failure(config, ERR_ARG, "region");
}

static void parts_are_as_few_as_the_protocol_allows(void **state)
{
	const uint64_t mib = 1 << 20;

	(void)state;
	assert_int_equal(s3_part_bytes(65 * mib), 16 * mib);
	assert_int_equal(s3_part_bytes(10000 * 16 * mib - 1), 16 * mib);
	assert_int_equal(s3_part_bytes(10000 * 16 * mib), 17 * mib);
	for (uint64_t size = 1; size < 5120 * mib * 10000; size = size * 3 + 7) {
		uint64_t part = s3_part_bytes(size);

		assert_true(part >= 16 * mib && part <= 5120 * mib);
		assert_true((size + part - 1) / part <= 10000);
	}
	assert_int_equal(s3_part_bytes(5121 * mib * 10000), 0);
	assert_int_equal(s3_part_bytes(UINT64_MAX), 0);
}

#else

static void a_build_without_curl_says_what_to_install(void **state)
{
	struct artifact_config config = {
		.backend = "minio", .endpoint = "host", .access_key = "a", .secret_key = "s"};

	(void)state;
	expect_open_failure(config, ERR_UNSUPPORTED, "libcurl4-openssl-dev");
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_makes_the_round_trip),
		cmocka_unit_test(an_existing_key_is_never_overwritten),
		cmocka_unit_test(another_file_system_gets_a_copy),
		cmocka_unit_test(a_link_to_a_file_is_followed),
		cmocka_unit_test(removing_leaves_no_empty_folders),
		cmocka_unit_test(fetching_what_is_not_there),
		cmocka_unit_test(uris_are_absolute),
		cmocka_unit_test(keys_must_be_plain_relative_paths),
		cmocka_unit_test(probing_a_folder),
		cmocka_unit_test(configurations_are_checked_at_once),
#ifdef HAVE_CURL
		cmocka_unit_test(endpoints_and_buckets),
		cmocka_unit_test(parts_are_as_few_as_the_protocol_allows),
#else
		cmocka_unit_test(a_build_without_curl_says_what_to_install),
#endif
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
