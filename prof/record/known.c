/* What the supervisor knows of a run: see known.h. Stages are known_stage.c's. */
#include "prof/record/known.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

#define LATE_SPAN 16384 /* stages that begin after one, until nothing is expected for it any more */

int known_init(struct known *k)
{
	uint32_t none;

	memset(k, 0, sizeof *k);
	k->free_stage = KNOWN_NONE;
	k->strings = strtab_new();
	k->frames = frametab_new();
	k->stacks = stacktab_new();
	k->modules = k->strings ? modtab_new(k->strings) : NULL;
	if (!k->modules || !k->frames || !k->stacks ||
	    known_module(k, NULL, "[label]", 0, 0, 0, &none)) {
		known_release(k);
		return ERR_NOMEM;
	}
	k->label_module = none;
	stacktab_set_limit(k->stacks, KNOWN_STACKS_MAX);
	frametab_set_limit(k->frames, KNOWN_STACKS_MAX);
	return 0;
}

void known_release(struct known *k)
{
	modtab_free(k->modules);
	frametab_free(k->frames);
	stacktab_free(k->stacks);
	strtab_free(k->strings);
	free(k->module_info);
	free(k->module_ids);
	free(k->frame_ids);
	free(k->stack_ids);
	free(k->processes);
	free(k->threads);
	idmap_release(&k->thread_by_tid);
	free(k->stages);
	free(k->stage_heads);
	memset(k, 0, sizeof *k);
}

/* Room for one more row after `n`; 0 or ERR_NOMEM. */
static int room(void **rows, uint32_t n, uint32_t *cap, size_t size)
{
	uint32_t next = *cap ? *cap : 32;
	void *p;

	if (n < *cap)
		return 0;
	if (n >= UINT32_MAX / 2)
		return ERR_NOMEM;
	while (next <= n)
		next *= 2;
	p = realloc(*rows, (size_t)next * size);
	if (!p)
		return ERR_NOMEM;
	memset((char *)p + (size_t)*cap * size, 0, (size_t)(next - *cap) * size);
	*rows = p;
	*cap = next;
	return 0;
}

uint32_t known_process(struct known *k, int pid, int ppid, uint64_t start_ticks, int64_t start_ns)
{
	struct known_process *p;

	for (uint32_t i = k->n_processes; i-- > 0;) {
		p = &k->processes[i];
		if (p->row.pid == pid && p->start_ticks == start_ticks)
			return i;
	}
	if (room((void **)&k->processes, k->n_processes, &k->cap_processes, sizeof *p))
		return KNOWN_NONE;
	p = &k->processes[k->n_processes];
	p->row.pid = pid;
	p->row.ppid = ppid;
	p->row.start_ns = start_ns;
	p->row.end_ns = -1;
	p->start_ticks = start_ticks;
	p->main_thread = KNOWN_NONE;
	p->changed = 1;
	return k->n_processes++;
}

static uint64_t thread_key(uint32_t process, int tid)
{
	return (uint64_t)process << 32 | (uint32_t)tid;
}

uint32_t known_thread_find(const struct known *k, uint32_t process, int tid)
{
	uint32_t i = idmap_get(&k->thread_by_tid, thread_key(process, tid));

	return i != IDMAP_NONE && k->threads[i].row.end_ns < 0 ? i : KNOWN_NONE;
}

uint32_t known_thread(struct known *k, uint32_t process, int tid, int64_t start_ns)
{
	uint32_t i = known_thread_find(k, process, tid), before;
	struct known_thread *t;

	if (i != KNOWN_NONE)
		return i;
	before = idmap_get(&k->thread_by_tid, thread_key(process, tid));
	if (room((void **)&k->threads, k->n_threads, &k->cap_threads, sizeof *t) ||
	    idmap_set(&k->thread_by_tid, thread_key(process, tid), k->n_threads))
		return KNOWN_NONE;
	t = &k->threads[k->n_threads];
	t->process = process;
	t->row.tid = tid;
	t->row.start_ns = start_ns;
	t->row.end_ns = -1;
	t->changed = 1;
	t->before = before == IDMAP_NONE ? 0 : before + 1;
	if (tid == (int)k->processes[process].row.pid)
		k->processes[process].main_thread = k->n_threads;
	return k->n_threads++;
}

