/* prof/attach/blocked, code, stack, remote: stacks of sleeping threads read without a stop are the very stacks that
 * registers give, in programs compiled in every way; a thread that moves is never half of one stack and half
 * of another. The truth comes from the registers of the threads, which the test may stop: they are its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <elf.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/blocked.h"
#include "prof/attach/code.h"
#include "prof/base/clock.h"
#include "tests/unit/live_child.h"

#define NO_PTRACE "may not trace here"

struct rig {
	struct proc p;
	struct module_set *set;
	struct attach_space *space;
	struct remote memory;
};

static void rig_open(struct rig *r, int pid)
{
	assert_int_equal(proc_open(&r->p, pid, NULL), 0);
	r->set = module_set_new("");
	assert_non_null(r->set);
	r->space = attach_space_new(r->set, &r->p);
	assert_non_null(r->space);
	assert_int_equal(attach_space_refresh(r->space, 0, NULL), 0);
	remote_init(&r->memory, pid);
}

static void rig_close(struct rig *r)
{
	remote_close(&r->memory);
	attach_space_free(r->space);
	module_set_free(r->set);
	proc_close(&r->p);
}

static void nap_us(long us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

/* ---- memory ------------------------------------------------------------------------------------- */

static void reading_ends_where_memory_does(void **state)
{
	char *pages = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct remote r;
	char out[9000];

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	memset(pages, 'x', 12288);
	memcpy(pages + 8192 - 6, "until", 6);
	assert_int_equal(munmap(pages + 8192, 4096), 0);
	remote_init(&r, getpid());
	for (int by_file = 0; by_file < 2; by_file++) {
		assert_int_equal(remote_read(&r, (uintptr_t)pages, out, 8192), 8192);
		assert_int_equal(remote_read(&r, (uintptr_t)pages + 8000, out, 8192), 192);
		assert_int_equal(remote_read(&r, (uintptr_t)pages + 8192, out, 8), -1);
		assert_int_equal(errno, EFAULT);
		assert_int_equal(remote_read(&r, UINT64_MAX - 3, out, 8), -1);
		assert_int_equal(remote_read(&r, (uintptr_t)pages, out, 0), 0);
		assert_int_equal(remote_text(&r, (uintptr_t)pages + 8192 - 6, out, sizeof out), 5);
		assert_string_equal(out, "until");
		assert_int_equal(remote_text(&r, (uintptr_t)pages, out, 101), 100);
		assert_int_equal(strlen(out), 100);
		pages[8191] = 'x';
		assert_int_equal(remote_text(&r, (uintptr_t)pages + 8000, out, sizeof out), -1);
		pages[8191] = 0;
		r.mem_fd = open("/proc/self/mem", O_RDONLY); /* as where the call is filtered */
		assert_true(r.mem_fd >= 0);
	}
	remote_close(&r);
	assert_int_equal(r.mem_fd, -1);
	munmap(pages, 8192);
}

/* What was copied comes first; what lies beyond it is read from the process, and counted. */
static void a_copy_is_believed_before_the_process(void **state)
{
	static uint64_t live[4096];
	static struct remote_stack s;
	uint64_t copy[16];
	struct unwind_memory m;
	struct remote r;

	(void)state;
	for (uint64_t i = 0; i < 4096; i++)
		live[i] = i;
	for (uint64_t i = 0; i < 16; i++)
		copy[i] = 1000 + i;
	remote_init(&r, getpid());
	s.remote = &r;
	s.copy = (const uint8_t *)copy;
	s.copy_lo = (uintptr_t)&live[100];
	s.copy_bytes = sizeof copy;
	remote_stack_memory(&s, &m);
	assert_int_equal(m.lo, (uintptr_t)&live[100]);
	assert_int_equal(m.extend(&m, (uintptr_t)&live[115]), 0);
	assert_int_equal(*(const uint64_t *)(m.base + ((uintptr_t)&live[115] - m.lo)), 1015);
	assert_int_equal(s.live_reads, 0);
	assert_int_equal(m.extend(&m, (uintptr_t)&live[116]), 0);
	assert_int_equal(*(const uint64_t *)(m.base + ((uintptr_t)&live[116] - m.lo)), 116);
	assert_int_equal(s.live_reads, 1);
	assert_int_equal(m.extend(&m, (uintptr_t)&live[100]), 0);
	assert_int_equal(*(const uint64_t *)(m.base + ((uintptr_t)&live[100] - m.lo)), 1000);
	s.remote = NULL;
	remote_stack_memory(&s, &m);
	assert_int_equal(m.extend(&m, (uintptr_t)&live[200]), -1);
}

