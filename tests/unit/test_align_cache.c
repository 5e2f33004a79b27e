/* The alignment cache: its file, shared with Python, and how it gives up. The source is
 * included, so that the clock and the lock's patience can be moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/clock.h"

static int64_t clock_lead_ns;
#define clock_mono_ns() (clock_mono_ns() + clock_lead_ns)
#include "pipeline/align/align_cache.c"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/align_cache_sample.h"
#include "tests/unit/scratch.h"

static void digest_of(uint64_t i, char out[MD5_HEX])
{
	uint64_t s = i;

	snprintf(out, MD5_HEX, "%016llx%016llx", (unsigned long long)splitmix(&s),
		 (unsigned long long)i);
}

static void insert_number(struct align_cache *c, uint64_t i)
{
	char q[MD5_HEX], r[MD5_HEX];
	struct align_values v = values_of(i);

	digest_of(i, q);
	digest_of(i + 1, r);
	align_cache_insert(c, q, r, &v);
}

/* Looks up the numbers from … from+n-1; checks the values of those found. */
static size_t find_numbers(struct align_cache *c, uint64_t from, size_t n)
{
	char(*q)[MD5_HEX] = calloc(n, sizeof *q), (*r)[MD5_HEX] = calloc(n, sizeof *r);
	struct align_values *v = calloc(n, sizeof *v);
	unsigned char *hit = malloc(n);
	size_t hits, seen = 0;

	for (size_t i = 0; i < n; i++) {
		digest_of(from + i, q[i]);
		digest_of(from + i + 1, r[i]);
	}
	memset(hit, 7, n);
	hits = align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r, n, v,
				  hit);
	for (size_t i = 0; i < n; i++) {
		struct align_values expected = values_of(from + i);

		assert_in_range(hit[i], 0, 1);
		seen += hit[i];
		if (hit[i])
			assert_memory_equal(&v[i], &expected, sizeof expected);
	}
	assert_int_equal(seen, hits);
	free(q);
	free(r);
	free(v);
	free(hit);
	return hits;
}

static struct align_cache *open_at(const char *name)
{
	struct align_cache *c = align_cache_open(scratch(name));

	assert_non_null(c);
	return c;
}

static void run(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

/* A cache folder `name` whose file is made by `sql`. */
static void make_database(const char *name, const char *sql)
{
	char path[PATH_MAX + 512];
	sqlite3 *db;

	assert_int_equal(fsio_mkdirs(scratch(name), NULL), 0);
	snprintf(path, sizeof path, "%s/alignments.sqlite", scratch(name));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	run(db, sql);
	sqlite3_close(db);
}

static int64_t count_rows(const char *name)
{
	char path[PATH_MAX + 512];
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	snprintf(path, sizeof path, "%s/alignments.sqlite", scratch(name));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM align", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* ---- rows ------------------------------------------------------------------------------------- */

static void rows_are_found_again(void **state)
{
	struct align_cache *c = open_at("new/folder");

	(void)state;
	assert_null(align_cache_trouble(c));
	assert_int_equal(find_numbers(c, 0, 10), 0);
	for (uint64_t i = 0; i < 2500; i++)
		insert_number(c, i);
	assert_int_equal(find_numbers(c, 0, 2600), 2500); /* before closing too */
	align_cache_close(c);
	c = open_at("new/folder");
	assert_int_equal(find_numbers(c, 2400, 3000), 100);
	assert_int_equal(find_numbers(c, 0, 799), 799);
	assert_int_equal(find_numbers(c, 0, 800), 800);
	assert_int_equal(find_numbers(c, 0, 801), 801);
	assert_int_equal(find_numbers(c, 0, 0), 0);
	assert_null(align_cache_trouble(c));
	assert_non_null(strstr(align_cache_path(c), "new/folder/alignments.sqlite"));
	align_cache_close(c);
	align_cache_close(NULL);
}

static void one_key_may_be_asked_for_twice(void **state)
{
	struct align_cache *c = open_at("twice");
	char q[900][MD5_HEX], r[900][MD5_HEX];
	struct align_values v[900];
	unsigned char hit[900];

	(void)state;
	insert_number(c, 5);
	insert_number(c, 5);
	for (size_t i = 0; i < 900; i++) {
		digest_of(i % 2 ? 5 : 6, q[i]);
		digest_of(6, r[i]);
	}
	assert_int_equal(align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r,
					    900, v, hit),
			 450);
	align_cache_close(c);
	assert_int_equal(count_rows("twice"), 1);
}

/* ---- many at once ------------------------------------------------------------------------------ */

#define TEXTS 3000

/* Pairs of texts (i, i + 1) for i in [from, from + n), in an order of their own; each third is asked for
 * twice. Returns hits. */
static size_t find_jobs(struct align_cache *c, uint32_t from, uint32_t n, size_t workers)
{
	static char md5[2 * TEXTS + 2][MD5_HEX];
	struct align_job *job = calloc(2 * n, sizeof *job);
	struct align_values *v = calloc(2 * n, sizeof *v);
	unsigned char *hit = malloc(2 * n);
	size_t jobs = 0, hits, seen = 0;

	for (uint32_t i = 0; i < 2 * TEXTS + 2; i++)
		digest_of(i, md5[i]);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t a = from + (uint32_t)((uint64_t)i * 7919 % n);

		job[jobs++] = (struct align_job){a, a + 1};
		if (i % 3 == 0)
			job[jobs++] = (struct align_job){a, a + 1};
	}
	memset(hit, 7, jobs);
	hits = align_cache_lookup_jobs(c, (const char(*)[MD5_HEX])md5, job, jobs, workers, v, hit);
	for (size_t i = 0; i < jobs; i++) {
		struct align_values expected = values_of(job[i].query);

		assert_in_range(hit[i], 0, 1);
		seen += hit[i];
		if (hit[i])
			assert_memory_equal(&v[i], &expected, sizeof expected);
	}
	assert_int_equal(seen, hits);
	free(job);
	free(v);
	free(hit);
	return hits;
}

