/* Profiles made by hand for the tests of the viewer: the rows are written as the store's reader would
 * have filled them. Included by one test each. */
#ifndef TESTS_FLAME_RIG_H
#define TESTS_FLAME_RIG_H

#include <stdlib.h>
#include <string.h>

#include "prof/model/profile.h"

static inline uint32_t rig_string(struct profile *p, const char *text)
{
	uint32_t id = 0;

	if (strtab_intern_text(p->strings, text, &id) != 0)
		abort();
	return id;
}

/* One more zeroed row at the end of an array with `*n` rows. */
static inline void *rig_row(void **array, size_t n, size_t size)
{
	/* Capacities are powers of two; growing anew at each of them is often enough. */
	if ((n & (n - 1)) == 0) {
		*array = realloc(*array, (n ? 2 * n : 1) * size);
		if (!*array)
			abort();
	}
	return memset((char *)*array + n * size, 0, size);
}
#define RIG_ROW(array, n) rig_row((void **)(void *)&(array), (n)++, sizeof *(array))

static inline uint32_t rig_module(struct profile *p, const char *path)
{
	struct profile_module *m = RIG_ROW(p->modules, p->n_modules);

	m->path = rig_string(p, path);
	return p->n_modules - 1;
}

static inline uint32_t rig_frame(struct profile *p, uint32_t module, const char *function,
				 const char *file, uint32_t line, uint32_t inline_depth)
{
	struct profile_frame *f = RIG_ROW(p->frames, p->n_frames);

	f->module = module;
	f->function = rig_string(p, function);
	f->file = rig_string(p, file);
	f->line = line;
	f->inline_depth = inline_depth;
	f->rel_addr = 0x1000 + p->n_frames;
	return p->n_frames - 1;
}

static inline uint32_t rig_stack(struct profile *p, uint32_t parent, uint32_t frame)
{
	/* The root is there already, in an array of one. */
	struct profile_stack *s = RIG_ROW(p->stacks, p->n_stacks);

	*s = (struct profile_stack){parent, frame, p->stacks[parent].depth + 1};
	return p->n_stacks - 1;
}

static inline uint32_t rig_thread(struct profile *p, const char *process, int64_t pid,
				  const char *name, int64_t tid)
{
	struct profile_thread *t;
	uint32_t i;

	for (i = 0; i < p->n_processes && p->processes[i].pid != pid; i++) {
	}
	if (i == p->n_processes) {
		struct profile_process *row = RIG_ROW(p->processes, p->n_processes);

		row->pid = pid;
		row->name = rig_string(p, process);
	}
	t = RIG_ROW(p->threads, p->n_threads);
	t->process = i;
	t->tid = tid;
	t->name = rig_string(p, name);
	return p->n_threads - 1;
}

static inline uint32_t rig_stage(struct profile *p, uint32_t parent, const char *name)
{
	struct profile_stage *s = RIG_ROW(p->stages, p->n_stages);

	s->parent = parent;
	s->thread = PROFILE_NONE;
	s->name = rig_string(p, name);
	s->wall_ns = s->alloc_bytes = s->alloc_count = s->peak_heap_bytes = s->peak_rss_bytes = -1;
	s->folded = 1;
	return p->n_stages - 1;
}

static inline void rig_sample(struct profile *p, uint32_t stage, uint32_t thread, uint32_t stack,
			      uint64_t count, int64_t value)
{
	struct profile_sample *s = RIG_ROW(p->samples, p->n_samples);

	*s = (struct profile_sample){.kind = PROFILE_CPU,
				     .stage = stage,
				     .thread = thread,
				     .stack = stack,
				     .count = count,
				     .value = value};
}

static inline void rig_tick(struct profile *p, int64_t t, uint32_t thread, uint32_t stack,
			    uint32_t state)
{
	struct profile_tick *at = RIG_ROW(p->ticks, p->n_ticks);

	*at = (struct profile_tick){p->run.start_ns + t, thread, stack, state};
}

static inline void rig_counter(struct profile *p, int64_t t, const char *name, double value)
{
	struct profile_counter *c = RIG_ROW(p->counters, p->n_counters);

	*c = (struct profile_counter){p->run.start_ns + t, rig_string(p, name), value};
}

static inline void rig_loss(struct profile *p, const char *reason, uint64_t count)
{
	struct profile_loss *l = RIG_ROW(p->losses, p->n_losses);

	l->reason = rig_string(p, reason);
	l->count = count;
}

static inline void rig_run(struct profile *p, const char *name, const char *command)
{
	struct profile_run *r = &p->run;

	r->id = rig_string(p, "3f2a9c1e-7b44-4c55-9d0e-5f6a7b8c9d0e");
	r->name = rig_string(p, name);
	r->command = rig_string(p, command);
	r->host = rig_string(p, "node17");
	r->cpu_model = rig_string(p, "Example CPU @ 2.60GHz");
	r->kernel = rig_string(p, "Linux 6.1.0");
	r->version = rig_string(p, "0.1.0");
	r->mode = rig_string(p, "cpu");
	r->engine = rig_string(p, "perf");
	r->labels = rig_string(p, "{}");
	r->started_at = 1767225600000000000;
	r->duration_ns = 12345678901;
	r->has_exit_code = 1;
	r->ncpu = 8;
	r->rate_hz = 199;
	r->finished = 1;
}

#endif
