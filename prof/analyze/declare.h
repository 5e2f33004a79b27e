/* Declared costs of stages: from a file, from the command line, or built in for the stages of the export. The last one
 * said wins; the command line over the file, the file over what is built in. */
#ifndef ANALYZE_DECLARE_H
#define ANALYZE_DECLARE_H

#include <stddef.h>

#include "prof/analyze/complexity.h"
#include "prof/base/err.h"

enum cost_metric {
	COST_WALL,
	COST_CPU,
	COST_PEAK_HEAP,
	COST_PEAK_RSS,
	COST_METRICS,
	/* Of stages around others, what is spent outside these; nobody declares it. */
	COST_SELF_WALL = COST_METRICS,
	COST_SELF_CPU,
	COST_VALUES
};

extern const char *const cost_metric_names[COST_METRICS + 1]; /* "wall", …; ends with NULL */
int cost_metric_is_time(enum cost_metric metric);             /* ns, else bytes */

enum declared_by { DECLARED_NOT, DECLARED_BUILTIN, DECLARED_FILE, DECLARED_OPTION };
const char *declared_by_name(enum declared_by by); /* "not declared", "built in", … */

struct declaration {
	char *stage; /* owned */
	enum cost_metric metric;
	enum declared_by by;
	struct complexity form;
};

struct declarations {              /* {0} to begin with */
	struct declaration *items; /* owned */
	size_t n, cap;
};

#define DECLARE_FILE_BYTES ((size_t)1 << 20)
#define DECLARE_STAGES     5000

void declarations_release(struct declarations *d);
/* STAGE:METRIC=EXPRESSION; the metric is wall, cpu, memory (both peaks), peak_heap or peak_rss. ERR_ARG. */
int declare_option(struct declarations *d, const char *text, struct err *err);
/* {"stages": {"knn": {"wall": "q*n*d", "memory": "n*d"}}}; ERR_FORMAT names `file` and what is wrong in it. */
int declare_text(struct declarations *d, const char *text, size_t n, const char *file,
		 struct err *err);
/* Adds one; one that is there for the stage and metric is replaced unless its `by` is higher. */
int declare_add(struct declarations *d, const char *stage, enum cost_metric metric,
		enum declared_by by, const struct complexity *form, struct err *err);
/* What is declared, or NULL. Where nothing is declared for cpu, it is what is for wall; what is built in holds only
 * `inside` the export (its stages and those within). */
const struct declaration *declare_find(const struct declarations *d, const char *stage,
				       enum cost_metric metric, int inside);

/* The export's stages (declare_export.c): wall and memory of a stage of that name, NULL: none. Its outermost stage. */
#define DECLARE_EXPORT "export"
struct declared_stage {
	const char *stage, *wall, *memory; /* memory may be NULL */
};
extern const struct declared_stage declared_export[]; /* ends with stage NULL */
int declare_builtin(struct declarations *d, struct err *err);

#endif
