/* protea-prof runs: what a store or a team's database holds; names and labels by hand; removing, merging, pushing and pulling. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/report.h"
#include "prof/cli/runs_change.h"
#include "prof/cli/runs_team.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"

struct runs {
	const char *store;
	struct runs_wish wish;
	int json;
	json_t *array;   /* owned; --json */
	struct err *err; /* borrowed */
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

static int64_t duration_of(const struct store_run_row *r)
{
	return r->finished || r->duration_ns ? r->duration_ns : cli_so_far_ns(r->started_at);
}

/* Columns before the name of a run in the list. */
#define LIST_FIXED 65
#define LIST_WIDE  100 /* from here on the command has room too */

/* "k=v k2=v2" of a JSON object of labels, malloc'ed; NULL: no memory. */
static char *labels_text(const char *json)
{
	json_t *labels = json_loads(json, 0, NULL), *value;
	struct buf text = BUF_INIT;
	const char *key;

	buf_puts(&text, "");
	json_object_foreach(labels, key, value)
	{
		const char *string = json_string_value(value);
		char *other = string ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

		buf_printf(&text, "%s%s=%s", text.len ? " " : "", key,
			   string  ? string
			   : other ? other
				   : "");
		free(other);
	}
	json_decref(labels);
	if (buf_putc(&text, '\0')) {
		buf_release(&text);
		return NULL;
	}
	return buf_steal(&text, NULL);
}

static int list_text(void *ctx, const struct store_run_row *r)
{
	struct runs *x = ctx;
	char date[32], wall[UNITS_TEXT], n[UNITS_TEXT], end[32];
	char *labels = labels_text(r->labels_json);
	int room = cli_width() - LIST_FIXED, wide = cli_width() >= LIST_WIDE;
	int name = room / 3 < 24 ? room / 3 : 24;

	if (!labels)
		return err_nomem(x->err, "the list of runs");
	if (!x->n++)
		printf("%-8s  %-19s  %10s  %9s  %-9s  %-*s%s\n", "run", "started (UTC)", "duration",
		       "samples", "end", wide ? name + 2 : 0, "name", wide ? "command" : "");
	report_date(date, r->started_at);
	how_it_ended(end, r);
	printf("%.8s  %.19s  %10s  %9s  %-9s  ", r->id, date, units_ns(wall, duration_of(r)),
	       units_count(n, r->samples), end);
	if (wide) {
		text_print(stdout, r->name, name, name + 2);
		text_pair(stdout, r->command, labels, room - name - 2);
	} else {
		text_print(stdout, r->name, room > 15 ? room : 15, 0);
	}
	putchar('\n');
	free(labels);
	return 0;
}

static int list_json(void *ctx, const struct store_run_row *r)
{
	struct runs *x = ctx;
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, "id", jsonout_text(r->id));
		bad |= jsonout_put(row, "name", jsonout_text(r->name));
		bad |= jsonout_put(row, "command", jsonout_text(r->command));
		bad |= jsonout_put(row, "started_at", json_integer(r->started_at));
		bad |= jsonout_put(row, "duration_ns", json_integer(duration_of(r)));
		bad |= jsonout_put(row, "samples", json_integer((json_int_t)r->samples));
		bad |= jsonout_put(row, "rate_hz", jsonout_real(r->rate_hz));
		bad |= jsonout_put(row, "exit_code",
				   r->has_exit_code ? json_integer(r->exit_code) : json_null());
		bad |= jsonout_put(row, "signal",
				   r->signal ? json_integer(r->signal) : json_null());
		bad |= jsonout_put(row, "finished", json_boolean(r->finished));
		bad |= jsonout_put(row, "labels", jsonout_parsed(r->labels_json));
	}
	x->n++;
	if (!bad)
		return json_array_append_new(x->array, row) ? err_nomem(x->err, "the list of runs")
							    : 0;
	json_decref(row);
	return err_nomem(x->err, "the list of runs");
}

/* Of the store, or of the database where there is none. */
static int each_run(struct runs *x, struct store *s,
		    int (*each)(void *ctx, const struct store_run_row *r), struct err *err)
{
	return s ? store_list_runs(s, each, x, err) : runs_team_each(&x->wish, each, x, err);
}

static int list(struct runs *x, struct store *s, struct err *err)
{
	int rc;

	x->err = err;
	if (!x->json) {
		rc = each_run(x, s, list_text, err);
		if (rc == 0 && !x->n)
			log_info("no runs in %s", s ? store_path(s) : "the database");
		return rc;
	}
	x->array = json_array();
	rc = x->array ? each_run(x, s, list_json, err) : err_nomem(err, "the list of runs");
	if (rc == 0)
		return jsonout_finish(stdout, x->array, 0, err);
	json_decref(x->array);
	return rc;
}

/* ---- one run ---- */

#define SHOWN_PROCESSES 20

