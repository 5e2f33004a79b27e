/* The matrix of a site: rows and columns from two labels, the runs of each cell, and which stands for it. */
#include "viewer/site.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

static int digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Two runs of digits as numbers of any length: by length without leading zeros, then by digits. */
static int compare_digits(const char **a, const char **b)
{
	const char *x = *a, *y = *b;
	size_t n = 0, m = 0;
	int by;

	while (*x == '0' && digit(x[1]))
		x++;
	while (*y == '0' && digit(y[1]))
		y++;
	while (digit(x[n]))
		n++;
	while (digit(y[m]))
		m++;
	*a = x + n;
	*b = y + m;
	if (n != m)
		return n < m ? -1 : 1;
	by = memcmp(x, y, n);
	return (by > 0) - (by < 0);
}

int site_natural(const char *a, const char *b)
{
	const char *x = a, *y = b;
	int by;

	if (!a || !b)
		return (b != NULL) - (a != NULL);
	while (*x && *y) {
		if (digit(*x) && digit(*y)) {
			by = compare_digits(&x, &y);
			if (by)
				return by;
		} else if (*x != *y) {
			return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
		} else {
			x++;
			y++;
		}
	}
	if (*x || *y)
		return *x ? 1 : -1;
	by = strcmp(a, b); /* "01" and "1" */
	return (by > 0) - (by < 0);
}

static double number_of(const char *text)
{
	char *end;
	double v;

	if (!text || !(digit(*text) || *text == '-' || *text == '.'))
		return (double)NAN;
	v = strtod(text, &end);
	return *end || !isfinite(v) ? (double)NAN : v;
}

static int compare_numbers(double x, double y)
{
	return (x > y) - (x < y);
}

/* Numbers by value ("1e3" after "20"), before other texts. */
static int compare_values(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	double p = number_of(x), q = number_of(y);

	if (!isnan(p) && !isnan(q) && compare_numbers(p, q))
		return compare_numbers(p, q);
	if (isnan(p) != isnan(q) && x && y)
		return isnan(p) ? 1 : -1;
	return site_natural(x, y);
}

static int same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* ---- axes ---- */

static const char *value_of(const struct site_run *r, int column)
{
	return column ? r->column : r->row;
}

static int make_axis(struct site_axis *a, const struct site *s, int column, struct err *err)
{
	uint32_t i;

	a->values = malloc((s->n_runs + 1) * sizeof *a->values);
	a->numbers = malloc((s->n_runs + 1) * sizeof *a->numbers);
	if (!a->values || !a->numbers)
		return err_nomem(err, "the matrix");
	for (i = 0; i < s->n_runs; i++)
		a->values[i] = value_of(&s->runs[i], column);
	qsort(a->values, s->n_runs, sizeof *a->values, compare_values);
	for (i = 0; i < s->n_runs; i++)
		if (a->n == 0 || !same(a->values[i], a->values[a->n - 1]))
			a->values[a->n++] = a->values[i];
	a->numeric = a->n > 0;
	for (i = 0; i < a->n; i++) {
		a->numbers[i] = number_of(a->values[i]);
		a->numeric &= !isnan(a->numbers[i]);
	}
	return 0;
}

static uint32_t place_of(const struct site_axis *a, const char *value)
{
	const char **hit = bsearch(&value, a->values, a->n, sizeof *a->values, compare_values);

	return hit ? (uint32_t)(hit - a->values) : 0;
}

/* ---- cells ---- */

struct member {
	uint64_t cell;
	uint32_t run;
};

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->cell != y->cell)
		return x->cell < y->cell ? -1 : 1;
	return x->run < y->run ? -1 : x->run > y->run;
}

struct timed {
	double time;
	uint32_t run;
};

