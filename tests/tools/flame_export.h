/* Runs of an export pipeline made by hand, as realistic as rows of a table can be: stages, threads, CPU, memory,
 * samples in time, counters, and source of two files. For flame_page.c. */
#ifndef TESTS_FLAME_EXPORT_H
#define TESTS_FLAME_EXPORT_H

#include <stdio.h>

#include "tests/unit/flame_rig.h"
#include "viewer/flame.h"

#define TICK_NS     5025126   /* 199 per second */
#define EXPORT_PEAK 147306336 /* sum of what is live at the peak below */

/* One that differs from another in what its program does how fast. */
struct export_run {
	const char *name, *command, *labels, *bin; /* bin: the program's path */
	double load, knn, align, write, memory;    /* 1: as in the tables below */
	int renamed; /* the heap of the search became another function, and a cache is new */
};

/* A call path as text: "module!function@file:line" parted by blanks, "~" before an inlined one, "__" for a blank;
 * module "-": none, "B": the program. */
static uint32_t path(struct profile *p, const char *text, const char *bin)
{
	char part[256], module[64], function[128], file[64];
	uint32_t stack = 0;
	int n, line;

	for (; sscanf(text, " %255s%n", part, &n) == 1; text += n) {
		int inlined = part[0] == '~';
		uint32_t m = PROFILE_NONE, i;
		const char *name = module;

		if (sscanf(part + inlined, "%63[^!]!%127[^@]@%63[^:]:%d", module, function, file,
			   &line) != 4)
			abort();
		if (bin && strcmp(module, "B") == 0)
			name = bin;
		for (i = 0; i < p->n_modules; i++)
			if (strcmp(strtab_text(p->strings, p->modules[i].path), name) == 0)
				m = i;
		if (strcmp(name, "-") != 0 && m == PROFILE_NONE)
			m = rig_module(p, name);
		for (char *c = function; *c; c++)
			if (*c == '_' && c[1] == '_')
				*c = ' ', c[1] = ' ';
		stack = rig_stack(p, stack,
				  rig_frame(p, m, function, strcmp(file, "-") == 0 ? "" : file,
					    (uint32_t)line, (uint32_t)inlined));
	}
	return stack;
}

#define C      "/lib/x86_64-linux-gnu/libc.so.6"
#define ALN    "/usr/lib/libparasail.so.8"
#define SQL    "/usr/lib/libsqlite3.so.0"
#define TOP    "B!main@cli/main.c:88 B!job_run@job/job.c:201 "
#define WORKER "B!worker_main@core/workers.c:52 "

static const struct export_cpu {
	const char *stage, *path;
	uint32_t thread;
	uint64_t count;
} export_cpu_rows[] = {
	{"load",
	 TOP "B!source_read@source/read.c:77 " SQL "!sqlite3_step@-:0 " SQL "!sqlite3VdbeExec@-:0",
	 0, 210},
	{"load",
	 TOP "B!source_read@source/read.c:79 " SQL "!sqlite3_step@-:0 " SQL "!sqlite3BtreeNext@-:0",
	 0, 95},
	{"load",
	 TOP "B!source_read@source/read.c:81 B!strtab_intern@model/strtab.c:61 "
	     "~B!hash_bytes@base/hash.c:31",
	 0, 60},
	{"load", TOP "B!source_read@source/read.c:81 B!strtab_intern@model/strtab.c:66", 0, 31},
	{"load", TOP "B!source_read@source/read.c:90 " C "!__libc__malloc@-:0", 0, 22},
	{"knn", WORKER "B!knn_block@knn/knn.c:140 ~B!dot_f32@knn/dot.c:33", 1, 980},
	{"knn", WORKER "B!knn_block@knn/knn.c:151 ~B!heap_push@knn/heap.c:20", 1, 140},
	{"knn", WORKER "B!knn_block@knn/knn.c:140 ~B!dot_f32@knn/dot.c:33", 2, 1012},
	{"knn", WORKER "B!knn_block@knn/knn.c:151 ~B!heap_push@knn/heap.c:20", 2, 121},
	{"knn", WORKER "B!knn_block@knn/knn.c:160", 2, 44},
	{"align",
	 WORKER "B!align_pair@align/align.c:95 " ALN
		"!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:310",
	 1, 620},
	{"align",
	 WORKER "B!align_pair@align/align.c:95 " ALN
		"!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:340",
	 2, 588},
	{"align",
	 WORKER "B!align_pair@align/align.c:99 " ALN "!parasail_result_free@-:0 " C "!cfree@-:0", 2,
	 48},
	{"align",
	 WORKER "B!align_pair@align/align.c:95 -![unknown__in__libparasail.so.8+0x1f40]@-:0", 1,
	 17},
	{"write",
	 TOP "B!output_write@output/parquet.c:300 "
	     "/usr/lib/libsnappy.so.1!snappy::RawCompress(char__const*,__unsigned__long)@-:0",
	 0, 88},
	{"write", TOP "B!output_write@output/parquet.c:310 " C "!fwrite@-:0", 0, 41},
	{NULL,
	 "-![truncated]@-:0 B!visit@ontology/closure.c:40 B!visit@ontology/closure.c:40 "
	 "B!visit@ontology/closure.c:44",
	 0, 33},
	{NULL, C "!start_thread@-:0 -![no__unwind__info:__libfoo.so]@-:0", 2, 5},
};