/* How far from a thread's life a moment lies. */
static int64_t distance(const struct profile_thread *t, int64_t t_ns)
{
	if (t_ns < t->start_ns)
		return t->start_ns - t_ns;
	return t->end_ns >= 0 && t_ns > t->end_ns ? t_ns - t->end_ns : 0;
}

/* A thread's first and last allocations come a little before and after what tells of its begin and end. */
#define NEARLY_NS INT64_C(250000000)

uint32_t known_thread_at(struct known *k, uint32_t process, int tid, int64_t t_ns)
{
	uint32_t i = idmap_get(&k->thread_by_tid, thread_key(process, tid)), best = KNOWN_NONE;
	int64_t nearest = NEARLY_NS;

	if (i == IDMAP_NONE)
		return known_thread(k, process, tid, t_ns);
	for (uint32_t at = i + 1; at != 0 && nearest > 0; at = k->threads[at - 1].before) {
		int64_t d = distance(&k->threads[at - 1].row, t_ns);

		if (d < nearest) {
			nearest = d;
			best = at - 1;
		}
	}
	return best == KNOWN_NONE ? known_thread(k, process, tid, t_ns) : best;
}

void known_thread_cpu(struct known *k, uint32_t thread, int64_t clock_ns)
{
	struct known_thread *t = &k->threads[thread];

	if (clock_ns - t->base_ns <= t->row.cpu_ns || clock_ns >= INT64_C(1) << 56)
		return;
	t->row.cpu_ns = clock_ns - t->base_ns;
	t->changed = 1;
}

int known_module(struct known *k, const char *build_id, const char *path, uint64_t start,
		 uint64_t end, uint64_t offset, uint32_t *module)
{
	uint32_t before = modtab_count(k->modules);
	int rc = modtab_module(k->modules, build_id, path, module);

	if (rc || *module < before)
		return rc;
	if (room((void **)&k->module_info, *module, &k->module_info_cap, sizeof *k->module_info))
		return ERR_NOMEM;
	k->module_info[*module] = (struct known_module){start, end, offset};
	return 0;
}

int known_label(struct known *k, const char *text, uint32_t *frame)
{
	uint32_t string;
	int rc = strtab_intern_text(k->strings, text, &string);

	if (rc)
		return rc;
	return frametab_intern(
		k->frames, (struct frame){.rel_addr = string, .module = k->label_module}, frame);
}

void known_keep_ids(struct known *k)
{
	k->kept_modules = k->n_module_ids;
	k->kept_frames = k->n_frame_ids;
	k->kept_stacks = k->n_stack_ids;
	for (uint32_t i = 0; i < k->n_processes; i++)
		k->processes[i].fresh = k->processes[i].changed = 0;
	for (uint32_t i = 0; i < k->n_threads; i++)
		k->threads[i].fresh = k->threads[i].changed = 0;
	for (uint32_t i = 0; i < k->n_stages; i++) {
		struct known_stage *s = &k->stages[i];

		s->fresh = s->more = 0;
		if (s->state != STAGE_ENDED && s->state != STAGE_LATE)
			continue;
		if (s->shared && k->stage_seq - s->seq < LATE_SPAN)
			s->state = STAGE_LATE;
		else
			known_stage_drop(k, i);
	}
}

void known_forget_ids(struct known *k)
{
	k->n_module_ids = k->kept_modules;
	k->n_frame_ids = k->kept_frames;
	k->n_stack_ids = k->kept_stacks;
	for (uint32_t i = 0; i < k->n_processes; i++)
		if (k->processes[i].fresh)
			k->processes[i].id = k->processes[i].fresh = 0;
	for (uint32_t i = 0; i < k->n_threads; i++)
		if (k->threads[i].fresh)
			k->threads[i].id = k->threads[i].fresh = 0;
	for (uint32_t i = 0; i < k->n_stages; i++)
		if (k->stages[i].fresh)
			k->stages[i].row_id = k->stages[i].fresh = 0;
}
