/* Which threshold holds, which change is accepted; reading is in thresholds_read.c, writing in thresholds_add.c. */
#include "prof/analyze/thresholds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "prof/analyze/thresholds_internal.h"
#include "prof/base/buf.h"

/* Built in: of counts that do not vary, and of everything else. docs/ci.md says why. */
static const struct {
	double exact_relative, exact_absolute, relative, absolute;
} built_in[METRICS] = {
	[METRIC_WALL] = {0.02, 1e6, 0.02, 1e6},
	[METRIC_CPU] = {0.02, 1e6, 0.02, 1e6},
	[METRIC_PEAK_HEAP] = {0.005, 4096, 0.02, 1 << 20},
	[METRIC_PEAK_RSS] = {0.02, 1 << 20, 0.02, 1 << 20},
	[METRIC_ALLOC_COUNT] = {0.001, 0, 0.01, 10},
	[METRIC_ALLOC_BYTES] = {0.001, 256, 0.01, 4096},
	[METRIC_SQL] = {0.001, 0, 0.01, 1},
	[METRIC_INSTRUCTIONS] = {0.001, 0, 0.005, 10000},
};

struct threshold threshold_none(void)
{
	return (struct threshold){.relative = NAN, .absolute = NAN, .ignore = -1};
}

void threshold_release(struct threshold *t)
{
	free(t->reason);
	free(t->owner);
	*t = threshold_none();
}

void thresholds_release(struct thresholds *t)
{
	size_t i;
	int m;

	threshold_release(&t->all);
	for (m = 0; m < METRICS; m++)
		threshold_release(&t->metrics[m]);
	for (i = 0; i < t->n_stages; i++) {
		struct threshold_stage *s = &t->stages[i];

		for (m = 0; m < METRICS; m++)
			threshold_release(&s->of[m]);
		free(s->pattern);
		free(s->reason);
		free(s->owner);
	}
	for (i = 0; i < t->n_accept; i++) {
		free(t->accept[i].stage);
		free(t->accept[i].reason);
		free(t->accept[i].owner);
		free(t->accept[i].until);
	}
	free(t->functions.reason);
	free(t->functions.owner);
	free(t->stages);
	free(t->accept);
	memset(t, 0, sizeof(*t));
}

/* '*' any characters, '?' one (of UTF-8: one byte that begins a character, and its rest). */
int threshold_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			from = text;
			continue;
		}
		if (*pattern == '?' || *pattern == *text) {
			if (*pattern++ == '?')
				while ((text[1] & 0xc0) == 0x80)
					text++;
			text++;
			continue;
		}
		if (!star)
			return 0;
		pattern = star;
		text = ++from;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Takes from `t` what is not known yet. */
static void widen(struct threshold_found *found, int *ignore, const struct threshold *t)
{
	if (isnan(found->relative))
		found->relative = t->relative;
	if (isnan(found->absolute))
		found->absolute = t->absolute;
	if (*ignore < 0)
		*ignore = t->ignore;
	if (!found->reason)
		found->reason = t->reason;
	if (!found->owner)
		found->owner = t->owner;
}

static void ask_stage(const struct threshold_stage *s, enum metric m, struct threshold_found *found,
		      int *ignore)
{
	if (s->named & 1u << m)
		found->named = 1;
	widen(found, ignore, &s->of[m]);
	if (*ignore < 0)
		*ignore = s->ignore;
	if (!found->reason)
		found->reason = s->reason;
	if (!found->owner)
		found->owner = s->owner;
}

static void ask_stages(const struct thresholds *t, const char *stage, enum metric m,
		       struct threshold_found *found, int *ignore)
{
	size_t i;

	for (i = 0; i < t->n_stages; i++)
		if (!t->stages[i].glob && strcmp(t->stages[i].pattern, stage) == 0)
			ask_stage(&t->stages[i], m, found, ignore);
	for (i = 0; i < t->n_stages; i++)
		if (t->stages[i].glob && threshold_matches(t->stages[i].pattern, stage)) {
			ask_stage(&t->stages[i], m, found, ignore);
			return;
		}
}

void thresholds_find(const struct thresholds *t, const char *stage, enum metric m,
		     enum metric_kind kind, struct threshold_found *found)
{
	const int exact = kind == METRIC_KIND_COUNT;
	int ignore = -1;

