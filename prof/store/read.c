/* A run out of the store: the order of things, the run's own row, and what all parts need. */
#include "prof/store/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/reader.h"

int reader_damaged(struct reader *r, const char *what)
{
	return err_set(r->err, ERR_FORMAT, "'%s' is damaged: %s", r->s->path, what);
}

int reader_rows(struct reader *r, const char *sql, int key, row_fn *row)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(r->s, sql, &stmt, r->err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, key ? r->run : (int64_t)((uint64_t)r->run << 32));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		if ((rc = row(r, stmt)) < 0)
			break;
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(r->s, rc, "read", r->err);
	sqlite3_finalize(stmt);
	return rc;
}

int reader_grow(struct reader *r, void **array, size_t *cap, size_t n, size_t size)
{
	size_t next = *cap ? *cap : 64;
	void *p;

	if (n <= *cap)
		return 0;
	while (next < n)
		next *= 2;
	p = next >= PROFILE_NONE ? NULL : realloc(*array, next * size);
	if (!p)
		return err_nomem(r->err, "a profile");
	*array = p;
	*cap = next;
	return 0;
}

int places_set(struct reader *r, struct places *p, uint32_t n, uint32_t place)
{
	if (n == 0 || n == PROFILE_NONE)
		return reader_damaged(r, "a row has a number that none can have");
	if (n >= p->n) {
		uint32_t next = n < 32 ? 64 : n > UINT32_MAX / 2 ? UINT32_MAX : n * 2;
		uint32_t *at;

		/* Rows are numbered 1, 2, 3, …: a few numbers far apart would only cost memory. */
		if (n / 16 > p->rows + 65536)
			return reader_damaged(r, "the numbers of rows are scattered");
		at = realloc(p->at, (size_t)next * sizeof *at);
		if (!at)
			return err_nomem(r->err, "a profile");
		memset(at + p->n, 0xff, (size_t)(next - p->n) * sizeof *at);
		p->at = at;
		p->n = next;
	}
	p->at[n] = place;
	p->rows++;
	return 0;
}

int places_get(struct reader *r, const struct places *p, int64_t n, const char *what,
	       uint32_t *place)
{
	if (n < 0 || n >= p->n || p->at[n] == PROFILE_NONE)
		return err_set(r->err, ERR_FORMAT, "'%s' is damaged: no %s %lld", r->s->path, what,
			       (long long)n);
	*place = p->at[n];
	return 0;
}

static int intern(struct reader *r, const char *text, size_t len, uint32_t *string)
{
	int rc = strtab_intern(r->p->strings, text, len, string);

	if (rc == ERR_LIMIT)
		return err_set(r->err, rc, "the names of a run pass 4 GiB");
	return rc < 0 ? err_nomem(r->err, "a profile") : 0;
}

int reader_text(struct reader *r, sqlite3_stmt *stmt, int column, uint32_t *string)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	*string = STRTAB_EMPTY;
	if (!text) {
		if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
			return 0;
		return sqlite3_errcode(r->s->db) == SQLITE_NOMEM ? err_nomem(r->err, "a profile")
								 : 0;
	}
	return intern(r, text, (size_t)sqlite3_column_bytes(stmt, column), string);
}

int reader_string(struct reader *r, sqlite3_stmt *stmt, int column, uint32_t *string)
{
	int64_t n = column_int(stmt, column);

	*string = STRTAB_EMPTY;
	return n == 0 ? 0 : places_get(r, &r->strings, n, "text", string);
}

