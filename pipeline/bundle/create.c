/* Making a bundle: see create.h. This file checks the options and joins the parts; each part is a
 * create_*.c of its own. */
#include "pipeline/bundle/create.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/bundle/create_int.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/version.h"
#include "protea-prof.h"

#define MAX_SOURCE 64 /* characters of annotation_set.source; dataset.annotation_source has 32 */

/* ---- shared by the parts --------------------------------------------------------------------- */

void create_say(const struct create *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!c->opt->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->opt->say(c->opt->say_ctx, text);
}

int create_remark(struct create *c, uint64_t count, const char *fmt, ...)
{
	struct create_report *r = c->report;
	struct create_remark *grown;
	struct buf text = BUF_INIT;
	va_list ap;

	if (count == 0)
		return 0;
	grown = realloc(r->remark, (r->n_remarks + 1) * sizeof *grown);
	if (!grown)
		return err_nomem(c->err, "a remark");
	r->remark = grown;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	grown[r->n_remarks].count = count;
	grown[r->n_remarks].text = buf_steal(&text, NULL);
	buf_release(&text);
	if (!grown[r->n_remarks].text)
		return err_nomem(c->err, "a remark");
	r->n_remarks++;
	return 0;
}

void create_report_release(struct create_report *r)
{
	size_t i;

	for (i = 0; i < r->n_remarks; i++)
		free(r->remark[i].text);
	free(r->remark);
	r->remark = NULL;
	r->n_remarks = 0;
}

const char *create_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

int create_is_plain(const char *text)
{
	const char *p;

	for (p = text; *p; p++) {
		if (*p < '!' || *p > '~')
			return 0;
	}
	return p > text;
}

int create_bind(sqlite3_stmt *stmt, int at, const char *text)
{
	if (!text || !*text)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

/* ---- checks before any work ------------------------------------------------------------------ */

static int check_source(const struct create_options *o, struct err *err)
{
	if (!o->source || !create_is_plain(o->source) || strlen(o->source) > MAX_SOURCE)
		return err_set(
			err, ERR_ARG,
			"--source is a word of at most %d printable characters, such as 'goa'",
			MAX_SOURCE);
	return 0;
}

/* Words of the command line that become texts of the bundle, which must be UTF-8. */
static int check_text(const char *option, const char *text, struct err *err)
{
	char *clean = text_utf8(text);
	int same = clean && strcmp(clean, text) == 0;

	if (!clean)
		return err_nomem(err, "a text");
	free(clean);
	return same ? 0 : err_set(err, ERR_ARG, "%s '%s' is not valid UTF-8", option, text);
}

static int check_texts(const struct create_options *o, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < o->n_embeddings && rc == 0; i++)
		rc = check_text("--embeddings", o->embeddings[i].name, err);
	for (i = 0; i < o->n_note && rc == 0; i++) {
		rc = check_text("--note", o->note[i].key, err);
		if (rc == 0)
			rc = check_text("--note", o->note[i].value, err);
	}
	return rc;
}

static int check_configs(const struct create_options *o, struct err *err)
{
	size_t i, j;
	int used;

	for (i = 0; i < o->n_config; i++) {
		used = 0;
		for (j = 0; j < o->n_embeddings; j++)
			used |= strcmp(o->config[i].name, o->embeddings[j].name) == 0;
		if (!used)
			return err_set(err, ERR_ARG, "--config %s: no --embeddings has this name",
				       o->config[i].name);
		for (j = 0; j < i; j++) {
			if (strcmp(o->config[i].name, o->config[j].name) == 0)
				return err_set(err, ERR_ARG, "--config %s is given twice",
					       o->config[i].name);
		}
	}
	return 0;
}

static int check_notes(const struct create_options *o, struct err *err)
{
	size_t i, j;

	for (i = 0; i < o->n_note; i++) {
		if (strncmp(o->note[i].key, "input.", 6) == 0 ||
		    strcmp(o->note[i].key, "created_with") == 0)
			return err_set(err, ERR_ARG,
				       "--note %s: the program writes this key itself",
				       o->note[i].key);
		for (j = 0; j < i; j++) {
			if (strcmp(o->note[i].key, o->note[j].key) == 0)
				return err_set(err, ERR_ARG, "--note %s is given twice",
					       o->note[i].key);
		}
	}
	return 0;
}

static int check_options(const struct create_options *o, struct err *err)
{
	int rc = check_source(o, err);

	if (rc == 0)
		rc = check_texts(o, err);
	if (rc == 0)
		rc = check_configs(o, err);
	if (rc == 0)
		rc = check_notes(o, err);
	if (rc < 0)
		return rc;
	if (o->n_obo == 0)
		return err_set(err, ERR_ARG, "no ontology: name at least one --obo F");
	if (o->n_gaf > 0 && o->n_fasta == 0 && !o->keep_unknown)
		return err_set(
			err, ERR_ARG,
			"--gaf without --fasta: no protein is known (--keep-unknown takes those of "
			"the annotations)");
	if (o->n_embeddings > 0 && o->n_fasta == 0)
		return err_set(err, ERR_ARG,
			       "--embeddings without --fasta: embeddings belong to sequences");
	return 0;
}

static int check_readable(const char *path, struct err *err)
{
	return access(path, R_OK) == 0 ? 0
				       : err_sys(err, fsio_exists(path) ? ERR_IO : ERR_NOTFOUND,
						 "cannot read '%s'", path);
}

static int check_taxdump(const char *dir, struct err *err)
{
	static const char *const names[] = {"nodes.dmp", "names.dmp"};
	char *path;
	size_t i;
	int rc = 0;

	for (i = 0; dir && i < sizeof names / sizeof names[0] && rc == 0; i++) {
		path = fsio_join(dir, names[i]);
		rc = path ? check_readable(path, err) : err_nomem(err, "a path");
		free(path);
	}
	return rc;
}

