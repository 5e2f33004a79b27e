/* A page of styled text lines, each cut to a width: what top shows, before a terminal or a file gets it. Foreign
 * names are made harmless here. Knows nothing of profiles or terminals. */
#ifndef CLI_TOP_PAGE_H
#define CLI_TOP_PAGE_H

#include <stdint.h>
#include <stdio.h>

#include "prof/base/buf.h"

enum top_style {
	TOP_PLAIN,
	TOP_STRONG,
	TOP_FAINT,
	TOP_HEAD,   /* heads of columns */
	TOP_CHOSEN, /* the tab that is shown */
	TOP_CURSOR,
	TOP_HOT,
	TOP_WARM,
	TOP_WARN,
	TOP_STYLES
};

struct top_piece { /* text.data + at, of one style */
	size_t at, len;
	enum top_style style;
};
struct top_page_line {
	uint32_t run, n_runs;
	int used; /* columns */
};

struct top_page {
	int columns, utf8;
	int cursor; /* what is put now is under the cursor */
	struct buf text;
	struct top_piece *runs; /* owned */
	struct top_page_line *lines;
	uint32_t n_runs, cap_runs, n_lines, cap_lines;
	int failed; /* ERR_NOMEM sticks */
};

/* Columns that the text takes on a terminal: East Asian characters two, combining ones none. */
int top_text_columns(const char *text);

void top_page_init(struct top_page *p);
void top_page_release(struct top_page *p);
/* Empty, `columns` wide; without `utf8` whatever is not ASCII becomes something that is. */
void top_page_begin(struct top_page *p, int columns, int utf8);
void top_page_line(struct top_page *p); /* a new line */
int top_page_left(const struct top_page *p);
/* Text at the end of the line, cut at its right where there is no room. */
void top_page_put(struct top_page *p, enum top_style style, const char *text);
void top_page_printf(struct top_page *p, enum top_style style, const char *fmt, ...)
	ERR_PRINTF(3, 4);
/* Exactly `width` columns (less at the line's end): padded, on the left if `right`; cut in the middle. */
void top_page_field(struct top_page *p, enum top_style style, const char *text, int width,
		    int right);
void top_page_blank(struct top_page *p, enum top_style style, int columns);
void top_page_fill(struct top_page *p, enum top_style style); /* blanks to the line's end */
/* Without styles and blanks at the ends of lines. */
void top_page_print(const struct top_page *p, FILE *out);

#endif
