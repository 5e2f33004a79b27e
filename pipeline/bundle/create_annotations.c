/* GAF files into a bundle (see create.h): one annotation set per release, rows written as they are
 * read, repeated (protein, term, evidence) triples once. Evaluation sets pair the releases. */
#include "pipeline/bundle/create_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/gaf.h"
#include "pipeline/bundle/ids.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/lines.h"

/* A triple is packed into 64 bits: protein 32, term 20, evidence 12. */
#define MAX_TERMS    (1u << 20)
#define MAX_EVIDENCE (1u << 12)

/* The reading of one annotation set. */
struct load {
	struct create *c;
	const struct annotation_set *set;
	const struct snapshot *snap;
	const char *path; /* of the file at hand */
	sqlite3_stmt *stmt;
	struct dict evidence, qualifier;
	struct idmap seen;   /* packed triple -> qualifier */
	struct dict missing; /* GO ids that the snapshot lacks */
	uint64_t lines;
	uint64_t unknown_protein, not_protein, new_protein, no_term, by_alt, twice, other_qualifier,
		other_aspect;
};

/* ---- rows ------------------------------------------------------------------------------------ */

static int fail_line(const struct load *l, const struct gaf_record *rec, const char *what,
		     const char *text)
{
	return err_set(l->c->err, ERR_FORMAT, "%s:%llu: %s '%.60s'", l->path,
		       (unsigned long long)rec->line, what, text);
}

/* Complexes and RNAs of GOA's file are no proteins: never made up by --keep-unknown. */
static int is_protein_type(const char *type)
{
	return !strstr(type, "RNA") && !strstr(type, "complex");
}

/* 0: lines of this protein are skipped, and counted. */
static int is_wanted(struct load *l, const struct gaf_record *rec)
{
	if (dict_find(&l->c->proteins.accession, rec->object_id, strlen(rec->object_id)) !=
	    DICT_NONE)
		return 1;
	if (!l->c->opt->keep_unknown)
		l->unknown_protein++;
	else if (!is_protein_type(rec->object_type))
		l->not_protein++;
	else
		return 1;
	return 0;
}

static int find_protein(struct load *l, const struct gaf_record *rec, uint32_t *id)
{
	struct create *c = l->c;
	struct protein *p;
	int is_new;

	if (!create_is_plain(rec->object_id))
		return fail_line(l, rec, "DB Object ID with blanks or foreign characters",
				 rec->object_id);
	p = create_protein(c, rec->object_id, &is_new);
	if (!p)
		return err_nomem(c->err, "the proteins");
	l->new_protein += (uint64_t)is_new;
	*id = (uint32_t)(p - c->proteins.row);
	if (p->gaf_taxon == 0)
		p->gaf_taxon = strtoll(rec->taxon, NULL, 10);
	return 0;
}

static int find_term(struct load *l, const struct gaf_record *rec, uint32_t *term)
{
	int by_alt;

	*term = create_find_term(l->snap, rec->go_id, &by_alt);
	if (*term != DICT_NONE) {
		l->by_alt += (uint64_t)by_alt;
		l->other_aspect += l->snap->aspect.data[*term] != rec->aspect;
		return 0;
	}
	l->no_term++;
	if (!create_is_plain(rec->go_id))
		return fail_line(l, rec, "malformed GO id", rec->go_id);
	if (dict_intern(&l->missing, rec->go_id, strlen(rec->go_id)) == DICT_NONE)
		return err_nomem(l->c->err, "the annotations");
	return 0;
}

static int intern(struct load *l, struct dict *d, const struct gaf_record *rec, const char *text,
		  uint32_t *id)
{
	if (*text && !create_is_plain(text))
		return fail_line(l, rec, "column with blanks or foreign characters", text);
	*id = dict_intern(d, text, strlen(text));
	return *id == DICT_NONE ? err_nomem(l->c->err, "the annotations") : 0;
}

