/* protea-prof check -p PID: what may be done with a live process, why not, what would change that, and how dump,
 * record and top would work on it. The process feels nothing of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "prof/attach/modules.h"
#include "prof/attach/pick.h"
#include "prof/attach/rights.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/check.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/text.h"
#include "prof/cli/version.h"

#define DESCRIPTORS_OTHER 64 /* the store, modules' files, what we start with */

enum { /* rows of the report, in its order */
       ROW_PROCESS,
       ROW_READ,
       ROW_PTRACE,
       ROW_PERF,
       ROW_FILES,
       ROW_PROGRAM,
       ROW_MODULES,
       ROW_THREADS,
       ROW_DUMP,
       ROW_RECORD,
       ROW_TOP,
       ROWS
};

struct pid_check {
	struct proc proc;
	struct rights rights;
	struct check_finding rows[ROWS];
	char name[256];
	uint32_t n_threads, n_running;
	uint64_t perf_descriptors, most_descriptors;
	int maps; /* may be read: perf needs no more */
	int no_modules;
};

static int granted(const struct pid_check *c, enum right right)
{
	return c->rights.of[right].granted;
}

static int has_perf(const struct pid_check *c)
{
	return granted(c, RIGHT_PERF) && c->maps && c->perf_descriptors <= c->most_descriptors;
}

/* ---- the process -------------------------------------------------------------------------------- */

static void add(struct check_finding *f, const char *text)
{
	size_t len = strlen(f->what);

	snprintf(f->what + len, sizeof(f->what) - len, "%s%s", len ? ", " : "", text);
}

static int same_namespace(const struct proc *p, const char *name)
{
	char ours[64], theirs[64], path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	n = readlink(path, ours, sizeof(ours) - 1);
	if (n <= 0 || proc_readlink(p, name, theirs, sizeof(theirs)) <= 0)
		return 1;
	ours[n] = '\0';
	return strcmp(ours, theirs) == 0;
}

static void look_process(struct pid_check *c)
{
	struct check_finding *f = &c->rows[ROW_PROCESS];
	struct proc_status status;
	char text[128];

	if (proc_status(&c->proc, &status))
		memset(&status, 0, sizeof(status));
	snprintf(f->what, sizeof(f->what), "%d %.80s, uid %u", c->proc.pid, c->name, status.euid);
	if (c->rights.target_container[0]) {
		snprintf(text, sizeof(text), "in a container (%s)", c->rights.target_container);
		add(f, text);
	}
	if (!c->rights.same_pidns) {
		snprintf(text, sizeof(text), "in another pid namespace (%d there)", status.ns_pid);
		add(f, text);
	}
	if (!c->rights.same_userns)
		add(f, "in another user namespace");
	if (!same_namespace(&c->proc, "ns/mnt"))
		add(f, "in another mount namespace (its files are read through its root folder)");
	if (status.tracer) {
		snprintf(text, sizeof(text), "traced by process %d", status.tracer);
		add(f, text);
	}
}

