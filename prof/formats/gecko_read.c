/* Reading Firefox profiles: see gecko_read.h. Where the parts stand is found first, then tables are read as threads
 * need them: tables that threads share are read once. */
#include "prof/formats/gecko_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/gecko_stacks.h"
#include "prof/formats/gecko_tables.h"
#include "prof/formats/intake.h"
#include "prof/formats/json_in.h"

#define PROCESSES_DEEP 8

struct gecko {
	struct intake in;
	struct json_in j;
	const struct import_options *o;
	struct buf *notes;
	struct err *err;
	struct gecko_stacks stacks;
	double interval_ms, start_ms, cpu_factor; /* ns of 1 of threadCPUDelta; 0: not measured */
	double first, last;                       /* ms */
	unsigned threads, taken;
};

struct parts { /* of a profile, or one of its processes */
	const char *meta, *libs, *shared, *threads, *processes;
	const char *profile; /* what the developer tools of older Firefoxes saved holds one */
};

struct thread {
	uint32_t name, process_name;
	int64_t pid, tid;
	const char *samples;
	struct gecko_places places;
	int weight_type; /* 0: samples, 1: milliseconds, 2: bytes */
};

/* A string, or "" for what is none. */
static int text_or_none(struct gecko *x, const char **text, size_t *n)
{
	*text = "";
	*n = 0;
	return json_in_peek(&x->j) == JSON_IN_STRING ? json_in_string(&x->j, text, n)
						     : json_in_skip(&x->j);
}

static int name_or_none(struct gecko *x, uint32_t *id)
{
	const char *text;
	size_t n;
	int rc = text_or_none(x, &text, &n);

	return rc ? rc : intake_text(&x->in, text, n, id);
}

/* A number, or a string of digits ("1234.1": the second life of a pid). */
static int id_or_none(struct gecko *x, int64_t *id)
{
	const char *text;
	double number;
	size_t n;
	int rc;

	*id = 0;
	if (json_in_peek(&x->j) == JSON_IN_NUMBER) {
		rc = json_in_number(&x->j, &number);
		if (rc == 0 && number >= 0 && number < 9e15)
			*id = (int64_t)number;
		return rc;
	}
	rc = text_or_none(x, &text, &n);
	if (rc == 0 && n > 0 && n < 16)
		*id = strtoll(text, NULL, 10);
	return rc;
}

/* ---- meta ---- */

static int units_member(struct gecko *x)
{
	const char *key, *text;
	size_t n;
	int rc;

	if (json_in_peek(&x->j) != JSON_IN_OBJECT)
		return json_in_skip(&x->j);
	rc = json_in_object(&x->j);
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		int is_cpu = json_in_is(key, n, "threadCPUDelta");

		rc = text_or_none(x, &text, &n);
		if (rc == 0 && is_cpu)
			x->cpu_factor = json_in_is(text, n, "ns")          ? 1
					: json_in_is(text, n, "\xc2\xb5s") ? 1e3
									   : 0;
	}
	return rc;
}

static int read_meta(struct gecko *x, const char *at)
{
	const char *key;
	size_t n;
	int rc;

	json_in_go(&x->j, at);
	rc = json_in_object(&x->j);
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		int number = json_in_peek(&x->j) == JSON_IN_NUMBER;

		if (number && json_in_is(key, n, "interval"))
			rc = json_in_number(&x->j, &x->interval_ms);
		else if (number && json_in_is(key, n, "startTime"))
			rc = json_in_number(&x->j, &x->start_ms);
		else if (json_in_is(key, n, "product"))
			rc = name_or_none(x, &x->in.p->run.command);
		else if (json_in_is(key, n, "sampleUnits"))
			rc = units_member(x);
		else
			rc = json_in_skip(&x->j);
	}
	return rc;
}

/* ---- threads ---- */

/* Where a table stands, if this member is one. */
static const char **place_of(struct gecko_places *p, const char *key, size_t n)
{
	if (json_in_is(key, n, "stringArray") || json_in_is(key, n, "stringTable"))
		return &p->strings;
	if (json_in_is(key, n, "stackTable"))
		return &p->stacks;
	if (json_in_is(key, n, "frameTable"))
		return &p->frames;
	if (json_in_is(key, n, "funcTable"))
		return &p->funcs;
	if (json_in_is(key, n, "resourceTable"))
		return &p->resources;
	return json_in_is(key, n, "sources") ? &p->sources : NULL;
}

static int read_shared(struct gecko *x, const char *at, struct gecko_places *p)
{
	const char *key, **place;
	size_t n;
	int rc;

	json_in_go(&x->j, at);
	rc = json_in_object(&x->j);
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		place = place_of(p, key, n);
		rc = place ? json_in_later(&x->j, place) : json_in_skip(&x->j);
	}
	return rc;
}

