/* From the sampler into the recording: see outside_internal.h. Rows of the sampler stay at their places, so an array each
 * tells which of ours they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/record/outside_internal.h"

#define COUNTERS_NS INT64_C(1000000000) /* between two points: 86,400 a day */
#define FAULTS_MAX  (UINT64_C(1) << 52) /* a double counts so far */

static int room(struct outside_places *p, uint32_t n)
{
	uint32_t cap = p->cap ? p->cap : 64;
	uint32_t *at;

	while (cap < n && cap < UINT32_MAX / 2)
		cap *= 2;
	if (cap > p->cap) {
		at = realloc(p->at, (size_t)cap * sizeof *at);
		if (!at)
			return ERR_NOMEM;
		p->at = at;
		p->cap = cap;
	}
	for (; p->n < n && p->n < p->cap; p->n++)
		p->at[p->n] = KNOWN_NONE;
	return p->n < n ? ERR_NOMEM : 0;
}

void outside_take_release(struct outside_take *t)
{
	free(t->processes.at);
	free(t->threads.at);
	free(t->modules.at);
	memset(t, 0, sizeof *t);
}

/* ---- processes and threads -------------------------------------------------------------------------- */

static void set_name(char *name, size_t size, const char *is, int *changed)
{
	if (strncmp(name, is, size - 1) == 0)
		return;
	snprintf(name, size, "%.*s", (int)size - 1, is);
	*changed = 1;
}

static void renew_process(struct known_process *k, const struct sampler_process *s)
{
	int64_t cpu = s->cpu_ns - s->base_cpu_ns;

	set_name(k->name, sizeof k->name, s->name, &k->changed);
	if (cpu > k->row.cpu_ns) {
		k->row.cpu_ns = cpu;
		k->changed = 1;
	}
	if (s->max_rss_bytes > k->row.max_rss_bytes) {
		k->row.max_rss_bytes = s->max_rss_bytes;
		k->changed = 1;
	}
	if (s->end_ns && k->row.end_ns < 0) {
		k->row.end_ns = s->end_ns;
		k->ended = 1;
		k->changed = 1;
	}
}

static int take_processes(struct outside_take *t)
{
	const struct sampler_process *rows;
	uint32_t n = sampler_processes(t->sampler, &rows);

	if (room(&t->processes, n))
		return ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *at = &t->processes.at[i];

		if (*at == KNOWN_NONE)
			*at = known_process(&t->r->known, rows[i].proc.pid, rows[i].ppid,
					    rows[i].proc.start_ticks, rows[i].start_ns);
		if (*at == KNOWN_NONE)
			return ERR_NOMEM;
		renew_process(&t->r->known.processes[*at], &rows[i]);
	}
	return 0;
}

static void renew_thread(struct known *known, uint32_t at, const struct sampler_thread *s)
{
	struct known_thread *k = &known->threads[at];

	set_name(k->name, sizeof k->name, s->name, &k->changed);
	k->base_ns = s->base_cpu_ns;
	known_thread_cpu(known, at, s->cpu_ns);
	if (s->end_ns && k->row.end_ns < 0) {
		k->row.end_ns = s->end_ns;
		k->changed = 1;
	}
}

/* In the order of their rows: of two threads with one number the first has ended when the second comes. */
static int take_threads(struct outside_take *t)
{
	const struct sampler_thread *rows;
	uint32_t n = sampler_threads(t->sampler, &rows);

	if (room(&t->threads, n))
		return ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *at = &t->threads.at[i];

		if (*at == KNOWN_NONE)
			*at = known_thread(&t->r->known, t->processes.at[rows[i].process],
					   rows[i].tid, rows[i].start_ns);
		if (*at == KNOWN_NONE)
			return ERR_NOMEM;
		renew_thread(&t->r->known, *at, &rows[i]);
	}
	return 0;
}

static void take_losses(struct outside_take *t)
{
	static const enum spool_loss as[SAMPLER_LOSSES] = {
		[SAMPLER_RECORD_DROPPED] = SPOOL_LOSS_RECORD_DROPPED,
		[SAMPLER_LATE] = SPOOL_LOSS_LATE_TICK,
		[SAMPLER_TORN] = SPOOL_LOSS_TORN,
		[SAMPLER_TRUNCATED] = SPOOL_LOSS_TRUNCATED,
		[SAMPLER_NO_UNWIND_INFO] = SPOOL_LOSS_NO_UNWIND_INFO,
		[SAMPLER_THREAD_LIMIT] = SPOOL_LOSS_THREAD_LIMIT,
	};

	for (int i = 0; i < SAMPLER_LOSSES; i++) {
		uint64_t n = sampler_loss(t->sampler, (enum sampler_loss)i);

		if (n > t->losses[i])
			batch_loss(&t->r->batch, as[i], n - t->losses[i]);
		t->losses[i] = n;
	}
}

/* What all processes have resident, and the page faults of all so far: written when they are other ones. */
static int take_counters(struct outside_take *t, int64_t now)
{
	static const char *const names[] = {"rss_bytes", "page_faults_minor", "page_faults_major"};
	const struct sampler_process *rows;
	uint32_t n = sampler_processes(t->sampler, &rows), name;
	double values[3] = {0};

	if (t->counted_ns && now - t->counted_ns < COUNTERS_NS)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		values[0] += rows[i].end_ns ? 0 : (double)rows[i].rss_bytes;
		values[1] += (double)(rows[i].minor_faults % FAULTS_MAX);
		values[2] += (double)(rows[i].major_faults % FAULTS_MAX);
	}
	for (int i = 0; i < 3; i++) {
		if (t->counted_ns && values[i] == t->counted[i])
			continue;
		if (strtab_intern_text(t->r->known.strings, names[i], &name))
			return ERR_NOMEM;
		batch_counter(&t->r->batch, now, name, values[i]);
		t->counted[i] = values[i];
	}
	t->counted_ns = now;
	return 0;
}

