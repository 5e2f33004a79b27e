/* Rows of top's tables, and its help. */
#include <stdio.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/text.h"
#include "prof/cli/top_layout.h"

/* Widths, with the blanks behind. */
#define PCT   8
#define TIME  11
#define TID   9
#define STATE 10
#define NAME  17

/* Which columns a page has room for. */
static int has_times(const struct top_page *p)
{
	return p->columns >= 72;
}
static int has_total(const struct top_page *p)
{
	return p->columns >= 36;
}
static int has_self(const struct top_page *p)
{
	return p->columns >= 20;
}

const char *top_state_name(const struct top_thread *t)
{
	return t->ended ? "ended" : profile_state_name(t->state);
}

/* ---- cells ---- */

static void pct(struct top_page *p, double part, double whole)
{
	char text[UNITS_TEXT];
	double share = whole > 0 ? part / whole : 0;

	if (part > 0)
		units_pct(text, part, whole);
	else
		snprintf(text, sizeof(text), "-");
	top_page_field(p,
		       share >= 0.2    ? TOP_HOT
		       : share >= 0.05 ? TOP_WARM
				       : TOP_PLAIN,
		       text, PCT - 1, 1);
	top_page_blank(p, TOP_PLAIN, 1);
}

static void duration(struct top_page *p, double ns)
{
	char text[UNITS_TEXT];

	if (ns >= 1)
		units_ns(text, ns < 9e18 ? (int64_t)ns : INT64_MAX);
	else
		snprintf(text, sizeof(text), "-");
	top_page_field(p, TOP_PLAIN, text, TIME - 1, 1);
	top_page_blank(p, TOP_PLAIN, 1);
}

static void head(struct top_page *p, const char *text, int width)
{
	top_page_field(p, TOP_HEAD, text, width - 1, 1);
	top_page_blank(p, TOP_HEAD, 1);
}

/* A name and what it belongs to: the name gets what it needs before the other gets more than a third. */
static void name_and_place(struct top_page *p, const char *name, const char *place)
{
	int room = top_page_left(p), wants = top_text_columns(name);
	int gets = top_text_columns(place), third = room / 3 > 8 ? room / 3 : 8;

	if (!*place || room < 24) {
		top_page_field(p, TOP_PLAIN, name, wants < room ? wants : room, 0);
		return;
	}
	if (gets > room - 2 - wants && gets > third)
		gets = room - 2 - wants > third ? room - 2 - wants : third;
	if (wants > room - 2 - gets)
		wants = room - 2 - gets;
	top_page_field(p, TOP_PLAIN, name, wants, 0);
	top_page_blank(p, TOP_PLAIN, 2);
	top_page_field(p, TOP_FAINT, place, gets, 0);
}

/* ---- rows ---- */

static void costs(struct top_page *p, const struct top_model *m, const struct top_view *v,
		  const struct top_row *r, const struct top_cost *c)
{
	double whole = m->sum[v->kind][v->span];

	if (has_self(p))
		pct(p, r->self, whole);
	if (has_total(p))
		pct(p, r->total, whole);
	if (has_times(p)) {
		duration(p, c->self[TOP_ALL]);
		duration(p, c->total[TOP_ALL]);
	}
}

static void function_row(struct top_page *p, const struct top_model *m, const struct top_view *v,
			 const struct top_row *r)
{
	const struct top_function *f = &m->functions[r->item];

	costs(p, m, v, r, &f->cost[v->kind]);
	name_and_place(p, strtab_text(m->strings, f->name),
		       text_base(strtab_text(m->strings, f->module)));
}

static void line_row(struct top_page *p, const struct top_model *m, const struct top_view *v,
		     const struct top_row *r)
{
	const struct top_line *l = &m->lines[r->item];
	const struct top_function *f = &m->functions[l->function];
	const char *file = strtab_text(m->strings, l->file);
	char place[600];

	if (*file && l->line)
		snprintf(place, sizeof(place), "%.500s:%u", text_base(file), l->line);
	else
		snprintf(place, sizeof(place), "%.500s",
			 text_base(strtab_text(m->strings, f->module)));
	costs(p, m, v, r, &l->cost[v->kind]);
	name_and_place(p, strtab_text(m->strings, f->name), place);
}

static void tree_row(struct top_page *p, const struct top_model *m, const struct top_view *v,
		     const struct top_row *r)
{
	const struct top_node *n = &m->nodes[r->item];
	const struct top_function *f = &m->functions[n->function];
	const char *mark = !r->inner ? "  "
			   : p->utf8 ? (r->open ? "▾ " : "▸ ")
			   : r->open ? "- "
				     : "+ ";
	int indent = (int)(r->depth < 1000 ? r->depth : 1000), room;

	costs(p, m, v, r, &n->cost[v->kind]);
	room = top_page_left(p) / 2;
	/* Deep frames stay readable: beyond half the width the depth is a number. */
	if (indent > room) {
		char depth[UNITS_TEXT];

		snprintf(depth, sizeof(depth), "%u ", r->depth);
		top_page_field(p, TOP_FAINT, depth, room, 1);
	} else {
		top_page_blank(p, TOP_PLAIN, indent);
	}
	top_page_put(p, TOP_STRONG, mark);
	name_and_place(p, strtab_text(m->strings, f->name),
		       text_base(strtab_text(m->strings, f->module)));
}

