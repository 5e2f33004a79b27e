/* A look as JSON: see pg_json.h. Numbers that are not known are null. */
#include "prof/cli/pg_json.h"

#include <string.h>

#include "prof/base/sqlnorm.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/pg_page.h"

static int text(json_t *o, const char *key, const char *value)
{
	return jsonout_put(o, key, jsonout_text(value));
}

/* null for "". */
static int some_text(json_t *o, const char *key, const char *value)
{
	return jsonout_put(o, key, *value ? jsonout_text(value) : json_null());
}

static int number(json_t *o, const char *key, uint64_t n)
{
	return jsonout_put(o, key, json_integer((json_int_t)n));
}

/* null for a negative one. */
static int age(json_t *o, const char *key, double s)
{
	return jsonout_put(o, key, s < 0 ? json_null() : jsonout_real(s));
}

static int some_pid(json_t *o, const char *key, int pid)
{
	return jsonout_put(o, key, pid ? json_integer(pid) : json_null());
}

static int fingerprint(json_t *o, const char *key, uint64_t value)
{
	char hex[SQLNORM_HEX];

	sqlnorm_hex(hex, value);
	return jsonout_put(o, key, value ? json_string(hex) : json_null());
}

static json_t *whole(json_t *o, int bad)
{
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int append(json_t *array, json_t *value)
{
	return json_array_append_new(array, value);
}

/* ---- sessions ---- */

static json_t *blocked_by(const struct shot *s, int pid)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < s->n_edges && !bad; i++)
		if (s->edges[i].waiter == pid)
			bad = append(a, json_integer(s->edges[i].blocker));
	return whole(a, bad);
}

static json_t *lock_json(const struct shot_lock *l)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= text(o, "type", l->type);
	bad |= text(o, "object", l->text);
	bad |= text(o, "mode", l->mode);
	bad |= jsonout_put(o, "granted", json_boolean(l->granted));
	bad |= age(o, "wait_s", l->wait_s);
	return whole(o, bad);
}

static json_t *locks_json(const struct shot *s, int pid)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < s->n_locks && !bad; i++)
		if (s->locks[i].pid == pid)
			bad = append(a, lock_json(&s->locks[i]));
	return whole(a, bad);
}

static const char *kind_name(enum shot_kind kind)
{
	static const char *const names[] = {"client", "parallel worker", "autovacuum", "walsender",
					    "server"};

	return names[kind];
}

static json_t *session_json(const struct shot *s, const struct shot_session *a)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= number(o, "pid", (uint64_t)a->pid);
	bad |= some_text(o, "state", shot_state_name(a->state));
	bad |= jsonout_put(o, "query", a->hidden ? json_null() : jsonout_text(a->query));
	bad |= age(o, "xact_age_s", a->xact_age_s);
	bad |= jsonout_put(o, "blocked_by", blocked_by(s, a->pid));
	bad |= age(o, "query_age_s", a->query_age_s);
	bad |= age(o, "state_age_s", a->state_age_s);
	bad |= text(o, "kind", kind_name(a->kind));
	bad |= some_pid(o, "leader_pid", a->leader);
	bad |= some_text(o, "database", a->database);
	bad |= some_text(o, "user", a->user);
	bad |= some_text(o, "application", a->application);
	bad |= some_text(o, "client_address", a->client_address);
	bad |= some_pid(o, "client_port", a->client_port);
	bad |= some_pid(o, "client_pid", a->client_pid);
	bad |= some_text(o, "client_name", a->client_name);
	bad |= some_text(o, "wait_event_type", a->wait_type);
	bad |= some_text(o, "wait_event", a->wait_event);
	bad |= fingerprint(o, "fingerprint", a->fingerprint);
	bad |= jsonout_put(o, "locks", locks_json(s, a->pid));
	return whole(o, bad);
}

static json_t *sessions_json(const struct shot *s)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < s->n_sessions && !bad; i++)
		bad = append(a, session_json(s, &s->sessions[i]));
	return whole(a, bad);
}

/* ---- the tree ---- */

static json_t *node_json(const struct pg_look *l, uint32_t *at)
{
	const struct blockers *b = &l->blockers;
	const struct block_node *node = &b->nodes[*at];
	json_t *o = json_object(), *below = json_array();
	uint32_t depth = node->depth;
	int bad = !o || !below;

	bad |= number(o, "pid", (uint64_t)node->pid);
	bad |= text(o, "is",
		    node->is == BLOCK_SESSION    ? "session"
		    : node->is == BLOCK_PREPARED ? "prepared"
						 : "gone");
	if (node->is == BLOCK_PREPARED)
		bad |= some_text(o, "gid",
				 node->item < l->shot.n_prepared ? l->shot.prepared[node->item].gid
								 : "");
	if (node->is == BLOCK_SESSION)
		bad |= some_pid(o, "client_pid", l->shot.sessions[node->item].client_pid);
	bad |= number(o, "waiting", node->waiting);
	bad |= jsonout_put(o, "deadlock", json_boolean(node->circle));
	bad |= jsonout_put(o, "lock", node->lock ? lock_json(node->lock) : json_null());
	bad |= jsonout_put(o, "held_mode",
			   node->held ? jsonout_text(node->held->mode) : json_null());
	++*at;
	while (!bad && *at < b->n && b->nodes[*at].depth > depth)
		bad = append(below, node_json(l, at));
	bad |= jsonout_put(o, "waiters", below);
	return whole(o, bad);
}

/* Deeper than this a chain is cut: it would not be read, and readers of JSON have limits. */
#define DEPTH_MAX 500

