/* The file of thresholds, checked to the last key. JSON has no line numbers once it is parsed: the place of what is
 * wrong is looked up by its path. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/json_place.h"
#include "prof/analyze/thresholds_internal.h"

#define STEPS         6
#define STAGES_MAX    10000
#define ACCEPT_MAX    10000
#define RELATIVE_MAX  1e6 /* a hundred million per cent: nobody means more */
#define ABSOLUTE_MAX  1e18
#define SECONDS_A_DAY 86400

struct reading {
	const char *text, *file;
	size_t n;
	struct json_step steps[STEPS]; /* where we are */
	size_t depth;
	struct err *err;
};

static void enter(struct reading *r, const char *key)
{
	r->steps[r->depth++] = (struct json_step){.key = key};
}

static void leave(struct reading *r)
{
	r->depth--;
}

static int bad(struct reading *r, const char *fmt, ...) ERR_PRINTF(2, 3);

/* ERR_FORMAT, with the file and the line we are at. */
static int bad(struct reading *r, const char *fmt, ...)
{
	struct json_place place;
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (!json_place_find(r->text, r->n, r->steps, r->depth, &place))
		place.line = 1;
	return err_set(r->err, ERR_FORMAT, "%s:%zu: %s", r->file, place.line, what);
}

static int bad_key(struct reading *r, const char *key, const char *known)
{
	int rc;

	enter(r, key);
	rc = bad(r, "'%.100s' is no key here: there are %s", key, known);
	leave(r);
	return rc;
}

static int need_object(struct reading *r, const json_t *value, const char *what)
{
	return json_is_object(value) ? 0 : bad(r, "%s must be an object: {…}", what);
}

/* ---- values ---- */

static int read_text(struct reading *r, const json_t *value, char **out, const char *what)
{
	if (!json_is_string(value))
		return bad(r, "'%s' must be a text", what);
	if (json_string_value(value)[0] == '\0')
		return bad(r, "'%s' is empty", what);
	*out = strdup(json_string_value(value));
	return *out ? 0 : err_nomem(r->err, "the thresholds");
}

static int read_flag(struct reading *r, const json_t *value, int *out, const char *what)
{
	if (!json_is_boolean(value))
		return bad(r, "'%s' must be true or false", what);
	*out = json_is_true(value);
	return 0;
}

/* A number, or a text with a unit; `relative`: a part ("2%", 0.02), else an amount of the metric. */
static int read_amount(struct reading *r, const json_t *value, enum metric m, int relative,
		       double *out)
{
	const char *name = relative ? "relative" : "absolute";
	double most = relative ? RELATIVE_MAX : ABSOLUTE_MAX;
	struct err why = ERR_INIT;
	int percent = 0;

	if (json_is_number(value)) {
		*out = json_number_value(value);
	} else if (json_is_string(value)) {
		if (thresholds_parse_amount(json_string_value(value), relative ? METRICS : m, out,
					    &percent, &why))
			return bad(r, "'%s': %s", name, why.text);
		if (relative != percent)
			return bad(r,
				   relative ? "'relative' is a number like 0.02, or a text like "
					      "\"2%%\""
					    : "'absolute' is no part: write \"relative\": \"2%%\", "
					      "or an amount");
	} else {
		return bad(r, "'%s' must be a number, or a text with a unit", name);
	}
	if (!(*out >= 0 && *out <= most))
		return bad(r, "'%s' must lie between 0 and %g", name, most);
	return 0;
}

/* ---- rules ---- */

#define RULE_KEYS "relative, absolute, ignore, reason and owner"

static int rule_key(struct reading *r, const char *key, const json_t *value, enum metric m,
		    struct threshold *t)
{
	if (strcmp(key, "relative") == 0)
		return read_amount(r, value, m, 1, &t->relative);
	if (strcmp(key, "absolute") == 0)
		return read_amount(r, value, m, 0, &t->absolute);
	if (strcmp(key, "ignore") == 0)
		return read_flag(r, value, &t->ignore, key);
	if (strcmp(key, "reason") == 0)
		return read_text(r, value, &t->reason, key);
	if (strcmp(key, "owner") == 0)
		return read_text(r, value, &t->owner, key);
	return bad(r, "'%.100s' is no key here: there are " RULE_KEYS, key);
}

