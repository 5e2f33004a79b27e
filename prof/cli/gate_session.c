/* Commands in turns, looked at in between: see gate_session.h. */
#include "prof/cli/gate_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/read.h"

#define PAIRS 20 /* unless told */

struct watch { /* what the looks know */
	struct gate_session *session;
	const struct gate_args *a;
	const char *path;
	struct metric_table table;
	size_t pairs; /* looked at: each is in the table unless it was set aside */
	size_t in_table;
};

/* ---- looks ---- */

static int add_run(struct watch *w, struct store *s, int side, const struct gate_exec_run *run,
		   struct err *err)
{
	struct profile p;
	int64_t key;
	int rc = store_find_run(s, run->id, &key, err);

	if (rc == 0)
		rc = cli_read_run(s, key, STORE_READ_SAMPLES | STORE_READ_COUNTERS, &p, err);
	if (rc)
		return rc;
	rc = metrics_add_run(&w->table, side, &p, err);
	profile_release(&p);
	return rc;
}

static size_t good_pairs(const struct gate_exec_pair *pairs, size_t n)
{
	size_t i, good = 0;

	for (i = 0; i < n; i++)
		good += !pairs[i].noisy;
	return good;
}

/* Puts what is new into the table; all of it anew where pairs that were set aside count after all. */
static int take_pairs(struct watch *w, struct store *s, const struct gate_exec_pair *pairs,
		      size_t n, struct err *err)
{
	int side, rc = 0;

	if (good_pairs(pairs, w->pairs) != w->in_table) {
		metrics_release(&w->table);
		w->pairs = w->in_table = 0;
	}
	for (; rc == 0 && w->pairs < n; w->pairs++) {
		const struct gate_exec_pair *pair = &pairs[w->pairs];

		for (side = 0; rc == 0 && !pair->noisy && side < METRICS_GROUPS; side++)
			rc = add_run(w, s, side, &pair->runs[side], err);
		w->in_table += rc == 0 && !pair->noisy;
	}
	return rc;
}

/* 1: it is known now. */
static int judge(struct watch *w, struct err *err)
{
	struct gate_session *s = w->session;
	struct gate_options o = w->a->wish.judge;
	enum sequential_stop end;
	struct gate_result g;
	int rc;

	o.alpha = s->spent.alpha_now;
	o.size = s->spent.size_now;
	o.pairing = GATE_PAIR_ALWAYS;
	rc = gate_judge(&g, &w->table, NULL, &o, err);
	if (rc)
		return rc;
	end = sequential_stops(&s->spent, g.deciding, g.n_deciding);
	s->stop = end;
	gate_release(&g);
	return end != SEQUENTIAL_GO_ON;
}

static int look(void *ctx, const struct gate_exec_pair *pairs, size_t n, struct err *err)
{
	struct watch *w = ctx;
	size_t good = good_pairs(pairs, n);
	struct store *s;
	int rc;

	if (!sequential_due(&w->session->spent, good))
		return 0;
	rc = cli_open_store(&s, w->path, 0, err);
	if (rc)
		return rc;
	rc = take_pairs(w, s, pairs, n, err);
	store_close(s);
	if (rc)
		return rc;
	sequential_look(&w->session->spent, good);
	return judge(w, err);
}

/* ---- running ---- */

static struct gate_exec_options options_of(const struct gate_args *a, char **commands,
					   unsigned pairs)
{
	return (struct gate_exec_options){.commands = {commands[0], commands[1]},
					  .store_path = cli_store_path(a->store),
					  .name = a->name,
					  .labels = a->labels.values,
					  .n_labels = a->labels.n,
					  .memory = a->memory,
					  .mode = a->mode,
					  .rate_hz = a->rate_hz,
					  .cpus = a->cpus,
					  .warmup = a->warmup >= 0 ? (unsigned)a->warmup : 1,
					  .pairs = pairs,
					  .max_ns = a->max_ns,
					  .ignore_failure = a->ignore_failure,
					  .show_output = a->show_output};
}

static int run_pairs(struct gate_session *s, const struct gate_args *a, char **commands,
		     unsigned pairs, struct err *err)
{
	struct gate_exec_options o = options_of(a, commands, pairs);
	struct watch w = {.session = s, .a = a, .path = o.store_path};
	double alpha = a->wish.judge.alpha > 0 ? a->wish.judge.alpha : a->limits.alpha;
	int rc;

	sequential_start(&s->spent, pairs, alpha, a->wish.judge.size);
	o.look = look;
	o.ctx = &w;
	s->has_runs = 1;
	rc = gate_exec(&o, &s->runs, err);
	metrics_release(&w.table);
	if (rc == 0 && !good_pairs(s->runs.pairs, s->runs.n))
		rc = err_set(err, ERR_CANCELLED,
			     "gate: it ended before a pair of runs was complete");
	return rc;
}

