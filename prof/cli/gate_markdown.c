/* The verdict as Markdown (GitHub's and GitLab's): the verdict, the rows that moved, functions with their stacks, the rest folded
 * away. It keeps to a limit: what matters least is left out first, and counted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_write.h"
#include "prof/cli/text.h"

#define NAME_ROOM       60  /* characters of a stage, a module */
#define FUNCTION_ROOM   120 /* of a function */
#define FRAME_ROOM      160 /* of a line of a stack */
#define WHY_ROOM        500
#define SIDE_ROOM       300
#define FRAMES_SHOWN    24 /* of a stack, the innermost */
#define FUNCTIONS_SHOWN 20
#define NOTES_SHOWN     20
#define TAIL            1024 /* bytes kept for what is said at the end */

struct md {
	struct buf *out;
	const struct gate_view *v;
	size_t limit;
	size_t left_out; /* rows, functions, notes */
};

/* Appends `piece` if it leaves room, and empties it. */
static int add(struct md *m, struct buf *piece)
{
	int fits = m->out->len + piece->len + TAIL <= m->limit;

	if (buf_failed(piece))
		m->out->failed = ERR_NOMEM;
	else if (fits)
		buf_puts(m->out, buf_str(piece));
	else
		m->left_out++;
	buf_clear(piece);
	return fits;
}

/* ---- the head ---- */

static const char *sign(enum verdict v)
{
	switch (v) {
	case VERDICT_REGRESSION:
		return "❌";
	case VERDICT_INCONCLUSIVE:
		return "⚠️";
	default:
		return "✅";
	}
}

/* In front there is no budget yet: `room` characters at most. */
static void put_words(struct buf *out, const struct buf *text, int room)
{
	char *shown = buf_failed(text) ? NULL : gate_shortened(buf_str(text), room);

	if (shown)
		gate_put_words(out, shown);
	else
		out->failed = ERR_NOMEM;
	free(shown);
}

/* A link's target: what could end it or act in it is written as %XX. */
static void put_address(struct buf *out, const char *address)
{
	for (; *address; address++) {
		unsigned char c = (unsigned char)*address;

		if (c <= 0x20 || c >= 0x7f || strchr("()<>[]\\\"'`|*_~", c))
			buf_printf(out, "%%%02X", c);
		else
			buf_putc(out, *address);
	}
}

static int is_address(const char *page)
{
	return strncmp(page, "https://", 8) == 0 || strncmp(page, "http://", 7) == 0;
}

static void put_page(struct buf *out, const char *page)
{
	if (is_address(page)) {
		buf_puts(out, "[differential page](");
		put_address(out, page);
		buf_puts(out, ")");
	} else {
		buf_puts(out, "differential page: ");
		gate_put_code(out, page, 0);
	}
}

static void put_head(struct md *m)
{
	static const char *const names[METRICS_GROUPS] = {"Base", "Candidate"};
	struct buf text = BUF_INIT;
	int i;

	gate_view_headline(&text, m->v);
	buf_printf(m->out, "<!-- protea-prof gate -->\n### %s ", sign(m->v->g->verdict));
	put_words(m->out, &text, WHY_ROOM);
	buf_puts(m->out, "\n\n");
	for (i = 0; i < METRICS_GROUPS; i++) {
		buf_clear(&text);
		gate_view_side(&text, &m->v->sides[i]);
		buf_printf(m->out, "%s%s: ", i ? "<br>" : "", names[i]);
		put_words(m->out, &text, SIDE_ROOM);
		buf_putc(m->out, '\n');
	}
	if (m->v->page) {
		buf_puts(m->out, "<br>");
		put_page(m->out, m->v->page);
		buf_putc(m->out, '\n');
	}
	buf_release(&text);
}

/* ---- rows ---- */

static void put_table_head(struct buf *out)
{
	buf_puts(out, "\n| | stage | metric | base | candidate | change | interval | runs |\n"
		      "|---|---|---|--:|--:|--:|---|---|\n");
}

static void put_row(struct buf *out, const struct gate_row *r)
{
	enum gate_state s = gate_row_state(r);
	int strong = s <= GATE_STATE_IMPROVED;
	char base[METRIC_TEXT], candidate[METRIC_TEXT], change[GATE_TEXT], interval[GATE_TEXT],
		runs[GATE_TEXT];

	buf_printf(out, "| %s%s%s | ", strong ? "**" : "", gate_state_name(s), strong ? "**" : "");
	if (r->stage)
		gate_put_code(out, r->stage, NAME_ROOM);
	else
		buf_puts(out, "(whole run)");
	buf_printf(out, " | %s | %s | %s | %s | %s | %s |\n", metric_title(r->metric),
		   metric_text(base, r->metric, r->d.base),
		   metric_text(candidate, r->metric, r->d.candidate),
		   gate_view_change(change, r->d.change), gate_view_interval(interval, r),
		   gate_view_runs(runs, r));
}

