/* Sessions as samples of a run: see pg_store.h. */
#include "prof/cli/pg_store.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/sqlnorm.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/top_grow.h"
#include "prof/cli/version.h"
#include "prof/record/lease.h"
#include "prof/record/naming.h"
#include "prof/store/write.h"

struct pg_store_stack {
	uint32_t parent, name, depth; /* parent: place, SHOT_NONE at the root */
	int64_t id;                   /* of the store; 0: not written */
};
struct pg_store_thread {
	int pid;
	int64_t backend_start_us, first_ns, last_ns, active_ns;
	int64_t id;
	int changed;
	char name[96];
};
struct pg_store_sample {
	uint32_t thread, stack;
	uint64_t count;
	int64_t value_ns;
};
struct pg_store_tick {
	uint32_t thread, stack;
	int64_t t_ns;
	enum profile_state state;
};
struct pg_store_counter {
	uint32_t name;
	int64_t t_ns;
	double value;
};
struct pg_store_statement { /* sums of all periods; written at the end */
	uint64_t fingerprint, calls, rows, distinct;
	uint32_t text;
	double total_ms;
};

/* ---- the run ---- */

static int open_session(struct pg_store *p, const struct pg_store_options *o, struct err *err)
{
	struct spool_session config = {
		.started_real_ns = clock_real_ns(),
		.started_mono_ns = p->start_ns,
		.rate_hz = (uint32_t)(1000000000 / o->every_ns),
		.mode = SPOOL_MODE_WALL,
		.ring_bytes = 4096,
	};
	const char *fallback = getenv("TMPDIR");
	int rc;

	memcpy(config.run_id, p->about.id, sizeof(p->about.id));
	atomic_store(&config.supervisor_pid, getpid());
	rc = session_make(&p->session, p->session_path, &config, fallback ? fallback : "/tmp", err);
	if (rc)
		return rc;
	p->lease = lease_take(p->session_path);
	return p->lease < 0 ? err_set(err, ERR_IO, "cannot lock session '%s'", p->session_path) : 0;
}

static int add_run(struct pg_store *p, const struct pg_store_options *o, const struct pg_look *l,
		   struct err *err)
{
	struct store_run run = {
		.name = o->name ? o->name : "pg",
		.version = prof_version,
		.git_sha = prof_git_sha,
		.labels_json = o->labels_json,
		.mode = "wall",
		.engine = "pg",
		.spool_path = p->session_path,
		.started_at = clock_real_ns(),
		.start_ns = p->start_ns,
		.rate_hz = 1e9 / (double)o->every_ns,
	};
	struct profile_process server = {.pid = 0, .start_ns = p->start_ns, .end_ns = -1};
	char name[256];
	int rc;

	about_fill(&p->about, p->session, &run);
	run.memory = NULL;
	snprintf(name, sizeof(name), "PostgreSQL %.40s %.180s", watch_facts(l->watch)->version_text,
		 watch_name(l->watch));
	rc = store_begin(p->store, err);
	if (rc == 0)
		rc = store_run_add(p->store, &run, &p->run, err);
	if (rc == 0)
		rc = store_process_add(p->store, p->run, &server, name, &p->process, err);
	if (rc == 0)
		rc = store_commit(p->store, err);
	if (rc)
		store_rollback(p->store);
	return rc;
}

int pg_store_open(struct pg_store *p, const struct pg_store_options *o, const struct pg_look *l,
		  struct err *err)
{
	char program[] = "protea-prof", command[] = "pg", option[] = "--record", url[512];
	char *argv[] = {program, command, option, url, NULL};
	int rc;

	memset(p, 0, sizeof(*p));
	p->lease = -1;
	p->start_ns = p->last_ns = clock_mono_ns();
	snprintf(url, sizeof(url), "%s", watch_name(l->watch));
	p->names = strtab_new();
	if (!p->names)
		return err_nomem(err, "the recording");
	rc = about_init(&p->about, argv, err);
	if (rc == 0)
		rc = store_open(&p->store, o->path, STORE_CREATE, err);
	/* A store that cannot be used is no fault of the command line. */
	if (rc == ERR_ARG)
		rc = err->code = ERR_IO;
	if (rc == 0)
		rc = open_session(p, o, err);
	return rc ? rc : add_run(p, o, l, err);
}

void pg_store_release(struct pg_store *p)
{
	if (p->session)
		session_unmap(p->session);
	if (p->lease >= 0)
		lease_drop(p->lease);
	store_close(p->store);
	about_release(&p->about);
	strtab_free(p->names);
	idmap_release(&p->frames);
	idmap_release(&p->stacks);
	idmap_release(&p->samples);
	idmap_release(&p->threads);
	idmap_release(&p->statements);
	free(p->stack_rows);
	free(p->sample_rows);
	free(p->thread_rows);
	free(p->ticks);
	free(p->counters);
	free(p->statement_rows);
	free(p->frame_ids);
	memset(p, 0, sizeof(*p));
	p->lease = -1;
}

