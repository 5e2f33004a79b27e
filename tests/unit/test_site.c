/* Sites: order of labels, which run stands for a cell, spreads, axes of plots, and what the index says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/site_rig.h"
#include "viewer/plot_scale.h"
#include "viewer/plot_svg.h"

static const char *const two[] = {"prot_t5", "esm2_650m"};

static void test_natural(void **state)
{
	(void)state;
	assert_true(site_natural("k9", "k10") < 0);
	assert_true(site_natural("k10", "k9") > 0);
	assert_true(site_natural("a", "b") < 0);
	assert_true(site_natural("a", "ab") < 0);
	assert_int_equal(site_natural("a1b", "a1b"), 0);
	assert_true(site_natural("a01", "a1") != 0);
	assert_true(site_natural("a01", "a1") == -site_natural("a1", "a01"));
	assert_true(site_natural("x", NULL) < 0);
	assert_int_equal(site_natural(NULL, NULL), 0);
	assert_true(site_natural("99999999999999999999998", "99999999999999999999999") < 0);
}

static void test_grid(void **state)
{
	struct site_rig r;
	struct site_grid g;
	uint32_t i;

	(void)state;
	rig_site(&r, two, 2, 3);
	assert_int_equal(site_grid_make(&g, &r.site, NULL), 0);
	assert_int_equal(g.rows.n, 2);
	assert_int_equal(g.columns.n, 3);
	assert_string_equal(g.rows.values[0], "esm2_650m");
	assert_string_equal(g.columns.values[2], "10");
	assert_true(g.columns.numeric);
	assert_false(g.rows.numeric);
	assert_true(g.columns.numbers[1] == 5);
	assert_int_equal(g.n_cells, 6);
	for (i = 0; i < g.n_cells; i++) {
		const struct site_cell *c = &g.cells[i];

		assert_int_equal(c->n_runs, 3);
		assert_int_equal(c->shown,
				 c->runs[1]); /* each repeat is slower than the one before */
		assert_int_equal(g.at[c->row * 3 + c->column], i);
		assert_string_equal(r.runs[c->shown].row, g.rows.values[c->row]);
		assert_string_equal(r.runs[c->shown].column, g.columns.values[c->column]);
	}
	site_grid_release(&g);
}

/* Of two the faster; failed ones only if there is nothing else; runs without the label in a row of their own. */
static void test_stands_for(void **state)
{
	struct site_rig r;
	struct site_grid g;

	(void)state;
	rig_site(&r, two, 1, 2);
	r.runs[0].failed = 1;                    /* k 3 */
	r.runs[1].failed = r.runs[4].failed = 1; /* k 5 */
	r.runs[2].value[0] = (double)NAN;        /* k 10 */
	assert_int_equal(site_grid_make(&g, &r.site, NULL), 0);
	assert_int_equal(g.cells[0].shown, 3);
	assert_int_equal(g.cells[1].shown, 1);
	assert_int_equal(g.cells[2].shown, 5);
	site_grid_release(&g);
	r.runs[0].row = NULL;
	assert_int_equal(site_grid_make(&g, &r.site, NULL), 0);
	assert_int_equal(g.rows.n, 2);
	assert_null(g.rows.values[1]);
	assert_int_equal(g.n_cells, 4);
	assert_int_equal(g.at[3 + 1], SITE_NONE);
	site_grid_release(&g);
}

/* A cell is its last commit, whatever was faster before. */
static void test_last_commit(void **state)
{
	struct site_rig r;
	struct site_grid g;
	uint32_t i;

	(void)state;
	rig_site(&r, two, 2, 4);
	for (i = 0; i < 12; i++)
		r.runs[i].git_sha = "before";
	r.runs[18].failed = 1;
	assert_int_equal(site_grid_make(&g, &r.site, NULL), 0);
	for (i = 0; i < g.n_cells; i++) {
		uint32_t shown = g.cells[i].shown;

		assert_in_range(shown, 12, 17);
		assert_true(site_is_current(&r.site, &g.cells[i], shown));
		assert_false(site_is_current(&r.site, &g.cells[i], g.cells[i].runs[0]));
		assert_int_equal(site_is_current(&r.site, &g.cells[i], g.cells[i].runs[3]),
				 !r.runs[g.cells[i].runs[3]].failed);
	}
	site_grid_release(&g);
}

