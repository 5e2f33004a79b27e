/* Reading pprof's profiles: see pprof_read.h. Tables may stand behind what refers to them, so the message is walked
 * through once for each: texts, what is measured, mappings and functions, places, samples. */
#include "prof/formats/pprof_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/pprof_tables.h"

/* ---- what is measured ---- */

static int keep_type_text(struct pprof *x, uint64_t at)
{
	const struct text *t;

	if (at >= x->n_texts)
		return pprof_damaged(x, "a sample type's name is not there");
	t = &x->texts[at];
	buf_put(&x->type_texts, t->at, strnlen(t->at, t->n));
	return buf_putc(&x->type_texts, '\0') ? err_nomem(x->err, "sample types") : 0;
}

static int add_type(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t v[7] = {0}; /* type, unit from 1 */
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a sample type");

	(void)ctx;
	if (rc == 0 && x->n_types == PPROF_TYPES_MAX)
		return err_set(x->err, ERR_LIMIT, "more than %d sample types", PPROF_TYPES_MAX);
	if (rc == 0)
		rc = keep_type_text(x, v[1]);
	if (rc == 0)
		rc = keep_type_text(x, v[2]);
	x->n_types += rc == 0;
	return rc;
}

static int run_field(struct pprof *x, struct proto_field *f, void *ctx)
{
	struct profile_run *run = &x->in.p->run;
	uint64_t v[7] = {0};
	int rc;

	(void)ctx;
	if (f->number == TIME_NANOS && f->value <= INT64_MAX)
		run->started_at = (int64_t)f->value;
	else if (f->number == DURATION_NANOS && f->value <= INT64_MAX)
		run->duration_ns = (int64_t)f->value;
	else if (f->number == PERIOD && f->value <= INT64_MAX)
		x->period = (double)f->value;
	else if (f->number == DEFAULT_TYPE)
		x->default_type = f->value;
	else if (f->number == PERIOD_TYPE && f->is_bytes) {
		rc = pprof_fields(x, f->in, 0, pprof_numbers, v);
		x->period_unit = v[2];
		return rc;
	}
	return 0;
}

static int choose_types(struct pprof *x)
{
	const char *at = buf_str(&x->type_texts), *fallback = "";
	uint64_t unit = x->period_unit;
	unsigned i;

	for (i = 0; i < x->n_types; i++) {
		x->types[i].type = at;
		at += strlen(at) + 1;
		x->types[i].unit = at;
		at += strlen(at) + 1;
	}
	if (x->default_type < x->n_texts && x->default_type > 0)
		for (i = 0; i < x->n_types; i++)
			if (strlen(x->types[i].type) == x->texts[x->default_type].n &&
			    memcmp(x->types[i].type, x->texts[x->default_type].at,
				   x->texts[x->default_type].n) == 0)
				fallback = x->types[i].type;
	if (unit >= x->n_texts || x->texts[unit].n != 11 ||
	    memcmp(x->texts[unit].at, "nanoseconds", 11) != 0)
		x->period = 0;
	x->in.p->run.rate_hz = x->o->rate_hz > 0 ? x->o->rate_hz
			       : x->period > 0   ? 1e9 / x->period
						 : 0;
	return pprof_choose(&x->columns, x->types, x->n_types, x->period, fallback, x->o, x->notes,
			    x->err);
}

/* ---- samples ---- */

struct label { /* of what thread a sample is */
	uint32_t thread_name, process_name;
	int64_t tid, pid;
	int has;
};

static int is_one_of(const struct text *t, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) == t->n && memcmp(*names, t->at, t->n) == 0)
			return 1;
	return 0;
}

/* A number, or text that is one. */
static int64_t label_number(const struct pprof *x, const uint64_t *v)
{
	int64_t n = 0;
	uint32_t i;

	if (!v[2] || v[2] >= x->n_texts)
		return v[3] <= INT64_MAX ? (int64_t)v[3] : 0;
	for (i = 0; i < x->texts[v[2]].n && i < 18; i++) {
		char c = x->texts[v[2]].at[i];

		if (c < '0' || c > '9')
			return 0;
		n = n * 10 + (c - '0');
	}
	return n;
}

static int add_label(struct pprof *x, struct proto_field *f, struct label *l)
{
	static const char *const tids[] = {"thread_id", "thread id", "tid", NULL};
	static const char *const pids[] = {"pid", "process_id", "process id", NULL};
	static const char *const threads[] = {"thread", "thread_name", "thread name", NULL};
	static const char *const processes[] = {"comm", "process", "process_name", NULL};
	uint64_t v[7] = {0}; /* key, text, number from 1 */
	const struct text *key;
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a label");

	if (rc || v[1] >= x->n_texts)
		return rc ? rc : pprof_damaged(x, "a label's name is not there");
	key = &x->texts[v[1]];
	if (is_one_of(key, tids))
		l->tid = label_number(x, v);
	else if (is_one_of(key, pids))
		l->pid = label_number(x, v);
	else if (is_one_of(key, threads) && v[2])
		rc = pprof_text(x, v[2], &l->thread_name);
	else if (is_one_of(key, processes) && v[2])
		rc = pprof_text(x, v[2], &l->process_name);
	else
		return 0;
	l->has = 1;
	return rc;
}

