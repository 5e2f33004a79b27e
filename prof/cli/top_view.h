/* How top's model is looked at: tab, kind, span, order, filter, folding, the place of the cursor; and what keys do
 * to that. No terminal here: keys come as numbers (top_screen.c reads them), rows go to top_layout.h. */
#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include <regex.h>
#include <stdint.h>

#include "prof/cli/top_model.h"

enum top_tab { TOP_TAB_FUNCTIONS, TOP_TAB_LINES, TOP_TAB_THREADS, TOP_TAB_TREE, TOP_TABS };
enum top_sort { TOP_BY_SELF, TOP_BY_TOTAL, TOP_BY_NAME, TOP_SORTS };

struct top_row {
	uint32_t item; /* place in functions, lines, threads or nodes */
	uint32_t depth;
	int inner, open; /* tree: it has children to show, and shows them */
	double self,
		total; /* of the view's kind and span, ns; threads: CPU time, of the interval and in all */
};

#define TOP_FILTER_MAX 128

struct top_view {
	enum top_tab tab;
	enum top_kind kind;
	enum top_span span;
	enum top_sort sort;
	int paused, help;

	int editing; /* the filter's line */
	char edit[TOP_FILTER_MAX], filter[TOP_FILTER_MAX];
	int filtered; /* `pattern` is compiled */
	regex_t pattern;
	char message[160]; /* until the next key */

	struct top_row *rows; /* owned */
	uint32_t n_rows, cap_rows;
	uint32_t cursor[TOP_TABS], first[TOP_TABS]; /* row under the cursor, first row shown */
	uint32_t node, generation; /* the tree's cursor stays on this node while it exists */
	uint32_t page;             /* rows that fit, as the layout found */
};

void top_view_init(struct top_view *v);
void top_view_release(struct top_view *v);
/* An extended regular expression on names of functions, modules, files and threads; capitals matter only if it has
 * some. "" removes it. 0, or -1 with the reason in `message` (the filter before stays). */
int top_view_filter(struct top_view *v, const char *pattern);

/* The rows of the tab, in order. 0 or ERR_NOMEM. (top_rows.c) */
int top_rows_build(struct top_view *v, const struct top_model *m);

enum top_key { /* beside characters, above all of them */
	       TOP_KEY_UP = 0x200,
	       TOP_KEY_DOWN,
	       TOP_KEY_LEFT,
	       TOP_KEY_RIGHT,
	       TOP_KEY_PAGE_UP,
	       TOP_KEY_PAGE_DOWN,
	       TOP_KEY_HOME,
	       TOP_KEY_END,
	       TOP_KEY_ENTER,
	       TOP_KEY_BACKSPACE,
	       TOP_KEY_ESCAPE,
	       TOP_KEY_BACK_TAB,
	       TOP_KEY_HELP,
	       TOP_KEY_REDRAW, /* Ctrl-L */
};
enum top_action {
	TOP_ACT_NOTHING,
	TOP_ACT_DRAW,
	TOP_ACT_QUIT,
	TOP_ACT_RESET,
	TOP_ACT_PAUSE, /* `paused` changed */
	TOP_ACT_KIND,  /* `kind` changed */
	TOP_ACT_REDRAW,
};
/* What a key does to the view and the tree's folding; what is left to the caller. (top_keys.c) */
enum top_action top_key(struct top_view *v, struct top_model *m, int key);
/* The cursor inside the rows, the rows shown around it; after rows or page changed. */
void top_view_settle(struct top_view *v, const struct top_model *m);

#endif
