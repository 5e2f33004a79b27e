/* A profile in memory into the file: see write_profile.h. Stacks go through fold.c before they are written, so that
 * each row is written once. */
#include "prof/store/write_profile.h"

#include <math.h>
#include <stdlib.h>

#include "prof/store/internal.h"
#include "prof/store/rows.h"

struct whole {
	struct store *s;
	const struct profile *p;
	int64_t run;
	struct err *err;
	uint32_t *string_n;                    /* owned, by id of p->strings; 0: not written yet */
	int64_t *processes, *threads, *stages; /* owned: ids of the rows */
	uint32_t *modules, *frames;            /* owned: n of the rows */
};

static int foreign(struct whole *w, const char *what)
{
	return err_set(w->err, ERR_ARG, "a row of the profile names %s that is not there", what);
}

static int string_n(struct whole *w, uint32_t id, uint32_t *n)
{
	int rc;

	*n = 0;
	if (id == STRTAB_EMPTY)
		return 0;
	if (id >= strtab_count(w->p->strings))
		return foreign(w, "a text");
	if (w->string_n[id] == 0) {
		rc = store_string(w->s, w->run, strtab_text(w->p->strings, id), &w->string_n[id],
				  w->err);
		if (rc < 0)
			return rc;
	}
	*n = w->string_n[id];
	return 0;
}

static const char *text(const struct whole *w, uint32_t id)
{
	return id == STRTAB_EMPTY ? NULL : strtab_text(w->p->strings, id);
}

static int write_threads(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (uint32_t i = 0; i < p->n_processes && rc == 0; i++)
		rc = store_process_add(w->s, w->run, &p->processes[i],
				       text(w, p->processes[i].name), &w->processes[i], w->err);
	for (uint32_t i = 0; i < p->n_threads && rc == 0; i++) {
		if (p->threads[i].process >= p->n_processes)
			return foreign(w, "a process");
		rc = store_thread_add(w->s, w->processes[p->threads[i].process], &p->threads[i],
				      text(w, p->threads[i].name), &w->threads[i], w->err);
	}
	return rc;
}

static int write_modules(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (uint32_t i = 0; i < p->n_modules && rc == 0; i++) {
		const struct profile_module *m = &p->modules[i];
		int64_t id = 0;

		rc = store_module_add(w->s, w->run, strtab_text(p->strings, m->path),
				      strtab_text(p->strings, m->build_id), m->start, m->end,
				      m->offset, &id, w->err);
		w->modules[i] = store_n(id);
	}
	return rc;
}

static int write_frame(struct whole *w, sqlite3_stmt *stmt, const struct profile_frame *f,
		       uint32_t *n)
{
	uint32_t function, file, language, module = 0;
	int64_t id;
	int rc = 0;

	if (f->module != PROFILE_NONE) {
		if (f->module >= w->p->n_modules)
			return foreign(w, "a module");
		module = w->modules[f->module];
	}
	rc = string_n(w, f->function, &function);
	if (rc == 0)
		rc = string_n(w, f->file, &file);
	if (rc == 0)
		rc = string_n(w, f->language, &language);
	if (rc == 0)
		rc = store_next_id(w->s, w->run, TABLE_FRAME, &id, w->err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, module);
	sqlite3_bind_int64(stmt, 3, (int64_t)f->rel_addr);
	sqlite3_bind_int64(stmt, 4, function);
	sqlite3_bind_int64(stmt, 5, file);
	sqlite3_bind_int64(stmt, 6, f->line);
	sqlite3_bind_int64(stmt, 7, f->inline_depth);
	sqlite3_bind_int64(stmt, 8, language);
	*n = store_n(id);
	return store_step(w->s, stmt, "write to", w->err);
}

static int write_frames(struct whole *w)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(w->s,
			       "INSERT INTO frame_row (id, module, rel_addr, function, file, line,"
			       " inline_depth, language) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			       &stmt, w->err);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < w->p->n_frames && rc == 0; i++)
		rc = write_frame(w, stmt, &w->p->frames[i], &w->frames[i]);
	sqlite3_finalize(stmt);
	return rc;
}

static int write_stages(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (uint32_t i = 0; i < p->n_stages && rc == 0; i++) {
		const struct profile_stage *g = &p->stages[i];

		if ((g->parent != PROFILE_NONE && g->parent >= i) || g->thread >= p->n_threads)
			return foreign(w, "a stage or thread");
		rc = store_stage_add(w->s, w->run,
				     g->parent == PROFILE_NONE ? 0 : w->stages[g->parent],
				     w->threads[g->thread], strtab_text(p->strings, g->name),
				     g->seq, g->start_ns, &w->stages[i], w->err);
		if (rc == 0)
			rc = store_stage_end(w->s, w->stages[i], g, text(w, g->params), w->err);
		if (rc == 0 && g->folded > 1)
			rc = store_stage_more(w->s, w->stages[i], g->folded - 1, w->err);
	}
	return rc;
}

