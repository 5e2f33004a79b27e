/* The plain table of a page: its numbers, and that no name in it is more than a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/made_profile.h"
#include "tests/unit/static_check.h"
#include "viewer/redact.h"
#include "viewer/static.h"

static struct profile a, b;
static struct flame_run runs[3];
static struct flame_options options;
static struct buf html = BUF_INIT;

static void set_run(struct profile *p, const char *name)
{
	assert_int_equal(profile_init(p), 0);
	p->run.id = made_text(p, "3f2a9c1e-7b44-4c55-9d0e-5f6a7b8c9d0e");
	p->run.name = made_text(p, name);
	p->run.command = made_text(p, "/opt/tools/bin/export --secret=hunter2 in.db");
	p->run.host = made_text(p, "node17");
	p->run.mode = made_text(p, "cpu");
	p->run.started_at = 1767225600000000000;
	p->run.duration_ns = 12345678901;
	p->run.rate_hz = 199;
	p->run.finished = 1;
	made_thread(p, "main", 1);
}

static int make(void **state)
{
	(void)state;
	set_run(&a, "first");
	set_run(&b, "second");
	memset(runs, 0, sizeof runs);
	runs[0].p = &a;
	runs[1].p = &b;
	runs[2].p = &b;
	options = (struct flame_options){.runs = runs, .n_runs = 1, .kind = PROFILE_CPU};
	return 0;
}

static int drop(void **state)
{
	(void)state;
	profile_release(&a);
	profile_release(&b);
	buf_release(&html);
	return 0;
}

static const char *written(void)
{
	const char *wrong;

	buf_clear(&html);
	assert_int_equal(static_write(&html, &options, NULL), 0);
	wrong = static_wrong(buf_str(&html), html.len);
	if (wrong)
		fail_msg("%.80s", wrong);
	return buf_str(&html);
}

static void has(const char *text)
{
	if (!strstr(buf_str(&html), text))
		fail_msg("'%s' is not in:\n%s", text, buf_str(&html));
}

static void lacks(const char *text)
{
	if (strstr(buf_str(&html), text))
		fail_msg("'%s' is in:\n%s", text, buf_str(&html));
}

static void a_run_and_what_cost_most(void **state)
{
	static const struct flame_precision sure[] = {
		{PROFILE_PEAK, "exact", 0, 0},
		{PROFILE_ALLOC, "estimated, one < 512 KiB", 1 << 19, 1 << 21},
	};

	(void)state;
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;knn;dot", 60, 6000000000);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;knn", 10, 1000000000);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;r;r;r", 30, 3000000000);
	made_sample(&a, PROFILE_ALLOC, PROFILE_NONE, 0, "main;load", 2, 1 << 20);
	a.losses = made_grow(a.losses, 0, sizeof *a.losses);
	a.losses[a.n_losses++] = (struct profile_loss){made_text(&a, "late_tick"), 1234};
	written();
	has("<h2><bdi>first</bdi></h2>");
	has("<bdi>/opt/tools/bin/export --secret=hunter2 in.db</bdi>");
	has("on <bdi>node17</bdi>, 2026-01-01 00:00:00 UTC, 12.3 s, 199 Hz; lost: 1,234 "
	    "<bdi>late_tick</bdi>");
	has("<h3>CPU time: 10 s, 100 samples</h3>");
	has("<tbody>\n"
	    "<tr><td><bdi>dot</bdi><td>6 s<td>60.0 %<td>6 s<td>60.0 %\n"
	    "<tr><td><bdi>r</bdi><td>3 s<td>30.0 %<td>3 s<td>30.0 %\n"
	    "<tr><td><bdi>knn</bdi><td>1 s<td>10.0 %<td>7 s<td>70.0 %\n"
	    "<tr><td><bdi>main</bdi><td>0 ns<td>0.0 %<td>10 s<td>100.0 %\n"
	    "</table>\n");
	has("<h3>bytes allocated: 1.0 MiB, 2 allocations</h3>");
	has("<bdi>load</bdi><td>1.0 MiB<td>100.0 %");
	runs[0].precisions = sure;
	runs[0].n_precisions = 2;
	written();
	has("<h3>CPU time: 10 s, 100 samples</h3>");
	has("1.0 MiB, 2 allocations (estimated, one &lt; 512 KiB; 95 %: 512.0 KiB \xe2\x80\xa6 2.0 "
	    "MiB)"
	    "</h3>");
	options.only_kind = 1;
	written();
	lacks("bytes");
}

static int no_knn(void *ctx, const struct profile_sample *s)
{
	(void)ctx;
	return s->count != 60;
}

static void only_what_is_shown_counts(void **state)
{
	(void)state;
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;knn", 60, 6000);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;load", 10, 1000);
	runs[0].include = no_knn;
	options.filter_text = "stage <load> and inside it";
	options.title = "a & b";
	written();
	has("CPU time: 1 us, 10 samples");
	has("<p>only <bdi>stage &lt;load&gt; and inside it</bdi>");
	has("<h2><bdi>a &amp; b</bdi></h2>");
	lacks("knn");
	lacks("first");
}

static void functions_of_two_modules_are_two(void **state)
{
	(void)state;
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "init@/lib/liba.so", 1, 30);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "init@/lib/libb.so", 1, 20);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "init@/opt/liba.so", 1, 50);
	written();
	has("<bdi>init</bdi><td>80 ns<td>80.0 %");
	has("<bdi>init</bdi><td>20 ns<td>20.0 %");
}

static void two_runs_stand_beside_each_other(void **state)
{
	(void)state;
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;old@/a/prog", 10, 3000000);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;same@/a/prog", 10, 1000000);
	made_sample(&b, PROFILE_CPU, PROFILE_NONE, 0, "main;new@/b/prog", 10, 5000000);
	made_sample(&b, PROFILE_CPU, PROFILE_NONE, 0, "main;same@/b/prog", 10, 2500000);
	options.n_runs = 2;
	written();
	has("<h2>A: <bdi>first</bdi></h2>");
	has("<h2>B: <bdi>second</bdi></h2>");
	has("<h3>CPU time: A 4 ms, 20 samples; B 7.5 ms, 20 samples</h3>");
	has("<bdi>new</bdi><td>0 ns<td>5 ms<td>+5 ms<td>0 ns<td>5 ms\n");
	has("<bdi>old</bdi><td>3 ms<td>0 ns<td>\xe2\x88\x92"
	    "3 ms<td>3 ms<td>0 ns\n");
	has("<bdi>same</bdi><td>1 ms<td>2.5 ms<td>+1.5 ms<td>1 ms<td>2.5 ms\n");
	has("<bdi>main</bdi><td>0 ns<td>0 ns<td>0 ns<td>4 ms<td>7.5 ms\n");
	lacks("more runs");
	options.n_runs = 3;
	options.title = "both";
	written();
	has("<h2><bdi>both</bdi></h2>\n<h2>A: <bdi>first</bdi></h2>");
	has("and 1 more runs");
}

static void redacted_it_tells_nothing_of_the_place(void **state)
{
	(void)state;
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main@/people/me/prog:/people/me/x.c:3", 1,
		    30);
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "JS:*fib /people/me/fib.js@/bin/node", 1, 30);
	a.run.name = made_text(&a, "/people/me/night");
	a.losses = calloc(1, sizeof *a.losses);
	assert_non_null(a.losses);
	a.losses[0] = (struct profile_loss){made_text(&a, "/people/me/full"), 1};
	a.n_losses = 1;
	options.redact = 1;
	written();
	has("<code><bdi>export</bdi></code>");
	lacks("secret");
	lacks("node17");
	lacks("/opt");
	lacks("/people");
	has("<h2><bdi>night</bdi></h2>");
	has("1 <bdi>full</bdi>");
	has("<bdi>JS:*fib fib.js</bdi>");
}

static void programs_are_words_without_folders(void **state)
{
	static const char *const cases[][2] = {
		{"/usr/bin/knn -k 5 /data/x", "knn"},
		{"knn", "knn"},
		{"'/a b/c d' --x", "c d"},
		{"\"/a/b\" c", "b"},
		{"", ""},
		{"/", ""},
		{"'/unclosed path", "unclosed path"},
		{"./x", "x"},
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *from = redact_program(cases[i][0], &n);

		assert_int_equal(n, strlen(cases[i][1]));
		assert_memory_equal(from, cases[i][1], n);
	}
}

static void names_lose_the_folders_of_paths(void **state)
{
	static const char *const cases[][2] = {
		{"JS:*fib /people/x/fib.js:3:7", "JS:*fib fib.js:3:7"},
		{"JS:~f file:///a/b/c.mjs", "JS:~f file:c.mjs"},
		{"/a/b", "b"},
		{"/a/b/", "b/"},
		{"//", "//"},
		{"/", "/"},
		{"/x.js", "/x.js"},
		{"x.js", "x.js"},
		{"", ""},
		{"py::f:/a/b.py", "py::f:b.py"},
		{"f('/a b/c', \"/d/e\")", "f('c', \"e\")"},
		{"f '/a/b", "f 'b"},
		{"operator/(A, B)", "operator/(A, B)"},
		{"a / b/c", "a / b/c"},
		{"github.com/x/y.f", "github.com/x/y.f"},
		{"</b></i>", "</b></i>"},
		{"[unknown in /opt/x/lib.so+0x7]", "[unknown in lib.so+0x7]"},
		{"JS:*f /people/anna k/secret/x.js:3", "JS:*f x.js:3"},
		{"f /people/anna k/secret/x.js y", "f x.js y"},
		{"/people/k, anna/x (old)/o'b:c/x.js", "x.js"},
		{"/a/b c /d/e f", "b c e f"},
		{"-I/people/anna/x", "-Ix"},
		{"cc -isystem/people/anna/x -c", "cc -isystemx -c"},
		{"a-b/c/d", "a-b/c/d"},
		{"JS:*/people/x/fib.js", "JS:*fib.js"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf name = BUF_INIT;

		redact_name(&name, cases[i][0], strlen(cases[i][0]));
		assert_string_equal(buf_str(&name), cases[i][1]);
		buf_release(&name);
	}
}

