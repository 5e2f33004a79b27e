/* Walking the pages of a table: see bundle_pages.h.
 *
 * Why the pages of the file are those of the transaction: without a write-ahead log, writers wait for readers.
 * With one, they append to the log, and what is copied from there into the file is at most what the oldest
 * reader sees; so the file differs from what we see only in pages that the log has, which was read after the
 * transaction began. Frames of older transactions in it only make the list longer than need be. */
#include "pipeline/source/bundle_pages.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/rows.h"
#include "pipeline/core/cancel.h"

#define LOG_FRAMES_MAX 4096 /* a longer log is not worth reading */
#define LOG_HEAD       32
#define FRAME_HEAD     24
#define TABLE_INTERIOR 5
#define TABLE_LEAF     13
#define CHILD_BYTES    4

enum { PLAIN, ODD }; /* what walking says */

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* ---- beginning ------------------------------------------------------------------------------------ */

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Lists the pages of the log. 1 done, 0 it cannot be read, negative failure. */
static int list_log(struct bundle_pages *p, sqlite3_file *log, struct err *err)
{
	unsigned char head[LOG_HEAD];
	sqlite3_int64 size, frame = FRAME_HEAD + (sqlite3_int64)p->page_size, i, n;

	if (!log || !log->pMethods || log->pMethods->xFileSize(log, &size) != SQLITE_OK)
		return 0;
	n = size > LOG_HEAD ? (size - LOG_HEAD) / frame : 0;
	if (n == 0)
		return 1;
	if (n > LOG_FRAMES_MAX || log->pMethods->xRead(log, head, sizeof head, 0) != SQLITE_OK ||
	    get32(head + 8) != p->page_size)
		return 0;
	p->logged = malloc((size_t)n * sizeof *p->logged);
	if (!p->logged)
		return err_nomem(err, "pages of the log");
	for (i = 0; i < n; i++) {
		if (log->pMethods->xRead(log, head, FRAME_HEAD, LOG_HEAD + i * frame) != SQLITE_OK)
			return 0;
		p->logged[p->n_logged++] = get32(head);
	}
	qsort(p->logged, p->n_logged, sizeof *p->logged, cmp_u32);
	return 1;
}

/* One value of one row; 1: there is one. Begins the transaction that was asked for. */
static int ask(sqlite3 *db, const char *sql, const char *table, char *text, size_t size,
	       int64_t *number, struct err *err)
{
	struct bundle_rows r;
	int there;

	bundle_rows_begin(&r, db, "sqlite_schema", sql, err);
	if (table)
		bundle_rows_bind_text(&r, 1, table);
	there = bundle_rows_next(&r) > 0;
	if (there && number)
		*number = bundle_rows_int(&r, 0);
	if (there && text)
		sqlite3_snprintf((int)size, text, "%s", bundle_rows_text(&r, 0, NULL));
	if (bundle_rows_end(&r) < 0)
		return r.failed;
	return there;
}

static int find_root(struct bundle_pages *p, const char *table, struct err *err)
{
	int64_t page_size = 0, root = 0;
	int rc = ask(p->db, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1",
		     table, NULL, 0, &root, err);

	if (rc > 0)
		rc = ask(p->db, "PRAGMA page_size", NULL, NULL, 0, &page_size, err);
	if (rc <= 0 || root < 2 || root > UINT32_MAX || page_size < 512 || page_size > 65536)
		return rc < 0 ? rc : 0;
	p->root = (uint32_t)root;
	p->page_size = (uint32_t)page_size;
	return 1;
}