/* ---- calls in machine code ---------------------------------------------------------------------- */

static void calls_are_told_by_their_bytes(void **state)
{
	static const struct {
		uint8_t bytes[8]; /* right before the return address */
		enum code_call call;
	} cases[] = {
		{{0x90, 0x90, 0x90, 0xe8, 0x10, 0, 0, 0}, CODE_CALL},
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0}, CODE_CALL_INDIRECT}, /* *%rax */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x41, 0xff, 0xd4}, CODE_CALL_INDIRECT}, /* *%r12 */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0x50, 0x18},
		 CODE_CALL_INDIRECT},                                             /* *24(%rax) */
		{{0x90, 0x90, 0xff, 0x90, 0x00, 0x01, 0, 0}, CODE_CALL_INDIRECT}, /* *256(%rax) */
		{{0x90, 0x90, 0x90, 0x90, 0xff, 0x54, 0x24, 8}, CODE_CALL_INDIRECT}, /* *8(%rsp) */
		{{0x90, 0xff, 0x14, 0xc5, 0, 0, 0x40, 0}, CODE_CALL_INDIRECT}, /* *table(,%rax,8) */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xe0}, CODE_NO_CALL}, /* jmp *%rax */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0xff, 0xd0, 0x90},
		 CODE_NO_CALL}, /* not at the end */
		{{0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, CODE_NO_CALL},
	};
	static uint8_t page[4096] __attribute__((aligned(4096)));
	static struct code code;
	struct remote r;
	uint64_t target = 0;

	(void)state;
	remote_init(&r, getpid());
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(&code, 0, sizeof code);
		code.remote = &r;
		memcpy(page + 64, cases[i].bytes, 8);
		assert_int_equal(code_call_before(&code, (uintptr_t)page + 72, &target),
				 cases[i].call);
	}
	memcpy(page + 64, cases[0].bytes, 8);
	memset(&code, 0, sizeof code);
	code.remote = &r;
	assert_int_equal(code_call_before(&code, (uintptr_t)page + 72, &target), CODE_CALL);
	assert_int_equal(target, (uintptr_t)page + 72 + 16);
	/* Through a stub: endbr64; bnd jmp *16(%rip) */
	memcpy(page + 88, "\xf3\x0f\x1e\xfa\xf2\xff\x25\x10\0\0\0", 11);
	memcpy(page + 88 + 11 + 16, &(uint64_t){0x1234}, 8);
	memset(&code, 0, sizeof code);
	code.remote = &r;
	assert_int_equal(code_call_before(&code, (uintptr_t)page + 72, &target), CODE_CALL);
	assert_int_equal(target, 0x1234);
	assert_int_equal(code_call_before(&code, 4, &target), CODE_NO_CALL);
	assert_int_equal(code_call_before(&code, 0x1000, &target), CODE_NO_CALL);
}

/* ---- programs ----------------------------------------------------------------------------------- */

static int start_program(struct live_child *c, const char *name)
{
	char path[4096], self[4000], line[64] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	int out[2];
	FILE *f;

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(path, sizeof path, "%s/../programs/%s", self, name);
	assert_int_equal(pipe(out), 0);
	c->pid = fork();
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	assert_non_null(f);
	if (!fgets(line, sizeof line, f))
		line[0] = '\0';
	c->ready = dup(out[0]);
	c->go = -1;
	fclose(f);
	if (strncmp(line, "ready", 5) != 0)
		fail_msg("%s does not start", path);
	return (int)strtol(line + 6, NULL, 10);
}