/* 1: the triple is new, 0: it has a row already, negative: failure. */
static int is_first(struct load *l, const struct gaf_record *rec, uint32_t protein, uint32_t term)
{
	uint32_t evidence, qualifier, old;
	uint64_t key;
	int rc = intern(l, &l->evidence, rec, rec->evidence, &evidence);

	if (rc == 0)
		rc = intern(l, &l->qualifier, rec, rec->qualifier, &qualifier);
	if (rc < 0)
		return rc;
	if (evidence >= MAX_EVIDENCE)
		return fail_line(l, rec, "more than 4096 evidence codes, one of them",
				 rec->evidence);
	key = (uint64_t)protein << 32 | (uint64_t)term << 12 | evidence;
	old = idmap_get(&l->seen, key);
	if (old == IDMAP_NONE)
		return idmap_set(&l->seen, key, qualifier) < 0
			       ? err_nomem(l->c->err, "the annotations")
			       : 1;
	if (old == qualifier)
		l->twice++;
	else
		l->other_qualifier++;
	return 0;
}

static int insert_row(struct load *l, const struct gaf_record *rec, uint32_t term)
{
	struct create *c = l->c;
	sqlite3_stmt *stmt = l->stmt;
	int bound = sqlite3_bind_int64(stmt, 1, (sqlite3_int64)c->report->annotations + 1);
	int rc;

	bound |= create_bind(stmt, 2, l->set->id);
	bound |= create_bind(stmt, 3, rec->object_id);
	bound |= sqlite3_bind_int64(stmt, 4, l->snap->first_id + term);
	bound |= create_bind(stmt, 5, rec->qualifier);
	bound |= create_bind(stmt, 6, rec->evidence);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	if (rc == 0)
		c->report->annotations++;
	return rc;
}

static int on_record(void *ctx, const struct gaf_record *rec, struct err *err)
{
	struct load *l = ctx;
	uint32_t protein = DICT_NONE, term = DICT_NONE;
	int rc = cancel_check(err);

	l->lines++;
	if (rc < 0 || !is_wanted(l, rec))
		return rc;
	rc = find_term(l, rec, &term);
	if (rc < 0 || term == DICT_NONE)
		return rc;
	rc = find_protein(l, rec, &protein);
	if (rc == 0)
		rc = is_first(l, rec, protein, term);
	return rc > 0 ? insert_row(l, rec, term) : rc;
}

static int no_header(void *ctx, const struct gaf_header *header, struct err *err)
{
	(void)ctx;
	(void)header;
	(void)err;
	return 0;
}

/* ---- sets ------------------------------------------------------------------------------------ */

static int report_missing(struct load *l)
{
	struct buf some = BUF_INIT;
	uint32_t i;
	int rc;

	for (i = 0; i < l->missing.count && i < 3; i++)
		buf_printf(&some, "%s%s", i ? ", " : "", dict_text(&l->missing, i));
	if (buf_failed(&some))
		rc = err_nomem(l->c->err, "a remark");
	else
		rc = create_remark(
			l->c, l->no_term,
			"release %lld: lines skipped, their %u GO ids are not in %s (%s%s)",
			(long long)l->set->version, l->missing.count, l->snap->version,
			buf_str(&some), l->missing.count > 3 ? ", …" : "");
	buf_release(&some);
	return rc;
}

static int report_set(struct load *l)
{
	const struct {
		uint64_t count;
		const char *what;
	} remarks[] = {
		{l->unknown_protein, "lines skipped, their protein is in no FASTA file"},
		{l->not_protein, "lines skipped, they annotate complexes or RNAs"},
		{l->new_protein, "proteins added without a sequence"},
		{l->by_alt, "lines with an alternative GO id, counted for its term"},
		{l->other_aspect, "lines with another aspect than their term; the term's counts"},
		{l->twice, "lines that repeat protein, term, evidence and qualifier"},
		{l->other_qualifier, "lines that repeat protein, term and evidence with another "
				     "qualifier; the first counts"},
	};
	size_t i;
	int rc = report_missing(l);

	for (i = 0; i < sizeof remarks / sizeof remarks[0] && rc == 0; i++)
		rc = create_remark(l->c, remarks[i].count, "release %lld: %s",
				   (long long)l->set->version, remarks[i].what);
	return rc;
}

