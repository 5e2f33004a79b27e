/* What must not be compared: runs of other machines, rates and modes, runs that were broken off, failed, or lost data.
 * Each is said with the names of runs, and with the word that lets it pass. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "prof/analyze/gate_internal.h"

#define LOST_PART 0.01 /* of the samples of a run: more spoils shares of functions */

const char *gate_refusal_text(unsigned bits)
{
	static const struct {
		enum gate_anyway bit;
		const char *text;
	} texts[] = {
		{GATE_UNFINISHED, "a run is not finished"},
		{GATE_FAILED, "a run failed"},
		{GATE_HOSTS, "the machines differ"},
		{GATE_RATES, "the sampling rates differ"},
		{GATE_MODES, "the runs were recorded in different modes"},
		{GATE_LOSSY, "a run lost data"},
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (bits & texts[i].bit)
			return texts[i].text;
	return "";
}

/* The words at the end of a remark. */
static const char *end_of(struct gate_work *w, unsigned bit, const char *what)
{
	if (w->o->anyway & bit)
		return "; compared all the same";
	return gate_text(w, ": %s not compared (--anyway %s would)", what,
			 gate_anyway_name((enum gate_anyway)bit));
}

/* The bit, unless it was let pass. */
static unsigned refuse(struct gate_work *w, unsigned bit)
{
	return bit & ~w->o->anyway;
}

/* ---- runs that differ ---- */

typedef int differ_fn(const struct gate_run *a, const struct gate_run *b);

static int machines_differ(const struct gate_run *a, const struct gate_run *b)
{
	return strcmp(a->host, b->host) != 0 || strcmp(a->cpu_model, b->cpu_model) != 0 ||
	       strcmp(a->kernel, b->kernel) != 0 || a->ncpu != b->ncpu;
}

static int rates_differ(const struct gate_run *a, const struct gate_run *b)
{
	double less = a->rate_hz < b->rate_hz ? a->rate_hz : b->rate_hz;
	double more = a->rate_hz < b->rate_hz ? b->rate_hz : a->rate_hz;

	return more - less > 1e-6 * more;
}

static int modes_differ(const struct gate_run *a, const struct gate_run *b)
{
	return strcmp(a->mode, b->mode) != 0 || strcmp(a->engine, b->engine) != 0;
}

static int tracking_differs(const struct gate_run *a, const struct gate_run *b)
{
	return strcmp(a->memory, b->memory) != 0 ||
	       (strcmp(a->memory, "sampled") == 0 && a->memory_rate_bytes != b->memory_rate_bytes);
}

struct found {
	const struct gate_run *a, *b;
	int group; /* of b: it differs from the first run of the base (of the candidate, without one) */
};

/* A candidate that differs from the first base run, else a run that differs within its group. */
static int find(const struct gate_work *w, differ_fn *differ, struct found *f)
{
	int group;
	size_t i;

	f->a = w->t->n_a ? &w->t->runs_a[0] : w->t->n_b ? &w->t->runs_b[0] : NULL;
	for (group = METRICS_GROUPS - 1; group >= 0; group--)
		for (i = 0; i < gate_runs(w, group); i++) {
			f->b = gate_run_at(w, group, i);
			f->group = group;
			if (differ(f->a, f->b))
				return 1;
		}
	return 0;
}

/* "base", "candidate"; "run 1234abcd" where both are of one group. */
static const char *side(const struct gate_work *w, const struct found *f, int second, char text[32])
{
	const struct gate_run *r = second ? f->b : f->a;

	if (f->group == METRICS_CANDIDATE && w->t->n_a)
		return second ? "the candidate" : "the base";
	snprintf(text, 32, "run %.8s", r->id);
	return text;
}

static const char *word(const char *text)
{
	return *text ? text : "not known";
}

static int any(const double *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isnan(v[i]))
			return 1;
	return 0;
}

/* Is there anything to compare that depends on the machine and on how it was sampled? Counts do not. */
static int has_times(const struct gate_work *w)
{
	size_t i;

	for (i = 0; i < w->t->n; i++) {
		const struct metric_row *r = &w->t->rows[i];

		if ((!w->o->metrics || w->o->metrics & 1u << r->metric) &&
		    (r->kind == METRIC_KIND_TIME || r->kind == METRIC_KIND_POLLED) &&
		    any(r->a, w->t->n_a) && any(r->b, w->t->n_b))
			return 1;
	}
	return 0;
}

static void check_machines(struct gate_work *w)
{
	char a[32], b[32];
	struct found f;

	if (!find(w, machines_differ, &f) || !has_times(w))
		return;
	w->refusals.times |= refuse(w, GATE_HOSTS);
	w->refusals.pages |= refuse(w, GATE_HOSTS);
	w->refusals.functions |= refuse(w, GATE_HOSTS);
	gate_remark(w,
		    "the machines differ: %s is of %.60s (%.60s, %" PRIu32
		    " CPUs, kernel %.60s), %s of %.60s (%.60s, %" PRIu32 " CPUs, kernel %.60s)%s",
		    side(w, &f, 0, a), word(f.a->host), word(f.a->cpu_model), f.a->ncpu,
		    word(f.a->kernel), side(w, &f, 1, b), word(f.b->host), word(f.b->cpu_model),
		    f.b->ncpu, word(f.b->kernel),
		    end_of(w, GATE_HOSTS, "times and resident memory are"));
}

static void check_rates(struct gate_work *w)
{
	char a[32], b[32];
	struct found f;

	if (!find(w, rates_differ, &f) || !has_times(w))
		return;
	w->refusals.times |= refuse(w, GATE_RATES);
	w->refusals.functions |= refuse(w, GATE_RATES);
	gate_remark(w, "the sampling rates differ: %s has %g Hz, %s %g Hz%s", side(w, &f, 0, a),
		    f.a->rate_hz, side(w, &f, 1, b), f.b->rate_hz,
		    end_of(w, GATE_RATES, "times are"));
}

