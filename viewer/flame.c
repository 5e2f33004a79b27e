/* Runs as a page: see flame.h. The page itself is made at build time (viewer/join.sh); here its data are put in
 * place of a mark. They are base64 of deflated bytes, so no name is ever part of the HTML. */
#include "viewer/flame.h"

#include <stdint.h>
#include <string.h>

#include "prof/base/buf.h"
#include "viewer/graph.h"
#include "viewer/html.h"
#include "viewer/page.h"
#include "viewer/payload.h"
#include "viewer/static.h"

static int bad_write(struct err *err)
{
	return err_sys(err, ERR_IO, "writing the page failed");
}

static int put(FILE *out, const char *bytes, size_t n, struct err *err)
{
	return fwrite(bytes, 1, n, out) == n ? 0 : bad_write(err);
}

/* ---- base64 (RFC 4648), in lines, which editors and mail programs bear ---- */

#define LINE_BYTES 57 /* 76 characters */

static size_t encode(char *text, const unsigned char *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, len = 0;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)bytes[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < n)
			v |= bytes[i + 2];
		text[len++] = digits[v >> 18];
		text[len++] = digits[v >> 12 & 63];
		text[len++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		text[len++] = i + 2 < n ? digits[v & 63] : '=';
	}
	text[len++] = '\n';
	return len;
}

static int put_base64(FILE *out, const struct buf *data, struct err *err)
{
	char line[LINE_BYTES / 3 * 4 + 1];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < data->len; i += LINE_BYTES) {
		size_t n = data->len - i < LINE_BYTES ? data->len - i : LINE_BYTES;

		rc = put(out, line, encode(line, (const unsigned char *)data->data + i, n), err);
	}
	return rc;
}

/* What `n` bytes of data are in base64. */
static size_t base64_bytes(size_t n)
{
	return (n + 2) / 3 * 4 + (n + LINE_BYTES - 1) / LINE_BYTES;
}

/* How many bytes of data fit. */
static size_t base64_room(size_t bytes)
{
	const size_t line = LINE_BYTES / 3 * 4 + 1;
	size_t rest = bytes % line; /* for letters by fours and a line end */

	return bytes / line * LINE_BYTES + (rest ? (rest - 1) / 4 * 3 : 0);
}

/* ---- page ---- */

#define MARK "@PROTEA-FLAME-"

/* Parts of the code, those first that a small page does without first. */
enum part { PART_SOURCE, PART_ONE, PART_STAGES, PART_LISTS, PART_SEVERAL, PARTS };

static const char *const part_marks[PARTS] = {"SOURCE", "ONE", "STAGES", "LISTS", "SEVERAL"};

struct page {
	FILE *out; /* NULL: nothing is written, `bytes` is what it would be */
	const struct flame_options *options;
	struct buf *plain;      /* the table for where no script runs */
	const struct buf *up;   /* the link to the page above */
	const struct buf *data; /* NULL: none */
	unsigned parts;         /* bits */
	size_t bytes;
	int has_place;
	struct err *err;
};

static int put_part(struct page *w, const char *bytes, size_t n)
{
	w->bytes += n;
	return w->out ? put(w->out, bytes, n, w->err) : 0;
}

static int put_data(struct page *w)
{
	w->has_place = 1;
	if (!w->data)
		return 0;
	w->bytes += base64_bytes(w->data->len);
	return w->out ? put_base64(w->out, w->data, w->err) : 0;
}

/* Whether a mark of the page is `name`. */
static int is_mark(const char *mark, const char *name)
{
	mark += strlen(MARK);
	return strncmp(mark, name, strlen(name)) == 0 && mark[strlen(name)] == '@';
}

/* The part that a mark begins, or PARTS. */
static enum part part_of(const char *mark)
{
	enum part part = 0;

	while (part < PARTS && !is_mark(mark, part_marks[part]))
		part++;
	return part;
}

/* The page's text with its parts, and what its marks stand for. */
static int put_page(struct page *w)
{
	const char *at = viewer_page_html, *end = at + viewer_page_html_len, *mark;
	int skip = 0, rc = 0;

	w->bytes = 0;
	while (rc == 0 && at < end) {
		mark = strstr(at, MARK);
		if (!skip)
			rc = put_part(w, at, (size_t)((mark ? mark : end) - at));
		if (rc != 0 || !mark)
			break;
		if (is_mark(mark, "DATA"))
			rc = put_data(w);
		else if (is_mark(mark, "STATIC"))
			rc = put_part(w, w->plain->data, w->plain->len);
		else if (is_mark(mark, "UP"))
			rc = put_part(w, buf_str(w->up), w->up->len);
		else if (is_mark(mark, "END"))
			skip = 0;
		else if (part_of(mark) < PARTS)
			skip = !(w->parts >> part_of(mark) & 1);
		at = strchr(mark + 1, '@');
		at = at ? at + 1 : end;
	}
	if (rc == 0 && !w->has_place)
		rc = err_set(w->err, ERR_INTERNAL, "the page of this build has no place for data");
	return rc;
}

static size_t bytes_max(const struct flame_options *o)
{
	return o->max_bytes ? o->max_bytes : FLAME_BYTES_MAX;
}

