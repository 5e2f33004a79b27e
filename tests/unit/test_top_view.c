/* What top shows of its model and what keys do: order, filter, folding, cursor; pages of every size with names that
 * would be commands to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "prof/cli/top_layout.h"
#include "prof/cli/top_view.h"
#include "tests/unit/top_feed_made.h"

struct world {
	struct strtab *strings;
	struct top_model m;
	struct top_view v;
	struct top_page p;
	struct top_status s;
};
static struct world w;

static void add_thread(int tid, const char *name, int ms, enum profile_state state)
{
	struct top_thread *t = top_model_thread(&w.m);

	assert_non_null(t);
	t->pid = 100;
	t->tid = tid;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->state = state;
	t->cpu_ns = ms * INT64_C(1000000);
	t->total_cpu_ns = 10 * t->cpu_ns;
	t->cpu_pct = ms / 10.0;
}

static int make(void **state)
{
	static const char *const paths[] = {"main;work;beta",  "main;work;alpha", "main;work",
					    "main;idle;gamma", "start;cold",      NULL};
	static const int times[] = {400, 300, 100, 150, 10};
	int i;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.strings = strtab_new();
	if (!w.strings || top_model_init(&w.m, w.strings))
		return -1;
	top_view_init(&w.v);
	top_page_init(&w.p);
	top_model_begin(&w.m);
	for (i = 0; paths[i]; i++)
		if (made_add(&w.m, TOP_CPU, paths[i], 1e6 * times[i]))
			return -1;
	add_thread(101, "worker", 700, PROFILE_RUNNING);
	add_thread(102, "alphabet", 900, PROFILE_RUNNING);
	add_thread(103, "sleeper", 0, PROFILE_SLEEPING);
	w.m.threads[2].syscall = "futex";
	w.s.engine = "perf";
	w.s.pid = 100;
	w.s.processes = 1;
	snprintf(w.s.name, sizeof(w.s.name), "prog");
	return top_model_close(&w.m, 1000000000);
}

static int drop(void **state)
{
	(void)state;
	top_page_release(&w.p);
	top_view_release(&w.v);
	top_model_release(&w.m);
	strtab_free(w.strings);
	return 0;
}

/* Names of the rows, parted by blanks; a tree's with a dot per level. */
static const char *names(void)
{
	static char text[1000];
	uint32_t i, k;
	size_t n = 0;

	assert_int_equal(top_rows_build(&w.v, &w.m), 0);
	text[0] = '\0';
	for (i = 0; i < w.v.n_rows; i++) {
		uint32_t item = w.v.rows[i].item;
		const char *name =
			w.v.tab == TOP_TAB_THREADS
				? w.m.threads[item].name
				: strtab_text(w.strings,
					      w.m.functions[w.v.tab == TOP_TAB_LINES
								    ? w.m.lines[item].function
							    : w.v.tab == TOP_TAB_TREE
								    ? w.m.nodes[item].function
								    : item]
						      .name);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", i ? " " : "");
		for (k = 0; k < w.v.rows[i].depth; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, ".");
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", name);
	}
	return text;
}

static enum top_action key(int k)
{
	enum top_action a = top_key(&w.v, &w.m, k);

	assert_int_equal(top_rows_build(&w.v, &w.m), 0);
	top_view_settle(&w.v, &w.m);
	return a;
}

static void type(const char *text)
{
	for (; *text; text++)
		key((unsigned char)*text);
}

/* ---- order and filter ---- */

static void functions_are_sorted_by_self_total_or_name(void **state)
{
	(void)state;
	assert_string_equal(names(), "beta alpha gamma work cold main idle start");
	key('s');
	assert_string_equal(names(), "main work beta alpha gamma idle cold start");
	key('s');
	assert_string_equal(names(), "alpha beta cold gamma idle main start work");
	key('s');
	assert_string_equal(names(), "beta alpha gamma work cold main idle start");
}

static void threads_are_sorted_by_cpu_time_or_name(void **state)
{
	(void)state;
	key('3');
	assert_string_equal(names(), "alphabet worker sleeper");
	key('s');
	key('s');
	assert_string_equal(names(), "alphabet sleeper worker");
}

static void a_filter_is_a_regular_expression(void **state)
{
	(void)state;
	key('/');
	type("^(al|be)");
	assert_true(w.v.editing);
	assert_int_equal(key(TOP_KEY_ENTER), TOP_ACT_DRAW);
	assert_false(w.v.editing);
	assert_string_equal(names(), "beta alpha");
	key('3');
	assert_string_equal(names(), "alphabet");
	key('1');
	key(TOP_KEY_ESCAPE);
	assert_string_equal(names(), "beta alpha gamma work cold main idle start");
}

