/* Writes the page of a profile made by hand to stdout, for the tests in a browser and for a look:
 * flame_page typical | hostile | empty | deep | memory | untimed | many [STACKS]. Says on stderr how much CPU time the page took. */
#include <stdio.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "tests/unit/flame_rig.h"
#include "viewer/flame.h"

/* A call path as text: "module!function@file:line" parted by blanks, "~" before an inlined one. */
static uint32_t path(struct profile *p, const char *text)
{
	char part[256], module[64], function[128], file[64];
	uint32_t stack = 0;
	int n, line;

	for (; sscanf(text, " %255s%n", part, &n) == 1; text += n) {
		int inlined = part[0] == '~', at = inlined;
		uint32_t m = PROFILE_NONE, i;

		if (sscanf(part + at, "%63[^!]!%127[^@]@%63[^:]:%d", module, function, file,
			   &line) != 4)
			abort();
		for (i = 0; i < p->n_modules; i++)
			if (strcmp(strtab_text(p->strings, p->modules[i].path), module) == 0)
				m = i;
		if (strcmp(module, "-") != 0 && m == PROFILE_NONE)
			m = rig_module(p, module);
		for (char *c = function; *c; c++)
			if (*c == '_' && c[1] == '_')
				*c = ' ', c[1] = ' ';
		stack = rig_stack(p, stack,
				  rig_frame(p, m, function, strcmp(file, "-") == 0 ? "" : file,
					    (uint32_t)line, (uint32_t)inlined));
	}
	return stack;
}

#define BIN "/opt/export/bin/protea-export"
#define C   "/lib/x86_64-linux-gnu/libc.so.6"
#define ALN "/usr/lib/libparasail.so.8"
#define SQL "/usr/lib/libsqlite3.so.0"
#define TOP BIN "!main@cli/main.c:88 " BIN "!job_run@job/job.c:201 "

static const struct typical {
	const char *stage, *path;
	uint32_t thread;
	uint64_t count;
} typical_rows[] = {
	{"load",
	 TOP BIN "!source_read@source/read.c:77 " SQL "!sqlite3_step@-:0 " SQL
		 "!sqlite3VdbeExec@-:0",
	 0, 210},
	{"load",
	 TOP BIN "!source_read@source/read.c:79 " SQL "!sqlite3_step@-:0 " SQL
		 "!sqlite3BtreeNext@-:0",
	 0, 95},
	{"load",
	 TOP BIN "!source_read@source/read.c:81 " BIN "!strtab_intern@model/strtab.c:61 ~" BIN
		 "!hash_bytes@base/hash.c:31",
	 0, 60},
	{"load", TOP BIN "!source_read@source/read.c:81 " BIN "!strtab_intern@model/strtab.c:66", 0,
	 31},
	{"load", TOP BIN "!source_read@source/read.c:90 " C "!__libc__malloc@-:0", 0, 22},
	{"knn",
	 BIN "!worker_main@core/workers.c:52 " BIN "!knn_block@knn/knn.c:140 ~" BIN
	     "!dot_f32@knn/dot.c:33",
	 1, 980},
	{"knn",
	 BIN "!worker_main@core/workers.c:52 " BIN "!knn_block@knn/knn.c:151 ~" BIN
	     "!heap_push@knn/heap.c:20",
	 1, 140},
	{"knn",
	 BIN "!worker_main@core/workers.c:52 " BIN "!knn_block@knn/knn.c:140 ~" BIN
	     "!dot_f32@knn/dot.c:33",
	 2, 1012},
	{"knn",
	 BIN "!worker_main@core/workers.c:52 " BIN "!knn_block@knn/knn.c:151 ~" BIN
	     "!heap_push@knn/heap.c:20",
	 2, 121},
	{"knn", BIN "!worker_main@core/workers.c:52 " BIN "!knn_block@knn/knn.c:160", 2, 44},
	{"align",
	 BIN "!worker_main@core/workers.c:52 " BIN "!align_pair@align/align.c:95 " ALN
	     "!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:310",
	 1, 620},
	{"align",
	 BIN "!worker_main@core/workers.c:52 " BIN "!align_pair@align/align.c:95 " ALN
	     "!parasail_sw_trace_striped_avx2_256_16@sw_trace.c:340",
	 2, 588},
	{"align",
	 BIN "!worker_main@core/workers.c:52 " BIN "!align_pair@align/align.c:99 " ALN
	     "!parasail_result_free@-:0 " C "!cfree@-:0",
	 2, 48},
	{"align",
	 BIN "!worker_main@core/workers.c:52 " BIN
	     "!align_pair@align/align.c:95 -![unknown__in__libparasail.so.8+0x1f40]@-:0",
	 1, 17},
	{"write",
	 TOP BIN "!output_write@output/parquet.c:300 "
		 "/usr/lib/libsnappy.so.1!snappy::RawCompress(char__const*,__unsigned__long)@-:0",
	 0, 88},
	{"write", TOP BIN "!output_write@output/parquet.c:310 " C "!fwrite@-:0", 0, 41},
	{NULL,
	 "-![truncated]@-:0 " BIN "!visit@ontology/closure.c:40 " BIN
	 "!visit@ontology/closure.c:40 " BIN "!visit@ontology/closure.c:44",
	 0, 33},
	{NULL, C "!start_thread@-:0 -![no__unwind__info:__libfoo.so]@-:0", 2, 5},
};

