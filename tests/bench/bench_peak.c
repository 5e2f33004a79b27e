/* What this processor can do at most, for the rooflines of docs/performance.md: its clock, multiply-adds of float32 and
 * of int16 pairs, saturating int16 steps as the alignment kernels need them, and bytes read per second from L1, L2,
 * L3 and memory. Best of ROUNDS, per second of the thread's own CPU time, so that busy neighbours lower the figures less;
 * memory also with a thread on every processor, by the clock. Numbers, no verdict. */
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/core/workers.h"
#include "prof/base/clock.h"

#define ROUNDS 15
#define STEPS  2000000

#define AVX2   __attribute__((target("avx2,fma"), noinline))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni"), noinline))

static volatile int sink;

static double thread_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

/* One addition waits for the one before: a cycle each. */
__attribute__((noinline)) static void chain(void)
{
	long x = sink;

	for (int i = 0; i < STEPS; i++) {
		__asm__ volatile("add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\t"
				 "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0"
				 : "+r"(x));
	}
	sink = (int)x;
}

/* Twelve independent accumulators cover latency 5 times 2 units; constant indices keep them in registers. */
#define TWELVE(body)                                                                               \
	body(0) body(1) body(2) body(3) body(4) body(5) body(6) body(7) body(8) body(9) body(10)   \
		body(11)

AVX2 static void fma_avx2(void)
{
	__m256 a[12], x = _mm256_set1_ps(0.5f), y = _mm256_set1_ps((float)sink + 1.0f);

#define SET(n) a[n] = _mm256_set1_ps(n);
	TWELVE(SET)
#undef SET
	for (int i = 0; i < STEPS; i++) {
#define STEP(n) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+x"(a[n]) : "x"(x), "x"(y));
		TWELVE(STEP)
#undef STEP
	}
#define ADD(n) sink += _mm256_movemask_ps(a[n]);
	TWELVE(ADD)
#undef ADD
}

/* Product-sums of 16 pairs and their additions, the step of the int16 kernel: the sums wait for one addition only, so
 * six of them do, and products come first, which the scheduler likes best. */
AVX2 static void madd_avx2(void)
{
	__m256i a[6], t[6], x = _mm256_set1_epi16(3), y = _mm256_set1_epi16((short)sink);

#define SIX(body) body(0) body(1) body(2) body(3) body(4) body(5)
#define SET(n)    a[n] = _mm256_set1_epi32(n);
	SIX(SET)
#undef SET
	for (int i = 0; i < 2 * STEPS; i++) {
#define PRODUCT(n) __asm__ volatile("vpmaddwd %1, %2, %0" : "=x"(t[n]) : "x"(x), "x"(y));
#define SUM(n)     __asm__ volatile("vpaddd %1, %0, %0" : "+x"(a[n]) : "x"(t[n]));
		SIX(PRODUCT)
		SIX(SUM)
#undef PRODUCT
#undef SUM
	}
#define ADD(n) sink += _mm256_movemask_epi8(a[n]);
	SIX(ADD)
#undef ADD
}

/* One saturating addition and one maximum of 16 lanes. */
AVX2 static void lanes_avx2(void)
{
	__m256i a[12], x = _mm256_set1_epi16(-1), y = _mm256_set1_epi16((short)sink);

#define SET(n) a[n] = _mm256_set1_epi16(n);
	TWELVE(SET)
#undef SET
	for (int i = 0; i < STEPS; i++) {
#define STEP(n)                                                                                    \
	__asm__ volatile("vpaddsw %1, %0, %0\n\tvpmaxsw %2, %0, %0" : "+x"(a[n]) : "x"(x), "x"(y));
		TWELVE(STEP)
#undef STEP
	}
#define ADD(n) sink += _mm256_movemask_epi8(a[n]);
	TWELVE(ADD)
#undef ADD
}

AVX512 static void fma_avx512(void)
{
	__m512 a[12], x = _mm512_set1_ps(0.5f), y = _mm512_set1_ps((float)sink + 1.0f);

#define SET(n) a[n] = _mm512_set1_ps(n);
	TWELVE(SET)
#undef SET
	for (int i = 0; i < STEPS; i++) {
#define STEP(n) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+v"(a[n]) : "v"(x), "v"(y));
		TWELVE(STEP)
#undef STEP
	}
#define ADD(n) sink += (int)_mm512_reduce_add_ps(a[n]);
	TWELVE(ADD)
#undef ADD
}

AVX512 static void dot_avx512(void)
{
	__m512i a[12], x = _mm512_set1_epi16(3), y = _mm512_set1_epi16((short)sink);

#define SET(n) a[n] = _mm512_set1_epi32(n);
	TWELVE(SET)
#undef SET
	for (int i = 0; i < STEPS; i++) {
#define STEP(n) __asm__ volatile("vpdpwssd %1, %2, %0" : "+v"(a[n]) : "v"(x), "v"(y));
		TWELVE(STEP)
#undef STEP
	}
#define ADD(n) sink += _mm512_reduce_add_epi32(a[n]);
	TWELVE(ADD)
#undef ADD
}

