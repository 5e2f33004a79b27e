/* report --sql: statements by total time, with who issues them. */
#ifndef CLI_REPORT_SQL_H
#define CLI_REPORT_SQL_H

#include "prof/analyze/statements.h"
#include "prof/cli/report.h"

/* 0 or an error code; ERR_NOTFOUND: the run has no statements. */
int report_sql(FILE *out, const struct profile *p, const struct report_options *o, int json,
	       struct err *err);
int report_sql_json(FILE *out, const struct profile *p, const struct statement_list *l,
		    const struct report_options *o, struct err *err);
/* "lookups (c1.c:4) < main (c1.c:9)": who issued it, at most `frames` of the stack. */
void report_sql_caller(FILE *out, const struct profile *p, uint32_t stack, int frames);
/* What of `part` to `whole` ns; 0 where the whole is not known. */
double report_sql_share(int64_t part, int64_t whole);
/* Two lines of the summary of a run: how much there was, and what took longest. */
void report_sql_line(FILE *out, const struct profile *p);
/* The first words that tell what is wrong with a statement; "" nothing. */
void report_sql_fault(char *text, size_t size, const struct statement_row *r);

#endif
