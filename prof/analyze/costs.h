/* What stages took in runs of different sizes: one observation for each stage that has its sizes itself. Stages that have
 * them from an enclosing one (ten windows of a pair of which the pair knows the size) are added up within it. Everything is
 * its own copy: a profile may go once its run was added. */
#ifndef ANALYZE_COSTS_H
#define ANALYZE_COSTS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/declare.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/profile.h"

#define COSTS_NONE       UINT32_MAX
#define COSTS_PARAMS     32 /* of an observation, those of enclosing stages included */
#define COSTS_DEPTH      64 /* levels from which it has them */
#define COSTS_FILE_BYTES ((size_t)256 << 20)

struct cost_param {
	uint32_t name;
	double value; /* 0 or more, finite */
};

struct cost_run {
	uint32_t id, name, host, cpu_model; /* strings */
	int64_t started_at, duration_ns;
	int finished;
	uint64_t lost;     /* records by which stages may be missing */
	double outside_ns; /* of its duration in no stage */
	size_t first, n;   /* observations */
	uint64_t open,
		many; /* stages that had not ended; those folded into one row: no observations */
};

struct cost_node {             /* a path of stage names */
	uint32_t name, parent; /* parent COSTS_NONE: outermost */
	unsigned depth;
	int inside;    /* the export's outermost stage is on it */
	int has_inner; /* stages were seen inside it */
};

struct cost_obs {
	uint32_t run, node;
	uint64_t instances;        /* stages in it */
	double value[COST_VALUES]; /* ns: sums; bytes: the highest; NAN: not measured */
	double items;              /* sum; 0: none given */
	size_t first, n;           /* params, the stage's own ones first */
	uint32_t next;             /* the next observation of that stage; COSTS_NONE */
};

struct costs {
	struct strtab *strings; /* owned, all of these */
	uint32_t items;         /* the name "items" */
	struct cost_run *runs;
	struct cost_node *nodes; /* parents first */
	struct cost_obs *obs;    /* by run */
	struct cost_param *params;
	size_t n_runs, n_nodes, n_obs, n_params;
	size_t cap_runs, cap_nodes, cap_obs, cap_params;
	struct idmap node_of;           /* (parent + 1, name) */
	struct idmap first_of, last_of; /* stage -> observation */
};

int costs_init(struct costs *c, struct err *err);
void costs_release(struct costs *c);

/* Adds a run that was read with STORE_READ_STAGES at least. A run that is there already (by id) is left as it is.
 * After a failure nothing but releasing is left to do. */
int costs_add_run(struct costs *c, const struct declarations *d, const struct profile *p,
		  struct err *err);

/* The first observation of a stage; COSTS_NONE. Then obs[].next. */
uint32_t costs_first(const struct costs *c, uint32_t stage);
/* The value of a parameter of an observation ("items" included); NAN: it has none. */
double costs_param(const struct costs *c, const struct cost_obs *o, uint32_t name);

/* As JSON and back (costs_json.c). The text is allocated. ERR_FORMAT names `file`. */
int costs_to_json(const struct costs *c, char **text, struct err *err);
int costs_from_json(struct costs *c, const char *text, size_t n, const char *file, struct err *err);

/* For costs_json.c. */
int costs_node(struct costs *c, uint32_t parent, uint32_t name, uint32_t *node);
int costs_push_run(struct costs *c, const struct cost_run *r);
int costs_push_obs(struct costs *c, const struct cost_obs *o, const struct cost_param *params,
		   size_t n_params);

#endif
