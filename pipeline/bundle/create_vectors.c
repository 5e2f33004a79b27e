/* Embeddings into a bundle (see create.h): one row per sequence, in sequence order, so that readers
 * find them side by side. */
#include "pipeline/bundle/create_int.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/embeddings.h"
#include "pipeline/bundle/ids.h"
#include "pipeline/core/plm.h"
#include "pipeline/core/cancel.h"

/* The embeddings of one model, from one or several files. */
struct model {
	const char *name; /* embedding_config.model_name, borrowed */
	char id[UUID_TEXT];
	size_t dim;          /* 0 until the first file is open */
	unsigned char *have; /* owned: 1 for each sequence with a row, by sequence id */
};

struct load {
	struct create *c;
	struct model *model; /* owned */
	size_t n_models;
	sqlite3_stmt *stmt;
};

/* ---- models ---------------------------------------------------------------------------------- */

static int config_id(struct create *c, const char *given, const char *name, char id[UUID_TEXT])
{
	const struct plm *known = plm_find(given);
	size_t i;

	for (i = 0; i < c->opt->n_config; i++) {
		if (strcmp(c->opt->config[i].name, given) == 0) {
			memcpy(id, c->opt->config[i].id, UUID_TEXT);
			return 0;
		}
	}
	if (!known)
		return bundle_uuid("embedding_config", name, id, c->err);
	memcpy(id, known->config_id, UUID_TEXT);
	return 0;
}

static int insert_config(struct create *c, const struct model *m)
{
	sqlite3_stmt *stmt = NULL;
	int rc = outfile_prepare(&c->out, &stmt,
				 "INSERT INTO embedding_config (id, model_name) VALUES (?1, ?2)",
				 c->err);

	if (rc == 0)
		rc = outfile_insert(&c->out, stmt,
				    create_bind(stmt, 1, m->id) | create_bind(stmt, 2, m->name),
				    c->err);
	sqlite3_finalize(stmt);
	if (rc == 0)
		c->report->configs++;
	return rc;
}

