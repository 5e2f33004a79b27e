/* Modules of live processes: the very file that is mapped, whatever has become of its name; memory where no file is to
 * be had; no file of another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "prof/unwind/table.h"
#include "tests/unit/modules_rig.h"

static char program[PATH_MAX + 16], library[PATH_MAX + 16];

static int make_files(void **state)
{
	if (scratch_make(state) || chmod(scratch_dir, 0777))
		return -1;
	snprintf(program, sizeof program, "%s/program", scratch_dir);
	snprintf(library, sizeof library, "%s/libz copy.so", scratch_dir);
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

static void file_id(const char *path, char id[ELF_BUILD_ID_HEX], uint64_t symbol_offset,
		    uint64_t *vaddr)
{
	struct elf_file f;

	assert_int_equal(elf_open(&f, path, NULL), 0);
	assert_true(elf_build_id(&f, id));
	if (vaddr)
		assert_true(elf_offset_to_vaddr(&f, symbol_offset, vaddr));
	elf_close(&f);
}

/* Is `m` what zlib's file is? The table that is made of it is the same. */
static void assert_is_zlib(const struct attach_module *m, enum module_source source)
{
	char id[ELF_BUILD_ID_HEX], its[ELF_BUILD_ID_HEX];
	struct unwind_table *whole, *here;
	struct elf_file f, g;

	assert_non_null(m);
	assert_int_equal(m->source, source);
	assert_string_equal(m->path, library);
	file_id(rig_zlib(), id, 0, NULL);
	assert_string_equal(m->build_id, id);
	assert_non_null(m->file);
	assert_int_equal(elf_open(&f, rig_zlib(), NULL), 0);
	assert_int_equal(elf_open(&g, m->file, NULL), 0);
	assert_true(elf_build_id(&g, its));
	assert_string_equal(its, id);
	assert_int_equal(unwind_table_build(&whole, &f, NULL, NULL), 0);
	assert_int_equal(unwind_table_build(&here, &g, NULL, NULL), 0);
	assert_true(unwind_table_rows(whole) > 100);
	assert_int_equal(unwind_table_rows(here), unwind_table_rows(whole));
	assert_int_equal(unwind_table_bytes(here), unwind_table_bytes(whole));
	assert_memory_equal(here, whole, unwind_table_bytes(whole));
	unwind_table_free(whole);
	unwind_table_free(here);
	elf_close(&f);
	elf_close(&g);
}

/* The address of crc32 in the file, by its symbol. */
static uint64_t address_in_file(const char *symbol)
{
	struct elf_section syms = {0}, strings;
	uint64_t value = 0;
	struct elf_file f;

	assert_int_equal(elf_open(&f, rig_zlib(), NULL), 0);
	assert_true(elf_section_named(&f, ".dynsym", &syms));
	assert_true(elf_section_at(&f, syms.link, &strings));
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= syms.size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, syms.data + at, sizeof sym);
		if (!strcmp((const char *)strings.data + sym.st_name, symbol))
			value = sym.st_value;
	}
	elf_close(&f);
	assert_true(value != 0);
	return value;
}

static void a_plain_program_is_its_files(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	char id[ELF_BUILD_ID_HEX];
	const struct attach_module *m;
	uint64_t known, crc, rel;
	struct look l;

	(void)state;
	known = rig_ask(&r, "known", NULL);
	crc = rig_ask(&r, "open %s crc32", library);
	look_open(&l, r.pid, NULL);
	m = look_module(&l, known, NULL);
	assert_non_null(m);
	assert_int_equal(m->source, MODULE_FILE);
	assert_int_equal(m->deleted, 0);
	assert_string_equal(m->path, program);
	file_id(program, id, 0, NULL);
	assert_string_equal(m->build_id, id);
	m = look_module(&l, crc, &rel);
	assert_is_zlib(m, MODULE_FILE);
	assert_true(rel == address_in_file("crc32"));
	assert_null(look_module(&l, 0x10, NULL));
	assert_false(attach_space_is_code(l.space, (uint64_t)(uintptr_t)&l));
	assert_true(attach_space_is_code(l.space, known));
	look_close(&l);
	rig_stop(&r);
}

