/* Writes the page of runs made by hand to stdout, for the tests in a browser and for a look: flame_page WHAT
 * [STACKS [BYTES]], where WHAT is a name of the table below. Says on stderr how much CPU time the page took. */
#include <stdio.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "tests/tools/flame_export.h"
#include "tests/tools/flame_lines.h"
#include "viewer/flame.h"

#define RUNS_MAX 6

struct pages {
	struct profile p[RUNS_MAX];
	struct flame_run runs[RUNS_MAX];
	struct flame_options o;
	uint32_t stacks; /* asked for */
};

/* One more run, empty. */
static struct profile *add_run(struct pages *x)
{
	struct profile *p = &x->p[x->o.n_runs];

	if (profile_init(p) != 0)
		abort();
	x->runs[x->o.n_runs].p = p;
	x->runs[x->o.n_runs].library = export_library;
	x->o.n_runs++;
	return p;
}

#define BIN "/opt/export/bin/protea-export"

static const struct export_run typical_run = {.name = "tiny-export",
					      .command = "build/protea-export run "
							 "samples/jobs/tiny.json --threads 2",
					      .labels = "{\"commit\":\"742ec6e\"}",
					      .bin = BIN,
					      .load = 1,
					      .knn = 1,
					      .align = 1,
					      .write = 1,
					      .memory = 1};

static void typical(struct pages *x)
{
	struct profile *p = add_run(x);

	export_fill(p, &typical_run);
	x->o.source = lines_source(p);
}

static void redacted(struct pages *x)
{
	typical(x);
	x->o.redact = 1;
}

/* The search is faster, alignments are slower but for those that a new cache finds. */
static void compare(struct pages *x)
{
	struct export_run after = typical_run;

	after.bin = "/srv/builds/42/bin/protea-export";
	after.labels = "{\"commit\":\"9b02f7c\"}";
	after.knn = 0.62;
	after.align = 1.12;
	after.memory = 1.25;
	after.renamed = 1;
	export_fill(add_run(x), &typical_run);
	export_fill(add_run(x), &after);
	x->p[1].run.id = rig_string(&x->p[1], "b81d02ce-5a6f-4f0b-8a31-77d1c0ffee42");
	x->p[1].run.started_at += 3600000000000;
	x->runs[0].name = "tiny-export (before)";
	x->runs[1].name = "tiny-export (after)";
}

