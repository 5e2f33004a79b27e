/* Reading speedscope's format: see speedscope_read.h. The frames may stand behind the profiles that use them, so the
 * places of both are found first. */
#include "prof/formats/speedscope_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/formats/intake.h"
#include "prof/formats/json_in.h"

struct speedscope {
	struct intake in;
	struct json_in j, other; /* a second place in the same text */
	const struct import_options *o;
	struct buf *notes;
	struct err *err;
	const char *frames_at, *profiles_at;
	uint32_t *frames; /* owned: of the intake, by place in shared.frames */
	uint32_t n_frames;
	uint32_t *open; /* owned: evented: stacks of the frames that are open */
	uint32_t n_open, cap_open;
	unsigned profiles, taken;
	int said_samples;
};

struct one { /* of the file's profiles */
	const char *events, *samples, *weights;
	uint32_t name; /* string */
	enum import_unit unit;
	int evented;
	double start;
	struct import_scale scale;
	uint32_t thread;
};

static int name_of_run(struct speedscope *x)
{
	const char *text;
	size_t n;
	int rc;

	if (json_in_peek(&x->j) != JSON_IN_STRING)
		return json_in_skip(&x->j);
	rc = json_in_string(&x->j, &text, &n);
	return rc ? rc : intake_text(&x->in, text, n, &x->in.p->run.name);
}

static int shared(struct speedscope *x)
{
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0)
		rc = json_in_is(key, n, "frames") ? json_in_later(&x->j, &x->frames_at)
						  : json_in_skip(&x->j);
	return rc;
}

static int find_parts(struct speedscope *x)
{
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		if (json_in_is(key, n, "shared"))
			rc = shared(x);
		else if (json_in_is(key, n, "profiles"))
			rc = json_in_later(&x->j, &x->profiles_at);
		else if (json_in_is(key, n, "name"))
			rc = name_of_run(x);
		else
			rc = json_in_skip(&x->j);
	}
	if (rc == 0)
		rc = json_in_done(&x->j);
	if (rc == 0 && (!x->frames_at || !x->profiles_at))
		rc = err_set(x->err, ERR_FORMAT,
			     "'%s' is missing: a speedscope file has shared.frames and profiles",
			     x->frames_at ? "profiles" : "shared.frames");
	return rc;
}

/* ---- frames ---- */

static int frame_member(struct speedscope *x, struct profile_frame *f, const char *key, size_t n)
{
	const char *text;
	uint32_t line;
	int is_name = json_in_is(key, n, "name"), rc;

	if (is_name || json_in_is(key, n, "file")) {
		if (!is_name && json_in_peek(&x->j) == JSON_IN_NULL)
			return json_in_skip(&x->j);
		rc = json_in_string(&x->j, &text, &n);
		return rc ? rc : intake_text(&x->in, text, n, is_name ? &f->function : &f->file);
	}
	if (!json_in_is(key, n, "line"))
		return json_in_skip(&x->j);
	rc = json_in_index(&x->j, &line);
	if (rc == 0 && line != UINT32_MAX)
		f->line = line;
	return rc;
}

static int add_frame(struct speedscope *x, uint32_t *cap)
{
	struct profile_frame f = {.module = PROFILE_NONE};
	const char *key;
	size_t n;
	int rc = json_in_object(&x->j);

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0)
		rc = frame_member(x, &f, key, n);
	if (rc == 0 && x->n_frames == *cap) {
		uint32_t more = *cap ? *cap * 2 : 256;
		uint32_t *rows =
			more > INTAKE_STACKS ? NULL : realloc(x->frames, more * sizeof(*x->frames));

		if (!rows)
			return err_nomem(x->err, "the frames of a file");
		x->frames = rows;
		*cap = more;
	}
	if (rc == 0)
		rc = intake_frame(&x->in, &f, &x->frames[x->n_frames]);
	x->n_frames += rc == 0;
	return rc;
}

static int read_frames(struct speedscope *x)
{
	uint32_t cap = 0;
	int rc;

	json_in_go(&x->j, x->frames_at);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0)
		rc = add_frame(x, &cap);
	return rc;
}

/* The frame's number there stands in front of. */
static int read_frame(struct speedscope *x, struct json_in *j, uint32_t *frame)
{
	uint32_t place;
	int rc = json_in_index(j, &place);

	if (rc)
		return rc;
	if (place >= x->n_frames)
		return json_in_fail(j, "a frame that is not in shared.frames");
	*frame = x->frames[place];
	return 0;
}

/* ---- profiles with samples ---- */

static int read_stack(struct speedscope *x, uint32_t *stack)
{
	uint32_t frame = 0;
	int rc = json_in_array(&x->j);

	*stack = 0;
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		rc = read_frame(x, &x->j, &frame);
		if (rc == 0)
			rc = intake_stack(&x->in, *stack, frame, stack);
	}
	return rc;
}

