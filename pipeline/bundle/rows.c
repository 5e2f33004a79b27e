/* Rows of a SELECT with checked columns: see rows.h. */
#include "pipeline/bundle/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/bundle/db.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"

#define OPS_PER_TICK 100000 /* steps of SQLite's machine, about a millisecond */
#define OPS_BASE     10000000
#define OPS_PER_BYTE 200 /* a row takes tens of bytes and of steps, sorted a few hundred */
#define KEY_SHOWN    80  /* bytes of a text key in messages */

static int tick(void *ctx)
{
	struct bundle_rows *r = ctx;

	if (cancel_requested())
		return 1;
	if (r->ticks == 0)
		return 1;
	r->ticks--;
	return 0;
}

/* What the largest honest statement needs: pages of a hostile file can lead to each other so that a
 * scan would take longer than the universe has existed. */
static uint64_t ticks_for(sqlite3 *db)
{
	const char *name = bundle_db_name(db);
	uint64_t bytes = 0;
	struct stat st;

	if (stat(name, &st) == 0)
		bytes += (uint64_t)st.st_size;
	/* only a file's name may be asked for its companion */
	if (*name == '/' && stat(sqlite3_filename_wal(name), &st) == 0)
		bytes += (uint64_t)st.st_size;
	return (OPS_BASE + OPS_PER_BYTE * bytes) / OPS_PER_TICK;
}

void bundle_rows_begin(struct bundle_rows *r, sqlite3 *db, const char *table, const char *sql,
		       struct err *err)
{
	int rc;

	*r = (struct bundle_rows){.db = db, .table = table, .err = err};
	rc = sqlite3_prepare_v2(db, sql, -1, &r->stmt, NULL);
	if (rc != SQLITE_OK) {
		r->failed = bundle_db_fail(db, rc, "read", err);
		return;
	}
	r->ticks = ticks_for(db);
	sqlite3_progress_handler(db, OPS_PER_TICK, tick, r);
}

static void bound(struct bundle_rows *r, int rc)
{
	if (rc != SQLITE_OK && !r->failed)
		r->failed = bundle_db_fail(r->db, rc, "read", r->err);
}

void bundle_rows_bind_text(struct bundle_rows *r, int at, const char *text)
{
	if (!r->failed)
		bound(r, sqlite3_bind_text(r->stmt, at, text, -1, SQLITE_STATIC));
}

void bundle_rows_bind_int(struct bundle_rows *r, int at, int64_t value)
{
	if (!r->failed)
		bound(r, sqlite3_bind_int64(r->stmt, at, value));
}

int bundle_rows_next(struct bundle_rows *r)
{
	int rc;

	if (r->failed)
		return r->failed;
	rc = sqlite3_step(r->stmt);
	if (rc == SQLITE_ROW) {
		r->count++;
		return 1;
	}
	if (rc == SQLITE_DONE)
		return 0;
	if ((rc & 0xff) == SQLITE_INTERRUPT && !cancel_requested())
		r->failed = err_set(r->err, ERR_FORMAT,
				    "cannot read '%s': its rows never end, the file is damaged",
				    bundle_db_name(r->db));
	else
		r->failed = bundle_db_fail(r->db, rc, "read", r->err);
	if (r->failed != ERR_CANCELLED && r->failed != ERR_NOMEM)
		err_prefix(r->err, "table %s", r->table);
	return r->failed;
}

void bundle_rows_restart(struct bundle_rows *r)
{
	if (!r->stmt)
		return;
	sqlite3_reset(r->stmt);
	if (r->ticks < OPS_BASE / OPS_PER_TICK)
		r->ticks = OPS_BASE / OPS_PER_TICK;
}

int bundle_rows_end(struct bundle_rows *r)
{
	sqlite3_finalize(r->stmt);
	r->stmt = NULL;
	sqlite3_progress_handler(r->db, 0, NULL, NULL);
	return r->failed;
}

/* ---- columns ---------------------------------------------------------------------------------- */

/* Printable form of the row's key; control bytes are shown as '?'. */
static void key_text(struct bundle_rows *r, char *out, size_t size)
{
	const unsigned char *text;
	size_t n;

	if (sqlite3_column_type(r->stmt, 0) == SQLITE_INTEGER) {
		snprintf(out, size, "%lld", (long long)sqlite3_column_int64(r->stmt, 0));
		return;
	}
	text = sqlite3_column_text(r->stmt, 0);
	n = text ? (size_t)sqlite3_column_bytes(r->stmt, 0) : 0;
	if (n >= size)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(text[i] < 0x20 || text[i] >= 0x7f ? '?' : text[i]);
	out[n] = '\0';
}

int bundle_rows_bad(struct bundle_rows *r, const char *fmt, ...)
{
	char key[KEY_SHOWN];
	char what[512];
	va_list ap;

	if (r->failed)
		return r->failed;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	key_text(r, key, sizeof key);
	r->failed = err_set(r->err, ERR_FORMAT, "'%s': table %s, row '%s': %s",
			    bundle_db_name(r->db), r->table, key, what);
	return r->failed;
}

