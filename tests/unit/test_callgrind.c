/* Tests of callgrind's reader: every kind of line, sums that stay exact, stacks by proportion, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/formats/callgrind.h"
#include "prof/formats/folded.h"

/* The manual's example, and more: two events, instr and line, hex, names by number, relative positions. */
static const char sample[] = "# callgrind format\n"
			     "version: 1\n"
			     "creator: callgrind-3.19.0\n"
			     "pid: 4711\n"
			     "cmd:  /opt/bin/app --fast\n"
			     "part: 1\n"
			     "\n"
			     "desc: Trigger: Program termination\n"
			     "positions: instr line\n"
			     "event: Ir : Instruction fetches\n"
			     "events: Dr Ir\n"
			     "summary: 999 1900\n"
			     "\n"
			     "ob=(1) /opt/bin/app\n"
			     "fl=(1) main.c\n"
			     "fn=(1) main\n"
			     "0x400 16 1 100\n"
			     "cfn=(2) f\n"
			     "calls=1 0x500 30\n"
			     "+4 * 5 900\n"
			     "cfi=(2) lib.c\n"
			     "cob=(2) /opt/lib/libx.so\n"
			     "cfn=(3) g\n"
			     "calls=3 0x900 7\n"
			     "+4 +2 7 900\n"
			     "jump=1 0x410 20\n"
			     "* *\n"
			     "\n"
			     "fn=(2)\n"
			     "0x500 30 0 200\n"
			     "fi=(3) inline.h\n"
			     "+2 5 0 100\n"
			     "fe=(1)\n"
			     "+2 -1\n"
			     "cfi=(2)\n"
			     "cob=(2)\n"
			     "cfn=(3)\n"
			     "calls=2 0x900 7\n"
			     "+1 31 0 600\n"
			     "\n"
			     "ob=(2)\n"
			     "fl=(2)\n"
			     "fn=(3)\n"
			     "0x900 7 3 1500\n"
			     "totals: 4 1900\n";

static struct profile profile;
static struct err err;

static int read_text(const char *text, const char *event)
{
	err = (struct err)ERR_INIT;
	return callgrind_read(text, strlen(text), event, &profile, &err);
}

static int64_t sum_of(const char *path)
{
	char *text = NULL, *line, *rest = NULL;
	size_t size = 0;
	int64_t sum = -1;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(folded_write(out, &profile, PROFILE_CPU, FOLDED_VALUE, NULL, NULL, &err),
			 0);
	assert_int_equal(fclose(out), 0);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strrchr(line, ' ');

		*value = '\0';
		if (strcmp(line, path) == 0)
			sum = strtoll(value + 1, NULL, 10);
	}
	free(text);
	return sum;
}

static int64_t total(void)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile.n_samples; i++)
		sum += profile.samples[i].value;
	return sum;
}

static const char *text(uint32_t id)
{
	return strtab_text(profile.strings, id);
}

static void costs_go_to_stacks_by_the_share_of_calls(void **state)
{
	(void)state;
	assert_int_equal(read_text(sample, "Ir"), 0);
	assert_int_equal(total(), 1900);
	assert_int_equal(sum_of("main"), 100);
	assert_int_equal(sum_of("main;f"), 300);
	assert_int_equal(sum_of("main;g"), 900);
	assert_int_equal(sum_of("main;f;g"), 600);
	profile_release(&profile);
}

static void the_first_event_is_read_unless_one_is_named(void **state)
{
	(void)state;
	assert_int_equal(read_text(sample, NULL), 0);
	assert_int_equal(total(), 4);
	assert_string_equal(text(profile.run.mode), "Dr");
	assert_int_equal(profile.n_counters, 0);
	profile_release(&profile);
	assert_int_equal(read_text(sample, "Ix"), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "Dr Ir"));
}

static void the_run_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(read_text(sample, "Ir"), 0);
	assert_string_equal(text(profile.run.engine), CALLGRIND_ENGINE);
	assert_string_equal(text(profile.run.mode), CALLGRIND_EVENT);
	assert_string_equal(text(profile.run.command), "/opt/bin/app --fast");
	assert_string_equal(text(profile.run.name), "app");
	assert_true(profile.run.finished);
	assert_int_equal(profile.n_processes, 1);
	assert_int_equal(profile.processes[0].pid, 4711);
	assert_int_equal(profile.n_counters, 1);
	assert_string_equal(text(profile.counters[0].name), "instructions");
	assert_true(profile.counters[0].value == 1900);
	profile_release(&profile);
}

static void lines_files_and_objects_are_kept(void **state)
{
	int inlined = 0, in_object = 0;

	(void)state;
	assert_int_equal(read_text(sample, "Ir"), 0);
	for (size_t i = 0; i < profile.n_samples; i++) {
		const struct profile_frame *f =
			&profile.frames[profile.stacks[profile.samples[i].stack].frame];
		const char *file = text(f->file), *function = text(f->function);

		if (strcmp(file, "inline.h") == 0 && f->line == 5 && strcmp(function, "f") == 0)
			inlined += (int)profile.samples[i].value;
		if (strcmp(function, "g") == 0 &&
		    strcmp(text(profile.modules[f->module].path), "/opt/lib/libx.so") == 0)
			in_object += (int)profile.samples[i].value;
	}
	assert_int_equal(inlined, 100);
	assert_int_equal(in_object, 1500);
	profile_release(&profile);
}

