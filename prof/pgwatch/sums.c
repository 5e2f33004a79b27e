/* Looks in numbers: see sums.h. */
#include "prof/pgwatch/sums.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

static int more_waits(const void *a, const void *b)
{
	const struct sums_wait *x = a, *y = b;
	int c;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	c = strcmp(x->type, y->type);
	return c ? c : strcmp(x->event, y->event);
}

static void add_wait(struct sums *m, const struct shot_session *a)
{
	uint32_t i;

	if (!*a->wait_event) {
		m->running++;
		return;
	}
	for (i = 0; i < m->n_waits; i++)
		if (strcmp(m->waits[i].event, a->wait_event) == 0 &&
		    strcmp(m->waits[i].type, a->wait_type) == 0)
			break;
	if (i == SUMS_WAITS)
		return;
	if (i == m->n_waits)
		m->waits[m->n_waits++] = (struct sums_wait){a->wait_type, a->wait_event, 0};
	m->waits[i].n++;
}

static void add_session(struct sums *m, const struct shot_session *a)
{
	m->workers += a->kind == SHOT_WORKER;
	m->vacuums += a->kind == SHOT_VACUUM;
	m->senders += a->kind == SHOT_SENDER;
	m->lock_waits += strcmp(a->wait_type, "Lock") == 0;
	if (a->kind == SHOT_CLIENT) {
		m->clients++;
		m->by_state[a->state]++;
	}
	if (a->state == SHOT_ACTIVE && a->kind != SHOT_SENDER)
		add_wait(m, a);
	if (a->kind != SHOT_CLIENT && a->kind != SHOT_VACUUM)
		return;
	if (a->xact_age_s > m->longest_xact_s) {
		m->longest_xact_s = a->xact_age_s;
		m->longest_xact_pid = a->pid;
	}
	if (a->state == SHOT_ACTIVE && a->query_age_s > m->longest_query_s)
		m->longest_query_s = a->query_age_s;
}

void sums_take(struct sums *m, const struct shot *s)
{
	uint32_t i;

	memset(m, 0, sizeof(*m));
	m->longest_xact_s = m->longest_query_s = -1;
	for (i = 0; i < s->n_sessions; i++)
		add_session(m, &s->sessions[i]);
	qsort(m->waits, m->n_waits, sizeof(*m->waits), more_waits);
}

/* ---- rates ---- */

struct sums_counter {
	uint64_t commits, rollbacks, deadlocks, read, hit, temp_bytes, fetched, changed;
};

static struct sums_counter counter_of(const struct shot_database *d)
{
	return (struct sums_counter){.commits = d->commits,
				     .rollbacks = d->rollbacks,
				     .deadlocks = d->deadlocks,
				     .read = d->read,
				     .hit = d->hit,
				     .temp_bytes = d->temp_bytes,
				     .fetched = d->fetched,
				     .changed = d->changed};
}

static uint64_t key_of(const char *name)
{
	return hash_bytes(name, strlen(name), 0);
}

/* A counter that fell was reset. */
static double rose(uint64_t now, uint64_t before)
{
	return (double)(now >= before ? now - before : now);
}

static void rate(struct sums_rate *r, const char *name, const struct sums_counter *now,
		 const struct sums_counter *old, double s)
{
	double hit = rose(now->hit, old->hit), read = rose(now->read, old->read);

	r->name = name;
	r->commits = rose(now->commits, old->commits) / s;
	r->rollbacks = rose(now->rollbacks, old->rollbacks) / s;
	r->fetched = rose(now->fetched, old->fetched) / s;
	r->changed = rose(now->changed, old->changed) / s;
	r->read = read / s;
	r->temp_bytes = rose(now->temp_bytes, old->temp_bytes) / s;
	r->deadlocks = (uint64_t)rose(now->deadlocks, old->deadlocks);
	r->hit = hit + read > 0 ? hit / (hit + read) : -1;
}

static void add_to(struct sums_counter *all, const struct sums_counter *c)
{
	all->commits += c->commits;
	all->rollbacks += c->rollbacks;
	all->deadlocks += c->deadlocks;
	all->read += c->read;
	all->hit += c->hit;
	all->temp_bytes += c->temp_bytes;
	all->fetched += c->fetched;
	all->changed += c->changed;
}

static int remember(struct sums_base *b, const struct shot *s)
{
	uint32_t i;

	b->n = 0;
	b->at_ns = 0;
	idmap_release(&b->by_name);
	if (s->n_databases > b->cap) {
		struct sums_counter *more = reallocarray(b->rows, s->n_databases, sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		b->rows = more;
		b->cap = s->n_databases;
	}
	for (i = 0; i < s->n_databases; i++) {
		b->rows[b->n] = counter_of(&s->databases[i]);
		if (idmap_set(&b->by_name, key_of(s->databases[i].name), b->n++))
			return ERR_NOMEM;
	}
	b->at_ns = s->at_ns;
	return 0;
}

int sums_rates(struct sums_rates *r, struct sums_base *base, const struct shot *s)
{
	struct sums_counter now_all = {0}, old_all = {0}, zero = {0};
	uint32_t i;

	sums_rates_release(r);
	r->all.hit = -1;
	if (base->at_ns && s->at_ns > base->at_ns) {
		r->interval_s = (double)(s->at_ns - base->at_ns) / 1e9;
		r->of = calloc((size_t)s->n_databases + 1, sizeof(*r->of));
		if (!r->of)
			return ERR_NOMEM;
	}
	for (i = 0; r->of && i < s->n_databases; i++) {
		struct sums_counter now = counter_of(&s->databases[i]);
		uint32_t at = idmap_get(&base->by_name, key_of(s->databases[i].name));
		const struct sums_counter *old = at == IDMAP_NONE ? &zero : &base->rows[at];

		/* One that is new began with nothing. */
		add_to(&now_all, &now);
		add_to(&old_all, old);
		if (memcmp(&now, old, sizeof(now)) != 0)
			rate(&r->of[r->n++], s->databases[i].name, &now, old, r->interval_s);
	}
	if (r->of)
		rate(&r->all, "", &now_all, &old_all, r->interval_s);
	return remember(base, s);
}

void sums_rates_release(struct sums_rates *r)
{
	free(r->of);
	memset(r, 0, sizeof(*r));
	r->all.hit = -1;
}

void sums_base_release(struct sums_base *b)
{
	free(b->rows);
	idmap_release(&b->by_name);
	memset(b, 0, sizeof(*b));
}
