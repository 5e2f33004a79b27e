/* A batch into the store, in one transaction: first what is new of processes, threads, modules, frames,
 * stacks and stages, then what refers to them. */
#include "prof/record/batch.h"

#include <stdlib.h>
#include <string.h>

struct flush {
	struct batch *b;
	struct known *k;
	struct store *store;
	int64_t run;
	struct err *err;
};

static int grow_ids(struct flush *f, int64_t **ids, uint32_t *cap, uint32_t need)
{
	uint32_t next = *cap ? *cap : 1024;
	int64_t *p;

	if (need <= *cap)
		return 0;
	while (next < need)
		next *= 2;
	p = realloc(*ids, (size_t)next * sizeof *p);
	if (!p)
		return err_nomem(f->err, "ids of the store");
	*ids = p;
	*cap = next;
	return 0;
}

static int flush_process(struct flush *f, struct known_process *p)
{
	int rc;

	if (p->id && !p->changed)
		return 0;
	if (p->id)
		return store_process_update(f->store, p->id, &p->row, p->name, f->err);
	rc = store_process_add(f->store, f->run, &p->row, p->name, &p->id, f->err);
	p->fresh = 1;
	return rc;
}

static int flush_thread(struct flush *f, struct known_thread *t)
{
	int rc;

	if (t->id && !t->changed)
		return 0;
	if (t->id)
		return store_thread_update(f->store, t->id, &t->row, t->name, f->err);
	rc = store_thread_add(f->store, f->k->processes[t->process].id, &t->row, t->name, &t->id,
			      f->err);
	t->fresh = 1;
	return rc;
}

static int flush_people(struct flush *f)
{
	int rc = 0;

	for (uint32_t i = 0; i < f->k->n_processes && rc == 0; i++)
		rc = flush_process(f, &f->k->processes[i]);
	for (uint32_t i = 0; i < f->k->n_threads && rc == 0; i++)
		rc = flush_thread(f, &f->k->threads[i]);
	return rc;
}

static int flush_modules(struct flush *f)
{
	struct known *k = f->k;
	uint32_t n = modtab_count(k->modules);
	int rc = grow_ids(f, &k->module_ids, &k->cap_module_ids, n);

	for (; k->n_module_ids < n && rc == 0; k->n_module_ids++) {
		struct module m = modtab_get(k->modules, k->n_module_ids);
		struct known_module at = k->module_info[k->n_module_ids];
		int64_t *id = &k->module_ids[k->n_module_ids];

		*id = 0;
		if (k->n_module_ids != k->label_module)
			rc = store_module_add(f->store, f->run, strtab_text(k->strings, m.path),
					      strtab_text(k->strings, m.build_id), at.start, at.end,
					      at.offset, id, f->err);
	}
	return rc;
}

static int flush_frames(struct flush *f)
{
	struct known *k = f->k;
	uint32_t n = frametab_count(k->frames);
	int rc = grow_ids(f, &k->frame_ids, &k->cap_frame_ids, n);

	for (; k->n_frame_ids < n && rc == 0; k->n_frame_ids++) {
		struct frame at = frametab_get(k->frames, k->n_frame_ids);
		int64_t *id = &k->frame_ids[k->n_frame_ids];

		if (at.module == k->label_module)
			rc = store_frame_add_label(f->store, f->run,
						   strtab_text(k->strings, (uint32_t)at.rel_addr),
						   id, f->err);
		else
			rc = store_frame_add(
				f->store, f->run,
				at.module == FRAME_NO_MODULE ? 0 : k->module_ids[at.module],
				at.rel_addr, id, f->err);
	}
	return rc;
}

static int flush_stacks(struct flush *f)
{
	struct known *k = f->k;
	uint32_t n = stacktab_count(k->stacks);
	int rc = grow_ids(f, &k->stack_ids, &k->cap_stack_ids, n);

	for (; k->n_stack_ids < n && rc == 0; k->n_stack_ids++) {
		uint32_t i = k->n_stack_ids;

		k->stack_ids[i] = 0; /* the root has no row */
		if (i == STACK_ROOT)
			continue;
		rc = store_stack_add(f->store, k->stack_ids[stacktab_parent(k->stacks, i)],
				     k->frame_ids[stacktab_frame(k->stacks, i)],
				     stacktab_depth(k->stacks, i), &k->stack_ids[i], f->err);
	}
	return rc;
}

struct stage_order {
	uint64_t seq;
	uint32_t stage;
};

