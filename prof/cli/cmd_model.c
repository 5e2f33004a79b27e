/* protea-prof model: what stages cost against the sizes of their input, fitted over runs; and what a run of other sizes
 * would take. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_groups.h"
#include "prof/cli/model_cli.h"
#include "prof/cli/outfile.h"
#include "prof/store/read.h"

#define DECLARED_FILE_NAME "protea-prof.model.json"
#define LEAST_SHOWN_NS     1000000 /* shorter stages say nothing; -n 0 shows them */

struct arguments {
	const char *store, *metric, *declarations, *save, *model, *like;
	struct opt_list declare, from, params, times;
	int json, rows, predict;
};

/* Everything a call holds. */
struct session {
	struct gate_stores stores;
	struct gate_group group;
	struct declarations declared;
	struct costs costs;
	struct model model;
	struct prediction prediction;
	int predicted;
};

static void session_release(struct session *s)
{
	if (s->predicted)
		predict_release(&s->prediction);
	model_release(&s->model);
	costs_release(&s->costs);
	declarations_release(&s->declared);
	gate_group_release(&s->group);
	gate_stores_release(&s->stores);
}

/* ---- files ---- */

static int read_file(const char *path, size_t most, struct buf *text, struct err *err)
{
	FILE *in = fopen(path, "re");
	char chunk[16384];
	size_t n;
	int rc = 0;

	if (!in)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open '%s'",
			       path);
	while (rc == 0 && (n = fread(chunk, 1, sizeof chunk, in)) > 0) {
		if (text->len + n > most)
			rc = err_set(err, ERR_FORMAT, "'%s' is larger than such files get", path);
		else if (buf_put(text, chunk, n))
			rc = err_nomem(err, "a file");
	}
	if (rc == 0 && ferror(in))
		rc = err_sys(err, ERR_IO, "cannot read '%s'", path);
	(void)fclose(in);
	return rc;
}

/* What is built in, then the file (of that name, or the usual one if it is there), then the options. */
static int declare_all(struct session *s, const struct arguments *a, struct err *err)
{
	const char *path = a->declarations ? a->declarations : DECLARED_FILE_NAME;
	struct buf text = BUF_INIT;
	size_t i;
	int rc = declare_builtin(&s->declared, err);

	if (rc == 0) {
		rc = read_file(path, DECLARE_FILE_BYTES, &text, err);
		if (rc == 0)
			rc = declare_text(&s->declared, buf_str(&text), text.len, path, err);
		else if (rc == ERR_NOTFOUND && !a->declarations)
			rc = 0;
	}
	for (i = 0; rc == 0 && i < a->declare.n; i++)
		rc = declare_option(&s->declared, a->declare.values[i], err);
	buf_release(&text);
	return rc;
}

static int load_model(struct session *s, const char *path, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = read_file(path, COSTS_FILE_BYTES, &text, err);

	if (rc == 0)
		rc = costs_from_json(&s->costs, buf_str(&text), text.len, path, err);
	buf_release(&text);
	return rc;
}

static int write_text(FILE *out, void *ctx, struct err *err)
{
	if (fputs(ctx, out) == EOF || putc('\n', out) == EOF)
		return err_sys(err, ERR_IO, "cannot write the cost model");
	return 0;
}

static int save_model(const struct session *s, const char *path, struct err *err)
{
	char *text;
	int rc = costs_to_json(&s->costs, &text, err);

	if (rc == 0)
		rc = outfile_write(path, write_text, text, err);
	free(text);
	if (rc == 0)
		log_info("wrote %s: %zu runs; --model reads it", path, s->costs.n_runs);
	return rc;
}

/* ---- runs ---- */

/* All finished runs of the store where nobody names any. */
static int add_operands(struct session *s, const struct arguments *a, int n, char **names,
			struct err *err)
{
	size_t i;
	int rc = 0, k;

	if (!n && !a->from.n && !a->model)
		return gate_group_add(&s->stores, &s->group, a->store, cli_store_path(a->store), 1,
				      err);
	for (k = 0; rc == 0 && k < n; k++)
		rc = gate_group_add(&s->stores, &s->group, a->store, names[k], 1, err);
	for (i = 0; rc == 0 && i < a->from.n; i++)
		rc = gate_group_add(&s->stores, &s->group, a->store, a->from.values[i], 1, err);
	return rc;
}

/* What a run took that broke off says nothing of what its sizes cost. */
static int read_runs(struct session *s, struct err *err)
{
	size_t i, failed = 0;
	int rc = 0;

	for (i = 0; rc == 0 && i < s->group.n; i++) {
		struct profile p;

		rc = gate_group_read(&s->group, i, STORE_READ_STAGES, &p, err);
		if (rc)
			break;
		if (profile_has_failed(&p))
			failed++;
		else
			rc = costs_add_run(&s->costs, &s->declared, &p, err);
		profile_release(&p);
	}
	if (failed)
		log_warn("%zu of %zu runs ended by a signal or with an exit code other than 0: "
			 "left out",
			 failed, s->group.n);
	if (rc == 0 && !s->costs.n_obs)
		rc = err_set(err, ERR_NOTFOUND,
			     "none of the %zu runs has stages: the programs mark none (see "
			     "protea-prof.h)",
			     s->costs.n_runs);
	return rc;
}

