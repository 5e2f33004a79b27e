/* Names of code that runs now: from the files that are mapped, from memory where these are gone, from a compiler's map
 * in whatever namespace it was written; inlined functions innermost first; also when the process has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "prof/record/livenames.h"
#include "tests/unit/modules_rig.h"

static char program[PATH_MAX + 16], library[PATH_MAX + 16];

static int make_files(void **state)
{
	if (scratch_make(state) || chmod(scratch_dir, 0777))
		return -1;
	snprintf(program, sizeof program, "%s/program", scratch_dir);
	snprintf(library, sizeof library, "%s/libz.so", scratch_dir);
	return 0;
}

static int fresh_files(void **state)
{
	(void)state;
	unlink(program);
	unlink(library);
	rig_copy("/proc/self/exe", program);
	rig_copy(rig_zlib(), library);
	return 0;
}

/* ---- inlined calls, for addresses in our own code ---- */

static volatile int sink;

__attribute__((always_inline)) static inline void inlined_inner(int n)
{
	for (int i = 0; i < n; i++)
		sink += i;
}

__attribute__((always_inline)) static inline void inlined_outer(int n)
{
	inlined_inner(n);
}

#ifdef __clang__
#define OWN __attribute__((noinline, used))
#else
#define OWN __attribute__((noinline, noclone))
#endif

static OWN void owner_of_inlined(int n)
{
	inlined_outer(n);
	sink--;
}

struct names {
	struct look l;
	struct strtab *strings;
	struct livenames *names;
};

static void names_open(struct names *n, pid_t pid)
{
	look_open(&n->l, pid, NULL);
	n->strings = strtab_new();
	n->names = livenames_new(n->l.set, n->strings, NULL);
	assert_non_null(n->names);
}

static void names_close(struct names *n)
{
	livenames_free(n->names);
	strtab_free(n->strings);
	look_close(&n->l);
}

static const char *name_of(struct names *n, uint64_t address)
{
	struct attach_frame f = attach_space_frame(n->l.space, address);
	uint32_t len;
	const struct symbol_frame *chain = livenames_of(n->names, f, &len);

	assert_non_null(chain);
	assert_true(len >= 1);
	return strtab_text(n->strings, chain[len - 1].function);
}

static void functions_and_lines_of_a_living_program(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL), crc;
	const struct symbol_frame *chain;
	struct names n;
	uint32_t len;

	(void)state;
	crc = rig_ask(&r, "open %s crc32", library);
	names_open(&n, r.pid);
	assert_string_equal(name_of(&n, known), "modules_rig_known");
	chain = livenames_of(n.names, attach_space_frame(n.l.space, known), &len);
	assert_int_equal(len, 1);
	assert_non_null(strstr(strtab_text(n.strings, chain->file), "modules_rig.h"));
	assert_true(chain->line > 0);
	assert_string_equal(name_of(&n, crc), "crc32");
	assert_non_null(strstr(name_of(&n, 0x1234), "0x1234"));
	names_close(&n);
	rig_stop(&r);
}

static void inlined_calls_come_innermost_first(void **state)
{
	uint64_t start = (uint64_t)(uintptr_t)owner_of_inlined;
	struct attach_frame frames[64];
	int deepest = 0;
	struct names n;

	(void)state;
	owner_of_inlined(2);
	names_open(&n, getpid());
	for (uint32_t i = 0; i < 64; i++)
		frames[i] = attach_space_frame(n.l.space, start + i);
	assert_int_equal(livenames_ask(n.names, frames, 64), 0);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t len;
		const struct symbol_frame *f = livenames_of(n.names, frames[i], &len);

		if (len != 3 || strcmp(strtab_text(n.strings, f[0].function), "inlined_inner") != 0)
			continue;
		deepest++;
		assert_string_equal(strtab_text(n.strings, f[1].function), "inlined_outer");
		assert_string_equal(strtab_text(n.strings, f[2].function), "owner_of_inlined");
	}
	names_close(&n);
	assert_true(deepest > 0);
}

static void see_names_out_of_memory(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t crc = rig_ask(&r, "open %s crc32", library);
	struct names n;

	(void)state;
	assert_int_equal(unlink(library), 0);
	names_open(&n, r.pid);
	assert_int_equal(look_module(&n.l, crc, NULL)->source, MODULE_MEMORY);
	assert_string_equal(name_of(&n, crc), "crc32");
	names_close(&n);
	rig_stop(&r);
}

static void what_only_memory_has_keeps_its_exported_names(void **state)
{
	(void)state;
	as_nobody(see_names_out_of_memory);
}

static void files_are_named_after_the_end_of_their_process(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL);
	struct names n;

	(void)state;
	names_open(&n, r.pid);
	rig_stop(&r);
	assert_int_equal(unlink(program), 0);
	assert_string_equal(name_of(&n, known), "modules_rig_known");
	names_close(&n);
}

static void the_kernels_own_functions_have_names(void **state)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	void *function = vdso ? dlsym(vdso, "__vdso_getcpu") : NULL;
	const char *name;
	struct names n;

	(void)state;
	if (!function) {
		print_message("no vDSO here\n");
		skip();
	}
	names_open(&n, getpid());
	name = name_of(&n, (uint64_t)(uintptr_t)function);
	assert_true(!strcmp(name, "__vdso_getcpu") || !strcmp(name, "getcpu"));
	names_close(&n);
	dlclose(vdso);
}

