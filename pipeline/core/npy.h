/* NumPy's NPY format (versions 1.0, 2.0, 3.0; numpy/lib/format.py): header reader and writer. Knows
 * the types the pipeline meets; Fortran order of 2-D arrays is told, not converted. No I/O. */
#ifndef CORE_NPY_H
#define CORE_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

enum npy_type {
	NPY_F16,
	NPY_F32,
	NPY_F64,
	NPY_I32,
	NPY_I64,
	NPY_UNICODE, /* <U: item_size is 4 bytes per character, UCS-4 */
	NPY_BYTES,   /* |S */
	NPY_OBJECT,  /* |O: the data is a pickle */
};

#define NPY_MAX_DIMS 4

struct npy_header {
	enum npy_type type;
	int big_endian; /* 1: bytes must be swapped by the reader of the data */
	int fortran_order;
	size_t item_size; /* bytes of one element; 0 for NPY_OBJECT */
	size_t n_dims;    /* 0 for a scalar */
	uint64_t shape[NPY_MAX_DIMS];
	uint64_t n_items;   /* product of the shape */
	size_t data_offset; /* bytes of magic, version and header */
};

/* Parses the start of a file (`n` bytes of it: the whole header must be there). `name` for messages.
 * Checks that n_items * item_size fits; whether the data is all there is the caller's check. */
int npy_parse(const void *bytes, size_t n, const char *name, struct npy_header *h, struct err *err);
/* Appends a version-1.0 header (padded to 64 bytes) for little-endian C-order data. `descr` is
 * NumPy's type text such as "<f2", "<f4", "<U12". */
int npy_write_header(struct buf *out, const char *descr, const uint64_t *shape, size_t n_dims);

/* Text of element `i` of a U or S array as UTF-8, appended to `out`, trailing NULs dropped. Invalid
 * code points are an error. */
int npy_text(const struct npy_header *h, const void *data, uint64_t i, struct buf *out,
	     struct err *err);

/* Rows of a 2-D float file, read on demand. */
struct npy_file;
int npy_open(struct npy_file **out, const char *path, struct npy_header *h, struct err *err);
/* Row `row` (n_cols elements) as float32 (`half`: as float16 bits, only for NPY_F16 files; others:
 * float32/float64 narrowed to float32 first for F64). Fortran-order files are refused by npy_open. */
int npy_read_row_f32(struct npy_file *f, uint64_t row, float *out, struct err *err);
int npy_read_row_f16(struct npy_file *f, uint64_t row, uint16_t *out, struct err *err);
void npy_close(struct npy_file *f);

#endif