static void test_spread(void **state)
{
	double values[] = {3, (double)NAN, 1, 2, 9};
	struct site_spread s = site_spread(values, 5);

	(void)state;
	assert_int_equal(s.n, 4);
	assert_true(s.min == 1 && s.median == 2 && s.max == 9);
	values[0] = (double)NAN;
	s = site_spread(values, 1);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.median));
}

/* Whatever the range: few ticks, in order, within the axis, on which all values have a place. */
static void check_scale(enum plot_unit unit, double lo, double hi, int zero)
{
	struct plot_scale s;
	size_t i;

	plot_scale_make(&s, unit, lo, hi, zero);
	assert_in_range(s.n_ticks, 1, 12);
	assert_true(s.lo <= lo && s.hi >= hi);
	for (i = 0; i < s.n_ticks; i++) {
		assert_true(s.ticks[i].at >= s.lo * 0.99 && s.ticks[i].at <= s.hi * 1.01);
		assert_true(i == 0 || s.ticks[i].at > s.ticks[i - 1].at);
		assert_in_range(strlen(s.ticks[i].text), 1, 16);
		assert_true(s.ticks[i].text[0] != '-');
	}
	assert_true(plot_scale_place(&s, lo) >= 0 && plot_scale_place(&s, lo) <= 1);
	assert_true(plot_scale_place(&s, hi) >= 0 && plot_scale_place(&s, hi) <= 1);
}

static void test_scales(void **state)
{
	double lo, factor;
	int unit;

	(void)state;
	for (unit = PLOT_NUMBER; unit <= PLOT_BYTES; unit++)
		for (lo = 1; lo < 1e13; lo *= 3.7)
			for (factor = 1.0; factor < 1e9; factor = factor * 1.9 + 0.01) {
				check_scale((enum plot_unit)unit, lo, lo * factor, 1);
			}
	check_scale(PLOT_NS, 0, 0, 1);
	check_scale(PLOT_NS, 0, 5e6, 1);
}

static void test_ticks(void **state)
{
	struct plot_scale s;

	(void)state;
	plot_scale_make(&s, PLOT_NS, 12e6, 45e6, 1);
	assert_string_equal(s.unit, "ms");
	assert_int_equal(s.n_ticks, 6);
	assert_string_equal(s.ticks[0].text, "0");
	assert_string_equal(s.ticks[5].text, "50");
	assert_false(s.log);
	plot_scale_make(&s, PLOT_NS, 2e6, 3e9, 1);
	assert_true(s.log);
	assert_string_equal(s.ticks[0].text, "10 ms");
	assert_string_equal(s.ticks[2].text, "1 s");
	plot_scale_make(&s, PLOT_BYTES, 1 << 20, 64 << 20, 1);
	assert_string_equal(s.ticks[0].text, "1 MiB");
}

static void test_short(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	plot_short(&b, "abcdef", 6);
	buf_putc(&b, '|');
	plot_short(&b, "abcdefg", 6);
	buf_putc(&b, '|');
	plot_short(&b, "äöü<ab", 5);
	assert_string_equal(buf_str(&b), "abcdef|abcde…|äöü&lt;…");
	buf_release(&b);
}

