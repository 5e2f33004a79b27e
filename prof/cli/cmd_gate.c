/* protea-prof gate: is the candidate worse than the base? What is compared and where the answer goes is decided here; gate_read.c
 * reads and judges, gate_session.c runs commands, gate_output.c writes. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/baseline.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_args.h"
#include "prof/cli/gate_lines.h"
#include "prof/cli/gate_session.h"
#include "prof/cli/outfile.h"
#include "prof/cli/text.h"
#include "prof/postgres/pg.h"

/* ---- the answer ---- */

static int exit_code(enum verdict v)
{
	switch (v) {
	case VERDICT_REGRESSION:
		return EXIT_FAIL;
	case VERDICT_INCONCLUSIVE:
		return EXIT_INCONCLUSIVE;
	default:
		return EXIT_OK;
	}
}

static struct gate_shown side_of(const struct gate_input *in, int group)
{
	const struct gate_group *g = &in->groups[group];
	const struct metric_table *t = &in->table;

	return group == METRICS_BASE ? (struct gate_shown){g->text, g->what, t->runs_a, t->n_a}
				     : (struct gate_shown){g->text, g->what, t->runs_b, t->n_b};
}

/* Writes what was found; *code is what the verdict exits with. */
static int answer(const struct gate_args *a, struct gate_input *in, const struct gate_lines *lines,
		  const struct gate_session *session, int *code, struct err *err)
{
	struct gate_view v = {.g = &in->result,
			      .counts = in->counts,
			      .others = in->others,
			      .n_others = in->n_others,
			      .all = a->all};
	int i, rc = gate_lines_use(lines, &v, err);

	for (i = 0; i < METRICS_GROUPS; i++)
		v.sides[i] = side_of(in, i);
	if (session)
		v.n_notes = gate_session_notes(session, v.notes);
	if (in->no_functions)
		v.no_functions = in->functions_why;
	*code = exit_code(in->result.verdict);
	return rc ? rc : gate_output_write(&a->output, in, &v, err);
}

/* ---- groups and commands ---- */

struct work {
	struct gate_args *a;
	struct gate_session session; /* --exec */
	int n;
	char **operands;
};

static int add_group(const struct gate_args *a, struct gate_input *in, int group,
		     const char *const *texts, struct err *err)
{
	struct gate_group *g = &in->groups[group], *other = &in->groups[METRICS_GROUPS - 1 - group];

	g->last = (size_t)a->last;
	g->like = other->n ? other : NULL;
	return gate_group_add(&in->stores, g, a->store, texts[group], 0, err);
}

static int add_groups(const struct work *w, struct gate_input *in, struct err *err)
{
	const struct gate_args *a = w->a;
	const char *texts[METRICS_GROUPS] = {a->baseline, w->n ? w->operands[w->n - 1] : "last"};
	int i, rc = 0;

	if (w->n > 2 || (a->baseline ? w->n > 1 : w->n < 2))
		return err_set(
			err, ERR_ARG,
			a->baseline
				? "gate: with --baseline there is one group to compare, and %d "
				  "%s given; commas join runs into one"
				: "gate: two groups are compared, and %d %s given: A (the base) "
				  "and B (the candidate); commas join runs into one; see "
				  "protea-prof gate --help",
			w->n, w->n == 1 ? "was" : "were");
	if (!a->baseline)
		texts[METRICS_BASE] = w->operands[0];
	/* Of a database the base may be "those with the candidate's name": the candidate first then. */
	for (i = 0; rc == 0 && i < METRICS_GROUPS; i++)
		rc = add_group(a, in, pg_url_is(texts[METRICS_BASE]) ? METRICS_GROUPS - 1 - i : i,
			       texts, err);
	return rc;
}

/* Runs the commands, if that is what it is. */
static int prepare(struct work *w, struct err *err)
{
	if (!w->a->exec)
		return 0;
	if (w->n != METRICS_GROUPS)
		return err_set(err, ERR_ARG,
			       "gate: --exec compares two commands, and %d %s given: each is one "
			       "word, so quote it",
			       w->n, w->n == 1 ? "was" : "were");
	return gate_session_run(&w->session, w->a, w->operands, err);
}

static int judge(struct work *w, struct gate_input *in, struct err *err)
{
	int rc;

	if (w->a->exec)
		return gate_session_judge(&w->session, w->a, in, w->operands, err);
	rc = add_groups(w, in, err);
	return rc ? rc : gate_input_judge(in, &w->a->wish, err);
}

