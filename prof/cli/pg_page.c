/* Lines about a server: see pg_page.h. All names and statements are foreign: the page makes them harmless. */
#include "prof/cli/pg_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/base/sqlnorm.h"
#include "prof/base/units.h"
#include "prof/pgwatch/locktext.h"

#define QUERY_MAX 4096

char *pg_age(char out[PG_AGE], double s)
{
	if (s < 0)
		snprintf(out, PG_AGE, "-");
	else
		units_ns(out, s < 9e9 ? (int64_t)(s * 1e9) : INT64_MAX);
	return out;
}

void pg_one_line(char *out, size_t size, const char *text)
{
	size_t n = 0;
	int blank = 1;

	for (; *text && n + 1 < size; text++) {
		int space = *text == ' ' || (*text >= '\t' && *text <= '\r');

		if (!space)
			out[n++] = *text;
		else if (!blank)
			out[n++] = ' ';
		blank = space;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

void pg_who(char *out, size_t size, const struct shot_session *a)
{
	if (*a->user || *a->database)
		snprintf(out, size, "%.60s@%.60s%s%.60s", a->user, a->database,
			 *a->application ? " " : "", a->application);
	else
		snprintf(out, size, "%.100s", a->backend_type);
}

void pg_client(char *out, size_t size, const struct shot_session *a)
{
	if (a->client_pid)
		snprintf(out, size, "%d %.40s", a->client_pid, a->client_name);
	else if (*a->client_address)
		snprintf(out, size, "%.60s", a->client_address);
	else
		snprintf(out, size, "%s", a->client_port == -1 ? "socket" : "-");
}

void pg_state_words(char *out, size_t size, const struct shot_session *a)
{
	if (a->state == SHOT_ACTIVE && *a->wait_event)
		snprintf(out, size, "%.40s: %.60s", a->wait_type, a->wait_event);
	else if (a->state == SHOT_NO_STATE)
		snprintf(out, size, "%s", a->hidden ? "hidden" : a->backend_type);
	else
		snprintf(out, size, "%s", shot_state_name(a->state));
}

void pg_wait_words(char *out, size_t size, const struct block_node *node)
{
	char age[PG_AGE], wants[64], has[64];
	int n;

	if (!node->lock) {
		snprintf(out, size, "waits");
		return;
	}
	locktext_mode(node->lock->mode, wants, sizeof(wants));
	n = snprintf(out, size, "waits %s%sfor %s on %.200s",
		     node->lock->wait_s >= 0 ? pg_age(age, node->lock->wait_s) : "",
		     node->lock->wait_s >= 0 ? " " : "", wants, node->lock->text);
	if (node->held && n > 0 && (size_t)n < size) {
		locktext_mode(node->held->mode, has, sizeof(has));
		n += snprintf(out + n, size - (size_t)n, " (%s held)", has);
	} else if (node->parent != SHOT_NONE && n > 0 && (size_t)n < size) {
		n += snprintf(out + n, size - (size_t)n, " (behind in the queue)");
	}
	if (node->others && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, " and for %" PRIu32 " more", node->others);
}

/* ---- head ---- */

static void head_server(struct top_page *p, const struct pg_look *l)
{
	const struct watch_facts *f = watch_facts(l->watch);
	char text[UNITS_TEXT];

	top_page_line(p);
	if (l->lost) {
		top_page_put(p, TOP_WARN, "LOST ");
		top_page_put(p, TOP_STRONG, watch_name(l->watch));
		top_page_printf(p, TOP_WARN,
				"  for %s: ", units_ns(text, clock_mono_ns() - l->lost_ns));
		top_page_put(p, TOP_PLAIN, l->lost_note);
		return;
	}
	top_page_put(p, TOP_STRONG, watch_name(l->watch));
	top_page_printf(p, TOP_PLAIN, "  PostgreSQL %s%s  up %s", f->version_text,
			f->recovering ? " standby" : "",
			units_ns(text, l->shot.real_ns - f->started_us * 1000));
	if (l->reconnects)
		top_page_printf(p, TOP_WARN, "  connected anew %" PRIu32 " time%s", l->reconnects,
				l->reconnects == 1 ? "" : "s");
	top_page_printf(p, TOP_FAINT, "  looked in %s", units_ns(text, l->took_ns));
}

static void head_sessions(struct top_page *p, const struct pg_look *l)
{
	const struct sums *m = &l->sums;
	uint32_t idle_in = m->by_state[SHOT_IN_TRANSACTION] + m->by_state[SHOT_ABORTED];
	int full =
		l->shot.max_connections && m->clients * 10 >= (uint32_t)l->shot.max_connections * 9;
	char text[PG_AGE];

	top_page_line(p);
	top_page_printf(p, full ? TOP_WARN : TOP_PLAIN, "connections %" PRIu32 " of %d", m->clients,
			l->shot.max_connections);
	top_page_printf(p, TOP_PLAIN, "  active %" PRIu32 "  idle %" PRIu32,
			m->by_state[SHOT_ACTIVE], m->by_state[SHOT_IDLE]);
	top_page_printf(p, idle_in ? TOP_WARM : TOP_PLAIN, "  idle in transaction %" PRIu32,
			idle_in);
	top_page_printf(p, l->blockers.n_waiting ? TOP_HOT : TOP_PLAIN, "  blocked %" PRIu32,
			l->blockers.n_waiting);
	if (m->longest_xact_s >= 0)
		top_page_printf(p, TOP_PLAIN, "  longest transaction %s",
				pg_age(text, m->longest_xact_s));
	if (m->vacuums)
		top_page_printf(p, TOP_PLAIN, "  autovacuum %" PRIu32, m->vacuums);
	if (m->senders)
		top_page_printf(p, TOP_PLAIN, "  walsenders %" PRIu32, m->senders);
}

static void head_rates(struct top_page *p, const struct pg_look *l)
{
	const struct sums *m = &l->sums;
	const struct sums_rate *r = &l->rates.all;
	char n[UNITS_TEXT];
	uint32_t i;

	top_page_line(p);
	if (l->rates.interval_s > 0) {
		top_page_printf(p, TOP_PLAIN, "commits %s/s",
				units_count(n, (uint64_t)(r->commits + 0.5)));
		if (r->rollbacks >= 0.5)
			top_page_printf(p, TOP_WARM, "  rollbacks %s/s",
					units_count(n, (uint64_t)(r->rollbacks + 0.5)));
		top_page_printf(p, TOP_PLAIN, "  rows fetched %s/s",
				units_count(n, (uint64_t)(r->fetched + 0.5)));
		top_page_printf(p, TOP_PLAIN, ", changed %s/s",
				units_count(n, (uint64_t)(r->changed + 0.5)));
		if (r->hit >= 0)
			top_page_printf(p, TOP_PLAIN, "  hit %.1f %%", 100 * r->hit);
		if (r->deadlocks)
			top_page_printf(p, TOP_WARN, "  deadlocks %" PRIu64, r->deadlocks);
		top_page_put(p, TOP_PLAIN, "  ");
	}
	top_page_printf(p, TOP_PLAIN, "running %" PRIu32, m->running);
	for (i = 0; i < m->n_waits && i < 6; i++)
		top_page_printf(p, strcmp(m->waits[i].type, "Lock") == 0 ? TOP_HOT : TOP_PLAIN,
				"  %s:%s %" PRIu32, m->waits[i].type, m->waits[i].event,
				m->waits[i].n);
}

void pg_page_head(struct top_page *p, const struct pg_look *l)
{
	head_server(p, l);
	head_sessions(p, l);
	head_rates(p, l);
}

/* ---- the tree ---- */

static void put_query(struct top_page *p, const char *query)
{
	char line[QUERY_MAX];

	pg_one_line(line, sizeof(line), query);
	top_page_put(p, TOP_PLAIN, line);
}

static void node_prepared(struct top_page *p, const struct pg_look *l,
			  const struct block_node *node)
{
	const struct shot_prepared *t =
		node->item < l->shot.n_prepared ? &l->shot.prepared[node->item] : NULL;
	char age[PG_AGE];

	top_page_put(p, TOP_STRONG, "prepared transaction");
	if (!t)
		return;
	top_page_printf(p, TOP_STRONG, " '%.100s'", t->gid);
	top_page_printf(p, TOP_PLAIN, "  %s  %.60s@%.60s", pg_age(age, t->age_s), t->user,
			t->database);
}

static void node_session(struct top_page *p, const struct shot_session *a,
			 const struct block_node *node)
{
	char words[512], age[PG_AGE];

	if (node->lock || node->parent != SHOT_NONE) {
		pg_wait_words(words, sizeof(words), node);
		top_page_printf(p, TOP_HOT, "  %s", words);
	} else {
		pg_state_words(words, sizeof(words), a);
		top_page_printf(p, a->state == SHOT_ACTIVE ? TOP_PLAIN : TOP_WARM, "  %s", words);
		if (a->xact_age_s >= 0)
			top_page_printf(p, TOP_PLAIN, "  transaction %s",
					pg_age(age, a->xact_age_s));
	}
	pg_who(words, sizeof(words), a);
	top_page_printf(p, TOP_FAINT, "  %s", words);
	pg_client(words, sizeof(words), a);
	top_page_printf(p, TOP_PLAIN, "  client %s", words);
}

void pg_page_node(struct top_page *p, const struct pg_look *l, uint32_t at)
{
	const struct block_node *node = &l->blockers.nodes[at];
	const struct shot_session *a =
		node->is == BLOCK_SESSION ? &l->shot.sessions[node->item] : NULL;

	if (node->depth) {
		top_page_blank(p, TOP_PLAIN, 2 * (int)(node->depth < 20 ? node->depth : 20) - 1);
		top_page_put(p, TOP_FAINT, p->utf8 ? "└ " : "+ ");
	}
	if (node->is == BLOCK_PREPARED)
		node_prepared(p, l, node);
	else
		top_page_printf(p, TOP_STRONG, "%d", node->pid);
	if (a)
		node_session(p, a, node);
	else if (node->is == BLOCK_GONE)
		top_page_put(p, TOP_FAINT, "  ended meanwhile, or not shown to us");
	if (node->circle)
		top_page_put(p, TOP_WARN, "  DEADLOCK: waits for itself in the end");
	if (node->waiting)
		top_page_printf(p, TOP_WARM, "  %" PRIu32 " wait%s", node->waiting,
				node->waiting == 1 ? "s" : "");
	if (a && top_page_left(p) > 12) {
		top_page_put(p, TOP_PLAIN, "  ");
		put_query(p, a->query);
	}
}

/* ---- sessions ---- */

#define W_PID    8
#define W_AGE    13
#define W_STATE  24
#define W_CLIENT 20
#define W_WHO    24

void pg_page_session_heads(struct top_page *p)
{
	top_page_field(p, TOP_HEAD, "pid", W_PID, 1);
	top_page_field(p, TOP_HEAD, "transaction", W_AGE, 1);
	top_page_field(p, TOP_HEAD, "query", W_AGE, 1);
	top_page_put(p, TOP_HEAD, "  ");
	top_page_field(p, TOP_HEAD, "state", W_STATE, 0);
	top_page_put(p, TOP_HEAD, "  ");
	top_page_field(p, TOP_HEAD, "client", W_CLIENT, 0);
	if (p->columns >= 140) {
		top_page_put(p, TOP_HEAD, "  ");
		top_page_field(p, TOP_HEAD, "user, database", W_WHO, 0);
	}
	top_page_put(p, TOP_HEAD, "  statement");
}

void pg_page_session(struct top_page *p, const struct pg_look *l, uint32_t at)
{
	const struct shot_session *a = &l->shot.sessions[at];
	int in = a->state == SHOT_IN_TRANSACTION || a->state == SHOT_ABORTED;
	int blocked = strcmp(a->wait_type, "Lock") == 0;
	char text[512];

	snprintf(text, sizeof(text), "%d", a->pid);
	top_page_field(p, TOP_STRONG, text, W_PID, 1);
	top_page_field(p, a->xact_age_s >= 60 ? TOP_WARM : TOP_PLAIN, pg_age(text, a->xact_age_s),
		       W_AGE, 1);
	top_page_field(p, TOP_PLAIN, pg_age(text, a->state == SHOT_ACTIVE ? a->query_age_s : -1),
		       W_AGE, 1);
	top_page_put(p, TOP_PLAIN, "  ");
	pg_state_words(text, sizeof(text), a);
	top_page_field(p, blocked ? TOP_HOT : in ? TOP_WARM : TOP_PLAIN, text, W_STATE, 0);
	top_page_put(p, TOP_PLAIN, "  ");
	pg_client(text, sizeof(text), a);
	top_page_field(p, TOP_PLAIN, text, W_CLIENT, 0);
	if (p->columns >= 140) {
		top_page_put(p, TOP_PLAIN, "  ");
		pg_who(text, sizeof(text), a);
		top_page_field(p, TOP_FAINT, text, W_WHO, 0);
	}
	top_page_put(p, TOP_PLAIN, "  ");
	put_query(p, a->query);
}

/* ---- statements ---- */

#define W_CALLS 12
#define W_RATE  12
#define W_TIME  13
#define W_ROWS  9

void pg_page_statement_heads(struct top_page *p, const struct pg_look *l)
{
	top_page_field(p, TOP_HEAD, l->stmts.counted ? "calls" : "seen", W_CALLS, 1);
	top_page_field(p, TOP_HEAD, "a second", W_RATE, 1);
	top_page_field(p, TOP_HEAD, "time", W_TIME, 1);
	top_page_field(p, TOP_HEAD, "a call", W_TIME, 1);
	top_page_field(p, TOP_HEAD, "rows/call", W_ROWS + 2, 1);
	top_page_put(p, TOP_HEAD, "  statement");
}

/* The local processes behind the sessions that ran it; sessions of which it is not known are more. */
static void put_clients(struct top_page *p, const struct pg_look *l, const struct stmt *q)
{
	uint32_t n = 0, all = q->processes + q->sessions - q->linked;

	for (; n < q->n_clients && n < 3; n++)
		top_page_printf(p, TOP_WARM, "%s%d %s", n ? ", " : "by ", q->clients[n].pid,
				strtab_text(l->stmts.texts, q->clients[n].name));
	if (n && all > n)
		top_page_printf(p, TOP_WARM, " and %" PRIu32 " more", all - n);
	if (n)
		top_page_put(p, TOP_WARM, "  ");
}

void pg_page_statement(struct top_page *p, const struct pg_look *l, uint32_t at)
{
	const struct stmt *q = &l->stmts.rows[at];
	double period = q->counted ? l->stmts.counted_s : l->period_s, calls = stmt_calls(q);
	char text[UNITS_TEXT];
	int known;

	top_page_field(p, TOP_STRONG, units_count(text, (uint64_t)calls), W_CALLS, 1);
	if (period > 0)
		snprintf(text, sizeof(text), calls / period < 10 ? "%.1f" : "%.0f", calls / period);
	top_page_field(p, TOP_PLAIN, period > 0 ? text : "-", W_RATE, 1);
	/* One look tells no time. */
	known = q->counted || l->period_s > 0;
	top_page_field(p, TOP_PLAIN, pg_age(text, known ? stmt_total_ms(q) / 1e3 : -1), W_TIME, 1);
	top_page_field(p, TOP_PLAIN,
		       pg_age(text, known && calls > 0 ? stmt_total_ms(q) / calls / 1e3 : -1),
		       W_TIME, 1);
	if (q->counted && q->calls)
		snprintf(text, sizeof(text), "%.1f", (double)q->rows / (double)q->calls);
	top_page_field(p, TOP_PLAIN, q->counted && q->calls ? text : "-", W_ROWS + 2, 1);
	top_page_put(p, TOP_PLAIN, "  ");
	if (q->repeated) {
		top_page_put(p, TOP_HOT, "REPEATED ");
		if (q->distinct > 1)
			top_page_printf(p, TOP_HOT, "%s values ", units_count(text, q->distinct));
		put_clients(p, l, q);
	}
	put_query(p, strtab_text(l->stmts.texts, q->text));
}

void pg_page_period(struct top_page *p, const struct pg_look *l)
{
	char text[PG_AGE];

	if (l->stmts.counted && l->stmts.counted_s > 0)
		top_page_printf(p, TOP_PLAIN, "of %s by pg_stat_statements",
				pg_age(text, l->stmts.counted_s));
	else if (l->stmts.counted)
		top_page_put(p, TOP_PLAIN, "since the counters of pg_stat_statements were reset");
	else
		top_page_put(p, TOP_PLAIN, "seen in sessions");
	if (l->period_s > 0)
		top_page_printf(p, TOP_PLAIN, ", %" PRIu32 " looks in %s", l->stmts.looks,
				pg_age(text, l->period_s));
}

/* ---- notes ---- */

static void note(struct top_page *p, const char *what, const char *line)
{
	top_page_line(p);
	top_page_put(p, TOP_WARN, "note: ");
	top_page_put(p, TOP_PLAIN, what);
	top_page_put(p, TOP_STRONG, line);
}

void pg_page_notes(struct top_page *p, const struct pg_look *l)
{
	const struct watch_facts *f = watch_facts(l->watch);
	char text[512];

	if (l->shot.partial) {
		snprintf(text, sizeof(text), "GRANT pg_read_all_stats TO %s;", f->user);
		note(p, "what other users' sessions do is hidden; this would show it: ", text);
	}
	if (*f->statements_advice)
		note(p, "no counts of statements; this would give them: ", f->statements_advice);
	else if (l->count_failed)
		note(p, "no counts of statements: ", l->count_note);
	if (*l->shot.note)
		note(p, "not told by the server: ", l->shot.note);
	if (l->clients.hidden) {
		snprintf(text, sizeof(text),
			 "%" PRIu32
			 " client%s on Unix sockets not found: the server's processes are "
			 "not ours to look at; ",
			 l->clients.hidden, l->clients.hidden == 1 ? "" : "s");
		note(p, text, "run it as root or as the server's user");
	}
}
