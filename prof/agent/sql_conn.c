/* Connections as libpq's callers use them: what each waits for, in its order, and what it prepared. A connection is one
 * thread's at a time, by libpq's own rule, so its state takes no lock; only the table from connections to states is
 * shared. States are pooled and never unmapped. */
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"

#define SLOTS        (2 * SQL_CONNS_MAX) /* a power of two */
#define QUEUE        128                 /* a power of two */
#define PREPARED_MIN 64
#define PREPARED_MAX 65536
#define TOMB         ((void *)1) /* a slot that was in use */

struct prepared {
	uint64_t name; /* hash, 0: free */
	uint64_t literals;
	uint32_t statement;
};

struct sql_conn {
	uint32_t row; /* of the shared file */
	uint32_t first, waiting;
	int pipeline;
	struct sql_call queue[QUEUE];
	struct sql_call connecting;
	struct prepared *prepared;
	uint32_t prepared_slots, n_prepared;
	struct prepared prepared_here[PREPARED_MIN];
};

static struct slot {
	_Atomic(void *) pg;
	_Atomic(struct sql_conn *) conn;
} slots[SLOTS];
static _Atomic(struct sql_conn *) pool[SQL_CONNS_MAX]; /* by row; NULL: never made */
static _Atomic uint8_t used[SQL_CONNS_MAX];
static _Atomic uint32_t made;

static uint32_t slot_of(const void *pg)
{
	return (uint32_t)(((uint64_t)(uintptr_t)pg >> 4) * 0x9e3779b97f4a7c15u >> 40) & (SLOTS - 1);
}

static void clear(struct sql_conn *c)
{
	if (c->prepared != c->prepared_here && c->prepared)
		sys_unmap(c->prepared, c->prepared_slots * sizeof *c->prepared);
	c->prepared = c->prepared_here;
	c->prepared_slots = PREPARED_MIN;
	c->n_prepared = c->first = c->waiting = 0;
	c->pipeline = 0;
	memset(c->prepared_here, 0, sizeof c->prepared_here);
	memset(&c->connecting, 0, sizeof c->connecting);
}

static struct sql_conn *take(void)
{
	uint32_t n = atomic_load(&made);

	for (uint32_t i = 0; i < SQL_CONNS_MAX; i++) {
		struct sql_conn *c;

		if (atomic_load_explicit(&used[i], memory_order_relaxed) ||
		    atomic_exchange(&used[i], 1))
			continue;
		c = atomic_load(&pool[i]);
		if (!c) {
			c = sys_map(sizeof *c);
			if (!c) {
				atomic_store(&used[i], 0);
				return NULL;
			}
			c->row = i;
			atomic_store(&pool[i], c);
			atomic_store(&made, n + 1);
		}
		clear(c);
		return c;
	}
	return NULL;
}

static __attribute__((noinline)) struct sql_conn *meet(void *pg)
{
	uint32_t at = slot_of(pg);
	struct sql_conn *c = take();

	for (uint32_t i = 0; c && i < SLOTS; i++, at = (at + 1) & (SLOTS - 1)) {
		void *there = atomic_load(&slots[at].pg);

		if (there && there != TOMB)
			continue;
		if (!atomic_compare_exchange_strong(&slots[at].pg, &there, pg))
			continue;
		atomic_store(&slots[at].conn, c);
		return c;
	}
	sql_loss(SQL_LOSS_CONNS);
	return NULL;
}

static struct slot *find(void *pg)
{
	uint32_t at = slot_of(pg);

	for (uint32_t i = 0; i < SLOTS; i++, at = (at + 1) & (SLOTS - 1)) {
		void *there = atomic_load_explicit(&slots[at].pg, memory_order_acquire);

		if (there == pg)
			return &slots[at];
		if (!there)
			return NULL;
	}
	return NULL;
}

struct sql_conn *sql_conn_of(void *pg)
{
	struct slot *s = pg ? find(pg) : NULL;
	struct sql_conn *c = s ? atomic_load_explicit(&s->conn, memory_order_acquire) : NULL;

	return c ? c : pg ? meet(pg) : NULL;
}

void sql_conn_gone(void *pg)
{
	struct slot *s = pg ? find(pg) : NULL;
	struct sql_conn *c;

	if (!s)
		return;
	c = atomic_exchange(&s->conn, NULL);
	atomic_store(&s->pg, TOMB);
	if (!c)
		return;
	sql_conn_waits(c, NULL);
	atomic_store(&used[c->row], 0);
}

void sql_conn_reset(struct sql_conn *c)
{
	sql_conn_waits(c, NULL);
	clear(c);
}

