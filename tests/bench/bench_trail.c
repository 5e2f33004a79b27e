/* Nanoseconds for the stack of an allocation: by the trail, by unwind() with a warm cache, by
 * unw_backtrace() of libunwind. On one stack, on two in turn, on 200 random ones of 17 to 20 frames with
 * eight callers at each level, and on ones that share all but their inner frames. What the program itself
 * costs is taken off. Turns are interleaved, medians printed. No verdict. */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/unwind/trail.h"
#include "tests/unit/unwind_world.h"

#ifdef __clang__
#define KEEP_POINTER __attribute__((noinline))
#else
#define KEEP_POINTER __attribute__((noinline, optimize("no-omit-frame-pointer")))
#endif

#define TURNS 21
#define WALKS 20000

enum way { NOTHING, TRAIL, RULES, LIBUNWIND, N_WAYS };

static struct world world;
static struct unwind_memory window;
static struct unwind_cache *caches[2];
static struct unwind_trail *trail;
static uint64_t addresses[512];
static volatile int sink;
static uint32_t frames, reused;
static uint64_t hashes;
static enum way way;

/* As the agent's wrappers do it. */
static KEEP_POINTER void capture(void)
{
	const uint64_t *frame = __builtin_frame_address(0);
	uint64_t sp = (uint64_t)(uintptr_t)(frame + 2);
	struct unwind_memory m = {sp, window.hi, (const uint8_t *)(frame + 2), NULL, NULL};
	struct unwind_trail_result r;
	struct unwind_regs regs;

	switch (way) {
	case TRAIL:
		unwind_trail_walk(trail, frame[1], sp, frame[0], &m, &world.map, caches[0], &r);
		frames = r.n;
		reused += r.reused;
		hashes += r.hash;
		break;
	case RULES:
		regs.reg[UNWIND_IP] = frame[1];
		regs.reg[UNWIND_SP] = sp;
		regs.reg[UNWIND_BP] = frame[0];
		regs.known =
			1u << UNWIND_IP | 1u << UNWIND_SP | 1u << UNWIND_BP | UNWIND_IP_IS_RETURN;
		frames = unwind(&regs, &m, &world.map, caches[1], addresses, 512).n;
		break;
	case LIBUNWIND:
		frames = (uint32_t)unw_backtrace((void **)addresses, 512);
		break;
	default:
		break;
	}
}

/* ---- stacks ------------------------------------------------------------------------------------- */

static void go(uint32_t path, int depth);

#define CALLER(n)                                                                                  \
	static __attribute__((noinline)) void caller_##n(uint32_t path, int depth)                 \
	{                                                                                          \
		go(path, depth - 1);                                                               \
		sink += n;                                                                         \
	}
/* clang-format off */
CALLER(0) CALLER(1) CALLER(2) CALLER(3) CALLER(4) CALLER(5) CALLER(6) CALLER(7)
	/* clang-format on */

	static __attribute__((noinline)) void leaf(uint32_t path)
{
	capture();
	sink += (int)path;
}

static __attribute__((noinline)) void go(uint32_t path, int depth)
{
	if (depth == 0) {
		leaf(path);
		sink++;
		return;
	}
	switch ((path >> ((depth % 3) * 2 + (depth > 6 ? 1 : 0))) & 7) {
	case 0:
		caller_0(path, depth);
		break;
	case 1:
		caller_1(path, depth);
		break;
	case 2:
		caller_2(path, depth);
		break;
	case 3:
		caller_3(path, depth);
		break;
	case 4:
		caller_4(path, depth);
		break;
	case 5:
		caller_5(path, depth);
		break;
	case 6:
		caller_6(path, depth);
		break;
	default:
		caller_7(path, depth);
	}
	sink--;
}

static __attribute__((noinline)) void sized(uint32_t path, int depth, int inner);

/* Frames of different sizes, by the frame pointer, so that shapes differ too. */
static __attribute__((noinline)) void frame_small(uint32_t path, int depth, int inner)
{
	sized(path, depth, inner);
	sink++;
}

static __attribute__((noinline)) void frame_large(uint32_t path, int depth, int inner)
{
	volatile char room[200];

	room[0] = 1;
	sized(path, depth, inner);
	sink += room[0];
}

static __attribute__((noinline)) void frame_varied(uint32_t path, int depth, int inner)
{
	volatile char room[16 + depth];

	room[0] = 1;
	sized(path, depth, inner);
	sink += room[0];
}