/* ---- looks ---- */

static uint32_t stack_of(struct pg_store *p, uint32_t parent, const char *name)
{
	uint32_t text, at;

	if (strtab_intern_text(p->names, *name ? name : "-", &text))
		return SHOT_NONE;
	at = idmap_intern(&p->stacks, (uint64_t)(parent + 1) << 32 | text, p->n_stacks);
	if (at == IDMAP_NONE || at < p->n_stacks)
		return at == IDMAP_NONE ? SHOT_NONE : at;
	if (TOP_GROW(p->stack_rows, p->n_stacks, 1, p->cap_stacks))
		return SHOT_NONE;
	p->stack_rows[p->n_stacks] = (struct pg_store_stack){
		.parent = parent,
		.name = text,
		.depth = parent == SHOT_NONE ? 1 : p->stack_rows[parent].depth + 1};
	return p->n_stacks++;
}

static uint32_t thread_of(struct pg_store *p, const struct shot_session *a)
{
	uint64_t key = hash_u64((uint64_t)a->backend_start_us ^ (uint64_t)(uint32_t)a->pid << 40);
	uint32_t at = idmap_intern(&p->threads, key, p->n_threads);
	struct pg_store_thread *t;

	if (at == IDMAP_NONE || at < p->n_threads)
		return at == IDMAP_NONE ? SHOT_NONE : at;
	if (TOP_GROW(p->thread_rows, p->n_threads, 1, p->cap_threads))
		return SHOT_NONE;
	t = &p->thread_rows[p->n_threads];
	*t = (struct pg_store_thread){.pid = a->pid,
				      .backend_start_us = a->backend_start_us,
				      .first_ns = p->last_ns,
				      .changed = 1};
	pg_who(t->name, sizeof(t->name), a);
	return p->n_threads++;
}

/* Where its time goes: what it waits for, or that it waits for nothing. */
static void leaf(char *out, size_t size, const struct shot_session *a)
{
	if (a->state == SHOT_ACTIVE && !*a->wait_event)
		snprintf(out, size, "running");
	else if (a->state == SHOT_ACTIVE)
		snprintf(out, size, "%.60s: %.80s", a->wait_type, a->wait_event);
	else
		snprintf(out, size, "%s", shot_state_name(a->state));
}

static uint32_t stack_of_session(struct pg_store *p, const struct shot_session *a)
{
	char text[512], where[192];
	struct sqlnorm norm;
	uint32_t stack;

	snprintf(text, sizeof(text), "%.100s", *a->database ? a->database : a->backend_type);
	stack = stack_of(p, SHOT_NONE, text);
	if (stack != SHOT_NONE && *a->application)
		stack = stack_of(p, stack, a->application);
	/* No literal of a statement is kept. */
	if (stack != SHOT_NONE && *a->query) {
		sqlnorm(&norm, text, sizeof(text), a->query, strlen(a->query), 0);
		stack = stack_of(p, stack, text);
	}
	leaf(where, sizeof(where), a);
	return stack == SHOT_NONE ? stack : stack_of(p, stack, where);
}

static enum profile_state state_of(const struct shot_session *a)
{
	if (a->state != SHOT_ACTIVE)
		return PROFILE_SLEEPING;
	if (!*a->wait_event)
		return PROFILE_RUNNING;
	return strcmp(a->wait_type, "IO") == 0 ? PROFILE_DISK : PROFILE_SLEEPING;
}

static int add_sample(struct pg_store *p, uint32_t thread, uint32_t stack, int64_t ns)
{
	uint32_t at = idmap_intern(&p->samples, (uint64_t)thread << 32 | stack, p->n_samples);

	if (at == IDMAP_NONE)
		return ERR_NOMEM;
	if (at == p->n_samples) {
		if (TOP_GROW(p->sample_rows, p->n_samples, 1, p->cap_samples))
			return ERR_NOMEM;
		p->sample_rows[p->n_samples++] =
			(struct pg_store_sample){.thread = thread, .stack = stack};
	}
	p->sample_rows[at].count++;
	p->sample_rows[at].value_ns += ns;
	return 0;
}

static int take_session(struct pg_store *p, const struct shot_session *a, int64_t now, int64_t ns)
{
	uint32_t thread, stack;

	if (a->kind == SHOT_OTHER || a->kind == SHOT_SENDER || a->state == SHOT_IDLE ||
	    a->state == SHOT_NO_STATE || a->state == SHOT_DISABLED)
		return 0;
	thread = thread_of(p, a);
	stack = stack_of_session(p, a);
	if (thread == SHOT_NONE || stack == SHOT_NONE || add_sample(p, thread, stack, ns) ||
	    TOP_GROW(p->ticks, p->n_ticks, 1, p->cap_ticks))
		return ERR_NOMEM;
	p->thread_rows[thread].last_ns = now;
	p->thread_rows[thread].changed = 1;
	p->ticks[p->n_ticks++] = (struct pg_store_tick){thread, stack, now, state_of(a)};
	return 0;
}

