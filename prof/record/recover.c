/* record_recover(): runs whose supervisor died. What lies in their rings behind the marks is read as if
 * nothing had happened; what the store has of their processes and threads is taken up again. */
#include "prof/record/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/record/lease.h"
#include "prof/record/loop.h"
#include "prof/record/livenames.h"
#include "prof/record/naming.h"
#include "prof/store/read.h"

struct lost_run {
	int64_t run;
	char spool_path[SPOOL_PATH_MAX];
	struct module_set
		*living; /* owned while it is completed: of processes that outlive the recorder */
};

struct lost_runs {
	struct lost_run *runs; /* owned */
	size_t n;
};

static int remember(void *ctx, int64_t run, const char *id, const char *spool_path)
{
	struct lost_runs *l = ctx;
	struct lost_run *p = realloc(l->runs, (l->n + 1) * sizeof *p);

	(void)id;
	if (!p)
		return ERR_NOMEM;
	l->runs = p;
	p[l->n].run = run;
	p[l->n].living = NULL;
	snprintf(p[l->n].spool_path, sizeof p->spool_path, "%s", spool_path ? spool_path : "");
	l->n++;
	return 0;
}

static int take_stage_mark(struct recording *r, const char *file, uint64_t id, uint64_t row)
{
	size_t n = r->n_stage_marks;
	struct recording_stage_mark *p = r->stage_marks;

	if ((n & (n - 1)) == 0) { /* doubled at powers of two */
		p = realloc(p, (n ? 2 * n : 1) * sizeof *p);
		if (!p)
			return ERR_NOMEM;
		r->stage_marks = p;
	}
	p[n] = (struct recording_stage_mark){.id = id, .row = row};
	snprintf(p[n].file, sizeof p->file, "%s", file);
	r->n_stage_marks++;
	return 0;
}

