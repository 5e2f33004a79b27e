/* For the tests of rows as they lie in a store: a run into a private store, table by table, as the database's do. */
#ifndef TESTS_RAW_MOVE_H
#define TESTS_RAW_MOVE_H

#include "prof/store/raw.h"
#include "tests/unit/store_rig.h"

/* Rows that went over, or a failure. */
static inline int64_t raw_move_table(struct store *to, struct store *from,
				     const struct store_raw_table *t, int64_t from_run,
				     int64_t to_run, struct err *err)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_writer *writer = NULL;
	struct store_raw_rows *rows;
	int64_t n = 0;
	int rc = store_raw_open(&rows, from, t, from_run, err);

	if (rc == 0)
		rc = store_raw_writer_open(&writer, to, t, to_run, err);
	while (rc == 0 && (rc = store_raw_next(rows, v, err)) > 0) {
		rc = store_raw_put(writer, v, err);
		n++;
	}
	store_raw_close(rows);
	store_raw_writer_close(writer);
	return rc < 0 ? rc : n;
}

static inline int raw_move_all(struct store *to, struct store *from,
			       const struct store_raw_layout *l, int64_t run, int64_t *to_run,
			       struct err *err)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_rows *rows;
	int rc = store_raw_open(&rows, from, &l->run, run, err);
	int64_t n = 0;

	if (rc == 0 && (rc = store_raw_next(rows, v, err)) > 0)
		rc = store_raw_put_run(to, &l->run, v, to_run, err);
	store_raw_close(rows);
	for (size_t i = 0; rc == 0 && n >= 0 && i < l->n; i++)
		n = raw_move_table(to, from, &l->tables[i], run, *to_run, err);
	return n < 0 ? (int)n : rc;
}

/* The run of `from` into *out, a private store; *out NULL after a failure. */
static inline int raw_move(struct store **out, struct store *from, int64_t run, int64_t *to_run,
			   struct err *err)
{
	struct store_raw_layout l = {0};
	int rc = store_open_private(out, "a copy", err);

	if (rc == 0)
		rc = store_raw_layout(&l, err);
	if (rc == 0)
		rc = store_raw_begin(from, err);
	if (rc == 0)
		rc = store_begin(*out, err);
	if (rc == 0) {
		rc = raw_move_all(*out, from, &l, run, to_run, err);
		if (rc == 0)
			rc = store_commit(*out, err);
		else
			store_rollback(*out);
	}
	store_raw_end(from);
	store_raw_layout_release(&l);
	if (rc < 0) {
		store_close(*out);
		*out = NULL;
	}
	return rc;
}

#endif
