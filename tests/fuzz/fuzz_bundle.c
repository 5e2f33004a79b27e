/* Any bytes as a bundle: opened, described, checked, read and written to. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/bundle/check.h"
#include "pipeline/bundle/info.h"
#include "pipeline/source/source.h"

/* Those of tests/unit/bundle_fixture.h, which the corpus was made with. */
#define SNAP    "11111111-0000-4000-8000-000000000001"
#define SET_OLD "22222222-0000-4000-8000-000000000001"
#define SET_NEW "22222222-0000-4000-8000-000000000002"
#define CONFIG  "33333333-0000-4000-8000-000000000001"
#define JOB     "55555555-0000-4000-8000-000000000001"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];
static volatile unsigned sum; /* every byte that a callback is given is looked at */

static void look(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum += ((const unsigned char *)bytes)[i];
}

static void look_text(const char *text)
{
	if (text)
		look(text, strlen(text));
}

static int on_config(void *ctx, const struct source_config *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->id);
	look_text(row->model_name);
	return 0;
}

static int on_set(void *ctx, const struct source_annotation_set *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->source_version);
	look_text(row->snapshot_id);
	return 0;
}

static int on_eval(void *ctx, const struct source_evaluation_set *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->pivot_snapshot_id);
	look_text(row->groundtruth_uri);
	return 0;
}

static int on_term(void *ctx, const struct source_term *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->go_id);
	return 0;
}

static int on_edge(void *ctx, const struct source_edge *row, struct err *err)
{
	(void)ctx, (void)err;
	look(row, sizeof *row);
	return 0;
}

static int on_annotation(void *ctx, const struct source_annotation *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->accession);
	look_text(row->qualifier);
	look_text(row->evidence_code);
	return 0;
}

static int on_protein(void *ctx, const struct source_protein *row, struct err *err)
{
	(void)ctx, (void)err;
	look_text(row->accession);
	look_text(row->taxonomy_id);
	return 0;
}

static int on_embedding(void *ctx, const struct source_embedding *row, struct err *err)
{
	(void)ctx, (void)err;
	look(row->values, row->dim * (row->type == SOURCE_HALF_LE ? 2 : 4));
	return 0;
}

static int on_sequence(void *ctx, int64_t id, const char *text, size_t len, struct err *err)
{
	(void)ctx, (void)err, (void)id;
	look(text, len + 1);
	return 0;
}

/* Straight from the pages, however few rows lie side by side. */
static void read_pages(struct source *s)
{
	struct source_span span;
	struct err err = ERR_INIT;

	if (source_annotation_span(s, SET_OLD, &span, &err) != 0 || span.whole)
		return;
	span.dense = 1;
	source_annotations_between(s, SET_OLD, &span, span.first, span.last, on_annotation, NULL,
				   &err);
}

static void read_it(void)
{
	static const int64_t ids[] = {1, 2, 3, 7};
	struct err err = ERR_INIT;
	struct source *s;
	uint64_t rows, dim;

	if (source_open(&s, path, SOURCE_READ, &err) < 0)
		return;
	source_has_snapshot(s, SNAP, &err);
	source_configs(s, on_config, NULL, &err);
	source_annotation_sets(s, "goa", on_set, NULL, &err);
	source_evaluation_sets(s, SET_OLD, SET_NEW, on_eval, NULL, &err);
	source_terms(s, SNAP, on_term, NULL, &err);
	source_edges(s, SNAP, on_edge, NULL, &err);
	source_annotations(s, SET_OLD, on_annotation, NULL, &err);
	read_pages(s);
	source_proteins(s, on_protein, NULL, &err);
	source_embeddings(s, CONFIG, on_embedding, NULL, &err);
	source_embedding_estimate(s, CONFIG, &rows, &dim, &err);
	source_sequences(s, ids, 4, on_sequence, NULL, &err);
	source_close(s);
}

static void write_it(void)
{
	const struct source_event event = {.job_id = JOB,
					   .level = "info",
					   .event = "e",
					   .progress_current = 1,
					   .progress_total = 2};
	const struct source_claimant who = {.worker = "w", .again = 1};
	const struct source_end end = {.status = "FAILED"};
	struct source_job job;
	struct err err = ERR_INIT;
	struct source *s;

	if (source_open(&s, path, SOURCE_WRITE, &err) < 0)
		return;
	if (source_take_expired(s, SOURCE_QUEUE, "o", &who, &job, &err) == 1)
		source_job_release(&job);
	if (source_claim_next(s, SOURCE_QUEUE, "o", &who, &job, &err) == 1)
		source_job_release(&job);
	source_claim_job(s, JOB, &who, &job, &err);
	source_insert_event(s, &event, &err);
	source_has_dataset(s, "d", &err);
	source_extend_lease(s, &job.claim, &err);
	source_finish_job(s, &job.claim, &end, &err);
	source_job_release(&job);
	source_close(s);
}

static void describe_it(void)
{
	struct bundle_report report;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *json;

	if (bundle_info(&json, path, &err) == 0) {
		bundle_info_text(json, &text);
		json_decref(json);
	}
	if (bundle_check(&report, path, NULL, NULL, &err) == 0) {
		json_decref(bundle_report_json(&report));
		bundle_report_text(&report, &text);
		bundle_report_release(&report);
	}
	buf_release(&text);
}

static void remove_it(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[80];

	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

/* A file in memory, so that no disk is worn out. */
static int put_file(const uint8_t *data, size_t size)
{
	int fd;

	if (!path[0]) {
		const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

		snprintf(path, sizeof path, "%s/fuzz-bundle-%ld", dir, (long)getpid());
		atexit(remove_it);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (write(fd, data, size) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (put_file(data, size) < 0)
		return 0;
	read_it();
	describe_it();
	write_it();
	remove_it();
	return 0;
}
