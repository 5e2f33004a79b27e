/* Filling a profile: see intake.h. */
#include "prof/formats/intake.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct intake *in)
{
	return err_nomem(in->err, "a profile");
}

#define GROW(in, array, cap, n, max, what)                                                         \
	grow((in), (void **)(void *)&(array), &(cap), (n), (max), sizeof(*(array)), (what))

/* Room for one more row behind `n`. */
static int grow(struct intake *in, void **array, size_t *cap, size_t n, size_t max, size_t size,
		const char *what)
{
	size_t next = *cap ? *cap * 2 : 64;
	void *more;

	if (n >= max)
		return err_set(in->err, ERR_LIMIT,
			       "more than %zu %s: too much for one run, record less or in parts",
			       max, what);
	if (n < *cap)
		return 0;
	more = realloc(*array, next * size);
	if (!more)
		return no_memory(in);
	*array = more;
	*cap = next;
	return 0;
}

int intake_begin(struct intake *in, struct profile *p, struct err *err)
{
	memset(in, 0, sizeof(*in));
	in->p = p;
	in->err = err;
	if (profile_init(p))
		return no_memory(in);
	in->cap_stacks = 1;
	strtab_set_limit(p->strings, INTAKE_TEXT_MAX);
	return 0;
}

void intake_end(struct intake *in)
{
	int i;

	hashidx_release(&in->frames);
	hashidx_release(&in->modules);
	hashidx_release(&in->processes);
	hashidx_release(&in->threads);
	idmap_release(&in->stacks);
	idmap_release(&in->named);
	for (i = 0; i < PROFILE_KINDS; i++)
		idmap_release(&in->samples[i]);
}

static int intern(struct intake *in, const char *bytes, size_t n, uint32_t *id)
{
	int rc = strtab_intern(in->p->strings, bytes, n, id);

	if (rc == ERR_LIMIT)
		return err_set(in->err, rc,
			       "the names of the file pass 2 GiB: record less or in parts");
	return rc ? no_memory(in) : 0;
}

int intake_text(struct intake *in, const char *bytes, size_t n, uint32_t *id)
{
	char *copy;
	size_t i;
	int rc;

	if (n > INTAKE_NAME_MAX)
		return err_set(in->err, ERR_LIMIT,
			       "a name of %zu bytes: names of up to 64 KiB can be kept", n);
	if (n == 0 || !memchr(bytes, '\0', n))
		return intern(in, bytes, n, id);
	copy = malloc(n);
	if (!copy)
		return no_memory(in);
	for (i = 0; i < n; i++)
		copy[i] = bytes[i] ? bytes[i] : '?';
	rc = intern(in, copy, n, id);
	free(copy);
	return rc;
}

/* ---- modules ---- */

struct sought {
	const struct profile *p;
	const void *row;
};

static int same_module(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct profile_module *a = s->row, *b = &s->p->modules[id];

	return a->path == b->path && a->build_id == b->build_id && a->start == b->start &&
	       a->offset == b->offset;
}

int intake_module(struct intake *in, const struct profile_module *m, uint32_t *module)
{
	struct profile *p = in->p;
	struct sought s = {p, m};
	uint64_t hash = hash_u64(((uint64_t)m->path << 32 | m->build_id) ^ hash_u64(m->start));
	uint32_t at = hashidx_find(&in->modules, hash, same_module, &s);
	int rc;

	*module = at;
	if (at != HASHIDX_NONE)
		return 0;
	rc = GROW(in, p->modules, in->cap_modules, p->n_modules, INTAKE_ROWS, "modules");
	if (rc)
		return rc;
	if (hashidx_add(&in->modules, hash, p->n_modules))
		return no_memory(in);
	*module = p->n_modules;
	p->modules[p->n_modules++] = *m;
	return 0;
}

/* ---- frames and stacks ---- */

static int same_frame(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct profile_frame *a = s->row, *b = &s->p->frames[id];

	return a->module == b->module && a->function == b->function && a->file == b->file &&
	       a->language == b->language && a->line == b->line &&
	       a->inline_depth == b->inline_depth && a->rel_addr == b->rel_addr;
}

