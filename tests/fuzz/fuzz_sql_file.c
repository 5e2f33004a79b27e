/* A target's file of SQL statements with any bytes written over it, as the supervisor meets it: what the reader hands
 * out lies in the file, and the run that comes of it is one that can be read and reported. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/analyze/metrics.h"
#include "prof/analyze/statements.h"
#include "prof/record/recording.h"
#include "prof/spool/session.h"
#include "prof/spool/sqlread.h"
#include "prof/store/read.h"
#include "tests/fuzz/scratch.h"
#include "tests/unit/sql_made.h"

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what))                                                                       \
			abort();                                                                   \
	} while (0)

#define RING_BYTES   65536u
#define RUNS_A_STORE 200
#define DAMAGES      64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spool_session *session;
static struct spool_head *head;
static struct sql_head *made;
static struct store *store;
static char folder[SPOOL_PATH_MAX], path[SPOOL_PATH_MAX + 64];
static char kept_image[SPOOL_PATH_MAX + 64], kept_sql[SPOOL_PATH_MAX + 64];
static struct damage {
	uint64_t at;
	uint32_t n;
} done[DAMAGES];
static uint32_t n_done;

static void leave(void)
{
	store_close(store);
	(void)unlink(kept_image);
	(void)unlink(kept_sql);
	(void)session_remove(folder, NULL);
}

static void prepare(void)
{
	struct spool_session config = {
		.ring_bytes = RING_BYTES, .rate_hz = 199, .sql = 1, .sql_params = 2};
	struct ring_writer writer;

	if (session)
		return;
	CHECK(!session_make(&session, folder, &config, "/tmp", NULL) &&
	      !spool_make(&head, folder, session, NULL) && !spool_claim(head, 77, &writer));
	head->start_ticks = 1;
	head->start_ns = 5;
	head->pid = INT32_MAX; /* nobody: no maps, no clock */
	snprintf(path, sizeof path, "%.300s" SQL_SUFFIX, head->file);
	snprintf(kept_image, sizeof kept_image, "%.300s/kept-image", folder);
	snprintf(kept_sql, sizeof kept_sql, "%.300s/kept-sql", folder);
	made = sql_made_file(kept_sql);
	CHECK(!link(head->file, kept_image));
	atexit(leave);
}

/* ---- damage -------------------------------------------------------------------------------------- */

static uint64_t place_of(const uint8_t *p)
{
	uint32_t row = (uint32_t)(p[1] | p[2] << 8);

	switch (p[0] % 6) {
	case 0:
		return p[3];
	case 1:
		return SQL_CONNS_OFFSET + row % SQL_CONNS_MAX * sizeof(struct sql_conn_row) + p[3];
	case 2:
		return SQL_STATEMENTS_OFFSET +
		       row % SQL_STATEMENTS_MAX * sizeof(struct sql_statement_row) + p[3];
	case 3:
		return SQL_SITES_OFFSET + row % SQL_SITES_MAX * sizeof(struct sql_site) + 4u * p[3];
	case 4:
		return SQL_STACKS_OFFSET + 8u * row + p[3];
	default:
		return SQL_TEXTS_OFFSET + row + p[3];
	}
}

/* Part, row in it, byte in that, length, then so many bytes: one damage each. */
static void damage(const uint8_t *p, size_t n)
{
	while (n >= 5 && n_done < DAMAGES) {
		uint64_t at = place_of(p);
		uint32_t len = p[4] < n - 5 ? p[4] : (uint32_t)(n - 5);

		if (at + len > SQL_FILE_BYTES)
			len = (uint32_t)(SQL_FILE_BYTES - at);
		memcpy(sql_made_at(made, at), p + 5, len);
		done[n_done++] = (struct damage){at, len};
		p += 5 + len;
		n -= 5 + len;
	}
}

static void repair(void)
{
	while (n_done--)
		memset(sql_made_at(made, done[n_done].at), 0, done[n_done].n);
	n_done = 0;
	sql_made_fill(made);
}

/* ---- the reader alone ---------------------------------------------------------------------------- */

