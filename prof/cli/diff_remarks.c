/* In what runs differ that are compared, and what makes them less than whole: a comparison goes on, its reader must know. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/units.h"
#include "prof/cli/diff.h"

#define NAMED_MAX 4 /* values in a sentence */

static const struct gate_run *run_at(const struct diff *d, size_t i)
{
	return i < d->table.n_a ? &d->table.runs_a[i] : &d->table.runs_b[i - d->table.n_a];
}

static size_t all_runs(const struct diff *d)
{
	return d->table.n_a + d->table.n_b;
}

static int add(struct diff *d, struct buf *text)
{
	char **more = realloc(d->remarks, (d->n_remarks + 1) * sizeof *more);
	char *own = more ? buf_steal(text, NULL) : NULL;

	if (more)
		d->remarks = more;
	buf_release(text);
	if (!own)
		return ERR_NOMEM;
	d->remarks[d->n_remarks++] = own;
	return 0;
}

/* ---- differences ---- */

typedef void value_fn(char out[80], const struct gate_run *r);

static void put_text(char out[80], const char *text)
{
	snprintf(out, 80, "%.60s", *text ? text : "unknown");
}

static void put_host(char out[80], const struct gate_run *r)
{
	put_text(out, r->host);
}

static void put_cpu(char out[80], const struct gate_run *r)
{
	put_text(out, r->cpu_model);
}

static void put_rate(char out[80], const struct gate_run *r)
{
	snprintf(out, 80, "%g Hz", r->rate_hz);
}

static void put_mode(char out[80], const struct gate_run *r)
{
	put_text(out, r->mode);
}

static void put_memory(char out[80], const struct gate_run *r)
{
	char every[UNITS_TEXT];

	put_text(out, r->memory);
	if (r->memory_rate_bytes && strcmp(r->memory, "sampled") == 0)
		snprintf(out, 80, "sampled, one in %s", units_bytes(every, r->memory_rate_bytes));
}

static const struct {
	const char *name;
	value_fn *value;
} things[] = {
	{"host", put_host}, {"CPU", put_cpu},       {"rate", put_rate},
	{"mode", put_mode}, {"memory", put_memory},
};

/* "the runs differ in host: a, b"; 0 too when they do not. */
static int remark_difference(struct diff *d, const char *name, value_fn *value)
{
	char values[NAMED_MAX][80], one[80];
	struct buf text = BUF_INIT;
	size_t i, k, n = 0, more = 0;

	for (i = 0; i < all_runs(d); i++) {
		value(one, run_at(d, i));
		for (k = 0; k < n && strcmp(values[k], one) != 0; k++)
			;
		if (k < n)
			continue;
		if (n < NAMED_MAX)
			memcpy(values[n++], one, sizeof one);
		else
			more = 1;
	}
	if (n < 2)
		return 0;
	buf_printf(&text, "the runs differ in %s: ", name);
	for (k = 0; k < n; k++)
		buf_printf(&text, "%s%s", k ? ", " : "", values[k]);
	buf_puts(&text, more ? ", …" : "");
	return add(d, &text);
}

/* ---- runs that are not whole ---- */

static int is_unfinished(const struct gate_run *r)
{
	return !r->finished;
}

static int is_lossy(const struct gate_run *r)
{
	return r->loss.samples || r->loss.counts;
}

static int is_failed(const struct gate_run *r)
{
	return r->failed;
}

static int remark_runs(struct diff *d, int (*is)(const struct gate_run *r), const char *what)
{
	size_t i, n = 0, first = 0;
	struct buf text = BUF_INIT;

	for (i = 0; i < all_runs(d); i++)
		if (is(run_at(d, i)) && !n++)
			first = i;
	if (!n)
		return 0;
	buf_printf(&text, "%zu of the %zu runs %s: %.8s", n, all_runs(d), what,
		   run_at(d, first)->id);
	buf_puts(&text, n > 1 ? ", …" : "");
	return add(d, &text);
}

int diff_remark(struct diff *d, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof things / sizeof things[0]; i++)
		rc = remark_difference(d, things[i].name, things[i].value);
	if (rc == 0)
		rc = remark_runs(d, is_unfinished, "did not end, or still go on");
	if (rc == 0)
		rc = remark_runs(d, is_lossy, "lost data (protea-prof report shows what)");
	if (rc == 0)
		rc = remark_runs(d, is_failed, "ended by a signal or an exit code");
	return rc ? err_nomem(err, "what readers of a comparison should know") : 0;
}
