/* protea-prof runs: what a store holds; names and labels by hand; removing and merging. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"

struct runs {
	const char *store;
	int json;
	json_t *array; /* owned; --json */
	int failed;
	size_t n;
};

/* ---- list ---- */

static void how_it_ended(char text[32], const struct store_run_row *r)
{
	if (r->signal)
		snprintf(text, 32, "signal %d", r->signal);
	else if (r->has_exit_code)
		snprintf(text, 32, "exit %d", r->exit_code);
	else
		snprintf(text, 32, "%s", r->finished ? "-" : "recording");
}

static int list_text(void *ctx, const struct store_run_row *r)
{
	struct runs *x = ctx;
	char date[32], wall[UNITS_TEXT], n[UNITS_TEXT], end[32];

	if (!x->n++)
		printf("%-8s  %-23s  %9s  %9s  %-10s  %-20s %s\n", "run", "started", "duration",
		       "samples", "end", "name", "command");
	report_date(date, r->started_at);
	how_it_ended(end, r);
	printf("%.8s  %-23s  %9s  %9s  %-10s  ", r->id, date, units_ns(wall, r->duration_ns),
	       units_count(n, r->samples), end);
	text_print(stdout, r->name, 20, 20);
	putchar(' ');
	text_print(stdout, r->command, cli_width() > 110 ? cli_width() - 92 : 24, 0);
	if (strcmp(r->labels_json, "{}") != 0) {
		putchar(' ');
		text_print(stdout, r->labels_json, 60, 0);
	}
	putchar('\n');
	return 0;
}

static json_t *text_or_null(const char *text)
{
	json_t *s = json_string(text);

	return s ? s : json_null();
}

static int list_json(void *ctx, const struct store_run_row *r)
{
	struct runs *x = ctx;
	json_t *labels = json_loads(r->labels_json, 0, NULL);
	json_t *row =
		json_pack("{s:s,s:o,s:o,s:I,s:I,s:I,s:f,s:o,s:o,s:b,s:o}", "id", r->id, "name",
			  text_or_null(r->name), "command", text_or_null(r->command), "started_at",
			  (json_int_t)r->started_at, "duration_ns", (json_int_t)r->duration_ns,
			  "samples", (json_int_t)r->samples, "rate_hz", r->rate_hz, "exit_code",
			  r->has_exit_code ? json_integer(r->exit_code) : json_null(), "signal",
			  r->signal ? json_integer(r->signal) : json_null(), "finished",
			  r->finished, "labels", labels ? labels : json_null());

	x->n++;
	return row && json_array_append_new(x->array, row) == 0 ? 0 : ERR_NOMEM;
}

static int list(struct runs *x, struct store *s, struct err *err)
{
	int rc;

	if (!x->json) {
		rc = store_list_runs(s, list_text, x, err);
		if (rc == 0 && !x->n)
			printf("no runs in %s\n", store_path(s));
		return rc;
	}
	x->array = json_array();
	rc = x->array ? store_list_runs(s, list_json, x, err) : err_nomem(err, "the list of runs");
	if (rc == 0 && (json_dumpf(x->array, stdout, JSON_INDENT(1)) || putchar('\n') == EOF))
		rc = err_sys(err, ERR_IO, "cannot write the list of runs");
	json_decref(x->array);
	return rc;
}

/* ---- one run ---- */

static void show_rows(const struct profile *p)
{
	char n[UNITS_TEXT], c[UNITS_TEXT];
	uint32_t i;

	printf("id       %s\n", strtab_text(p->strings, p->run.id));
	for (i = 0; i < p->n_processes; i++) {
		printf("process  %" PRId64 " ", p->processes[i].pid);
		text_print(stdout, strtab_text(p->strings, p->processes[i].name), 40, 0);
		printf(", CPU %s, peak RSS %s\n", units_ns(c, p->processes[i].cpu_ns),
		       units_bytes(n, p->processes[i].max_rss_bytes > 0
					      ? (uint64_t)p->processes[i].max_rss_bytes
					      : 0));
	}
	printf("holds    %" PRIu32 " threads, %" PRIu32 " stages, %" PRIu32 " modules, %" PRIu32
	       " frames, %" PRIu32 " stacks\n",
	       p->n_threads, p->n_stages, p->n_modules, p->n_frames, p->n_stacks - 1);
}

static int show(struct runs *x, struct store *s, const char *which, struct err *err)
{
	struct report_options o = {.by = HOT_FUNCTION, .rows = 10};
	struct hot_list hot;
	struct profile p;
	int64_t run;
	int rc = store_find_run(s, which, &run, err);

	if (rc == 0)
		rc = store_read_run(s, run, STORE_READ_SAMPLES, &p, err);
	if (rc)
		return rc;
	if (x->json) {
		rc = hot_list_make(&hot, &p, HOT_FUNCTION, NULL, err);
		if (rc == 0) {
			rc = report_json_list(stdout, &p, &hot, &o, err);
			hot_list_release(&hot);
		}
	} else {
		report_head(stdout, &p);
		show_rows(&p);
	}
	profile_release(&p);
	return rc;
}

