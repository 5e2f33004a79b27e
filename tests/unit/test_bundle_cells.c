/* Annotations read from the pages of the file: the rows that a statement gives, or a statement goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "pipeline/source/bundle_cells.h"
#include "tests/unit/numbers.h"
#include "tests/unit/world.h"

#define ROWS 20000 /* of 4,096-byte pages: three levels */

struct seen {
	struct buf text;
	int64_t first, last; /* ids that are written down */
	int stop_after, code;
};

static struct err err;

static int see(void *ctx, const struct source_annotation *r, struct err *why)
{
	struct seen *s = ctx;

	(void)why;
	if (s->stop_after && --s->stop_after == 0)
		return s->code;
	if (r->id < s->first || r->id > s->last)
		return 0;
	buf_printf(&s->text, "%lld %s %lld %s %s\n", (long long)r->id, r->accession,
		   (long long)r->term_id, r->qualifier ? r->qualifier : "-",
		   r->evidence_code ? r->evidence_code : "-");
	return 0;
}

/* The same rows from the pages as by a statement; how far the pages went: INT64_MAX all the way. */
static int64_t same(int64_t first, int64_t last)
{
	struct seen statement = {.first = first, .last = last};
	struct seen cells = statement, both = statement;
	const struct source_span span = {.first = first, .last = last, .dense = 1};
	int64_t next = first;
	int whole = 0;

	err = (struct err)ERR_INIT;
	assert_int_equal(source_annotations(world.source, SET_OLD, see, &statement, &err), 0);
	assert_int_equal(bundle_annotation_cells(world.source, SET_OLD, &next, last, &whole, see,
						 &cells, &err),
			 0);
	assert_int_equal(source_annotations_between(world.source, SET_OLD, &span, first, last, see,
						    &both, &err),
			 0);
	assert_string_equal(buf_str(&both.text), buf_str(&statement.text));
	assert_memory_equal(buf_str(&statement.text), buf_str(&cells.text), cells.text.len);
	if (whole)
		assert_int_equal(cells.text.len, statement.text.len);
	buf_release(&statement.text);
	buf_release(&cells.text);
	buf_release(&both.text);
	return whole ? INT64_MAX : next;
}

static void put_rows(int64_t from, int n)
{
	static const char *const codes[] = {"'EXP'", "'IEA'", "NULL", "''"};
	uint64_t seed = 5;
	char sql[256];

	for (int i = 0; i < n; i++) {
		uint64_t x = splitmix(&seed);

		snprintf(sql, sizeof sql,
			 "INSERT INTO protein_go_annotation VALUES(%lld, '%s', 'P%d', %lld, %s, "
			 "%s);",
			 (long long)(from + i * 3), x % 8 ? SET_OLD : SET_NEW, i,
			 (long long)(int64_t)(splitmix(&seed) >> (x >> 8 & 63)),
			 x >> 16 & 1 ? "'enables'" : "NULL", codes[x >> 20 & 3]);
		world_sql(sql);
	}
}

static void begin(void)
{
	world_begin(SNAP_1, SNAP_1);
}

static void plain_rows_come_from_the_pages(void **state)
{
	(void)state;
	begin();
	put_rows(-30, ROWS);
	world_open();
	assert_int_equal(same(INT64_MIN, INT64_MAX), INT64_MAX);
	assert_int_equal(same(-30, ROWS * 3), INT64_MAX);
	assert_int_equal(same(1000, 1000), INT64_MAX);
	assert_int_equal(same(777, 30001), INT64_MAX);
	assert_int_equal(same(59000, INT64_MAX), INT64_MAX);
	assert_int_equal(same(INT64_MAX, INT64_MAX), INT64_MAX);
	assert_int_equal(same(500, 400), INT64_MAX);
	world_close();
}

/* Each of these rows is where the pages end and a statement goes on. */
static void other_rows_are_left_to_a_statement(void **state)
{
	static const char *const odd[] = {
		"printf('%.*c', 200, 'A'), 5, NULL, NULL",  /* long */
		"printf('%.*c', 9000, 'A'), 5, NULL, NULL", /* on several pages */
		"'P1', 5, 'caf\xc3\xa9', NULL",             /* not ASCII */
	};

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char sql[256];

		begin();
		put_rows(0, 400);
		snprintf(sql, sizeof sql,
			 "INSERT INTO protein_go_annotation VALUES(601, '%s', %s);", SET_OLD,
			 odd[i]);
		world_sql(sql);
		world_open();
		assert_in_range(same(0, 5000), 595, 601);
		assert_int_equal(same(602, 5000), INT64_MAX);
		assert_int_equal(same(0, 600), INT64_MAX);
		world_close();
	}
}