static double best_rate(void (*run)(void), double per_step)
{
	double best = 0;

	run();
	for (int i = 0; i < ROUNDS; i++) {
		double t = thread_seconds(), rate;

		run();
		rate = per_step * STEPS / (thread_seconds() - t);
		if (rate > best)
			best = rate;
	}
	return best;
}

/* ---- reading ---------------------------------------------------------------------------------- */

AVX2 static void read_avx2(const unsigned char *p, size_t bytes)
{
	__m256i s[4] = {_mm256_setzero_si256()};

	s[1] = s[2] = s[3] = s[0];
	for (size_t i = 0; i < bytes; i += 256) {
#define READ(n)                                                                                    \
	__asm__ volatile("vpor %1, %0, %0\n\tvpor %2, %0, %0"                                      \
			 : "+x"(s[n])                                                              \
			 : "m"(*(const __m256i *)(p + i + 64 * (n))),                              \
			   "m"(*(const __m256i *)(p + i + 64 * (n) + 32)));
		READ(0) READ(1) READ(2) READ(3)
#undef READ
	}
	for (int i = 0; i < 4; i++)
		sink += _mm256_movemask_epi8(s[i]);
}

static double read_rate(const unsigned char *p, size_t bytes)
{
	size_t times = bytes < ((size_t)64 << 20) ? ((size_t)256 << 20) / bytes : 1;
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double t = thread_seconds(), rate;

		for (size_t j = 0; j < times; j++)
			read_avx2(p, bytes);
		rate = (double)(times * bytes) / (thread_seconds() - t);
		if (rate > best)
			best = rate;
	}
	return best;
}

struct part {
	const unsigned char *p;
	size_t bytes;
};

static void *read_part(void *arg)
{
	const struct part *part = arg;

	read_avx2(part->p, part->bytes);
	return NULL;
}

/* All processors at once, each its own part, by the clock. */
static double read_together(const unsigned char *p, size_t bytes, size_t n)
{
	pthread_t threads[64];
	struct part parts[64];
	double best = 0;

	n = n > 64 ? 64 : n;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = clock_mono_ns();
		double rate;

		for (size_t j = 0; j < n; j++) {
			parts[j] = (struct part){p + j * (bytes / n / 256 * 256),
						 bytes / n / 256 * 256};
			if (pthread_create(&threads[j], NULL, read_part, &parts[j]) != 0)
				abort();
		}
		for (size_t j = 0; j < n; j++)
			pthread_join(threads[j], NULL);
		rate = (double)bytes / (1e-9 * (double)(clock_mono_ns() - start));
		if (rate > best)
			best = rate;
	}
	return best;
}

static int bench_reading(void)
{
	static const struct {
		const char *name;
		size_t kib;
	} sizes[] = {{"L1", 16}, {"L2", 256}, {"L3", 8192}, {"memory", 512 << 10}};
	size_t most = (size_t)512 << 20, cpus = workers_cpu_count();
	unsigned char *p = aligned_alloc(4096, most);

	if (!p)
		return -1;
	memset(p, 1, most);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		printf("%-34s %8.1f GB/s\n", sizes[i].name, read_rate(p, sizes[i].kib << 10) / 1e9);
	printf("memory, %zu threads, wall %*s %8.1f GB/s\n", cpus, cpus > 9 ? 10 : 11, "",
	       read_together(p, most, cpus) / 1e9);
	free(p);
	return 0;
}

int main(void)
{
	printf("%-34s %8.2f GHz (additions in a chain)\n", "clock", best_rate(chain, 8) / 1e9);
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
		printf("no AVX2: nothing more to measure\n");
		return 0;
	}
	printf("%-34s %8.1f G/s\n", "float32 multiply-adds, AVX2",
	       best_rate(fma_avx2, 12 * 8) / 1e9);
	printf("%-34s %8.1f G/s\n", "int16 multiply-adds, AVX2",
	       best_rate(madd_avx2, 12 * 16) / 1e9);
	printf("%-34s %8.1f G/s\n", "int16 lane operations, AVX2",
	       best_rate(lanes_avx2, 2 * 12 * 16) / 1e9);
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni")) {
		printf("%-34s %8.1f G/s\n", "float32 multiply-adds, AVX-512",
		       best_rate(fma_avx512, 12 * 16) / 1e9);
		printf("%-34s %8.1f G/s\n", "int16 multiply-adds, AVX-512 VNNI",
		       best_rate(dot_avx512, 12 * 32) / 1e9);
	}
	return bench_reading() ? EXIT_FAILURE : EXIT_SUCCESS;
}
