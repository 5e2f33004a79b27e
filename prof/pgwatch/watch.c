/* Our session on the server and what a shot is made of: see watch.h. Every name is qualified, whatever functions lie in
 * other schemas; statements carry a comment by which pg_stat_statements' view of us is known. */
#include "prof/pgwatch/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/pgwatch/watch_int.h"

/* Long enough for a server under load, short enough for a screen. */
#define STATEMENT_MS 5000
#define LOCK_MS      500

/* ---- facts ---- */

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

static const char facts_sql[] =
	"SELECT " WATCH_MARK " pg_catalog.current_setting('server_version'), "
	"pg_catalog.current_database(), current_user,"
	" pg_catalog.current_setting('max_connections')::pg_catalog.int4,"
	" pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4,"
	" pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),"
	" pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('port')::pg_catalog.int4,"
	" (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8,"
	" (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n"
	"  ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'),"
	" (SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = "
	"'shared_preload_libraries'),"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_settings s"
	"  WHERE s.name = 'pg_stat_statements.max'),"
	" (SELECT pg_catalog.count(*) FROM pg_catalog.pg_available_extensions x"
	"  WHERE x.name = 'pg_stat_statements'), pg_catalog.inet_server_addr() IS NULL"
	" OR pg_catalog.inet_server_addr() = pg_catalog.inet_client_addr(),"
	" (SELECT e.extversion IN ('1.0', '1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.7')"
	"  FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_stat_statements'),"
	" pg_catalog.host(pg_catalog.inet_server_addr())";

/* Each in quotes of its own: ALTER SYSTEM takes what is in one pair for one name, and such a server does not start. */
int watch_put_libraries(struct buf *out, const char *preload)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-.$/";

	for (preload += strspn(preload, ", "); *preload; preload += strspn(preload, ", ")) {
		size_t n = strcspn(preload, ", ");

		if (strspn(preload, plain) < n)
			return ERR_UNSUPPORTED;
		buf_printf(out, "'%.*s', ", (int)n, preload);
		preload += n;
	}
	return buf_puts(out, "'pg_stat_statements'") < 0 ? ERR_NOMEM : 0;
}

static void advise_loading(struct watch_facts *f, const char *preload)
{
	struct buf names = BUF_INIT;

	if (watch_put_libraries(&names, preload ? preload : "") == 0 && names.len < 160)
		snprintf(f->statements_advice, sizeof(f->statements_advice),
			 "ALTER SYSTEM SET shared_preload_libraries = %s; and restart the server",
			 buf_str(&names));
	else
		copy(f->statements_advice, sizeof(f->statements_advice),
		     "add pg_stat_statements to shared_preload_libraries in postgresql.conf, and "
		     "restart the server");
	buf_release(&names);
}

/* What is missing for statements, from the outside in: the package, the server's setting, the extension. */
static void advise(struct watch_facts *f, const char *preload, int loaded, int available)
{
	if (*f->statements_schema && loaded)
		return;
	if (!available)
		copy(f->statements_advice, sizeof(f->statements_advice),
		     "install the server's package postgresql-contrib");
	else if (!loaded)
		advise_loading(f, preload);
	else
		copy(f->statements_advice, sizeof(f->statements_advice),
		     "CREATE EXTENSION pg_stat_statements;");
}

/* Where the environment told libpq where to go, the server says where that is. */
static void name_it(struct watch *w, const char *address)
{
	const struct watch_facts *f = &w->facts;

	if (strcmp(pg_name(w->pg), "postgresql://") != 0)
		copy(w->name, sizeof(w->name), pg_name(w->pg));
	else
		snprintf(w->name, sizeof(w->name), "postgresql://%.100s:%d/%s",
			 address ? address : "", f->port, f->database);
}

static int read_facts(struct watch *w, struct err *err)
{
	struct watch_facts *f = &w->facts;
	struct pg_rows *r;
	int rc = pg_query(w->pg, &r, facts_sql, NULL, 0, err);

	if (rc)
		return rc;
	memset(f, 0, sizeof(*f));
	f->version = pg_server_version(w->pg);
	copy(f->version_text, sizeof(f->version_text), pg_rows_text(r, 0, 0));
	copy(f->database, sizeof(f->database), pg_rows_text(r, 0, 1));
	copy(f->user, sizeof(f->user), pg_rows_text(r, 0, 2));
	f->max_connections = (int)pg_rows_int(r, 0, 3, 0);
	f->reserved = (int)pg_rows_int(r, 0, 4, 0);
	f->all_stats = pg_rows_true(r, 0, 5);
	f->recovering = pg_rows_true(r, 0, 6);
	f->port = (int)pg_rows_int(r, 0, 7, 0);
	f->started_us = pg_rows_int(r, 0, 8, 0);
	copy(f->statements_schema, sizeof(f->statements_schema), pg_rows_text(r, 0, 9));
	f->statements_old = pg_rows_true(r, 0, 14);
	name_it(w, pg_rows_text(r, 0, 15));
	advise(f, pg_rows_text(r, 0, 10), pg_rows_int(r, 0, 11, 0) > 0,
	       pg_rows_int(r, 0, 12, 0) > 0);
	f->local = pg_is_local(w->pg) && pg_rows_true(r, 0, 13);
	pg_rows_free(r);
	return 0;
}

