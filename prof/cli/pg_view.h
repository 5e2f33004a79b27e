/* How a look at a server is looked at: tab, order, the place of the cursor, the question that is asked before anything
 * is done to a session; and what keys do to that. No terminal here: keys are those of top_view.h. */
#ifndef CLI_PG_VIEW_H
#define CLI_PG_VIEW_H

#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/cli/pg_look.h"

enum pg_tab { PG_TAB_BLOCKERS, PG_TAB_SESSIONS, PG_TAB_STATEMENTS, PG_TABS };
enum pg_session_sort { PG_BY_XACT, PG_BY_QUERY, PG_BY_STATE, PG_BY_PID, PG_SESSION_SORTS };
enum pg_statement_sort { PG_BY_TIME, PG_BY_CALLS, PG_BY_MEAN, PG_STATEMENT_SORTS };

enum pg_ask { PG_ASK_NOTHING, PG_ASK_CANCEL, PG_ASK_TERMINATE };

struct pg_view {
	enum pg_tab tab;
	enum pg_session_sort session_sort;
	enum pg_statement_sort statement_sort;
	int hide_idle, paused, help, detail; /* detail: `text` is shown instead of the tab */
	enum pg_ask ask;                     /* of session `ask_pid`, which began then */
	int ask_pid;
	int64_t ask_start_us;
	char message[256]; /* until the next key */

	uint32_t *rows; /* owned: nodes, sessions or statements in their order */
	uint32_t n_rows, cap_rows;
	uint32_t cursor[PG_TABS], first[PG_TABS];
	uint64_t chosen
		[PG_TABS]; /* the row under the cursor: pid or fingerprint; it stays there when others move */
	uint32_t page; /* rows that fit, as the layout found */

	struct buf text; /* lines of the detail: a dump */
	uint32_t text_first, text_lines;
};

void pg_view_init(struct pg_view *v);
void pg_view_release(struct pg_view *v);
/* The rows of the tab, in order. 0 or ERR_NOMEM. */
int pg_view_rows(struct pg_view *v, const struct pg_look *l);
/* The cursor inside the rows, the rows shown around it; after rows or page changed. */
void pg_view_settle(struct pg_view *v, const struct pg_look *l);
/* The session under the cursor: a place in shot.sessions, or SHOT_NONE. */
uint32_t pg_view_session(const struct pg_view *v, const struct pg_look *l);
const char *pg_view_order(const struct pg_view *v); /* "by transaction" */

enum pg_action {
	PG_ACT_NOTHING,
	PG_ACT_DRAW,
	PG_ACT_QUIT,
	PG_ACT_REDRAW,
	PG_ACT_DUMP,      /* of the client of the session under the cursor */
	PG_ACT_CANCEL,    /* confirmed: of ask_pid */
	PG_ACT_TERMINATE, /* likewise */
};
enum pg_action pg_key(struct pg_view *v, const struct pg_look *l, int key);

#endif