/* Rows [from, to) as a table, folded away under `summary` if there is one. */
static void put_rows(struct md *m, const struct gate_order *o, size_t from, size_t to,
		     const char *summary)
{
	struct buf piece = BUF_INIT;
	size_t i;

	if (from >= to)
		return;
	if (summary)
		buf_printf(&piece, "\n<details><summary>%s</summary>\n", summary);
	put_table_head(&piece);
	if (!add(m, &piece)) {
		m->left_out += to - from - 1;
		buf_release(&piece);
		return;
	}
	for (i = from; i < to; i++) {
		put_row(&piece, o->rows[i]);
		if (!add(m, &piece)) {
			m->left_out += to - i - 1;
			break;
		}
	}
	if (summary)
		buf_puts(m->out, "\n</details>\n");
	buf_release(&piece);
}

/* How many rows from `at` on have that note. */
static size_t same_note(const struct gate_order *o, size_t at, size_t n, const char *note)
{
	size_t i = at;

	while (i < n && gate_view_note(o->rows[i]) && strcmp(gate_view_note(o->rows[i]), note) == 0)
		i++;
	return i - at;
}

static void put_note(struct buf *out, const struct gate_row *r, size_t rows, const char *note)
{
	buf_puts(out, "* ");
	if (r->stage)
		gate_put_code(out, r->stage, NAME_ROOM);
	else
		buf_puts(out, "(whole run)");
	buf_printf(out, ", %s", metric_title(r->metric));
	if (rows > 1)
		buf_printf(out, " and %zu more", rows - 1);
	buf_puts(out, r->accepted_by ? ": accepted, " : ": ");
	gate_put_words(out, note);
	buf_putc(out, '\n');
}

/* Why nothing can be said of rows, or why they pass: once for those that follow each other. */
static void put_notes(struct md *m, const struct gate_order *o, size_t n)
{
	struct buf piece = BUF_INIT;
	size_t i = 0, rows, shown = 0;

	while (i < n && shown < NOTES_SHOWN) {
		const char *note = gate_view_note(o->rows[i]);

		rows = note ? same_note(o, i, n, note) : 1;
		if (note) {
			if (!shown++)
				buf_putc(&piece, '\n');
			put_note(&piece, o->rows[i], rows, note);
			if (!add(m, &piece))
				break;
		}
		i += rows;
	}
	buf_release(&piece);
}

/* ---- functions ---- */

static void put_function(struct buf *out, const struct gate_moved *moved)
{
	const struct gate_function *f = moved->f;
	char base[GATE_TEXT], candidate[GATE_TEXT], change[GATE_TEXT];

	buf_printf(out, "| %s | ", gate_view_rose(f) ? "more" : "less");
	gate_put_code(out, f->function, FUNCTION_ROOM);
	buf_puts(out, " | ");
	if (*f->module)
		gate_put_code(out, text_base(f->module), NAME_ROOM);
	buf_puts(out, " | ");
	if (*f->stage)
		gate_put_code(out, f->stage, NAME_ROOM);
	buf_printf(out, " | %s | %s | %s | %s |\n", gate_view_kind(moved),
		   gate_view_value(base, moved, f->base),
		   gate_view_value(candidate, moved, f->candidate),
		   gate_view_change(change, f->change));
}

static void put_frame(struct buf *out, const char *frame)
{
	buf_puts(out, "→ ");
	gate_put_plain(out, frame);
	buf_putc(out, '\n');
}

/* One frame a line, the innermost last; without what could end the block. */
static void put_frames(struct buf *out, const char *stack)
{
	size_t frames = 1, at = 0;
	const char *s;

	for (s = stack; *s; s++)
		frames += *s == ';';
	if (frames > FRAMES_SHOWN)
		buf_printf(out, "… %zu outer frames\n", frames - FRAMES_SHOWN);
	for (s = stack; s; at++) {
		size_t n = strcspn(s, ";");
		char *frame = strndup(s, n), *c;
		char *shown = frame ? gate_shortened(frame, FRAME_ROOM) : NULL;

		for (c = shown; c && *c; c++)
			*c = *c == '`' ? '\'' : *c;
		if (!shown)
			out->failed = ERR_NOMEM;
		else if (at + FRAMES_SHOWN >= frames)
			put_frame(out, shown);
		free(shown);
		free(frame);
		s = s[n] ? s + n + 1 : NULL;
	}
}

static void put_stacks(struct md *m, const struct gate_moved *moved, size_t n)
{
	struct buf piece = BUF_INIT;
	size_t i, any = 0;

	for (i = 0; i < n; i++) {
		if (!*moved[i].f->stack_text)
			continue;
		if (!any)
			buf_puts(&piece, "\n<details><summary>Stacks they moved in</summary>\n");
		buf_puts(&piece, "\n```text\n");
		put_frames(&piece, moved[i].f->stack_text);
		buf_puts(&piece, "```\n");
		if (!add(m, &piece))
			break;
		any = 1;
	}
	if (any)
		buf_puts(m->out, "\n</details>\n");
	buf_release(&piece);
}

