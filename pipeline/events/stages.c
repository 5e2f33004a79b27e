/* Stages of a run: one profiler mark, one event, one clock; see events.h. */
#include "pipeline/events/events_internal.h"

#include "pipeline/core/text.h"
#include "prof/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static _Thread_local unsigned depth; /* stages of this thread that are open */

void events_stage_begin(struct events *e, struct events_stage *st, const char *name)
{
	*st = (struct events_stage){.events = e, .name = name, .outer = depth == 0};
	depth++;
	st->mark = pp_stage_begin(name);
	st->start_cpu_ns = clock_process_cpu_ns();
	st->start_ns = clock_mono_ns();
}

static uint64_t peak_rss_bytes(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss * 1024; /* Linux counts KiB */
}

/* The sum of that name, new or old; NULL: no memory. */
static struct stage_sum *find_sum(struct events *e, const char *name)
{
	struct stage_sum *sums;
	size_t i, cap;
	char *copy;

	for (i = 0; i < e->n_sums; i++)
		if (strcmp(e->sums[i].name, name) == 0)
			return &e->sums[i];
	if (e->n_sums == e->cap_sums) {
		cap = e->cap_sums ? 2 * e->cap_sums : 16;
		sums = realloc(e->sums, cap * sizeof *sums);
		if (!sums)
			return NULL;
		e->sums = sums;
		e->cap_sums = cap;
	}
	copy = strdup(name);
	if (!copy)
		return NULL;
	e->sums[e->n_sums] = (struct stage_sum){.name = copy};
	return &e->sums[e->n_sums++];
}

static void add_up(struct events_stage *st, int64_t wall_ns, int64_t wall_ms, int64_t cpu_ns)
{
	struct events *e = st->events;
	uint64_t peak = peak_rss_bytes();
	struct stage_sum *sum;

	pthread_mutex_lock(&e->lock);
	if (st->outer)
		e->outer_ms += wall_ms;
	sum = find_sum(e, st->name);
	if (sum) { /* without memory the table lacks a line, the run goes on */
		sum->n++;
		sum->wall_ns += wall_ns;
		sum->cpu_ns += cpu_ns;
		if (peak > sum->peak_rss_bytes)
			sum->peak_rss_bytes = peak;
	}
	pthread_mutex_unlock(&e->lock);
}

double events_stage_end(struct events_stage *st, const char *event, json_t *fields)
{
	int64_t wall_ns = clock_mono_ns() - st->start_ns;
	int64_t cpu_ns = clock_process_cpu_ns() - st->start_cpu_ns;
	int64_t wall_ms = (wall_ns + 500000) / 1000000;
	double elapsed_s = (double)wall_ms / 1000.0;

	if (!st->name) { /* ended before */
		json_decref(fields);
		return 0;
	}
	pp_stage_end(&st->mark);
	if (st->outer)
		depth = 0; /* also ends inner ones that a failure left open */
	else if (depth > 0)
		depth--;
	if (st->events)
		add_up(st, wall_ns, wall_ms, cpu_ns);
	if (event) {
		if (!fields)
			fields = json_object();
		(void)json_object_set_new(fields, "elapsed_s", json_real(elapsed_s));
		events_emit(st->events, "info", event, NULL, fields);
	} else {
		json_decref(fields);
	}
	st->name = NULL;
	return elapsed_s;
}

double events_stage_seconds(const struct events *e)
{
	struct events *guarded = (struct events *)(uintptr_t)e; /* a lock is no part of the value */
	int64_t ms;

	if (!e)
		return 0;
	pthread_mutex_lock(&guarded->lock);
	ms = e->outer_ms;
	pthread_mutex_unlock(&guarded->lock);
	return (double)ms / 1000.0;
}

static json_t *sum_json(const struct stage_sum *sum)
{
	json_t *line = json_object();

	(void)json_object_set_new(line, "n", json_integer((json_int_t)sum->n));
	(void)json_object_set_new(line, "wall_s", json_rounded((double)sum->wall_ns / 1e9, 3));
	(void)json_object_set_new(line, "cpu_s", json_rounded((double)sum->cpu_ns / 1e9, 3));
	(void)json_object_set_new(line, "peak_rss_bytes",
				  json_integer((json_int_t)sum->peak_rss_bytes));
	return line;
}

json_t *events_stage_table(const struct events *e)
{
	struct events *guarded = (struct events *)(uintptr_t)e;
	json_t *table = json_object();
	size_t i;

	if (!e)
		return table;
	pthread_mutex_lock(&guarded->lock);
	for (i = 0; i < e->n_sums; i++)
		(void)json_object_set_new(table, e->sums[i].name, sum_json(&e->sums[i]));
	pthread_mutex_unlock(&guarded->lock);
	return table;
}
