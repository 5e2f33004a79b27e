/* Statements, sites (statement, stack, stage) and sets of parameters. Looking up takes no lock: indexes of one word an
 * entry in private memory, rows in the shared file that never move. Adding is one thread's at a time; one that does not
 * come to it in a while goes without, which is counted. Of parameters nothing is kept but a hash, unless examples are
 * asked for. */
#include <sched.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"

#define ROW_BITS    20 /* of an index entry; the others are of the key */
#define ROW_MASK    ((1u << ROW_BITS) - 1)
#define SETS_LEVELS 3 /* a small table first, which stays in the cache; larger ones as it fills */
#define PROBES_MAX  64
#define TEXTS_LOG   15 /* 768 KB, touched as texts differ: literals in the text make many */
#define TRIES_MAX   20000
#define SEED        0x8ebc6af09c88c6e3u

_Static_assert(SQL_SITES_MAX <= ROW_MASK && SQL_STATEMENTS_MAX <= ROW_MASK &&
		       SQL_STACKS_BYTES / 8 <= ROW_MASK + 1ull,
	       "rows fit into an entry");

struct index {
	_Atomic uint64_t *slots; /* key without its low bits, row; 0: empty */
	uint32_t log;
};

struct cached { /* a text met before: three words that only fit together as they were written */
	_Atomic uint64_t check, statement, literals;
};

static struct {
	struct index statements, sites, stacks, sets[SETS_LEVELS];
	struct cached *texts;
	_Atomic uint32_t n_sets[SETS_LEVELS], level; /* that new ones go into */
	_Atomic uint64_t adding;                     /* thread that adds */
} table;

static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 p = (u128)(a ^ SEED) * (b ^ 0x9e3779b97f4a7c15u);

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* ---- indexes ------------------------------------------------------------------------------------- */

static uint32_t slot_of(const struct index *x, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> (64 - x->log));
}

/* The row, 0: none. */
static uint32_t find(const struct index *x, uint64_t key)
{
	uint32_t at = slot_of(x, key), mask = (1u << x->log) - 1;

	for (uint32_t i = 0; i < PROBES_MAX; i++, at = (at + 1) & mask) {
		uint64_t e = atomic_load_explicit(&x->slots[at], memory_order_acquire);

		if (e == 0)
			return 0;
		if ((e ^ key) >> ROW_BITS == 0)
			return (uint32_t)(e & ROW_MASK);
	}
	return 0;
}

/* The row that is there for the key now; 0: no room. `*fresh`: it is ours. */
static uint32_t put(struct index *x, uint64_t key, uint32_t row, int *fresh)
{
	uint32_t at = slot_of(x, key), mask = (1u << x->log) - 1;
	uint64_t entry = (key & ~(uint64_t)ROW_MASK) | row;

	*fresh = 0;
	for (uint32_t i = 0; i < PROBES_MAX; i++, at = (at + 1) & mask) {
		uint64_t e = atomic_load_explicit(&x->slots[at], memory_order_acquire);

		if (e == 0 && atomic_compare_exchange_strong(&x->slots[at], &e, entry)) {
			*fresh = 1;
			return row;
		}
		if ((e ^ key) >> ROW_BITS == 0)
			return (uint32_t)(e & ROW_MASK);
	}
	return 0;
}

static int make_index(struct index *x, uint32_t log)
{
	x->log = log;
	if (!x->slots)
		x->slots = sys_map(sizeof *x->slots << log);
	return x->slots ? 0 : -1;
}

int sql_table_make(void)
{
	if (!table.texts)
		table.texts = sys_map(sizeof *table.texts << TEXTS_LOG);
	return make_index(&table.statements, 15) || make_index(&table.sites, 16) ||
			       make_index(&table.stacks, 16) || make_index(&table.sets[0], 13) ||
			       make_index(&table.sets[1], 16) || make_index(&table.sets[2], 20) ||
			       !table.texts
		       ? -1
		       : 0;
}

static void wipe(void *p, size_t bytes)
{
	if (p)
		(void)sys3(SYS_madvise, (long)p, (long)bytes, 4 /* MADV_DONTNEED: zeros again */);
}

void sql_table_forget(void)
{
	wipe((void *)(uintptr_t)table.statements.slots, sizeof(uint64_t) << table.statements.log);
	wipe((void *)(uintptr_t)table.sites.slots, sizeof(uint64_t) << table.sites.log);
	wipe((void *)(uintptr_t)table.stacks.slots, sizeof(uint64_t) << table.stacks.log);
	for (int i = 0; i < SETS_LEVELS; i++) {
		wipe((void *)(uintptr_t)table.sets[i].slots, sizeof(uint64_t) << table.sets[i].log);
		atomic_store(&table.n_sets[i], 0);
	}
	wipe(table.texts, sizeof *table.texts << TEXTS_LOG);
	atomic_store(&table.level, 0);
	atomic_store(&table.adding, 0);
}

