/* Names of addresses by symbol tables, the vDSO and this very program; files that are missing, replaced or
 * nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "prof/base/err.h"
#include "prof/symbol/files.h"
#include "tests/unit/made_dwarf.h"

static struct made made;
static char text[512], warning[512];

static void assert_chain(const char *path, uint64_t addr, const char *want)
{
	assert_non_null(path);
	assert_string_equal(made_ask(path, NULL, addr, text, warning, sizeof warning), want);
}

static void an_address_belongs_to_the_symbol_that_covers_it(void **state)
{
	const char *path;

	(void)state;
	made_init(&made);
	made_symbol(&made, "first", 0x1000, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "second", 0x1020, 0x10, STB_LOCAL, STT_FUNC);
	made_symbol(&made, "datum", 0x1030, 0x10, STB_GLOBAL, STT_OBJECT);
	path = made_write(&made, "covers");
	assert_chain(path, 0x1000, "first");
	assert_chain(path, 0x100f, "first");
	assert_chain(path, 0x1010, "[unknown in covers+0x1010]");
	assert_chain(path, 0x1020, "second");
	assert_chain(path, 0x1038, "[unknown in covers+0x1038]");
	assert_chain(path, 0, "[unknown in covers+0x0]");
	assert_chain(path, UINT64_MAX, "[unknown in covers+0xffffffffffffffff]");
}

static void the_choice_among_aliases_does_not_depend_on_their_order(void **state)
{
	const char *path;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		static const struct {
			const char *name;
			unsigned bind, type;
		} all[] = {
			{"a_local", STB_LOCAL, STT_FUNC},    {"b_weak", STB_WEAK, STT_FUNC},
			{"d_global", STB_GLOBAL, STT_FUNC},  {"c_global", STB_GLOBAL, STT_FUNC},
			{"a_label", STB_GLOBAL, STT_NOTYPE},
		};

		made_init(&made);
		for (int i = 0; i < 5; i++) {
			int k = turn ? 4 - i : i;

			made_symbol(&made, all[k].name, 0x1100, 0x20, all[k].bind, all[k].type);
		}
		path = made_write(&made, "aliases");
		assert_chain(path, 0x1100, "c_global");
		assert_chain(path, 0x111f, "c_global");
	}
	made_init(&made);
	made_symbol(&made, "z_weak", 0x1100, 0x20, STB_WEAK, STT_FUNC);
	made_symbol(&made, "a_local", 0x1100, 0x20, STB_LOCAL, STT_FUNC);
	made_symbol(&made, "inner", 0x1110, 0x08, STB_LOCAL, STT_FUNC);
	path = made_write(&made, "aliases");
	assert_chain(path, 0x1100, "z_weak");
	assert_chain(path, 0x1114, "inner");
	assert_chain(path, 0x111a, "z_weak");
}

static void a_symbol_without_size_reaches_to_the_next_one(void **state)
{
	const char *path;

	(void)state;
	made_init(&made);
	made_symbol(&made, "label", 0x1200, 0, STB_GLOBAL, STT_NOTYPE);
	made_symbol(&made, "sized", 0x1240, 0x10, STB_GLOBAL, STT_FUNC);
	path = made_write(&made, "labels");
	assert_chain(path, 0x1200, "label");
	assert_chain(path, 0x123f, "label");
	assert_chain(path, 0x1245, "sized");
	assert_chain(path, 0x1250, "[unknown in labels+0x1250]");
	assert_chain(path, 0x11ff, "[unknown in labels+0x11ff]");
	assert_chain(path, 0x2000, "[unknown in labels+0x2000]");
}

static void versions_are_cut_and_odd_names_kept(void **state)
{
	const char *path;

	(void)state;
	made_init(&made);
	made_symbol(&made, "call@@VERS_2.1", 0x1000, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "old@VERS_1", 0x1010, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "</script>\"';\n", 0x1020, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "bad\xff\xc3", 0x1030, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "@", 0x1040, 0x10, STB_GLOBAL, STT_FUNC);
	path = made_write(&made, "odd");
	assert_chain(path, 0x1000, "call");
	assert_chain(path, 0x1010, "old");
	assert_chain(path, 0x1020, "</script>\"';\n");
	assert_chain(path, 0x1030, "bad\xef\xbf\xbd\xef\xbf\xbd");
	assert_chain(path, 0x1040, "@");
}

static void tables_that_lie_name_nothing(void **state)
{
	const char *path;

	(void)state;
	made_init(&made);
	made_symbol(&made, "wraps", 0x1100, UINT64_MAX, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "elsewhere", 0x999999, 0x10, STB_GLOBAL, STT_FUNC);
	((Elf64_Sym *)(void *)made.syms.data)[2].st_name = 0x7fffffff;
	path = made_write(&made, "lies");
	assert_chain(path, 0x1000, "[unknown in lies+0x1000]");
	assert_chain(path, 0x1100, "wraps");
	assert_chain(path, 0x999999, "[unknown in lies+0x999999]");
}

static void answers_keep_the_callers_order_and_duplicates(void **state)
{
	uint64_t addrs[] = {0x1020, 0x1000, 0x1020, 0x5, 0x1001, 0x1020};
	static const char *const want[] = {"second", "first", "second", "[unknown in order+0x5]",
					   "first",  "second"};
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, NULL);
	struct symbol_module module = {0};
	struct symbol_answer a;

	(void)state;
	made_init(&made);
	made_symbol(&made, "first", 0x1000, 0x10, STB_GLOBAL, STT_FUNC);
	made_symbol(&made, "second", 0x1020, 0x10, STB_GLOBAL, STT_FUNC);
	module.path = made_write(&made, "order");
	assert_int_equal(symbolize(s, &module, addrs, 6, &a, warning, sizeof warning), 0);
	assert_int_equal(a.n, 6);
	assert_int_equal(a.source, SYMBOL_TABLE);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(a.first[i + 1] - a.first[i], 1);
		assert_string_equal(strtab_text(strings, a.frames[a.first[i]].function), want[i]);
	}
	symbol_answer_release(&a);
	assert_int_equal(symbolize(s, &module, addrs, 0, &a, NULL, 0), 0);
	assert_int_equal(a.n, 0);
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
}

static void a_file_that_is_not_the_one_that_ran_names_nothing(void **state)
{
	static const uint8_t id[] = {0xab, 0xcd, 0xef, 0x01};
	uint8_t note[64];
	const char *path;

	(void)state;
	made_init(&made);
	made_symbol(&made, "first", 0x1000, 0x10, STB_GLOBAL, STT_FUNC);
	eb_section(&made.elf, ".note.gnu.build-id", SHT_NOTE, 0, note,
		   eb_note(note, NT_GNU_BUILD_ID, id, sizeof id));
	memcpy(made.elf.data + made.elf.sh[2].sh_offset, note, sizeof note);
	path = made_write(&made, "replaced");
	assert_string_equal(made_ask(path, "abcdef01", 0x1000, text, warning, sizeof warning),
			    "first");
	assert_string_equal(warning, "");
	assert_string_equal(made_ask(path, "ABCDEF01", 0x1000, text, warning, sizeof warning),
			    "first");
	assert_string_equal(made_ask(path, "abcdef02", 0x1000, text, warning, sizeof warning),
			    "[unknown in replaced+0x1000]");
	assert_non_null(strstr(warning, "build id differs"));
	assert_string_equal(made_ask(path, "../../etc", 0x1000, text, warning, sizeof warning),
			    "first");
}

static void missing_and_foreign_files_are_said(void **state)
{
	const char *path = scratch("foreign");
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	fputs("#!/bin/sh\n", f);
	fclose(f);
	assert_string_equal(made_ask(path, NULL, 0x10, text, warning, sizeof warning),
			    "[unknown in foreign+0x10]");
	assert_true(warning[0] != 0);
	assert_string_equal(made_ask("/nowhere/libx.so", NULL, 0x10, text, warning, sizeof warning),
			    "[unknown in libx.so+0x10]");
	assert_non_null(strstr(warning, "/nowhere/libx.so cannot be read"));
	assert_string_equal(made_ask("/nowhere/libx.so (deleted)", NULL, 0x10, text, NULL, 0),
			    "[unknown in libx.so (deleted)+0x10]");
	assert_string_equal(made_ask("[stack]", NULL, 0x10, text, NULL, 0),
			    "[unknown in [stack]+0x10]");
	assert_string_equal(made_ask("", NULL, 0x10, text, NULL, 0), "[unknown at 0x10]");
	assert_string_equal(made_ask(NULL, NULL, 0x10, text, NULL, 0), "[unknown at 0x10]");
}

/* Cut at every length, and with each of its first bytes changed: no crash, and always a name. */
static void mangled_files_do_no_harm(void **state)
{
	static uint8_t whole[65536];
	const char *path, *broken = scratch("broken");
	size_t n;
	FILE *f;

	(void)state;
	made_init(&made);
	for (int i = 0; i < 8; i++)
		made_symbol(&made, "f", 0x1000u + 16u * (unsigned)i, 16, STB_GLOBAL, STT_FUNC);
	path = made_write(&made, "whole");
	f = fopen(path, "re");
	n = fread(whole, 1, sizeof whole, f);
	fclose(f);
	for (size_t len = 0; len < n; len += len < 600 ? 7 : 211) {
		f = fopen(broken, "we");
		assert_int_equal(fwrite(whole, 1, len, f), len);
		fclose(f);
		assert_true(made_ask(broken, NULL, 0x1008, text, NULL, 0)[0] != 0);
	}
	for (size_t at = n - 700; at < n; at += 3) {
		whole[at] ^= 0xff;
		f = fopen(broken, "we");
		assert_int_equal(fwrite(whole, 1, n, f), n);
		fclose(f);
		assert_true(made_ask(broken, NULL, 0x1008, text, NULL, 0)[0] != 0);
		whole[at] ^= 0xff;
	}
}

