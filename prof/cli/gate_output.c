/* Writing the outputs of `gate`: see gate_output.h. */
#include "prof/cli/gate_output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/flame_page.h"
#include "prof/cli/gate_write.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/outfile.h"
#include "prof/cli/text.h"

#define CODE_QUALITY "gl-code-quality-report.json"
#define SUMMARY_MAX  1000000 /* a step's summary may have 1 MiB */

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int is_true(const char *name)
{
	const char *value = environment(name);

	return value && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

/* ---- what is asked for ---- */

int gate_output_check(struct gate_output *o, struct err *err)
{
	int to_stdout = is_stdout(o->markdown) + is_stdout(o->junit) + is_stdout(o->html) +
			is_stdout(o->code_quality) + (o->json != 0);

	if (to_stdout > 1)
		return err_set(err, ERR_ARG,
			       "gate: only one of --json, --markdown -, --junit -, --html - and "
			       "--code-quality - can have standard output");
	if (o->step_summary && !environment("GITHUB_STEP_SUMMARY"))
		return err_set(err, ERR_ARG,
			       "gate: --step-summary appends to the file that $GITHUB_STEP_SUMMARY "
			       "names, and it is not set; --markdown FILE writes any file");
	if (o->notes == GATE_NOTES_AUTO)
		o->notes = is_true("GITHUB_ACTIONS") ? GATE_NOTES_GITHUB
			   : is_true("GITLAB_CI")    ? GATE_NOTES_GITLAB
						     : GATE_NOTES_NONE;
	if (o->notes == GATE_NOTES_GITLAB && !o->code_quality)
		o->code_quality = CODE_QUALITY;
	return 0;
}

/* ---- files ---- */

static int write_buf(FILE *out, void *ctx, struct err *err)
{
	const struct buf *b = ctx;

	if (b->len && fwrite(b->data, 1, b->len, out) != b->len)
		return err_sys(err, ERR_IO, "cannot write");
	return 0;
}

static void say_written(const char *path)
{
	char *shown = text_valid(path, 1);

	if (shown)
		log_info("wrote %s", shown);
	free(shown);
}

/* To `path` or standard output; releases `b`. */
static int put_file(const char *path, struct buf *b, struct err *err)
{
	int rc;

	if (buf_failed(b))
		rc = err_nomem(err, "a report");
	else if (!is_stdout(path))
		rc = outfile_write(path, write_buf, b, err);
	else if (write_buf(stdout, b, NULL) || fflush(stdout))
		rc = err_sys(err, ERR_IO, "cannot write to standard output");
	else
		rc = 0;
	if (rc == 0 && !is_stdout(path))
		say_written(path);
	buf_release(b);
	return rc;
}

static void put_json(struct buf *b, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_INDENT(1)) : NULL;

	if (text) {
		buf_puts(b, text);
		buf_putc(b, '\n');
	} else {
		b->failed = ERR_NOMEM;
	}
	free(text);
	json_decref(value);
}

/* Others have written to it, too: a line is added, nothing replaced. */
static int append_summary(struct buf *b, struct err *err)
{
	const char *path = environment("GITHUB_STEP_SUMMARY");
	FILE *out = path && !buf_failed(b) ? fopen(path, "ae") : NULL;
	int rc = 0;

	if (buf_failed(b))
		rc = err_nomem(err, "a summary");
	else if (!out)
		rc = err_sys(err, ERR_IO, "cannot append to '%s' ($GITHUB_STEP_SUMMARY)",
			     path ? path : "");
	else
		rc = write_buf(out, b, err);
	if (out && fclose(out) && rc == 0)
		rc = err_sys(err, ERR_IO, "cannot append to '%s' ($GITHUB_STEP_SUMMARY)", path);
	buf_release(b);
	return rc;
}

/* ---- the differential page ---- */

struct page {
	struct flame_page options;
	struct profile runs[METRICS_GROUPS];
};

static int write_page(FILE *out, void *ctx, struct err *err)
{
	struct page *p = ctx;

	return flame_page_write(out, &p->options, p->runs, METRICS_GROUPS, err);
}

/* Of the two runs that stand for their groups: those of median wall time. */
static int put_page(const char *path, struct gate_input *in, const char *title, struct err *err)
{
	struct page p = {.options = {.kind = (int)in->kind, .title = title}};
	int i, n = 0, rc = 0;

	for (i = 0; rc == 0 && i < METRICS_GROUPS; i++) {
		rc = gate_group_read(&in->groups[i], gate_view_median(&in->table, i),
				     flame_page_parts(METRICS_GROUPS), &p.runs[i], err);
		n += rc == 0;
	}
	if (rc == 0)
		rc = is_stdout(path) ? write_page(stdout, &p, err)
				     : outfile_write(path, write_page, &p, err);
	if (rc == 0 && !is_stdout(path))
		say_written(path);
	while (n-- > 0)
		profile_release(&p.runs[n]);
	return rc;
}

/* Where a reader of the report finds the page: what was said, the CI server's address of it, or the file. Released by
 * the caller. */
