/* Lines of perf script: see perf_line.h. */
#include "prof/formats/perf_line.h"

#include <string.h>

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct perf_span trim(struct perf_span s)
{
	while (s.n > 0 && is_blank(*s.at)) {
		s.at++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.at[s.n - 1]))
		s.n--;
	return s;
}

/* The next word, and what is behind it. */
static struct perf_span word(struct perf_span *left)
{
	struct perf_span w;

	while (left->n > 0 && is_blank(*left->at)) {
		left->at++;
		left->n--;
	}
	w.at = left->at;
	w.n = 0;
	while (w.n < left->n && !is_blank(w.at[w.n]))
		w.n++;
	left->at += w.n;
	left->n -= w.n;
	return w;
}

/* Digits only. */
static int number(struct perf_span s, uint64_t *value)
{
	size_t i;

	*value = 0;
	if (s.n == 0 || s.n > 19)
		return 0;
	for (i = 0; i < s.n; i++) {
		if (!is_digit(s.at[i]))
			return 0;
		*value = *value * 10 + (uint64_t)(s.at[i] - '0');
	}
	return 1;
}

static int signed_number(struct perf_span s, int64_t *value)
{
	uint64_t v;
	int minus = s.n > 1 && *s.at == '-';

	s.at += minus;
	s.n -= (size_t)minus;
	if (!number(s, &v) || v > INT32_MAX)
		return 0;
	*value = minus ? -(int64_t)v : (int64_t)v;
	return 1;
}

/* "123/124" or "123". */
static int ids(struct perf_span w, struct perf_head *h)
{
	const char *slash = memchr(w.at, '/', w.n);
	struct perf_span pid = {w.at, slash ? (size_t)(slash - w.at) : 0}, tid = w;

	h->pid = -1;
	if (slash) {
		tid.at = slash + 1;
		tid.n = w.n - pid.n - 1;
		if (!signed_number(pid, &h->pid))
			return 0;
	}
	return signed_number(tid, &h->tid);
}

/* "61465.156061:" */
static int time_of(struct perf_span w, double *seconds)
{
	uint64_t whole, part;
	const char *dot;
	struct perf_span a, b;
	size_t i;
	double scale = 1;

	if (w.n < 4 || w.at[w.n - 1] != ':')
		return 0;
	dot = memchr(w.at, '.', w.n);
	if (!dot)
		return 0;
	a = (struct perf_span){w.at, (size_t)(dot - w.at)};
	b = (struct perf_span){dot + 1, w.n - a.n - 2};
	if (!number(a, &whole) || !number(b, &part))
		return 0;
	for (i = 0; i < b.n; i++)
		scale *= 10;
	*seconds = (double)whole + (double)part / scale;
	return 1;
}

static int is_cpu(struct perf_span w)
{
	uint64_t v;

	return w.n > 2 && *w.at == '[' && w.at[w.n - 1] == ']' &&
	       number((struct perf_span){w.at + 1, w.n - 2}, &v);
}

static int is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

/* All of "[cpu] time: period event: rest", each of which may be missing. */
static int behind_ids(struct perf_span left, struct perf_head *h)
{
	struct perf_span before = left, w = word(&left);
	int told = 0;

	h->time = -1;
	h->period = 0;
	h->event = (struct perf_span){NULL, 0};
	if (is_cpu(w)) {
		before = left;
		w = word(&left);
		told = 1;
	}
	if (time_of(w, &h->time)) {
		before = left;
		w = word(&left);
		told = 1;
	}
	if (number(w, &h->period)) {
		struct perf_span next = left, event = word(&next);

		if (event.n > 1 && event.at[event.n - 1] == ':') {
			before = left;
			w = word(&left);
		} else {
			h->period = 0;
		}
	}
	if (w.n > 1 && w.at[w.n - 1] == ':') {
		h->event = (struct perf_span){w.at, w.n - 1};
		before = left;
		told = 1;
	}
	h->rest = trim(before);
	return told || h->rest.n == 0;
}

