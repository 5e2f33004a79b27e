/* Finished alignments on their way to cache or staging: see align_keep.h. The queue has room for every job, so
 * that who finishes alignments never waits. */
#include "pipeline/job/align_keep.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"
#include "prof/base/clock.h"

/* A file when so many are finished, or so long after the last one. */
#define FILE_RECORDS 50000
#define FILE_NS      (20 * INT64_C(1000000000))

#define MAGIC UINT64_C(0x32304e4c41545250)

struct record {
	int64_t query, ref; /* sequence ids */
	struct align_values value;
};

struct head {
	uint64_t magic;
	char content[SHA256_HEX - 1]; /* of the staging folder */
	uint64_t n;
};

struct align_keep {
	const struct align_work *w;
	struct align_cache *cache;
	const struct staging *staging;
	pthread_t thread;
	pp_token stage; /* of who started it */

	pthread_mutex_t lock; /* guards the four below */
	pthread_cond_t news;
	uint32_t *job; /* owned: finished ones, as they came */
	size_t n;
	int last; /* none will come any more */

	size_t at;             /* what follows belongs to the thread: jobs taken */
	struct record *record; /* owned: of the next file */
	size_t n_records;
	int64_t file_ns; /* of the last file */
	int next_file;
	int rc;
	struct err err;
};

/* ---- files -------------------------------------------------------------------------------------------- */

static char *file_path(const struct staging *staging, int number)
{
	char name[32];

	snprintf(name, sizeof name, "alignments.%d", number);
	return staging_path(staging, name);
}

static int write_all(struct fsio_out *out, const struct head *h, const struct record *records,
		     struct err *err)
{
	struct sha256 *d = sha256_new();
	char sha[SHA256_HEX];
	int rc = d ? 0 : err_nomem(err, "alignments");

	if (!rc) {
		sha256_update(d, h, sizeof *h);
		sha256_update(d, records, h->n * sizeof *records);
		if (sha256_finish(d, sha) != 0)
			rc = err_set(err, ERR_INTERNAL, "cannot digest the alignments");
	}
	if (!rc)
		rc = fsio_write(out, h, sizeof *h, err);
	if (!rc)
		rc = fsio_write(out, records, h->n * sizeof *records, err);
	if (!rc)
		rc = fsio_write(out, sha, SHA256_HEX - 1, err);
	sha256_free(d);
	return rc;
}

static int save_file(const struct staging *staging, int number, const struct record *records,
		     size_t n, struct err *err)
{
	struct head h = {.magic = MAGIC, .n = n};
	struct fsio_out out = {.fd = -1};
	char *path = file_path(staging, number);
	int rc = path ? fsio_create(&out, path, err) : err_nomem(err, "alignments");

	memcpy(h.content, staging->content, sizeof h.content);
	if (!rc)
		rc = write_all(&out, &h, records, err);
	if (!rc)
		rc = fsio_commit(&out, err);
	else
		fsio_abort(&out);
	free(path);
	return rc;
}

/* ---- the thread --------------------------------------------------------------------------------------- */

static void flush(struct align_keep *k)
{
	if (!k->rc && k->n_records)
		k->rc = save_file(k->staging, k->next_file++, k->record, k->n_records, &k->err);
	k->n_records = 0;
	k->file_ns = clock_mono_ns();
}

static void keep_one(struct align_keep *k, uint32_t job)
{
	struct align_job j = k->w->job[job];
	const struct align_values *v = &k->w->value[job];

	if (k->cache) {
		align_cache_insert(k->cache, k->w->texts->md5[j.query], k->w->texts->md5[j.ref], v);
		return;
	}
	k->record[k->n_records++] =
		(struct record){k->w->texts->sequence[j.query], k->w->texts->sequence[j.ref], *v};
	if (k->n_records == FILE_RECORDS)
		flush(k);
}

/* Waits for jobs; how many there are, beginning with the one at k->at. 0: no more will come. */
static size_t wait_for_jobs(struct align_keep *k)
{
	size_t n;

	pthread_mutex_lock(&k->lock);
	while (k->n == k->at && !k->last)
		pthread_cond_wait(&k->news, &k->lock);
	n = k->n - k->at;
	pthread_mutex_unlock(&k->lock);
	return n;
}

static void *thread_main(void *arg)
{
	struct align_keep *k = arg;
	size_t n, i;

	pp_stage_adopt(k->stage);
	k->file_ns = clock_mono_ns();
	while ((n = wait_for_jobs(k))) {
		for (i = 0; i < n; i++)
			keep_one(k, k->job[k->at + i]);
		k->at += n;
		if (!k->cache && clock_mono_ns() - k->file_ns > FILE_NS)
			flush(k);
	}
	if (!k->cache)
		flush(k);
	pp_stage_adopt_end();
	return NULL;
}