/* A declaration that holds for nothing may be a typing error: growth would seem to have been judged. */
static void warn_unknown(const struct session *s)
{
	size_t i, k;

	for (i = 0; i < s->declared.n; i++) {
		const struct declaration *d = &s->declared.items[i];
		int is_there = d->by != DECLARED_OPTION && d->by != DECLARED_FILE;

		for (k = 0; !is_there && k < s->costs.n_nodes; k++)
			is_there = strcmp(strtab_text(s->costs.strings, s->costs.nodes[k].name),
					  d->stage) == 0;
		for (k = 0; !is_there && k < i; k++) /* said already, of another metric */
			is_there = strcmp(s->declared.items[k].stage, d->stage) == 0;
		if (!is_there)
			log_warn("a cost of stage '%s' is declared, but no run has such a stage",
				 d->stage);
	}
}

static int fit(struct session *s, const struct arguments *a, int n, char **names, struct err *err)
{
	int rc = declare_all(s, a, err);

	if (rc == 0)
		rc = costs_init(&s->costs, err);
	if (rc == 0 && a->model)
		rc = load_model(s, a->model, err);
	if (rc == 0)
		rc = add_operands(s, a, n, names, err);
	if (rc == 0)
		rc = read_runs(s, err);
	if (rc == 0)
		rc = model_make(&s->model, &s->costs, &s->declared, err);
	if (rc == 0)
		warn_unknown(s);
	if (rc == 0 && a->save)
		rc = save_model(s, a->save, err);
	return rc;
}

/* ---- predict ---- */

/* "n=527000" or "n=5.27e5": splits in place of a copy that the caller owns. */
static int take_pair(const char *option, char *text, struct predict_param *out, struct err *err)
{
	char *equals = strchr(text, '='), *end;

	if (!equals || equals == text)
		return err_set(err, ERR_ARG, "--%s '%s' is no NAME=NUMBER", option, text);
	*equals = '\0';
	out->name = text;
	out->value = strtod(equals + 1, &end);
	if (end == equals + 1 || *end || !isfinite(out->value) || !(out->value > 0))
		return err_set(err, ERR_ARG, "--%s %s: '%s' is no number above 0", option, text,
			       equals + 1);
	return 0;
}

static int take_pairs(const char *option, const struct opt_list *list, size_t most,
		      struct predict_param *out, size_t *n, char **copies, struct err *err)
{
	size_t i, k;
	int rc = 0;

	if (list->n > most)
		return err_set(err, ERR_ARG, "more than %zu --%s", most, option);
	for (i = 0; rc == 0 && i < list->n; i++) {
		copies[i] = strdup(list->values[i]);
		rc = copies[i] ? take_pair(option, copies[i], &out[i], err)
			       : err_nomem(err, "an option");
		for (k = 0; rc == 0 && k < i; k++)
			if (strcmp(out[k].name, out[i].name) == 0)
				rc = err_set(err, ERR_ARG, "--%s names '%s' twice", option,
					     out[i].name);
	}
	*n = list->n;
	return rc;
}

static int find_like(const struct session *s, const char *text, uint32_t *like, struct err *err)
{
	size_t i, n = strlen(text);

	*like = COSTS_NONE;
	for (i = 0; i < s->costs.n_runs; i++) {
		const char *id = strtab_text(s->costs.strings, s->costs.runs[i].id);
		const char *name = strtab_text(s->costs.strings, s->costs.runs[i].name);

		if (strcmp(name, text) != 0 && (n < 4 || strncmp(id, text, n) != 0))
			continue;
		if (*like != COSTS_NONE && strcmp(name, text) != 0)
			return err_set(err, ERR_ARG, "--like '%s' fits several runs", text);
		*like = (uint32_t)i; /* of a name, the last */
	}
	return *like == COSTS_NONE ? err_set(err, ERR_NOTFOUND,
					     "--like '%s' is none of the %zu runs (the beginning "
					     "of an id, or a "
					     "name)",
					     text, s->costs.n_runs)
				   : 0;
}

static int predict(struct session *s, const struct arguments *a, struct err *err)
{
	struct predict_options o = {.like = COSTS_NONE};
	char *copies[PREDICT_PARAMS + PREDICT_TIMES] = {NULL};
	size_t i;
	int rc =
		take_pairs("param", &a->params, PREDICT_PARAMS, o.params, &o.n_params, copies, err);

	if (rc == 0)
		rc = take_pairs("times", &a->times, PREDICT_TIMES, o.times, &o.n_times,
				copies + PREDICT_PARAMS, err);
	if (rc == 0 && a->like)
		rc = find_like(s, a->like, &o.like, err);
	if (rc == 0) {
		rc = predict_make(&s->prediction, &s->model, &o, err);
		s->predicted = rc == 0;
	}
	for (i = 0; i < sizeof copies / sizeof *copies; i++)
		free(copies[i]);
	return rc;
}

/* ---- showing ---- */

