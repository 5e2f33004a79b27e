/* The lines of callgrind.out files: see callgrind.h. The format: "Callgrind Format Specification" of valgrind's
 * manual, and what its tools write (subpositions +3, -2 and * are relative to the line before; (12) stands for a
 * name that was given once; cfn= and calls= come before the line whose cost is the called function's). */
#include "prof/formats/callgrind.h"

#include <stdlib.h>
#include <string.h>

#include "prof/formats/callgrind_internal.h"
#include "prof/formats/text_span.h"

#define POSITIONS_MAX 3u /* instr, bb, line */
#define EVENTS_MAX    256u
#define NAME_MAX_LEN  65536u

enum names { NAMES_OBJECT, NAMES_FILE, NAMES_FUNCTION, NAMES };

struct reading { /* of one file */
	struct callgrind *c;
	struct err *err;
	size_t line_number;
	struct idmap names[NAMES]; /* number to string */
	uint32_t process;
	unsigned n_positions, line_at; /* which of them is the line; n_positions: none */
	unsigned n_events, event_at;   /* 0: no "events:" yet */
	uint64_t position[POSITIONS_MAX];
	uint32_t object, function_file, file, function; /* function: CALLGRIND_NONE before "fn=" */
	uint32_t called_object, called_file, called;    /* CALLGRIND_NONE: not said */
	int call_pending;                               /* the next line is a call's cost */
	uint64_t part_total, sum;                       /* since the last "totals:"; as it said */
	int has_body, has_sum;                          /* since then */
};

/* ---- texts ---- */

static int broken(struct reading *r, const char *what)
{
	return err_set(r->err, ERR_FORMAT, "line %zu: %s", r->line_number, what);
}

static int no_memory(struct reading *r)
{
	return err_nomem(r->err, "costs of functions");
}

static int intern(struct reading *r, const char *p, size_t n, uint32_t *id)
{
	int rc;

	if (n > NAME_MAX_LEN)
		return broken(r, "a name of more than 65,536 bytes");
	if (memchr(p, '\0', n))
		return broken(r, "a zero byte in a name");
	rc = strtab_intern(r->c->strings, p, n, id);
	return rc == 0 ? 0 : rc == ERR_LIMIT ? broken(r, "more than 4 GiB of names") : no_memory(r);
}

/* "(12) name", "(12)", "name": a string. */
static int take_name(struct reading *r, enum names kind, struct text_span t, uint32_t *id)
{
	uint64_t number;
	uint32_t known;
	int rc;

	text_skip_blanks(&t);
	while (t.end > t.p && (t.end[-1] == ' ' || t.end[-1] == '\t'))
		t.end--;
	if (!text_starts(&t, "(") || t.end - t.p < 3 || text_digit(t.p[1], 10) < 0)
		return intern(r, t.p, (size_t)(t.end - t.p), id);
	t.p++;
	if (!text_take_number(&t, &number) || !text_take(&t, ")"))
		return broken(r, "a name's number does not end with ')'");
	text_skip_blanks(&t);
	known = idmap_get(&r->names[kind], number);
	if (t.p == t.end) {
		*id = known;
		return known != IDMAP_NONE ? 0
					   : broken(r, "the number of a name that was never given");
	}
	rc = intern(r, t.p, (size_t)(t.end - t.p), id);
	if (rc)
		return rc;
	if (known != IDMAP_NONE && known != *id)
		return broken(r, "one number for two names");
	return idmap_set(&r->names[kind], number, *id) ? no_memory(r) : 0;
}

/* ---- tables ---- */

static int grow(struct reading *r, void *array, size_t n, size_t *cap, size_t size)
{
	void **at = array;
	size_t next = *cap ? 2 * *cap : 64;
	void *grown;

	if (n < *cap)
		return 0;
	if (next >= CALLGRIND_NONE || next > SIZE_MAX / size)
		return broken(r, "more lines than can be numbered");
	grown = realloc(*at, next * size);
	if (!grown)
		return no_memory(r);
	*at = grown;
	*cap = next;
	return 0;
}

