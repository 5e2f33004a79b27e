/* Non-negative least squares: see nnls.h. */
#include "prof/analyze/nnls.h"

#include <math.h>
#include <string.h>

#define ALIKE 1e-10 /* a column of which less than that part is its own says nothing new */

void nnls_init(struct nnls *m, size_t columns)
{
	memset(m, 0, sizeof *m);
	m->columns = columns < NNLS_COLUMNS ? columns : NNLS_COLUMNS;
}

/* Rotates `row` into the triangle: after it, row is 0 and the triangle has the same products. */
static void rotate_in(struct nnls *m, double *row)
{
	size_t n = m->columns, i, j;

	for (i = 0; i <= n; i++) {
		double h = hypot(m->r[i][i], row[i]), c, s;

		if (row[i] == 0 || h == 0)
			continue;
		c = m->r[i][i] / h;
		s = row[i] / h;
		for (j = i; j <= n; j++) {
			double a = m->r[i][j], b = row[j];

			m->r[i][j] = c * a + s * b;
			row[j] = c * b - s * a;
		}
	}
}

void nnls_add(struct nnls *m, const double *row, double rhs)
{
	double copy[NNLS_COLUMNS + 1];
	size_t i;

	for (i = 0; i < m->columns; i++)
		copy[i] = row[i];
	copy[m->columns] = rhs;
	rotate_in(m, copy);
	m->rows++;
}

/* The triangle of some of the columns; `of` says which each is. */
static void subset(const struct nnls *m, unsigned use, struct nnls *out, size_t of[NNLS_COLUMNS])
{
	double row[NNLS_COLUMNS + 1];
	size_t i, j, n = 0;

	for (j = 0; j < m->columns; j++)
		if (use >> j & 1)
			of[n++] = j;
	nnls_init(out, n);
	for (i = 0; i <= m->columns; i++) {
		for (j = 0; j < n; j++)
			row[j] = m->r[i][of[j]];
		row[n] = m->r[i][m->columns];
		rotate_in(out, row);
	}
	out->rows = m->rows;
}

static double length_of(const struct nnls *m, size_t column)
{
	double sum = 0;
	size_t i;

	for (i = 0; i <= column; i++)
		sum = hypot(sum, m->r[i][column]);
	return sum;
}

/* Which columns of the subset have something of their own. */
static unsigned independent(const struct nnls *m, unsigned use)
{
	struct nnls t;
	size_t of[NNLS_COLUMNS], j;
	unsigned keep = use;

	subset(m, use, &t, of);
	for (j = 0; j < t.columns; j++)
		if (!(fabs(t.r[j][j]) > ALIKE * length_of(&t, j)))
			keep &= ~(1u << of[j]);
	return keep;
}

unsigned nnls_solve_free(const struct nnls *m, unsigned use, double *x, double *rss)
{
	struct nnls t;
	size_t of[NNLS_COLUMNS], i, j;

	memset(x, 0, m->columns * sizeof *x);
	use = independent(m, use & ((1u << m->columns) - 1));
	subset(m, use, &t, of);
	for (i = t.columns; i-- > 0;) {
		double v = t.r[i][t.columns];

		for (j = i + 1; j < t.columns; j++)
			v -= t.r[i][j] * x[of[j]];
		x[of[i]] = v / t.r[i][i];
	}
	*rss = t.r[t.columns][t.columns] * t.r[t.columns][t.columns];
	return use;
}

/* Of the columns not in use, the one along which the residual shrinks fastest; `columns` when none does. */
static size_t steepest(const struct nnls *m, unsigned use, const double *x)
{
	double residual[NNLS_COLUMNS + 1], best = 0, size = 0;
	size_t n = m->columns, i, j, at = n;

	for (i = 0; i <= n; i++) {
		residual[i] = m->r[i][n];
		for (j = i; j < n; j++)
			residual[i] -= m->r[i][j] * x[j];
		size = hypot(size, m->r[i][n]);
	}
	for (j = 0; j < n; j++) {
		double length = length_of(m, j), gain = 0;

		if (use >> j & 1 || !(length > 0))
			continue;
		for (i = 0; i <= j; i++)
			gain += m->r[i][j] / length * residual[i];
		if (gain > best && gain > 1e-12 * size) {
			best = gain;
			at = j;
		}
	}
	return at;
}

/* Goes from x towards z until the first unknown in use gets 0; that one (and others that do) is dropped. */
static unsigned step(unsigned use, size_t n, double *x, const double *z)
{
	double alpha = 1;
	size_t j, first = n;

	for (j = 0; j < n; j++) {
		double reach;

		if (!(use >> j & 1) || z[j] > 0)
			continue;
		reach = x[j] > 0 ? x[j] / (x[j] - z[j]) : 0;
		if (first == n || reach < alpha) {
			alpha = reach;
			first = j;
		}
	}
	for (j = 0; j < n; j++) {
		if (!(use >> j & 1))
			continue;
		x[j] += alpha * (z[j] - x[j]);
		if (j == first || (z[j] <= 0 && !(x[j] > 0))) {
			x[j] = 0;
			use &= ~(1u << j);
		}
	}
	return use;
}

static int any_negative(unsigned use, size_t n, const double *z)
{
	size_t j;

	for (j = 0; j < n; j++)
		if (use >> j & 1 && !(z[j] > 0))
			return 1;
	return 0;
}

unsigned nnls_solve(const struct nnls *m, double *x, double *rss)
{
	double z[NNLS_COLUMNS];
	unsigned use = 0, barred = 0;
	size_t n = m->columns, rounds;

	memset(x, 0, n * sizeof *x);
	*rss = 0;
	/* Each round lowers the residual; the bound only ends what digits keep going. */
	for (rounds = 0; rounds < 3 * n; rounds++) {
		size_t more = steepest(m, use | barred, x);
		unsigned with;

		if (more == n)
			break;
		with = nnls_solve_free(m, use | 1u << more, z, rss);
		if (!(with >> more & 1) || !(z[more] > 0)) {
			barred |= 1u << more; /* says nothing that the others do not */
			continue;
		}
		use = with;
		while (any_negative(use, n, z)) {
			use = step(use, n, x, z);
			use = nnls_solve_free(m, use, z, rss);
		}
		memcpy(x, z, n * sizeof *x);
		barred = 0;
	}
	return nnls_solve_free(m, use, x, rss);
}

void nnls_inverse(const struct nnls *m, unsigned use, double inverse[NNLS_COLUMNS][NNLS_COLUMNS])
{
	struct nnls t;
	double inv[NNLS_COLUMNS][NNLS_COLUMNS] = {{0}};
	size_t of[NNLS_COLUMNS], i, j, k;

	memset(inverse, 0, sizeof(double[NNLS_COLUMNS][NNLS_COLUMNS]));
	use = independent(m, use);
	subset(m, use, &t, of);
	for (j = 0; j < t.columns; j++) /* the triangle's inverse, column by column */
		for (i = j + 1; i-- > 0;) {
			double v = i == j;

			for (k = i + 1; k <= j; k++)
				v -= t.r[i][k] * inv[k][j];
			inv[i][j] = v / t.r[i][i];
		}
	for (i = 0; i < t.columns; i++)
		for (j = 0; j < t.columns; j++)
			for (k = i > j ? i : j; k < t.columns; k++)
				inverse[of[i]][of[j]] += inv[i][k] * inv[j][k];
}