static int find_file(struct bundle_pages *p, struct err *err)
{
	int reserved = -1, rc;
	sqlite3_file *log = NULL;
	char mode[16] = "";

	rc = ask(p->db, "PRAGMA journal_mode", NULL, mode, sizeof mode, NULL, err);
	if (rc <= 0)
		return rc;
	if (sqlite3_file_control(p->db, "main", SQLITE_FCNTL_FILE_POINTER, &p->file) != SQLITE_OK ||
	    sqlite3_file_control(p->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved) !=
		    SQLITE_OK ||
	    !p->file || !p->file->pMethods || reserved < 0 ||
	    (uint32_t)reserved + 480 > p->page_size)
		return 0;
	p->usable = p->page_size - (uint32_t)reserved;
	if (strcmp(mode, "wal") != 0)
		return strcmp(mode, "delete") == 0 || strcmp(mode, "truncate") == 0 ||
		       strcmp(mode, "persist") == 0;
	if (sqlite3_file_control(p->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
		return 0;
	return list_log(p, log, err);
}

int bundle_pages_begin(struct bundle_pages *p, sqlite3 *db, const char *table, struct err *err)
{
	int rc;

	*p = (struct bundle_pages){.db = db, .table = table};
	if (!sqlite3_get_autocommit(db))
		return 0; /* somebody is writing by this very handle */
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return 0;
	p->began = 1;
	rc = find_root(p, table, err);
	if (rc > 0)
		rc = find_file(p, err);
	return rc;
}

void bundle_pages_end(struct bundle_pages *p)
{
	if (p->began)
		sqlite3_exec(p->db, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
	for (size_t i = 0; i < BUNDLE_PAGES_DEPTH; i++)
		free(p->page[i]);
	free(p->logged);
	*p = (struct bundle_pages){0};
}

/* ---- walking -------------------------------------------------------------------------------------- */

struct walk {
	struct bundle_pages *p;
	int64_t first, last;
	bundle_pages_fn *fn;
	void *ctx;
	struct err *err;
	int done; /* an id beyond the last was met */
};

static int read_page(struct bundle_pages *p, int level, uint32_t number, struct err *err)
{
	if (number < 2 ||
	    (p->n_logged && bsearch(&number, p->logged, p->n_logged, sizeof *p->logged, cmp_u32)))
		return ODD;
	if (!p->page[level])
		p->page[level] = malloc(p->page_size);
	if (!p->page[level])
		return err_nomem(err, "a page");
	return p->file->pMethods->xRead(p->file, p->page[level], (int)p->page_size,
					(sqlite3_int64)(number - 1) * p->page_size) == SQLITE_OK
		       ? PLAIN
		       : ODD;
}

static int fail_order(const struct bundle_pages *p, int64_t id, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "'%s': table %s, row '%lld': rows are not in order of id, or an id comes "
		       "twice (file damaged?)",
		       bundle_db_name(p->db), p->table, (long long)id);
}

/* Rows of a leaf; ids must ascend from leaf to leaf, so no page is met twice. */
static int walk_leaf(struct walk *w, const unsigned char *page)
{
	struct bundle_pages *p = w->p;
	const unsigned char *end = page + p->usable;
	uint32_t n = get16(page + 3), i;
	int rc = cancel_check(w->err);

	if (rc || n == 0 || 8 + 2 * n > p->usable)
		return rc ? rc : ODD;
	for (i = 0; i < n; i++) {
		uint32_t offset = get16(page + 8 + 2 * i);
		const unsigned char *at = page + offset;
		uint64_t len, id;

		if (offset >= p->usable || !bundle_pages_varint(&at, end, &len) ||
		    !bundle_pages_varint(&at, end, &id))
			return ODD;
		if (p->has_last && (int64_t)id <= p->last)
			return fail_order(p, (int64_t)id, w->err);
		p->has_last = 1;
		p->last = (int64_t)id;
		if (p->last < w->first)
			continue;
		if (p->last > w->last) {
			w->done = 1;
			return PLAIN;
		}
		if (len > p->usable - 35 || len > (size_t)(end - at))
			return ODD; /* more than usable - 35 bytes go on elsewhere */
		rc = w->fn(w->ctx, p->last, at, (size_t)len, w->err);
		if (rc)
			return rc;
	}
	return PLAIN;
}

static int walk_page(struct walk *w, int level, uint32_t number)
{
	struct bundle_pages *p = w->p;
	const unsigned char *page, *end;
	uint32_t n, i;
	int rc;

	if (level == BUNDLE_PAGES_DEPTH)
		return ODD;
	rc = read_page(p, level, number, w->err);
	if (rc)
		return rc;
	page = p->page[level];
	end = page + p->usable;
	if (page[0] == TABLE_LEAF)
		return walk_leaf(w, page);
	n = get16(page + 3);
	if (page[0] != TABLE_INTERIOR || 12 + 2 * n > p->usable)
		return ODD;
	for (i = 0; i < n && !w->done; i++) {
		uint32_t offset = get16(page + 12 + 2 * i);
		const unsigned char *cell = page + offset, *at = cell + CHILD_BYTES;
		uint64_t key; /* the largest id below the child */

		if (offset + CHILD_BYTES >= p->usable || !bundle_pages_varint(&at, end, &key))
			return ODD;
		if ((int64_t)key < w->first)
			continue;
		rc = walk_page(w, level + 1, get32(cell));
		if (rc)
			return rc;
		w->done |= (int64_t)key >= w->last;
	}
	return w->done ? PLAIN : walk_page(w, level + 1, get32(page + 8));
}

int bundle_pages_walk(struct bundle_pages *p, int64_t first, int64_t last, bundle_pages_fn *fn,
		      void *ctx, struct err *err)
{
	struct walk w = {.p = p, .first = first, .last = last, .fn = fn, .ctx = ctx, .err = err};

	p->has_last = 0;
	return walk_page(&w, 0, p->root);
}