struct key {
	const struct callgrind *c;
	struct callgrind_function f;
};

static int equals(const void *ctx, uint32_t id)
{
	const struct key *k = ctx;
	const struct callgrind_function *f = &k->c->functions[id];

	return f->process == k->f.process && f->name == k->f.name && f->file == k->f.file &&
	       f->object == k->f.object;
}

static int find_function(struct reading *r, uint32_t name, uint32_t file, uint32_t object,
			 uint32_t *id)
{
	struct callgrind *c = r->c;
	struct key k = {c, {r->process, name, file, object, 0}};
	const uint32_t parts[] = {r->process, name, file, object};
	uint64_t hash = hash_bytes(parts, sizeof parts, 0);
	int rc;

	*id = hashidx_find(&c->by_key, hash, equals, &k);
	if (*id != HASHIDX_NONE)
		return 0;
	rc = grow(r, &c->functions, c->n_functions, &c->cap_functions, sizeof *c->functions);
	if (rc)
		return rc;
	*id = (uint32_t)c->n_functions;
	c->functions[c->n_functions++] = k.f;
	return hashidx_add(&c->by_key, hash, *id) ? no_memory(r) : 0;
}

/* ---- header lines ---- */

static int read_positions(struct reading *r, struct text_span t)
{
	struct text_span word;

	r->n_positions = 0;
	r->line_at = POSITIONS_MAX;
	while (text_take_word(&t, &word)) {
		if (r->n_positions == POSITIONS_MAX)
			return broken(r, "more than three kinds of positions");
		if (text_starts(&word, "line"))
			r->line_at = r->n_positions;
		r->n_positions++;
	}
	return r->n_positions ? 0 : broken(r, "no kind of position");
}

/* "Time_(10ns)" of Xdebug: a cost of 1 is ten nanoseconds. */
static double factor_of(const char *event)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns)", 1}, {"us)", 1e3}, {"µs)", 1e3}, {"ms)", 1e6}, {"s)", 1e9}};
	const char *open = strchr(event, '(');
	char *end;
	double n;

	if (strncmp(event, "Time", 4) != 0 || !open)
		return 1;
	n = strtod(open + 1, &end);
	if (end == open + 1)
		n = 1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0)
			return n > 0 && n <= 1e6 ? n * units[i].ns : 1;
	return 1;
}

static int choose_event(struct reading *r, const struct text_span *word)
{
	struct callgrind *c = r->c;
	uint32_t id;
	int rc = intern(r, word->p, (size_t)(word->end - word->p), &id);

	if (rc)
		return rc;
	if (c->event != STRTAB_EMPTY && c->event != id)
		return broken(r, "other events than in the file before");
	c->event = id;
	c->factor = factor_of(strtab_text(c->strings, id));
	return 0;
}

static int read_events(struct reading *r, struct text_span t)
{
	const char *wanted = r->c->wanted;
	struct text_span all = t, word, chosen = {0};

	text_skip_blanks(&all);
	if (!wanted && r->c->event != STRTAB_EMPTY)
		wanted = strtab_text(r->c->strings, r->c->event);
	for (r->n_events = 0; text_take_word(&t, &word); r->n_events++) {
		if (r->n_events == EVENTS_MAX)
			return broken(r, "more than 256 events");
		if (chosen.p || (wanted && !text_is_word(&word, wanted)))
			continue;
		chosen = word;
		r->event_at = r->n_events;
	}
	if (!r->n_events)
		return broken(r, "'events:' names none");
	if (!chosen.p)
		return err_set(r->err, ERR_NOTFOUND, "no event '%.100s': the file has %.*s", wanted,
			       (int)(all.end - all.p < 300 ? all.end - all.p : 300), all.p);
	return choose_event(r, &chosen);
}

static int read_process(struct reading *r, struct text_span t)
{
	uint64_t pid;

	text_skip_blanks(&t);
	if (text_take_number(&t, &pid) && pid <= INT32_MAX)
		r->c->processes[r->process].pid = (int64_t)pid;
	return 0;
}

