/* Tabs, foot, details and help of pg's screen, and what of them a small terminal gets. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "prof/cli/pg_page.h"
#include "prof/cli/text.h"

static const char *const tab_names[] = {"Blockers", "Sessions", "Statements"};

static void tabs(struct top_page *p, const struct pg_look *l, const struct pg_view *v)
{
	int t, wide = p->columns >= 60;

	for (t = 0; t < PG_TABS; t++)
		if (wide || t == (int)v->tab)
			top_page_printf(p, t == (int)v->tab ? TOP_CHOSEN : TOP_PLAIN, " %d %s ",
					t + 1, tab_names[t]);
	top_page_printf(p, TOP_PLAIN, "  %s", pg_view_order(v));
	if (v->tab == PG_TAB_STATEMENTS) {
		top_page_put(p, TOP_PLAIN, ", ");
		pg_page_period(p, l);
	}
	if (v->tab == PG_TAB_SESSIONS && v->hide_idle)
		top_page_put(p, TOP_PLAIN, ", idle ones left out");
	if (v->paused)
		top_page_put(p, TOP_WARN, "  PAUSED");
}

/* ---- foot ---- */

static void key(struct top_page *p, const char *name, const char *what)
{
	if (top_page_left(p) < top_text_columns(name) + top_text_columns(what) + 3)
		return;
	top_page_put(p, TOP_STRONG, name);
	top_page_printf(p, TOP_PLAIN, " %s  ", what);
}

static void foot(struct top_page *p, const struct pg_view *v)
{
	if (v->ask) {
		top_page_printf(p, TOP_WARN, "%s %d? ",
				v->ask == PG_ASK_CANCEL ? "cancel the statement of session"
							: "end session",
				v->ask_pid);
		top_page_put(p, TOP_STRONG, "y");
		top_page_put(p, TOP_PLAIN, " does it, any other key does not");
		return;
	}
	if (v->message[0]) {
		top_page_put(p, TOP_WARN, v->message);
		return;
	}
	if (v->help) {
		key(p, "any key", "back");
		return;
	}
	key(p, "q", v->detail ? "back" : "quit");
	if (v->detail)
		return;
	key(p, "?", "help");
	key(p, "1-3", "tab");
	key(p, "d", "dump client");
	key(p, "s", "sort");
	key(p, "c", "cancel");
	key(p, "k", "terminate");
	key(p, "p", v->paused ? "go on" : "pause");
	key(p, "i", "idle");
}

/* ---- help, a dump ---- */

static void help(struct top_page *p, int lines)
{
	static const char *const rows[][2] = {
		{"1 2 3, tab", "blockers, sessions, statements"},
		{"arrows, page, home, end", "move"},
		{"d, enter", "stacks of the local process behind the session"},
		{"c", "cancel the statement of the session, once confirmed"},
		{"k", "end the session, once confirmed"},
		{"s", "sort by something else"},
		{"i", "leave idle sessions out, or show them"},
		{"p, blank", "pause, go on"},
		{"q, Ctrl-C", "quit"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows) && (int)i < lines; i++) {
		top_page_line(p);
		top_page_put(p, TOP_PLAIN, "  ");
		top_page_field(p, TOP_STRONG, rows[i][0], 26, 0);
		top_page_put(p, TOP_PLAIN, rows[i][1]);
	}
}

/* A line of the dump; what made it bold there is left out. */
static void text_line(struct top_page *p, const char *at, size_t n)
{
	char line[1024];
	size_t k = 0, i;

	for (i = 0; i < n && k + 1 < sizeof(line); i++) {
		if (at[i] == '\033' && i + 1 < n && at[i + 1] == '[') {
			while (i < n && at[i] != 'm')
				i++;
			continue;
		}
		line[k++] = at[i];
	}
	line[k] = '\0';
	top_page_line(p);
	top_page_put(p,
		     strncmp(line, "thread", 6) == 0 || strncmp(line, "process", 7) == 0
			     ? TOP_STRONG
			     : TOP_PLAIN,
		     line);
}

static void text(struct top_page *p, const struct pg_view *v, int lines)
{
	const char *at = buf_str(&v->text), *end;
	uint32_t n = 0;

	for (; *at && lines > 0; at = *end ? end + 1 : end) {
		end = strchrnul(at, '\n');
		if (n++ < v->text_first)
			continue;
		text_line(p, at, (size_t)(end - at));
		lines--;
	}
}

