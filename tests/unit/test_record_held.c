/* Files kept for the names of a run: held.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/elf/elffile.h"
#include "prof/record/held.h"

static char dir[] = "/tmp/protea-held.XXXXXX";
static char path[64], own_id[ELF_BUILD_ID_HEX];

static void copy_self(const char *to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out;
	char bytes[65536];
	ssize_t n;

	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(from >= 0 && out >= 0);
	while ((n = read(from, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(from);
	close(out);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* The file that is told for the names of a module; NULL none. */
static const char *located(struct held *h, const char *name, const char *build_id)
{
	struct symbol_module m = {.path = name, .build_id = build_id, .pid = getpid()};

	held_locate(h, &m);
	return m.file;
}

static void assert_is_ours(const char *file)
{
	char id[ELF_BUILD_ID_HEX];
	struct elf_file elf;

	assert_non_null(file);
	assert_int_equal(elf_open(&elf, file, NULL), 0);
	assert_true(elf_build_id(&elf, id));
	assert_string_equal(id, own_id);
	elf_close(&elf);
}

static void a_file_is_there_after_its_name_is_gone(void **state)
{
	struct held *h = held_new();
	int before = descriptors();

	(void)state;
	assert_non_null(h);
	copy_self(path);
	for (int i = 0; i < 3; i++)
		held_add(h, getpid(), path, own_id);
	assert_int_equal(descriptors(), before + 1);
	assert_int_equal(unlink(path), 0);
	assert_is_ours(located(h, path, own_id));
	assert_null(located(h, path, "00ff"));
	assert_null(located(h, "/elsewhere", own_id));
	held_free(h);
	assert_int_equal(descriptors(), before);
}

static void another_file_of_that_name_is_not_taken(void **state)
{
	struct held *h = held_new();

	(void)state;
	assert_non_null(h);
	copy_self(path);
	held_add(h, getpid(), path, "00ff");
	assert_null(located(h, path, "00ff"));
	held_add(h, getpid(), dir, own_id); /* a folder */
	assert_null(located(h, dir, own_id));
	held_add(h, getpid(), "[vdso]", "");
	held_add(h, getpid(), "//anon", "");
	held_add(h, getpid(), "relative", "");
	assert_null(located(h, "relative", ""));
	held_free(h);
	unlink(path);
}

/* What is gone when it is told of is found by the maps of the process: its program may have removed itself. */
static void a_file_that_is_gone_is_taken_out_of_the_process(void **state)
{
	char gone[128];
	int pid, in[2];
	char ready;

	(void)state;
	copy_self(path);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[1], 1);
		execl(path, path, "wait", (char *)NULL);
		_exit(1);
	}
	close(in[1]);
	assert_int_equal(read(in[0], &ready, 1), 1);
	assert_int_equal(unlink(path), 0);
	snprintf(gone, sizeof gone, "%s (deleted)", path);
	for (int i = 0; i < 2; i++) { /* as told by the loader, and as the kernel says it */
		struct held *h = held_new();

		assert_non_null(h);
		held_add(h, pid, i ? gone : path, own_id);
		assert_is_ours(located(h, i ? gone : path, own_id));
		held_free(h);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(in[0]);
}

static void few_descriptors_are_taken_of_few(void **state)
{
	struct rlimit old, few;
	struct held *h;
	int before = descriptors();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	h = held_new();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(h);
	for (int i = 0; i < 20; i++) {
		char name[96];

		snprintf(name, sizeof name, "%s/file.%d", dir, i);
		copy_self(name);
		held_add(h, getpid(), name, own_id);
		unlink(name);
	}
	assert_int_equal(descriptors(), before + 10);
	held_free(h);
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_there_after_its_name_is_gone),
		cmocka_unit_test(another_file_of_that_name_is_not_taken),
		cmocka_unit_test(a_file_that_is_gone_is_taken_out_of_the_process),
		cmocka_unit_test(few_descriptors_are_taken_of_few),
	};
	struct elf_file elf;

	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		(void)!write(1, "", 1);
		for (;;)
			pause();
	}
	if (!mkdtemp(dir) || elf_open(&elf, "/proc/self/exe", NULL) || !elf_build_id(&elf, own_id))
		return 1;
	elf_close(&elf);
	snprintf(path, sizeof path, "%s/file", dir);
	return cmocka_run_group_tests(tests, NULL, remove_dir);
}
