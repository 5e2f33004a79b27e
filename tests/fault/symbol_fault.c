/* Every allocation of the symbol room fails once: the answer is ERR_NOMEM or poorer names, and nothing is
 * left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "prof/elf/elffile.h"
#include "prof/symbol/symbol.h"
#include "tests/fault/each.h"

static const char *cache; /* of this turn; NULL: none */
static const char *program;
static char own_id[ELF_BUILD_ID_HEX];

/* A few addresses of this program, which has debug information, symbols and PLT entries. */
static int ask(const char *path, int64_t pid)
{
	struct symbol_options options = {.cache_dir = cache, .debug_dirs = "/nowhere:/elsewhere"};
	struct symbol_module module = {.path = path, .pid = pid, .build_id = own_id};
	struct strtab *strings = strtab_new();
	struct symbolizer *s = strings ? symbolizer_new(strings, &options) : NULL;
	uint64_t addrs[24];
	struct symbol_answer a = {0};
	int rc = ERR_NOMEM;

	for (size_t i = 0; i < 24; i++)
		addrs[i] = 0x2000 + 0x9d3 * i;
	if (s)
		rc = symbolize(s, &module, addrs, 24, &a, NULL, 0);
	if (rc == 0) {
		assert_int_equal(a.n, 24);
		for (uint32_t i = 0; i < a.first[24]; i++)
			assert_int_not_equal(a.frames[i].function, STRTAB_EMPTY);
	} else {
		assert_int_equal(rc, ERR_NOMEM);
		assert_null(a.frames);
	}
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
	return rc;
}

static int ask_program(void)
{
	return ask(program, 0);
}

static int ask_map(void)
{
	return ask("//anon", getpid());
}

static int demangle(void)
{
	char *name = symbol_demangle("_ZNSt6vectorIiSaIiEE9push_backEOi");
	int rc = name && name[0] ? 0 : ERR_NOMEM;

	free(name);
	return rc;
}

static void files_survive_every_failing_allocation(void **state)
{
	(void)state;
	program = "/proc/self/exe";
	assert_true(fault_each(ask_program, 1) > 40);
}

static void the_cache_survives_every_failing_allocation(void **state)
{
	char dir[] = "/tmp/protea-fault.XXXXXX";
	struct elf_file elf;

	(void)state;
	program = "/proc/self/exe";
	assert_non_null(mkdtemp(dir));
	assert_int_equal(elf_open(&elf, program, NULL), 0);
	elf_build_id(&elf, own_id);
	elf_close(&elf);
	cache = dir;
	assert_true(fault_each(ask_program, 1) > 10); /* filling it, then reading it */
	cache = NULL;
	own_id[0] = 0;
	assert_int_equal(fsio_remove_tree(dir, NULL), 0);
}

static void maps_survive_every_failing_allocation(void **state)
{
	char path[64];
	FILE *f;

	(void)state;
	snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("2000 9000 generated\n", f);
	fclose(f);
	assert_true(fault_each(ask_map, 1) > 5);
	assert_int_equal(unlink(path), 0);
}

static void demangling_survives_every_failing_allocation(void **state)
{
	(void)state;
	assert_true(fault_each(demangle, 1) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_survive_every_failing_allocation),
		cmocka_unit_test(the_cache_survives_every_failing_allocation),
		cmocka_unit_test(maps_survive_every_failing_allocation),
		cmocka_unit_test(demangling_survives_every_failing_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
