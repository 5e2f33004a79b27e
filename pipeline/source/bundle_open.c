/* Opening a bundle as a source: checks that it is one, remembers which optional columns it has. */
#include "pipeline/source/bundle_source.h"

#include <stdlib.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/schema.h"

/* A source is read in order, so a page that was read is not asked for again: the 64 MiB of other handles
 * would stay full of such pages for as long as the handle lives, one share for each thread. */
#define CACHE "PRAGMA cache_size = -2048"

static void bundle_close(struct source *s)
{
	struct bundle_source *b = bundle_of(s);

	bundle_release_name(s);
	if (b->writing)
		bundle_db_leave_writing(b->db);
	bundle_db_close(b->db);
	free(b);
}

static const struct source_ops bundle_ops = {
	.kind = "bundle",
	.close = bundle_close,
	.has_snapshot = bundle_has_snapshot,
	.configs = bundle_configs,
	.annotation_sets = bundle_annotation_sets,
	.evaluation_sets = bundle_evaluation_sets,
	.terms = bundle_terms,
	.edges = bundle_edges,
	.annotations = bundle_annotations,
	.annotation_span = bundle_annotation_span,
	.annotations_between = bundle_annotations_between,
	.proteins = bundle_proteins,
	.embeddings = bundle_embeddings,
	.embeddings_between = bundle_embeddings_between,
	.embedding_estimate = bundle_embedding_estimate,
	.embedded_proteins = bundle_embedded_proteins,
	.sequences = bundle_sequences,
	.reserve_name = bundle_reserve_name,
	.release_name = bundle_release_name,
	.check_name = bundle_check_name,
	.has_dataset = bundle_has_dataset,
	.read_dataset = bundle_read_dataset,
	.insert_dataset = bundle_insert_dataset,
	.insert_job = bundle_insert_job,
	.claim_job = bundle_claim_job,
	.claim_next = bundle_claim_next,
	.take_expired = bundle_take_expired,
	.requeue_job = bundle_requeue_job,
	.read_job = bundle_read_job,
	.finish_job = bundle_finish_job,
	.extend_lease = bundle_extend_lease,
	.check_job = bundle_check_job,
	.wait_jobs = bundle_wait_jobs,
	.insert_event = bundle_insert_event,
};

static int probe_columns(struct bundle_source *b, struct err *err)
{
	const struct {
		const char *table, *column;
		int *has;
	} optional[] = {
		{"sequence_embedding", "chunk_index_s", &b->has_chunk},
		{"sequence_embedding", "embedding_dim", &b->has_dim},
		{"job", "parent_job_id", &b->has_parent_job},
		{"job", "leased_until", &b->has_lease},
		{"dataset", "schema_sha_v2", &b->has_sha_v2},
	};

	for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
		int has =
			bundle_schema_has_column(b->db, optional[i].table, optional[i].column, err);

		if (has < 0)
			return has;
		*optional[i].has = has;
	}
	b->sequence_by_id = bundle_schema_is_key(b->db, "sequence", "id", err);
	if (b->sequence_by_id < 0)
		return b->sequence_by_id;
	b->annotation_by_id = bundle_schema_is_key(b->db, "protein_go_annotation", "id", err);
	return b->annotation_by_id < 0 ? b->annotation_by_id : 0;
}

int source_open_bundle(struct source **out, const char *path, unsigned flags, struct err *err)
{
	struct bundle_source *b = calloc(1, sizeof *b);
	int rc;

	if (!b)
		return err_nomem(err, "a source");
	b->base.ops = &bundle_ops;
	b->lock_fd = -1;
	rc = bundle_db_open(&b->db, path, (flags & SOURCE_WRITE) != 0, err);
	if (rc == 0)
		rc = bundle_db_exec(b->db, CACHE, "open", err);
	if (rc == 0)
		rc = bundle_schema_check(b->db, path, err);
	if (rc == 0)
		rc = probe_columns(b, err);
	if (rc == 0 && (flags & SOURCE_WRITE)) {
		b->writing = 1;
		rc = bundle_db_enter_writing(b->db, err);
	}
	if (rc < 0) {
		bundle_close(&b->base);
		return rc;
	}
	*out = &b->base;
	return 0;
}
