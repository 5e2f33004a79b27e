/* Head, tabs and foot of top's pages, and what of them a small terminal gets. */
#include "prof/cli/top_layout.h"

#include <stdio.h>
#include <string.h>

#include "prof/base/units.h"

static const char *const tab_names[] = {"Functions", "Lines", "Threads", "Tree"};
static const char *const sort_names[] = {"self", "total", "name"};

const char *top_span_name(enum top_span span)
{
	static const char *const names[] = {"last interval", "recent", "since start"};

	return names[span];
}

/* ---- head ---- */

static void signed_bytes(char out[UNITS_TEXT], double bytes)
{
	char n[UNITS_TEXT];

	units_bytes(n, (uint64_t)(bytes < 0 ? -bytes : bytes));
	snprintf(out, UNITS_TEXT, "%c%.28s", bytes < 0 ? '-' : '+', n);
}

static void head_process(struct top_page *p, const struct top_status *s, const struct top_view *v)
{
	char time[UNITS_TEXT];

	if (s->ended)
		top_page_put(p, TOP_WARN, "ENDED ");
	else if (v->paused)
		top_page_put(p, TOP_WARN, "PAUSED ");
	top_page_put(p, TOP_STRONG, s->name);
	top_page_printf(p, TOP_PLAIN, " (%d", s->pid);
	if (s->processes > 1)
		top_page_printf(p, TOP_PLAIN, " and %u more", s->processes - 1);
	top_page_printf(p, TOP_PLAIN, ")  %s  ", units_ns(time, s->running_ns));
	top_page_put(p, TOP_FAINT, s->command);
}

static void head_use(struct top_page *p, const struct top_status *s)
{
	char bytes[UNITS_TEXT], growth[UNITS_TEXT], n[UNITS_TEXT];

	top_page_printf(p, TOP_STRONG, "CPU %.1f %%", s->cpu_pct);
	top_page_printf(p, TOP_PLAIN, "  threads %u, %u running  RSS %s", s->threads, s->running,
			units_bytes(bytes, s->rss_bytes > 0 ? (uint64_t)s->rss_bytes : 0));
	if (s->rss_rate <= -1 || s->rss_rate >= 1) {
		signed_bytes(growth, s->rss_rate);
		top_page_printf(p, TOP_PLAIN, " %s/s", growth);
	}
	if (s->minor_rate >= 0)
		top_page_printf(p, TOP_PLAIN, "  faults %s/s",
				units_count(n, (uint64_t)(s->minor_rate + 0.5)));
	if (s->major_rate >= 0.5)
		top_page_printf(p, TOP_WARN, ", %s/s from disk",
				units_count(n, (uint64_t)(s->major_rate + 0.5)));
	if (s->voluntary_rate >= 0)
		top_page_printf(p, TOP_PLAIN, "  switches %s/s",
				units_count(n, (uint64_t)(s->voluntary_rate + 0.5)));
	if (s->involuntary_rate >= 0)
		top_page_printf(p, TOP_PLAIN, ", %s/s forced",
				units_count(n, (uint64_t)(s->involuntary_rate + 0.5)));
}

static void head_sampling(struct top_page *p, const struct top_status *s, const struct top_model *m,
			  const struct top_view *v)
{
	char n[UNITS_TEXT], all[UNITS_TEXT];

	top_page_printf(p, TOP_PLAIN, "%s %g Hz  samples %s, %s in all", s->engine, s->rate_hz,
			units_count(n, (uint64_t)m->samples[v->kind][TOP_NOW]),
			units_count(all, (uint64_t)m->samples[v->kind][TOP_ALL]));
	top_page_printf(p, s->lost ? TOP_WARN : TOP_PLAIN, "  lost %s", units_count(n, s->lost));
	if (s->pause.n)
		top_page_printf(p, TOP_PLAIN, "  pauses p50 %s, max %s",
				units_ns(n, s->pause.p50_ns), units_ns(all, s->pause.max_ns));
	else
		top_page_put(p, TOP_PLAIN, "  no pauses");
	top_page_printf(p, TOP_PLAIN, "  own CPU %.1f %%", s->own_cpu_pct);
	if (s->note[0])
		top_page_printf(p, TOP_FAINT, "  %s", s->note);
}

void top_layout_head(struct top_page *p, const struct top_status *s, const struct top_model *m,
		     const struct top_view *v)
{
	top_page_line(p);
	head_process(p, s, v);
	top_page_line(p);
	head_use(p, s);
	top_page_line(p);
	head_sampling(p, s, m, v);
}

/* ---- tabs ---- */