static void an_empty_run_is_a_run(void **state)
{
	(void)state;
	a.run = (struct profile_run){0};
	written();
	has("<h2><bdi>(no name)</bdi></h2>");
	has("lost: nothing");
	has("<h3>CPU time: 0 ns, 0 samples</h3>");
	lacks("<table>");
}

/* ---- foreign names ---- */

static const struct {
	const char *text;
	size_t n;
} corpus[] = {
#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof text - 1                                                              \
	}
	NAME("<script>alert(1)</script>"),
	NAME("</table></section><img src=x onerror=alert(1)>"),
	NAME("</script><!--"),
	NAME("--><svg onload=alert(1)>"),
	NAME("\" onmouseover=\"alert(1)"),
	NAME("' autofocus onfocus='alert(1)"),
	NAME("`${alert(1)}`"),
	NAME("&lt;b&gt; &#60;b&#62; &amp;amp; &notit;"),
	NAME("<bdi>a</bdi></bdi></bdi>"),
	NAME("a\0b</td>"),
	NAME("line\r\nline\tline\x1b[31mred\x07"),
	NAME("\xe2\x80\xae"
	     "evil\xe2\x80\xac\xe2\x81\xa6x\xe2\x81\xa9"),
	NAME("\xef\xbb\xbf\xe2\x80\x8b\xc2\xad"),
	NAME("\xff\xfe\xfd\xc0\xbc\xed\xa0\x80\xf8\x88\x80\x80\x80"),
	NAME("\xe2\x82<b>\xf0\x9f<i>"),
	NAME("\xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"),
	NAME(" \t\n "),
	NAME("operator<<(std::ostream&, A<B<int> > const&)"),
	NAME("@PROTEA-FLAME-DATA@"),
	NAME("@PROTEA-FLAME-STATIC@"),
	NAME("javascript:alert(1)"),
	NAME("<"),
	NAME("&"),
	NAME(""),
};
#define N_CORPUS (sizeof corpus / sizeof corpus[0])

