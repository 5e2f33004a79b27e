/* Declared costs: see complexity.h. A parser by descent over a text of known length; it copies nothing but names. */
#include "prof/analyze/complexity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	struct complexity *c;
	const char *text;
	size_t len, at;
	struct err *err;
};

static int refuse(const struct parser *p, const char *what)
{
	return err_set(p->err, ERR_ARG, "%s at byte %zu of the declared cost", what, p->at + 1);
}

static void skip_blanks(struct parser *p)
{
	while (p->at < p->len && (p->text[p->at] == ' ' || p->text[p->at] == '\t'))
		p->at++;
}

/* The next byte that is no blank, 0 at the end. */
static char peek(struct parser *p)
{
	skip_blanks(p);
	return p->at < p->len ? p->text[p->at] : '\0';
}

static int take(struct parser *p, char c)
{
	if (peek(p) != c)
		return 0;
	p->at++;
	return 1;
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Digits with a point and an exponent of ten, no sign in front. */
static int number(struct parser *p, double *value)
{
	char copy[32], *end;
	size_t n = 0;

	skip_blanks(p);
	while (p->at + n < p->len && n < sizeof copy - 1) {
		char c = p->text[p->at + n];
		char before = n ? copy[n - 1] : '\0';

		if (!is_digit(c) && c != '.' && !((c == 'e' || c == 'E') && n) &&
		    !((c == '-' || c == '+') && (before == 'e' || before == 'E')))
			break;
		copy[n++] = c;
	}
	copy[n] = '\0';
	*value = n && (is_digit(copy[0]) || copy[0] == '.') ? strtod(copy, &end) : NAN;
	if (isnan(*value) || *end || !isfinite(*value))
		return refuse(p, "no number");
	p->at += n;
	return 0;
}

/* Bytes of the name at this place. */
static size_t name_length(const struct parser *p)
{
	size_t n = 0;

	while (p->at + n < p->len &&
	       (is_name(p->text[p->at + n]) || (n && is_digit(p->text[p->at + n]))))
		n++;
	return n;
}

static int param(struct parser *p, unsigned *place)
{
	struct complexity *c = p->c;
	size_t n, i;

	skip_blanks(p);
	n = name_length(p);
	if (n == 0)
		return refuse(p, "no name of a parameter");
	if (n >= COMPLEXITY_NAME)
		return refuse(p, "too long a name");
	for (i = 0; i < c->n_params; i++)
		if (strlen(c->params[i]) == n && memcmp(c->params[i], p->text + p->at, n) == 0)
			break;
	if (i == c->n_params) {
		if (i == COMPLEXITY_PARAMS)
			return refuse(p, "too many parameters");
		memcpy(c->params[i], p->text + p->at, n);
		c->params[i][n] = '\0';
		c->n_params++;
	}
	p->at += n;
	*place = (unsigned)i;
	return 0;
}

/* Is the word there, with an opening parenthesis behind it? Takes both. */
static int call(struct parser *p, const char *word)
{
	size_t n = strlen(word), before = p->at;

	skip_blanks(p);
	if (name_length(p) != n || memcmp(p->text + p->at, word, n) != 0)
		return 0;
	p->at += n;
	if (take(p, '('))
		return 1;
	p->at = before;
	return 0;
}

static int atom(struct parser *p, struct complexity_factor *f)
{
	int is_log = call(p, "log"), is_root = !is_log && call(p, "sqrt");
	int rc = param(p, &f->param);

	f->kind = is_log ? COMPLEXITY_LOG_OF : COMPLEXITY_POWER_OF;
	f->power = is_root ? 0.5 : 1;
	if (rc == 0 && (is_log || is_root) && !take(p, ')'))
		rc = refuse(p, "no ')'");
	return rc;
}

/* Adds a factor to the term; what is there already gets its power. */
static int add_factor(struct parser *p, struct complexity_term *t,
		      const struct complexity_factor *f)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->factors[i].param == f->param && t->factors[i].kind == f->kind)
			break;
	if (i == COMPLEXITY_FACTORS)
		return refuse(p, "too many factors");
	if (i == t->n)
		t->factors[t->n++] = *f;
	else
		t->factors[i].power += f->power;
	if (fabs(t->factors[i].power) > COMPLEXITY_POWER)
		return refuse(p, "too high a power");
	return 0;
}

static int factor(struct parser *p, struct complexity_term *t, int divide)
{
	struct complexity_factor f;
	char c = peek(p);
	double value;
	int rc;

	if (is_digit(c) || c == '.') {
		rc = number(p, &value);
		if (rc == 0 && !(value > 0))
			rc = refuse(p, "a factor of 0 before what is");
		if (rc == 0)
			t->scale = divide ? t->scale / value : t->scale * value;
		if (rc == 0 && (!isfinite(t->scale) || !(t->scale > 0)))
			rc = refuse(p, "numbers too large or small before what is");
		return rc;
	}
	rc = atom(p, &f);
	if (rc == 0 && take(p, '^')) {
		rc = number(p, &value);
		if (rc == 0 && value > COMPLEXITY_POWER)
			rc = refuse(p, "too high a power before what is");
		if (rc == 0)
			f.power *= value;
	}
	if (divide)
		f.power = -f.power;
	return rc ? rc : add_factor(p, t, &f);
}

