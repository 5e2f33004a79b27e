/* One command under `protea-prof run`: see gate_record.h. */
#include "prof/cli/gate_record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/hash.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_noise.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"
#include "prof/store/store.h"

#define PAD_NAME  "PROTEA_GATE_PAD"
#define PAD_MAX   4096u /* bytes: as far as the stack's begin moves within a page */
#define LOG_BYTES 4096  /* of the end of the output that is shown */
#define LOG_LINES 12

extern char **environ;

/* ---- begin and end ---- */

/* RFC 4122, version 4. */
static int make_uuid(char out[GATE_UUID], struct err *err)
{
	uint8_t b[16];
	size_t at = 0;

	if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
		return err_sys(err, ERR_IO, "cannot make an id");
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		snprintf(out + at, 3, "%02x", b[i]);
		at += 2;
	}
	return 0;
}

static void make_name(const struct gate_recorder *g, char out[96], const char *what)
{
	const char *name = g->o->name && *g->o->name ? g->o->name : "gate";
	size_t len = strnlen(name, 64);

	while (len && len == 64 && ((unsigned char)name[len] & 0xc0) == 0x80)
		len--; /* not within a character */
	snprintf(out, 96, "%.*s-%.8s-%s", (int)len, name, g->session, what);
}

static void find_self(struct gate_recorder *g)
{
	ssize_t n;

	if (g->o->recorder) {
		snprintf(g->self, sizeof g->self, "%s", g->o->recorder);
		return;
	}
	n = readlink("/proc/self/exe", g->self, sizeof g->self - 1);

	if (n > 0)
		g->self[n] = '\0';
	if (n <= 0 || access(g->self, X_OK)) /* replaced while we run */
		snprintf(g->self, sizeof g->self, "/proc/self/exe");
}

static int name_file(const struct gate_recorder *g, char out[PATH_MAX], const char *name,
		     struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", g->rig.folder, name) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "the path of '%s' is too long", g->rig.folder);
	return 0;
}

int gate_recorder_begin(struct gate_recorder *g, const struct gate_exec_options *o, struct err *err)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	int rc;

	memset(g, 0, sizeof *g);
	g->rig.signal_fd = -1;
	g->o = o;
	g->cpus = n > 0 ? (unsigned)n : 1;
	find_self(g);
	rc = make_uuid(g->session, err);
	for (int i = 0; rc == 0 && i < GATE_SIDES; i++)
		rc = gate_command_make(&g->commands[i], o->commands[i], err);
	if (rc == 0)
		rc = gate_rig_begin(&g->rig, o->cpus, err);
	if (rc == 0)
		rc = name_file(g, g->spare, "spare.sqlite", err);
	if (rc == 0 && !o->show_output)
		rc = name_file(g, g->log, "output", err);
	for (int i = 0; i < GATE_SIDES; i++)
		make_name(g, g->names[i], gate_side_name((enum gate_side)i));
	make_name(g, g->noisy_name, "noisy");
	make_name(g, g->failed_name, "failed");
	snprintf(g->rate, sizeof g->rate, "%.9g", o->rate_hz);
	return rc;
}

void gate_recorder_end(struct gate_recorder *g)
{
	gate_rig_end(&g->rig);
	for (int i = 0; i < GATE_SIDES; i++)
		gate_command_release(&g->commands[i]);
}

/* ---- command line and environment ---- */

struct words {
	const char **items; /* owned */
	size_t n, cap;
	int failed;
};

static void add(struct words *w, const char *word)
{
	if (w->n + 1 >= w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		const char **grown = realloc(w->items, cap * sizeof *grown);

		if (!grown) {
			w->failed = 1;
			return;
		}
		w->items = grown;
		w->cap = cap;
	}
	w->items[w->n++] = word;
	w->items[w->n] = NULL;
}

static void add_option(struct words *w, const char *name, const char *value)
{
	if (!value)
		return;
	add(w, name);
	add(w, value);
}

/* protea-prof -q run … -- COMMAND */
static void make_argv(const struct gate_recorder *g, enum gate_side side, const char *store,
		      const char *const *labels, struct words *w)
{
	const struct gate_exec_options *o = g->o;

	add(w, g->self);
	add(w, "-q");
	add(w, "run");
	add_option(w, "--store", store);
	add_option(w, "--name", g->names[side]);
	add_option(w, "--memory", o->memory);
	add_option(w, "--mode", o->mode);
	add_option(w, "--rate", o->rate_hz > 0 ? g->rate : NULL);
	for (size_t i = 0; i < o->n_labels; i++)
		add_option(w, "--label", o->labels[i]);
	for (size_t i = 0; labels && labels[i]; i++)
		add_option(w, "--label", labels[i]);
	add(w, "--");
	for (size_t i = 0; i < g->commands[side].n; i++)
		add(w, g->commands[side].argv[i]);
}

