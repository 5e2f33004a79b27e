/* Reads the SQLite file that ete3 makes of the NCBI dump: species(taxid, ..., track), where `track`
 * is the lineage as decimal numbers joined by ',', the taxon itself first and the root last, and
 * merged(taxid_old, taxid_new). Only `track` is believed, as ete3 itself does; ancestors that have
 * no row of their own are nodes of the tree but no known taxa. */
#include "pipeline/taxonomy/tax_tree.h"

#include <sqlite3.h>
#include <string.h>

static int sql_failed(sqlite3 *db, const char *path, struct err *err)
{
	if (sqlite3_errcode(db) == SQLITE_NOMEM)
		return err_nomem(err, path);
	return err_set(err, ERR_DATABASE, "%s: %s", path, sqlite3_errmsg(db));
}

static int bad_track(const char *path, int64_t taxon, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s: species.track of taxon %lld %s", path,
		       (long long)taxon, what);
}

/* "9,8,1" as numbers, the taxon first; the number of them or a failure. */
static int parse_track(const char *path, int64_t taxon, const char *text, size_t len,
		       int64_t out[TAXONOMY_MAX_DEPTH], struct err *err)
{
	const char *p = text, *end = text + len;
	int n = 0;

	for (;;) {
		if (n == TAXONOMY_MAX_DEPTH) {
			bad_track(path, taxon, err,
				  "has more levels than this program takes (256)");
			return err ? err->code = ERR_LIMIT : ERR_LIMIT;
		}
		if (tax_read_id(&p, end, &out[n]) != 0)
			return bad_track(path, taxon, err,
					 "is not a list of positive numbers joined by ','");
		n++;
		if (p == end)
			break;
		if (*p++ != ',')
			return bad_track(path, taxon, err,
					 "has something else than ',' between numbers");
	}
	if (out[0] != taxon)
		return bad_track(path, taxon, err, "does not begin with the taxon itself");
	if (out[n - 1] != TAX_ROOT)
		return bad_track(path, taxon, err, "does not end at the root (1)");
	return n;
}

/* Does the way from `node` to the root spell track[0 .. n-1]? */
static int same_way(const struct taxonomy *t, uint32_t node, const int64_t *track, int n)
{
	int i;

	if (t->depths[node] != n)
		return 0;
	for (i = 0; i < n; i++) {
		if (t->ids[node] != track[i])
			return 0;
		node = t->parents[node];
	}
	return 1;
}

/* Enters what the tree lacks of a lineage, from the root down. */
static int add_track(struct taxonomy *t, const char *path, const int64_t *track, int n,
		     struct err *err)
{
	uint32_t parent = IDMAP_NONE, node;
	int i, first = n - 1;

	/* ete3 writes parents before children: then only the taxon itself is new. */
	for (i = 0; i < n; i++) {
		node = tax_tree_find(t, track[i]);
		if (node != IDMAP_NONE)
			break;
	}
	if (i < n) {
		if (!same_way(t, node, track + i, n - i))
			return bad_track(path, track[0], err,
					 "contradicts the track of another taxon");
		parent = node;
		first = i - 1;
	}
	for (i = first; i >= 0; i--) {
		if (tax_tree_find(t, track[i]) != IDMAP_NONE)
			return bad_track(path, track[0], err, "names a taxon twice");
		node = tax_tree_add(t, track[i]);
		if (node == IDMAP_NONE)
			return err_nomem(err, path);
		t->parents[node] = parent == IDMAP_NONE ? node : parent;
		t->depths[node] = (uint16_t)(n - i);
		parent = node;
	}
	t->n_listed += !t->listed[parent];
	t->listed[parent] = 1;
	return 0;
}

