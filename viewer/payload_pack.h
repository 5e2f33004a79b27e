/* Columns while they are filled, for the parts of a payload. A column holds one kind of number, which is what
 * deflate is good at. What does not fit is taken back to a mark and put again with less in it. Private to
 * the payload*.c of viewer. */
#ifndef VIEWER_PAYLOAD_PACK_H
#define VIEWER_PAYLOAD_PACK_H

#include "prof/base/buf.h"
#include "viewer/flame.h"
#include "viewer/graph.h"
#include "viewer/payload.h"

enum column { /* in the order of the file; names are in payload_pack.c */
	      STAGE_PARENT,
	      STAGE_NAME,
	      THREAD_RUN,
	      THREAD_NAME,
	      THREAD_PROCESS,
	      THREAD_PID,
	      THREAD_TID,
	      THREAD_COUNT,
	      SPAN_RUN,
	      SPAN_STAGE,
	      SPAN_THREAD,
	      SPAN_START,
	      SPAN_WALL,
	      SPAN_CPU,
	      SPAN_ITEMS,
	      SPAN_PARAMS,
	      SPAN_ALLOC_BYTES,
	      SPAN_ALLOC_COUNT,
	      SPAN_PEAK_HEAP,
	      SPAN_PEAK_RSS,
	      SPAN_SAMPLES,
	      SPAN_FOLDED,
	      SERIES_T,
	      SERIES_INT,
	      SERIES_REAL,
	      SOURCE_FILE,
	      SOURCE_ROWS,
	      SOURCE_WINDOWS,
	      LINE_NO,
	      LINE_SELF,
	      LINE_TOTAL = LINE_SELF + FLAME_COLUMNS,
	      WINDOW_FIRST = LINE_TOTAL + FLAME_COLUMNS,
	      WINDOW_LINES,
	      WINDOW_BYTES,
	      WINDOW_TEXT,
	      STRING_SIZE,
	      STRING_BYTES,
	      LABEL_FUNCTION,
	      LABEL_MODULE,
	      LABEL_FLAGS,
	      LABEL_FILE,
	      LABEL_LINE,
	      NODE_UP,
	      NODE_LABEL,
	      NODE_FILE,
	      NODE_LINE,
	      GROUP_RUN,
	      GROUP_KIND,
	      GROUP_STAGE,
	      GROUP_THREAD,
	      GROUP_SAMPLES,
	      SAMPLE_NODE,
	      SAMPLE_COUNT,
	      SAMPLE_VALUE,
	      TICK_T,
	      TICK_THREAD,
	      TICK_NODE,
	      TICK_STATE,
	      COLUMNS
};

struct pack_mark {
	size_t bytes[COLUMNS], rows[COLUMNS];
	uint32_t n_strings;
};

struct pack {
	struct graph *g;
	const struct flame_options *options;
	struct buf columns[COLUMNS];
	size_t rows[COLUMNS];
	uint32_t *string_of; /* owned; by string of the graph: its number in the page */
	uint32_t *strings;   /* owned; by number: the graph's string */
	uint32_t n_strings, n_string_of, cap_strings;
	uint32_t *stage_of; /* owned; by stage of the graph: its number in the page, GRAPH_NONE */
	struct buf series;  /* members of the head */
	uint32_t series_left_out, source_left_out;
	int failed; /* 0, ERR_NOMEM or ERR_LIMIT: the first failure, here and in buffers */
};

int pack_init(struct pack *w, struct graph *g, const struct flame_options *options);
void pack_release(struct pack *w);
int pack_failed(struct pack *w);

void pack_put(struct pack *w, enum column c, uint64_t v);
/* What may be below zero: 0, -1, 1, -2 … are 0, 1, 2, 3 … */
void pack_zigzag(struct pack *w, enum column c, int64_t v);
/* 0 for what is not known (below zero), else the number plus one. */
void pack_maybe(struct pack *w, enum column c, int64_t v);
/* The same of a place or GRAPH_NONE. */
void pack_place(struct pack *w, enum column c, uint32_t place);
/* A time rounded down to a step in ns that ends in zeros, which takes much less room: to a 64th of `distance`,
 * which is how far apart such times are. */
int64_t pack_time(int64_t t, double distance);
void pack_real(struct pack *w, enum column c, double v);
/* The page's number of a string of the graph, which gets one now if it has none. */
uint32_t pack_string(struct pack *w, uint32_t id);
uint32_t pack_text(struct pack *w, const char *text);

void pack_mark(const struct pack *w, struct pack_mark *mark);
void pack_back(struct pack *w, const struct pack_mark *mark);
/* About how many bytes what was put since the mark will take; exact for what is small. */
size_t pack_size(struct pack *w, const struct pack_mark *since);

/* The head's length, the head, all columns, as one zlib stream behind `out`. 0, ERR_NOMEM or ERR_LIMIT. */
int pack_deflate(struct pack *w, const struct buf *head, struct buf *out);

/* ---- parts; each in about `room` bytes. They keep the first failure in `w` ---- */

void payload_spans(struct pack *w, size_t room);
void payload_stages(struct pack *w);
void payload_threads(struct pack *w);
void payload_series(struct pack *w, size_t room);
void payload_source(struct pack *w, size_t room);
void payload_ticks(struct pack *w, size_t room);
void payload_head(struct pack *w, struct buf *head);

/* ---- texts ---- */

/* A string, cut to PAYLOAD_NAME_MAX; `note` (made here) goes behind it. */
struct payload_cut {
	const char *bytes;
	size_t len;
	char note[48];
};

struct payload_cut payload_cut(const char *bytes, size_t len);
void payload_json_text(struct buf *json, const char *bytes, size_t len);
/* The same of a name of the profile, in a redacted page without folders. */
void payload_json_name(struct buf *json, const struct flame_options *o, const char *bytes,
		       size_t len);

extern const char *const payload_columns[COLUMNS];

#endif
