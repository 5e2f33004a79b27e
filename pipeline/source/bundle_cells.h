/* Annotations straight from the pages of a bundle: see bundle_pages.h for when that can be. Private to
 * bundle_annotations.c. */
#ifndef SOURCE_BUNDLE_CELLS_H
#define SOURCE_BUNDLE_CELLS_H

#include "pipeline/source/bundle_source.h"

/* Rows of a set with ids from *first to `last`, by id. *whole: that was all of them; else it was those before
 * *first, which has moved on, and the rest has to be read by a statement. Not 0: failure, or what `fn` said. */
int bundle_annotation_cells(struct source *s, const char *set_id, int64_t *first, int64_t last,
			    int *whole, source_annotation_fn *fn, void *ctx, struct err *err);

#endif
