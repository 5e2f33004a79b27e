/* From snaps to what is shown: equal stacks are found by hash, names asked for in one go. */
#include "prof/cli/dump.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/hash.h"
#include "prof/unwind/table.h"

int dump_init(struct dump *d, uint32_t n, struct err *err)
{
	char cache_dir[4096];

	unwind_table_dir(cache_dir, sizeof(cache_dir), environ);
	d->targets = calloc(n ? n : 1, sizeof(*d->targets));
	d->set = module_set_new(cache_dir);
	d->strings = strtab_new();
	d->names = d->set && d->strings ? livenames_new(d->set, d->strings, cache_dir) : NULL;
	if (!d->targets || !d->names)
		return err_nomem(err, "what was read of the processes");
	d->n = n;
	return 0;
}

static void release_target(struct dump_target *t)
{
	snap_release(&t->snap);
	free(t->twin);
	if (t->core)
		core_close(t->core);
	else
		attach_space_free(t->space);
	if (t->open && !t->core)
		proc_close(&t->proc);
}

void dump_release(struct dump *d)
{
	uint32_t i;

	for (i = 0; i < d->n; i++)
		release_target(&d->targets[i]);
	free(d->targets);
	livenames_free(d->names);
	strtab_free(d->strings);
	module_set_free(d->set);
	memset(d, 0, sizeof(*d));
}

/* ---- equal stacks ---- */

struct stack_key {
	const struct snap *snap;
	const struct snap_thread *thread;
};

/* Two that wait for different things are two, even where the code is the same. */
static int is_twin(const void *ctx, uint32_t id)
{
	const struct stack_key *k = ctx;
	const struct snap_thread *a = k->thread, *b = &k->snap->threads[id];

	return a->n_frames == b->n_frames && a->end == b->end && a->torn == b->torn &&
	       a->state == b->state && strcmp(a->waits_on, b->waits_on) == 0 &&
	       strcmp(a->signal, b->signal) == 0 &&
	       memcmp(a->addresses, b->addresses, a->n_frames * sizeof(*a->addresses)) == 0;
}

static int find_twins(struct dump_target *t)
{
	struct hashidx index = HASHIDX_INIT;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < t->snap.n && rc == 0; i++) {
		const struct snap_thread *thread = &t->snap.threads[i];
		struct stack_key key = {&t->snap, thread};
		uint64_t hash;

		t->twin[i] = i;
		if (thread->n_frames == 0)
			continue;
		hash = hash_bytes(thread->addresses, thread->n_frames * sizeof(*thread->addresses),
				  0);
		t->twin[i] = hashidx_find(&index, hash, is_twin, &key);
		if (t->twin[i] != HASHIDX_NONE)
			continue;
		t->twin[i] = i;
		rc = hashidx_add(&index, hash, i);
	}
	hashidx_release(&index);
	return rc;
}

/* ---- names ---- */

/* One thread of each stack is enough. */
static int speaks(const struct dump_target *t, uint32_t i)
{
	return t->twin[i] == i;
}

static int ask_names(struct dump *d)
{
	struct attach_frame *frames;
	size_t n = 0, at = 0;
	uint32_t i, k, f;
	int rc;

	for (i = 0; i < d->n; i++)
		for (k = 0; k < d->targets[i].snap.n; k++)
			n += d->targets[i].twin[k] == k ? d->targets[i].snap.threads[k].n_frames
							: 0;
	frames = malloc((n ? n : 1) * sizeof(*frames));
	if (!frames)
		return ERR_NOMEM;
	for (i = 0; i < d->n; i++)
		for (k = 0; k < d->targets[i].snap.n; k++) {
			const struct dump_target *t = &d->targets[i];
			const struct snap_thread *thread = &t->snap.threads[k];

			for (f = 0; speaks(t, k) && f < thread->n_frames; f++)
				frames[at++] = attach_space_frame(t->space, thread->addresses[f]);
		}
	rc = livenames_ask(d->names, frames, at);
	free(frames);
	return rc;
}

int dump_join(struct dump *d, struct err *err)
{
	uint32_t i;

	for (i = 0; i < d->n; i++) {
		struct dump_target *t = &d->targets[i];

		t->twin = calloc(t->snap.n + 1, sizeof(*t->twin));
		if (!t->twin || find_twins(t))
			return err_nomem(err, "the stacks of a process");
	}
	return ask_names(d) ? err_nomem(err, "names of functions") : 0;
}

/* ---- frames ---- */

static struct dump_frame describe(const struct dump *d, const struct attach_frame *where,
				  uint64_t address, const struct symbol_frame *name)
{
	const struct attach_module *m =
		where->module == MODULE_NONE ? NULL : module_get(d->set, where->module);

	return (struct dump_frame){.function = strtab_text(d->strings, name->function),
				   .file = strtab_text(d->strings, name->file),
				   .module = m ? m->path : "",
				   .language = strtab_text(d->strings, name->language),
				   .line = name->line,
				   .address = address};
}

int dump_frames(const struct dump *d, const struct dump_target *t, const struct snap_thread *thread,
		int (*each)(void *ctx, const struct dump_frame *f), void *ctx)
{
	uint32_t i, k, n;
	int rc = 0;

	for (i = 0; i < thread->n_frames && rc == 0; i++) {
		struct attach_frame where = attach_space_frame(t->space, thread->addresses[i]);
		const struct symbol_frame *names = livenames_of(d->names, where, &n);

		if (!names)
			return ERR_NOMEM;
		for (k = 0; k < n && rc == 0; k++) {
			struct dump_frame f = describe(d, &where, thread->addresses[i], &names[k]);

			f.inlined = k + 1 < n;
			rc = each(ctx, &f);
		}
	}
	return rc;
}

const char *dump_stack_end(const struct snap_thread *thread)
{
	if (thread->n_frames == 0)
		return NULL;
	switch (thread->end) {
	case UNWIND_ROOT:
		return NULL;
	case UNWIND_DEPTH:
		return "[truncated]";
	case UNWIND_NO_TABLE:
	case UNWIND_NO_RULE:
		return "[no unwind information beyond]";
	case UNWIND_BAD_READ:
		return "[memory beyond cannot be read]";
	case UNWIND_BAD_FRAME:
		return "[the stack makes no sense beyond]";
	case UNWIND_NEED_REG:
		return "[a register that leads on is not known]";
	}
	return NULL;
}

const char *dump_how(const struct snap_thread *thread)
{
	static const char *const names[] = {[SNAP_BLOCKED] = "blocked",
					    [SNAP_STOPPED] = "stopped",
					    [SNAP_PERF] = "perf",
					    [SNAP_NONE] = "none",
					    [SNAP_CORE] = "core"};

	return names[thread->how];
}