int perf_head(const char *line, size_t n, struct perf_head *h)
{
	struct perf_span left = trim((struct perf_span){line, n}), w;
	const char *begin = left.at;

	memset(h, 0, sizeof(*h));
	for (w = word(&left); w.n; w = word(&left)) {
		if (w.at == begin || !ids(w, h) || !behind_ids(left, h))
			continue;
		h->comm = trim((struct perf_span){begin, (size_t)(w.at - begin)});
		return 1;
	}
	return 0;
}

/* Takes "(…)" off the end of `s`, brackets inside counted; 1: there was one with a blank before it. */
static int bracket(struct perf_span *s, struct perf_span *inside)
{
	size_t depth = 0, i = s->n;

	if (s->n < 2 || s->at[s->n - 1] != ')')
		return 0;
	while (i-- > 0) {
		if (s->at[i] == ')')
			depth++;
		if (s->at[i] == '(' && --depth == 0)
			break;
	}
	if (depth || i == SIZE_MAX || (i > 0 && !is_blank(s->at[i - 1])))
		return 0;
	*inside = (struct perf_span){s->at + i + 1, s->n - i - 2};
	s->n = i;
	*s = trim(*s);
	return 1;
}

/* Takes "+0x12" off the end. */
static int offset(struct perf_span *s, uint64_t *value)
{
	size_t i = s->n, digits, k;

	while (i > 0 && is_hex(s->at[i - 1]))
		i--;
	digits = s->n - i;
	if (digits == 0 || digits > 16 || i < 3 || memcmp(s->at + i - 3, "+0x", 3) != 0)
		return 0;
	*value = 0;
	for (k = i; k < s->n; k++)
		*value = *value << 4 |
			 (uint64_t)(is_digit(s->at[k]) ? s->at[k] - '0' : s->at[k] - 'a' + 10);
	s->n = i - 3;
	return 1;
}

static int is_text(struct perf_span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.at, text, s.n) == 0;
}

int perf_frame(const char *line, size_t n, struct perf_frame *f)
{
	struct perf_span left = {line, n}, w = word(&left), inside;
	uint64_t at;
	size_t i;

	memset(f, 0, sizeof(*f));
	if (w.n == 0 || w.n > 16)
		return 0;
	for (i = 0; i < w.n; i++) {
		if (!is_hex(w.at[i]))
			return 0;
		f->address = f->address << 4 |
			     (uint64_t)(is_digit(w.at[i]) ? w.at[i] - '0' : w.at[i] - 'a' + 10);
	}
	left = trim(left);
	if (bracket(&left, &inside)) {
		f->inlined = is_text(inside, "inlined");
		if (!f->inlined)
			f->module = inside;
		else if (bracket(&left, &inside))
			f->module = inside;
	}
	if (offset(&f->module, &at)) /* -F +dsoff: the place in the file */
		f->address = at;
	offset(&left, &at);
	if (!is_text(left, "[unknown]"))
		f->symbol = left;
	if (is_text(f->module, "[unknown]"))
		f->module.n = 0;
	return 1;
}

int perf_place(const char *line, size_t n, struct perf_span *file, uint32_t *line_number)
{
	struct perf_span s = trim((struct perf_span){line, n}), inside, digits;
	uint64_t v;
	size_t i;

	if (bracket(&s, &inside)) /* "(discriminator 2)" */
		s = trim(s);
	for (i = s.n; i > 0 && is_digit(s.at[i - 1]); i--)
		;
	digits = (struct perf_span){s.at + i, s.n - i};
	if (i < 2 || s.at[i - 1] != ':' || !number(digits, &v) || v == 0 || v > INT32_MAX)
		return 0;
	*file = (struct perf_span){s.at, i - 1};
	*line_number = (uint32_t)v;
	return !is_text(*file, "??");
}
