/* The alignment cache: see align_cache.h. New rows wait in memory and are written in one short
 * transaction, so that another process never finds the file locked for long and is never blocked
 * while alignments are computed. Nothing is written to a file before it is known to be ours. */
#include "pipeline/align/align_cache_int.h"

#include "pipeline/core/fsio.h"
#include "prof/base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMMIT_ROWS    10000                      /* spec 8 */
#define COMMIT_NS      (20 * INT64_C(1000000000)) /* 30 s, less the time to the next insert */
#define BUSY_MS        5000 /* the default of Python's sqlite3, which the original uses */
#define BUSY_STEP_MS   5
#define MAX_CELL_BYTES (16 << 20) /* what SQLite may load for a foreign row at all */
#define VALUE_TEXT     1024

static void close_db(struct align_cache *c)
{
	sqlite3_finalize(c->select_one);
	sqlite3_finalize(c->insert);
	sqlite3_finalize(c->replace);
	c->select_one = c->insert = c->replace = NULL;
	sqlite3_close(c->db);
	c->db = NULL;
}

int align_cache_give_up(struct align_cache *c, const char *what)
{
	snprintf(c->trouble, sizeof c->trouble,
		 "'%s': %s; results do not change, but alignments are computed again",
		 c->path ? c->path : "?", what);
	close_db(c);
	free(c->queue);
	c->queue = NULL;
	c->queued = c->queue_cap = 0;
	return -1;
}

int align_cache_give_up_sql(struct align_cache *c)
{
	char what[512];

	snprintf(what, sizeof what, "%s", c->db ? sqlite3_errmsg(c->db) : "no memory");
	return align_cache_give_up(c, what);
}

static int run_sql(struct align_cache *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
								       : align_cache_give_up_sql(c);
}

static int prepare(struct align_cache *c, sqlite3_stmt **out, const char *sql)
{
	int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

	return rc == SQLITE_OK ? 0 : align_cache_give_up_sql(c);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* 1: an empty database; 0: one with a table `align`; -1: something else, or trouble. */
static int look_inside(struct align_cache *c)
{
	static const char sql[] =
		"SELECT count(*), coalesce(sum(type = 'table' AND name = 'align'), 0) "
		"FROM sqlite_master";
	sqlite3_stmt *st;
	int64_t objects, ours;

	if (prepare(c, &st, sql) != 0)
		return -1;
	if (sqlite3_step(st) != SQLITE_ROW) {
		sqlite3_finalize(st);
		return align_cache_give_up_sql(c);
	}
	objects = sqlite3_column_int64(st, 0);
	ours = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	if (objects == 0)
		return 1;
	return ours ? 0 : align_cache_give_up(c, "it is a database of something else");
}

static int prepare_all(struct align_cache *c)
{
	if (prepare(c, &c->select_one, "SELECT v FROM align WHERE k = ?1") != 0 ||
	    prepare(c, &c->replace, "UPDATE align SET v = ?2 WHERE k = ?1") != 0)
		return -1;
	/* without a unique k this does not compile, which is as good a check as any */
	return prepare(c, &c->insert,
		       "INSERT INTO align(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO NOTHING");
}

void align_cache_guard(sqlite3 *db)
{
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES);
	/* a foreign file's schema must not run anything */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
}

/* Two processes that make the file at once: SQLite refuses the change to WAL while the other looks at the file, and does
 * not wait by itself, since neither would get on if both did. */
