/* Tables kept on disk: made once, mapped after; what is corrupt, old or of another module is replaced; and
 * nothing that goes wrong with the folder keeps anyone from a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/elf/elffile.h"
#include "tests/unit/scratch.h"
#include "tests/unit/table_rig.h"

#define ID "00aa11bb22cc33dd44ee55ff"

#define ROOM (PATH_MAX + 256) /* what scratch() gives */

static void write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(close(fd), 0);
}

/* A module with this build id, whose only function has the CFA rsp + `offset`. */
static void write_module(const char *path, const char *id_bytes, uint8_t offset)
{
	static struct elf_bytes e;
	struct cfi_bytes b = {0};
	uint8_t note[64];
	size_t n = eb_note(note, NT_GNU_BUILD_ID, id_bytes, 12);

	cie(&b);
	fde(&b, 0x1000, 0x40, offset);
	eb_init(&e);
	eb_section(&e, ".eh_frame", SHT_PROGBITS, CFI_BYTES_ADDR, b.data, b.len);
	eb_section(&e, ".note.gnu.build-id", SHT_NOTE, 0x400, note, n);
	eb_finish(&e, 1);
	write_file(path, e.data, e.len);
}

static const char id_bytes[12] = "\x00\xaa\x11\xbb\x22\xcc\x33\xdd\x44\xee\x55\xff";

struct rig {
	char module[ROOM], dir[ROOM], cached[ROOM + 64];
};

static void make_rig(struct rig *r)
{
	snprintf(r->module, sizeof r->module, "%s", scratch("module.so"));
	snprintf(r->dir, sizeof r->dir, "%s", scratch("deep/er/cache"));
	snprintf(r->cached, sizeof r->cached, "%s/%s.unw", r->dir, ID);
	write_module(r->module, id_bytes, 16);
	unlink(r->cached);
}

/* The CFA offset at 0x1000, or a negative error. */
static int get(const char *path, const char *id, const char *dir)
{
	const struct unwind_table *t = NULL;
	struct err err = ERR_INIT;
	size_t mapped = 0;
	int rc = unwind_table_get(&t, &mapped, path, id, dir, &err);

	if (rc < 0) {
		assert_int_equal(err.code, rc);
		assert_null(t);
		return rc;
	}
	assert_true(mapped >= unwind_table_bytes(t));
	rc = at(t, 0x1000);
	unwind_table_release(t, mapped);
	return rc;
}

static size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void a_table_is_made_once_and_mapped_after(void **state)
{
	struct rig r;
	struct stat first, second;

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(stat(r.cached, &first), 0);
	assert_int_equal(first.st_mode & 0777, 0600);
	assert_int_equal(files_in(r.dir), 1);
	/* The module is gone: now it can only come from the cache. */
	assert_int_equal(unlink(r.module), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(stat(r.cached, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	assert_int_equal(get(r.module, "00aa11bb22cc33dd44ee55fe", r.dir), ERR_IO);
}

static void without_folder_or_id_it_is_made_each_time(void **state)
{
	struct rig r;

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, NULL), 16);
	assert_int_equal(get(r.module, ID, ""), 16);
	assert_int_equal(get(r.module, NULL, r.dir), 16);
	assert_int_equal(get(r.module, "", r.dir), 16);
	assert_int_equal(access(r.cached, F_OK), -1);
}

static void corrupt_and_old_files_are_replaced(void **state)
{
	struct rig r;
	struct unwind_table_head head;
	int fd;

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	for (int kind = 0; kind < 6; kind++) {
		fd = open(r.cached, O_RDWR);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, &head, sizeof head), sizeof head);
		if (kind == 0)
			head.version++;
		else if (kind == 1)
			head.magic[0] = 'x';
		else if (kind == 2)
			head.n_rows += 1;
		else if (kind == 3)
			assert_int_equal(ftruncate(fd, 100), 0);
		else if (kind == 4)
			assert_int_equal(ftruncate(fd, 0), 0);
		else
			assert_int_equal(ftruncate(fd, 100000), 0);
		if (kind < 3)
			assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
		close(fd);
		assert_int_equal(get(r.module, ID, r.dir), 16);
		/* And it is whole again. */
		fd = open(r.cached, O_RDONLY);
		assert_int_equal(read(fd, &head, sizeof head), sizeof head);
		close(fd);
		assert_memory_equal(head.magic, UNWIND_TABLE_MAGIC, 8);
		assert_int_equal(head.version, UNWIND_TABLE_VERSION);
	}
	assert_int_equal(files_in(r.dir), 1);
}