int pg_store_look(struct pg_store *p, const struct shot *shot)
{
	int64_t ns = shot->at_ns - p->last_ns;
	uint32_t i;
	int rc = 0;

	p->last_ns = shot->at_ns;
	p->looks++;
	for (i = 0; i < shot->n_sessions && rc == 0; i++)
		rc = take_session(p, &shot->sessions[i], shot->at_ns, ns > 0 ? ns : 0);
	return rc;
}

/* ---- counters ---- */

static int count(struct pg_store *p, int64_t t_ns, const char *name, const char *of, double value)
{
	char text[160];
	uint32_t string;

	snprintf(text, sizeof(text), "%s%s%.100s", name, *of ? ":" : "", of);
	if (value < 0)
		return 0;
	if (strtab_intern_text(p->names, text, &string) ||
	    TOP_GROW(p->counters, p->n_counters, 1, p->cap_counters))
		return ERR_NOMEM;
	p->counters[p->n_counters++] = (struct pg_store_counter){string, t_ns, value};
	return 0;
}

static int count_rates(struct pg_store *p, int64_t t, const struct sums_rate *r)
{
	return count(p, t, "pg_commits_per_s", r->name, r->commits) ||
	       count(p, t, "pg_rollbacks_per_s", r->name, r->rollbacks) ||
	       count(p, t, "pg_rows_fetched_per_s", r->name, r->fetched) ||
	       count(p, t, "pg_rows_changed_per_s", r->name, r->changed) ||
	       count(p, t, "pg_hit_pct", r->name, r->hit < 0 ? -1 : 100 * r->hit);
}

static int add_statement(struct pg_store *p, const struct stmts *from, const struct stmt *q)
{
	uint32_t at = idmap_intern(&p->statements, q->fingerprint, p->n_statements);
	struct pg_store_statement *s;

	if (at == IDMAP_NONE)
		return ERR_NOMEM;
	if (at == p->n_statements) {
		if (TOP_GROW(p->statement_rows, p->n_statements, 1, p->cap_statements))
			return ERR_NOMEM;
		s = &p->statement_rows[p->n_statements++];
		*s = (struct pg_store_statement){.fingerprint = q->fingerprint};
		if (strtab_intern_text(p->names, strtab_text(from->texts, q->text), &s->text))
			return ERR_NOMEM;
	}
	s = &p->statement_rows[at];
	s->calls += (uint64_t)stmt_calls(q);
	s->total_ms += stmt_total_ms(q);
	s->rows += q->rows;
	s->distinct = q->distinct > s->distinct ? q->distinct : s->distinct;
	return 0;
}

/* Only what happened in the period: counters since a reset are of another time. */
static int add_statements(struct pg_store *p, const struct pg_look *l)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < l->stmts.n && rc == 0; i++) {
		const struct stmt *q = &l->stmts.rows[i];

		if (!q->counted || l->stmts.counted_s > 0)
			rc = add_statement(p, &l->stmts, q);
	}
	return rc;
}

int pg_store_whole(struct pg_store *p, const struct pg_look *l)
{
	const struct sums *m = &l->sums;
	int64_t t = l->shot.at_ns;
	uint32_t i;
	int bad = 0;

	bad |= count(p, t, "pg_connections", "", m->clients);
	bad |= count(p, t, "pg_active", "", m->by_state[SHOT_ACTIVE]);
	bad |= count(p, t, "pg_idle", "", m->by_state[SHOT_IDLE]);
	bad |= count(p, t, "pg_idle_in_transaction", "",
		     m->by_state[SHOT_IN_TRANSACTION] + m->by_state[SHOT_ABORTED]);
	bad |= count(p, t, "pg_blocked", "", l->blockers.n_waiting);
	bad |= count(p, t, "pg_root_blockers", "", l->blockers.n_roots);
	bad |= count(p, t, "pg_longest_wait_s", "",
		     l->blockers.longest_s < 0 ? 0 : l->blockers.longest_s);
	bad |= count(p, t, "pg_longest_transaction_s", "",
		     m->longest_xact_s < 0 ? 0 : m->longest_xact_s);
	if (l->rates.interval_s > 0)
		bad |= count_rates(p, t, &l->rates.all);
	for (i = 0; i < l->rates.n && l->rates.n > 1; i++)
		bad |= count_rates(p, t, &l->rates.of[i]);
	return bad ? ERR_NOMEM : add_statements(p, l);
}

