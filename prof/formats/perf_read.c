/* Reading perf script's text: see perf_read.h. */
#include "prof/formats/perf_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/intake.h"

#define EVENTS_MAX 64

struct event {
	uint32_t name; /* string */
	uint64_t samples;
};

struct row { /* of the sample that is being read, the innermost first */
	struct profile_frame frame;
	int inlined;
};

struct perf {
	struct intake in;
	const struct import_options *o;
	struct buf *notes;
	struct err *err;
	struct bytes *from;
	struct row *rows; /* owned */
	size_t n_rows, cap_rows;
	int open, wanted; /* a sample is being read; its event is the one that is taken */
	uint32_t thread;
	uint64_t period;
	struct event events[EVENTS_MAX];
	unsigned n_events;
	uint64_t others, bare; /* samples of further events, and without a stack */
	double first, last;    /* seconds */
	double rate;           /* of the head */
	struct import_scale scale;
	int is_time; /* periods are ns */
	int untold;  /* samples without a time */
};

static int put_row(struct perf *x, const struct perf_frame *f)
{
	struct profile_module m = {0};
	struct row row = {.frame = {.module = PROFILE_NONE, .rel_addr = f->address},
			  .inlined = f->inlined};
	int rc = intake_text(&x->in, f->symbol.at, f->symbol.n, &row.frame.function);

	if (rc == 0 && f->module.n) {
		rc = intake_text(&x->in, f->module.at, f->module.n, &m.path);
		if (rc == 0)
			rc = intake_module(&x->in, &m, &row.frame.module);
	}
	if (rc)
		return rc;
	if (x->n_rows == x->cap_rows) {
		size_t cap = x->cap_rows ? x->cap_rows * 2 : 256;
		struct row *more =
			cap > 2 * INTAKE_DEPTH_MAX ? NULL : realloc(x->rows, cap * sizeof(*more));

		if (cap > 2 * INTAKE_DEPTH_MAX)
			return err_set(x->err, ERR_LIMIT, "a stack of more than %u calls",
				       INTAKE_DEPTH_MAX);
		if (!more)
			return err_nomem(x->err, "a stack");
		x->rows = more;
		x->cap_rows = cap;
	}
	x->rows[x->n_rows++] = row;
	return 0;
}

/* From the outermost to the innermost; what is inlined belongs to the module it is inlined into. */
static int stack_of(struct perf *x, uint32_t *stack)
{
	uint32_t module = PROFILE_NONE, depth = 0, frame;
	size_t i;
	int rc = 0;

	*stack = 0;
	for (i = x->n_rows; rc == 0 && i-- > 0;) {
		struct profile_frame *f = &x->rows[i].frame;

		depth = x->rows[i].inlined ? depth + 1 : 0;
		if (x->rows[i].inlined && f->module == PROFILE_NONE)
			f->module = module;
		module = f->module;
		f->inline_depth = depth;
		rc = intake_frame(&x->in, f, &frame);
		if (rc == 0)
			rc = intake_stack(&x->in, *stack, frame, stack);
	}
	return rc;
}

static int end_sample(struct perf *x)
{
	uint32_t stack;
	int64_t value;
	int rc;

	if (!x->open)
		return 0;
	x->open = 0;
	if (!x->wanted || x->n_rows == 0) {
		x->bare += x->wanted ? 1 : 0;
		x->n_rows = 0;
		return 0;
	}
	rc = stack_of(x, &stack);
	x->n_rows = 0;
	if (rc)
		return rc;
	value = x->is_time && x->period <= INT64_MAX ? (int64_t)x->period : 0;
	if (value == 0) {
		uint64_t count;

		x->untold = 1;
		rc = import_value(&x->scale, 1, &count, &value, x->err);
	}
	return rc ? rc : intake_add(&x->in, x->scale.kind, x->thread, stack, 1, value);
}

/* ---- events ---- */