static void capitals_matter_only_if_there_are_some(void **state)
{
	(void)state;
	assert_int_equal(top_view_filter(&w.v, "alph"), 0);
	assert_string_equal(names(), "alpha");
	assert_int_equal(top_view_filter(&w.v, "Alph"), 0);
	assert_string_equal(names(), "");
	assert_int_equal(top_view_filter(&w.v, "/PROG$"), 0);
	assert_string_equal(names(), "");
	assert_int_equal(top_view_filter(&w.v, "/prog$"), 0); /* the module */
	assert_string_equal(names(), "beta alpha gamma work cold main idle start");
}

static void a_wrong_pattern_is_told_and_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(top_view_filter(&w.v, "alpha"), 0);
	key('/');
	assert_string_equal(w.v.edit, "alpha");
	type("(");
	key(TOP_KEY_ENTER);
	assert_true(w.v.editing && w.v.message[0]);
	assert_string_equal(w.v.filter, "alpha");
	assert_string_equal(names(), "alpha");
	key(TOP_KEY_BACKSPACE);
	assert_string_equal(w.v.edit, "alpha");
	assert_int_equal(w.v.message[0], 0);
	key('U' & 0x1f);
	assert_string_equal(w.v.edit, "");
	key(TOP_KEY_ESCAPE);
	assert_false(w.v.editing);
	assert_string_equal(names(), "alpha");
}

static void the_filters_line_takes_what_fits_and_erases_whole_characters(void **state)
{
	int i;

	(void)state;
	key('/');
	type("a\xc3\xa4");
	key(TOP_KEY_BACKSPACE);
	assert_string_equal(w.v.edit, "a");
	key(TOP_KEY_BACKSPACE);
	key(TOP_KEY_BACKSPACE);
	assert_string_equal(w.v.edit, "");
	for (i = 0; i < 1000; i++)
		key('x');
	assert_int_equal(strlen(w.v.edit), TOP_FILTER_MAX - 1);
	key(TOP_KEY_UP);
	key('\n' + 0x1000);
	assert_int_equal(strlen(w.v.edit), TOP_FILTER_MAX - 1);
}

/* ---- the tree ---- */

static void the_hottest_path_is_open(void **state)
{
	(void)state;
	key('4');
	assert_string_equal(names(), "main .work ..beta ..alpha .idle start");
}

static void nodes_open_and_close(void **state)
{
	(void)state;
	key('4');
	key(TOP_KEY_DOWN); /* work */
	key(TOP_KEY_LEFT);
	assert_string_equal(names(), "main .work .idle start");
	key(TOP_KEY_DOWN);
	key(TOP_KEY_RIGHT);
	assert_string_equal(names(), "main .work .idle ..gamma start");
	key(TOP_KEY_DOWN);
	key(TOP_KEY_LEFT); /* a leaf: to its caller */
	assert_int_equal(w.v.cursor[TOP_TAB_TREE], 2);
	key(TOP_KEY_ENTER);
	assert_string_equal(names(), "main .work .idle start");
	key(TOP_KEY_HOME);
	key(TOP_KEY_LEFT);
	assert_string_equal(names(), "main start");
	key(TOP_KEY_RIGHT);
	assert_string_equal(names(), "main .work .idle start");
}

static void the_cursor_stays_on_its_node(void **state)
{
	static const char *const paths[] = {"start;cold", "aaa;bbb", NULL};
	static const int times[] = {5000, 9000};

	(void)state;
	w.v.page = 20;
	key('4');
	key(TOP_KEY_DOWN);
	assert_int_equal(w.v.cursor[TOP_TAB_TREE], 1);
	assert_int_equal(made_interval(&w.m, paths, times), 0);
	assert_string_equal(names(), "aaa .bbb start main");
	top_view_settle(&w.v, &w.m);
	assert_in_range(w.v.cursor[TOP_TAB_TREE], 0, 3);
	w.m.nodes[w.m.nodes[w.v.node].parent].fold = TOP_FOLD_OPEN;
	assert_string_equal(names(), "aaa .bbb start main .work .idle");
	top_view_settle(&w.v, &w.m);
	assert_int_equal(w.v.rows[w.v.cursor[TOP_TAB_TREE]].item, w.v.node);
	assert_int_equal(top_model_reset(&w.m), 0);
	assert_string_equal(names(), "");
	top_view_settle(&w.v, &w.m);
	assert_int_equal(w.v.node, 0);
	key(TOP_KEY_LEFT);
	key(TOP_KEY_RIGHT);
	key(TOP_KEY_ENTER);
}

static void a_filter_opens_the_tree_where_it_matches(void **state)
{
	(void)state;
	key('4');
	assert_int_equal(top_view_filter(&w.v, "gam"), 0);
	assert_string_equal(names(), "main .idle ..gamma");
	assert_int_equal(top_view_filter(&w.v, "nothing"), 0);
	assert_string_equal(names(), "");
}

