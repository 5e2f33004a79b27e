/* Runs between a store and a team's database: `runs push`, `runs pull`, `runs list --db`. */
#ifndef CLI_RUNS_TEAM_H
#define CLI_RUNS_TEAM_H

#include "prof/base/err.h"
#include "prof/cli/cmd.h"
#include "prof/exchange/team.h"
#include "prof/store/read.h"

struct runs_wish {        /* which runs: what is given must all hold */
	const char *db;   /* --db */
	const char *name; /* NULL: any */
	struct opt_list labels;
	const char *since; /* "7d", "2026-11-01"; NULL: ever */
	int last;          /* 0: all */
	int update;        /* names and labels of runs that are there */
};

/* Is anything asked for that chooses among runs? */
int runs_wish_chooses(const struct runs_wish *w);
/* ERR_ARG: a date or label that is none. `labels` of `pick` are borrowed. */
int runs_wish_pick(const struct runs_wish *w, struct team_pick *pick, struct err *err);
/* "2026-11-01", "2026-11-01T12:30:00" (UTC), or how long ago: "90m", "12h", "7d", "2w". Unix ns. */
int runs_parse_since(const char *text, int64_t now_ns, int64_t *since_ns, struct err *err);

/* Takes the URL out of `args` (or w->db). ERR_ARG: there is none or more than one, or runs are named and chosen too. */
int runs_take_url(const struct runs_wish *w, const char *verb, const char **url, int *n,
		  char **args, struct err *err);

/* One of `args` is the URL of the database; the others are runs. */
int runs_push(const struct runs_wish *w, int json, const char *path, int n, char **args,
	      struct err *err);
int runs_pull(const struct runs_wish *w, int json, const char *path, int n, char **args,
	      struct err *err);

/* The runs of w->db as rows of a store, newest first; says how many `--last` left out. */
int runs_team_each(const struct runs_wish *w,
		   int (*each)(void *ctx, const struct store_run_row *row), void *ctx,
		   struct err *err);

#endif