/* By time, runs without one last. */
static int compare_timed(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;

	if (isnan(x->time) != isnan(y->time))
		return isnan(x->time) ? 1 : -1;
	if (!isnan(x->time) && x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->run < y->run ? -1 : x->run > y->run;
}

/* Runs of one commit that ended alike belong together. */
static int alike(const struct site_run *a, const struct site_run *b)
{
	return !a->failed == !b->failed && same(a->git_sha, b->git_sha);
}

int site_is_current(const struct site *s, const struct site_cell *c, uint32_t run)
{
	return alike(&s->runs[run], &s->runs[c->shown]);
}

/* The last run that did not fail, or the last one, and of all that belong to it the median by time. */
static uint32_t choose(const struct site *s, const struct site_cell *c, struct timed *scratch)
{
	const struct site_run *last = &s->runs[c->runs[c->n_runs - 1]];
	uint32_t i, n = 0;

	for (i = 0; i < c->n_runs; i++)
		if (!s->runs[c->runs[i]].failed)
			last = &s->runs[c->runs[i]];
	for (i = 0; i < c->n_runs; i++)
		if (alike(&s->runs[c->runs[i]], last))
			scratch[n++] = (struct timed){s->runs[c->runs[i]].value[0], c->runs[i]};
	qsort(scratch, n, sizeof *scratch, compare_timed);
	return scratch[(n - 1) / 2].run;
}

static int fill_cells(struct site_grid *g, const struct site *s, struct member *m,
		      struct timed *scratch)
{
	uint32_t i;

	for (i = 0; i < s->n_runs; i++) {
		m[i].run = i;
		m[i].cell = (uint64_t)place_of(&g->rows, s->runs[i].row) * g->columns.n +
			    place_of(&g->columns, s->runs[i].column);
	}
	qsort(m, s->n_runs, sizeof *m, compare_members);
	for (i = 0; i < s->n_runs; i++) {
		g->members[i] = m[i].run;
		if (i == 0 || m[i].cell != m[i - 1].cell) {
			g->cells[g->n_cells++] = (struct site_cell){
				.row = (uint32_t)(m[i].cell / g->columns.n),
				.column = (uint32_t)(m[i].cell % g->columns.n),
				.runs = &g->members[i],
				.place = SITE_NONE,
			};
		}
		g->cells[g->n_cells - 1].n_runs++;
	}
	for (i = 0; i < g->n_cells; i++)
		g->cells[i].shown = choose(s, &g->cells[i], scratch);
	return 0;
}

/* All but `at`, whose size is that of the matrix; the rest grows with the runs. */
static int make_cells(struct site_grid *g, const struct site *s, struct err *err)
{
	struct member *m = malloc((s->n_runs + 1) * sizeof *m);
	struct timed *scratch = malloc((s->n_runs + 1) * sizeof *scratch);
	int rc;

	*g = (struct site_grid){0};
	rc = make_axis(&g->rows, s, 0, err);
	if (rc == 0)
		rc = make_axis(&g->columns, s, 1, err);
	if (rc == 0) {
		g->cells = malloc((s->n_runs + 1) * sizeof *g->cells);
		g->members = malloc((s->n_runs + 1) * sizeof *g->members);
		if (!m || !scratch || !g->cells || !g->members)
			rc = err_nomem(err, "the matrix");
	}
	if (rc == 0)
		rc = fill_cells(g, s, m, scratch);
	free(m);
	free(scratch);
	if (rc)
		site_grid_release(g);
	return rc;
}

int site_grid_make(struct site_grid *g, const struct site *s, struct err *err)
{
	int rc = make_cells(g, s, err);
	uint32_t i;
	size_t all;

	if (rc)
		return rc;
	all = (size_t)g->rows.n * g->columns.n;
	g->at = malloc((all + 1) * sizeof *g->at);
	if (!g->at) {
		site_grid_release(g);
		return err_nomem(err, "the matrix");
	}
	memset(g->at, 0xff, all * sizeof *g->at);
	for (i = 0; i < g->n_cells; i++)
		g->at[(size_t)g->cells[i].row * g->columns.n + g->cells[i].column] = i;
	return 0;
}

int site_grid_sparse(const struct site *s, int *sparse, struct err *err)
{
	struct site_grid g;
	int rc = make_cells(&g, s, err);
	uint64_t all;

	if (rc)
		return rc;
	all = (uint64_t)g.rows.n * g.columns.n;
	*sparse = all > 20000 && all / 4 > g.n_cells;
	site_grid_release(&g);
	return 0;
}

void site_grid_release(struct site_grid *g)
{
	free(g->rows.values);
	free(g->rows.numbers);
	free(g->columns.values);
	free(g->columns.numbers);
	free(g->cells);
	free(g->at);
	free(g->members);
	*g = (struct site_grid){0};
}

/* ---- names, spread ---- */

static const char *or_none(const char *value)
{
	return value ? value : "none";
}

size_t site_cut(const char *text, size_t most)
{
	size_t n = strnlen(text, most);

	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

struct shortened {
	int n; /* for "%.*s" */
	const char *text, *end;
};

/* At most `most` bytes with the sign that something is missing. */
static struct shortened shorten(const char *text, size_t most)
{
	int whole = strlen(text) <= most;

	return (struct shortened){(int)site_cut(text, whole ? most : most - 3), text,
				  whole ? "" : "…"};
}

void site_cell_name(const struct site *s, const struct site_grid *g, uint32_t cell,
		    char name[SITE_CELL_NAME])
{
	const struct site_cell *c = &g->cells[cell];
	struct shortened row = shorten(or_none(g->rows.values[c->row]), s->col_name ? 46 : 90);
	struct shortened column = shorten(or_none(g->columns.values[c->column]), 22);

	if (s->col_name)
		snprintf(name, SITE_CELL_NAME, "%.*s%s, %.*s %.*s%s", row.n, row.text, row.end,
			 (int)site_cut(s->col_name, 14), s->col_name, column.n, column.text,
			 column.end);
	else
		snprintf(name, SITE_CELL_NAME, "%.*s%s", row.n, row.text, row.end);
}

static int compare_doubles(const void *a, const void *b)
{
	return compare_numbers(*(const double *)a, *(const double *)b);
}

struct site_spread site_spread(double *values, uint32_t n)
{
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (!isnan(values[i]))
			values[kept++] = values[i];
	if (kept == 0)
		return (struct site_spread){(double)NAN, (double)NAN, (double)NAN, 0};
	qsort(values, kept, sizeof *values, compare_doubles);
	return (struct site_spread){values[(kept - 1) / 2], values[0], values[kept - 1], kept};
}
