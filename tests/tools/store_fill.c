/* Fills a profile store with a made-up run of a chosen size, through the writer that recordings use. The
 * same arguments always give the same run (its id too, with --seed).
 *
 *   store_fill FILE [--runs N] [--stacks N] [--depth D] [--samples N] [--threads T] [--stages S]
 *              [--names N] [--seed N] [--name NAME] [--inline] [--memory] [--unfinished] [--batch N]
 *
 * N stacks of D frames each (a tree: neighbours share their outer part), samples spread over them with a
 * few hot ones, in T threads and S stages. --inline: every 4th function was inlined into two others.
 * --memory: rows of kind alloc and live, and five snapshots, too. --batch: samples per transaction. Prints the run's id. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/hash.h"
#include "prof/store/write.h"

struct options {
	const char *file, *name;
	uint64_t runs, stacks, depth, samples, threads, stages, names, seed, batch;
	int inlined, memory, unfinished;
};

struct fill {
	const struct options *o;
	struct store *s;
	int64_t run;
	int64_t *stacks, *threads, *stages;
	uint64_t state;
	struct err err;
};

static uint64_t next(struct fill *f, uint64_t below)
{
	f->state = hash_u64(f->state + 0x9e3779b97f4a7c15u);
	return f->state % below;
}

static int fill_run_row(struct fill *f, uint64_t nth)
{
	char id[40];
	uint64_t own = f->o->seed ? f->o->seed : (uint64_t)getpid() << 32;
	uint64_t a = hash_u64(own * 1000003 + nth + 1), b = hash_u64(a + 1);
	struct store_run run = {.id = id,
				.name = f->o->name,
				.command = "store_fill",
				.argv_json = "[\"store_fill\"]",
				.host = "synthetic",
				.cpu_model = "none",
				.kernel = "none",
				.version = "test",
				.git_sha = "0000000",
				.labels_json = "{\"kind\":\"synthetic\"}",
				.mode = "cpu",
				.engine = "none",
				.memory = f->o->memory ? "full" : "off",
				.memory_temporary = f->o->memory ? 1 : 0,
				.started_at =
					INT64_C(1700000000000000000) + (int64_t)nth * 1000000000,
				.start_ns = 1000000000,
				.ncpu = 1,
				.rate_hz = 1000};

	snprintf(id, sizeof id, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(a >> 32),
		 (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0xfff),
		 b & 0xffffffffffffu);
	puts(id);
	return store_run_add(f->s, &run, &f->run, &f->err);
}

static int fill_threads(struct fill *f)
{
	struct profile_process p = {.pid = 1000,
				    .ppid = 1,
				    .start_ns = 1000000000,
				    .end_ns = 1000000000 + (int64_t)f->o->samples * 1000000,
				    .cpu_ns = (int64_t)f->o->samples * 1000000,
				    .max_rss_bytes = 64 << 20};
	int64_t process;
	int rc = store_process_add(f->s, f->run, &p, "store_fill", &process, &f->err);

	for (uint64_t i = 0; i < f->o->threads && rc == 0; i++) {
		struct profile_thread t = {.tid = 1000 + (int64_t)i,
					   .start_ns = p.start_ns,
					   .end_ns = p.end_ns,
					   .cpu_ns = p.cpu_ns / (int64_t)f->o->threads};
		char name[32];

		snprintf(name, sizeof name, i ? "worker-%" PRIu64 : "main", i);
		rc = store_thread_add(f->s, process, &t, name, &f->threads[i], &f->err);
	}
	return rc;
}

static int fill_stages(struct fill *f)
{
	static const char *const names[] = {"load", "knn", "align", "write"};
	int rc = 0;

	for (uint64_t i = 0; i < f->o->stages && rc == 0; i++) {
		struct profile_stage end = {.cpu_ns = 900000 + (int64_t)i,
					    .wall_ns = 1000000 + (int64_t)i,
					    .items = (double)(i + 1),
					    .alloc_bytes = 4096,
					    .alloc_count = 1,
					    .peak_heap_bytes = 1 << 20,
					    .peak_rss_bytes = -1};

		rc = store_stage_add(f->s, f->run, 0, f->threads[i % f->o->threads], names[i % 4],
				     i, 1000000000 + (int64_t)i * 1000000, &f->stages[i], &f->err);
		if (rc == 0)
			rc = store_stage_end(f->s, f->stages[i], &end, "{\"n\":1}", &f->err);
	}
	return rc;
}

#define FRAMES_PER_NAME 3

static int fill_frames(struct fill *f, int64_t *frames)
{
	int64_t module;
	int rc = store_module_add(f->s, f->run, "/usr/lib/libsynthetic.so.1", "0123456789abcdef",
				  0x1000, 0x1000000, 0, &module, &f->err);

	for (uint64_t i = 0; i < f->o->names * FRAMES_PER_NAME && rc == 0; i++)
		rc = store_frame_add(f->s, f->run, module, 0x1000 + i * 16, &frames[i], &f->err);
	return rc;
}

static int name_frames(struct fill *f, const int64_t *frames)
{
	int rc = 0;

	for (uint64_t i = 0; i < f->o->names * FRAMES_PER_NAME && rc == 0; i++) {
		char name[64], outer[64];
		struct store_name chain[3] = {{.file = "synthetic.c", .language = "C", .line = 7},
					      {.file = "synthetic.h", .language = "C", .line = 8},
					      {.file = "synthetic.c", .language = "C"}};
		int inlined = f->o->inlined && i / FRAMES_PER_NAME % 4 == 3;

		snprintf(name, sizeof name, "function_%" PRIu64, i / FRAMES_PER_NAME);
		snprintf(outer, sizeof outer, "function_%" PRIu64 "_owner", i / FRAMES_PER_NAME);
		chain[0].function = outer;
		chain[1].function = "shared_inline";
		chain[2].function = name;
		chain[2].line = (uint32_t)(10 + i % FRAMES_PER_NAME);
		rc = inlined ? store_name_frame(f->s, f->run, frames[i], chain, 3, &f->err)
			     : store_name_frame(f->s, f->run, frames[i], chain + 2, 1, &f->err);
	}
	return rc < 0 ? rc : store_names_apply(f->s, f->run, &f->err);
}

/* Each stack leaves the one before it a few frames from its end. */
static int fill_stacks(struct fill *f, const int64_t *frames)
{
	uint64_t depth = f->o->depth;
	int64_t *path = calloc(depth, sizeof *path);
	int rc = path ? 0 : err_nomem(&f->err, "a path");

	for (uint64_t i = 0; i < f->o->stacks && rc == 0; i++) {
		uint64_t keep = 0;

		if (i > 0) {
			uint64_t drop = 1;

			while (drop < depth - 1 && next(f, 5) < 3)
				drop++;
			keep = depth - drop;
		}
		for (; keep < depth && rc == 0; keep++)
			rc = store_stack_add(f->s, keep ? path[keep - 1] : 0,
					     frames[next(f, f->o->names * FRAMES_PER_NAME)],
					     (uint32_t)keep + 1, &path[keep], &f->err);
		f->stacks[i] = path[depth - 1];
	}
	free(path);
	return rc;
}