static int add(struct speedscope *x, const struct one *one, uint32_t stack, double weight)
{
	uint64_t count;
	int64_t value;
	int rc = import_value(&one->scale, weight, &count, &value, x->err);

	if (rc)
		return rc;
	if (stack == 0 || (count == 0 && value == 0))
		return 0; /* idle, or of no weight */
	return intake_add(&x->in, one->scale.kind, one->thread, stack, count, value);
}

static int read_samples(struct speedscope *x, const struct one *one)
{
	int rc, more = 1;

	if (!one->samples || !one->weights)
		return err_set(x->err, ERR_FORMAT, "a sampled profile has samples and weights");
	json_in_go(&x->j, one->samples);
	json_in_go(&x->other, one->weights);
	rc = json_in_array(&x->j);
	if (rc == 0)
		rc = json_in_array(&x->other);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		uint32_t stack;
		double weight;

		more = json_in_item(&x->other);
		rc = more < 0 ? more : read_stack(x, &stack);
		if (more == 0)
			return json_in_fail(&x->j, "more samples than weights");
		if (rc == 0)
			rc = json_in_number(&x->other, &weight);
		if (rc == 0)
			rc = add(x, one, stack, weight);
	}
	if (rc == 0 && (more = json_in_item(&x->other)) > 0)
		return json_in_fail(&x->other, "more weights than samples");
	return rc ? rc : more;
}

/* ---- profiles with events ---- */

struct event {
	int open, close;
	double at;
	uint32_t frame;
};

static int read_event(struct speedscope *x, struct event *e)
{
	const char *key, *text;
	size_t n;
	int has_at = 0, has_frame = 0, rc = json_in_object(&x->j);

	memset(e, 0, sizeof(*e));
	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0) {
		if (json_in_is(key, n, "at")) {
			has_at = 1;
			rc = json_in_number(&x->j, &e->at);
		} else if (json_in_is(key, n, "frame")) {
			has_frame = 1;
			rc = read_frame(x, &x->j, &e->frame);
		} else if (json_in_is(key, n, "type")) {
			rc = json_in_string(&x->j, &text, &n);
			e->open = rc == 0 && json_in_is(text, n, "O");
			e->close = rc == 0 && json_in_is(text, n, "C");
		} else {
			rc = json_in_skip(&x->j);
		}
	}
	if (rc == 0 && (!has_at || !has_frame || e->open == e->close))
		rc = json_in_fail(&x->j, "an event has type \"O\" or \"C\", at, and frame");
	return rc;
}

static int open_frame(struct speedscope *x, uint32_t frame)
{
	uint32_t stack = x->n_open ? x->open[x->n_open - 1] : 0;

	if (x->n_open == x->cap_open) {
		uint32_t cap = x->cap_open ? x->cap_open * 2 : 64;
		uint32_t *more = realloc(x->open, cap * sizeof(*more));

		if (!more)
			return err_nomem(x->err, "open frames");
		x->open = more;
		x->cap_open = cap;
	}
	x->n_open++;
	return intake_stack(&x->in, stack, frame, &x->open[x->n_open - 1]);
}

/* Time passed in the frame that is open innermost, up to the event. Rounded where it begins and ends, so that nothing
 * is lost in many short ones. */
static int pass(struct speedscope *x, const struct one *one, const struct event *e, double *last)
{
	double before = *last, from, to;

	if (!(e->at >= before))
		return json_in_fail(&x->j, "an event before the one in front of it");
	*last = e->at;
	if (!x->n_open)
		return 0;
	if (one->scale.counts)
		return add(x, one, x->open[x->n_open - 1], e->at - before);
	from = nearbyint(before * one->scale.factor);
	to = nearbyint(e->at * one->scale.factor);
	if (!(to - from < 9e18))
		return json_in_fail(&x->j, "times out of all bounds");
	return to > from ? intake_add(&x->in, one->scale.kind, one->thread, x->open[x->n_open - 1],
				      1, (int64_t)(to - from))
			 : 0;
}

static int apply(struct speedscope *x, const struct event *e)
{
	if (e->open)
		return open_frame(x, e->frame);
	if (!x->n_open || x->in.p->stacks[x->open[x->n_open - 1]].frame != e->frame)
		return json_in_fail(&x->j,
				    "an event closes a frame that is not the innermost open one");
	x->n_open--;
	return 0;
}

static int read_events(struct speedscope *x, const struct one *one)
{
	double last = one->start;
	struct event e;
	int rc, first = 1;

	if (!one->events)
		return err_set(x->err, ERR_FORMAT, "an evented profile has events");
	x->n_open = 0;
	json_in_go(&x->j, one->events);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0) {
		rc = read_event(x, &e);
		if (rc == 0 && first)
			last = e.at;
		first = 0;
		if (rc == 0)
			rc = pass(x, one, &e, &last);
		if (rc == 0)
			rc = apply(x, &e);
	}
	if (rc == 0 && x->n_open)
		buf_printf(x->notes,
			   "%u calls of profile %u were never closed: their time ends with the "
			   "last event\n",
			   x->n_open, x->profiles);
	return rc;
}

