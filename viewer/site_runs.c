/* All runs of a site, one row each with every metric; which of them stands for its cell is marked. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "viewer/html.h"

static void put_head(struct buf *out, const struct site *s)
{
	uint32_t m;

	buf_puts(out, "<thead><tr><th scope=\"col\">");
	site_put_text(out, s->row_name);
	buf_puts(out, "</th>");
	if (s->col_name) {
		buf_puts(out, "<th scope=\"col\">");
		site_put_text(out, s->col_name);
		buf_puts(out, "</th>");
	}
	buf_puts(out, "<th scope=\"col\">run</th><th scope=\"col\">date (UTC)</th>"
		      "<th scope=\"col\">commit</th>");
	for (m = 0; m < s->n_metrics; m++) {
		buf_puts(out, "<th scope=\"col\" class=\"n\">");
		site_put_text(out, s->metrics[m].name);
		buf_puts(out, "</th>");
	}
	buf_puts(out, "<th scope=\"col\" class=\"n\">samples</th></tr></thead>\n");
}

static void put_run(struct buf *out, const struct site_view *v, const struct site_cell *c,
		    uint32_t run)
{
	const struct site *s = v->s;
	const struct site_run *r = &s->runs[run];
	uint32_t m;

	buf_printf(out, "<tr%s><th scope=\"row\" data-v=\"%" PRIu32 "\">",
		   c->n_runs > 1 && run == c->shown ? " class=\"shown\"" : "", c->row);
	site_put_text(out, v->g->rows.values[c->row]);
	buf_puts(out, "</th>");
	if (s->col_name) {
		buf_printf(out, "<td data-v=\"%" PRIu32 "\">", c->column);
		site_put_text(out, v->g->columns.values[c->column]);
		buf_puts(out, "</td>");
	}
	buf_puts(out, "<td><code>");
	html_text(out, r->id, strnlen(r->id, 8));
	buf_puts(out, "</code> ");
	if (r->name && *r->name)
		site_put_text(out, r->name);
	if (r->failed)
		buf_printf(out, " <span class=\"failed\">%s</span>", r->ending);
	buf_printf(out, "</td><td data-v=\"%" PRId64 "\">", r->started_at / 1000000);
	site_put_date(out, r->started_at, 1);
	buf_puts(out, "</td><td><code>");
	site_put_commit(out, r);
	buf_puts(out, "</code></td>");
	for (m = 0; m < s->n_metrics; m++) {
		if (isnan(r->value[m]))
			buf_puts(out, "<td class=\"n\">–");
		else
			buf_printf(out, "<td class=\"n\" data-v=\"%.8g\">", r->value[m]);
		if (!isnan(r->value[m]))
			site_put_value(out, s->metrics[m].unit, r->value[m]);
		buf_puts(out, "</td>");
	}
	buf_printf(out, "<td class=\"n\" data-v=\"%" PRIu64 "\">", r->samples);
	site_put_value(out, SITE_COUNT, (double)r->samples);
	buf_puts(out, "</td></tr>\n");
}

void site_runs(struct buf *out, struct site_view *v)
{
	uint32_t i, k;

	buf_puts(out, "<details id=\"runs\"><summary><h2>All runs</h2> ");
	site_put_count(out, v->s->n_runs, "run");
	buf_puts(out, "</summary>\n");
	if (v->s->n_runs > v->g->n_cells)
		buf_puts(out, "<p>The marked run is the one of the matrix: of its cell’s runs the "
			      "median by time, of the last commit.</p>\n");
	buf_puts(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" "
		      "aria-label=\"all runs\"><table class=\"list sortable\">\n");
	put_head(out, v->s);
	buf_puts(out, "<tbody>\n");
	for (i = 0; i < v->g->n_cells; i++)
		for (k = 0; k < v->g->cells[i].n_runs; k++)
			put_run(out, v, &v->g->cells[i], v->g->cells[i].runs[k]);
	buf_puts(out, "</tbody></table></div></details>\n");
}
