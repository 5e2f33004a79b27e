/* prof/store/raw: the layout is the schema's, a run goes over row by row as it is, files of older versions get their
 * defaults, and rows that do not fit are refused on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/raw_move.h"
#include "tests/unit/store_check.h"

#define ID "aaaa1111-0000-4000-8000-000000000001"

static struct store *one_run(void)
{
	struct store *s = rig_open(STORE_CREATE);
	struct rig_run r;

	OK(store_begin(s, e));
	rig_run(s, "bbbb1111-0000-4000-8000-000000000002", "before it", 1);
	r = rig_small(s, ID, "n\x01\xff", 300);
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
	return s;
}

static const struct store_raw_table *table(const struct store_raw_layout *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->tables[i].name, name) == 0)
			return &l->tables[i];
	fail_msg("no table %s", name);
	return NULL;
}

static void the_layout_is_the_schemas(void **state)
{
	const struct store_raw_table *t;
	struct store_raw_layout l;

	(void)state;
	OK(store_raw_layout(&l, e));
	assert_string_equal(l.run.columns[0].name, "key");
	assert_int_equal(store_raw_find(&l.run, "none"), -1);
	assert_int_equal(l.run.columns[store_raw_find(&l.run, "rate_hz")].type, STORE_RAW_REAL);
	assert_true(l.run.columns[store_raw_find(&l.run, "id")].not_null);
	assert_string_equal(l.run.columns[store_raw_find(&l.run, "labels")].standard, "'{}'");
	assert_string_equal(l.kinds.name, "sample_kind");
	assert_string_equal(l.marks.name, "mark_row");
	t = table(&l, "sample_row");
	assert_true(t->by_run);
	assert_int_equal(t->columns[store_raw_find(t, "stack")].key, 5);
	t = table(&l, "string_row");
	assert_false(t->by_run);
	assert_int_equal(t->columns[store_raw_find(t, "text")].type, STORE_RAW_TEXT);
	for (size_t i = 0; i < l.n; i++)
		assert_string_not_equal(l.tables[i].name, "mark_row");
	store_raw_layout_release(&l);
	store_raw_layout_release(&l); /* again is fine */
}

static int same_value(const struct store_raw_column *c, const struct store_raw_value *a,
		      const struct store_raw_value *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	if (c->type == STORE_RAW_TEXT)
		return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
	return a->i == b->i && memcmp(&a->d, &b->d, sizeof a->d) == 0;
}

static size_t same_rows(struct store *a, int64_t run_a, struct store *b, int64_t run_b,
			const struct store_raw_table *t)
{
	struct store_raw_value va[STORE_RAW_COLUMNS], vb[STORE_RAW_COLUMNS];
	struct store_raw_rows *ra, *rb;
	size_t n = 0;

	OK(store_raw_open(&ra, a, t, run_a, e));
	OK(store_raw_open(&rb, b, t, run_b, e));
	while (store_raw_next(ra, va, NULL) > 0) {
		assert_int_equal(store_raw_next(rb, vb, NULL), 1);
		/* The key of a run is its place. */
		for (size_t i = strcmp(t->name, "run") == 0; i < t->n; i++)
			if (!same_value(&t->columns[i], &va[i], &vb[i]))
				fail_msg("%s of row %zu of %s", t->columns[i].name, n, t->name);
		n++;
	}
	assert_int_equal(store_raw_next(rb, vb, NULL), 0);
	store_raw_close(ra);
	store_raw_close(rb);
	return n;
}

static void a_run_goes_over_as_it_is(void **state)
{
	struct store *s = one_run(), *to;
	struct store_raw_layout l;
	struct profile p;
	int64_t run = 0;
	size_t rows = 0;

	(void)state;
	OK(raw_move(&to, s, 2, &run, e));
	assert_int_equal(run, 1);
	OK(store_raw_layout(&l, e));
	assert_int_equal(same_rows(s, 2, to, run, &l.run), 1);
	for (size_t i = 0; i < l.n; i++)
		rows += same_rows(s, 2, to, run, &l.tables[i]);
	assert_true(rows > 20);
	assert_int_equal(same_rows(s, 2, to, run, table(&l, "sample_row")), 2);
	assert_int_equal(same_rows(s, 2, to, run, table(&l, "frame_row")), 4);
	store_raw_layout_release(&l);
	OK(store_read_run(to, run, STORE_READ_ALL, &p, e));
	assert_true(store_check_profile(&p));
	assert_int_equal(p.n_samples, 2);
	profile_release(&p);
	store_close(to);
	store_close(s);
}

