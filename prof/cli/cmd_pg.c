/* protea-prof pg: what a PostgreSQL server does now: who waits for whom, long transactions, repeated statements, and
 * which local process is behind a session. Looking is pg_look.h's, the screen pg_screen.c's, the store pg_record.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/cli/pg.h"
#include "prof/cli/pg_json.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/top.h"

struct pg_arguments {
	const char *url, *store, *name;
	struct opt_list labels;
	int64_t for_ns, interval_ns, every_ns, duration_ns;
	int watch, once, json, record, frames, dump;
};

static int usage_error(const char *what)
{
	log_error("pg: %s; see protea-prof pg --help", what);
	return EXIT_USAGE;
}

static int stopped(void *ctx)
{
	(void)ctx;
	return top_signals.quit != 0;
}

/* ---- one screen ---- */

static int one_screen(struct pg_session *r, int64_t for_ns)
{
	struct err err = ERR_INIT;
	int rc = for_ns ? pg_period(r, for_ns, r->wake_fd, &err) : pg_look_once(&r->look, &err);

	if (rc == PG_LOOK_WOKEN) /* Ctrl-C ends the period, not the look */
		top_signals.quit = 0;
	if (rc == PG_LOOK_WOKEN)
		rc = pg_look_end(&r->look, &err);
	if (rc == 0 && r->look.lost)
		rc = err_set(&err, ERR_NETWORK, "%s", r->look.lost_note);
	if (rc == 0 && r->json)
		rc = pg_json(stdout, &r->look, 0, &err);
	else if (rc == 0)
		pg_text(stdout, &r->look, cli_width());
	return rc ? cli_fail(&err) : EXIT_OK;
}

/* ---- dump ---- */

static int find_client(struct pg_session *r, int backend, int *client, struct err *err)
{
	const struct shot_session *a;
	uint32_t at;
	int rc = pg_look_once(&r->look, err);

	if (rc)
		return rc;
	at = shot_find(&r->look.shot, backend);
	if (at == SHOT_NONE)
		return err_set(err, ERR_NOTFOUND, "%s has no session %d", watch_name(r->look.watch),
			       backend);
	a = &r->look.shot.sessions[at];
	*client = a->client_pid;
	if (*client)
		return 0;
	if (r->look.clients.hidden && a->client_port == -1)
		return err_set(err, ERR_DENIED,
			       "session %d came by a Unix socket, and the server's process is not "
			       "ours to look at: run it as root or as the server's user",
			       backend);
	return err_set(
		err, ERR_NOTFOUND,
		"the client of session %d is no process of this machine that can be seen%s%s",
		backend, *a->client_address ? ": it connects from " : "", a->client_address);
}

/* As protea-prof dump -p PID. */
static int dump_client(struct pg_session *r, int backend)
{
	struct err err = ERR_INIT;
	char number[16], name[] = "dump", option[] = "-p", json[] = "--json";
	char *argv[] = {name, option, number, r->json ? json : NULL, NULL};
	int client, rc = find_client(r, backend, &client, &err);

	if (rc)
		return cli_fail(&err);
	snprintf(number, sizeof(number), "%d", client);
	log_info("session %d is of process %d; as: protea-prof dump -p %d", backend, client,
		 client);
	return cmd_dump(r->json ? 4 : 3, argv);
}

/* ---- running ---- */

static int act(const struct pg_arguments *a, struct pg_session *r)
{
	const struct pg_keep keep = {a->store, a->name, a->labels};

	if (a->dump)
		return dump_client(r, a->dump);
	if (a->record)
		return pg_record(r, &keep);
	if (!a->watch || a->once)
		return one_screen(r, a->for_ns);
	return r->json || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO) ? pg_frames(r)
									  : pg_screen(r);
}

static int open_and_act(const struct pg_arguments *a)
{
	struct pg_session r = {.interval_ns = a->interval_ns,
			       .every_ns = a->every_ns,
			       .frames = (uint64_t)a->frames,
			       .json = a->json};
	struct err err = ERR_INIT;
	int rc;

	r.wake_fd = top_signals_init(&err);
	rc = r.wake_fd < 0 ? r.wake_fd : pg_look_open(&r.look, a->url, stopped, NULL, &err);
	if (a->duration_ns)
		r.until_ns = clock_mono_ns() + a->duration_ns;
	rc = rc ? cli_fail(&err) : act(a, &r);
	pg_look_release(&r.look);
	return rc;
}

/* The live view runs in a process of its own (top_terminal.c), which connects. */
static int run(const struct pg_arguments *a)
{
	int live = a->watch && !a->once && !a->json && !a->record && !a->dump &&
		   isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	struct err err = ERR_INIT;
	int rc = 1, code = EXIT_FAIL;

	if (live) {
		rc = top_screen_usable("pg", &err);
		if (!rc)
			rc = top_keep_terminal("pg", &code, &err);
	}
	if (rc < 0)
		return cli_fail(&err);
	return rc ? open_and_act(a) : code;
}

/* ---- options ---- */

