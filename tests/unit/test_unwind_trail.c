/* The trail against unwind() on the same stack at the same moment: made stacks with rules of every kind that
 * change a little between a million walks, and the stacks of real functions: of all sizes, realigned,
 * recursive, left by jumps, in handlers, on other stacks, through code without CFI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "prof/unwind/trail_internal.h"
#include "tests/unit/unwind_rules.h"
#include "tests/unit/unwind_world.h"

#define DEPTH 512

#ifdef __clang__
#define WITH_POINTER __attribute__((noinline))
#else
#define WITH_POINTER __attribute__((noinline, optimize("no-omit-frame-pointer")))
#endif

static struct unwind_trail *trail;
static struct unwind_cache *caches[2];
static uint64_t expected[UNWIND_DEPTH_MAX];
static uint64_t seed = 88172645463325252u;

static uint64_t draw(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

static void *zeroed(size_t bytes)
{
	size_t n = (bytes + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, n);

	if (!p)
		abort();
	return memset(p, 0, n);
}

/* ---- one walk in both ways ---------------------------------------------------------------------- */

static struct {
	uint64_t walks, frames, reused, differ, whole;
	uint64_t ends[UNWIND_NEED_REG + 1];
	struct unwind_trail_result last;
} seen;

static int same_addresses(uint32_t n)
{
	return memcmp(unwind_trail_addresses(trail), expected, n * sizeof *expected) == 0;
}

static WITH_POINTER void walk_both(uint64_t ip, uint64_t sp, uint64_t bp,
				   const struct unwind_memory *memory, const struct unwind_map *map)
{
	struct unwind_memory m = *memory, again = *memory;
	struct unwind_trail_result *t = &seen.last;
	struct unwind_regs regs = {.known = 1u << UNWIND_IP | 1u << UNWIND_SP | 1u << UNWIND_BP |
					    UNWIND_IP_IS_RETURN};
	struct unwind_result r;

	regs.reg[UNWIND_IP] = ip;
	regs.reg[UNWIND_SP] = sp;
	regs.reg[UNWIND_BP] = bp;
	r = unwind(&regs, &again, map, caches[1], expected, trail->depth_max);
	unwind_trail_walk(trail, ip, sp, bp, &m, map, caches[0], t);
	seen.walks++;
	seen.frames += r.n;
	seen.reused += t->reused;
	seen.whole += t->reused == t->n && t->n > 0;
	seen.ends[r.end]++;
	if (t->n == r.n && t->end == r.end && t->guessed == r.guessed && same_addresses(r.n) &&
	    t->hash == unwind_trail_hash(expected, r.n))
		return;
	if (seen.differ++ == 0)
		print_message("walk %lu: %u frames and end %s, unwind() %u and %s\n",
			      (unsigned long)seen.walks, t->n, unwind_end_name(t->end), r.n,
			      unwind_end_name(r.end));
}

static void start_over(uint32_t depth)
{
	memset(trail, 0, unwind_trail_bytes(depth));
	unwind_trail_init(trail, depth);
	memset(&seen, 0, sizeof seen);
	for (int i = 0; i < 2; i++)
		memset(caches[i], 0, unwind_cache_bytes());
}

static void tell(const char *what)
{
	print_message("%s: %lu walks, %lu frames, %lu taken over, %lu stacks known, %lu not to "
		      "the root\n",
		      what, (unsigned long)seen.walks, (unsigned long)seen.frames,
		      (unsigned long)seen.reused, (unsigned long)seen.whole,
		      (unsigned long)(seen.walks - seen.ends[UNWIND_ROOT]));
}

/* ---- made stacks -------------------------------------------------------------------------------- */

#define MADE_WORDS 400

static _Alignas(16) uint64_t made[MADE_WORDS + 8];

/* What lies in a stack whose frames have an even number of words, as nearly all do here: return addresses at
 * odd places, into code of every rule but mostly of plain ones; at even places frame pointers that lead
 * outwards, or anywhere; zeros and dirt. */
