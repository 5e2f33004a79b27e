/* unwind() as the agent uses it: in a signal handler of this process, on its own stack, with real tables.
 * Whatever instruction a timer hits, the stack must reach the root, be the one that single steps give,
 * and be untouched by what cannot be unwound: code made at run time, jumps, stacks of coroutines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "prof/unwind/arch_x86_64.h"
#include "tests/unit/unwind_world.h"

#define DEPTH 512

static struct world world;
static struct unwind_memory main_stack;
static struct unwind_cache *cache;

/* What the handler found; written by it alone. */
static struct {
	volatile long n, rooted, differs, guessed;
	volatile uint32_t deepest;
	long ends[UNWIND_NEED_REG + 1];
	uint64_t last[DEPTH];
	struct unwind_result result;
} seen;

static uint64_t fast[DEPTH];

static void on_tick(int signo, siginfo_t *info, void *context)
{
	struct unwind_memory m = main_stack;
	struct unwind_regs regs, steps;
	struct unwind_result r;
	enum unwind_end why = UNWIND_ROOT;
	int saved = errno, rc = 0;
	uint32_t i = 0;

	(void)signo;
	(void)info;
	unwind_regs_from_ucontext(&regs, context);
	steps = regs;
	r = unwind(&regs, &m, &world.map, cache, fast, DEPTH);
	for (; i < r.n && rc == 0; i++) {
		uint64_t address = unwind_lookup(&steps);
		int called = (steps.known & UNWIND_IP_IS_RETURN) != 0, signal;

		rc = unwind_step(&steps, &m, &world.map, &signal, &why);
		seen.differs += rc < 0 || address + (uint64_t)(signal && called) != fast[i];
	}
	seen.differs += r.end == UNWIND_ROOT ? rc != 1 || i != r.n : 0;
	seen.n++;
	seen.rooted += r.end == UNWIND_ROOT;
	seen.guessed += r.guessed;
	seen.ends[r.end]++;
	if (r.n > seen.deepest)
		seen.deepest = r.n;
	seen.result = r;
	memcpy(seen.last, fast, r.n * sizeof fast[0]);
	errno = saved;
}

static int setup(void **state)
{
	struct sigaction a = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};

	(void)state;
	memset(&seen, 0, sizeof seen);
	memset(cache, 0, unwind_cache_bytes());
	return sigaction(SIGALRM, &a, NULL);
}

static void ticks(int on)
{
	struct itimerval t = {{0, on ? 500 : 0}, {0, on ? 500 : 0}};

	setitimer(ITIMER_REAL, &t, NULL);
}

/* ---- work that ticks hit ------------------------------------------------------------------------ */

static volatile uint64_t sink;

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static __attribute__((noinline)) void in_libraries(void)
{
	uint32_t numbers[500];
	char text[200], *copy;

	for (uint32_t i = 0; i < 500; i++)
		numbers[i] = i * 2654435761u;
	qsort(numbers, 500, sizeof *numbers, by_value);
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof text, "%u %g %s", numbers[i], (double)i / 7, "text");
		copy = strdup(text);
		sink += strlen(copy ? copy : "");
		free(copy);
	}
}

static __attribute__((noinline)) uint64_t recursion(int n)
{
	uint64_t below = n > 0 ? recursion(n - 1) : 0;

	for (int i = 0; i < 50; i++)
		sink += below;
	return below + sink;
}

static jmp_buf back;

static __attribute__((noinline)) void jump(int n)
{
	if (n > 0)
		jump(n - 1);
	else if (sink != UINT64_MAX) /* always, which the compiler must not see */
		longjmp(back, 1);
	sink++;
}

static __attribute__((noinline)) void jumps(void)
{
	if (setjmp(back) == 0)
		jump(20);
}

static void until(long n, void (*work)(void))
{
	ticks(1);
	while (seen.n < n)
		work();
	ticks(0);
}

static void mixed_work(void)
{
	in_libraries();
	recursion(60);
	jumps();
}

static void every_tick_reaches_the_root(void **state)
{
	(void)state;
	until(1500, mixed_work);
	print_message("%ld stacks, %ld to the root, deepest %u\n", seen.n, seen.rooted,
		      seen.deepest);
	assert_int_equal(seen.differs, 0);
	assert_true(seen.rooted * 1000 >= seen.n * 999);
	assert_true(seen.deepest > 60);
}

static __attribute__((noinline)) uint32_t own_stack_now(uint64_t *out)
{
	struct unwind_memory m = main_stack;
	struct unwind_regs regs;

	unwind_regs_here(&regs);
	return unwind(&regs, &m, &world.map, cache, out, DEPTH).n;
}

