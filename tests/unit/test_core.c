/* Core files: the stack of this very process out of a core made of it equals what backtrace() gives; cores that lack
 * things, lie, or are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <execinfo.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/unit/core_rig.h"
#include "tests/unit/scratch.h"

#define DEPTH 64

static struct core_rig rig;
static struct module_set *set;
static struct core *core;
static struct snap snap;

static void forget(void)
{
	snap_release(&snap);
	memset(&snap, 0, sizeof snap);
	core_close(core);
	core = NULL;
	module_set_free(set);
	set = NULL;
}

static int read_bytes(const void *bytes, size_t n, const char *sysroot, struct err *err)
{
	int rc;

	forget();
	set = module_set_new("");
	rc = core_from_bytes(&core, bytes, n, "sample", sysroot, set, err);
	return rc ? rc : core_snap(core, &snap, 0, err);
}

static void read_rig(const char *sysroot)
{
	struct err err = ERR_INIT;

	core_rig_finish(&rig);
	if (read_bytes(rig.out.data, rig.out.len, sysroot, &err))
		fail_msg("%s", err.text);
}

static void refuse(const void *bytes, size_t n, int code, const char *words)
{
	struct err err = ERR_INIT;

	assert_int_equal(read_bytes(bytes, n, NULL, &err), code);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
}

static int setup(void **state)
{
	core_rig_init(&rig);
	return scratch_make(state);
}

static int teardown(void **state)
{
	forget();
	core_rig_release(&rig);
	return scratch_remove(state);
}

/* ---- this process ---- */

struct self {
	int list, auxv;
	uint64_t reg[CORE_REGS];
	void *want[DEPTH]; /* return addresses, by backtrace() */
	int n;
};