static int count_instructions(struct gate_session *s, const struct gate_args *a, char **commands,
			      struct err *err)
{
	struct gate_exec_options o = options_of(a, commands, 1);
	int rc;

	s->has_counted = 1;
	rc = gate_exec_callgrind(&o, s->profiles, &s->counted, err);
	return rc;
}

/* ---- the verdict ---- */

/* The runs that count have names of their own; `what` says how they came about. */
static int name_group(struct gate_session *s, const struct gate_args *a, struct gate_input *in,
		      int side, const char *command, struct err *err)
{
	struct gate_group *g = &in->groups[side];
	struct buf what = BUF_INIT;
	int rc = 0;

	if (s->has_runs)
		rc = gate_group_add(&in->stores, g, a->store, s->runs.names[side], 1, err);
	else
		g->text = strdup(command);
	if (rc)
		return rc;
	buf_puts(&what, command);
	if (s->has_runs)
		buf_printf(&what, ", %s", g->what);
	else
		buf_puts(&what, ", under callgrind");
	free(g->what);
	g->what = buf_steal(&what, NULL);
	buf_release(&what);
	return g->text && g->what ? 0 : err_nomem(err, "a group");
}

/* No pair will come: what is left of the error allowed is spent on those that there are, unless they decided. */
static void last_look(struct gate_session *s)
{
	if (s->stop != SEQUENTIAL_CHANGED && s->stop != SEQUENTIAL_DECIDED)
		sequential_end(&s->spent, good_pairs(s->runs.pairs, s->runs.n));
}

static void say_end(struct gate_session *s, unsigned pairs)
{
	const char *why = s->runs.end == GATE_END_INTERRUPTED ? "it was interrupted"
			  : s->runs.end == GATE_END_TIME      ? "its time was up"
							      : sequential_stop_text(s->stop);

	if (s->runs.n < pairs && *why)
		snprintf(s->end, sizeof s->end, "%zu of at most %u pairs were run: %s", s->runs.n,
			 pairs, why);
}

int gate_session_run(struct gate_session *s, const struct gate_args *a, char **commands,
		     struct err *err)
{
	unsigned pairs = a->pairs >= 0 ? (unsigned)a->pairs : a->callgrind ? 0 : PAIRS;
	int rc = 0;

	if (!pairs && !a->callgrind)
		return err_set(err, ERR_ARG, "gate: -n 0 runs nothing");

	if (a->callgrind)
		rc = count_instructions(s, a, commands, err);
	if (rc == 0 && pairs)
		rc = run_pairs(s, a, commands, pairs, err);
	if (rc == 0 && s->has_runs) {
		last_look(s);
		say_end(s, pairs);
	}
	return rc;
}

int gate_session_judge(struct gate_session *s, const struct gate_args *a, struct gate_input *in,
		       char **commands, struct err *err)
{
	struct gate_wish wish = a->wish;
	int side, rc = 0;

	for (side = 0; rc == 0 && side < METRICS_GROUPS; side++)
		rc = name_group(s, a, in, side, commands[side], err);
	if (rc)
		return rc;
	if (s->has_runs) {
		wish.judge.alpha = s->spent.alpha_now;
		wish.judge.size = s->spent.size_now;
		wish.judge.pairing = GATE_PAIR_ALWAYS;
	}
	wish.counted = s->has_counted ? s->profiles : NULL;
	return gate_input_judge(in, &wish, err);
}

size_t gate_session_notes(const struct gate_session *s, const char *notes[GATE_NOTES_MAX])
{
	size_t i, n = 0;

	if (*s->end)
		notes[n++] = s->end;
	for (i = 0; i < GATE_EXEC_REMARKS && n < GATE_NOTES_MAX; i++)
		if (s->has_runs && s->runs.remarks[i][0])
			notes[n++] = s->runs.remarks[i];
	for (i = 0; i < GATE_EXEC_REMARKS && n < GATE_NOTES_MAX; i++)
		if (s->has_counted && s->counted.remarks[i][0])
			notes[n++] = s->counted.remarks[i];
	return n;
}

void gate_session_release(struct gate_session *s)
{
	int side;

	if (s->has_runs)
		gate_exec_release(&s->runs);
	if (s->has_counted) {
		gate_exec_release(&s->counted);
		for (side = 0; side < METRICS_GROUPS; side++)
			profile_release(&s->profiles[side]);
	}
	memset(s, 0, sizeof(*s));
}
