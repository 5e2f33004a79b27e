/* The views of `report`, as text and as JSON; `run` uses some of them for its summary. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdio.h>

#include "prof/analyze/hot.h"
#include "prof/analyze/stages.h"
#include "prof/analyze/tree.h"

struct report_options {
	enum hot_by by;
	struct sample_filter filter;
	int tree, stages, all, lines;
	int rows;         /* 0: the default of the view; INT_MAX: all */
	double min_share; /* of the total, 0 … 1: what is less is left out and counted */
};

void report_head(FILE *out, const struct profile *p);
/* "3 late_tick, 1 truncated" of losses that are not 0; how many there are. */
int report_losses(FILE *out, const struct profile *p);
void report_table(FILE *out, struct profile *p, const struct hot_list *list,
		  const struct report_options *o);
void report_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		 const struct report_options *o);
void report_stages(FILE *out, const struct profile *p, const struct stage_list *list,
		   const struct report_options *o);

/* Each a whole JSON document. 0 or an error code. */
int report_json_list(FILE *out, struct profile *p, const struct hot_list *list,
		     const struct report_options *o, struct err *err);
int report_json_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		     const struct report_options *o, struct err *err);
int report_json_stages(FILE *out, struct profile *p, const struct stage_list *list,
		       const struct report_options *o, struct err *err);

const char *report_by_name(enum hot_by by); /* "function", … */
int report_by_parse(const char *text);      /* or -1 */
/* Is a row as large as --min asks? */
int report_wants(const struct hot_list *list, const struct hot_row *row,
		 const struct report_options *o);
const char *report_unit(enum profile_kind kind); /* "ns" or "bytes" */
/* A value of that kind: time or bytes. */
void report_value(char text[32], enum profile_kind kind, int64_t value);
/* Unix ns as "2026-11-21 08:10:33 UTC". */
void report_date(char text[32], int64_t unix_ns);

#endif