static void kinds_are_read_in_order(void **state)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store *s = one_run();
	struct store_raw_layout l;
	struct store_raw_rows *rows;
	int n = 0;

	(void)state;
	OK(store_raw_layout_of(&l, s, e));
	OK(store_raw_open_kinds(&rows, s, &l.kinds, e));
	while (store_raw_next(rows, v, NULL) > 0)
		assert_int_equal(v[0].i, n++);
	assert_int_equal(n, PROFILE_KINDS);
	store_raw_close(rows);
	store_raw_layout_release(&l);
	store_close(s);
}

/* What `sql` leaves of the file, moved. */
static int move_changed(const char *sql, struct store **to, int64_t *run, struct err *err)
{
	struct store *s = one_run();
	int rc;

	assert_int_equal(rig_exec(sql), SQLITE_OK);
	rc = raw_move(to, s, 2, run, err);
	store_close(s);
	return rc;
}

static void older_files_get_their_defaults(void **state)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_layout l;
	struct store_raw_rows *rows;
	struct store *to;
	int64_t run;

	(void)state;
	OK(store_raw_layout(&l, e));
	OK(move_changed("PRAGMA legacy_alter_table = ON; PRAGMA foreign_keys = OFF;"
			"CREATE TABLE older AS SELECT * FROM run; DROP TABLE run;"
			"ALTER TABLE older RENAME TO run; DROP TABLE counter_row;"
			"PRAGMA writable_schema = ON;"
			"UPDATE sqlite_schema SET sql = replace(replace(sql, 'tick_stride', 'x'),"
			" 'kernel', 'y') WHERE name = 'run'; PRAGMA writable_schema = RESET",
			&to, &run, e));
	OK(store_raw_open(&rows, to, &l.run, run, e));
	assert_int_equal(store_raw_next(rows, v, NULL), 1);
	assert_int_equal(v[store_raw_find(&l.run, "tick_stride")].i, 1);
	assert_true(v[store_raw_find(&l.run, "kernel")].null);
	store_raw_close(rows);
	OK(store_raw_open(&rows, to, table(&l, "counter_row"), run, e));
	assert_int_equal(store_raw_next(rows, v, NULL), 0);
	store_raw_close(rows);
	store_raw_layout_release(&l);
	store_close(to);
}