static uint32_t named(struct profile *p, const char *text, size_t n)
{
	uint32_t id = 0;

	assert_int_equal(strtab_intern(p->strings, text, n, &id), 0);
	return id;
}

/* Everything that a profile names. */
static void name_all(struct profile *p, const char *text, size_t n)
{
	uint32_t id = named(p, text, n), i;

	p->run.id = p->run.name = p->run.command = p->run.host = id;
	for (i = 0; i < p->n_frames; i++)
		p->frames[i].function = id;
	for (i = 0; i < p->n_modules; i++)
		p->modules[i].path = id;
	for (i = 0; i < p->n_losses; i++)
		p->losses[i].reason = id;
}

static void foreign_names_are_only_names(void **state)
{
	size_t i;
	int k;

	(void)state;
	for (k = 0; k < 12; k++) {
		a.losses = made_grow(a.losses, a.n_losses, sizeof *a.losses);
		a.losses[a.n_losses++].count = 1;
	}
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main@/bin/p;f@/bin/p;g@/lib/q", 1, 30);
	made_sample(&b, PROFILE_CPU, PROFILE_NONE, 0, "main@/bin/p;f@/bin/p", 1, 30);
	for (i = 0; i < N_CORPUS; i++) {
		char title[64];

		snprintf(title, sizeof title, "%s", corpus[i].text);
		options.title = options.filter_text = title;
		name_all(&a, corpus[i].text, corpus[i].n);
		name_all(&b, corpus[N_CORPUS - 1 - i].text, corpus[N_CORPUS - 1 - i].n);
		for (options.n_runs = 1; options.n_runs <= 2; options.n_runs++) {
			options.redact = 0;
			written();
			options.redact = 1;
			written();
		}
		options.n_runs = 1;
	}
}

