/* The loops of knn_wide.c, written once: the including file defines TARGET, NAME(), LANES, vec and
 * MULADD(a, b, c) = a + b * c. Not a header for anyone else. */

TARGET static float NAME(sum_lanes)(vec v)
{
	float sum = v[0];

	for (int i = 1; i < LANES; i++)
		sum += v[i];
	return sum;
}

/* Four rows at a time, so that the sums hide each other's latency. */
TARGET static void NAME(dots4)(const void *floats, const float *const *rows, size_t depth,
			       float *out)
{
	const float *query = floats;
	vec a = {0}, b = {0}, c = {0}, d = {0}, e = {0}, f = {0}, g = {0}, h = {0};

	for (size_t i = 0; i < depth; i += 2 * LANES) {
		vec x = LOAD(query + i), y = LOAD(query + i + LANES);

		a = MULADD(a, x, LOAD(rows[0] + i));
		b = MULADD(b, x, LOAD(rows[1] + i));
		c = MULADD(c, x, LOAD(rows[2] + i));
		d = MULADD(d, x, LOAD(rows[3] + i));
		e = MULADD(e, y, LOAD(rows[0] + i + LANES));
		f = MULADD(f, y, LOAD(rows[1] + i + LANES));
		g = MULADD(g, y, LOAD(rows[2] + i + LANES));
		h = MULADD(h, y, LOAD(rows[3] + i + LANES));
	}
	out[0] = NAME(sum_lanes)(a + e);
	out[1] = NAME(sum_lanes)(b + f);
	out[2] = NAME(sum_lanes)(c + g);
	out[3] = NAME(sum_lanes)(d + h);
}

TARGET static void NAME(divide)(float *row, size_t n, float divisor)
{
	for (size_t i = 0; i < n; i += LANES)
		*(vec *)(void *)(row + i) = LOAD(row + i) / divisor;
}