static int take_mark(void *ctx, const char *file, uint32_t ring, uint64_t opened, uint64_t offset)
{
	struct recording *r = ctx;
	struct recording_mark *p;

	if (ring == SPOOL_RINGS_MAX * MARK_STAGE)
		return take_stage_mark(r, file, opened, offset);
	p = realloc(r->marks, ((size_t)r->n_marks + 1) * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	r->marks = p;
	snprintf(p[r->n_marks].file, sizeof p->file, "%s", file);
	p[r->n_marks].ring = ring;
	p[r->n_marks++].offset = offset;
	return 0;
}

void recover_ring(struct recording *r, struct image *m, uint32_t i)
{
	struct image_ring *ring = &m->rings[i];
	uint64_t at, opened, thread;

	if (recording_marked(r, m, i, MARK_POSITION, &at) &&
	    at - ring->reader.at <= ring->reader.ring_bytes && at % 8 == 0)
		ring->reader.at = at;
	if (recording_marked(r, m, i, MARK_OPENED, &opened) && opened == ring->opened &&
	    recording_marked(r, m, i, MARK_THREAD, &thread) &&
	    (uint32_t)thread - 1 < r->known.n_threads) {
		ring->thread = (uint32_t)thread - 1;
		r->known.threads[ring->thread].row.end_ns = -1; /* until its ring says more */
	}
	for (int k = 0; k < SPOOL_RING_LOSSES; k++)
		(void)recording_marked(r, m, i, (enum mark_kind)(MARK_LOSSES + k),
				       &ring->losses[k]);
}

void recover_image(struct recording *r, struct image *m)
{
	uint64_t row;

	if (recording_marked(r, m, 0, MARK_FILE, &row) &&
	    (uint32_t)row - 1 < r->known.n_processes &&
	    r->known.processes[(uint32_t)row - 1].row.pid == m->file.head->pid)
		m->process = (uint32_t)row - 1;
	for (uint32_t k = 0; k < SPOOL_LOSSES; k++)
		(void)recording_marked(r, m, 1 + k, MARK_FILE, &m->losses[k]);
}

int recover_heap(struct recording *r, struct image *m)
{
	uint64_t stored = 0;
	int rc = 0;

	(void)recording_marked(r, m, 0, MARK_HEAP, &stored);
	m->heap->stored = stored != 0;
	for (uint32_t i = 0; i < r->n_stage_marks && rc == 0; i++) {
		const struct recording_stage_mark *s = &r->stage_marks[i];

		if (strcmp(s->file, m->name) == 0 && s->row && s->row < KNOWN_NONE)
			rc = idmap_set(&m->heap->stages, s->id, (uint32_t)s->row);
	}
	return rc;
}

static int64_t row_id(int64_t run, uint32_t place)
{
	return (int64_t)((uint64_t)run << 32 | (place + 1));
}

static int take_process(struct recording *r, const struct profile *p, uint32_t i)
{
	uint32_t at = known_process(&r->known, (int)p->processes[i].pid, 0, UINT64_MAX - i, 0);
	struct known_process *k;

	if (at == KNOWN_NONE)
		return ERR_NOMEM;
	k = &r->known.processes[at];
	k->id = row_id(r->run, i);
	k->row = p->processes[i];
	k->changed = 0;
	snprintf(k->name, sizeof k->name, "%.16s", strtab_text(p->strings, k->row.name));
	return 0;
}

static int take_thread(struct recording *r, const struct profile *p, uint32_t i)
{
	const struct profile_thread *row = &p->threads[i];
	struct known_thread *k;
	uint32_t at;

	at = row->process < r->known.n_processes
		     ? known_thread(&r->known, row->process, (int)row->tid, 0)
		     : KNOWN_NONE;
	if (at != i) /* one row each, in their order */
		return at == KNOWN_NONE ? ERR_NOMEM : ERR_FORMAT;
	k = &r->known.threads[at];
	k->id = row_id(r->run, i);
	k->row = *row;
	k->changed = 0;
	/* A tid that comes again is another thread, unless a ring claims this one (recover_ring). */
	if (k->row.end_ns <= 0)
		k->row.end_ns = k->row.start_ns;
	snprintf(k->name, sizeof k->name, "%.16s", strtab_text(p->strings, row->name));
	return 0;
}

/* The latest moment that the store tells of. */
static int64_t last_seen(const struct profile *p)
{
	int64_t last = p->run.start_ns;

	for (uint32_t i = 0; i < p->n_threads; i++)
		if (p->threads[i].end_ns > last)
			last = p->threads[i].end_ns;
	for (size_t i = 0; i < p->n_ticks; i++)
		if (p->ticks[i].t_ns > last)
			last = p->ticks[i].t_ns;
	for (size_t i = 0; i < p->n_counters; i++)
		if (p->counters[i].t_ns > last)
			last = p->counters[i].t_ns;
	return last;
}

/* Processes, threads and their CPU time as the dead supervisor left them in the store. */
static int restore(struct recording *r, struct err *err)
{
	struct profile p;
	int rc = store_read_run(r->store, r->run,
				STORE_READ_SAMPLES | STORE_READ_TICKS | STORE_READ_COUNTERS, &p,
				err);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < p.n_processes && rc == 0; i++)
		rc = take_process(r, &p, i);
	for (uint32_t i = 0; i < p.n_threads && rc == 0; i++)
		rc = take_thread(r, &p, i);
	for (size_t i = 0; i < p.n_samples && rc == 0; i++)
		if (p.samples[i].kind == PROFILE_CPU && p.samples[i].thread < r->known.n_threads)
			r->known.threads[p.samples[i].thread].sampled_ns += p.samples[i].value;
	r->last_ns = last_seen(&p);
	profile_release(&p);
	return rc ? err_set(err, rc, "cannot take up run %lld again", (long long)r->run) : 0;
}

/* The recorder died, what it looked at perhaps not: files that only its processes have are had from them. */
static struct module_set *files_of_living(struct store *store, int64_t run)
{
	struct module_set *set = NULL;
	struct profile p;

	if (store_read_run(store, run, 0, &p, NULL) == 0) {
		set = livenames_files(&p);
		profile_release(&p);
	}
	return set;
}

static int finish_with(struct store *store, const struct lost_run *lost, int64_t duration_ns,
		       const char *engine, struct err *err)
{
	struct store_run_end end = {.duration_ns = duration_ns < 0 ? 0 : duration_ns,
				    .engine = engine};
	char warning[256];

	return naming_finish_located(store, lost->run, &end, lost->living ? livenames_locate : NULL,
				     lost->living, warning, sizeof warning, err);
}

