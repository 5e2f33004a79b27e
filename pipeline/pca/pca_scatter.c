/* The scatter matrix of centred float16 rows, in float64. The lower triangle is cut into square tiles
 * that threads take as they come; a tile walks over all rows, block by block, packing the columns it
 * needs into panels and adding them with a register kernel. Every element has one accumulator that
 * meets the rows in order, so neither tiles nor threads nor vector width change a bit: there is no
 * fused multiply-add and no reassociation. */
#include "pipeline/pca/pca_internal.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"

#define TILE       128 /* columns; tile and both packed blocks (384 KiB) stay in a 512 KiB cache */
#define BLOCK_ROWS 128
#define PANEL_A    4 /* kernel: 4 rows of the tile … */
#define PANEL_B    8 /* … times two vectors of four columns */

/* Four neighbours in memory, wherever they start. */
typedef double lanes
	__attribute__((vector_size(4 * sizeof(double)), aligned(sizeof(double)), may_alias));

struct scratch {
	double tile[TILE * TILE];
	double a[BLOCK_ROWS * TILE]; /* panels of PANEL_A columns, each row after row */
	double b[BLOCK_ROWS * TILE]; /* panels of PANEL_B columns */
};

typedef void kernel_fn(struct scratch *s, size_t n_rows);

struct scatter {
	const struct pca_rows *x;
	double *out;
	size_t n_tiles;           /* along one side */
	struct scratch **scratch; /* one per worker */
	kernel_fn *kernel;
};

static inline __attribute__((always_inline)) lanes *at(double *p)
{
	return (lanes *)(void *)p;
}

/* tile[4 x 8] += a[r][4] * b[r][8] for r in order; each product is rounded before it is added.
 * Written out, so that every compiler keeps the eight sums in registers. */
static inline __attribute__((always_inline)) void kernel_4x8(const double *a, const double *b,
							     size_t n_rows, double *tile)
{
	double *row1 = tile + TILE, *row2 = row1 + TILE, *row3 = row2 + TILE;
	lanes l0 = *at(tile), l1 = *at(row1), l2 = *at(row2), l3 = *at(row3);
	lanes h0 = *at(tile + 4), h1 = *at(row1 + 4), h2 = *at(row2 + 4), h3 = *at(row3 + 4);

	for (size_t r = 0; r < n_rows; r++, a += PANEL_A, b += PANEL_B) {
		lanes low = *(const lanes *)(const void *)b;
		lanes high = *(const lanes *)(const void *)(b + 4);

		l0 += a[0] * low;
		h0 += a[0] * high;
		l1 += a[1] * low;
		h1 += a[1] * high;
		l2 += a[2] * low;
		h2 += a[2] * high;
		l3 += a[3] * low;
		h3 += a[3] * high;
	}
	*at(tile) = l0;
	*at(tile + 4) = h0;
	*at(row1) = l1;
	*at(row1 + 4) = h1;
	*at(row2) = l2;
	*at(row2 + 4) = h2;
	*at(row3) = l3;
	*at(row3 + 4) = h3;
}

static inline __attribute__((always_inline)) void add_block(struct scratch *s, size_t n_rows)
{
	for (size_t i = 0; i < TILE; i += PANEL_A) {
		for (size_t j = 0; j < TILE; j += PANEL_B)
			kernel_4x8(s->a + i * BLOCK_ROWS, s->b + j * BLOCK_ROWS, n_rows,
				   s->tile + i * TILE + j);
	}
}

static void add_block_any(struct scratch *s, size_t n_rows)
{
	add_block(s, n_rows);
}

__attribute__((target("avx2"))) static void add_block_avx2(struct scratch *s, size_t n_rows)
{
	add_block(s, n_rows);
}

/* Columns first … first+TILE-1 of one row, centred, into panels; columns past the end stay 0. */
static void pack_row(const struct scatter *t, size_t row, size_t first, size_t r, size_t panel,
		     double *out)
{
	float wide[TILE];
	size_t n = t->x->dim - first;

	if (n > TILE)
		n = TILE;
	half_to_floats(pca_row(t->x, row) + first, wide, n);
	for (size_t p = 0; p < n; p += panel) {
		double *to = out + p * BLOCK_ROWS + r * panel;
		size_t last = n - p < panel ? n - p : panel;

		for (size_t i = 0; i < last; i++)
			to[i] = (double)wide[p + i] - t->x->mean[first + p + i];
	}
}

/* Copies the finished tile to its place and, mirrored, to the other triangle. */
static void store_tile(const struct scatter *t, const double *tile, size_t first_a, size_t first_b)
{
	size_t dim = t->x->dim;

	for (size_t i = 0; i < TILE && first_a + i < dim; i++) {
		for (size_t j = 0; j < TILE && first_b + j < dim; j++) {
			double v = tile[i * TILE + j];

			t->out[(first_a + i) * dim + first_b + j] = v;
			t->out[(first_b + j) * dim + first_a + i] = v;
		}
	}
}

/* Tile (a, b), a >= b, of the item's place in the row-wise lower triangle. */
static void find_tile(size_t item, size_t *a, size_t *b)
{
	for (*a = 0; item > *a; ++*a)
		item -= *a + 1;
	*b = item;
}

static int do_tile(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct scatter *t = ctx;
	struct scratch *s = t->scratch[worker];
	size_t a, b;

	(void)err;
	find_tile(item, &a, &b);
	memset(s, 0, sizeof *s);
	for (size_t row = 0; row < t->x->n; row += BLOCK_ROWS) {
		size_t n = t->x->n - row < BLOCK_ROWS ? t->x->n - row : BLOCK_ROWS;

		for (size_t r = 0; r < n; r++) {
			pack_row(t, row + r, a * TILE, r, PANEL_A, s->a);
			pack_row(t, row + r, b * TILE, r, PANEL_B, s->b);
		}
		t->kernel(s, n);
	}
	store_tile(t, s->tile, a * TILE, b * TILE);
	return 0;
}

static size_t tiles_along(size_t dim)
{
	return dim / TILE + (dim % TILE != 0);
}

/* More threads than tiles would only hold memory. */
static size_t useful_workers(size_t dim, size_t n_workers)
{
	size_t n = tiles_along(dim), items = n * (n + 1) / 2;

	if (n_workers < 1)
		return 1;
	return n_workers < items ? n_workers : items;
}

size_t pca_scatter_memory(size_t dim, size_t n_workers)
{
	return useful_workers(dim, n_workers) * (sizeof(struct scratch) + sizeof(void *));
}

static int make_scratch(struct scatter *t, size_t n, struct err *err)
{
	t->scratch = calloc(n, sizeof(*t->scratch));
	if (!t->scratch)
		return err_nomem(err, "the PCA");
	for (size_t i = 0; i < n; i++) {
		t->scratch[i] = malloc(sizeof *t->scratch[i]);
		if (!t->scratch[i])
			return err_nomem(err, "the PCA");
	}
	return 0;
}

int pca_scatter(const struct pca_rows *x, size_t n_workers, double *scatter, struct err *err)
{
	struct scatter t = {.x = x, .out = scatter, .n_tiles = tiles_along(x->dim)};
	size_t workers = useful_workers(x->dim, n_workers);
	int rc = make_scratch(&t, workers, err);

	t.kernel = __builtin_cpu_supports("avx2") ? add_block_avx2 : add_block_any;
	if (rc == 0)
		rc = workers_run(workers, t.n_tiles * (t.n_tiles + 1) / 2, do_tile, &t, err);
	for (size_t i = 0; t.scratch && i < workers; i++)
		free(t.scratch[i]);
	free(t.scratch);
	return rc;
}