/* ---- changes ---- */

static int label(struct store *s, const char *which, char **labels, int n, struct err *err)
{
	int64_t run;
	int i, rc = store_find_run(s, which, &run, err);

	for (i = 0; rc == 0 && i < n; i++) {
		char *equals = strchr(labels[i], '=');

		if (!equals || equals == labels[i])
			return err_set(err, ERR_ARG,
				       "label '%s': write key=value, or key= to remove it",
				       labels[i]);
		*equals = '\0';
		rc = store_run_label(s, run, labels[i], equals[1] ? equals + 1 : NULL, err);
	}
	return rc;
}

static int rename_run(struct store *s, const char *which, const char *name, struct err *err)
{
	int64_t run;
	int rc = store_find_run(s, which, &run, err);

	return rc ? rc : store_run_rename(s, run, name, err);
}

static int remove_runs(struct store *s, char **which, int n, struct err *err)
{
	int i, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		int64_t run;

		rc = store_find_run(s, which[i], &run, err);
		if (rc == 0)
			rc = store_run_remove(s, run, err);
		if (rc == 0)
			log_info("removed %s", which[i]);
	}
	return rc;
}

struct merge {
	struct store *to, *from;
	struct err *err;
	int copied, known;
};

static int merge_one(void *ctx, const struct store_run_row *r)
{
	struct merge *m = ctx;
	int copied = 0;
	int rc = store_run_copy(m->to, m->from, r->key, &copied, m->err);

	m->copied += copied;
	m->known += !copied;
	return rc;
}

static int merge(struct store *s, char **files, int n, struct err *err)
{
	int i, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		struct merge m = {.to = s, .err = err};

		rc = cli_open_store(&m.from, files[i], 0, err);
		if (rc == 0)
			rc = store_list_runs(m.from, merge_one, &m, err);
		store_close(m.from);
		if (rc == 0)
			log_info("%s: %d copied, %d known already", files[i], m.copied, m.known);
	}
	return rc;
}

/* ---- the command ---- */

static int usage_error(const char *text)
{
	log_error("runs: %s; see protea-prof runs --help", text);
	return EXIT_USAGE;
}

static int change(const char *verb, const char *path, char **args, int n, struct err *err)
{
	struct store *s = NULL;
	int rc = strcmp(verb, "merge") == 0 ? store_open(&s, path, STORE_CREATE, err)
					    : cli_open_store(&s, path, 1, err);

	if (rc == 0)
		rc = strcmp(verb, "label") == 0    ? label(s, args[0], args + 1, n - 1, err)
		     : strcmp(verb, "rename") == 0 ? rename_run(s, args[0], args[1], err)
		     : strcmp(verb, "merge") == 0  ? merge(s, args, n, err)
						   : remove_runs(s, args, n, err);
	store_close(s);
	return rc;
}

static int act(struct runs *x, int n, char **args)
{
	const char *verb = n > 0 ? args[0] : "list", *path = cli_store_path(x->store);
	struct err err = ERR_INIT;
	struct store *s = NULL;
	int rc;

	if (strcmp(verb, "list") == 0 || strcmp(verb, "show") == 0) {
		if (n > (verb[0] == 'l' ? 1 : 2))
			return usage_error("too many arguments");
		rc = cli_open_store(&s, path, 0, &err);
		if (rc == 0)
			rc = verb[0] == 'l' ? list(x, s, &err)
					    : show(x, s, n > 1 ? args[1] : NULL, &err);
		store_close(s);
		return rc ? cli_fail(&err) : EXIT_OK;
	}
	if (strcmp(verb, "label") == 0 ? n < 3 : strcmp(verb, "rename") == 0 ? n != 3 : n < 2)
		return usage_error("arguments are missing, or too many");
	if (strcmp(verb, "label") != 0 && strcmp(verb, "rename") != 0 &&
	    strcmp(verb, "remove") != 0 && strcmp(verb, "merge") != 0) {
		log_error("runs: unknown '%s': list, show, label, rename, remove, merge", verb);
		return EXIT_USAGE;
	}
	return change(verb, path, args + 1, n - 1, &err) ? cli_fail(&err) : EXIT_OK;
}

int cmd_runs(int argc, char **argv)
{
	struct runs x = {0};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &x.store, "FILE",
		 "store ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "json", OPT_FLAG, &x.json, NULL, "list and show for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"runs [list | show RUN | label RUN K=V… | rename RUN NAME |\n"
		"                         remove RUN… | merge FILE…]",
		"What a store holds, the newest run first. 'label RUN key=' removes a "
		"label.\n'merge' copies the runs of other stores that are not here yet.",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	return done ? EXIT_OK : act(&x, argc - first, argv + first);
}
