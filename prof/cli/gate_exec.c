/* Two commands in turns: see gate_exec.h. How one is run is gate_record.c's, which processes there are gate_child.c's, what the
 * machine does meanwhile gate_noise.c's. */
#include "prof/cli/gate_exec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_noise.h"
#include "prof/cli/gate_record.h"

#define FIRST_LOOK  5u
#define PAIRS_MAX   10000u
#define NOISY_SHARE 3 /* of the pairs: when more than a third would be set aside, none is */

struct session {
	const struct gate_exec_options *o;
	struct gate_exec_result *r;
	struct gate_recorder rec;
	int64_t began;
	size_t cap;
	int noise_is_theirs; /* too many pairs differ: nothing is set aside */
};

const char *gate_side_name(enum gate_side side)
{
	return side == GATE_BASE ? "base" : "candidate";
}

/* ---- remarks ---- */

static void remark(struct gate_exec_result *r, const char *text)
{
	for (size_t i = 0; i < GATE_EXEC_REMARKS; i++)
		if (!r->remarks[i][0]) {
			snprintf(r->remarks[i], sizeof r->remarks[i], "%s", text);
			return;
		}
}

static void remark_layout(struct gate_exec_result *r)
{
	char text[16];

	if (procfile_read(text, sizeof text, "/proc/sys/kernel/randomize_va_space") > 0 &&
	    text[0] == '0')
		remark(r, "addresses are not randomised (kernel.randomize_va_space is 0): one "
			  "layout in all runs may favour a side by chance");
}

static void remark_left_behind(struct session *s)
{
	unsigned n = s->r->end == GATE_END_INTERRUPTED ? 0 : s->rec.rig.left_behind;
	char text[256];

	if (!n)
		return;
	snprintf(text, sizeof text,
		 "%u process%s that a command had left in the background %s ended before the next "
		 "run",
		 n, n == 1 ? "" : "es", n == 1 ? "was" : "were");
	remark(s->r, text);
}

static void remark_noise(struct session *s)
{
	char text[256];

	if (s->noise_is_theirs)
		snprintf(text, sizeof text,
			 "the rest of the machine was busier during one run of a pair than during "
			 "the other in more than a third of the pairs: none was set aside");
	else if (s->r->n_noisy)
		snprintf(text, sizeof text,
			 "%zu of %zu pairs set aside: the rest of the machine took %.0f %% more of "
			 "its CPU time during one run than during the other",
			 s->r->n_noisy, s->r->n, 100 * GATE_NOISE_PART);
	else
		return;
	remark(s->r, text);
}

/* ---- order and padding ---- */

/* A coin for each two pairs, the second of which turns the first around. */
static enum gate_side first_of(const struct session *s, size_t pair)
{
	uint64_t coin = hash_bytes(s->rec.session, strlen(s->rec.session), pair / 2) >> 32;

	return (coin ^ pair) & 1 ? GATE_CANDIDATE : GATE_BASE;
}

/* ---- progress ---- */

static int shows_progress(const struct gate_exec_options *o)
{
	return !o->quiet && log_get_level() >= LOG_INFO && isatty(STDERR_FILENO);
}

static void show(const struct session *s, const char *what)
{
	int64_t seconds = (clock_mono_ns() - s->began) / 1000000000;
	char t[UNITS_TEXT];

	if (!shows_progress(s->o))
		return;
	fprintf(stderr, "\r\033[Kprotea-prof: %s; %s; Ctrl-C ends it ", what,
		seconds ? units_ns(t, seconds * 1000000000) : "0 s");
	(void)fflush(stderr);
}

static void show_pair(const struct session *s, enum gate_side side)
{
	char what[96];

	snprintf(what, sizeof what, "pair %zu of at most %u: %s", s->r->n + 1, s->o->pairs,
		 gate_side_name(side));
	show(s, what);
}

static void end_progress(const struct gate_exec_options *o)
{
	if (shows_progress(o))
		fputs("\r\033[K", stderr);
}

/* ---- failures ---- */

/* The command's own answer says that the comparison makes no sense. */
static int refuse(struct session *s, enum gate_side side, const char *when, int code,
		  struct err *err)
{
	const char *command = s->o->commands[side];

	s->r->failed = side;
	s->r->failed_code = code;
	end_progress(s->o);
	gate_recorder_show_log(&s->rec);
	if (code == 126 || code == 127)
		return err_set(err, ERR_NOTFOUND, "%s: '%s' could not be started (exit code %d)",
			       gate_side_name(side), command, code);
	if (code > 128 && code < 128 + 65)
		return err_set(err, ERR_IO,
			       "%s: '%s' was ended by signal %d in %s; --ignore-failure goes on "
			       "all the same",
			       gate_side_name(side), command, code - 128, when);
	return err_set(err, ERR_IO,
		       "%s: '%s' ended with exit code %d in %s; --ignore-failure goes on all the "
		       "same",
		       gate_side_name(side), command, code, when);
}

/* ---- runs ---- */

static int warm_up(struct session *s, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < 2 * s->o->warmup; i++) {
		enum gate_side side = i % 2 ? GATE_CANDIDATE : GATE_BASE;
		int code;

		show(s, side ? "warming up: candidate" : "warming up: base");
		rc = gate_recorder_warm_up(&s->rec, side, &code, err);
		if (rc == 0 && code && !s->o->ignore_failure)
			rc = refuse(s, side, "the warm-up", code, err);
	}
	return rc;
}