static int judge_and_answer(struct work *w, int *code, struct err *err)
{
	struct gate_input in = {0};
	struct gate_lines lines = {0};
	int rc = judge(w, &in, err);

	if (rc == 0) {
		if (w->a->exec)
			gate_lines_exec(&lines, w->a, &in, w->operands, w->session.runs.n);
		else
			gate_lines_groups(&lines, w->a, &in);
		rc = answer(w->a, &in, &lines, w->a->exec ? &w->session : NULL, code, err);
		gate_lines_release(&lines);
	}
	gate_input_release(&in);
	return rc;
}

/* ---- keeping values ---- */

static int write_bytes(FILE *out, void *ctx, struct err *err)
{
	const struct buf *b = ctx;

	return fwrite(b->data, 1, b->len, out) == b->len ? 0 : err_sys(err, ERR_IO, "cannot write");
}

static int put_bytes(const char *path, struct buf *b, struct err *err)
{
	int rc = strcmp(path, "-") == 0 ? write_bytes(stdout, b, err)
					: outfile_write(path, write_bytes, b, err);
	char *shown = rc == 0 && strcmp(path, "-") != 0 ? text_valid(path, 1) : NULL;

	if (shown)
		log_info("wrote %s", shown);
	free(shown);
	return rc;
}

static int save(struct gate_args *a, int n, char **operands, struct err *err)
{
	struct gate_input in = {0};
	struct buf out = BUF_INIT;
	int i, rc = 0;

	for (i = 0; rc == 0 && i < (n ? n : 1); i++)
		rc = gate_group_add(&in.stores, &in.groups[0], a->store, n ? operands[i] : "last",
				    1, err);
	if (rc == 0)
		rc = gate_input_values(&in, METRICS_BASE, err);
	if (rc == 0)
		rc = baseline_write(&out, &in.table, METRICS_BASE, a->wish.judge.metrics, err);
	if (rc == 0)
		rc = put_bytes(a->save, &out, err);
	buf_release(&out);
	gate_input_release(&in);
	return rc;
}

/* ---- accepting ---- */

static int same_stage(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static int no_regression(const struct gate_row *r, struct err *err)
{
	struct buf what = BUF_INIT;

	gate_view_sentence(&what, r);
	err_set(err, ERR_ARG, "%.200s: %s is no regression (%s): there is nothing to accept",
		gate_view_stage(r->stage), buf_str(&what), gate_state_name(gate_row_state(r)));
	buf_release(&what);
	return ERR_ARG;
}

static int find_change(const struct gate_result *g, const char *stage, enum metric m, double *up_to,
		       struct err *err)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct gate_row *r = &g->rows[i];
		double change = r->d.change;

		if (r->metric != m || !same_stage(r->stage, stage))
			continue;
		if (!gate_is_acceptable(r))
			return no_regression(r, err);
		if (!isfinite(change)) { /* from zero: no part of it */
			*up_to = NAN;
			return 0;
		}
		/* What varies will not be the same next time: all of its interval. */
		if (r->d.test != DECIDE_EXACT && r->d.hi > change && r->d.hi < 1e6)
			change = r->d.hi;
		*up_to = thresholds_round_up(change);
		return 0;
	}
	return err_set(err, ERR_NOTFOUND, "neither group has %s of %.200s", metric_title(m),
		       gate_view_stage(stage));
}

static int write_accepted(struct gate_args *a, const struct threshold_new *new, struct err *err)
{
	const char *file = gate_args_file(a);
	struct err none = ERR_INIT;
	struct buf out = BUF_INIT;
	char *old = NULL, *text = NULL;
	size_t n, n_text;
	int rc = gate_file_read(&old, &n, file, THRESHOLDS_BYTES, &none);

	if (rc && none.sys == ENOENT)
		n = 0, rc = 0;
	else if (rc)
		*err = none;
	if (rc == 0)
		rc = thresholds_add_accept(&text, &n_text, old ? old : "", n, file, new, err);
	if (rc == 0 && buf_put(&out, text, n_text))
		rc = err_nomem(err, file);
	if (rc == 0)
		rc = put_bytes(file, &out, err);
	buf_release(&out);
	free(text);
	free(old);
	return rc;
}

/* "12 %"; what was not limited is "any". */
static const char *limit_text(char text[METRIC_TEXT], double up_to)
{
	if (isnan(up_to))
		return "any change";
	gate_change_text(text, up_to);
	return text + (text[0] == '+');
}

/* What held until now. */
static void say_accepted(const struct gate_args *a, const struct threshold_new *new)
{
	char now[METRIC_TEXT], before[METRIC_TEXT];
	size_t i;

	for (i = 0; i < a->limits.n_accept; i++) {
		const struct threshold_accept *old = &a->limits.accept[i];

		if (old->metric == new->metric && same_stage(old->stage, new->stage)) {
			log_info("the entry on line %zu is replaced: it let %s pass, this one %s",
				 old->line, limit_text(before, old->up_to),
				 limit_text(now, new->up_to));
			return;
		}
	}
}

