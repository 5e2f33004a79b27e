/* prof/store: many processes at one file, full disks, ends at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/unit/store_rig.h"

static void a_full_disk_is_told_and_leaves_a_sound_file(void **state)
{
	char at[300];
	struct err err = ERR_INIT;
	struct store *s;
	int rc = 0;
	char id[40];

	(void)state;
	if (!mount_small(at, "size=1m"))
		skip();
	s = rig_open(STORE_CREATE);
	for (int i = 1; i < 2000 && rc == 0; i++) {
		struct store_run run = {
			.id = id, .name = "x", .command = "a long command, many times"};
		int64_t key, frame;

		id_of(id, i, i);
		rc = store_begin(s, &err);
		if (rc == 0)
			rc = store_run_add(s, &run, &key, &err);
		for (int k = 0; k < 200 && rc == 0; k++)
			rc = store_frame_add(s, key, 0, (uint64_t)k, &frame, &err);
		if (rc == 0)
			rc = store_commit(s, &err);
		if (rc < 0)
			store_rollback(s);
	}
	assert_int_equal(rc, ERR_DATABASE);
	assert_int_equal(err.sys, ENOSPC);
	assert_non_null(strstr(err.text, "disk is full"));
	store_close(s);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM frame_row"),
			 rig_int("SELECT 200 * count(*) FROM run"));
	assert_true(rig_int("SELECT count(*) FROM run") > 10);
	assert_int_equal(umount(at), 0);
}

static void a_limit_of_file_sizes_is_told(void **state)
{
	pid_t pid;

	(void)state;
	make_store();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit limit = {4096 * 20, 4096 * 20};
		struct store *s;
		struct err err = ERR_INIT;
		int64_t key, frame;
		struct store_run run = {.id = "x"};
		int rc;

		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
		    store_open(&s, rig_path, STORE_WRITE, &err) < 0)
			_exit(2);
		rc = store_begin(s, &err);
		if (rc == 0)
			rc = store_run_add(s, &run, &key, &err);
		for (int k = 0; k < 2000000 && rc == 0; k++)
			rc = store_frame_add(s, key, 0, (uint64_t)k, &frame, &err);
		if (rc == 0)
			rc = store_commit(s, &err);
		store_close(s);
		_exit(rc == ERR_DATABASE && err.sys != 0 ? 0 : 3);
	}
	assert_int_equal(wait_child(pid), 0);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 1);
}

static void many_processes_may_make_and_fill_one_store(void **state)
{
	enum { CHILDREN = 8, RUNS = 4 };
	pid_t pids[CHILDREN];
	int go[2];
	char c;

	(void)state;
	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct store *s;
			struct err err = ERR_INIT;

			rig_child = 1;
			close(go[1]);
			(void)!read(go[0], &c, 1); /* all at once */
			if (store_open(&s, rig_path, STORE_CREATE, &err) < 0) {
				print_message("%s\n", err.text);
				_exit(1);
			}
			for (int k = 0; k < RUNS; k++)
				add_run(s, i + 1, k);
			store_close(s);
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < CHILDREN; i++)
		assert_int_equal(wait_child(pids[i]), 0);
	assert_true(rig_sound());
	assert_int_equal(rig_int("SELECT count(*) FROM run WHERE finished = 1"), CHILDREN * RUNS);
	assert_int_equal(rig_int("SELECT sum(value) FROM sample"), CHILDREN * RUNS * 40);
	assert_int_equal(rig_int("SELECT count(*) FROM (SELECT 1 FROM folded WHERE folded ="
				 " 'main;work;leaf' AND value = 30 GROUP BY run_id)"),
			 CHILDREN * RUNS);
	assert_int_equal(rig_files(), 1);
}

/* Killed at any moment, while making the file and while filling it: always sound, always usable. */
static void a_killed_writer_leaves_a_sound_store(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		struct timespec pause = {.tv_nsec = (round % 20) * 700000L};
		pid_t pid;

		if (round % 10 == 0) {
			char beside[420];

			unlink(rig_path);
			snprintf(beside, sizeof beside, "%s-wal", rig_path);
			unlink(beside);
			snprintf(beside, sizeof beside, "%s-shm", rig_path);
			unlink(beside);
			snprintf(beside, sizeof beside, "%s-journal", rig_path);
			unlink(beside);
		}
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct store *s;

			rig_child = 1;
			if (store_open(&s, rig_path, STORE_CREATE, NULL) < 0)
				_exit(1);
			for (int k = 0;; k++)
				add_run(s, round, k);
		}
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		assert_true(WIFSIGNALED(wait_child(pid)));
		{
			struct store *s = rig_open(STORE_CREATE);

			add_run(s, round + 1000, 0);
			store_close(s);
		}
		assert_true(rig_sound());
		assert_int_equal(rig_int("SELECT count(*) * 2 FROM run"),
				 rig_int("SELECT count(*) FROM sample"));
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_leaves_a_sound_file,
						rig_setup, teardown_mount),
		T(a_limit_of_file_sizes_is_told),
		T(many_processes_may_make_and_fill_one_store),
		T(a_killed_writer_leaves_a_sound_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
