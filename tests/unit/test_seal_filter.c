/* What our reading of seccomp filters says against what the kernel does with them: random filters, each installed in a
 * child that makes one call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/agent/seal_filter.c"

#define FILTERS  1500
#define NOT_A_NR 600 /* the kernel has no such call: allowed, it is ENOSYS */
#define PROLOGUE 3
#define MAX      40
#define DEAD     -2
#define INVALID  -3 /* the kernel takes no such filter */

static const uint64_t arguments[6] = {7, 0x123456789abcdef0, 0, UINT64_MAX, 0x80000000, 41};
static volatile long *shared; /* what the child saw */
static uint64_t seed = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % below;
}

static uint32_t some_number(void)
{
	static const uint32_t often[] = {0,          1,          7,          31,        41,
					 0x7fffffff, 0x80000000, 0x9abcdef0, UINT32_MAX};

	return draw(3) ? often[draw(sizeof often / sizeof *often)] : draw(UINT32_MAX);
}

static struct sock_filter an_answer(void)
{
	static const uint32_t actions[] = {SECCOMP_RET_ALLOW,        SECCOMP_RET_LOG,
					   SECCOMP_RET_ERRNO,        SECCOMP_RET_ERRNO,
					   SECCOMP_RET_TRAP,         SECCOMP_RET_KILL_THREAD,
					   SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRACE};
	struct sock_filter f = {.code = BPF_RET | BPF_K, .k = actions[draw(8)] | draw(3000)};

	if (draw(4) == 0)
		f.code = BPF_RET | BPF_A;
	return f;
}

static struct sock_filter an_instruction(uint32_t left)
{
	static const uint16_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND,
				       BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
	static const uint16_t jumps[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	static const uint32_t loads[] = {0, 4, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60};
	uint16_t source = draw(2) ? BPF_X : BPF_K;

	switch (draw(11)) {
	case 0:
		return (struct sock_filter){BPF_LD | BPF_IMM, 0, 0, some_number()};
	case 1:
		return (struct sock_filter){BPF_LDX | BPF_IMM, 0, 0, some_number()};
	case 2:
	case 3:
		return (struct sock_filter){BPF_LD | BPF_W | BPF_ABS, 0, 0, loads[draw(14)]};
	case 4:
		return (struct sock_filter){
			draw(2) ? BPF_LD | BPF_W | BPF_LEN : BPF_LDX | BPF_W | BPF_LEN, 0, 0, 0};
	case 5:
		return (struct sock_filter){draw(2) ? BPF_ST : BPF_STX, 0, 0, draw(3)};
	case 6:
		return (struct sock_filter){draw(2) ? BPF_LD | BPF_MEM : BPF_LDX | BPF_MEM, 0, 0,
					    draw(3)};
	case 7:
		return (struct sock_filter){BPF_MISC | (draw(2) ? BPF_TAX : BPF_TXA), 0, 0, 0};
	case 8:
		if (draw(5) == 0)
			return (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, draw(left)};
		return (struct sock_filter){(uint16_t)(BPF_JMP | jumps[draw(4)] | source),
					    (uint8_t)draw(left), (uint8_t)draw(left),
					    some_number()};
	default: {
		uint16_t op = ops[draw(10)];

		if (op == BPF_NEG)
			source = BPF_K;
		return (struct sock_filter){(uint16_t)(BPF_ALU | op | source), 0, 0,
					    op == BPF_LSH || op == BPF_RSH ? draw(32)
									   : some_number()};
	}
	}
}

/* All calls but ours are allowed; behind that anything. */
static size_t make(struct sock_filter *f)
{
	uint32_t n = 1 + draw(MAX - PROLOGUE - 1), i;

	f[0] = (struct sock_filter){BPF_LD | BPF_W | BPF_ABS, 0, 0, 0};
	f[1] = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NOT_A_NR};
	f[2] = (struct sock_filter){BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	for (i = 0; i < n; i++)
		f[PROLOGUE + i] = an_instruction(n - i);
	f[PROLOGUE + n] = an_answer();
	return PROLOGUE + n + 1;
}

static void be_asked(struct sock_filter *filter, size_t n)
{
	struct sock_fprog program = {(unsigned short)n, filter};
	register long r10 __asm__("r10") = (long)arguments[3];
	register long r8 __asm__("r8") = (long)arguments[4];
	register long r9 __asm__("r9") = (long)arguments[5];
	long nr = NOT_A_NR;

	(void)signal(SIGSYS, SIG_DFL); /* cmocka has one */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		*shared = errno == EINVAL ? INVALID : -errno - 1000;
		_exit(0);
	}
	__asm__ volatile("syscall"
			 : "+a"(nr)
			 : "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	*shared = -nr;
	_exit(0);
}

/* The error that the call ended with; DEAD, INVALID. */
static long kernel_says(struct sock_filter *filter, size_t n)
{
	int status;
	pid_t child;

	*shared = DEAD;
	child = fork();
	if (child == 0)
		be_asked(filter, n);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGSYS);
	return *shared;
}