static void grid(struct pages *x)
{
	static const char *const models[] = {"esm2_650m", "prot_t5", "ankh_large"};
	static const double costs[] = {1, 0.8, 1.2};
	static char names[RUNS_MAX][32], labels[RUNS_MAX][64], ids[RUNS_MAX][40];
	size_t i;

	for (i = 0; i < RUNS_MAX; i++) {
		struct export_run r = typical_run;
		int k = i % 2 ? 10 : 5;
		struct profile *p;

		snprintf(names[i], sizeof names[i], "%s k=%d", models[i / 2], k);
		snprintf(labels[i], sizeof labels[i], "{\"plm\":\"%s\",\"k\":\"%d\"}",
			 models[i / 2], k);
		snprintf(ids[i], sizeof ids[i], "%08x-0000-4000-8000-000000000000",
			 (unsigned)hash_u64(i + 1));
		r.name = names[i];
		r.labels = labels[i];
		r.knn = costs[i / 2];
		r.align = k == 10 ? 1.9 : 1;
		r.write = k == 10 ? 1.7 : 1;
		r.memory = k == 10 ? 1.3 : 1;
		p = add_run(x);
		export_fill(p, &r);
		p->run.id = rig_string(p, ids[i]);
		p->run.started_at += (int64_t)i * 60000000000;
	}
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
#define HOSTILE (sizeof hostile_names / sizeof *hostile_names)

static uint32_t hostile_nul(struct profile *p)
{
	uint32_t id = 0;

	if (strtab_intern(p->strings, "a\0<b>NUL", 8, &id) != 0)
		abort();
	return id;
}

/* Stages, samples in time and counters that are called so; text of a file, too. */
static void hostile_times(struct profile *p, uint32_t thread)
{
	size_t i;

	for (i = 0; i < HOSTILE; i++) {
		uint32_t stage = rig_stage(p, PROFILE_NONE, hostile_names[i]);
		struct profile_stage *s = &p->stages[stage];

		s->thread = thread;
		s->start_ns = p->run.start_ns + (int64_t)i * 1000;
		s->wall_ns = 900;
		s->items = i == 3 ? -1e308 : (double)i;
		s->params = rig_string(p, hostile_names[HOSTILE - 1 - i]);
		rig_tick(p, (int64_t)i * 1000, thread, 1 + (uint32_t)i,
			 (uint32_t)i % PROFILE_STATES);
		rig_counter(p, (int64_t)i * 1000, hostile_names[i], (double)i - 3.5);
		rig_counter(p, -5, hostile_names[i], -9e15);
	}
}

static void hostile_source(struct pages *x)
{
	static const char text[] = "</script><script>window.broken=4</script>\n"
				   "<!--<script>\0 NUL \xff\xfe \xe2\x80\xae turned\n"
				   "\t\t@PROTEA-FLAME-DATA@ `${window.broken=5}`\n";
	static const struct flame_line lines[] = {{1, {5, 1}, {9, 1}},
						  {4000000000u, {1, 0}, {1, 0}}};
	static const struct flame_window windows[] = {{1, 3, text, sizeof text - 1}};
	static const struct flame_file files[] = {
		{"</script><img src=x onerror=window.broken=6>.c", lines, 2, windows, 1},
		{"\xe2\x80\xae"
		 "c.live",
		 lines, 1, NULL, 0}};
	static const struct flame_source source = {.files = files,
						   .n_files = 2,
						   .columns = {PROFILE_CPU, PROFILE_ALLOC},
						   .n_columns = 2,
						   .left_out = 1};

	x->o.source = &source;
}

static void hostile(struct pages *x)
{
	static const struct flame_precision sure = {PROFILE_ALLOC, "<b>estimated</b>", 1, 5};
	const size_t huge = 10 << 20;
	char *name = malloc(huge + 1);
	struct profile *p = add_run(x);
	uint32_t thread, stage;
	size_t i;

	if (!name)
		abort();
	memset(name, 'x', huge);
	name[huge] = '\0';
	rig_run(p, hostile_names[0], hostile_names[1]);
	p->run.host = rig_string(p, hostile_names[0]);
	p->run.id = rig_string(p, hostile_names[2]);
	p->run.labels = rig_string(p, "{\"k\": \"</script>\"}");
	x->o.filter_text = hostile_names[0];
	thread = rig_thread(p, hostile_names[0], 1, hostile_names[6], 1);
	rig_thread(p, hostile_names[0], 2, hostile_names[1], 2);
	stage = rig_stage(p, PROFILE_NONE, hostile_names[1]);
	stage = rig_stage(p, stage, hostile_names[3]);
	for (i = 0; i <= HOSTILE + 1; i++) {
		const char *text = i < HOSTILE ? hostile_names[i] : name;
		uint32_t frame = rig_frame(p, rig_module(p, text), text, text, 7, 0);
		uint32_t stack = rig_stack(p, 0, frame);

		if (i > HOSTILE)
			p->frames[frame].function = hostile_nul(p);
		rig_sample(p, i & 1 ? stage : PROFILE_NONE, thread, rig_stack(p, stack, frame), 1,
			   1000);
		if (i % 3 == 0) { /* a count without a value, among those that have one */
			rig_sample(p, stage, thread, stack, 1, i % 2 ? 0 : 4);
			p->samples[p->n_samples - 1].kind = PROFILE_ALLOC;
		}
	}
	rig_loss(p, hostile_names[0], 3);
	hostile_times(p, thread);
	hostile_source(x);
	x->runs[0].precisions = &sure;
	x->runs[0].n_precisions = 1;
	free(name);
}

static void empty(struct pages *x)
{
	struct profile *p = add_run(x);

	rig_run(p, "empty", "true");
	x->o.kind = PROFILE_WALL;
	x->o.only_kind = 1;
	rig_sample(p, PROFILE_NONE, rig_thread(p, "a", 1, "a", 1), 0, 1, 1);
}

static void deep(struct pages *x)
{
	struct profile *p = add_run(x);
	uint32_t frame, stack = 0, i;

	rig_run(p, "deep", "recursion 5000");
	frame = rig_frame(p, rig_module(p, "/bin/recursion"), "fib", "fib.c", 3, 0);
	for (i = 0; i < 5000; i++)
		stack = rig_stack(p, stack, frame);
	rig_sample(p, PROFILE_NONE, rig_thread(p, "a", 1, "a", 1), stack, 10, 50000000);
}

/* Samples without values, as from formats that count only. */
static void untimed(struct pages *x)
{
	struct profile *p = add_run(x);
	uint32_t thread = rig_thread(p, "a", 1, "a", 1), m = rig_module(p, "a");
	uint32_t f = rig_frame(p, m, "f", "", 0, 0), g = rig_frame(p, m, "g", "", 0, 0);

	rig_run(p, "untimed", "import");
	rig_sample(p, PROFILE_NONE, thread, rig_stack(p, 0, f), 1, 0);
	rig_sample(p, PROFILE_NONE, thread, rig_stack(p, 0, g), 3, 0);
}

/* Unique stacks of a program with 4,000 functions: each new one leaves an old one at some depth and goes on for
 * up to 20 frames. */
static void many(struct pages *x)
{
	static const char *const parts[] = {"parse",  "read",   "write", "visit",
					    "update", "encode", "find",  "merge"};
	struct profile *p = add_run(x);
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
	for (i = 0; i < x->stacks; i++) {
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
}

/* Bytes live at the peak, estimated: 3 MiB by one function, 1 MiB by another; and the heap over time. */
static void memory(struct pages *x)
{
	static const struct flame_precision sure = {
		PROFILE_PEAK, "estimated, one sample in 512.0 KiB", 3.5 * 1048576, 4.5 * 1048576};
	struct profile *p = add_run(x);
	uint32_t thread;
	int i;
	size_t s;

	rig_run(p, "grow", "grow 700");
	thread = rig_thread(p, "grow", 7, "grow", 7);
	rig_sample(p, PROFILE_NONE, thread,
		   path(p, "/bin/grow!main@grow.c:9 /bin/grow!keep@grow.c:3", NULL), 3000, 3 << 20);
	rig_sample(p, PROFILE_NONE, thread,
		   path(p, "/bin/grow!main@grow.c:9 /bin/grow!fill@grow.c:5", NULL), 10, 1 << 20);
	for (s = 0; s < p->n_samples; s++)
		p->samples[s].kind = PROFILE_PEAK;
	for (i = 0; i <= 50; i++)
		rig_counter(p, i * (p->run.duration_ns / 50), "heap_bytes",
			    i < 40    ? i * 104857.0
			    : i == 40 ? 4 << 20
				      : (50 - i) * 300000.0);
	x->o.kind = PROFILE_PEAK;
	x->runs[0].precisions = &sure;
	x->runs[0].n_precisions = 1;
}

static const struct {
	const char *name;
	void (*make)(struct pages *x);
} kinds_of_page[] = {
	{"typical", typical}, {"redacted", redacted}, {"compare", compare}, {"grid", grid},
	{"hostile", hostile}, {"empty", empty},       {"deep", deep},       {"memory", memory},
	{"untimed", untimed}, {"many", many},
};

static int make(struct pages *x, const char *what)
{
	size_t i;

	for (i = 0; i < sizeof kinds_of_page / sizeof *kinds_of_page; i++)
		if (strcmp(kinds_of_page[i].name, what) == 0) {
			kinds_of_page[i].make(x);
			return 0;
		}
	return -1;
}

int main(int argc, char **argv)
{
	static struct pages x;
	struct err err = ERR_INIT;
	uint64_t stacks = 0, samples = 0;
	int64_t from;
	size_t i;
	int rc;

	x.o = (struct flame_options){.kind = PROFILE_CPU, .runs = x.runs};
	x.stacks = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 200000;
	x.o.max_bytes = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	if (argc < 2 || make(&x, argv[1]) != 0) {
		fprintf(stderr, "usage: flame_page "
				"typical|redacted|compare|grid|hostile|empty|deep|memory|untimed|"
				"many [STACKS [BYTES]]\n");
		return 2;
	}
	from = clock_process_cpu_ns();
	rc = flame_write(stdout, &x.o, &err);
	for (i = 0; i < x.o.n_runs; i++) {
		stacks += x.p[i].n_stacks;
		samples += x.p[i].n_samples;
		profile_release(&x.p[i]);
	}
	fprintf(stderr, "%llu stack rows, %llu samples: %.3f s of CPU %s\n",
		(unsigned long long)stacks, (unsigned long long)samples,
		(double)(clock_process_cpu_ns() - from) / 1e9, rc ? err.text : "");
	return rc ? 1 : 0;
}