static const struct export_memory {
	const char *stage, *path;
	uint32_t thread;
	uint64_t blocks, bytes, peak; /* peak: of the bytes, live at the high-water mark */
} export_memory_rows[] = {
	{"load",
	 TOP "B!source_read@source/read.c:81 B!strtab_intern@model/strtab.c:66 " C "!realloc@-:0",
	 0, 41000, 38 << 20, 36 << 20},
	{"load", TOP "B!source_read@source/read.c:77 " SQL "!sqlite3_step@-:0 " C "!malloc@-:0", 0,
	 120400, 19 << 20, 2 << 20},
	{"knn", WORKER "B!knn_block@knn/knn.c:131 B!heap_new@knn/heap.c:11 " C "!calloc@-:0", 1,
	 3072, 4700000, 2350000},
	{"knn", WORKER "B!knn_block@knn/knn.c:131 B!heap_new@knn/heap.c:11 " C "!calloc@-:0", 2,
	 3072, 4700000, 2350000},
	{"align",
	 WORKER "B!align_pair@align/align.c:95 " ALN
		"!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:301 " ALN
		"!parasail_memalign@memory.c:40",
	 1, 4150, 212 << 20, 51 << 20},
	{"align",
	 WORKER "B!align_pair@align/align.c:95 " ALN
		"!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:301 " ALN
		"!parasail_memalign@memory.c:40",
	 2, 4130, 208 << 20, 47 << 20},
	{"write",
	 TOP "B!output_write@output/parquet.c:287 B!buf_reserve@base/buf.c:52 " C "!realloc@-:0", 0,
	 640, 210 << 20, 0},
};

/* ---- stages ---- */

static const struct export_stage {
	const char *name, *params;
	double from, to, items; /* seconds, of a run in which everything is as in the tables */
	int64_t peak;
} export_stages[] = {
	{"load", "{\"table\":\"protein\"}", 0.04, 2.16, 20500, 44 << 20},
	{"knn", "{\"aspect\":\"MFO\",\"k\":5,\"n\":9120}", 2.17, 4.21, 512, 50 << 20},
	{"knn", "{\"aspect\":\"BPO\",\"k\":5,\"n\":11804}", 4.21, 6.87, 640, 51 << 20},
	{"knn", "{\"aspect\":\"CCO\",\"k\":5,\"n\":7300}", 6.87, 8.15, 384, 51 << 20},
	{"align", "{\"pairs\":8280}", 8.16, 11.42, 8280, EXPORT_PEAK},
	{"write", "{\"codec\":\"snappy\"}", 11.43, 12.09, 7680, 118 << 20},
};
#define EXPORT_STAGES (sizeof export_stages / sizeof *export_stages)

static double scale_of(const struct export_run *r, const char *stage)
{
	if (!stage)
		return 1;
	return strcmp(stage, "load") == 0    ? r->load
	       : strcmp(stage, "knn") == 0   ? r->knn
	       : strcmp(stage, "align") == 0 ? r->align
					     : r->write;
}

struct export
{
	struct profile *p;
	const struct export_run *run;
	uint32_t threads[3];
	uint32_t stages[EXPORT_STAGES]; /* places; stage 0 is the job around them */
	int64_t from[EXPORT_STAGES], to[EXPORT_STAGES];
};

static uint32_t stage_of(const struct export *x, const char *name, size_t *at)
{
	for (*at = 0; name && *at < EXPORT_STAGES; ++*at)
		if (strcmp(export_stages[*at].name, name) == 0)
			return x->stages[*at];
	return PROFILE_NONE;
}

