/* Tests of suppressions: patterns, files, what the run-time keeps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prof/analyze/suppress.h"
#include "tests/unit/made_profile.h"

static void patterns_match_parts_unless_tied(void **state)
{
	static const struct {
		const char *pattern, *text;
		int matches;
	} cases[] = {
		{"malloc", "my_malloc_all", 1},
		{"malloc", "my_calloc", 0},
		{"^malloc", "malloc_all", 1},
		{"^malloc", "my_malloc", 0},
		{"malloc$", "my_malloc", 1},
		{"malloc$", "malloc_all", 0},
		{"^f$", "f", 1},
		{"^f$", "ff", 0},
		{"a*c", "xxabbbcxx", 1},
		{"a*c", "acb", 1},
		{"a*c", "ca", 0},
		{"^a*c$", "abcbc", 1},
		{"^a*c$", "abcb", 0},
		{"a*b*c", "a1b2b3c", 1},
		{"a*b*c", "a1c2b", 0},
		{"*", "", 1},
		{"", "", 1},
		{"^$", "", 1},
		{"^$", "x", 0},
		{"^*x*x$", "xx", 1},
		{"^*x*x$", "x", 0},
		{"std::map<*>::insert", "std::map<int, int>::insert(int)", 1},
		{"ab", "aab", 1},
		{"aab$", "aaab", 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (suppress_matches(cases[i].pattern, cases[i].text) != cases[i].matches)
			fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

static void add(struct suppress *s, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(suppress_add_text(s, text, strlen(text), "f.supp", &err), 0);
}

static void files_have_patterns_reasons_and_comments(void **state)
{
	struct suppress s = {0};

	(void)state;
	add(&s, "# known\n\nleak:one\n  leak:operator new(unsigned long)  kept by design \r\n"
		"leak:three\ttabbed\nleak:no newline");
	assert_int_equal(s.n, 4);
	assert_string_equal(s.rules[0].pattern, "one");
	assert_string_equal(s.rules[0].reason, "");
	assert_string_equal(s.rules[1].pattern, "operator new(unsigned long)");
	assert_string_equal(s.rules[1].reason, "kept by design");
	assert_string_equal(s.rules[2].pattern, "three");
	assert_string_equal(s.rules[2].reason, "tabbed");
	assert_string_equal(s.rules[3].pattern, "no newline");
	suppress_release(&s);
}

static void wrong_lines_are_named(void **state)
{
	static const char *const bad[] = {"leak:a\nrace:b\n", "\nleak:\n", "# x\nleak:  reason\n",
					  "leak:a\nfoo", "\nleak"};
	struct suppress s = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(suppress_add_text(&s, bad[i], strlen(bad[i]), "f.supp", &err),
				 ERR_FORMAT);
		assert_non_null(strstr(err.text, "f.supp:2: "));
	}
	suppress_release(&s);
}

static void functions_files_and_modules_are_looked_at(void **state)
{
	static const struct {
		const char *rule;
		int hits;
	} cases[] = {{"leak:^keep$", 1},   {"leak:main", 1},      {"leak:src/keep.c$", 1},
		     {"leak:/bin/pro", 1}, {"leak:elsewhere", 0}, {"leak:^eep", 0}};
	struct profile p;
	uint32_t stack;
	size_t i;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	stack = made_stack(&p, "main@/bin/prog:/src/main.c:3;keep@/bin/prog:/src/keep.c:5");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct suppress s = {0};

		add(&s, cases[i].rule);
		assert_int_equal(suppress_find(&s, &p, stack) == 0, cases[i].hits);
		assert_int_equal(suppress_find(&s, &p, 0), SUPPRESS_NONE);
		suppress_release(&s);
	}
	profile_release(&p);
}

#define LIBC "@/lib/x86_64-linux-gnu/libc.so.6"
#define LDSO "@/lib64/ld-linux-x86-64.so.2"
#define CXX  "@/usr/lib/libstdc++.so.6"

static void what_the_run_time_keeps_is_built_in(void **state)
{
	static const struct {
		const char *path, *rule; /* NULL: a leak */
	} cases[] = {
		{"main@/bin/prog;printf" LIBC ";_IO_file_doallocate" LIBC, "stdio buffers"},
		{"main@/bin/prog;setlocale" LIBC ";_nl_load_locale" LIBC, "locale and time zone"},
		{"main@/bin/prog;pthread_create" LIBC ";_dl_allocate_tls" LDSO, "dynamic linker"},
		{"main@/bin/prog;atexit" LIBC ";__new_exitfn" LIBC, "atexit and environment"},
		{"_start" LDSO ";call_init" LDSO ";[unknown in libstdc++.so.6+0x9]" CXX,
		 "run-time start-up"},
		{"main@/bin/prog;keep@/bin/prog", NULL},
		{"main@/bin/prog;strdup" LIBC, NULL},
		/* A callback of the program's own, however deep in libraries. */
		{"main@/bin/prog;setlocale" LIBC ";hook@/bin/prog", NULL},
		/* Where the walk ended early, nobody knows who called. */
		{"[truncated];strdup" LIBC, NULL},
		{"_IO_file_doallocate@/bin/prog", NULL},
	};
	struct suppress s = {0};
	struct profile p;
	size_t i;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	assert_int_equal(suppress_add_builtin(&s, NULL), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t rule = suppress_find(&s, &p, made_stack(&p, cases[i].path));

		if ((rule == SUPPRESS_NONE) != !cases[i].rule ||
		    (cases[i].rule && strcmp(s.rules[rule].pattern, cases[i].rule) != 0))
			fail_msg("%s: %s", cases[i].path,
				 rule == SUPPRESS_NONE ? "none" : s.rules[rule].pattern);
	}
	suppress_release(&s);
	profile_release(&p);
}

static void huge_names_take_no_time(void **state)
{
	char *text = malloc(10000001);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 10000000);
	text[10000000] = '\0';
	assert_int_equal(suppress_matches("b", text), 0);
	assert_int_equal(suppress_matches("a*a*a*a*a*a*b", text), 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_parts_unless_tied),
		cmocka_unit_test(files_have_patterns_reasons_and_comments),
		cmocka_unit_test(wrong_lines_are_named),
		cmocka_unit_test(functions_files_and_modules_are_looked_at),
		cmocka_unit_test(what_the_run_time_keeps_is_built_in),
		cmocka_unit_test(huge_names_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
