/* A sampler over children whose right answer is known, shared by its tests and its fault twin. The children run code of
 * the test program itself, in functions that are found again by their addresses; `sampler_role()` is what the
 * program does when it is started anew as a child. One sampler at a time. */
#ifndef TESTS_SAMPLER_RIG_H
#define TESTS_SAMPLER_RIG_H

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "prof/attach/sampler.h"
#include "prof/base/clock.h"
#include "tests/unit/live_child.h"

#define MS       INT64_C(1000000)
#define S        INT64_C(1000000000)
#define PATIENCE (60 * S)
#define RATE     199
#define CODE                                                                                       \
	2048 /* bytes; each of the known functions is shorter, sanitized too, and stands alone */

/* ---- what children run ------------------------------------------------------------------------------ */

static volatile unsigned long rig_sink;
static volatile int rig_forever = 1;
static int rig_pipe[2];

#ifdef __clang__
#define KNOWN __attribute__((noinline, aligned(CODE), used))
#else
#define KNOWN __attribute__((noinline, noclone, aligned(CODE), used))
#endif

static KNOWN void rig_nine(void)
{
	for (unsigned long i = 0; i < 900000; i++)
		rig_sink += i;
}

static KNOWN void rig_one(void)
{
	for (unsigned long i = 0; i < 100000; i++)
		rig_sink += i;
}

static KNOWN void rig_burn(int64_t cpu_ns)
{
	int64_t end = clock_thread_cpu_ns() + cpu_ns;

	while (clock_thread_cpu_ns() < end)
		for (unsigned long i = 0; i < 10000; i++)
			rig_sink += i;
}

static KNOWN void rig_long_nap(void)
{
	struct timespec t = {0, 60 * MS};

	nanosleep(&t, NULL);
	rig_sink++; /* else the call is a jump, and this function not on the stack */
}

static KNOWN void rig_short_nap(void)
{
	struct timespec t = {0, 20 * MS};

	nanosleep(&t, NULL);
	rig_sink++;
}

static KNOWN void rig_read(void)
{
	char c;

	if (read(rig_pipe[0], &c, 1) == 1)
		rig_sink++;
	rig_sink++;
}

static KNOWN void rig_deep(int levels)
{
	volatile char room[2048];

	room[levels] = 1;
	if (levels > 0)
		rig_deep(levels - 1);
	else
		while (rig_forever)
			rig_one();
	rig_sink += (unsigned long)room[levels];
}

__attribute__((unused)) static void rig_nine_and_one(void)
{
	for (;;) {
		rig_nine();
		rig_one();
	}
}

/* ---- what was delivered ------------------------------------------------------------------------------ */

struct rig_row { /* by thread, part, innermost known function */
	uint32_t thread, process;
	enum sampler_part part;
	const void *code; /* NULL: none of them on the stack */
	int64_t value_ns;
	uint64_t count, samples;
	double squares; /* of values */
	const char *syscall;
	enum profile_state state;
};

static const struct {
	void *code;
} rig_known[] = {
	{(void *)rig_nine},      {(void *)rig_one},  {(void *)rig_burn}, {(void *)rig_long_nap},
	{(void *)rig_short_nap}, {(void *)rig_read}, {(void *)rig_deep},
};

static struct {
	struct sampler *s;
	struct rig_row rows[8192];
	uint32_t n;
	uint64_t samples, empty, whole, odd;
	uint32_t deepest;
	int64_t added_before_ns, added_ns, finish_ns, finished_ns, first_ns;
	int stop_at;
} rig;

static const void *rig_code_of(const struct sampler_sample *s)
{
	Dl_info here;

	if (!dladdr((void *)rig_nine, &here))
		abort();
	for (uint32_t i = 0; i < s->n; i++) {
		uintptr_t at = (uintptr_t)here.dli_fbase + s->frames[i].rel_addr;
		const struct attach_module *m;

		if (s->frames[i].module == MODULE_NONE)
			continue;
		m = module_get(sampler_modules(rig.s), s->frames[i].module);
		if (!strstr(m->path, "test_attach_sampler") && !strstr(m->path, "_fault"))
			continue;
		for (size_t k = 0; k < sizeof rig_known / sizeof *rig_known; k++)
			if (at - (uintptr_t)rig_known[k].code < CODE)
				return rig_known[k].code;
	}
	return NULL;
}

static struct rig_row *rig_row(const struct sampler_sample *s, const void *code)
{
	struct rig_row *row;

	for (uint32_t i = 0; i < rig.n; i++) {
		row = &rig.rows[i];
		if (row->thread == s->thread && row->part == s->part && row->code == code)
			return row;
	}
	if (rig.n == sizeof rig.rows / sizeof *rig.rows)
		abort();
	row = &rig.rows[rig.n++];
	memset(row, 0, sizeof *row);
	row->thread = s->thread;
	row->process = s->process;
	row->part = s->part;
	row->code = code;
	return row;
}

