/* NPZ archives (ZIP of NPY members, stored or deflated) over libzip, and the small part of pickle
 * that NumPy needs for object arrays of strings. The pickle reader builds no object and calls
 * nothing: it accepts exactly what `numpy.save` writes for a 1-D array of str (protocols 2 to 5) and
 * refuses the rest. */
#ifndef CORE_NPZ_H
#define CORE_NPZ_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/npy.h"
#include "pipeline/core/dict.h"
#include "prof/base/err.h"

struct npz;

int npz_open(struct npz **out, const char *path, struct err *err);
int npz_open_memory(struct npz **out, const char *name, const void *bytes, size_t n,
		    struct err *err); /* bytes are borrowed until npz_close */
void npz_close(struct npz *z);
int npz_has(const struct npz *z, const char *member); /* member without ".npy" */

/* A member's header and whole data. `*bytes` is malloc'ed, `*data` points into it. Refuses more than
 * `max_bytes` (zip bombs) with ERR_LIMIT. */
int npz_read(struct npz *z, const char *member, size_t max_bytes, struct npy_header *h,
	     unsigned char **bytes, const unsigned char **data, struct err *err);
/* A float matrix or vector as float32, row-major (f2, f4 or f8, either byte order, either memory
 * order), malloc'ed. A vector counts as one row. */
int npz_read_floats(struct npz *z, const char *member, float **out, uint64_t *rows, uint64_t *cols,
		    struct err *err);
/* A 1-D (or 0-D) string array: fixed-width U or S, or a pickled object array. Texts are appended in
 * order through `fn`; a negative return stops. */
typedef int npz_text_fn(void *ctx, uint64_t index, const char *text, size_t len, struct err *err);
int npz_read_texts(struct npz *z, const char *member, npz_text_fn *fn, void *ctx, uint64_t *count,
		   struct err *err);

/* Writing: members are collected and written by npz_write_commit, by write-aside and rename, deflated,
 * with fixed time stamps so that equal arrays give equal bytes. */
struct npz_out;
int npz_create(struct npz_out **out, const char *path, struct err *err);
int npz_add(struct npz_out *z, const char *member, const char *descr, const uint64_t *shape,
	    size_t n_dims, const void *data, size_t n_bytes, struct err *err);
int npz_commit(struct npz_out *z, struct err *err); /* frees z in any case */
void npz_abort(struct npz_out *z);

#endif