/* Our environment and the padding, of a length that only the session and the pair decide. */
static void make_env(const struct gate_recorder *g, size_t pair, struct buf *pad, struct words *w)
{
	uint64_t mixed = hash_u64(hash_bytes(g->session, strlen(g->session), 0) + pair);
	size_t n = (size_t)(mixed % PAD_MAX);
	char *x;

	buf_puts(pad, PAD_NAME "=");
	x = buf_reserve(pad, n + 1);
	if (x) {
		memset(x, 'x', n);
		x[n] = '\0';
		pad->len += n;
	}
	for (size_t i = 0; environ[i]; i++)
		if (strncmp(environ[i], PAD_NAME "=", sizeof PAD_NAME) != 0)
			add(w, environ[i]);
	if (buf_failed(pad))
		w->failed = 1;
	else
		add(w, pad->data);
}

static int run_child(struct gate_recorder *g, const struct words *argv, const struct words *env,
		     struct gate_child_end *end, struct err *err)
{
	struct gate_child child = {
		.argv = (char *const *)(uintptr_t)argv->items,
		.envp = (char *const *)(uintptr_t)env->items,
		.log = g->log[0] ? g->log : NULL,
	};

	if (argv->failed || env->failed)
		return err_nomem(err, "a command line");
	return gate_child_run(&g->rig, &child, end, err);
}

/* ---- what the store says ---- */

struct wanted {
	const char *session, *side;
	char pair[24];
	struct gate_exec_run *run;
	int found, finished;
};

static int has_label(const json_t *labels, const char *key, const char *value)
{
	const char *have = json_string_value(json_object_get(labels, key));

	return have && strcmp(have, value) == 0;
}

static int see_run(void *ctx, const struct store_run_row *row)
{
	struct wanted *w = ctx;
	json_t *labels = json_loads(row->labels_json, 0, NULL);
	int is = has_label(labels, "gate", w->session) && has_label(labels, "side", w->side) &&
		 has_label(labels, "pair", w->pair);

	json_decref(labels);
	if (!is)
		return 0;
	snprintf(w->run->id, sizeof w->run->id, "%s", row->id);
	w->run->wall_ns = row->duration_ns;
	w->run->exit_code = row->signal ? 128 + row->signal : row->exit_code;
	w->finished = row->finished;
	return w->found = 1;
}

/* 1 and *run, 0: it is not there, or a code. */
static int find_run(struct wanted *w, const char *path, struct err *err)
{
	struct store *s = NULL;
	int rc;

	if (access(path, F_OK)) /* never made */
		return 0;
	rc = store_open(&s, path, STORE_READ, err);
	if (rc == 0)
		rc = store_list_heads(s, see_run, w, err);
	store_close(s);
	return rc < 0 ? rc : w->found;
}

/* The recorder itself said no: its own words are in the log. */
static int not_recorded(struct gate_recorder *g, enum gate_side side, int status, struct err *err)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

	gate_recorder_show_log(g);
	if (code == EXIT_NO_TARGET || code == EXIT_USAGE)
		return err_set(err, code == EXIT_USAGE ? ERR_ARG : ERR_NOTFOUND,
			       "%s: '%s' could not be started", gate_side_name(side),
			       g->o->commands[side]);
	return err_set(err, ERR_IO,
		       "%s: '%s' could not be recorded (protea-prof run ended with %d)",
		       gate_side_name(side), g->o->commands[side], code);
}

/* ---- a run ---- */

static int record(struct gate_recorder *g, enum gate_side side, size_t pair, const char *store,
		  struct gate_exec_run *run, struct err *err)
{
	struct wanted w = {.session = g->session, .side = gate_side_name(side), .run = run};
	struct gate_machine before, after;
	char session[GATE_UUID + 8], sides[32], pairs[32];
	const char *const labels[] = {session, sides, pairs, NULL};
	struct words argv = {0}, env = {0};
	struct gate_child_end end;
	struct buf pad = BUF_INIT;
	struct err looked = ERR_INIT;
	int rc, found;

