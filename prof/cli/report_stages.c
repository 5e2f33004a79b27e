/* The table of stages as text: columns as wide as what stands in them. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report.h"
#include "prof/cli/text.h"

enum { N, MIN, MEDIAN, P95, MAX, WALL, CPU, ITEMS, CELLS };
/* A second table, where memory was followed. */
enum { MEM_N, ALLOCATED, BLOCKS, PEAK_HEAP, PEAK_RSS, MEM_CELLS };

static const char *const heads[CELLS] = {"n",   "min",  "median", "p95",
					 "max", "wall", "CPU",    "items/s"};
static const char *const memory_heads[CELLS] = {"n", "allocated", "blocks", "peak heap",
						"peak RSS"};

typedef char cells[CELLS][UNITS_TEXT];

static void put_ns(char text[UNITS_TEXT], double v)
{
	if (v < 0)
		snprintf(text, UNITS_TEXT, "-");
	else
		units_ns(text, v < 9e18 ? (int64_t)v : INT64_MAX);
}

static void fill(cells c, const struct stage_row *r)
{
	units_count(c[N], r->n);
	put_ns(c[MIN], r->wall_ns.min);
	put_ns(c[MEDIAN], r->wall_ns.median);
	put_ns(c[P95], r->wall_ns.p95);
	put_ns(c[MAX], r->wall_ns.max);
	put_ns(c[WALL], r->wall_ns.sum);
	put_ns(c[CPU], r->cpu_ns.sum);
	snprintf(c[ITEMS], UNITS_TEXT, "-");
	if (r->items > 0)
		snprintf(c[ITEMS], UNITS_TEXT, "%.4g", r->items_per_s);
}

static void put_bytes(char text[UNITS_TEXT], double v)
{
	if (v < 0)
		snprintf(text, UNITS_TEXT, "-");
	else
		units_bytes(text, v < 1.8e19 ? (uint64_t)v : UINT64_MAX);
}

static void fill_memory(cells c, const struct stage_row *r)
{
	units_count(c[MEM_N], r->n);
	put_bytes(c[ALLOCATED], r->alloc_bytes);
	snprintf(c[BLOCKS], UNITS_TEXT, "-");
	if (r->alloc_count >= 0)
		units_count(c[BLOCKS],
			    r->alloc_count < 1.8e19 ? (uint64_t)r->alloc_count : UINT64_MAX);
	put_bytes(c[PEAK_HEAP], r->peak_heap_bytes.max);
	put_bytes(c[PEAK_RSS], r->peak_rss_bytes.max);
}

/* Columns of a cell, or 0 for one that no row has a value for (all of memory, and items). */
static void measure(int width[CELLS], const char *const *head, cells *rows, size_t n)
{
	size_t i;
	int k;

	for (k = 0; k < CELLS; k++) {
		int empty = head == memory_heads ? k > MEM_N : k >= ITEMS;

		width[k] = 0;
		if (!head[k])
			continue;
		width[k] = (int)strlen(head[k]);
		for (i = 0; i < n; i++) {
			int len = (int)strlen(rows[i][k]);

			width[k] = len > width[k] ? len : width[k];
			empty &= strcmp(rows[i][k], "-") == 0;
		}
		if (empty)
			width[k] = 0;
	}
}

static int indent_of(const struct stage_row *r)
{
	return r->depth < 8 ? (int)r->depth * 2 : 16;
}

/* Room for the names: what the widest needs, but no more than the line leaves, or 20. */
static int name_width(const struct profile *p, const struct stage_list *list, size_t n,
		      const int width[CELLS])
{
	int most = cli_width(), wants = 5, k;
	size_t i;

	for (k = 0; k < CELLS; k++)
		most -= width[k] ? width[k] + 2 : 0;
	for (i = 0; i < n; i++) {
		int len = text_columns(strtab_text(p->strings, list->rows[i].name)) +
			  indent_of(&list->rows[i]);

		wants = len > wants ? len : wants;
	}
	most = most > 20 ? most : 20;
	return wants < most ? wants : most;
}

static void print_row(FILE *out, const int width[CELLS], const char *const text[CELLS])
{
	int k;

	for (k = 0; k < CELLS; k++)
		if (width[k])
			fprintf(out, "  %*s", width[k], text[k]);
	putc('\n', out);
}

static void print_table(FILE *out, const struct profile *p, const struct stage_list *list, size_t n,
			const char *const *head, cells *rows)
{
	int width[CELLS], names, k;
	size_t i;

	measure(width, head, rows, n);
	names = name_width(p, list, n, width);
	text_print(out, "stage", names, names);
	print_row(out, width, head);
	for (i = 0; i < n; i++) {
		const char *text[CELLS];
		int indent = indent_of(&list->rows[i]);

		for (k = 0; k < CELLS; k++)
			text[k] = rows[i][k];
		fprintf(out, "%*s", indent, "");
		text_print(out, strtab_text(p->strings, list->rows[i].name), names - indent,
			   names - indent);
		print_row(out, width, text);
	}
	if (n < list->n)
		fprintf(out, "… %zu more; -n 0 shows all\n", list->n - n);
}

static int has_memory(const struct stage_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		const struct stage_row *r = &list->rows[i];

		if (r->alloc_bytes >= 0 || r->peak_heap_bytes.max >= 0 ||
		    r->peak_rss_bytes.max >= 0)
			return 1;
	}
	return 0;
}

void report_stages(FILE *out, const struct profile *p, const struct stage_list *list,
		   const struct report_options *o)
{
	size_t n = o->rows && (size_t)o->rows < list->n ? (size_t)o->rows : list->n, i;
	cells *rows;

	if (!list->n) {
		fprintf(out, "no stages: the program marks none (see protea-prof.h)\n");
		return;
	}
	rows = calloc(n, sizeof(*rows));
	if (!rows) {
		fprintf(out, "no memory for the stages\n");
		return;
	}
	for (i = 0; i < n; i++)
		fill(rows[i], &list->rows[i]);
	print_table(out, p, list, n, heads, rows);
	if (has_memory(list)) {
		for (i = 0; i < n; i++)
			fill_memory(rows[i], &list->rows[i]);
		fprintf(out,
			"\nmemory: allocated while open, inner stages included; highest heap of "
			"the process and\nresident set while open\n\n");
		print_table(out, p, list, n, memory_heads, rows);
	}
	free(rows);
}