/* cycles:u is cycles. */
static int is_event(const char *name, const char *asked)
{
	size_t n = strlen(asked);

	return strncmp(name, asked, n) == 0 && (name[n] == '\0' || name[n] == ':');
}

static int begin_event(struct perf *x, const char *name)
{
	double rate = x->o->rate_hz > 0 ? x->o->rate_hz : x->rate;
	struct import_options o = *x->o;

	o.rate_hz = rate;
	o.unit = IMPORT_SAMPLES;
	x->is_time = is_event(name, "cpu-clock") || is_event(name, "task-clock");
	x->in.p->run.rate_hz = rate;
	return import_scale(&x->scale, &o, IMPORT_AUTO, PROFILE_CPU, x->err);
}

/* Is this the event to take? The first, or the one that was asked for. */
static int meet_event(struct perf *x, const struct perf_head *h)
{
	uint32_t name;
	unsigned i;
	int rc = intake_text(&x->in, h->event.at, h->event.n, &name);

	if (rc)
		return rc;
	for (i = 0; i < x->n_events && x->events[i].name != name; i++)
		;
	if (i == x->n_events) {
		const char *text = strtab_text(x->in.p->strings, name);

		if (x->o->only && !is_event(text, x->o->only)) {
			x->others++;
			x->wanted = 0;
			return 0;
		}
		if (x->n_events == EVENTS_MAX)
			return err_set(x->err, ERR_LIMIT, "more than %d events", EVENTS_MAX);
		if (i == 0 && (rc = begin_event(x, text)))
			return rc;
		x->events[x->n_events++] = (struct event){name, 0};
	}
	x->events[i].samples++;
	x->wanted = i == 0;
	return 0;
}

static int begin_sample(struct perf *x, const struct perf_head *h)
{
	struct perf_frame f;
	uint32_t comm, process;
	int rc = intake_text(&x->in, h->comm.at, h->comm.n, &comm);

	if (rc == 0)
		rc = intake_process(&x->in, h->pid < 0 ? 0 : h->pid,
				    h->pid < 0 ? STRTAB_EMPTY : comm, &process);
	if (rc == 0)
		rc = intake_thread(&x->in, process, h->tid, comm, &x->thread);
	if (rc == 0)
		rc = meet_event(x, h);
	x->open = 1;
	x->period = h->period;
	if (h->time >= 0) {
		if (x->first < 0 || h->time < x->first)
			x->first = h->time;
		if (h->time > x->last)
			x->last = h->time;
	}
	if (rc == 0 && h->rest.n && perf_frame(h->rest.at, h->rest.n, &f))
		rc = put_row(x, &f);
	return rc;
}

/* A frame where no head stood before it: perf script -F ip,sym. */
static int begin_bare(struct perf *x)
{
	struct perf_head h = {.time = -1, .pid = -1};
	int rc = intake_no_thread(&x->in, &x->thread);

	x->open = 1;
	x->period = 0;
	return rc ? rc : meet_event(x, &h);
}

/* ---- the head of the file ---- */

static int head_line(struct perf *x, const char *line, size_t n)
{
	static const struct {
		const char *name;
		size_t field;
	} texts[] = {{"# hostname : ", offsetof(struct profile_run, host)},
		     {"# os release : ", offsetof(struct profile_run, kernel)},
		     {"# cpudesc : ", offsetof(struct profile_run, cpu_model)},
		     {"# cmdline : ", offsetof(struct profile_run, command)}};
	static const char freq[] = "{ sample_period, sample_freq } = ", is[] = "freq = 1";
	const char *at;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t m = strlen(texts[i].name);
		uint32_t id;

		if (n <= m || memcmp(line, texts[i].name, m) != 0)
			continue;
		if (intake_text(&x->in, line + m, n - m, &id))
			return x->err->code;
		memcpy((char *)&x->in.p->run + texts[i].field, &id, sizeof(id));
	}
	at = memmem(line, n, freq, sizeof(freq) - 1);
	if (at && x->rate == 0 && memmem(line, n, is, sizeof(is) - 1))
		for (at += sizeof(freq) - 1;
		     at < line + n && *at >= '0' && *at <= '9' && x->rate < 1e9; at++)
			x->rate = x->rate * 10 + (*at - '0');
	return 0;
}

