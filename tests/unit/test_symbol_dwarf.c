/* DWARF put together by hand: inlined calls, names through references, and lies of every kind (loops, huge
 * counts, addresses that wrap), which cost names and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "tests/unit/made_dwarf.h"

static struct made made;
static char text[512], warning[512];

/* Codes of the abbreviations below. */
enum { UNIT = 1, FUNCTION, NAMED, INLINED, REFERRING, END = 0 };

static void abbreviations(void)
{
	static const char unit[] = {UNIT,         DW_TAG_compile_unit, 1,
				    DW_AT_low_pc, DW_FORM_addr,        DW_AT_high_pc,
				    DW_FORM_data4};
	static const char function[] = {FUNCTION,      DW_TAG_subprogram,     1,
					DW_AT_low_pc,  DW_FORM_addr,          DW_AT_high_pc,
					DW_FORM_data4, DW_AT_abstract_origin, DW_FORM_ref4};
	static const char named[] = {NAMED, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string};
	static const char inlined[] = {INLINED,
				       DW_TAG_inlined_subroutine,
				       1,
				       DW_AT_low_pc,
				       DW_FORM_addr,
				       DW_AT_high_pc,
				       DW_FORM_data4,
				       DW_AT_abstract_origin,
				       DW_FORM_ref4,
				       DW_AT_call_line,
				       DW_FORM_data1};
	static const char referring[] = {REFERRING, DW_TAG_subprogram, 0, DW_AT_abstract_origin,
					 DW_FORM_ref4};

	made_abbrev(&made, unit, sizeof unit);
	made_abbrev(&made, function, sizeof function);
	made_abbrev(&made, named, sizeof named);
	made_abbrev(&made, inlined, sizeof inlined);
	made_abbrev(&made, referring, sizeof referring);
}

/* Starts a file with one unit over all of .text. */
static void start(void)
{
	made_init(&made);
	made_symbol(&made, "by_table", 0x1000, 0x1000, STB_GLOBAL, STT_FUNC);
	abbreviations();
	made_unit(&made);
	buf_putc(&made.info, UNIT);
	buf_put_u64(&made.info, MADE_TEXT);
	buf_put_u32(&made.info, MADE_TEXT_SIZE);
}

static void code(char abbrev, uint64_t low, uint32_t size, uint32_t origin)
{
	buf_putc(&made.info, abbrev);
	buf_put_u64(&made.info, low);
	buf_put_u32(&made.info, size);
	buf_put_u32(&made.info, origin);
	if (abbrev == INLINED)
		buf_putc(&made.info, 7);
}

static uint32_t named(const char *name)
{
	uint32_t at = (uint32_t)made.info.len;

	buf_putc(&made.info, NAMED);
	buf_put(&made.info, name, strlen(name) + 1);
	return at;
}

static void end(void)
{
	buf_putc(&made.info, END);
}

static void assert_chain(const char *path, uint64_t addr, const char *want)
{
	assert_non_null(path);
	assert_string_equal(made_ask(path, NULL, addr, text, warning, sizeof warning), want);
}

static void inlined_calls_are_frames_of_their_own(void **state)
{
	uint32_t outer, middle, leaf;
	const char *path;

	(void)state;
	start();
	outer = named("outer");
	middle = named("middle");
	leaf = named("leaf");
	code(FUNCTION, 0x1000, 0x100, outer);
	code(INLINED, 0x1010, 0x40, middle);
	code(INLINED, 0x1020, 0x10, leaf);
	end();
	end();
	code(INLINED, 0x1080, 0x10, leaf);
	end();
	end();
	end();
	path = made_write(&made, "inlined");
	assert_chain(path, 0x1000, "outer");
	assert_chain(path, 0x1010, "outer < middle");
	assert_chain(path, 0x1020, "outer < middle < leaf");
	assert_chain(path, 0x102f, "outer < middle < leaf");
	assert_chain(path, 0x1030, "outer < middle");
	assert_chain(path, 0x1088, "outer < leaf");
	assert_chain(path, 0x1100, "by_table");
	assert_string_equal(warning, "");
}