static char *index_of(const struct site_rig *r, size_t *size)
{
	struct site_links links = {"compare.html", 6};
	struct site_grid g;
	struct err err = ERR_INIT;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	uint32_t i;

	assert_non_null(out);
	assert_int_equal(site_grid_make(&g, &r->site, &err), 0);
	for (i = 0; i < g.n_cells; i++) {
		g.cells[i].page = "cells/x.html";
		g.cells[i].place = i;
	}
	assert_int_equal(site_index(out, &r->site, &g, &links, &err), 0);
	fclose(out);
	site_grid_release(&g);
	return text;
}

static int has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void test_index(void **state)
{
	struct site_rig r;
	size_t size;
	char *text;

	(void)state;
	rig_site(&r, two, 2, 3);
	text = index_of(&r, &size);
	assert_true(has(text, "<title>Profiles by plm and k</title>"));
	assert_true(has(text, "18 runs in 6 cells"));
	assert_true(has(text, "2 × <bdi>EPYC</bdi> (<bdi>vm</bdi>)"));
	assert_true(has(text, "153 <bdi>late_tick</bdi>")); /* 0 + 1 + … + 17 */
	assert_true(has(text, "the spread of repeated runs"));
	assert_true(has(text, "<figcaption><bdi>knn</bdi></figcaption>"));
	assert_false(has(text, "<figcaption><bdi>tiny</bdi></figcaption>")); /* below 1 % */
	assert_true(has(text, "href=\"compare.html\""));
	assert_false(has(text, "@HEAD@") || has(text, "@MATRIX@") || has(text, "@TITLE@"));
	free(text);
	rig_site(&r, two, 2, 1);
	text = index_of(&r, &size);
	assert_true(has(text, "no trend yet"));
	free(text);
	rig_site(&r, two, 2, 2);
	r.runs[11].git_sha = "fedcba9876543210";
	r.runs[11].host = "other";
	r.runs[10].failed = 1;
	snprintf(r.runs[10].ending, sizeof r.runs[10].ending, "signal 9");
	text = index_of(&r, &size);
	assert_true(has(text, "One point a commit"));
	assert_true(has(text, "The runs are of 2 machines"));
	assert_true(has(text, "A run failed;"));
	assert_true(has(text, "signal 9"));
	free(text);
}

/* Runs of two commits by turns are two points, not six. */
static void test_commits_by_turns(void **state)
{
	struct site_rig r;
	size_t size;
	uint32_t i;
	char *text;

	(void)state;
	rig_site(&r, two, 1, 6);
	for (i = 0; i < r.site.n_runs; i++)
		r.runs[i].git_sha = i / 3 % 2 ? "fedcba9876543210" : "0123456789abcdef";
	text = index_of(&r, &size);
	assert_true(has(text, "<td class=\"n\">6</td><td class=\"n\">2</td>"));
	assert_true(has(text, "012345678: 1.6 s (1 s … 2.2 s in 3 runs)"));
	assert_true(has(text, "fedcba987: 1.9 s (1.3 s … 2.5 s in 3 runs)"));
	free(text);
}

static int mbs_valid(const char *text)
{
	for (; *text; text++) {
		int more = (unsigned char)*text >= 0xe0 ? 2 : (unsigned char)*text >= 0xc0 ? 1 : 0;

		if (((unsigned char)*text & 0xc0) == 0x80)
			return 0;
		for (; more; more--)
			if (((unsigned char)*++text & 0xc0) != 0x80)
				return 0;
	}
	return 1;
}

/* A label with a value for each run, twice: a square of which only the diagonal is there. It is told without the
 * memory for it: 200,000 runs would need 160 GB. */
static void test_sparse(void **state)
{
	enum { RUNS = 200000 };
	struct site_run *runs = calloc(RUNS, sizeof *runs);
	char(*names)[12] = calloc(RUNS, sizeof *names);
	struct site_rig r;
	struct site s = {.row_name = "a", .col_name = "b", .runs = runs, .n_runs = RUNS};
	uint32_t i;
	int sparse = 0;

	(void)state;
	assert_non_null(runs);
	assert_non_null(names);
	for (i = 0; i < RUNS; i++) {
		snprintf(names[i], sizeof *names, "%u", (unsigned)i);
		runs[i].row = runs[i].column = names[i];
	}
	assert_int_equal(site_grid_sparse(&s, &sparse, NULL), 0);
	assert_true(sparse);
	free(runs);
	free(names);
	rig_site(&r, two, 2, 3);
	assert_int_equal(site_grid_sparse(&r.site, &sparse, NULL), 0);
	assert_false(sparse);
}

