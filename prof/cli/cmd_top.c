/* protea-prof top: what running processes do now, as a live screen, text or JSON. Attaching is the sampler's
 * (prof/attach), the model top_model.h's, the screen top_screen.c's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/top.h"

struct top_options {
	struct opt_list pids;
	const char *name, *mode, *engine;
	double rate_hz;
	int64_t interval_ns, duration_ns, max_pause_ns;
	int children, once, json, nonblocking, frames;
};

static int usage_error(const char *what)
{
	log_error("top: %s; see protea-prof top --help", what);
	return EXIT_USAGE;
}

/* ---- options ---- */

static int choose_engine(const struct top_options *o, struct sampler_options *s)
{
	if (strcmp(o->engine, "auto") == 0)
		s->engine = SAMPLER_AUTO;
	else if (strcmp(o->engine, "perf") == 0)
		s->engine = SAMPLER_PERF;
	else if (strcmp(o->engine, "clock") == 0)
		s->engine = SAMPLER_POLL;
	else
		return usage_error("--engine is one of auto, perf, clock");
	return 0;
}

#define RATE_CPU     199
#define RATE_WALL    49 /* every thread is looked at so often, running or not */
#define RATE_MAX     10000
#define INTERVAL_MIN INT64_C(10000000) /* shorter ones would be top looking at its own work */

static int choose(const struct top_options *o, struct sampler_options *s)
{
	if (o->rate_hz > RATE_MAX)
		return usage_error("--rate is at most 10khz");
	if (o->interval_ns < INTERVAL_MIN)
		return usage_error("--interval is at least 10ms");
	memset(s, 0, sizeof(*s));
	s->children = o->children;
	s->nonblocking = o->nonblocking;
	s->max_pause_ns = o->max_pause_ns;
	if (strcmp(o->mode, "cpu") != 0 && strcmp(o->mode, "wall") != 0)
		return usage_error("--mode is cpu or wall");
	s->wall = strcmp(o->mode, "wall") == 0;
	return choose_engine(o, s);
}

/* Every pid of -p; or whoever has the name. With --children all that descend from them. */
static int pick(const struct top_options *o, struct pick_list *pids, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < o->pids.n; i++)
		rc = pick_parse(pids, o->pids.values[i], err);
	if (!rc && o->name)
		rc = pick_named(pids, o->name, err);
	if (!rc && o->children)
		rc = pick_children(pids, err);
	return rc;
}

/* ---- running ---- */

static int attach(const struct top_options *o, const struct sampler_options *s,
		  struct top_session *r, struct err *err)
{
	uint32_t given = (uint32_t)(o->rate_hz + 0.5);
	const uint32_t rates[TOP_KINDS] = {given ? given : RATE_CPU, given ? given : RATE_WALL};
	struct pick_list pids = {NULL, 0, 0};
	int rc = pick(o, &pids, err);

	if (!rc)
		rc = top_feed_open(&r->feed, &pids, s, rates, err);
	pick_release(&pids);
	if (rc)
		return rc;
	r->interval_ns = o->interval_ns;
	r->until_ns = o->duration_ns ? clock_mono_ns() + o->duration_ns : 0;
	r->frames = (uint64_t)o->frames;
	r->wake_fd = top_signals_init(err);
	return r->wake_fd < 0 ? r->wake_fd : 0;
}

static int show(const struct top_options *o, const struct sampler_options *s)
{
	struct err err = ERR_INIT;
	struct top_session r;
	int rc;

	memset(&r, 0, sizeof(r));
	top_view_init(&r.view);
	if (attach(o, s, &r, &err))
		rc = cli_fail(&err);
	else if (o->once || o->json)
		rc = top_print(&r, o->json, o->once);
	else
		rc = top_screen(&r);
	top_view_release(&r.view);
	top_feed_release(&r.feed);
	return rc;
}

static int run(const struct top_options *o, const struct sampler_options *s)
{
	struct err err = ERR_INIT;
	int rc, code = EXIT_FAIL;

	if (o->once || o->json)
		return show(o, s);
	rc = top_screen_usable("top", &err);
	if (!rc)
		rc = top_keep_terminal("top", &code, &err);
	if (rc < 0)
		return cli_fail(&err);
	return rc ? show(o, s) : code;
}

int cmd_top(int argc, char **argv)
{
	struct top_options o = {.mode = "cpu", .engine = "auto", .interval_ns = 1000000000};
	const struct opt opts[] = {
		{'p', "pid", OPT_TEXT_LIST, &o.pids, "PID[,PID]",
		 "processes to look at; may be repeated", 0},
		{0, "name", OPT_TEXT, &o.name, "PATTERN",
		 "or those whose name or command line matches (extended regular expression)", 0},
		{0, "children", OPT_FLAG, &o.children, NULL, "and all that descend from them", 0},
		{0, "mode", OPT_TEXT, &o.mode, "cpu|wall",
		 "what uses CPU time (default), or where threads run and sleep", 0},
		{'r', "rate", OPT_RATE, &o.rate_hz, "HZ",
		 "samples per second (199; 49 in wall mode)", 0},
		{0, "interval", OPT_DURATION, &o.interval_ns, "TIME", "between frames (1s)", 0},
		{'d', "duration", OPT_DURATION, &o.duration_ns, "TIME", "end after 30s, 5m, …", 0},
		{'n', "frames", OPT_INT, &o.frames, "N", "end after so many frames", 0},
		{0, "once", OPT_FLAG, &o.once, NULL, "one frame as text, after one interval", 0},
		{0, "json", OPT_FLAG, &o.json, NULL,
		 "frames as JSON, one a line; with --once a single one", 0},
		{0, "engine", OPT_TEXT, &o.engine, "auto|perf|clock",
		 "perf events, or CPU clocks polled and stacks read", 0},
		{0, "nonblocking", OPT_FLAG, &o.nonblocking, NULL,
		 "never stop a thread, not even for microseconds", 0},
		{0, "max-pause", OPT_DURATION, &o.max_pause_ns, "TIME",
		 "longest stop of a thread (1ms)", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"top [options] -p PID",
		"What running processes do now: functions, lines, threads, call tree. Nothing is "
		"put "
		"into\n"
		"them; threads that sleep are not disturbed. In the screen ? tells the keys.",
		opts};
	struct sampler_options s;
	int done, first = opts_parse(argc, argv, &usage, 1, &done), rc;

	if (first < 0 || done) {
		free(o.pids.values);
		return first < 0 ? EXIT_USAGE : EXIT_OK;
	}
	if (first < argc)
		rc = usage_error("give processes with -p PID or --name PATTERN");
	else if (!o.pids.n && !o.name)
		rc = usage_error("which process? -p PID or --name PATTERN");
	else
		rc = choose(&o, &s);
	if (!rc)
		rc = run(&o, &s);
	free(o.pids.values);
	return rc;
}
