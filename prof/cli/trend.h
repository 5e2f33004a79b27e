/* Runs over time as series: one for each host, stage and metric, a value for each commit or run, and where they change.
 * Private to prof/cli. */
#ifndef CLI_TREND_H
#define CLI_TREND_H

#include <stdio.h>

#include "prof/analyze/change_point.h"
#include "prof/analyze/metrics.h"
#include "prof/cli/gate_groups.h"

#define TREND_RATE  0.05 /* part of the series with changes that may be wrong */
#define TREND_ALPHA 0.01 /* of a series */

struct trend_options { /* strings borrowed, NULL: none */
	const char *store, *label;
	const char *stage;    /* NULL: all; "": the whole run alone */
	int metrics[METRICS]; /* wanted */
	double least;         /* relative change that matters; NAN: by the metric */
	int rows, json;
};

struct trend_commit {
	const char *name;   /* value of the label, git hash, or the start of the run's id */
	int64_t started_at; /* of its first run */
	size_t first, n;    /* its runs, in trend_host.runs */
};

struct trend_host {
	const char *name, *cpu;
	size_t *runs; /* owned; places in the table: by commit, then time */
	size_t n_runs;
	struct trend_commit *commits; /* owned; by their first run */
	size_t n_commits;
};

struct trend_line { /* a series */
	const struct metric_row *row;
	const struct trend_host *host;
	struct change_series found;
	double *values;     /* owned; medians of the commits */
	double first, last; /* of them that are numbers */
	double level;       /* their median */
	int by_run;         /* changes are places of runs, not of commits */
};

struct trend {
	const struct trend_options *o;
	struct metric_table table;
	struct trend_host *hosts; /* owned */
	size_t n_hosts;
	struct trend_line *lines; /* owned; by host, then as the table's rows */
	size_t n;
	char *key; /* owned: label whose values are the commits; NULL: each run is its own, "git_sha": that of the run */
	int by_sha;        /* commits are git hashes, not values of a label */
	char **names;      /* owned: what commits are called, by run */
	char *what;        /* owned: the runs, in words */
	size_t left_out;   /* runs that failed or have no end */
	size_t unlabelled; /* runs without the label `key`: left out */
};

/* ERR_NOTFOUND, ERR_ARG, … */
int trend_read(struct trend *t, const struct trend_options *o, int n, char **runs, struct err *err);
void trend_release(struct trend *t);
/* The commit where a change of a line happened. */
const struct trend_commit *trend_commit_at(const struct trend_line *l, size_t at);

void trend_text(FILE *out, const struct trend *t);
int trend_json(FILE *out, const struct trend *t, struct err *err);

/* ---- report --trend ---- */

struct report_trend { /* of the command line; NULL: not given */
	const char *store, *label, *stage, *metric, *least;
	int rows, json;
};
int report_trend(const struct report_trend *a, int n, char **runs); /* the exit code */

#endif