/* What is cut to fit is cut between characters. */
static void test_cut(void **state)
{
	static char long_row[400];
	const char *rows[] = {long_row};
	char name[SITE_CELL_NAME];
	struct site_rig r;
	struct site_grid g;
	size_t size, shift;
	uint32_t i;
	char *text;

	(void)state;
	assert_int_equal(site_cut("abc", 5), 3);
	assert_int_equal(site_cut("\xc3\xa4\xc3\xa4", 3), 2);
	assert_int_equal(site_cut("\xe2\x82\xac", 2), 0);
	for (shift = 0; shift < 3; shift++) {
		memset(long_row, 'x', shift);
		for (i = 0; i < 100; i++)
			memcpy(long_row + shift + 3 * i, "\xe2\x82\xac", 4);
		rig_site(&r, rows, 1, 1);
		r.site.col_name = long_row;
		for (i = 0; i < r.site.n_runs; i++)
			r.runs[i].column = r.runs[i].data_set = r.runs[i].command = long_row;
		assert_int_equal(site_grid_make(&g, &r.site, NULL), 0);
		site_cell_name(&r.site, &g, 0, name);
		assert_int_equal(mbs_valid(name), 1);
		r.site.col_name = NULL;
		site_cell_name(&r.site, &g, 0, name);
		assert_int_equal(mbs_valid(name), 1);
		site_grid_release(&g);
		text = index_of(&r, &size);
		assert_false(has(text, "\xef\xbf\xbd"));
		free(text);
	}
}

/* Every text that a run brings, at its worst: none of it is markup. */
static void test_hostile(void **state)
{
	static const char evil[] = "\"'><script>alert(1)</script><!--\xe2\x80\xae\xff&";
	const char *rows[] = {evil};
	struct site_rig r;
	size_t size;
	uint32_t i;
	char *text, *at;
	int scripts = 0;

	(void)state;
	rig_site(&r, rows, 1, 2);
	for (i = 0; i < r.site.n_runs; i++) {
		struct site_run *run = &r.runs[i];

		run->name = run->command = run->host = run->cpu_model = run->kernel = run->version =
			run->git_sha = run->data_set = run->how = run->column = evil;
		run->stages[0].name = run->stages[1].name = run->losses[0].reason = evil;
	}
	r.site.title = r.site.row_name = r.site.col_name = r.site.x_name = evil;
	text = index_of(&r, &size);
	assert_false(has(text, "alert(1)</script"));
	assert_false(has(text, "\"'>"));
	assert_false(has(text, "<!--"));
	assert_false(has(text, "\xe2\x80\xae"));
	assert_false(has(text, "\xff"));
	for (at = text; (at = strstr(at, "<script")); at++)
		scripts++;
	assert_int_equal(scripts, 2); /* ours */
	free(text);
}

static void test_same_bytes(void **state)
{
	struct site_rig r;
	size_t n, m;
	char *a, *b;

	(void)state;
	rig_site(&r, two, 2, 4);
	a = index_of(&r, &n);
	b = index_of(&r, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_natural),     cmocka_unit_test(test_grid),
		cmocka_unit_test(test_stands_for),  cmocka_unit_test(test_spread),
		cmocka_unit_test(test_last_commit), cmocka_unit_test(test_scales),
		cmocka_unit_test(test_ticks),       cmocka_unit_test(test_short),
		cmocka_unit_test(test_index),       cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_same_bytes),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_sparse),      cmocka_unit_test(test_commits_by_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