static json_t *tree_json(const struct pg_look *l)
{
	json_t *a = json_array();
	uint32_t at = 0, i;
	int bad = !a;

	for (i = 0; i < l->blockers.n; i++)
		if (l->blockers.nodes[i].depth > DEPTH_MAX)
			return a;
	while (!bad && at < l->blockers.n)
		bad = append(a, node_json(l, &at));
	return whole(a, bad);
}

/* ---- statements ---- */

/* Of its sessions, or of the local processes behind them. */
static json_t *pids_json(const struct stmt *q, int clients)
{
	uint32_t i, n = clients ? q->n_clients : q->n_pids;
	json_t *a = json_array();
	int bad = !a;

	for (i = 0; i < n && !bad; i++)
		bad = append(a, json_integer(clients ? q->clients[i].pid : q->pids[i]));
	return whole(a, bad);
}

static json_t *statement_json(const struct pg_look *l, const struct stmt *q)
{
	double period = q->counted ? l->stmts.counted_s : l->period_s;
	json_t *o = json_object();
	int bad = !o;

	bad |= fingerprint(o, "fingerprint", q->fingerprint);
	bad |= text(o, "text", strtab_text(l->stmts.texts, q->text));
	bad |= number(o, "calls", (uint64_t)stmt_calls(q));
	bad |= jsonout_put(o, "total_ms", jsonout_real(stmt_total_ms(q)));
	bad |= text(o, "source", q->counted ? "pg_stat_statements" : "sessions");
	bad |= age(o, "calls_per_s", period > 0 ? stmt_calls(q) / period : -1);
	bad |= jsonout_put(o, "rows", q->counted ? json_integer((json_int_t)q->rows) : json_null());
	bad |= number(o, "seen", q->seen);
	bad |= jsonout_put(o, "distinct_values",
			   q->distinct > 1 ? json_integer((json_int_t)q->distinct) : json_null());
	bad |= jsonout_put(o, "repeated", json_boolean(q->repeated));
	bad |= jsonout_put(o, "pids", pids_json(q, 0));
	bad |= jsonout_put(o, "client_pids", pids_json(q, 1));
	return whole(o, bad);
}

static json_t *statements_json(const struct pg_look *l)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < l->stmts.n && !bad; i++)
		bad = append(a, statement_json(l, &l->stmts.rows[i]));
	return whole(a, bad);
}

/* ---- the server ---- */

static json_t *server_json(const struct pg_look *l)
{
	const struct watch_facts *f = watch_facts(l->watch);
	json_t *o = json_object();
	int bad = !o;

	bad |= text(o, "name", watch_name(l->watch));
	bad |= number(o, "version", (uint64_t)f->version);
	bad |= text(o, "version_text", f->version_text);
	bad |= jsonout_put(o, "standby", json_boolean(f->recovering));
	bad |= number(o, "max_connections", (uint64_t)l->shot.max_connections);
	bad |= number(o, "connections", l->sums.clients);
	bad |= jsonout_put(o, "all_sessions_visible", json_boolean(!l->shot.partial));
	bad |= some_text(o, "statements_advice", f->statements_advice);
	bad |= number(o, "reconnects", l->reconnects);
	return whole(o, bad);
}

static json_t *waits_json(const struct sums *m)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < m->n_waits && !bad; i++) {
		json_t *o = json_object();

		bad |= !o || text(o, "type", m->waits[i].type) ||
		       text(o, "event", m->waits[i].event) || number(o, "sessions", m->waits[i].n);
		bad |= append(a, o);
	}
	return whole(a, bad);
}

static json_t *databases_json(const struct pg_look *l)
{
	json_t *a = json_array();
	uint32_t i;
	int bad = !a;

	for (i = 0; i < l->rates.n && !bad; i++) {
		const struct sums_rate *r = &l->rates.of[i];
		json_t *o = json_object();

		bad |= !o || text(o, "database", r->name) || age(o, "commits_per_s", r->commits) ||
		       age(o, "rollbacks_per_s", r->rollbacks) ||
		       age(o, "fetched_per_s", r->fetched) || age(o, "changed_per_s", r->changed) ||
		       age(o, "hit_ratio", r->hit) || number(o, "deadlocks", r->deadlocks);
		bad |= append(a, o);
	}
	return whole(a, bad);
}

static json_t *root_json(const struct pg_look *l)
{
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "sessions", sessions_json(&l->shot));
	bad |= jsonout_put(o, "statements", statements_json(l));
	bad |= jsonout_put(o, "tree", tree_json(l));
	bad |= jsonout_put(o, "server", server_json(l));
	bad |= jsonout_put(o, "waits", waits_json(&l->sums));
	bad |= jsonout_put(o, "databases", databases_json(l));
	bad |= number(o, "blocked", l->blockers.n_waiting);
	bad |= age(o, "longest_xact_s", l->sums.longest_xact_s);
	bad |= age(o, "period_s", l->period_s > 0 ? l->period_s : -1);
	bad |= number(o, "took_ns", (uint64_t)l->took_ns);
	bad |= jsonout_put(o, "at_unix_s", jsonout_real((double)l->shot.real_ns / 1e9));
	bad |= jsonout_put(o, "lost", l->lost ? jsonout_text(l->lost_note) : json_null());
	bad |= some_text(o, "note", l->shot.note);
	return whole(o, bad);
}

int pg_json(FILE *out, const struct pg_look *l, int compact, struct err *err)
{
	json_t *root = root_json(l);
	int rc = 0;

	if (!compact)
		return jsonout_finish(out, root, 0, err);
	if (!root)
		return err_nomem(err, "the JSON text");
	if (json_dumpf(root, out, JSON_COMPACT) || putc('\n', out) == EOF || fflush(out))
		rc = err_sys(err, ERR_IO, "cannot write to standard output");
	json_decref(root);
	return rc;
}