/* The model of a file, made at its first file. */
static int find_model(struct load *l, const char *given, struct model **out)
{
	const struct plm *known = plm_find(given);
	const char *name = known ? known->checkpoint : given;
	char id[UUID_TEXT];
	struct model *m;
	int rc = config_id(l->c, given, name, id);

	if (rc < 0)
		return rc;
	for (m = l->model; m < l->model + l->n_models; m++) {
		if (strcmp(m->id, id) == 0 && strcmp(m->name, name) != 0)
			return err_set(l->c->err, ERR_ARG,
				       "models '%s' and '%s' have the same id %s", m->name, name,
				       id);
		*out = m;
		if (strcmp(m->id, id) == 0)
			return 0;
	}
	*m = (struct model){.name = name};
	memcpy(m->id, id, sizeof id);
	m->have = calloc((size_t)l->c->report->sequences + 1, 1);
	if (!m->have)
		return err_nomem(l->c->err, "the embeddings");
	l->n_models++;
	*out = m;
	return insert_config(l->c, m);
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct skipped {
	uint64_t unknown, no_sequence, shared, not_finite;
};

/* Row of the matrix for each sequence id, row + 1, 0 = none. *rows is malloc'ed. */
static int map_rows(struct load *l, const struct model *m, const struct embeddings *e,
		    uint32_t **rows, struct skipped *skipped)
{
	const struct proteins *p = &l->c->proteins;
	size_t i;
	uint32_t id, sequence;

	*rows = calloc((size_t)l->c->report->sequences + 1, sizeof **rows);
	if (!*rows)
		return err_nomem(l->c->err, "the embeddings");
	for (i = 0; i < embeddings_count(e); i++) {
		id = dict_find(&p->accession, embeddings_accession(e, i),
			       strlen(embeddings_accession(e, i)));
		sequence = id == DICT_NONE ? 0 : p->row[id].sequence_id;
		if (id == DICT_NONE)
			skipped->unknown++;
		else if (sequence == 0)
			skipped->no_sequence++;
		else if ((*rows)[sequence] || m->have[sequence])
			skipped->shared++;
		else
			(*rows)[sequence] = (uint32_t)i + 1;
	}
	return 0;
}

static int insert_row(struct load *l, struct model *m, struct embeddings *e, uint32_t sequence,
		      uint32_t row, struct skipped *skipped)
{
	struct create *c = l->c;
	sqlite3_stmt *stmt = l->stmt;
	const void *bytes;
	int finite, bound;
	int rc = embeddings_row(e, row, &bytes, &finite, c->err);

	if (rc < 0)
		return rc;
	skipped->not_finite += !finite;
	bound = sqlite3_bind_int64(stmt, 1, (sqlite3_int64)c->report->embeddings + 1);
	bound |= sqlite3_bind_int64(stmt, 2, sequence);
	bound |= create_bind(stmt, 3, m->id);
	bound |= sqlite3_bind_int64(stmt, 4, (sqlite3_int64)m->dim);
	bound |= sqlite3_bind_blob64(stmt, 5, bytes, m->dim * embeddings_value_bytes(e),
				     SQLITE_STATIC);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	if (rc == 0) {
		c->report->embeddings++;
		m->have[sequence] = 1;
	}
	return rc;
}

static int insert_rows(struct load *l, struct model *m, struct embeddings *e,
		       struct skipped *skipped)
{
	uint32_t *rows = NULL;
	uint64_t n = l->c->report->sequences, i;
	int rc = map_rows(l, m, e, &rows, skipped);

	for (i = 1; i <= n && rc == 0; i++) {
		if (rows[i])
			rc = insert_row(l, m, e, (uint32_t)i, rows[i] - 1, skipped);
		if (rc == 0)
			rc = cancel_check(l->c->err);
	}
	free(rows);
	return rc;
}

static int report_file(struct create *c, const char *path, const struct skipped *s)
{
	const char *name = create_base_name(path);
	int rc = create_remark(c, s->unknown, "%s: rows skipped, their protein is in no FASTA file",
			       name);

	if (rc == 0)
		rc = create_remark(c, s->no_sequence,
				   "%s: rows skipped, their protein has no sequence", name);
	if (rc == 0)
		rc = create_remark(c, s->shared,
				   "%s: rows skipped, their sequence has a row already (of another "
				   "protein with the same sequence)",
				   name);
	if (rc == 0)
		rc = create_remark(c, s->not_finite,
				   "%s: rows with infinities or NaN kept; an export drops them",
				   name);
	return rc;
}

static int load_file(struct load *l, const struct create_embeddings *file)
{
	struct create *c = l->c;
	struct embeddings *e = NULL;
	struct model *m = NULL;
	struct skipped skipped = {0};
	int rc;

	create_say(c, "reading embeddings %s (%s)", file->path, file->name);
	rc = embeddings_open(&e, file->path, file->accessions, c->err);
	if (rc == 0)
		rc = find_model(l, file->name, &m);
	if (rc == 0 && m->dim && m->dim != embeddings_dim(e))
		rc = err_set(c->err, ERR_FORMAT,
			     "%s: rows of %zu values, an earlier file of '%s' has %zu", file->path,
			     embeddings_dim(e), file->name, m->dim);
	if (rc == 0) {
		m->dim = embeddings_dim(e);
		rc = insert_rows(l, m, e, &skipped);
	}
	if (rc == 0)
		rc = report_file(c, file->path, &skipped);
	embeddings_close(e);
	return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int report_model(struct create *c, const struct model *m)
{
	const struct proteins *p = &c->proteins;
	uint64_t without = 0;
	uint32_t i;

	for (i = 0; i < p->accession.count; i++)
		without += p->row[i].sequence_id && !m->have[p->row[i].sequence_id];
	return create_remark(c, without, "%s: proteins without an embedding", m->name);
}

int create_check_embeddings(struct create *c)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < c->opt->n_embeddings && rc == 0; i++)
		rc = embeddings_check(c->opt->embeddings[i].path, c->opt->embeddings[i].accessions,
				      c->err);
	return rc;
}

int create_embeddings(struct create *c)
{
	struct load l = {.c = c};
	size_t i;
	int rc = 0;

	l.model = calloc(c->opt->n_embeddings + 1, sizeof *l.model);
	if (!l.model)
		return err_nomem(c->err, "the embeddings");
	rc = outfile_prepare(
		&c->out, &l.stmt,
		"INSERT INTO sequence_embedding (id, sequence_id, embedding_config_id, "
		"embedding_dim, embedding) VALUES (?1, ?2, ?3, ?4, ?5)",
		c->err);
	for (i = 0; i < c->opt->n_embeddings && rc == 0; i++)
		rc = load_file(&l, &c->opt->embeddings[i]);
	for (i = 0; i < l.n_models && rc == 0; i++)
		rc = report_model(c, &l.model[i]);
	sqlite3_finalize(l.stmt);
	for (i = 0; i < l.n_models; i++)
		free(l.model[i].have);
	free(l.model);
	return rc;
}