static void long_names_are_cut_and_say_so(void **state)
{
	size_t n = (size_t)10 << 20, i;
	char *text = malloc(n + 1);
	const char *at;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	text[n] = '\0';
	made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, "main;f", 1, 30);
	name_all(&a, text, n);
	written();
	at = strstr(buf_str(&html), "<td><bdi>");
	assert_non_null(at);
	assert_int_equal(strspn(at + 9, "x"), STATIC_NAME_MAX);
	assert_memory_equal(at + 9 + STATIC_NAME_MAX, "</bdi>\xe2\x80\xa6", 9);
	/* By characters, not bytes, and never within one. */
	for (i = 0; i + 2 < n; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	name_all(&a, text, n);
	written();
	lacks("\xef\xbf\xbd");
	at = strstr(buf_str(&html), "<td><bdi>");
	assert_int_equal(strcspn(at + 9, "<"), 2 * STATIC_NAME_MAX);
	free(text);
}

/* 3,000 functions, whose names are as long as names get once they are written as HTML. */
static void size_stays_within_bounds(void **state)
{
	static const char *const fills[] = {"<", "x", "\xe2\x80\xae", "\xff", "&"};
	char path[300], name[600];
	size_t i, k, small;

	(void)state;
	options.title = options.filter_text = name;
	for (k = 0; k < sizeof fills / sizeof fills[0]; k++) {
		name[0] = '\0';
		for (i = 0; i + 1 < 500 / strlen(fills[k]); i++)
			memcpy(name + i * strlen(fills[k]), fills[k], strlen(fills[k]) + 1);
		for (i = 0; i < 100; i++) {
			snprintf(path, sizeof path, "f%zu_%zu", k, i);
			made_sample(&a, PROFILE_CPU, PROFILE_NONE, 0, path, 1, 30);
			made_sample(&a, PROFILE_ALLOC, PROFILE_NONE, 0, path, 1, 30);
			made_sample(&b, PROFILE_CPU, PROFILE_NONE, 0, path, 1, 30);
			snprintf(path, sizeof path, "%.250s%zu", name, i);
			a.frames[a.n_frames - 1].function = made_text(&a, path);
		}
		a.run.name = a.run.command = a.run.host = made_text(&a, name);
		for (options.n_runs = 1; options.n_runs <= 2; options.n_runs++) {
			written();
			small = html.len;
			assert_true(small <= STATIC_BYTES_SMALL);
		}
		options.n_runs = 1;
	}
	assert_true(a.n_stacks > 400);
	has("more that cost less");
	for (i = 0; a.n_stacks < 2500; i++) {
		a.stacks = made_grow(a.stacks, a.n_stacks, sizeof *a.stacks);
		a.stacks[a.n_stacks++] = (struct profile_stack){0, 0, 1};
	}
	written();
	assert_true(html.len > STATIC_BYTES_SMALL && html.len <= STATIC_BYTES_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_run_and_what_cost_most),
		T(only_what_is_shown_counts),
		T(functions_of_two_modules_are_two),
		T(two_runs_stand_beside_each_other),
		T(redacted_it_tells_nothing_of_the_place),
		T(programs_are_words_without_folders),
		T(names_lose_the_folders_of_paths),
		T(an_empty_run_is_a_run),
		T(foreign_names_are_only_names),
		T(long_names_are_cut_and_say_so),
		T(size_stays_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
