/* Maps of just-in-time compilers: which line names an address, which lines are skipped, whose files count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/err.h"
#include "prof/symbol/perfmap.h"
#include "prof/symbol/symbol.h"

static struct span as_span(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

static void assert_named(const char *map, uint64_t addr, const char *want)
{
	struct span name;

	perfmap_find(as_span(map), &addr, 1, &name);
	assert_int_equal(name.n, strlen(want));
	assert_memory_equal(name.n ? (const char *)name.p : "", want, name.n);
}

static void a_line_names_what_it_covers(void **state)
{
	static const char map[] = "1000 40 alpha\n0x1040 0x20 beta gamma\n";

	(void)state;
	assert_named(map, 0xfff, "");
	assert_named(map, 0x1000, "alpha");
	assert_named(map, 0x103f, "alpha");
	assert_named(map, 0x1040, "beta gamma");
	assert_named(map, 0x105f, "beta gamma");
	assert_named(map, 0x1060, "");
}

static void the_last_of_overlapping_lines_wins(void **state)
{
	static const char map[] = "1000 100 old\n1080 10 new\n1000 8 newest\n";

	(void)state;
	assert_named(map, 0x1000, "newest");
	assert_named(map, 0x1008, "old");
	assert_named(map, 0x1085, "new");
	assert_named(map, 0x1090, "old");
}

static void malformed_lines_are_skipped(void **state)
{
	static const char map[] = "\n"
				  "garbage\n"
				  "1000\n"
				  "1000 \n"
				  "1000 40\n"
				  "1000 40 \n"
				  "1000 0 empty\n"
				  "-1000 40 negative\n"
				  "10000000000000000000 40 too wide\n"
				  "1000 40x bad size\n"
				  "1000 40 good\r\n"
				  "1000 40 cut";
	uint64_t addr = 0x1001;
	struct span name;

	(void)state;
	assert_int_equal(perfmap_find(as_span(map), &addr, 1, &name), 2);
	assert_named(map, 0x1001, "cut");
	assert_named("1000 40 good\r\nx", 0x1001, "good");
}

static void ranges_at_the_end_of_the_address_space_do_not_wrap(void **state)
{
	static const char map[] = "fffffffffffffff0 ffffffffffffffff top\n";

	(void)state;
	assert_named(map, UINT64_MAX, "top");
	assert_named(map, 0xfffffffffffffff0, "top");
	assert_named(map, 0, "");
	assert_named(map, 0x10, "");
}

static void map_path(char out[64], long pid)
{
	snprintf(out, 64, "/tmp/perf-%ld.map", pid);
}

static void write_map(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void names_of_a_living_process_reach_the_answer(void **state)
{
	uint64_t addrs[] = {0x7f0000001010, 0x7f0000001010, 0x7f0000002000};
	struct symbol_module module = {.path = "//anon", .pid = getpid()};
	struct strtab *strings = strtab_new();
	struct symbolizer *s = symbolizer_new(strings, NULL);
	struct symbol_answer a;
	char path[64];

	(void)state;
	map_path(path, getpid());
	write_map(path, "7f0000001000 40 py::fib:/tmp/fib.py\n");
	assert_int_equal(symbolize(s, &module, addrs, 3, &a, NULL, 0), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(a.n, 3);
	assert_string_equal(strtab_text(strings, a.frames[a.first[0]].function),
			    "py::fib:/tmp/fib.py");
	assert_int_equal(a.frames[a.first[1]].function, a.frames[a.first[0]].function);
	assert_string_equal(strtab_text(strings, a.frames[a.first[2]].function),
			    "[unknown in //anon+0x7f0000002000]");
	symbol_answer_release(&a);
	symbolizer_free(s);
	strtab_free(strings);
}

static void a_process_that_ended_still_has_its_map(void **state)
{
	pid_t pid = fork();
	char path[64];
	void *bytes;
	size_t len;

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	map_path(path, pid);
	write_map(path, "1000 40 late\n");
	assert_int_equal(perfmap_read(pid, &bytes, &len), 1);
	assert_int_equal(len, strlen("1000 40 late\n"));
	free(bytes);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(perfmap_read(pid, &bytes, &len), 0);
}

static void links_folders_and_strangers_files_are_not_read(void **state)
{
	char path[64], target[] = "/tmp/perf-target.XXXXXX";
	int fd = mkstemp(target);
	void *bytes;
	size_t len;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "1000 40 linked\n", 15), 15);
	close(fd);
	map_path(path, getpid());
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(perfmap_read(getpid(), &bytes, &len), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(target), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(perfmap_read(getpid(), &bytes, &len), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(perfmap_read(getpid(), &bytes, &len), 0);
	assert_int_equal(unlink(path), 0);
	if (geteuid() != 0) {
		print_message("another user's map: needs root, not tried\n");
		return;
	}
	write_map(path, "1000 40 stranger\n");
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(perfmap_read(getpid(), &bytes, &len), 0);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_names_what_it_covers),
		cmocka_unit_test(the_last_of_overlapping_lines_wins),
		cmocka_unit_test(malformed_lines_are_skipped),
		cmocka_unit_test(ranges_at_the_end_of_the_address_space_do_not_wrap),
		cmocka_unit_test(names_of_a_living_process_reach_the_answer),
		cmocka_unit_test(a_process_that_ended_still_has_its_map),
		cmocka_unit_test(links_folders_and_strangers_files_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
