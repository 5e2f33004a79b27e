/* Kept values: written one row a line, and read with every number checked. */
#include "prof/analyze/baseline.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/json_place.h"
#include "prof/analyze/metrics_internal.h"

#define FORMAT  "protea-gate-baseline"
#define VERSION 1

/* ---- writing ---- */

/* A text as JSON; texts of the table are UTF-8. */
static void put_text(struct buf *out, const char *text)
{
	json_t *string = json_string(text);
	char *json = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

	if (json)
		buf_puts(out, json);
	else
		out->failed = out->failed ? out->failed : ERR_NOMEM;
	free(json);
	json_decref(string);
}

static void put_number(struct buf *out, double value)
{
	if (!isfinite(value))
		buf_puts(out, "null");
	else if (fabs(value) < 9007199254740992.0 && floor(value) >= value)
		buf_printf(out, "%.0f", value);
	else
		buf_printf(out, "%.17g", value);
}

static void put_field(struct buf *out, const char *key, const char *text)
{
	if (!*text)
		return;
	buf_printf(out, ", \"%s\": ", key);
	put_text(out, text);
}

static void put_count(struct buf *out, const char *key, uint64_t n)
{
	if (n)
		buf_printf(out, ", \"%s\": %" PRIu64, key, n <= INT64_MAX ? n : INT64_MAX);
}

static void put_run(struct buf *out, const struct gate_run *r)
{
	buf_puts(out, "\t\t{\"id\": ");
	put_text(out, r->id);
	put_field(out, "name", r->name);
	if (strcmp(r->label, "{}") != 0)
		put_field(out, "labels", r->label);
	put_field(out, "host", r->host);
	put_field(out, "cpu_model", r->cpu_model);
	put_count(out, "ncpu", r->ncpu);
	put_field(out, "kernel", r->kernel);
	put_field(out, "mode", r->mode);
	put_field(out, "engine", r->engine);
	put_field(out, "memory", r->memory);
	put_count(out, "memory_rate_bytes", r->memory_rate_bytes);
	put_field(out, "version", r->version);
	put_field(out, "git_sha", r->git_sha);
	buf_puts(out, ", \"rate_hz\": ");
	put_number(out, r->rate_hz);
	buf_printf(out, ", \"started_at\": %" PRId64, r->started_at);
	buf_printf(out, ", \"finished\": %s", r->finished ? "true" : "false");
	if (r->failed)
		buf_printf(out, ", \"exit_code\": %d, \"signal\": %d", r->exit_code, r->signal);
	put_count(out, "samples", r->samples);
	put_count(out, "lost", r->lost);
	put_count(out, "lost_samples", r->loss.samples);
	put_count(out, "lost_counts", r->loss.counts);
	if (r->cpu_of_samples)
		buf_puts(out, ", \"cpu_of_samples\": true");
	buf_putc(out, '}');
}

static void put_row(struct buf *out, const struct metric_row *r, const double *values, size_t n)
{
	size_t i;

	buf_puts(out, "\t\t{\"stage\": ");
	if (r->stage)
		put_text(out, r->stage);
	else
		buf_puts(out, "null");
	buf_printf(out, ", \"metric\": \"%s\", \"kind\": \"%s\"", metric_name(r->metric),
		   metric_kind_name(r->kind));
	if (r->depth)
		buf_printf(out, ", \"depth\": %" PRIu32, r->depth);
	buf_puts(out, ", \"values\": [");
	for (i = 0; i < n; i++) {
		buf_puts(out, i ? ", " : "");
		put_number(out, values[i]);
	}
	buf_puts(out, "]}");
}

static int has_value(const double *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (isfinite(values[i]))
			return 1;
	return 0;
}

int baseline_write(struct buf *out, const struct metric_table *t, int group, unsigned metrics,
		   struct err *err)
{
	const struct gate_run *runs = group == METRICS_BASE ? t->runs_a : t->runs_b;
	size_t n = group == METRICS_BASE ? t->n_a : t->n_b, i, rows = 0;
	uint32_t *order = metrics_order(t);

	if (!order)
		return err_nomem(err, "the kept values");
	buf_printf(out, "{\n\t\"format\": \"" FORMAT "\",\n\t\"version\": %d,\n\t\"runs\": [\n",
		   VERSION);
	for (i = 0; i < n; i++) {
		put_run(out, &runs[i]);
		buf_puts(out, i + 1 < n ? ",\n" : "\n");
	}
	buf_puts(out, "\t],\n\t\"metrics\": [");
	for (i = 0; i < t->n; i++) {
		const struct metric_row *r = &t->rows[order[i]];
		const double *values = group == METRICS_BASE ? r->a : r->b;

		if ((metrics && !(metrics & 1u << r->metric)) || !has_value(values, n))
			continue;
		buf_puts(out, rows++ ? ",\n" : "\n");
		put_row(out, r, values, n);
	}
	buf_puts(out, "\n\t]\n}\n");
	free(order);
	if (buf_failed(out))
		return err_nomem(err, "the kept values");
	if (!rows)
		return err_set(err, ERR_ARG, "there is nothing to keep: %s",
			       n ? "no run has a value of such a metric" : "no run was given");
	return 0;
}

