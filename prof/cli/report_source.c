/* report --source: the lines of a file beside what they cost; without the file's text the numbers alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/analyze/source.h"
#include "prof/base/buf.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/report_json.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/text.h"

#define CONTEXT   2
#define TEXT_MAX  ((size_t)64 << 20)
#define TEXT_ROOM 30

struct text { /* of the source file */
	struct buf bytes;
	const char **lines; /* owned; into bytes */
	size_t n;
	char *path; /* owned; NULL: it was not found */
	int newer;  /* than the run */
};

/* ---- the file ---- */

static void text_release(struct text *t)
{
	buf_release(&t->bytes);
	free(t->lines);
	free(t->path);
	memset(t, 0, sizeof(*t));
}

static int split(struct text *t)
{
	char *at = t->bytes.data, *end = at + t->bytes.len;
	size_t cap = 1;
	char *c;

	for (c = at; c < end; c++)
		cap += *c == '\n';
	t->lines = malloc((cap + 1) * sizeof(*t->lines));
	if (!t->lines)
		return ERR_NOMEM;
	while (at < end) {
		char *stop = memchr(at, '\n', (size_t)(end - at));

		if (!stop)
			stop = end; /* the buffer ends with a NUL */
		t->lines[t->n++] = at;
		*stop = '\0';
		if (stop > at && stop[-1] == '\r')
			stop[-1] = '\0';
		at = stop + 1;
	}
	return 0;
}

/* 1: it is this file; 0: it is not there or no text; ERR_NOMEM. */
static int try_path(struct text *t, const char *path, const struct profile *p)
{
	FILE *in = fopen(path, "re");
	char part[65536];
	struct stat st;
	size_t n;
	int rc = 0;

	if (!in)
		return 0;
	buf_init(&t->bytes, TEXT_MAX);
	if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
		while (rc == 0 && (n = fread(part, 1, sizeof(part), in)) > 0)
			rc = buf_put(&t->bytes, part, n);
	if (ferror(in) || rc == ERR_LIMIT || !t->bytes.len)
		buf_release(&t->bytes);
	fclose(in);
	if (rc == ERR_NOMEM || !t->bytes.len)
		return rc == ERR_NOMEM ? rc : 0;
	t->newer = st.st_mtim.tv_sec > p->run.started_at / 1000000000;
	t->path = strdup(path);
	return !t->path || split(t) ? ERR_NOMEM : 1;
}

/* As debug information has it; then below `dir` (or this folder) with ever fewer of its leading folders. */
static int find_text(struct text *t, const struct profile *p, const char *file, const char *dir)
{
	struct buf path = BUF_INIT;
	int rc = dir ? 0 : try_path(t, file, p);

	while (rc == 0 && *file) {
		while (*file == '/')
			file++;
		buf_clear(&path);
		buf_printf(&path, "%s/%s", dir ? dir : ".", file);
		rc = buf_failed(&path) ? ERR_NOMEM : try_path(t, buf_str(&path), p);
		file += strcspn(file, "/");
	}
	buf_release(&path);
	return rc < 0 ? rc : 0;
}

/* ---- text ---- */

enum { LINE, TIME, TIME_TOTAL, ALLOC, BLOCKS, PEAK, LIVE, COPY, CELLS };

static void fill(struct columns *c, size_t row, const struct source_view *v,
		 const struct source_line *l)
{
	columns_share(c, row, TIME, (double)l->self[SOURCE_TIME], (double)v->all[SOURCE_TIME]);
	columns_share(c, row, TIME_TOTAL, (double)l->total[SOURCE_TIME],
		      (double)v->all[SOURCE_TIME]);
	columns_bytes(c, row, ALLOC, l->self[SOURCE_ALLOC]);
	columns_count(c, row, BLOCKS, l->self_count[SOURCE_ALLOC]);
	columns_bytes(c, row, PEAK, l->self[SOURCE_PEAK]);
	columns_bytes(c, row, LIVE, l->self[SOURCE_LIVE]);
	columns_bytes(c, row, COPY, l->self[SOURCE_COPY]);
}

static void make_columns(struct columns *c, const struct source_view *v)
{
	columns_add(c, "line", 0);
	columns_add(c, v->time_kind == PROFILE_WALL ? "wall" : "CPU", 0);
	columns_add(c, "+calls", 2);
	columns_add(c, "alloc", 0);
	columns_add(c, "blocks", 5);
	columns_add(c, "peak", 1);
	columns_add(c, "live", 3);
	columns_add(c, "copy", 4);
}

static void print_source(FILE *out, const char *text, int room)
{
	struct buf line = BUF_INIT;

	for (; *text; text++) /* tabs as wide as kernel code has them would leave no room */
		buf_puts(&line, *text == '\t' ? "    " : (char[]){*text, '\0'});
	text_print(out, buf_str(&line), room, 0);
	buf_release(&line);
}

static void plain_rows(FILE *out, const struct source_view *v, struct columns *c)
{
	size_t i;

	columns_fit(c, cli_width(), 0);
	columns_print(out, c, SIZE_MAX);
	putc('\n', out);
	for (i = 0; i < v->n; i++) {
		columns_print(out, c, i);
		putc('\n', out);
	}
}

/* Is there a line with data within CONTEXT lines? `*at` walks along. */
static int is_near(const struct source_view *v, size_t *at, uint32_t line)
{
	while (*at < v->n && v->lines[*at].line + CONTEXT < line)
		++*at;
	return *at < v->n && v->lines[*at].line <= line + CONTEXT && v->lines[*at].line > 0;
}