/* All rows wanted (the table is read), none of them, half, and few (keys are sought), by one thread and
 * by several, beside rows that are nobody's. */
static void many_pairs_are_found_however_they_are_sought(void **state)
{
	static const size_t workers[] = {0, 1, 3};
	struct align_cache *c = open_at("many");

	(void)state;
	for (uint64_t i = 0; i < TEXTS; i++)
		insert_number(c, i);
	align_cache_flush(c);
	run(c->db, "INSERT INTO align VALUES('', '{}'), (':10:1:blosum62', '{}'), (x'00', 'x'),"
		   " (17, 18), ('0123456789abcdef:10:1:blosum62', '')");
	for (size_t w = 0; w < sizeof workers / sizeof workers[0]; w++) {
		assert_int_equal(find_jobs(c, 0, TEXTS, workers[w]), TEXTS + TEXTS / 3);
		assert_int_equal(find_jobs(c, TEXTS, TEXTS, workers[w]), 0);
		assert_int_equal(find_jobs(c, 0, 30, workers[w]), 40);
		assert_true(find_jobs(c, TEXTS - 300, 2400, workers[w]) > 300);
		assert_int_equal(find_jobs(c, 5, 1, workers[w]), 2);
	}
	assert_null(align_cache_trouble(c));
	align_cache_close(c);
}

/* A scan meets unreadable rows as a search does: they are misses. */
static void unreadable_rows_are_misses_of_a_scan(void **state)
{
	struct align_cache *c = open_at("broken");

	(void)state;
	for (uint64_t i = 0; i < TEXTS; i++)
		insert_number(c, i);
	align_cache_flush(c);
	run(c->db, "UPDATE align SET v = '{' WHERE rowid = 100; UPDATE align SET v = x'7b7d' WHERE"
		   " rowid = 200; DELETE FROM align WHERE rowid = 300");
	assert_int_equal(find_numbers(c, 0, TEXTS), TEXTS - 3);
	assert_null(align_cache_trouble(c));
	align_cache_close(c);
}

/* Somebody else's table may have no rowids; its keys are sought. */
static void tables_without_rowids_are_read(void **state)
{
	struct align_cache *c;

	(void)state;
	make_database("norowid",
		      "CREATE TABLE align(k TEXT PRIMARY KEY, v TEXT NOT NULL) WITHOUT ROWID");
	c = open_at("norowid");
	for (uint64_t i = 0; i < TEXTS; i++)
		insert_number(c, i);
	assert_int_equal(find_jobs(c, 0, TEXTS, 2), TEXTS + TEXTS / 3);
	assert_null(align_cache_trouble(c));
	align_cache_close(c);
}

static void the_order_of_the_texts_is_part_of_the_key(void **state)
{
	struct align_cache *c = open_at("order");
	char q[1][MD5_HEX], r[1][MD5_HEX];
	struct align_values v;
	unsigned char hit;

	(void)state;
	insert_number(c, 1);
	digest_of(1, q[0]);
	digest_of(2, r[0]);
	assert_int_equal(align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r,
					    1, &v, &hit),
			 1);
	assert_int_equal(align_cache_lookup(c, (const char(*)[MD5_HEX])r, (const char(*)[MD5_HEX])q,
					    1, &v, &hit),
			 0);
	align_cache_close(c);
}