static uint64_t made_word(uint32_t at)
{
	static const uint8_t plain[] = {SP32, SP32_BP, BP16};
	uint64_t what = draw(1000), outwards = at + draw(40) * 2;

	if (what < 1)
		return draw(2) ? 0 : draw(UINT64_MAX);
	if (at % 2 == 0 && what < 990 && outwards < MADE_WORDS)
		return (uint64_t)(uintptr_t)&made[outwards];
	if (at % 2 == 0)
		return (uint64_t)(uintptr_t)&made[draw(MADE_WORDS)];
	if (what < 80)
		return in(ROOT) + 1;
	if (what < 84)
		return in((uint32_t)draw(N_RULES)) + 1;
	return CODE + 0x100u * plain[draw(sizeof plain)] + 1 + draw(4) * 16;
}

static struct unwind_memory made_memory(uint32_t lo)
{
	struct unwind_memory m = {(uint64_t)(uintptr_t)&made[lo],
				  (uint64_t)(uintptr_t)&made[MADE_WORDS],
				  (const uint8_t *)&made[lo], NULL, NULL};

	return m;
}

static void fill_made(void)
{
	for (uint32_t i = 0; i < MADE_WORDS; i++)
		made[i] = made_word(i);
}

/* A few words of the stack change, as they do between two allocations: mostly near the leaf. */
static void change_made(void)
{
	for (uint64_t n = draw(2) * draw(3); n > 0; n--) {
		uint32_t at = (uint32_t)(draw(4) ? draw(60) : draw(MADE_WORDS));

		made[at] = made_word(at);
	}
}

static void walk_made(const struct unwind_map *map)
{
	static const uint8_t leaves[] = {SP32, SP32_BP, SP32, SP32_BP, BP16, SP8, PLT, DEREF};
	uint32_t sp = (uint32_t)draw(3) * 2, bp = sp + (uint32_t)draw(4) * 4;
	struct unwind_memory m = made_memory(sp);

	walk_both(CODE + 0x100u * leaves[draw(sizeof leaves)] + 1, (uint64_t)(uintptr_t)&made[sp],
		  draw(50) ? (uint64_t)(uintptr_t)&made[bp] : draw(UINT64_MAX), &m, map);
}

static void a_million_made_stacks_are_walked_as_unwind_walks_them(void **state)
{
	struct rig *r = *state;

	start_over(DEPTH);
	for (uint32_t i = 0; i < 1000000; i++) {
		if (i % 1000 == 0)
			fill_made();
		if (i % 50000 == 0)
			r->map.generation++;
		change_made();
		walk_made(&r->map);
	}
	tell("made");
	assert_int_equal(seen.differ, 0);
	assert_true(seen.reused * 4 > seen.frames);
	for (uint32_t e = 0; e <= UNWIND_NEED_REG; e++)
		print_message("  %s: %lu\n", unwind_end_name((enum unwind_end)e),
			      (unsigned long)seen.ends[e]);
}

static void shallow_limits_cut_as_unwind_does(void **state)
{
	struct rig *r = *state;

	for (uint32_t depth = 1; depth <= 40; depth++) {
		start_over(depth);
		for (uint32_t i = 0; i < 3000; i++) {
			if (i % 300 == 0)
				fill_made();
			change_made();
			walk_made(&r->map);
		}
		assert_int_equal(seen.differ, 0);
	}
}

/* The same return addresses at places shifted by a few words, one after the other. */
static void the_same_addresses_elsewhere_are_another_stack_with_the_same_hash(void **state)
{
	struct rig *r = *state;
	uint64_t hash = 0;

	start_over(DEPTH);
	for (uint32_t turn = 0; turn < 40; turn++) {
		uint32_t at = turn * 7 % 30, sp = at;
		struct unwind_memory m;

		for (uint32_t i = 0; i < MADE_WORDS; i++)
			made[i] = in(SP8) + 1; /* stale ones everywhere */
		for (uint32_t k = 0; k < 20; k++) {
			made[sp + 3] = in(k == 19 ? ROOT : SP32) + 1;
			sp += 4;
		}
		m = made_memory(at);
		walk_both(in(SP32) + 1, m.lo, 0, &m, &r->map);
		assert_int_equal(seen.last.n, 21);
		assert_true(turn == 0 || seen.last.hash == hash);
		hash = seen.last.hash;
	}
	assert_int_equal(seen.differ, 0);
}

