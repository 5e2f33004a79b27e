/* prof/model/profile: the empty profile, names of kinds and states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/model/profile.h"

static void an_empty_profile_has_its_root_only(void **state)
{
	struct profile p;

	(void)state;
	assert_int_equal(profile_init(&p), 0);
	assert_int_equal(p.n_stacks, 1);
	assert_int_equal(p.stacks[0].frame, PROFILE_NONE);
	assert_int_equal(p.stacks[0].depth, 0);
	assert_int_equal(p.n_frames + p.n_threads + p.n_stages, 0);
	assert_int_equal(p.run.id, STRTAB_EMPTY);
	profile_release(&p);
	assert_null(p.stacks);
	profile_release(&p); /* again is harmless */
}

static void kinds_have_the_names_of_the_contract(void **state)
{
	static const char *const names[] = {"cpu",  "wall",      "offcpu", "alloc", "live", "peak",
					    "leak", "temporary", "mmap",   "copy",  "sql",  "gpu"};

	(void)state;
	assert_int_equal(sizeof names / sizeof *names, PROFILE_KINDS);
	for (int i = 0; i < PROFILE_KINDS; i++) {
		assert_string_equal(profile_kind_name((enum profile_kind)i), names[i]);
		assert_int_equal(profile_kind_parse(names[i]), i);
	}
	assert_int_equal(profile_kind_parse("CPU"), -1);
	assert_int_equal(profile_kind_parse(""), -1);
	assert_int_equal(profile_kind_parse(NULL), -1);
	assert_string_equal(profile_kind_name(PROFILE_KINDS), "?");
}

static void kinds_are_times_or_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < PROFILE_KINDS; i++) {
		int bytes = i >= PROFILE_ALLOC && i <= PROFILE_COPY;

		assert_int_equal(profile_kind_is_time((enum profile_kind)i), !bytes);
	}
}

static void states_have_the_names_of_the_contract(void **state)
{
	static const char *const names[] = {"running", "runnable", "sleeping",
					    "disk",    "stopped",  "zombie"};

	(void)state;
	assert_int_equal(sizeof names / sizeof *names, PROFILE_STATES);
	for (int i = 0; i < PROFILE_STATES; i++) {
		assert_string_equal(profile_state_name((enum profile_state)i), names[i]);
		assert_int_equal(profile_state_parse(names[i]), i);
	}
	assert_int_equal(profile_state_parse("idle"), -1);
	assert_string_equal(profile_state_name(PROFILE_STATES), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_profile_has_its_root_only),
		cmocka_unit_test(kinds_have_the_names_of_the_contract),
		cmocka_unit_test(kinds_are_times_or_bytes),
		cmocka_unit_test(states_have_the_names_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
