/* What `diff` has read and how it is shown: two groups of runs, their values by stage, their functions. */
#ifndef CLI_DIFF_H
#define CLI_DIFF_H

#include <stdio.h>

#include "prof/analyze/compare.h"
#include "prof/analyze/decide.h"
#include "prof/analyze/metrics.h"
#include "prof/base/err.h"
#include "prof/cli/gate_groups.h"

struct diff_value { /* a row of the table of values, with what can be said of its change */
	const struct metric_row *row;
	struct decision d; /* its verdict means nothing: diff has none */
};

struct diff { /* {0} to begin with */
	struct gate_stores stores;
	struct gate_group groups[METRICS_GROUPS];
	struct metric_table table;
	struct diff_value *values; /* owned; in the table's order */
	size_t n_values;
	struct compare *functions; /* owned */
	char **remarks;            /* owned: in what runs differ, which are not whole */
	size_t n_remarks;
};

struct diff_wish {
	struct compare_options compare;
	int kind;  /* -1: by the runs */
	int limit; /* rows shown; 0: the default */
	int all;   /* what did not move, too */
};

#define DIFF_ROWS 15

/* Reads both groups once, compares values and functions. */
int diff_read(struct diff *d, struct diff_wish *wish, struct err *err);
int diff_remark(struct diff *d, struct err *err); /* fills remarks */
/* Of the runs, then of the comparison; NULL: no more. */
const char *diff_remark_text(const struct diff *d, size_t i);
void diff_release(struct diff *d);

/* Did it change by more than the values of a group differ (a run per side: by anything at all)? */
int diff_value_moved(const struct diff_value *v);

void diff_text(FILE *out, const struct diff *d, const struct diff_wish *wish);
int diff_json(FILE *out, const struct diff *d, const struct diff_wish *wish, struct err *err);

/* "CPU time", "bytes allocated", "blocks allocated", …: what is compared. */
const char *diff_kind_title(const struct compare_options *o);
const char *diff_fate_name(enum compare_fate fate); /* NULL: both have it */

#endif
