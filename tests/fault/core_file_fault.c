/* Every allocation of reading a core file, and of what dump shows of it, fails once: ERR_NOMEM or poorer stacks, and
 * nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/auxv.h>

#include "prof/cli/dump.h"
#include "tests/fault/each.h"
#include "tests/unit/core_rig.h"

static struct core_rig rig;

/* This process with two threads at one place, with or without a list of its files. */
__attribute__((noinline)) static void make_core(int list)
{
	uint64_t reg[CORE_REGS];
	ucontext_t uc;

	core_rig_init(&rig);
	if (getcontext(&uc))
		abort();
	core_rig_regs(reg, &uc);
	core_rig_auxv(&rig);
	core_rig_process(&rig, 10, "self", "self");
	core_rig_thread(&rig, 10, 0, reg, 0);
	core_rig_thread(&rig, 11, 0, reg, 0);
	core_rig_maps(&rig, reg[CORE_SP], list);
	core_rig_finish(&rig);
}

static int read_core(void)
{
	struct module_set *set = module_set_new("");
	struct err err = ERR_INIT;
	struct core *core = NULL;
	struct snap snap = {0};
	int rc = ERR_NOMEM;

	if (set)
		rc = core_from_bytes(&core, rig.out.data, rig.out.len, "sample", NULL, set, &err);
	if (rc == 0)
		rc = core_snap(core, &snap, 0, &err);
	if (rc == 0) {
		assert_int_equal(snap.n, 2);
		assert_true(snap.threads[0].n_frames >= 1);
	} else {
		assert_int_equal(rc, ERR_NOMEM);
	}
	snap_release(&snap);
	core_close(core);
	module_set_free(set);
	return rc;
}

static void a_core_is_read_or_there_is_no_memory(void **state)
{
	(void)state;
	make_core(1);
	assert_true(fault_each(read_core, 1) > 30);
	core_rig_release(&rig);
}

static void nor_does_the_linkers_list_need_memory_that_is_not_there(void **state)
{
	(void)state;
	make_core(0);
	assert_true(fault_each(read_core, 1) > 30);
	core_rig_release(&rig);
}

static int show_core(void)
{
	struct err err = ERR_INIT;
	struct dump d = {0};
	FILE *out = fopen("/dev/null", "w");
	int rc = dump_init(&d, 1, &err);

	assert_non_null(out);
	if (rc == 0)
		rc = core_from_bytes(&d.targets[0].core, rig.out.data, rig.out.len, "sample", NULL,
				     d.set, &err);
	if (rc == 0) {
		d.targets[0].space = core_space(d.targets[0].core);
		d.targets[0].open = 1;
		rc = core_snap(d.targets[0].core, &d.targets[0].snap, 0, &err);
	}
	if (rc == 0)
		rc = dump_join(&d, &err);
	if (rc == 0)
		rc = dump_text(out, &d, &err);
	if (rc == 0)
		rc = dump_json(out, &d, &err);
	if (rc)
		assert_int_equal(rc, ERR_NOMEM);
	dump_release(&d);
	fclose(out);
	return rc;
}

static void what_dump_shows_is_whole_or_refused(void **state)
{
	char cache[] = "/tmp/protea-fault.XXXXXX", command[64];

	(void)state;
	assert_non_null(mkdtemp(cache));
	setenv("PROTEA_PROF_CACHE", cache, 1);
	make_core(1);
	assert_int_equal(show_core(), 0); /* fills the cache */
	assert_true(fault_each(show_core, 1) > 50);
	core_rig_release(&rig);
	snprintf(command, sizeof command, "rm -rf '%s'", cache);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_core_is_read_or_there_is_no_memory),
		cmocka_unit_test(nor_does_the_linkers_list_need_memory_that_is_not_there),
		cmocka_unit_test(what_dump_shows_is_whole_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
