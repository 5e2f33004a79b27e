/* A run that has not been: durations and peaks of memory of its stages, from fits of smaller ones. A run that was measured is
 * the pattern; its parameters are changed to what was asked for, those that were not asked for follow as they did from run to
 * run, each stage is fitted to that, and stages within each other are counted once. */
#ifndef ANALYZE_PREDICT_H
#define ANALYZE_PREDICT_H

#include "prof/analyze/model.h"

#define PREDICT_PARAMS 8
#define PREDICT_TIMES  16
#define PREDICT_BEYOND 1e6 /* times the largest size measured: the most that may be asked for */

struct predict_param {
	const char *name;
	double value;
};

struct predict_options {
	struct predict_param params[PREDICT_PARAMS];
	size_t n_params;
	struct predict_param times[PREDICT_TIMES]; /* stage, how many of it there will be */
	size_t n_times;
	uint32_t
		like; /* the run that is the pattern; COSTS_NONE: the one whose parameters are nearest */
};

/* What was asked for, beside what was seen. "n" of a run is the largest n of its stages. */
struct predict_asked {
	uint32_t name;
	double value, like, least, most; /* asked; of the pattern; of all runs */
	double factor;                   /* value / like */
	double beyond;                   /* value / most, when above 1, else 1 */
	enum power_state state;          /* how it varied from run to run */
	size_t with;                     /* POWER_TIED: place of the other one */
	int off;                         /* tied, and asked for in another proportion */
};

struct predicted {
	double seen;          /* of the pattern; NAN: not measured */
	double value, lo, hi; /* interval; NAN: none */
	double model, noise;  /* standard deviations of its two parts */
	double freedom;
};

enum predict_note {
	PREDICT_ONE_SIZE = 1, /* as declared, growth not seen */
	PREDICT_AS_SEEN = 2,  /* nothing to go by: as in the pattern */
	PREDICT_NO_RANGE = 4, /* too few observations for an interval */
	PREDICT_WORSE = 8     /* its growth is worse than declared: taken as measured */
};

struct predict_node { /* of a node of the costs, all its stages together */
	double instances_seen, instances;
	struct predicted of[COST_METRICS];
	double cv[COST_METRICS]; /* cross-validated error of a whole run; NAN */
	unsigned notes[COST_METRICS];
};

struct prediction {
	const struct model *model; /* borrowed */
	uint32_t like;
	struct predict_asked asked[PREDICT_PARAMS];
	size_t n_asked;
	struct predict_node *nodes;           /* owned: as many as the costs have */
	struct predicted total[COST_METRICS]; /* times: all; bytes: the highest stage's */
	uint32_t peak_node[COST_METRICS];     /* bytes: whose; COSTS_NONE */
	double outside_ns; /* in no stage, as in the pattern; in total[COST_WALL] */
};

/* ERR_ARG: a parameter that no stage has (the message lists those there are), no run with stages. */
int predict_make(struct prediction *p, const struct model *m, const struct predict_options *o,
		 struct err *err);
void predict_release(struct prediction *p);

/* ---- how parameters hang together from run to run (predict_follow.c) ---- */

struct follow {
	const struct costs *costs;
	size_t n_asked;
	double *reference; /* owned: runs × asked; NAN: the run has none */
	double *x, *y;     /* owned scratch */
	double log_factor[PREDICT_PARAMS];
};

/* The largest value of each asked parameter in each run; NAN. */
int follow_make(struct follow *f, const struct costs *c, const uint32_t *names, size_t n,
		struct err *err);
void follow_release(struct follow *f);
/* By which factor the mean of a stage's parameter changes, and the relative error of that factor. */
double follow_param(struct follow *f, uint32_t stage, uint32_t param, double *error);
/* By which factor the number of observations of a node changes. */
double follow_count(struct follow *f, uint32_t node);

#endif
