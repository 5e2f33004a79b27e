/* The end of a run: what no sample covers, the last flush, names, numbers. */
#include <string.h>

#include "prof/base/clock.h"
#include "prof/record/loop.h"
#include "prof/record/naming.h"

#define LAST_TRIES   3
#define LAST_WAIT_MS 30000 /* for other writers, each time */

static int add_uncovered(struct recording *r, uint32_t thread, int64_t value)
{
	uint32_t stack;
	int rc = resolve_label(&r->resolver, "[not sampled]", &stack);

	if (rc == 0)
		(void)batch_sample(&r->batch, PROFILE_CPU, KNOWN_NONE, thread, stack, 0, value);
	r->known.threads[thread].sampled_ns += value;
	return rc;
}

/* Adds up what the threads of a process have, and gives each the part of its own that is missing. */
static int cover_threads(struct recording *r, uint32_t process, int64_t *sum)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->known.n_threads && rc == 0; i++) {
		struct known_thread *t = &r->known.threads[i];
		int64_t gap = t->row.cpu_ns - t->sampled_ns;

		if (t->process != process)
			continue;
		if (gap > 0) {
			rc = add_uncovered(r, i, gap);
		} else if (gap < 0) {
			t->row.cpu_ns = t->sampled_ns;
			t->changed = 1;
		}
		*sum += t->sampled_ns;
	}
	return rc;
}

static int cover_process(struct recording *r, uint32_t process)
{
	int64_t sum = 0, rest;
	int rc = cover_threads(r, process, &sum);
	uint32_t thread = r->known.processes[process].main_thread;
	struct known_thread *t;

	rest = r->known.processes[process].row.cpu_ns - sum;
	if (rc || rest <= 0)
		return rc;
	if (thread == KNOWN_NONE) {
		const struct profile_process *p = &r->known.processes[process].row;

		thread = known_thread(&r->known, process, (int)p->pid, p->start_ns);
		if (thread == KNOWN_NONE)
			return ERR_NOMEM;
		t = &r->known.threads[thread];
		memcpy(t->name, r->known.processes[process].name, sizeof t->name);
		t->row.end_ns = p->end_ns;
	}
	t = &r->known.threads[thread];
	t->row.cpu_ns += rest;
	t->changed = 1;
	return add_uncovered(r, thread, rest);
}

int finish_not_sampled(struct recording *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->known.n_processes && rc == 0; i++)
		rc = cover_process(r, i);
	return rc;
}

/* Nothing helped: what can still be told is how much did not fit. */
static void count_lost(struct recording *r)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < r->batch.n_samples; i++)
		lost += r->batch.samples[i].count;
	batch_loss(&r->batch, SPOOL_LOSS_DISK_FULL, lost);
	if (store_begin(r->store, NULL) == 0 &&
	    (store_loss_add(r->store, r->run, spool_loss_name(SPOOL_LOSS_DISK_FULL), lost, NULL) ||
	     store_commit(r->store, NULL)))
		store_rollback(r->store);
}

int finish_store_located(struct recording *r, const struct store_run_end *end,
			 naming_locate *locate, void *ctx, char *warning, size_t warning_size,
			 struct err *err)
{
	int rc = ERR_DATABASE;

	store_wait(r->store, LAST_WAIT_MS);
	for (int i = 0; i < LAST_TRIES && rc; i++)
		rc = recording_flush(r, 1, err);
	if (rc)
		count_lost(r);
	if (rc == 0)
		rc = naming_finish_located(r->store, r->run, end, locate, ctx, warning,
					   warning_size, err);
	return rc;
}

int finish_store(struct recording *r, const struct store_run_end *end, char *warning,
		 size_t warning_size, struct err *err)
{
	return finish_store_located(r, end, r->held ? held_locate : NULL, r->held, warning,
				    warning_size, err);
}

const char *engine_name(uint32_t engine)
{
	return engine == SPOOL_ENGINE_PERF    ? "perf"
	       : engine == SPOOL_ENGINE_CLOCK ? "clock"
					      : "none";
}

void finish_result(const struct recording *r, struct record_result *result)
{
	const uint64_t *l = r->batch.all_losses;
	int64_t cpu = 0, self = r->totals.self_cpu_ns;

	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->file.head)
			self += atomic_load(&r->images[i]->file.head->self_cpu_ns);
	for (uint32_t i = 0; i < r->known.n_processes; i++)
		cpu += r->known.processes[i].row.cpu_ns;
	result->cpu_ns = cpu;
	result->samples = r->batch.all_samples;
	result->lost = l[SPOOL_LOSS_RING_FULL] + l[SPOOL_LOSS_RECORD_DROPPED] + l[SPOOL_LOSS_TORN] +
		       l[SPOOL_LOSS_TABLE_FULL] + l[SPOOL_LOSS_DISK_FULL];
	result->late = l[SPOOL_LOSS_LATE_TICK];
	result->expected = (double)r->session->rate_hz * (double)cpu / 1e9;
	result->overhead = cpu > 0 ? (double)self / (double)cpu : 0;
	result->processes = r->known.n_processes;
	result->threads = r->known.n_threads;
	result->engine = engine_name(r->totals.have_engine ? r->totals.engine : SPOOL_ENGINE_NONE);
	result->engine_errno = r->totals.engine_errno;
}
