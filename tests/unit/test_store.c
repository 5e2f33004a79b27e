/* prof/store: what may be opened and how, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "prof/store/migrate.h"
#include "tests/unit/store_rig.h"

static void a_new_store_is_ours_and_complete(void **state)
{
	static const char *const names[] = {"run",    "process",      "thread",        "module",
					    "frame",  "stack",        "stage",         "sample",
					    "tick",   "counter",      "sql_statement", "loss",
					    "folded", "stage_summary"};
	struct err err = ERR_INIT;
	struct store *s;
	char sql[100];

	(void)state;
	make_store();
	assert_int_equal(rig_files(), 1);
	assert_int_equal(rig_int("PRAGMA application_id"), STORE_APPLICATION_ID);
	assert_int_equal(rig_int("PRAGMA user_version"), STORE_VERSION);
	rig_text("PRAGMA journal_mode", sql, sizeof sql);
	assert_string_equal(sql, "wal");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", names[i]);
		assert_true(rig_int(sql) >= 0);
	}
	s = rig_open(STORE_WRITE);
	assert_string_equal(store_path(s), rig_path);
	store_close(s);
	store_close(NULL);
	assert_int_equal(store_open(&s, "", STORE_CREATE, &err), ERR_ARG);
	assert_null(s);
}

static void what_is_not_there_is_not_found(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;
	char path[400];

	(void)state;
	assert_int_equal(store_open(&s, rig_path, STORE_READ, &err), ERR_NOTFOUND);
	assert_int_equal(store_open(&s, rig_path, STORE_WRITE, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, rig_path));
	assert_int_equal(rig_files(), 0);
	snprintf(path, sizeof path, "%s/none/a.sqlite", rig_folder);
	assert_true(store_open(&s, path, STORE_CREATE, &err) < 0);
	assert_null(s);
}

/* ---- files that are refused ---- */

static char *slurp(size_t *n)
{
	FILE *f = fopen(rig_path, "rb");
	char *bytes = malloc(1 << 22);

	assert_non_null(f);
	assert_non_null(bytes);
	*n = fread(bytes, 1, 1 << 22, f);
	fclose(f);
	return bytes;
}