static int insert_set(struct create *c, const struct annotation_set *set)
{
	sqlite3_stmt *stmt = NULL;
	char version[32];
	int bound;
	int rc = outfile_prepare(&c->out, &stmt,
				 "INSERT INTO annotation_set (id, source, source_version, "
				 "ontology_snapshot_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
				 c->err);

	if (rc < 0)
		return rc;
	snprintf(version, sizeof version, "%lld", (long long)set->version);
	bound = create_bind(stmt, 1, set->id);
	bound |= create_bind(stmt, 2, c->opt->source);
	bound |= create_bind(stmt, 3, version);
	bound |= create_bind(stmt, 4, c->snapshot[set->snapshot].id);
	bound |= create_bind(stmt, 5, c->stamp);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	sqlite3_finalize(stmt);
	if (rc == 0)
		c->report->sets++;
	return rc;
}

static int read_file(struct load *l, size_t file)
{
	static const struct gaf_handler handler = {no_header, on_record};
	struct create *c = l->c;
	struct lines *in = NULL;
	int rc;

	l->path = c->opt->gaf[file].path;
	create_say(c, "reading annotations %s (release %lld)", l->path, (long long)l->set->version);
	rc = lines_open(&in, l->path, LINES_MAX_BYTES, c->err);
	if (rc == 0)
		rc = gaf_read(in, &handler, l, c->err);
	lines_close(in);
	return rc;
}

/* Reads the files of set `set` in the order they were given. */
static int load_set(struct create *c, const struct annotation_set *set)
{
	struct load l = {.c = c, .set = set, .snap = &c->snapshot[set->snapshot]};
	size_t i, file;
	int rc = insert_set(c, set);

	if (rc == 0 && l.snap->terms.count > MAX_TERMS)
		rc = err_set(c->err, ERR_LIMIT, "ontology %s has more than 1,048,576 terms",
			     l.snap->version);
	if (rc == 0)
		rc = outfile_prepare(&c->out, &l.stmt,
				     "INSERT INTO protein_go_annotation (id, annotation_set_id, "
				     "protein_accession, go_term_id, qualifier, evidence_code) "
				     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
				     c->err);
	for (i = 0; i < c->opt->n_gaf && rc == 0; i++) {
		file = c->gaf_order[i];
		if (c->gaf_version[file] == set->version)
			rc = read_file(&l, file);
	}
	if (rc == 0 && l.lines == 0)
		rc = err_set(c->err, ERR_FORMAT, "%s: no annotation line", l.path);
	if (rc == 0)
		rc = report_set(&l);
	sqlite3_finalize(l.stmt);
	dict_release(&l.evidence);
	dict_release(&l.qualifier);
	dict_release(&l.missing);
	idmap_release(&l.seen);
	return rc;
}

/* ---- releases -------------------------------------------------------------------------------- */

static int find_snapshot(struct create *c, const struct create_gaf *gaf, uint32_t *at)
{
	uint32_t i;

	*at = (uint32_t)c->n_snapshots - 1;
	if (!gaf->obo_version)
		return 0;
	for (i = 0; i < c->n_snapshots; i++) {
		if (strcmp(c->snapshot[i].version, gaf->obo_version) == 0) {
			*at = i;
			return 0;
		}
	}
	return err_set(c->err, ERR_ARG,
		       "--gaf %s: no --obo has the version '%s' (the last one has '%s')", gaf->path,
		       gaf->obo_version, c->snapshot[*at].version);
}