/* Costs of calls count recursion again at each level; every unit is dealt out once all the same. */
static void recursion_is_folded(void **state)
{
	static const struct {
		const char *text;
		int sum;
		const char *paths[4];
		int costs[4];
	} cases[] = {
		{"events: Ir\nfn=a\n1 1000\ncfn=a\ncalls=5 1\n2 7000\ntotals: 1000\n",
		 1000,
		 {"a"},
		 {1000}},
		{"events: Ir\nfn=m\n1 3\ncfn=a\ncalls=1 0\n1 97\nfn=a\n2 97\ncfn=a\ncalls=9 0\n2 "
		 "410\n"
		 "totals: 100\n",
		 100,
		 {"m", "m;a"},
		 {3, 97}},
		{"events: Ir\nfn=a\n1 10\ncfn=b\ncalls=1 0\n2 500\nfn=b\n3 90\ncfn=a\ncalls=1 0\n"
		 "4 400\ntotals: 100\n",
		 100,
		 {"a", "a;b"},
		 {10, 90}},
		/* Two ways into a circle of two, one three times as much as the other. */
		{"events: Ir\nfn=m\n1 20\ncfn=a\ncalls=1 0\n1 300\nfn=n\n1 20\ncfn=b\ncalls=1 0\n1 "
		 "100\n"
		 "fn=a\n2 160\ncfn=b\ncalls=9 0\n2 900\nfn=b\n3 40\ncfn=a\ncalls=8 0\n3 800\n"
		 "cfn=x\ncalls=8 0\n3 200\nfn=x\n4 200\ntotals: 440\n",
		 440,
		 {"m;a", "m;a;b;x", "n;b", "n;b;x"},
		 {120, 150, 10, 50}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(read_text(cases[i].text, NULL), 0);
		assert_int_equal(total(), cases[i].sum);
		for (size_t k = 0; k < 4 && cases[i].paths[k]; k++)
			if (sum_of(cases[i].paths[k]) != cases[i].costs[k])
				fail_msg("%zu: '%s' is %d", i, cases[i].paths[k],
					 (int)sum_of(cases[i].paths[k]));
		profile_release(&profile);
	}
}

/* A circle of many, so long that nothing here may follow it by calling itself. */
static void long_circles_end(void **state)
{
	enum { FUNCTIONS = 50000 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fputs("events: Ir\n", out);
	for (int i = 0; i < FUNCTIONS; i++)
		fprintf(out, "fn=f%d\n1 1\ncfn=f%d\ncalls=1 0\n1 %d\n", i, (i + 1) % FUNCTIONS,
			FUNCTIONS);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(read_text(text, NULL), 0);
	assert_int_equal(total(), FUNCTIONS);
	profile_release(&profile);
	free(text);
}

static void thirds_are_whole_numbers(void **state)
{
	(void)state;
	assert_int_equal(
		read_text("events: Ir\nfn=a\n1 1\ncfn=x\ncalls=1 0\n1 10\nfn=b\n1 1\ncfn=x\n"
			  "calls=1 0\n1 20\nfn=x\n5 29\n6 1\ntotals: 32\n",
			  NULL),
		0);
	assert_int_equal(total(), 32);
	assert_int_equal(sum_of("a;x") + sum_of("b;x"), 30);
	assert_in_range(sum_of("a;x"), 9, 10);
	profile_release(&profile);
}

static void processes_are_told_apart(void **state)
{
	static const char one[] =
		"pid: 10\ncmd: sh -c x\nevents: Ir\nfn=(1) main\n1 5\ntotals: 5\n";
	static const char two[] = "pid: 11\ncmd: x\nevents: Ir\nfn=(1) other\n1 6\ntotals: 6\n";
	struct callgrind *c = callgrind_new(NULL);
	struct callgrind_facts facts;

	(void)state;
	assert_non_null(c);
	assert_int_equal(callgrind_add(c, one, strlen(one), &err), 0);
	assert_int_equal(callgrind_add(c, two, strlen(two), &err), 0);
	callgrind_facts(c, &facts);
	assert_int_equal(facts.total, 11);
	assert_true(facts.complete);
	assert_string_equal(facts.command, "sh -c x");
	assert_int_equal(callgrind_profile(c, &profile, &err), 0);
	assert_int_equal(profile.n_processes, 2);
	assert_int_equal(profile.n_threads, 2);
	assert_int_equal(sum_of("main"), 5);
	assert_int_equal(sum_of("other"), 6);
	profile_release(&profile);
	callgrind_free(c);
}

static void files_that_were_cut_off_are_not_complete(void **state)
{
	static const struct {
		const char *text;
		int complete;
	} cases[] = {
		{"events: Ir\nfn=a\n1 5\ntotals: 5\n", 1},
		{"events: Ir\nfn=a\n1 5\nsummary: 5\n", 1}, /* cachegrind */
		{"events: Ir Dr\nfn=a\n1 5\ntotals: 5\n", 1},
		{"events: Ir\nfn=a\n1 5\n", 0},
		{"events: Ir\nfn=a\n1 5\ntotals: 6\n", 0},
		{"events: Ir\nfn=a\n1 5\ntotals: 5\npart: 2\nfn=a\n1 7\ntotals: 7\n", 1},
		{"events: Ir\nfn=a\n1 5\ntotals: 5\npart: 2\nfn=a\n1 7\n", 0},
		{"events: Ir\nfn=a\n1 5\ntotals: 5\npart: 2\nfn=a\n1 7\ntotals: 12\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct callgrind *c = callgrind_new(NULL);
		struct callgrind_facts facts;

		assert_int_equal(callgrind_add(c, cases[i].text, strlen(cases[i].text), &err), 0);
		callgrind_facts(c, &facts);
		if (facts.complete != cases[i].complete)
			fail_msg("%s", cases[i].text);
		callgrind_free(c);
	}
}

static void times_become_nanoseconds(void **state)
{
	(void)state;
	assert_int_equal(read_text("creator: xdebug 3\nevents: Time_(10ns) Memory_(bytes)\n"
				   "fl=(1) /srv/a.php\nfn=(1) {main}\n1 7 4096\ntotals: 7 4096\n",
				   NULL),
			 0);
	assert_int_equal(total(), 70);
	assert_int_equal(profile.samples[0].count, 7);
	profile_release(&profile);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "no 'events:'"},
		{"hello\n", "line 1: no line of"},
		{"fn=a\n1 5\n", "line 2: costs before 'events:'"},
		{"events: Ir\n1 5\n", "line 2: costs before 'fn='"},
		{"events: \n", "names none"},
		{"events: Ir\nfn=a\n1 5 6\n", "line 3: more costs than events"},
		{"events: Ir\nfn=a\n1 5x\n", "line 3: a cost is no number"},
		{"events: Ir\nfn=a\n1 -5\n", "line 3: a cost is no number"},
		{"events: Ir\nfn=a\n1 99999999999999999999\n", "line 3: a cost is no number"},
		{"events: Ir\nfn=a\n1 9223372036854775807\n1 9223372036854775807\n", "63 bits"},
		{"events: Ir\nfn=a\n-5 1\n", "out of bounds"},
		{"events: Ir\nfn=a\n9999999999 1\n", "a line number beyond"},
		{"events: Ir\nfn=(1)\n1 1\n", "line 2: the number of a name that was never given"},
		{"events: Ir\nfn=(1 a\n1 1\n", "does not end with ')'"},
		{"events: Ir\nfn=(1) a\nfn=(1) b\n", "line 3: one number for two names"},
		{"events: Ir\nfn=a\ncalls=1 2\n3 4\n", "'calls=' without 'cfn='"},
		{"events: Ir\nfn=a\ncfn=b\ncalls=\n3 4\n", "without a number"},
		{"events: Ir\nfn=a\ncfn=b\ncalls=1 2\nfn=b\n", "not followed by a cost"},
		{"events: Ir\nfn=a\ncfn=b\ncalls=1 2\n", "ends before the cost of a call"},
		{"events: Ir\ncfn=b\ncalls=1 2\n3 4\n", "before 'fn='"},
		{"version: 2\nevents: Ir\n", "another version"},
		{"positions:\n", "no kind of position"},
		{"positions: a b c d\n", "more than three"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (read_text(cases[i].text, NULL) == 0)
			fail_msg("read: %s", cases[i].text);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_null(profile.strings);
	}
	err = (struct err)ERR_INIT;
	assert_int_equal(callgrind_read("events: Ir\nfn=a\0b\n1 1\n", 24, NULL, &profile, &err),
			 ERR_FORMAT);
}

static void a_called_function_is_found_without_its_file(void **state)
{
	(void)state;
	assert_int_equal(read_text("events: Ir\nfl=a.c\nfn=main\n1 1\ncfn=f\ncalls=1 9\n1 50\n"
				   "fl=b.c\nfn=f\n9 50\ntotals: 51\n",
				   NULL),
			 0);
	assert_int_equal(sum_of("main;f"), 50);
	assert_int_equal(sum_of("f"), -1);
	profile_release(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_go_to_stacks_by_the_share_of_calls),
		cmocka_unit_test(the_first_event_is_read_unless_one_is_named),
		cmocka_unit_test(the_run_says_what_it_is),
		cmocka_unit_test(lines_files_and_objects_are_kept),
		cmocka_unit_test(recursion_is_folded),
		cmocka_unit_test(long_circles_end),
		cmocka_unit_test(thirds_are_whole_numbers),
		cmocka_unit_test(processes_are_told_apart),
		cmocka_unit_test(files_that_were_cut_off_are_not_complete),
		cmocka_unit_test(times_become_nanoseconds),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(a_called_function_is_found_without_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