static uint64_t frame_hash(const struct profile_frame *f)
{
	uint64_t h = hash_u64((uint64_t)f->module << 32 | f->function);

	h = hash_u64(h ^ f->rel_addr);
	h = hash_u64(h ^ ((uint64_t)f->file << 32 | f->line));
	return hash_u64(h ^ ((uint64_t)f->inline_depth << 32 | f->language));
}

static int unknown_name(struct intake *in, const struct profile_frame *f, uint32_t *id)
{
	const struct profile *p = in->p;
	const char *path =
		f->module < p->n_modules ? strtab_text(p->strings, p->modules[f->module].path) : "";
	const char *base = strrchr(path, '/');
	char text[320];

	if (*path)
		snprintf(text, sizeof(text), "[unknown in %.255s+0x%" PRIx64 "]",
			 base && base[1] ? base + 1 : path, f->rel_addr);
	else if (f->rel_addr)
		snprintf(text, sizeof(text), "[unknown 0x%" PRIx64 "]", f->rel_addr);
	else
		snprintf(text, sizeof(text), "[unknown]");
	return intern(in, text, strlen(text), id);
}

int intake_frame(struct intake *in, const struct profile_frame *frame, uint32_t *id)
{
	struct profile *p = in->p;
	struct profile_frame f = *frame;
	struct sought s = {p, &f};
	uint64_t hash;
	int rc;

	if (f.function == STRTAB_EMPTY) {
		rc = unknown_name(in, &f, &f.function);
		if (rc)
			return rc;
	}
	hash = frame_hash(&f);
	*id = hashidx_find(&in->frames, hash, same_frame, &s);
	if (*id != HASHIDX_NONE)
		return 0;
	rc = GROW(in, p->frames, in->cap_frames, p->n_frames, INTAKE_ROWS, "places in the code");
	if (rc)
		return rc;
	if (hashidx_add(&in->frames, hash, p->n_frames))
		return no_memory(in);
	*id = p->n_frames;
	p->frames[p->n_frames++] = f;
	return 0;
}

int intake_named(struct intake *in, const char *name, size_t n, uint32_t *frame)
{
	struct profile_frame f = {.module = PROFILE_NONE};
	int rc = intake_text(in, name, n, &f.function);

	if (rc)
		return rc;
	*frame = idmap_get(&in->named, f.function);
	if (*frame != IDMAP_NONE)
		return 0;
	rc = intake_frame(in, &f, frame);
	if (rc == 0 && idmap_set(&in->named, f.function, *frame))
		rc = no_memory(in);
	return rc;
}

int intake_stack(struct intake *in, uint32_t parent, uint32_t frame, uint32_t *stack)
{
	struct profile *p = in->p;
	int rc;

	if (p->n_stacks == in->cap_stacks) {
		rc = GROW(in, p->stacks, in->cap_stacks, p->n_stacks, INTAKE_STACKS, "call paths");
		if (rc)
			return rc;
	}
	*stack = idmap_intern(&in->stacks, (uint64_t)parent << 32 | frame, p->n_stacks);
	if (*stack == IDMAP_NONE)
		return no_memory(in);
	if (*stack < p->n_stacks)
		return 0;
	if (p->stacks[parent].depth >= INTAKE_DEPTH_MAX)
		return err_set(in->err, ERR_LIMIT, "a stack of more than %u calls",
			       INTAKE_DEPTH_MAX);
	p->stacks[p->n_stacks].parent = parent;
	p->stacks[p->n_stacks].frame = frame;
	p->stacks[p->n_stacks].depth = p->stacks[parent].depth + 1;
	p->n_stacks++;
	return 0;
}

/* ---- processes and threads ---- */

static int same_process(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;

	return s->p->processes[id].pid == ((const struct profile_process *)s->row)->pid;
}