#define EVERY_MIN    INT64_C(5000000)
#define INTERVAL_MIN INT64_C(100000000)

static int check(struct pg_arguments *a)
{
	if (a->interval_ns < INTERVAL_MIN)
		return usage_error("--interval is at least 100ms");
	if (a->every_ns < EVERY_MIN)
		return usage_error("--every is at least 5ms");
	if (a->dump && (a->watch || a->record))
		return usage_error("--dump goes with neither --watch nor --record");
	if (a->record && (a->watch || a->once || a->json))
		return usage_error("--record keeps what it sees in a store: no --watch, --once, "
				   "--json with it");
	if (!a->record && (a->name || a->labels.n || a->store))
		return usage_error("--store, --name and --label go with --record");
	if (!a->url || !*a->url)
		a->url = getenv("PROTEA_DB_URL");
	if (a->url && *a->url && !pg_url_is(a->url))
		return usage_error("the database is given as postgresql://…");
	return EXIT_OK;
}

static int is_time(const char *text)
{
	return text && *text >= '0' && *text <= '9';
}

/* "--watch 2" is "--watch --interval=2". The copies are the caller's. */
static char **spread_watch(int *argc, char **argv)
{
	char **more = calloc((size_t)*argc + 2, sizeof(*more));
	int i, n = 0;

	for (i = 0; more && i < *argc; i++) {
		int equals = strncmp(argv[i], "--watch=", 8) == 0;

		more[n] = NULL;
		if (equals && asprintf(&more[n], "--interval=%s", argv[i] + 8) < 0)
			more[n] = NULL;
		else if (!equals)
			more[n] = strdup(argv[i]);
		if (!more[n++])
			break;
		if (strcmp(argv[i], "--watch") == 0 && is_time(argv[i + 1]) &&
		    asprintf(&more[n++], "--interval=%s", argv[++i]) < 0)
			break;
	}
	*argc = n;
	return more;
}

static void release(char **argv, int argc)
{
	int i;

	for (i = 0; argv && i < argc; i++)
		free(argv[i]);
	free(argv);
}

static int parse_and_run(int argc, char **argv)
{
	struct pg_arguments a = {.interval_ns = 2000000000, .every_ns = 50000000};
	const struct opt opts[] = {
		{0, "db", OPT_TEXT, &a.url, "URL",
		 "the database; else $PROTEA_DB_URL, or libpq's environment", 0},
		{0, "for", OPT_DURATION, &a.for_ns, "TIME",
		 "watch so long first: what is repeated, what is called most", 0},
		{0, "watch", OPT_FLAG, &a.watch, NULL,
		 "again and again: the live view on a terminal; --watch 5: every 5 s", 0},
		{0, "once", OPT_FLAG, &a.once, NULL, "one screen (the default)", 0},
		{0, "json", OPT_FLAG, &a.json, NULL,
		 "the same for scripts; with --watch one line each time", 0},
		{0, "dump", OPT_INT, &a.dump, "PID",
		 "stacks of the local process whose session has that pid", 0},
		{0, "record", OPT_FLAG, &a.record, NULL,
		 "keep it in a store as a run: sessions, waits, rates, statements", 0},
		{0, "interval", OPT_DURATION, &a.interval_ns, "TIME",
		 "between whole looks of --watch and --record (2s)", 0},
		{0, "every", OPT_DURATION, &a.every_ns, "TIME",
		 "between looks at sessions meanwhile (50ms)", 0},
		{'d', "duration", OPT_DURATION, &a.duration_ns, "TIME",
		 "--watch, --record: end after 30s, 5m, …", 0},
		{'n', "frames", OPT_INT, &a.frames, "N", "--watch: end after so many", 0},
		{'o', "store", OPT_TEXT, &a.store, "FILE",
		 "--record: the store ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "name", OPT_TEXT, &a.name, "NAME", "--record: of the run", 0},
		{0, "label", OPT_TEXT_LIST, &a.labels, "K=V", "--record: may be repeated", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"pg [options] [URL]",
		"What a PostgreSQL server does now: who waits for whom and for what, long and idle "
		"transactions,\n"
		"statements repeated over and over, and which local process is behind a session. "
		"Reads only;\n"
		"waits for no lock. In the live view ? tells the keys.",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done), rc;

	if (first < 0 || done)
		rc = first < 0 ? EXIT_USAGE : EXIT_OK;
	else if (argc - first > 1 || (argc - first == 1 && a.url))
		rc = usage_error("one database is looked at at a time");
	else {
		if (first < argc)
			a.url = argv[first];
		rc = check(&a);
		if (!rc)
			rc = run(&a);
	}
	free(a.labels.values);
	return rc;
}

int cmd_pg(int argc, char **argv)
{
	int n = argc, rc;
	char **more = spread_watch(&n, argv);

	if (!more || (n && !more[n - 1])) {
		log_error("no memory");
		release(more, n);
		return EXIT_FAIL;
	}
	/* Parsing moves the pointers about: all of them are still there. */
	rc = parse_and_run(n, more);
	release(more, n);
	return rc;
}
