/* What top's pages say: head, tabs, tables, keys, help. From model and view to lines. */
#ifndef CLI_TOP_LAYOUT_H
#define CLI_TOP_LAYOUT_H

#include <stdint.h>

#include "prof/attach/stop.h"
#include "prof/cli/top_page.h"
#include "prof/cli/top_view.h"

struct top_status { /* of the last interval unless said otherwise; rates are per second, negative: not known */
	int pid; /* the first one */
	uint32_t processes;
	char name[256], command[512];
	uint32_t threads, running;
	double cpu_pct; /* of one CPU */
	int64_t rss_bytes;
	double rss_rate, minor_rate, major_rate, voluntary_rate, involuntary_rate;
	const char *engine; /* static */
	char note[256];     /* "" */
	double rate_hz;
	uint64_t lost; /* samples, since the start */
	struct pause_stats pause;
	double own_cpu_pct; /* top's own */
	int64_t running_ns; /* since the first look */
	int ended;
};

/* A screen of `lines` lines (the page is begun already): as much of everything as fits, the view's rows around the
 * cursor. Sets view->page. */
void top_layout_screen(struct top_page *p, const struct top_status *s, const struct top_model *m,
		       struct top_view *v, int lines);
/* The same for a file: the head, then the tab's first `rows` rows (0: all). */
void top_layout_head(struct top_page *p, const struct top_status *s, const struct top_model *m,
		     const struct top_view *v);
void top_layout_table(struct top_page *p, const struct top_status *s, const struct top_model *m,
		      const struct top_view *v, uint32_t first, uint32_t rows, int cursor);
const char *top_state_name(const struct top_thread *t);
const char *top_span_name(enum top_span span);

/* The tables (top_tables.c): heads of the columns, a row. */
void top_table_heads(struct top_page *p, const struct top_status *s, const struct top_view *v);
void top_table_row(struct top_page *p, const struct top_status *s, const struct top_model *m,
		   const struct top_view *v, const struct top_row *r);
void top_help(struct top_page *p, int lines);

#endif
