/* The scatter matrix of float16 rows in float64, by blocks of rows: the rows of a block are centred and
 * packed once for all threads, then the lower triangle is cut into square tiles that threads take as
 * they come. Every element is one sum over the rows in order, so neither tiles nor threads nor vector
 * length change a bit.
 *
 * Rows are centred by a shift near the mean: the mean rounded to a multiple of 2^-24, the unit of
 * float16. Differences are then multiples of 2^-24 as well; below 4 they have at most 26 significant
 * bits, larger ones are rounded to as many, so that products are exact (pca_kernel.h). What the shift is
 * off the mean is taken off at the end: sum (x - m)(y - k) = sum (x - s)(y - t) - n (m - s)(k - t). */
#include "pipeline/pca/pca_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/pca/pca_kernel.h"

#define TILE       96  /* columns; a multiple of every panel */
#define BLOCK_ROWS 512 /* packed at a time */
#define PART_ROWS  128 /* of a block: two tiles' panels of it and the sums stay in a 512 KiB cache */
#define PACK_ROWS  16  /* of one item of packing */
#define PIECE      256 /* columns converted at a time */

_Static_assert(TILE % PCA_PANEL_MULTIPLE == 0, "tiles are whole panels");
_Static_assert(BLOCK_ROWS % PACK_ROWS == 0, "blocks are whole items");

struct scatter {
	const struct pca_rows *x;
	const struct pca_kernel *kernel;
	double *out;
	size_t n_tiles;  /* along one side */
	double *shift;   /* owned: dim */
	double *packed;  /* owned: n_tiles * TILE columns in panels of BLOCK_ROWS rows */
	double *tiles;   /* owned: TILE x TILE per worker */
	size_t first, n; /* rows of this block */
};

/* ---- packing ---------------------------------------------------------------------------------- */

static double unit_of_half(double mean)
{
	return nearbyint(mean * 0x1p24) * 0x1p-24;
}

/* To 26 significant bits, to nearest; what has no more stays as it is (Dekker's splitting). */
static double to_26_bits(double v)
{
	double t = v * (0x1p27 + 1.0);

	return t - (t - v);
}

static void pack_row(const struct scatter *t, size_t r)
{
	const uint16_t *row = pca_row(t->x, t->first + r);
	size_t panel = t->kernel->panel, dim = t->x->dim, in_panel = 0;
	double *to = t->packed + r * panel;
	float wide[PIECE];

	for (size_t first = 0; first < dim; first += PIECE) {
		size_t n = dim - first < PIECE ? dim - first : PIECE;

		half_to_floats(row + first, wide, n);
		for (size_t i = 0; i < n; i++) {
			to[in_panel] = to_26_bits((double)wide[i] - t->shift[first + i]);
			if (++in_panel == panel) {
				in_panel = 0;
				to += panel * BLOCK_ROWS;
			}
		}
	}
}

static int pack_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct scatter *t = ctx;

	(void)worker;
	(void)err;
	for (size_t r = item * PACK_ROWS; r < (item + 1) * PACK_ROWS && r < t->n; r++)
		pack_row(t, r);
	return 0;
}

/* ---- tiles ------------------------------------------------------------------------------------ */

/* Tile (a, b), a >= b, of the item's place in the row-wise lower triangle. */
static void find_tile(size_t item, size_t *a, size_t *b)
{
	for (*a = 0; item > *a; ++*a)
		item -= *a + 1;
	*b = item;
}

/* How much of a tile from `first` is inside the matrix. */
static size_t inside(const struct scatter *t, size_t first)
{
	return t->x->dim - first < TILE ? t->x->dim - first : TILE;
}

static void load_tile(const struct scatter *t, double *tile, size_t a, size_t b)
{
	size_t width = inside(t, b);

	for (size_t i = 0; i < inside(t, a); i++)
		memcpy(tile + i * TILE, t->out + (a + i) * t->x->dim + b, width * sizeof *tile);
}

static void store_tile(const struct scatter *t, const double *tile, size_t a, size_t b)
{
	size_t width = inside(t, b);

	for (size_t i = 0; i < inside(t, a); i++)
		memcpy(t->out + (a + i) * t->x->dim + b, tile + i * TILE, width * sizeof *tile);
}

