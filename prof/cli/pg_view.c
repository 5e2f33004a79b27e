/* Rows of pg's tabs, and what keys do: see pg_view.h. */
#include "prof/cli/pg_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/top_view.h"

void pg_view_init(struct pg_view *v)
{
	memset(v, 0, sizeof(*v));
	buf_init(&v->text, (size_t)16 << 20);
}

void pg_view_release(struct pg_view *v)
{
	free(v->rows);
	buf_release(&v->text);
	memset(v, 0, sizeof(*v));
}

/* ---- rows ---- */

static int order(double a, double b)
{
	return (a < b) - (a > b);
}

static int by_session(const void *a, const void *b, void *ctx)
{
	const struct pg_look *l = ((const void *const *)ctx)[0];
	const struct pg_view *v = ((const void *const *)ctx)[1];
	const struct shot_session *x = &l->shot.sessions[*(const uint32_t *)a];
	const struct shot_session *y = &l->shot.sessions[*(const uint32_t *)b];
	int c = 0;

	switch (v->session_sort) {
	case PG_BY_XACT:
		c = order(x->xact_age_s, y->xact_age_s);
		break;
	case PG_BY_QUERY:
		c = (y->state == SHOT_ACTIVE) - (x->state == SHOT_ACTIVE);
		c = c ? c : order(x->query_age_s, y->query_age_s);
		break;
	case PG_BY_STATE:
		c = (int)x->state - (int)y->state;
		c = c ? c : order(x->state_age_s, y->state_age_s);
		break;
	default:
		break;
	}
	return c ? c : (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_statement(const void *a, const void *b, void *ctx)
{
	const struct pg_look *l = ((const void *const *)ctx)[0];
	const struct pg_view *v = ((const void *const *)ctx)[1];
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct stmt *x = &l->stmts.rows[i], *y = &l->stmts.rows[k];
	int c = 0;

	if (v->statement_sort == PG_BY_CALLS)
		c = order(stmt_calls(x), stmt_calls(y));
	if (v->statement_sort == PG_BY_MEAN)
		c = order(stmt_total_ms(x) / (stmt_calls(x) + 1e-9),
			  stmt_total_ms(y) / (stmt_calls(y) + 1e-9));
	return c ? c : (i > k) - (i < k); /* they stand by time */
}

static int is_shown(const struct pg_view *v, const struct shot_session *a)
{
	if (a->kind != SHOT_CLIENT && a->kind != SHOT_WORKER && a->kind != SHOT_VACUUM)
		return 0;
	return !v->hide_idle || a->state != SHOT_IDLE;
}

int pg_view_rows(struct pg_view *v, const struct pg_look *l)
{
	const uint32_t counts[PG_TABS] = {l->blockers.n, l->shot.n_sessions, l->stmts.n};
	uint32_t i, n = counts[v->tab];
	const void *ctx[2] = {l, v};

	v->n_rows = 0;
	if (n > v->cap_rows) {
		uint32_t *more = reallocarray(v->rows, n, sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		v->rows = more;
		v->cap_rows = n;
	}
	for (i = 0; i < n; i++)
		if (v->tab != PG_TAB_SESSIONS || is_shown(v, &l->shot.sessions[i]))
			v->rows[v->n_rows++] = i;
	if (v->tab == PG_TAB_SESSIONS && v->n_rows)
		qsort_r(v->rows, v->n_rows, sizeof(*v->rows), by_session, ctx);
	if (v->tab == PG_TAB_STATEMENTS && v->n_rows)
		qsort_r(v->rows, v->n_rows, sizeof(*v->rows), by_statement, ctx);
	return 0;
}

/* What stays the same of a row from look to look. */
static uint64_t identity(const struct pg_view *v, const struct pg_look *l, uint32_t row)
{
	uint32_t item = v->rows[row];

	switch (v->tab) {
	case PG_TAB_BLOCKERS:
		return l->blockers.nodes[item].pid
			       ? (uint64_t)l->blockers.nodes[item].pid
			       : UINT64_C(1) << 40 | l->blockers.nodes[item].item;
	case PG_TAB_SESSIONS:
		return (uint64_t)l->shot.sessions[item].pid;
	default:
		return l->stmts.rows[item].fingerprint;
	}
}

void pg_view_settle(struct pg_view *v, const struct pg_look *l)
{
	uint32_t *cursor = &v->cursor[v->tab], *first = &v->first[v->tab];
	uint32_t page = v->page ? v->page : 1, i;

	for (i = 0; v->chosen[v->tab] && i < v->n_rows; i++)
		if (identity(v, l, i) == v->chosen[v->tab])
			*cursor = i;
	if (*cursor >= v->n_rows)
		*cursor = v->n_rows ? v->n_rows - 1 : 0;
	if (*first > *cursor)
		*first = *cursor;
	if (*cursor - *first >= page)
		*first = *cursor - page + 1;
	if (*first + page > v->n_rows)
		*first = v->n_rows > page ? v->n_rows - page : 0;
}

uint32_t pg_view_session(const struct pg_view *v, const struct pg_look *l)
{
	uint32_t row = v->cursor[v->tab];

	if (row >= v->n_rows)
		return SHOT_NONE;
	if (v->tab == PG_TAB_SESSIONS)
		return v->rows[row];
	if (v->tab == PG_TAB_BLOCKERS) {
		const struct block_node *node = &l->blockers.nodes[v->rows[row]];

		return node->is == BLOCK_SESSION ? node->item : SHOT_NONE;
	}
	/* Of a statement: a session that runs it still, or did. */
	for (uint32_t i = 0; i < l->stmts.rows[v->rows[row]].n_pids; i++) {
		uint32_t at = shot_find(&l->shot, l->stmts.rows[v->rows[row]].pids[i]);

		if (at != SHOT_NONE)
			return at;
	}
	return SHOT_NONE;
}

const char *pg_view_order(const struct pg_view *v)
{
	static const char *const sessions[] = {"by age of transaction", "by age of query",
					       "by state", "by pid"};
	static const char *const statements[] = {"by time", "by calls", "by time of a call"};

	return v->tab == PG_TAB_SESSIONS     ? sessions[v->session_sort]
	       : v->tab == PG_TAB_STATEMENTS ? statements[v->statement_sort]
					     : "most waiting first";
}

/* ---- keys ---- */

static void move_to(struct pg_view *v, const struct pg_look *l, int64_t row)
{
	int64_t last = v->n_rows ? (int64_t)v->n_rows - 1 : 0;

	row = row < 0 ? 0 : row > last ? last : row;
	v->cursor[v->tab] = (uint32_t)row;
	v->chosen[v->tab] = v->n_rows ? identity(v, l, (uint32_t)row) : 0;
	pg_view_settle(v, l);
}

/* Where a key leads from `at` among rows of which `page` fit; -1: nowhere. */
static int64_t moved(int key, int64_t at, int64_t page, int64_t n)
{
	page = page > 1 ? page - 1 : 1;
	switch (key) {
	case TOP_KEY_UP:
		return at > 0 ? at - 1 : 0;
	case TOP_KEY_DOWN:
		return at + 1;
	case TOP_KEY_PAGE_UP:
		return at > page ? at - page : 0;
	case TOP_KEY_PAGE_DOWN:
		return at + page;
	case TOP_KEY_HOME:
	case 'g':
		return 0;
	case TOP_KEY_END:
	case 'G':
		return n;
	default:
		return -1;
	}
}

static enum pg_action ask(struct pg_view *v, const struct pg_look *l, enum pg_ask what)
{
	uint32_t at = pg_view_session(v, l);

	if (at == SHOT_NONE) {
		snprintf(v->message, sizeof(v->message), "no session is selected");
		return PG_ACT_DRAW;
	}
	v->ask = what;
	v->ask_pid = l->shot.sessions[at].pid;
	v->ask_start_us = l->shot.sessions[at].backend_start_us;
	return PG_ACT_DRAW;
}

/* Only a clear yes is one. */
static enum pg_action answer(struct pg_view *v, int key)
{
	enum pg_ask asked = v->ask;

	v->ask = PG_ASK_NOTHING;
	if (key != 'y' && key != 'Y') {
		snprintf(v->message, sizeof(v->message), "nothing was done");
		return PG_ACT_DRAW;
	}
	return asked == PG_ASK_CANCEL ? PG_ACT_CANCEL : PG_ACT_TERMINATE;
}

static enum pg_action read_detail(struct pg_view *v, int key)
{
	int64_t to = moved(key, v->text_first, v->page, v->text_lines);

	if (key == 'q' || key == TOP_KEY_ESCAPE || key == TOP_KEY_LEFT || key == 'd') {
		v->detail = 0;
		return PG_ACT_DRAW;
	}
	if (key == TOP_KEY_REDRAW)
		return PG_ACT_REDRAW;
	if (to < 0)
		return PG_ACT_NOTHING;
	if (to + v->page > v->text_lines)
		to = v->text_lines > v->page ? (int64_t)v->text_lines - v->page : 0;
	v->text_first = (uint32_t)to;
	return PG_ACT_DRAW;
}

static void next_order(struct pg_view *v)
{
	if (v->tab == PG_TAB_SESSIONS)
		v->session_sort = (enum pg_session_sort)((v->session_sort + 1) % PG_SESSION_SORTS);
	if (v->tab == PG_TAB_STATEMENTS)
		v->statement_sort =
			(enum pg_statement_sort)((v->statement_sort + 1) % PG_STATEMENT_SORTS);
}

static enum pg_action command(struct pg_view *v, const struct pg_look *l, int key)
{
	int64_t to;

	switch (key) {
	case 'q':
	case 'Q':
		return PG_ACT_QUIT;
	case TOP_KEY_REDRAW:
		return PG_ACT_REDRAW;
	case 'd':
	case TOP_KEY_ENTER:
		return PG_ACT_DUMP;
	case 'c':
		return ask(v, l, PG_ASK_CANCEL);
	case 'k':
		return ask(v, l, PG_ASK_TERMINATE);
	case '1':
	case '2':
	case '3':
		v->tab = (enum pg_tab)(key - '1');
		break;
	case '\t':
		v->tab = (enum pg_tab)((v->tab + 1) % PG_TABS);
		break;
	case TOP_KEY_BACK_TAB:
		v->tab = (enum pg_tab)((v->tab + PG_TABS - 1) % PG_TABS);
		break;
	case 's':
		next_order(v);
		break;
	case 'i':
		v->hide_idle = !v->hide_idle;
		break;
	case 'p':
	case ' ':
		v->paused = !v->paused;
		break;
	case '?':
	case 'h':
	case TOP_KEY_HELP:
		v->help = 1;
		break;
	default:
		to = moved(key, v->cursor[v->tab], v->page, v->n_rows);
		if (to < 0)
			return PG_ACT_NOTHING;
		move_to(v, l, to);
	}
	return PG_ACT_DRAW;
}

enum pg_action pg_key(struct pg_view *v, const struct pg_look *l, int key)
{
	v->message[0] = '\0';
	if (v->ask)
		return answer(v, key);
	if (v->help) {
		v->help = 0;
		return PG_ACT_DRAW;
	}
	return v->detail ? read_detail(v, key) : command(v, l, key);
}
