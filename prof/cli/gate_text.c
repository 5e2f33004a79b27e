/* The verdict for a terminal: what decided, the rows that moved, the functions that did, what to type next. No line begins with a
 * foreign name: a CI server reads commands at the beginning of lines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_write.h"
#include "prof/cli/text.h"

#define ROWS_SHOWN      30
#define FUNCTIONS_SHOWN 10
#define SIDE_ROOM       300
#define NAME_ROOM       160 /* columns of a name that has a line to itself */

enum { VERDICT, STAGE, METRIC, BASE, CANDIDATE, CHANGE, INTERVAL, RUNS, CELLS };
static const char *const heads[CELLS] = {"",          "stage",  "metric",   "base",
					 "candidate", "change", "interval", "runs"};

typedef char cells[CELLS][GATE_TEXT];

struct text {
	struct buf *out;
	const struct gate_view *v;
	int columns, colour;
};

/* ---- cells ---- */

static const char *colour_of(enum gate_state s)
{
	switch (s) {
	case GATE_STATE_REGRESSION:
		return "31";
	case GATE_STATE_INCONCLUSIVE:
	case GATE_STATE_REFUSED:
		return "33";
	case GATE_STATE_IMPROVED:
		return "32";
	default:
		return NULL;
	}
}

/* `text`, cut in the middle to `room` columns; right: blanks in front up to there. Returns how many it took. */
static int put_name(struct text *t, const char *text, int room, int right, const char *colour)
{
	char *shown = gate_shortened(text, room);
	int used = shown ? text_columns(shown) : 0;

	if (!shown) {
		t->out->failed = ERR_NOMEM;
		return 0;
	}
	if (right)
		buf_printf(t->out, "%*s", room > used ? room - used : 0, "");
	if (colour && t->colour)
		buf_printf(t->out, "\033[%sm", colour);
	gate_put_plain(t->out, shown);
	if (colour && t->colour)
		buf_puts(t->out, "\033[0m");
	free(shown);
	return used;
}

static void put_cell(struct text *t, const char *text, int width, int right, const char *colour)
{
	int used = put_name(t, text, width, right, colour);

	if (!right)
		buf_printf(t->out, "%*s", width > used ? width - used : 0, "");
}

static void put_plain(struct text *t, const char *text)
{
	gate_put_plain(t->out, text);
}

static void trim(struct buf *b)
{
	while (b->len && b->data[b->len - 1] == ' ')
		b->data[--b->len] = '\0';
}

static void end_line(struct text *t)
{
	trim(t->out);
	buf_putc(t->out, '\n');
}

/* ---- the head ---- */

static void put_head(struct text *t)
{
	static const char *const names[METRICS_GROUPS] = {"base", "candidate"};
	static const char *const colours[] = {"1;32", "1;32", "1;31", "1;33"};
	struct buf line = BUF_INIT;
	int i;

	gate_view_headline(&line, t->v);
	gate_spoil(t->out, &line);
	if (t->colour)
		buf_printf(t->out, "\033[%sm", colours[t->v->g->verdict]);
	put_plain(t, buf_str(&line));
	if (t->colour)
		buf_puts(t->out, "\033[0m");
	buf_puts(t->out, "\n");
	for (i = 0; i < METRICS_GROUPS; i++) {
		buf_clear(&line);
		gate_view_side(&line, &t->v->sides[i]);
		buf_printf(t->out, "%-9s  ", names[i]);
		put_name(t, buf_str(&line), SIDE_ROOM, 0, NULL);
		end_line(t);
		gate_spoil(t->out, &line);
	}
	buf_release(&line);
}

/* ---- rows ---- */

static void fill(cells c, const struct gate_row *r)
{
	snprintf(c[VERDICT], GATE_TEXT, "%s", gate_state_name(gate_row_state(r)));
	snprintf(c[METRIC], GATE_TEXT, "%s", metric_title(r->metric));
	metric_text(c[BASE], r->metric, r->d.base);
	metric_text(c[CANDIDATE], r->metric, r->d.candidate);
	gate_view_change(c[CHANGE], r->d.change);
	gate_view_interval(c[INTERVAL], r);
	gate_view_runs(c[RUNS], r);
}

