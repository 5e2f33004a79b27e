/* Is a bundle sound: the report and the order of the checks; see check.h. */
#include "pipeline/bundle/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/check_parts.h"
#include "pipeline/bundle/db.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/cancel.h"
#include "prof/base/units.h"

#define INTEGRITY_LINES 20 /* of PRAGMA integrity_check: enough to see the pattern */
#define EXAMPLE_BYTES   300

/* ---- report ----------------------------------------------------------------------------------- */

static struct bundle_finding *new_finding(struct bundle_report *r, const struct check_kind *kind)
{
	struct bundle_finding *f;

	if (r->n_findings == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 16;

		f = realloc(r->findings, cap * sizeof *f);
		if (!f)
			return NULL;
		r->findings = f;
		r->cap = cap;
	}
	f = &r->findings[r->n_findings++];
	*f = (struct bundle_finding){
		.kind = kind->kind, .meaning = kind->meaning, .severity = kind->severity};
	if (kind->severity == BUNDLE_ERROR)
		r->n_errors++;
	else
		r->n_warnings++;
	return f;
}

static struct bundle_finding *find(struct bundle_report *r, const struct check_kind *kind)
{
	for (size_t i = 0; i < r->n_findings; i++)
		if (strcmp(r->findings[i].kind, kind->kind) == 0 &&
		    strcmp(r->findings[i].meaning, kind->meaning) == 0)
			return &r->findings[i];
	return new_finding(r, kind);
}

/* Examples come out of foreign files: shown as printable ASCII, cut. */
static char *clean_copy(const char *text)
{
	size_t len = strnlen(text, EXAMPLE_BYTES);
	char *copy = strndup(text, len);

	for (size_t i = 0; copy && i < len; i++)
		if ((unsigned char)copy[i] < 0x20 || (unsigned char)copy[i] > 0x7e)
			copy[i] = '?';
	return copy;
}

int check_add(struct bundle_checker *c, const struct check_kind *kind, const char *example)
{
	struct bundle_finding *f = find(c->report, kind);

	if (!f)
		return err_nomem(c->err, "the report");
	if (f->count < BUNDLE_EXAMPLES) {
		f->examples[f->count] = clean_copy(example);
		if (!f->examples[f->count])
			return err_nomem(c->err, "the report");
	}
	f->count++;
	return 0;
}

int check_addf(struct bundle_checker *c, const struct check_kind *kind, const char *fmt, ...)
{
	char text[EXAMPLE_BYTES + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return check_add(c, kind, text);
}

void bundle_report_release(struct bundle_report *report)
{
	for (size_t i = 0; i < report->n_findings; i++)
		for (size_t j = 0; j < BUNDLE_EXAMPLES; j++)
			free(report->findings[i].examples[j]);
	free(report->findings);
	*report = (struct bundle_report)BUNDLE_REPORT_INIT;
}

static const char *severity_name(enum bundle_severity severity)
{
	return severity == BUNDLE_ERROR ? "error" : "warning";
}

void bundle_report_text(const struct bundle_report *report, struct buf *out)
{
	char count[UNITS_TEXT];

	for (size_t i = 0; i < report->n_findings; i++) {
		const struct bundle_finding *f = &report->findings[i];

		buf_printf(out, "%s: %s: %s (%s)\n", severity_name(f->severity), f->kind,
			   f->meaning, units_count(count, f->count));
		for (size_t j = 0; j < BUNDLE_EXAMPLES && f->examples[j]; j++)
			buf_printf(out, "  %s\n", f->examples[j]);
		if (f->count > BUNDLE_EXAMPLES)
			buf_printf(out, "  and %s more\n",
				   units_count(count, f->count - BUNDLE_EXAMPLES));
	}
	if (report->n_findings == 0)
		buf_puts(out, "sound: nothing found\n");
	else
		buf_printf(out, "%zu kinds of errors, %zu kinds of warnings\n", report->n_errors,
			   report->n_warnings);
}

static json_t *finding_json(const struct bundle_finding *f)
{
	json_t *examples = json_array();

	for (size_t j = 0; j < BUNDLE_EXAMPLES && f->examples[j]; j++)
		if (json_array_append_new(examples, json_string(f->examples[j])) < 0) {
			json_decref(examples);
			return NULL;
		}
	return json_pack("{s:s, s:s, s:s, s:I, s:o}", "severity", severity_name(f->severity),
			 "kind", f->kind, "meaning", f->meaning, "count", (json_int_t)f->count,
			 "examples", examples);
}

json_t *bundle_report_json(const struct bundle_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->n_findings; i++)
		if (json_array_append_new(list, finding_json(&report->findings[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:I, s:I, s:o}", "errors", (json_int_t)report->n_errors, "warnings",
			 (json_int_t)report->n_warnings, "findings", list);
}

/* ---- the file itself -------------------------------------------------------------------------- */

/* *sound = 0 after any finding. */
static int check_file(struct bundle_checker *c, int *sound)
{
	static const struct check_kind kind = {
		"damaged-file", "the database file is damaged: make the bundle again or restore it",
		BUNDLE_ERROR};
	sqlite3_stmt *stmt = NULL;
	char sql[64];
	int rc;

	*sound = 1;
	snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", INTEGRITY_LINES);
	rc = sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(stmt, 0);

		rc = SQLITE_OK;
		if (line && strcmp(line, "ok") == 0)
			continue;
		*sound = 0;
		if (check_add(c, &kind, line ? line : "?") < 0)
			rc = SQLITE_NOMEM;
	}
	if (rc == SQLITE_DONE)
		rc = 0;
	else
		rc = bundle_db_fail(c->db, rc, "check", c->err);
	sqlite3_finalize(stmt);
	if (rc == ERR_FORMAT) { /* so damaged that not even the check gets through */
		*sound = 0;
		rc = check_add(c, &kind, c->err ? c->err->text : "damaged");
	}
	return rc;
}

static int stop_asked(void *ctx)
{
	(void)ctx;
	return cancel_requested() != 0;
}

/* ---- all checks ------------------------------------------------------------------------------- */

static const struct {
	const char *step;
	int (*check)(struct bundle_checker *c);
} checks[] = {
	{"values of all columns", check_values}, {"keys and references", check_references},
	{"ontologies", check_ontology},          {"sequences", check_sequences},
	{"embeddings", check_vectors},
};

static int run_checks(struct bundle_checker *c, void (*on_step)(void *ctx, const char *step),
		      void *ctx)
{
	int sound, rc;

	if (on_step)
		on_step(ctx, "the file");
	/* the same step as in bundle_rows: about a millisecond */
	sqlite3_progress_handler(c->db, 100000, stop_asked, NULL);
	rc = check_file(c, &sound);
	sqlite3_progress_handler(c->db, 0, NULL, NULL);
	for (size_t i = 0; rc == 0 && sound && i < sizeof checks / sizeof checks[0]; i++) {
		if (on_step)
			on_step(ctx, checks[i].step);
		rc = checks[i].check(c);
	}
	return rc;
}

int bundle_check(struct bundle_report *report, const char *path,
		 void (*on_step)(void *ctx, const char *step), void *ctx, struct err *err)
{
	struct bundle_checker c = {.report = report, .err = err};
	int rc;

	*report = (struct bundle_report)BUNDLE_REPORT_INIT;
	rc = bundle_db_open(&c.db, path, 0, err);
	if (rc == 0)
		rc = bundle_schema_check(c.db, path, err);
	if (rc == 0)
		rc = run_checks(&c, on_step, ctx);
	bundle_db_close(c.db);
	if (rc < 0)
		bundle_report_release(report);
	return rc;
}