static const char *type_name(int type)
{
	switch (type) {
	case SQLITE_INTEGER:
		return "an integer";
	case SQLITE_FLOAT:
		return "a real number";
	case SQLITE_TEXT:
		return "text";
	case SQLITE_BLOB:
		return "bytes";
	default:
		return "NULL";
	}
}

static int has_type(struct bundle_rows *r, int col, int wanted)
{
	int type;

	if (r->failed)
		return 0;
	type = sqlite3_column_type(r->stmt, col);
	if (type == wanted)
		return 1;
	bundle_rows_bad(r, "column %s holds %s, must hold %s", sqlite3_column_name(r->stmt, col),
			type_name(type), type_name(wanted));
	return 0;
}

int bundle_rows_is_null(const struct bundle_rows *r, int col)
{
	return sqlite3_column_type(r->stmt, col) == SQLITE_NULL;
}

int64_t bundle_rows_int(struct bundle_rows *r, int col)
{
	return has_type(r, col, SQLITE_INTEGER) ? sqlite3_column_int64(r->stmt, col) : 0;
}

int64_t bundle_rows_int_or(struct bundle_rows *r, int col, int64_t if_null)
{
	return bundle_rows_is_null(r, col) ? if_null : bundle_rows_int(r, col);
}

/* Length of the well-formed UTF-8 sequence at `p` (RFC 3629 table 3-7), 0 if there is none. */
static size_t utf8_unit(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned char low = 0x80, high = 0xbf;

	if (p[0] > 0xf4 || n == 0 || n > left)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

/* 1: eight bytes of ASCII without a NUL, the usual case. */
static int is_plain(const unsigned char *p)
{
	const uint64_t high = UINT64_C(0x8080808080808080), ones = UINT64_C(0x0101010101010101);
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return (w & high) == 0 && ((w - ones) & ~w & high) == 0;
}

static int check_text(struct bundle_rows *r, int col, const unsigned char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n;

		if (len - at >= 8 && is_plain(text + at)) {
			at += 8;
			continue;
		}
		n = text[at] ? utf8_unit(text + at, len - at) : 0;
		if (n == 0)
			return bundle_rows_bad(r, "column %s has %s at byte %zu",
					       sqlite3_column_name(r->stmt, col),
					       text[at] ? "invalid UTF-8" : "a NUL byte", at);
		at += n;
	}
	return 0;
}

/* The text of a column that holds one. */
static const char *text_of(struct bundle_rows *r, int col, size_t *len)
{
	const unsigned char *text = sqlite3_column_text(r->stmt, col);
	size_t n;

	if (!text) {
		r->failed = err_nomem(r->err, "a text of the bundle");
		return "";
	}
	n = (size_t)sqlite3_column_bytes(r->stmt, col);
	if (check_text(r, col, text, n) < 0)
		return "";
	if (len)
		*len = n;
	return (const char *)text;
}

const char *bundle_rows_text(struct bundle_rows *r, int col, size_t *len)
{
	if (len)
		*len = 0;
	return has_type(r, col, SQLITE_TEXT) ? text_of(r, col, len) : "";
}

const char *bundle_rows_text_or_null(struct bundle_rows *r, int col)
{
	int type = sqlite3_column_type(r->stmt, col);

	if (type == SQLITE_NULL)
		return NULL;
	if (r->failed || type != SQLITE_TEXT)
		return bundle_rows_text(r, col, NULL); /* says what is wrong */
	return text_of(r, col, NULL);
}

const char *bundle_rows_uuid(struct bundle_rows *r, int col)
{
	char lower[UUID_TEXT];
	const char *text = bundle_rows_text(r, col, NULL);

	if (!r->failed && (uuid_normalise(text, lower) < 0 || strcmp(lower, text) != 0))
		bundle_rows_bad(r, "column %s is not a UUID in lower case",
				sqlite3_column_name(r->stmt, col));
	return text;
}

int64_t bundle_rows_stamp(struct bundle_rows *r, int col)
{
	int64_t ns = 0;
	const char *text = bundle_rows_text(r, col, NULL);

	if (!r->failed && stamp_parse(text, &ns) < 0)
		bundle_rows_bad(r, "column %s is not a time stamp (YYYY-MM-DDTHH:MM:SSZ): '%.40s'",
				sqlite3_column_name(r->stmt, col), text);
	return ns;
}

const void *bundle_rows_blob(struct bundle_rows *r, int col, size_t *len)
{
	const void *bytes;

	*len = 0;
	if (!has_type(r, col, SQLITE_BLOB))
		return NULL;
	bytes = sqlite3_column_blob(r->stmt, col);
	*len = (size_t)sqlite3_column_bytes(r->stmt, col);
	if (!bytes && (sqlite3_errcode(r->db) & 0xff) == SQLITE_NOMEM)
		r->failed = err_nomem(r->err, "an embedding of the bundle");
	return bytes;
}