static int thread_member(struct gecko *x, struct thread *t, const char *key, size_t n)
{
	const char **place = place_of(&t->places, key, n);

	if (place)
		return json_in_later(&x->j, place);
	if (json_in_is(key, n, "samples"))
		return json_in_later(&x->j, &t->samples);
	if (json_in_is(key, n, "name"))
		return name_or_none(x, &t->name);
	if (json_in_is(key, n, "processName"))
		return name_or_none(x, &t->process_name);
	if (json_in_is(key, n, "pid"))
		return id_or_none(x, &t->pid);
	if (json_in_is(key, n, "tid"))
		return id_or_none(x, &t->tid);
	return json_in_skip(&x->j);
}

static int read_weight_type(struct gecko *x, struct thread *t)
{
	const char *key, *text;
	size_t n;
	int rc;

	json_in_go(&x->j, t->samples);
	rc = json_in_object(&x->j);
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		if (!json_in_is(key, n, "weightType")) {
			rc = json_in_skip(&x->j);
			continue;
		}
		rc = text_or_none(x, &text, &n);
		t->weight_type = json_in_is(text, n, "tracing-ms") ? 1
				 : json_in_is(text, n, "bytes")    ? 2
								   : 0;
	}
	return rc;
}

enum { STACK, TIME, DELTAS, WEIGHT, CPU, COLUMNS };

/* How the samples' own weights are taken; 0 in *use: not at all. */
static int weight_scale(struct gecko *x, const struct thread *t, int cpu_told,
			struct import_scale *s, int *use)
{
	static const enum import_unit units[] = {IMPORT_SAMPLES, IMPORT_MS, IMPORT_BYTES};
	struct import_options o = *x->o;

	if (o.rate_hz <= 0 && x->interval_ms > 0)
		o.rate_hz = 1e3 / x->interval_ms;
	x->in.p->run.rate_hz = o.rate_hz;
	*use = !(cpu_told && x->o->kind == PROFILE_CPU);
	return import_scale(s, &o, units[t->weight_type],
			    t->weight_type == 2 ? PROFILE_ALLOC : PROFILE_WALL, x->err);
}

static void see_time(struct gecko *x, double ms)
{
	if (!isfinite(ms))
		return;
	if (!(x->first <= ms))
		x->first = ms;
	if (!(x->last >= ms))
		x->last = ms;
}

static int add_sample(struct gecko *x, const struct gecko_column *c, uint32_t row, uint32_t thread,
		      const struct import_scale *s, int use)
{
	double weight =
		c[WEIGHT].numbers && isfinite(c[WEIGHT].numbers[row]) ? c[WEIGHT].numbers[row] : 1;
	int cpu_told = c[CPU].numbers && isfinite(c[CPU].numbers[row]) && x->cpu_factor > 0;
	struct import_scale cpu = {PROFILE_CPU, x->cpu_factor, 0};
	uint32_t stack;
	uint64_t count;
	int64_t value;
	int rc;

	if (!c[STACK].indexes || c[STACK].indexes[row] == GECKO_NONE)
		return 0;
	rc = gecko_stack(&x->stacks, c[STACK].indexes[row], &stack);
	if (rc || stack == 0)
		return rc;
	if (use) {
		rc = import_value(s, weight, &count, &value, x->err);
		if (rc == 0 && (count || value))
			rc = intake_add(&x->in, s->kind, thread, stack, count, value);
	}
	if (rc || !cpu_told || (x->o->kind >= 0 && x->o->kind != PROFILE_CPU))
		return rc;
	rc = import_value(&cpu, c[CPU].numbers[row], &count, &value, x->err);
	return rc || value == 0 ? rc : intake_add(&x->in, PROFILE_CPU, thread, stack, 1, value);
}

static int read_samples(struct gecko *x, const struct thread *t, uint32_t thread)
{
	struct gecko_column c[COLUMNS] = {[STACK] = {.name = "stack"},
					  [TIME] = {.name = "time", .real = 1},
					  [DELTAS] = {.name = "timeDeltas", .real = 1},
					  [WEIGHT] = {.name = "weight", .real = 1},
					  [CPU] = {.name = "threadCPUDelta", .real = 1}};
	struct import_scale s;
	uint32_t rows, i;
	double now = 0;
	int use = 0, rc = gecko_table(&x->j, t->samples, c, COLUMNS, &rows);

	if (rc == 0)
		rc = weight_scale(x, t, c[CPU].numbers && x->cpu_factor > 0, &s, &use);
	for (i = 0; rc == 0 && i < rows; i++) {
		if (c[DELTAS].numbers && isfinite(c[DELTAS].numbers[i]))
			now += c[DELTAS].numbers[i];
		see_time(x, c[TIME].numbers     ? c[TIME].numbers[i]
			    : c[DELTAS].numbers ? now
						: (double)NAN);
		rc = add_sample(x, c, i, thread, &s, use);
	}
	gecko_columns_release(c, COLUMNS);
	return rc;
}

