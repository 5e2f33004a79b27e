/* The data of a page of profiles whose rows arbitrary bytes name: rows that contradict each other are refused, of all others
 * the sums by run and kind are in the data whatever is folded, which inflate and are the same each time. Input: four bytes
 * of options, two of how much room there is, then rows: a letter for the table and its numbers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "prof/base/buf.h"
#include "tests/unit/flame_rig.h"
#include "viewer/graph.h"
#include "viewer/payload.h"

#define RUNS     3
#define ROWS_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

static uint32_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint32_t word(struct input *in)
{
	uint32_t low = byte(in);

	return low | byte(in) << 8;
}

/* A place in a table of `n` rows: mostly one that is there, PROFILE_NONE for 255, behind the end for 254. */
static uint32_t place(struct input *in, uint32_t n)
{
	uint32_t b = byte(in);

	return b == 255 ? PROFILE_NONE : b == 254 ? n : n ? b % n : PROFILE_NONE;
}

static uint32_t text(struct input *in, struct profile *p)
{
	size_t n = byte(in) % 20;
	uint32_t id = 0;

	if (n > (size_t)(in->end - in->at))
		n = (size_t)(in->end - in->at);
	if (strtab_intern(p->strings, (const char *)in->at, n, &id) != 0)
		abort();
	in->at += n;
	return id;
}

static int64_t value(struct input *in)
{
	uint32_t shift = byte(in);
	int64_t v = word(in);

	return shift == 255 ? -v : (int64_t)((uint64_t)v << shift % 63);
}

static void add_stage(struct input *in, struct profile *p)
{
	struct profile_stage *s = RIG_ROW(p->stages, p->n_stages);

	s->parent = place(in, p->n_stages - 1);
	s->thread = place(in, p->n_threads);
	s->name = text(in, p);
	s->params = text(in, p);
	s->start_ns = value(in);
	s->wall_ns = value(in);
	s->cpu_ns = value(in);
	s->items = (double)value(in) / 3;
	s->alloc_bytes = value(in);
	s->alloc_count = s->peak_heap_bytes = value(in);
	s->samples = s->folded = word(in);
}

static void add_frame(struct input *in, struct profile *p)
{
	struct profile_frame *f = RIG_ROW(p->frames, p->n_frames);

	f->module = place(in, p->n_modules);
	f->function = text(in, p);
	f->file = text(in, p);
	f->line = word(in);
	f->inline_depth = byte(in) & 1;
}

static void add_sample(struct input *in, struct profile *p)
{
	struct profile_sample *s = RIG_ROW(p->samples, p->n_samples);

	s->kind = byte(in) % (PROFILE_KINDS + 1);
	s->stage = place(in, p->n_stages);
	s->thread = place(in, p->n_threads);
	s->stack = place(in, p->n_stacks);
	s->count = word(in);
	s->value = value(in);
}

static void add_row(struct input *in, struct profile *p)
{
	uint32_t table = byte(in);

	if (table % 8 == 0)
		add_sample(in, p);
	else if (table % 8 == 1)
		add_frame(in, p);
	else if (table % 8 == 2 || table % 8 == 3) {
		struct profile_stack *s = RIG_ROW(p->stacks, p->n_stacks);

		s->parent = place(in, p->n_stacks - 1);
		s->frame = place(in, p->n_frames);
	} else if (table % 8 == 4) {
		add_stage(in, p);
	} else if (table % 8 == 5) {
		struct profile_tick *t = RIG_ROW(p->ticks, p->n_ticks);

		t->t_ns = (p->n_ticks > 1 ? t[-1].t_ns : 0) + value(in) % 1000000;
		t->thread = place(in, p->n_threads);
		t->stack = place(in, p->n_stacks);
		t->state = byte(in) % (PROFILE_STATES + 1);
	} else if (table % 8 == 6) {
		struct profile_counter *c = RIG_ROW(p->counters, p->n_counters);

		c->t_ns = value(in);
		c->name = text(in, p);
		c->value = (double)value(in) / (byte(in) + 1);
	} else if (table & 8) {
		struct profile_module *m = RIG_ROW(p->modules, p->n_modules);

		m->path = text(in, p);
	} else {
		struct profile_thread *t = RIG_ROW(p->threads, p->n_threads);

		t->process = place(in, p->n_processes);
		t->tid = word(in);
		t->name = text(in, p);
	}
}

/* The samples of a graph add up to what was taken of each run. */
static void check_sums(const struct graph *g)
{
	struct graph_run sums[RUNS] = {{{0}, {0}}};
	uint32_t run;
	size_t i;

	for (i = 0; i < g->n_samples; i++) {
		const struct graph_group *at = &g->groups[g->samples[i].group];

		if (g->samples[i].node >= g->n_nodes)
			abort();
		sums[at->run].counts[g->kinds[at->kind]] += g->samples[i].count;
		sums[at->run].values[g->kinds[at->kind]] += g->samples[i].value;
	}
	for (run = 0; run < g->n_runs; run++)
		if (memcmp(&sums[run], &g->runs[run], sizeof sums[run]) != 0)
			abort();
}

static int make(struct buf *out, const struct flame_options *o, size_t room)
{
	struct err err = ERR_INIT;
	struct graph g;
	int rc = graph_build(&g, o, &err);

	if (rc == 0) {
		check_sums(&g);
		rc = payload_write(out, &g, o, room, &err);
		if (rc != 0)
			abort();
		check_sums(&g);
		graph_release(&g);
	}
	if (rc != err.code || (rc != 0 && rc != ERR_FORMAT && rc != ERR_LIMIT))
		abort();
	return rc;
}

static void must_inflate(const struct buf *b)
{
	unsigned char out[65536];
	z_stream z = {0};
	int rc = Z_OK;

	if (inflateInit(&z) != Z_OK)
		abort();
	z.next_in = (Bytef *)b->data;
	z.avail_in = (uInt)b->len;
	while (rc == Z_OK) {
		z.next_out = out;
		z.avail_out = sizeof out;
		rc = inflate(&z, Z_NO_FLUSH);
	}
	if (rc != Z_STREAM_END || z.avail_in != 0)
		abort();
	inflateEnd(&z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct profile p[RUNS];
	struct flame_run runs[RUNS];
	struct flame_options o = {.runs = runs, .n_runs = byte(&in) % RUNS + 1};
	struct buf a = BUF_INIT, b = BUF_INIT;
	size_t room, i, rows;

	o.kind = (enum profile_kind)(byte(&in) % PROFILE_KINDS);
	o.only_kind = byte(&in) & 1;
	o.redact = byte(&in) & 1;
	room = 4 * (size_t)word(&in);
	for (i = 0; i < o.n_runs; i++) {
		if (profile_init(&p[i]) != 0)
			abort();
		runs[i] = (struct flame_run){.p = &p[i]};
	}
	for (rows = 0; in.at < in.end && rows < ROWS_MAX; rows++)
		add_row(&in, &p[rows % o.n_runs]);
	if (make(&a, &o, room) == 0) {
		must_inflate(&a);
		if (make(&b, &o, room) != 0 || a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
			abort();
	}
	buf_release(&a);
	buf_release(&b);
	for (i = 0; i < o.n_runs; i++)
		profile_release(&p[i]);
	return 0;
}