/* Asleep: where it is then it stays. */
static int comes_to_rest(const struct proc *p, int tid)
{
	struct proc_stat stat = {.state = 0};

	for (int i = 0; i < LIVE_PATIENCE_MS && stat.state != 'S'; i++)
		if (proc_task_stat(p, tid, &stat) == 0 && stat.state != 'S')
			live_nap();
	return stat.state == 'S';
}

/* The stack by registers. 0, or -1: may not trace. */
static int by_registers(struct rig *r, int tid, struct attach_stack *stack)
{
	static struct remote_stack window;
	struct user_regs_struct u;
	struct iovec iov = {&u, sizeof u};
	struct unwind_regs regs = {0};
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
		return -1;
	assert_int_equal(ptrace(PTRACE_INTERRUPT, tid, NULL, NULL), 0);
	assert_int_equal(waitpid(tid, &status, __WALL), tid);
	assert_int_equal(ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &iov), 0);
	regs.reg[UNWIND_BX] = u.rbx;
	regs.reg[UNWIND_BP] = u.rbp;
	regs.reg[UNWIND_SP] = u.rsp;
	regs.reg[12] = u.r12;
	regs.reg[13] = u.r13;
	regs.reg[14] = u.r14;
	regs.reg[15] = u.r15;
	regs.reg[UNWIND_IP] = u.rip;
	regs.known =
		1u << UNWIND_BX | 1u << UNWIND_BP | 1u << UNWIND_SP | 0xfu << 12 | 1u << UNWIND_IP;
	window.remote = &r->memory;
	window.copy = NULL;
	window.copy_bytes = 0;
	stack->running = 0;
	attach_unwind(r->space, &regs, &window, NULL, stack);
	assert_int_equal(ptrace(PTRACE_DETACH, tid, NULL, NULL), 0);
	return 0;
}

static int same(const struct attach_stack *a, const struct attach_stack *b)
{
	return a->n == b->n && a->end == b->end &&
	       memcmp(a->addresses, b->addresses, a->n * sizeof *a->addresses) == 0;
}

static void stacks_are_those_that_registers_give(void **state)
{
	static const char *const shapes[] = {"O0", "O2", "fp", "fp0", "os", "static"};
	static struct attach_stack blind, truth;

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		struct live_child c = {0};
		struct proc_syscall call;
		char name[64];
		int *tids = NULL, expected, traced = 1;
		uint32_t n = 0, cap = 0, good = 0, guessed = 0;
		struct rig r;

		(void)snprintf(name, sizeof name, "blocked_calls-%s", shapes[i]);
		expected = start_program(&c, name);
		rig_open(&r, c.pid);
		assert_int_equal(proc_tasks(&r.p, &tids, &n, &cap), 0);
		assert_int_equal(n, expected + 1);
		for (uint32_t t = 0; t < n; t++) {
			assert_true(comes_to_rest(&r.p, tids[t]));
			assert_int_equal(
				blocked_stack(&r.p, &r.memory, r.space, tids[t], 3, &blind, &call),
				BLOCKED_OK);
			assert_int_equal(blind.torn, 0);
			assert_true(call.nr >= 0);
			guessed += blind.guessed > 0;
			traced = traced && by_registers(&r, tids[t], &truth) == 0;
			if (traced && !same(&blind, &truth))
				print_message("%s, thread %d: %u frames, %u by registers\n", name,
					      tids[t], blind.n, truth.n);
			good += !traced || same(&blind, &truth);
		}
		print_message("%s: %u of %u stacks as registers give them, %u searched%s\n", name,
			      good, n, guessed, traced ? "" : " (not compared: " NO_PTRACE ")");
		assert_int_equal(good, n);
		free(tids);
		rig_close(&r);
		live_end(&c);
	}
}

/* ---- threads that move -------------------------------------------------------------------------- */

static volatile int sink;

static __attribute__((noinline)) void doze(void)
{
	nap_us(50);
	sink++;
}