static void tabs(struct top_page *p, const struct top_view *v)
{
	int t, wide = p->columns >= 72;

	for (t = 0; t < TOP_TABS; t++) {
		if (!wide && t != (int)v->tab)
			continue;
		top_page_printf(p, t == (int)v->tab ? TOP_CHOSEN : TOP_PLAIN, " %d %s ", t + 1,
				tab_names[t]);
	}
	top_page_printf(p, TOP_PLAIN, "  %s, ", v->kind == TOP_CPU ? "CPU" : "wall");
	if (v->tab != TOP_TAB_THREADS)
		top_page_printf(p, TOP_PLAIN, "%s, ", top_span_name(v->span));
	top_page_printf(p, TOP_PLAIN, "by %s", sort_names[v->sort]);
	if (v->filtered)
		top_page_printf(p, TOP_WARN, "  filter %s", v->filter);
}

/* ---- foot ---- */

static void key(struct top_page *p, const char *name, const char *what)
{
	if (top_page_left(p) < top_text_columns(name) + top_text_columns(what) + 3)
		return;
	top_page_put(p, TOP_STRONG, name);
	top_page_printf(p, TOP_PLAIN, " %s  ", what);
}

static void foot(struct top_page *p, const struct top_view *v)
{
	if (v->message[0]) {
		top_page_put(p, TOP_WARN, v->message);
		return;
	}
	if (v->editing) {
		top_page_put(p, TOP_STRONG, "filter: ");
		top_page_put(p, TOP_PLAIN, v->edit);
		top_page_put(p, TOP_CURSOR, " ");
		return;
	}
	if (v->help) {
		key(p, "any key", "back");
		return;
	}
	key(p, "q", "quit");
	key(p, "?", "help");
	key(p, "1-4", "tab");
	key(p, "/", "filter");
	key(p, "s", "sort");
	key(p, v->kind == TOP_CPU ? "w" : "c", v->kind == TOP_CPU ? "wall" : "CPU");
	key(p, "p", v->paused ? "go on" : "pause");
	key(p, "t", "span");
	key(p, "r", "reset");
	if (v->tab == TOP_TAB_TREE)
		key(p, "enter", "fold");
}

/* ---- all of it ---- */

void top_layout_table(struct top_page *p, const struct top_status *s, const struct top_model *m,
		      const struct top_view *v, uint32_t first, uint32_t rows, int cursor)
{
	uint32_t i;

	for (i = first; i < v->n_rows && (!rows || i - first < rows); i++) {
		top_page_line(p);
		p->cursor = cursor && i == v->cursor[v->tab];
		top_table_row(p, s, m, v, &v->rows[i]);
		if (p->cursor)
			top_page_fill(p, TOP_CURSOR);
		p->cursor = 0;
	}
	if (v->n_rows)
		return;
	top_page_line(p);
	top_page_put(p, TOP_FAINT,
		     v->filtered              ? "nothing matches the filter"
		     : v->kind == TOP_WALL    ? "no wall sample yet"
		     : v->tab != TOP_TAB_TREE ? "nothing used CPU time; w shows where threads sleep"
					      : "nothing used CPU time");
}

/* How many lines each part gets. The table comes first, then the foot (filter and messages), the tabs, the heads. */
struct parts {
	int head, tabs, heads, foot;
};

static struct parts divide(int lines, const struct top_view *v)
{
	struct parts d;

	d.head = lines >= 12 ? 3 : lines >= 8 ? 1 : 0;
	d.tabs = lines >= 4;
	d.heads = lines >= 6;
	d.foot = lines >= 5 || (lines >= 2 && (v->editing || v->message[0]));
	return d;
}

void top_layout_screen(struct top_page *p, const struct top_status *s, const struct top_model *m,
		       struct top_view *v, int lines)
{
	struct parts d = divide(lines, v);
	int room = lines - d.head - d.tabs - d.heads - d.foot;

	if (d.head == 3) {
		top_layout_head(p, s, m, v);
	} else if (d.head) {
		top_page_line(p);
		head_process(p, s, v);
	}
	if (d.tabs) {
		top_page_line(p);
		tabs(p, v);
	}
	v->page = (uint32_t)(room > 1 ? room : 1);
	if (v->help) {
		top_help(p, room + d.heads);
	} else {
		top_view_settle(v, m);
		if (d.heads) {
			top_page_line(p);
			top_table_heads(p, s, v);
			top_page_fill(p, TOP_HEAD);
		}
		top_layout_table(p, s, m, v, v->first[v->tab], v->page, 1);
	}
	while (d.foot && (int)p->n_lines < lines - 1 && !p->failed)
		top_page_line(p);
	if (d.foot) {
		top_page_line(p);
		foot(p, v);
	}
}
