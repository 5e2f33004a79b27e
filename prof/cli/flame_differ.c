/* Differences between runs: see flame_differ.h. A comparison goes on; its reader must know. */
#include "prof/cli/flame_differ.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/text.h"

#define NAMED_MAX 4 /* values in a warning */

/* The value of a thing of one run, as text. */
typedef void value_fn(struct buf *text, const struct profile *p);

static void put_string(struct buf *text, const struct profile *p, uint32_t id)
{
	const char *value = strtab_text(p->strings, id);

	buf_printf(text, "%.60s", *value ? value : "unknown");
}

static void put_rate(struct buf *text, const struct profile *p)
{
	buf_printf(text, "%g Hz", p->run.rate_hz);
}

static void put_host(struct buf *text, const struct profile *p)
{
	put_string(text, p, p->run.host);
}

static void put_cpu(struct buf *text, const struct profile *p)
{
	put_string(text, p, p->run.cpu_model);
}

static void put_mode(struct buf *text, const struct profile *p)
{
	put_string(text, p, p->run.mode);
}

static void put_memory(struct buf *text, const struct profile *p)
{
	char every[UNITS_TEXT];

	put_string(text, p, p->run.memory);
	if (p->run.memory_rate_bytes)
		buf_printf(text, ", one in %s", units_bytes(every, p->run.memory_rate_bytes));
}

static void put_kinds(struct buf *text, const struct profile *p)
{
	unsigned seen = 0;
	size_t i, len = text->len;
	int k;

	for (i = 0; i < p->n_samples; i++)
		seen |= 1u << p->samples[i].kind;
	for (k = 0; k < PROFILE_KINDS; k++)
		if (seen >> k & 1)
			buf_printf(text, "%s%s", text->len > len ? " " : "",
				   profile_kind_name((enum profile_kind)k));
	if (text->len == len)
		buf_puts(text, "none");
}

static void put_end(struct buf *text, const struct profile *p)
{
	buf_puts(text, !p->run.finished ? "still going on" : p->run.signal ? "killed" : "ended");
}

static const struct {
	const char *name;
	value_fn *value;
} things[] = {
	{"rate", put_rate}, {"host", put_host},     {"CPU", put_cpu},     {"mode", put_mode},
	{"end", put_end},   {"memory", put_memory}, {"kinds", put_kinds},
};

#define N_THINGS (sizeof things / sizeof things[0])

static int is_known(const struct buf *values, size_t n, const struct buf *value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(buf_str(&values[i]), buf_str(value)) == 0)
			return 1;
	return 0;
}

static void say(const char *name, const struct buf *values, const size_t *run, size_t kept,
		size_t all, const struct profile *runs)
{
	struct buf text = BUF_INIT;
	char *plain;
	size_t i;

	for (i = 0; i < kept; i++)
		buf_printf(&text, "%s%s (%.8s)", i ? ", " : "", buf_str(&values[i]),
			   strtab_text(runs[run[i]].strings, runs[run[i]].run.id));
	if (all > kept)
		buf_puts(&text, ", …");
	plain = text_valid(buf_str(&text), 1);
	log_warn("the runs differ in %s: %s", name, plain ? plain : "…");
	free(plain);
	buf_release(&text);
}

static void compare(const char *name, value_fn *value, const struct profile *runs, size_t n)
{
	struct buf values[NAMED_MAX];
	size_t run[NAMED_MAX], i, kept = 0, all = 0;

	for (i = 0; i < n; i++) {
		struct buf one = BUF_INIT;

		value(&one, &runs[i]);
		if (is_known(values, kept, &one)) {
			buf_release(&one);
			continue;
		}
		all++;
		if (kept == NAMED_MAX) {
			buf_release(&one);
			continue;
		}
		run[kept] = i;
		values[kept++] = one;
	}
	if (all > 1)
		say(name, values, run, kept, all, runs);
	for (i = 0; i < kept; i++)
		buf_release(&values[i]);
}

void flame_differ_warn(const struct profile *runs, size_t n)
{
	size_t i;

	for (i = 0; i < N_THINGS; i++)
		compare(things[i].name, things[i].value, runs, n);
}
