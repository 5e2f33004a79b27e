/* Options of `gate` whose values are words, and the thresholds: see gate_args.h. */
#include "prof/cli/gate_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/baseline.h"
#include "prof/base/clock.h"
#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_team.h"
#include "prof/postgres/pg.h"

/* ---- words ---- */

/* Calls `take` for each word between commas of each value. */
static int each_word(const struct opt_list *list, struct gate_args *a,
		     int (*take)(struct gate_args *a, const char *word, struct err *err),
		     struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < list->n; i++) {
		char *copy = strdup(list->values[i]), *rest = copy, *word;

		if (!copy)
			return err_nomem(err, "an option");
		while (rc == 0 && (word = strsep(&rest, ",")))
			rc = take(a, word, err);
		free(copy);
	}
	return rc;
}

static int take_metric(struct gate_args *a, const char *word, struct err *err)
{
	int m = metric_parse(word), k;
	struct buf names = BUF_INIT;

	if (m >= 0) {
		a->wish.judge.metrics |= 1u << m;
		return 0;
	}
	for (k = 0; k < METRICS; k++)
		buf_printf(&names, "%s%s", k ? ", " : "", metric_name((enum metric)k));
	err_set(err, ERR_ARG, "gate: --metric '%.100s' is none of %s", word, buf_str(&names));
	buf_release(&names);
	return ERR_ARG;
}

static int take_anyway(struct gate_args *a, const char *word, struct err *err)
{
	int bit = gate_anyway_parse(word), k;
	struct buf names = BUF_INIT;

	if (bit >= 0) {
		a->wish.judge.anyway |= (unsigned)bit;
		return 0;
	}
	for (k = 1; k <= GATE_ANYWAY_ALL; k <<= 1)
		buf_printf(&names, "%s, ", gate_anyway_name((enum gate_anyway)k));
	err_set(err, ERR_ARG, "gate: --anyway '%.100s' is none of %sall", word, buf_str(&names));
	buf_release(&names);
	return ERR_ARG;
}

static int choose(const char *option, const char *text, const char *const *names, int *value,
		  struct err *err)
{
	struct buf list = BUF_INIT;
	int i;

	for (i = 0; names[i]; i++)
		if (text && strcmp(names[i], text) == 0)
			*value = i;
	if (!text || strcmp(names[*value], text) == 0)
		return 0;
	for (i = 0; names[i]; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
	err_set(err, ERR_ARG, "gate: --%s '%.100s' is none of %s", option, text, buf_str(&list));
	buf_release(&list);
	return ERR_ARG;
}

static int read_names(struct gate_args *a, struct err *err)
{
	static const char *const pairings[] = {"auto", "always", "never", NULL};
	static const char *const notes[] = {"auto", "none", "github", "gitlab", NULL};
	int pairing = 0, note = 0, norm = COMPARE_NONE;
	int rc = choose("pairing", a->pairing, pairings, &pairing, err);

	if (rc == 0)
		rc = choose("annotations", a->annotations, notes, &note, err);
	if (rc == 0 && a->normalise)
		norm = compare_norm_parse(a->normalise);
	if (rc == 0 && norm < 0)
		rc = err_set(err, ERR_ARG,
			     "gate: --normalise '%.100s' is none of none, total, duration, stage, "
			     "items",
			     a->normalise);
	a->wish.kind = a->kind ? profile_kind_parse(a->kind) : -1;
	if (rc == 0 && a->kind && a->wish.kind < 0)
		rc = err_set(err, ERR_ARG, "gate: --kind '%.100s' is no kind of sample", a->kind);
	a->wish.judge.pairing = (enum gate_pairing)pairing;
	a->wish.norm = norm < 0 ? COMPARE_NONE : (enum compare_norm)norm;
	a->wish.judge.normalise = norm > 0 ? compare_norm_name((enum compare_norm)norm) : NULL;
	a->output.notes = (enum gate_annotations)note;
	return rc;
}

/* ---- numbers ---- */

static int read_part(const char *option, const char *text, double most, double *value,
		     struct err *err)
{
	int relative;

