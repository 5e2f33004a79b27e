/* The matrix: a table with all metrics of each cell, of which the page shows the chosen one, without script, too.
 * Colours are seven steps between the least and the greatest value of a metric. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "viewer/html.h"

#define HEATS          7
#define DECADES_OF_LOG 1.5

struct heat {
	double lo, hi;
	int log;
};

static struct heat heat_of(const struct site_view *v, uint32_t metric)
{
	struct heat h = {(double)INFINITY, (double)-INFINITY, 0};
	uint32_t i;

	for (i = 0; i < v->g->n_cells; i++) {
		double x = v->s->runs[v->g->cells[i].shown].value[metric];

		if (!isnan(x)) {
			h.lo = fmin(h.lo, x);
			h.hi = fmax(h.hi, x);
		}
	}
	h.log = h.lo > 0 && log10(h.hi / h.lo) > DECADES_OF_LOG;
	return h;
}

static int heat_step(const struct heat *h, double x)
{
	double place = !(h->hi > h->lo) ? 0
		       : h->log         ? log(x / h->lo) / log(h->hi / h->lo)
					: (x - h->lo) / (h->hi - h->lo);
	int step = (int)(place * HEATS);

	return step < 0 ? 0 : step < HEATS ? step : HEATS - 1;
}

void site_rules(struct buf *out, struct site_view *v)
{
	uint32_t m;

	for (m = 0; m < v->s->n_metrics; m++)
		buf_printf(out,
			   "#m%" PRIu32 ":checked~.wide .v:not(.m%" PRIu32 "),#m%" PRIu32
			   ":checked~.helps>:not(.m%" PRIu32 "){display:none}\n",
			   m, m, m, m);
}

static void put_choice(struct buf *out, const struct site_view *v)
{
	uint32_t m;

	buf_puts(out, "<span class=\"label\" id=\"shows\">Cells show</span>\n");
	for (m = 0; m < v->s->n_metrics; m++) {
		buf_printf(out,
			   "<input type=\"radio\" name=\"m\" id=\"m%" PRIu32 "\"%s>"
			   "<label for=\"m%" PRIu32 "\">",
			   m, m ? "" : " checked", m);
		site_put_text(out, v->s->metrics[m].name);
		buf_puts(out, "</label>\n");
	}
	buf_puts(out, "<input type=\"radio\" name=\"m\" id=\"all\"><label for=\"all\">all</label>\n"
		      "<p class=\"helps\">");
	for (m = 0; m < v->s->n_metrics; m++) {
		buf_printf(out, "<span class=\"m%" PRIu32 "\"><b>", m);
		site_put_text(out, v->s->metrics[m].name);
		buf_puts(out, "</b>: ");
		html_text(out, v->s->metrics[m].help, strlen(v->s->metrics[m].help));
		buf_puts(out, " </span>");
	}
	buf_puts(out, "</p>\n");
}

static void put_values(struct buf *out, const struct site_view *v, const struct site_cell *c,
		       const struct heat *heats)
{
	const struct site_run *r = &v->s->runs[c->shown];
	uint32_t m;

	for (m = 0; m < v->s->n_metrics; m++) {
		double x = r->value[m];

		buf_printf(out, "<span class=\"v m%" PRIu32, m);
		if (!isnan(x))
			buf_printf(out, " h%d\" data-v=\"%.12g", heat_step(&heats[m], x), x);
		buf_puts(out, "\"><i>");
		site_put_text(out, v->s->metrics[m].name);
		buf_puts(out, " </i>");
		site_put_value(out, v->s->metrics[m].unit, x);
		buf_puts(out, "</span>");
	}
	if (r->failed)
		buf_printf(out, "<span class=\"failed\">%s</span>", r->ending);
}

static void put_cell(struct buf *out, struct site_view *v, uint32_t cell, const struct heat *heats)
{
	const struct site_cell *c = &v->g->cells[cell];
	char name[SITE_CELL_NAME];

	site_cell_name(v->s, v->g, cell, name);
	buf_printf(out, "<td data-cell=\"%" PRIu32, cell);
	if (c->place != SITE_NONE)
		buf_printf(out, "\" data-place=\"%" PRIu32, c->place);
	buf_puts(out, "\" data-name=\"");
	html_text(out, name, strlen(name));
	buf_puts(out, "\">");
	if (c->page) {
		buf_puts(out, "<a href=\"");
		html_text(out, c->page, strlen(c->page));
		buf_puts(out, "\">");
	}
	put_values(out, v, c, heats);
	buf_puts(out, c->page ? "</a></td>" : "</td>");
}

static void put_columns(struct buf *out, const struct site_view *v)
{
	uint32_t k;

	buf_puts(out, "<thead><tr><th scope=\"col\">");
	site_put_text(out, v->s->row_name);
	buf_puts(out, "</th>");
	for (k = 0; k < v->g->columns.n; k++) {
		buf_printf(out, "<th scope=\"col\" data-i=\"%" PRIu32 "\">", k);
		if (v->s->col_name) {
			buf_puts(out, "<small>");
			site_put_text(out, v->s->col_name);
			buf_puts(out, "</small> ");
			site_put_text(out, v->g->columns.values[k]);
		} else {
			buf_puts(out, "value");
		}
		buf_puts(out, "</th>");
	}
	buf_puts(out, "</tr></thead>\n");
}

void site_matrix(struct buf *out, struct site_view *v)
{
	const struct site_grid *g = v->g;
	struct heat heats[SITE_METRICS_MAX];
	uint32_t m, i, k;

	for (m = 0; m < v->s->n_metrics; m++)
		heats[m] = heat_of(v, m);
	put_choice(out, v);
	buf_puts(out,
		 "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"t-matrix\">"
		 "<table id=\"matrix\"><caption class=\"vh\">One cell for each ");
	site_put_text(out, v->s->row_name);
	if (v->s->col_name) {
		buf_puts(out, " and ");
		site_put_text(out, v->s->col_name);
	}
	buf_puts(out, "; each links to its profile.</caption>\n");
	put_columns(out, v);
	buf_puts(out, "<tbody>\n");
	for (i = 0; i < g->rows.n; i++) {
		buf_printf(out, "<tr data-i=\"%" PRIu32 "\"><th scope=\"row\">", i);
		site_put_text(out, g->rows.values[i]);
		buf_puts(out, "</th>");
		for (k = 0; k < g->columns.n; k++) {
			uint32_t cell = g->at[(size_t)i * g->columns.n + k];

			if (cell == SITE_NONE)
				buf_puts(out, "<td class=\"none\">no run</td>");
			else
				put_cell(out, v, cell, heats);
		}
		buf_puts(out, "</tr>\n");
	}
	buf_puts(out,
		 "</tbody></table></div>\n"
		 "<p class=\"scale\" aria-hidden=\"true\">least <span class=\"h0\"></span>"
		 "<span class=\"h1\"></span><span class=\"h2\"></span><span class=\"h3\"></span>"
		 "<span class=\"h4\"></span><span class=\"h5\"></span><span class=\"h6\"></span> "
		 "greatest</p>\n");
}

void site_compare(struct buf *out, struct site_view *v)
{
	if (!v->links->compare)
		return;
	buf_puts(out, "<section id=\"compare\"><h2>Compare two cells</h2>\n"
		      "<p class=\"plain\"><a id=\"together\" href=\"");
	html_text(out, v->links->compare, strlen(v->links->compare));
	buf_puts(out, "\">Profiles of all cells in one page</a>: A and B are chosen there.</p>\n"
		      "<div id=\"pair\"></div></section>\n");
}