int intake_process(struct intake *in, int64_t pid, uint32_t name, uint32_t *process)
{
	struct profile *p = in->p;
	struct profile_process row = {.pid = pid, .name = name};
	struct sought s = {p, &row};
	uint64_t hash = hash_u64((uint64_t)pid);
	int rc;

	*process = hashidx_find(&in->processes, hash, same_process, &s);
	if (*process != HASHIDX_NONE) {
		if (p->processes[*process].name == STRTAB_EMPTY)
			p->processes[*process].name = name;
		return 0;
	}
	rc = GROW(in, p->processes, in->cap_processes, p->n_processes, INTAKE_ROWS, "processes");
	if (rc)
		return rc;
	if (hashidx_add(&in->processes, hash, p->n_processes))
		return no_memory(in);
	*process = p->n_processes;
	p->processes[p->n_processes++] = row;
	return 0;
}

static int same_thread(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;
	const struct profile_thread *a = s->row, *b = &s->p->threads[id];

	return a->tid == b->tid && a->process == b->process && a->name == b->name;
}

int intake_thread(struct intake *in, uint32_t process, int64_t tid, uint32_t name, uint32_t *thread)
{
	struct profile *p = in->p;
	struct profile_thread row = {.process = process, .tid = tid, .name = name};
	struct sought s = {p, &row};
	uint64_t hash = hash_u64(((uint64_t)process << 32 | name) ^ hash_u64((uint64_t)tid));
	int rc;

	*thread = hashidx_find(&in->threads, hash, same_thread, &s);
	if (*thread != HASHIDX_NONE)
		return 0;
	rc = GROW(in, p->threads, in->cap_threads, p->n_threads, INTAKE_ROWS, "threads");
	if (rc)
		return rc;
	if (hashidx_add(&in->threads, hash, p->n_threads))
		return no_memory(in);
	*thread = p->n_threads;
	p->threads[p->n_threads++] = row;
	return 0;
}

int intake_no_thread(struct intake *in, uint32_t *thread)
{
	static const char text[] = "[no thread]";
	uint32_t name, process;
	int rc = intern(in, text, sizeof(text) - 1, &name);

	if (rc == 0)
		rc = intake_process(in, 0, STRTAB_EMPTY, &process);
	return rc ? rc : intake_thread(in, process, 0, name, thread);
}

/* ---- samples ---- */

int intake_add(struct intake *in, enum profile_kind kind, uint32_t thread, uint32_t stack,
	       uint64_t count, int64_t value)
{
	struct profile *p = in->p;
	struct profile_sample *s;
	uint32_t at;
	int rc;

	if (value < 0)
		return err_set(in->err, ERR_FORMAT,
			       "a negative value: a difference of two profiles is no profile");
	rc = GROW(in, p->samples, in->cap_samples, p->n_samples, INTAKE_STACKS, "samples");
	if (rc)
		return rc;
	at = idmap_intern(&in->samples[kind], (uint64_t)thread << 32 | stack,
			  (uint32_t)p->n_samples);
	if (at == IDMAP_NONE)
		return no_memory(in);
	s = &p->samples[at];
	if (at == p->n_samples) {
		*s = (struct profile_sample){.kind = (uint32_t)kind,
					     .stage = PROFILE_NONE,
					     .thread = thread,
					     .stack = stack};
		p->n_samples++;
	}
	if (__builtin_add_overflow(s->value, value, &s->value) ||
	    __builtin_add_overflow(s->count, count, &s->count) || s->count > INT64_MAX)
		return err_set(in->err, ERR_FORMAT, "the values of a stack add up to over 2^63");
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct profile_sample *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return (x->stack > y->stack) - (x->stack < y->stack);
}

int intake_finish(struct intake *in)
{
	struct profile *p = in->p;
	int kinds[PROFILE_KINDS] = {0};
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		kinds[p->samples[i].kind] = 1;
	if (p->n_samples == 0)
		return err_set(in->err, ERR_FORMAT, "there is not one sample with a stack in it");
	for (i = 1; i < p->n_samples; i++)
		if (by_key(&p->samples[i - 1], &p->samples[i]) > 0) {
			qsort(p->samples, p->n_samples, sizeof(*p->samples), by_key);
			break;
		}
	return kinds[PROFILE_WALL] && !kinds[PROFILE_CPU] ? intern(in, "wall", 4, &p->run.mode)
							  : intern(in, "cpu", 3, &p->run.mode);
}