/* Rows `part` … of the block; of a tile on the diagonal only what reaches below it. */
static void add_part(const struct scatter *t, double *tile, size_t a, size_t b, size_t part,
		     size_t n_rows)
{
	size_t panel = t->kernel->panel, step = t->kernel->step;

	for (size_t j = 0; j < TILE && b + j < t->x->dim; j += panel) {
		const double *columns = t->packed + (b + j) * BLOCK_ROWS + part * panel;

		for (size_t i = a == b ? j : 0; i < TILE && a + i < t->x->dim; i += step) {
			const double *rows = t->packed + (a + i / panel * panel) * BLOCK_ROWS +
					     part * panel + i % panel;

			t->kernel->add(rows, columns, n_rows, tile + i * TILE + j, TILE);
		}
	}
}

static int tile_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	const struct scatter *t = ctx;
	double *tile = t->tiles + worker * TILE * TILE;
	size_t a, b;

	(void)err;
	find_tile(item, &a, &b);
	a *= TILE;
	b *= TILE;
	load_tile(t, tile, a, b);
	for (size_t part = 0; part < t->n; part += PART_ROWS)
		add_part(t, tile, a, b, part, t->n - part < PART_ROWS ? t->n - part : PART_ROWS);
	store_tile(t, tile, a, b);
	return 0;
}

/* ---- the whole -------------------------------------------------------------------------------- */

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

static size_t packed_bytes(size_t dim)
{
	return tiles_along(dim) * TILE * BLOCK_ROWS * sizeof(double);
}

static size_t tiles_bytes(size_t dim, size_t n_workers)
{
	return useful_workers(dim, n_workers) * TILE * TILE * sizeof(double);
}

size_t pca_scatter_memory(size_t dim, size_t n_workers)
{
	return packed_bytes(dim) + tiles_bytes(dim, n_workers) + dim * sizeof(double);
}

static int prepare(struct scatter *t, size_t n_workers, struct err *err)
{
	size_t dim = t->x->dim;

	t->shift = malloc(dim * sizeof *t->shift);
	t->packed = calloc(1, packed_bytes(dim)); /* columns past the end stay 0 */
	t->tiles = calloc(1, tiles_bytes(dim, n_workers));
	if (!t->shift || !t->packed || !t->tiles)
		return err_nomem(err, "the PCA");
	for (size_t i = 0; i < dim; i++)
		t->shift[i] = unit_of_half(t->x->mean[i]);
	memset(t->out, 0, dim * dim * sizeof *t->out);
	return 0;
}

static int add_rows(struct scatter *t, size_t workers, struct err *err)
{
	int rc = 0;

	for (t->first = 0; !rc && t->first < t->x->n; t->first += BLOCK_ROWS) {
		t->n = t->x->n - t->first < BLOCK_ROWS ? t->x->n - t->first : BLOCK_ROWS;
		rc = workers_run(workers, (t->n + PACK_ROWS - 1) / PACK_ROWS, pack_item, t, err);
		if (!rc)
			rc = workers_run(workers, t->n_tiles * (t->n_tiles + 1) / 2, tile_item, t,
					 err);
	}
	return rc;
}

/* From the shift to the mean, and both triangles. */
static void finish(const struct scatter *t)
{
	size_t dim = t->x->dim;
	double n = (double)t->x->n;

	for (size_t a = 0; a < dim; a++) {
		double off = n * (t->x->mean[a] - t->shift[a]);

		for (size_t b = 0; b <= a; b++) {
			double v = t->out[a * dim + b] - off * (t->x->mean[b] - t->shift[b]);

			t->out[a * dim + b] = v;
			t->out[b * dim + a] = v;
		}
	}
}

int pca_scatter(const struct pca_rows *x, size_t n_workers, double *scatter, struct err *err)
{
	struct scatter t = {
		.x = x,
		.kernel = pca_kernel(simd_level()),
		.out = scatter,
		.n_tiles = tiles_along(x->dim),
	};
	size_t workers = useful_workers(x->dim, n_workers);
	int rc = prepare(&t, workers, err);

	if (!rc)
		rc = add_rows(&t, workers, err);
	if (!rc)
		finish(&t);
	free(t.shift);
	free(t.packed);
	free(t.tiles);
	return rc;
}