static void look_threads(struct pid_check *c)
{
	struct check_finding *f = &c->rows[ROW_THREADS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct rlimit files = {0, 0};
	struct proc_stat stat;
	uint32_t cap = 0;
	int *tids = NULL;

	(void)proc_tasks(&c->proc, &tids, &c->n_threads, &cap);
	for (uint32_t i = 0; i < c->n_threads; i++)
		if (proc_task_stat(&c->proc, tids[i], &stat) == 0)
			c->n_running += stat.state == 'R';
	free(tids);
	(void)getrlimit(RLIMIT_NOFILE, &files);
	c->most_descriptors = files.rlim_max;
	c->perf_descriptors =
		(uint64_t)(cpus > 0 ? cpus : 1) * (c->n_threads + 1) + DESCRIPTORS_OTHER;
	snprintf(f->what, sizeof(f->what),
		 "%u, %u of them running now; perf events would take %llu descriptors of %llu",
		 c->n_threads, c->n_running, (unsigned long long)c->perf_descriptors,
		 (unsigned long long)c->most_descriptors);
	if (c->perf_descriptors > c->most_descriptors) {
		f->state = CHECK_POOR;
		snprintf(f->remedy, sizeof(f->remedy), "as root: ulimit -Hn %llu; ulimit -n %llu",
			 (unsigned long long)c->perf_descriptors * 2,
			 (unsigned long long)c->perf_descriptors * 2);
	}
}

/* ---- rights ------------------------------------------------------------------------------------- */

static void look_right(struct pid_check *c, enum right right, enum check_state missing,
		       const char *meaning)
{
	struct check_finding *f = &c->rows[ROW_READ + (int)right];
	const struct right_finding *r = &c->rights.of[right];

	f->state = r->granted ? CHECK_OK : missing;
	snprintf(f->what, sizeof(f->what), "%s%.180s", r->granted ? meaning : "denied: ", r->why);
	if (!r->granted)
		snprintf(f->remedy, sizeof(f->remedy), "%s", r->remedy);
}

static void look_rights(struct pid_check *c)
{
	int fd = proc_openat(&c->proc, "maps", 0);

	c->maps = fd >= 0;
	if (fd >= 0)
		(void)close(fd);
	look_right(c, RIGHT_READ, CHECK_BAD,
		   "its maps, its memory, and what its threads wait for may be read");
	look_right(c, RIGHT_PTRACE, CHECK_POOR,
		   "running threads may be stopped for some microseconds");
	look_right(c, RIGHT_PERF, CHECK_POOR, "the kernel takes samples of it, nothing is stopped");
	if (granted(c, RIGHT_PERF) && !c->rights.has_perf_cap && c->rights.paranoid > 1)
		add(&c->rows[ROW_PERF],
		    "in user code only: the kernel's share is counted, not told "
		    "apart (kernel.perf_event_paranoid=1 would)");
	look_right(c, RIGHT_FILES, CHECK_POOR, "its files may be opened: ");
	if (!c->rights.of[RIGHT_FILES].why[0])
		snprintf(c->rows[ROW_FILES].what, sizeof(c->rows[ROW_FILES].what),
			 "the very files that it has mapped may be opened");
}

/* ---- files -------------------------------------------------------------------------------------- */

enum symbols { SYMBOLS_UNREAD, SYMBOLS_EXPORTED, SYMBOLS_MINI, SYMBOLS_TABLE, SYMBOLS_DEBUG };

static int has_debug_file(const char *build_id)
{
	char path[160];

	if (strlen(build_id) < 3)
		return 0;
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", build_id,
		 build_id + 2);
	return access(path, R_OK) == 0;
}

static enum symbols symbols_of(const struct attach_module *m, int *is_static)
{
	struct elf_section section;
	struct elf_file elf;
	enum symbols symbols = SYMBOLS_EXPORTED;

	*is_static = 0;
	if (!m->file || elf_open(&elf, m->file, NULL))
		return SYMBOLS_UNREAD;
	*is_static = !elf_interpreter(&elf);
	if (elf_section_named(&elf, ".debug_info", &section) || has_debug_file(m->build_id))
		symbols = SYMBOLS_DEBUG;
	else if (elf_section_named(&elf, ".symtab", &section))
		symbols = SYMBOLS_TABLE;
	else if (elf_section_named(&elf, ".gnu_debugdata", &section))
		symbols = SYMBOLS_MINI;
	elf_close(&elf);
	return symbols;
}

static void tell_program(struct pid_check *c, const struct attach_module *m)
{
	static const char *const names[] = {
		"its file cannot be read: addresses only",
		"stripped: names of exported functions only",
		"stripped, with minidebuginfo: functions, no lines",
		"with symbols: functions, no lines",
		"with debug information: functions and lines",
	};
	struct check_finding *f = &c->rows[ROW_PROGRAM];
	enum symbols symbols;
	int is_static;

	symbols = symbols_of(m, &is_static);
	snprintf(f->what, sizeof(f->what), "%.120s", m->path);
	if (is_static)
		add(f, "static");
	if (m->deleted)
		add(f, "deleted or replaced since it was started");
	if (m->source == MODULE_MEMORY)
		add(f, "read out of its memory");
	add(f, names[symbols]);
	if (symbols > SYMBOLS_EXPORTED)
		return;
	f->state = CHECK_POOR;
	snprintf(f->remedy, sizeof(f->remedy), "%s",
		 symbols == SYMBOLS_UNREAD
			 ? "see files"
			 : "its debug symbols (a -dbgsym or -debuginfo package), or "
			   "DEBUGINFOD_URLS and PROTEA_PROF_DEBUGINFOD=1");
}

struct counts {
	uint32_t files, deleted, memory, jit, unknown;
};