/* Views without data are not in the page. */
static unsigned needed_parts(const struct flame_options *o)
{
	unsigned parts = 1u << PART_LISTS;
	size_t i;

	for (i = 0; i < o->n_runs; i++)
		if (o->runs[i].p->n_stages)
			parts |= 1u << PART_STAGES;
	if (o->n_runs > 1)
		return parts | 1u << PART_SEVERAL;
	/* The strips of threads and the stages above them are drawn alike. */
	if (o->runs[0].p->n_ticks || o->runs[0].p->n_counters)
		parts |= 1u << PART_ONE | 1u << PART_STAGES;
	if (o->source && o->source->n_files && !o->redact)
		parts |= 1u << PART_SOURCE;
	return parts;
}

/* Of the code what the runs need; of a small page no more than leaves a fifth of it to the data. What a page is without, it
 * says itself. */
static int choose_parts(struct page *w)
{
	/* Changes are lists, too. */
	enum part part, kept = w->options->n_runs > 1 ? PART_LISTS : PART_SEVERAL;
	int rc;

	w->parts = needed_parts(w->options);
	rc = put_page(w);
	for (part = 0; part < kept && w->bytes > bytes_max(w->options) / 5 * 4; part++) {
		w->parts &= ~(1u << part);
		if (rc == 0)
			rc = put_page(w);
	}
	return rc;
}

/* All of the page but its data. */
static int make_code(struct page *w)
{
	int rc;

	buf_clear(w->plain);
	rc = static_write(w->plain, w->options, w->err);
	return rc == 0 ? choose_parts(w) : rc;
}

/* Data that the page has no code for would only take the room of others. */
static unsigned not_shown(unsigned parts)
{
	return (parts & 1u << PART_ONE ? 0 : GRAPH_NO_TIME) |
	       (parts & 1u << PART_STAGES ? 0 : GRAPH_NO_SPANS) |
	       (parts & 1u << PART_SOURCE ? 0 : GRAPH_NO_SOURCE);
}

static int put_payload(struct buf *data, struct graph *g, const struct page *w, size_t room)
{
	buf_clear(data);
	g->without = not_shown(w->parts);
	return payload_write(data, g, w->options, room, w->err);
}

/* When not even a page with everything folded, whose data these are, is small enough: how large the smallest one is. A
 * larger page has more code, and data of it. */
static int too_small(struct buf *data, struct graph *g, struct page *w)
{
	struct flame_options o = *w->options;
	size_t asked = o.max_bytes, least;
	int rc = 0;

	w->options = &o;
	while (rc == 0 && (least = w->bytes + base64_bytes(data->len)) > o.max_bytes) {
		o.max_bytes = least;
		rc = make_code(w);
		if (rc == 0)
			rc = put_payload(data, g, w, 0);
	}
	if (rc != 0)
		return rc;
	return err_set(w->err, ERR_ARG,
		       "a page of at most %zu bytes is not possible: of what is to be shown the "
		       "smallest has %zu bytes, %zu of them for the code; allow at least that",
		       asked, o.max_bytes, w->bytes);
}

/* Without a limit of their own, people get a page in any case. */
static int make_data(struct buf *data, struct graph *g, struct page *w)
{
	const struct flame_options *o = w->options;
	size_t max = bytes_max(o);
	size_t room = max > w->bytes ? base64_room(max - w->bytes) : 0;
	int rc = put_payload(data, g, w, room);

	if (rc != 0 || data->len <= room || o->max_bytes == 0)
		return rc;
	rc = put_payload(data, g, w, 0);
	if (rc == 0 && w->bytes + base64_bytes(data->len) > max)
		rc = too_small(data, g, w);
	return rc;
}

static int make_up(struct buf *up, const struct flame_options *o, struct err *err)
{
	if (o->up && o->up_text) {
		buf_puts(up, "<nav><a href=\"");
		html_text(up, o->up, strlen(o->up));
		buf_puts(up, "\">‹ ");
		html_name(up, o->up_text, strlen(o->up_text));
		buf_puts(up, "</a></nav>\n");
	}
	return buf_failed(up) ? err_nomem(err, "a page") : 0;
}

static int write_graph(FILE *out, struct graph *g, const struct flame_options *o, struct err *err)
{
	struct buf data = BUF_INIT, plain = BUF_INIT, up = BUF_INIT;
	struct page page = {.options = o, .plain = &plain, .up = &up, .err = err};
	int rc = make_up(&up, o, err);

	if (rc == 0)
		rc = make_code(&page);
	if (rc == 0)
		rc = make_data(&data, g, &page);
	if (rc == 0) {
		page.out = out;
		page.data = &data;
		rc = put_page(&page);
	}
	if (rc == 0 && fflush(out) != 0)
		rc = bad_write(err);
	buf_release(&up);
	buf_release(&plain);
	buf_release(&data);
	return rc;
}

int flame_write(FILE *out, const struct flame_options *options, struct err *err)
{
	struct graph g;
	int rc = graph_build(&g, options, err);

	if (rc != 0)
		return rc;
	rc = write_graph(out, &g, options, err);
	graph_release(&g);
	return rc;
}