/* ---- the session ---- */

static int prepare(struct watch *w, struct err *err)
{
	char sql[512];
	int rc;

	snprintf(sql, sizeof(sql),
		 "SET search_path = ''; SET default_transaction_read_only = on; SET jit = off;"
		 " SET statement_timeout = %d; SET lock_timeout = %d;"
		 " SET max_parallel_workers_per_gather = 0",
		 STATEMENT_MS, LOCK_MS);
	if (pg_server_version(w->pg) < 100000)
		return err_set(err, ERR_UNSUPPORTED, "%s: PostgreSQL 10 or newer is needed",
			       pg_name(w->pg));
	if (pg_server_version(w->pg) < 110000) {
		char *jit = strstr(sql, " SET jit = off;");

		memset(jit, ' ', strlen(" SET jit = off;"));
	}
	rc = pg_exec(w->pg, sql, err);
	return rc ? rc : read_facts(w, err);
}

int watch_open(struct watch **out, const char *url, pg_stop_fn *stop, void *stop_ctx,
	       struct err *err)
{
	const struct pg_options opt = {
		.application = "protea-prof", .stop = stop, .stop_ctx = stop_ctx};
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	*out = NULL;
	if (!w || !(w->names = strtab_new())) {
		free(w);
		return err_nomem(err, "the connection");
	}
	rc = pg_open_with(&w->pg, url && *url ? url : "postgresql://", &opt, err);
	if (rc == 0)
		rc = prepare(w, err);
	if (rc) {
		watch_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	pg_close(w->pg);
	strtab_free(w->names);
	idmap_release(&w->relations);
	free(w);
}

int watch_reopen(struct watch *w, struct err *err)
{
	int rc = pg_reopen(w->pg, err);

	w->raw_texts = 0; /* a new session's texts are turned into ours again */
	idmap_release(&w->relations);
	return rc ? rc : prepare(w, err);
}

const struct watch_facts *watch_facts(const struct watch *w)
{
	return &w->facts;
}

const char *watch_name(const struct watch *w)
{
	return *w->name ? w->name : pg_name(w->pg);
}

struct pg *watch_connection(struct watch *w)
{
	return w->pg;
}

int watch_usable(const struct watch *w)
{
	return pg_usable(w->pg);
}

/* ---- a shot ---- */

/* Texts of other databases may be in an encoding that cannot be turned into ours: then they come as they are. */
int watch_query(struct watch *w, struct pg_rows **rows, const char *sql, struct err *err)
{
	int rc = pg_query(w->pg, rows, sql, NULL, 0, err);

	if (rc && !w->raw_texts && pg_sqlstate_is(err, "22")) {
		w->raw_texts = 1;
		rc = pg_exec(w->pg, "SET client_encoding = 'SQL_ASCII'", err);
		if (rc == 0)
			rc = pg_query(w->pg, rows, sql, NULL, 0, err);
	}
	return rc;
}

static int read_sessions(struct watch *w, struct shot *s, struct err *err)
{
	char sql[2048];
	struct pg_rows *rows;
	int i, rc;

	snprintf(sql, sizeof(sql),
		 "SELECT " WATCH_MARK " a.pid, %s, a.datname, a.usename, a.application_name,"
		 " pg_catalog.host(a.client_addr), a.client_port, a.state, a.wait_event_type,"
		 " a.wait_event, a.backend_type,"
		 " (extract(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8,"
		 " (extract(epoch FROM a.query_start) * 1000000)::pg_catalog.int8,"
		 " extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start),"
		 " extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start),"
		 " extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change), a.query"
		 " FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid()",
		 w->facts.version >= 130000 ? "a.leader_pid" : "NULL");
	rc = watch_query(w, &rows, sql, err);
	if (rc)
		return rc;
	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++)
		rc = watch_session_row(s, rows, i);
	pg_rows_free(rows);
	return rc ? err_nomem(err, "the server's sessions") : 0;
}

