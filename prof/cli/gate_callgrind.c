/* Instructions of two commands, counted by valgrind's callgrind: see gate_exec.h. Both get the same environment, not padded: start-up
 * code reads it, and its instructions count. */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/cli/gate_record.h"
#include "prof/cli/version.h"
#include "prof/formats/callgrind.h"
#include "prof/record/about.h"
#include "prof/record/program.h"

#define FILE_MAX ((off_t)1 << 30)

extern char **environ;

/* ---- a run under valgrind ---- */

struct counting {
	struct gate_recorder rec;
	struct program valgrind;
	enum gate_side side;
	struct gate_exec_result *r;
};

/* The folder's name with each % doubled: valgrind reads %p and %q. */
static int put_pattern(struct buf *out, const struct counting *x)
{
	buf_puts(out, "--callgrind-out-file=");
	for (const char *p = x->rec.rig.folder; *p; p++) {
		if (*p == '%')
			buf_putc(out, '%');
		buf_putc(out, *p);
	}
	buf_printf(out, "/%s.%%p", gate_side_name(x->side));
	return buf_failed(out);
}

/* Our environment without a padding of a comparison that we may be part of. */
static char **plain_environment(void)
{
	size_t n = 0, k = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 1, sizeof *env);
	for (size_t i = 0; env && i < n; i++)
		if (strncmp(environ[i], "PROTEA_GATE_PAD=", 16) != 0)
			env[k++] = environ[i];
	return env;
}

static int run_valgrind(struct counting *x, struct gate_child_end *end, struct err *err)
{
	static char *const options[] = {(char *)(uintptr_t) "--tool=callgrind",
					(char *)(uintptr_t) "--quiet",
					(char *)(uintptr_t) "--trace-children=yes"};
	const struct gate_command *c = &x->rec.commands[x->side];
	size_t n = sizeof options / sizeof *options, at = 0;
	char **argv = calloc(c->n + n + 3, sizeof *argv), **env = plain_environment();
	struct buf pattern = BUF_INIT;
	int rc = ERR_NOMEM;

	if (argv && env && put_pattern(&pattern, x) == 0) {
		struct gate_child child = {argv, env, x->rec.log[0] ? x->rec.log : NULL};

		argv[at++] = x->valgrind.path;
		for (size_t i = 0; i < n; i++)
			argv[at++] = options[i];
		argv[at++] = pattern.data;
		for (size_t i = 0; i < c->n; i++)
			argv[at++] = c->argv[i];
		rc = gate_child_run(&x->rec.rig, &child, end, err);
	} else {
		err_nomem(err, "a command line");
	}
	buf_release(&pattern);
	free(argv);
	free(env);
	return rc;
}

static int check_end(struct counting *x, int status, struct err *err)
{
	const struct gate_exec_options *o = x->rec.o;
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

	if (code == 0 || o->ignore_failure)
		return 0;
	x->r->failed = x->side;
	x->r->failed_code = code;
	gate_recorder_show_log(&x->rec);
	return err_set(err, code == 126 || code == 127 ? ERR_NOTFOUND : ERR_IO,
		       "%s: '%s' ended with code %d under valgrind%s", gate_side_name(x->side),
		       o->commands[x->side], code,
		       code == 126 || code == 127 ? "" : "; --ignore-failure goes on all the same");
}

/* ---- its files ---- */

static int add_file(struct counting *x, struct callgrind *c, const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	char *bytes = NULL;
	ssize_t n = -1;
	int fd, rc;

	if (snprintf(path, sizeof path, "%s/%s", x->rec.rig.folder, name) >= (int)sizeof path)
		return err_set(err, ERR_LIMIT, "the path of '%s' is too long", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX)
		bytes = malloc((size_t)st.st_size + 1);
	if (bytes)
		n = read(fd, bytes, (size_t)st.st_size);
	if (n < 0)
		rc = err_sys(err, ERR_IO, "cannot read '%s'", path);
	else if (n == 0) /* of a process that was ended before it could write */
		rc = 0;
	else
		rc = callgrind_add(c, bytes, (size_t)n, err);
	if (rc)
		err_prefix(err, "%s", name);
	free(bytes);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static int add_files(struct counting *x, struct callgrind *c, struct err *err)
{
	const char *side = gate_side_name(x->side);
	struct dirent **names;
	int n = scandir(x->rec.rig.folder, &names, NULL, versionsort), rc = 0;
	unsigned files = 0;

	if (n < 0)
		return err_sys(err, ERR_IO, "cannot read '%s'", x->rec.rig.folder);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (rc == 0 && strncmp(name, side, strlen(side)) == 0 &&
		    name[strlen(side)] == '.') {
			rc = add_file(x, c, name, err);
			files++;
		}
		free(names[i]);
	}
	free(names);
	if (rc || files)
		return rc;
	gate_recorder_show_log(&x->rec);
	return err_set(err, ERR_NOTFOUND, "%s: valgrind wrote no counts for '%s'", side,
		       x->rec.o->commands[x->side]);
}

