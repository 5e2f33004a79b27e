/* Recorded noise (tests/golden/noise/README.md) as runs of two groups. What follows in a recording follows in what is
 * drawn: blocks are taken as they are, so that drift and what neighbouring runs have in common stay. */
#ifndef TESTS_NOISE_H
#define TESTS_NOISE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/bootstrap.h"

#define NOISE_MAX     1000
#define NOISE_STAGES  5
#define NOISE_VALUES  (2 + 2 * NOISE_STAGES) /* wall and CPU of the process, then of each stage */
#define NOISE_UNIT_NS 10000.0

struct noise {
	size_t n;
	double v[NOISE_MAX][NOISE_VALUES]; /* ns, in the order of time */
};

/* 0, or -1 after a message. */
static inline int noise_read(struct noise *x, const char *name)
{
	char path[256];
	double least[4];
	size_t k = 0;
	FILE *f;

	memset(x, 0, sizeof(*x));
	snprintf(path, sizeof(path), "tests/golden/noise/%s.txt", name);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%lf %lf %lf %lf", &least[0], &least[1], &least[2], &least[3]) != 4) {
		fprintf(stderr, "cannot read %s\n", path);
		if (f)
			fclose(f);
		return -1;
	}
	while (x->n < NOISE_MAX && fscanf(f, "%lf", &x->v[x->n][k]) == 1) {
		x->v[x->n][k] = (x->v[x->n][k] + least[k % 2 + (k < 2 ? 0 : 2)]) * NOISE_UNIT_NS;
		k = (k + 1) % NOISE_VALUES;
		x->n += k == 0;
	}
	fclose(f);
	return x->n > 0 && k == 0 ? 0 : -1;
}

/* Where the n runs of each group lie in the recording; each run takes `width` recorded processes. */
struct noise_draw {
	size_t a[256], b[256];
};

/* Which run of a pair is first. */
enum noise_order {
	NOISE_COIN,  /* drawn for each pair */
	NOISE_QUADS, /* AB BA or BA AB, drawn for each two */
	NOISE_FIXED  /* AB BA BA AB BA AB AB BA … (Thue and Morse) */
};

/* In turns, in blocks of 2 to 10 times two pairs, each from anywhere. */
static inline void noise_turns(const struct noise *x, struct dice *g, size_t n, size_t width,
			       enum noise_order order, struct noise_draw *d)
{
	size_t i, at = 0, left = 0;
	int coin = 0;

	for (i = 0; i < n; i++) {
		int swap;

		if (order == NOISE_COIN || (order == NOISE_QUADS && i % 2 == 0))
			coin = (int)dice_below(g, 2);
		swap = order == NOISE_FIXED   ? __builtin_parityll(i)
		       : order == NOISE_QUADS ? coin ^ (int)(i % 2)
					      : coin;

		if (left == 0) {
			left = 2 * (2 + dice_below(g, 9));
			at = dice_below(g, (uint32_t)x->n);
		}
		d->a[i] = (at + (swap ? width : 0)) % x->n;
		d->b[i] = (at + (swap ? 0 : width)) % x->n;
		at += 2 * width;
		left--;
	}
}

/* First all of a, then all of b. */
static inline void noise_groups(const struct noise *x, struct dice *g, size_t n, size_t width,
				struct noise_draw *d)
{
	size_t at = dice_below(g, (uint32_t)x->n), i;

	for (i = 0; i < n; i++) {
		d->a[i] = (at + i * width) % x->n;
		d->b[i] = (at + (n + i) * width) % x->n;
	}
}

/* Value k of the recorded processes from `at` on, added up. */
static inline double noise_value(const struct noise *x, size_t at, size_t width, size_t k)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < width; i++)
		sum += x->v[(at + i) % x->n][k];
	return sum;
}

#endif