/* Where the line is short, what matters least is not shown; then names are cut. */
static void measure(struct text *t, int width[CELLS], const struct gate_order *o, cells *rows,
		    size_t n)
{
	static const int optional[] = {RUNS, INTERVAL, BASE, CANDIDATE};
	int k, room = t->columns - 2, names = 5, least;
	size_t i;

	for (k = 0; k < CELLS; k++) {
		width[k] = (int)strlen(heads[k]);
		for (i = 0; k != STAGE && i < n; i++) {
			int len = text_columns(rows[i][k]);

			width[k] = len > width[k] ? len : width[k];
		}
		room -= k == STAGE ? 0 : width[k] + 2;
	}
	for (i = 0; i < n; i++) {
		int len = text_columns(gate_view_stage(o->rows[i]->stage));

		names = len > names ? len : names;
	}
	least = names < 16 ? names : 16;
	for (i = 0; room < least && i < sizeof optional / sizeof *optional; i++) {
		room += width[optional[i]] + 2;
		width[optional[i]] = 0;
	}
	room = room > least ? room : least;
	width[STAGE] = names < room ? names : room;
}

static void put_row(struct text *t, const int width[CELLS], const struct gate_row *r,
		    const char *const *texts)
{
	int k;

	for (k = 0; k < CELLS; k++) {
		const char *colour = r && k == VERDICT ? colour_of(gate_row_state(r)) : NULL;

		if (k != VERDICT && !width[k])
			continue;
		put_cell(t, texts[k], width[k], k >= BASE, colour);
		buf_puts(t->out, "  ");
	}
	end_line(t);
}

/* Under the last of the rows that it is of. */
static void put_note(struct text *t, const struct gate_row *r, const struct gate_row *next)
{
	const char *note = gate_view_note(r), *then = next ? gate_view_note(next) : NULL;

	if (!note || (then && strcmp(note, then) == 0))
		return;
	buf_puts(t->out, r->accepted_by ? "  accepted: " : "  note: ");
	put_plain(t, note);
	end_line(t);
}

static void put_table(struct text *t, const struct gate_order *o, size_t n, cells *rows)
{
	int width[CELLS], k;
	size_t i;

	for (i = 0; i < n; i++)
		fill(rows[i], o->rows[i]);
	measure(t, width, o, rows, n);
	buf_putc(t->out, '\n');
	put_row(t, width, NULL, heads);
	for (i = 0; i < n; i++) {
		const char *texts[CELLS];

		for (k = 0; k < CELLS; k++)
			texts[k] = rows[i][k];
		texts[STAGE] = gate_view_stage(o->rows[i]->stage);
		put_row(t, width, o->rows[i], texts);
		put_note(t, o->rows[i], i + 1 < n ? o->rows[i + 1] : NULL);
	}
}

static void put_count(struct text *t, size_t n, const char *what, int *any)
{
	if (!n)
		return;
	buf_printf(t->out, "%s%zu %s", *any ? ", " : "", n, what);
	*any = 1;
}

/* What the table leaves out. */
static void put_left(struct text *t, const struct gate_order *o, size_t shown)
{
	size_t cut = o->moved > shown ? o->moved - shown : 0;
	size_t rest = o->n - (shown > o->moved ? shown : o->moved);
	int any = 0;

	if (!cut && !rest)
		return;
	buf_puts(t->out, shown ? "not shown: " : "\nrows: ");
	put_count(t, cut, "more of these", &any);
	put_count(t, rest ? o->of[GATE_STATE_OK] : 0, "that did not change beyond their thresholds",
		  &any);
	put_count(t, rest ? o->of[GATE_STATE_UNDECIDED] : 0, "of which nothing can be said", &any);
	put_count(t, rest ? o->of[GATE_STATE_IGNORED] : 0, "ignored", &any);
	buf_puts(t->out, " (--all shows them)\n");
}

static void put_rows(struct text *t)
{
	struct gate_order o;
	cells *rows;
	size_t n;

	if (gate_order_make(&o, t->v->g)) {
		t->out->failed = ERR_NOMEM;
		return;
	}
	n = t->v->all ? o.n : o.moved < ROWS_SHOWN ? o.moved : ROWS_SHOWN;
	rows = calloc(n + 1, sizeof(*rows));
	if (!rows)
		t->out->failed = ERR_NOMEM;
	else if (n)
		put_table(t, &o, n, rows);
	if (rows)
		put_left(t, &o, n);
	free(rows);
	gate_order_release(&o);
}

/* ---- functions ---- */