static int take_thread(struct gecko *x, struct thread *t)
{
	uint32_t process, thread;
	int rc = read_weight_type(x, t);

	if (rc == 0)
		rc = gecko_stacks_use(&x->stacks, &t->places);
	if (rc == 0)
		rc = intake_process(&x->in, t->pid, t->process_name, &process);
	if (rc == 0)
		rc = intake_thread(&x->in, process, t->tid, t->name, &thread);
	return rc ? rc : read_samples(x, t, thread);
}

static int read_thread(struct gecko *x, const struct gecko_places *shared)
{
	struct thread t = {.places = *shared};
	const char *key, *behind;
	size_t n;
	int rc = json_in_object(&x->j), depth = x->j.depth - 1;

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0)
		rc = thread_member(x, &t, key, n);
	if (rc)
		return rc;
	x->threads++;
	if (!t.samples ||
	    (x->o->only && strcmp(x->o->only, strtab_text(x->in.p->strings, t.name)) != 0))
		return 0;
	x->taken++;
	behind = x->j.at;
	rc = take_thread(x, &t);
	if (rc)
		return err_prefix(x->err, "thread %u", x->threads);
	json_in_go(&x->j, behind);
	x->j.fresh = 0;
	x->j.depth = depth;
	return 0;
}

/* ---- profiles ---- */

static int find_parts(struct gecko *x, struct parts *p)
{
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	memset(p, 0, sizeof(*p));
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		const char **place = json_in_is(key, n, "meta")        ? &p->meta
				     : json_in_is(key, n, "libs")      ? &p->libs
				     : json_in_is(key, n, "shared")    ? &p->shared
				     : json_in_is(key, n, "threads")   ? &p->threads
				     : json_in_is(key, n, "processes") ? &p->processes
				     : json_in_is(key, n, "profile")   ? &p->profile
								       : NULL;

		rc = place ? json_in_later(&x->j, place) : json_in_skip(&x->j);
	}
	return rc;
}

static int read_profile(struct gecko *x, const char *at, int deep);

static int read_processes(struct gecko *x, const char *at, int deep)
{
	int rc;

	json_in_go(&x->j, at);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		const char *one, *behind;

		rc = json_in_later(&x->j, &one);
		behind = x->j.at;
		if (rc == 0)
			rc = read_profile(x, one, deep + 1);
		if (rc)
			break;
		json_in_go(&x->j, behind);
		x->j.fresh = 0;
		x->j.depth = 1;
	}
	return rc;
}

static int read_profile(struct gecko *x, const char *at, int deep)
{
	struct gecko_places shared = {0};
	struct parts p;
	int rc;

	if (deep > PROCESSES_DEEP)
		return err_set(x->err, ERR_FORMAT, "processes inside processes inside processes");
	json_in_go(&x->j, at);
	rc = find_parts(x, &p);
	if (rc == 0 && deep == 0)
		rc = json_in_done(&x->j);
	if (rc == 0 && !p.threads && p.profile)
		return read_profile(x, p.profile, deep + 1);
	if (rc == 0 && !p.threads)
		rc = err_set(x->err, ERR_FORMAT,
			     "there are no threads: this is no Firefox profile");
	if (rc == 0 && p.meta)
		rc = read_meta(x, p.meta);
	if (rc == 0)
		rc = gecko_stacks_libs(&x->stacks, p.libs);
	if (rc == 0 && p.shared)
		rc = read_shared(x, p.shared, &shared);
	if (rc)
		return rc;
	json_in_go(&x->j, p.threads);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0)
		rc = read_thread(x, &shared);
	if (rc == 0 && p.processes && json_in_peek(&x->j) != JSON_IN_BAD)
		rc = read_processes(x, p.processes, deep);
	return rc;
}

static void finish_run(struct gecko *x)
{
	struct profile_run *run = &x->in.p->run;

	if (x->start_ms > 0 && x->start_ms < 9e12)
		run->started_at = (int64_t)(x->start_ms * 1e6);
	if (x->last > x->first && x->last - x->first < 9e12)
		run->duration_ns = (int64_t)((x->last - x->first) * 1e6);
}

int gecko_read(struct profile *p, struct bytes *from, const struct import_options *o,
	       struct buf *notes, struct err *err)
{
	struct gecko x = {
		.o = o, .notes = notes, .err = err, .interval_ms = 1, .first = NAN, .last = NAN};
	const char *data;
	size_t n;
	int rc = bytes_all(from, &data, &n, err);

	if (rc)
		return rc;
	json_in_begin(&x.j, data, n, err);
	rc = intake_begin(&x.in, p, err);
	gecko_stacks_begin(&x.stacks, &x.in, &x.j);
	if (rc == 0)
		rc = read_profile(&x, data, 0);
	if (rc == 0 && o->only && !x.taken)
		rc = err_set(err, ERR_NOTFOUND, "none of the %u threads in the file is '%s'",
			     x.threads, o->only);
	if (rc == 0)
		rc = intake_finish(&x.in);
	if (rc == 0)
		finish_run(&x);
	gecko_stacks_end(&x.stacks);
	intake_end(&x.in);
	json_in_end(&x.j);
	return rc;
}