static void references_in_a_circle_end(void **state)
{
	const char *path;
	uint32_t at;

	(void)state;
	start();
	at = (uint32_t)made.info.len;
	buf_putc(&made.info, REFERRING);
	buf_put_u32(&made.info, at); /* to itself */
	code(FUNCTION, 0x1000, 0x10, at);
	end();
	at = (uint32_t)made.info.len;
	code(FUNCTION, 0x1010, 0x10, at); /* its own origin */
	end();
	code(FUNCTION, 0x1020, 0x10, 0xfffffff0);
	end();
	code(FUNCTION, 0x1030, 0x10, 0);
	end();
	end();
	path = made_write(&made, "circle");
	for (uint64_t a = 0x1000; a < 0x1040; a += 8)
		assert_chain(path, a, "by_table");
}

static void ranges_that_wrap_hold_nothing(void **state)
{
	const char *path;
	uint32_t name;

	(void)state;
	start();
	name = named("wrong");
	code(FUNCTION, UINT64_MAX - 8, 0x100, name);
	end();
	code(FUNCTION, 0x1010, 0, name);
	end();
	end();
	path = made_write(&made, "wraps");
	assert_chain(path, 0x1010, "by_table");
	assert_chain(path, 0x10, "[unknown in wraps+0x10]");
	assert_chain(path, UINT64_MAX - 4, "[unknown in wraps+0xfffffffffffffffb]");
}

/* Inlined calls nested far deeper than any compiler goes. */
static void nesting_without_end_is_cut(void **state)
{
	const char *path;
	uint32_t name;

	(void)state;
	start();
	name = named("f");
	code(FUNCTION, 0x1000, 0x100, name);
	for (int i = 0; i < 2500; i++)
		code(INLINED, 0x1000, 0x100, name);
	path = made_write(&made, "deep");
	made_ask(path, NULL, 0x1008, text, warning, sizeof warning);
	assert_memory_equal(text, "f < f < f < f", 13);
}

static void unknown_codes_and_cut_units_end_the_walk(void **state)
{
	const char *path;
	uint32_t name;

	(void)state;
	start();
	name = named("before");
	code(FUNCTION, 0x1000, 0x10, name);
	end();
	buf_putc(&made.info, 99);
	code(FUNCTION, 0x1010, 0x10, name);
	path = made_write(&made, "code");
	assert_chain(path, 0x1000, "before");
	assert_chain(path, 0x1010, "by_table");

	start();
	name = named("before");
	code(FUNCTION, 0x1000, 0x10, name);
	end();
	buf_putc(&made.info, FUNCTION); /* and no attributes */
	path = made_write(&made, "cut");
	assert_chain(path, 0x1000, "before");
	assert_chain(path, 0x1010, "by_table");
}

/* An abbreviation's code of 2^60, more attributes than bytes, a table without end. */
static void wild_abbreviations_are_refused(void **state)
{
	static const char wild[] = "\xff\xff\xff\xff\xff\xff\xff\xff\x0f\x2e\x00\x03\x08";
	const char *path;

	(void)state;
	start();
	buf_clear(&made.abbrev);
	made_abbrev(&made, wild, sizeof wild - 1);
	path = made_write(&made, "wild");
	assert_chain(path, 0x1000, "by_table");

	start();
	buf_clear(&made.abbrev);
	buf_put(&made.abbrev, "\1\x11\1", 3);
	for (int i = 0; i < 8000; i++)
		buf_put(&made.abbrev, "\3\x8", 2);
	path = made_write(&made, "endless");
	assert_chain(path, 0x1000, "by_table");
}

/* A line program of version 4: header, files, and then what is given. */
static void line_program(const void *program, size_t n)
{
	static const char tail[] = "\1\1\1\xfb\x0e\x0d\0\1\1\1\1\0\0\0\1\0\0\1"
				   "dir\0\0"
				   "a.c\0\1\0\0"
				   "/abs/b.c\0\1\0\0\0";
	size_t header = sizeof tail - 1;

	buf_put_u32(&made.line, (uint32_t)(2 + 4 + header + n));
	buf_put_u16(&made.line, 4);
	buf_put_u32(&made.line, (uint32_t)header);
	buf_put(&made.line, tail, header);
	buf_put(&made.line, program, n);
}

static void with_lines(void)
{
	static const char unit[] = {UNIT,           DW_TAG_compile_unit, 1,
				    DW_AT_low_pc,   DW_FORM_addr,        DW_AT_high_pc,
				    DW_FORM_data4,  DW_AT_stmt_list,     DW_FORM_sec_offset,
				    DW_AT_comp_dir, DW_FORM_string};

	made_init(&made);
	made_symbol(&made, "f", 0x1000, 0x1000, STB_GLOBAL, STT_FUNC);
	made_abbrev(&made, unit, sizeof unit);
	made_unit(&made);
	buf_putc(&made.info, UNIT);
	buf_put_u64(&made.info, MADE_TEXT);
	buf_put_u32(&made.info, MADE_TEXT_SIZE);
	buf_put_u32(&made.info, 0);
	buf_put(&made.info, "/src/./proj", 12);
	buf_putc(&made.info, END);
}

