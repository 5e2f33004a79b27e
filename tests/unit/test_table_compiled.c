/* Call frame information as the compilers and assembler of this machine write it, for code that is chosen to
 * be hard, against libdw: hand-written assembly with every directive, .debug_frame alone, realigned stacks,
 * frames of changing size, the other ABI, exceptions, a static program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "tests/unit/scratch.h"
#include "tests/unit/table_oracle.h"

static const char assembly[] =
	"	.text\n"
	"f:	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rbp, 0\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	.cfi_remember_state\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_restore %rbp\n"
	"	ret\n"
	"	.cfi_restore_state\n"
	"	.skip 70000, 0x90\n" /* advance_loc4, over a page */
	"	.cfi_offset %r12, -24\n"
	"	.skip 300, 0x90\n"
	"	.cfi_offset %r13, -2048\n" /* more than the short form holds */
	"	pop %rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"root:	.cfi_startproc\n"
	"	.cfi_undefined %rip\n"
	"	call f\n"
	"	hlt\n"
	"	.cfi_endproc\n"
	"sig:	.cfi_startproc\n"
	"	.cfi_signal_frame\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	nop\n"
	"	.cfi_offset %rsp, -24\n"
	"	nop\n"
	"	.cfi_endproc\n"
	"odd:	.cfi_startproc\n"
	"	.cfi_escape 0x0f, 3, 0x76, 0x78, 6\n" /* CFA = *(rbp - 8) */
	"	.cfi_escape 0x10, 6, 2, 0x76, 0\n"    /* rbp at rbp */
	"	nop\n"
	"	.cfi_register %r12, %r13\n"
	"	.cfi_escape 0x16, 3, 2, 0x77, 16\n" /* rbx = rsp + 16 */
	"	nop\n"
	"	.cfi_same_value %r14\n"
	"	.cfi_val_offset %rsp, 16\n"
	"	nop\n"
	"	.cfi_escape 0x0f, 6, 0x77, 0, 0x0a, 0x34, 0x12, 0x22\n"
	"	.cfi_escape 0x2e, 16\n"
	"	.cfi_def_cfa %r10, -8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"	.cfi_startproc simple\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	.cfi_offset %rip, -8\n"
	"	nop\n"
	"	.cfi_endproc\n";

static const char hard_c[] =
	"typedef double wide __attribute__((vector_size(64)));\n"
	"void take(void *, long, wide *);\n"
	"#define KEEP __attribute__((noinline, visibility(\"default\")))\n"
	"KEEP long realigned(long n) { wide w[4] = {0}; take(w, n, w); return n + (long)w[1][2]; "
	"}\n"
	"KEEP long grows(long n) { char *p = __builtin_alloca(n); take(p, n, 0); return p[n / 2]; "
	"}\n"
	"KEEP long both(long n) { wide w = {0}; char v[n]; take(v, n, &w); return v[0] + "
	"(long)w[0]; }\n"
	"KEEP long large(long n) { char v[200000]; take(v, n, 0); return v[n]; }\n"
	"KEEP __attribute__((ms_abi)) long other(long n) { take(0, n, 0); return n; }\n"
	"KEEP long many(long a, long b, long c, long d, long e, long f, long g, long h) {\n"
	"  take(&a, b, 0); take(&c, d, 0); take(&e, f, 0); take(&g, h, 0);\n"
	"  return a * b + c * d - e * f + g * h; }\n"
	"KEEP long leaf(long n) { return n * 3; }\n"
	"KEEP void never(long n) { take(0, n, 0); __builtin_trap(); }\n"
	"KEEP long cold(long n) { if (__builtin_expect(n < 0, 0)) { take(0, n, 0); never(n); }\n"
	"  return leaf(n); }\n";

static const char throwing[] = "struct s { ~s(); }; void f(int);\n"
			       "__attribute__((visibility(\"default\"))) int g(int n) {\n"
			       "  s x; try { s y; f(n); } catch (int e) { s z; f(e); return 1; }\n"
			       "  return 0; }\n";

/* 0, or what the compiler said. */
static int run(char *const *argv)
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* Compiles `text` with up to six flags and compares; skips where the compiler is missing or refuses. */
static void compile(char *compiler, const char *suffix, const char *text, char *const *flags,
		    int debug, size_t at_least)
{
	char source[64];
	char *argv[16] = {compiler};
	const char *out = scratch("compiled");
	int n = 1;

	snprintf(source, sizeof source, "source.%s", suffix);
	while (*flags)
		argv[n++] = *flags++;
	argv[n++] = "-o";
	argv[n++] = (char *)(uintptr_t)out;
	argv[n++] = (char *)(uintptr_t)scratch_write(source, text, strlen(text));
	if (run(argv) != 0) {
		print_message("%s cannot make this here\n", compiler);
		skip();
	}
	compare_file(out, debug, at_least);
}

#define FLAGS(...) ((char *[]){__VA_ARGS__, NULL})

static void hand_written_assembly(void **state)
{
	(void)state;
	compile("gcc", "s", assembly, FLAGS("-shared", "-nostdlib"), 0, 1000);
}

