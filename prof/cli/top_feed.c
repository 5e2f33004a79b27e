/* From the sampler to top's model: see top_feed.h. */
#include "prof/cli/top_feed.h"
#include "prof/cli/top_grow.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/cli/text.h"
#include "prof/unwind/table.h"

/* Rows of threads that ended stay with the sampler, names of code that is gone stay in the string table: with so
 * many it is all begun anew. */
#define THREADS_MAX 20000u
#define STRINGS_MAX (1u << 20)

/* ---- life ---- */

static int check_all(const struct pick_list *pids, int stops, struct err *err)
{
	uint32_t i;

	for (i = 0; i < pids->n; i++) {
		struct proc p;
		int rc = pick_check(&p, pids->pids[i], stops, err);

		if (rc)
			return rc;
		proc_close(&p);
	}
	return 0;
}

static int make_model(struct top_feed *f, struct err *err)
{
	f->strings = strtab_new();
	if (!f->strings || top_model_init(&f->model, f->strings) ||
	    strtab_intern_text(f->strings, "[truncated]", &f->truncated) ||
	    strtab_intern_text(f->strings, "[not sampled]", &f->unread))
		return err_nomem(err, "the live view");
	return 0;
}

int top_feed_open(struct top_feed *f, struct pick_list *pids, const struct sampler_options *options,
		  const uint32_t rates_hz[TOP_KINDS], struct err *err)
{
	int rc;

	memset(f, 0, sizeof(*f));
	f->pids = *pids;
	memset(pids, 0, sizeof(*pids));
	f->options = *options;
	unwind_table_dir(f->cache_dir, sizeof(f->cache_dir), environ);
	f->options.cache_dir = f->cache_dir;
	f->kind = options->wall ? TOP_WALL : TOP_CPU;
	memcpy(f->rates_hz, rates_hz, sizeof(f->rates_hz));
	f->started_ns = clock_mono_ns();
	rc = make_model(f, err);
	if (!rc)
		rc = check_all(&f->pids, options->engine != SAMPLER_PERF && !options->nonblocking,
			       err);
	if (!rc)
		rc = top_feed_start(f, err);
	if (!rc)
		top_feed_describe(f);
	return rc;
}

void top_feed_release(struct top_feed *f)
{
	top_feed_stop(f);
	top_model_release(&f->model);
	strtab_free(f->strings);
	pick_release(&f->pids);
	free(f->threads);
	free(f->processes);
	memset(f, 0, sizeof(*f));
}

/* One that ended meanwhile is left out, as long as there is another. */
static int add_all(struct top_feed *f, struct err *err)
{
	uint32_t i, added = 0;
	int rc = 0;

	for (i = 0; i < f->pids.n; i++) {
		int one = sampler_add(f->sampler, f->pids.pids[i], err);

		if (one && one != ERR_NOTFOUND)
			return one;
		if (one)
			rc = one;
		else
			added++;
	}
	return added ? 0 : rc;
}

int top_feed_start(struct top_feed *f, struct err *err)
{
	int rc;

	f->options.wall = f->kind == TOP_WALL;
	f->options.rate_hz = f->rates_hz[f->kind];
	rc = sampler_new(&f->sampler, &f->options, err);
	if (rc) {
		f->sampler = NULL;
		return rc;
	}
	rc = add_all(f, err);
	if (!rc) {
		f->names = livenames_new(sampler_modules(f->sampler), f->strings, f->cache_dir);
		f->n_threads = f->n_processes = 0;
		if (!f->names || top_feed_first_use(f))
			rc = err_nomem(err, "the live view");
	}
	if (rc) {
		top_feed_stop(f);
		return rc;
	}
	f->own_cpu_ns = clock_process_cpu_ns();
	f->begun_ns = clock_mono_ns();
	return 0;
}

