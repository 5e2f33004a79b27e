/* Numbers that tests/golden/make_numerics.py makes in the same way, and the hash it takes of results.
 * For unit tests only. */
#ifndef TESTS_NUMBERS_H
#define TESTS_NUMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FNV_START 0xcbf29ce484222325u

static inline uint64_t splitmix(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t fnv_word(uint64_t h, uint64_t word)
{
	return (h ^ word) * 0x100000001b3u;
}

static inline uint32_t float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

static inline uint64_t double_bits(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof u);
	return u;
}

static inline float bits_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

static inline double bits_double(uint64_t u)
{
	double d;

	memcpy(&d, &u, sizeof d);
	return d;
}

/* The matrix of tests/golden/make_vectors.py before it is rounded: element i of a row, `z` drawn in
 * order. */
static inline double matrix_value(uint64_t z, size_t i, size_t dim)
{
	double unit = (double)(z >> 40) / 16777216.0 - 0.5;

	return unit * (1 + (double)(4 * i) / (double)dim) + ((double)(i % 5) - 2);
}

#endif