static int read_rule(struct reading *r, json_t *object, enum metric m, struct threshold *t)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, metric_name(m));

	if (rc)
		return rc;
	json_object_foreach(object, key, value)
	{
		enter(r, key);
		rc = rule_key(r, key, value, m, t);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_alpha(struct reading *r, const json_t *value, double *alpha)
{
	*alpha = json_is_number(value) ? json_number_value(value) : NAN;
	if (!(*alpha >= 1e-6 && *alpha <= 0.2))
		return bad(r, "'alpha' must be a number from 0.000001 to 0.2");
	return 0;
}

static int read_default(struct reading *r, json_t *object, struct thresholds *t)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, "'default'");

	if (rc)
		return rc;
	json_object_foreach(object, key, value)
	{
		enter(r, key);
		if (strcmp(key, "alpha") == 0)
			rc = read_alpha(r, value, &t->alpha);
		else if (strcmp(key, "absolute") == 0)
			rc = bad(r, "'absolute' is of one metric: write it under \"metrics\"");
		else if (strcmp(key, "ignore") == 0 || strcmp(key, "relative") == 0 ||
			 strcmp(key, "reason") == 0 || strcmp(key, "owner") == 0)
			rc = rule_key(r, key, value, METRICS, &t->all);
		else
			rc = bad(r,
				 "'%.100s' is no key here: there are alpha, relative, ignore, "
				 "reason "
				 "and owner",
				 key);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_metrics(struct reading *r, json_t *object, struct thresholds *t)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, "'metrics'");

	if (rc)
		return rc;
	json_object_foreach(object, key, value)
	{
		int m = metric_parse(key);

		if (m < 0)
			return bad_key(r, key, THRESHOLDS_METRICS);
		t->named |= 1u << m;
		enter(r, key);
		rc = read_rule(r, value, (enum metric)m, &t->metrics[m]);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_stage(struct reading *r, json_t *object, struct threshold_stage *s)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, "a stage");

	if (rc)
		return rc;
	json_object_foreach(object, key, value)
	{
		int m = metric_parse(key);

		enter(r, key);
		if (m >= 0) {
			s->named |= 1u << m;
			rc = read_rule(r, value, (enum metric)m, &s->of[m]);
		} else if (strcmp(key, "ignore") == 0) {
			rc = read_flag(r, value, &s->ignore, key);
		} else if (strcmp(key, "reason") == 0) {
			rc = read_text(r, value, &s->reason, key);
		} else if (strcmp(key, "owner") == 0) {
			rc = read_text(r, value, &s->owner, key);
		} else {
			rc = bad(r,
				 "'%.100s' is no key here: there are ignore, reason, owner and the "
				 "metrics " THRESHOLDS_METRICS,
				 key);
		}
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_stages(struct reading *r, json_t *object, struct thresholds *t)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, "'stages'"), m;

	if (rc)
		return rc;
	if (json_object_size(object) > STAGES_MAX)
		return bad(r, "'stages' has more than %d entries", STAGES_MAX);
	t->stages = calloc(json_object_size(object) + 1, sizeof(*t->stages));
	if (!t->stages)
		return err_nomem(r->err, "the thresholds");
	json_object_foreach(object, key, value)
	{
		struct threshold_stage *s = &t->stages[t->n_stages++];

		s->ignore = -1;
		for (m = 0; m < METRICS; m++)
			s->of[m] = threshold_none();
		s->glob = strpbrk(key, "*?") != NULL;
		s->pattern = strdup(key);
		if (!s->pattern)
			return err_nomem(r->err, "the thresholds");
		enter(r, key);
		rc = read_stage(r, value, s);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

/* The amount is of time or of memory, by its unit; a number is of both. */
static int function_amount(struct reading *r, const json_t *value, struct threshold_functions *f)
{
	struct err why = ERR_INIT;
	double amount;
	int percent;

	if (json_is_string(value) &&
	    thresholds_parse_amount(json_string_value(value), METRIC_ALLOC_BYTES, &amount, &percent,
				    &why) == 0)
		return read_amount(r, value, METRIC_ALLOC_BYTES, 0, &f->absolute_bytes);
	if (json_is_string(value))
		return read_amount(r, value, METRIC_CPU, 0, &f->absolute_ns);
	if (read_amount(r, value, METRIC_CPU, 0, &f->absolute_ns))
		return ERR_FORMAT;
	f->absolute_bytes = f->absolute_ns;
	return 0;
}

static int read_functions(struct reading *r, json_t *object, struct threshold_functions *f)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, object, "'functions'");

	f->fail = 1;
	if (rc)
		return rc;
	json_object_foreach(object, key, value)
	{
		enter(r, key);
		if (strcmp(key, "relative") == 0)
			rc = read_amount(r, value, METRICS, 1, &f->relative);
		else if (strcmp(key, "absolute") == 0)
			rc = function_amount(r, value, f);
		else if (strcmp(key, "reason") == 0)
			rc = read_text(r, value, &f->reason, key);
		else if (strcmp(key, "owner") == 0)
			rc = read_text(r, value, &f->owner, key);
		else
			rc = bad(
				r,
				"'%.100s' is no key here: there are relative, absolute, reason and "
				"owner",
				key);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- accepted changes ---- */

static int days_of(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

int threshold_date(const char *text, int64_t *ns_after)
{
	int year, month, day, i;
	int64_t days = 0;

	for (i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return ERR_ARG;
	year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] -
	       '0';
	month = (text[5] - '0') * 10 + text[6] - '0';
	day = (text[8] - '0') * 10 + text[9] - '0';
	if (text[10] || year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 ||
	    day > days_of(year, month))
		return ERR_ARG;
	for (i = 1970; i < year; i++)
		days += days_of(i, 2) == 29 ? 366 : 365;
	for (i = 1; i < month; i++)
		days += days_of(year, i);
	*ns_after = (days + day) * SECONDS_A_DAY * INT64_C(1000000000);
	return 0;
}

static int read_up_to(struct reading *r, const json_t *value, double *up_to)
{
	struct err why = ERR_INIT;
	int percent = 0;

	*up_to = json_is_number(value) ? json_number_value(value) : NAN;
	if (json_is_string(value) &&
	    (thresholds_parse_amount(json_string_value(value), METRICS, up_to, &percent, &why) ||
	     !percent))
		*up_to = NAN;
	if (!(*up_to > 0 && *up_to <= RELATIVE_MAX))
		return bad(r, "'up_to' is the change accepted: a number like 0.12, or \"12%%\"");
	return 0;
}

static int read_metric(struct reading *r, const json_t *value, enum metric *m)
{
	int metric = json_is_string(value) ? metric_parse(json_string_value(value)) : -1;

	if (metric < 0)
		return bad(r, "'metric' must be one of " THRESHOLDS_METRICS);
	*m = (enum metric)metric;
	return 0;
}

static int accept_key(struct reading *r, const char *key, const json_t *value,
		      struct threshold_accept *a)
{
	int rc;

	if (strcmp(key, "stage") == 0)
		return json_is_null(value) ? 0 : read_text(r, value, &a->stage, key);
	if (strcmp(key, "metric") == 0)
		return read_metric(r, value, &a->metric);
	if (strcmp(key, "up_to") == 0)
		return read_up_to(r, value, &a->up_to);
	if (strcmp(key, "reason") == 0)
		return read_text(r, value, &a->reason, key);
	if (strcmp(key, "owner") == 0)
		return read_text(r, value, &a->owner, key);
	if (strcmp(key, "until") != 0)
		return bad(r,
			   "'%.100s' is no key here: there are stage, metric, up_to, reason, owner "
			   "and until",
			   key);
	rc = read_text(r, value, &a->until, key);
	if (rc == 0 && threshold_date(a->until, &a->until_ns))
		rc = bad(r, "'until' is a day like \"2027-01-31\"");
	return rc;
}

static int read_accept(struct reading *r, json_t *object, struct threshold_accept *a)
{
	static const char *const needed[] = {"stage", "metric", "reason"};
	const char *key;
	json_t *value;
	size_t i;
	int rc = need_object(r, object, "an accepted change");

	if (rc)
		return rc;
	a->up_to = NAN;
	a->until_ns = INT64_MAX;
	json_object_foreach(object, key, value)
	{
		enter(r, key);
		rc = accept_key(r, key, value, a);
		leave(r);
		if (rc)
			return rc;
	}
	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!json_object_get(object, needed[i]))
			return bad(r, "an accepted change needs '%s'%s", needed[i],
				   i == 0 ? " (null: the whole run)" : "");
	return 0;
}

/* The lines of a list's items, in one walk over them. */
struct lines {
	size_t at, line, counted; /* the next item; a line, and the byte that is on it */
};

static struct lines lines_of(const struct reading *r)
{
	struct json_place list;

	if (!json_place_find(r->text, r->n, r->steps, r->depth, &list))
		return (struct lines){r->n, 1, r->n};
	return (struct lines){json_place_skip(r->text, r->n, list.begin + 1), list.line, list.key};
}

static size_t next_line(const struct reading *r, struct lines *l)
{
	for (; l->counted < l->at; l->counted++)
		l->line += r->text[l->counted] == '\n';
	l->at = json_place_skip(r->text, r->n, json_place_end(r->text, r->n, l->at));
	if (l->at < r->n && r->text[l->at] == ',')
		l->at = json_place_skip(r->text, r->n, l->at + 1);
	return l->line;
}

static int read_accepts(struct reading *r, json_t *array, struct thresholds *t)
{
	struct lines lines;
	size_t i, n = json_array_size(array);
	int rc = 0;

	if (!json_is_array(array))
		return bad(r, "'accept' must be a list: [{…}, {…}]");
	if (n > ACCEPT_MAX)
		return bad(r, "'accept' has more than %d entries", ACCEPT_MAX);
	t->accept = calloc(n + 1, sizeof(*t->accept));
	if (!t->accept)
		return err_nomem(r->err, "the thresholds");
	lines = lines_of(r);
	for (i = 0; rc == 0 && i < n; i++) {
		struct threshold_accept *a = &t->accept[t->n_accept++];

		r->steps[r->depth++] = (struct json_step){.index = i};
		a->line = next_line(r, &lines);
		rc = read_accept(r, json_array_get(array, i), a);
		leave(r);
	}
	return rc;
}

/* ---- the file ---- */

static int read_key(struct reading *r, const char *key, json_t *value, struct thresholds *t)
{
	if (strcmp(key, "default") == 0)
		return read_default(r, value, t);
	if (strcmp(key, "metrics") == 0)
		return read_metrics(r, value, t);
	if (strcmp(key, "stages") == 0)
		return read_stages(r, value, t);
	if (strcmp(key, "functions") == 0)
		return read_functions(r, value, &t->functions);
	if (strcmp(key, "accept") == 0)
		return read_accepts(r, value, t);
	return bad(r,
		   "'%.100s' is no key here: there are default, metrics, stages, functions and "
		   "accept",
		   key);
}

static int read_root(struct reading *r, json_t *root, struct thresholds *t)
{
	const char *key;
	json_t *value;
	int rc = need_object(r, root, "the file"), m;

	if (rc)
		return rc;
	t->loaded = 1;
	t->all = threshold_none();
	for (m = 0; m < METRICS; m++)
		t->metrics[m] = threshold_none();
	json_object_foreach(root, key, value)
	{
		enter(r, key);
		rc = read_key(r, key, value, t);
		leave(r);
		if (rc)
			return rc;
	}
	return 0;
}

int thresholds_read(struct thresholds *t, const char *bytes, size_t n, const char *file,
		    struct err *err)
{
	struct reading r = {.text = bytes, .n = n, .file = file, .err = err};
	json_error_t where;
	json_t *root;
	int rc;

	memset(t, 0, sizeof(*t));
	if (n > THRESHOLDS_BYTES)
		return err_set(err, ERR_LIMIT, "%s: more than %u bytes", file, THRESHOLDS_BYTES);
	root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &where);
	if (!root && !where.text[0]) /* no error of the text */
		return err_nomem(err, "the thresholds");
	if (!root)
		return err_set(err, ERR_FORMAT, "%s:%d: %.200s", file,
			       where.line > 0 ? where.line : 1, where.text);
	rc = read_root(&r, root, t);
	json_decref(root);
	if (rc)
		thresholds_release(t);
	return rc;
}