static void a_path_of_thousands_is_walked(void **state)
{
	uint32_t node = 0, i;

	(void)state;
	top_model_begin(&w.m);
	for (i = 0; i < 20000; i++)
		node = top_tree_child(&w.m, node, 1 + i % 2);
	w.m.nodes[node].cost[TOP_CPU].self[TOP_NOW] = 1e12;
	w.m.sum[TOP_CPU][TOP_NOW] = 1e12;
	assert_int_equal(top_model_close(&w.m, 1000000000), 0);
	key('4');
	assert_true(w.v.n_rows > 20000);
	key(TOP_KEY_END);
	w.v.page = 10;
	top_page_begin(&w.p, 40, 1);
	top_layout_screen(&w.p, &w.s, &w.m, &w.v, 20);
	assert_int_equal(w.p.failed, 0);
}

/* ---- cursor ---- */

static void the_cursor_moves_and_stays_inside(void **state)
{
	(void)state;
	w.v.page = 3;
	names();
	key(TOP_KEY_UP);
	assert_int_equal(w.v.cursor[0], 0);
	key(TOP_KEY_DOWN);
	key('j');
	key('j');
	assert_int_equal(w.v.cursor[0], 3);
	assert_int_equal(w.v.first[0], 1);
	key(TOP_KEY_PAGE_DOWN);
	assert_int_equal(w.v.cursor[0], 5);
	key(TOP_KEY_END);
	assert_int_equal(w.v.cursor[0], 7);
	assert_int_equal(w.v.first[0], 5);
	key(TOP_KEY_DOWN);
	assert_int_equal(w.v.cursor[0], 7);
	assert_int_equal(top_view_filter(&w.v, "alpha"), 0);
	names();
	top_view_settle(&w.v, &w.m);
	assert_int_equal(w.v.cursor[0], 0);
	assert_int_equal(w.v.first[0], 0);
	key(TOP_KEY_PAGE_UP);
	key(TOP_KEY_HOME);
	assert_int_equal(w.v.cursor[0], 0);
}

static void keys_tell_what_is_left_to_do(void **state)
{
	(void)state;
	assert_int_equal(key('q'), TOP_ACT_QUIT);
	assert_int_equal(key('r'), TOP_ACT_RESET);
	assert_int_equal(key('p'), TOP_ACT_PAUSE);
	assert_true(w.v.paused);
	assert_int_equal(key(' '), TOP_ACT_PAUSE);
	assert_false(w.v.paused);
	assert_int_equal(key('w'), TOP_ACT_KIND);
	assert_int_equal(key('w'), TOP_ACT_NOTHING);
	assert_int_equal(key('c'), TOP_ACT_KIND);
	assert_int_equal(key('t'), TOP_ACT_DRAW);
	assert_int_equal(w.v.span, TOP_ALL);
	assert_int_equal(key('\t'), TOP_ACT_DRAW);
	assert_int_equal(w.v.tab, TOP_TAB_LINES);
	key(TOP_KEY_BACK_TAB);
	key(TOP_KEY_BACK_TAB);
	assert_int_equal(w.v.tab, TOP_TAB_TREE);
	assert_int_equal(key('?'), TOP_ACT_DRAW);
	assert_true(w.v.help);
	assert_int_equal(key('q'), TOP_ACT_DRAW); /* any key leaves the help */
	assert_false(w.v.help);
	assert_int_equal(key(TOP_KEY_REDRAW), TOP_ACT_REDRAW);
	assert_int_equal(key(0x7777), TOP_ACT_NOTHING);
}

/* ---- pages ---- */

static char *line_text(uint32_t line)
{
	const struct top_page_line *l = &w.p.lines[line];
	struct buf b = BUF_INIT;
	uint32_t k;

	buf_puts(&b, "");
	for (k = 0; k < l->n_runs; k++)
		buf_put(&b, w.p.text.data + w.p.runs[l->run + k].at, w.p.runs[l->run + k].len);
	return buf_steal(&b, NULL);
}

static void field_is(const char *text, int width, int right, int utf8, const char *want)
{
	char *got;

	top_page_begin(&w.p, 20, utf8);
	top_page_line(&w.p);
	top_page_field(&w.p, TOP_PLAIN, text, width, right);
	got = line_text(0);
	assert_string_equal(got ? got : "", want);
	free(got);
}