/* What can be told in a moment is told before hours of reading. */
static int check_inputs(struct create *c)
{
	const struct create_options *o = c->opt;
	size_t i;
	int rc = 0;

	for (i = 0; i < o->n_obo && rc == 0; i++)
		rc = check_readable(o->obo[i].path, c->err);
	for (i = 0; i < o->n_fasta && rc == 0; i++)
		rc = check_readable(o->fasta[i], c->err);
	if (rc == 0)
		rc = check_taxdump(o->taxdump, c->err);
	if (rc == 0)
		rc = create_check_embeddings(c);
	if (rc == 0)
		rc = create_check_gaf(c);
	return rc;
}

/* ---- notes ----------------------------------------------------------------------------------- */

static int insert_note(struct create *c, sqlite3_stmt *stmt, const char *key, const char *value)
{
	int bound = create_bind(stmt, 1, key);

	bound |= sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	return outfile_insert(&c->out, stmt, bound, c->err);
}

/* "input.003" = "gaf goa_human.gaf, 1234 bytes": names without folders, so that the same files give
 * the same bytes wherever they are. */
static int note_input(struct create *c, sqlite3_stmt *stmt, const char *kind, const char *path,
		      unsigned *number)
{
	char *name = text_utf8(create_base_name(path));
	struct buf text = BUF_INIT;
	uint64_t bytes = 0;
	char key[32];
	int rc = name ? fsio_size(path, &bytes, c->err) : err_nomem(c->err, "a note");

	if (rc == 0) {
		snprintf(key, sizeof key, "input.%03u", ++*number);
		buf_printf(&text, "%s %s, %llu bytes", kind, name, (unsigned long long)bytes);
		rc = buf_failed(&text) ? err_nomem(c->err, "a note")
				       : insert_note(c, stmt, key, buf_str(&text));
	}
	buf_release(&text);
	free(name);
	return rc;
}

static int note_inputs(struct create *c, sqlite3_stmt *stmt)
{
	const struct create_options *o = c->opt;
	unsigned number = 0;
	size_t i;
	int rc = 0;

	for (i = 0; i < o->n_obo && rc == 0; i++)
		rc = note_input(c, stmt, "obo", o->obo[i].path, &number);
	for (i = 0; i < o->n_fasta && rc == 0; i++)
		rc = note_input(c, stmt, "fasta", o->fasta[i], &number);
	for (i = 0; i < o->n_gaf && rc == 0; i++)
		rc = note_input(c, stmt, "gaf", o->gaf[i].path, &number);
	for (i = 0; i < o->n_embeddings && rc == 0; i++)
		rc = note_input(c, stmt, "embeddings", o->embeddings[i].path, &number);
	return rc;
}

static int write_notes(struct create *c)
{
	const struct create_options *o = c->opt;
	sqlite3_stmt *stmt = NULL;
	char program[64];
	size_t i;
	int rc = outfile_prepare(&c->out, &stmt,
				 "INSERT INTO bundle_note (key, value) VALUES (?1, ?2)", c->err);

	snprintf(program, sizeof program, "protea-export %s", version_text());
	if (rc == 0)
		rc = insert_note(c, stmt, "created_with", program);
	if (rc == 0)
		rc = note_inputs(c, stmt);
	for (i = 0; i < o->n_note && rc == 0; i++)
		rc = insert_note(c, stmt, o->note[i].key, o->note[i].value);
	sqlite3_finalize(stmt);
	return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int fill(struct create *c)
{
	static const struct {
		const char *stage;
		int (*run)(struct create *c);
	} parts[] = {
		{"bundle_ontology", create_ontologies},
		{"bundle_sequences", create_sequences},
		{"bundle_annotations", create_annotations},
		{"bundle_taxonomy", create_resolve_taxa},
		{"bundle_proteins", create_proteins},
		{"bundle_embeddings", create_embeddings},
		{"bundle_evaluations", create_evaluations},
		{"bundle_notes", write_notes},
	};
	pp_stage stage;
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
		stage = pp_stage_begin(parts[i].stage);
		rc = parts[i].run(c);
		pp_stage_end(&stage);
	}
	return rc;
}

static int finish(struct create *c)
{
	pp_stage stage = pp_stage_begin("bundle_indexes");
	int rc;

	create_say(c, "building indexes");
	rc = cancel_check(c->err);
	if (rc == 0)
		rc = outfile_commit(&c->out, &c->report->file_bytes, c->err);
	pp_stage_end(&stage);
	return rc;
}

static void create_release(struct create *c)
{
	create_snapshots_release(c);
	dict_release(&c->proteins.accession);
	dict_release(&c->proteins.hash);
	dict_release(&c->proteins.organism);
	free(c->proteins.row);
	free(c->set);
	free(c->gaf_version);
	free(c->gaf_order);
}

int bundle_create(const struct create_options *o, struct create_report *report, struct err *err)
{
	struct create c = {.opt = o, .report = report, .err = err};
	int rc;

	*report = (struct create_report){0};
	stamp_format(o->created_at_ns, c.stamp);
	rc = check_options(o, err);
	if (rc == 0)
		rc = outfile_open(&c.out, o->out, o->replace, err);
	if (rc == 0)
		rc = check_inputs(&c);
	if (rc == 0)
		rc = fill(&c);
	if (rc == 0)
		rc = finish(&c);
	if (rc < 0)
		outfile_abort(&c.out);
	create_release(&c);
	return rc;
}