static void a_deleted_library_is_still_its_file(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t crc, rel;
	struct look l;

	(void)state;
	if (!may_follow_maps()) {
		rig_stop(&r);
		print_message("links of map_files may not be followed (CAP_CHECKPOINT_RESTORE)\n");
		skip();
	}
	crc = rig_ask(&r, "open %s crc32", library);
	assert_int_equal(unlink(library), 0);
	look_open(&l, r.pid, NULL);
	assert_is_zlib(look_module(&l, crc, &rel), MODULE_FILE);
	assert_int_equal(look_module(&l, crc, NULL)->deleted, 1);
	assert_true(rel == address_in_file("crc32"));
	look_close(&l);
	rig_stop(&r);
}

static void see_replaced_library(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t crc = rig_ask(&r, "open %s crc32", library), rel;
	struct look l;

	(void)state;
	rig_copy(program, scratch("next"));
	assert_int_equal(rename(scratch("next"), library), 0);
	look_open(&l, r.pid, NULL);
	assert_is_zlib(look_module(&l, crc, &rel), MODULE_MEMORY);
	assert_true(rel == address_in_file("crc32"));
	look_close(&l);
	rig_stop(&r);
}

static void a_replaced_library_is_rebuilt_from_memory(void **state)
{
	(void)state;
	as_nobody(see_replaced_library);
}

static void assert_program(struct look *l, uint64_t known, const char *path, int deleted)
{
	const struct attach_module *m = look_module(l, known, NULL);
	char id[ELF_BUILD_ID_HEX];

	assert_non_null(m);
	assert_int_equal(m->source, MODULE_FILE);
	assert_int_equal(m->deleted, deleted);
	if (path)
		assert_string_equal(m->path, path);
	file_id("/proc/self/exe", id, 0, NULL);
	assert_string_equal(m->build_id, id);
}

static void see_upgraded_program(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	uint64_t known = rig_ask(&r, "known", NULL);
	struct look l;

	(void)state;
	rig_copy(rig_zlib(), scratch("next"));
	assert_int_equal(rename(scratch("next"), program), 0);
	look_open(&l, r.pid, NULL);
	assert_program(&l, known, program, 1);
	look_close(&l);
	rig_stop(&r);
}

static void a_program_that_was_upgraded_is_the_one_that_runs(void **state)
{
	as_nobody(see_upgraded_program);
	fresh_files(state);
	see_upgraded_program(state);
}

static void a_program_in_a_memory_file_is_found(void **state)
{
	char block[65536];
	int in = open(program, O_RDONLY | O_CLOEXEC), fd = memfd_create("hidden", 0);
	uint64_t known;
	struct look l;
	struct rig r;
	ssize_t n;

	(void)state;
	assert_true(in >= 0 && fd >= 0);
	while ((n = read(in, block, sizeof block)) > 0)
		assert_int_equal(write(fd, block, (size_t)n), n);
	close(in);
	r = rig_start(NULL, fd, NULL);
	close(fd);
	known = rig_ask(&r, "known", NULL);
	look_open(&l, r.pid, NULL);
	assert_program(&l, known, "/memfd:hidden", 1);
	look_close(&l);
	rig_stop(&r);
}

static void the_vdso_is_read_from_memory(void **state)
{
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	uint64_t rel, own = getauxval(AT_SYSINFO_EHDR);
	const struct attach_module *m;
	void *function;
	struct look l;
	pid_t pid;

	(void)state;
	if (!vdso || !(function = dlsym(vdso, "__vdso_clock_gettime"))) {
		print_message("no vDSO here\n");
		skip();
	}
	pid = fork(); /* it lies where ours does */
	if (pid == 0) {
		pause();
		_exit(0);
	}
	look_open(&l, pid, NULL);
	m = look_module(&l, (uint64_t)(uintptr_t)function, &rel);
	assert_non_null(m);
	assert_int_equal(m->source, MODULE_VDSO);
	assert_string_equal(m->path, "[vdso]");
	assert_true(m->build_id[0] != '\0');
	assert_true(rel == (uint64_t)(uintptr_t)function - own);
	(void)attach_space_map(l.space);
	look_close(&l);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	dlclose(vdso);
}

