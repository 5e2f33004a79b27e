/* Pages of styled lines: see top_page.h. */
#include "prof/cli/top_page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/text.h"
#include "prof/cli/top_grow.h"

/* ---- characters ---- */

/* Code point of the (valid) UTF-8 at `s`, its bytes in *n. */
static uint32_t decode(const char *s, size_t *n)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t c = u[0];

	*n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	switch (*n) {
	case 2:
		return (c & 0x1f) << 6 | (u[1] & 0x3fu);
	case 3:
		return (c & 0x0f) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	case 4:
		return (c & 0x07) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 |
		       (u[3] & 0x3fu);
	default:
		return c;
	}
}

struct range {
	uint32_t from, to;
};

static int inside(uint32_t c, const struct range *r)
{
	for (; r->to; r++)
		if (c >= r->from && c <= r->to)
			return 1;
	return 0;
}

/* Blocks of Unicode 15 whose characters are wide (W, F of EastAsianWidth.txt) or combine with the one before; wcwidth()
 * would need a locale. */
static int width_of(uint32_t c)
{
	static const struct range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},
					    {0x3041, 0xa4cf},   {0xa960, 0xa97c},
					    {0xac00, 0xd7a3},   {0xf900, 0xfaff},
					    {0xfe30, 0xfe6f},   {0xff00, 0xff60},
					    {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
					    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
					    {0x20000, 0x3fffd}, {0, 0}};
	static const struct range none[] = {{0x0300, 0x036f}, {0x0483, 0x0489},
					    {0x0591, 0x05bd}, {0x200b, 0x200d},
					    {0x20d0, 0x20f0}, {0x2060, 0x2064},
					    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
					    {0xfeff, 0xfeff}, {0, 0}};

	if (c < 0x300)
		return 1;
	return inside(c, none) ? 0 : inside(c, wide) ? 2 : 1;
}

int top_text_columns(const char *text)
{
	char *clean = text_valid(text, 1);
	int columns = 0;
	size_t at = 0, n;

	for (; clean && clean[at]; at += n)
		columns += width_of(decode(clean + at, &n));
	free(clean);
	return columns;
}

/* ---- the page ---- */

void top_page_init(struct top_page *p)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->text, BUF_NO_LIMIT);
}

void top_page_release(struct top_page *p)
{
	buf_release(&p->text);
	free(p->runs);
	free(p->lines);
	memset(p, 0, sizeof(*p));
}

void top_page_begin(struct top_page *p, int columns, int utf8)
{
	p->columns = columns;
	p->utf8 = utf8;
	p->cursor = 0;
	buf_clear(&p->text);
	p->n_runs = p->n_lines = 0;
	p->failed = 0;
}

void top_page_line(struct top_page *p)
{
	struct top_page_line *l;

	if (!p->failed && TOP_GROW(p->lines, p->n_lines, 1, p->cap_lines))
		p->failed = ERR_NOMEM;
	if (p->failed)
		return;
	l = &p->lines[p->n_lines++];
	l->run = p->n_runs;
	l->n_runs = 0;
	l->used = 0;
}

static struct top_page_line *last_line(const struct top_page *p)
{
	return p->failed || !p->n_lines ? NULL : &p->lines[p->n_lines - 1];
}

int top_page_left(const struct top_page *p)
{
	const struct top_page_line *l = last_line(p);

	return l ? p->columns - l->used : 0;
}

/* Bytes as they are: `columns` of them fit. */
static void add_run(struct top_page *p, enum top_style style, const char *bytes, size_t len,
		    int columns)
{
	struct top_page_line *l = last_line(p);
	struct top_piece *r;

	if (p->cursor)
		style = TOP_CURSOR;
	if (!l || !len)
		return;
	l->used += columns;
	r = l->n_runs ? &p->runs[p->n_runs - 1] : NULL;
	if (!r || r->style != style) {
		if (TOP_GROW(p->runs, p->n_runs, 1, p->cap_runs)) {
			p->failed = ERR_NOMEM;
			return;
		}
		r = &p->runs[p->n_runs++];
		r->at = p->text.len;
		r->len = 0;
		r->style = style;
		l->n_runs++;
	}
	if (buf_put(&p->text, bytes, len))
		p->failed = ERR_NOMEM;
	r->len += len;
}

