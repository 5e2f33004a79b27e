/* NumPy's SeedSequence and PCG64 XSL-RR, and the sample drawn with them (spec A.3). One generator
 * belongs to one thread. */
#include "pipeline/core/pcg64.h"

#include <stdlib.h>

#include "prof/base/err.h"

/* SeedSequence (numpy/random/bit_generator.pyx, after M. E. O'Neill's seed_seq_fe). */
#define POOL_WORDS 4
#define SEED_WORDS 8
#define HASH_A     0x43b0d7e5u
#define HASH_A_MUL 0x931e8875u
#define HASH_B     0x8b51f9ddu
#define HASH_B_MUL 0x58f38dedu
#define MIX_L      0xca01f9ddu
#define MIX_R      0x4973f715u
#define SHIFT      16

#define PCG_MULTIPLIER ((pcg64_u128)2549297995355413924u << 64 | 4865540595714422341u)

static uint32_t hashmix(uint32_t value, uint32_t *constant)
{
	value ^= *constant;
	*constant *= HASH_A_MUL;
	value *= *constant;
	return value ^ value >> SHIFT;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
	uint32_t r = MIX_L * x - MIX_R * y;

	return r ^ r >> SHIFT;
}

static void fill_pool(uint32_t pool[POOL_WORDS], uint32_t seed)
{
	uint32_t constant = HASH_A;

	for (unsigned i = 0; i < POOL_WORDS; i++)
		pool[i] = hashmix(i == 0 ? seed : 0, &constant);
	for (unsigned s = 0; s < POOL_WORDS; s++) {
		for (unsigned t = 0; t < POOL_WORDS; t++) {
			if (t != s)
				pool[t] = mix(pool[t], hashmix(pool[s], &constant));
		}
	}
}

static void seed_words(uint32_t seed, uint64_t out[SEED_WORDS / 2])
{
	uint32_t pool[POOL_WORDS], words[SEED_WORDS], constant = HASH_B;

	fill_pool(pool, seed);
	for (unsigned i = 0; i < SEED_WORDS; i++) {
		uint32_t v = pool[i % POOL_WORDS] ^ constant;

		constant *= HASH_B_MUL;
		v *= constant;
		words[i] = v ^ v >> SHIFT;
	}
	for (unsigned i = 0; i < SEED_WORDS / 2; i++)
		out[i] = (uint64_t)words[2 * i + 1] << 32 | words[2 * i];
}

static void step(struct pcg64 *g)
{
	g->state = g->state * PCG_MULTIPLIER + g->inc;
}

void pcg64_seed(struct pcg64 *g, uint32_t seed)
{
	uint64_t w[SEED_WORDS / 2];

	seed_words(seed, w);
	g->inc = ((pcg64_u128)w[2] << 64 | w[3]) << 1 | 1;
	g->state = 0;
	g->half = 0;
	g->has_half = 0;
	step(g);
	g->state += (pcg64_u128)w[0] << 64 | w[1];
	step(g);
}

uint64_t pcg64_next64(struct pcg64 *g)
{
	step(g);
	uint64_t folded = (uint64_t)(g->state >> 64) ^ (uint64_t)g->state;
	unsigned turn = (unsigned)(g->state >> 122);

	return folded >> turn | folded << (-turn & 63);
}

uint32_t pcg64_next32(struct pcg64 *g)
{
	if (g->has_half) {
		g->has_half = 0;
		return g->half;
	}
	uint64_t v = pcg64_next64(g);

	g->half = (uint32_t)(v >> 32);
	g->has_half = 1;
	return (uint32_t)v;
}

uint32_t pcg64_below(struct pcg64 *g, uint32_t bound)
{
	if (bound == 1) /* NumPy takes no random bits for a certain result */
		return 0;
	uint64_t x = (uint64_t)pcg64_next32(g) * bound;

	if ((uint32_t)x < bound) {
		uint32_t threshold = (UINT32_MAX - (bound - 1)) % bound;

		while ((uint32_t)x < threshold)
			x = (uint64_t)pcg64_next32(g) * bound;
	}
	return (uint32_t)(x >> 32);
}

int pcg64_sample(struct pcg64 *g, uint32_t n, uint32_t m, uint32_t *out)
{
	uint32_t *idx = malloc((n ? n : 1) * sizeof *idx);

	if (!idx)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		idx[i] = i;
	for (uint32_t left = n; left > n - m; left--) {
		uint32_t j = pcg64_below(g, left);
		uint32_t kept = idx[left - 1];

		idx[left - 1] = idx[j];
		idx[j] = kept;
	}
	for (uint32_t i = 0; i < m; i++)
		out[i] = idx[n - m + i];
	free(idx);
	return 0;
}