static void one_file_is_one_module_for_all_processes(void **state)
{
	struct rig a = rig_start(program, -1, NULL), b = rig_start(program, -1, NULL);
	uint64_t in_a = rig_ask(&a, "known", NULL), in_b = rig_ask(&b, "known", NULL);
	struct attach_frame fa, fb;
	struct attach_space *other;
	struct proc second;
	struct look l;
	uint32_t n;

	(void)state;
	look_open(&l, a.pid, NULL);
	n = module_count(l.set);
	assert_int_equal(proc_open(&second, b.pid, NULL), 0);
	other = attach_space_new(l.set, &second);
	assert_int_equal(attach_space_refresh(other, 0, NULL), 0);
	assert_int_equal(module_count(l.set), n);
	fa = attach_space_frame(l.space, in_a);
	fb = attach_space_frame(other, in_b);
	assert_int_equal(fa.module, fb.module);
	assert_true(fa.rel_addr == fb.rel_addr);
	attach_space_free(other);
	proc_close(&second);
	look_close(&l);
	rig_stop(&a);
	rig_stop(&b);
}

static void memory_of_two_processes_has_two_names(void **state)
{
	struct rig a = rig_start(program, -1, NULL), b = rig_start(program, -1, NULL);
	uint64_t in_a = rig_ask(&a, "jit", NULL), in_b = rig_ask(&b, "jit", NULL);
	const struct attach_module *ma, *mb;
	struct attach_space *other;
	struct proc second;
	char name[64];
	struct look l;

	(void)state;
	look_open(&l, a.pid, NULL);
	assert_int_equal(proc_open(&second, b.pid, NULL), 0);
	other = attach_space_new(l.set, &second);
	assert_int_equal(attach_space_refresh(other, 0, NULL), 0);
	ma = module_get(l.set, attach_space_frame(l.space, in_a).module);
	mb = module_get(l.set, attach_space_frame(other, in_b).module);
	assert_non_null(ma);
	assert_non_null(mb);
	snprintf(name, sizeof name, "//anon of %d", b.pid);
	assert_string_equal(ma->path, "//anon");
	assert_string_equal(mb->path, name);
	assert_int_equal(ma->source, MODULE_JIT);
	assert_true(attach_space_frame(other, in_b + 5).rel_addr == in_b + 5);
	assert_ptr_equal(module_named(l.set, name, NULL), mb);
	assert_null(module_named(l.set, "/no/such", NULL));
	attach_space_free(other);
	proc_close(&second);
	look_close(&l);
	rig_stop(&a);
	rig_stop(&b);
}

/* ---- other file systems and roots ---- */

static const char *hidden_dir;

static void live_elsewhere(void)
{
	char to[PATH_MAX + 16];

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("rig", hidden_dir, "tmpfs", 0, NULL))
		_exit(92);
	snprintf(to, sizeof to, "%s/only here", hidden_dir);
	rig_copy(program, to);
	execl(to, "rig", RIG_CHILD, (char *)NULL);
	_exit(93);
}

static int may_unshare(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) != 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static void a_file_of_another_mount_namespace_is_opened(void **state)
{
	char path[PATH_MAX];
	uint64_t known;
	struct look l;
	struct rig r;

	(void)state;
	if (!may_unshare()) {
		print_message("no mount namespace for us (CAP_SYS_ADMIN)\n");
		skip();
	}
	hidden_dir = scratch("hidden");
	assert_int_equal(mkdir(hidden_dir, 0755), 0);
	r = rig_start(program, -1, live_elsewhere);
	snprintf(path, sizeof path, "%.4000s/only here", hidden_dir);
	known = rig_ask(&r, "known", NULL);
	look_open(&l, r.pid, NULL);
	assert_program(&l, known, path, 0);
	assert_int_not_equal(access(path, F_OK), 0);
	look_close(&l);
	rig_stop(&r);
	assert_int_equal(rmdir(hidden_dir), 0);
}