static void tell_modules(struct pid_check *c, const struct counts *n)
{
	struct check_finding *f = &c->rows[ROW_MODULES];
	char text[96];

	snprintf(f->what, sizeof(f->what), "%u with code", n->files);
	if (n->deleted) {
		snprintf(text, sizeof(text), "%u deleted or replaced since", n->deleted);
		add(f, text);
	}
	if (n->memory) {
		snprintf(text, sizeof(text), "%u read out of its memory", n->memory);
		add(f, text);
	}
	if (n->jit) {
		snprintf(text, sizeof(text), "%u made at run time (JIT: names by /tmp/perf-%d.map)",
			 n->jit, c->proc.pid);
		add(f, text);
	}
	if (n->unknown) {
		snprintf(text, sizeof(text), "%u that cannot be read: addresses only", n->unknown);
		add(f, text);
		f->state = CHECK_POOR;
		snprintf(f->remedy, sizeof(f->remedy), "see files");
	}
}

static void count(struct counts *n, const struct attach_module *m)
{
	n->files++;
	n->deleted += m->deleted != 0;
	n->memory += m->source == MODULE_MEMORY;
	n->jit += m->source == MODULE_JIT;
	n->unknown += m->source == MODULE_UNKNOWN;
}

/* The program is what exe points at; where that may not be read, or its main thread ended, the first. */
static int look_modules(struct pid_check *c, struct module_set *set, struct err *err)
{
	struct attach_space *space = attach_space_new(set, &c->proc);
	int rc = space ? attach_space_refresh(space, 0, err)
		       : err_nomem(err, "the modules of a process");
	const struct attach_module *program = NULL;
	struct counts n = {0, 0, 0, 0, 0};
	char exe[4200];

	(void)proc_readlink(&c->proc, "exe", exe, sizeof(exe));
	for (uint32_t i = 0; rc == 0 && i < module_count(set); i++) {
		const struct attach_module *m = module_get(set, i);
		size_t len = strlen(m->path);

		count(&n, m);
		if (!program || (strncmp(exe, m->path, len) == 0 &&
				 (!exe[len] || strcmp(exe + len, " (deleted)") == 0)))
			program = m;
	}
	if (program)
		tell_program(c, program);
	if (program)
		tell_modules(c, &n);
	else
		c->no_modules = 1;
	attach_space_free(space);
	return rc;
}

static int look_files(struct pid_check *c, struct err *err)
{
	struct module_set *set;
	int rc;

	if (!c->maps) {
		c->no_modules = 1;
		return 0;
	}
	set = module_set_new(NULL);
	if (!set)
		return err_nomem(err, "the modules of a process");
	rc = look_modules(c, set, err);
	module_set_free(set);
	return rc;
}

/* ---- commands ----------------------------------------------------------------------------------- */

static void tell_dump(struct pid_check *c)
{
	struct check_finding *f = &c->rows[ROW_DUMP];

	if (!granted(c, RIGHT_READ)) {
		f->state = CHECK_BAD;
		snprintf(f->what, sizeof(f->what), "cannot work");
		snprintf(f->remedy, sizeof(f->remedy), "see read");
	} else if (granted(c, RIGHT_PTRACE)) {
		snprintf(f->what, sizeof(f->what),
			 "works: threads that sleep are read without a stop, those that run are "
			 "stopped for some microseconds each (--nonblocking: not at all)");
	} else {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what),
			 "works for threads that sleep; those that run %s",
			 granted(c, RIGHT_PERF) ? "are read by a perf event each (--nonblocking)"
						: "have no stack in it");
		snprintf(f->remedy, sizeof(f->remedy), "see ptrace");
	}
}

/* record and top read in the same ways. */
static void tell_sampling(struct pid_check *c, struct check_finding *f)
{
	if (has_perf(c)) {
		f->state = granted(c, RIGHT_READ) ? CHECK_OK : CHECK_POOR;
		snprintf(f->what, sizeof(f->what), "works with perf events: no pauses%s",
			 f->state == CHECK_OK ? ""
					      : "; CPU time only, what sleeping threads wait for "
						"is not known");
	} else if (granted(c, RIGHT_READ)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what),
			 "works by CPU clocks (--engine clock): running threads %s",
			 granted(c, RIGHT_PTRACE) ? "are stopped for some microseconds per sample"
						  : "may not be stopped, so have no stacks");
	} else {
		f->state = CHECK_BAD;
		snprintf(f->what, sizeof(f->what), "cannot work");
	}
	if (f->state != CHECK_OK)
		snprintf(f->remedy, sizeof(f->remedy), "see %s",
			 has_perf(c) || f->state == CHECK_BAD ? "read"
			 : granted(c, RIGHT_PERF)             ? "threads"
							      : "perf");
}