static void thread_row(struct top_page *p, const struct top_status *s, const struct top_model *m,
		       const struct top_thread *t)
{
	char text[UNITS_TEXT];
	const char *function = strtab_text(m->strings, t->function);

	snprintf(text, sizeof(text), "%d", t->tid);
	top_page_field(p, TOP_PLAIN, text, TID - 1, 1);
	top_page_blank(p, TOP_PLAIN, 1);
	if (s->processes > 1 && has_times(p)) {
		snprintf(text, sizeof(text), "%d", t->pid);
		top_page_field(p, TOP_PLAIN, text, TID - 1, 1);
		top_page_blank(p, TOP_PLAIN, 1);
	}
	pct(p, t->cpu_pct, 100);
	if (has_times(p))
		duration(p, (double)t->total_cpu_ns);
	if (has_total(p)) {
		top_page_field(p, t->ended ? TOP_FAINT : TOP_PLAIN, top_state_name(t), STATE - 1,
			       0);
		top_page_blank(p, TOP_PLAIN, 1);
	}
	top_page_field(p, TOP_PLAIN, t->name, NAME - 1, 0);
	top_page_blank(p, TOP_PLAIN, 1);
	if (t->syscall && *function)
		name_and_place(p, function, t->syscall);
	else
		top_page_put(p, *function ? TOP_PLAIN : TOP_FAINT,
			     *function    ? function
			     : t->syscall ? t->syscall
					  : "");
}

void top_table_row(struct top_page *p, const struct top_status *s, const struct top_model *m,
		   const struct top_view *v, const struct top_row *r)
{
	switch (v->tab) {
	case TOP_TAB_LINES:
		line_row(p, m, v, r);
		break;
	case TOP_TAB_THREADS:
		thread_row(p, s, m, &m->threads[r->item]);
		break;
	case TOP_TAB_TREE:
		tree_row(p, m, v, r);
		break;
	default:
		function_row(p, m, v, r);
	}
}

/* ---- heads ---- */

static void thread_heads(struct top_page *p, const struct top_status *s)
{
	head(p, "tid", TID);
	if (s->processes > 1 && has_times(p))
		head(p, "pid", TID);
	head(p, "CPU", PCT);
	if (has_times(p))
		head(p, "CPU time", TIME);
	if (has_total(p))
		top_page_field(p, TOP_HEAD, "state", STATE, 0);
	top_page_field(p, TOP_HEAD, "name", NAME, 0);
	top_page_put(p, TOP_HEAD, "function, system call");
}

void top_table_heads(struct top_page *p, const struct top_status *s, const struct top_view *v)
{
	if (v->tab == TOP_TAB_THREADS) {
		thread_heads(p, s);
		return;
	}
	if (has_self(p))
		head(p, "self", PCT);
	if (has_total(p))
		head(p, "total", PCT);
	if (has_times(p)) {
		head(p, "self", TIME);
		head(p, "total", TIME);
	}
	top_page_put(p, TOP_HEAD, v->tab == TOP_TAB_LINES ? "function  line" : "function");
}

/* ---- help ---- */

void top_help(struct top_page *p, int lines)
{
	static const char *const rows[][2] = {
		{"1 2 3 4, tab", "functions, lines, threads, call tree"},
		{"up down, k j", "move; page up, page down, home, end too"},
		{"enter, right, left",
		 "in the tree: open or close; left of a closed one: its caller"},
		{"/", "filter by an extended regular expression on functions, modules, threads"},
		{"escape", "no filter"},
		{"s", "sort by self, total, name"},
		{"c, w", "CPU time, or wall time: where threads run and sleep"},
		{"t", "shares of the last interval, recent (half as much each 5 s), since start"},
		{"p, blank", "pause: nothing is sampled until it goes on"},
		{"r", "reset: forget what was seen so far"},
		{"q", "quit"},
		{"", ""},
		{"self, total", "of all sampled time: in the code itself; with what it called"},
		{"", "the times are since the start or the reset"},
		{"[other]", "what was cold and is no longer kept apart"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]) && (int)i < lines; i++) {
		top_page_line(p);
		top_page_field(p, TOP_STRONG, rows[i][0], 20, 0);
		top_page_put(p, TOP_PLAIN, rows[i][1]);
	}
}