/* Judges, and writes the change into the thresholds: judged with those, it passes. */
static int accept_change(struct work *w, struct err *err)
{
	struct gate_args *a = w->a;
	struct threshold_new new = {.reason = a->reason, .owner = a->owner, .until = a->until};
	struct gate_input in = {0};
	char *target = strdup(a->accept);
	int rc = target ? 0 : err_nomem(err, "an option");

	if (rc == 0)
		rc = thresholds_parse_target(target, &new.stage, &new.metric, err);
	if (rc == 0)
		rc = judge(w, &in, err);
	if (rc == 0)
		rc = find_change(&in.result, new.stage, new.metric, &new.up_to, err);
	if (rc == 0)
		rc = write_accepted(a, &new, err);
	if (rc == 0) {
		say_accepted(a, &new);
		rc = gate_args_thresholds(a, err);
	}
	gate_input_release(&in);
	free(target);
	return rc;
}

static int compare(struct gate_args *a, int n, char **operands, int *code, struct err *err)
{
	struct work w = {.a = a, .n = n, .operands = operands};
	int rc = prepare(&w, err);

	if (rc == 0 && a->accept)
		rc = accept_change(&w, err);
	if (rc == 0)
		rc = judge_and_answer(&w, code, err);
	gate_session_release(&w.session);
	return rc;
}

/* ---- options ---- */

static const char about[] =
	"Says whether B (the candidate) is worse than A (the base), for each stage and metric:\n"
	"counts that do not vary are compared exactly, times by their ranks, with the smallest\n"
	"change that matters from protea-prof.gate.json. Verdicts: ok, improved, regression,\n"
	"inconclusive (and how many more runs would decide).\n"
	"\n"
	"A and B are groups of runs: a name (all its runs), k=v (a label), FILE (all runs of a\n"
	"store), FILE:RUNS, an id, 'last', 'last~1', several with commas between them, or a file\n"
	"of kept values (--save), or runs of a team's database: postgresql://HOST/DB#NAME,\n"
	"#k=v, #NAME&k=v; of --baseline alone postgresql://HOST/DB: those named like B.\n"
	"\n"
	"  gate before after\n"
	"  gate --exec './old in.txt' './new in.txt' -n 20\n"
	"  gate --save baseline.json --counts before; gate --baseline baseline.json after\n"
	"\n"
	"Exit code: 0 ok or improved, 1 regression (or it failed: then there is no verdict),\n"
	"2 usage, 3 inconclusive or refused.";

static int run_gate(struct gate_args *a, int n, char **operands)
{
	struct err err = ERR_INIT;
	int code = EXIT_OK;
	int rc = gate_args_read(a, &err);

	if (rc)
		return cli_fail(&err);
	if (a->save)
		rc = save(a, n, operands, &err);
	else
		rc = compare(a, n, operands, &code, &err);
	if (rc == 0)
		return code;
	if (!a->save)
		gate_output_failed(&a->output, err.text);
	return cli_fail(&err);
}

static int check(const struct gate_args *a)
{
	const char *wrong = NULL;

	if (a->accept && (!a->reason || !*a->reason))
		wrong = "--accept wants --reason TEXT: who reads the thresholds next year asks why";
	else if (a->accept && a->save)
		wrong = "--accept compares, --save keeps values: one after the other";
	else if (a->save && (a->exec || a->baseline))
		wrong = "--save keeps the values of runs that there are, and compares nothing";
	else if ((a->reason || a->until || a->owner) && !a->accept)
		wrong = "--reason, --until and --owner are of --accept";
	else if (!a->exec && (a->pairs >= 0 || a->callgrind || a->warmup >= 0))
		wrong = "-n, --warmup and --callgrind are of --exec";
	else if (a->exec && a->baseline)
		wrong = "--exec runs both commands: there is no --baseline with it";
	if (wrong)
		log_error("gate: %s", wrong);
	return wrong ? -1 : 0;
}