static void check_modes(struct gate_work *w)
{
	char a[32], b[32];
	struct found f;

	if (find(w, modes_differ, &f) && has_times(w)) {
		w->refusals.times |= refuse(w, GATE_MODES);
		w->refusals.functions |= refuse(w, GATE_MODES);
		gate_remark(
			w, "the sampling modes differ: %s has %.20s by %.20s, %s %.20s by %.20s%s",
			side(w, &f, 0, a), word(f.a->mode), word(f.a->engine), side(w, &f, 1, b),
			word(f.b->mode), word(f.b->engine), end_of(w, GATE_MODES, "times are"));
	}
	if (find(w, tracking_differs, &f)) {
		w->refusals.times |= refuse(w, GATE_MODES);
		w->refusals.pages |= refuse(w, GATE_MODES);
		w->refusals.tracked |= refuse(w, GATE_MODES);
		w->refusals.functions |= refuse(w, GATE_MODES);
		gate_remark(w, "memory was tracked differently: %s has '%.20s', %s '%.20s'%s",
			    side(w, &f, 0, a), word(f.a->memory), side(w, &f, 1, b),
			    word(f.b->memory),
			    end_of(w, GATE_MODES, "times and what differs by that are"));
	}
}

/* ---- runs that are not whole ---- */

typedef int is_fn(const struct gate_run *r);

static int is_unfinished(const struct gate_run *r)
{
	return !r->finished;
}

static int is_failed(const struct gate_run *r)
{
	return r->failed;
}

static int lost_counts(const struct gate_run *r)
{
	return r->loss.counts > 0;
}

static int lost_samples(const struct gate_run *r)
{
	double all = (double)r->samples + (double)r->loss.samples;

	return r->loss.samples > 0 && (double)r->loss.samples > LOST_PART * all;
}

/* How many runs of both groups are so, and the first one. */
static size_t count(const struct gate_work *w, is_fn *is, const struct gate_run **first, int *group)
{
	size_t n = 0, i;
	int g;

	for (g = 0; g < METRICS_GROUPS; g++)
		for (i = 0; i < gate_runs(w, g); i++) {
			const struct gate_run *r = gate_run_at(w, g, i);

			if (is(r) && n++ == 0) {
				*first = r;
				*group = g;
			}
		}
	return n;
}

static const char *group_word(int group)
{
	return group == METRICS_BASE ? "base" : "candidate";
}

/* " and 2 more" */
static const char *others(size_t n, char text[32])
{
	text[0] = '\0';
	if (n > 1)
		snprintf(text, 32, " and %zu more", n - 1);
	return text;
}

static void check_whole(struct gate_work *w)
{
	const struct gate_run *r;
	char more[32];
	size_t n;
	int group;

	n = count(w, is_unfinished, &r, &group);
	if (n) {
		w->refusals.everything |= refuse(w, GATE_UNFINISHED);
		gate_remark(w, "%s run %.8s%s did not finish%s", group_word(group), r->id,
			    others(n, more), end_of(w, GATE_UNFINISHED, "such runs are"));
	}
	n = count(w, is_failed, &r, &group);
	if (n) {
		w->refusals.everything |= refuse(w, GATE_FAILED);
		gate_remark(w, "%s run %.8s%s ended by %s %d%s", group_word(group), r->id,
			    others(n, more), r->signal ? "signal" : "exit code",
			    r->signal ? r->signal : r->exit_code,
			    end_of(w, GATE_FAILED, "failed runs are"));
	}
}

static void check_losses(struct gate_work *w)
{
	const struct gate_run *r;
	char more[32];
	size_t n;
	int group;

	n = count(w, lost_counts, &r, &group);
	if (n) {
		w->refusals.counts |= refuse(w, GATE_LOSSY);
		w->refusals.functions |= refuse(w, GATE_LOSSY);
		gate_remark(w, "%s run %.8s%s lost data (%" PRIu64 " losses, see report)%s",
			    group_word(group), r->id, others(n, more), r->loss.counts,
			    end_of(w, GATE_LOSSY, "counts are"));
	}
	n = count(w, lost_samples, &r, &group);
	if (n) {
		w->refusals.functions |= refuse(w, GATE_LOSSY);
		if (r->cpu_of_samples)
			w->refusals.cpu |= refuse(w, GATE_LOSSY);
		gate_remark(w, "%s run %.8s%s lost %" PRIu64 " of %" PRIu64 " samples%s",
			    group_word(group), r->id, others(n, more), r->loss.samples,
			    r->samples + r->loss.samples,
			    w->o->anyway & GATE_LOSSY
				    ? ""
				    : ": functions fail nothing (--anyway lossy)");
	}
}

static int cpu_of_samples(const struct gate_run *r)
{
	return r->cpu_of_samples;
}

static int has_processes(const struct gate_run *r)
{
	return !r->cpu_of_samples;
}

void gate_refuse(struct gate_work *w)
{
	const struct gate_run *r;
	size_t sampled;
	int group;

	check_whole(w);
	check_machines(w);
	check_modes(w);
	check_rates(w);
	check_losses(w);
	sampled = count(w, cpu_of_samples, &r, &group);
	if (!sampled)
		return;
	if (count(w, has_processes, &r, &group)) {
		w->refusals.cpu |= refuse(w, GATE_MODES);
		gate_remark(w,
			    "CPU time is of the samples in some runs, of the processes in others%s",
			    end_of(w, GATE_MODES, "it is"));
		return;
	}
	gate_remark(w, "CPU time is the sum of the samples: the processes' own is not known");
}