static uint64_t losses(const struct top_feed *f)
{
	uint64_t sum = 0;
	int l;

	for (l = 0; f->sampler && l < SAMPLER_LOSSES; l++)
		sum += l == SAMPLER_TRUNCATED || l == SAMPLER_NO_UNWIND_INFO
			       ? 0 /* those are shown, with a frame that says so */
			       : sampler_loss(f->sampler, (enum sampler_loss)l);
	return sum;
}

void top_feed_stop(struct top_feed *f)
{
	f->lost_before += losses(f);
	livenames_free(f->names);
	f->names = NULL;
	top_raw_release(&f->raw);
	if (f->sampler)
		sampler_free(f->sampler);
	f->sampler = NULL;
}

int top_feed_reset(struct top_feed *f, struct err *err)
{
	return top_model_reset(&f->model) ? err_nomem(err, "the live view") : 0;
}

/* ---- taking samples ---- */

struct top_feed_thread *top_feed_thread_at(struct top_feed *f, uint32_t place)
{
	if (place >= f->n_threads &&
	    TOP_GROW(f->threads, f->n_threads, place + 1 - f->n_threads, f->cap_threads))
		return NULL;
	for (; f->n_threads <= place; f->n_threads++) {
		struct top_feed_thread *t = &f->threads[f->n_threads];

		memset(t, 0, sizeof(*t));
		t->stack = TOP_NONE;
		t->cpu_ns = -1;
		t->call_ns = -1;
	}
	return &f->threads[place];
}

/* "[no unwind info: libx.so]" for where a stack ended before its root. */
static int no_info(struct top_feed *f, uint32_t module, uint32_t *label)
{
	const struct attach_module *m = module_get(sampler_modules(f->sampler), module);
	char text[256];

	snprintf(text, sizeof(text), "[no unwind info: %.200s]",
		 m ? text_base(m->path) : "unknown code");
	return strtab_intern_text(f->strings, text, label);
}

static int take(void *ctx, const struct sampler_sample *s)
{
	struct top_feed *f = ctx;
	struct top_feed_thread *t = top_feed_thread_at(f, s->thread);
	enum top_kind kind = s->part == SAMPLE_CPU ? TOP_CPU : TOP_WALL;
	uint32_t labels[2] = {0, 0}, stack;

	if (!t)
		return ERR_NOMEM;
	if (s->part == SAMPLE_OFFCPU) /* a part of wall */
		return 0;
	if (!s->n)
		labels[0] = f->unread;
	else if (s->truncated)
		labels[0] = f->truncated;
	else if (s->end != UNWIND_ROOT && no_info(f, s->end_module, &labels[0]))
		return ERR_NOMEM;
	stack = top_raw_add(&f->raw, s->frames, s->n, labels, kind, (double)s->value_ns, s->count);
	if (stack == TOP_NONE)
		return ERR_NOMEM;
	t->ran |= kind == TOP_CPU;
	if (kind != f->kind)
		return 0;
	t->stack = stack;
	t->samples += s->count;
	if (kind == TOP_WALL)
		t->syscall = s->syscall;
	return 0;
}

/* ---- names ---- */

/* Code that is made at run time may have another name by now. */
static int may_change(const struct top_feed *f, const struct attach_frame *a)
{
	const struct attach_module *m;

	if (a->module == TOP_RAW_LABEL)
		return 0;
	m = module_get(sampler_modules(f->sampler), a->module);
	return !m || m->source == MODULE_JIT;
}

static int place_label(struct top_feed *f, struct top_raw_frame *r)
{
	uint32_t *place = top_raw_places(&f->raw, r, 1);
	uint32_t function =
		top_model_function(&f->model, (uint32_t)r->frame.rel_addr, STRTAB_EMPTY);

	if (!place || function == TOP_NONE)
		return ERR_NOMEM;
	*place = top_model_place(&f->model, function, STRTAB_EMPTY, 0);
	return *place == TOP_NONE ? ERR_NOMEM : 0;
}

