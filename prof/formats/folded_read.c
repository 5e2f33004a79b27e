/* Reading folded stacks: see folded_read.h. Lines that begin like the one before share its call path. */
#include "prof/formats/folded_read.h"

#include <stdlib.h>
#include <string.h>

#include "prof/formats/intake.h"

struct part { /* of the last path: where a name ends, and the call path up to it */
	size_t end;
	uint32_t stack;
};

struct folded {
	struct intake in;
	struct import_scale scale;
	struct bytes *from;
	struct err *err;
	char *last; /* owned: the last path */
	size_t n_last, cap_last;
	struct part *parts; /* owned */
	size_t n_parts, cap_parts;
	uint32_t thread;
	uint64_t lines, two, unnamed, small; /* small: more than 0, and 0 when rounded */
	double sum;
};

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Digits with at most one point among them, to the left of `end`; where they begin, or `end`. */
static size_t number_begin(const char *line, size_t end)
{
	size_t at = end;
	int digits = 0, points = 0;

	for (; at > 0; at--) {
		char c = line[at - 1];

		if (c >= '0' && c <= '9')
			digits++;
		else if (c != '.' || points++)
			break;
	}
	return digits > 0 && at > 0 && is_blank(line[at - 1]) ? at : end;
}

static double number_value(const char *text, size_t n)
{
	double v = 0, scale = 1;
	int behind = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (text[i] == '.') {
			behind = 1;
		} else if (behind && scale < 1e18) {
			scale *= 10;
			v += (text[i] - '0') / scale;
		} else if (!behind) {
			v = v * 10 + (text[i] - '0');
		}
	return v;
}

int folded_line(const char *line, size_t n, size_t *n_path, double *number)
{
	size_t begin;

	while (n > 0 && is_blank(line[n - 1]))
		n--;
	begin = number_begin(line, n);
	if (begin == n)
		return 0;
	*number = number_value(line + begin, n - begin);
	while (begin > 0 && is_blank(line[begin - 1]))
		begin--;
	*n_path = begin;
	return begin > 0;
}

static int no_memory(struct folded *f)
{
	return err_nomem(f->err, "folded stacks");
}

static int keep_path(struct folded *f, const char *path, size_t n)
{
	if (n > f->cap_last) {
		char *more = realloc(f->last, 2 * n);

		if (!more)
			return no_memory(f);
		f->last = more;
		f->cap_last = 2 * n;
	}
	memcpy(f->last, path, n);
	f->n_last = n;
	return 0;
}

