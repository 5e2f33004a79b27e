/* The page as plain HTML: see static.h. End tags that HTML does not need are left out, for size. */
#include "viewer/static.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "prof/base/units.h"
#include "viewer/html.h"
#include "viewer/redact.h"
#include "viewer/static_list.h"

#define SMALL_STACKS 2000
#define LOSSES_MAX   8
#define WORD_MAX     40 /* characters of ids, hosts and reasons */
#define BDI_BYTES    11 /* the element around a name */
#define RESERVE      64 /* what closes a table */

struct writing {
	struct buf *out;
	const struct flame_options *o;
	struct static_list list;
	enum profile_kind kind;
	size_t end; /* of `out`, at most */
};

/* ---- words and numbers ---- */

static const char *kind_text(enum profile_kind kind)
{
	static const char *const texts[PROFILE_KINDS] = {
		"CPU time",
		"wall-clock time",
		"time off the CPU",
		"bytes allocated",
		"bytes not freed at the end of recording",
		"bytes live at the peak",
		"bytes never freed",
		"bytes of short-lived allocations",
		"bytes mapped at the peak",
		"bytes copied",
		"time in SQL",
		"GPU time",
	};

	return texts[kind];
}

static const char *count_noun(enum profile_kind kind)
{
	static const char *const nouns[PROFILE_KINDS] = {
		"samples", "samples",     "samples",  "allocations", "blocks",     "blocks",
		"blocks",  "allocations", "mappings", "copies",      "statements", "samples",
	};

	return nouns[kind];
}

static void put_amount(struct buf *out, enum profile_kind kind, uint64_t value)
{
	char text[UNITS_TEXT];

	if (!profile_kind_is_time(kind))
		units_bytes(text, value);
	else
		units_ns(text, value > INT64_MAX ? INT64_MAX : (int64_t)value);
	buf_puts(out, text);
}

/* With its sign. */
static void put_change(struct buf *out, enum profile_kind kind, uint64_t from, uint64_t to)
{
	buf_puts(out, to > from ? "+" : to < from ? "\xe2\x88\x92" : "");
	put_amount(out, kind, to > from ? to - from : from - to);
}

static void put_count(struct buf *out, uint64_t n)
{
	char text[UNITS_TEXT];

	buf_puts(out, units_count(text, n));
}

static void put_share(struct buf *out, uint64_t part, uint64_t whole)
{
	char text[UNITS_TEXT];

	buf_puts(out, units_pct(text, (double)part, (double)whole));
}