/* ---- the report --------------------------------------------------------------------------------- */

static int look(struct pid_check *c, struct err *err)
{
	static const char *const names[ROWS] = {"process", "read",    "ptrace",  "perf",
						"files",   "program", "modules", "threads",
						"dump",    "record",  "top"};
	int rc;

	for (int i = 0; i < ROWS; i++)
		c->rows[i].name = names[i];
	proc_name(&c->proc, c->name, sizeof(c->name));
	rights_look(&c->rights, &c->proc);
	look_rights(c);
	look_process(c);
	look_threads(c);
	rc = look_files(c, err);
	if (rc && rc != ERR_DENIED)
		return rc;
	tell_dump(c);
	tell_sampling(c, &c->rows[ROW_RECORD]);
	tell_sampling(c, &c->rows[ROW_TOP]);
	return 0;
}

/* Rows about the files drop out where nothing may be read of them. */
static size_t rows_to_show(const struct pid_check *c, struct check_finding shown[ROWS])
{
	size_t n = 0;

	for (int i = 0; i < ROWS; i++)
		if (!c->no_modules || (i != ROW_PROGRAM && i != ROW_MODULES))
			shown[n++] = c->rows[i];
	return n;
}

static const char *other_road(const struct pid_check *c)
{
	for (int i = 0; i < RIGHTS; i++)
		if (!c->rights.of[i].granted && c->rights.of[i].other[0])
			return c->rights.of[i].other;
	return "";
}

static json_t *json_rights(const struct pid_check *c)
{
	json_t *list = json_array();

	for (int i = 0; list && i < RIGHTS; i++) {
		const struct right_finding *r = &c->rights.of[i];

		(void)json_array_append_new(
			list, json_pack("{s:s,s:b,s:i,s:o,s:o,s:o}", "right", right_name(r->right),
					"granted", r->granted, "errno", r->sys, "why",
					jsonout_text(r->why), "remedy", jsonout_text(r->remedy),
					"other", jsonout_text(r->other)));
	}
	return list;
}

static int report_json(const struct pid_check *c, int works)
{
	struct check_finding shown[ROWS];
	size_t n = rows_to_show(c, shown);
	json_t *root = json_object();
	struct err err = ERR_INIT;
	int bad = !root;

	if (root) {
		bad |= jsonout_put(root, "version", json_string(prof_version));
		bad |= jsonout_put(root, "pid", json_integer(c->proc.pid));
		bad |= jsonout_put(root, "name", jsonout_text(c->name));
		bad |= jsonout_put(root, "container", json_string(c->rights.container));
		bad |= jsonout_put(root, "target_container",
				   json_string(c->rights.target_container));
		bad |= jsonout_put(root, "threads", json_integer(c->n_threads));
		bad |= jsonout_put(root, "rights", json_rights(c));
		check_put_json(root, shown, n, works, &bad);
	}
	if (jsonout_finish(stdout, root, bad, &err))
		return cli_fail(&err);
	return works ? EXIT_OK : EXIT_FAIL;
}

static int report_text(const struct pid_check *c, int works)
{
	struct check_finding shown[ROWS];
	size_t n = rows_to_show(c, shown);
	const char *other = other_road(c);

	for (size_t i = 0; i < n; i++)
		check_print(&shown[i]);
	printf("\ndump %s on process %d\n", works ? "works" : "does not work", c->proc.pid);
	if (!works && *other) {
		text_print(stdout, other, 0, 0);
		putchar('\n');
	}
	return works ? EXIT_OK : EXIT_FAIL;
}

int check_pid(const char *pid, int json)
{
	struct pick_list list = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct pid_check *c = NULL;
	int rc = pick_parse(&list, pid, &err);

	if (rc == 0 && list.n != 1)
		rc = err_set(&err, ERR_ARG, "check takes one process, '%s' are more", pid);
	if (rc == 0 && !(c = calloc(1, sizeof(*c))))
		rc = err_nomem(&err, "the report");
	if (rc == 0)
		rc = pick_check(&c->proc, list.pids[0], 1, &err);
	pick_release(&list);
	if (rc == 0) {
		int works;

		rc = look(c, &err);
		works = c->rows[ROW_DUMP].state != CHECK_BAD;
		if (rc == 0)
			rc = json ? report_json(c, works) : report_text(c, works);
		proc_close(&c->proc);
	}
	free(c);
	return rc < 0 ? cli_fail(&err) : rc;
}