/* Only the `inner` levels at the leaf depend on the path. */
static __attribute__((noinline)) void sized(uint32_t path, int depth, int inner)
{
	uint32_t which = depth > inner ? (uint32_t)depth * 7 : path >> depth;

	if (depth == 0)
		leaf(path);
	else if (which % 3 == 0)
		frame_small(path, depth - 1, inner);
	else if (which % 3 == 1)
		frame_large(path, depth - 1, inner);
	else
		frame_varied(path, depth - 1, inner);
	sink--;
}

/* A walk at every level. */
static __attribute__((noinline)) void recursion(uint32_t path, int depth)
{
	if (depth > 0)
		recursion(path * 3, depth - 1);
	leaf(path);
}

/* ---- measuring ---------------------------------------------------------------------------------- */

enum stacks {
	SAME,
	TURN_BY_TURN,
	RANDOM_200,
	INNER,
	SIZES_200,
	SIZES_20000,
	DEEP,
	DEEPER,
	N_STACKS
};
static const char *const names[N_STACKS] = {
	"the same stack",           "two in turn",
	"200 random paths",         "4 inner frames of 24 random",
	"200 paths, sizes random",  "20000 paths, sizes random",
	"recursion, 1 to 100 deep", "recursion, 1 to 2000 deep"};

static uint32_t seed = 1;

static __attribute__((noinline)) void one(enum stacks stacks, uint32_t i)
{
	uint32_t p;

	seed = seed * 1664525 + 1013904223;
	p = (seed >> 16) % 200;
	switch (stacks) {
	case SAME:
		go(77, 8);
		break;
	case TURN_BY_TURN:
		go(77 + 64 * (i & 1), 8);
		break;
	case RANDOM_200:
		go(p, 7 + (int)(p % 2));
		break;
	case INNER:
		sized(seed >> 16, 12, 2);
		break;
	case SIZES_200:
		sized(p * 2654435761u >> 16, 9, 9);
		break;
	case SIZES_20000:
		sized(seed >> 16, 9, 9);
		break;
	default: /* as many walks as the others have, on the average */
		if (i % (stacks == DEEP ? 100 : 2000) == 0)
			recursion(p, stacks == DEEP ? 99 : 1999);
		break;
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double turn(enum stacks stacks)
{
	int64_t start;

	seed = 1;
	for (uint32_t i = 0; i < 200; i++)
		one(stacks, i);
	start = clock_mono_ns();
	for (uint32_t i = 0; i < WALKS; i++)
		one(stacks, i);
	return (double)(clock_mono_ns() - start) / WALKS;
}

static void measure(enum stacks stacks)
{
	static double ns[N_WAYS][TURNS];
	double at[N_WAYS];
	uint32_t depth = 0, taken = 0;

	for (int t = 0; t < TURNS; t++)
		for (int w = 0; w < N_WAYS; w++) {
			way = (enum way)w;
			reused = 0;
			ns[w][t] = turn(stacks);
			if (w == TRAIL) {
				depth = frames;
				taken = reused;
			}
		}
	for (int w = 0; w < N_WAYS; w++) {
		qsort(ns[w], TURNS, sizeof ns[w][0], by_value);
		at[w] = ns[w][TURNS / 2];
	}
	printf("%-28s %2u frames: trail %6.1f (%4.1f of them taken over), unwind %6.1f, "
	       "unw_backtrace %7.1f; program %.1f\n",
	       names[stacks], depth, at[TRAIL] - at[NOTHING], (double)taken / (WALKS + 200),
	       at[RULES] - at[NOTHING], at[LIBUNWIND] - at[NOTHING], at[NOTHING]);
}

static void *zeroed(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!p)
		exit(1);
	return memset(p, 0, (bytes + 63) & ~(size_t)63);
}

int main(void)
{
	trail = zeroed(unwind_trail_bytes(512));
	caches[0] = zeroed(unwind_cache_bytes());
	caches[1] = zeroed(unwind_cache_bytes());
	unwind_trail_init(trail, 512);
	if (world_load(&world, getpid(), UNWIND_MODULE_READABLE) < 0 ||
	    world_own_stack(&window, (uint64_t)(uintptr_t)__builtin_frame_address(0)) < 0)
		return 1;
	puts("ns a stack, medians of interleaved turns");
	for (int s = 0; s < N_STACKS; s++)
		measure((enum stacks)s);
	world_free(&world);
	return hashes == 0;
}
