/* dump for people: a block per thread, threads with one stack together. All text is foreign: printed by text.h. */
#include <inttypes.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/dump.h"
#include "prof/cli/text.h"

#define COMMAND_COLUMNS 200
#define TWINS_LISTED    8

struct printer {
	FILE *out;
	const struct dump *d;
	const char *bold, *dim, *off;
	uint32_t frame; /* number of the next */
};

static int print_frame(void *ctx, const struct dump_frame *f)
{
	struct printer *p = ctx;

	fprintf(p->out, "%5" PRIu32 "  ", p->frame++);
	text_print(p->out, f->function, 0, 0);
	if (f->inlined)
		fprintf(p->out, " %s(inlined)%s", p->dim, p->off);
	if (*f->file) {
		fputs(" at ", p->out);
		text_print(p->out, p->d->full_paths ? f->file : text_base(f->file), 0, 0);
		if (f->line)
			fprintf(p->out, ":%" PRIu32, f->line);
	}
	if (*f->module && !f->inlined) {
		fprintf(p->out, "  %s(", p->dim);
		text_print(p->out, p->d->full_paths ? f->module : text_base(f->module), 0, 0);
		fprintf(p->out, ")%s", p->off);
	}
	putc('\n', p->out);
	return 0;
}

static void print_tid(FILE *out, const struct snap_thread *t)
{
	fprintf(out, "%d", t->tid);
	if (t->ns_tid && t->ns_tid != t->tid)
		fprintf(out, " [%d]", t->ns_tid);
	if (*t->name) {
		fputs(" (", out);
		text_print(out, t->name, 0, 0);
		putc(')', out);
	}
}

static void print_detail(struct printer *p, const char *what, const char *text)
{
	if (!*text)
		return;
	fprintf(p->out, "  %s", what);
	text_print(p->out, text, 0, 0);
}

/* thread 1234 (worker-3)  sleeping  cpu 12.3 s  in futex(…)  waits on mutex 0x… held by thread 1237 (writer) */
static void print_head(struct printer *p, const struct snap_thread *t)
{
	char text[UNITS_TEXT];

	fprintf(p->out, "%sthread ", p->bold);
	print_tid(p->out, t);
	fprintf(p->out, "%s  %s", p->off, profile_state_name(t->state));
	if (t->how != SNAP_CORE || t->cpu_ns)
		fprintf(p->out, "  cpu %s", units_ns(text, t->cpu_ns));
	print_detail(p, "", t->signal);
	print_detail(p, "in ", t->syscall);
	print_detail(p, "waits on ", t->waits_on);
	if (t->how == SNAP_STOPPED)
		fprintf(p->out, "  stopped for %s", units_ns(text, t->pause_ns));
	if (t->torn)
		fputs("  torn: it ran while it was read", p->out);
	if (t->guessed)
		fprintf(p->out, "  %" PRIu32 " frame%s guessed", t->guessed,
			t->guessed == 1 ? "" : "s");
	putc('\n', p->out);
}

/* The others that stand where the one at `i` does. */
static void print_twins(struct printer *p, const struct dump_target *t, uint32_t i)
{
	uint32_t k, n = 0, listed = 0;

	for (k = i + 1; k < t->snap.n; k++)
		n += t->twin[k] == i;
	if (!n)
		return;
	fprintf(p->out, "       %" PRIu32 " more thread%s with this stack: ", n, n == 1 ? "" : "s");
	for (k = i + 1; k < t->snap.n && listed < TWINS_LISTED; k++) {
		if (t->twin[k] != i)
			continue;
		if (listed++)
			fputs(", ", p->out);
		print_tid(p->out, &t->snap.threads[k]);
	}
	if (n > listed)
		fprintf(p->out, ", … (--all shows each)");
	putc('\n', p->out);
}

static int print_thread(struct printer *p, const struct dump_target *t, uint32_t i)
{
	const struct snap_thread *thread = &t->snap.threads[i];
	const char *end = dump_stack_end(thread);
	int rc;

	putc('\n', p->out);
	print_head(p, thread);
	if (thread->n_frames == 0)
		fprintf(p->out, "       no stack: %s\n",
			thread->why ? thread->why : "nothing could be read");
	p->frame = 0;
	rc = dump_frames(p->d, t, thread, print_frame, p);
	if (end)
		fprintf(p->out, "       %s\n", end);
	if (!p->d->all)
		print_twins(p, t, i);
	return rc;
}

/* 50 threads: 48 read without a stop, 2 stopped; pause p50 13 us, p99 20 us, max 20 us */
static void print_sum(struct printer *p, const struct dump_target *t)
{
	const struct snap *s = &t->snap;
	char p50[UNITS_TEXT], p99[UNITS_TEXT], max[UNITS_TEXT];
	uint32_t i, how[SNAP_CORE + 1] = {0};

	for (i = 0; i < s->n; i++)
		how[s->threads[i].how]++;
	fprintf(p->out, "\n%" PRIu32 " thread%s", s->n, s->n == 1 ? "" : "s");
	if (t->core) {
		fputs(" in the core\n", p->out);
		return;
	}
	fprintf(p->out, ": %" PRIu32 " read without a stop, %" PRIu32 " stopped",
		how[SNAP_BLOCKED] + how[SNAP_PERF], how[SNAP_STOPPED]);
	if (how[SNAP_NONE])
		fprintf(p->out, ", %" PRIu32 " without a stack", how[SNAP_NONE]);
	if (s->pause.skipped)
		fprintf(p->out, ", %" PRIu64 " skipped to keep within the stop budget",
			s->pause.skipped);
	if (s->pause.n)
		fprintf(p->out, "; pause p50 %s, p99 %s, max %s", units_ns(p50, s->pause.p50_ns),
			units_ns(p99, s->pause.p99_ns), units_ns(max, s->pause.max_ns));
	else
		fputs("; 0 pauses", p->out);
	putc('\n', p->out);
}

static void print_process(struct printer *p, const struct dump_target *t)
{
	fprintf(p->out, "%sprocess %d (", p->bold, t->snap.pid);
	text_print(p->out, t->snap.name, 0, 0);
	fprintf(p->out, ")%s", p->off);
	if (*t->command) {
		fputs("  ", p->out);
		text_print(p->out, t->command, COMMAND_COLUMNS, 0);
	}
	putc('\n', p->out);
}

static int print_target(struct printer *p, const struct dump_target *t)
{
	uint32_t i;
	int rc = 0;

	print_process(p, t);
	for (i = 0; i < t->snap.n && rc == 0; i++)
		if (p->d->all || t->twin[i] == i)
			rc = print_thread(p, t, i);
	if (rc == 0)
		print_sum(p, t);
	return rc;
}

int dump_text(FILE *out, const struct dump *d, struct err *err)
{
	struct printer p = {.out = out, .d = d, .bold = "", .dim = "", .off = ""};
	uint32_t i, shown = 0;

	if (cli_colour()) {
		p.bold = "\033[1m";
		p.dim = "\033[2m";
		p.off = "\033[0m";
	}
	for (i = 0; i < d->n; i++) {
		if (!d->targets[i].open)
			continue;
		if (shown++)
			putc('\n', out);
		if (print_target(&p, &d->targets[i]))
			return err_nomem(err, "names of functions");
	}
	return 0;
}