static int lock(void)
{
	uint64_t self = sys_thread_pointer();

	for (uint32_t i = 0; i < TRIES_MAX; i++) {
		uint64_t nobody = 0;

		if (atomic_compare_exchange_weak_explicit(&table.adding, &nobody, self,
							  memory_order_acquire,
							  memory_order_relaxed))
			return 0;
		if (nobody == self)
			break;
		if (i % 64 == 63)
			(void)sys2(SYS_sched_yield, 0, 0);
	}
	sql_loss(SQL_LOSS_BUSY);
	return -1;
}

static void unlock(void)
{
	atomic_store_explicit(&table.adding, 0, memory_order_release);
}

/* ---- statements ---------------------------------------------------------------------------------- */

static struct sql_statement_row *statement_at(uint32_t row)
{
	return (struct sql_statement_row *)(void *)((uint8_t *)sql_head + SQL_STATEMENTS_OFFSET) +
	       row;
}

static char *text_at(uint64_t offset)
{
	return (char *)sql_head + SQL_TEXTS_OFFSET + offset;
}

/* Room for so many bytes of text; 0: none. */
static uint32_t take_text(uint64_t bytes)
{
	uint64_t at = atomic_load_explicit(&sql_head->texts_used, memory_order_relaxed);

	bytes = (bytes + 7) & ~(uint64_t)7;
	/* What a reader may look at from there lies in the file. */
	if (at + bytes > SQL_TEXTS_BYTES - SQL_TEXT_MAX ||
	    sql_file_room(sql_head, SQL_PART_TEXTS, at + bytes))
		return 0;
	atomic_store_explicit(&sql_head->texts_used, at + bytes, memory_order_relaxed);
	return (uint32_t)at;
}

static uint32_t fill_statement(uint64_t fingerprint, enum sql_kind kind, const char *text,
			       uint32_t len, uint32_t params)
{
	uint32_t row = atomic_load_explicit(&sql_head->statements_used, memory_order_relaxed), at;
	struct sql_statement_row *s = statement_at(row);

	if (row >= SQL_STATEMENTS_MAX ||
	    sql_file_room(sql_head, SQL_PART_STATEMENTS, (row + 1) * sizeof *s))
		return 0;
	at = take_text(len + 1);
	if (!at)
		return 0;
	memcpy(text_at(at), text, len);
	s->fingerprint = fingerprint;
	s->text = at;
	s->text_len = len;
	s->params = params;
	atomic_store_explicit(&s->kind, kind, memory_order_release);
	atomic_store_explicit(&sql_head->statements_used, row + 1, memory_order_release);
	return row;
}

/* One row for all statements that found no room; it is asked for when there is none any more, so it is kept free
 * from the start: row 1. */
static uint32_t last_resort(void)
{
	sql_loss(SQL_LOSS_STATEMENTS);
	return 1;
}

static uint32_t add_statement(uint64_t key, uint64_t fingerprint, enum sql_kind kind,
			      const char *text, uint32_t len, uint32_t params)
{
	uint32_t row;
	int fresh;

	if (lock())
		return last_resort();
	row = find(&table.statements, key);
	if (!row) {
		if (atomic_load(&sql_head->statements_used) == 1)
			(void)fill_statement(1, SQL_LAST_RESORT, "[other statements]", 18, 0);
		row = fill_statement(fingerprint, kind, text, len, params);
		if (row)
			row = put(&table.statements, key, row, &fresh);
	}
	unlock();
	return row ? row : last_resort();
}

static uint32_t find_statement(uint64_t fingerprint, enum sql_kind kind, const char *text,
			       uint32_t len, uint32_t params)
{
	uint64_t key = mix(fingerprint, kind);
	uint32_t row = find(&table.statements, key);

	return row ? row : add_statement(key, fingerprint, kind, text, len, params);
}

uint32_t sql_statement_as(uint32_t statement, enum sql_kind kind)
{
	const struct sql_statement_row *s = statement_at(statement);

	if (statement <= 1)
		return statement;
	return find_statement(s->fingerprint, kind, text_at(s->text), s->text_len, s->params);
}

/* Strings as the server reads them, where that matters. */
static int strings_escape(void *conn, const struct sql_lib *lib)
{
	const char *s = conn && lib->PQparameterStatus
				? lib->PQparameterStatus(conn, "standard_conforming_strings")
				: NULL;

	return s && strcmp(s, "off") == 0;
}