/* ---- one profile ---- */

static int read_unit(struct speedscope *x, enum import_unit *unit)
{
	static const struct {
		const char *name;
		enum import_unit unit;
	} units[] = {{"none", IMPORT_AUTO},       {"nanoseconds", IMPORT_NS},
		     {"microseconds", IMPORT_US}, {"milliseconds", IMPORT_MS},
		     {"seconds", IMPORT_S},       {"bytes", IMPORT_BYTES}};
	const char *text;
	size_t n, i;
	int rc = json_in_string(&x->j, &text, &n);

	if (rc)
		return rc;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (json_in_is(text, n, units[i].name)) {
			*unit = units[i].unit;
			return 0;
		}
	return json_in_fail(&x->j, "a unit is none, nanoseconds, microseconds, milliseconds, "
				   "seconds or bytes");
}

static int profile_member(struct speedscope *x, struct one *one, const char *key, size_t n)
{
	const char *text;
	int rc;

	if (json_in_is(key, n, "events"))
		return json_in_later(&x->j, &one->events);
	if (json_in_is(key, n, "samples"))
		return json_in_later(&x->j, &one->samples);
	if (json_in_is(key, n, "weights"))
		return json_in_later(&x->j, &one->weights);
	if (json_in_is(key, n, "unit"))
		return read_unit(x, &one->unit);
	if (json_in_is(key, n, "startValue"))
		return json_in_number(&x->j, &one->start);
	if (json_in_is(key, n, "name")) {
		rc = json_in_string(&x->j, &text, &n);
		return rc ? rc : intake_text(&x->in, text, n, &one->name);
	}
	if (!json_in_is(key, n, "type"))
		return json_in_skip(&x->j);
	rc = json_in_string(&x->j, &text, &n);
	if (rc)
		return rc;
	one->evented = json_in_is(text, n, "evented");
	return one->evented || json_in_is(text, n, "sampled")
		       ? 0
		       : json_in_fail(&x->j, "a profile's type is sampled or evented");
}

static int take_profile(struct speedscope *x, struct one *one)
{
	uint32_t process;
	int rc;

	rc = import_scale(&one->scale, x->o, one->unit,
			  one->unit == IMPORT_BYTES ? PROFILE_ALLOC : PROFILE_CPU, x->err);
	if (rc == 0)
		rc = intake_process(&x->in, 0, STRTAB_EMPTY, &process);
	if (rc == 0)
		rc = intake_thread(&x->in, process, x->profiles, one->name, &one->thread);
	if (rc == 0)
		rc = one->evented ? read_events(x, one) : read_samples(x, one);
	if (rc == 0 && !x->said_samples) {
		size_t before = x->notes->len;

		import_note_samples(&one->scale, x->notes);
		x->said_samples = x->notes->len > before;
	}
	return rc;
}

static int read_profile(struct speedscope *x)
{
	struct one one = {.unit = IMPORT_AUTO};
	const char *key, *behind;
	size_t n;
	int rc = json_in_object(&x->j), depth = x->j.depth - 1;

	while (rc == 0 && (rc = json_in_key(&x->j, &key, &n)) > 0)
		rc = profile_member(x, &one, key, n);
	if (rc)
		return rc;
	x->profiles++;
	if (x->o->only && strcmp(x->o->only, strtab_text(x->in.p->strings, one.name)) != 0)
		return 0;
	x->taken++;
	behind = x->j.at;
	rc = take_profile(x, &one);
	json_in_go(&x->j, behind);
	x->j.fresh = 0;
	x->j.depth = depth;
	return rc;
}

static int read_profiles(struct speedscope *x)
{
	int rc;

	json_in_go(&x->j, x->profiles_at);
	rc = json_in_array(&x->j);
	while (rc == 0 && (rc = json_in_item(&x->j)) > 0)
		rc = read_profile(x);
	if (rc == 0 && x->o->only && !x->taken)
		rc = err_set(x->err, ERR_NOTFOUND, "none of the %u profiles in the file is '%s'",
			     x->profiles, x->o->only);
	return rc;
}

int speedscope_read(struct profile *p, struct bytes *from, const struct import_options *o,
		    struct buf *notes, struct err *err)
{
	struct speedscope x = {.o = o, .notes = notes, .err = err};
	const char *data;
	size_t n;
	int rc = bytes_all(from, &data, &n, err);

	if (rc)
		return rc;
	json_in_begin(&x.j, data, n, err);
	json_in_begin(&x.other, data, n, err);
	rc = intake_begin(&x.in, p, err);
	if (rc == 0)
		rc = find_parts(&x);
	if (rc == 0)
		rc = read_frames(&x);
	if (rc == 0)
		rc = read_profiles(&x);
	if (rc == 0)
		rc = intake_finish(&x.in);
	p->run.rate_hz = o->rate_hz;
	intake_end(&x.in);
	json_in_end(&x.j);
	json_in_end(&x.other);
	free(x.frames);
	free(x.open);
	return rc;
}
