/* The alignment cache: how it gives up. */
#include "tests/unit/align_cache_rig.h"

/* After trouble every call does nothing and says so no further. */
static void check_gives_up(struct align_cache *c, const char *why)
{
	char first[TROUBLE_TEXT];

	assert_non_null(align_cache_trouble(c));
	if (!strstr(align_cache_trouble(c), why))
		fail_msg("'%s' does not say '%s'", align_cache_trouble(c), why);
	snprintf(first, sizeof first, "%s", align_cache_trouble(c));
	insert_number(c, 1);
	align_cache_flush(c);
	assert_int_equal(find_numbers(c, 0, 900), 0);
	assert_string_equal(align_cache_trouble(c), first);
	align_cache_close(c);
}

static void a_folder_that_cannot_be_made_is_trouble(void **state)
{
	(void)state;
	scratch_write("file", "x", 1);
	check_gives_up(open_at("file/below"), "file");
}

static void check_untouched(const char *name, const char *why)
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	char path[PATH_MAX + 512];

	snprintf(path, sizeof path, "%s/alignments.sqlite", scratch(name));
	assert_int_equal(fsio_read_all(path, 1 << 20, &before, NULL), 0);
	check_gives_up(open_at(name), why);
	assert_int_equal(fsio_read_all(path, 1 << 20, &after, NULL), 0);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	buf_release(&before);
	buf_release(&after);
}

static void foreign_files_are_left_alone(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(fsio_mkdirs(scratch("text"), NULL), 0);
	scratch_write("text/alignments.sqlite", text, sizeof text);
	check_untouched("text", "not a database");
	make_database("other", "CREATE TABLE job(id TEXT)");
	check_untouched("other", "something else");
	make_database("view", "CREATE TABLE x(k TEXT PRIMARY KEY, v TEXT);"
			      "CREATE VIEW align AS SELECT * FROM x");
	check_untouched("view", "something else");
	make_database("columns", "CREATE TABLE align(key TEXT PRIMARY KEY, value TEXT)");
	check_untouched("columns", "no such column");
	make_database("not_unique", "CREATE TABLE align(k TEXT, v TEXT)");
	check_untouched("not_unique", "ON CONFLICT");
}

static void triggers_of_a_foreign_file_do_not_run(void **state)
{
	struct align_cache *c;

	(void)state;
	make_database("trigger",
		      "CREATE TABLE align(k TEXT PRIMARY KEY, v TEXT NOT NULL);"
		      "CREATE TRIGGER t AFTER INSERT ON align BEGIN DELETE FROM align; END");
	c = open_at("trigger");
	insert_number(c, 1);
	assert_int_equal(find_numbers(c, 1, 1), 1);
	align_cache_close(c);
	assert_int_equal(count_rows("trigger"), 1);
}

/* Whatever bytes are hit: no crash, no wrong value, at most no cache. */
static void corrupt_files_are_trouble_or_misses(void **state)
{
	struct align_cache *c = open_at("whole");
	struct buf file = BUF_INIT;
	uint64_t s = 42;
	char *bytes;

	(void)state;
	for (uint64_t i = 0; i < 400; i++)
		insert_number(c, i);
	align_cache_close(c);
	assert_int_equal(fsio_read_all(scratch("whole/alignments.sqlite"), 1 << 26, &file, NULL),
			 0);
	assert_int_equal(fsio_mkdirs(scratch("broken"), NULL), 0);
	bytes = malloc(file.len);
	for (int round = 0; round < 120; round++) {
		size_t at = (round % 4 == 0 ? 4096 : 0) + splitmix(&s) % (file.len / 2);
		size_t len = 1 + splitmix(&s) % 3000, n = file.len;

		memcpy(bytes, file.data, file.len);
		for (size_t i = at; i < at + len && i < file.len; i++)
			bytes[i] = (char)(round % 3 ? splitmix(&s) : 0);
		if (round % 5 == 4)
			n = splitmix(&s) % file.len; /* truncated */
		unlink(scratch("broken/alignments.sqlite-wal"));
		unlink(scratch("broken/alignments.sqlite-shm"));
		scratch_write("broken/alignments.sqlite", bytes, n);
		c = open_at("broken");
		/* a flipped digit is a value like any other: only keys are counted */
		{
			char q[400][MD5_HEX], r[400][MD5_HEX];
			struct align_values v[400];
			unsigned char hit[400];

			for (uint64_t i = 0; i < 400; i++) {
				digest_of(i, q[i]);
				digest_of(i + 1, r[i]);
			}
			assert_in_range(align_cache_lookup(c, (const char(*)[MD5_HEX])q,
							   (const char(*)[MD5_HEX])r, 400, v, hit),
					0, 400);
		}
		insert_number(c, 1000);
		align_cache_close(c);
	}
	free(bytes);
	buf_release(&file);
}

static void a_busy_file_is_trouble_once_it_has_been_waited_for(void **state)
{
	struct align_cache *c = open_at("busy");
	char path[PATH_MAX];
	sqlite3 *other;

	(void)state;
	insert_number(c, 7);
	align_cache_flush(c);
	snprintf(path, sizeof path, "%s", align_cache_path(c));
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	run(other, "BEGIN IMMEDIATE");
	sqlite3_busy_timeout(c->db, 50);
	assert_int_equal(find_numbers(c, 7, 1), 1); /* reading goes on */
	insert_number(c, 8);
	align_cache_flush(c);
	check_gives_up(c, "locked");
	run(other, "COMMIT");
	sqlite3_close(other);
	assert_int_equal(count_rows("busy"), 1);
}

static void check_read_only(const char *dir)
{
	struct align_cache *c;

	if (setgid(65534) != 0 || setuid(65534) != 0)
		_exit(2);
	c = align_cache_open(dir);
	if (!c || !align_cache_trouble(c))
		_exit(3);
	insert_number(c, 3);
	if (find_numbers(c, 0, 5) != 0)
		_exit(4);
	align_cache_close(c);
	_exit(0);
}

static void a_read_only_place_is_trouble(void **state)
{
	struct align_cache *c = open_at("fixed");
	char dir[PATH_MAX];
	int status;

	(void)state;
	insert_number(c, 1);
	align_cache_close(c);
	if (geteuid() != 0) {
		assert_int_equal(chmod(scratch("fixed"), 0555), 0);
		assert_int_equal(chmod(scratch("fixed/alignments.sqlite"), 0444), 0);
		check_gives_up(open_at("fixed"), "alignments.sqlite");
		assert_int_equal(chmod(scratch("fixed"), 0755), 0);
		return;
	}
	/* to root nothing is read-only: ask as nobody */
	assert_int_equal(chmod(scratch_dir, 0755), 0);
	assert_int_equal(chmod(scratch("fixed"), 0555), 0);
	snprintf(dir, sizeof dir, "%s", scratch("fixed"));
	if (fork() == 0)
		check_read_only(dir);
	assert_true(wait(&status) > 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_that_cannot_be_made_is_trouble),
		cmocka_unit_test(foreign_files_are_left_alone),
		cmocka_unit_test(triggers_of_a_foreign_file_do_not_run),
		cmocka_unit_test(corrupt_files_are_trouble_or_misses),
		cmocka_unit_test(a_busy_file_is_trouble_once_it_has_been_waited_for),
		cmocka_unit_test(a_read_only_place_is_trouble),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