/* Two blocks that lived a millisecond each. */
static int fill_one_block(struct fill *f, enum profile_kind kind, int64_t stage, int64_t thread,
			  int64_t stack)
{
	struct store_sample sample = {.kind = kind,
				      .stage = stage,
				      .thread = thread,
				      .stack = stack,
				      .count = 2,
				      .value = 4096};

	if (kind == PROFILE_ALLOC) {
		sample.variance = 1024;
		sample.life_ns = 2e6;
	}
	return store_sample_add_memory(f->s, f->run, &sample, &f->err);
}

/* Live memory grows: the k-th snapshot has k stacks of k blocks each. */
static int fill_snapshots(struct fill *f)
{
	uint64_t n = f->o->stacks < 5 ? f->o->stacks : 5;
	int rc = 0;

	for (uint64_t k = 1; k <= n && rc == 0; k++) {
		int64_t id, live = (int64_t)(k * k) * 1024;

		rc = store_snapshot_add(f->s, f->run, 1000000000 + (int64_t)k * 1000000,
					k < n ? "auto" : "end", live, &id, &f->err);
		for (uint64_t i = 0; i < k && rc == 0; i++)
			rc = store_snapshot_row_add(f->s, id, f->stacks[i], k, (int64_t)k * 1024,
						    &f->err);
	}
	return rc;
}

static int fill_one_sample(struct fill *f, uint64_t i)
{
	const struct options *o = f->o;
	/* The first stacks once each, so that all are touched; then a few hot ones take most. */
	uint64_t which =
		i < o->stacks ? i : next(f, next(f, 4) ? (o->stacks + 19) / 20 : o->stacks);
	uint64_t thread = i % o->threads;
	int64_t stage = o->stages ? f->stages[i * o->stages / o->samples] : 0;
	int rc = store_sample_add(f->s, f->run, PROFILE_CPU, stage, f->threads[thread],
				  f->stacks[which], 1, 1000000, &f->err);

	if (rc == 0)
		rc = store_tick_add(f->s, f->run, f->threads[thread],
				    1000000000 + (int64_t)i * 1000000, f->stacks[which],
				    PROFILE_RUNNING, &f->err);
	if (rc == 0 && o->memory)
		rc = fill_one_block(f, i % 8 ? PROFILE_ALLOC : PROFILE_LIVE, stage,
				    f->threads[thread], f->stacks[which]);
	if (rc == 0 && i % 1000 == 0)
		rc = store_counter_add(f->s, f->run, 1000000000 + (int64_t)i * 1000000, "rss_bytes",
				       (double)(1 << 20) + (double)i, &f->err);
	return rc;
}