static int set_wal(struct align_cache *c)
{
	static const char sql[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
	const struct timespec pause = {0, BUSY_STEP_MS * 1000000L};
	int64_t end = clock_mono_ns() + BUSY_MS * (int64_t)1000000;
	int rc;

	while ((rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL)) != SQLITE_OK) {
		if ((rc & 0xff) != SQLITE_BUSY || clock_mono_ns() >= end)
			return align_cache_give_up_sql(c);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int open_db(struct align_cache *c)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int fresh;

	if (sqlite3_open_v2(c->path, &c->db, flags, NULL) != SQLITE_OK)
		return align_cache_give_up_sql(c);
	align_cache_guard(c->db);
	if (sqlite3_db_readonly(c->db, "main") == 1)
		return align_cache_give_up(c, "the file is read-only");
	fresh = look_inside(c);
	if (fresh < 0)
		return -1;
	if (!fresh && prepare_all(c) != 0)
		return -1;
	if (set_wal(c) != 0)
		return -1;
	if (!fresh)
		return 0;
	if (run_sql(c, "CREATE TABLE IF NOT EXISTS align(k TEXT PRIMARY KEY, v TEXT NOT NULL)") !=
	    0)
		return -1;
	return prepare_all(c);
}

struct align_cache *align_cache_open(const char *dir)
{
	struct align_cache *c = calloc(1, sizeof *c);
	struct err err = ERR_INIT;

	if (!c)
		return NULL;
	c->path = fsio_join(dir, "alignments.sqlite");
	if (!c->path) {
		free(c);
		return NULL;
	}
	if (fsio_mkdirs(dir, &err) != 0)
		align_cache_give_up(c, err.text);
	else
		open_db(c);
	return c;
}

const char *align_cache_trouble(const struct align_cache *c)
{
	return c->trouble[0] ? c->trouble : NULL;
}

const char *align_cache_path(const struct align_cache *c)
{
	return c->path;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int step_once(sqlite3_stmt *st, const char *key, const char *value)
{
	int rc = sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);

	if (rc == SQLITE_OK && value)
		rc = sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? sqlite3_step(st) : rc;
}

/* A row is there already. A good one stays ("ignore if present"), since whoever wrote it computed
 * the same; one that cannot be parsed would be a miss for ever, and is replaced. */
static int keep_or_replace(struct align_cache *c, const char *key, const char *value)
{
	struct align_values old;
	int rc = step_once(c->select_one, key, NULL);
	int good = rc == SQLITE_ROW && align_cache_read_value(c->select_one, 0, &old) == 0;

	sqlite3_reset(c->select_one);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : -1;
	if (good)
		return 0;
	rc = step_once(c->replace, key, value);
	sqlite3_reset(c->replace);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int write_row(struct align_cache *c, const struct align_cache_queued *q)
{
	char key[ALIGN_KEY_TEXT], value[VALUE_TEXT];
	int rc;

	if (align_cache_value_format(&q->values, value, sizeof value) != 0)
		return 0; /* nothing a reader could use */
	align_cache_key(q->query_md5, q->ref_md5, key);
	rc = step_once(c->insert, key, value);
	sqlite3_reset(c->insert);
	if (rc != SQLITE_DONE)
		return -1;
	return sqlite3_changes(c->db) ? 0 : keep_or_replace(c, key, value);
}

void align_cache_flush(struct align_cache *c)
{
	int rc = 0;

	if (!c->db || c->queued == 0 || run_sql(c, "BEGIN IMMEDIATE") != 0)
		return;
	for (size_t i = 0; rc == 0 && i < c->queued; i++)
		rc = write_row(c, &c->queue[i]);
	c->queued = 0;
	if (rc != 0)
		align_cache_give_up_sql(c); /* closing rolls back */
	else
		run_sql(c, "COMMIT");
}

static int grow_queue(struct align_cache *c)
{
	size_t cap = c->queue_cap ? 2 * c->queue_cap : 256;
	struct align_cache_queued *queue;

	if (c->queued < c->queue_cap)
		return 0;
	if (cap > COMMIT_ROWS)
		cap = COMMIT_ROWS;
	queue = realloc(c->queue, cap * sizeof *queue);
	if (!queue)
		return align_cache_give_up(c, "no memory for new rows");
	c->queue = queue;
	c->queue_cap = cap;
	return 0;
}

void align_cache_insert(struct align_cache *c, const char query_md5[MD5_HEX],
			const char ref_md5[MD5_HEX], const struct align_values *v)
{
	struct align_cache_queued *q;

	if (!c->db || grow_queue(c) != 0)
		return;
	if (c->queued == 0)
		c->oldest_ns = clock_mono_ns();
	q = &c->queue[c->queued++];
	memcpy(q->query_md5, query_md5, MD5_HEX);
	memcpy(q->ref_md5, ref_md5, MD5_HEX);
	q->values = *v;
	if (c->queued == COMMIT_ROWS || clock_mono_ns() - c->oldest_ns >= COMMIT_NS)
		align_cache_flush(c);
}

void align_cache_close(struct align_cache *c)
{
	if (!c)
		return;
	align_cache_flush(c);
	close_db(c);
	free(c->queue);
	free(c->path);
	free(c);
}