	*found = (struct threshold_found){.relative = NAN, .absolute = NAN};
	if (t && t->loaded) {
		if (stage)
			ask_stages(t, stage, m, found, &ignore);
		else
			found->named = (t->named & 1u << m) != 0;
		widen(found, &ignore, &t->metrics[m]);
		widen(found, &ignore, &t->all);
	}
	if (isnan(found->relative))
		found->relative = exact ? built_in[m].exact_relative : built_in[m].relative;
	if (isnan(found->absolute))
		found->absolute = exact ? built_in[m].exact_absolute : built_in[m].absolute;
	found->ignore = ignore > 0;
}

/* A little over the accepted change is the accepted change: it was written with few digits. */
#define ACCEPT_SLACK 1e-9

const struct threshold_accept *thresholds_accepted(const struct thresholds *t, const char *stage,
						   enum metric m, double change, int64_t now_ns,
						   const struct threshold_accept **expired)
{
	size_t i;

	*expired = NULL;
	for (i = 0; t && i < t->n_accept; i++) {
		const struct threshold_accept *a = &t->accept[i];

		if (a->metric != m || !a->stage != !stage ||
		    (stage && strcmp(a->stage, stage) != 0))
			continue;
		if (!isnan(a->up_to) && !(change <= a->up_to + ACCEPT_SLACK))
			continue;
		if (now_ns < a->until_ns)
			return a;
		*expired = a;
	}
	return NULL;
}

/* ---- words ---- */

int thresholds_parse_target(char *text, const char **stage, enum metric *m, struct err *err)
{
	char *colon = strrchr(text, ':');
	const char *name = colon ? colon + 1 : text;
	int metric = metric_parse(name);

	if (metric < 0)
		return err_set(err, ERR_ARG,
			       "'%.100s' is no metric: write STAGE:METRIC, or METRIC for the whole "
			       "run; a metric is one of " THRESHOLDS_METRICS,
			       name);
	*m = (enum metric)metric;
	*stage = colon && colon > text ? text : NULL;
	if (colon)
		*colon = '\0';
	return 0;
}

char *thresholds_accept_words(const char *stage, enum metric m)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:+@%";
	struct buf b = BUF_INIT;
	const char *at;

	buf_puts(&b, "--accept ");
	if (!stage || stage[strspn(stage, plain)] == '\0') {
		buf_printf(&b, "%s%s%s", stage ? stage : "", stage ? ":" : "", metric_name(m));
	} else {
		buf_putc(&b, '\'');
		for (at = stage; *at; at++)
			if (*at == '\'')
				buf_puts(&b, "'\\''");
			else
				buf_putc(&b, *at);
		buf_printf(&b, ":%s'", metric_name(m));
	}
	buf_puts(&b, " --reason '…'");
	return buf_steal(&b, NULL);
}

/* ---- amounts ---- */

static const struct {
	const char *name, *of;
	double factor;
} units[] = {
	{"ns", "ns", 1},           {"us", "ns", 1e3},
	{"ms", "ns", 1e6},         {"s", "ns", 1e9},
	{"min", "ns", 60e9},       {"h", "ns", 3600e9},
	{"B", "bytes", 1},         {"KiB", "bytes", 1024},
	{"MiB", "bytes", 1048576}, {"GiB", "bytes", 1073741824},
	{"kB", "bytes", 1e3},      {"MB", "bytes", 1e6},
	{"GB", "bytes", 1e9},
};

static const char *unit_words(const char *of)
{
	return strcmp(of, "ns") == 0      ? "ns, us, ms, s, min or h"
	       : strcmp(of, "bytes") == 0 ? "B, KiB, MiB, GiB, kB, MB or GB"
					  : "no unit";
}

int thresholds_parse_amount(const char *text, enum metric m, double *amount, int *relative,
			    struct err *err)
{
	const char *of = m < METRICS ? metric_unit(m) : "", *unit;
	char *end = NULL;
	double value = NAN;
	size_t i;

	*relative = 0;
	if (text[0] >= '0' && text[0] <= '9' && strncasecmp(text, "0x", 2) != 0)
		value = strtod(text, &end);
	if (!isfinite(value))
		return err_set(err, ERR_ARG, "'%.60s' does not begin with a number", text);
	for (unit = end; *unit == ' '; unit++)
		;
	*amount = value;
	if (strcmp(unit, "%") == 0) {
		*relative = 1;
		*amount = value / 100;
		return 0;
	}
	if (*unit == '\0')
		return 0;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].of, of) == 0 && strcmp(units[i].name, unit) == 0) {
			*amount = value * units[i].factor;
			return 0;
		}
	return err_set(err, ERR_ARG, "'%.60s' has a unit that does not fit: %s has %s", text,
		       m < METRICS ? metric_name(m) : "this", unit_words(of));
}