static int read_databases(struct watch *w, struct shot *s, struct err *err)
{
	struct pg_rows *rows;
	int i, rc;

	rc = watch_query(w, &rows,
			 "SELECT " WATCH_MARK " d.datname, d.xact_commit, d.xact_rollback,"
			 " d.deadlocks, d.blks_read, d.blks_hit, d.temp_bytes, d.tup_fetched,"
			 " d.tup_inserted + d.tup_updated + d.tup_deleted"
			 " FROM pg_catalog.pg_stat_database d WHERE d.datname IS NOT NULL"
			 " ORDER BY d.datname",
			 err);
	if (rc)
		return rc;
	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++) {
		struct shot_database *d = shot_add_database(s);

		if (!d || !(d->name = shot_text(s, pg_rows_text(rows, i, 0)))) {
			rc = err_nomem(err, "the server's databases");
			break;
		}
		d->commits = (uint64_t)pg_rows_int(rows, i, 1, 0);
		d->rollbacks = (uint64_t)pg_rows_int(rows, i, 2, 0);
		d->deadlocks = (uint64_t)pg_rows_int(rows, i, 3, 0);
		d->read = (uint64_t)pg_rows_int(rows, i, 4, 0);
		d->hit = (uint64_t)pg_rows_int(rows, i, 5, 0);
		d->temp_bytes = (uint64_t)pg_rows_int(rows, i, 6, 0);
		d->fetched = (uint64_t)pg_rows_int(rows, i, 7, 0);
		d->changed = (uint64_t)pg_rows_int(rows, i, 8, 0);
	}
	pg_rows_free(rows);
	return rc;
}

/* A part that the server does not tell (a timeout, a right) leaves the rest of the screen alone. */
static int may_fail(struct watch *w, struct shot *s, const char *what, int rc, struct err *err)
{
	if (rc == 0 || rc == ERR_NOMEM || rc == ERR_CANCELLED || !pg_usable(w->pg))
		return rc;
	if (!s->note[0])
		snprintf(s->note, sizeof(s->note), "%s: %.200s", what, err->text);
	return 0;
}

int watch_shot(struct watch *w, struct shot *s, unsigned what, struct err *err)
{
	int64_t begun = clock_mono_ns();
	int rc;

	shot_clear(s);
	s->at_ns = begun;
	s->real_ns = clock_real_ns();
	s->max_connections = w->facts.max_connections;
	s->reserved = w->facts.reserved;
	rc = read_sessions(w, s, err);
	if (rc == 0 && what & WATCH_LOCKS) {
		rc = watch_locks(w, s, err);
		if (rc && rc != ERR_NOMEM)
			s->locks_failed = 1;
		rc = may_fail(w, s, "locks", rc, err);
	}
	if (rc == 0 && what & WATCH_DATABASES)
		rc = may_fail(w, s, "databases", read_databases(w, s, err), err);
	if (rc == 0 && shot_finish(s))
		rc = err_nomem(err, "the server's sessions");
	s->took_ns = clock_mono_ns() - begun;
	return rc;
}

/* ---- cancel, terminate ---- */

/* Sessions as read_sessions() tells them apart: what was looked at a while ago may have ended, and its number gone to
 * somebody else. */
#define THAT_SESSION                                                                               \
	"(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1::pg_catalog.int4 AND"         \
	" coalesce((extract(epoch FROM a.backend_start) * 1000000)::pg_catalog.int8, 0)"           \
	" = $2::pg_catalog.int8"

int watch_signal(struct watch *w, int pid, int64_t backend_start_us, int terminate, struct err *err)
{
	char number[16], start[24];
	const char *params[] = {number, start};
	struct pg_rows *rows;
	int rc;

	snprintf(number, sizeof(number), "%d", pid);
	snprintf(start, sizeof(start), "%" PRId64, backend_start_us);
	rc = pg_query(w->pg, &rows,
		      terminate ? "SELECT " WATCH_MARK
				  " pg_catalog.pg_terminate_backend" THAT_SESSION
				: "SELECT " WATCH_MARK " pg_catalog.pg_cancel_backend" THAT_SESSION,
		      params, 2, err);
	if (rc)
		return rc;
	if (!pg_rows_true(rows, 0, 0))
		rc = err_set(err, ERR_NOTFOUND, "there is no session %d any more", pid);
	pg_rows_free(rows);
	return rc;
}
