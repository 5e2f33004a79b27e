/* Many pairs over threads. Jobs are taken in windows; in a window pairs with queries of like length
 * form a unit of the fast engine, longest references first, which fills its lanes; the units of most
 * work go first, which splits the work fairly. Where a pair ends up never changes its values.
 * Cancellation is checked between units by workers_run, and inside them. */
#include "pipeline/align/align_internal.h"
#include "pipeline/align/align_lanes.h"

#include "pipeline/core/workers.h"

#include <pthread.h>
#include <stdlib.h>

/* Jobs sorted at once: enough that lanes are well filled, little enough that the index stays small
 * (3 MiB) and that a cancelled run has finished most of what it began. */
#define WINDOW 65536

/* A unit has at most so many pairs, and cells (a tenth of a second). */
#define UNIT_PAIRS 1024
#define UNIT_CELLS ((uint64_t)400 << 20)

/* Pairs a lane should see one after the other, so that lanes that idle at the end weigh little. */
#define PAIRS_PER_SLOT 6

/* Rows of a lane: what is kept of a row, 6 vectors, should stay near the processor. */
#define MOST_ROWS 512

/* Queries of a unit differ by at most this part of the longest. */
#define SPREAD 20

struct sized_job {
	uint32_t query_len, ref_len; /* ALIGN_MAX_LEN fits */
	uint32_t job;
	int single; /* not for the lanes */
};

struct unit {
	uint32_t first, count; /* in the sorted jobs */
	uint32_t width;        /* 0: the scalar engine */
	uint64_t cells;
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
		stats->lane_cells += add->lane_cells;
		stats->lane_room += add->lane_room;
	}
	if (b->options->finished && n > 0)
		b->options->finished(b->options->finished_ctx, jobs, n);
	pthread_mutex_unlock(&b->lock);
	if (b->options->progress && n > 0)
		b->options->progress(b->options->progress_ctx, n);
}

static int run_single(struct batch *b, struct align_workspace *w, const struct sized_job *s,
		      struct err *err)
{
	static const struct align_stats nothing;
	int rc = align_pair(w, query_of(b, s), ref_of(b, s), &b->out[s->job], err);

	if (rc != 0)
		return rc;
	if (b->done)
		b->done[s->job] = 1;
	report(b, &s->job, 1, &nothing);
	return 0;
}

/* Marks and reports what is done of a unit, in the engine's jobs `jobs`. */
static void close_unit(struct batch *b, const struct unit *u, const struct lane_job *jobs,
		       uint32_t *numbers, size_t steps)
{
	const struct sized_job *s = &b->sorted[u->first];
	struct align_stats add = {.lane_room = steps *
					       align_lanes_room(b->kernel, s->query_len, u->width)};
	size_t n = 0;

	for (size_t i = 0; i < u->count; i++) {
		if (!jobs[i].done)
			continue;
		if (b->done)
			b->done[jobs[i].number] = 1;
		numbers[n++] = jobs[i].number;
		add.lane_cells += (uint64_t)jobs[i].query.len * jobs[i].ref.len;
	}
	add.lane_pairs = n;
	report(b, numbers, n, &add);
}

static int by_ref_falling(const void *va, const void *vb)
{
	const struct lane_job *a = va, *b = vb;

	if (a->ref.len != b->ref.len)
		return a->ref.len < b->ref.len ? 1 : -1;
	return (a->number > b->number) - (a->number < b->number);
}

static int run_lanes(struct batch *b, struct align_workspace *w, const struct unit *u,
		     struct err *err)
{
	const struct sized_job *s = &b->sorted[u->first];
	struct lane_job *jobs = calloc(u->count, sizeof *jobs);
	uint32_t *numbers = malloc(u->count * sizeof *numbers);
	struct lane_unit unit = {jobs, u->count, u->width};
	size_t steps = 0;
	int rc;

	if (!jobs || !numbers) {
		free(jobs);
		free(numbers);
		return err_nomem(err, "a group of alignments");
	}
	for (size_t i = 0; i < u->count; i++)
		jobs[i] = (struct lane_job){.query = query_of(b, &s[i]),
					    .ref = ref_of(b, &s[i]),
					    .out = &b->out[s[i].job],
					    .number = s[i].job};
	qsort(jobs, u->count, sizeof *jobs, by_ref_falling);
	rc = align_lanes(b->kernel, w, &unit, &steps, err);
	close_unit(b, u, jobs, numbers, steps);
	free(jobs);
	free(numbers);
	return rc;
}