static int read_command(struct reading *r, struct text_span t)
{
	text_skip_blanks(&t);
	return intern(r, t.p, (size_t)(t.end - t.p), &r->c->processes[r->process].command);
}

/* Sums at the end of a part; before its lines they are a promise that "totals:" keeps. */
static int read_sum(struct reading *r, struct text_span t)
{
	uint64_t value = 0;

	if (!r->has_body)
		return 0;
	for (unsigned i = 0; i <= r->event_at; i++) {
		text_skip_blanks(&t);
		if (t.p == t.end)
			value = 0; /* zeros at the end may be missing */
		else if (!text_take_number(&t, &value))
			return broken(r, "a sum is no number");
	}
	r->has_sum = 1;
	if (value != r->part_total)
		r->c->incomplete = 1;
	r->part_total = 0;
	r->has_body = 0;
	return 0;
}

/* "word: rest": 1 it was one, 0 not, or a code. */
static int read_header(struct reading *r, struct text_span t)
{
	const char *colon = memchr(t.p, ':', (size_t)(t.end - t.p));
	const char *equals_sign = memchr(t.p, '=', (size_t)(t.end - t.p));
	int rc = 0;

	if (!colon || (equals_sign && equals_sign < colon))
		return 0;
	if (text_take(&t, "positions:"))
		rc = read_positions(r, t);
	else if (text_take(&t, "events:"))
		rc = read_events(r, t);
	else if (text_take(&t, "pid:"))
		rc = read_process(r, t);
	else if (text_take(&t, "cmd:"))
		rc = read_command(r, t);
	else if (text_take(&t, "totals:") || text_take(&t, "summary:"))
		rc = read_sum(r, t);
	else if (text_take(&t, "part:"))
		r->c->parts++;
	else if (text_take(&t, "version:")) {
		uint64_t version;

		text_skip_blanks(&t);
		if (!text_take_number(&t, &version) || version != 1)
			rc = err_set(r->err, ERR_UNSUPPORTED,
				     "line %zu: callgrind's format of another version than 1",
				     r->line_number);
	}
	return rc ? rc : 1;
}

/* ---- lines of costs ---- */

static int take_position(struct reading *r, struct text_span *t, uint64_t *position)
{
	uint64_t by = 0;
	int sign;

	text_skip_blanks(t);
	if (text_take(t, "*"))
		return 0;
	sign = text_take(t, "+") ? 1 : text_take(t, "-") ? -1 : 0;
	if (!text_take_number(t, &by))
		return broken(r, "a position is no number");
	if (sign == 0)
		*position = by;
	else if (sign > 0 ? __builtin_add_overflow(*position, by, position)
			  : __builtin_sub_overflow(*position, by, position))
		return broken(r, "a relative position leads out of bounds");
	return 0;
}

/* The event's cost of a line, and its number; both stay as they are if it has none. */
static int read_costs(struct reading *r, struct text_span t, uint32_t *line, uint64_t *cost)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < r->n_positions; i++)
		rc = take_position(r, &t, &r->position[i]);
	if (rc)
		return rc;
	for (unsigned i = 0; text_skip_blanks(&t), t.p < t.end; i++) {
		uint64_t value;

		if (i == r->n_events)
			return broken(r, "more costs than events");
		if (!text_take_number(&t, &value) || (t.p < t.end && *t.p != ' ' && *t.p != '\t'))
			return broken(r, "a cost is no number");
		if (i == r->event_at)
			*cost = value;
	}
	if (r->line_at < r->n_positions) {
		if (r->position[r->line_at] > INT32_MAX)
			return broken(r, "a line number beyond 2 thousand million");
		*line = (uint32_t)r->position[r->line_at];
	}
	return 0;
}