static int typical(struct profile *p, struct flame_options *o)
{
	uint32_t threads[3], stages[5], job;
	const char *const names[] = {"load", "knn", "align", "write"};
	size_t i, k;

	(void)o;
	rig_run(p, "tiny-export", "build/protea-export run samples/jobs/tiny.json --threads 2");
	threads[0] = rig_thread(p, "protea-export", 4100, "protea-export", 4100);
	threads[1] = rig_thread(p, "protea-export", 4100, "worker-0", 4101);
	threads[2] = rig_thread(p, "protea-export", 4100, "worker-1", 4102);
	job = rig_stage(p, PROFILE_NONE, "job");
	for (i = 0; i < 4; i++)
		stages[i] = rig_stage(p, job, names[i]);
	for (i = 0; i < sizeof typical_rows / sizeof *typical_rows; i++) {
		const struct typical *t = &typical_rows[i];
		uint32_t stage = PROFILE_NONE;

		for (k = 0; t->stage && k < 4; k++)
			if (strcmp(t->stage, names[k]) == 0)
				stage = stages[k];
		rig_sample(p, stage, threads[t->thread], path(p, t->path), t->count,
			   (int64_t)t->count * 5025126);
	}
	rig_loss(p, "late_tick", 14);
	rig_loss(p, "truncated", 33);
	rig_loss(p, "no_unwind_info", 5);
	return 0;
}

/* Names that try to be something else. */
static const char *const hostile_names[] = {
	"</script><script>window.broken=1</script>",
	"<img src=x onerror=window.broken=2>",
	"\"quotes\" 'and' `ticks` ${window.broken=3}",
	"line\nbreak\r\ttab\x01",
	"not utf-8: \xff\xfe\xc3(\x80",
	"line\xe2\x80\xa8separator\xe2\x80\xa9",
	"evil\xe2\x80\xaetxt.exe",
	"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d (right to left)",
	"<!--<script>",
	"]]>&amp;&lt;&#0;",
	"@PROTEA-FLAME-DATA@",
	"emoji \xf0\x9f\x94\xa5 and \xe6\xbc\xa2\xe5\xad\x97",
	"std::map<int, std::vector<std::string>>::operator[](int&&)",
	"",
	" ",
	"__proto__",
	"constructor",
};

static int hostile(struct profile *p, struct flame_options *o)
{
	const size_t n = sizeof hostile_names / sizeof *hostile_names, huge = 10 << 20;
	char *name = malloc(huge + 1);
	uint32_t thread, stage;
	size_t i;

	if (!name)
		return 1;
	memset(name, 'x', huge);
	name[huge] = '\0';
	rig_run(p, hostile_names[0], hostile_names[1]);
	p->run.host = rig_string(p, hostile_names[0]);
	p->run.id = rig_string(p, hostile_names[2]);
	p->run.labels = rig_string(p, "{\"k\": \"</script>\"}");
	o->filter_text = hostile_names[0];
	thread = rig_thread(p, hostile_names[0], 1, hostile_names[6], 1);
	rig_thread(p, hostile_names[0], 2, hostile_names[1], 2);
	stage = rig_stage(p, PROFILE_NONE, hostile_names[1]);
	stage = rig_stage(p, stage, hostile_names[3]);
	for (i = 0; i <= n; i++) {
		const char *text = i < n ? hostile_names[i] : name;
		uint32_t frame = rig_frame(p, rig_module(p, text), text, text, 7, 0);
		uint32_t stack = rig_stack(p, 0, frame);

		rig_sample(p, i & 1 ? stage : PROFILE_NONE, thread, rig_stack(p, stack, frame), 1,
			   1000);
	}
	rig_loss(p, hostile_names[0], 3);
	free(name);
	return 0;
}

static int empty(struct profile *p, struct flame_options *o)
{
	rig_run(p, "empty", "true");
	o->kind = PROFILE_WALL;
	rig_sample(p, PROFILE_NONE, rig_thread(p, "a", 1, "a", 1), 0, 1, 1);
	return 0;
}

static int deep(struct profile *p, struct flame_options *o)
{
	uint32_t frame, stack = 0, i;

	(void)o;
	rig_run(p, "deep", "recursion 2048");
	frame = rig_frame(p, rig_module(p, "/bin/recursion"), "fib", "fib.c", 3, 0);
	for (i = 0; i < 2048; i++)
		stack = rig_stack(p, stack, frame);
	rig_sample(p, PROFILE_NONE, rig_thread(p, "a", 1, "a", 1), stack, 10, 50000000);
	return 0;
}

