/* The index of a site: its template, with a section in the place of each mark. */
#include "viewer/site_parts.h"

#include <stdio.h>
#include <string.h>

#include "viewer/html.h"
#include "viewer/site_page.h"

static void put_title(struct buf *out, struct site_view *v)
{
	if (v->s->title) {
		html_text(out, v->s->title, strlen(v->s->title));
		return;
	}
	buf_puts(out, "Profiles by ");
	html_text(out, v->s->row_name, strlen(v->s->row_name));
	if (v->s->col_name) {
		buf_puts(out, " and ");
		html_text(out, v->s->col_name, strlen(v->s->col_name));
	}
}

static const struct part {
	const char *mark;
	void (*put)(struct buf *out, struct site_view *v);
} parts[] = {
	{"@TITLE@", put_title},    {"@RULES@", site_rules},     {"@HEAD@", site_head},
	{"@MATRIX@", site_matrix}, {"@COMPARE@", site_compare}, {"@SCALING@", site_scaling},
	{"@TREND@", site_trend},   {"@RUNS@", site_runs},       {"@STAGES@", site_stages},
};

static const struct part *part_at(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strncmp(text, parts[i].mark, strlen(parts[i].mark)) == 0)
			return &parts[i];
	return NULL;
}

int site_index(FILE *out, const struct site *s, const struct site_grid *g,
	       const struct site_links *links, struct err *err)
{
	struct site_view v = {s, g, links, 0};
	const char *at = viewer_site_html, *plain = at;
	struct buf text = BUF_INIT;
	int rc = 0;

	if (s->n_runs == 0)
		return err_set(err, ERR_ARG, "a site without runs");
	while (*at && !buf_failed(&text)) {
		const struct part *p = *at == '@' ? part_at(at) : NULL;

		if (p) {
			buf_put(&text, plain, (size_t)(at - plain));
			p->put(&text, &v);
			at = plain = at + strlen(p->mark);
		} else {
			at++;
		}
	}
	buf_put(&text, plain, (size_t)(at - plain));
	if (buf_failed(&text))
		rc = err_nomem(err, "the index of a site");
	else if (fwrite(text.data, 1, text.len, out) != text.len || fflush(out) != 0)
		rc = err_sys(err, ERR_IO, "cannot write the index");
	buf_release(&text);
	return rc;
}