static void assert_line(const char *path, uint64_t addr, const char *file, uint32_t line)
{
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, NULL);
	struct symbol_module module = {.path = path};
	struct symbol_answer a;

	assert_int_equal(symbolize(s, &module, &addr, 1, &a, NULL, 0), 0);
	assert_string_equal(strtab_text(strings, a.frames[0].file), file);
	assert_int_equal(a.frames[0].line, line);
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
}

static void lines_hold_from_their_row_to_the_next(void **state)
{
	static const char program[] = "\0\x09\2\0\x10\0\0\0\0\0\0" /* address 0x1000 */
				      "\3\x09\1"                   /* line 10 */
				      "\2\x10\3\1\1"               /* 0x1010: line 11 */
				      "\1"                         /* again: the last row counts */
				      "\3\4\1"                     /* line 15, same address */
				      "\4\2\2\x10\1"               /* 0x1020: file 2 */
				      "\2\x10\0\1\1";              /* 0x1030: end */
	const char *path;

	(void)state;
	with_lines();
	line_program(program, sizeof program - 1);
	path = made_write(&made, "lines");
	assert_line(path, 0x1000, "/src/./proj/dir/a.c", 10);
	assert_line(path, 0x100f, "/src/./proj/dir/a.c", 10);
	assert_line(path, 0x1010, "/src/./proj/dir/a.c", 15);
	assert_line(path, 0x1020, "/abs/b.c", 15);
	assert_line(path, 0x102f, "/abs/b.c", 15);
	assert_line(path, 0x1030, "", 0);
}

static void line_programs_that_lie_give_no_lines(void **state)
{
	/* A file that is not there; a length beyond the end; an address that goes back. */
	static const char no_file[] = "\0\x09\2\0\x10\0\0\0\0\0\0\4\x63\1\2\x10\0\1\1";
	static const char too_long[] = "\0\xff\xff\xff\xff\x0f\2\0\x10";
	static const char back[] = "\0\x09\2\0\x18\0\0\0\0\0\0\1\0\x09\2\0\x10\0\0\0\0\0\0\3\5\1"
				   "\2\x10\0\1\1";
	const char *path;

	(void)state;
	with_lines();
	line_program(no_file, sizeof no_file - 1);
	path = made_write(&made, "nofile");
	assert_line(path, 0x1000, "", 1);
	with_lines();
	line_program(too_long, sizeof too_long - 1);
	path = made_write(&made, "toolong");
	assert_line(path, 0x1000, "", 0);
	with_lines();
	line_program(back, sizeof back - 1);
	path = made_write(&made, "back");
	assert_line(path, 0x1008, "/src/./proj/dir/a.c", 6);
	assert_line(path, 0x1800, "", 0);
	with_lines();
	buf_put_u32(&made.line, 0xfffffff0);
	path = made_write(&made, "header");
	assert_line(path, 0x1000, "", 0);
}

static void languages_have_names(void **state)
{
	(void)state;
	assert_string_equal(dwarf_language(0x1d), "C");
	assert_string_equal(dwarf_language(0x21), "C++");
	assert_string_equal(dwarf_language(0x1c), "Rust");
	assert_string_equal(dwarf_language(0x8001), "asm");
	assert_string_equal(dwarf_language(0x7777), "");
	assert_int_equal(dwarf_language_linkage(0x1d), DWARF_PLAIN);
	assert_int_equal(dwarf_language_linkage(0x21), DWARF_LINKAGE_OR_SYMBOL);
	assert_int_equal(dwarf_language_linkage(0x22), DWARF_LINKAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inlined_calls_are_frames_of_their_own),
		cmocka_unit_test(references_in_a_circle_end),
		cmocka_unit_test(ranges_that_wrap_hold_nothing),
		cmocka_unit_test(nesting_without_end_is_cut),
		cmocka_unit_test(unknown_codes_and_cut_units_end_the_walk),
		cmocka_unit_test(wild_abbreviations_are_refused),
		cmocka_unit_test(lines_hold_from_their_row_to_the_next),
		cmocka_unit_test(line_programs_that_lie_give_no_lines),
		cmocka_unit_test(languages_have_names),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
