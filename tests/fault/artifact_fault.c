/* Every allocation of the local artifact store fails once: the call says so, nothing has the final
 * name, and it works afterwards. (The S3 backend's memory is mostly libcurl's own.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "pipeline/output/artifact.h"
#include "tests/fault/fault.h"

static char dir[PATH_MAX], file[PATH_MAX + 16], back[PATH_MAX + 16];

static int prepare(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/artfault.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof file, "%s/file", dir);
	snprintf(back, sizeof back, "%s/back", dir);
	return fsio_write_file(file, "bytes", 5, NULL);
}

static int cleanup(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

/* One whole life of a store; the first failure. */
static int live(const struct artifact_config *config, struct err *err)
{
	struct artifact_store *s = NULL;
	int rc = artifact_open(&s, config, err);
	char *uri;

	if (rc != 0)
		return rc;
	rc = artifact_probe(s, 1, err);
	if (rc == 0)
		rc = artifact_put(s, "a/b", file, NULL, NULL, err);
	if (rc == 0)
		rc = artifact_get(s, "a/b", back, err);
	if (rc == 0)
		rc = artifact_remove(s, "a/b", err);
	if (rc == 0) {
		uri = artifact_uri(s, "a/b");
		rc = uri ? 0 : ERR_NOMEM;
		free(uri);
	}
	artifact_close(s);
	return rc;
}

/* Removes what a failed life left under the key. */
static void bury(void)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof path, "%s/root/a/b", dir);
	fsio_remove(path);
	fsio_remove(back);
}

static void every_call_fails_cleanly_at_every_allocation(void **state)
{
	char root[PATH_MAX + 16];
	struct artifact_config config = {.backend = "local", .root = root};
	struct err err = ERR_INIT;
	size_t n, failures = 0;
	int rc;

	(void)state;
	snprintf(root, sizeof root, "%s/root", dir);
	for (n = 1;; n++) {
		fault_arm(n);
		rc = live(&config, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		/* Tidying up empty folders after a removal is not worth a failure. */
		assert_true(rc == ERR_NOMEM || rc == 0);
		failures += rc != 0;
		bury();
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	assert_true(failures > 15 && n - failures < 5);
}

#ifdef HAVE_CURL
static void opening_an_s3_store_fails_cleanly_at_every_allocation(void **state)
{
	struct artifact_config config = {.backend = "minio",
					 .endpoint = "localhost:1",
					 .access_key = "a",
					 .secret_key = "s"};
	struct err err = ERR_INIT;
	struct artifact_store *s;
	size_t n;
	int rc;

	(void)state;
	for (n = 1;; n++) {
		fault_arm(n);
		rc = artifact_open(&s, &config, &err);
		if (!fault_fired())
			break;
		fault_disarm();
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(s);
	}
	fault_disarm();
	assert_int_equal(rc, 0);
	artifact_close(s);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_fails_cleanly_at_every_allocation),
#ifdef HAVE_CURL
		cmocka_unit_test(opening_an_s3_store_fails_cleanly_at_every_allocation),
#endif
	};

	return cmocka_run_group_tests(tests, prepare, cleanup);
}
