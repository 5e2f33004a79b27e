/* Modules by build id, and from an address in a process at a time to a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/err.h"
#include "prof/model/modtab.h"

static uint32_t module(struct modtab *t, const char *build_id, const char *path)
{
	uint32_t id = UINT32_MAX;

	assert_int_equal(modtab_module(t, build_id, path, &id), 0);
	return id;
}

static void the_build_id_names_a_module(void **state)
{
	struct strtab *names = strtab_new();
	struct modtab *t = modtab_new(names);
	struct module m;

	(void)state;
	assert_int_equal(module(t, "abc1", "/lib/a.so"), 0);
	assert_int_equal(module(t, "abc1", "/proc/1/root/lib/a.so"), 0); /* the same file */
	assert_int_equal(module(t, "abc2", "/lib/a.so"), 1);             /* replaced on disk */
	assert_int_equal(module(t, NULL, "/lib/a.so"), 2);
	assert_int_equal(module(t, "", "/lib/a.so"), 2);
	assert_int_equal(module(t, NULL, "abc1"), 3); /* a path that reads like a build id */
	assert_int_equal(module(t, NULL, ""), 4);
	assert_int_equal(modtab_count(t), 5);
	m = modtab_get(t, 0);
	assert_string_equal(strtab_text(names, m.path), "/lib/a.so");
	assert_string_equal(strtab_text(names, m.build_id), "abc1");
	assert_int_equal(modtab_get(t, 2).build_id, STRTAB_EMPTY);
	assert_int_equal(modtab_get(t, 5).path, STRTAB_EMPTY);
	modtab_free(t);
	modtab_free(NULL);
	strtab_free(names);
}

static void an_address_becomes_one_of_the_file(void **state)
{
	struct strtab *names = strtab_new();
	struct modtab *t = modtab_new(names);
	uint32_t a = module(t, "aa", "/bin/a"), b = module(t, "bb", "/lib/b.so");
	struct frame f;

	(void)state;
	/* Text segment at offset and file address 0x2000, loaded at 0x555500002000. */
	assert_int_equal(modmap_load(modtab_space(t, 100), 1, 0x555500002000, 0x555500005000,
				     0x555500000000, a),
			 0);
	assert_int_equal(modmap_load(modtab_space(t, 200), 1, 0x555500002000, 0x555500003000,
				     0x555500001000, b),
			 0);
	assert_int_equal(modtab_frame(t, 100, 5, 0x555500002abc, &f), 0);
	assert_int_equal(f.module, a);
	assert_int_equal(f.rel_addr, 0x2abc);
	assert_int_equal(f.inline_depth, 0);
	assert_int_equal(modtab_frame(t, 200, 5, 0x555500002abc, &f), 0);
	assert_int_equal(f.module, b);
	assert_int_equal(f.rel_addr, 0x1abc);
	/* Not loaded there, not yet, no such process: the address as it is. */
	assert_int_equal(modtab_frame(t, 200, 5, 0x555500003abc, &f), 0);
	assert_int_equal(f.module, FRAME_NO_MODULE);
	assert_int_equal(f.rel_addr, 0x555500003abc);
	assert_int_equal(modtab_frame(t, 100, 0, 0x555500002abc, &f), 0);
	assert_int_equal(f.module, FRAME_NO_MODULE);
	assert_int_equal(modtab_frame(t, 300, 5, 0x555500002abc, &f), 0);
	assert_int_equal(f.module, FRAME_NO_MODULE);
	modtab_free(t);
	strtab_free(names);
}

/* A program linked at a high address and loaded low: the bias is "negative". */
static void a_bias_may_wrap(void **state)
{
	struct strtab *names = strtab_new();
	struct modtab *t = modtab_new(names);
	struct frame f;

	(void)state;
	modmap_load(modtab_space(t, 0), 0, 0x1000, 0x2000, 0x1000 - UINT64_C(0xffffffff81000000),
		    module(t, "cc", "vmlinux"));
	assert_int_equal(modtab_frame(t, 0, 0, 0x1234, &f), 0);
	assert_true(f.rel_addr == UINT64_C(0xffffffff81000234));
	modtab_free(t);
	strtab_free(names);
}

static void spaces_stay_where_they_are(void **state)
{
	struct strtab *names = strtab_new();
	struct modtab *t = modtab_new(names);
	struct modmap *first = modtab_space(t, 7);

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(modmap_load(modtab_space(t, i << 33), 0, i, i + 1, 0, (uint32_t)i),
				 0);
	assert_ptr_equal(modtab_space(t, 7), first);
	for (uint64_t i = 0; i < 5000; i++) {
		struct frame f;

		assert_int_equal(modtab_frame(t, i << 33, 0, i, &f), 0);
		assert_int_equal(f.module, i);
	}
	modtab_free(t);
	strtab_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_build_id_names_a_module),
		cmocka_unit_test(an_address_becomes_one_of_the_file),
		cmocka_unit_test(a_bias_may_wrap),
		cmocka_unit_test(spaces_stay_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
