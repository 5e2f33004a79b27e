/* Session folders that are left are removed, the others are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/record/lease.h"
#include "prof/record/sweep.h"
#include "prof/spool/session.h"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sweep.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* DIR/protea-prof-UID-NAME with a session file and, if `pid`, the file of a process; two days old. */
static void make(const char *name, int pid, char path[128])
{
	struct timeval old[2] = {{1000000, 0}, {1000000, 0}};
	char file[256];
	FILE *f;

	snprintf(path, 128, "%s/protea-prof-%u-%s", dir, (unsigned)geteuid(), name);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(file, sizeof(file), "%s/session", path);
	f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	if (pid) {
		snprintf(file, sizeof(file), "%s/%d.0", path, pid);
		f = fopen(file, "w");
		assert_non_null(f);
		fclose(f);
	}
	assert_int_equal(utimes(path, old), 0);
}

static int is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void what_nobody_needs_goes(void **state)
{
	char dead[128], alive[128], held[128], young[128];
	int lease;

	(void)state;
	make("dead", 2147483000, dead); /* beyond any pid_max */
	make("alive", getpid(), alive);
	make("held", 0, held);
	make("young", 0, young);
	lease = lease_take(held);
	assert_true(lease >= 0);
	assert_int_equal(utimes(young, NULL), 0);
	assert_int_equal(sweep_sessions(dir, SWEEP_AGE_NS), 1);
	assert_false(is_there(dead));
	assert_true(is_there(alive) && is_there(held) && is_there(young));
	lease_drop(lease);
	assert_int_equal(sweep_sessions(dir, SWEEP_AGE_NS), 1);
	assert_false(is_there(held));
	assert_int_equal(session_remove(alive, NULL), 0);
	assert_int_equal(session_remove(young, NULL), 0);
}

static void a_missing_folder_is_nothing_to_sweep(void **state)
{
	(void)state;
	assert_int_equal(sweep_sessions("/nowhere", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_nobody_needs_goes, make_dir, remove_dir),
		cmocka_unit_test(a_missing_folder_is_nothing_to_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