static void inside(const struct sql_reader *r, const void *p, uint64_t n)
{
	const uint8_t *from = (const uint8_t *)r->head, *at = p;

	CHECK(at >= from && n <= r->bytes && (uint64_t)(at - from) <= r->bytes - n);
}

static void read_examples(const struct sql_reader *r, uint32_t at)
{
	uint32_t len, before = at;
	const char *bytes;

	for (; sql_reader_example(r, &at, &bytes, &len); before = at) {
		CHECK(at < before && len <= SQL_EXAMPLE_MAX);
		inside(r, bytes, len);
	}
}

static void read_parts(void)
{
	struct sql_reader r;
	struct sql_statement_view s;
	struct sql_stack_view stack;
	struct sql_site_view v;
	uint32_t n;

	if (sql_reader_open(&r, kept_sql, NULL))
		return;
	n = sql_reader_sites(&r);
	CHECK(n <= SQL_SITES_MAX);
	for (uint32_t i = 0; i <= n; i++) {
		if (!sql_reader_site(&r, i, &v))
			continue;
		(void)sql_quantile_ns(v.times, v.max_ns, 0.95);
		if (sql_reader_stack(&r, v.stack, &stack) == 0)
			inside(&r, stack.addresses, stack.n * 8ull);
		if (!sql_reader_statement(&r, v.statement, &s))
			continue;
		inside(&r, s.text, s.text_len);
		(void)sql_kind_name(s.kind);
		read_examples(&r, s.example);
	}
	for (uint32_t i = 0; i <= SQL_CONNS_MAX; i++) {
		int64_t since;

		CHECK(sql_reader_waiting(&r, i, &since) < SQL_SITES_MAX);
	}
	sql_reader_close(&r);
}

/* ---- to the store and back ----------------------------------------------------------------------- */

static int64_t new_run(void)
{
	static unsigned runs;
	char id[40], file[SCRATCH_PATH];
	struct store_run row = {.id = id, .name = "fuzz", .start_ns = 1};
	int64_t run;

	if (runs++ % RUNS_A_STORE == 0) {
		store_close(store);
		store = NULL;
		scratch_path(file, "sql_file.sqlite");
		(void)unlink(file);
		CHECK(!store_open(&store, file, STORE_CREATE, NULL));
	}
	snprintf(id, sizeof id, "00000000-0000-4000-8000-%012u", runs);
	CHECK(!store_begin(store, NULL) && !store_run_add(store, &row, &run, NULL) &&
	      !store_commit(store, NULL));
	return run;
}

static void record(int64_t run)
{
	static struct recording r;

	CHECK(!link(kept_image, head->file) || access(head->file, F_OK) == 0);
	CHECK(!link(kept_sql, path));
	CHECK(!recording_init(&r, store, run, session, folder) && !images_scan(&r));
	CHECK(r.n_images == 1 && r.images[0]->file.head);
	CHECK(!sql_look_all(&r));
	CHECK(!image_ended(&r, r.images[0], 1000000));
	CHECK(!recording_flush(&r, 1, NULL));
	recording_release(&r);
	(void)unlink(path);
}

static void report(int64_t run)
{
	struct metric_table t = {0};
	struct statement_list l;
	struct profile p;
	uint64_t calls = 0;

	CHECK(!store_read_run(store, run, STORE_READ_SAMPLES, &p, NULL));
	CHECK(p.n_sql < SQL_SITES_MAX);
	CHECK(!statements_make(&l, &p, NULL, NULL));
	for (size_t i = 0; i < l.n; i++) {
		const struct statement_row *row = &l.rows[i];

		CHECK(row->first + row->n <= p.n_sql && row->p95_ns <= row->max_ns);
		CHECK(i == 0 || l.rows[i - 1].total_ns >= row->total_ns);
		calls += row->calls;
	}
	CHECK(calls == l.calls);
	CHECK(!metrics_add_run(&t, METRICS_BASE, &p, NULL));
	metrics_release(&t);
	statements_release(&l);
	profile_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t run;

	prepare();
	repair();
	damage(data, size);
	read_parts();
	run = new_run();
	record(run);
	report(run);
	return 0;
}