static void the_vdso_is_read_from_this_process(void **state)
{
	void *image = (void *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	void *at = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
	char id[ELF_BUILD_ID_HEX];
	struct elf_file f;

	(void)state;
	if (!image || !at) {
		print_message("no vDSO here\n");
		skip();
	}
	assert_int_equal(vdso_image(&f), 1);
	assert_int_equal(elf_build_id(&f, id), 1);
	made_ask("[vdso]", id, (uint64_t)((char *)at - (char *)image), text, warning,
		 sizeof warning);
	assert_non_null(strstr(text, "clock_gettime"));
	made_ask("[vdso]", "00112233", (uint64_t)((char *)at - (char *)image), text, warning,
		 sizeof warning);
	assert_non_null(strstr(text, "[unknown in [vdso]+0x"));
	assert_string_equal(warning, "the vDSO of another kernel ran");
}

/* This program has debug information: its own lines are known. */
static void this_program_knows_its_own_lines(void **state)
{
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, NULL);
	struct symbol_module module = {.path = "/proc/self/exe"};
	struct symbol_answer a;
	const struct symbol_frame *f;
	struct link_map *map = NULL;
	Dl_info info;
	uint64_t addr;

	(void)state;
	assert_true(dladdr1((void *)(uintptr_t)made_ask, &info, (void **)&map, RTLD_DL_LINKMAP));
	addr = (uint64_t)(uintptr_t)this_program_knows_its_own_lines - map->l_addr;
	assert_int_equal(symbolize(s, &module, &addr, 1, &a, warning, sizeof warning), 0);
	assert_int_equal(a.source, SYMBOL_DEBUG);
	f = &a.frames[a.first[0]];
	assert_string_equal(strtab_text(strings, f->function), "this_program_knows_its_own_lines");
	assert_non_null(strstr(strtab_text(strings, f->file), "tests/unit/test_symbol.c"));
	assert_string_equal(strtab_text(strings, f->language), "C");
	assert_true(f->line > 200 && f->line < __LINE__);
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_belongs_to_the_symbol_that_covers_it),
		cmocka_unit_test(the_choice_among_aliases_does_not_depend_on_their_order),
		cmocka_unit_test(a_symbol_without_size_reaches_to_the_next_one),
		cmocka_unit_test(versions_are_cut_and_odd_names_kept),
		cmocka_unit_test(tables_that_lie_name_nothing),
		cmocka_unit_test(answers_keep_the_callers_order_and_duplicates),
		cmocka_unit_test(a_file_that_is_not_the_one_that_ran_names_nothing),
		cmocka_unit_test(missing_and_foreign_files_are_said),
		cmocka_unit_test(mangled_files_do_no_harm),
		cmocka_unit_test(the_vdso_is_read_from_this_process),
		cmocka_unit_test(this_program_knows_its_own_lines),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