static void forget(struct align_keep *k)
{
	pthread_cond_destroy(&k->news);
	pthread_mutex_destroy(&k->lock);
	free(k->job);
	free(k->record);
	free(k);
}

/* Signals are for the threads that work. */
static int start_thread(struct align_keep *k)
{
	sigset_t all, old;
	int rc;

	sigemptyset(&all);
	sigaddset(&all, SIGTERM);
	sigaddset(&all, SIGINT);
	sigaddset(&all, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&k->thread, NULL, thread_main, k);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int align_keep_start(struct align_keep **keep, const struct align_work *w,
		     struct align_cache *cache, const struct staging *staging, int first_file,
		     struct err *err)
{
	struct align_keep *k = calloc(1, sizeof *k);

	*keep = NULL;
	if (!k)
		return err_nomem(err, "alignments");
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->news, NULL);
	k->w = w;
	k->cache = cache;
	k->staging = staging;
	k->next_file = first_file;
	k->stage = pp_stage_token();
	k->job = malloc((w->n + 1) * sizeof *k->job);
	k->record = cache ? NULL : malloc(FILE_RECORDS * sizeof *k->record);
	if (!k->job || (!cache && !k->record)) {
		forget(k);
		return err_nomem(err, "alignments");
	}
	if (start_thread(k) != 0) {
		forget(k);
		return err_set(err, ERR_NOMEM, "cannot start a thread for the alignments");
	}
	*keep = k;
	return 0;
}

void align_keep_push(void *keep, const uint32_t *jobs, size_t n)
{
	struct align_keep *k = keep;

	pthread_mutex_lock(&k->lock);
	memcpy(k->job + k->n, jobs, n * sizeof *jobs);
	k->n += n;
	pthread_cond_signal(&k->news);
	pthread_mutex_unlock(&k->lock);
}

int align_keep_stop(struct align_keep *k, int *next_file, struct err *err)
{
	int rc;

	pthread_mutex_lock(&k->lock);
	k->last = 1;
	pthread_cond_signal(&k->news);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	*next_file = k->next_file;
	rc = k->rc;
	if (rc)
		*err = k->err;
	forget(k);
	return rc;
}

/* ---- what was kept ------------------------------------------------------------------------------------ */

/* The records of a file, NULL when it is not whole or of other inputs. */
static const char *records_of(const struct buf *file, const struct staging *staging, size_t *n)
{
	struct head h;
	char sha[SHA256_HEX];
	size_t body;

	if (file->len < sizeof h + SHA256_HEX - 1)
		return NULL;
	memcpy(&h, file->data, sizeof h);
	body = file->len - (SHA256_HEX - 1);
	if (h.magic != MAGIC || memcmp(h.content, staging->content, sizeof h.content) != 0 ||
	    h.n != (body - sizeof h) / sizeof(struct record) ||
	    body != sizeof h + h.n * sizeof(struct record) ||
	    sha256_hex(file->data, body, sha) != 0 ||
	    memcmp(sha, file->data + body, SHA256_HEX - 1) != 0)
		return NULL;
	*n = h.n;
	return file->data + sizeof h;
}

static size_t take_records(struct align_work *w, const struct idmap *texts, const char *at,
			   size_t n)
{
	size_t i, taken = 0;

	for (i = 0; i < n; i++) {
		struct record r;
		uint32_t job;

		memcpy(&r, at + i * sizeof r, sizeof r);
		job = align_work_find(w, texts, r.query, r.ref);
		if (job == ALIGN_WORK_NONE || w->done[job])
			continue;
		w->value[job] = r.value;
		w->done[job] = 1;
		taken++;
	}
	return taken;
}

int align_keep_load(struct align_work *w, const struct staging *staging, size_t *n, int *next_file,
		    struct err *err)
{
	struct idmap texts = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	*n = 0;
	*next_file = 0;
	for (i = 0; !rc && i < w->texts->n_views; i++)
		rc = idmap_set(&texts, (uint64_t)w->texts->sequence[i], i);
	while (!rc) {
		char *path = file_path(staging, *next_file);
		struct buf file = BUF_INIT;
		const char *at = NULL;
		size_t m = 0;

		if (!path || !fsio_exists(path)) {
			rc = path ? 1 : ERR_NOMEM; /* the last has been seen */
		} else {
			if (fsio_read_all(path, BUF_NO_LIMIT, &file, NULL) == 0)
				at = records_of(&file, staging, &m);
			if (at)
				*n += take_records(w, &texts, at, m);
			++*next_file;
		}
		buf_release(&file);
		free(path);
	}
	idmap_release(&texts);
	return rc < 0 ? err_nomem(err, "alignments") : 0;
}