	snprintf(w.pair, sizeof w.pair, "%zu", pair + 1);
	snprintf(session, sizeof session, "gate=%s", g->session);
	snprintf(sides, sizeof sides, "side=%s", w.side);
	snprintf(pairs, sizeof pairs, "pair=%s", w.pair);
	make_argv(g, side, store, labels, &argv);
	make_env(g, pair, &pad, &env);
	gate_machine_read(&before);
	rc = run_child(g, &argv, &env, &end, err);
	gate_machine_read(&after);
	free(argv.items);
	free(env.items);
	buf_release(&pad);
	if (rc && rc != ERR_CANCELLED)
		return rc;
	gate_noise_between(&run->noise, &before, &after, end.cpu_ns, g->cpus);
	run->noise.switches = end.switches;
	found = find_run(&w, store, rc ? &looked : err);
	if (rc || found < 0)
		return rc ? rc : found;
	if (!found || !w.finished)
		return not_recorded(g, side, end.status, err);
	return 0;
}

int gate_recorder_run(struct gate_recorder *g, enum gate_side side, size_t pair,
		      struct gate_exec_run *run, struct err *err)
{
	return record(g, side, pair, g->o->store_path, run, err);
}

int gate_recorder_warm_up(struct gate_recorder *g, enum gate_side side, int *code, struct err *err)
{
	struct gate_exec_run run = {0};
	int rc;

	(void)unlink(g->spare);
	rc = record(g, side, SIZE_MAX - 1, g->spare, &run, err);
	*code = run.exit_code;
	return rc;
}

/* ---- talk ---- */

/* Begin of the last lines of `text`. */
static char *last_lines(char *text, size_t len, int lines)
{
	char *p = text + len;

	while (p > text && p[-1] == '\n')
		*--p = '\0';
	while (p > text && (p[-1] != '\n' || --lines > 0))
		p--;
	return p;
}

void gate_recorder_show_log(const struct gate_recorder *g)
{
	FILE *in = g->log[0] ? fopen(g->log, "re") : NULL;
	char text[LOG_BYTES + 1], *line, *rest = NULL;
	size_t n = 0;

	if (!in)
		return;
	if (fseek(in, -LOG_BYTES, SEEK_END))
		rewind(in);
	n = fread(text, 1, LOG_BYTES, in);
	(void)fclose(in);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '?';
	for (line = strtok_r(last_lines(text, n, LOG_LINES), "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		fputs("  | ", stderr);
		text_print(stderr, line, 0, 0);
		putc('\n', stderr);
	}
}

/* ---- afterwards ---- */

static int change_run(struct store *s, const struct gate_exec_run *run, const char *name,
		      struct err *err)
{
	int64_t key;
	int rc;

	if (!run->id[0])
		return 0;
	rc = store_find_run(s, run->id, &key, err);
	if (rc)
		return rc;
	return name ? store_run_rename(s, key, name, err) : store_run_remove(s, key, err);
}

void gate_recorder_drop(struct gate_recorder *g, const struct gate_exec_pair *pair, int remove)
{
	struct err err = ERR_INIT;
	struct store *s = NULL;

	if ((!pair->runs[0].id[0] && !pair->runs[1].id[0]) ||
	    cli_open_store(&s, g->o->store_path, 1, &err))
		return;
	for (int i = 0; i < GATE_SIDES; i++)
		(void)change_run(s, &pair->runs[i], remove ? NULL : g->failed_name, &err);
	store_close(s);
}

static int label_run(struct store *s, const struct gate_recorder *g,
		     const struct gate_exec_run *run, int noisy, struct err *err)
{
	double part = gate_noise_part(&run->noise);
	char text[32];
	int64_t key;
	int rc = store_find_run(s, run->id, &key, err);

	snprintf(text, sizeof text, "%.3f", part);
	if (rc == 0 && part >= 0)
		rc = store_run_label(s, key, "noise", text, err);
	if (rc == 0 && noisy)
		rc = store_run_label(s, key, "noisy", "1", err);
	if (rc == 0 && noisy)
		rc = store_run_rename(s, key, g->noisy_name, err);
	return rc;
}

int gate_recorder_label(struct gate_recorder *g, const struct gate_exec_pair *pairs, size_t n,
			struct err *err)
{
	struct store *s = NULL;
	int rc = store_open(&s, g->o->store_path, STORE_WRITE, err);

	for (size_t i = 0; rc == 0 && i < n; i++)
		for (int side = 0; rc == 0 && side < GATE_SIDES; side++)
			rc = label_run(s, g, &pairs[i].runs[side], pairs[i].noisy, err);
	store_close(s);
	return rc;
}