static void own_registers_lead_through_the_caller(void **state)
{
	uint64_t out[DEPTH], here = (uint64_t)(uintptr_t)own_stack_now;
	uint32_t n = own_stack_now(out);
	uint64_t caller = (uint64_t)(uintptr_t)own_registers_lead_through_the_caller;

	(void)state;
	assert_true(n > 4);
	assert_true(out[0] >= here && out[0] < here + 400);
	assert_true(out[1] > caller && out[1] < caller + 400);
}

/* ---- what has no CFI ---------------------------------------------------------------------------- */

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const uint8_t with_pointer[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
/* sub $24,%rsp; mov %rdi,%rax; call *%rax; add $24,%rsp; ret */
static const uint8_t without_pointer[] = {0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0xf8,
					  0xff, 0xd0, 0x48, 0x83, 0xc4, 0x18, 0xc3};

static void raise_alarm(void)
{
	raise(SIGALRM);
	sink++;
}

static void call_made_code(const uint8_t *code, size_t n)
{
	uint8_t *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void (*)(void));

	assert_ptr_not_equal(made, MAP_FAILED);
	memcpy(made, code, n);
	memcpy(&call, &made, sizeof call);
	call(raise_alarm);
	munmap(made, 4096);
}

static void made_code_with_frame_pointers_is_crossed(void **state)
{
	(void)state;
	call_made_code(with_pointer, sizeof with_pointer);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.result.end, UNWIND_ROOT);
	assert_true(seen.guessed >= 1);
	assert_int_equal(seen.differs, 0);
}

static void made_code_without_them_ends_the_walk(void **state)
{
	(void)state;
	call_made_code(without_pointer, sizeof without_pointer);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.differs, 0);
	assert_true(seen.result.n >= 2); /* up to the function that it called */
}

static ucontext_t main_context, other_context;
static _Alignas(16) char other_stack[65536];

static void on_other_stack(void)
{
	recursion(3);
	raise(SIGALRM);
	swapcontext(&other_context, &main_context);
}

static void a_stack_outside_the_window_is_refused(void **state)
{
	(void)state;
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = other_stack;
	other_context.uc_stack.ss_size = sizeof other_stack;
	other_context.uc_link = &main_context;
	makecontext(&other_context, on_other_stack, 0);
	swapcontext(&main_context, &other_context);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.result.end, UNWIND_BAD_READ);
	assert_int_equal(seen.result.n, 0);
}

static void a_coroutine_ends_where_it_was_made(void **state)
{
	struct unwind_memory before = main_stack;

	(void)state;
	main_stack.lo = (uint64_t)(uintptr_t)other_stack;
	main_stack.hi = main_stack.lo + sizeof other_stack;
	main_stack.base = (const uint8_t *)other_stack;
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = other_stack;
	other_context.uc_stack.ss_size = sizeof other_stack;
	other_context.uc_link = &main_context;
	makecontext(&other_context, on_other_stack, 0);
	swapcontext(&main_context, &other_context);
	main_stack = before;
	assert_int_equal(seen.n, 1);
	assert_true(seen.result.n >= 2);
	assert_int_equal(seen.result.end, UNWIND_ROOT);
	assert_int_equal(seen.result.guessed, 0);
}

/* Swaps stacks at any moment: ticks find walks that end, one way or another. */
static void on_other_stack_again(void)
{
	for (;;) {
		recursion(2);
		swapcontext(&other_context, &main_context);
	}
}

static void swap(void)
{
	swapcontext(&main_context, &other_context);
}

static void ticks_while_stacks_are_swapped_do_no_harm(void **state)
{
	(void)state;
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = other_stack;
	other_context.uc_stack.ss_size = sizeof other_stack;
	other_context.uc_link = &main_context;
	makecontext(&other_context, on_other_stack_again, 0);
	until(300, swap);
	assert_true(seen.ends[UNWIND_ROOT] + seen.ends[UNWIND_BAD_READ] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_tick_reaches_the_root, setup),
		cmocka_unit_test_setup(own_registers_lead_through_the_caller, setup),
		cmocka_unit_test_setup(made_code_with_frame_pointers_is_crossed, setup),
		cmocka_unit_test_setup(made_code_without_them_ends_the_walk, setup),
		cmocka_unit_test_setup(a_stack_outside_the_window_is_refused, setup),
		cmocka_unit_test_setup(a_coroutine_ends_where_it_was_made, setup),
		cmocka_unit_test_setup(ticks_while_stacks_are_swapped_do_no_harm, setup),
	};
	int rc;

	cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	if (!cache || world_load(&world, getpid(), UNWIND_MODULE_READABLE) < 0 ||
	    world_own_stack(&main_stack, (uint64_t)(uintptr_t)__builtin_frame_address(0)) < 0)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_free(&world);
	free(cache);
	return rc;
}
