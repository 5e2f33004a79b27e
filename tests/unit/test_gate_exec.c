/* Tests of the parts of `gate --exec`: command lines, CPUs, what the machine does meanwhile, and the rule for noisy pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "prof/cli/gate_child.h"
#include "prof/cli/gate_command.h"
#include "prof/cli/gate_noise.h"

static struct err err;

/* "word|word|…" as the command is started. */
static const char *made(const char *text)
{
	static char out[512];
	struct gate_command c;
	size_t at = 0;

	err = (struct err)ERR_INIT;
	if (gate_command_make(&c, text, &err))
		return err.text;
	out[0] = '\0';
	for (size_t i = 0; i < c.n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i ? "|" : "", c.argv[i]);
	assert_null(c.argv[c.n]);
	gate_command_release(&c);
	return out;
}

static void words_are_started_directly(void **state)
{
	static const struct {
		const char *text, *is;
	} cases[] = {
		{"ls", "ls"},
		{"  ls\t-l  /opt ", "ls|-l|/opt"},
		{"/bin/ls --color=never a,b x:y @f +1 10% ^",
		 "/bin/ls|--color=never|a,b|x:y|@f|+1|10%|^"},
		{"ls \xc3\xa4", "ls|\xc3\xa4"},
		{"ls 'a b'", "sh|-c|ls 'a b'"},
		{"ls *.c", "sh|-c|ls *.c"},
		{"ls $HOME", "sh|-c|ls $HOME"},
		{"ls | cat", "sh|-c|ls | cat"},
		{"ls; ls", "sh|-c|ls; ls"},
		{"ls\nls", "sh|-c|ls\nls"},
		{"A=1 ls", "sh|-c|A=1 ls"},
		{"~/bin/ls", "sh|-c|~/bin/ls"},
		{"cd /opt", "sh|-c|cd /opt"}, /* no program of PATH: the shell's own */
		{"", "an empty command cannot be compared"},
		{" \t\n", "an empty command cannot be compared"},
		{"/no/such x", "cannot start '/no/such': there is no such file"},
		{"/bin", "cannot start '/bin': it is a directory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(made(cases[i].text), cases[i].is);
}

static void lists_of_cpus(void **state)
{
	static const struct {
		const char *text;
		int n; /* -1: refused */
	} cases[] = {
		{"0", 1},       {"0,2", 2},  {"0-3", 4},   {"1,3-5,7", 5},
		{"0,0", 1},     {"1023", 1}, {"", -1},     {",", -1},
		{"0,", -1},     {"-1", -1},  {"3-1", -1},  {"a", -1},
		{"1-", -1},     {"1 2", -1}, {"1024", -1}, {"99999999999999999999", -1},
		{"0-1024", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cpu_set_t set;
		int rc = gate_cpus_parse(&set, cases[i].text, &err);

		if ((rc ? -1 : CPU_COUNT(&set)) != cases[i].n)
			fail_msg("'%s': %d", cases[i].text, rc ? -1 : CPU_COUNT(&set));
		if (rc)
			assert_int_equal(rc, ERR_ARG);
	}
}

#define TICK 10000000

static void the_kernels_numbers_are_read(void **state)
{
	struct gate_machine m;

	(void)state;
	gate_machine_parse(&m, "cpu  100 20 30 4000 50 1 2 7 9 9\ncpu0 1 2 3\n",
			   "some avg10=1.00 avg60=2.00 avg300=3.00 total=1234567\nfull avg10=0\n",
			   "0.52 0.60 0.70 1/200 4711\n", TICK);
	assert_int_equal(m.busy_ns, 153 * (int64_t)TICK);
	assert_int_equal(m.steal_ns, 7 * (int64_t)TICK);
	assert_int_equal(m.waited_ns, 1234567000);
	assert_true(m.load == 0.52);
}

static void what_is_missing_is_not_known(void **state)
{
	static const char *const stats[] = {"",
					    "cpu",
					    "cpu  1 2",
					    "cpu0 1 2 3 4 5 6 7 8",
					    "cpu  99999999999999999999 1 1 1 1 1 1 1",
					    "cpu  9223372036854775807 1 1 1 1 1 1 1"};
	static const char *const pressures[] = {"",
						"some",
						"some total=",
						"some total=x",
						"some total=-1",
						"some total=99999999999999999999",
						"full total=1"};
	struct gate_machine m;

	(void)state;
	for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
		gate_machine_parse(&m, stats[i], "", "", TICK);
		assert_int_equal(m.busy_ns, -1);
		assert_int_equal(m.steal_ns, -1);
	}
	for (size_t i = 0; i < sizeof pressures / sizeof *pressures; i++) {
		gate_machine_parse(&m, "", pressures[i], "x", TICK);
		assert_int_equal(m.waited_ns, -1);
		assert_true(m.load == -1);
	}
	gate_machine_parse(&m, "cpu  1 1 1 1 1 1 1\n", "", "", TICK); /* no steal: an old kernel */
	assert_int_equal(m.busy_ns, 5 * (int64_t)TICK);
	assert_int_equal(m.steal_ns, -1);
}

#define SECOND INT64_C(1000000000)

static struct gate_noise between(int64_t busy, int64_t steal, int64_t waited, int64_t own)
{
	struct gate_machine from = {0, 0, 0, 0, 0};
	struct gate_machine to = {busy, steal, waited, 1.5, SECOND};
	struct gate_noise n;

	if (busy < 0)
		from.busy_ns = from.steal_ns = from.waited_ns = to.busy_ns = to.steal_ns =
			to.waited_ns = -1;
	gate_noise_between(&n, &from, &to, own, 2);
	return n;
}

static void parts_are_of_the_whole_machine(void **state)
{
	struct gate_noise n = between(3 * SECOND / 2, SECOND / 5, SECOND / 4, SECOND);

	(void)state;
	assert_float_equal(n.others, 0.25, 1e-9);
	assert_float_equal(n.steal, 0.1, 1e-9);
	assert_float_equal(n.pressure, 0.25, 1e-9);
	assert_float_equal(n.load, 1.5, 1e-9);
	assert_float_equal(gate_noise_part(&n), 0.35, 1e-9);
	n = between(SECOND / 2, 0, 0, SECOND); /* ticks and clocks differ */
	assert_float_equal(n.others, 0, 0);
	n = between(5 * SECOND, SECOND, 2 * SECOND, 0);
	assert_float_equal(gate_noise_part(&n), 1, 0);
	assert_float_equal(n.pressure, 1, 0);
	n = between(-1, -1, -1, 0);
	assert_float_equal(gate_noise_part(&n), -1, 0);
}

static int differs(double x, double y, int64_t wall_ns)
{
	struct gate_exec_run a = {.wall_ns = wall_ns, .noise = {.others = x, .steal = -1}};
	struct gate_exec_run b = {.wall_ns = wall_ns + 1, .noise = {.others = y, .steal = -1}};

	return gate_noise_differs(&a, &b, 2);
}

static void pairs_are_set_aside_by_what_others_did(void **state)
{
	(void)state;
	assert_int_equal(differs(0, 0, SECOND), 0);
	assert_int_equal(differs(0.9, 0.9, SECOND), 0); /* noisy, and alike */
	assert_int_equal(differs(0.5, 0.74, SECOND), 0);
	assert_int_equal(differs(0.5, 0.75, SECOND), 1);
	assert_int_equal(differs(0.75, 0.5, SECOND), 1);
	assert_int_equal(differs(0.5, 1, SECOND / 10), 1);
	assert_int_equal(differs(0.5, 1, SECOND / 11),
			 0); /* ticks tell nothing of so short a run */
	assert_int_equal(differs(-1, 1, SECOND), 0);
	assert_int_equal(differs(1, -1, SECOND), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_started_directly),
		cmocka_unit_test(lists_of_cpus),
		cmocka_unit_test(the_kernels_numbers_are_read),
		cmocka_unit_test(what_is_missing_is_not_known),
		cmocka_unit_test(parts_are_of_the_whole_machine),
		cmocka_unit_test(pairs_are_set_aside_by_what_others_did),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