static void show_rows(const struct profile *p)
{
	char n[UNITS_TEXT], c[UNITS_TEXT];
	uint32_t i;

	printf("id       ");
	text_print(stdout, strtab_text(p->strings, p->run.id), 0, 0);
	putchar('\n');
	for (i = 0; i < p->n_processes && i < SHOWN_PROCESSES; i++) {
		printf("process  %" PRId64 " ", p->processes[i].pid);
		text_print(stdout, strtab_text(p->strings, p->processes[i].name), 40, 0);
		printf(", CPU %s, peak RSS %s\n", units_ns(c, p->processes[i].cpu_ns),
		       units_bytes(n, p->processes[i].max_rss_bytes > 0
					      ? (uint64_t)p->processes[i].max_rss_bytes
					      : 0));
	}
	if (i < p->n_processes)
		printf("         … %" PRIu32 " more: protea-prof report --by process\n",
		       p->n_processes - i);
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
		rc = cli_read_run(s, run, STORE_READ_SAMPLES, &p, err);
	if (rc)
		return rc;
	if (x->json) {
		o.filter.kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
		rc = hot_list_make(&hot, &p, HOT_FUNCTION, &o.filter, err);
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

/* ---- the command ---- */

static const struct verb {
	const char *name;
	int least, most; /* arguments; most -1: any number */
	int (*change)(struct change *c, const char *path, int n, char **args, struct err *err);
	int (*move)(const struct runs_wish *w, int json, const char *path, int n, char **args,
		    struct err *err);
} verbs[] = {
	{"list", 0, 0, NULL, NULL},           {"show", 0, 1, NULL, NULL},
	{"label", 2, -1, runs_label, NULL},   {"rename", 2, 2, runs_rename, NULL},
	{"redact", 1, -1, runs_redact, NULL}, {"remove", 1, -1, runs_remove, NULL},
	{"merge", 1, -1, runs_merge, NULL},   {"push", 0, -1, NULL, runs_push},
	{"pull", 0, -1, NULL, runs_pull},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* The verb of that name, or the only one that begins with it. */
static const struct verb *find_verb(const char *name)
{
	const struct verb *hit = NULL;
	size_t i, len = strlen(name);
	int hits = 0;

	for (i = 0; i < N_VERBS; i++) {
		if (strncmp(verbs[i].name, name, len) != 0)
			continue;
		if (!verbs[i].name[len])
			return &verbs[i];
		hit = &verbs[i];
		hits++;
	}
	if (hits == 1)
		return hit;
	log_error(
		"runs: %s '%s': list, show, label, rename, redact, remove, merge, push, pull; see "
		"protea-prof runs --help",
		hits ? "ambiguous" : "unknown", name);
	return NULL;
}

static int look(struct runs *x, const struct verb *verb, int n, char **args, struct err *err)
{
	struct store *s = NULL;
	int rc = x->wish.db ? 0 : cli_open_store(&s, cli_store_path(x->store), 0, err);

	if (rc == 0)
		rc = verb == &verbs[0] ? list(x, s, err) : show(x, s, n ? args[0] : NULL, err);
	store_close(s);
	return rc;
}

/* What chooses among the runs of a database has no meaning for other verbs. */
static int check_options(const struct runs *x, const struct verb *verb)
{
	int lists = verb == &verbs[0] && x->wish.db;

	if (verb->move || (lists && !x->wish.update))
		return 0;
	if (!x->wish.db && !x->wish.update && !runs_wish_chooses(&x->wish))
		return 0;
	log_error("runs %s: --db, --name, --label, --since and --last are of push, pull and list "
		  "--db, "
		  "--update of push and pull",
		  verb->name);
	return -1;
}

static int act(struct runs *x, int n, char **args)
{
	const struct verb *verb = n > 0 ? find_verb(args[0]) : &verbs[0];
	struct change c = {.json = x->json};
	struct err err = ERR_INIT;
	int rc;

	if (!verb)
		return EXIT_USAGE;
	if (n > 0) {
		n--;
		args++;
	}
	if (n < verb->least || (verb->most >= 0 && n > verb->most)) {
		log_error("runs %s: %s; see protea-prof runs --help", verb->name,
			  n < verb->least ? "arguments are missing" : "too many arguments");
		return EXIT_USAGE;
	}
	if (check_options(x, verb))
		return EXIT_USAGE;
	if (verb->move)
		rc = verb->move(&x->wish, x->json, cli_store_path(x->store), n, args, &err);
	else
		rc = verb->change ? verb->change(&c, cli_store_path(x->store), n, args, &err)
				  : look(x, verb, n, args, &err);
	return rc ? cli_fail(&err) : EXIT_OK;
}

int cmd_runs(int argc, char **argv)
{
	struct runs x = {0};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &x.store, "FILE",
		 "store ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "json", OPT_FLAG, &x.json, NULL, "for scripts: what there is, what was done",
		 0},
		{0, "db", OPT_TEXT, &x.wish.db, "URL",
		 "of list: what a team's database holds (postgresql://HOST/DATABASE)", 0},
		{0, "name", OPT_TEXT, &x.wish.name, "NAME", "of push, pull, list --db: this name",
		 0},
		{'l', "label", OPT_TEXT_LIST, &x.wish.labels, "K=V", "this label (again for more)",
		 0},
		{0, "since", OPT_TEXT, &x.wish.since, "WHEN",
		 "begun since then: 2026-11-01 (UTC), 90m, 12h, 7d, 2w ago", 0},
		{0, "last", OPT_INT, &x.wish.last, "N", "the latest N of them", 0},
		{0, "update", OPT_FLAG, &x.wish.update, NULL,
		 "of push, pull: bring name and labels of known runs in line", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"runs [list | show [RUN] | label RUN K=V… | rename RUN NAME | remove RUN… |\n"
		"                         redact RUN… | merge FILE… | push [RUN…] URL | pull URL "
		"[RUN…]]",
		"What a store holds, the newest run first. 'label RUN key=' removes a label. "
		"'redact'\n"
		"takes out the parameters that run --sql-params kept. 'merge' copies the runs of "
		"other\n"
		"stores that are not here yet, 'push' and 'pull' copy runs to and from a team's\n"
		"PostgreSQL database, which is made at the first push.",
		opts};
	int done, code, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		code = EXIT_USAGE;
	else
		code = done ? EXIT_OK : act(&x, argc - first, argv + first);
	free(x.wish.labels.values);
	return code;
}
