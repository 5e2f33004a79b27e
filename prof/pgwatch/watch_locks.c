/* Locks that somebody waits for: who has them, who is in the way, which relation, row, transaction or key they are of.
 * pg_locks is read once a shot; names of relations are asked for once each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/pgwatch/locktext.h"
#include "prof/pgwatch/watch_int.h"

/* What tells one lock from another. */
#define KEY                                                                                        \
	"pg_catalog.concat_ws('/', l.locktype, coalesce(l.database, 0), coalesce(l.relation, 0),"  \
	" coalesce(l.page, -1), coalesce(l.tuple, -1), coalesce(l.virtualxid, ''),"                \
	" coalesce(l.transactionid::pg_catalog.text, ''), coalesce(l.classid, 0),"                 \
	" coalesce(l.objid, 0), coalesce(l.objsubid, 0))"

static const char locks_sql[] =
	"WITH l AS %s(SELECT * FROM pg_catalog.pg_locks)"
	" SELECT " WATCH_MARK " l.pid, l.granted, l.locktype, l.mode, " KEY ","
	" coalesce(l.database, 0), coalesce(l.relation, 0), l.page, l.tuple, l.virtualxid,"
	" l.transactionid, coalesce(l.classid, 0), coalesce(l.objid, 0), coalesce(l.objsubid, 0),"
	" l.virtualtransaction, %s,"
	" CASE WHEN NOT l.granted AND l.pid IS NOT NULL THEN pg_catalog.pg_blocking_pids(l.pid) "
	"END,"
	" d.datname, d.datname = pg_catalog.current_database()"
	" FROM l LEFT JOIN pg_catalog.pg_database d ON d.oid = l.database"
	" WHERE " KEY " IN (SELECT " KEY " FROM l WHERE NOT l.granted)";

enum col {
	COL_PID,
	COL_GRANTED,
	COL_TYPE,
	COL_MODE,
	COL_KEY,
	COL_DATABASE,
	COL_RELATION,
	COL_PAGE,
	COL_TUPLE,
	COL_VIRTUAL,
	COL_XID,
	COL_CLASS,
	COL_OBJECT,
	COL_SUB,
	COL_HOLDER,
	COL_WAIT,
	COL_BLOCKERS,
	COL_DATABASE_NAME,
	COL_OURS,
};

/* ---- relations ---- */

static uint64_t relation_key(const struct pg_rows *rows, int row)
{
	return (uint64_t)pg_rows_int(rows, row, COL_DATABASE, 0) << 32 |
	       (uint32_t)pg_rows_int(rows, row, COL_RELATION, 0);
}

/* Of our database and of what all share. */
static int can_be_named(const struct pg_rows *rows, int row)
{
	return pg_rows_int(rows, row, COL_RELATION, 0) &&
	       (pg_rows_true(rows, row, COL_OURS) || !pg_rows_int(rows, row, COL_DATABASE, 0));
}

/* Only a look at catalogs: where somebody has locked those, names are left out. */
static int ask_relations(struct watch *w, const char *oids, struct err *err)
{
	const char *params[] = {oids};
	struct pg_rows *rows;
	uint32_t text;
	int i, rc;

	rc = pg_query(w->pg, &rows,
		      "SELECT " WATCH_MARK " c.oid, c.relisshared, n.nspname || '.' || c.relname,"
		      " (SELECT d.oid FROM pg_catalog.pg_database d"
		      "  WHERE d.datname = pg_catalog.current_database())"
		      " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
		      " ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::pg_catalog.oid[])",
		      params, 1, err);
	if (rc)
		return pg_usable(w->pg) && rc != ERR_CANCELLED && rc != ERR_NOMEM ? 0 : rc;
	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++) {
		const char *name = pg_rows_text(rows, i, 2);
		uint64_t database =
			pg_rows_true(rows, i, 1) ? 0 : (uint64_t)pg_rows_int(rows, i, 3, 0);
		uint64_t key = database << 32 | (uint32_t)pg_rows_int(rows, i, 0, 0);

		if (strtab_intern_text(w->names, name ? name : "", &text) ||
		    idmap_set(&w->relations, key, text))
			rc = err_nomem(err, "names of relations");
	}
	pg_rows_free(rows);
	return rc;
}

/* Those that are not known yet, in one go; no name is as good as an answer, until the next connection. */
static int name_relations(struct watch *w, const struct pg_rows *rows, struct err *err)
{
	struct buf oids = BUF_INIT;
	int i, n = 0, rc = 0;

	buf_puts(&oids, "{");
	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++) {
		uint64_t key = relation_key(rows, i);

		if (!can_be_named(rows, i) || idmap_get(&w->relations, key) != IDMAP_NONE)
			continue;
		rc = idmap_set(&w->relations, key, STRTAB_EMPTY);
		buf_printf(&oids, "%s%" PRIu32, n++ ? "," : "", (uint32_t)key);
	}
	buf_puts(&oids, "}");
	if (rc || buf_failed(&oids))
		rc = err_nomem(err, "names of relations");
	else if (n)
		rc = ask_relations(w, buf_str(&oids), err);
	buf_release(&oids);
	return rc;
}

/* ---- rows ---- */

