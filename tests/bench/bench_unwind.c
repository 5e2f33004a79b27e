/* Nanoseconds per frame: our unwinder with a warm and with an empty cache, beside unw_backtrace() of
 * libunwind (warm), _Unwind_Backtrace() of libgcc, and the bare walk along frame pointers, which is the
 * floor. Turns are interleaved, medians taken, ratios printed. No verdict. */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <unwind.h>

#include "prof/base/clock.h"
#include "prof/unwind/arch_x86_64.h"
#include "tests/unit/unwind_world.h"

#define TURNS 41
#define RUNS  200

#ifdef __clang__
#define KEEP_POINTER __attribute__((noinline))
#else
#define KEEP_POINTER __attribute__((noinline, optimize("no-omit-frame-pointer")))
#endif

enum way { WARM, COLD, LIBUNWIND, LIBGCC, POINTERS, N_WAYS };
static const char *const way_names[N_WAYS] = {"warm", "cold", "unw_backtrace", "_Unwind_Backtrace",
					      "frame pointers"};

static struct world world;
static struct unwind_cache *cache;
static struct unwind_memory window;
static uint64_t addresses[UNWIND_DEPTH_MAX];
static double ns[N_WAYS][TURNS];
static uint32_t frames[N_WAYS];
static volatile uint32_t sink;

static uint32_t ours(void)
{
	struct unwind_memory m = window;
	struct unwind_regs regs;

	unwind_regs_here(&regs);
	return unwind(&regs, &m, &world.map, cache, addresses, UNWIND_DEPTH_MAX).n;
}

static _Unwind_Reason_Code one_frame(struct _Unwind_Context *c, void *n)
{
	uint32_t *count = n;

	addresses[(*count)++] = _Unwind_GetIP(c);
	return _URC_NO_REASON;
}

static KEEP_POINTER uint32_t pointers(void)
{
	const uint64_t *bp = __builtin_frame_address(0);
	uint32_t n = 0;

	while ((uint64_t)bp - window.lo < window.hi - window.lo - 8 && bp[1] && n < 2048) {
		const uint64_t *next = (const uint64_t *)bp[0];

		addresses[n++] = bp[1];
		if (next <= bp)
			break;
		bp = next;
	}
	return n;
}

