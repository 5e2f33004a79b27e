/* The alignment cache: its file, shared with Python. */
#include "tests/unit/align_cache_rig.h"

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
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