/* Recorded from outside, so nothing but the store tells of it: what lived then ends with what was seen last. */
static void end_the_living(struct recording *r)
{
	for (uint32_t i = 0; i < r->known.n_processes; i++)
		if (r->known.processes[i].row.end_ns < 0) {
			r->known.processes[i].row.end_ns = r->last_ns;
			r->known.processes[i].changed = 1;
		}
	for (uint32_t i = 0; i < r->known.n_threads; i++)
		if (r->known.threads[i].row.end_ns == r->known.threads[i].row.start_ns) {
			r->known.threads[i].row.end_ns = r->last_ns;
			r->known.threads[i].changed = 1;
		}
}

/* The session is ours: nobody else reads or removes it. */
static int drain_session(struct store *store, const struct lost_run *lost,
			 struct spool_session *session, struct err *err)
{
	struct recording r;
	uint32_t alive;
	int rc;

	if (recording_init(&r, store, lost->run, session, lost->spool_path)) {
		recording_release(&r);
		return err_nomem(err, "the recovery of a run");
	}
	r.recovering = 1;
	store_wait(store, 30000); /* nothing runs that could overflow */
	rc = store_marks(store, lost->run, take_mark, &r, err);
	if (rc == 0)
		rc = restore(&r, err);
	if (rc == 0 && (rc = loop_drain_all(&r, &alive)) != 0)
		err_nomem(err, "the recovery of a run");
	if (rc == 0 && r.totals.images == 0)
		end_the_living(&r);
	if (rc == 0)
		rc = finish_not_sampled(&r);
	if (rc == 0)
		rc = recording_flush(&r, 1, err);
	if (rc == 0)
		rc = finish_with(store, lost, r.last_ns - session->started_mono_ns,
				 r.totals.have_engine ? engine_name(r.totals.engine) : NULL, err);
	recording_release(&r);
	return rc;
}

/* Nothing is left but what the store has. */
static int finish_bare(struct store *store, const struct lost_run *lost, struct err *err)
{
	struct profile p;
	int rc = store_read_run(store, lost->run,
				STORE_READ_SAMPLES | STORE_READ_TICKS | STORE_READ_COUNTERS, &p,
				err);

	if (rc)
		return rc;
	rc = finish_with(store, lost, last_seen(&p) - p.run.start_ns, NULL, err);
	profile_release(&p);
	return rc;
}

static int complete(struct store *store, const struct lost_run *lost, int lease, struct err *err)
{
	struct spool_session *session;
	int rc;

	if (lease < 0 || session_map(&session, lost->spool_path, err))
		return finish_bare(store, lost, err);
	rc = drain_session(store, lost, session, err);
	session_unmap(session);
	return rc;
}

/* 1: completed, 0: somebody is at it, or was faster. */
static int recover_one(struct store *store, struct lost_run *lost, struct err *err)
{
	int lease = lost->spool_path[0] ? lease_take(lost->spool_path) : ERR_NOTFOUND;
	int rc;

	if (lease == ERR_EXISTS)
		return 0;
	rc = naming_is_due(store, lost->run, err);
	if (rc != 1) {
		lease_drop(lease);
		return rc;
	}
	lost->living = files_of_living(store, lost->run);
	rc = complete(store, lost, lease, err);
	if (rc == 0) /* whoever compares runs must know that its end was not seen */
		rc = store_run_label(store, lost->run, RECORD_RECOVERED, "yes", err);
	module_set_free(lost->living);
	lost->living = NULL;
	if (rc == 0 && lease >= 0)
		(void)session_remove(lost->spool_path, NULL);
	lease_drop(lease);
	return rc ? rc : 1;
}

int record_recover(const char *store_path, int *runs, struct err *err)
{
	struct lost_runs lost = {0};
	struct store *store;
	int rc, failed = 0;

	*runs = 0;
	rc = store_open(&store, store_path, STORE_WRITE, err);
	if (rc)
		return rc;
	rc = store_unfinished(store, remember, &lost, err);
	for (size_t i = 0; i < lost.n && rc == 0; i++) {
		int done = recover_one(store, &lost.runs[i], err);

		if (done < 0)
			failed = done; /* the others may fare better */
		else
			*runs += done;
	}
	free(lost.runs);
	store_close(store);
	return rc ? rc : failed;
}
