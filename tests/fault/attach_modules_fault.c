/* Every allocation on the way from a process's maps to names fails once: it is said, nothing leaks, and what was there
 * before still holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/modules.h"
#include "prof/record/livenames.h"
#include "tests/fault/each.h"

static int look(struct attach_space *space)
{
	const struct unwind_map *map;
	int rc = attach_space_refresh(space, 0, NULL);

	if (rc)
		return rc;
	map = attach_space_map(space);
	return map->n > 2 ? 0 : ERR_NOMEM;
}

static int map_once(void)
{
	struct module_set *set = module_set_new("");
	struct attach_space *space = NULL;
	struct proc p = {.dir = -1, .pidfd = -1};
	int rc = set ? proc_open(&p, getpid(), NULL) : ERR_NOMEM;

	if (rc == 0 && !(space = attach_space_new(set, &p)))
		rc = ERR_NOMEM;
	if (rc == 0)
		rc = look(space);
	attach_space_free(space);
	module_set_free(set);
	proc_close(&p);
	return rc;
}

static void maps_of_a_process(void **state)
{
	(void)state;
	print_message("%zu failures\n", fault_each(map_once, 0));
}

static struct module_set *set;
static struct attach_space *space;

static int parts_once(void)
{
	const struct attach_part part = {.start = 0x1000,
					 .end = 0x2000,
					 .path = "/no/such/file",
					 .file = "/proc/self/exe",
					 .source = MODULE_UNKNOWN};
	int rc;

	set = module_set_new(NULL);
	space = set ? attach_space_new(set, NULL) : NULL;
	rc = space ? attach_space_add(space, &part, NULL) : ERR_NOMEM;
	if (rc == 0 && attach_space_map(space)->n != 1)
		rc = ERR_NOMEM;
	attach_space_free(space);
	module_set_free(set);
	return rc;
}

static void parts_of_a_core(void **state)
{
	(void)state;
	print_message("%zu failures\n", fault_each(parts_once, 0));
}

static int names_once(void)
{
	struct attach_frame frames[] = {
		attach_space_frame(space, (uint64_t)(uintptr_t)names_once + 1),
		attach_space_frame(space, (uint64_t)(uintptr_t)parts_once + 1),
		{MODULE_NONE, 0x1234}};
	struct strtab *strings = strtab_new();
	struct livenames *names = strings ? livenames_new(set, strings, NULL) : NULL;
	int rc = names ? livenames_ask(names, frames, 3) : ERR_NOMEM;

	for (uint32_t i = 0, n; i < 3 && rc == 0; i++) {
		const struct symbol_frame *f = livenames_of(names, frames[i], &n);

		if (!f || n == 0)
			rc = ERR_NOMEM;
	}
	livenames_free(names);
	strtab_free(strings);
	return rc;
}

static void names_of_addresses(void **state)
{
	struct proc p;

	(void)state;
	assert_int_equal(proc_open(&p, getpid(), NULL), 0);
	set = module_set_new(NULL);
	space = attach_space_new(set, &p);
	assert_int_equal(look(space), 0);
	/* Where DWARF cannot be read for want of memory the symbol table does. */
	print_message("%zu failures\n", fault_each(names_once, 1));
	attach_space_free(space);
	module_set_free(set);
	proc_close(&p);
}

/* ---- a profile whose run goes on ---- */

static int add_frame(struct profile *p)
{
	if (strtab_intern_text(p->strings, "[unknown in x+0x1]", &p->frames[0].function) ||
	    strtab_intern_text(p->strings, "/proc/self/exe", &p->modules[0].path))
		return ERR_NOMEM;
	p->frames[0].module = 0;
	p->frames[0].rel_addr =
		attach_space_frame(space, (uint64_t)(uintptr_t)names_once + 1).rel_addr;
	p->processes[0].pid = getpid();
	p->stacks[1] = (struct profile_stack){.parent = 0, .frame = 0, .depth = 1};
	p->samples[0] = (struct profile_sample){.stack = 1, .count = 1, .value = 1};
	p->n_modules = p->n_frames = p->n_processes = 1;
	p->n_stacks = 2;
	p->n_samples = 1;
	return 0;
}

static int profile_once(void)
{
	struct profile p;
	int rc = profile_init(&p);

	if (rc)
		return rc;
	free(p.stacks);
	p.stacks = calloc(2, sizeof *p.stacks);
	p.frames = calloc(1, sizeof *p.frames);
	p.modules = calloc(1, sizeof *p.modules);
	p.processes = calloc(1, sizeof *p.processes);
	p.samples = calloc(1, sizeof *p.samples);
	if (!p.stacks || !p.frames || !p.modules || !p.processes || !p.samples)
		rc = ERR_NOMEM;
	else
		p.stacks[0].frame = PROFILE_NONE;
	if (rc == 0)
		rc = add_frame(&p);
	if (rc == 0)
		rc = livenames_profile(&p, NULL);
	if (rc == 0 && p.samples[0].stack >= p.n_stacks)
		rc = ERR_INTERNAL;
	profile_release(&p);
	return rc;
}

static void names_of_a_profile(void **state)
{
	struct proc p;

	(void)state;
	assert_int_equal(proc_open(&p, getpid(), NULL), 0);
	set = module_set_new(NULL);
	space = attach_space_new(set, &p);
	assert_int_equal(look(space), 0);
	print_message("%zu failures\n", fault_each(profile_once, 1));
	attach_space_free(space);
	module_set_free(set);
	proc_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_of_a_process),
		cmocka_unit_test(parts_of_a_core),
		cmocka_unit_test(names_of_addresses),
		cmocka_unit_test(names_of_a_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
