/* Profiles made by hand for tests of views: frames by name, stacks by path text ("main;f;g"). */
#ifndef TESTS_MADE_PROFILE_H
#define TESTS_MADE_PROFILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/model/profile.h"

static inline uint32_t made_text(struct profile *p, const char *text)
{
	uint32_t id = 0;

	if (strtab_intern_text(p->strings, text, &id))
		abort();
	return id;
}

static inline void *made_grow(void *rows, size_t n, size_t size)
{
	void *more = realloc(rows, (n + 1) * size);

	if (!more)
		abort();
	memset((char *)more + n * size, 0, size);
	return more;
}

/* The module of that path. */
static inline uint32_t made_module(struct profile *p, const char *path)
{
	uint32_t id = made_text(p, path), i;

	for (i = 0; i < p->n_modules; i++)
		if (p->modules[i].path == id)
			return i;
	p->modules = made_grow(p->modules, p->n_modules, sizeof(*p->modules));
	p->modules[p->n_modules].path = id;
	return p->n_modules++;
}

/* A frame "function", "function@module" or "function@module:file:line"; the same text is the same frame. */
static inline uint32_t made_frame(struct profile *p, const char *text)
{
	char copy[4096], *module, *file = NULL, *line = NULL;
	struct profile_frame f = {.module = PROFILE_NONE};
	uint32_t i;

	snprintf(copy, sizeof(copy), "%s", text);
	module = strchr(copy, '@');
	if (module) {
		*module++ = '\0';
		file = strchr(module, ':');
		if (file) {
			*file++ = '\0';
			line = strchr(file, ':');
			if (line)
				*line++ = '\0';
		}
		f.module = made_module(p, module);
	}
	f.function = made_text(p, copy);
	f.file = file ? made_text(p, file) : STRTAB_EMPTY;
	f.line = line ? (uint32_t)strtoul(line, NULL, 10) : 0;
	for (i = 0; i < p->n_frames; i++)
		if (p->frames[i].function == f.function && p->frames[i].module == f.module &&
		    p->frames[i].file == f.file && p->frames[i].line == f.line)
			return i;
	p->frames = made_grow(p->frames, p->n_frames, sizeof(*p->frames));
	p->frames[p->n_frames] = f;
	return p->n_frames++;
}

/* The stack of a path, outermost first, frames parted by ';'. */
static inline uint32_t made_stack(struct profile *p, const char *path)
{
	char copy[4096], *at = copy, *next;
	uint32_t stack = 0, i;

	snprintf(copy, sizeof(copy), "%s", path);
	for (; at; at = next) {
		uint32_t frame;

		next = strchr(at, ';');
		if (next)
			*next++ = '\0';
		frame = made_frame(p, at);
		for (i = 1; i < p->n_stacks; i++)
			if (p->stacks[i].parent == stack && p->stacks[i].frame == frame)
				break;
		if (i == p->n_stacks) {
			p->stacks = made_grow(p->stacks, p->n_stacks, sizeof(*p->stacks));
			p->stacks[i].parent = stack;
			p->stacks[i].frame = frame;
			p->stacks[i].depth = p->stacks[stack].depth + 1;
			p->n_stacks++;
		}
		stack = i;
	}
	return stack;
}

static inline uint32_t made_thread(struct profile *p, const char *name, int64_t tid)
{
	if (!p->n_processes) {
		p->processes = made_grow(p->processes, 0, sizeof(*p->processes));
		p->processes[0].pid = 100;
		p->processes[0].name = made_text(p, "prog");
		p->n_processes = 1;
	}
	p->threads = made_grow(p->threads, p->n_threads, sizeof(*p->threads));
	p->threads[p->n_threads].name = made_text(p, name);
	p->threads[p->n_threads].tid = tid;
	return p->n_threads++;
}

static inline uint32_t made_stage(struct profile *p, const char *name, uint32_t parent,
				  int64_t wall_ns)
{
	struct profile_stage *s;

	p->stages = made_grow(p->stages, p->n_stages, sizeof(*p->stages));
	s = &p->stages[p->n_stages];
	s->parent = parent;
	s->name = made_text(p, name);
	s->seq = p->n_stages;
	s->start_ns = p->n_stages;
	s->wall_ns = wall_ns;
	s->cpu_ns = wall_ns / 2;
	s->peak_heap_bytes = s->peak_rss_bytes = s->alloc_bytes = s->alloc_count = -1;
	s->folded = 1;
	return p->n_stages++;
}

static inline void made_sample(struct profile *p, enum profile_kind kind, uint32_t stage,
			       uint32_t thread, const char *path, uint64_t count, int64_t value)
{
	struct profile_sample *s;
	uint32_t stack = made_stack(p, path);

	p->samples = made_grow(p->samples, p->n_samples, sizeof(*p->samples));
	s = &p->samples[p->n_samples++];
	s->kind = (uint32_t)kind;
	s->stage = stage;
	s->thread = thread;
	s->stack = stack;
	s->count = count;
	s->value = value;
}

#endif