static int fill_samples(struct fill *f)
{
	int rc = 0;

	for (uint64_t i = 0; i < f->o->samples && rc == 0; i++) {
		rc = fill_one_sample(f, i);
		if (rc == 0 && (i + 1) % f->o->batch == 0) {
			rc = store_commit(f->s, &f->err);
			if (rc == 0)
				rc = store_begin(f->s, &f->err);
		}
	}
	return rc < 0 ? rc : store_loss_add(f->s, f->run, "late_tick", 3, &f->err);
}

static int fill_run(struct fill *f, int64_t *frames, uint64_t nth)
{
	struct store_run_end end = {.duration_ns = (int64_t)f->o->samples * 1000000,
				    .has_exit_code = 1};
	int rc = store_begin(f->s, &f->err);

	if (rc < 0)
		return rc;
	f->state = f->o->seed + nth;
	rc = fill_run_row(f, nth);
	if (rc == 0)
		rc = fill_threads(f);
	if (rc == 0)
		rc = fill_stages(f);
	if (rc == 0)
		rc = fill_frames(f, frames);
	if (rc == 0)
		rc = fill_stacks(f, frames);
	if (rc == 0)
		rc = fill_samples(f);
	if (rc == 0 && f->o->memory)
		rc = fill_snapshots(f);
	if (rc == 0 && !f->o->unfinished)
		rc = name_frames(f, frames);
	if (rc == 0 && !f->o->unfinished)
		rc = store_run_finish(f->s, f->run, &end, &f->err);
	return rc < 0 ? rc : store_commit(f->s, &f->err);
}

static int fill_all(const struct options *o)
{
	struct fill f = {.o = o};
	int64_t *frames = calloc(o->names * FRAMES_PER_NAME, sizeof *frames);
	int rc;

	f.stacks = calloc(o->stacks, sizeof *f.stacks);
	f.threads = calloc(o->threads, sizeof *f.threads);
	f.stages = calloc(o->stages + 1, sizeof *f.stages);
	rc = frames && f.stacks && f.threads && f.stages ? 0 : err_nomem(&f.err, "the run");
	if (rc == 0)
		rc = store_open(&f.s, o->file, STORE_CREATE, &f.err);
	for (uint64_t i = 0; i < o->runs && rc == 0; i++)
		rc = fill_run(&f, frames, i);
	store_close(f.s);
	free(frames);
	free(f.stacks);
	free(f.threads);
	free(f.stages);
	if (rc < 0)
		fprintf(stderr, "store_fill: %s\n", f.err.text);
	return rc < 0;
}

static int parse(struct options *o, int argc, char **argv)
{
	const struct {
		const char *name;
		uint64_t *value;
		uint64_t min;
	} numbers[] = {
		{"--runs", &o->runs, 1},       {"--stacks", &o->stacks, 1},
		{"--depth", &o->depth, 1},     {"--samples", &o->samples, 0},
		{"--threads", &o->threads, 1}, {"--stages", &o->stages, 0},
		{"--names", &o->names, 1},     {"--seed", &o->seed, 0},
		{"--batch", &o->batch, 1},
	};

	for (int i = 1; i < argc; i++) {
		int known = 1;

		for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
			if (strcmp(argv[i], numbers[k].name) == 0 && i + 1 < argc) {
				*numbers[k].value = strtoull(argv[++i], NULL, 10);
				known = *numbers[k].value >= numbers[k].min;
				goto next;
			}
		if (strcmp(argv[i], "--inline") == 0)
			o->inlined = 1;
		else if (strcmp(argv[i], "--memory") == 0)
			o->memory = 1;
		else if (strcmp(argv[i], "--unfinished") == 0)
			o->unfinished = 1;
		else if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
			o->name = argv[++i];
		else if (argv[i][0] != '-' && !o->file)
			o->file = argv[i];
		else
			known = 0;
	next:
		if (!known)
			return -1;
	}
	return o->file ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct options o = {.name = "synthetic",
			    .runs = 1,
			    .stacks = 1000,
			    .depth = 20,
			    .samples = 10000,
			    .threads = 2,
			    .stages = 8,
			    .names = 500,
			    .batch = 100000};

	if (parse(&o, argc, argv) < 0) {
		fprintf(stderr,
			"usage: store_fill FILE [--runs N] [--stacks N] [--depth D] [--samples N]"
			" [--threads T] [--stages S] [--names N] [--seed N] [--name NAME]"
			" [--inline] [--memory] [--unfinished] [--batch N]\n");
		return 2;
	}
	return fill_all(&o);
}