static void put_functions(struct md *m)
{
	struct gate_moved *moved = NULL;
	struct buf piece = BUF_INIT;
	size_t n = 0, i, shown = 0;

	if (gate_view_moved(m->v, &moved, &n))
		m->out->failed = ERR_NOMEM;
	if (n)
		buf_printf(&piece, "\n**Functions that moved** (themselves, per run%s)\n\n",
			   gate_view_unproven(moved, n) ? "; one run a side: not proven" : "");
	if (n)
		buf_puts(&piece,
			 "| | function | module | stage | kind | base | candidate | change |\n"
			 "|---|---|---|---|---|--:|--:|--:|\n");
	if (n && add(m, &piece))
		for (i = 0; i < n && i < FUNCTIONS_SHOWN; i++) {
			put_function(&piece, &moved[i]);
			if (!add(m, &piece))
				break;
			shown++;
		}
	if (n > FUNCTIONS_SHOWN)
		buf_printf(m->out, "\n… and %zu more functions\n", n - FUNCTIONS_SHOWN);
	put_stacks(m, moved, shown);
	free(moved);
	buf_release(&piece);
}

/* ---- remarks and commands ---- */

static void put_remarks(struct md *m)
{
	struct buf piece = BUF_INIT;
	const char *remark;
	size_t i;

	for (i = 0; (remark = gate_view_remark(m->v, i)) && i < NOTES_SHOWN; i++) {
		buf_printf(&piece, "%s* ", i ? "" : "\n");
		gate_put_words(&piece, remark);
		buf_putc(&piece, '\n');
		add(m, &piece);
	}
	buf_release(&piece);
}

/* One more backtick than stands together in `text`, three at least: what a block is fenced by. */
static int fence_of(const char *text)
{
	int most = 2, run = 0;

	for (; *text; text++) {
		run = *text == '`' ? run + 1 : 0;
		most = run > most ? run : most;
	}
	return most + 1;
}

static void put_fence(struct buf *out, int backticks, const char *language)
{
	while (backticks-- > 0)
		buf_putc(out, '`');
	buf_printf(out, "%s\n", language);
}

/* Lines to type, as a block. */
static void put_block(struct md *m, const char *title, const struct buf *lines)
{
	struct buf piece = BUF_INIT;
	const char *at = buf_str(lines);
	int fence = fence_of(at);

	if (buf_failed(lines))
		m->out->failed = ERR_NOMEM;
	buf_printf(&piece, "\n%s:\n\n", title);
	put_fence(&piece, fence, "sh");
	while (*at) {
		size_t n = strcspn(at, "\n");
		char *line = strndup(at, n), *shown = line ? gate_shortened(line, 0) : NULL;

		if (shown)
			buf_printf(&piece, "%s\n", shown);
		else
			m->out->failed = ERR_NOMEM;
		free(shown);
		free(line);
		at += n + (at[n] == '\n');
	}
	put_fence(&piece, fence, "");
	add(m, &piece);
	buf_release(&piece);
}

static void put_next(struct md *m, const struct gate_order *o)
{
	struct buf lines = BUF_INIT;
	char title[96];
	size_t i, n = 0;

	if (m->v->more) {
		snprintf(title, sizeof title, "%zu more runs of each side would decide",
			 m->v->g->more);
		buf_puts(&lines, m->v->more);
		put_block(m, m->v->g->more ? title : "More runs", &lines);
		buf_clear(&lines);
	}
	for (i = 0; i < o->of[GATE_STATE_REGRESSION] && n < 5; i++)
		if (o->rows[i]->accept) {
			if (n++)
				buf_putc(&lines, '\n');
			gate_view_accept(&lines, m->v, o->rows[i]);
		}
	if (n)
		put_block(m, n > 1 ? "To accept them on purpose" : "To accept it on purpose",
			  &lines);
	buf_release(&lines);
}

/* ---- the document ---- */

static void put_body(struct md *m, const struct gate_order *o)
{
	size_t ok = o->of[GATE_STATE_OK];
	char summary[128];

	put_rows(m, o, 0, o->moved, NULL);
	put_notes(m, o, o->moved);
	put_functions(m);
	put_remarks(m);
	put_next(m, o);
	snprintf(summary, sizeof summary, "%zu more: %zu ok, %zu undecided, %zu ignored",
		 o->n - o->moved, ok, o->of[GATE_STATE_UNDECIDED], o->of[GATE_STATE_IGNORED]);
	if (ok == o->n - o->moved)
		snprintf(summary, sizeof summary, "%zu that did not change beyond their thresholds",
			 ok);
	put_rows(m, o, o->moved, o->n, summary);
	if (m->left_out)
		buf_printf(m->out,
			   "\n%zu lines are left out, for this text may not be longer; "
			   "`protea-prof gate --json` has them all.\n",
			   m->left_out);
}

void gate_write_markdown(struct buf *out, const struct gate_view *v, size_t limit)
{
	struct md m = {out, v, limit, 0};
	struct gate_order o;

	if (gate_order_make(&o, v->g)) {
		out->failed = ERR_NOMEM;
		return;
	}
	put_head(&m);
	put_body(&m, &o);
	gate_order_release(&o);
}

void gate_write_failed_markdown(struct buf *out, const char *text)
{
	buf_puts(out, "<!-- protea-prof gate -->\n### ❌ nothing was compared\n\n");
	gate_put_words(out, text);
	buf_putc(out, '\n');
}