static int show(const struct session *s, const struct arguments *a, int metric, struct err *err)
{
	struct model_view v = {&s->costs, &s->model, s->predicted ? &s->prediction : NULL,
			       metric,    a->rows,   a->rows ? LEAST_SHOWN_NS : 0};

	if (a->json)
		return s->predicted ? model_predict_json(stdout, &v, err)
				    : model_fit_json(stdout, &v, err);
	if (s->predicted)
		model_predict_text(stdout, &v);
	else
		model_fit_text(stdout, &v);
	return 0;
}

static int run_model(const struct arguments *a, int metric, int n, char **names)
{
	struct err err = ERR_INIT;
	struct session s = {0};
	int rc = fit(&s, a, n, names, &err);

	if (rc == 0 && a->predict)
		rc = predict(&s, a, &err);
	if (rc == 0)
		rc = show(&s, a, metric, &err);
	session_release(&s);
	return rc ? cli_fail(&err) : EXIT_OK;
}

static const char about[] = "fit: what each stage costs against the sizes of its input (its "
			    "parameters: q, n, d, …), over\n"
			    "runs of different sizes; names the stages that grow worse than "
			    "declared. predict: what a run\n"
			    "of other sizes would take, with intervals.\n"
			    "\n"
			    "RUNS are runs or groups of them, as in gate (default: all finished "
			    "runs of the store). Costs\n"
			    "are declared in " DECLARED_FILE_NAME ",\n"
			    "{\"stages\": {\"knn\": {\"wall\": \"q*n*d\", \"memory\": \"n*d\"}}}, "
			    "or by --declare; those of the\n"
			    "export are built in. docs/model.md has it all.";

static int check(const struct arguments *a, int *metric)
{
	for (*metric = 0; a->metric && cost_metric_names[*metric]; ++*metric)
		if (strcmp(cost_metric_names[*metric], a->metric) == 0)
			break;
	if (a->metric && !cost_metric_names[*metric]) {
		log_error("model: --metric '%s' is none of wall, cpu, peak_heap, peak_rss",
			  a->metric);
		return -1;
	}
	*metric = a->metric ? *metric : -1;
	if (a->predict && !a->params.n) {
		log_error("model predict: --param NAME=VALUE says for which size");
		return -1;
	}
	if (!a->predict && (a->params.n || a->times.n || a->like)) {
		log_error("model fit: --param, --times and --like belong to model predict");
		return -1;
	}
	if (a->rows < 0) {
		log_error("model: -n is a number of rows, 0 for all");
		return -1;
	}
	return 0;
}

/* The word after "model". */
static int take_word(int argc, char **argv, int *predicts)
{
	if (argc >= 1 && strcmp(argv[0], "fit") == 0)
		*predicts = 0;
	else if (argc >= 1 && strcmp(argv[0], "predict") == 0)
		*predicts = 1;
	else {
		log_error("model: %s%s%sis neither fit nor predict; protea-prof model --help tells "
			  "more",
			  argc >= 1 ? "'" : "", argc >= 1 ? argv[0] : "there ",
			  argc >= 1 ? "' " : "");
		return -1;
	}
	return 0;
}

int cmd_model(int argc, char **argv)
{
	struct arguments a = {.rows = 30};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "from", OPT_TEXT_LIST, &a.from, "RUNS", "the same as an operand", 0},
		{0, "declare", OPT_TEXT_LIST, &a.declare, "STAGE:METRIC=COST",
		 "declared cost, for example knn:wall=q*n*d; metrics are wall, cpu, memory", 0},
		{0, "declarations", OPT_TEXT, &a.declarations, "FILE",
		 "declared costs (./" DECLARED_FILE_NAME " if it is there)", 0},
		{'p', "param", OPT_TEXT_LIST, &a.params, "NAME=VALUE",
		 "predict: the size, in a run its largest (several times)", 0},
		{0, "times", OPT_TEXT_LIST, &a.times, "STAGE=N",
		 "predict: so many of that stage, with all inside it", 0},
		{0, "like", OPT_TEXT, &a.like, "RUN",
		 "predict: the run that is the pattern (the one of the nearest sizes)", 0},
		{'m', "metric", OPT_TEXT, &a.metric, "METRIC",
		 "fit: wall, cpu, peak_heap, peak_rss (wall and memory)", 0},
		{0, "save", OPT_TEXT, &a.save, "FILE", "keep what was measured, as JSON", 0},
		{0, "model", OPT_TEXT, &a.model, "FILE", "begin with what was kept", 0},
		{'n', "rows", OPT_INT, &a.rows, "N", "rows of a table, 0: all stages (30)", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "JSON, residuals included", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"model fit|predict [RUNS]… [options]", about, opts};
	int done, metric, rc = EXIT_USAGE, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first >= 0 && done)
		rc = EXIT_OK;
	else if (first >= 0 && take_word(argc - first, argv + first, &a.predict) == 0 &&
		 check(&a, &metric) == 0)
		rc = run_model(&a, metric, argc - first - 1, argv + first + 1);
	free(a.from.values);
	free(a.declare.values);
	free(a.params.values);
	free(a.times.values);
	return rc;
}