/* bp is saved far in, and used far out: it changes while all return addresses stay. */
static void a_saved_frame_pointer_that_changes_is_seen(void **state)
{
	struct rig *r = *state;
	struct unwind_memory m = made_memory(0);
	uint32_t lengths[2] = {0, 0};

	start_over(DEPTH);
	for (uint32_t turn = 0; turn < 200; turn++) {
		int far = turn / 5 % 2;

		for (uint32_t i = 0; i < MADE_WORDS; i++)
			made[i] = in(SP8) + 1;
		made[2] = (uint64_t)(uintptr_t)&made[far ? 121 : 101]; /* the bp of frame 0 */
		for (uint32_t k = 0; k < 24; k++)
			made[3 + 4 * k] = in(SP32) + 1;
		made[3 + 4 * 23] = in(BP16) + 1; /* counts from it */
		made[102] = made[122] = in(SP8) + 1;
		made[130] = in(ROOT) + 1;
		walk_both(in(SP32_BP) + 1, m.lo, 0, &m, &r->map);
		assert_int_equal(seen.last.end, UNWIND_ROOT);
		lengths[far] = seen.last.n;
	}
	assert_int_equal(seen.differ, 0);
	assert_int_equal(lengths[0], lengths[1] + 20);
	assert_true(seen.whole > 150);
}

/* The bp that the leaf has in its register decides. */
static void the_first_frame_pointer_matters_where_it_is_used(void **state)
{
	struct rig *r = *state;
	struct unwind_memory m = made_memory(0);

	start_over(DEPTH);
	for (uint32_t turn = 0; turn < 100; turn++) {
		for (uint32_t i = 0; i < MADE_WORDS; i++)
			made[i] = in(SP8) + 1;
		made[3] = made[7] = in(SP32) + 1;
		made[11] = in(BP16) + 1;
		made[200] = in(ROOT) + 1;
		walk_both(in(SP32) + 1, m.lo, (uint64_t)(uintptr_t)&made[20 + turn / 10], &m,
			  &r->map);
	}
	assert_int_equal(seen.differ, 0);
	assert_true(seen.whole >= 80);
}

static void a_walk_that_was_left_half_way_is_forgotten(void **state)
{
	struct rig *r = *state;

	start_over(DEPTH);
	fill_made();
	for (uint32_t i = 0; i < 20000; i++) {
		change_made();
		walk_made(&r->map);
		if (i % 100 == 99) { /* as if interrupted while a shape was written */
			trail->at_it = 1;
			memset(&trail->shapes[draw(TRAIL_SETS)], (int)draw(256),
			       sizeof trail->shapes[0]);
			memset(&trail->paths[draw(TRAIL_PATHS)], (int)draw(256),
			       sizeof trail->paths[0]);
		}
	}
	assert_int_equal(seen.differ, 0);
}

static void memory_that_is_not_read_in_place_is_walked_plainly(void **state)
{
	struct rig *r = *state;

	start_over(DEPTH);
	for (uint32_t i = 0; i < WORDS; i++)
		r->stack[i] = in(SP32) + 1;
	r->stack[43] = in(ROOT) + 1;
	for (int i = 0; i < 10; i++)
		walk_both(in(SP32) + 1, STACK, 0, &r->memory, &r->map);
	assert_int_equal(seen.differ, 0);
	assert_int_equal(seen.reused, 0);
	assert_int_equal(seen.ends[UNWIND_ROOT], 10);
}

/* ---- real stacks -------------------------------------------------------------------------------- */

static struct world world;
static struct unwind_memory main_stack;
static volatile uint32_t sink;

static WITH_POINTER void look(void)
{
	const uint64_t *frame = __builtin_frame_address(0);
	struct unwind_memory m = main_stack;

	m.lo = (uint64_t)(uintptr_t)(frame + 2);
	m.base = (const uint8_t *)(frame + 2);
	if (m.lo >= main_stack.hi || m.lo < main_stack.lo) {
		m.lo = m.hi = 0;
		m.base = NULL;
	}
	walk_both(frame[1], (uint64_t)(uintptr_t)(frame + 2), frame[0], &m, &world.map);
}

static void any(int depth);

#define KIND(name, before, after)                                                                  \
	static __attribute__((noinline)) void name(int depth)                                      \
	{                                                                                          \
		before;                                                                            \
		any(depth - 1);                                                                    \
		after;                                                                             \
	}