static int place_code(struct top_feed *f, struct top_raw_frame *r)
{
	const struct attach_module *m = module_get(sampler_modules(f->sampler), r->frame.module);
	const struct symbol_frame *chain;
	uint32_t n = 0, i, module, function, *places;

	chain = livenames_of(f->names, r->frame, &n);
	places = chain ? top_raw_places(&f->raw, r, n) : NULL;
	if (!places || strtab_intern_text(f->strings, m ? m->path : "", &module))
		return ERR_NOMEM;
	for (i = 0; i < n; i++) {
		function = top_model_function(&f->model, chain[i].function, module);
		if (function == TOP_NONE)
			return ERR_NOMEM;
		places[i] = top_model_place(&f->model, function, chain[i].file, chain[i].line);
		if (places[i] == TOP_NONE)
			return ERR_NOMEM;
	}
	return 0;
}

/* The frames of this interval's stacks that need names; how many. */
static uint32_t list_wanted(struct top_feed *f, uint32_t *list)
{
	struct top_raw *r = &f->raw;
	uint32_t i, k, n = 0;

	for (i = 0; i < r->n_frames; i++)
		r->frames[i].wanted = 0;
	for (i = 0; i < r->n_stacks; i++) {
		const struct top_raw_stack *s = &r->stacks[i];

		for (k = 0; k < s->n && (s->count[TOP_CPU] || s->count[TOP_WALL]); k++) {
			struct top_raw_frame *frame = &r->frames[r->ids[s->at + k]];

			if (frame->wanted)
				continue;
			frame->wanted = 1;
			if (frame->stale || may_change(f, &frame->frame))
				list[n++] = r->ids[s->at + k];
		}
	}
	return n;
}

static int name_listed(struct top_feed *f, const uint32_t *list, uint32_t n,
		       struct attach_frame *ask)
{
	struct top_raw_frame *frames = f->raw.frames;
	uint32_t i, asked = 0;
	int rc;

	for (i = 0; i < n; i++)
		if (frames[list[i]].frame.module != TOP_RAW_LABEL)
			ask[asked++] = frames[list[i]].frame;
	rc = asked ? livenames_ask(f->names, ask, asked) : 0;
	for (i = 0; !rc && i < n; i++) {
		struct top_raw_frame *frame = &frames[list[i]];

		rc = frame->frame.module == TOP_RAW_LABEL ? place_label(f, frame)
							  : place_code(f, frame);
	}
	return rc;
}

/* Places for frames that have none, their names asked for at once. */
static int name_frames(struct top_feed *f)
{
	uint32_t *list = malloc((f->raw.n_frames + 1) * sizeof(*list));
	struct attach_frame *ask = malloc((f->raw.n_frames + 1) * sizeof(*ask));
	int rc = list && ask ? 0 : ERR_NOMEM;

	if (f->generation != f->model.generation)
		top_raw_stale(&f->raw);
	f->generation = f->model.generation;
	if (!rc)
		rc = name_listed(f, list, list_wanted(f, list), ask);
	free(list);
	free(ask);
	return rc;
}

/* ---- into the model ---- */

/* The places of a stack's frames in a row; NULL: no memory. */
static const uint32_t *places_of(struct top_feed *f, const struct top_raw_stack *s,
				 uint32_t **scratch, uint32_t *cap, uint32_t *n)
{
	const struct top_raw *r = &f->raw;
	uint32_t i, k, all = 0;

	for (i = 0; i < s->n; i++)
		all += r->frames[r->ids[s->at + i]].n;
	if (all > *cap) {
		uint32_t *more = realloc(*scratch, 2 * (size_t)all * sizeof(*more));

		if (!more)
			return NULL;
		*scratch = more;
		*cap = 2 * all;
	}
	all = 0;
	for (i = 0; i < s->n; i++) {
		const struct top_raw_frame *frame = &r->frames[r->ids[s->at + i]];

		for (k = 0; k < frame->n; k++)
			(*scratch)[all++] = r->places[frame->first + k];
	}
	*n = all;
	return *scratch;
}