int outside_take_rows(struct outside_take *t, int64_t now)
{
	int rc = take_processes(t);

	if (rc == 0)
		rc = take_threads(t);
	take_losses(t);
	return rc ? rc : take_counters(t, now);
}

void outside_take_end(struct outside_take *t, int64_t now)
{
	struct known *k = &t->r->known;

	t->counted_ns = 0; /* the last points are written in any case */
	(void)take_counters(t, now);
	for (uint32_t i = 0; i < k->n_processes; i++)
		if (k->processes[i].row.end_ns < 0) {
			k->processes[i].row.end_ns = now;
			k->processes[i].changed = 1;
		}
	for (uint32_t i = 0; i < k->n_threads; i++)
		if (k->threads[i].row.end_ns < 0) {
			k->threads[i].row.end_ns = now;
			k->threads[i].changed = 1;
		}
}

/* ---- stacks ------------------------------------------------------------------------------------------- */

static int take_module(struct outside_take *t, uint32_t id, uint32_t *module)
{
	struct module_set *set = sampler_modules(t->sampler);
	const struct attach_module *m;
	int rc;

	*module = FRAME_NO_MODULE;
	if (id == MODULE_NONE || id >= module_count(set))
		return 0;
	if (room(&t->modules, id + 1))
		return ERR_NOMEM;
	if (t->modules.at[id] == KNOWN_NONE) {
		m = module_get(set, id);
		rc = known_module(&t->r->known, m->build_id[0] ? m->build_id : NULL, m->path,
				  m->start, m->end, m->offset, &t->modules.at[id]);
		if (rc)
			return rc;
	}
	*module = t->modules.at[id];
	return 0;
}

static int take_label(struct outside_take *t, const char *text, size_t *n)
{
	int rc = known_label(&t->r->known, text, &t->frames[*n]);

	*n += rc == 0;
	return rc;
}

/* Why a stack does not begin at the program's entry, as the frame at its root end. */
static int take_reason(struct outside_take *t, const struct sampler_sample *s, size_t *n)
{
	char label[256];
	const char *path = "", *base;

	if (s->truncated)
		return take_label(t, "[truncated]", n);
	if (s->torn)
		return take_label(t, "[torn]", n);
	if (s->end == UNWIND_ROOT)
		return 0;
	if (s->end_module != MODULE_NONE &&
	    s->end_module < module_count(sampler_modules(t->sampler)))
		path = module_get(sampler_modules(t->sampler), s->end_module)->path;
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	snprintf(label, sizeof label, "[no unwind info: %.200s]", *base ? base : "unknown code");
	return take_label(t, label, n);
}

static int take_stack(struct outside_take *t, const struct sampler_sample *s, uint32_t *stack)
{
	char label[64];
	size_t n = 0;
	int rc = 0;

	if (s->part == SAMPLE_OFFCPU && s->syscall) {
		snprintf(label, sizeof label, "[syscall %.40s]", s->syscall);
		rc = take_label(t, label, &n);
	}
	for (uint32_t i = 0; i < s->n && i < UNWIND_DEPTH_MAX && rc == 0; i++) {
		struct frame f = {.rel_addr = s->frames[i].rel_addr};

		rc = take_module(t, s->frames[i].module, &f.module);
		if (rc == 0)
			rc = frametab_intern(t->r->known.frames, f, &t->frames[n]);
		n += rc == 0;
	}
	if (rc == 0)
		rc = s->n ? take_reason(t, s, &n) : take_label(t, "[not sampled]", &n);
	return rc ? rc : stacktab_intern_path(t->r->known.stacks, t->frames, n, stack);
}

int outside_take_sample(void *ctx, const struct sampler_sample *s)
{
	static const enum profile_kind kinds[] = {[SAMPLE_CPU] = PROFILE_CPU,
						  [SAMPLE_WALL] = PROFILE_WALL,
						  [SAMPLE_OFFCPU] = PROFILE_OFFCPU};
	struct outside_take *t = ctx;
	struct batch *b = &t->r->batch;
	uint32_t thread = s->thread < t->threads.n ? t->threads.at[s->thread] : KNOWN_NONE, stack;

	if (thread == KNOWN_NONE) { /* met since we looked */
		if (take_processes(t) || take_threads(t) || s->thread >= t->threads.n)
			return ERR_NOMEM;
		thread = t->threads.at[s->thread];
	}
	if (!t->first_ns)
		t->first_ns = s->t_ns;
	if (take_stack(t, s, &stack)) {
		batch_loss(b, SPOOL_LOSS_TABLE_FULL, s->count);
		return 0;
	}
	if (batch_sample(b, kinds[s->part], KNOWN_NONE, thread, stack, s->count, s->value_ns) ==
		    0 &&
	    s->part == SAMPLE_CPU)
		t->r->known.threads[thread].sampled_ns += s->value_ns;
	if (s->part == (t->wall ? SAMPLE_WALL : SAMPLE_CPU)) {
		t->samples += s->count;
		batch_tick(b, thread, s->t_ns, stack, s->state);
	}
	return 0;
}
