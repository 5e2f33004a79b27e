/* Columns of LEB128 numbers, and strings numbered in the order in which they are met: see payload_pack.h.
 * Frequent and near ones get small numbers. */
#include "viewer/payload_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "prof/model/grow.h"

const char *const payload_columns[COLUMNS] = {
	"stage.parent",     "stage.name",       "thread.run",     "thread.name",
	"thread.process",   "thread.pid",       "thread.tid",     "thread.count",
	"span.run",         "span.stage",       "span.thread",    "span.start",
	"span.wall",        "span.cpu",         "span.items",     "span.params",
	"span.alloc_bytes", "span.alloc_count", "span.peak_heap", "span.peak_rss",
	"span.samples",     "span.folded",      "series.t",       "series.int",
	"series.real",      "source.file",      "source.rows",    "source.windows",
	"line.no",          "line.self.0",      "line.self.1",    "line.self.2",
	"line.self.3",      "line.self.4",      "line.total.0",   "line.total.1",
	"line.total.2",     "line.total.3",     "line.total.4",   "window.first",
	"window.lines",     "window.bytes",     "window.text",    "string.size",
	"string.bytes",     "label.function",   "label.module",   "label.flags",
	"label.file",       "label.line",       "node.up",        "node.label",
	"node.file",        "node.line",        "group.run",      "group.kind",
	"group.stage",      "group.thread",     "group.samples",  "sample.node",
	"sample.count",     "sample.value",     "tick.t",         "tick.thread",
	"tick.node",        "tick.state",
};

int pack_init(struct pack *w, struct graph *g, const struct flame_options *options)
{
	int i;

	*w = (struct pack){.g = g, .options = options};
	for (i = 0; i < COLUMNS; i++)
		buf_init(&w->columns[i], BUF_NO_LIMIT);
	buf_init(&w->series, BUF_NO_LIMIT);
	w->stage_of = malloc((g->n_stages + (size_t)1) * sizeof *w->stage_of);
	return w->stage_of ? 0 : ERR_NOMEM;
}

void pack_release(struct pack *w)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		buf_release(&w->columns[i]);
	buf_release(&w->series);
	free(w->string_of);
	free(w->strings);
	free(w->stage_of);
}

static void fail(struct pack *w, int code)
{
	if (w->failed == 0)
		w->failed = code;
}

int pack_failed(struct pack *w)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		fail(w, buf_failed(&w->columns[i]));
	fail(w, buf_failed(&w->series));
	return w->failed;
}

/* ---- numbers ---- */

void pack_put(struct pack *w, enum column c, uint64_t v)
{
	struct buf *b = &w->columns[c];
	unsigned char *at;

	w->rows[c]++;
	at = (unsigned char *)(b->cap - b->len > 10 ? b->data + b->len : buf_reserve(b, 10));
	if (!at)
		return;
	for (; v >= 0x80; v >>= 7, b->len++)
		*at++ = (unsigned char)(v | 0x80);
	*at = (unsigned char)v;
	b->len++;
}

void pack_zigzag(struct pack *w, enum column c, int64_t v)
{
	pack_put(w, c, v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1);
}

void pack_maybe(struct pack *w, enum column c, int64_t v)
{
	pack_put(w, c, v < 0 ? 0 : (uint64_t)v + 1);
}

void pack_place(struct pack *w, enum column c, uint32_t place)
{
	pack_put(w, c, place == GRAPH_NONE ? 0 : place + (uint64_t)1);
}

int64_t pack_time(int64_t t, double distance)
{
	int64_t step = 1;

	while (step < (int64_t)1 << 40 && (double)step * 128 <= distance)
		step *= 2;
	return t & -step;
}

void pack_real(struct pack *w, enum column c, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	buf_put_u64(&w->columns[c], bits);
	w->rows[c]++;
}

/* ---- strings ---- */

struct payload_cut payload_cut(const char *bytes, size_t len)
{
	struct payload_cut t = {.bytes = bytes, .len = len};

	if (len <= PAYLOAD_NAME_MAX)
		return t;
	t.len = PAYLOAD_NAME_MAX;
	/* Not within a character: continuation bytes of UTF-8 are 10xxxxxx, three at most. */
	while (t.len > PAYLOAD_NAME_MAX - 3 && ((unsigned char)bytes[t.len] & 0xc0) == 0x80)
		t.len--;
	snprintf(t.note, sizeof t.note, "\xe2\x80\xa6 (%zu bytes in all)", len);
	return t;
}

/* The graph's strings may become more. */
static int know_string(struct pack *w, uint32_t id)
{
	if (id >= w->n_string_of) {
		uint32_t n = strtab_count(w->g->strings);

		if (GROW(w->string_of, n) != 0)
			return ERR_NOMEM;
		memset(w->string_of + w->n_string_of, 0xff,
		       (n - w->n_string_of) * sizeof *w->string_of);
		w->n_string_of = n;
	}
	return 0;
}

static int number_string(struct pack *w, uint32_t id)
{
	struct payload_cut t =
		payload_cut(strtab_text(w->g->strings, id), strtab_len(w->g->strings, id));

	if (w->n_strings == w->cap_strings) {
		uint32_t cap = grow_next(w->cap_strings, GRAPH_NONE - 1);

		if (!cap || GROW(w->strings, cap) != 0)
			return ERR_NOMEM;
		w->cap_strings = cap;
	}
	pack_put(w, STRING_SIZE, t.len + strlen(t.note));
	buf_put(&w->columns[STRING_BYTES], t.bytes, t.len);
	buf_puts(&w->columns[STRING_BYTES], t.note);
	w->strings[w->n_strings] = id;
	w->string_of[id] = w->n_strings++;
	return 0;
}