static __attribute__((noinline)) struct sql_text
normalise(enum sql_kind kind, const char *sql, size_t len, void *conn, const struct sql_lib *lib)
{
	char text[SQL_TEXT_MAX];
	struct sqlnorm n;

	sqlnorm(&n, text, sizeof text, sql, len, 0);
	if (n.backslash && strings_escape(conn, lib))
		sqlnorm(&n, text, sizeof text, sql, len, SQLNORM_BACKSLASH);
	return (struct sql_text){find_statement(n.fingerprint, kind, text, n.len, n.n_literals),
				 n.literals, len};
}

struct sql_text sql_text_find(enum sql_kind kind, const char *sql, void *conn,
			      const struct sql_lib *lib)
{
	size_t len = sql ? sql_length(sql) : 0;
	uint64_t hash = sqlnorm_hash(sql, len, kind);
	struct cached *c = &table.texts[hash >> (64 - TEXTS_LOG)];
	uint64_t check = atomic_load_explicit(&c->check, memory_order_relaxed);
	uint64_t statement = atomic_load_explicit(&c->statement, memory_order_relaxed);
	uint64_t literals = atomic_load_explicit(&c->literals, memory_order_relaxed);
	struct sql_text t;

	if (statement && (check ^ statement * SEED ^ literals) == hash)
		return (struct sql_text){(uint32_t)statement, literals, len};
	t = normalise(kind, sql ? sql : "", len, conn, lib);
	atomic_store_explicit(&c->statement, t.statement, memory_order_relaxed);
	atomic_store_explicit(&c->literals, t.literals, memory_order_relaxed);
	atomic_store_explicit(&c->check, hash ^ t.statement * SEED ^ t.literals,
			      memory_order_relaxed);
	return t;
}

/* ---- sites --------------------------------------------------------------------------------------- */

static struct sql_site *site_at(uint32_t row)
{
	return (struct sql_site *)(void *)((uint8_t *)sql_head + SQL_SITES_OFFSET) + row;
}

/* With the lock. Its place in units of 8 bytes; 0: no room. */
static uint32_t add_stack(struct sql_where *w)
{
	uint32_t at = find(&table.stacks, w->hash), n = w->n;
	uint64_t used = atomic_load_explicit(&sql_head->stacks_used, memory_order_relaxed);
	const uint64_t *addresses;
	struct sql_stack_row *row;
	int fresh;

	if (at)
		return at;
	addresses = sql_where_addresses(w);
	n = n > SQL_DEPTH_MAX ? SQL_DEPTH_MAX : n;
	if (!addresses ||
	    sql_file_room(sql_head, SQL_PART_STACKS, used * 8 + sizeof *row + n * 8ull)) {
		sql_loss(SQL_LOSS_STACKS);
		return 0;
	}
	row = (void *)((uint8_t *)sql_head + SQL_STACKS_OFFSET + used * 8);
	row->n = n;
	row->flags = w->flags;
	row->t_ns = clock_mono_ns();
	memcpy(row + 1, addresses, n * sizeof *addresses);
	atomic_store_explicit(&sql_head->stacks_used, used + sizeof *row / 8 + n,
			      memory_order_release);
	if (w->flags & SPOOL_SAMPLE_TRUNCATED)
		sql_loss(SQL_LOSS_TRUNCATED);
	else if ((w->flags & SPOOL_SAMPLE_END_MASK) != UNWIND_ROOT)
		sql_loss(SQL_LOSS_NO_UNWIND);
	return put(&table.stacks, w->hash, (uint32_t)used, &fresh);
}

static uint32_t fill_site(uint32_t statement, struct sql_where *w)
{
	uint32_t row = atomic_load_explicit(&sql_head->sites_used, memory_order_relaxed);
	struct sql_site *s = site_at(row);

	if (row >= SQL_SITES_MAX ||
	    sql_file_room(sql_head, SQL_PART_SITES, (row + 1) * sizeof *s)) {
		sql_loss(SQL_LOSS_SITES);
		return 0;
	}
	s->stage = w->stage;
	s->statement = statement;
	s->stack = add_stack(w);
	atomic_store_explicit(&s->ready, 1, memory_order_release);
	atomic_store_explicit(&sql_head->sites_used, row + 1, memory_order_release);
	return row;
}

static __attribute__((noinline)) uint32_t add_site(uint64_t key, uint32_t statement,
						   struct sql_where *w)
{
	uint32_t row;
	int fresh;

	if (lock())
		return 0;
	row = find(&table.sites, key);
	if (!row) {
		row = fill_site(statement, w);
		if (row)
			row = put(&table.sites, key, row, &fresh);
	}
	unlock();
	return row;
}