static void add_stages(struct export *x)
{
	struct profile *p = x->p;
	uint32_t job = rig_stage(p, PROFILE_NONE, "job");
	int64_t t = 40000000;
	size_t i;

	for (i = 0; i < EXPORT_STAGES; i++) {
		const struct export_stage *e = &export_stages[i];
		double s = (e->to - e->from) * scale_of(x->run, e->name);
		struct profile_stage *row;

		x->stages[i] = rig_stage(p, job, e->name);
		x->from[i] = t;
		x->to[i] = t += (int64_t)(s * 1e9);
		row = &p->stages[x->stages[i]];
		row->thread = x->threads[0];
		row->start_ns = p->run.start_ns + x->from[i];
		row->wall_ns = x->to[i] - x->from[i];
		row->items = e->items;
		row->params = rig_string(p, e->params);
		row->peak_heap_bytes = (int64_t)((double)e->peak * x->run->memory);
		row->peak_rss_bytes = row->peak_heap_bytes + (12 << 20);
		row->cpu_ns = row->alloc_bytes = row->alloc_count = 0;
		t += 10000000;
	}
	p->stages[job].thread = x->threads[0];
	p->stages[job].start_ns = p->run.start_ns + 20000000;
	p->stages[job].wall_ns = t;
	p->stages[job].peak_heap_bytes = (int64_t)(EXPORT_PEAK * x->run->memory);
	p->run.duration_ns = t + 200000000;
}

/* Of stages that ran more than once, each has its part by time. */
static void charge(struct export *x, const char *stage, int64_t cpu, uint64_t samples,
		   uint64_t blocks, uint64_t bytes)
{
	double all = 0;
	size_t i;

	for (i = 0; i < EXPORT_STAGES; i++)
		if (strcmp(export_stages[i].name, stage) == 0)
			all += export_stages[i].to - export_stages[i].from;
	for (i = 0; i < EXPORT_STAGES; i++) {
		const struct export_stage *e = &export_stages[i];
		struct profile_stage *row = &x->p->stages[x->stages[i]];
		double part = (e->to - e->from) / all;

		if (strcmp(e->name, stage) != 0)
			continue;
		row->cpu_ns += (int64_t)((double)cpu * part);
		row->samples += (uint64_t)((double)samples * part);
		row->alloc_count += (int64_t)((double)blocks * part);
		row->alloc_bytes += (int64_t)((double)bytes * part);
	}
}

/* ---- samples ---- */

/* What another version of the program calls instead. */
static const char *renamed(char text[512], const char *from, const struct export_run *r)
{
	const char *at = strstr(from, "~B!heap_push@knn/heap.c:20");

	if (!r->renamed || !at)
		return from;
	snprintf(text, 512, "%.*s~B!topk_insert@knn/topk.c:14", (int)(at - from), from);
	return text;
}

static void add_cpu(struct export *x)
{
	size_t i, at;
	char text[512];

	for (i = 0; i < sizeof export_cpu_rows / sizeof *export_cpu_rows; i++) {
		const struct export_cpu *row = &export_cpu_rows[i];
		uint64_t n = (uint64_t)((double)row->count * scale_of(x->run, row->stage) + 0.5);
		uint32_t stack = path(x->p, renamed(text, row->path, x->run), x->run->bin);

		rig_sample(x->p, stage_of(x, row->stage, &at), x->threads[row->thread], stack, n,
			   (int64_t)n * TICK_NS);
		if (row->stage)
			charge(x, row->stage, (int64_t)n * TICK_NS, n, 0, 0);
	}
	if (x->run->renamed)
		rig_sample(x->p, x->stages[4], x->threads[1],
			   path(x->p,
				WORKER
				"B!align_pair@align/align.c:90 B!cache_find@align/cache.c:61",
				x->run->bin),
			   90, 90 * (int64_t)TICK_NS);
}

static void add_memory(struct export *x)
{
	size_t i, at;

	for (i = 0; i < sizeof export_memory_rows / sizeof *export_memory_rows; i++) {
		const struct export_memory *row = &export_memory_rows[i];
		double scale = x->run->memory;
		uint32_t stack = path(x->p, row->path, x->run->bin), kind;
		uint64_t blocks = (uint64_t)((double)row->blocks * scale);

		for (kind = PROFILE_ALLOC; kind <= PROFILE_PEAK;
		     kind += PROFILE_PEAK - PROFILE_ALLOC) {
			uint64_t bytes = kind == PROFILE_PEAK ? row->peak : row->bytes;
			uint64_t n =
				kind == PROFILE_PEAK ? blocks * row->peak / row->bytes : blocks;

			if (bytes == 0)
				continue;
			rig_sample(x->p, stage_of(x, row->stage, &at), x->threads[row->thread],
				   stack, n, (int64_t)((double)bytes * scale));
			x->p->samples[x->p->n_samples - 1].kind = kind;
		}
		charge(x, row->stage, 0, 0, blocks, (uint64_t)((double)row->bytes * scale));
	}
}

/* ---- in time ---- */

static int tick_order(const void *pa, const void *pb)
{
	const struct profile_tick *a = pa, *b = pb;

	if (a->t_ns != b->t_ns)
		return a->t_ns < b->t_ns ? -1 : 1;
	return (a->thread > b->thread) - (a->thread < b->thread);
}

