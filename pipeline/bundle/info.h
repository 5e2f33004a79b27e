/* What is in a bundle: snapshots, releases, proteins, embeddings, jobs, data sets, and what of it is
 * derived. Reads only; counts come from indexes where possible. Belongs to one thread. */
#ifndef BUNDLE_INFO_H
#define BUNDLE_INFO_H

#include <jansson.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

/* `path` of a bundle; `*out` is a new reference to an object:
 *   path, bytes, schema_version,
 *   snapshots       [{id, obo_version, terms, terms_with_aspect, edges}]
 *   annotation_sets [{id, source, version, snapshot, obo_version, created_at, rows, proteins}]
 *   proteins        {total, with_sequence, with_taxon}
 *   sequences       {total, residues, longest}
 *   embeddings      [{config, model, rows, sequences, dim, precision, bytes}]
 *   evaluation_sets [{id, old, new, pivot, groundtruth_uri, created_at}]
 *   jobs            {STATUS: count}
 *   datasets        [{id, name, k, train_rows, eval_rows, created_at}]
 *   notes           {key: text}: how the bundle was made and what in it is derived */
int bundle_info(json_t **out, const char *path, struct err *err);

/* The same for people; a buf failure is the caller's to ask. */
void bundle_info_text(const json_t *info, struct buf *out);

#endif
