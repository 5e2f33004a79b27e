/* Many pairs over threads. Jobs are taken in windows; a window is sorted by work and cut into units, the
 * largest pairs alone, small ones together, and units are handed out in that order, so that threads end
 * together. Where a pair ends up never changes its values. Cancellation is checked between units by
 * workers_run, and inside them. */
#include "pipeline/align/align_internal.h"
#include "pipeline/align/align_strips.h"

#include "pipeline/core/workers.h"

#include <pthread.h>
#include <stdlib.h>

/* Jobs sorted at once: little enough that the index stays small (2 MiB) and that a cancelled run has
 * finished most of what it began. */
#define WINDOW 65536

/* A unit has at most so many pairs, and cells (some milliseconds). */
#define UNIT_PAIRS 256
#define UNIT_CELLS ((uint64_t)16 << 20)

struct sized_job {
	uint64_t cells; /* ALIGN_MAX_LEN squared fits */
	uint32_t job;
};

struct unit {
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
	size_t budget;                     /* of a workspace */
	const struct align_kernel *kernel; /* NULL: scalar engine only */
	struct sized_job *sorted;          /* owned; the window's jobs */
	struct unit *units;                /* owned */
	size_t n_units;
	pthread_mutex_t lock; /* guards the callback `finished` and the stats */
};

static struct align_workspace *workspace_of(struct batch *b, size_t worker)
{
	if (!b->workspaces[worker])
		b->workspaces[worker] = align_workspace_new(b->budget);
	return b->workspaces[worker];
}

static void report(struct batch *b, const uint32_t *jobs, size_t n, const struct align_stats *add)
{
	struct align_stats *stats = b->options->stats;

	pthread_mutex_lock(&b->lock);
	if (stats) {
		stats->pairs += n;
		stats->lane_pairs += add->lane_pairs;
		stats->pair_cells += add->pair_cells;
		stats->lane_cells += add->lane_cells;
		stats->lane_room += add->lane_room;
	}
	if (b->options->finished && n > 0)
		b->options->finished(b->options->finished_ctx, jobs, n);
	pthread_mutex_unlock(&b->lock);
	if (b->options->progress && n > 0)
		b->options->progress(b->options->progress_ctx, n);
}

static int run_job(struct batch *b, struct align_workspace *w, uint32_t job,
		   struct align_stats *stats, struct err *err)
{
	struct align_text query = b->texts[b->jobs[job].query], ref = b->texts[b->jobs[job].ref];
	struct align_swept swept;
	int rc = ERR_LIMIT;

	if (b->kernel)
		rc = align_strips(b->kernel, w, query, ref, &b->out[job], &swept, err);
	if (rc == ERR_LIMIT)
		return align_pair(w, query, ref, &b->out[job], err);
	if (rc != 0)
		return rc;
	stats->lane_pairs++;
	stats->pair_cells += (uint64_t)query.len * ref.len;
	stats->lane_cells += swept.cells;
	stats->lane_room += swept.room;
	return 0;
}

static int run_unit(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct batch *b = ctx;
	const struct unit *u = &b->units[item];
	struct align_workspace *w = workspace_of(b, worker);
	struct align_stats stats = {0};
	uint32_t jobs[UNIT_PAIRS];
	size_t n = 0;
	int rc = 0;

	if (!w)
		return err_nomem(err, "an alignment workspace");
	while (n < u->count) {
		uint32_t job = b->sorted[u->first + n].job;

		rc = run_job(b, w, job, &stats, err);
		if (rc != 0)
			break;
		if (b->done)
			b->done[job] = 1;
		jobs[n++] = job;
	}
	report(b, jobs, n, &stats);
	return rc;
}

/* ---- planning ------------------------------------------------------------------------------- */

/* By falling work; the job number makes the order total. */
static int by_cells_falling(const void *va, const void *vb)
{
	const struct sized_job *a = va, *b = vb;

	if (a->cells != b->cells)
		return a->cells < b->cells ? 1 : -1;
	return (a->job > b->job) - (a->job < b->job);
}

/* The next unit of the sorted jobs, of at most `most` pairs. */
static void add_unit(struct batch *b, size_t first, size_t end, size_t most)
{
	struct unit u = {.first = (uint32_t)first};
	uint64_t cells = 0;

	while (first + u.count < end && u.count < most && cells < UNIT_CELLS)
		cells += b->sorted[first + u.count++].cells;
	b->units[b->n_units++] = u;
}

static int fill_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct align_job *job = &b->jobs[first + i];
		struct align_text query = b->texts[job->query], ref = b->texts[job->ref];
		int rc = align_check_texts(query, ref, err);

		if (rc != 0)
			return err_prefix(err, "alignment job %zu", first + i);
		b->sorted[i] =
			(struct sized_job){(uint64_t)query.len * ref.len, (uint32_t)(first + i)};
	}
	return 0;
}

static int run_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	size_t most = UNIT_PAIRS;
	int rc = fill_window(b, first, n, err);

	if (rc != 0)
		return rc;
	qsort(b->sorted, n, sizeof *b->sorted, by_cells_falling);
	/* every worker should get some units, however few the pairs are */
	if (b->n_workers > 1 && n / b->n_workers / 8 < most)
		most = n / b->n_workers / 8 + 1;
	b->n_units = 0;
	for (size_t at = 0; at < n; at += b->units[b->n_units - 1].count)
		add_unit(b, at, n, most);
	return workers_run(b->n_workers, b->n_units, run_unit, b, err);
}

static void release(struct batch *b)
{
	for (size_t i = 0; b->workspaces && i < b->n_workers; i++)
		align_workspace_free(b->workspaces[i]);
	free(b->workspaces);
	free(b->sorted);
	free(b->units);
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
	b.budget = options->memory_bytes ? options->memory_bytes : ALIGN_DEFAULT_MEMORY;
	b.n_workers = options->n_workers > 1 ? options->n_workers : 1;
	b.workspaces = calloc(b.n_workers, sizeof *b.workspaces);
	b.sorted = malloc(window * sizeof *b.sorted);
	b.units = malloc(window * sizeof *b.units);
	if (!b.workspaces || !b.sorted || !b.units)
		rc = err_nomem(err, "the plan of an alignment batch");
	for (size_t at = 0; rc == 0 && at < n_jobs; at += window)
		rc = run_window(&b, at, n_jobs - at < window ? n_jobs - at : window, err);
	release(&b);
	pthread_mutex_destroy(&b.lock);
	return rc;
}

size_t align_memory_needed(size_t max_query_len, size_t max_ref_len, size_t memory_bytes)
{
	size_t budget = memory_bytes ? memory_bytes : ALIGN_DEFAULT_MEMORY, need = 0;

	if (max_query_len >= ALIGN_MAX_LEN || max_ref_len >= ALIGN_MAX_LEN)
		return budget;
	/* whichever engine and kernel; at most doubled by a slab's growth */
	for (size_t lanes = LANES_MAX / 2; lanes <= LANES_MAX; lanes *= 2) {
		size_t strips = align_strips_memory(lanes, max_query_len, max_ref_len);

		need = strips > need ? strips : need;
	}
	if (need < max_query_len * max_ref_len)
		need = max_query_len * max_ref_len;
	need = 2 * (need + 16 * (max_query_len + max_ref_len + LANES_MAX));
	return need < budget ? need : budget;
}