static int by_seq(const void *a, const void *b)
{
	const struct stage_order *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int add_stage(struct flush *f, uint32_t i)
{
	struct known *k = f->k;
	struct known_stage *s = &k->stages[i];
	uint32_t above = known_stage_parent(k, i);
	int64_t parent = above == KNOWN_NONE ? 0 : k->stages[above].row_id;
	int64_t thread = s->thread == KNOWN_NONE ? 0 : k->threads[s->thread].id;
	int rc = store_stage_add(f->store, f->run, parent, thread, strtab_text(k->strings, s->name),
				 s->seq, s->start_ns, &s->row_id, f->err);

	s->fresh = 1;
	return rc;
}

/* New stages in the order of their begin, so that parents have rows before their children. */
static int add_stages(struct flush *f)
{
	struct known *k = f->k;
	struct stage_order *order;
	uint32_t n = 0;
	int rc = 0;

	if (k->n_stages == 0)
		return 0;
	order = malloc((size_t)k->n_stages * sizeof *order);
	if (!order)
		return err_nomem(f->err, "stages");
	for (uint32_t i = 0; i < k->n_stages; i++)
		if (k->stages[i].state != STAGE_FREE && k->stages[i].row_id == 0)
			order[n++] = (struct stage_order){k->stages[i].seq, i};
	qsort(order, n, sizeof *order, by_seq);
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = add_stage(f, order[i].stage);
	free(order);
	return rc;
}

static int end_stages(struct flush *f)
{
	struct known *k = f->k;
	int rc = 0;

	for (uint32_t i = 0; i < k->n_stages && rc == 0; i++) {
		struct known_stage *s = &k->stages[i];

		if (s->state == STAGE_LATE && s->samples != s->end.samples)
			s->more = 1;
		if (s->state != STAGE_ENDED && !s->more)
			continue;
		s->end.samples = s->samples;
		rc = store_stage_end(f->store, s->row_id, &s->end,
				     s->params ? strtab_text(k->strings, s->params) : NULL, f->err);
		if (rc == 0 && s->end.folded > 1 && s->state == STAGE_ENDED)
			rc = store_stage_more(f->store, s->row_id, s->end.folded - 1, f->err);
	}
	return rc;
}

static int flush_samples(struct flush *f)
{
	struct known *k = f->k;
	int rc = 0;

	for (uint32_t i = 0; i < f->b->n_samples && rc == 0; i++) {
		const struct batch_sample *s = &f->b->samples[i];

		rc = store_sample_add(f->store, f->run, (enum profile_kind)s->kind,
				      s->stage == KNOWN_NONE ? 0 : k->stages[s->stage].row_id,
				      k->threads[s->thread].id, k->stack_ids[s->stack], s->count,
				      s->value, f->err);
	}
	for (uint32_t i = 0; i < f->b->n_ticks && rc == 0; i++) {
		const struct batch_tick *t = &f->b->ticks[i];

		rc = store_tick_add(f->store, f->run, k->threads[t->thread].id, t->t_ns,
				    k->stack_ids[t->stack], (enum profile_state)t->state, f->err);
	}
	return rc;
}

static int flush_mark(struct flush *f, const struct batch_mark *m)
{
	uint64_t offset = m->offset;

	if (m->thread != KNOWN_NONE)
		offset = (uint64_t)f->k->threads[m->thread].id;
	if (m->process != KNOWN_NONE)
		offset = (uint64_t)f->k->processes[m->process].id;
	return store_mark_set(f->store, f->run, strtab_text(f->k->strings, m->file), m->ring, 0,
			      offset, f->err);
}

static int flush_rest(struct flush *f)
{
	const struct batch *b = f->b;
	int rc = 0;

	for (uint32_t i = 0; i < b->n_counters && rc == 0; i++)
		rc = store_counter_add(f->store, f->run, b->counters[i].t_ns,
				       strtab_text(f->k->strings, b->counters[i].name),
				       b->counters[i].value, f->err);
	for (int i = 0; i < SPOOL_LOSSES && rc == 0; i++)
		if (b->losses[i])
			rc = store_loss_add(f->store, f->run, spool_loss_name((enum spool_loss)i),
					    b->losses[i], f->err);
	for (uint32_t i = 0; i < b->n_marks && rc == 0; i++)
		rc = flush_mark(f, &b->marks[i]);
	return rc;
}

static void forget_flushed(struct batch *b)
{
	hashidx_release(&b->sample_index);
	b->n_samples = b->n_ticks = b->n_counters = b->n_marks = 0;
	memset(b->losses, 0, sizeof b->losses);
}

int batch_flush(struct batch *b, struct known *k, struct store *store, int64_t run,
		const struct batch_more *more, struct err *err)
{
	int (*const parts[])(struct flush *) = {flush_people,  flush_modules, flush_frames,
						flush_stacks,  add_stages,    end_stages,
						flush_samples, flush_rest};
	struct flush f = {b, k, store, run, err};
	int rc = store_begin(store, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof parts / sizeof *parts && rc == 0; i++)
		rc = parts[i](&f);
	if (rc == 0 && more)
		rc = more->write(more->ctx, err);
	if (rc == 0)
		rc = store_commit(store, err);
	if (rc) {
		store_rollback(store);
		known_forget_ids(k);
		return rc;
	}
	known_keep_ids(k);
	forget_flushed(b);
	return 0;
}