/* ---- writing ---- */

static int frame_id(struct pg_store *p, uint32_t name, int64_t *id, struct err *err)
{
	uint32_t at = idmap_get(&p->frames, name);
	int rc;

	if (at != IDMAP_NONE) {
		*id = p->frame_ids[at];
		return 0;
	}
	rc = store_frame_add_label(p->store, p->run, strtab_text(p->names, name), id, err);
	if (rc)
		return rc;
	at = (uint32_t)p->frames.count;
	if (TOP_GROW(p->frame_ids, at, 1, p->cap_frames) || idmap_set(&p->frames, name, at))
		return err_nomem(err, "the recording");
	p->frame_ids[at] = *id;
	return 0;
}

static int write_stacks(struct pg_store *p, struct err *err)
{
	int64_t frame;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->n_stacks && rc == 0; i++) {
		struct pg_store_stack *s = &p->stack_rows[i];

		if (s->id)
			continue;
		rc = frame_id(p, s->name, &frame, err);
		if (rc == 0)
			rc = store_stack_add(
				p->store, s->parent == SHOT_NONE ? 0 : p->stack_rows[s->parent].id,
				frame, s->depth, &s->id, err);
	}
	return rc;
}

static int write_threads(struct pg_store *p, struct err *err)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->n_threads && rc == 0; i++) {
		struct pg_store_thread *t = &p->thread_rows[i];
		struct profile_thread row = {
			.tid = t->pid, .start_ns = t->first_ns, .end_ns = t->last_ns, .cpu_ns = -1};

		if (!t->changed)
			continue;
		rc = t->id ? store_thread_update(p->store, t->id, &row, t->name, err)
			   : store_thread_add(p->store, p->process, &row, t->name, &t->id, err);
		t->changed = 0;
	}
	return rc;
}

static int write_values(struct pg_store *p, struct err *err)
{
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->n_samples && rc == 0; i++) {
		const struct pg_store_sample *s = &p->sample_rows[i];

		rc = store_sample_add(p->store, p->run, PROFILE_WALL, 0,
				      p->thread_rows[s->thread].id, p->stack_rows[s->stack].id,
				      s->count, s->value_ns, err);
	}
	for (i = 0; i < p->n_ticks && rc == 0; i++)
		rc = store_tick_add(p->store, p->run, p->thread_rows[p->ticks[i].thread].id,
				    p->ticks[i].t_ns, p->stack_rows[p->ticks[i].stack].id,
				    p->ticks[i].state, err);
	for (i = 0; i < p->n_counters && rc == 0; i++)
		rc = store_counter_add(p->store, p->run, p->counters[i].t_ns,
				       strtab_text(p->names, p->counters[i].name),
				       p->counters[i].value, err);
	return rc;
}

static int write_statements(struct pg_store *p, struct err *err)
{
	char hex[SQLNORM_HEX];
	uint32_t i;
	int rc = 0;

	for (i = 0; i < p->n_statements && rc == 0; i++) {
		const struct pg_store_statement *s = &p->statement_rows[i];
		const struct store_statement row = {.fingerprint = hex,
						    .text = strtab_text(p->names, s->text),
						    .kind = "server",
						    .process = p->process,
						    .calls = s->calls,
						    .rows = s->rows,
						    .distinct_params = s->distinct,
						    .total_ns = (int64_t)(s->total_ms * 1e6)};

		sqlnorm_hex(hex, s->fingerprint);
		rc = store_sql_add(p->store, p->run, &row, err);
	}
	return rc;
}

static int flush(struct pg_store *p, int last, struct err *err)
{
	int rc = store_begin(p->store, err);

	if (rc)
		return rc;
	rc = write_stacks(p, err);
	if (rc == 0)
		rc = write_threads(p, err);
	if (rc == 0)
		rc = write_values(p, err);
	if (rc == 0 && last)
		rc = write_statements(p, err);
	if (rc == 0)
		rc = store_commit(p->store, err);
	if (rc) {
		store_rollback(p->store);
		p->broken = 1;
		return rc;
	}
	p->n_samples = p->n_ticks = p->n_counters = 0;
	idmap_release(&p->samples);
	return 0;
}

int pg_store_flush(struct pg_store *p, struct err *err)
{
	return flush(p, 0, err);
}

int pg_store_finish(struct pg_store *p, struct err *err)
{
	const struct store_run_end end = {.duration_ns = clock_mono_ns() - p->start_ns,
					  .has_exit_code = 1};
	char warning[256];
	int rc = p->broken ? err_set(err, ERR_IO, "the recording was not written to its end")
			   : flush(p, 1, err);

	if (rc == 0)
		rc = naming_finish(p->store, p->run, &end, warning, sizeof(warning), err);
	if (rc == 0)
		(void)session_remove(p->session_path, NULL);
	return rc;
}
