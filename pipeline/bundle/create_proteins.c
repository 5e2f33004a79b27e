/* FASTA files into a bundle (see create.h): sequence rows are written as they are read, identical
 * sequences once; proteins are held until their taxa are known and written in accession order. */
#include "pipeline/bundle/create_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/fasta.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/lines.h"

struct load {
	struct create *c;
	sqlite3_stmt *stmt;
	uint32_t file;
	uint64_t n_here;
};

struct protein *create_protein(struct create *c, const char *accession, int *is_new)
{
	struct proteins *p = &c->proteins;
	struct protein *grown;
	uint32_t before = p->accession.count;
	uint32_t id;
	size_t cap;

	if (before == p->cap) {
		cap = p->cap ? p->cap * 2 : 1024;
		grown = realloc(p->row, cap * sizeof *grown);
		if (!grown)
			return NULL;
		p->row = grown;
		p->cap = cap;
	}
	id = dict_intern(&p->accession, accession, strlen(accession));
	if (id == DICT_NONE)
		return NULL;
	*is_new = p->accession.count > before;
	if (*is_new)
		p->row[id] = (struct protein){.organism = DICT_NONE};
	return &p->row[id];
}

/* ---- FASTA ----------------------------------------------------------------------------------- */

static int insert_sequence(struct load *l, uint32_t id, const struct fasta_record *rec,
			   const char *hash)
{
	struct create *c = l->c;
	int bound = sqlite3_bind_int64(l->stmt, 1, id);

	bound |= sqlite3_bind_text64(l->stmt, 2, rec->residues, rec->n_residues, SQLITE_STATIC,
				     SQLITE_UTF8);
	bound |= create_bind(l->stmt, 3, hash);
	return outfile_insert(&c->out, l->stmt, bound, c->err);
}

/* The sequence's row, shared by all proteins with the same text. */
static int store_sequence(struct load *l, const struct fasta_record *rec, uint32_t *id)
{
	struct dict *hashes = &l->c->proteins.hash;
	uint32_t before = hashes->count;
	char hex[MD5_HEX];
	uint32_t at;
	int rc = md5_hex(rec->residues, rec->n_residues, hex);

	if (rc < 0)
		return err_set(l->c->err, rc, "cannot compute the MD5 of a sequence");
	at = dict_intern(hashes, hex, MD5_HEX - 1);
	if (at == DICT_NONE)
		return err_nomem(l->c->err, "the sequences");
	*id = at + 1;
	if (hashes->count == before)
		return 0;
	l->c->report->sequences++;
	return insert_sequence(l, *id, rec, hex);
}

static int fail_duplicate(const struct load *l, const struct fasta_record *rec,
			  const struct protein *first)
{
	return err_set(l->c->err, ERR_FORMAT,
		       "%s:%llu: accession '%s' appears again (first in %s:%llu); keep one record",
		       l->c->opt->fasta[l->file], (unsigned long long)rec->line, rec->accession,
		       l->c->opt->fasta[first->file], (unsigned long long)first->line);
}

static int on_record(void *ctx, const struct fasta_record *rec, struct err *err)
{
	struct load *l = ctx;
	struct proteins *p = &l->c->proteins;
	struct protein *protein;
	int is_new = 0;
	int rc;

	protein = create_protein(l->c, rec->accession, &is_new);
	if (!protein)
		return err_nomem(err, "the proteins");
	if (!is_new)
		return fail_duplicate(l, rec, protein);
	protein->file = l->file;
	protein->line = rec->line;
	if (*rec->taxon)
		protein->taxon = strtoll(rec->taxon, NULL, 10);
	if (*rec->organism) {
		protein->organism = dict_intern(&p->organism, rec->organism, strlen(rec->organism));
		if (protein->organism == DICT_NONE)
			return err_nomem(err, "the proteins");
	}
	l->n_here++;
	rc = store_sequence(l, rec, &protein->sequence_id);
	return rc < 0 ? rc : cancel_check(err);
}

static int read_file(struct load *l, const char *path)
{
	struct create *c = l->c;
	struct lines *in = NULL;
	int rc;

	create_say(c, "reading sequences %s", path);
	l->n_here = 0;
	rc = lines_open(&in, path, LINES_MAX_BYTES, c->err);
	if (rc == 0)
		rc = fasta_read(in, on_record, l, c->err);
	lines_close(in);
	if (rc == 0 && l->n_here == 0)
		rc = err_set(c->err, ERR_FORMAT, "%s: no FASTA record", path);
	return rc;
}

int create_sequences(struct create *c)
{
	struct load l = {.c = c};
	int rc = outfile_prepare(&c->out, &l.stmt,
				 "INSERT INTO sequence (id, sequence, sequence_hash) "
				 "VALUES (?1, ?2, ?3)",
				 c->err);

	for (l.file = 0; l.file < c->opt->n_fasta && rc == 0; l.file++)
		rc = read_file(&l, c->opt->fasta[l.file]);
	sqlite3_finalize(l.stmt);
	if (rc == 0)
		rc = create_remark(c, c->proteins.accession.count - c->report->sequences,
				   "proteins share the sequence row of another one");
	return rc;
}

/* ---- protein rows ---------------------------------------------------------------------------- */

static int by_accession(const void *a, const void *b, void *ctx)
{
	const struct dict *d = ctx;

	return strcmp(dict_text(d, *(const uint32_t *)a), dict_text(d, *(const uint32_t *)b));
}

static int insert_protein(struct create *c, sqlite3_stmt *stmt, uint32_t id)
{
	const struct protein *p = &c->proteins.row[id];
	char taxon[32];
	int bound = create_bind(stmt, 1, dict_text(&c->proteins.accession, id));

	if (p->sequence_id)
		bound |= sqlite3_bind_int64(stmt, 2, p->sequence_id);
	else
		bound |= sqlite3_bind_null(stmt, 2);
	snprintf(taxon, sizeof taxon, "%lld", (long long)p->taxon);
	bound |= create_bind(stmt, 3, p->taxon ? taxon : NULL);
	return outfile_insert(&c->out, stmt, bound, c->err);
}

static int insert_sorted(struct create *c, const uint32_t *order, size_t n)
{
	sqlite3_stmt *stmt = NULL;
	size_t i;
	int rc = outfile_prepare(&c->out, &stmt,
				 "INSERT INTO protein (accession, sequence_id, taxonomy_id) "
				 "VALUES (?1, ?2, ?3)",
				 c->err);

	for (i = 0; i < n && rc == 0; i++)
		rc = insert_protein(c, stmt, order[i]);
	sqlite3_finalize(stmt);
	return rc;
}

int create_proteins(struct create *c)
{
	uint32_t n = c->proteins.accession.count;
	uint32_t *order = malloc(((size_t)n + 1) * sizeof *order);
	uint64_t without = 0;
	uint32_t i;
	int rc;

	if (!order)
		return err_nomem(c->err, "the proteins");
	for (i = 0; i < n; i++) {
		order[i] = i;
		without += c->proteins.row[i].taxon == 0;
	}
	qsort_r(order, n, sizeof *order, by_accession, &c->proteins.accession);
	rc = insert_sorted(c, order, n);
	free(order);
	c->report->proteins = n;
	if (rc == 0)
		rc = create_remark(c, without, "proteins have no taxon");
	return rc;
}
