/* What a gate lets pass: the smallest changes that matter, per metric and stage, and changes that were accepted on
 * purpose. Read from a small JSON file (protea-prof.gate.json, see docs/ci.md) that people write; everything in it
 * is checked, and what is wrong is said with its line. Pure: bytes in, bytes out. */
#ifndef ANALYZE_THRESHOLDS_H
#define ANALYZE_THRESHOLDS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/metrics.h"
#include "prof/base/err.h"

#define THRESHOLDS_FILE  "protea-prof.gate.json"
#define THRESHOLDS_BYTES (4u << 20) /* of a file */
#define THRESHOLDS_ALPHA 0.01       /* error allowed for a whole comparison */

/* One rule as written; NAN: not said there, ask the next wider one. */
struct threshold {
	double relative;      /* 0.05: up to 5 % does not matter */
	double absolute;      /* in the metric's unit; both must be exceeded */
	int ignore;           /* 1: not judged; 0: judged; -1: not said */
	char *reason, *owner; /* owned; NULL none */
};

struct threshold_stage {
	char *pattern;        /* owned: a stage's name; '*' any characters, '?' one */
	int glob;             /* it has one of them */
	int ignore;           /* of the whole stage; -1: not said */
	char *reason, *owner; /* owned; NULL none */
	struct threshold of[METRICS];
	unsigned named; /* bits: metrics that the file has an entry for */
};

struct threshold_accept {
	char *stage; /* owned; NULL: the whole run */
	enum metric metric;
	double up_to; /* change accepted, relative: 0.12 is 12 % more; NAN: any */
	char *reason; /* owned */
	char *owner;  /* owned; NULL none */
	char *until;  /* owned; NULL: for ever; else "2027-01-01", the last day it holds (UTC) */
	int64_t until_ns; /* unix ns of the first moment it does not hold; INT64_MAX for ever */
	size_t line;      /* of the file */
};

/* Functions explain and fail nothing, unless the file has a rule for them. */
struct threshold_functions {
	int fail;                                     /* the file has one */
	double relative, absolute_ns, absolute_bytes; /* 0 not said */
	char *reason, *owner;                         /* owned; NULL none */
};

/* Zeroed is "no file": the defaults below. */
struct thresholds {
	double alpha;         /* 0: not said */
	struct threshold all; /* "default" */
	struct threshold metrics[METRICS];
	unsigned named;                 /* bits: metrics that "metrics" has an entry for */
	struct threshold_stage *stages; /* owned; in the order of the file */
	size_t n_stages;
	struct threshold_accept *accept; /* owned */
	size_t n_accept;
	struct threshold_functions functions;
	int loaded;
};

/* `file` is its name in messages. ERR_FORMAT: "FILE:LINE: …"; then `t` is empty. */
int thresholds_read(struct thresholds *t, const char *bytes, size_t n, const char *file,
		    struct err *err);
void thresholds_release(struct thresholds *t);

/* What holds for a stage (NULL: the whole run) and metric: of the stage's exact name, else of the first pattern that
 * matches, then of "metrics", then of "default", then built in. Nothing in it is NAN or owned; `t` may be NULL. */
struct threshold_found {
	double relative, absolute;
	int ignore;
	int named;                  /* the file speaks of this stage or (whole run) metric */
	const char *reason, *owner; /* NULL none */
};
void thresholds_find(const struct thresholds *t, const char *stage, enum metric m,
		     enum metric_kind kind, struct threshold_found *found);

/* The entry that accepts that change now (unix ns), or NULL. *expired: one that would have, were it not over. */
const struct threshold_accept *thresholds_accepted(const struct thresholds *t, const char *stage,
						   enum metric m, double change, int64_t now_ns,
						   const struct threshold_accept **expired);

/* "knn:alloc_count", ":wall" or "wall" (the whole run): the last ':' parts. `*stage` points into `text`, which is
 * changed; NULL: the whole run. ERR_ARG says what metrics there are. */
int thresholds_parse_target(char *text, const char **stage, enum metric *m, struct err *err);
/* The words after "gate" that accept a change: --accept 'knn:alloc_count' --reason 'why', quoted for a shell.
 * Allocated, NULL: no memory. */
char *thresholds_accept_words(const char *stage, enum metric m);

/* The file with one more accepted change: everything else stays as it is, byte for byte; an entry for the same stage
 * and metric is replaced. n = 0: a new file. The result is allocated and was read back. */
struct threshold_new {
	const char *stage; /* NULL: the whole run */
	enum metric metric;
	double up_to;              /* NAN: any change */
	const char *reason;        /* not empty */
	const char *owner, *until; /* NULL none */
};
int thresholds_add_accept(char **out, size_t *out_n, const char *bytes, size_t n, const char *file,
			  const struct threshold_new *add, struct err *err);
/* A change as it is written into the file: up to the next 1 % (0.1 % below 1 %), a little more than was seen. */
double thresholds_round_up(double change);

/* "10ms", "1.5s", "1MiB", "2%", "4096": for a metric (METRICS: only numbers without a unit); *relative tells a "%"
 * apart. 0 or ERR_ARG. */
int thresholds_parse_amount(const char *text, enum metric m, double *amount, int *relative,
			    struct err *err);

#endif