/* The same by our reading. */
static long we_say(const struct sock_filter *filter, size_t n)
{
	struct seccomp_data call = {.nr = NOT_A_NR, .arch = AUDIT_ARCH_X86_64};
	long answer;
	uint32_t data;

	memcpy(call.args, arguments, sizeof arguments);
	answer = seal_answer(filter, n, &call);
	if (answer < 0)
		return INVALID;
	data = (uint32_t)answer & SECCOMP_RET_DATA;
	switch ((uint32_t)answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
	case SECCOMP_RET_TRACE:
	case SECCOMP_RET_USER_NOTIF:
		return ENOSYS;
	case SECCOMP_RET_ERRNO:
		return data > 4095 ? 4095 : data;
	default:
		return DEAD;
	}
}

static int setup(void **state)
{
	struct sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};

	(void)state;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal((void *)(uintptr_t)shared, MAP_FAILED);
	if (kernel_says(all, 1) < -3)
		skip();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap((void *)(uintptr_t)shared, 4096);
}

/* A filter that the kernel refuses may have any answer: it is asked before, and does not matter. */
static void the_kernel_agrees(void **state)
{
	unsigned seen = 0, dead = 0, errors = 0;

	(void)state;
	for (int i = 0; i < FILTERS; i++) {
		struct sock_filter filter[MAX];
		size_t n = make(filter);
		long kernel = kernel_says(filter, n), we = we_say(filter, n);

		if (kernel == INVALID)
			continue;
		seen++;
		dead += kernel == DEAD;
		errors += kernel != DEAD && kernel != ENOSYS;
		if (kernel != we)
			fail_msg("filter %d of %zu instructions: kernel %ld, we %ld", i, n, kernel,
				 we);
	}
	print_message("%u filters: %u killed, %u refused\n", seen, dead, errors);
	assert_true(seen > FILTERS / 10 && dead > seen / 20 && errors > seen / 20);
}

static void bytes_that_are_no_filter_have_no_answer(void **state)
{
	static const struct sock_filter bad[][2] = {
		{{0xffff, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 64}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 2}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_LD | BPF_MEM, 0, 0, 16}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_JMP | BPF_JA, 0, 0, UINT32_MAX}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_JMP | BPF_JEQ, 255, 255, 0}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_ALU | BPF_DIV, 0, 0, 0}, {BPF_RET | BPF_K, 0, 0, 0}},
		{{BPF_LD | BPF_IMM, 0, 0, 0}, {BPF_LD | BPF_IMM, 0, 0, 0}},
	};
	const struct seccomp_data call = {0};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(seal_answer(bad[i], 2, &call), -1);
	assert_int_equal(seal_answer(bad[0], 0, &call), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_kernel_agrees, setup, teardown),
		cmocka_unit_test(bytes_that_are_no_filter_have_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