__attribute__((noinline)) static void capture(struct self *s)
{
	ucontext_t uc;

	if (getcontext(&uc))
		abort();
	s->n = backtrace(s->want, DEPTH);
	core_rig_regs(s->reg, &uc);
	if (s->auxv)
		core_rig_auxv(&rig);
	core_rig_process(&rig, 100, "self", "self --argument ");
	core_rig_thread(&rig, 100, 0, s->reg, 0);
	core_rig_maps(&rig, s->reg[CORE_SP], s->list);
	core_rig_finish(&rig);
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void capture_deep(struct self *s, int depth)
{
	if (depth)
		capture_deep(s, depth - 1);
	else
		capture(s);
	__asm__ volatile("" ::: "memory");
}

static void assert_stack(const struct self *s)
{
	const struct snap_thread *t = &snap.threads[0];

	assert_int_equal(snap.n, 1);
	assert_int_equal(t->end, UNWIND_ROOT);
	/* A sanitizer's backtrace() is one frame further in. */
	assert_in_range(s->n - (int)t->n_frames, 0, 1);
	assert_int_equal(t->addresses[0], s->reg[CORE_IP]);
	for (uint32_t i = 1; i < t->n_frames; i++)
		assert_int_equal(t->addresses[t->n_frames - i] + 1,
				 (uint64_t)(uintptr_t)s->want[s->n - (int)i]);
}

static void the_stack_of_this_process_is_that_of_backtrace(void **state)
{
	struct self self = {.list = 1, .auxv = 1};

	(void)state;
	capture_deep(&self, 12);
	read_rig(NULL);
	assert_string_equal(core_warning(core), "");
	assert_string_equal(core_command(core), "self --argument");
	assert_int_equal(snap.pid, 100);
	assert_string_equal(snap.threads[0].name, "self");
	assert_string_equal(snap.name, "test_core"); /* the file's; "self" is cut by the kernel */
	assert_stack(&self);
}

static void a_core_without_a_list_of_files_is_read_by_the_linkers(void **state)
{
	struct self self = {.auxv = 1};

	(void)state;
	capture_deep(&self, 3);
	read_rig(NULL);
	assert_stack(&self);
}

static void a_core_that_tells_of_no_file_has_addresses(void **state)
{
	struct self self = {0};

	(void)state;
	capture_deep(&self, 3);
	read_rig(NULL);
	assert_true(snap.threads[0].n_frames >= 1);
	assert_int_equal(snap.threads[0].addresses[0], self.reg[CORE_IP]);
}

/* The module of the innermost frame. */
static const struct attach_module *module_of_leaf(void)
{
	struct attach_frame f = attach_space_frame(core_space(core), snap.threads[0].addresses[0]);

	return f.module == MODULE_NONE ? NULL : module_get(set, f.module);
}

static void modules_are_the_files_that_were_mapped(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	const struct attach_module *m;
	struct attach_frame f;
	char exe[4096], id[ELF_BUILD_ID_HEX];
	struct elf_file elf;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	(void)state;
	assert_true(n > 0);
	exe[n] = '\0';
	capture_deep(&self, 1);
	read_rig(NULL);
	m = module_of_leaf();
	assert_non_null(m);
	assert_string_equal(m->path, exe);
	assert_int_equal(m->source, MODULE_FILE);
	assert_int_equal(elf_open(&elf, exe, NULL), 0);
	elf_build_id(&elf, id);
	elf_close(&elf);
	assert_string_equal(m->build_id, id);
	f = attach_space_frame(core_space(core), (uint64_t)(uintptr_t)assert_stack);
	assert_int_equal(f.rel_addr, (uint64_t)(uintptr_t)assert_stack - getauxval(AT_PHDR) +
					     sizeof(Elf64_Ehdr));
}

static void files_that_are_missing_are_told_and_addresses_stay_their_own(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	const struct attach_module *m;
	struct attach_frame f;

	(void)state;
	capture_deep(&self, 1);
	read_rig("/nowhere");
	assert_non_null(strstr(core_warning(core), "cannot be read here"));
	assert_non_null(strstr(core_warning(core), "test_core"));
	assert_non_null(strstr(core_warning(core), "--sysroot"));
	m = module_of_leaf();
	assert_non_null(m);
	assert_int_equal(m->source, MODULE_UNKNOWN);
	assert_null(m->file);
	assert_int_equal(strlen(m->build_id), 40); /* by the page that was dumped */
	f = attach_space_frame(core_space(core), self.reg[CORE_IP]);
	assert_int_equal(f.rel_addr, self.reg[CORE_IP] - getauxval(AT_PHDR) + sizeof(Elf64_Ehdr));
}

/* Copies of this process's files, below the scratch folder; the program is replaced by `program`. */
static void make_sysroot(const char *program)
{
	char exe[4096], command[9000];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	assert_true(n > 0);
	exe[n] = '\0';
	snprintf(
		command, sizeof command,
		"d='%s'; awk '$2 ~ /x/ && $6 ~ /^\\// {print $6}' /proc/%d/maps | while read f; do "
		"mkdir -p \"$d${f%%/*}\" && cp \"$f\" \"$d$f\"; done; cp '%s' \"$d%s\"",
		scratch_dir, getpid(), program, exe);
	assert_int_equal(system(command), 0);
}

static void files_may_lie_below_a_sysroot(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	const struct attach_module *m;

	(void)state;
	make_sysroot("/proc/self/exe");
	capture_deep(&self, 1);
	make_sysroot("/proc/self/exe");
	read_rig(scratch_dir);
	m = module_of_leaf();
	assert_non_null(m);
	assert_memory_not_equal(m->path, scratch_dir, strlen(scratch_dir));
}

static void a_file_with_another_build_id_is_not_used(void **state)
{
	struct self self = {.list = 1, .auxv = 1};

	(void)state;
	make_sysroot("/bin/true");
	capture_deep(&self, 1);
	read_rig(scratch_dir);
	assert_non_null(strstr(core_warning(core), "1 file changed since the core was written"));
	assert_int_equal(module_of_leaf()->source, MODULE_UNKNOWN);
}

static void code_that_the_core_holds_needs_no_file(void **state)
{
	struct self self = {.list = 1, .auxv = 1};

	(void)state;
	rig.whole = 1;
	capture_deep(&self, 4);
	read_rig("/nowhere");
	assert_int_equal(module_of_leaf()->source, MODULE_MEMORY);
	assert_stack(&self);
}

static void code_of_the_vdso_is_the_cores_own(void **state)
{
	uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
	struct self self = {.list = 1, .auxv = 1};
	struct attach_frame f;

	(void)state;
	if (!vdso) {
		print_message("this kernel gives no vDSO\n");
		skip();
	}
	capture_deep(&self, 1);
	read_rig(NULL);
	f = attach_space_frame(core_space(core), vdso + 0x700);
	assert_int_not_equal(f.module, MODULE_NONE);
	assert_string_equal(module_get(set, f.module)->path, "[vdso]");
	assert_int_equal(module_get(set, f.module)->source, MODULE_VDSO);
	assert_int_equal(f.rel_addr, 0x700);
}

static void a_call_through_a_bad_pointer_shows_its_caller(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	uint64_t stack[2], from;

	(void)state;
	capture_deep(&self, 2);
	core_rig_release(&rig);
	core_rig_init(&rig);
	from = self.reg[CORE_IP];
	stack[0] = from;
	stack[1] = 0;
	core_rig_auxv(&rig);
	core_rig_process(&rig, 7, "wild", "wild");
	self.reg[CORE_IP] = 0;
	self.reg[CORE_SP] = 0x10000;
	core_rig_thread(&rig, 7, SIGSEGV, self.reg, 0);
	core_rig_siginfo(&rig, SIGSEGV, SEGV_MAPERR, 0);
	core_rig_load(&rig, 0x10000, 4096, PF_R | PF_W, stack, sizeof stack);
	core_rig_maps(&rig, UINT64_C(1) << 46, 1);
	read_rig(NULL);
	assert_true(snap.threads[0].n_frames >= 2);
	assert_int_equal(snap.threads[0].addresses[0], 0);
	assert_int_equal(snap.threads[0].addresses[1], from - 1);
	assert_string_equal(snap.threads[0].signal, "SIGSEGV at 0x0");
}

/* ---- threads ---- */

static void plain_regs(uint64_t reg[CORE_REGS])
{
	memset(reg, 0, CORE_REGS * sizeof *reg);
	reg[CORE_ORIG_AX] = UINT64_MAX;
	reg[CORE_CS] = 0x33;
	reg[CORE_IP] = 0x401000;
	reg[CORE_SP] = 0x7000000;
}

static void the_thread_that_a_signal_ended_comes_first_then_the_main_one(void **state)
{
	static const int want[] = {12, 10, 11, 13};
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_thread(&rig, 12, SIGABRT, reg, 5);
	core_rig_process(&rig, 10, "main", "main");
	core_rig_siginfo(&rig, SIGABRT, SI_TKILL, 10);
	core_rig_thread(&rig, 13, SIGABRT, reg, 7);
	core_rig_thread(&rig, 10, SIGABRT, reg, 100);
	core_rig_thread(&rig, 11, SIGABRT, reg, 3);
	read_rig(NULL);
	assert_int_equal(snap.n, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(snap.threads[i].tid, want[i]);
		assert_int_equal(snap.threads[i].how, SNAP_CORE);
		assert_string_equal(snap.threads[i].signal, i ? "" : "SIGABRT");
		assert_string_equal(snap.threads[i].name, i == 1 ? "main" : "");
	}
	assert_int_equal(snap.threads[0].cpu_ns, 5000);
	assert_int_equal(snap.threads[1].cpu_ns, 85000); /* the kernel writes the sum of all */
}

static void a_signal_says_where_it_came_from(void **state)
{
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_thread(&rig, 10, SIGTERM, reg, 0);
	core_rig_process(&rig, 10, "main", "main");
	core_rig_siginfo(&rig, SIGTERM, SI_USER, 4242);
	read_rig(NULL);
	assert_string_equal(snap.threads[0].signal, "SIGTERM from process 4242");
}

static void a_thread_in_a_call_tells_the_call_and_the_lock(void **state)
{
	static const uint32_t mutex[8] = {2, 0, 10, 1, 0};
	static const char path[] = "/tmp/some file";
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_process(&rig, 10, "main", "main");
	core_rig_load(&rig, 0x600000, 4096, PF_R | PF_W, mutex, sizeof mutex);
	core_rig_load(&rig, 0x800000, 4096, PF_R, path, sizeof path);
	core_rig_thread(&rig, 10, 0, reg, 0);
	reg[CORE_ORIG_AX] = SYS_futex;
	reg[CORE_DI] = 0x600000;
	reg[CORE_SI] = 128; /* FUTEX_WAIT_PRIVATE */
	reg[CORE_DX] = 2;
	core_rig_thread(&rig, 11, 0, reg, 0);
	reg[CORE_ORIG_AX] = SYS_open;
	reg[CORE_DI] = 0x800000;
	reg[CORE_SI] = 0;
	core_rig_thread(&rig, 12, 0, reg, 0);
	read_rig(NULL);
	assert_int_equal(snap.threads[0].state, PROFILE_RUNNING);
	assert_string_equal(snap.threads[0].syscall, "");
	assert_int_equal(snap.threads[1].state, PROFILE_SLEEPING);
	assert_string_equal(snap.threads[1].syscall,
			    "futex(0x600000, FUTEX_WAIT_PRIVATE, 2, NULL)");
	assert_string_equal(snap.threads[1].waits_on, "mutex 0x600000 held by thread 10 (main)");
	assert_string_equal(snap.threads[2].syscall, "open(\"/tmp/some file\", O_RDONLY)");
}

static void a_lock_whose_owner_is_no_thread_of_the_core_has_none(void **state)
{
	static const uint32_t mutex[8] = {2, 0, 99, 1, 0};
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_process(&rig, 10, "main", "main");
	core_rig_load(&rig, 0x600000, 4096, PF_R | PF_W, mutex, sizeof mutex);
	reg[CORE_ORIG_AX] = SYS_futex;
	reg[CORE_DI] = 0x600000;
	reg[CORE_SI] = 128;
	reg[CORE_DX] = 2;
	core_rig_thread(&rig, 10, 0, reg, 0);
	read_rig(NULL);
	assert_string_equal(snap.threads[0].waits_on, "futex 0x600000");
}

static void frames_are_limited_and_32_bit_code_is_refused(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	struct err err = ERR_INIT;

	(void)state;
	capture_deep(&self, 9);
	self.reg[CORE_CS] = 0x23;
	core_rig_thread(&rig, 101, 0, self.reg, 0);
	read_rig(NULL);
	assert_int_equal(snap.n, 2);
	assert_int_equal(snap.threads[1].how, SNAP_NONE);
	assert_non_null(strstr(snap.threads[1].why, "32-bit"));
	snap_release(&snap);
	memset(&snap, 0, sizeof snap);
	assert_int_equal(core_snap(core, &snap, 5, &err), 0);
	assert_int_equal(snap.threads[0].n_frames, 5);
	assert_int_equal(snap.threads[0].end, UNWIND_DEPTH);
}

/* ---- what is no core, or not a whole one ---- */

static void what_is_no_core_is_refused_by_name(void **state)
{
	struct err err = ERR_INIT;
	const char *path;

	(void)state;
	refuse("", 0, ERR_FORMAT, "no core file");
	refuse("hello, world: this is a text", 28, ERR_FORMAT, "no core file");
	refuse("\x28\xb5\x2f\xfd\0\0\0\0\0\0\0\0\0\0\0\0", 16, ERR_FORMAT, "zstd -d");
	refuse("\x1f\x8b\x08\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, ERR_FORMAT, "gzip");
	refuse("\x7f"
	       "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
	       16, ERR_FORMAT, "cut off after 16");
	refuse("\x7f"
	       "ELF\1\1\1\0\0\0\0\0\0\0\0\0",
	       16, ERR_UNSUPPORTED, "32-bit");
	forget();
	set = module_set_new("");
	assert_int_equal(core_open(&core, "/proc/self/exe", NULL, set, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "program or library"));
	assert_int_equal(core_open(&core, scratch_dir, NULL, set, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "a folder"));
	assert_int_equal(core_open(&core, scratch("absent"), NULL, set, &err), ERR_IO);
	path = scratch_write("empty", "", 0);
	assert_int_equal(core_open(&core, path, NULL, set, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "empty"));
	assert_int_equal(mkfifo(scratch("fifo"), 0600), 0);
	assert_int_equal(core_open(&core, scratch("fifo"), NULL, set, &err), ERR_FORMAT);
}

static void cores_of_other_machines_are_refused(void **state)
{
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_thread(&rig, 10, 0, reg, 0);
	rig.machine = EM_AARCH64;
	core_rig_finish(&rig);
	refuse(rig.out.data, rig.out.len, ERR_UNSUPPORTED, "another kind of machine");
	rig.machine = EM_X86_64;
	rig.type = ET_REL;
	core_rig_finish(&rig);
	refuse(rig.out.data, rig.out.len, ERR_FORMAT, "an object file");
}

static void a_core_that_is_cut_off_gives_what_is_there(void **state)
{
	struct self self = {.list = 1, .auxv = 1};
	struct err err = ERR_INIT;
	size_t whole;

	(void)state;
	capture_deep(&self, 1);
	whole = rig.out.len;
	assert_int_equal(read_bytes(rig.out.data, whole - 5000, NULL, &err), 0);
	assert_non_null(strstr(core_warning(core), "cut off"));
	assert_int_equal(snap.n, 1);
	assert_int_equal(snap.threads[0].addresses[0], self.reg[CORE_IP]);
	refuse(rig.out.data, rig.ph[0].p_offset + 100, ERR_FORMAT, "cut off");
	refuse(rig.out.data, sizeof(Elf64_Ehdr) + 70, ERR_FORMAT, "within its program headers");
}

static void every_length_of_a_core_is_read_or_refused(void **state)
{
	static const uint32_t mutex[8] = {2, 0, 10, 1, 0};
	struct core_rig_files files = {BUF_INIT, BUF_INIT, 0};
	uint64_t reg[CORE_REGS];

	(void)state;
	plain_regs(reg);
	core_rig_process(&rig, 10, "main", "main");
	core_rig_thread(&rig, 10, SIGSEGV, reg, 0);
	core_rig_siginfo(&rig, SIGSEGV, SEGV_MAPERR, 1);
	core_rig_file(&files, 0x400000, 0x402000, 0, "/bin/absent");
	core_rig_note_files(&rig, &files);
	core_rig_load(&rig, 0x600000, 4096, PF_R | PF_W, mutex, sizeof mutex);
	core_rig_finish(&rig);
	for (size_t n = 0; n <= rig.out.len; n++) {
		void *exact = malloc(n ? n : 1); /* so that a read beyond is seen */
		struct err err = ERR_INIT;
		int rc;

		memcpy(exact, rig.out.data, n);
		rc = read_bytes(exact, n, "/nowhere", &err);
		assert_true(rc == 0 || (rc == ERR_FORMAT && err.text[0]));
		forget();
		free(exact);
	}
}

static void more_segments_than_the_header_can_count_are_read(void **state)
{
	struct self self = {.list = 1, .auxv = 1};

	(void)state;
	capture_deep(&self, 2);
	rig.many = 1;
	read_rig(NULL);
	assert_stack(&self);
}

static void lies_about_sizes_cost_nothing(void **state)
{
	uint64_t reg[CORE_REGS], files[4] = {UINT64_MAX / 24, 4096, 0, 0};
	uint8_t byte = 1;

	(void)state;
	plain_regs(reg);
	reg[CORE_SP] = UINT64_MAX - 3;
	reg[CORE_BP] = UINT64_MAX - 7;
	core_rig_thread(&rig, 10, 0, reg, 0);
	core_rig_note(&rig, NT_FILE, files, sizeof files);
	core_rig_load(&rig, UINT64_MAX - 4096, UINT64_MAX, PF_R | PF_X, &byte, 1);
	core_rig_load(&rig, 0x400000, UINT64_MAX / 2, PF_R | PF_X, &byte, 1);
	core_rig_load(&rig, 0x400000, 4096, PF_R | PF_X, &byte, 1);
	core_rig_load(&rig, 0, 4096, PF_R | PF_X, &byte, 1);
	rig.ph[2].p_filesz = 1;
	core_rig_finish(&rig);
	read_rig(NULL);
	assert_int_equal(snap.n, 1);
	files[0] = 1;
	files[1] = UINT64_MAX;
	files[3] = UINT64_MAX;
	core_rig_note(&rig, NT_FILE, files, sizeof files);
	read_rig(NULL);
	assert_int_equal(snap.n, 1);
}

int main(void)
{
#define CORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CORE_TEST(the_stack_of_this_process_is_that_of_backtrace),
		CORE_TEST(a_core_without_a_list_of_files_is_read_by_the_linkers),
		CORE_TEST(a_core_that_tells_of_no_file_has_addresses),
		CORE_TEST(modules_are_the_files_that_were_mapped),
		CORE_TEST(files_that_are_missing_are_told_and_addresses_stay_their_own),
		CORE_TEST(files_may_lie_below_a_sysroot),
		CORE_TEST(a_file_with_another_build_id_is_not_used),
		CORE_TEST(code_that_the_core_holds_needs_no_file),
		CORE_TEST(code_of_the_vdso_is_the_cores_own),
		CORE_TEST(a_call_through_a_bad_pointer_shows_its_caller),
		CORE_TEST(the_thread_that_a_signal_ended_comes_first_then_the_main_one),
		CORE_TEST(a_signal_says_where_it_came_from),
		CORE_TEST(a_thread_in_a_call_tells_the_call_and_the_lock),
		CORE_TEST(a_lock_whose_owner_is_no_thread_of_the_core_has_none),
		CORE_TEST(frames_are_limited_and_32_bit_code_is_refused),
		CORE_TEST(what_is_no_core_is_refused_by_name),
		CORE_TEST(cores_of_other_machines_are_refused),
		CORE_TEST(a_core_that_is_cut_off_gives_what_is_there),
		CORE_TEST(every_length_of_a_core_is_read_or_refused),
		CORE_TEST(more_segments_than_the_header_can_count_are_read),
		CORE_TEST(lies_about_sizes_cost_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