static void hostile_files_are_refused(void **state)
{
	static const struct {
		const char *sql, *said;
	} cases[] = {
		{"UPDATE frame_row SET line = 'x'", "line of frame_row is no number"},
		{"UPDATE string_row SET text = x'00'", "text of string_row is no text"},
		{"UPDATE run SET duration_ns = 1.5", "duration_ns of run is no number"},
		{"UPDATE run SET argv = x'41'", "argv of run is no text"},
		{"UPDATE sample_row SET variance = 'much'", "variance of sample_row is no number"},
		{"UPDATE frame_row SET id = id & ~0xffffffff WHERE id = (SELECT min(id) FROM "
		 "frame_row)",
		 "frame_row has no number"},
		{"UPDATE frame_row SET id = id | 0xffffffff WHERE id = (SELECT min(id) FROM "
		 "frame_row)",
		 "frame_row has no number"},
		{"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' NOT "
		 "NULL', '') WHERE name = 'module_row'; PRAGMA writable_schema = RESET;"
		 "UPDATE module_row SET path = NULL",
		 "path of module_row is no text"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err err = ERR_INIT;
		struct store *to;
		int64_t run;

		unlink(rig_path);
		if (move_changed(cases[i].sql, &to, &run, &err) != ERR_FORMAT ||
		    !strstr(err.text, cases[i].said))
			fail_msg("%s: %d %s", cases[i].sql, err.code, err.text);
		assert_null(to);
	}
}

static void a_file_whose_runs_have_no_id_is_no_store(void **state)
{
	struct store *s = one_run();
	struct store_raw_layout l;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(rig_exec("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
				  " replace(sql, 'id TEXT', 'no TEXT') WHERE name = 'run';"
				  "PRAGMA writable_schema = RESET; CREATE TABLE also (a)"),
			 SQLITE_OK);
	assert_int_equal(store_raw_layout_of(&l, s, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "no id"));
	assert_int_equal(l.n, 0);
	store_close(s);
}

/* A page of rubbish, each in turn: told, or not of this run. */
static void damaged_pages_are_told(void **state)
{
	struct store *s = one_run();
	char *file = NULL;
	long size, page;
	int told = 0;
	FILE *f;

	(void)state;
	store_close(s);
	f = fopen(rig_path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	file = malloc((size_t)size);
	rewind(f);
	assert_int_equal(fread(file, 1, (size_t)size, f), size);
	fclose(f);
	for (page = 4096; page + 4096 <= size; page += 4096) {
		struct err err = ERR_INIT;
		struct store *to = NULL;
		int64_t run;
		int rc;

		f = fopen(rig_path, "wb");
		fwrite(file, 1, (size_t)page, f);
		for (int i = 0; i < 4096; i++)
			fputc(0xa5, f);
		fwrite(file + page + 4096, 1, (size_t)(size - page - 4096), f);
		fclose(f);
		rc = store_open(&s, rig_path, STORE_READ, &err);
		if (rc == 0)
			rc = raw_move(&to, s, 2, &run, &err);
		if (rc < 0 && (err.code != rc || !err.text[0]))
			fail_msg("page %ld: code %d without a text", page / 4096, rc);
		told += rc < 0;
		store_close(to);
		store_close(s);
	}
	free(file);
	assert_true(told >= 5);
}

static void put(struct store *s, const struct store_raw_table *t, struct store_raw_value *v,
		int want, const char *said)
{
	struct store_raw_writer *w;
	struct err err = ERR_INIT;

	OK(store_raw_writer_open(&w, s, t, 1, e));
	if (store_raw_put(w, v, &err) != want || !strstr(err.text, said))
		fail_msg("%d: %s", err.code, err.text);
	store_raw_writer_close(w);
}

static void rows_that_do_not_fit_are_refused(void **state)
{
	struct store_raw_value v[STORE_RAW_COLUMNS] = {0}, no_run[STORE_RAW_COLUMNS];
	const size_t too_long = (64u << 20) + 1;
	char *text = calloc(1, too_long);
	const struct store_raw_table *t;
	struct store_raw_writer *w;
	struct store_raw_layout l;
	struct err err = ERR_INIT;
	struct store *s;
	int64_t run;

	(void)state;
	assert_non_null(text);
	OK(store_raw_layout(&l, e));
	OK(store_open_private(&s, "a copy", e));
	t = table(&l, "string_row");
	assert_true(store_raw_writer_open(&w, s, t, 1, &err) < 0); /* nothing was begun */
	OK(store_begin(s, e));
	for (size_t i = 0; i < l.run.n; i++)
		no_run[i] = (struct store_raw_value){.null = 1};
	assert_int_equal(store_raw_put_run(s, &l.run, no_run, &run, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "a row of run does not fit"));
	v[1] = (struct store_raw_value){.text = "a\0b", .len = 3};
	v[2].null = 1;
	put(s, t, v, ERR_FORMAT, "has no number");
	v[0].i = INT64_C(0xffffffff);
	put(s, t, v, ERR_FORMAT, "has no number");
	v[0].i = -1;
	put(s, t, v, ERR_FORMAT, "has no number");
	v[0].i = 7;
	put(s, t, v, 0, "");
	put(s, t, v, ERR_FORMAT, "a row of string_row does not fit");
	v[0].i = 8;
	v[1].null = 1;
	put(s, t, v, ERR_FORMAT, "a row of string_row does not fit");
	v[1] = (struct store_raw_value){.text = text, .len = too_long};
	put(s, t, v, ERR_FORMAT, "longer than 64 MiB");
	OK(store_commit(s, e));
	store_close(s);
	store_raw_layout_release(&l);
	free(text);
}

/* Between begin and end another's change is not seen. */
static void reading_sees_one_moment(void **state)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store *s = one_run();
	struct store_raw_layout l;
	struct store_raw_rows *rows;
	int at;

	(void)state;
	OK(store_raw_layout_of(&l, s, e));
	at = store_raw_find(&l.run, "host");
	OK(store_raw_begin(s, e));
	for (int i = 0; i < 3; i++) {
		OK(store_raw_open(&rows, s, &l.run, 2, e));
		assert_int_equal(store_raw_next(rows, v, NULL), 1);
		assert_int_equal(v[at].null, i < 2);
		store_raw_close(rows);
		if (i == 0)
			assert_int_equal(rig_exec("UPDATE run SET host = 'h'"), SQLITE_OK);
		if (i == 1)
			store_raw_end(s);
	}
	store_raw_end(s); /* again is fine */
	store_raw_layout_release(&l);
	store_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
		T(the_layout_is_the_schemas), T(a_run_goes_over_as_it_is),
		T(kinds_are_read_in_order),   T(older_files_get_their_defaults),
		T(hostile_files_are_refused), T(a_file_whose_runs_have_no_id_is_no_store),
		T(damaged_pages_are_told),    T(rows_that_do_not_fit_are_refused),
		T(reading_sees_one_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
