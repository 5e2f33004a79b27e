/* Inside of the anc2vec room: the archive as its readers fill it. */
#ifndef ANC2VEC_INTERNAL_H
#define ANC2VEC_INTERNAL_H

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/core/dict.h"
#include "pipeline/core/lines.h"
#include "pipeline/core/npz.h"

struct anc2vec {
	size_t dim;
	struct dict ids; /* distinct go_ids in order of appearance */
	uint32_t *row;   /* owned: of each distinct id, its last row in `vectors` */
	size_t row_cap;
	uint32_t n_rows;  /* rows read so far, duplicates included */
	float *vectors;   /* owned: n_rows x dim */
	uint32_t *sorted; /* owned: ids in ascending byte order */
	char *release;    /* owned; "" if not stated */
};

/* Notes that the next row belongs to `id`. Refuses empty ids and NUL bytes, without naming a place. */
int anc2vec_add_id(struct anc2vec *a, const char *id, size_t len, struct err *err);
/* Fill ids, dim, vectors and release from one kind of file. */
int anc2vec_load_npz(struct anc2vec *a, struct npz *z, const char *name, struct err *err);
int anc2vec_load_tsv(struct anc2vec *a, struct lines *l, struct err *err);
/* After either: refuses what holds nothing usable, and makes the archive ready to be asked. */
int anc2vec_finish(struct anc2vec *a, const char *name, struct err *err);

#endif
