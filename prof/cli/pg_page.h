/* What pg's pages say, line by line: the head, the tree of those that wait, sessions, statements. For the live view and
 * for text alike. */
#ifndef CLI_PG_PAGE_H
#define CLI_PG_PAGE_H

#include <stdint.h>

#include "prof/cli/pg_look.h"
#include "prof/cli/pg_view.h"
#include "prof/cli/top_page.h"

/* "2 min 03 s", "-" for a negative one. */
#define PG_AGE 32
char *pg_age(char out[PG_AGE], double s);
/* The text on one line: blanks for whatever parts its words. */
void pg_one_line(char *out, size_t size, const char *text);
/* "app@protea psql", and "client 4711 (psql)", "10.0.0.5" or "socket". */
void pg_who(char *out, size_t size, const struct shot_session *a);
void pg_client(char *out, size_t size, const struct shot_session *a);
/* "waits 2 s for Share on transaction 742" of a node that waits. */
void pg_wait_words(char *out, size_t size, const struct block_node *node);
/* "idle in transaction", "active", or what it waits for: "Lock: transactionid". */
void pg_state_words(char *out, size_t size, const struct shot_session *a);

void pg_page_head(struct top_page *p, const struct pg_look *l); /* three lines */
void pg_page_node(struct top_page *p, const struct pg_look *l, uint32_t node);
void pg_page_session_heads(struct top_page *p);
void pg_page_session(struct top_page *p, const struct pg_look *l, uint32_t session);
void pg_page_statement_heads(struct top_page *p, const struct pg_look *l);
void pg_page_statement(struct top_page *p, const struct pg_look *l, uint32_t statement);
/* What the statements are of, and what is missing: "5.0 s by pg_stat_statements and 41 looks". */
void pg_page_period(struct top_page *p, const struct pg_look *l);
/* What is not shown, and the line that would change it; nothing if all is. */
void pg_page_notes(struct top_page *p, const struct pg_look *l);

/* A screen of `lines` lines (the page is begun already). Sets view->page. (pg_layout.c) */
void pg_layout_screen(struct top_page *p, const struct pg_look *l, struct pg_view *v, int lines);

/* One screen as text. (pg_text.c) */
void pg_text(FILE *out, const struct pg_look *l, int columns);

#endif
