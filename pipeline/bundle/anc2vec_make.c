/* Derived term vectors: see anc2vec_make.h. Reads go_term and go_term_relationship of a bundle. */
#include "pipeline/bundle/anc2vec_make.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"
#include "prof/base/buf.h"
#include "prof/base/hash.h"

#define MAX_BYTES ((uint64_t)8 << 30) /* of all vectors and base vectors together */

struct graph {
	struct err *err;
	sqlite3 *db;
	char snapshot[UUID_TEXT];
	uint32_t n;
	size_t cap;
	char **go_id;             /* owned, ascending */
	unsigned char *shown;     /* owned: has an aspect, so it gets a vector */
	struct idmap by_id;       /* go_term.id -> number */
	uint32_t *child, *parent; /* owned: edges as read */
	size_t n_edges, edge_cap;
	uint32_t *start, *up;    /* owned: parents grouped by child */
	uint32_t *stack, *stamp; /* owned: the walk over ancestors */
	signed char *base;       /* owned, n x dim */
	int32_t *sum;            /* owned, dim */
};

/* ---- base vectors ---------------------------------------------------------------------------- */

/* FNV-1a, 64 bits (Fowler, Noll, Vo). Written out here, like the mixer below, because archives must
 * not change when the hash tables' function does. */
static uint64_t fnv1a(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

/* The output function of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix64(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t base_word(uint64_t seed, const char *go_id, size_t word)
{
	const uint64_t golden = 0x9e3779b97f4a7c15u;
	uint64_t key = mix64(fnv1a(go_id) + mix64(seed + golden));

	return mix64(key + (word + 1) * golden);
}

int anc2vec_base(uint64_t seed, const char *go_id, size_t i)
{
	return base_word(seed, go_id, i / 64) >> i % 64 & 1 ? 1 : -1;
}

static void fill_base(signed char *row, uint64_t seed, const char *go_id, size_t dim)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < dim; i++) {
		if (i % 64 == 0)
			word = base_word(seed, go_id, i / 64);
		row[i] = word & 1 ? 1 : -1;
		word >>= 1;
	}
}

/* ---- snapshot -------------------------------------------------------------------------------- */

/* The first YYYY-MM-DD in a version text, "" if it has none. */
static void date_of(const char *version, char out[11])
{
	static const char form[] = "0000-00-00";
	size_t i;

	out[0] = '\0';
	for (; *version; version++) {
		for (i = 0; i < 10; i++) {
			if (form[i] == '-' ? version[i] != '-'
					   : version[i] < '0' || version[i] > '9')
				break;
		}
		if (i == 10) {
			memcpy(out, version, 10);
			out[10] = '\0';
			return;
		}
	}
}

struct choice {
	char *version; /* owned */
	char date[11];
	unsigned n, n_best; /* snapshots, and those that share the newest date */
	struct buf all;     /* their versions, for the message */
};

static int consider(struct graph *g, struct choice *ch, const char *id, const char *version)
{
	char date[11];
	char *copy;

	buf_printf(&ch->all, "%s'%s'", ch->n++ ? ", " : "", version);
	date_of(version, date);
	if (ch->n > 1 && strcmp(date, ch->date) == 0)
		ch->n_best++;
	if (ch->n > 1 && strcmp(date, ch->date) <= 0)
		return 0;
	copy = strdup(version);
	if (!copy)
		return err_nomem(g->err, "an ontology");
	free(ch->version);
	ch->version = copy;
	memcpy(ch->date, date, sizeof date);
	memcpy(g->snapshot, id, sizeof g->snapshot);
	ch->n_best = 1;
	return 0;
}

static int settle(struct graph *g, const struct choice *ch, const char *wanted)
{
	const char *name = bundle_db_name(g->db);

	if (buf_failed(&ch->all))
		return err_nomem(g->err, "an ontology");
	if (ch->n == 0)
		return err_set(g->err, ERR_NOTFOUND, "'%s' has no ontology%s%s%s", name,
			       wanted ? " version '" : "", wanted ? wanted : "", wanted ? "'" : "");
	if (ch->n_best > 1)
		return err_set(g->err, ERR_ARG,
			       "'%s' has several ontologies; choose one: --snapshot %s", name,
			       buf_str(&ch->all));
	return 0;
}

/* The snapshot of this version, or the newest by the date in its version. */
static int choose_snapshot(struct graph *g, const char *wanted, char **version)
{
	struct choice ch = {.all = BUF_INIT};
	struct bundle_rows rows;
	const char *id, *text;
	int rc, end;

	bundle_rows_begin(&rows, g->db, "ontology_snapshot",
			  "SELECT id, obo_version FROM ontology_snapshot "
			  "WHERE ?1 IS NULL OR obo_version = ?1 ORDER BY id",
			  g->err);
	bundle_rows_bind_text(&rows, 1, wanted);
	while ((rc = bundle_rows_next(&rows)) > 0) {
		id = bundle_rows_uuid(&rows, 0);
		text = bundle_rows_text(&rows, 1, NULL);
		rc = rows.failed;
		if (rc == 0)
			rc = consider(g, &ch, id, text);
		if (rc < 0)
			break;
	}
	end = bundle_rows_end(&rows);
	if (rc == 0)
		rc = end;
	if (rc == 0)
		rc = settle(g, &ch, wanted);
	buf_release(&ch.all);
	if (rc < 0)
		free(ch.version);
	else
		*version = ch.version;
	return rc;
}

/* ---- terms and edges ------------------------------------------------------------------------- */

static int grow_terms(struct graph *g)
{
	size_t cap = g->cap ? g->cap * 2 : 1024;
	unsigned char *shown;
	char **ids;

	if (g->n < g->cap)
		return 0;
	ids = realloc(g->go_id, cap * sizeof *ids);
	if (!ids)
		return ERR_NOMEM;
	g->go_id = ids;
	shown = realloc(g->shown, cap);
	if (!shown)
		return ERR_NOMEM;
	g->shown = shown;
	g->cap = cap;
	return 0;
}

static int add_term(struct graph *g, struct bundle_rows *rows)
{
	int64_t id = bundle_rows_int(rows, 0);
	const char *go_id = bundle_rows_text(rows, 1, NULL);
	const char *aspect = bundle_rows_text_or_null(rows, 2);

	if (rows->failed)
		return rows->failed;
	if (g->n > 0 && strcmp(g->go_id[g->n - 1], go_id) == 0)
		return bundle_rows_bad(rows, "%s has a second row in its ontology", go_id);
	if (grow_terms(g) < 0)
		return err_nomem(g->err, "an ontology");
	g->go_id[g->n] = strdup(go_id);
	if (!g->go_id[g->n])
		return err_nomem(g->err, "an ontology");
	g->shown[g->n] = aspect && *aspect;
	if (idmap_set(&g->by_id, (uint64_t)id, g->n++) < 0)
		return err_nomem(g->err, "an ontology");
	return 0;
}

static int add_edge(struct graph *g, struct bundle_rows *rows)
{
	uint32_t child = idmap_get(&g->by_id, (uint64_t)bundle_rows_int(rows, 1));
	uint32_t parent = idmap_get(&g->by_id, (uint64_t)bundle_rows_int(rows, 2));
	size_t cap;
	uint32_t *grown;

	if (rows->failed)
		return rows->failed;
	if (child == IDMAP_NONE || parent == IDMAP_NONE)
		return bundle_rows_bad(rows, "an edge between terms that are not of its ontology");
	if (g->n_edges == g->edge_cap) {
		cap = g->edge_cap ? g->edge_cap * 2 : 1024;
		grown = realloc(g->child, cap * sizeof *grown);
		if (!grown)
			return err_nomem(g->err, "an ontology");
		g->child = grown;
		grown = realloc(g->parent, cap * sizeof *grown);
		if (!grown)
			return err_nomem(g->err, "an ontology");
		g->parent = grown;
		g->edge_cap = cap;
	}
	g->child[g->n_edges] = child;
	g->parent[g->n_edges++] = parent;
	return 0;
}

static int read_rows(struct graph *g, const char *table, const char *sql,
		     int (*add)(struct graph *g, struct bundle_rows *rows))
{
	struct bundle_rows rows;
	int rc, end;

	bundle_rows_begin(&rows, g->db, table, sql, g->err);
	bundle_rows_bind_text(&rows, 1, g->snapshot);
	while ((rc = bundle_rows_next(&rows)) > 0) {
		rc = add(g, &rows);
		if (rc < 0)
			break;
	}
	end = bundle_rows_end(&rows);
	return rc < 0 ? rc : end;
}

static int group_edges(struct graph *g)
{
	uint32_t i;
	size_t e;

	if (g->n_edges >= UINT32_MAX)
		return err_set(g->err, ERR_LIMIT, "more than 2^32-2 edges in an ontology");
	g->start = calloc((size_t)g->n + 1, sizeof *g->start);
	g->up = malloc((g->n_edges + 1) * sizeof *g->up);
	g->stack = calloc((size_t)g->n + 1, sizeof *g->stack);
	g->stamp = calloc((size_t)g->n + 1, sizeof *g->stamp);
	if (!g->start || !g->up || !g->stack || !g->stamp)
		return err_nomem(g->err, "an ontology");
	for (e = 0; e < g->n_edges; e++)
		g->start[g->child[e] + 1]++;
	for (i = 1; i <= g->n; i++)
		g->start[i] += g->start[i - 1];
	/* the stack, idle yet, keeps the place of each term's next edge */
	memcpy(g->stack, g->start, ((size_t)g->n + 1) * sizeof *g->stack);
	for (e = 0; e < g->n_edges; e++)
		g->up[g->stack[g->child[e]]++] = g->parent[e];
	return 0;
}

/* ---- vectors --------------------------------------------------------------------------------- */

static void add_base(struct graph *g, uint32_t term, size_t dim)
{
	const signed char *row = g->base + (size_t)term * dim;
	size_t i;

	for (i = 0; i < dim; i++)
		g->sum[i] += row[i];
}

/* Sums the base vectors of `term` and its ancestors; cycles end at terms that were seen. */
static void sum_ancestors(struct graph *g, uint32_t term, size_t dim)
{
	size_t depth = 0;
	uint32_t at, i;

	memset(g->sum, 0, dim * sizeof *g->sum);
	g->stack[depth++] = term;
	g->stamp[term] = term + 1;
	while (depth > 0) {
		at = g->stack[--depth];
		add_base(g, at, dim);
		for (i = g->start[at]; i < g->start[at + 1]; i++) {
			if (g->stamp[g->up[i]] == term + 1)
				continue;
			g->stamp[g->up[i]] = term + 1;
			g->stack[depth++] = g->up[i];
		}
	}
}

/* Sums of squares stay below 2^53: exact. A sum of zeros has no direction and stays zero. */
static void scale(const struct graph *g, float *out, size_t dim)
{
	double squares = 0.0, norm;
	size_t i;

	for (i = 0; i < dim; i++)
		squares += (double)g->sum[i] * g->sum[i];
	norm = sqrt(squares);
	for (i = 0; i < dim; i++)
		out[i] = norm > 0.0 ? (float)(g->sum[i] / norm) : 0.0f;
}

static int allocate(struct graph *g, struct anc2vec_vectors *out, size_t dim)
{
	uint32_t i;

	for (i = 0; i < g->n; i++)
		out->n += g->shown[i];
	out->dim = dim;
	if (out->n == 0)
		return err_set(g->err, ERR_NOTFOUND,
			       "'%s': ontology '%s' has no term with an aspect",
			       bundle_db_name(g->db), out->version);
	if ((uint64_t)g->n * dim * (sizeof(float) + 1) > MAX_BYTES)
		return err_set(g->err, ERR_LIMIT, "%u terms of %zu values pass 8 GiB; lower --dim",
			       g->n, dim);
	out->vectors = malloc(out->n * dim * sizeof *out->vectors);
	out->go_id = calloc(out->n, sizeof *out->go_id);
	g->base = malloc((size_t)g->n * dim);
	g->sum = malloc(dim * sizeof *g->sum);
	if (!out->vectors || !out->go_id || !g->base || !g->sum)
		return err_nomem(g->err, "term vectors");
	return 0;
}

static int project(struct graph *g, struct anc2vec_vectors *out, size_t dim, uint64_t seed)
{
	size_t to = 0;
	uint32_t i;
	int rc = allocate(g, out, dim);

	for (i = 0; i < g->n && rc == 0; i++)
		fill_base(g->base + (size_t)i * dim, seed, g->go_id[i], dim);
	for (i = 0; i < g->n && rc == 0; i++) {
		if (!g->shown[i])
			continue;
		sum_ancestors(g, i, dim);
		scale(g, out->vectors + to * dim, dim);
		out->go_id[to++] = g->go_id[i];
		g->go_id[i] = NULL;
		rc = cancel_check(g->err);
	}
	return rc;
}

/* ---- public ---------------------------------------------------------------------------------- */

void anc2vec_vectors_release(struct anc2vec_vectors *v)
{
	size_t i;

	for (i = 0; v->go_id && i < v->n; i++)
		free(v->go_id[i]);
	free(v->go_id);
	free(v->vectors);
	free(v->version);
	*v = (struct anc2vec_vectors){0};
}

static void graph_release(struct graph *g)
{
	uint32_t i;

	for (i = 0; i < g->n; i++)
		free(g->go_id[i]);
	free(g->go_id);
	free(g->shown);
	idmap_release(&g->by_id);
	free(g->child);
	free(g->parent);
	free(g->start);
	free(g->up);
	free(g->stack);
	free(g->stamp);
	free(g->base);
	free(g->sum);
	bundle_db_close(g->db);
}

static int read_graph(struct graph *g, const char *bundle, const char *wanted, char **version)
{
	int rc = bundle_db_open(&g->db, bundle, 0, g->err);

	if (rc == 0)
		rc = bundle_schema_check(g->db, bundle, g->err);
	if (rc == 0)
		rc = choose_snapshot(g, wanted, version);
	if (rc == 0)
		rc = read_rows(
			g, "go_term",
			"SELECT id, go_id, aspect FROM go_term WHERE ontology_snapshot_id = ?1 "
			"ORDER BY go_id COLLATE BINARY",
			add_term);
	if (rc == 0)
		rc = read_rows(g, "go_term_relationship",
			       "SELECT id, child_go_term_id, parent_go_term_id FROM "
			       "go_term_relationship WHERE ontology_snapshot_id = ?1 AND "
			       "relation_type IN ('is_a', 'part_of') ORDER BY id",
			       add_edge);
	return rc < 0 ? rc : group_edges(g);
}

int anc2vec_make(struct anc2vec_vectors *out, const char *bundle, const char *version, size_t dim,
		 uint64_t seed, struct err *err)
{
	struct graph g = {.err = err};
	int rc;

	*out = (struct anc2vec_vectors){0};
	if (dim < 1 || dim > ANC2VEC_MAX_DIM)
		return err_set(err, ERR_ARG, "--dim is between 1 and %d", ANC2VEC_MAX_DIM);
	rc = read_graph(&g, bundle, version, &out->version);
	if (rc == 0)
		rc = project(&g, out, dim, seed);
	graph_release(&g);
	if (rc < 0)
		anc2vec_vectors_release(out);
	return rc;
}