static int write_samples(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (size_t i = 0; i < p->n_samples && rc == 0; i++) {
		const struct profile_sample *from = &p->samples[i];
		struct store_sample to = {.kind = (enum profile_kind)from->kind,
					  .count = from->count,
					  .value = from->value,
					  .variance = from->variance,
					  .life_ns = from->life_ns};

		if (from->kind >= PROFILE_KINDS || from->thread >= p->n_threads ||
		    from->stack == 0 || from->stack >= p->n_stacks ||
		    (from->stage != PROFILE_NONE && from->stage >= p->n_stages))
			return foreign(w, "a thread, stack or stage");
		to.stage = from->stage == PROFILE_NONE ? 0 : w->stages[from->stage];
		to.thread = w->threads[from->thread];
		to.stack = store_id(w->run, from->stack);
		rc = store_sample_add_memory(w->s, w->run, &to, w->err);
	}
	return rc < 0 ? rc : store_flush(w->s, w->err);
}

static int write_events(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (size_t i = 0; i < p->n_ticks && rc == 0; i++) {
		if (p->ticks[i].thread >= p->n_threads || p->ticks[i].stack >= p->n_stacks)
			return foreign(w, "a thread or stack");
		rc = store_tick_add(w->s, w->run, w->threads[p->ticks[i].thread], p->ticks[i].t_ns,
				    store_id(w->run, p->ticks[i].stack),
				    (enum profile_state)p->ticks[i].state, w->err);
	}
	for (size_t i = 0; i < p->n_counters && rc == 0; i++)
		rc = store_counter_add(w->s, w->run, p->counters[i].t_ns,
				       strtab_text(p->strings, p->counters[i].name),
				       p->counters[i].value, w->err);
	for (uint32_t i = 0; i < p->n_losses && rc == 0; i++)
		rc = store_loss_add(w->s, w->run, strtab_text(p->strings, p->losses[i].reason),
				    p->losses[i].count, w->err);
	return rc;
}

static int write_snapshots(struct whole *w)
{
	const struct profile *p = w->p;
	int rc = 0;

	for (size_t i = 0; i < p->n_snapshots && rc == 0; i++) {
		const struct profile_snapshot *n = &p->snapshots[i];
		int64_t id = 0;

		if (n->first > p->n_snapshot_rows || n->n > p->n_snapshot_rows - n->first)
			return foreign(w, "a row of a snapshot");
		rc = store_snapshot_add(w->s, w->run, n->t_ns, strtab_text(p->strings, n->name),
					n->heap_bytes, &id, w->err);
		for (size_t k = n->first; k < n->first + n->n && rc == 0; k++) {
			const struct profile_snapshot_row *r = &p->snapshot_rows[k];

			if (r->stack >= p->n_stacks)
				return foreign(w, "a stack");
			rc = store_snapshot_row_add(w->s, id, store_id(w->run, r->stack), r->count,
						    r->value, w->err);
		}
	}
	return rc;
}

/* Stack `i` of the profile is row n = i: the root has no row. */
static int write_stacks(struct whole *w)
{
	const struct profile *p = w->p;
	struct stack_rows r = {0};
	int rc = 0;

	for (uint32_t i = 1; i < p->n_stacks && rc == 0; i++) {
		const struct profile_stack *k = &p->stacks[i];

		if (k->parent >= i || k->frame >= p->n_frames) {
			rc = foreign(w, "a stack or frame");
			break;
		}
		rc = stack_rows_push(&r, k->parent, w->frames[k->frame]);
		if (rc < 0)
			rc = err_nomem(w->err, "the stacks of a run");
		else
			r.rows[r.count - 1].depth = k->parent ? r.rows[k->parent - 1].depth + 1 : 1;
	}
	if (rc == 0)
		rc = store_fold_rows(w->s, w->run, &r, w->err);
	if (rc == 0)
		rc = stack_rows_save(w->s, w->run, &r, w->err);
	stack_rows_release(&r);
	return rc;
}

static int make_places(struct whole *w)
{
	const struct profile *p = w->p;

	w->string_n = calloc((size_t)strtab_count(p->strings) + 1, sizeof *w->string_n);
	w->processes = calloc((size_t)p->n_processes + 1, sizeof *w->processes);
	w->threads = calloc((size_t)p->n_threads + 1, sizeof *w->threads);
	w->stages = calloc((size_t)p->n_stages + 1, sizeof *w->stages);
	w->modules = calloc((size_t)p->n_modules + 1, sizeof *w->modules);
	w->frames = calloc((size_t)p->n_frames + 1, sizeof *w->frames);
	return w->string_n && w->processes && w->threads && w->stages && w->modules && w->frames
		       ? 0
		       : err_nomem(w->err, "a profile");
}

static int write_all(struct whole *w)
{
	int (*const parts[])(struct whole *) = {make_places,  write_threads,   write_modules,
						write_frames, write_stages,    write_samples,
						write_events, write_snapshots, write_stacks};
	int rc = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts && rc == 0; i++)
		rc = parts[i](w);
	return rc;
}

int store_write_profile(struct store *s, const struct profile *p, const struct store_run *run,
			const struct store_run_end *end, int64_t *key, struct err *err)
{
	struct whole w = {.s = s, .p = p, .err = err};
	int rc = store_begin(s, err);

	if (rc < 0)
		return rc;
	rc = store_run_add(s, run, &w.run, err);
	if (rc == 0)
		rc = write_all(&w);
	if (rc == 0)
		rc = store_run_finish(s, w.run, end, err);
	if (rc == 0)
		rc = store_commit(s, err);
	else
		store_rollback(s);
	free(w.string_n);
	free(w.processes);
	free(w.threads);
	free(w.stages);
	free(w.modules);
	free(w.frames);
	*key = rc == 0 ? w.run : 0;
	return rc;
}