/* Of the last path's names how many are also those of this one. */
static size_t shared_parts(const struct folded *f, const char *path, size_t n)
{
	size_t max = n < f->n_last ? n : f->n_last, same = 0, lo = 0, hi = f->n_parts;

	while (same < max && path[same] == f->last[same])
		same++;
	while (lo < hi) { /* the names that end at `same` or before */
		size_t mid = lo + (hi - lo) / 2;

		if (f->parts[mid].end <= same)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* The last of them must end here too: "ab" is not "a". */
	if (lo > 0 && f->parts[lo - 1].end < n && path[f->parts[lo - 1].end] != ';')
		lo--;
	return lo;
}

static int add_part(struct folded *f, size_t end, uint32_t stack)
{
	if (f->n_parts == f->cap_parts) {
		size_t cap = f->cap_parts ? 2 * f->cap_parts : 256;
		struct part *more = realloc(f->parts, cap * sizeof(*more));

		if (!more)
			return no_memory(f);
		f->parts = more;
		f->cap_parts = cap;
	}
	f->parts[f->n_parts++] = (struct part){end, stack};
	return 0;
}

static int path_stack(struct folded *f, const char *path, size_t n, uint32_t *stack)
{
	size_t shared = shared_parts(f, path, n);
	size_t at = shared ? f->parts[shared - 1].end + 1 : 0;
	int rc = 0;

	f->n_parts = shared;
	*stack = shared ? f->parts[shared - 1].stack : 0;
	while (rc == 0 && at <= n) {
		const char *end = at < n ? memchr(path + at, ';', n - at) : NULL;
		size_t len = end ? (size_t)(end - path) - at : n - at;
		uint32_t frame;

		f->unnamed += len == 0;
		rc = intake_named(&f->in, path + at, len, &frame);
		if (rc == 0)
			rc = intake_stack(&f->in, *stack, frame, stack);
		if (rc == 0)
			rc = add_part(f, at + len, *stack);
		at += len + 1;
	}
	return rc ? rc : keep_path(f, path, n);
}

static int no_line(struct folded *f, const char *line, size_t n)
{
	if (memchr(line, '\0', n))
		return err_set(f->err, ERR_FORMAT, "a zero byte: this is no text");
	return err_set(
		f->err, ERR_FORMAT,
		"no number behind the stack: folded stacks are lines like 'main;f;g 42', not "
		"'%.*s'",
		n > 60 ? 60 : (int)n, line);
}

static int take_line(struct folded *f, const char *line, size_t n)
{
	size_t n_path, inner;
	uint32_t stack;
	uint64_t count;
	int64_t value;
	double number, other;
	int rc;

	if (n == 0 || (line[0] == '#' && (n == 1 || is_blank(line[1]))))
		return 0;
	if (!folded_line(line, n, &n_path, &number))
		return no_line(f, line, n);
	f->lines++;
	f->two += folded_line(line, n_path, &inner, &other) != 0;
	f->sum += number;
	rc = import_value(&f->scale, number, &count, &value, f->err);
	if (rc == 0 && number > 0 && value == 0)
		f->small++;
	if (rc || (count == 0 && value == 0))
		return rc;
	rc = path_stack(f, line, n_path, &stack);
	return rc ? rc : intake_add(&f->in, f->scale.kind, f->thread, stack, count, value);
}

static int take_all(struct folded *f)
{
	const char *line;
	size_t n;
	int rc;

	while ((rc = bytes_line(f->from, &line, &n, f->err)) > 0) {
		rc = take_line(f, line, n);
		if (rc)
			return err_prefix(f->err, "line %llu",
					  (unsigned long long)bytes_line_number(f->from));
	}
	if (rc == 0 && f->lines > 0 && f->two == f->lines)
		return err_set(
			f->err, ERR_FORMAT,
			"each line ends with two numbers: this is the difference of two profiles "
			"(difffolded.pl); import the two files it was made of and use protea-prof "
			"diff");
	return rc;
}

static void remarks(const struct folded *f, struct buf *notes)
{
	import_note_samples(&f->scale, notes);
	import_note_small(&f->scale, f->small, notes);
	if (f->scale.counts && f->lines && f->sum / (double)f->lines >= 1e5)
		buf_puts(notes, "these numbers are large for samples: if they are times or bytes, "
				"--unit ns (us, ms, s, bytes) says so\n");
	if (f->unnamed)
		buf_printf(notes, "%llu empty names between ';' are shown as [unknown]\n",
			   (unsigned long long)f->unnamed);
}

int folded_read(struct profile *p, struct bytes *from, const struct import_options *o,
		struct buf *notes, struct err *err)
{
	struct folded f = {.from = from, .err = err};
	int rc = import_scale(&f.scale, o, IMPORT_AUTO, PROFILE_CPU, err);

	if (rc)
		return rc;
	rc = intake_begin(&f.in, p, err);
	if (rc == 0)
		rc = intake_no_thread(&f.in, &f.thread);
	if (rc == 0)
		rc = take_all(&f);
	if (rc == 0)
		rc = intake_finish(&f.in);
	if (rc == 0)
		remarks(&f, notes);
	p->run.rate_hz = o->rate_hz;
	intake_end(&f.in);
	free(f.last);
	free(f.parts);
	return rc;
}