static __attribute__((noinline)) void left(int n)
{
	if (n > 0)
		left(n - 1);
	else
		doze();
	sink++;
}

static __attribute__((noinline)) void right(int n)
{
	volatile int local[9];

	local[0] = n;
	if (n > 0)
		right(n - 1);
	else
		doze();
	sink += local[0];
}

static int both_ways(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	live_ready(ready);
	for (;;) {
		left(7);
		right(11);
	}
	return 0;
}

/* Two stacks are possible, and no third made of both. */
static void a_moving_thread_has_no_mixed_stack(void **state)
{
	static struct attach_stack met[2], stack;
	struct live_child c = {0};
	struct rig r;
	int64_t end = clock_mono_ns() + LIVE_PATIENCE_MS * INT64_C(1000000);
	int n = 0, torn = 0, whole = 0, running = 0;

	(void)state;
	assert_int_equal(live_start(&c, both_ways, NULL), 0);
	rig_open(&r, c.pid);
	for (int i = 0; whole <= 10 ? clock_mono_ns() < end : i < 20000 && whole < 2000; i++) {
		enum blocked_result b =
			blocked_stack(&r.p, &r.memory, r.space, c.pid, 1, &stack, NULL);
		int known = 0;

		running += b == BLOCKED_RUNNING;
		if (b == BLOCKED_RUNNING)
			continue;
		assert_int_equal(b, BLOCKED_OK);
		torn += stack.torn;
		if (stack.torn)
			continue;
		whole++;
		for (int k = 0; k < n; k++)
			known |= same(&met[k], &stack);
		if (known)
			continue;
		assert_true(n < 2);
		met[n++] = stack;
	}
	print_message("%d whole, %d torn, %d running\n", whole, torn, running);
	assert_true(whole > 10);
	rig_close(&r);
	live_end(&c);
}

static void who_runs_is_not_read(void **state)
{
	static struct attach_stack stack;
	struct live_child c = {0};
	struct rig r;

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	rig_open(&r, c.pid);
	assert_int_equal(blocked_stack(&r.p, &r.memory, r.space, c.pid, 3, &stack, NULL),
			 BLOCKED_RUNNING);
	assert_int_equal(blocked_stack(&r.p, &r.memory, r.space, getpid(), 3, &stack, NULL),
			 BLOCKED_GONE); /* no thread of it */
	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	assert_int_equal(blocked_stack(&r.p, &r.memory, r.space, c.pid, 3, &stack, NULL),
			 BLOCKED_GONE);
	rig_close(&r);
	close(c.ready);
	close(c.go);
}

/* Job control: the thread stands still by itself, in the midst of its code. */
static void a_suspended_thread_is_read_where_it_stands(void **state)
{
	static struct attach_stack stack;
	struct proc_syscall call;
	struct live_child c = {0};
	struct proc_stat stat;
	struct rig r;

	(void)state;
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	rig_open(&r, c.pid);
	assert_int_equal(live_wait_cpu(c.pid, 20000000), 0); /* it spins */
	kill(c.pid, SIGSTOP);
	do
		assert_int_equal(proc_task_stat(&r.p, c.pid, &stat), 0);
	while (stat.state != 'T');
	assert_int_equal(blocked_stack(&r.p, &r.memory, r.space, c.pid, 3, &stack, &call),
			 BLOCKED_OK);
	assert_int_equal(call.nr, -1);
	assert_true(stack.n >= 2);
	assert_int_equal(stack.end, UNWIND_ROOT);
	assert_int_equal(proc_task_stat(&r.p, c.pid, &stat), 0);
	assert_int_equal(stat.state, 'T');
	rig_close(&r);
	live_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_ends_where_memory_does),
		cmocka_unit_test(a_copy_is_believed_before_the_process),
		cmocka_unit_test(calls_are_told_by_their_bytes),
		cmocka_unit_test(stacks_are_those_that_registers_give),
		cmocka_unit_test(a_moving_thread_has_no_mixed_stack),
		cmocka_unit_test(who_runs_is_not_read),
		cmocka_unit_test(a_suspended_thread_is_read_where_it_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