static void a_table_of_another_module_is_not_taken(void **state)
{
	struct rig r;
	char other[ROOM], wrong[ROOM + 64];

	(void)state;
	make_rig(&r);
	snprintf(other, sizeof other, "%s", scratch("other.so"));
	write_module(other, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", 24);
	assert_int_equal(get(other, "0102030405060708090a0b0c", r.dir), 24);
	snprintf(wrong, sizeof wrong, "%s/0102030405060708090a0b0c.unw", r.dir);
	assert_int_equal(rename(wrong, r.cached), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
}

static void a_module_that_was_replaced_is_not_taken_for_the_old_one(void **state)
{
	struct rig r;
	struct err err = ERR_INIT;
	const struct unwind_table *t;
	size_t mapped;

	(void)state;
	make_rig(&r);
	write_module(r.module, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", 24);
	assert_int_equal(unwind_table_get(&t, &mapped, r.module, ID, r.dir, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, ID));
	assert_int_equal(unwind_table_get(&t, &mapped, r.module, ID, r.dir, NULL), ERR_NOTFOUND);
	assert_int_equal(files_in(r.dir), 0);
}

static void ids_that_are_no_hex_never_become_paths(void **state)
{
	struct rig r;
	static const char *const ids[] = {"../escape", "0a/../../escape", "ABCD", "0", "0g", "."};
	char longer[200];

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		assert_int_equal(get(r.module, ids[i], r.dir), 16);
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(get(r.module, longer, r.dir), 16);
	assert_int_equal(files_in(r.dir), 1);
}

static void a_folder_that_cannot_be_used_costs_no_table(void **state)
{
	struct rig r;
	char file[ROOM], inside[ROOM + 16];
	char longer[6000];

	(void)state;
	make_rig(&r);
	snprintf(file, sizeof file, "%s", scratch("a-file"));
	write_file(file, "x", 1);
	assert_int_equal(get(r.module, ID, file), 16);
	snprintf(inside, sizeof inside, "%s/below", file);
	assert_int_equal(get(r.module, ID, inside), 16);
	assert_int_equal(get(r.module, ID, "/proc/self/none"), 16);
	memset(longer, 'd', sizeof longer - 1);
	longer[0] = '/';
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(get(r.module, ID, longer), 16);
	/* A folder where the file should be. */
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(unlink(r.cached), 0);
	assert_int_equal(mkdir(r.cached, 0700), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(rmdir(r.cached), 0);
	assert_int_equal(files_in(r.dir), 0);
	/* A fifo there must not hold us. */
	assert_int_equal(mkfifo(r.cached, 0600), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
}

static void what_a_killed_writer_left_is_overtaken(void **state)
{
	struct rig r;
	char aside[ROOM + 128];

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(unlink(r.cached), 0);
	snprintf(aside, sizeof aside, "%s.%d.%d", r.cached, getpid(), gettid());
	write_file(aside, "half", 4);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(access(r.cached, F_OK), 0);
	assert_int_equal(files_in(r.dir), 1);
	/* A link there is not followed. */
	assert_int_equal(unlink(r.cached), 0);
	assert_int_equal(symlink(r.module, aside), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(get(r.module, ID, NULL), 16); /* the module was not written over */
}

static void many_processes_at_once_get_whole_tables(void **state)
{
	struct rig r;
	pid_t child[8];
	int status;

	(void)state;
	make_rig(&r);
	for (int i = 0; i < 8; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			int good = 1;

			for (int k = 0; k < 100; k++) {
				const struct unwind_table *t;
				size_t mapped;

				if (k % 10 == 9)
					unlink(r.cached);
				if (unwind_table_get(&t, &mapped, r.module, ID, r.dir, NULL) < 0)
					_exit(2);
				good &= unwind_table_rule(t, 0x1000)->cfa_off == 16;
				unwind_table_release(t, mapped);
			}
			_exit(good ? 0 : 1);
		}
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(files_in(r.dir), 1);
}

static void a_limit_of_file_sizes_does_not_kill(void **state)
{
	struct rig r;
	int status;
	pid_t child;

	(void)state;
	make_rig(&r);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = {100, 100};

		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(2);
		_exit(get(r.module, ID, r.dir) == 16 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(files_in(r.dir), 0);
}

static void a_mapping_outlives_its_file(void **state)
{
	struct rig r;
	const struct unwind_table *t;
	size_t mapped;

	(void)state;
	make_rig(&r);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(unwind_table_get(&t, &mapped, r.module, ID, r.dir, NULL), 0);
	assert_int_equal(unlink(r.cached), 0);
	assert_int_equal(get(r.module, ID, r.dir), 16);
	assert_int_equal(at(t, 0x1000), 16);
	unwind_table_release(t, mapped);
	unwind_table_release(NULL, 0);
}

/* ---- the default folder ---------------------------------------------------------------------------- */

static void expect_dir(const char *want, char *own, char *xdg, char *home)
{
	char *list[8] = {"PATH=/bin", "HOMER=/x"}, path[256] = "x";
	int n = 2;

	if (own)
		list[n++] = own;
	if (xdg)
		list[n++] = xdg;
	if (home)
		list[n++] = home;
	unwind_table_dir(path, sizeof path, list);
	assert_string_equal(path, want);
}

static void the_folder_comes_from_the_environment(void **state)
{
	char path[16] = "x";
	char *home[] = {"HOME=/a/folder", NULL};

	(void)state;
	expect_dir("/c", "PROTEA_PROF_CACHE=/c", "XDG_CACHE_HOME=/x", "HOME=/h");
	expect_dir("/x/protea-prof", NULL, "XDG_CACHE_HOME=/x", "HOME=/h");
	expect_dir("/x/protea-prof", "PROTEA_PROF_CACHE=", "XDG_CACHE_HOME=/x", "HOME=/h");
	expect_dir("/h/.cache/protea-prof", NULL, NULL, "HOME=/h");
	expect_dir("/h/.cache/protea-prof", NULL, "XDG_CACHE_HOME=relative", "HOME=/h");
	expect_dir("", NULL, NULL, "HOME=");
	expect_dir("", NULL, NULL, NULL);
	unwind_table_dir(path, sizeof path, NULL);
	assert_string_equal(path, "");
	unwind_table_dir(path, sizeof path, home); /* does not fit */
	assert_string_equal(path, "");
	unwind_table_dir(path, 0, home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_made_once_and_mapped_after),
		cmocka_unit_test(without_folder_or_id_it_is_made_each_time),
		cmocka_unit_test(corrupt_and_old_files_are_replaced),
		cmocka_unit_test(a_table_of_another_module_is_not_taken),
		cmocka_unit_test(a_module_that_was_replaced_is_not_taken_for_the_old_one),
		cmocka_unit_test(ids_that_are_no_hex_never_become_paths),
		cmocka_unit_test(a_folder_that_cannot_be_used_costs_no_table),
		cmocka_unit_test(what_a_killed_writer_left_is_overtaken),
		cmocka_unit_test(many_processes_at_once_get_whole_tables),
		cmocka_unit_test(a_limit_of_file_sizes_does_not_kill),
		cmocka_unit_test(a_mapping_outlives_its_file),
		cmocka_unit_test(the_folder_comes_from_the_environment),
	};

	return cmocka_run_group_tests_name("unwind table cache", tests, scratch_make,
					   scratch_remove);
}
