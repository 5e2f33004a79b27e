/* Any bytes as the names of a profile in the plain table of a page: what comes out is inert, valid UTF-8, and as
 * small as it is said to be. The input is cut into names at line ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/static_check.h"
#include "viewer/static.h"

#define NAMES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct names {
	uint32_t ids[NAMES_MAX];
	uint32_t n;
};

static void take_names(struct profile *p, struct names *names, const uint8_t *data, size_t size)
{
	while (names->n < NAMES_MAX) {
		const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
		size_t len = end ? (size_t)(end - data) : size;

		if (strtab_intern(p->strings, (const char *)data, len, &names->ids[names->n++]))
			abort();
		if (!end)
			break;
		data = end + 1;
		size -= len + 1;
	}
}

static uint32_t nth(const struct names *names, uint32_t n)
{
	return names->ids[n % names->n];
}

/* A function, module and loss of each name; stacks of up to four. Rows are borrowed from the caller. */
struct rows {
	struct profile_frame frames[NAMES_MAX];
	struct profile_module modules[NAMES_MAX];
	struct profile_stack stacks[NAMES_MAX + 1];
	struct profile_sample samples[2 * NAMES_MAX];
	struct profile_loss losses[NAMES_MAX];
};

static void fill(struct profile *p, const struct names *names, struct rows *r, uint32_t seed)
{
	uint32_t i;

	p->run.id = nth(names, seed);
	p->run.name = nth(names, seed + 1);
	p->run.command = nth(names, seed + 2);
	p->run.host = nth(names, seed + 3);
	p->run.started_at = (int64_t)seed * 1000000007;
	r->stacks[0].frame = PROFILE_NONE;
	for (i = 0; i < names->n; i++) {
		r->modules[i].path = nth(names, i + seed);
		r->frames[i] = (struct profile_frame){.module = i, .function = names->ids[i]};
		r->stacks[i + 1] = (struct profile_stack){i % 4 ? i : 0, i, i % 4 + 1};
		r->losses[i] = (struct profile_loss){nth(names, i + 3), i};
		r->samples[i] =
			(struct profile_sample){.stack = i + 1, .count = 1, .value = 7 * i + seed};
		r->samples[names->n + i] = (struct profile_sample){
			.kind = PROFILE_PEAK, .stack = i + 1, .count = 2, .value = INT64_MAX / 2};
	}
	p->modules = r->modules;
	p->frames = r->frames;
	p->stacks = r->stacks;
	p->samples = r->samples;
	p->losses = r->losses;
	p->n_modules = p->n_frames = p->n_losses = names->n;
	p->n_stacks = names->n + 1;
	p->n_samples = 2 * (size_t)names->n;
}

static void check(const struct flame_options *o)
{
	struct buf out = BUF_INIT;

	if (static_write(&out, o, NULL) != 0)
		abort();
	if (static_wrong(buf_str(&out), out.len) || out.len > STATIC_BYTES_SMALL)
		abort();
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rows rows[2];
	struct profile p[2] = {{.strings = strtab_new()}, {.strings = strtab_new()}};
	struct flame_run runs[] = {{.p = &p[0]}, {.p = &p[1]}};
	struct flame_options o = {.runs = runs, .kind = PROFILE_CPU};
	struct names names[2] = {{.n = 0}, {.n = 0}};
	uint32_t i;

	for (i = 0; i < 2; i++) {
		if (!p[i].strings)
			abort();
		take_names(&p[i], &names[i], data, i ? size / 2 : size);
		fill(&p[i], &names[i], &rows[i], (uint32_t)size);
	}
	o.title = o.filter_text = strtab_text(p[0].strings, names[0].ids[0]);
	for (o.n_runs = 1; o.n_runs <= 2; o.n_runs++)
		check(&o);
	o.n_runs = o.redact = 1;
	check(&o);
	strtab_free(p[0].strings);
	strtab_free(p[1].strings);
	return 0;
}