static void hand_written_assembly_in_debug_frame(void **state)
{
	static char text[sizeof assembly + 64];

	(void)state;
	snprintf(text, sizeof text, "	.cfi_sections .debug_frame\n%s", assembly);
	compile("gcc", "s", text,
		FLAGS("-shared", "-nostdlib", "-Wl,--compress-debug-sections=none"), 1, 1000);
}

static void hard_code_of_gcc(void **state)
{
	(void)state;
	compile("gcc", "c", hard_c, FLAGS("-O2", "-fPIC", "-shared", "-nostdlib", "-mavx512f"), 0,
		100);
	compile("gcc", "c", hard_c, FLAGS("-O0", "-fPIC", "-shared", "-nostdlib"), 0, 100);
	compile("gcc", "c", hard_c, FLAGS("-Os", "-fPIC", "-shared", "-nostdlib", "-mno-red-zone"),
		0, 100);
}

static void hard_code_of_gcc_in_debug_frame(void **state)
{
	(void)state;
	compile("gcc", "c", hard_c,
		FLAGS("-O2", "-g", "-fno-asynchronous-unwind-tables", "-fPIC", "-shared",
		      "-nostdlib"),
		1, 100);
}

static void hard_code_of_clang(void **state)
{
	(void)state;
	compile("clang", "c", hard_c, FLAGS("-O2", "-fPIC", "-shared", "-nostdlib"), 0, 100);
	compile("clang", "c", hard_c, FLAGS("-O1", "-fPIC", "-shared", "-fno-omit-frame-pointer"),
		0, 100);
}

static void exceptions_with_their_landing_pads(void **state)
{
	(void)state;
	compile("g++", "cc", throwing, FLAGS("-O2", "-fPIC", "-shared"), 0, 50);
}

static void a_static_program(void **state)
{
	(void)state;
	compile("gcc", "c", "int main(void) { return 0; }\n", FLAGS("-static", "-O2"), 0, 10000);
}

static void a_program_at_a_fixed_address(void **state)
{
	(void)state;
	compile("gcc", "c", "int main(void) { return 0; }\n", FLAGS("-no-pie", "-O2"), 0, 20);
}

static void lazily_bound_calls(void **state)
{
	(void)state;
	compile("gcc", "c", "int puts(const char *); int main(void) { return puts(\"x\"); }\n",
		FLAGS("-O2", "-Wl,-z,lazy"), 0, 20);
	compile("gcc", "c", "int puts(const char *); int main(void) { return puts(\"x\"); }\n",
		FLAGS("-O2", "-Wl,-z,lazy", "-fcf-protection=full", "-Wl,-z,ibtplt"), 0, 20);
}

/* lld writes nothing about its stubs. */
static void stubs_of_lld(char *const *flags, int32_t push_ends)
{
	struct unwind_table *t;
	struct elf_section s;
	struct elf_file f;

	compile("clang", "c", "int puts(const char *); int main(void) { return puts(\"x\"); }\n",
		flags, 0, 20);
	assert_int_equal(elf_open(&f, scratch("compiled"), NULL), 0);
	assert_int_equal(unwind_table_build(&t, &f, NULL, NULL), 0);
	assert_int_equal(elf_section_named(&f, ".plt", &s), 1);
	assert_int_equal(unwind_table_rule(t, s.addr)->cfa_off, 16);
	assert_int_equal(unwind_table_rule(t, s.addr + 6)->cfa_off, 24);
	for (uint64_t at = 16; at < s.size; at++) {
		const struct unwind_rule *r = unwind_table_rule(t, s.addr + at);

		assert_int_equal(r->cfa_kind, UNWIND_CFA_PLT);
		assert_int_equal(r->cfa_off, push_ends);
		assert_int_equal(r->ra, -1);
	}
	if (elf_section_named(&f, ".plt.sec", &s)) {
		assert_int_equal(unwind_table_rule(t, s.addr)->cfa_kind, UNWIND_CFA_SP);
		assert_int_equal(unwind_table_rule(t, s.addr + s.size - 1)->cfa_off, 8);
	}
	unwind_table_free(t);
	elf_close(&f);
}

static void stubs_that_the_linker_is_silent_about(void **state)
{
	(void)state;
	stubs_of_lld(FLAGS("-fuse-ld=lld", "-Wl,-z,lazy"), 11);
	stubs_of_lld(FLAGS("-fuse-ld=lld", "-Wl,-z,lazy", "-Wl,-z,force-ibt"), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hand_written_assembly),
		cmocka_unit_test(hand_written_assembly_in_debug_frame),
		cmocka_unit_test(hard_code_of_gcc),
		cmocka_unit_test(hard_code_of_gcc_in_debug_frame),
		cmocka_unit_test(hard_code_of_clang),
		cmocka_unit_test(exceptions_with_their_landing_pads),
		cmocka_unit_test(a_static_program),
		cmocka_unit_test(a_program_at_a_fixed_address),
		cmocka_unit_test(lazily_bound_calls),
		cmocka_unit_test(stubs_that_the_linker_is_silent_about),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests_name("tables of compiled code against libdw", tests,
					   scratch_make, scratch_remove);
}