static void put_date(struct buf *out, int64_t unix_ns)
{
	time_t t = (time_t)(unix_ns / 1000000000 - (unix_ns % 1000000000 < 0));
	char text[64];
	struct tm tm;

	if (gmtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_puts(out, text);
	else
		buf_puts(out, "\xe2\x80\x93");
}

/* Bytes of the first `max` characters; what is no UTF-8 counts byte by byte. */
static size_t cut(const char *text, size_t n, size_t max)
{
	size_t i, seen = 0;

	for (i = 0; i < n && i < 4 * max; i++) {
		int goes_on = i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80 &&
			      ((unsigned char)text[i - 1] & 0x80);

		if (!goes_on && seen++ == max)
			break;
	}
	return i;
}

/* The beginning of it: `max` characters, fewer where many of them need references. */
static void put_cut(struct buf *out, const char *text, size_t n, size_t max)
{
	size_t before = out->len, most = max, kept = cut(text, n, most);

	html_name(out, text, kept);
	while (most > 1 && out->len - before > 3 * max + BDI_BYTES && !buf_failed(out)) {
		out->len = before;
		most /= 2;
		kept = cut(text, n, most);
		html_name(out, text, kept);
	}
	if (kept < n)
		buf_puts(out, "\xe2\x80\xa6");
}

static void put_name(struct buf *out, const char *text, size_t n)
{
	put_cut(out, text, n, STATIC_NAME_MAX);
}

static void put_string(struct buf *out, const struct profile *p, uint32_t id, size_t max)
{
	put_cut(out, strtab_text(p->strings, id), strtab_len(p->strings, id), max);
}

/* A name of the profile, `max` characters of it; in a redacted page without folders. */
static void put_shown(const struct writing *w, const char *text, size_t n, size_t max)
{
	struct buf name = BUF_INIT;

	if (!w->o->redact) {
		put_cut(w->out, text, n, max);
		return;
	}
	redact_name(&name, text, n);
	put_cut(w->out, buf_str(&name), name.len, max);
	if (buf_failed(&name))
		w->out->failed = ERR_NOMEM;
	buf_release(&name);
}

/* ---- a run ---- */

static void put_command(const struct writing *w, const struct profile *p)
{
	const char *command = strtab_text(p->strings, p->run.command), *from = command;
	size_t n = strtab_len(p->strings, p->run.command);

	if (n == 0)
		return;
	if (w->o->redact)
		from = redact_program(command, &n);
	buf_puts(w->out, "<p><code>");
	put_name(w->out, from, n);
	buf_puts(w->out, "</code>\n");
}

static void put_losses(const struct writing *w, const struct profile *p)
{
	struct buf *out = w->out;
	uint32_t i;

	buf_puts(out, "; lost: ");
	for (i = 0; i < p->n_losses && i < LOSSES_MAX; i++) {
		buf_puts(out, i ? ", " : "");
		put_count(out, p->losses[i].count);
		buf_putc(out, ' ');
		put_shown(w, strtab_text(p->strings, p->losses[i].reason),
			  strtab_len(p->strings, p->losses[i].reason), WORD_MAX);
	}
	buf_puts(out, i < p->n_losses ? ", \xe2\x80\xa6" : i == 0 ? "nothing" : "");
}

static void put_run(const struct writing *w, size_t nth)
{
	const struct flame_run *r = &w->o->runs[nth];
	const struct profile *p = r->p;
	char text[UNITS_TEXT];

	buf_puts(w->out, "<h2>");
	if (w->o->n_runs > 1)
		buf_puts(w->out, nth == 0 ? "A: " : "B: ");
	if (w->o->title && w->o->n_runs == 1)
		put_name(w->out, w->o->title, strlen(w->o->title));
	else if (r->name)
		put_shown(w, r->name, strlen(r->name), STATIC_NAME_MAX);
	else
		put_shown(w, strtab_text(p->strings, p->run.name),
			  strtab_len(p->strings, p->run.name), STATIC_NAME_MAX);
	buf_puts(w->out, "</h2>\n");
	put_command(w, p);
	buf_puts(w->out, "<p>run ");
	put_string(w->out, p, p->run.id, WORD_MAX);
	if (!w->o->redact && strtab_len(p->strings, p->run.host)) {
		buf_puts(w->out, " on ");
		put_string(w->out, p, p->run.host, WORD_MAX);
	}
	buf_puts(w->out, ", ");
	put_date(w->out, p->run.started_at);
	buf_printf(w->out, ", %s%s", units_ns(text, p->run.duration_ns),
		   p->run.finished ? "" : " so far");
	if (p->run.rate_hz > 0)
		buf_printf(w->out, ", %g Hz", p->run.rate_hz);
	put_losses(w, p);
	buf_putc(w->out, '\n');
}

/* ---- tables ---- */

static void put_head(struct buf *out, const char *const *names, size_t n)
{
	size_t i;

	buf_puts(out, "<table><thead><tr>");
	for (i = 0; i < n; i++)
		buf_printf(out, "<th scope=\"col\">%s", names[i]);
	buf_puts(out, "<tbody>\n");
}

static void put_function(const struct writing *w, const struct static_row *r)
{
	buf_puts(w->out, "<tr><td>");
	put_shown(w, strtab_text(w->list.names, r->name), strtab_len(w->list.names, r->name),
		  STATIC_NAME_MAX);
}

static void put_row(const struct writing *w, const struct static_row *r)
{
	const struct static_list *l = &w->list;
	struct buf *out = w->out;

	put_function(w, r);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->self[0]);
	buf_puts(out, "<td>");
	put_share(out, r->self[0], l->value[0]);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->total[0]);
	buf_puts(out, "<td>");
	put_share(out, r->total[0], l->value[0]);
	buf_putc(out, '\n');
}

static void put_compared(const struct writing *w, const struct static_row *r)
{
	struct buf *out = w->out;

	put_function(w, r);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->self[0]);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->self[1]);
	buf_puts(out, "<td>");
	put_change(out, w->kind, r->self[0], r->self[1]);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->total[0]);
	buf_puts(out, "<td>");
	put_amount(out, w->kind, r->total[1]);
	buf_putc(out, '\n');
}

/* How sure the sum is: what samples can be off by. */
static void put_precision(const struct writing *w, size_t side)
{
	const struct flame_run *r = &w->o->runs[side];
	size_t i;

	for (i = 0; i < r->n_precisions; i++) {
		const struct flame_precision *at = &r->precisions[i];

		if (at->kind != w->kind)
			continue;
		buf_puts(w->out, " (");
		html_text(w->out, at->text, strlen(at->text));
		if (at->hi > at->lo && at->lo >= 0 && at->hi < 1e18) {
			buf_puts(w->out, "; 95 %: ");
			put_amount(w->out, w->kind, (uint64_t)at->lo);
			buf_puts(w->out, " \xe2\x80\xa6 ");
			put_amount(w->out, w->kind, (uint64_t)at->hi);
		}
		buf_putc(w->out, ')');
	}
}