int cmd_gate(int argc, char **argv)
{
	struct gate_args a = {0};
	struct gate_output *out = &a.output;
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "where runs are ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "baseline", OPT_TEXT, &a.baseline, "A", "the base; B is 'last' if not named",
		 0},
		{0, "last", OPT_INT, &a.last, "N",
		 "of a team's database: the latest N runs of a group (20)", 0},
		{'a', "all", OPT_FLAG, &a.all, NULL, "rows that did not change, too", 0},
		{0, "json", OPT_FLAG, &out->json, NULL, "as JSON", 0},
		{0, "markdown", OPT_TEXT, &out->markdown, "FILE",
		 "Markdown for a comment (- is stdout)", 0},
		{0, "junit", OPT_TEXT, &out->junit, "FILE", "JUnit XML", 0},
		{0, "html", OPT_TEXT, &out->html, "FILE", "differential page of the middle runs",
		 0},
		{0, "link", OPT_TEXT, &out->link, "URL", "where readers of a report find that page",
		 0},
		{0, "annotations", OPT_TEXT, &a.annotations, "WHOSE",
		 "github, gitlab, none (by the CI server it runs on)", 0},
		{0, "code-quality", OPT_TEXT, &out->code_quality, "FILE",
		 "report of GitLab (gl-code-quality-report.json)", 0},
		{0, "step-summary", OPT_FLAG, &out->step_summary, NULL,
		 "append the Markdown to $GITHUB_STEP_SUMMARY", 0},
		{0, "thresholds", OPT_TEXT, &a.thresholds, "FILE",
		 "what may change (./" THRESHOLDS_FILE ")", 0},
		{0, "min-effect", OPT_TEXT, &a.min_effect, "PART",
		 "changes of times up to that do not matter (2%)", 0},
		{0, "alpha", OPT_TEXT, &a.alpha, "PART",
		 "chance of a false alarm in the whole comparison (0.01)", 0},
		{0, "metric", OPT_TEXT_LIST, &a.metrics, "NAME",
		 "only these: wall, cpu, peak_heap, peak_rss, alloc_count, …", 0},
		{0, "counts", OPT_FLAG, &a.counts, NULL,
		 "only what is counted: the same on every machine", 0},
		{0, "stage", OPT_TEXT_LIST, &a.stages, "NAME", "only this stage (again for more)",
		 0},
		{0, "pairing", OPT_TEXT, &a.pairing, "HOW",
		 "auto, always, never: runs of A and B in pairs", 0},
		{0, "anyway", OPT_TEXT_LIST, &a.anyway, "WHAT",
		 "judge all the same: hosts, rates, modes, unfinished, lossy, failed, all", 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "functions by these samples: cpu, wall, alloc, peak, … (by what moved)", 0},
		{0, "normalise", OPT_TEXT, &a.normalise, "BY",
		 "functions scaled to the base's total, duration, stage or items", 0},
		{0, "save", OPT_TEXT, &a.save, "FILE", "keep the values of RUNS as a baseline", 0},
		{0, "accept", OPT_TEXT, &a.accept, "STAGE:METRIC",
		 "let this change pass from now on, in the thresholds", 0},
		{0, "reason", OPT_TEXT, &a.reason, "TEXT", "of --accept: why", 0},
		{0, "until", OPT_TEXT, &a.until, "DATE", "of --accept: last day (2027-01-31)", 0},
		{0, "owner", OPT_TEXT, &a.owner, "NAME", "of --accept: who decided", 0},
		{0, "exec", OPT_FLAG, &a.exec, NULL, "A and B are commands: run them in turns", 0},
		{'n', "pairs", OPT_INT, &a.pairs, "N", "of --exec: pairs at most (20)", 0},
		{0, "warmup", OPT_INT, &a.warmup, "N", "of --exec: runs before, not kept (1)", 0},
		{0, "callgrind", OPT_FLAG, &a.callgrind, NULL,
		 "of --exec: count instructions under valgrind; pairs only with -n", 0},
		{0, "max-time", OPT_DURATION, &a.max_ns, "TIME",
		 "of --exec: no further pair after that", 0},
		{0, "cpus", OPT_TEXT, &a.cpus, "LIST", "of --exec: run on these alone", 0},
		{0, "name", OPT_TEXT, &a.name, "NAME", "of --exec: of the runs", 0},
		{'l', "label", OPT_TEXT_LIST, &a.labels, "K=V", "of --exec: of the runs", 0},
		{'r', "rate", OPT_RATE, &a.rate_hz, "HZ", "of --exec: as run", 0},
		{0, "mode", OPT_TEXT, &a.mode, "MODE", "of --exec: as run", 0},
		{0, "memory", OPT_TEXT, &a.memory, "HOW", "of --exec: as run", 0},
		{0, "ignore-failure", OPT_FLAG, &a.ignore_failure, NULL,
		 "of --exec: exit codes other than 0 are fine", 0},
		{0, "show-output", OPT_FLAG, &a.show_output, NULL,
		 "of --exec: what the commands print goes to stderr", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"gate [options] A B | --exec 'CMD_A' 'CMD_B' | --save FILE "
				    "RUNS…",
				    about, opts};
	int done, first, code;

	a.warmup = a.pairs = -1;
	first = opts_parse(argc, argv, &usage, 1, &done);
	if (first >= 0 && done)
		code = EXIT_OK;
	else if (first < 0 || check(&a))
		code = EXIT_USAGE;
	else
		code = run_gate(&a, argc - first, argv + first);
	gate_args_release(&a);
	return code;
}
