/* The parts of a site's index, one function a section; each appends HTML to a buffer. Private to viewer. */
#ifndef VIEWER_SITE_PARTS_H
#define VIEWER_SITE_PARTS_H

#include "prof/base/buf.h"
#include "viewer/site.h"

struct site_view {
	const struct site *s;
	const struct site_grid *g;
	const struct site_links *links;
	unsigned plots; /* drawn so far */
};

/* site_text.c: what several sections write. */
void site_put_text(struct buf *out, const char *text);               /* foreign; NULL is "none" */
void site_put_value(struct buf *out, enum site_unit unit, double v); /* "–" for NAN */
void site_put_range(struct buf *out, enum site_unit unit, const struct site_spread *s);
void site_put_date(struct buf *out, int64_t unix_ns, int seconds);
void site_put_cell_link(struct buf *out, struct site_view *v,
			uint32_t cell);                          /* its name, linked to its page */
void site_put_commit(struct buf *out, const struct site_run *r); /* as people shorten it */
void site_put_count(struct buf *out, uint64_t n, const char *noun); /* "1 run", "1,024 runs" */

void site_head(struct buf *out, struct site_view *v);    /* site_head.c: facts, what to mind */
void site_rules(struct buf *out, struct site_view *v);   /* site_matrix.c: style of its metrics */
void site_matrix(struct buf *out, struct site_view *v);  /* with the choice of metrics */
void site_compare(struct buf *out, struct site_view *v); /* the link; choosing is the script's */
void site_runs(struct buf *out, struct site_view *v);    /* site_runs.c: one row each */
void site_scaling(struct buf *out, struct site_view *v); /* site_stages.c: plots */
void site_stages(struct buf *out, struct site_view *v);  /* their numbers */
void site_trend(struct buf *out, struct site_view *v);   /* site_trend.c */

#endif