static int same_factors(const struct complexity_term *a, const struct complexity_term *b)
{
	size_t i, j;

	for (i = 0; i < a->n; i++) {
		for (j = 0; j < b->n; j++)
			if (a->factors[i].param == b->factors[j].param &&
			    a->factors[i].kind == b->factors[j].kind &&
			    a->factors[i].power == b->factors[j].power)
				break;
		if (j == b->n)
			return 0;
	}
	return a->n == b->n;
}

/* Powers that cancelled each other are no factors. */
static void drop_zeros(struct complexity_term *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++)
		if (t->factors[i].power != 0)
			t->factors[n++] = t->factors[i];
	t->n = n;
}

static int term(struct parser *p)
{
	struct complexity *c = p->c;
	struct complexity_term t = {.scale = 1};
	int rc = factor(p, &t, 0);
	size_t i;

	while (rc == 0 && (peek(p) == '*' || peek(p) == '/')) {
		int divide = p->text[p->at++] == '/';

		rc = factor(p, &t, divide);
	}
	if (rc)
		return rc;
	drop_zeros(&t);
	if (t.n == 0)
		return 0; /* the constant */
	for (i = 0; i < c->n; i++)
		if (same_factors(&c->terms[i], &t))
			return refuse(p, "the same term twice, the second ending");
	if (c->n == COMPLEXITY_TERMS)
		return refuse(p, "too many terms");
	c->terms[c->n++] = t;
	return 0;
}

int complexity_parse(struct complexity *c, const char *text, size_t len, struct err *err)
{
	struct parser p = {c, text, len, 0, err};
	int rc;

	memset(c, 0, sizeof *c);
	if (len >= COMPLEXITY_TEXT)
		rc = err_set(err, ERR_ARG, "a declared cost has at most %d bytes",
			     COMPLEXITY_TEXT - 1);
	else
		rc = term(&p);
	while (rc == 0 && take(&p, '+'))
		rc = term(&p);
	skip_blanks(&p);
	if (rc == 0 && p.at < p.len)
		rc = refuse(&p, "no '+', '*', '/' or '^'");
	if (rc)
		memset(c, 0, sizeof *c);
	return rc;
}

/* ---- text ---- */

static void put_factor(char *out, size_t *len, const struct complexity *c,
		       const struct complexity_factor *f, int first)
{
	const char *name = c->params[f->param];
	double power = fabs(f->power);
	int n;

	if (f->kind == COMPLEXITY_LOG_OF)
		n = snprintf(out + *len, COMPLEXITY_TEXT - *len, "%slog(%s)",
			     f->power < 0 ? (first ? "1/" : "/") : (first ? "" : "*"), name);
	else
		n = snprintf(out + *len, COMPLEXITY_TEXT - *len, "%s%s",
			     f->power < 0 ? (first ? "1/" : "/") : (first ? "" : "*"), name);
	*len += n > 0 ? (size_t)n : 0;
	if (*len >= COMPLEXITY_TEXT - 1 || power == 1) {
		*len = *len < COMPLEXITY_TEXT ? *len : COMPLEXITY_TEXT - 1;
		return;
	}
	n = snprintf(out + *len, COMPLEXITY_TEXT - *len, "^%.12g", power);
	*len += n > 0 ? (size_t)n : 0;
	*len = *len < COMPLEXITY_TEXT ? *len : COMPLEXITY_TEXT - 1;
}

static void put_term(char *out, size_t *len, const struct complexity *c, size_t term_no)
{
	const struct complexity_term *t = &c->terms[term_no];
	int first = t->scale == 1, n;
	size_t i;

	if (!first) {
		n = snprintf(out + *len, COMPLEXITY_TEXT - *len, "%.12g", t->scale);
		*len += n > 0 ? (size_t)n : 0;
		*len = *len < COMPLEXITY_TEXT ? *len : COMPLEXITY_TEXT - 1;
	}
	for (i = 0; i < t->n; i++, first = 0)
		put_factor(out, len, c, &t->factors[i], first);
}

void complexity_term_text(const struct complexity *c, size_t term_no, char out[COMPLEXITY_TEXT])
{
	size_t len = 0;

	out[0] = '\0';
	put_term(out, &len, c, term_no);
}

void complexity_text(const struct complexity *c, char out[COMPLEXITY_TEXT])
{
	size_t len = 0, i;

	snprintf(out, COMPLEXITY_TEXT, "1");
	for (i = 0; i < c->n; i++) {
		if (i && len + 4 < COMPLEXITY_TEXT) {
			memcpy(out + len, " + ", 4);
			len += 3;
		}
		put_term(out, &len, c, i);
	}
}

/* ---- values ---- */

static double logarithm(double x)
{
	return log2(1 + x);
}

double complexity_term(const struct complexity *c, size_t term_no, const double *values)
{
	const struct complexity_term *t = &c->terms[term_no];
	double v = t->scale;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct complexity_factor *f = &t->factors[i];
		double x = values[f->param];

		if (!(x >= 0))
			return NAN;
		v *= pow(f->kind == COMPLEXITY_LOG_OF ? logarithm(x) : x, f->power);
	}
	return v;
}

double complexity_exponent(const struct complexity *c, size_t term_no, unsigned param_no,
			   const double *values)
{
	const struct complexity_term *t = &c->terms[term_no];
	double sum = 0;
	size_t i;

	for (i = 0; i < t->n; i++) {
		const struct complexity_factor *f = &t->factors[i];
		double x = values[f->param];

		if (f->param != param_no)
			continue;
		if (f->kind == COMPLEXITY_POWER_OF)
			sum += f->power;
		else if (x > 0)
			sum += f->power * x / ((1 + x) * log1p(x));
	}
	return sum;
}
