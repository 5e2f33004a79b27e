/* Many pairs over threads. Jobs are taken in windows; in a window pairs of like size are put into
 * groups, which is what vector lanes and a fair split of the work both want, and the largest groups
 * go first. Which group a pair falls into never changes its values. Cancellation is checked between
 * groups by workers_run, and inside very large pairs. */
#include "pipeline/align/align_internal.h"
#include "pipeline/align/align_lanes.h"

#include "pipeline/core/workers.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Jobs sorted at once: enough that groups are well filled, little enough that the index stays
 * small (1.5 MiB) and that a cancelled run has finished most of what it began. */
#define WINDOW 65536

struct sized_job {
	uint32_t query_len, ref_len; /* ALIGN_MAX_LEN fits */
	size_t job;
	int single; /* too large for a lane */
};

struct group {
	uint32_t first, count; /* in the sorted jobs */
};

struct batch {
	const struct align_text *texts;
	const struct align_job *jobs;
	const struct align_options *options;
	struct align_values *out;
	unsigned char *done;
	struct align_workspace **workspaces; /* owned; one per worker, made by that worker */
	size_t n_workers;
	const struct align_kernel *kernel; /* NULL: scalar engine only */
	struct sized_job *sorted;          /* owned; the window's jobs */
	struct group *groups;              /* owned */
	size_t n_groups;
	pthread_mutex_t lock; /* guards the callback `finished` and the stats */
};

static struct align_text query_of(const struct batch *b, const struct sized_job *s)
{
	return b->texts[b->jobs[s->job].query];
}

static struct align_text ref_of(const struct batch *b, const struct sized_job *s)
{
	return b->texts[b->jobs[s->job].ref];
}

static struct align_workspace *workspace_of(struct batch *b, size_t worker)
{
	if (!b->workspaces[worker])
		b->workspaces[worker] = align_workspace_new(b->options->memory_bytes);
	return b->workspaces[worker];
}

static int run_one(struct batch *b, struct align_workspace *w, const struct sized_job *s,
		   struct err *err)
{
	int rc = align_pair(w, query_of(b, s), ref_of(b, s), &b->out[s->job], err);

	if (rc == 0 && b->done)
		b->done[s->job] = 1;
	return rc;
}

static int run_lanes(struct batch *b, struct align_workspace *w, const struct sized_job *s,
		     size_t n, struct err *err)
{
	struct lane_pair pairs[LANES_MAX] = {0};
	struct align_values values[LANES_MAX];
	int rc;

	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct lane_pair){query_of(b, &s[i]), ref_of(b, &s[i])};
	rc = align_lanes(b->kernel, w, pairs, n, values, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		b->out[s[i].job] = values[i];
		if (b->done)
			b->done[s[i].job] = 1;
	}
	return 0;
}

static void report(struct batch *b, const struct sized_job *s, size_t n)
{
	uint32_t jobs[LANES_MAX];

	for (size_t i = 0; i < n; i++)
		jobs[i] = (uint32_t)s[i].job;
	pthread_mutex_lock(&b->lock);
	if (b->options->stats)
		b->options->stats->pairs += n;
	if (b->options->finished)
		b->options->finished(b->options->finished_ctx, jobs, n);
	pthread_mutex_unlock(&b->lock);
	if (b->options->progress)
		b->options->progress(b->options->progress_ctx, n);
}

static int run_group(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct batch *b = ctx;
	const struct group *g = &b->groups[item];
	const struct sized_job *s = &b->sorted[g->first];
	struct align_workspace *w = workspace_of(b, worker);
	int rc = ERR_UNSUPPORTED;

	if (!w)
		return err_nomem(err, "an alignment workspace");
	if (!s->single)
		rc = run_lanes(b, w, s, g->count, err);
	if (rc == 0)
		report(b, s, g->count);
	if (rc != ERR_UNSUPPORTED)
		return rc;
	/* lanes would not pay, or their memory not fit */
	rc = 0;
	for (uint32_t i = 0; rc == 0 && i < g->count; i++) {
		rc = run_one(b, w, &s[i], err);
		if (rc == 0)
			report(b, &s[i], 1);
	}
	return rc;
}

/* ---- packing -------------------------------------------------------------------------------- */

static int compare_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* Singles first, then by falling query length; the job number makes the order total. */
static int by_query(const void *va, const void *vb)
{
	const struct sized_job *a = va, *b = vb;

	if (a->single != b->single)
		return b->single - a->single;
	if (a->query_len != b->query_len)
		return compare_u32(b->query_len, a->query_len);
	return (a->job > b->job) - (a->job < b->job);
}