static void spit(const void *bytes, size_t n)
{
	FILE *f = fopen(rig_path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* In every mode with `code`, the file as before and alone. */
static void check_refused(int code, const char *word)
{
	static const enum store_open_mode modes[] = {STORE_READ, STORE_WRITE, STORE_CREATE};
	size_t before_n, after_n;
	char *before = slurp(&before_n), *after;

	for (int i = 0; i < 3; i++) {
		struct err err = ERR_INIT;
		struct store *s;

		if (store_open(&s, rig_path, modes[i], &err) != code || !strstr(err.text, word))
			fail_msg("mode %d: %s, expected '%s'", i, err.text, word);
		assert_null(s);
		assert_int_equal(rig_files(), 1);
	}
	after = slurp(&after_n);
	assert_int_equal(before_n, after_n);
	assert_memory_equal(before, after, before_n);
	free(before);
	free(after);
}

static void files_that_are_no_stores_are_refused_and_left_alone(void **state)
{
	size_t n;
	char *bytes;

	(void)state;
	spit("hello\n", 6);
	check_refused(ERR_FORMAT, "not a SQLite file");
	spit("SQLite format 3", 16);
	check_refused(ERR_FORMAT, "cut short");
	unlink(rig_path);
	{
		sqlite3 *db;

		assert_int_equal(sqlite3_open(rig_path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db,
					      "PRAGMA journal_mode = WAL; CREATE TABLE run (id);",
					      NULL, NULL, NULL),
				 SQLITE_OK);
		sqlite3_close(db);
	}
	check_refused(ERR_FORMAT, "not a profile store");
	unlink(rig_path);
	make_store();
	assert_int_equal(rig_exec("PRAGMA user_version = 3"), 0);
	check_refused(ERR_UNSUPPORTED, "newer protea-prof");
	assert_int_equal(rig_exec("PRAGMA user_version = 0"), 0);
	check_refused(ERR_FORMAT, "damaged");
	unlink(rig_path);
	make_store();
	bytes = slurp(&n);
	spit(bytes, n / 2);
	check_refused(ERR_FORMAT, "damaged");
	spit(bytes, 4096);
	check_refused(ERR_FORMAT, "damaged");
	free(bytes);
}

static void a_store_that_lost_a_table_is_refused(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(rig_exec("DROP TABLE stack_row"), 0);
	check_refused(ERR_FORMAT, "tables are missing");
}

static void a_view_without_end_in_the_place_of_a_table_is_refused(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(
		rig_exec("DROP TABLE loss_row; CREATE VIEW loss_row AS WITH RECURSIVE n(i) AS"
			 " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 AS run, i AS reason,"
			 " 5 AS count FROM n"),
		0);
	check_refused(ERR_FORMAT, "tables are missing");
	unlink(rig_path);
	make_store();
	assert_int_equal(
		rig_exec("DROP TABLE stack_row; CREATE TABLE stack_row (id INTEGER PRIMARY KEY)"),
		0);
	check_refused(ERR_FORMAT, "no such column");
}

/* Bytes of one page after the other overwritten: refused, or read with an answer; never more. */
static void damaged_pages_are_found_before_anything_is_written(void **state)
{
	size_t n;
	char *bytes, *broken;
	int refused = 0, pages = 0;

	(void)state;
	make_store();
	bytes = slurp(&n);
	broken = malloc(n);
	assert_non_null(broken);
	for (size_t at = 4096; at + 4096 <= n; at += 4096) {
		struct err err = ERR_INIT;
		struct store *s;

		memcpy(broken, bytes, n);
		memset(broken + at, 0x5a, 64);
		spit(broken, n);
		pages++;
		if (store_open(&s, rig_path, STORE_WRITE, &err) < 0) {
			size_t now_n;
			char *now = slurp(&now_n);

			refused++;
			assert_int_equal(err.code, ERR_FORMAT);
			assert_int_equal(now_n, n);
			assert_memory_equal(now, broken, n);
			assert_int_equal(rig_files(), 1);
			free(now);
		}
		store_close(s);
	}
	assert_true(refused * 10 >=
		    pages * 8); /* free pages and the map of pointers may be missed */
	free(bytes);
	free(broken);
}

static void things_that_are_no_files_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;

	(void)state;
	assert_int_equal(store_open(&s, rig_folder, STORE_CREATE, &err), ERR_IO);
	assert_non_null(strstr(err.text, "folder"));
	assert_int_equal(mkfifo(rig_path, 0600), 0); /* must not wait for a writer */
	assert_int_equal(store_open(&s, rig_path, STORE_READ, &err), ERR_IO);
	assert_int_equal(store_open(&s, rig_path, STORE_CREATE, &err), ERR_IO);
	assert_int_equal(store_open(&s, "/dev/null", STORE_CREATE, &err), ERR_IO);
}

static void an_empty_file_becomes_a_store_but_is_none(void **state)
{
	struct err err = ERR_INIT;
	struct store *s;

	(void)state;
	spit("", 0);
	assert_int_equal(store_open(&s, rig_path, STORE_READ, &err), ERR_FORMAT);
	assert_int_equal(store_open(&s, rig_path, STORE_WRITE, &err), ERR_FORMAT);
	make_store();
	assert_int_equal(rig_int("SELECT count(*) FROM run"), 1);
}

static void paths_may_have_any_characters(void **state)
{
	static const char *const names[] = {"a?b=c", "a#b", "100%41", "a b\nc",
					    "ü\xff", "..a", "a'\"b"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(rig_path, sizeof rig_path, "%s/%s", rig_folder, names[i]);
		make_store();
		assert_int_equal(access(rig_path, R_OK), 0);
		assert_int_equal(rig_files(), (int)i + 1);
		store_close(rig_open(STORE_READ));
	}
}

/* ---- reading ---- */

static void reading_leaves_nothing_behind(void **state)
{
	size_t before_n, after_n;
	char *before, *after;
	struct profile p;
	struct store *s;

	(void)state;
	make_store();
	before = slurp(&before_n);
	s = rig_open(STORE_READ);
	OK(store_read_run(s, 1, STORE_READ_ALL, &p, e));
	profile_release(&p);
	store_close(s);
	assert_int_equal(rig_files(), 1);
	after = slurp(&after_n);
	assert_int_equal(before_n, after_n);
	assert_memory_equal(before, after, before_n);
	free(before);
	free(after);
}

static void a_reader_sees_what_a_live_writer_committed(void **state)
{
	struct store *w = rig_open(STORE_CREATE), *s;
	struct profile p;
	char id[40];

	(void)state;
	add_run(w, 1, 1);
	id_of(id, 2, 2);
	OK(store_begin(w, e));
	rig_small(w, id, "open", 2);
	s = rig_open(STORE_READ); /* while the writer is in the middle of a transaction */
	OK(store_read_run(s, 1, STORE_READ_ALL, &p, e));
	profile_release(&p);
	assert_true(store_read_run(s, 2, STORE_READ_ALL, &p, NULL) == ERR_NOTFOUND);
	OK(store_commit(w, e));
	OK(store_read_run(s, 2, STORE_READ_ALL, &p, e));
	assert_int_equal(p.run.finished, 0);
	profile_release(&p);
	store_close(s);
	store_close(w);
	assert_int_equal(rig_files(), 1);
}

static int read_as_nobody(void)
{
	struct err err = ERR_INIT;
	struct profile p;
	struct store *s;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 2;
	if (store_open(&s, rig_path, STORE_WRITE, &err) == 0)
		return 3;
	if (store_open(&s, rig_path, STORE_READ, &err) < 0 ||
	    store_read_run(s, 1, STORE_READ_ALL, &p, &err) < 0) {
		print_message("%s\n", err.text);
		return 4;
	}
	profile_release(&p);
	store_close(s);
	return 0;
}

static void a_folder_without_permission_to_write_is_enough(void **state)
{
	struct store *w;
	pid_t pid;

	(void)state;
	if (getuid() != 0) {
		print_message("needs root to become somebody without permissions\n");
		skip();
	}
	make_store();
	assert_int_equal(chmod(rig_folder, 0755), 0);
	for (int live = 0; live < 2; live++) { /* without and with a log beside the file */
		w = live ? rig_open(STORE_WRITE) : NULL;
		if (live)
			add_run(w, 2, 2);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(read_as_nobody());
		assert_int_equal(wait_child(pid), 0);
		store_close(w);
	}
	assert_int_equal(rig_files(), 1);
}

static void a_medium_for_reading_only_is_enough(void **state)
{
	char at[300];
	struct profile p;
	struct store *s;

	(void)state;
	if (!mount_small(at, "size=4m"))
		skip();
	make_store();
	assert_int_equal(mount("none", at, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
	s = rig_open(STORE_READ);
	OK(store_read_run(s, 1, STORE_READ_ALL, &p, e));
	profile_release(&p);
	store_close(s);
	{
		struct err err = ERR_INIT;

		assert_true(store_open(&s, rig_path, STORE_WRITE, &err) < 0);
		assert_null(s);
	}
	assert_int_equal(umount(at), 0);
}

/* ---- migration ---- */

static void versions_are_migrated_step_by_step(void **state)
{
	static const struct store_step steps[] = {
		{2, "UPDATE t SET a = a * 10"},
		{1,
		 "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 5; UPDATE t SET b = a + 1"},
		{0, NULL},
	};
	static const struct store_step broken[] = {{3, "UPDATE t SET nothing = 1"}};
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(rig_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "CREATE TABLE t (a); INSERT INTO t VALUES (4);"
				      " PRAGMA user_version = 1; BEGIN IMMEDIATE",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(store_migrate_steps(db, steps, 3, 1, 3), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(rig_int("PRAGMA user_version"), 3);
	assert_int_equal(rig_int("SELECT a * 100 + b FROM t"), 4005);
	assert_int_equal(store_migrate_steps(db, steps, 3, 3, 3), SQLITE_OK);
	assert_int_equal(store_migrate_steps(db, steps, 3, 3, 4), SQLITE_MISMATCH);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_migrate_steps(db, broken, 1, 3, 4) & 0xff, SQLITE_ERROR);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	assert_int_equal(rig_int("PRAGMA user_version"), 3);
	sqlite3_close(db);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(a_new_store_is_ours_and_complete),
		T(what_is_not_there_is_not_found),
		T(files_that_are_no_stores_are_refused_and_left_alone),
		T(a_store_that_lost_a_table_is_refused),
		T(a_view_without_end_in_the_place_of_a_table_is_refused),
		T(damaged_pages_are_found_before_anything_is_written),
		T(things_that_are_no_files_are_refused),
		T(an_empty_file_becomes_a_store_but_is_none),
		T(paths_may_have_any_characters),
		T(reading_leaves_nothing_behind),
		T(a_reader_sees_what_a_live_writer_committed),
		T(a_folder_without_permission_to_write_is_enough),
		cmocka_unit_test_setup_teardown(a_medium_for_reading_only_is_enough, rig_setup,
						teardown_mount),
		T(versions_are_migrated_step_by_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