/* ---- lines ---- */

/* Behind blanks: a place in the source, or a frame where someone took the tab (Android's simpleperf). */
static int blank_line(struct perf *x, const char *line, size_t n)
{
	struct profile_frame *f;
	struct perf_frame frame;
	struct perf_span file;
	uint32_t number;

	if (perf_frame(line, n, &frame) && (frame.symbol.n || frame.module.n))
		return put_row(x, &frame);
	if (x->n_rows == 0 || !perf_place(line, n, &file, &number))
		return 0;
	f = &x->rows[x->n_rows - 1].frame;
	f->line = number;
	return intake_text(&x->in, file.at, file.n, &f->file);
}

static int no_head(struct perf *x, const char *line, size_t n)
{
	return err_set(
		x->err, ERR_FORMAT,
		"'comm pid time: event:' should stand here, not '%.*s'; perf script prints it by "
		"default, or with -F comm,pid,tid,time,period,event,ip,sym,dso",
		n > 60 ? 60 : (int)n, line);
}

static int take_line(struct perf *x, const char *line, size_t n)
{
	struct perf_frame f;
	struct perf_head h;
	int rc;

	if (n == 0 || (n == 1 && *line == ' '))
		return end_sample(x);
	if (*line == '#' && !x->open)
		return head_line(x, line, n);
	if (*line == '\t') {
		if (!perf_frame(line, n, &f))
			return err_set(x->err, ERR_FORMAT,
				       "'address name (module)' should stand here");
		rc = x->open ? 0 : begin_bare(x);
		return rc ? rc : put_row(x, &f);
	}
	if (perf_head(line, n, &h)) {
		rc = end_sample(x);
		return rc ? rc : begin_sample(x, &h);
	}
	if (*line == ' ' && x->open)
		return blank_line(x, line, n);
	return no_head(x, line, n);
}

static void remarks(struct perf *x)
{
	unsigned i;

	if (x->untold)
		import_note_samples(&x->scale, x->notes);
	for (i = 1; i < x->n_events; i++)
		buf_printf(x->notes,
			   "left out: %" PRIu64 " samples of event '%s'; --only EVENT takes them\n",
			   x->events[i].samples, strtab_text(x->in.p->strings, x->events[i].name));
	if (x->bare)
		buf_printf(x->notes, "%" PRIu64 " samples have no stack and are left out\n",
			   x->bare);
}

static int read_all(struct perf *x)
{
	const char *line;
	size_t n;
	int rc;

	while ((rc = bytes_line(x->from, &line, &n, x->err)) > 0) {
		rc = take_line(x, line, n);
		if (rc)
			return err_prefix(x->err, "line %" PRIu64, bytes_line_number(x->from));
	}
	if (rc == 0)
		rc = end_sample(x);
	if (rc == 0 && x->o->only && x->n_events == 0 && x->others)
		rc = err_set(x->err, ERR_NOTFOUND, "no sample is of event '%s'", x->o->only);
	return rc;
}

int perf_read(struct profile *p, struct bytes *from, const struct import_options *o,
	      struct buf *notes, struct err *err)
{
	struct perf x = {.o = o, .notes = notes, .err = err, .from = from, .first = -1, .last = -1};
	int rc = intake_begin(&x.in, p, err);

	if (rc == 0)
		rc = read_all(&x);
	if (rc == 0)
		rc = intake_finish(&x.in);
	if (rc == 0) {
		if (x.last > x.first && x.last < 9e9)
			p->run.duration_ns = (int64_t)((x.last - x.first) * 1e9);
		remarks(&x);
	}
	intake_end(&x.in);
	free(x.rows);
	return rc;
}