static KEEP_POINTER uint32_t walk(enum way way)
{
	uint32_t n = 0;

	switch (way) {
	case COLD:
		world.map.generation++;
		return ours();
	case LIBUNWIND:
		return (uint32_t)unw_backtrace((void **)addresses, UNWIND_DEPTH_MAX);
	case LIBGCC:
		_Unwind_Backtrace(one_frame, &n);
		return n;
	case POINTERS:
		return pointers();
	default:
		return ours();
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(enum way way)
{
	qsort(ns[way], TURNS, sizeof ns[way][0], by_value);
	return ns[way][TURNS / 2];
}

static KEEP_POINTER void measure(void)
{
	for (int turn = -1; turn < TURNS; turn++)
		for (int way = 0; way < N_WAYS; way++) {
			int runs = way == LIBGCC ? RUNS / 10 : RUNS;
			int64_t start, stop;

			frames[way] = walk((enum way)way); /* fills caches */
			start = clock_mono_ns();
			for (int i = 0; i < runs; i++)
				sink += walk((enum way)way);
			stop = clock_mono_ns();
			if (turn >= 0)
				ns[way][turn] = (double)(stop - start) / runs / frames[way];
		}
}

/* ---- nested functions --------------------------------------------------------------------------- */

typedef void (*nested)(int depth);
static nested chain_of[64];
static int chain_n;

static inline __attribute__((always_inline)) void down(int depth)
{
	if (depth <= 0)
		measure();
	else
		chain_of[depth % chain_n](depth - 1);
}

/* Each keeps something over the call, so that it is none in tail position. */
#define PLAIN(n)                                                                                   \
	static __attribute__((noinline)) void plain_##n(int depth)                                 \
	{                                                                                          \
		down(depth);                                                                       \
		sink += n;                                                                         \
	}
#define SAVES(n)                                                                                   \
	static __attribute__((noinline)) void saves_##n(int depth)                                 \
	{                                                                                          \
		uint32_t a = sink, b = a * 3 + n, c = b * 5 + a, d = c * 7 + b, e = d * 9 + c;     \
                                                                                                   \
		down(depth);                                                                       \
		sink += a + b + c + d + e;                                                         \
	}
#define LARGE(n)                                                                                   \
	static __attribute__((noinline)) void large_##n(int depth)                                 \
	{                                                                                          \
		volatile char room[100 + 40 * n];                                                  \
                                                                                                   \
		room[n] = 1;                                                                       \
		down(depth);                                                                       \
		sink += (uint32_t)room[n];                                                         \
	}
#define SIZED(n) /* a variable array: by the frame pointer, whatever the flags */                  \
	static __attribute__((noinline)) void sized_##n(int depth)                                 \
	{                                                                                          \
		volatile char room[depth + 8 * n + 1];                                             \
                                                                                                   \
		room[n] = 1;                                                                       \
		down(depth);                                                                       \
		sink += (uint32_t)room[n];                                                         \
	}
/* Realigned and with a variable array: expressions in the CFI. */
#define ALIGN(n)                                                                                   \
	static __attribute__((noinline)) void align_##n(int depth)                                 \
	{                                                                                          \
		_Alignas(64) volatile char room[64 * n];                                           \
		volatile char more[depth + 8 * n + 1];                                             \
                                                                                                   \
		room[n] = more[n] = 1;                                                             \
		down(depth);                                                                       \
		sink += (uint32_t)(room[n] + more[n]);                                             \
	}
/* By the frame pointer, so that the chain of these alone can be walked along it. */
#define POINT(n)                                                                                   \
	static KEEP_POINTER void point_##n(int d)                                                  \
	{                                                                                          \
		down(d);                                                                           \
		sink += n;                                                                         \
	}
#define EIGHT(kind) kind(1) kind(2) kind(3) kind(4) kind(5) kind(6) kind(7) kind(8)
#define ROW(kind)   kind##_1, kind##_2, kind##_3, kind##_4, kind##_5, kind##_6, kind##_7, kind##_8

/* clang-format off */
EIGHT(PLAIN)
EIGHT(SAVES)
EIGHT(LARGE)
EIGHT(SIZED)
EIGHT(ALIGN)
EIGHT(POINT)
/* clang-format on */

static const struct {
	const char *name;
	nested of[32];
	int n;
} chains[] = {
	{"without frame pointers", {ROW(plain), ROW(saves), ROW(large)}, 24},
	{"mixed", {ROW(plain), ROW(sized), ROW(saves), ROW(large)}, 32},
	{"with frame pointers", {ROW(point)}, 8},
	{"one in four realigned", {ROW(align), ROW(plain), ROW(saves), ROW(large)}, 32},
};

static void report(const char *name, int depth)
{
	double t[N_WAYS];

	for (int way = 0; way < N_WAYS; way++)
		t[way] = median((enum way)way);
	printf("%-23s %3u frames:", name, frames[WARM]);
	for (int way = 0; way < N_WAYS; way++) {
		if (way == POINTERS && frames[way] < (uint32_t)depth)
			continue;
		printf(" %s %.2f", way_names[way], t[way]);
	}
	printf("; unw_backtrace/warm %.1fx, _Unwind_Backtrace/warm %.1fx\n", t[LIBUNWIND] / t[WARM],
	       t[LIBGCC] / t[WARM]);
}

KEEP_POINTER int main(void)
{
	static const int depths[] = {16, 30, 100};

	cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	if (!cache || world_load(&world, getpid(), UNWIND_MODULE_READABLE) < 0 ||
	    world_own_stack(&window, (uint64_t)(uintptr_t)__builtin_frame_address(0)) < 0)
		return 1;
	memset(cache, 0, unwind_cache_bytes());
	puts("ns per frame, medians of interleaved turns");
	for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
		memcpy(chain_of, chains[c].of, sizeof chains[c].of);
		chain_n = chains[c].n;
		for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
			down(depths[d]);
			report(chains[c].name, depths[d]);
		}
	}
	world_free(&world);
	free(cache);
	return 0;
}