static int rig_take(void *ctx, const struct sampler_sample *s)
{
	const struct sampler_process *processes;
	const struct sampler_thread *threads;
	struct rig_row *row = rig_row(s, rig_code_of(s));

	(void)ctx;
	if (!rig.first_ns)
		rig.first_ns = clock_mono_ns();
	row->value_ns += s->value_ns;
	row->squares += (double)s->value_ns * (double)s->value_ns;
	row->count += s->count;
	row->samples++;
	row->state = s->state;
	if (s->syscall)
		row->syscall = s->syscall;
	rig.samples++;
	rig.empty += s->n == 0;
	rig.whole += s->n > 0 && s->end == UNWIND_ROOT;
	if (s->n > rig.deepest)
		rig.deepest = s->n;
	/* What must hold of each. */
	rig.odd += s->value_ns <= 0 || s->process >= sampler_processes(rig.s, &processes) ||
		   s->thread >= sampler_threads(rig.s, &threads) ||
		   threads[s->thread].process != s->process;
	return rig.stop_at && rig.samples == (uint64_t)rig.stop_at ? -77 : 0;
}

/* ---- running it ------------------------------------------------------------------------------------- */

static const struct sampler_options rig_perf = {.rate_hz = RATE, .engine = SAMPLER_PERF};
static const struct sampler_options rig_poll = {.rate_hz = RATE, .engine = SAMPLER_POLL};

static inline void rig_open(const struct sampler_options *o)
{
	struct err err = ERR_INIT;

	memset(&rig, 0, sizeof rig);
	assert_int_equal(sampler_new(&rig.s, o, &err), 0);
}

/* Skips where the engine's right is missing. */
static inline void rig_add(int pid)
{
	struct err err = ERR_INIT;
	int rc;

	rig.added_before_ns = clock_mono_ns();
	rc = sampler_add(rig.s, pid, &err);
	rig.added_ns = clock_mono_ns();
	if (rc == ERR_DENIED || rc == ERR_UNSUPPORTED) {
		print_message("%s\n", err.text);
		sampler_free(rig.s);
		kill(pid, SIGKILL);
		skip();
	}
	if (rc)
		print_message("%s\n", err.text);
	assert_int_equal(rc, 0);
}

static inline int rig_round(int ms)
{
	return sampler_round(rig.s, ms, -1, rig_take, NULL);
}

/* Rounds for that long; what the last one returned. */
static inline int rig_run(int64_t ns)
{
	int64_t end = clock_mono_ns() + ns;
	int rc = 0;

	while (rc == 0 && clock_mono_ns() < end)
		rc = rig_round(20);
	return rc;
}

/* Until samples of so many different weights came, however slow the machine is. */
static inline struct rig_row rig_sum(uint32_t, enum sampler_part, const void *);

static inline void rig_run_until(double samples)
{
	int64_t end = clock_mono_ns() + PATIENCE;

	while (clock_mono_ns() < end) {
		struct rig_row all = rig_sum(UINT32_MAX, SAMPLE_CPU, NULL);

		if (all.squares > 0 &&
		    (double)all.value_ns * (double)all.value_ns / all.squares >= samples)
			break;
		assert_int_equal(rig_round(20), 0);
	}
}

static inline void rig_finish(void)
{
	rig.finish_ns = clock_mono_ns();
	assert_int_equal(sampler_finish(rig.s, rig_take, NULL), 0);
	rig.finished_ns = clock_mono_ns();
	assert_int_equal(rig.odd, 0);
}

static inline void rig_close(void)
{
	sampler_free(rig.s);
	rig.s = NULL;
}

/* ---- asking it -------------------------------------------------------------------------------------- */

#define ANY UINT32_MAX

/* Of one thread (or ANY), in that function (NULL: anywhere). */
static inline struct rig_row rig_sum(uint32_t thread, enum sampler_part part, const void *code)
{
	struct rig_row sum = {.part = part};

	for (uint32_t i = 0; i < rig.n; i++) {
		const struct rig_row *r = &rig.rows[i];

		if (r->part != part || (thread != ANY && r->thread != thread) ||
		    (code && r->code != code))
			continue;
		sum.value_ns += r->value_ns;
		sum.count += r->count;
		sum.samples += r->samples;
		sum.squares += r->squares;
		sum.state = r->state;
		if (r->syscall)
			sum.syscall = r->syscall;
	}
	return sum;
}

static inline const struct sampler_thread *rig_threads(uint32_t *n)
{
	const struct sampler_thread *rows;

	*n = sampler_threads(rig.s, &rows);
	return rows;
}

/* The thread of that name; ANY: none. */
static inline uint32_t rig_thread(const char *name)
{
	uint32_t n;
	const struct sampler_thread *rows = rig_threads(&n);

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(rows[i].name, name) == 0)
			return i;
	return ANY;
}

/* Is `part` of `whole` the share `p`, as far as so many samples of unequal weight can tell? Five standard
 * deviations, and what a thread does between its functions. */
static inline void assert_share(struct rig_row part, struct rig_row whole, double p)
{
	double share = (double)part.value_ns / (double)whole.value_ns;
	double n = (double)whole.value_ns * (double)whole.value_ns / whole.squares;
	double variance = p * (1 - p) / n, off = share - p;

	if (off * off > 25 * variance + 0.01 * 0.01)
		print_message("share %.3f, should be %.3f; %.0f samples' worth\n", share, p, n);
	assert_true(n >= 10);
	assert_true(off * off <= 25 * variance + 0.01 * 0.01);
}

#endif