static void put_function(struct text *t, const struct gate_moved *m)
{
	const struct gate_function *f = m->f;
	char value[GATE_TEXT], text[GATE_TEXT];
	double delta = f->candidate - f->base;

	gate_view_value(value, m, delta);
	buf_printf(t->out, "  %-5s %s%s", gate_view_kind(m), delta > 0 ? "+" : "", value);
	if (isfinite(f->change))
		buf_printf(t->out, ", %s", gate_view_change(text, f->change));
	if (f->lo < f->hi && strcmp(gate_view_range(text, f->lo, f->hi), "-") != 0)
		buf_printf(t->out, " (%s)", text);
	buf_puts(t->out, "  ");
	put_name(t, f->function, NAME_ROOM, 0,
		 f->unproven         ? NULL
		 : gate_view_rose(f) ? "31"
				     : "32");
	if (*f->module) {
		buf_puts(t->out, "  ");
		put_name(t, text_base(f->module), NAME_ROOM, 0, NULL);
	}
	if (*f->stage) {
		buf_puts(t->out, "  in ");
		put_name(t, f->stage, NAME_ROOM, 0, NULL);
	}
	end_line(t);
	if (!*f->stack_text)
		return;
	buf_puts(t->out, "        by ");
	put_name(t, f->stack_text, t->columns > 40 ? t->columns - 11 : 29, 0, NULL);
	end_line(t);
}

static void put_functions(struct text *t)
{
	struct gate_moved *moved = NULL;
	size_t n = 0, i, shown;

	if (gate_view_moved(t->v, &moved, &n))
		t->out->failed = ERR_NOMEM;
	shown = t->v->all || n < FUNCTIONS_SHOWN ? n : FUNCTIONS_SHOWN;
	if (n)
		buf_printf(t->out, "\nfunctions that moved, themselves, per run%s:\n",
			   gate_view_unproven(moved, n) ? " (one run a side: not proven)" : "");
	for (i = 0; i < shown; i++)
		put_function(t, &moved[i]);
	if (shown < n)
		buf_printf(t->out, "  … %zu more (--all shows them)\n", n - shown);
	free(moved);
}

/* ---- remarks, and what to type next ---- */

static void put_remarks(struct text *t)
{
	const char *remark;
	size_t i;

	for (i = 0; (remark = gate_view_remark(t->v, i)); i++) {
		buf_puts(t->out, i ? "note: " : "\nnote: ");
		put_plain(t, remark);
		end_line(t);
	}
}

/* `lines`: a command each. */
static void put_command(struct text *t, int *any, const char *why, const char *lines)
{
	if (!*any)
		buf_puts(t->out, "\nnext:\n");
	*any = 1;
	buf_printf(t->out, "  %s:\n", why);
	while (*lines) {
		size_t n = strcspn(lines, "\n");
		char *line = strndup(lines, n);

		if (!line) {
			t->out->failed = ERR_NOMEM;
			return;
		}
		buf_puts(t->out, "    ");
		put_plain(t, line);
		end_line(t);
		free(line);
		lines += n + (lines[n] == '\n');
	}
}

/* The first regression is the one to look at; the others are accepted likewise. */
static void put_accept(struct text *t, int *any)
{
	struct gate_order o;
	struct buf line = BUF_INIT;

	if (gate_order_make(&o, t->v->g)) {
		t->out->failed = ERR_NOMEM;
		return;
	}
	if (o.of[GATE_STATE_REGRESSION] && o.rows[0]->accept) {
		gate_view_accept(&line, t->v, o.rows[0]);
		put_command(t, any,
			    o.of[GATE_STATE_REGRESSION] > 1 ? "accept the first of these on purpose"
							    : "accept it on purpose",
			    buf_str(&line));
		gate_spoil(t->out, &line);
	}
	buf_release(&line);
	gate_order_release(&o);
}

static int has_moved(const struct gate_result *g)
{
	return g->of[VERDICT_REGRESSION] || g->of[VERDICT_IMPROVED];
}

static void put_next(struct text *t)
{
	const struct gate_view *v = t->v;
	char why[96];
	int any = 0;

	if (v->more) {
		snprintf(why, sizeof why, "%zu more run%s of each side would decide", v->g->more,
			 v->g->more == 1 ? "" : "s");
		put_command(t, &any, v->g->more ? why : "more runs", v->more);
	}
	if (v->page)
		put_command(t, &any, "the differential page", v->page);
	else if (v->flame && has_moved(v->g))
		put_command(t, &any, "see what moved", v->flame);
	put_accept(t, &any);
}

void gate_write_text(struct buf *out, const struct gate_view *v, int columns, int colour)
{
	struct text t = {out, v, columns, colour};

	put_head(&t);
	put_rows(&t);
	put_functions(&t);
	put_remarks(&t);
	put_next(&t);
}