/* ---- the session under the cursor ---- */

#define DETAILS 3

static void details(struct top_page *p, const struct pg_look *l, const struct pg_view *v)
{
	uint32_t at = pg_view_session(v, l);
	const struct shot_session *a = at == SHOT_NONE ? NULL : &l->shot.sessions[at];
	char words[512], line[4096];

	top_page_line(p);
	if (!a) {
		top_page_line(p);
		top_page_line(p);
		return;
	}
	pg_who(words, sizeof(words), a);
	top_page_printf(p, TOP_FAINT, "session %d  %s", a->pid, words);
	if (a->client_pid)
		top_page_printf(p, TOP_PLAIN, "  client %d (%s)  protea-prof dump -p %d",
				a->client_pid, a->client_name, a->client_pid);
	else if (*a->client_address)
		top_page_printf(p, TOP_PLAIN, "  client at %s port %d", a->client_address,
				a->client_port);
	pg_one_line(line, sizeof(line), a->query);
	top_page_line(p);
	top_page_put(p, TOP_PLAIN, line);
	/* What is left of a long one. */
	top_page_line(p);
	if (top_text_columns(line) > p->columns && strlen(line) > (size_t)p->columns)
		top_page_put(p, TOP_PLAIN, line + p->columns - 1);
}

/* ---- all of it ---- */

struct parts {
	int head, tabs, heads, details, foot;
};

static struct parts divide(int lines, const struct pg_view *v)
{
	struct parts d;

	d.head = lines >= 12 ? 3 : 0;
	d.tabs = lines >= 4 && !v->detail;
	d.heads = lines >= 6 && v->tab != PG_TAB_BLOCKERS && !v->detail && !v->help;
	d.foot = lines >= 5 || (lines >= 2 && (v->ask || v->message[0]));
	d.details = lines >= 20 && !v->detail && !v->help ? DETAILS : 0;
	return d;
}

static void table(struct top_page *p, const struct pg_look *l, const struct pg_view *v)
{
	uint32_t i, row;

	for (i = 0; i < v->page && v->first[v->tab] + i < v->n_rows; i++) {
		row = v->first[v->tab] + i;
		top_page_line(p);
		p->cursor = row == v->cursor[v->tab];
		if (v->tab == PG_TAB_BLOCKERS)
			pg_page_node(p, l, v->rows[row]);
		else if (v->tab == PG_TAB_SESSIONS)
			pg_page_session(p, l, v->rows[row]);
		else
			pg_page_statement(p, l, v->rows[row]);
		if (p->cursor)
			top_page_fill(p, TOP_CURSOR);
		p->cursor = 0;
	}
	if (v->n_rows)
		return;
	top_page_line(p);
	top_page_put(p, TOP_FAINT,
		     l->lost ? "no server"
		     : v->tab == PG_TAB_BLOCKERS
			     ? (l->shot.locks_failed ? "not known" : "nobody waits for anybody")
		     : v->tab == PG_TAB_SESSIONS ? "no sessions"
						 : "no statement was seen");
	if (v->tab != PG_TAB_SESSIONS)
		pg_page_notes(p, l);
}

void pg_layout_screen(struct top_page *p, const struct pg_look *l, struct pg_view *v, int lines)
{
	struct parts d = divide(lines, v);
	int room = lines - d.head - d.tabs - d.heads - d.foot - d.details;

	v->page = (uint32_t)(room > 1 ? room : 1);
	if (d.head)
		pg_page_head(p, l);
	if (d.tabs) {
		top_page_line(p);
		tabs(p, l, v);
	}
	if (d.heads) {
		top_page_line(p);
		if (v->tab == PG_TAB_SESSIONS)
			pg_page_session_heads(p);
		else
			pg_page_statement_heads(p, l);
		top_page_fill(p, TOP_HEAD);
	}
	if (v->help) {
		help(p, room);
	} else if (v->detail) {
		text(p, v, room);
	} else {
		pg_view_settle(v, l);
		table(p, l, v);
	}
	while ((int)p->n_lines < lines - d.foot - d.details && !p->failed)
		top_page_line(p);
	if (d.details)
		details(p, l, v);
	if (d.foot) {
		top_page_line(p);
		foot(p, v);
	}
}