static int run_pair(struct session *s, struct gate_exec_pair *pair, struct err *err)
{
	char when[32];
	int rc = 0;

	snprintf(when, sizeof when, "pair %zu", s->r->n + 1);
	memset(pair, 0, sizeof *pair);
	pair->first = first_of(s, s->r->n);
	for (int i = 0; rc == 0 && i < GATE_SIDES; i++) {
		enum gate_side side = i ? !pair->first : pair->first;
		struct gate_exec_run *run = &pair->runs[side];

		show_pair(s, side);
		rc = gate_recorder_run(&s->rec, side, s->r->n, run, err);
		if (rc == 0 && run->exit_code && !s->o->ignore_failure)
			rc = refuse(s, side, when, run->exit_code, err);
	}
	return rc;
}

/* Where most pairs differ, it is the commands that make others work (a server, say), or nothing is quiet enough. */
static void judge_noise(struct session *s, struct gate_exec_pair *pair)
{
	struct gate_exec_result *r = s->r;

	if (s->noise_is_theirs)
		return;
	pair->noisy = gate_noise_differs(&pair->runs[GATE_BASE], &pair->runs[GATE_CANDIDATE],
					 s->rec.cpus);
	r->n_noisy += (size_t)pair->noisy;
	if (r->n < FIRST_LOOK || r->n_noisy * NOISY_SHARE <= r->n)
		return;
	for (size_t i = 0; i < r->n; i++)
		r->pairs[i].noisy = 0;
	r->n_noisy = 0;
	s->noise_is_theirs = 1;
}

static int add_pair(struct session *s, struct err *err)
{
	struct gate_exec_result *r = s->r;
	struct gate_exec_pair pair;
	int rc;

	if (r->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		struct gate_exec_pair *grown = realloc(r->pairs, cap * sizeof *grown);

		if (!grown)
			return err_nomem(err, "the runs of a comparison");
		r->pairs = grown;
		s->cap = cap;
	}
	rc = run_pair(s, &pair, err);
	if (rc) {
		gate_recorder_drop(&s->rec, &pair, rc == ERR_CANCELLED);
		return rc;
	}
	r->pairs[r->n++] = pair;
	judge_noise(s, &r->pairs[r->n - 1]);
	return 0;
}

/* Is enough known? 1, 0 or a code. */
static int look(struct session *s, struct err *err)
{
	size_t n = s->r->n, first = s->o->first_look ? s->o->first_look : FIRST_LOOK;

	if (!s->o->look || (n < first && n < s->o->pairs))
		return 0;
	end_progress(s->o);
	return s->o->look(s->o->ctx, s->r->pairs, n, err);
}

static int run_pairs(struct session *s, struct err *err)
{
	struct gate_exec_result *r = s->r;
	int rc = 0;

	r->end = GATE_END_PAIRS;
	while (rc == 0 && r->n < s->o->pairs) {
		if (s->o->max_ns && r->n && clock_mono_ns() - s->began >= s->o->max_ns) {
			r->end = GATE_END_TIME;
			break;
		}
		rc = add_pair(s, err);
		if (rc == 0)
			rc = look(s, err);
	}
	if (rc > 0)
		r->end = GATE_END_LOOK;
	return rc < 0 ? rc : 0;
}

/* ---- the whole ---- */

static int check(const struct gate_exec_options *o, struct err *err)
{
	if (o->pairs < 1 || o->pairs > PAIRS_MAX)
		return err_set(err, ERR_ARG, "%u pairs of runs: not between 1 and %u", o->pairs,
			       PAIRS_MAX);
	if (o->warmup > PAIRS_MAX)
		return err_set(err, ERR_ARG, "%u runs to warm up: not between 0 and %u", o->warmup,
			       PAIRS_MAX);
	return 0;
}

static int run_session(struct session *s, struct err *err)
{
	struct gate_exec_result *r = s->r;
	struct err label = ERR_INIT;
	int rc = warm_up(s, err);

	if (rc == 0)
		rc = run_pairs(s, err);
	end_progress(s->o);
	if (rc == ERR_CANCELLED && s->rec.rig.interrupted) {
		r->end = GATE_END_INTERRUPTED;
		rc = 0;
	}
	remark_noise(s);
	remark_left_behind(s);
	if (r->n && gate_recorder_label(&s->rec, r->pairs, r->n, &label))
		log_warn("the runs' labels are not complete: %s", label.text);
	return rc;
}

int gate_exec(const struct gate_exec_options *o, struct gate_exec_result *r, struct err *err)
{
	struct session s = {.o = o, .r = r, .began = clock_mono_ns()};
	int rc;

	memset(r, 0, sizeof *r);
	r->failed = GATE_SIDES;
	rc = check(o, err);
	if (rc == 0)
		rc = gate_recorder_begin(&s.rec, o, err);
	if (rc == 0) {
		memcpy(r->session, s.rec.session, sizeof r->session);
		memcpy(r->names, s.rec.names, sizeof r->names);
		remark_layout(r);
		rc = run_session(&s, err);
	}
	gate_recorder_end(&s.rec);
	r->elapsed_ns = clock_mono_ns() - s.began;
	return rc;
}

void gate_exec_release(struct gate_exec_result *r)
{
	free(r->pairs);
	r->pairs = NULL;
	r->n = 0;
}