/* ---- reading ---- */

struct reading {
	struct metric_table *t;
	int group;
	const char *text, *file;
	size_t n, n_runs, first;
	struct json_step steps[4]; /* where we are */
	size_t depth;
	struct err *err;
};

static int bad(struct reading *r, const char *fmt, ...) ERR_PRINTF(2, 3);

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

/* The text of a key, "" without one; borrowed. */
static int text_of(struct reading *r, json_t *object, const char *key, char **text)
{
	json_t *value = json_object_get(object, key);

	if (value && !json_is_string(value))
		return bad(r, "'%s' must be a text", key);
	/* Only read, and copied by the table. */
	*text = (char *)(uintptr_t)(value ? json_string_value(value) : "");
	return 0;
}

static int count_of(struct reading *r, json_t *object, const char *key, int64_t most, int64_t *n)
{
	json_t *value = json_object_get(object, key);

	*n = 0;
	if (value && !json_is_integer(value))
		return bad(r, "'%s' must be a whole number", key);
	if (value)
		*n = json_integer_value(value);
	return *n < 0 || *n > most ? bad(r, "'%s' must lie between 0 and %" PRId64, key, most) : 0;
}

static int flag_of(struct reading *r, json_t *object, const char *key, int otherwise, int *flag)
{
	json_t *value = json_object_get(object, key);

	*flag = value ? json_is_true(value) : otherwise;
	return value && !json_is_boolean(value) ? bad(r, "'%s' must be true or false", key) : 0;
}

static int run_texts(struct reading *r, json_t *object, struct gate_run *run)
{
	const struct {
		const char *key;
		char **text;
	} texts[] = {
		{"id", &run->id},           {"name", &run->name},
		{"labels", &run->label},    {"host", &run->host},
		{"kernel", &run->kernel},   {"cpu_model", &run->cpu_model},
		{"mode", &run->mode},       {"engine", &run->engine},
		{"memory", &run->memory},   {"version", &run->version},
		{"git_sha", &run->git_sha},
	};
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = text_of(r, object, texts[i].key, texts[i].text);
	if (rc == 0 && !*run->label)
		run->label = (char *)(uintptr_t) "{}";
	return rc;
}

static int run_numbers(struct reading *r, json_t *object, struct gate_run *run)
{
	json_t *rate = json_object_get(object, "rate_hz");
	int64_t ncpu, memory, samples, lost, lost_samples, lost_counts, exit_code, sig;
	int rc = count_of(r, object, "ncpu", UINT32_MAX, &ncpu);

	rc = rc ? rc : count_of(r, object, "memory_rate_bytes", INT64_MAX, &memory);
	rc = rc ? rc : count_of(r, object, "samples", INT64_MAX, &samples);
	rc = rc ? rc : count_of(r, object, "lost", INT64_MAX, &lost);
	rc = rc ? rc : count_of(r, object, "lost_samples", INT64_MAX, &lost_samples);
	rc = rc ? rc : count_of(r, object, "lost_counts", INT64_MAX, &lost_counts);
	rc = rc ? rc : count_of(r, object, "exit_code", INT32_MAX, &exit_code);
	rc = rc ? rc : count_of(r, object, "signal", 1024, &sig);
	rc = rc ? rc : count_of(r, object, "started_at", INT64_MAX, &run->started_at);
	rc = rc ? rc : flag_of(r, object, "finished", 1, &run->finished);
	rc = rc ? rc : flag_of(r, object, "cpu_of_samples", 0, &run->cpu_of_samples);
	if (rc == 0 && rate && (!json_is_number(rate) || !(json_number_value(rate) >= 0)))
		rc = bad(r, "'rate_hz' must be a number, 0 or more");
	if (rc)
		return rc;
	run->rate_hz = rate ? json_number_value(rate) : 0;
	run->ncpu = (uint32_t)ncpu;
	run->memory_rate_bytes = (uint64_t)memory;
	run->samples = (uint64_t)samples;
	run->lost = (uint64_t)lost;
	run->loss = (struct gate_loss){(uint64_t)lost_samples, (uint64_t)lost_counts};
	run->exit_code = (int)exit_code;
	run->signal = (int)sig;
	run->failed = run->exit_code || run->signal;
	return 0;
}

static int read_runs(struct reading *r, json_t *runs)
{
	size_t i;
	int rc = 0;

	r->steps[0].key = "runs";
	r->depth = 1;
	if (!json_is_array(runs) || json_array_size(runs) == 0)
		return bad(r, "'runs' must be a list of at least one run");
	for (i = 0; rc == 0 && i < json_array_size(runs); i++) {
		json_t *object = json_array_get(runs, i);
		struct gate_run run = {.kept = 1, .source = (char *)(uintptr_t)r->file};

		r->steps[1] = (struct json_step){.index = i};
		r->depth = 2;
		if (!json_is_object(object))
			return bad(r, "a run must be an object: {…}");
		rc = run_texts(r, object, &run);
		if (rc == 0)
			rc = run_numbers(r, object, &run);
		if (rc == 0)
			rc = metrics_add_known(r->t, r->group, &run, r->err);
		if (rc == 0)
			r->n_runs++;
	}
	return rc;
}