static void put_sum(const struct writing *w)
{
	size_t side;

	buf_printf(w->out, "<h3>%s: ", kind_text(w->kind));
	for (side = 0; side < w->list.n_sides; side++) {
		if (w->list.n_sides > 1)
			buf_puts(w->out, side ? "; B " : "A ");
		put_amount(w->out, w->kind, w->list.value[side]);
		buf_puts(w->out, ", ");
		put_count(w->out, w->list.count[side]);
		buf_printf(w->out, " %s", count_noun(w->kind));
		put_precision(w, side);
	}
	buf_puts(w->out, "</h3>\n");
}

/* Rows while there is room, and how many functions have none. */
static void put_rows(const struct writing *w, size_t end)
{
	const struct static_list *l = &w->list;
	uint32_t i;

	for (i = 0; i < l->n_order && i < STATIC_ROWS; i++) {
		size_t before = w->out->len;

		if (l->n_sides > 1)
			put_compared(w, &l->rows[l->order[i]]);
		else
			put_row(w, &l->rows[l->order[i]]);
		if (w->out->len + RESERVE > end) {
			w->out->len = before;
			break;
		}
	}
	buf_puts(w->out, "</table>\n");
	if (i < l->n_order) {
		buf_puts(w->out, "<p>and ");
		put_count(w->out, l->n_order - i);
		buf_puts(w->out, " more that cost less\n");
	}
}

static int put_table(struct writing *w, enum profile_kind kind, size_t end)
{
	static const char *const one[] = {"function", "self", "share", "total", "share"};
	static const char *const two[] = {"function",         "self, A",  "self, B",
					  "B \xe2\x88\x92 A", "total, A", "total, B"};

	w->kind = kind;
	if (static_list_sum(&w->list, kind))
		return ERR_NOMEM;
	put_sum(w);
	if (w->list.n_order == 0)
		return 0;
	if (w->list.n_sides > 1)
		put_head(w->out, two, sizeof two / sizeof two[0]);
	else
		put_head(w->out, one, sizeof one / sizeof one[0]);
	put_rows(w, end);
	return 0;
}

/* Bytes beside the kind that is shown first, or beside bytes the time: what of it the run has. PROFILE_KINDS: none. */
static enum profile_kind other_kind(const struct flame_options *o)
{
	static const enum profile_kind bytes[] = {PROFILE_ALLOC, PROFILE_PEAK, PROFILE_LIVE,
						  PROFILE_LEAK,  PROFILE_COPY, PROFILE_TEMPORARY,
						  PROFILE_MMAP};
	static const enum profile_kind times[] = {PROFILE_CPU, PROFILE_WALL, PROFILE_OFFCPU};
	const struct profile *p = o->runs[0].p;
	const enum profile_kind *wanted = profile_kind_is_time(o->kind) ? bytes : times;
	size_t n = profile_kind_is_time(o->kind) ? sizeof bytes / sizeof bytes[0]
						 : sizeof times / sizeof times[0];
	unsigned seen = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		seen |= 1u << p->samples[i].kind;
	for (i = 0; i < n && !o->only_kind; i++)
		if (seen >> wanted[i] & 1)
			return wanted[i];
	return PROFILE_KINDS;
}

static int put_tables(struct writing *w, struct err *err)
{
	enum profile_kind other = other_kind(w->o);
	size_t left = w->end > w->out->len ? w->end - w->out->len : 0;
	int rc = static_list_init(&w->list, w->o);

	if (rc == 0)
		rc = put_table(w, w->o->kind, other == PROFILE_KINDS ? w->end : w->end - left / 2);
	if (rc == 0 && other != PROFILE_KINDS)
		rc = put_table(w, other, w->end);
	static_list_release(&w->list);
	return rc || buf_failed(w->out) ? err_nomem(err, "the table of a page") : 0;
}

static size_t bytes_of(const struct flame_options *o)
{
	if (o->max_bytes && o->max_bytes <= STATIC_TIGHT)
		return STATIC_BYTES_LEAST;
	return o->runs[0].p->n_stacks < SMALL_STACKS ? STATIC_BYTES_SMALL : STATIC_BYTES_MAX;
}

int static_write(struct buf *out, const struct flame_options *o, struct err *err)
{
	struct writing w = {.out = out, .o = o};
	size_t i, from = out->len;

	w.end = from + bytes_of(o);
	if (o->title && o->n_runs > 1) {
		buf_puts(out, "<h2>");
		put_name(out, o->title, strlen(o->title));
		buf_puts(out, "</h2>\n");
	}
	for (i = 0; i < o->n_runs && i < STATIC_SIDES; i++)
		put_run(&w, i);
	if (o->n_runs > STATIC_SIDES)
		buf_printf(out, "<p>and %zu more runs\n", o->n_runs - STATIC_SIDES);
	if (o->filter_text) {
		buf_puts(out, "<p>only ");
		put_name(out, o->filter_text, strlen(o->filter_text));
		buf_putc(out, '\n');
	}
	return put_tables(&w, err);
}