/* Samples without values, as from formats that count only. */
static int untimed(struct profile *p, struct flame_options *o)
{
	uint32_t thread = rig_thread(p, "a", 1, "a", 1), m = rig_module(p, "a");
	uint32_t f = rig_frame(p, m, "f", "", 0, 0), g = rig_frame(p, m, "g", "", 0, 0);

	(void)o;
	rig_run(p, "untimed", "import");
	rig_sample(p, PROFILE_NONE, thread, rig_stack(p, 0, f), 1, 0);
	rig_sample(p, PROFILE_NONE, thread, rig_stack(p, 0, g), 3, 0);
	return 0;
}

/* `n` unique stacks of a program with 4,000 functions: each new one leaves an old one at some depth and
 * goes on for up to 20 frames. */
static int many(struct profile *p, uint32_t n)
{
	static const char *const parts[] = {"parse",  "read",   "write", "visit",
					    "update", "encode", "find",  "merge"};
	uint32_t frames[4000], leaf = 0, thread, modules[12], i, k;
	uint64_t seed = 7;
	char name[160];

	rig_run(p, "many", "synthetic");
	thread = rig_thread(p, "synthetic", 9, "main", 9);
	for (i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "/usr/lib/libmodule%u.so", i);
		modules[i] = rig_module(p, name);
	}
	for (i = 0; i < 4000; i++) {
		seed = hash_u64(seed + i + 1);
		snprintf(name, sizeof name, "ns%u::Class%u::%s_%s(std::string const&, int)", i % 17,
			 (unsigned)(seed % 300), parts[seed >> 20 & 7], parts[seed >> 30 & 7]);
		frames[i] = rig_frame(p, modules[seed >> 40 & 7], name, "src/file.cc", i % 900 + 1,
				      i % 5 == 0);
	}
	for (i = 0; i < n; i++) {
		uint32_t up;

		seed = hash_u64(seed + 1);
		up = (uint32_t)(seed % 5) + 1;
		for (k = 0; k < up && leaf; k++)
			leaf = p->stacks[leaf].parent;
		if (p->stacks[leaf].depth < 12)
			up += 3;
		for (k = 0; k < up && p->stacks[leaf].depth < 60; k++) {
			seed = hash_u64(seed + 3);
			leaf = rig_stack(p, leaf, frames[seed % 4000]);
		}
		rig_sample(p, PROFILE_NONE, thread, leaf, 1 + (seed >> 50 & 3),
			   5000000 + (int64_t)(seed >> 44 & 0xffff));
	}
	return 0;
}

/* Bytes live at the peak, estimated: 3 MiB by one function, 1 MiB by another. */
static int memory(struct profile *p, struct flame_options *o, struct flame_run *r)
{
	static const struct flame_precision sure = {
		PROFILE_PEAK, "estimated, one sample in 512.0 KiB", 3.5 * 1048576, 4.5 * 1048576};
	uint32_t thread;
	size_t i;

	rig_run(p, "grow", "grow 700");
	thread = rig_thread(p, "grow", 7, "grow", 7);
	rig_sample(p, PROFILE_NONE, thread,
		   path(p, "/bin/grow!main@grow.c:9 /bin/grow!keep@grow.c:3"), 3000, 3 << 20);
	rig_sample(p, PROFILE_NONE, thread,
		   path(p, "/bin/grow!main@grow.c:9 /bin/grow!fill@grow.c:5"), 10, 1 << 20);
	for (i = 0; i < p->n_samples; i++)
		p->samples[i].kind = PROFILE_PEAK;
	o->kind = PROFILE_PEAK;
	r->precisions = &sure;
	r->n_precisions = 1;
	return 0;
}

static int make(struct profile *p, const char *what, struct flame_options *o, struct flame_run *r,
		const char *n)
{
	if (strcmp(what, "typical") == 0)
		return typical(p, o);
	if (strcmp(what, "hostile") == 0)
		return hostile(p, o);
	if (strcmp(what, "empty") == 0)
		return empty(p, o);
	if (strcmp(what, "deep") == 0)
		return deep(p, o);
	if (strcmp(what, "memory") == 0)
		return memory(p, o, r);
	if (strcmp(what, "untimed") == 0)
		return untimed(p, o);
	if (strcmp(what, "many") == 0)
		return many(p, n ? (uint32_t)strtoul(n, NULL, 10) : 200000);
	return 1;
}

int main(int argc, char **argv)
{
	struct flame_run run = {0};
	struct flame_options options = {
		.kind = PROFILE_CPU, .runs = &run, .n_runs = 1, .only_kind = 1};
	struct err err = ERR_INIT;
	struct profile p;
	int64_t from;
	int rc;

	if (argc < 2 || profile_init(&p) != 0 ||
	    make(&p, argv[1], &options, &run, argc > 2 ? argv[2] : NULL)) {
		fprintf(stderr, "usage: flame_page typical|hostile|empty|deep|memory|untimed|many "
				"[STACKS]\n");
		return 2;
	}
	from = clock_process_cpu_ns();
	run.p = &p;
	rc = flame_write(stdout, &options, &err);
	fprintf(stderr, "%u stack rows, %zu samples: %.3f s of CPU %s\n", p.n_stacks, p.n_samples,
		(double)(clock_process_cpu_ns() - from) / 1e9, rc ? err.text : "");
	profile_release(&p);
	return rc ? 1 : 0;
}