static void rows_are_committed_every_ten_thousand(void **state)
{
	struct align_cache *c = open_at("often");

	(void)state;
	for (uint64_t i = 0; i < 9999; i++)
		insert_number(c, i);
	assert_int_equal(count_rows("often"), 0);
	insert_number(c, 9999);
	assert_int_equal(count_rows("often"), 10000);
	insert_number(c, 10000);
	assert_int_equal(count_rows("often"), 10000);
	align_cache_flush(c);
	assert_int_equal(count_rows("often"), 10001);
	align_cache_close(c);
}

static void rows_are_committed_after_twenty_seconds(void **state)
{
	struct align_cache *c = open_at("slow");

	(void)state;
	insert_number(c, 0);
	clock_lead_ns += 19 * INT64_C(1000000000);
	insert_number(c, 1);
	assert_int_equal(count_rows("slow"), 0);
	clock_lead_ns += 2 * INT64_C(1000000000);
	insert_number(c, 2);
	assert_int_equal(count_rows("slow"), 3);
	clock_lead_ns += 19 * INT64_C(1000000000);
	insert_number(c, 3);
	insert_number(c, 4); /* the time runs from the oldest waiting row */
	assert_int_equal(count_rows("slow"), 3);
	align_cache_close(c);
	assert_int_equal(count_rows("slow"), 5);
}

static void unreadable_rows_are_replaced_and_good_ones_stay(void **state)
{
	struct align_cache *c = open_at("mixed");
	char q[MD5_HEX], r[MD5_HEX];
	struct align_values other = values_of(99);

	(void)state;
	for (uint64_t i = 0; i < 6; i++)
		insert_number(c, i);
	align_cache_flush(c);
	run(c->db, "UPDATE align SET v = '{\"identity_nw\": 1' WHERE rowid = 1;"
		   "UPDATE align SET v = x'00ff' WHERE rowid = 2;"
		   "UPDATE align SET v = 12 WHERE rowid = 3;"
		   "UPDATE align SET v = '{}' WHERE rowid = 4;"
		   "UPDATE align SET v = hex(zeroblob(70000)) WHERE rowid = 5;");
	assert_int_equal(find_numbers(c, 0, 6), 1);
	for (uint64_t i = 0; i < 6; i++)
		insert_number(c, i);
	assert_int_equal(find_numbers(c, 0, 6), 6);
	digest_of(5, q);
	digest_of(6, r);
	align_cache_insert(c, q, r, &other); /* ignored: present and readable */
	assert_int_equal(find_numbers(c, 0, 6), 6);
	assert_null(align_cache_trouble(c));
	align_cache_close(c);
}

/* ---- sharing ---------------------------------------------------------------------------------- */

static int python(const char *script)
{
	char command[PATH_MAX + 4096];

	snprintf(command, sizeof command, "cd '%s' && python3 -c '%s'", scratch_dir, script);
	return system(command);
}

static void need_python(void)
{
	if (system("python3 -c 'import sqlite3, json' 2>/dev/null") != 0) {
		print_message("no python3 with sqlite3 here\n");
		skip();
	}
}

#define PY_NAMES                                                                                   \
	"names = [\"identity_nw\", \"similarity_nw\", \"alignment_score_nw\", \"gaps_pct_nw\", "   \
	"\"alignment_length_nw\", \"length_query\", \"length_ref\", \"identity_sw\", "             \
	"\"similarity_sw\", "                                                                      \
	"\"alignment_score_sw\", \"gaps_pct_sw\", \"alignment_length_sw\"]\n"