static void another_file_of_the_name_gives_no_names(void **state)
{
	struct module_set *set = module_set_new(NULL);
	struct attach_space *space = attach_space_new(set, NULL);
	const struct attach_part part = {
		.start = 0x1000, .end = 0x100000, .path = library, .source = MODULE_UNKNOWN};
	struct strtab *strings = strtab_new();
	struct livenames *names = livenames_new(set, strings, NULL);
	const struct symbol_frame *f;
	uint32_t n;

	(void)state;
	assert_int_equal(attach_space_add(space, &part, NULL), 0);
	f = livenames_of(names, attach_space_frame(space, 0x8000), &n);
	assert_non_null(f);
	assert_int_equal(n, 1);
	assert_memory_equal(strtab_text(strings, f->function), "[unknown in libz.so", 19);
	livenames_free(names);
	strtab_free(strings);
	attach_space_free(space);
	module_set_free(set);
}

/* ---- compilers' maps ---- */

static void enter_container(void)
{
	pid_t pid;
	int status;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		_exit(92);
	pid = fork(); /* number 1 in there */
	if (pid == 0) {
		char to[] = "/tmp/program";

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mount("rig", "/tmp", "tmpfs", 0, NULL))
			_exit(93);
		rig_copy("/proc/self/exe", to);
		execl(to, "rig", RIG_CHILD, (char *)NULL);
		_exit(94);
	}
	waitpid(pid, &status, 0);
	_exit(0);
}

static int may_have_containers(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWPID | CLONE_NEWNS) != 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static pid_t child_of(pid_t pid)
{
	char path[64], text[64] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof text, f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

static void write_map(pid_t pid, const char *name, uint64_t address, const char *function)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/root/tmp/%s", pid, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%llx 40 %s\n", (unsigned long long)address, function);
	assert_int_equal(fclose(f), 0);
}

static void code_of_a_compiler_in_a_container_has_names(void **state)
{
	struct names n;
	uint64_t code;
	struct rig r;
	pid_t inner;

	(void)state;
	if (!may_have_containers()) {
		print_message("no pid namespace for us (CAP_SYS_ADMIN)\n");
		skip();
	}
	r = rig_start("/proc/self/exe", -1, enter_container);
	code = rig_ask(&r, "jit", NULL);
	inner = child_of(r.pid);
	if (inner == 0) {
		rig_stop(&r);
		print_message("this kernel does not tell children\n");
		skip();
	}
	write_map(inner, "perf-1.map", code, "jit::fib(int)");
	names_open(&n, inner);
	assert_string_equal(look_module(&n.l, code, NULL)->path, "//anon");
	assert_non_null(look_module(&n.l, code, NULL)->file);
	assert_string_equal(name_of(&n, code + 4), "jit::fib(int)");
	kill(inner, SIGKILL);
	rig_stop(&r);
	/* Its /tmp is gone with it, but what was open is not. */
	assert_string_equal(name_of(&n, code + 8), "jit::fib(int)");
	names_close(&n);
}

static void a_map_of_another_user_is_not_believed(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t code = rig_ask(&r, "jit", NULL);
	char name[64], path[128];
	struct names n;

	(void)state;
	if (geteuid() != 0) {
		rig_stop(&r);
		print_message("needs root to make a file of another user\n");
		skip();
	}
	snprintf(name, sizeof name, "perf-%d.map", r.pid);
	snprintf(path, sizeof path, "/tmp/%s", name);
	write_map(r.pid, name, code, "a_lie");
	assert_int_equal(chown(path, 12345, 12345), 0);
	names_open(&n, r.pid);
	assert_memory_equal(name_of(&n, code), "[unknown", 8);
	names_close(&n);
	assert_int_equal(unlink(path), 0);
	rig_stop(&r);
}

static void what_has_no_name_yet_is_asked_again(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t code = rig_ask(&r, "jit", NULL);
	char name[64], path[128];
	struct attach_frame f;
	struct names n;

	(void)state;
	names_open(&n, r.pid);
	assert_memory_equal(name_of(&n, code), "[unknown", 8);
	f = attach_space_frame(n.l.space, code);
	snprintf(name, sizeof name, "perf-%d.map", r.pid);
	snprintf(path, sizeof path, "/tmp/%s", name);
	write_map(r.pid, name, code, "compiled_late");
	nanosleep(&(struct timespec){1, 100000000}, NULL);
	assert_int_equal(livenames_ask(n.names, &f, 1), 0);
	assert_string_equal(name_of(&n, code), "compiled_late");
	names_close(&n);
	assert_int_equal(unlink(path), 0);
	rig_stop(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(functions_and_lines_of_a_living_program, fresh_files),
		cmocka_unit_test(inlined_calls_come_innermost_first),
		cmocka_unit_test_setup(what_only_memory_has_keeps_its_exported_names, fresh_files),
		cmocka_unit_test_setup(files_are_named_after_the_end_of_their_process, fresh_files),
		cmocka_unit_test(the_kernels_own_functions_have_names),
		cmocka_unit_test_setup(another_file_of_the_name_gives_no_names, fresh_files),
		cmocka_unit_test_setup(code_of_a_compiler_in_a_container_has_names, fresh_files),
		cmocka_unit_test_setup(a_map_of_another_user_is_not_believed, fresh_files),
		cmocka_unit_test_setup(what_has_no_name_yet_is_asked_again, fresh_files),
	};

	if (rig_is_child(argc, argv))
		return rig_child();
	return cmocka_run_group_tests(tests, make_files, scratch_remove);
}