static int add_stacks(struct top_feed *f)
{
	uint32_t *scratch = malloc(256 * sizeof(*scratch)), cap = 256, i, n;
	int rc = scratch ? 0 : ERR_NOMEM, k;

	for (i = 0; !rc && i < f->raw.n_stacks; i++) {
		const struct top_raw_stack *s = &f->raw.stacks[i];
		const uint32_t *places;

		if (!s->count[TOP_CPU] && !s->count[TOP_WALL])
			continue;
		places = places_of(f, s, &scratch, &cap, &n);
		if (!places)
			rc = ERR_NOMEM;
		for (k = 0; !rc && k < TOP_KINDS; k++)
			if (s->count[k])
				rc = top_model_add(&f->model, (enum top_kind)k, places, n,
						   s->value[k], s->count[k]);
	}
	free(scratch);
	return rc;
}

/* Where each thread was last. */
static void name_threads(struct top_feed *f)
{
	uint32_t i;

	for (i = 0; i < f->n_threads; i++) {
		struct top_feed_thread *t = &f->threads[i];
		const struct top_raw_stack *s;
		const struct top_raw_frame *leaf;

		if (t->stack == TOP_NONE)
			continue;
		s = &f->raw.stacks[t->stack];
		leaf = &f->raw.frames[f->raw.ids[s->at]];
		if (s->n && leaf->n)
			t->function = f->model.functions[f->model.lines[f->raw.places[leaf->first]]
								 .function]
					      .name;
		t->stack = TOP_NONE;
	}
}

/* What was sampled so far, named, into the model. */
static int fold(struct top_feed *f, struct err *err)
{
	int rc;

	if (!f->begun)
		top_model_begin(&f->model);
	f->begun = 1;
	rc = name_frames(f);
	if (!rc)
		rc = add_stacks(f);
	if (rc)
		return err_nomem(err, "the live view");
	name_threads(f);
	top_raw_begin(&f->raw);
	return 0;
}

/* ---- intervals ---- */

static int is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

int top_feed_wait(struct top_feed *f, int64_t until_ns, int wake_fd, struct err *err)
{
	for (;;) {
		int64_t left = until_ns - clock_mono_ns();
		int rc;

		if (left <= 0)
			return TOP_FEED_DUE;
		if (is_readable(wake_fd))
			return TOP_FEED_WOKEN;
		left = (left + 999999) / 1000000;
		rc = sampler_round(f->sampler, left < 60000 ? (int)left : 60000, wake_fd, take, f);
		if (rc == ERR_NOMEM)
			return err_nomem(err, "the live view");
		if (rc < 0)
			return err_set(err, rc, "sampling failed: %s", sampler_note(f->sampler));
		if (rc > 0)
			return TOP_FEED_ENDED;
		if (top_raw_is_large(&f->raw)) {
			rc = fold(f, err);
			if (rc)
				return rc;
		}
	}
}

static int begin_anew(struct top_feed *f, struct err *err)
{
	int rc = 0;

	top_feed_stop(f);
	if (strtab_count(f->strings) > STRINGS_MAX) {
		top_model_release(&f->model);
		strtab_free(f->strings);
		rc = make_model(f, err);
	}
	return rc ? rc : top_feed_start(f, err);
}

int top_feed_frame(struct top_feed *f, struct err *err)
{
	int64_t now = clock_mono_ns(), interval = now - f->begun_ns;
	uint32_t rows = f->n_threads;
	int rc = 0;

	if (strtab_count(f->strings) > STRINGS_MAX ||
	    (rows > THREADS_MAX && rows / 4 > f->status.threads))
		rc = begin_anew(f, err);
	if (!rc)
		rc = fold(f, err);
	if (rc)
		return rc;
	f->status.lost = f->lost_before + losses(f);
	if (top_feed_use(f, interval) || top_model_close(&f->model, interval))
		return err_nomem(err, "the live view");
	f->begun = 0;
	f->begun_ns = now;
	return 0;
}