/* clang-format off */
KIND(small_1, (void)0, sink += 1)
KIND(small_2, (void)0, sink += 2)
KIND(large, volatile uint8_t room[700]; room[9] = 1, sink += (uint32_t)room[9])
KIND(sized, volatile uint8_t room[16 + draw(300)]; room[3] = 1, sink += (uint32_t)room[3])
KIND(by_alloca, volatile uint8_t *room = __builtin_alloca(8 + draw(200)); *room = 1, sink += (uint32_t)*room)
KIND(aligned, _Alignas(64) volatile uint8_t room[64]; room[3] = 1, sink += (uint32_t)room[3])
KIND(aligned_sized, _Alignas(128) volatile uint8_t a[128]; volatile uint8_t b[8 + draw(90)]; a[1] = b[1] = 1,
     sink += (uint32_t)(a[1] + b[1]))
KIND(saves, uint32_t a = sink; uint32_t b = a * 3; uint32_t c = b * 5 + a; uint32_t d = c * 7 + b,
     sink += (a ^ b) + (c ^ d))
/* clang-format on */

static WITH_POINTER void with_pointer(int depth)
{
	any(depth - 1);
	sink++;
}

static int compare(const void *a, const void *b)
{
	int left = *(const int *)a;

	any(left);
	return left - *(const int *)b;
}

static __attribute__((noinline)) void through_libc(int depth)
{
	int numbers[2] = {depth - 1, 0};

	qsort(numbers, 2, sizeof *numbers, compare);
}

static jmp_buf back;

static __attribute__((noinline)) void jumps(int depth)
{
	if (draw(3) == 0)
		longjmp(back, 1);
	any(depth - 1);
	sink++;
}

typedef void (*kind)(int depth);
static const kind kinds[] = {small_1,       small_2, large,        sized,        by_alloca, aligned,
			     aligned_sized, saves,   with_pointer, through_libc, jumps};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static __attribute__((noinline)) void any(int depth)
{
	look();
	if (depth > 0)
		kinds[draw(draw(4) ? 4 : N_KINDS)](depth);
	if (depth > 0 && draw(4) == 0) /* the same frames, what was further in is stale now */
		kinds[draw(N_KINDS)](depth - 1);
	sink--;
}

static void real_stacks_of_all_kinds(void **state)
{
	(void)state;
	start_over(DEPTH);
	while (seen.walks < 1000000)
		if (setjmp(back) == 0)
			any(12 + (int)draw(12));
	tell("real");
	assert_int_equal(seen.differ, 0);
	assert_true(seen.reused * 2 > seen.frames);
	assert_true(seen.ends[UNWIND_ROOT] * 1000 >= seen.walks * 999);
}

static __attribute__((noinline)) void recursion(int n, int every)
{
	if (n % every == 0)
		look();
	if (n > 0)
		recursion(n - 1, every);
	sink++;
}

static void deep_recursion_keeps_the_leaf_end(void **state)
{
	(void)state;
	start_over(DEPTH);
	recursion(50000, 97);
	tell("deep");
	assert_int_equal(seen.differ, 0);
	assert_true(seen.ends[UNWIND_DEPTH] > 400);
	start_over(DEPTH);
	for (int i = 0; i < 50; i++)
		recursion(700, 1);
	assert_int_equal(seen.differ, 0);
}

static void raise_and_look(int signo)
{
	(void)signo;
	look();
}

static _Alignas(16) char other_stack[65536];

static void handlers_are_walked_through(void **state)
{
	struct sigaction a = {.sa_handler = raise_and_look};
	stack_t alt = {.ss_sp = other_stack, .ss_size = sizeof other_stack}, none = {0};
	char *in_frame = __builtin_alloca(32768);

	(void)state;
	start_over(DEPTH);
	for (int on = 0; on < 3; on++) {
		a.sa_flags = on ? SA_ONSTACK : 0;
		alt.ss_sp = on == 2 ? in_frame : other_stack;
		alt.ss_size = 32768;
		assert_int_equal(sigaction(SIGUSR2, &a, NULL), 0);
		assert_int_equal(on ? sigaltstack(&alt, NULL) : 0, 0);
		for (int i = 0; i < 50; i++)
			raise(SIGUSR2);
	}
	none.ss_flags = SS_DISABLE;
	sigaltstack(&none, NULL);
	signal(SIGUSR2, SIG_DFL);
	tell("handlers");
	assert_int_equal(seen.differ, 0);
	assert_true(seen.ends[UNWIND_ROOT] >= 50);
}

static ucontext_t main_context, other_context;

