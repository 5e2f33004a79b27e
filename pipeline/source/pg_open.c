/* Opening a PostgreSQL database as a source: connects, looks once for tables and columns. No transaction is
 * open between two calls: each stream is one statement, which sees one state of the database. */
#include "pipeline/source/pg_source.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "pipeline/source/pg_schema.h"
#include "prof/base/log.h"

#define APPLICATION "protea-export"
#define TRIES       4 /* three more than one */

/* docs/postgres.md, When something is wrong. */
#define ANSWER_NAME  "PROTEA_DB_ANSWER_SECONDS"
#define ANSWER_S     30
#define SILENCE_NAME "PROTEA_DB_SILENCE_SECONDS"
#define SILENCE_S    600
#define SECONDS_MAX  86400

/* Sorts of half a million rows stay in the server's memory; where this may not be set, they go to its
 * disk. */
#define SETTINGS "SET work_mem TO '64MB'"

static void pg_source_close(struct source *s)
{
	struct pg_source *p = pg_of(s);

	pg_jobs_close(p);
	pg_close(p->pg);
	free(p);
}

static const struct source_ops pg_ops = {
	.kind = "postgresql",
	.close = pg_source_close,
	.has_snapshot = pg_source_has_snapshot,
	.configs = pg_source_configs,
	.annotation_sets = pg_source_annotation_sets,
	.evaluation_sets = pg_source_evaluation_sets,
	.terms = pg_source_terms,
	.edges = pg_source_edges,
	.annotations = pg_source_annotations,
	.annotation_span = pg_source_annotation_span,
	.annotations_between = pg_source_annotations_between,
	.proteins = pg_source_proteins,
	.embeddings = pg_source_embeddings,
	.embedding_estimate = pg_source_embedding_estimate,
	.embedded_proteins = pg_source_embedded_proteins,
	.sequences = pg_source_sequences,
	.reserve_name = pg_source_reserve_name,
	.release_name = pg_source_release_name,
	.check_name = pg_source_check_name,
	.has_dataset = pg_source_has_dataset,
	.read_dataset = pg_source_read_dataset,
	.insert_dataset = pg_source_insert_dataset,
	.insert_job = pg_source_insert_job,
	.claim_job = pg_source_claim_job,
	.claim_next = pg_source_claim_next,
	.take_expired = pg_source_take_expired,
	.requeue_job = pg_source_requeue_job,
	.read_job = pg_source_read_job,
	.finish_job = pg_source_finish_job,
	.extend_lease = pg_source_extend_lease,
	.check_job = pg_source_check_job,
	.wait_jobs = pg_source_wait_jobs,
	.insert_event = pg_source_insert_event,
};

static int stop_opening(void *ctx)
{
	(void)ctx;
	return cancel_requested();
}

/* A variable of this process's environment: whole seconds, at least one. */
static int seconds_of(const char *name, int otherwise)
{
	const char *text = getenv(name);
	char *end;
	long v;

	if (!text || !*text)
		return otherwise;
	v = strtol(text, &end, 10);
	if (*end || v < 1 || v > SECONDS_MAX) {
		log_warn("%s: '%.40s' is no number of seconds from 1 to %d: %d it is", name, text,
			 SECONDS_MAX, otherwise);
		return otherwise;
	}
	return (int)v;
}

static int connect_to(struct pg **out, const char *url, const char *application, int stoppable,
		      int within_ms, struct err *err)
{
	const struct pg_options opt = {.application = application,
				       .stop = stoppable ? stop_opening : NULL,
				       .tries = TRIES,
				       .silence_s = seconds_of(SILENCE_NAME, SILENCE_S),
				       .within_ms = within_ms};
	int rc = pg_open_with(out, url, &opt, err);

	if (rc == 0)
		pg_set_stop(*out, NULL, NULL);
	return rc == ERR_CANCELLED ? cancel_check(err) : rc;
}

int pg_source_connect(struct pg_source *p, const char *application, struct pg **out,
		      struct err *err)
{
	return connect_to(out, p->base.url, application, 0, p->answer_s * 1000, err);
}

int pg_source_alive(struct pg_source *p, struct err *err)
{
	return pg_usable(p->pg) ? 0 : pg_reopen(p->pg, err);
}

static int probe(struct pg_source *p, const char *name, struct err *err)
{
	struct pg_schema found;
	struct err none = ERR_INIT;
	int rc;

	pg_exec(p->pg, SETTINGS, &none);
	rc = pg_schema_probe(p->pg, name, p->writing, &found, err);
	p->has_chunk = found.has_chunk;
	p->has_dim = found.has_dim;
	p->has_parent_job = found.has_parent_job;
	p->has_lease = found.has_lease;
	p->has_sha_v2 = found.has_sha_v2;
	p->has_events_view = found.has_events_view;
	p->vectors = found.vectors;
	return rc;
}

int source_open_pg(struct source **out, const char *url, const char *name, unsigned flags,
		   struct err *err)
{
	struct pg_source *p = calloc(1, sizeof *p);
	int rc;

	if (!p)
		return err_nomem(err, "a source");
	p->base.ops = &pg_ops;
	p->writing = (flags & SOURCE_WRITE) != 0;
	p->answer_s = seconds_of(ANSWER_NAME, ANSWER_S);
	rc = connect_to(&p->pg, url, APPLICATION, !p->writing, p->answer_s * 1000, err);
	if (rc == 0)
		rc = probe(p, name, err);
	if (rc == 0)
		pg_set_deadline(p->pg, 0);
	if (rc < 0) {
		pg_source_close(&p->base);
		return rc;
	}
	*out = &p->base;
	return 0;
}