static int run_unit(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct batch *b = ctx;
	const struct unit *u = &b->units[item];
	struct align_workspace *w = workspace_of(b, worker);
	int rc = 0;

	if (!w)
		return err_nomem(err, "an alignment workspace");
	if (u->width)
		return run_lanes(b, w, u, err);
	for (uint32_t i = 0; rc == 0 && i < u->count; i++)
		rc = run_single(b, w, &b->sorted[u->first + i], err);
	return rc;
}

/* ---- planning ------------------------------------------------------------------------------- */

/* Singles first, then by falling query length; the job number makes the order total. */
static int by_query(const void *va, const void *vb)
{
	const struct sized_job *a = va, *b = vb;

	if (a->single != b->single)
		return b->single - a->single;
	if (a->query_len != b->query_len)
		return a->query_len < b->query_len ? 1 : -1;
	return (a->job > b->job) - (a->job < b->job);
}

static int by_cells_falling(const void *va, const void *vb)
{
	const struct unit *a = va, *b = vb;

	if (a->cells != b->cells)
		return a->cells < b->cells ? 1 : -1;
	return (a->first > b->first) - (a->first < b->first);
}

/* Lanes a pair of this unit takes; 0: not even with all lanes does it fit the budget. */
static uint32_t choose_width(const struct batch *b, const struct unit *u)
{
	size_t lanes = b->kernel->lanes, width = 1, ref_len = 0;
	size_t query_len = b->sorted[u->first].query_len;

	for (uint32_t i = 0; i < u->count; i++)
		if (b->sorted[u->first + i].ref_len > ref_len)
			ref_len = b->sorted[u->first + i].ref_len;
	while (width < lanes && lanes / width * PAIRS_PER_SLOT > u->count &&
	       query_len >= 2 * width * LANES_STRIP)
		width *= 2;
	while (width < lanes && query_len > width * MOST_ROWS)
		width *= 2;
	while (width < lanes &&
	       align_lanes_memory(b->kernel, query_len, ref_len, width) > b->budget)
		width *= 2;
	if (align_lanes_memory(b->kernel, query_len, ref_len, width) > b->budget)
		return 0;
	return (uint32_t)width;
}

/* The next unit of the sorted jobs, of at most `most` pairs. */
static void add_unit(struct batch *b, size_t first, size_t end, size_t most)
{
	const struct sized_job *s = b->sorted;
	struct unit u = {.first = (uint32_t)first};
	uint32_t shortest = s[first].query_len - s[first].query_len / SPREAD;

	while (first + u.count < end && u.count < most && u.cells < UNIT_CELLS) {
		const struct sized_job *next = &s[first + u.count];

		if (next->single != s[first].single || (u.count && next->query_len < shortest))
			break;
		u.cells += (uint64_t)next->query_len * next->ref_len;
		u.count++;
	}
	if (!s[first].single)
		u.width = choose_width(b, &u);
	b->units[b->n_units++] = u;
}

static int fill_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct sized_job *s = &b->sorted[i];
		struct align_text query, ref;
		int rc;

		s->job = (uint32_t)(first + i);
		query = query_of(b, s);
		ref = ref_of(b, s);
		rc = align_check_texts(query, ref, err);
		if (rc != 0)
			return err_prefix(err, "alignment job %zu", first + i);
		s->query_len = (uint32_t)query.len;
		s->ref_len = (uint32_t)ref.len;
		s->single = !b->kernel || !align_lanes_take(query, ref);
	}
	return 0;
}

static int run_window(struct batch *b, size_t first, size_t n, struct err *err)
{
	size_t most = UNIT_PAIRS;
	int rc = fill_window(b, first, n, err);

	if (rc != 0)
		return rc;
	qsort(b->sorted, n, sizeof *b->sorted, by_query);
	/* every worker should get some units, however few the pairs are */
	if (b->n_workers > 1 && n / b->n_workers / 8 < most)
		most = n / b->n_workers / 8 + 1;
	b->n_units = 0;
	for (size_t at = 0; at < n; at += b->units[b->n_units - 1].count)
		add_unit(b, at, n, b->sorted[at].single ? 1 : most);
	qsort(b->units, b->n_units, sizeof *b->units, by_cells_falling);
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
	size_t budget = memory_bytes ? memory_bytes : ALIGN_DEFAULT_MEMORY;
	size_t rows = max_query_len + LANES_STRIP * LANES_MAX, need;

	if (max_query_len >= ALIGN_MAX_LEN || max_ref_len >= ALIGN_MAX_LEN)
		return budget;
	/* a byte of bits a cell and lane, state and scores of the rows; at most doubled by a slab's
	 * growth */
	need = 2 * LANES_MAX * (rows * (max_ref_len + LANES_MAX) + 8 * (rows + LOOKUP_ROWS));
	return need < budget ? need : budget;
}