static void on_other_stack(void)
{
	for (;;) {
		look();
		swapcontext(&other_context, &main_context);
	}
}

static void coroutines_have_other_stacks(void **state)
{
	(void)state;
	start_over(DEPTH);
	getcontext(&other_context);
	other_context.uc_stack.ss_sp = other_stack;
	other_context.uc_stack.ss_size = sizeof other_stack;
	other_context.uc_link = &main_context;
	makecontext(&other_context, on_other_stack, 0);
	for (int i = 0; i < 100; i++) {
		look();
		swapcontext(&main_context, &other_context);
	}
	assert_int_equal(seen.differ, 0);
	assert_int_equal(seen.ends[UNWIND_ROOT], 100);
	assert_true(seen.reused > 0);
}

/* push %rbp; mov %rsp,%rbp; call *%rdi; pop %rbp; ret */
static const uint8_t with_pointer_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
/* sub $24,%rsp; mov %rdi,%rax; call *%rax; add $24,%rsp; ret */
static const uint8_t without_code[] = {0x48, 0x83, 0xec, 0x18, 0x48, 0x89, 0xf8,
				       0xff, 0xd0, 0x48, 0x83, 0xc4, 0x18, 0xc3};

static void code_without_cfi(void **state)
{
	uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void (*)(void));

	(void)state;
	assert_ptr_not_equal(code, MAP_FAILED);
	start_over(DEPTH);
	for (int i = 0; i < 40; i++) {
		const uint8_t *from = i % 4 < 2 ? with_pointer_code : without_code;

		memcpy(code, from, i % 4 < 2 ? sizeof with_pointer_code : sizeof without_code);
		memcpy(&call, &code, sizeof call);
		call(look);
		look();
	}
	munmap(code, 4096);
	assert_int_equal(seen.differ, 0);
	assert_true(seen.walks == 80 && seen.ends[UNWIND_ROOT] >= 60);
}

static void another_map_is_another_world(void **state)
{
	static struct world empty;
	struct world full = world;
	uint32_t known;

	(void)state;
	start_over(DEPTH);
	empty.map.generation = world.map.generation + 1;
	for (int i = 0; i < 40; i++) {
		world.map = i % 10 < 5 ? full.map : empty.map; /* as if all were unloaded */
		world.map.modules = full.modules;
		look();
		if (i % 10 >= 5)
			assert_true(seen.last.n < 2 && seen.last.end != UNWIND_ROOT);
	}
	world.map = full.map;
	world.map.modules = world.modules;
	assert_int_equal(seen.differ, 0);
	known = (uint32_t)seen.whole;
	assert_true(known >= 4 && known <= 16);
}

static int free_rig(void **state)
{
	rig_free(*state);
	free(*state);
	return 0;
}

#define MADE(name) cmocka_unit_test_setup_teardown(name, setup, free_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(a_million_made_stacks_are_walked_as_unwind_walks_them),
		MADE(shallow_limits_cut_as_unwind_does),
		MADE(the_same_addresses_elsewhere_are_another_stack_with_the_same_hash),
		MADE(a_saved_frame_pointer_that_changes_is_seen),
		MADE(the_first_frame_pointer_matters_where_it_is_used),
		MADE(a_walk_that_was_left_half_way_is_forgotten),
		MADE(memory_that_is_not_read_in_place_is_walked_plainly),
		cmocka_unit_test(real_stacks_of_all_kinds),
		cmocka_unit_test(deep_recursion_keeps_the_leaf_end),
		cmocka_unit_test(handlers_are_walked_through),
		cmocka_unit_test(coroutines_have_other_stacks),
		cmocka_unit_test(code_without_cfi),
		cmocka_unit_test(another_map_is_another_world),
	};
	int rc;

	trail = zeroed(unwind_trail_bytes(DEPTH));
	for (int i = 0; i < 2; i++)
		caches[i] = zeroed(unwind_cache_bytes());
	if (world_load(&world, getpid(), UNWIND_MODULE_READABLE) < 0 ||
	    world_own_stack(&main_stack, (uint64_t)(uintptr_t)__builtin_frame_address(0)) < 0)
		return 1;
	main_stack.lo = main_stack.hi - (6u << 20); /* it may grow */
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	world_free(&world);
	free(trail);
	free(caches[0]);
	free(caches[1]);
	return rc;
}