static int sample_field(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint32_t number = f->number;
	uint64_t v;
	int rc;

	if (number == 3)
		return add_label(x, f, ctx);
	if (number != 1 && number != 2)
		return 0;
	while ((rc = proto_number(f, &v)) > 0) {
		if (number == 2) {
			if (x->n_values < PPROF_TYPES_MAX)
				x->values[x->n_values++] = (int64_t)v;
			continue;
		}
		if (PPROF_GROW(x, x->places, x->cap_places, x->n_places))
			return ERR_NOMEM;
		x->places[x->n_places++] = v;
	}
	return rc ? pprof_damaged(x, "a sample") : 0;
}

static int thread_of(struct pprof *x, const struct label *l, uint32_t *thread)
{
	uint32_t process;
	int rc;

	if (!l->has) {
		rc = x->no_thread == PROFILE_NONE ? intake_no_thread(&x->in, &x->no_thread) : 0;
		*thread = x->no_thread;
		return rc;
	}
	rc = intake_process(&x->in, l->pid, l->process_name, &process);
	return rc ? rc : intake_thread(&x->in, process, l->tid, l->thread_name, thread);
}

static int stack_of(struct pprof *x, uint32_t *stack)
{
	size_t i;
	uint32_t k;

	*stack = 0;
	for (i = x->n_places; i-- > 0;) {
		uint32_t at = idmap_get(&x->location_ids, x->places[i]);

		if (at == IDMAP_NONE)
			return pprof_damaged(x, "a place that is not there");
		for (k = 0; k < x->locations[at].n; k++) {
			int rc = intake_stack(&x->in, *stack, x->pool[x->locations[at].first + k],
					      stack);

			if (rc)
				return rc;
		}
	}
	return 0;
}

static int add_column(struct pprof *x, const struct pprof_column *c, uint32_t thread,
		      uint32_t stack)
{
	struct import_scale s = {c->kind, c->value_factor, 0};
	uint64_t count = 0, one;
	int64_t value = 0;
	int rc = 0;

	if (c->value >= 0)
		rc = import_value(&s, (double)x->values[c->value], &count, &value, x->err);
	/* Whole numbers beyond 2^53 would be rounded. */
	if (rc == 0 && c->value >= 0 && c->value_factor == 1)
		value = x->values[c->value];
	if (rc == 0 && c->count >= 0) {
		int64_t v;

		s = (struct import_scale){c->kind, c->value >= 0 ? 1 : c->count_factor, 1};
		rc = import_value(&s, (double)x->values[c->count], &one, &v, x->err);
		count = (uint64_t)x->values[c->count];
		value = c->value >= 0 ? value : v;
	}
	if (rc || (count == 0 && value == 0))
		return rc;
	return intake_add(&x->in, c->kind, thread, stack, count, value);
}

static int add_sample(struct pprof *x, struct proto_field *f, void *ctx)
{
	struct label l = {0};
	uint32_t thread = 0, stack;
	unsigned i;
	int rc;

	(void)ctx;
	x->n_places = 0;
	x->n_values = 0;
	x->samples++;
	rc = f->is_bytes ? pprof_fields(x, f->in, 0, sample_field, &l)
			 : pprof_damaged(x, "a sample");
	if (rc == 0 && x->n_values != x->n_types)
		rc = pprof_damaged(
			x, "as many values as there are sample types should be in a sample");
	if (rc == 0)
		rc = stack_of(x, &stack);
	if (rc == 0)
		rc = thread_of(x, &l, &thread);
	for (i = 0; rc == 0 && stack && i < x->columns.n; i++)
		rc = add_column(x, &x->columns.at[i], thread, stack);
	return rc ? err_prefix(x->err, "sample %" PRIu64, x->samples) : 0;
}

static int read_all(struct pprof *x)
{
	int rc = pprof_texts(x);

	if (rc == 0)
		rc = pprof_fields(x, x->all, 0, run_field, NULL);
	if (rc == 0)
		rc = pprof_fields(x, x->all, SAMPLE_TYPE, add_type, NULL);
	if (rc == 0)
		rc = choose_types(x);
	if (rc == 0)
		rc = pprof_tables(x);
	return rc ? rc : pprof_fields(x, x->all, SAMPLE, add_sample, NULL);
}

int pprof_read(struct profile *p, struct bytes *from, const struct import_options *o,
	       struct buf *notes, struct err *err)
{
	struct pprof x = {.o = o, .notes = notes, .err = err, .no_thread = PROFILE_NONE};
	const char *data;
	size_t n;
	int rc = bytes_all(from, &data, &n, err);

	if (rc)
		return rc;
	x.all = (struct proto_in){(const unsigned char *)data, (const unsigned char *)data + n};
	buf_init(&x.type_texts, 1 << 20);
	rc = intake_begin(&x.in, p, err);
	if (rc == 0)
		rc = read_all(&x);
	if (rc == 0)
		rc = intake_finish(&x.in);
	intake_end(&x.in);
	pprof_tables_release(&x);
	buf_release(&x.type_texts);
	free(x.places);
	return rc;
}

int pprof_begins(const char *head, size_t n, int all)
{
	struct proto_in in = {(const unsigned char *)head, (const unsigned char *)head + n};
	struct proto_field f;
	int rc, known = 0;

	while ((rc = proto_next(&in, &f)) > 0) {
		int message = f.number >= SAMPLE_TYPE && f.number <= STRING;

		if (f.number > 15 || (message && !f.is_bytes))
			return 0;
		known += message;
	}
	/* The head may end inside a field. */
	return rc == 0 ? known > 1 : known > 1 && !all;
}