static int read_values(struct reading *r, json_t *values, const char *stage, uint32_t depth,
		       enum metric m, enum metric_kind kind)
{
	size_t i;
	int rc = 0;

	if (!json_is_array(values) || json_array_size(values) != r->n_runs)
		return bad(r, "'values' must be a list of %zu numbers, one for each run",
			   r->n_runs);
	for (i = 0; rc == 0 && i < r->n_runs; i++) {
		json_t *value = json_array_get(values, i);

		if (json_is_null(value))
			continue;
		if (!json_is_number(value) || !(json_number_value(value) >= 0))
			return bad(r, "a value must be a number, 0 or more, or null");
		rc = metrics_put(r->t, r->group, r->first + i, stage, depth, m, kind,
				 json_number_value(value), r->err);
	}
	return rc;
}

/* Is there a value of this group already? */
static int given(const struct reading *r, const char *stage, enum metric m)
{
	const struct metric_row *row = metrics_row(r->t, stage, m);

	return row && has_value((r->group == METRICS_BASE ? row->a : row->b) + r->first, r->n_runs);
}

static int read_row(struct reading *r, json_t *object)
{
	json_t *stage = json_object_get(object, "stage");
	const char *name = json_is_string(stage) ? json_string_value(stage) : NULL;
	int metric, kind, rc;
	int64_t depth;

	if (!json_is_object(object))
		return bad(r, "a row must be an object: {…}");
	if (!stage || (!name && !json_is_null(stage)))
		return bad(r, "'stage' must be a text, or null for the whole run");
	metric = metric_parse(json_string_value(json_object_get(object, "metric")));
	kind = metric_kind_parse(json_string_value(json_object_get(object, "kind")));
	if (metric < 0)
		return bad(r, "'metric' is none that is known");
	if (kind < 0)
		return bad(r, "'kind' must be count, time, polled or estimate");
	if (given(r, name, (enum metric)metric))
		return bad(r, "the same stage and metric once more");
	rc = count_of(r, object, "depth", UINT32_MAX, &depth);
	return rc ? rc
		  : read_values(r, json_object_get(object, "values"), name, (uint32_t)depth,
				(enum metric)metric, (enum metric_kind)kind);
}

static int read_rows(struct reading *r, json_t *rows)
{
	size_t i;
	int rc = 0;

	r->steps[0].key = "metrics";
	r->depth = 1;
	if (!json_is_array(rows))
		return bad(r, "'metrics' must be a list");
	for (i = 0; rc == 0 && i < json_array_size(rows); i++) {
		r->steps[1] = (struct json_step){.index = i};
		r->depth = 2;
		rc = read_row(r, json_array_get(rows, i));
	}
	return rc;
}

static int read_root(struct reading *r, json_t *root)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	json_t *version = json_object_get(root, "version");
	int rc;

	if (!format || strcmp(format, FORMAT) != 0)
		return bad(r, "this is no baseline: \"format\" must be \"" FORMAT "\"");
	if (!json_is_integer(version) || json_integer_value(version) < 1)
		return bad(r, "'version' must be a number");
	if (json_integer_value(version) > VERSION)
		return bad(r,
			   "version %" JSON_INTEGER_FORMAT " is newer than this program, which "
			   "reads up to %d; save it again with this program, or use a newer one",
			   json_integer_value(version), VERSION);
	rc = read_runs(r, json_object_get(root, "runs"));
	return rc ? rc : read_rows(r, json_object_get(root, "metrics"));
}

int baseline_is(const char *bytes, size_t n)
{
	static const char word[] = "\"" FORMAT "\"";
	size_t at = json_place_skip(bytes, n, 0);

	return at < n && bytes[at] == '{' &&
	       memmem(bytes, n < 4096 ? n : 4096, word, sizeof(word) - 1) != NULL;
}

int baseline_read(struct metric_table *t, int group, const char *bytes, size_t n, const char *file,
		  struct err *err)
{
	struct reading r = {
		.t = t, .group = group, .text = bytes, .n = n, .file = file, .err = err};
	json_error_t where;
	json_t *root;
	int rc;

	r.first = group == METRICS_BASE ? t->n_a : t->n_b;
	if (n > BASELINE_BYTES)
		return err_set(err, ERR_LIMIT, "%s: more than %u bytes", file, BASELINE_BYTES);
	root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &where);
	if (!root && !where.text[0]) /* no error of the text */
		return err_nomem(err, "the kept values");
	if (!root)
		return err_set(err, ERR_FORMAT, "%s:%d: %.200s", file,
			       where.line > 0 ? where.line : 1, where.text);
	rc = read_root(&r, root);
	json_decref(root);
	while (rc && r.n_runs > 0) {
		metrics_drop_last(t, group);
		r.n_runs--;
	}
	return rc;
}