static uint32_t number(const struct pg_rows *rows, int row, enum col col)
{
	int64_t n = pg_rows_int(rows, row, (int)col, 0);

	return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

static void describe(const struct watch *w, const struct pg_rows *rows, int row, char *text,
		     size_t size)
{
	uint32_t name = idmap_get(&w->relations, relation_key(rows, row));
	const char *xid = pg_rows_text(rows, row, COL_XID);
	struct locktext l = {
		.type = pg_rows_text(rows, row, COL_TYPE),
		.database = pg_rows_text(rows, row, COL_DATABASE_NAME),
		.ours = pg_rows_true(rows, row, COL_OURS),
		.relation = name == IDMAP_NONE ? "" : strtab_text(w->names, name),
		.relation_oid = number(rows, row, COL_RELATION),
		.page = number(rows, row, COL_PAGE),
		.tuple = number(rows, row, COL_TUPLE),
		.virtual_xid = pg_rows_text(rows, row, COL_VIRTUAL),
		.xid = xid,
		.class_id = number(rows, row, COL_CLASS),
		.object_id = number(rows, row, COL_OBJECT),
		.sub_id = number(rows, row, COL_SUB),
	};

	locktext(&l, text, size);
}

static int lock_row(struct watch *w, struct shot *s, struct idmap *objects,
		    const struct pg_rows *rows, int row)
{
	const char *key = pg_rows_text(rows, row, COL_KEY);
	uint64_t hash = hash_bytes(key ? key : "", key ? strlen(key) : 0, 1);
	struct shot_lock *l = shot_add_lock(s);
	char text[256];

	if (!l)
		return ERR_NOMEM;
	l->object = idmap_intern(objects, hash, s->n_locks - 1);
	l->pid = (int)pg_rows_int(rows, row, COL_PID, 0);
	l->granted = pg_rows_true(rows, row, COL_GRANTED);
	l->wait_s = l->granted ? -1 : pg_rows_real(rows, row, COL_WAIT, -1);
	describe(w, rows, row, text, sizeof(text));
	l->type = shot_text(s, pg_rows_text(rows, row, COL_TYPE));
	l->mode = shot_text(s, pg_rows_text(rows, row, COL_MODE));
	l->text = shot_text(s, text);
	return l->object == IDMAP_NONE || !l->type || !l->mode || !l->text ? ERR_NOMEM : 0;
}

static int edges_of(struct shot *s, const struct pg_rows *rows, int row)
{
	const char *at = pg_rows_text(rows, row, COL_BLOCKERS);
	int waiter = (int)pg_rows_int(rows, row, COL_PID, 0), pid;

	while (at && (at = locktext_next_pid(at, &pid)) != NULL)
		if (!shot_add_edge(s, waiter, pid))
			return ERR_NOMEM;
	return 0;
}

/* ---- prepared transactions ---- */

/* Theirs are the rows without a pid; their number in the server's table of processes leads to the transaction. */
static int link_prepared(struct shot *s, const struct pg_rows *locks, const struct pg_rows *rows)
{
	int i, k;

	for (i = 0; i < pg_rows_count(rows); i++) {
		struct shot_prepared *p = shot_add_prepared(s);
		const char *holder = pg_rows_text(rows, i, 0);

		if (!p)
			return ERR_NOMEM;
		p->gid = shot_text(s, pg_rows_text(rows, i, 1));
		p->user = shot_text(s, pg_rows_text(rows, i, 2));
		p->database = shot_text(s, pg_rows_text(rows, i, 3));
		p->age_s = pg_rows_real(rows, i, 4, -1);
		if (!p->gid || !p->user || !p->database)
			return ERR_NOMEM;
		for (k = 0; holder && k < pg_rows_count(locks); k++) {
			const char *of = pg_rows_text(locks, k, COL_HOLDER);

			if (!pg_rows_text(locks, k, COL_PID) && of && strcmp(of, holder) == 0)
				s->locks[k].prepared = (uint32_t)i;
		}
	}
	return 0;
}

static int read_prepared(struct watch *w, struct shot *s, const struct pg_rows *locks,
			 struct err *err)
{
	struct pg_rows *rows;
	int rc;

	rc = watch_query(w, &rows,
			 "SELECT " WATCH_MARK " l.virtualtransaction, p.gid, p.owner, p.database,"
			 " extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)"
			 " FROM pg_catalog.pg_prepared_xacts p JOIN pg_catalog.pg_locks l"
			 " ON l.transactionid = p.transaction AND l.pid IS NULL AND l.granted"
			 " AND l.locktype = 'transactionid' ORDER BY p.prepared, p.gid",
			 err);
	if (rc)
		return rc;
	if (link_prepared(s, locks, rows))
		rc = err_nomem(err, "prepared transactions");
	pg_rows_free(rows);
	return rc;
}

int watch_locks(struct watch *w, struct shot *s, struct err *err)
{
	struct idmap objects = IDMAP_INIT;
	struct pg_rows *rows;
	char sql[4096];
	int i, rc, prepared = 0;

	snprintf(sql, sizeof(sql), locks_sql, w->facts.version >= 120000 ? "MATERIALIZED " : "",
		 w->facts.version >= 140000
			 ? "extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart)"
			 : "NULL");
	rc = watch_query(w, &rows, sql, err);
	if (rc)
		return rc;
	rc = name_relations(w, rows, err);
	for (i = 0; i < pg_rows_count(rows) && rc == 0; i++) {
		if (lock_row(w, s, &objects, rows, i) || edges_of(s, rows, i))
			rc = err_nomem(err, "the server's locks");
		prepared |= !pg_rows_text(rows, i, COL_PID);
	}
	if (rc == 0 && prepared)
		rc = read_prepared(w, s, rows, err);
	idmap_release(&objects);
	pg_rows_free(rows);
	return rc;
}