static void tables_of_another_shape_are_left_to_a_statement(void **state)
{
	static const struct {
		const char *columns;
		int plain;
	} tables[] = {
		{"(id INTEGER PRIMARY KEY, annotation_set_id TEXT, protein_accession TEXT,"
		 " go_term_id INTEGER, qualifier TEXT, evidence_code TEXT)",
		 1},
		{"(id INTEGER PRIMARY KEY, annotation_set_id TEXT COLLATE NOCASE,"
		 " protein_accession TEXT, go_term_id INTEGER, qualifier TEXT, evidence_code TEXT)",
		 0},
		{"(id INTEGER PRIMARY KEY, annotation_set_id TEXT, protein_accession TEXT,"
		 " go_term_id INTEGER, qualifier TEXT, evidence_code TEXT) WITHOUT ROWID",
		 0},
		{"(id INTEGER PRIMARY KEY DESC, annotation_set_id TEXT, protein_accession TEXT,"
		 " go_term_id INTEGER, qualifier TEXT, evidence_code TEXT)",
		 0},
		{"(id INTEGER PRIMARY KEY, annotation_set_id, protein_accession TEXT,"
		 " go_term_id INTEGER, qualifier TEXT, evidence_code TEXT)",
		 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		begin();
		world_sql("DROP TABLE protein_go_annotation; CREATE TABLE protein_go_annotation ");
		world_sql(tables[i].columns);
		world_sql(";");
		put_rows(0, 300);
		world_open();
		assert_int_equal(same(0, 5000) == INT64_MAX, tables[i].plain);
		world_close();
	}
}

static void must(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* What the write-ahead log has of the table comes by a statement; of other tables it is no matter. */
static void pages_in_the_log_are_not_read_from_the_file(void **state)
{
	sqlite3 *db;

	(void)state;
	begin();
	put_rows(0, ROWS);
	world_open();
	assert_int_equal(sqlite3_open(world.path, &db), SQLITE_OK);
	must(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
	must(db, "INSERT INTO bundle_note VALUES ('a', 'b')");
	assert_int_equal(same(0, 100000), INT64_MAX);
	must(db, "UPDATE protein_go_annotation SET protein_accession = 'Q', annotation_set_id = "
		 "'" SET_OLD "' WHERE id = 30000");
	assert_in_range(same(0, 100000), 29000, 30000);
	must(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(same(0, 100000), INT64_MAX);
	must(db, "DELETE FROM protein_go_annotation WHERE id > 50000");
	same(0, 100000);
	sqlite3_close(db);
	world_close();
}

/* While rows are read, what others write is not seen, whether or not it goes into the file. */
struct meddling {
	sqlite3 *db;
	struct seen seen;
};

static int meddle(void *ctx, const struct source_annotation *r, struct err *why)
{
	struct meddling *m = ctx;

	if (m->db && r->id > 3000) {
		must(m->db, "UPDATE protein_go_annotation SET protein_accession = 'Q' || id");
		must(m->db, "PRAGMA wal_checkpoint(PASSIVE)");
		sqlite3_close(m->db);
		m->db = NULL;
	}
	return see(&m->seen, r, why);
}

static void a_writer_is_not_seen(void **state)
{
	struct seen before = {.first = 0, .last = 100000};
	struct meddling m = {.seen = before};
	int64_t next = 0;
	int whole;

	(void)state;
	begin();
	put_rows(0, ROWS);
	world_open();
	assert_int_equal(source_annotations(world.source, SET_OLD, see, &before, &err), 0);
	assert_int_equal(sqlite3_open(world.path, &m.db), SQLITE_OK);
	must(m.db, "PRAGMA journal_mode = WAL");
	must(m.db, "INSERT INTO bundle_note VALUES ('a', 'b')");
	assert_int_equal(bundle_annotation_cells(world.source, SET_OLD, &next, 100000, &whole,
						 meddle, &m, &err),
			 0);
	assert_null(m.db);
	assert_true(whole);
	assert_string_equal(buf_str(&m.seen.text), buf_str(&before.text));
	buf_release(&m.seen.text);
	buf_release(&before.text);
	world_close();
}

static void a_callback_ends_it_with_its_code(void **state)
{
	struct seen s = {.first = 0, .last = 5000, .stop_after = 5, .code = ERR_LIMIT};
	int64_t next = 0;
	int whole;

	(void)state;
	begin();
	put_rows(0, 300);
	world_open();
	assert_int_equal(
		bundle_annotation_cells(world.source, SET_OLD, &next, 5000, &whole, see, &s, &err),
		ERR_LIMIT);
	s.stop_after = 5;
	s.code = 7;
	assert_int_equal(
		bundle_annotation_cells(world.source, SET_OLD, &next, 5000, &whole, see, &s, &err),
		7);
	buf_release(&s.text);
	world_close();
}

/* Two cells of a page change places. */
static void ids_out_of_order_are_told(void **state)
{
	struct seen s = {.first = 0, .last = 5000};
	struct buf file = BUF_INIT;
	long long root;
	int64_t next = 0;
	char *cells, swap[2];
	int whole;

	(void)state;
	begin();
	put_rows(0, 20);
	world_open();
	source_close(world.source);
	root = fixture_int(world.path, "SELECT rootpage FROM sqlite_schema WHERE name ="
				       " 'protein_go_annotation'");
	assert_int_equal(fsio_read_all(world.path, BUF_NO_LIMIT, &file, &err), 0);
	cells = file.data + (root - 1) * 4096 + 8;
	memcpy(swap, cells + 4, 2);
	memcpy(cells + 4, cells + 6, 2);
	memcpy(cells + 6, swap, 2);
	fixture_write(world.path, file.data, file.len);
	buf_release(&file);
	assert_int_equal(source_open(&world.source, world.path, SOURCE_READ, &err), 0);
	assert_int_equal(
		bundle_annotation_cells(world.source, SET_OLD, &next, 5000, &whole, see, &s, &err),
		ERR_FORMAT);
	assert_non_null(strstr(err.text, "not in order"));
	buf_release(&s.text);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_rows_come_from_the_pages),
		cmocka_unit_test(other_rows_are_left_to_a_statement),
		cmocka_unit_test(tables_of_another_shape_are_left_to_a_statement),
		cmocka_unit_test(pages_in_the_log_are_not_read_from_the_file),
		cmocka_unit_test(a_writer_is_not_seen),
		cmocka_unit_test(a_callback_ends_it_with_its_code),
		cmocka_unit_test(ids_out_of_order_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