static int page_address(struct buf *out, const struct gate_output *o)
{
	const char *server = environment("GITHUB_SERVER_URL"),
		   *repository = environment("GITHUB_REPOSITORY"),
		   *run = environment("GITHUB_RUN_ID"), *job = environment("CI_JOB_URL");

	if (o->link)
		buf_puts(out, o->link);
	else if (is_true("GITHUB_ACTIONS") && server && repository && run)
		buf_printf(out, "%s/%s/actions/runs/%s#artifacts", server, repository, run);
	else if (is_true("GITLAB_CI") && job && o->html[0] != '/')
		buf_printf(out, "%s/artifacts/file/%s", job, o->html);
	else
		buf_puts(out, o->html);
	return buf_failed(out);
}

static int has_runs(const struct gate_input *in)
{
	return in->groups[METRICS_BASE].n && in->groups[METRICS_CANDIDATE].n;
}

/* ---- all of them ---- */

/* The first failure stands. */
static void note_failure(int rc, struct err *err, const struct err *now)
{
	if (rc && err->code == 0)
		*err = *now;
}

static const char *workspace(void)
{
	const char *github = environment("GITHUB_WORKSPACE");

	return github ? github : environment("CI_PROJECT_DIR");
}

static void write_page_file(const struct gate_output *o, struct gate_input *in, struct gate_view *v,
			    struct buf *address, struct err *first)
{
	struct buf title = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	if (o->link)
		v->page = o->link;
	if (!o->html)
		return;
	if (!has_runs(in)) {
		log_warn("no differential page: kept values have no stacks");
		return;
	}
	buf_printf(&title, "%s against %s", v->sides[METRICS_CANDIDATE].text,
		   v->sides[METRICS_BASE].text);
	rc = put_page(o->html, in, buf_str(&title), &err);
	note_failure(rc, first, &err);
	if (rc == 0 && !is_stdout(o->html) && page_address(address, o) == 0)
		v->page = buf_str(address);
	buf_release(&title);
}

static void write_documents(const struct gate_output *o, const struct gate_view *v,
			    struct err *first)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (o->markdown) {
		gate_write_markdown(&b, v, GATE_MARKDOWN_MAX);
		note_failure(put_file(o->markdown, &b, &err), first, &err);
	}
	if (o->step_summary) {
		gate_write_markdown(&b, v, SUMMARY_MAX);
		note_failure(append_summary(&b, &err), first, &err);
	}
	if (o->junit) {
		gate_write_junit(&b, v);
		note_failure(put_file(o->junit, &b, &err), first, &err);
	}
	if (o->code_quality) {
		put_json(&b, gate_write_gitlab(v, workspace(), THRESHOLDS_FILE));
		note_failure(put_file(o->code_quality, &b, &err), first, &err);
	}
	if (o->json) {
		put_json(&b, gate_write_json(v));
		note_failure(put_file("-", &b, &err), first, &err);
	}
	buf_release(&b);
}

static int has_stdout(const struct gate_output *o)
{
	return o->json || is_stdout(o->markdown) || is_stdout(o->junit) || is_stdout(o->html) ||
	       is_stdout(o->code_quality);
}

int gate_output_write(const struct gate_output *o, struct gate_input *in, struct gate_view *v,
		      struct err *err)
{
	struct err first = ERR_INIT, now = ERR_INIT;
	struct buf address = BUF_INIT, b = BUF_INIT;

	write_page_file(o, in, v, &address, &first);
	write_documents(o, v, &first);
	if (!has_stdout(o)) {
		gate_write_text(&b, v, cli_width(), cli_colour());
		note_failure(put_file("-", &b, &now), &first, &now);
	}
	if (o->notes == GATE_NOTES_GITHUB) {
		gate_write_github(&b, v, workspace());
		if (buf_failed(&b) == 0 && b.len)
			fwrite(b.data, 1, b.len, stderr);
		buf_release(&b);
	}
	v->page = NULL;
	buf_release(&address);
	if (first.code)
		*err = first;
	return first.code;
}

/* ---- nothing was compared ---- */

static void say_failure(int rc, const struct err *err)
{
	if (rc)
		cli_fail(err);
}

void gate_output_failed(const struct gate_output *o, const char *text)
{
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	if (o->markdown) {
		gate_write_failed_markdown(&b, text);
		say_failure(put_file(o->markdown, &b, &err), &err);
	}
	if (o->step_summary) {
		gate_write_failed_markdown(&b, text);
		say_failure(append_summary(&b, &err), &err);
	}
	if (o->junit) {
		gate_write_failed_junit(&b, text);
		say_failure(put_file(o->junit, &b, &err), &err);
	}
	if (o->code_quality) {
		put_json(&b, gate_write_failed_gitlab(text, THRESHOLDS_FILE));
		say_failure(put_file(o->code_quality, &b, &err), &err);
	}
	if (o->json) {
		put_json(&b, gate_write_failed_json(text));
		say_failure(put_file("-", &b, &err), &err);
	}
	if (o->notes == GATE_NOTES_GITHUB) {
		gate_write_failed_github(&b, text);
		fwrite(buf_str(&b), 1, b.len, stderr);
	}
	buf_release(&b);
}
