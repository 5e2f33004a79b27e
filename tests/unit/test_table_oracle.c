/* Every rule of the tables of real libraries against libdw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>

#include "tests/unit/table_oracle.h"

/* Libraries as the dynamic linker finds them; NULL and a reason if this machine has none. */
static void compare_library(const char *soname)
{
	void *handle = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
	struct link_map *map;

	if (!handle) {
		print_message("%s is not here\n", soname);
		skip();
		return;
	}
	assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
	compare_file(map->l_name, 0, 10000);
	dlclose(handle);
}

static void the_c_library_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libc.so.6");
}

static void the_dynamic_linker_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("ld-linux-x86-64.so.2");
}

static void libm_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libm.so.6");
}

static void libstdcxx_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libstdc++.so.6");
}

static void hand_written_assembly_of_libcrypto_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libcrypto.so.3");
}

static void libsqlite3_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libsqlite3.so.0");
}

static void realigned_stacks_of_openblas_have_libdws_rules(void **state)
{
	(void)state;
	compare_library("libopenblas.so.0");
}

static void long_expressions_of_libmvec_have_libdws_rules(void **state)
{
	(void)state;
	compare_library("libmvec.so.1");
}

static void libpython_has_libdws_rules(void **state)
{
	(void)state;
	compare_library("libpython3.11.so.1.0");
}

static void this_program_has_libdws_rules(void **state)
{
	(void)state;
	compare_file("/proc/self/exe", 0, 1000);
}

static void the_vdso_in_memory_has_libdws_rules(void **state)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len;
	struct elf_file f;
	struct err err = ERR_INIT;
	Elf64_Ehdr eh;
	Dwarf_CFI *cfi;
	Elf *elf;

	(void)state;
	if (!vdso) {
		print_message("the kernel gave no vDSO\n");
		skip();
	}
	memcpy(&eh, vdso, sizeof eh);
	len = eh.e_shoff + (size_t)eh.e_shnum * eh.e_shentsize;
	len = (len + page - 1) / page * page;
	if (elf_from_bytes(&f, vdso, len, "vdso", &err) < 0)
		fail_msg("%s", err.text);
	elf = elf_memory((char *)(uintptr_t)vdso, len);
	assert_non_null(elf);
	cfi = dwarf_getcfi_elf(elf);
	compare_module("vdso", &f, cfi, 1000);
	dwarf_cfi_end(cfi);
	elf_end(elf);
}

static void section_headers_change_nothing(void **state)
{
	struct elf_file with, without;
	struct unwind_table *a, *b;
	struct link_map *map;
	void *handle = dlopen("libc.so.6", RTLD_LAZY | RTLD_LOCAL);
	uint8_t *copy;

	(void)state;
	assert_non_null(handle);
	assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
	assert_int_equal(elf_open(&with, map->l_name, NULL), 0);
	copy = malloc(with.len);
	assert_non_null(copy);
	memcpy(copy, with.bytes, with.len);
	memset(copy + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
	memset(copy + offsetof(Elf64_Ehdr, e_shnum), 0, 2 * sizeof(Elf64_Half));
	assert_int_equal(elf_from_bytes(&without, copy, with.len, "robbed", NULL), 0);
	assert_int_equal(without.n_sections, 0);
	assert_int_equal(unwind_table_build(&a, &with, NULL, NULL), 0);
	assert_int_equal(unwind_table_build(&b, &without, NULL, NULL), 0);
	assert_int_equal(unwind_table_bytes(a), unwind_table_bytes(b));
	assert_memory_equal(a, b, unwind_table_bytes(a));
	unwind_table_free(a);
	unwind_table_free(b);
	free(copy);
	elf_close(&with);
	dlclose(handle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_c_library_has_libdws_rules),
		cmocka_unit_test(the_dynamic_linker_has_libdws_rules),
		cmocka_unit_test(libm_has_libdws_rules),
		cmocka_unit_test(libstdcxx_has_libdws_rules),
		cmocka_unit_test(hand_written_assembly_of_libcrypto_has_libdws_rules),
		cmocka_unit_test(libsqlite3_has_libdws_rules),
		cmocka_unit_test(realigned_stacks_of_openblas_have_libdws_rules),
		cmocka_unit_test(long_expressions_of_libmvec_have_libdws_rules),
		cmocka_unit_test(libpython_has_libdws_rules),
		cmocka_unit_test(this_program_has_libdws_rules),
		cmocka_unit_test(the_vdso_in_memory_has_libdws_rules),
		cmocka_unit_test(section_headers_change_nothing),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests_name("table against libdw", tests, NULL, NULL);
}
