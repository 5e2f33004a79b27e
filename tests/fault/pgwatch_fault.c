/* Every allocation of what pgwatch makes of a server's answers fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/pg_view.h"
#include "prof/pgwatch/blockers.h"
#include "prof/pgwatch/clients.h"
#include "prof/pgwatch/counts.h"
#include "prof/pgwatch/stmts.h"
#include "prof/pgwatch/sums.h"
#include "tests/fault/each.h"
#include "tests/unit/pgwatch_made.h"

static int fill(struct shot *s)
{
	int pid;

	for (pid = 1; pid <= 80; pid++) {
		struct shot_session *a = made_session(s, pid, SHOT_ACTIVE);

		if (!a || !(a->query = shot_text(s, "SELECT 1")))
			return ERR_NOMEM;
		a->fingerprint = (uint64_t)pid;
		a->query_start_us = pid;
	}
	for (pid = 2; pid <= 80; pid++)
		if (made_wait(s, pid, pid / 2, (uint32_t)pid))
			return ERR_NOMEM;
	return made_wait(s, 1, 0, 1000) || !shot_add_prepared(s) || !shot_add_database(s)
		       ? ERR_NOMEM
		       : shot_finish(s);
}

static int tree_once(void)
{
	struct blockers b = {0};
	struct shot s;
	int rc;

	shot_init(&s);
	rc = fill(&s);
	if (rc == 0)
		rc = blockers_find(&b, &s);
	if (rc == 0 && b.n != 81)
		rc = ERR_INTERNAL;
	blockers_release(&b);
	shot_release(&s);
	return rc;
}

static void trees(void **state)
{
	(void)state;
	assert_in_range(fault_each(tree_once, 0), 10, 10000);
}

static int statements_once(void)
{
	struct counts now, d;
	struct sums_rates r = {0};
	struct sums_base base = {0};
	struct stmts q;
	struct shot s;
	uint64_t i;
	int rc = stmts_init(&q);

	shot_init(&s);
	counts_init(&now);
	counts_init(&d);
	if (rc == 0)
		rc = fill(&s);
	for (i = 0; i < s.n_sessions; i++) {
		s.sessions[i].state = SHOT_ACTIVE;
		s.sessions[i].fingerprint = 1 + i / 10;
		s.sessions[i].query = s.sessions[i].client_name = "psql";
		s.sessions[i].client_pid = (int)i + 1;
	}
	if (rc == 0)
		rc = stmts_look(&q, &s);
	for (i = 0; i < 300 && rc == 0; i++)
		rc = counts_add(&now, &(struct count_row){.key = i + 1, .calls = 1});
	if (rc == 0)
		rc = counts_since(&now, NULL, &d);
	s.at_ns = 1;
	if (rc == 0)
		rc = sums_rates(&r, &base, &s);
	s.at_ns = 2;
	if (rc == 0)
		rc = sums_rates(&r, &base, &s);
	sums_rates_release(&r);
	sums_base_release(&base);
	counts_release(&now);
	counts_release(&d);
	stmts_release(&q);
	shot_release(&s);
	return rc;
}

static void statements(void **state)
{
	(void)state;
	assert_in_range(fault_each(statements_once, 0), 10, 10000);
}

static int views_once(void)
{
	struct pg_look l;
	struct pg_view v;
	int rc, tab;

	memset(&l, 0, sizeof(l));
	shot_init(&l.shot);
	pg_view_init(&v);
	rc = fill(&l.shot);
	for (tab = 0; tab < PG_TABS && rc == 0; tab++) {
		v.tab = (enum pg_tab)tab;
		rc = pg_view_rows(&v, &l);
	}
	pg_view_release(&v);
	shot_release(&l.shot);
	return rc;
}

static void views(void **state)
{
	(void)state;
	assert_in_range(fault_each(views_once, 0), 5, 10000);
}

/* Nobody of this machine has these connections; a search that fails must leave nothing behind. */
static int clients_once(void)
{
	const struct clients_server server = {5432, 1};
	struct clients c;
	struct shot s;
	int rc;

	shot_init(&s);
	clients_init(&c);
	rc = fill(&s);
	if (rc == 0) {
		s.sessions[0].client_address = "192.0.2.7";
		s.sessions[0].client_port = 4711;
		s.at_ns = 1;
		rc = clients_link(&c, &s, &server, CLIENTS_NEW);
		if (rc == 0)
			rc = clients_link(&c, &s, &server, CLIENTS_WHOLE);
	}
	clients_release(&c);
	shot_release(&s);
	return rc;
}

static void searches(void **state)
{
	(void)state;
	/* What lists processes may go on without one of them. */
	assert_in_range(fault_each(clients_once, 1), 5, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees),
		cmocka_unit_test(statements),
		cmocka_unit_test(views),
		cmocka_unit_test(searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