/* In a forked child: connections are the parent's, and a new recording has other rows. */
void sql_conns_forget(void)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		atomic_store_explicit(&slots[i].pg, NULL, memory_order_relaxed);
		atomic_store_explicit(&slots[i].conn, NULL, memory_order_relaxed);
	}
	for (uint32_t i = 0; i < SQL_CONNS_MAX; i++)
		atomic_store_explicit(&used[i], 0, memory_order_relaxed);
}

void sql_conn_waits(struct sql_conn *c, const struct sql_call *call)
{
	struct sql_conn_row *row =
		(struct sql_conn_row *)(void *)((uint8_t *)sql_head + SQL_CONNS_OFFSET) + c->row;

	if (!sql_head)
		return;
	if (call)
		atomic_store_explicit(&row->start_ns, call->start_ns, memory_order_relaxed);
	atomic_store_explicit(&row->site, call ? call->site : 0, memory_order_release);
}

/* ---- prepared statements ------------------------------------------------------------------------- */

static uint64_t name_hash(const char *name)
{
	return sqlnorm_hash(name ? name : "", name ? sql_length(name) : 0, 7) | 1;
}

static struct prepared *place_of(struct prepared *all, uint32_t n, uint64_t name)
{
	uint32_t at = (uint32_t)(name >> 32) & (n - 1);

	while (all[at].name && all[at].name != name)
		at = (at + 1) & (n - 1);
	return &all[at];
}

static void grow(struct sql_conn *c)
{
	uint32_t n = c->prepared_slots * 4;
	struct prepared *more = n <= PREPARED_MAX ? sys_map(n * sizeof *more) : NULL;

	if (!more)
		return;
	for (uint32_t i = 0; i < c->prepared_slots; i++)
		if (c->prepared[i].name)
			*place_of(more, n, c->prepared[i].name) = c->prepared[i];
	if (c->prepared != c->prepared_here)
		sys_unmap(c->prepared, c->prepared_slots * sizeof *c->prepared);
	c->prepared = more;
	c->prepared_slots = n;
}

void sql_conn_prepared(struct sql_conn *c, const char *name, const struct sql_text *text)
{
	uint64_t hash = name_hash(name);
	struct prepared *p;

	if (c->n_prepared >= c->prepared_slots / 2)
		grow(c);
	p = place_of(c->prepared, c->prepared_slots, hash);
	if (!p->name && c->n_prepared >= c->prepared_slots / 4 * 3) {
		sql_loss(SQL_LOSS_STATEMENTS);
		return;
	}
	c->n_prepared += p->name == 0;
	*p = (struct prepared){hash, text->literals, text->statement};
}

/* One that was prepared before we looked, or by the statement PREPARE, goes by its name. */
static struct sql_text by_name(const char *name)
{
	static const struct sql_lib no_lib;
	char text[128] = "execute \"";
	size_t n = strnlen(name ? name : "", 64), at = 9;

	for (size_t i = 0; i < n; i++)
		text[at++] = name[i] == '"' ? '\'' : name[i];
	text[at++] = '"';
	text[at] = 0;
	return sql_text_find(SQL_QUERY, text, NULL, &no_lib);
}

struct sql_text sql_conn_find(struct sql_conn *c, const char *name)
{
	struct sql_text text = {0, 0, 0};

	if (c) {
		const struct prepared *p =
			place_of(c->prepared, c->prepared_slots, name_hash(name));

		text.statement = p->name ? p->statement : 0;
		text.literals = p->literals;
	}
	if (!text.statement)
		text = by_name(name);
	text.len = name ? sql_length(name) : 0;
	return text;
}

/* ---- what waits ---------------------------------------------------------------------------------- */

struct sql_call *sql_conn_push(struct sql_conn *c)
{
	struct sql_call *call;

	if (c->waiting == QUEUE) {
		sql_loss(SQL_LOSS_QUEUE);
		return NULL;
	}
	call = &c->queue[(c->first + c->waiting++) % QUEUE];
	memset(call, 0, sizeof *call);
	return call;
}

struct sql_call *sql_conn_first(struct sql_conn *c)
{
	return c->waiting ? &c->queue[c->first] : NULL;
}

void sql_conn_pop(struct sql_conn *c)
{
	c->first = (c->first + 1) % QUEUE;
	c->waiting--;
	sql_conn_waits(c, sql_conn_first(c));
}

int *sql_conn_pipeline(struct sql_conn *c)
{
	return &c->pipeline;
}

struct sql_call *sql_conn_connecting(struct sql_conn *c)
{
	return &c->connecting;
}