/* Every other CPU sample of a stage and thread, evenly over the time of the stage, its stacks by turns. */
static void add_ticks_of(struct export *x, uint32_t stage, uint32_t thread, int64_t from,
			 int64_t to)
{
	struct profile *p = x->p;
	double owed[64] = {0};
	uint64_t all = 0, i;
	size_t s;

	for (s = 0; s < p->n_samples && s < 64; s++)
		if (p->samples[s].kind == PROFILE_CPU && p->samples[s].stage == stage &&
		    p->samples[s].thread == thread)
			all += p->samples[s].count;
	for (i = 0; i < all; i++) {
		size_t best = 0;

		for (s = 0; s < p->n_samples && s < 64; s++) {
			const struct profile_sample *at = &p->samples[s];

			if (at->kind != PROFILE_CPU || at->stage != stage || at->thread != thread)
				continue;
			owed[s] += (double)at->count / (double)all;
			if (owed[s] > owed[best])
				best = s;
		}
		owed[best] -= 1;
		if (i % 2 == 0)
			rig_tick(p, from + (int64_t)((double)(to - from) * (double)i / (double)all),
				 thread, p->samples[best].stack,
				 i % 34 == 0 ? PROFILE_RUNNABLE : PROFILE_RUNNING);
	}
}

static void add_ticks(struct export *x)
{
	int64_t end = x->p->run.duration_ns;
	size_t t;

	for (t = 0; t < 3; t++) {
		add_ticks_of(x, x->stages[0], x->threads[t], x->from[0], x->to[0]);
		add_ticks_of(x, x->stages[1], x->threads[t], x->from[1], x->to[3]);
		add_ticks_of(x, x->stages[4], x->threads[t], x->from[4], x->to[4]);
		add_ticks_of(x, x->stages[5], x->threads[t], x->from[5], x->to[5]);
		add_ticks_of(x, PROFILE_NONE, x->threads[t], end - 180000000, end);
	}
	qsort(x->p->ticks, x->p->n_ticks, sizeof *x->p->ticks, tick_order);
}

/* Heap over time: it grows while loading, saws while aligning, and falls while writing. */
static void add_counters(struct export *x)
{
	int64_t end = x->p->run.duration_ns, peak = EXPORT_PEAK, heap, rows = 0;
	size_t stage = 0;
	int i;

	for (i = 0; i <= 160; i++) {
		int64_t t = end / 160 * i;
		double part;

		while (stage + 1 < EXPORT_STAGES && t >= x->to[stage])
			stage++;
		part = (double)(t - x->from[stage]) / (double)(x->to[stage] - x->from[stage]);
		part = part < 0 ? 0 : part > 1 ? 1 : part;
		if (stage == 0)
			heap = (int64_t)(part * (44 << 20));
		else if (stage < 4)
			heap = (44 << 20) + (i % 5) * 1200000;
		else if (stage == 4)
			heap = i % 7 == 3 && part > 0.5 && part < 0.6
				       ? peak
				       : (50 << 20) + (i % 7) * 13000000;
		else
			heap = (int64_t)((1 - part) * (118 << 20)) + (4 << 20);
		heap = (int64_t)((double)(heap > peak ? peak : heap) * x->run->memory);
		rig_counter(x->p, t, "heap_bytes", (double)heap);
		rig_counter(x->p, t, "rss_bytes", (double)(heap + heap / 16 + (12 << 20)));
		if (stage == 4 && part > 0)
			rig_counter(x->p, t, "rows", (double)(rows += 131 + i % 9));
		if (stage == 4)
			rig_counter(x->p, t, "cache hits", 0.5 + 0.45 * part);
	}
	rig_counter(x->p, (x->from[4] + x->to[4]) / 2, "heap_bytes", (double)peak * x->run->memory);
}

static void export_fill(struct profile *p, const struct export_run *r)
{
	struct export x = {.p = p, .run = r};

	rig_run(p, r->name, r->command);
	p->run.start_ns = 8000000000000;
	p->run.labels = rig_string(p, r->labels);
	x.threads[0] = rig_thread(p, "protea-export", 4100, "protea-export", 4100);
	x.threads[1] = rig_thread(p, "protea-export", 4100, "worker-0", 4101);
	x.threads[2] = rig_thread(p, "protea-export", 4100, "worker-1", 4102);
	add_stages(&x);
	add_cpu(&x);
	add_memory(&x);
	add_ticks(&x);
	add_counters(&x);
	rig_loss(p, "late_tick", 14);
	rig_loss(p, "truncated", 33);
	rig_loss(p, "no_unwind_info", 5);
}

static inline int export_library(const struct profile *p, const struct profile_frame *f)
{
	return f->module != PROFILE_NONE &&
	       strstr(strtab_text(p->strings, p->modules[f->module].path), "/bin/") == NULL;
}

#endif