	if (!text)
		return 0;
	if (thresholds_parse_amount(text, METRICS, value, &relative, NULL) == 0 && *value > 0 &&
	    *value < most)
		return 0;
	return err_set(err, ERR_ARG, "gate: --%s '%.100s': write a part such as 0.02 or 2%%",
		       option, text);
}

/* The option stands above what the file says of times; single stages of the file keep theirs. */
static void set_minimum(struct gate_args *a, double minimum)
{
	a->limits.metrics[METRIC_WALL].relative = minimum;
	a->limits.metrics[METRIC_CPU].relative = minimum;
}

/* ---- the file ---- */

const char *gate_args_file(const struct gate_args *a)
{
	return a->thresholds ? a->thresholds : THRESHOLDS_FILE;
}

int gate_args_thresholds(struct gate_args *a, struct err *err)
{
	const char *file = gate_args_file(a);
	struct err none = ERR_INIT;
	double minimum = 0;
	char *bytes = NULL;
	size_t n;
	int rc = gate_file_read(&bytes, &n, file, THRESHOLDS_BYTES, &none);

	thresholds_release(&a->limits);
	if (rc == 0) {
		rc = thresholds_read(&a->limits, bytes, n, file, err);
	} else if (none.sys == ENOENT && (!a->thresholds || a->accept)) {
		rc = thresholds_read(&a->limits, "{}", 2, file, err);
	} else {
		*err = none;
	}
	free(bytes);
	if (rc == 0)
		rc = read_part("min-effect", a->min_effect, 10, &minimum, err);
	if (rc == 0 && a->min_effect)
		set_minimum(a, minimum);
	a->wish.judge.thresholds = &a->limits;
	return rc;
}

/* ---- all ---- */

int gate_args_read(struct gate_args *a, struct err *err)
{
	int rc = read_names(a, err);

	a->now_ns = clock_real_ns();
	a->wish.judge.now_ns = a->now_ns;
	if (a->counts)
		a->wish.judge.metrics |= BASELINE_COUNTS;
	if (a->ignore_failure)
		a->wish.judge.anyway |= GATE_FAILED;
	/* A stage's name may have commas: each option is one name. */
	a->wish.stages = a->stages.values;
	a->wish.n_stages = a->stages.n;
	if (rc == 0)
		rc = each_word(&a->metrics, a, take_metric, err);
	if (rc == 0)
		rc = each_word(&a->anyway, a, take_anyway, err);
	if (rc == 0 && a->baseline && pg_url_is(a->baseline) &&
	    !(a->shown = gate_team_shown(a->baseline)))
		rc = err_nomem(err, "an option");
	if (rc == 0)
		rc = read_part("alpha", a->alpha, 0.5, &a->wish.judge.alpha, err);
	if (rc == 0)
		rc = gate_args_thresholds(a, err);
	if (rc == 0)
		rc = gate_output_check(&a->output, err);
	return rc;
}

void gate_args_release(struct gate_args *a)
{
	thresholds_release(&a->limits);
	free(a->metrics.values);
	free(a->stages.values);
	free(a->anyway.values);
	free(a->labels.values);
	free(a->shown);
}

/* ---- words to type ---- */

static void put_option(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(out, " --%s ", name);
	gate_put_shell(out, value);
}

static void put_list(struct buf *out, const char *name, const struct opt_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		put_option(out, name, list->values[i]);
}

void gate_args_options(struct buf *out, const struct gate_args *a)
{
	put_option(out, "store", a->store);
	put_option(out, "thresholds", a->thresholds);
	put_option(out, "baseline", a->shown ? a->shown : a->baseline);
	if (a->last)
		buf_printf(out, " --last %d", a->last);
	put_option(out, "alpha", a->alpha);
	put_option(out, "min-effect", a->min_effect);
	put_option(out, "pairing", a->pairing);
	put_list(out, "metric", &a->metrics);
	put_list(out, "stage", &a->stages);
	put_list(out, "anyway", &a->anyway);
	if (a->counts)
		buf_puts(out, " --counts");
}

void gate_args_exec_options(struct buf *out, const struct gate_args *a)
{
	put_option(out, "memory", a->memory);
	put_option(out, "mode", a->mode);
	put_option(out, "cpus", a->cpus);
	put_option(out, "name", a->name);
	put_list(out, "label", &a->labels);
	if (a->rate_hz > 0)
		buf_printf(out, " --rate %g", a->rate_hz);
	if (a->warmup >= 0)
		buf_printf(out, " --warmup %d", a->warmup);
	if (a->ignore_failure)
		buf_puts(out, " --ignore-failure");
}