/* The set of file number `file`, made when its release is new. */
static int add_to_set(struct create *c, uint32_t file)
{
	struct annotation_set *set = c->n_sets ? &c->set[c->n_sets - 1] : NULL;
	char name[300];
	uint32_t snapshot;
	int rc = find_snapshot(c, &c->opt->gaf[file], &snapshot);

	if (rc < 0)
		return rc;
	if (set && set->version == c->gaf_version[file]) {
		if (set->snapshot == snapshot)
			return 0;
		return err_set(c->err, ERR_ARG,
			       "--gaf %s: release %lld is bound to '%s' and to '%s' at once",
			       c->opt->gaf[file].path, (long long)set->version,
			       c->snapshot[set->snapshot].version, c->snapshot[snapshot].version);
	}
	set = &c->set[c->n_sets++];
	set->version = c->gaf_version[file];
	set->snapshot = snapshot;
	snprintf(name, sizeof name, "%.200s\n%lld", c->opt->source, (long long)set->version);
	return bundle_uuid("annotation_set", name, set->id, c->err);
}

int create_annotations(struct create *c)
{
	size_t i;
	int rc = 0;

	c->set = calloc(c->opt->n_gaf + 1, sizeof *c->set);
	if (!c->set)
		return err_nomem(c->err, "the releases");
	for (i = 0; i < c->opt->n_gaf && rc == 0; i++)
		rc = add_to_set(c, c->gaf_order[i]);
	for (i = 0; i < c->n_sets && rc == 0; i++)
		rc = load_set(c, &c->set[i]);
	return rc;
}

/* ---- evaluation sets ------------------------------------------------------------------------- */

static const struct annotation_set *find_set(const struct create *c, int64_t version)
{
	size_t i;

	for (i = 0; i < c->n_sets; i++) {
		if (c->set[i].version == version)
			return &c->set[i];
	}
	return NULL;
}

static int insert_evaluation(struct create *c, const struct annotation_set *old_set,
			     const struct annotation_set *new_set)
{
	const char *pivot = c->snapshot[c->n_snapshots - 1].id;
	char id[UUID_TEXT], name[3 * UUID_TEXT], stats[128];
	sqlite3_stmt *stmt = NULL;
	int bound;
	int rc;

	snprintf(name, sizeof name, "%s\n%s\n%s", old_set->id, new_set->id, pivot);
	snprintf(stats, sizeof stats, "{\"pivot_ontology_snapshot_id\": \"%s\"}", pivot);
	rc = bundle_uuid("evaluation_set", name, id, c->err);
	if (rc == 0)
		rc = outfile_prepare(&c->out, &stmt,
				     "INSERT INTO evaluation_set (id, old_annotation_set_id, "
				     "new_annotation_set_id, stats, created_at) "
				     "VALUES (?1, ?2, ?3, ?4, ?5)",
				     c->err);
	if (rc < 0)
		return rc;
	bound = create_bind(stmt, 1, id);
	bound |= create_bind(stmt, 2, old_set->id);
	bound |= create_bind(stmt, 3, new_set->id);
	bound |= create_bind(stmt, 4, stats);
	bound |= create_bind(stmt, 5, c->stamp);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	sqlite3_finalize(stmt);
	if (rc == 0)
		c->report->evaluations++;
	return rc;
}

static int insert_asked(struct create *c, const struct create_pair *pair)
{
	const struct annotation_set *old_set = find_set(c, pair->old_version);
	const struct annotation_set *new_set = find_set(c, pair->new_version);

	if (!old_set || !new_set)
		return err_set(c->err, ERR_ARG, "--evaluation %lld:%lld: no --gaf has release %lld",
			       (long long)pair->old_version, (long long)pair->new_version,
			       (long long)(old_set ? pair->new_version : pair->old_version));
	return insert_evaluation(c, old_set, new_set);
}

int create_evaluations(struct create *c)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < c->opt->n_evaluation && rc == 0; i++)
		rc = insert_asked(c, &c->opt->evaluation[i]);
	if (c->opt->n_evaluation)
		return rc;
	for (i = 1; i < c->n_sets && rc == 0; i++)
		rc = insert_evaluation(c, &c->set[i - 1], &c->set[i]);
	return rc;
}