/* Made by the statements of the original. */
static void rows_of_python_are_read(void **state)
{
	struct align_cache *c;
	char q[3][MD5_HEX], r[3][MD5_HEX];
	struct align_values v[3];
	unsigned char hit[3];

	(void)state;
	need_python();
	assert_int_equal(
		python("import sqlite3, json, os\n"
		       "os.mkdir(\"py\")\n" PY_NAMES
		       "db = sqlite3.connect(\"py/alignments.sqlite\")\n"
		       "db.execute(\"PRAGMA journal_mode=WAL\")\n"
		       "db.execute(\"PRAGMA synchronous=NORMAL\")\n"
		       "db.execute(\"CREATE TABLE IF NOT EXISTS align(k TEXT PRIMARY KEY, v TEXT "
		       "NOT NULL)\")\n"
		       "x = [25/27, 0.3, 124.0, 1/27, 27.0, 27, 26, 1.0, 1e-07, -1073741824.0, "
		       "0.0, 5.0]\n"
		       "for i in range(2):\n"
		       "    k = \"%032d:%032d:10:1:blosum62\" % (i, i + 1)\n"
		       "    v = json.dumps(dict(zip(names, x)), indent=i or None)\n"
		       "    db.execute(\"INSERT OR IGNORE INTO align VALUES (?, ?)\", (k, v))\n"
		       "db.commit()\n"),
		0);
	for (int i = 0; i < 3; i++) {
		snprintf(q[i], MD5_HEX, "%032d", i);
		snprintf(r[i], MD5_HEX, "%032d", i + 1);
	}
	c = open_at("py");
	assert_int_equal(align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r,
					    3, v, hit),
			 2);
	assert_memory_equal(&v[0], &sample, sizeof sample);
	assert_memory_equal(&v[1], &sample, sizeof sample);
	align_cache_close(c);
}

static void python_reads_and_writes_the_same_text(void **state)
{
	struct align_cache *c = open_at("ours");

	(void)state;
	need_python();
	for (uint64_t i = 0; i < 500; i++)
		insert_number(c, i);
	align_cache_close(c);
	assert_int_equal(
		python("import sqlite3, json\n" PY_NAMES
		       "db = sqlite3.connect(\"ours/alignments.sqlite\")\n"
		       "assert db.execute(\"PRAGMA journal_mode\").fetchone()[0] == \"wal\"\n"
		       "rows = db.execute(\"SELECT k, v FROM align\").fetchall()\n"
		       "assert len(rows) == 500\n"
		       "for k, v in rows:\n"
		       "    d = json.loads(v)\n"
		       "    assert list(d) == names, d\n"
		       "    assert json.dumps(d) == v, v\n"
		       "    assert type(d[\"length_query\"]) is int and type(d[\"length_ref\"]) is "
		       "int\n"
		       "    assert type(d[\"alignment_length_nw\"]) is float\n"
		       "    assert len(k) == 32 + 1 + 32 + 14\n"),
		0);
}

static void fill_from_process(const char *dir, uint64_t from, size_t n)
{
	struct align_cache *c = align_cache_open(dir);

	for (uint64_t i = 0; c && i < n; i++) {
		insert_number(c, from + i);
		if (i % 500 == 0)
			align_cache_flush(c);
	}
	if (c)
		align_cache_flush(c);
	if (!c || align_cache_trouble(c)) {
		fprintf(stderr, "%s\n", c ? align_cache_trouble(c) : "no memory");
		_exit(1);
	}
	align_cache_close(c);
	_exit(0);
}

static void processes_share_one_file(void **state)
{
	struct align_cache *c;
	char dir[PATH_MAX];

	(void)state;
	snprintf(dir, sizeof dir, "%s", scratch("shared"));
	for (int p = 0; p < 3; p++) /* they also race to make it */
		if (fork() == 0)
			fill_from_process(dir, 4000 * (uint64_t)p, 8000);
	for (int p = 0; p < 3; p++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	c = open_at("shared");
	assert_int_equal(find_numbers(c, 0, 17000), 16000);
	align_cache_close(c);
}

/* ---- trouble ---------------------------------------------------------------------------------- */

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
		cmocka_unit_test(rows_are_found_again),
		cmocka_unit_test(one_key_may_be_asked_for_twice),
		cmocka_unit_test(many_pairs_are_found_however_they_are_sought),
		cmocka_unit_test(unreadable_rows_are_misses_of_a_scan),
		cmocka_unit_test(tables_without_rowids_are_read),
		cmocka_unit_test(the_order_of_the_texts_is_part_of_the_key),
		cmocka_unit_test(rows_are_committed_every_ten_thousand),
		cmocka_unit_test(rows_are_committed_after_twenty_seconds),
		cmocka_unit_test(unreadable_rows_are_replaced_and_good_ones_stay),
		cmocka_unit_test(rows_of_python_are_read),
		cmocka_unit_test(python_reads_and_writes_the_same_text),
		cmocka_unit_test(processes_share_one_file),
		cmocka_unit_test(a_folder_that_cannot_be_made_is_trouble),
		cmocka_unit_test(foreign_files_are_left_alone),
		cmocka_unit_test(triggers_of_a_foreign_file_do_not_run),
		cmocka_unit_test(corrupt_files_are_trouble_or_misses),
		cmocka_unit_test(a_busy_file_is_trouble_once_it_has_been_waited_for),
		cmocka_unit_test(a_read_only_place_is_trouble),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