static int add_line(struct reading *r, uint32_t line, uint64_t cost)
{
	struct callgrind *c = r->c;
	int rc;

	if (__builtin_add_overflow(c->total, cost, &c->total) ||
	    (double)c->total * c->factor > (double)(INT64_MAX / 4))
		return broken(r, "costs beyond what 63 bits hold");
	r->part_total += cost;
	rc = cost ? grow(r, &c->lines, c->n_lines, &c->cap_lines, sizeof *c->lines) : 0;
	if (rc || !cost)
		return rc;
	c->lines[c->n_lines++] = (struct callgrind_line){r->function, r->file, line, cost};
	return 0;
}

static int add_call(struct reading *r, uint32_t line, uint64_t cost)
{
	struct callgrind *c = r->c;
	uint32_t file = r->called_file != CALLGRIND_NONE ? r->called_file : r->file;
	uint32_t object = r->called_object != CALLGRIND_NONE ? r->called_object : r->object, to;
	int rc = find_function(r, r->called, file, object, &to);

	if (cost > INT64_MAX)
		return broken(r, "costs beyond what 63 bits hold");
	if (rc == 0)
		rc = grow(r, &c->calls, c->n_calls, &c->cap_calls, sizeof *c->calls);
	if (rc)
		return rc;
	c->calls[c->n_calls++] = (struct callgrind_call){r->function, r->file, line, to, cost};
	r->call_pending = 0;
	r->called = r->called_file = r->called_object = CALLGRIND_NONE;
	return 0;
}

static int read_cost_line(struct reading *r, struct text_span t)
{
	uint32_t line = 0;
	uint64_t cost = 0;
	int rc;

	if (!r->n_events)
		return broken(r, "costs before 'events:'");
	if (r->function == CALLGRIND_NONE)
		return broken(r, "costs before 'fn='");
	rc = read_costs(r, t, &line, &cost);
	if (rc)
		return rc;
	r->has_body = 1;
	r->has_sum = 0;
	return r->call_pending ? add_call(r, line, cost) : add_line(r, line, cost);
}

/* ---- lines of names ---- */

static int begin_function(struct reading *r, struct text_span t)
{
	uint32_t name;
	int rc = take_name(r, NAMES_FUNCTION, t, &name);

	r->file = r->function_file;
	if (rc == 0)
		rc = find_function(r, name, r->file, r->object, &r->function);
	if (rc == 0)
		r->c->functions[r->function].defined = 1;
	return rc;
}

static int begin_call(struct reading *r, struct text_span t)
{
	uint64_t calls;

	text_skip_blanks(&t);
	if (!text_take_number(&t, &calls))
		return broken(r, "'calls=' without a number");
	if (r->called == CALLGRIND_NONE)
		return broken(r, "'calls=' without 'cfn='");
	if (r->function == CALLGRIND_NONE)
		return broken(r, "'calls=' before 'fn='");
	r->call_pending = 1;
	return 0;
}

/* "name=rest". */
static int read_name_line(struct reading *r, struct text_span t)
{
	int rc;

	if (text_take(&t, "fn="))
		return begin_function(r, t);
	if (text_take(&t, "ob="))
		return take_name(r, NAMES_OBJECT, t, &r->object);
	if (text_take(&t, "fl=")) {
		rc = take_name(r, NAMES_FILE, t, &r->function_file);
		r->file = r->function_file;
		return rc;
	}
	if (text_take(&t, "fi=") || text_take(&t, "fe="))
		return take_name(r, NAMES_FILE, t, &r->file);
	if (text_take(&t, "cfn="))
		return take_name(r, NAMES_FUNCTION, t, &r->called);
	if (text_take(&t, "cob="))
		return take_name(r, NAMES_OBJECT, t, &r->called_object);
	if (text_take(&t, "cfi=") || text_take(&t, "cfl="))
		return take_name(r, NAMES_FILE, t, &r->called_file);
	if (text_take(&t, "calls="))
		return begin_call(r, t);
	if (text_take(&t, "jfi="))
		return take_name(r, NAMES_FILE, t, &(uint32_t){0});
	if (text_take(&t, "jfn="))
		return take_name(r, NAMES_FUNCTION, t, &(uint32_t){0});
	if (text_starts(&t, "jump=") || text_starts(&t, "jcnd=") || text_starts(&t, "rcalls="))
		return 0;
	return broken(r, "no line of callgrind's format");
}

