/* The arithmetic of knn_pack.c, written once in the compiler's vector types and included for each
 * instruction set: the including file defines TARGET and NAME(). Lanes meet in the same order
 * everywhere, and nothing is fused, so the numbers are the same. Not a header for anyone else. */

/* x - mean in place, with its largest magnitude and its sum of squares. */
TARGET static void NAME(center)(const float *mean, float *x, size_t depth, float *largest,
				float *sumsq)
{
	v8f sum = {0};
	v8i most = {0}; /* magnitudes compare like their bits */
	size_t i, j;

	for (i = 0; i < depth; i += 8) {
		v8f c = LOAD8(x + i) - LOAD8(mean + i);
		v8i size = (v8i)c & 0x7fffffff, more = size > most;

		STORE8(x + i, c);
		most = (size & more) | (most & ~more);
		sum += c * c;
	}
	*sumsq = SUM_LANES(sum);
	*largest = 0;
	for (j = 0; j < 8; j++)
		*largest = ((v8f)most)[j] > *largest ? ((v8f)most)[j] : *largest;
}

/* mean . x in float64. */
TARGET static double NAME(along)(const float *mean, const float *x, size_t depth)
{
	v4d a = {0}, b = {0};
	size_t i;

	for (i = 0; i < depth; i += 8) {
		a += __builtin_convertvector(LOAD4(mean + i), v4d) *
		     __builtin_convertvector(LOAD4(x + i), v4d);
		b += __builtin_convertvector(LOAD4(mean + i + 4), v4d) *
		     __builtin_convertvector(LOAD4(x + i + 4), v4d);
	}
	a += b;
	return (a[0] + a[1]) + (a[2] + a[3]);
}

/* k = c / scale rounded to integers; the sum of the squares of c - scale * k. Adding and taking
 * away 1.5 * 2^23 rounds to the nearest integer. */
TARGET static float NAME(to_integers)(const float *c, size_t depth, float scale, uint16_t *k)
{
	const float over = 1.0f / scale, magic = 12582912.0f;
	v8f sum = {0};
	size_t i;

	for (i = 0; i < depth; i += 8) {
		v8f value = LOAD8(c + i), shifted = value * over + magic;
		v8f rest = value - scale * (shifted - magic);
		v8i whole = (v8i)shifted - 0x4b400000;

		STORE8H(k + i, __builtin_convertvector(whole, v8h));
		sum += rest * rest;
	}
	return SUM_LANES(sum);
}

/* k = c rounded to bfloat16, kept as its upper 16 bits; the sum of the squares of c - k. */
TARGET static float NAME(to_bfloats)(const float *c, size_t depth, uint16_t *k)
{
	v8f sum = {0};
	size_t i;

	for (i = 0; i < depth; i += 8) {
		v8f value = LOAD8(c + i);
		v8u bits = (v8u)value;
		v8u kept = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
		v8f rest;

		kept &= (v8u)((kept & 0x7f800000u) != 0u); /* subnormals count as zero */
		rest = value - (v8f)kept;
		STORE8H(k + i, __builtin_convertvector(kept >> 16, v8h));
		sum += rest * rest;
	}
	return SUM_LANES(sum);
}

/* The largest sum of squares of a block of KNN_I8_BLOCK neighbours. */
TARGET static float NAME(largest_block)(const float *c, size_t depth)
{
	float most = 0;
	size_t i, at;

	for (at = 0; at < depth; at += KNN_I8_BLOCK) {
		v8f sum = {0};

		for (i = at; i < at + KNN_I8_BLOCK; i += 8)
			sum += LOAD8(c + i) * LOAD8(c + i);
		most = SUM_LANES(sum) > most ? SUM_LANES(sum) : most;
	}
	return most;
}

/* k = c / scale rounded to integers of at most `top`; the sum of the squares of c - scale * k. */
TARGET static float NAME(to_bytes)(const float *c, size_t depth, float scale, int32_t top,
				   int8_t *k)
{
	const float over = 1.0f / scale, magic = 12582912.0f;
	v8f sum = {0};
	size_t i;

	for (i = 0; i < depth; i += 8) {
		v8f value = LOAD8(c + i), shifted = value * over + magic, rest;
		v8i whole = (v8i)shifted - 0x4b400000, out;

		out = whole > top;
		whole = (whole & ~out) | (top & out);
		out = whole < -top;
		whole = (whole & ~out) | (-top & out);
		rest = value - scale * ((v8f)(whole + 0x4b400000) - magic);
		STORE8B(k + i, __builtin_convertvector(whole, v8b));
		sum += rest * rest;
	}
	return SUM_LANES(sum);
}
