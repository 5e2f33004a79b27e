/* Snapshots of a run, each with its rows in one piece. */
#include "prof/store/reader.h"

static int snapshot_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_snapshot row = {.id = column_int(stmt, 0),
				       .heap_bytes = column_int(stmt, 3)};
	int rc = reader_string(r, stmt, 2, &row.name);

	if (rc == 0 && __builtin_add_overflow(p->run.start_ns, column_int(stmt, 1), &row.t_ns))
		rc = reader_damaged(r, "a snapshot at an impossible time");
	if (rc == 0)
		rc = READER_GROW(r, CAP_SNAPSHOTS, p->snapshots, p->n_snapshots + 1);
	if (rc == 0)
		rc = places_set(r, &r->snapshots, store_n(row.id), (uint32_t)p->n_snapshots);
	if (rc == 0)
		p->snapshots[p->n_snapshots++] = row;
	return rc;
}

/* Rows come sorted by snapshot, unless a foreign hand was at the table's tree. */
static int take_in(struct reader *r, struct profile_snapshot *s)
{
	struct profile *p = r->p;

	if (s->n == 0)
		s->first = p->n_snapshot_rows;
	if (s->first + s->n != p->n_snapshot_rows)
		return reader_damaged(r, "the rows of a snapshot are scattered");
	s->n++;
	return 0;
}

static int sample_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_snapshot_row row = {.count = column_count(stmt, 2),
					   .value = column_int(stmt, 3)};
	uint32_t at;
	int rc = places_get(r, &r->snapshots, column_int(stmt, 0), "snapshot", &at);

	if (rc == 0)
		rc = reader_stack(r, column_int(stmt, 1), &row.stack);
	if (rc == 0)
		rc = READER_GROW(r, CAP_SNAPSHOT_ROWS, p->snapshot_rows, p->n_snapshot_rows + 1);
	if (rc == 0)
		rc = take_in(r, &p->snapshots[at]);
	if (rc == 0)
		p->snapshot_rows[p->n_snapshot_rows++] = row;
	return rc;
}

int read_snapshots(struct reader *r)
{
	int rc = reader_rows(r,
			     "SELECT id, t, name, heap_bytes FROM snapshot_row"
			     " WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY t, id",
			     0, snapshot_row);

	return rc < 0 ? rc
		      : reader_rows(r,
				    "SELECT snapshot, stack, count, value FROM snapshot_sample_row"
				    " WHERE run = ?1 ORDER BY snapshot, stack",
				    1, sample_row);
}