/* ---- a file ---- */

static int is_cost(const struct text_span *t)
{
	return t->p < t->end &&
	       (text_digit(*t->p, 10) >= 0 || *t->p == '+' || *t->p == '-' || *t->p == '*');
}

static int read_line(struct reading *r, struct text_span t)
{
	int rc;

	text_skip_blanks(&t);
	if (t.p == t.end || *t.p == '#')
		return 0;
	if (is_cost(&t))
		return read_cost_line(r, t);
	if (r->call_pending)
		return broken(r, "'calls=' is not followed by a cost");
	rc = read_header(r, t);
	return rc ? rc < 0 ? rc : 0 : read_name_line(r, t);
}

static int begin_file(struct reading *r)
{
	struct callgrind *c = r->c;
	int rc = grow(r, &c->processes, c->n_processes, &c->cap_processes, sizeof *c->processes);

	if (rc)
		return rc;
	r->process = (uint32_t)c->n_processes++;
	c->processes[r->process] = (struct callgrind_process){0, STRTAB_EMPTY};
	return 0;
}

int callgrind_add(struct callgrind *c, const char *bytes, size_t len, struct err *err)
{
	struct reading r = {.c = c,
			    .err = err,
			    .n_positions = 1,
			    .function = CALLGRIND_NONE,
			    .called = CALLGRIND_NONE,
			    .called_file = CALLGRIND_NONE,
			    .called_object = CALLGRIND_NONE};
	const char *p = bytes, *end = bytes + len;
	int rc = begin_file(&r);

	while (rc == 0 && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct text_span line = {p, nl ? nl : end};

		r.line_number++;
		p = nl ? nl + 1 : end;
		while (line.end > line.p && line.end[-1] == '\r')
			line.end--;
		rc = read_line(&r, line);
	}
	if (rc == 0 && !r.n_events)
		rc = err_set(err, ERR_FORMAT, "no file of callgrind: it has no 'events:'");
	if (rc == 0 && r.call_pending)
		rc = broken(&r, "the file ends before the cost of a call");
	if (!r.has_sum)
		c->incomplete = 1;
	for (int i = 0; i < NAMES; i++)
		idmap_release(&r.names[i]);
	return rc;
}

/* ---- the whole ---- */

struct callgrind *callgrind_new(const char *event)
{
	struct callgrind *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->wanted = event;
	c->factor = 1;
	c->strings = strtab_new();
	if (!c->strings) {
		free(c);
		return NULL;
	}
	return c;
}

void callgrind_free(struct callgrind *c)
{
	if (!c)
		return;
	strtab_free(c->strings);
	free(c->functions);
	free(c->lines);
	free(c->calls);
	free(c->processes);
	hashidx_release(&c->by_key);
	free(c);
}

void callgrind_facts(const struct callgrind *c, struct callgrind_facts *facts)
{
	*facts = (struct callgrind_facts){
		.event = strtab_text(c->strings, c->event),
		.command = c->n_processes ? strtab_text(c->strings, c->processes[0].command) : "",
		.total = (int64_t)((double)c->total * c->factor),
		.parts = c->parts,
		.complete = !c->incomplete,
	};
	if (c->factor == 1)
		facts->total = (int64_t)c->total;
}

int callgrind_read(const char *bytes, size_t len, const char *event, struct profile *out,
		   struct err *err)
{
	struct callgrind *c = callgrind_new(event);
	int rc = c ? callgrind_add(c, bytes, len, err) : err_nomem(err, "costs of functions");

	memset(out, 0, sizeof *out);
	if (rc == 0)
		rc = callgrind_profile(c, out, err);
	callgrind_free(c);
	return rc;
}
