/* What pgwatch makes of a server's answers: locks in words, arrays of pids, ends of connections, sums and rates,
 * statements over a period, counters between two readings; and views and keys of the command's screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/pg_view.h"
#include "prof/cli/top_view.h"
#include "prof/pgwatch/clients.h"
#include "prof/pgwatch/counts.h"
#include "prof/pgwatch/locktext.h"
#include "prof/pgwatch/stmts.h"
#include "prof/pgwatch/sums.h"
#include "prof/pgwatch/watch_int.h"
#include "tests/unit/pgwatch_made.h"

/* ---- words ---- */

static void words_are(struct locktext l, const char *wanted)
{
	char text[128];

	locktext(&l, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void locks_in_words(void **state)
{
	char mode[32];

	(void)state;
	words_are((struct locktext){.type = "relation", .relation = "public.job"}, "public.job");
	words_are((struct locktext){.type = "relation", .relation_oid = 12, .database = "x"},
		  "relation 12 of database x");
	words_are((struct locktext){.type = "tuple", .relation = "a.b", .page = 3, .tuple = 9},
		  "tuple (3,9) of a.b");
	words_are((struct locktext){.type = "page", .relation_oid = 7, .ours = 1, .page = 3},
		  "page 3 of relation 7");
	words_are((struct locktext){.type = "extend", .relation = "a.b"}, "extension of a.b");
	words_are((struct locktext){.type = "transactionid", .xid = "742"}, "transaction 742");
	words_are((struct locktext){.type = "virtualxid", .virtual_xid = "3/4"},
		  "virtual transaction 3/4");
	words_are((struct locktext){.type = "advisory", .object_id = 4711, .sub_id = 1},
		  "advisory key 4711");
	words_are((struct locktext){.type = "advisory",
				    .class_id = UINT32_MAX,
				    .object_id = UINT32_MAX,
				    .sub_id = 1},
		  "advisory key -1");
	words_are(
		(struct locktext){
			.type = "advisory", .class_id = (uint32_t)-7, .object_id = 9, .sub_id = 2},
		"advisory keys -7, 9");
	words_are((struct locktext){.type = "object", .object_id = 5, .class_id = 6},
		  "object 5 of class 6");
	words_are((struct locktext){.type = "something new"}, "something new");
	words_are((struct locktext){.type = NULL}, "lock");
	locktext_mode("AccessExclusiveLock", mode, sizeof(mode));
	assert_string_equal(mode, "AccessExclusive");
	locktext_mode("Lock", mode, sizeof(mode));
	assert_string_equal(mode, "Lock");
	locktext_mode("AccessExclusiveLock", mode, 4);
	assert_string_equal(mode, "Acc");
}

static void pids_of_arrays(void **state)
{
	const char *at = "{12,0, 4711}";
	int pid;

	(void)state;
	assert_non_null(at = locktext_next_pid(at, &pid));
	assert_int_equal(pid, 12);
	assert_non_null(at = locktext_next_pid(at, &pid));
	assert_int_equal(pid, 0);
	assert_non_null(at = locktext_next_pid(at, &pid));
	assert_int_equal(pid, 4711);
	assert_null(locktext_next_pid(at, &pid));
	assert_null(locktext_next_pid("{}", &pid));
	assert_null(locktext_next_pid("", &pid));
	assert_null(locktext_next_pid("{-3}", &pid));
	assert_null(locktext_next_pid("{99999999999}", &pid));
	assert_null(locktext_next_pid("{x}", &pid));
}

/* ---- ends of connections ---- */

struct met {
	int n;
	struct client_end local, remote;
	uint64_t inode;
};

static void meet(void *ctx, const struct client_end *local, const struct client_end *remote,
		 uint64_t inode)
{
	struct met *m = ctx;

	m->n++;
	m->local = *local;
	m->remote = *remote;
	m->inode = inode;
}

static struct met scan(const char *text, int six)
{
	char copy[1024];
	struct met m = {0};

	snprintf(copy, sizeof(copy), "%s", text);
	clients_scan_tcp(copy, strlen(copy), six, meet, &m);
	return m;
}

static void ends_of_connections(void **state)
{
	struct client_end a, b;
	struct met m;

	(void)state;
	assert_int_equal(client_end_parse(&a, "127.0.0.1", 40112), 0);
	assert_true(client_end_is_loopback(&a));
	/* The same, as the kernel writes it on a little-endian machine; what listens is left out. */
	m = scan("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
		 "uid\n"
		 "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   "
		 "113  "
		 "      0 4001 1 0000000000000000 100 0 0 10 0\n"
		 "   1: 0100007F:9CB0 0100007F:1538 01 00000000:00000000 00:00000000 00000000  "
		 "1000  "
		 "      0 4711 1 0000000000000000 20 4 30 10 -1\n"
		 "   2: 0100007F:9CB1 0100007F:1538 01 cut",
		 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.inode, 4711);
	assert_int_equal(m.remote.port, 5432);
	assert_true(client_end_key(&m.local) == client_end_key(&a));
	/* IPv4 in IPv6 is the same end. */
	m = scan("   1: 0000000000000000FFFF00000100007F:9CB0 "
		 "0000000000000000FFFF00000100007F:1538 01 "
		 "00000000:00000000 00:00000000 00000000  1000        0 4712 1\n",
		 1);
	assert_int_equal(m.n, 1);
	assert_true(client_end_key(&m.local) == client_end_key(&a));
	assert_int_equal(client_end_parse(&b, "127.0.0.1", 40113), 0);
	assert_false(client_end_key(&a) == client_end_key(&b));
	assert_int_equal(client_end_parse(&b, "::1", 1), 0);
	assert_true(client_end_is_loopback(&b));
	assert_int_equal(client_end_parse(&b, "fe80::1%eth0", 1), 0);
	assert_int_equal(client_end_parse(&b, "10.1.2.3/32", 1), 0);
	assert_false(client_end_is_loopback(&b));
	assert_int_equal(client_end_parse(&b, "host.example", 1), -1);
	assert_int_equal(client_end_parse(&b, "", 1), -1);
	assert_int_equal(client_end_parse(&b, "10.1.2.3", 0), -1);
	assert_int_equal(client_end_parse(&b, "10.1.2.3", 65536), -1);
}

/* ---- sums and rates ---- */

static void sums_of_a_look(void **state)
{
	struct shot s;
	struct sums m;

	(void)state;
	shot_init(&s);
	made_session(&s, 1, SHOT_ACTIVE)->xact_age_s = 3;
	made_session(&s, 2, SHOT_IDLE);
	made_session(&s, 3, SHOT_IN_TRANSACTION)->xact_age_s = 7;
	for (int pid = 4; pid < 7; pid++) {
		struct shot_session *a = made_session(&s, pid, SHOT_ACTIVE);

		a->wait_type = pid < 6 ? "Lock" : "IO";
		a->wait_event = pid < 6 ? "tuple" : "DataFileRead";
	}
	made_session(&s, 7, SHOT_ACTIVE)->kind = SHOT_SENDER;
	sums_take(&m, &s);
	assert_int_equal(m.clients, 6);
	assert_int_equal(m.by_state[SHOT_ACTIVE], 4);
	assert_int_equal(m.running, 1);
	assert_int_equal(m.lock_waits, 2);
	assert_int_equal(m.senders, 1);
	assert_true(m.longest_xact_s == 7 && m.longest_xact_pid == 3);
	assert_int_equal(m.n_waits, 2);
	assert_string_equal(m.waits[0].event, "tuple");
	assert_int_equal(m.waits[0].n, 2);
	shot_release(&s);
}

static void add_database(struct shot *s, const char *name, uint64_t commits, uint64_t hit)
{
	struct shot_database *d = shot_add_database(s);

	assert_non_null(d);
	d->name = name;
	d->commits = commits;
	d->hit = hit;
	d->read = hit / 4;
}

static void rates_between_looks(void **state)
{
	struct sums_rates r = {0};
	struct sums_base base = {0};
	struct shot s;

	(void)state;
	shot_init(&s);
	s.at_ns = 1000000000;
	add_database(&s, "a", 100, 40);
	add_database(&s, "b", 1000, 0);
	assert_int_equal(sums_rates(&r, &base, &s), 0);
	assert_true(r.interval_s == 0 && r.n == 0);
	shot_clear(&s);
	s.at_ns = 3000000000;
	add_database(&s, "a", 300, 80);
	add_database(&s, "b", 10, 0); /* reset meanwhile */
	add_database(&s, "c", 4, 0);  /* new */
	assert_int_equal(sums_rates(&r, &base, &s), 0);
	assert_true(r.interval_s == 2);
	assert_int_equal(r.n, 3);
	assert_true(r.of[0].commits == 100 && r.of[1].commits == 5 && r.of[2].commits == 2);
	assert_true(r.of[0].hit == 0.8 && r.of[2].hit < 0);
	sums_rates_release(&r);
	sums_base_release(&base);
	shot_release(&s);
}

/* ---- statements ---- */

static void run(struct shot *s, int pid, const char *query, int64_t start_us, int active)
{
	struct shot_session *a = made_session(s, pid, active ? SHOT_ACTIVE : SHOT_IDLE);
	struct sqlnorm norm;

	assert_non_null(a);
	a->query = shot_text(s, query);
	sqlnorm(&norm, NULL, 0, query, strlen(query), 0);
	a->fingerprint = norm.fingerprint;
	a->literals = norm.literals;
	a->query_start_us = start_us;
	a->query_age_s = 10;
}

static void look_ups_are_repeated(void **state)
{
	struct stmts q;
	struct shot s;
	char text[64];

	(void)state;
	shot_init(&s);
	assert_int_equal(stmts_init(&q), 0);
	stmts_begin(&q);
	for (int look = 0; look < 10; look++) {
		shot_clear(&s);
		s.at_ns = look * INT64_C(100000000);
		snprintf(text, sizeof(text), "SELECT v FROM job WHERE id = %d", look);
		run(&s, 1, text, 100 + look, look % 2); /* another one each time */
		run(&s, 2, "SELECT long()", 5, 1);      /* one and the same */
		run(&s, 3, "SELECT before()", 1, 0);    /* ended before we came */
		assert_int_equal(stmts_look(&q, &s), 0);
	}
	stmts_end(&q, 900000000);
	assert_int_equal(q.n, 2);
	assert_string_equal(strtab_text(q.texts, q.rows[0].text), "select long()");
	assert_int_equal(q.rows[0].seen, 1);
	assert_int_equal(q.rows[0].active, 10);
	assert_true(q.rows[0].active_s > 0.89 && q.rows[0].active_s < 0.91);
	assert_false(q.rows[0].repeated);
	assert_string_equal(strtab_text(q.texts, q.rows[1].text), "select v from job where id = ?");
	/* The first one was idle when it was met: it may have ended before. */
	assert_int_equal(q.rows[1].seen, 9);
	assert_int_equal(q.rows[1].distinct, 9);
	assert_int_equal(q.rows[1].sessions, 1);
	assert_int_equal(q.rows[1].pids[0], 1);
	assert_true(q.rows[1].repeated);
	/* A new period knows the sessions, and counts anew. */
	stmts_begin(&q);
	assert_int_equal(stmts_look(&q, &s), 0);
	stmts_end(&q, 1000000000);
	assert_int_equal(q.n, 2);
	assert_int_equal(q.rows[0].seen, 1);
	stmts_release(&q);
	shot_release(&s);
}

static void has_process(struct shot *s, int pid, int client, const char *name)
{
	struct shot_session *a = &s->sessions[s->n_sessions - 1];

	assert_int_equal(a->pid, pid);
	a->client_pid = client;
	a->client_name = name;
}

/* A loop of short jobs: at the last look its sessions are gone, and so are they. */
static void processes_behind_a_statement_are_kept(void **state)
{
	const struct stmt *r;
	struct stmts q;
	struct shot s;

	(void)state;
	shot_init(&s);
	assert_int_equal(stmts_init(&q), 0);
	stmts_begin(&q);
	for (int look = 0; look < 12; look++) {
		shot_clear(&s);
		s.at_ns = look * INT64_C(100000000);
		run(&s, 100 + look, "SELECT 1", look, 1);
		has_process(&s, 100 + look, 700 + look / 2, "job"); /* two sessions of each */
		run(&s, 200 + look, "SELECT 1", look, 1);           /* from elsewhere */
		assert_int_equal(stmts_look(&q, &s), 0);
	}
	shot_clear(&s);
	s.at_ns = INT64_C(1200000000);
	assert_int_equal(stmts_look(&q, &s), 0);
	stmts_end(&q, s.at_ns);
	assert_int_equal(q.n, 1);
	r = &q.rows[0];
	assert_int_equal(r->sessions, 24);
	assert_int_equal(r->linked, 12);
	assert_int_equal(r->processes, 6);
	assert_int_equal(r->n_clients, 6);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(r->clients[i].pid, 700 + i);
		assert_string_equal(strtab_text(q.texts, r->clients[i].name), "job");
	}
	/* Nothing of it is the next period's: one that goes on counts, with its process, and no other. */
	stmts_begin(&q);
	for (int look = 0; look < 3; look++) {
		shot_clear(&s);
		s.at_ns += INT64_C(100000000);
		for (int i = 0; i < 12; i++) {
			run(&s, 300 + i, "SELECT 1", 5, 1);
			has_process(&s, 300 + i, 800 + i, "other");
		}
		assert_int_equal(stmts_look(&q, &s), 0);
	}
	stmts_begin(&q);
	assert_int_equal(stmts_look(&q, &s), 0);
	assert_int_equal(q.rows[0].seen, 1);
	assert_int_equal(q.rows[0].sessions, 12);
	assert_int_equal(q.rows[0].processes, 12);
	assert_int_equal(q.rows[0].n_clients, STMT_CLIENTS);
	assert_int_equal(q.rows[0].clients[0].pid, 800);
	stmts_release(&q);
	shot_release(&s);
}

static void counters_between_readings(void **state)
{
	struct counts before, now, d;
	struct count_row row = {.key = 1, .query_id = 1, .calls = 10, .rows = 10, .total_ms = 5};

	(void)state;
	counts_init(&before);
	counts_init(&now);
	counts_init(&d);
	assert_int_equal(counts_add(&before, &row), 0);
	row.key = 2;
	assert_int_equal(counts_add(&before, &row), 0);
	row.key = 3;
	assert_int_equal(counts_add(&before, &row), 0);
	row = (struct count_row){.key = 1, .query_id = 1, .calls = 15, .rows = 16, .total_ms = 9};
	assert_int_equal(counts_add(&now, &row), 0);
	row = (struct count_row){.key = 2, .query_id = 1, .calls = 4, .rows = 4, .total_ms = 1};
	assert_int_equal(counts_add(&now, &row), 0); /* reset */
	row = (struct count_row){.key = 3, .query_id = 1, .calls = 10, .rows = 10, .total_ms = 5};
	assert_int_equal(counts_add(&now, &row), 0); /* nothing new */
	assert_int_equal(counts_since(&now, &before, &d), 0);
	assert_int_equal(d.n, 2);
	assert_true(d.rows[0].calls == 5 && d.rows[0].rows == 6 && d.rows[0].total_ms == 4);
	assert_true(d.rows[1].calls == 4 && d.rows[1].total_ms == 1);
	assert_int_equal(counts_since(&now, NULL, &d), 0);
	assert_int_equal(d.n, 3);
	/* The same statement twice is one row. */
	assert_int_equal(counts_add(&now, &row), 0);
	assert_int_equal(now.n, 3);
	assert_int_equal(now.rows[2].calls, 20);
	counts_release(&before);
	counts_release(&now);
	counts_release(&d);
}

/* ---- texts ---- */

static void texts_are_cut_between_characters(void **state)
{
	char *text = malloc(2 * SHOT_TEXT_MAX + 4);
	struct shot s;
	const char *kept;
	char line[16];

	(void)state;
	assert_non_null(text);
	shot_init(&s);
	for (size_t i = 0; i < SHOT_TEXT_MAX; i++)
		memcpy(text + 1 + 2 * i, "\xc3\xa4", 3);
	text[0] = 'x';
	kept = shot_text(&s, text);
	assert_non_null(kept);
	assert_int_equal(strlen(kept) % 2, 1);
	assert_int_equal(strlen(kept), SHOT_TEXT_MAX - 1);
	assert_string_equal(shot_text(&s, NULL), "");
	pg_one_line(line, sizeof(line), " a\n\t b\r\n");
	assert_string_equal(line, "a b");
	pg_one_line(line, 3, "abcdef");
	assert_string_equal(line, "ab");
	assert_int_equal(shot_state_of("idle in transaction (aborted)"), SHOT_ABORTED);
	assert_int_equal(shot_state_of("nonsense"), SHOT_NO_STATE);
	assert_int_equal(shot_state_of(NULL), SHOT_NO_STATE);
	shot_release(&s);
	free(text);
}

/* ---- keys ---- */

static void keys(void **state)
{
	struct pg_look l;
	struct pg_view v;

	(void)state;
	memset(&l, 0, sizeof(l));
	shot_init(&l.shot);
	for (int pid = 1; pid <= 5; pid++)
		made_session(&l.shot, pid, pid == 3 ? SHOT_IDLE : SHOT_ACTIVE)->xact_age_s = pid;
	assert_int_equal(shot_finish(&l.shot), 0);
	pg_view_init(&v);
	v.page = 3;
	assert_int_equal(pg_key(&v, &l, '2'), PG_ACT_DRAW);
	assert_int_equal(pg_view_rows(&v, &l), 0);
	assert_int_equal(v.n_rows, 5);
	assert_int_equal(l.shot.sessions[v.rows[0]].pid, 5); /* the oldest transaction */
	pg_key(&v, &l, TOP_KEY_DOWN);
	assert_int_equal(l.shot.sessions[pg_view_session(&v, &l)].pid, 4);
	/* Another order: the cursor stays on its session. */
	while (v.session_sort != PG_BY_PID)
		pg_key(&v, &l, 's');
	assert_int_equal(pg_view_rows(&v, &l), 0);
	pg_view_settle(&v, &l);
	assert_int_equal(l.shot.sessions[pg_view_session(&v, &l)].pid, 4);
	assert_int_equal(v.cursor[PG_TAB_SESSIONS], 3);
	/* Nothing is done unless it is confirmed. */
	assert_int_equal(pg_key(&v, &l, 'k'), PG_ACT_DRAW);
	assert_int_equal(v.ask, PG_ASK_TERMINATE);
	assert_int_equal(v.ask_pid, 4);
	assert_int_equal(pg_key(&v, &l, TOP_KEY_ENTER), PG_ACT_DRAW);
	assert_int_equal(v.ask, PG_ASK_NOTHING);
	pg_key(&v, &l, 'c');
	assert_int_equal(pg_key(&v, &l, 'y'), PG_ACT_CANCEL);
	pg_key(&v, &l, 'k');
	assert_int_equal(pg_key(&v, &l, 'y'), PG_ACT_TERMINATE);
	assert_int_equal(pg_key(&v, &l, 'd'), PG_ACT_DUMP);
	pg_key(&v, &l, 'i');
	assert_int_equal(pg_view_rows(&v, &l), 0);
	assert_int_equal(v.n_rows, 4);
	assert_int_equal(pg_key(&v, &l, 'q'), PG_ACT_QUIT);
	/* Where there is nothing, nothing is asked. */
	pg_key(&v, &l, '1');
	assert_int_equal(pg_view_rows(&v, &l), 0);
	pg_key(&v, &l, 'k');
	assert_int_equal(v.ask, PG_ASK_NOTHING);
	pg_view_release(&v);
	shot_release(&l.shot);
}

static void libraries_are_quoted_one_by_one(void **state)
{
	static const struct {
		const char *preload, *want; /* NULL: refused */
	} cases[] = {
		{"", "'pg_stat_statements'"},
		{"auto_explain", "'auto_explain', 'pg_stat_statements'"},
		{" a,$libdir/b-2 ,, c.so", "'a', '$libdir/b-2', 'c.so', 'pg_stat_statements'"},
		{"a, \"b c\"", NULL},
		{"a'", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_INIT;
		int rc = watch_put_libraries(&out, cases[i].preload);

		assert_int_equal(rc, cases[i].want ? 0 : ERR_UNSUPPORTED);
		if (cases[i].want)
			assert_string_equal(buf_str(&out), cases[i].want);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libraries_are_quoted_one_by_one),
		cmocka_unit_test(locks_in_words),
		cmocka_unit_test(pids_of_arrays),
		cmocka_unit_test(ends_of_connections),
		cmocka_unit_test(sums_of_a_look),
		cmocka_unit_test(rates_between_looks),
		cmocka_unit_test(look_ups_are_repeated),
		cmocka_unit_test(processes_behind_a_statement_are_kept),
		cmocka_unit_test(counters_between_readings),
		cmocka_unit_test(texts_are_cut_between_characters),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