static int by_ref_falling(const void *va, const void *vb)
{
	const struct sized_job *a = va, *b = vb;

	if (a->ref_len != b->ref_len)
		return compare_u32(b->ref_len, a->ref_len);
	return (a->job > b->job) - (a->job < b->job);
}

static int by_ref_rising(const void *va, const void *vb)
{
	return by_ref_falling(vb, va);
}

/* Jobs of like query length form strips, and within a strip like reference lengths meet. Strips of
 * sqrt(jobs * lanes) make both lengths vary about equally within a group; every other strip is
 * sorted upwards, so that a group across two strips is still alike. */
static void sort_strips(struct sized_job *s, size_t n, size_t group_size)
{
	size_t strip = (size_t)sqrt((double)(n * group_size)) / group_size * group_size;
	int falling = 1;

	if (strip < group_size)
		strip = group_size;
	for (size_t at = 0; at < n; at += strip, falling = !falling)
		qsort(s + at, n - at < strip ? n - at : strip, sizeof *s,
		      falling ? by_ref_falling : by_ref_rising);
}

static void add_groups(struct batch *b, size_t first, size_t n, size_t group_size)
{
	for (size_t at = 0; at < n; at += group_size)
		b->groups[b->n_groups++] = (struct group){
			.first = (uint32_t)(first + at),
			.count = (uint32_t)(n - at < group_size ? n - at : group_size)};
}

static int fill_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct sized_job *s = &b->sorted[i];
		struct align_text query, ref;
		int rc;

		s->job = first + i;
		query = query_of(b, s);
		ref = ref_of(b, s);
		rc = align_check_texts(query, ref, err);
		if (rc != 0)
			return err_prefix(err, "alignment job %zu", s->job);
		s->query_len = (uint32_t)query.len;
		s->ref_len = (uint32_t)ref.len;
		s->single = !b->kernel || !align_lanes_take(query, ref);
	}
	return 0;
}

static int run_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	size_t group_size = b->kernel ? b->kernel->lanes : 1, singles = 0;
	int rc = fill_window(b, first, n, err);

	if (rc != 0)
		return rc;
	qsort(b->sorted, n, sizeof *b->sorted, by_query);
	while (singles < n && b->sorted[singles].single)
		singles++;
	sort_strips(b->sorted + singles, n - singles, group_size);
	b->n_groups = 0;
	add_groups(b, 0, singles, 1);
	add_groups(b, singles, n - singles, group_size);
	return workers_run(b->n_workers, b->n_groups, run_group, b, err);
}

static void release(struct batch *b)
{
	for (size_t i = 0; b->workspaces && i < b->n_workers; i++)
		align_workspace_free(b->workspaces[i]);
	free(b->workspaces);
	free(b->sorted);
	free(b->groups);
}

int align_batch(const struct align_text *texts, const struct align_job *jobs, size_t n_jobs,
		const struct align_options *options, struct align_values *out, unsigned char *done,
		struct err *err)
{
	size_t window = n_jobs < WINDOW ? n_jobs : WINDOW;
	struct batch b = {
		.texts = texts, .jobs = jobs, .options = options, .out = out, .done = done};
	int rc = 0;

	if (n_jobs == 0)
		return 0;
	if (n_jobs > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "%zu pairs are too many for one batch", n_jobs);
	pthread_mutex_init(&b.lock, NULL);
	b.kernel = align_kernel_choose();
	b.n_workers = options->n_workers > 1 ? options->n_workers : 1;
	b.workspaces = calloc(b.n_workers, sizeof *b.workspaces);
	b.sorted = malloc(window * sizeof *b.sorted);
	b.groups = malloc(window * sizeof *b.groups);
	if (!b.workspaces || !b.sorted || !b.groups)
		rc = err_nomem(err, "the plan of an alignment batch");
	for (size_t at = 0; rc == 0 && at < n_jobs; at += window)
		rc = run_window(&b, at, n_jobs - at < window ? n_jobs - at : window, err);
	release(&b);
	pthread_mutex_destroy(&b.lock);
	return rc;
}

size_t align_memory_needed(size_t max_query_len, size_t max_ref_len, size_t memory_bytes)
{
	size_t budget = memory_bytes ? memory_bytes : ALIGN_DEFAULT_MEMORY;
	size_t lengths = max_query_len + max_ref_len + 64, need;

	if (max_query_len >= ALIGN_MAX_LEN || max_ref_len >= ALIGN_MAX_LEN)
		return budget;
	/* 32 lanes: 16 bytes of bits a cell; codes, scores and the running columns of H and E are
	 * 7 bytes a lane and residue, at most doubled by a slab's growth */
	need = 2 * (16 * max_query_len * max_ref_len + 7 * LANES_MAX * lengths);
	return need < budget ? need : budget;
}