static void see_overlay(void **state)
{
	struct rig r = rig_start(program, -1, NULL);
	char options[3 * PATH_MAX];
	uint64_t crc, rel;
	struct look l;

	(void)state;
	assert_int_equal(mkdir(scratch("lower"), 0755), 0);
	assert_int_equal(mkdir(scratch("top"), 0755), 0);
	assert_int_equal(mkdir(scratch("both"), 0755), 0);
	assert_int_equal(mount("rig", scratch("top"), "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir(scratch("top/up"), 0755), 0);
	assert_int_equal(mkdir(scratch("top/work"), 0755), 0);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", scratch("lower"),
		 scratch("top/up"), scratch("top/work"));
	if (mount("rig", scratch("both"), "overlay", 0, options)) {
		rig_stop(&r);
		print_message("this kernel has no overlays\n");
		skip();
	}
	rig_copy(rig_zlib(), scratch("lower/libz.so"));
	snprintf(library, sizeof library, "%.4000s/both/libz.so", scratch_dir);
	crc = rig_ask(&r, "open %s crc32", library);
	look_open(&l, r.pid, NULL);
	assert_is_zlib(look_module(&l, crc, NULL), MODULE_FILE);
	look_close(&l);
	rig_copy(program, library); /* in place: the path has another file, and maps do not tell */
	look_open(&l, r.pid, NULL);
	assert_is_zlib(look_module(&l, crc, &rel), MODULE_MEMORY);
	assert_int_equal(look_module(&l, crc, NULL)->deleted, 0);
	assert_true(rel == address_in_file("crc32"));
	look_close(&l);
	rig_stop(&r);
}

static void in_own_mounts(CMUnitTestFunction body)
{
	const struct CMUnitTest one[] = {
		{"in a mount namespace of its own", body, NULL, NULL, NULL}};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(92);
		_exit(cmocka_run_group_tests(one, NULL, NULL) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_file_that_an_overlay_replaced_is_not_believed(void **state)
{
	(void)state;
	if (!may_unshare()) {
		print_message("no mount namespace for us (CAP_SYS_ADMIN)\n");
		skip();
	}
	in_own_mounts(see_overlay);
}

/* A device that is mapped may not be opened for a look, and a text that lies is no module. */
static void what_is_no_program_is_no_file(void **state)
{
	struct module_set *set = module_set_new(NULL);
	struct attach_space *space = attach_space_new(set, NULL);
	const struct attach_part text = {.start = 0x1000,
					 .end = 0x2000,
					 .path = "/etc/passwd",
					 .file = "/etc/passwd",
					 .source = MODULE_UNKNOWN},
				 device = {.start = 0x3000,
					   .end = 0x4000,
					   .path = "/dev/zero",
					   .file = "/dev/zero",
					   .source = MODULE_UNKNOWN},
				 again = {.start = 0x1800, .end = 0x2800, .path = "/x"};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(attach_space_add(space, &text, &err), 0);
	assert_int_equal(attach_space_add(space, &device, &err), 0);
	assert_int_equal(attach_space_add(space, &again, &err), ERR_ARG);
	assert_int_equal(module_count(set), 2);
	assert_null(module_get(set, 0)->file);
	assert_null(module_get(set, 1)->file);
	assert_null(module_get(set, 2));
	assert_int_equal(attach_space_map(space)->n, 2);
	assert_null(attach_space_map(space)->modules[0].table);
	attach_space_free(space);
	module_set_free(set);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_plain_program_is_its_files, fresh_files),
		cmocka_unit_test_setup(a_deleted_library_is_still_its_file, fresh_files),
		cmocka_unit_test_setup(a_replaced_library_is_rebuilt_from_memory, fresh_files),
		cmocka_unit_test_setup(a_program_that_was_upgraded_is_the_one_that_runs,
				       fresh_files),
		cmocka_unit_test_setup(a_program_in_a_memory_file_is_found, fresh_files),
		cmocka_unit_test(the_vdso_is_read_from_memory),
		cmocka_unit_test_setup(one_file_is_one_module_for_all_processes, fresh_files),
		cmocka_unit_test_setup(memory_of_two_processes_has_two_names, fresh_files),
		cmocka_unit_test_setup(a_file_of_another_mount_namespace_is_opened, fresh_files),
		cmocka_unit_test_setup(a_file_that_an_overlay_replaced_is_not_believed,
				       fresh_files),
		cmocka_unit_test(what_is_no_program_is_no_file),
	};

	if (rig_is_child(argc, argv))
		return rig_child();
	return cmocka_run_group_tests(tests, make_files, scratch_remove);
}
