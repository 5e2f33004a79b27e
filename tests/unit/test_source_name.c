/* The exclusive right to a data set's name in a bundle, between handles and processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/source/source.h"
#include "tests/unit/at_once.h"
#include "tests/unit/bundle_fixture.h"

static char dir[PATH_MAX], path[PATH_MAX + 16];
static struct err err;

static int setup(void **state)
{
	(void)state;
	fixture_dir(dir);
	snprintf(path, sizeof path, "%s/b.sqlite", dir);
	fixture_make(path);
	err = (struct err)ERR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static struct source *open_it(unsigned flags)
{
	struct source *s = NULL;

	if (source_open(&s, path, flags, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void done(int rc)
{
	if (rc < 0)
		fail_msg("%s", err.text);
	assert_int_equal(rc, 0);
}

static int files_in_dir(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void a_name_is_reserved_by_one_handle_at_a_time(void **state)
{
	struct source *a = open_it(SOURCE_WRITE), *b = open_it(SOURCE_WRITE);
	char longest[256];

	(void)state;
	memset(longest, 'n', 255);
	longest[255] = '\0';
	done(source_reserve_name(a, "name", &err));
	assert_int_equal(source_reserve_name(a, "name", &err), ERR_INTERNAL);
	assert_int_equal(source_reserve_name(b, "name", &err), ERR_EXISTS);
	assert_non_null(strstr(err.text, "another run"));
	done(source_reserve_name(b, longest, &err));
	source_release_name(b);
	source_release_name(b);
	done(source_reserve_name(b, "name.b", &err));
	source_release_name(a);
	source_release_name(b);
	done(source_reserve_name(b, "name", &err));
	source_close(a);
	source_close(b); /* gives the name back */
	assert_int_equal(files_in_dir(), 1);
}

static void a_name_is_one_however_the_bundle_is_called(void **state)
{
	char alias[PATH_MAX + 32], link_path[PATH_MAX + 32];
	struct source *a = open_it(SOURCE_WRITE), *b, *c;

	(void)state;
	snprintf(link_path, sizeof link_path, "%s/link.sqlite", dir);
	assert_int_equal(symlink("b.sqlite", link_path), 0);
	snprintf(alias, sizeof alias, "bundle:%s/./b.sqlite", dir);
	done(source_open(&b, alias, SOURCE_WRITE, &err));
	done(source_open(&c, link_path, SOURCE_WRITE, &err));
	done(source_reserve_name(a, "name", &err));
	assert_int_equal(source_reserve_name(b, "name", &err), ERR_EXISTS);
	assert_int_equal(source_reserve_name(c, "name", &err), ERR_EXISTS);
	source_close(a);
	source_close(b);
	source_close(c);
}

/* Takes the name over and over; two at once would see each other's mark. */
static int fight_for_name(int nth)
{
	char mark[PATH_MAX + 32];
	struct source *s;
	int won = 0;

	(void)nth;
	snprintf(mark, sizeof mark, "%s/mark", dir);
	if (source_open(&s, path, SOURCE_WRITE, &err) < 0)
		return 3;
	for (int i = 0; i < 20000 && won < 50; i++) {
		int rc = source_reserve_name(s, "name", &err);

		if (rc == ERR_EXISTS)
			continue;
		if (rc < 0 || mkdir(mark, 0700) < 0 || rmdir(mark) < 0)
			return 2;
		source_release_name(s);
		won++;
	}
	source_close(s);
	return 0;
}

static void processes_never_hold_a_name_together(void **state)
{
	int count[4];

	(void)state;
	at_once(fight_for_name, count);
	assert_int_equal(count[0], N_PROCESSES);
	assert_int_equal(files_in_dir(), 1);
}

static void a_killed_holder_frees_the_name(void **state)
{
	struct source *s;
	int fd[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (source_open(&s, path, SOURCE_WRITE, &err) < 0 ||
		    source_reserve_name(s, "name", &err) < 0 || write(fd[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fd[0], &byte, 1), 1);
	s = open_it(SOURCE_WRITE);
	assert_int_equal(source_reserve_name(s, "name", &err), ERR_EXISTS);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	done(source_reserve_name(s, "name", &err));
	source_close(s);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(files_in_dir(), 1);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_name_is_reserved_by_one_handle_at_a_time),
		CASE(a_name_is_one_however_the_bundle_is_called),
		CASE(processes_never_hold_a_name_together),
		CASE(a_killed_holder_frees_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