void sql_call_begin(struct sql_call *c, uint32_t statement, const struct mem_caller *caller)
{
	struct sql_where w;
	uint64_t key;

	c->statement = statement;
	sql_where(caller, &w);
	key = mix(mix(w.hash, w.stage), statement);
	c->site = find(&table.sites, key);
	if (__builtin_expect(!c->site, 0))
		c->site = add_site(key, statement, &w);
}

/* ---- sets of parameters -------------------------------------------------------------------------- */

static void add(_Atomic uint64_t *to, uint64_t n)
{
	if (n)
		(void)atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* What is not to be kept even when examples are. */
static int is_secret(const struct sql_statement_row *s)
{
	static const char *const words[] = {"password", "dblink",     "subscription", "mapping",
					    "crypt",    "set_config", "identified",   "secret"};
	const char *text = text_at(s->text);

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (memmem(text, s->text_len, words[i], strlen(words[i])))
			return 1;
	return 0;
}

static void keep_example(struct sql_statement_row *s, const char *sql, const struct sql_params *p)
{
	struct sql_example e = {0, 0};
	char text[SQL_EXAMPLE_MAX];
	uint32_t at;

	if (atomic_load(&s->n_examples) >= agent.session->sql_params || is_secret(s) || lock())
		return;
	e.len = sql_example_text(text, sql, p);
	e.next = atomic_load(&s->example);
	at = take_text(sizeof e + e.len);
	if (at) {
		memcpy(text_at(at), &e, sizeof e);
		memcpy(text_at(at) + sizeof e, text, e.len);
		atomic_store_explicit(&s->example, at, memory_order_release);
		(void)atomic_fetch_add(&s->n_examples, 1);
	}
	unlock();
}

/* 1: the set is new, 0: it was there, -1: not judged. `*row`: the first site that had it. */
static int meet(uint64_t key, uint32_t site, uint32_t *row)
{
	uint32_t level = atomic_load_explicit(&table.level, memory_order_relaxed);
	int fresh = 0;

	for (uint32_t i = 0; i < level; i++) {
		*row = find(&table.sets[i], key);
		if (*row)
			return 0;
	}
	if (level == SETS_LEVELS)
		return -1;
	*row = put(&table.sets[level], key, site, &fresh);
	/* Half full: threads that come at once may both go on, which is harmless. */
	if (fresh && atomic_fetch_add_explicit(&table.n_sets[level], 1, memory_order_relaxed) ==
			     1u << (table.sets[level].log - 1))
		atomic_store_explicit(&table.level, level + 1, memory_order_relaxed);
	return *row ? fresh : -1;
}

void sql_call_set(struct sql_call *c, uint64_t set, const char *sql, const struct sql_params *p)
{
	struct sql_statement_row *s = statement_at(c->statement);
	uint64_t key = mix(set, c->statement);
	struct sql_site *site;
	uint32_t first;
	int is_new;

	if (!c->site)
		return;
	site = site_at(c->site);
	is_new = meet(key, c->site, &first);
	if (is_new > 0) {
		add(&s->distinct, 1);
		add(&site->distinct, 1);
		if (agent.session->sql_params && (sql || (p && p->n)))
			keep_example(s, sql, p);
	} else if (is_new == 0 && first != c->site) {
		is_new = meet(mix(key, c->site), c->site, &first);
		if (is_new > 0)
			add(&site->distinct, 1);
	} else if (is_new < 0) {
		add(&s->unjudged, 1);
	}
	if (is_new < 0) {
		add(&site->unjudged, 1);
		sql_loss(SQL_LOSS_SETS);
	}
}

/* ---- what a call came to ------------------------------------------------------------------------- */

void sql_call_end(const struct sql_call *c)
{
	struct sql_site *s = site_at(c->site);
	uint64_t ns = c->last_ns > c->start_ns ? (uint64_t)(c->last_ns - c->start_ns) : 0, max;

	if (!c->site || !sql_head) /* a callback of libpq's has forked, and this is the child */
		return;
	add(&s->calls, 1);
	add(&s->total_ns, ns);
	add(&s->inside_ns, c->inside_ns > 0 ? (uint64_t)c->inside_ns : 0);
	add(&s->rows, c->rows);
	add(&s->sent, c->sent);
	add(&s->received, c->received);
	add(&s->errors, c->failed);
	(void)atomic_fetch_add_explicit(&s->times[sql_bucket(ns)], 1, memory_order_relaxed);
	max = atomic_load_explicit(&s->max_ns, memory_order_relaxed);
	while (ns > max &&
	       !atomic_compare_exchange_weak_explicit(&s->max_ns, &max, ns, memory_order_relaxed,
						      memory_order_relaxed)) {
	}
}