/* What stands for a character where only ASCII can be shown. */
static char plain(uint32_t c)
{
	return c < 0x80      ? (char)c
	       : c == 0xb5   ? 'u' /* micro */
	       : c == 0xb1   ? '~' /* plus-minus */
	       : c == 0x2026 ? '.' /* ellipsis */
			     : '?';
}

static void add_char(struct top_page *p, enum top_style style, const char *s, size_t n)
{
	uint32_t c = decode(s, &n);
	char ascii;

	if (p->utf8) {
		add_run(p, style, s, n, width_of(c));
		return;
	}
	ascii = plain(c);
	if (width_of(c))
		add_run(p, style, &ascii, 1, 1);
}

static int shown_width(const struct top_page *p, const char *s, size_t *n)
{
	int width = width_of(decode(s, n));

	return p->utf8 ? width : width != 0;
}

/* As much of valid text as `columns` take; where it ends. */
static const char *put_some(struct top_page *p, enum top_style style, const char *s, int columns)
{
	while (*s) {
		size_t n;
		int width = shown_width(p, s, &n);

		if (width > columns)
			break;
		add_char(p, style, s, n);
		columns -= width;
		s += n;
	}
	return s;
}

/* The last characters of valid text that fit into `columns`. */
static const char *tail_of(const struct top_page *p, const char *s, int columns)
{
	int all = 0;
	const char *c;
	size_t n;

	for (c = s; *c; c += n)
		all += shown_width(p, c, &n);
	for (c = s; *c && all > columns; c += n)
		all -= shown_width(p, c, &n);
	return c;
}

static int columns_of(const struct top_page *p, const char *s)
{
	int all = 0;
	size_t n;

	for (; *s; s += n)
		all += shown_width(p, s, &n);
	return all;
}

void top_page_put(struct top_page *p, enum top_style style, const char *text)
{
	char *clean = text_valid(text, 1);
	int left = top_page_left(p);

	if (!clean) {
		p->failed = ERR_NOMEM;
		return;
	}
	if (columns_of(p, clean) <= left) {
		put_some(p, style, clean, left);
	} else if (left > 0) {
		put_some(p, style, clean, left - 1);
		add_char(p, style, "…", 3);
	}
	free(clean);
}

void top_page_printf(struct top_page *p, enum top_style style, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	top_page_put(p, style, text);
}

void top_page_blank(struct top_page *p, enum top_style style, int columns)
{
	for (; columns > 0 && top_page_left(p) > 0; columns--)
		add_run(p, style, " ", 1, 1);
}

void top_page_field(struct top_page *p, enum top_style style, const char *text, int width,
		    int right)
{
	char *clean = text_valid(text, 1);
	int needs, before = last_line(p) ? last_line(p)->used : 0;

	width = width > top_page_left(p) ? top_page_left(p) : width;
	if (!clean || width <= 0) {
		p->failed = clean ? p->failed : ERR_NOMEM;
		free(clean);
		return;
	}
	needs = columns_of(p, clean);
	if (right && needs < width)
		top_page_blank(p, style, width - needs);
	if (needs <= width) {
		put_some(p, style, clean, width);
	} else if (width < 5) {
		put_some(p, style, clean, width);
	} else {
		put_some(p, style, clean, (width - 1) / 2);
		add_char(p, style, "…", 3);
		put_some(p, style, tail_of(p, clean, width - 1 - (width - 1) / 2), width);
	}
	if (last_line(p))
		top_page_blank(p, style, width - (last_line(p)->used - before));
	free(clean);
}

void top_page_fill(struct top_page *p, enum top_style style)
{
	top_page_blank(p, style, top_page_left(p));
}

void top_page_print(const struct top_page *p, FILE *out)
{
	uint32_t i;

	for (i = 0; i < p->n_lines; i++) {
		const struct top_page_line *l = &p->lines[i];
		size_t from, to;

		if (l->n_runs) {
			from = p->runs[l->run].at;
			to = p->runs[l->run + l->n_runs - 1].at +
			     p->runs[l->run + l->n_runs - 1].len;
			while (to > from && p->text.data[to - 1] == ' ')
				to--;
			fwrite(p->text.data + from, 1, to - from, out);
		}
		putc('\n', out);
	}
}