static int run_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile_run *run = &r->p->run;
	uint32_t *texts[] = {&run->id,      &run->name,    &run->command,   &run->argv,
			     &run->job,     &run->host,    &run->cpu_model, &run->kernel,
			     &run->version, &run->git_sha, &run->labels,    &run->mode,
			     &run->engine,  &run->memory};
	const int first = (int)(sizeof texts / sizeof *texts);
	int rc = 0;

	for (int i = 0; i < first && rc == 0; i++)
		rc = reader_text(r, stmt, i, texts[i]);
	run->started_at = column_int(stmt, first);
	run->start_ns = column_int(stmt, first + 1);
	run->duration_ns = column_int(stmt, first + 2);
	run->has_exit_code = sqlite3_column_type(stmt, first + 3) != SQLITE_NULL;
	run->exit_code = sqlite3_column_int(stmt, first + 3);
	run->signal = sqlite3_column_int(stmt, first + 4);
	run->ncpu = (uint32_t)sqlite3_column_int(stmt, first + 5);
	run->rate_hz = sqlite3_column_double(stmt, first + 6);
	run->finished = sqlite3_column_int(stmt, first + 7) != 0;
	run->memory_rate_bytes = column_count(stmt, first + 8);
	run->memory_temporary = column_count(stmt, first + 9);
	return rc < 0 ? rc : 1; /* found */
}

static int read_run_row(struct reader *r)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(
		r->s,
		"SELECT id, name, command, argv, job, host, cpu_model, kernel, version,"
		" git_sha, labels, mode, engine, memory, started_at, start_ns, duration_ns,"
		" exit_code, signal, ncpu, rate_hz, finished, memory_rate_bytes, memory_temporary"
		" FROM run WHERE key = ?1",
		&stmt, r->err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, r->run);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		rc = run_row(r, stmt);
	else if (rc == SQLITE_DONE)
		rc = err_set(r->err, ERR_NOTFOUND, "the run is not in '%s'", r->s->path);
	else
		rc = store_fail(r->s, rc, "read", r->err);
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : 0;
}

static int read_parts(struct reader *r, unsigned parts)
{
	int rc = read_run_row(r);

	if (rc == 0)
		rc = read_places(r);
	if (rc == 0 && (parts & (STORE_READ_SAMPLES | STORE_READ_TICKS | STORE_READ_SNAPSHOTS)))
		rc = read_stacks(r);
	if (rc == 0 && (parts & (STORE_READ_SAMPLES | STORE_READ_STAGES)))
		rc = read_stages(r);
	if (rc == 0 && (parts & (STORE_READ_SAMPLES | STORE_READ_STAGES)))
		rc = read_sql(r);
	if (rc == 0 && (parts & STORE_READ_SAMPLES))
		rc = read_samples(r);
	if (rc == 0 && (parts & STORE_READ_TICKS))
		rc = read_ticks(r);
	if (rc == 0 && (parts & STORE_READ_COUNTERS))
		rc = read_counters(r);
	if (rc == 0 && (parts & STORE_READ_SNAPSHOTS))
		rc = read_snapshots(r);
	return rc;
}

static void release_places(struct reader *r)
{
	struct places *all[] = {&r->strings,   &r->modules, &r->frames, &r->stacks,
				&r->processes, &r->threads, &r->stages, &r->snapshots};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		free(all[i]->at);
}

int store_read_run(struct store *s, int64_t run, unsigned parts, struct profile *p, struct err *err)
{
	struct reader r = {.s = s, .run = run, .p = p, .err = err, .no_thread = PROFILE_NONE};
	int own =
		sqlite3_get_autocommit(s->db); /* one view of the file, whoever writes meanwhile */
	int rc;

	if (profile_init(p) < 0)
		return err_nomem(err, "a profile");
	r.cap[CAP_STACKS] = 1;
	rc = run < 1 || run > STORE_RUN_MAX
		     ? err_set(err, ERR_NOTFOUND, "the run is not in '%s'", s->path)
		     : 0;
	if (rc == 0)
		rc = own ? store_exec(s, "BEGIN", "read", err) : store_flush(s, err);
	if (rc == 0)
		rc = read_parts(&r, parts);
	if (own && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	release_places(&r);
	if (rc < 0)
		profile_release(p);
	return rc;
}
