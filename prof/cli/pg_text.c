/* One screen as text: all parts one below the other. */
#include <inttypes.h>

#include "prof/cli/pg_page.h"

#define TEXT_NODES      60
#define TEXT_SESSIONS   20
#define TEXT_STATEMENTS 20

static void title(struct top_page *p, const char *text)
{
	top_page_line(p);
	top_page_line(p);
	top_page_put(p, TOP_STRONG, text);
}

static void more(struct top_page *p, uint32_t n, uint32_t shown)
{
	if (n <= shown)
		return;
	top_page_line(p);
	top_page_printf(p, TOP_PLAIN, "… %" PRIu32 " more; --json shows all", n - shown);
}

/* As a literal that can be typed. */
static void quote(char *out, size_t size, const char *text)
{
	size_t n = 0;

	out[n++] = '\'';
	for (; *text && n + 4 < size; text++) {
		if (*text == '\'')
			out[n++] = '\'';
		out[n++] = *text;
	}
	out[n++] = '\'';
	out[n] = '\0';
}

/* What to type to see where the holder of the lock stands. */
static void put_advice(struct top_page *p, const struct pg_look *l, uint32_t at)
{
	const struct block_node *node = &l->blockers.nodes[at];
	const struct shot_session *a =
		node->is == BLOCK_SESSION ? &l->shot.sessions[node->item] : NULL;
	const struct shot_prepared *t =
		node->is == BLOCK_PREPARED && node->item < l->shot.n_prepared
			? &l->shot.prepared[node->item]
			: NULL;

	if (node->parent != SHOT_NONE)
		return;
	if (a && a->client_pid) {
		top_page_line(p);
		top_page_printf(p, TOP_PLAIN,
				"  where its client is:  protea-prof dump -p %d   (pid %d, %s)",
				a->client_pid, a->client_pid, a->client_name);
	}
	if (t) {
		char gid[512]; /* the server's have less than 200 bytes */

		quote(gid, sizeof(gid), t->gid);
		top_page_line(p);
		top_page_printf(p, TOP_PLAIN,
				"  no process holds it; to end it, in database %.60s:  "
				"ROLLBACK PREPARED %s;  or COMMIT PREPARED",
				t->database, gid);
	}
}

static void put_tree(struct top_page *p, const struct pg_look *l)
{
	const struct blockers *b = &l->blockers;
	uint32_t i;

	if (!b->n) {
		title(p, l->shot.locks_failed ? "BLOCKED: not known" : "BLOCKED: nobody");
		return;
	}
	title(p, "BLOCKED: ");
	top_page_printf(p, TOP_STRONG, "%" PRIu32 " wait, for %" PRIu32 " at the root%s",
			b->n_waiting, b->n_roots, b->n_circles ? "; a deadlock" : "");
	for (i = 0; i < b->n && i < TEXT_NODES; i++) {
		top_page_line(p);
		pg_page_node(p, l, i);
		put_advice(p, l, i);
	}
	more(p, b->n, TEXT_NODES);
}

static void put_sessions(struct top_page *p, const struct pg_look *l)
{
	struct pg_view v;
	uint32_t i;

	pg_view_init(&v);
	v.tab = PG_TAB_SESSIONS;
	v.hide_idle = 1;
	if (pg_view_rows(&v, l)) {
		p->failed = ERR_NOMEM;
	} else if (v.n_rows) {
		title(p, "SESSIONS that are not idle, by age of their transaction");
		top_page_line(p);
		pg_page_session_heads(p);
		for (i = 0; i < v.n_rows && i < TEXT_SESSIONS; i++) {
			top_page_line(p);
			pg_page_session(p, l, v.rows[i]);
		}
		more(p, v.n_rows, TEXT_SESSIONS);
	}
	pg_view_release(&v);
}

static void put_rows(struct top_page *p, const struct pg_look *l, int repeated)
{
	uint32_t i, shown = 0, n = 0;

	top_page_line(p);
	pg_page_statement_heads(p, l);
	for (i = 0; i < l->stmts.n; i++) {
		if (l->stmts.rows[i].repeated != repeated || ++n > TEXT_STATEMENTS)
			continue;
		shown++;
		top_page_line(p);
		pg_page_statement(p, l, i);
	}
	more(p, n, shown);
}

static void put_statements(struct top_page *p, const struct pg_look *l)
{
	uint32_t i, repeated = 0;

	for (i = 0; i < l->stmts.n; i++)
		repeated += l->stmts.rows[i].repeated != 0;
	if (repeated) {
		title(p, "REPEATED statements ");
		pg_page_period(p, l);
		put_rows(p, l, 1);
	}
	if (repeated == l->stmts.n)
		return;
	title(p, repeated ? "OTHER STATEMENTS " : "STATEMENTS ");
	pg_page_period(p, l);
	put_rows(p, l, 0);
}

void pg_text(FILE *out, const struct pg_look *l, int columns)
{
	struct top_page p;

	top_page_init(&p);
	top_page_begin(&p, columns, 1);
	pg_page_head(&p, l);
	if (!l->lost) {
		put_tree(&p, l);
		put_sessions(&p, l);
		put_statements(&p, l);
		pg_page_notes(&p, l);
	}
	top_page_print(&p, out);
	top_page_release(&p);
}
