/* What the faces of `model` share: the runs that were read, their fits, and how they are shown. */
#ifndef CLI_MODEL_CLI_H
#define CLI_MODEL_CLI_H

#include <stdio.h>

#include "prof/analyze/model.h"
#include "prof/analyze/predict.h"
#include "prof/base/units.h"

struct model_view {
	const struct costs *costs;
	const struct model *model;
	const struct prediction *prediction; /* NULL: fit */
	int metric;                          /* shown; -1: time and memory */
	int rows;                            /* of a table, 0: all */
	int64_t least_ns; /* stages below it at the largest are left out of text */
};

/* Which of the two peaks was measured: COST_PEAK_HEAP or COST_PEAK_RSS; COST_METRICS: none. */
enum cost_metric model_memory(const struct model_view *v);
/* Stages by their share of the largest run (of the metric shown, else of time), the largest first: places in
 * model.fits; malloc'ed. */
size_t *model_order(const struct model_view *v, size_t *n);
/* The largest value of a metric a run has of a stage (ns: sum over its observations; bytes: highest). */
double model_largest_run(const struct model_view *v, uint32_t stage, enum cost_metric metric);

void model_fit_text(FILE *out, const struct model_view *v);
void model_predict_text(FILE *out, const struct model_view *v);
int model_fit_json(FILE *out, const struct model_view *v, struct err *err);
int model_predict_json(FILE *out, const struct model_view *v, struct err *err);

/* "12.3 s", "1.5 GiB", "-" for what is not known. */
void model_value(char text[UNITS_TEXT], enum cost_metric metric, double value);
/* "80,000", "0.35", "1.7e+12" */
void model_number(char text[UNITS_TEXT], double value);

/* What must be known of the runs to believe the rest: lines on `out`, none when there is nothing. */
void model_remarks(FILE *out, const struct model_view *v);

#endif