/* ---- what a run has beside its counts ---- */

static char *labels_json(const struct counting *x)
{
	const struct gate_exec_options *o = x->rec.o;
	json_t *object = json_object();
	char *text = NULL;
	int rc = object ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < o->n_labels; i++) {
		const char *equals = strchr(o->labels[i], '=');

		if (equals)
			rc = json_object_setn_new(object, o->labels[i],
						  (size_t)(equals - o->labels[i]),
						  json_string(equals + 1));
	}
	if (rc == 0)
		rc = json_object_set_new(object, "gate", json_string(x->rec.session));
	if (rc == 0)
		rc = json_object_set_new(object, "side", json_string(gate_side_name(x->side)));
	if (rc == 0)
		text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(object);
	return text;
}

static int describe(struct counting *x, struct profile *p, struct err *err)
{
	const struct gate_command *c = &x->rec.commands[x->side];
	char *labels = labels_json(x);
	struct about about;
	int rc = labels ? about_init(&about, c->argv, err) : err_nomem(err, "labels");

	if (rc == 0) {
		const struct {
			const char *text;
			uint32_t *to;
		} fields[] = {
			{about.id, &p->run.id},          {x->rec.names[x->side], &p->run.name},
			{about.host, &p->run.host},      {about.cpu_model, &p->run.cpu_model},
			{about.kernel, &p->run.kernel},  {buf_str(&about.command), &p->run.command},
			{prof_version, &p->run.version}, {buf_str(&about.argv_json), &p->run.argv},
			{prof_git_sha, &p->run.git_sha}, {labels, &p->run.labels},
		};

		for (size_t i = 0; rc == 0 && i < sizeof fields / sizeof *fields; i++)
			if (strtab_intern_text(p->strings, fields[i].text, fields[i].to))
				rc = err_nomem(err, "a run");
		p->run.ncpu = about.ncpu;
		p->run.has_exit_code = 1;
		p->run.started_at = clock_real_ns();
		about_release(&about);
	}
	free(labels);
	return rc;
}

/* ---- both sides ---- */

static int count_side(struct counting *x, struct profile *out, struct err *err)
{
	struct callgrind *c = callgrind_new(CALLGRIND_EVENT);
	struct callgrind_facts facts = {0};
	struct gate_child_end end;
	int rc = c ? run_valgrind(x, &end, err) : err_nomem(err, "counts");

	if (rc == 0)
		rc = check_end(x, end.status, err);
	if (rc == 0)
		rc = add_files(x, c, err);
	if (rc == 0)
		callgrind_facts(c, &facts);
	if (rc == 0 && !facts.complete)
		rc = err_set(err, ERR_FORMAT,
			     "%s: valgrind's counts of '%s' are not complete (is the disk full?)",
			     gate_side_name(x->side), x->rec.o->commands[x->side]);
	if (rc == 0)
		rc = callgrind_profile(c, out, err);
	if (rc == 0)
		rc = describe(x, out, err);
	callgrind_free(c);
	return rc;
}

int gate_exec_callgrind(const struct gate_exec_options *o, struct profile out[GATE_SIDES],
			struct gate_exec_result *r, struct err *err)
{
	struct counting x = {.r = r};
	int64_t began = clock_mono_ns();
	int rc;

	memset(r, 0, sizeof *r);
	memset(out, 0, GATE_SIDES * sizeof *out);
	r->failed = GATE_SIDES;
	if (program_find(&x.valgrind, "valgrind", err))
		return err_set(err, ERR_NOTFOUND,
			       "--callgrind needs valgrind: apt-get install valgrind");
	rc = gate_recorder_begin(&x.rec, o, err);
	memcpy(r->session, x.rec.session, sizeof r->session);
	memcpy(r->names, x.rec.names, sizeof r->names);
	for (int i = 0; rc == 0 && i < GATE_SIDES; i++) {
		x.side = (enum gate_side)i;
		rc = count_side(&x, &out[i], err);
	}
	if (rc == ERR_CANCELLED)
		r->end = GATE_END_INTERRUPTED;
	gate_recorder_end(&x.rec);
	for (int i = 0; rc && i < GATE_SIDES; i++)
		profile_release(&out[i]);
	r->elapsed_ns = clock_mono_ns() - began;
	return rc;
}