uint32_t pack_string(struct pack *w, uint32_t id)
{
	if (know_string(w, id) != 0 ||
	    (w->string_of[id] == GRAPH_NONE && number_string(w, id) != 0)) {
		fail(w, ERR_NOMEM);
		return 0;
	}
	return w->string_of[id];
}

uint32_t pack_text(struct pack *w, const char *text)
{
	uint32_t id;

	if (strtab_intern_text(w->g->strings, text, &id) == 0)
		return pack_string(w, id);
	fail(w, ERR_NOMEM);
	return 0;
}

/* ---- taking back ---- */

void pack_mark(const struct pack *w, struct pack_mark *mark)
{
	int i;

	for (i = 0; i < COLUMNS; i++) {
		mark->bytes[i] = w->columns[i].len;
		mark->rows[i] = w->rows[i];
	}
	mark->n_strings = w->n_strings;
}

void pack_back(struct pack *w, const struct pack_mark *mark)
{
	int i;

	for (i = 0; i < COLUMNS; i++) {
		w->columns[i].len = mark->bytes[i];
		w->rows[i] = mark->rows[i];
	}
	while (w->n_strings > mark->n_strings)
		w->string_of[w->strings[--w->n_strings]] = GRAPH_NONE;
}

/* ---- deflate ---- */

/* Beyond LARGE, a level that is half as far from the best, and twice as fast. */
#define LEVEL       6
#define LEVEL_LARGE 5
#define LARGE       ((size_t)1 << 20)

/* Of columns larger than this every STRIDE-th chunk is tried, which tells their size to a few percent. */
#define CHUNK  ((size_t)16384)
#define STRIDE 8

static size_t deflated(z_stream *z, const char *bytes, size_t n)
{
	unsigned char out[4096];

	deflateReset(z);
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = (uInt)n;
	do {
		z->next_out = out;
		z->avail_out = sizeof out;
	} while (deflate(z, Z_FINISH) != Z_STREAM_END);
	return z->total_out;
}

static size_t column_size(z_stream *z, const char *bytes, size_t n)
{
	size_t at, tried = 0, size = 0;

	if (n <= 4 * STRIDE * CHUNK)
		return n ? deflated(z, bytes, n) : 0;
	for (at = 0; at + CHUNK <= n; at += STRIDE * CHUNK) {
		size += deflated(z, bytes + at, CHUNK);
		tried += CHUNK;
	}
	return (size_t)((double)size * (double)n / (double)tried);
}

static int level_of(const struct pack *w)
{
	size_t all = 0;
	int i;

	for (i = 0; i < COLUMNS; i++)
		all += w->columns[i].len;
	return all > LARGE ? LEVEL_LARGE : LEVEL;
}

size_t pack_size(struct pack *w, const struct pack_mark *since)
{
	z_stream z = {0};
	size_t size = 0;
	int i;

	if (deflateInit(&z, level_of(w)) != Z_OK) {
		fail(w, ERR_NOMEM);
		return 0;
	}
	for (i = 0; i < COLUMNS && pack_failed(w) == 0; i++) {
		size_t from = since ? since->bytes[i] : 0;

		if (w->columns[i].len > from)
			size += column_size(&z, w->columns[i].data + from,
					    w->columns[i].len - from);
	}
	deflateEnd(&z);
	return size;
}

static int feed(z_stream *z, struct buf *out, const char *bytes, size_t n, int flush)
{
	const size_t step = (size_t)1 << 30, room = 65536;

	do {
		size_t part = n < step ? n : step;

		z->next_in = (Bytef *)(uintptr_t)bytes;
		z->avail_in = (uInt)part;
		bytes += part;
		n -= part;
		do {
			char *at = buf_reserve(out, room);

			if (!at)
				return buf_failed(out);
			z->next_out = (Bytef *)at;
			z->avail_out = (uInt)room;
			deflate(z, n ? Z_NO_FLUSH : flush);
			out->len += room - z->avail_out;
		} while (z->avail_out == 0);
	} while (n > 0);
	return 0;
}

int pack_deflate(struct pack *w, const struct buf *head, struct buf *out)
{
	z_stream z = {0};
	struct buf size = BUF_INIT;
	int rc, i;

	if (deflateInit(&z, level_of(w)) != Z_OK)
		return ERR_NOMEM;
	buf_put_u32(&size, (uint32_t)head->len);
	rc = buf_failed(&size);
	if (rc == 0)
		rc = feed(&z, out, size.data, size.len, Z_NO_FLUSH);
	if (rc == 0)
		rc = feed(&z, out, head->data, head->len, Z_NO_FLUSH);
	for (i = 0; rc == 0 && i < COLUMNS; i++)
		if (w->columns[i].len > 0)
			rc = feed(&z, out, w->columns[i].data, w->columns[i].len, Z_NO_FLUSH);
	if (rc == 0)
		rc = feed(&z, out, "", 0, Z_FINISH);
	deflateEnd(&z);
	buf_release(&size);
	return rc;
}