static void text_rows(FILE *out, const struct source_view *v, const struct text *t,
		      struct columns *c, int all)
{
	int room = columns_fit(c, cli_width(), TEXT_ROOM), gap = 0;
	uint32_t line;
	size_t at = 0, row = 0;

	columns_print(out, c, SIZE_MAX);
	putc('\n', out);
	for (line = 1; line <= t->n; line++) {
		while (row < v->n && v->lines[row].line < line)
			row++;
		if (!is_near(v, &at, line) && !all) {
			gap = 1;
			continue;
		}
		if (gap && row)
			fprintf(out, "%*s\n", c->width[LINE], "…");
		gap = 0;
		if (row < v->n && v->lines[row].line == line)
			columns_print(out, c, row);
		else { /* the row behind the last one has nothing but its number */
			snprintf(c->cells[v->n][LINE], UNITS_TEXT, "%" PRIu32, line);
			columns_print(out, c, v->n);
		}
		print_source(out, t->lines[line - 1], room);
		putc('\n', out);
	}
}

static void head(FILE *out, const struct profile *p, const struct source_view *v,
		 const struct text *t)
{
	static const char *const names[SOURCE_COLUMNS] = {"time", "allocated", "peak", "live",
							  "copied"};
	char value[32], share[UNITS_TEXT];
	int k, shown = 0;

	fprintf(out, "source   ");
	text_print(out, strtab_text(p->strings, v->file), cli_width() - 9, 0);
	if (v->function != STRTAB_EMPTY) {
		fprintf(out, "\nfunction ");
		text_print(out, strtab_text(p->strings, v->function), cli_width() - 9, 0);
	}
	fprintf(out, "\nmemory   ");
	report_memory_mode(out, p);
	putc('\n', out);
	for (k = 0; k < SOURCE_COLUMNS; k++) {
		if (!v->all[k])
			continue;
		report_value(value, source_kind(v, (enum source_column)k), v->here[k]);
		fprintf(out, "%s%s %s (%s)",
			shown == 0       ? "here     "
			: shown % 2 == 0 ? ",\n         "
					 : ", ",
			names[k], value, units_pct(share, (double)v->here[k], (double)v->all[k]));
		shown++;
	}
	putc('\n', out);
	if (!t->path)
		fprintf(out,
			"the text of the file is not there: --source-dir DIR says where it is;\n"
			"lines by number alone\n");
	else if (t->newer)
		fprintf(out, "the file is newer than the run: lines may have moved\n");
	putc('\n', out);
}

static int show_text(FILE *out, const struct profile *p, const struct source_view *v,
		     const struct text *t, int all, struct err *err)
{
	struct columns c;
	size_t i;

	head(out, p, v, t);
	if (columns_init(&c, v->n + 1))
		return err_nomem(err, "the lines of a file");
	make_columns(&c, v);
	for (i = 0; i < v->n; i++) {
		if (v->lines[i].line)
			snprintf(c.cells[i][LINE], UNITS_TEXT, "%" PRIu32, v->lines[i].line);
		else
			snprintf(c.cells[i][LINE], UNITS_TEXT, "?");
		fill(&c, i, v, &v->lines[i]);
	}
	if (t->path)
		snprintf(c.cells[v->n][LINE], UNITS_TEXT, "%zu", t->n);
	if (t->path)
		text_rows(out, v, t, &c, all);
	else
		plain_rows(out, v, &c);
	columns_release(&c);
	return 0;
}

/* ---- JSON ---- */

static json_t *line_object(const struct source_view *v, const struct source_line *l,
			   const struct text *t)
{
	json_t *row = json_object();
	int bad = !row, k;

	if (row) {
		bad |= jsonout_put(row, "line", json_integer(l->line));
		bad |= jsonout_put(row, "text",
				   t->path && l->line > 0 && l->line <= t->n
					   ? jsonout_text(t->lines[l->line - 1])
					   : json_null());
		for (k = 0; k < SOURCE_COLUMNS; k++) {
			json_t *cell = json_pack("{s:I, s:I, s:I}", "self", (json_int_t)l->self[k],
						 "total", (json_int_t)l->total[k], "self_count",
						 (json_int_t)l->self_count[k]);

			bad |= jsonout_put(row,
					   profile_kind_name(source_kind(v, (enum source_column)k)),
					   cell);
		}
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static int show_json(FILE *out, const struct profile *p, const struct source_view *v,
		     const struct text *t, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;
	size_t i;

	for (i = 0; !bad && i < v->n; i++)
		bad |= json_array_append_new(rows, line_object(v, &v->lines[i], t));
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "file", report_json_text(p, v->file));
		bad |= jsonout_put(root, "function",
				   v->function == STRTAB_EMPTY ? json_null()
							       : report_json_text(p, v->function));
		bad |= jsonout_put(root, "source", t->path ? jsonout_text(t->path) : json_null());
		bad |= jsonout_put(root, "newer_than_run", json_boolean(t->path && t->newer));
		bad |= jsonout_put(root, "lines", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}

int report_source(FILE *out, struct profile *p, const struct report_options *o,
		  const struct memory_view *v, struct err *err)
{
	struct source_view view;
	struct text t = {.path = NULL};
	int rc = source_view_make(&view, p, v->source, &o->filter, err);

	if (rc)
		return rc;
	rc = find_text(&t, p, strtab_text(p->strings, view.file), v->source_dir);
	if (rc)
		rc = err_nomem(err, "the text of a file");
	else if (v->json)
		rc = show_json(out, p, &view, &t, err);
	else
		rc = show_text(out, p, &view, &t, o->all, err);
	text_release(&t);
	source_view_release(&view);
	return rc;
}
