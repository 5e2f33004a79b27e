/* Every allocation of the file functions fails once: no file is left half-made or under its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>

#include "pipeline/core/fsio.h"
#include "tests/fault/each.h"
#include "tests/unit/scratch.h"

static size_t entries(void)
{
	DIR *d = opendir(scratch_dir);
	size_t n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

static int create_and_commit(void)
{
	static char bytes[300000];
	struct err err = ERR_INIT;
	int rc = fsio_write_file(scratch("f"), bytes, sizeof bytes, &err);

	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_int_equal(err.code, ERR_NOMEM);
		assert_int_equal(entries(), 0); /* neither the file nor its temporary */
		return rc;
	}
	assert_int_equal(entries(), 1);
	assert_int_equal(fsio_remove(scratch("f")), 0);
	return 0;
}

static void a_file_is_complete_or_not_there(void **state)
{
	(void)state;
	assert_true(fault_each(create_and_commit, 0) >= 4);
}

static int copy_and_read(void)
{
	struct buf out = BUF_INIT;
	int rc = fsio_copy(scratch("from"), scratch("to"), NULL);

	if (rc == 0)
		rc = fsio_read_all(scratch("to"), 1 << 20, &out, NULL);
	if (rc == 0)
		assert_int_equal(out.len, 100000);
	else
		assert_int_equal(rc, ERR_NOMEM);
	buf_release(&out);
	fsio_remove(scratch("to"));
	assert_int_equal(entries(), 1);
	return rc;
}

static void copies_and_reads_fail_cleanly(void **state)
{
	static char bytes[100000];

	(void)state;
	scratch_write("from", bytes, sizeof bytes);
	assert_true(fault_each(copy_and_read, 0) >= 6);
	assert_int_equal(fsio_remove(scratch("from")), 0);
}

static int paths(void)
{
	char *all[] = {fsio_join("a", "b"),      fsio_join("a", "/b"),   fsio_dirname("a/b"),
		       fsio_dirname("a"),        fsio_resolve("a", "b"), fsio_resolve(NULL, "b"),
		       fsio_resolve("a", "~/b"), fsio_absolute("a/b"),   fsio_absolute("/a")};
	int missing = fsio_mkdirs(scratch("d/e"), NULL) != 0;
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		missing += !all[i];
		free(all[i]);
	}
	if (fsio_exists(scratch("d")))
		missing += fsio_remove_tree(scratch("d"), NULL) != 0;
	return missing;
}

static void paths_are_null_without_memory(void **state)
{
	(void)state;
	assert_true(fault_each(paths, 0) >= 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_complete_or_not_there),
		cmocka_unit_test(copies_and_reads_fail_cleanly),
		cmocka_unit_test(paths_are_null_without_memory),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
