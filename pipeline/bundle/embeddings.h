/* Embeddings of proteins as people have them: a NumPy matrix and a list of accessions, one per row.
 * The list is a text file (one accession a line; what follows a blank is ignored) or a NumPy array of
 * strings; without a name it is sought beside the matrix. Knows no bundle. Belongs to one thread. */
#ifndef BUNDLE_EMBEDDINGS_H
#define BUNDLE_EMBEDDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct embeddings;

/* `accessions` NULL: F.txt, F.accessions.txt, F.accessions.npy or F_accessions.npy for F.npy, and
 * F_accessions.npy for F_embeddings.npy. Checks shape, type, length of both and the file's size. */
int embeddings_open(struct embeddings **out, const char *path, const char *accessions,
		    struct err *err);
/* Only the cheap half of it: shape, type, file size, and that the list is there. */
int embeddings_check(const char *path, const char *accessions, struct err *err);
void embeddings_close(struct embeddings *e); /* NULL is fine */

size_t embeddings_count(const struct embeddings *e);
size_t embeddings_dim(const struct embeddings *e);
size_t embeddings_value_bytes(const struct embeddings *e); /* 2: float16, 4: float32 */
const char *embeddings_list(const struct embeddings *e);   /* path of the accession list */
const char *embeddings_accession(const struct embeddings *e, size_t row);
/* Row as little-endian values, dim * value_bytes bytes, valid until the next call. *finite is 0 if it
 * holds an infinity or NaN. */
int embeddings_row(struct embeddings *e, size_t row, const void **bytes, int *finite,
		   struct err *err);

#endif
