/* What a run says about its own columns (the degeneracy report): nulls, range, whether a column is
 * constant, and a digest of its values. Gathered per shard while rows are appended, joined in file
 * order, so fresh and resumed runs agree. Belongs to one thread. */
#ifndef OUTPUT_COLSTATS_H
#define OUTPUT_COLSTATS_H

#include <jansson.h>

#include "pipeline/core/digest.h"
#include "pipeline/output/rows.h"
#include "prof/base/err.h"

struct colstats;

struct colstats *colstats_new(enum schema_profile profile); /* NULL: no memory */
void colstats_free(struct colstats *s);
void colstats_add(struct colstats *s, const struct rows *rows);
/* {"rows": n, "columns": {name: {"nulls", "min", "max", "constant", "sha256"}, …}}; texts and numbers as
 * JSON; min and max absent when every value is null. A new reference, NULL: no memory. */
json_t *colstats_json(struct colstats *s);

/* Joins the objects of several shards in order: digests are chained (SHA-256 over the shards' digests),
 * the rest is combined. */
json_t *colstats_join(const json_t *const *shards, size_t n, enum schema_profile profile);

#endif