static void fields_are_cut_padded_and_harmless(void **state)
{
	(void)state;
	field_is("abc", 5, 0, 1, "abc  ");
	field_is("abc", 5, 1, 1, "  abc");
	field_is("abcdefghij", 7, 0, 1, "abc…hij");
	field_is("abcdefghij", 7, 0, 0, "abc.hij");
	field_is("abcdefghij", 3, 0, 1, "abc");
	field_is("a\033[2J\nb", 20, 0, 1, "a?[2J?b             ");
	field_is("\xff\xc3", 4, 0, 1, "\xef\xbf\xbd\xef\xbf\xbd  ");
	field_is("\xc2\xb5s", 3, 0, 0, "us ");
	field_is("日本語テキスト", 8, 0, 1, "日…スト "); /* two columns each */
	field_is("e\xcc\x81t", 3, 0, 1, "e\xcc\x81t ");  /* a combining accent */
	field_is("e\xcc\x81t", 3, 0, 0, "et ");
	field_is("\xe2\x80\xaex", 3, 0, 1, "?x "); /* right-to-left override */
	field_is("long enough for the line", 99, 0, 1, "long enou…r the line");
}

static void a_name_gives_way_to_nothing_it_needs(void **state)
{
	uint32_t i;
	int found = 0;

	(void)state;
	names();
	top_page_begin(&w.p, 100, 1);
	top_layout_screen(&w.p, &w.s, &w.m, &w.v, 24);
	assert_int_equal(w.p.n_lines, 24);
	for (i = 0; i < w.p.n_lines; i++) {
		char *text = line_text(i);

		found += text &&
			 strcmp(text, " 41.7 %  41.7 %     400 ms     400 ms beta  prog") == 0;
		free(text);
	}
	assert_int_equal(found, 0); /* the cursor's row is filled to the line's end */
	key(TOP_KEY_DOWN);
	top_page_begin(&w.p, 100, 1);
	top_layout_screen(&w.p, &w.s, &w.m, &w.v, 24);
	for (i = 0; i < w.p.n_lines; i++) {
		char *text = line_text(i);

		found += text &&
			 strcmp(text, " 41.7 %  41.7 %     400 ms     400 ms beta  prog") == 0;
		free(text);
	}
	assert_int_equal(found, 1);
}

/* Each tab, help and filter at every size: no line too wide, none too many, nothing but text. */
static void pages_of_every_size_hold(void **state)
{
	static const int widths[] = {1,  2,  3,  7,  12, 19,  20,  35,  36,
				     40, 60, 71, 72, 80, 100, 250, 1000};
	static const int heights[] = {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 24, 25, 60, 300};
	size_t i, k;
	int tab, mode;

	(void)state;
	add_thread(104, "\033]2;evil\007\xff", 5, PROFILE_DISK);
	snprintf(w.s.command, sizeof(w.s.command), "/bin/prog \033[31m %0200d", 1);
	assert_int_equal(made_add(&w.m, TOP_CPU, "main;\033[2J\xc3;x", 50e6), 0);
	for (tab = 0; tab < 5; tab++)
		for (mode = 0; mode < 8; mode++)
			for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
				for (k = 0; k < sizeof(heights) / sizeof(heights[0]); k++) {
					uint32_t l;
					size_t c;

					w.v.tab = (enum top_tab)(tab % TOP_TABS);
					w.v.help = tab == TOP_TABS;
					w.v.editing = mode & 1;
					snprintf(w.v.message, sizeof(w.v.message), "%s",
						 mode & 2 ? "a message \033" : "");
					assert_int_equal(top_rows_build(&w.v, &w.m), 0);
					top_page_begin(&w.p, widths[i], mode >> 2 & 1);
					top_layout_screen(&w.p, &w.s, &w.m, &w.v, heights[k]);
					assert_int_equal(w.p.failed, 0);
					assert_true((int)w.p.n_lines <= heights[k]);
					for (l = 0; l < w.p.n_lines; l++)
						assert_true(w.p.lines[l].used <= widths[i]);
					for (c = 0; c < w.p.text.len; c++)
						assert_true(
							(unsigned char)w.p.text.data[c] >= 0x20 &&
							((mode & 4) ||
							 (unsigned char)w.p.text.data[c] < 0x7f));
				}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)
	const struct CMUnitTest tests[] = {
		T(functions_are_sorted_by_self_total_or_name),
		T(threads_are_sorted_by_cpu_time_or_name),
		T(a_filter_is_a_regular_expression),
		T(capitals_matter_only_if_there_are_some),
		T(a_wrong_pattern_is_told_and_changes_nothing),
		T(the_filters_line_takes_what_fits_and_erases_whole_characters),
		T(the_hottest_path_is_open),
		T(nodes_open_and_close),
		T(the_cursor_stays_on_its_node),
		T(a_filter_opens_the_tree_where_it_matches),
		T(a_path_of_thousands_is_walked),
		T(the_cursor_moves_and_stays_inside),
		T(keys_tell_what_is_left_to_do),
		T(fields_are_cut_padded_and_harmless),
		T(a_name_gives_way_to_nothing_it_needs),
		T(pages_of_every_size_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