static int read_species_row(struct taxonomy *t, const char *path, sqlite3_stmt *q, struct err *err)
{
	int64_t track[TAXONOMY_MAX_DEPTH];
	int64_t taxon = sqlite3_column_int64(q, 0);
	uint32_t node;
	const char *text;
	int n;

	if (sqlite3_column_type(q, 0) != SQLITE_INTEGER || taxon <= 0)
		return err_set(err, ERR_FORMAT, "%s: species.taxid '%s' is not a positive number",
			       path,
			       sqlite3_column_text(q, 0) ? (const char *)sqlite3_column_text(q, 0)
							 : "NULL");
	node = tax_tree_find(t, taxon);
	if (node != IDMAP_NONE && t->listed[node])
		return err_set(err, ERR_FORMAT, "%s: taxon %lld has two rows in species", path,
			       (long long)taxon);
	text = (const char *)sqlite3_column_text(q, 1);
	if (!text)
		return bad_track(path, taxon, err, "is missing");
	n = parse_track(path, taxon, text, (size_t)sqlite3_column_bytes(q, 1), track, err);
	return n < 0 ? n : add_track(t, path, track, n, err);
}

static int read_merged_row(struct tax_merges *m, const char *path, sqlite3_stmt *q, struct err *err)
{
	int64_t old_id = sqlite3_column_int64(q, 0), new_id = sqlite3_column_int64(q, 1);

	if (old_id <= 0 || new_id <= 0)
		return err_set(err, ERR_FORMAT,
			       "%s: table merged has a taxon that is no positive number", path);
	return tax_merges_add(m, old_id, new_id) != 0 ? err_nomem(err, path) : 0;
}

/* Runs `sql` and gives each row to one of the two readers. */
static int each_row(sqlite3 *db, const char *path, const char *sql, struct taxonomy *t,
		    struct tax_merges *m, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc = 0, step = SQLITE_ROW;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		return sql_failed(db, path, err);
	while (rc == 0 && (step = sqlite3_step(q)) == SQLITE_ROW)
		rc = m ? read_merged_row(m, path, q, err) : read_species_row(t, path, q, err);
	if (rc == 0 && step != SQLITE_DONE)
		rc = sql_failed(db, path, err);
	sqlite3_finalize(q);
	return rc;
}

/* 1, 0 or a failure. Views do not count: a foreign file must not make us run its queries. */
static int has_table(sqlite3 *db, const char *path, const char *name, struct err *err)
{
	sqlite3_stmt *q = NULL;
	int rc;

	if (sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1",
			       -1, &q, NULL) != SQLITE_OK)
		return sql_failed(db, path, err);
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	rc = sqlite3_step(q);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rc = sql_failed(db, path, err);
		sqlite3_finalize(q);
		return rc;
	}
	sqlite3_finalize(q);
	return rc == SQLITE_ROW;
}

static int read_merges(struct taxonomy *t, sqlite3 *db, const char *path, struct err *err)
{
	struct tax_merges m = TAX_MERGES_INIT;
	size_t bad;
	int rc = has_table(db, path, "merged", err);

	if (rc == 1) {
		rc = each_row(db, path, "SELECT taxid_old, taxid_new FROM merged", t, &m, err);
		if (rc == 0) {
			rc = tax_tree_merge(t, &m, &bad, err);
			if (rc == ERR_FORMAT)
				err_prefix(err, "%s", path);
		}
	}
	tax_merges_release(&m);
	return rc;
}

int tax_read_ete(struct taxonomy *t, const char *path, struct err *err)
{
	sqlite3 *db = NULL;
	int rc;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		rc = db ? sql_failed(db, path, err) : err_nomem(err, path);
		sqlite3_close(db);
		return rc;
	}
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	rc = has_table(db, path, "species", err);
	if (rc == 0)
		rc = err_set(err, ERR_FORMAT, "%s: no table species: not a taxonomy that ete3 made",
			     path);
	else if (rc == 1)
		rc = each_row(db, path, "SELECT taxid, track FROM species", t, NULL, err);
	if (rc == 0 && t->n_listed == 0)
		rc = err_set(err, ERR_FORMAT, "%s: table species is empty", path);
	if (rc == 0)
		rc = read_merges(t, db, path, err);
	sqlite3_close(db);
	return rc;
}
