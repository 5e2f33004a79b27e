/* protea-prof snapshot: asks whoever records a running program to note what is live there now, and waits for it; lists
 * what was noted. The program itself is not touched. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/analyze/snapdiff.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/text.h"
#include "prof/spool/session.h"
#include "prof/store/read.h"

#define WAIT_NS INT64_C(10000000000)
#define LOOK_NS 200000000 /* between looks at whether the recorder still lives */

struct snapshot_arguments {
	const char *store, *name;
	int pid, json;
};

/* ---- the session that follows a process ---- */

static int is_session(const char *name)
{
	return strncmp(name, "protea-prof-", 12) == 0;
}

/* Does the folder have a file PID.N? */
static int has_process(const char *folder, int pid)
{
	char prefix[24];
	struct dirent *e;
	DIR *dir = opendir(folder);
	int n = snprintf(prefix, sizeof(prefix), "%d.", pid), hit = 0;

	while (dir && !hit && (e = readdir(dir)))
		hit = strncmp(e->d_name, prefix, (size_t)n) == 0 &&
		      e->d_name[n + (int)strspn(e->d_name + n, "0123456789")] == '\0';
	if (dir)
		closedir(dir);
	return hit;
}

static int is_recorded(const struct spool_session *s)
{
	int pid = atomic_load(&s->supervisor_pid);

	return atomic_load(&s->state) == SPOOL_RUNNING && pid > 0 &&
	       (kill(pid, 0) == 0 || errno == EPERM);
}

/* The newest session below `place` that follows the process (a pid may come again). */
static void look_below(const char *place, int pid, struct spool_session **best)
{
	struct dirent *e;
	DIR *dir = opendir(place);

	while (dir && (e = readdir(dir))) {
		char path[SPOOL_PATH_MAX];
		struct spool_session *s = NULL;

		if (!is_session(e->d_name) ||
		    snprintf(path, sizeof(path), "%s/%s", place, e->d_name) >= (int)sizeof(path) ||
		    !has_process(path, pid) || session_map(&s, path, NULL))
			continue;
		if (is_recorded(s) && (!*best || s->started_mono_ns > (*best)->started_mono_ns)) {
			struct spool_session *older = *best;

			*best = s;
			s = older;
		}
		if (s)
			session_unmap(s);
	}
	if (dir)
		closedir(dir);
}

static int find_session(int pid, struct spool_session **session, struct err *err)
{
	const char *places[] = {"/dev/shm", getenv("TMPDIR"), "/tmp", "/var/tmp"};
	size_t i;

	*session = NULL;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i] && *places[i])
			look_below(places[i], pid, session);
	if (!*session)
		return err_set(
			err, ERR_NOTFOUND,
			"nobody records process %d: protea-prof run starts a program that is "
			"recorded (as another user, sudo may be needed)",
			pid);
	if (!(*session)->memory_mode) {
		session_unmap(*session);
		return err_set(
			err, ERR_UNSUPPORTED,
			"the memory of process %d is not followed: it runs with --memory off", pid);
	}
	return 0;
}

/* ---- asking ---- */

static int is_done(struct spool_session *s, uint32_t asked)
{
	return (int32_t)(atomic_load(&s->snapshot_done) - asked) >= 0;
}

static int ask_and_wait(struct spool_session *s, const char *name, struct err *err)
{
	struct timespec look = {0, LOOK_NS};
	int64_t until = clock_mono_ns() + WAIT_NS;
	uint32_t asked;

	if (name)
		snprintf(s->snapshot_name, sizeof(s->snapshot_name), "%s", name);
	asked = atomic_fetch_add(&s->snapshot_asked, 1) + 1;

	while (!is_done(s, asked)) {
		uint32_t seen = atomic_load(&s->snapshot_done);

		if ((int32_t)(seen - asked) >= 0)
			break;
		(void)syscall(SYS_futex, &s->snapshot_done, FUTEX_WAIT, seen, &look, NULL, 0);
		if (is_done(s, asked))
			break;
		if (!is_recorded(s))
			return err_set(err, ERR_NOTFOUND, "the recording ended meanwhile");
		if (clock_mono_ns() > until)
			return err_set(
				err, ERR_IO,
				"no answer within 10 s from process %d, which records: is it "
				"stopped, or its disk full",
				(int)atomic_load(&s->supervisor_pid));
	}
	return 0;
}

/* ---- the store that it is in ---- */

static int holds_run(const char *path, const char *run_id, struct store **out, int64_t *run)
{
	if (store_open(out, path, STORE_READ, NULL))
		return 0;
	if (store_find_run(*out, run_id, run, NULL) == 0)
		return 1;
	store_close(*out);
	*out = NULL;
	return 0;
}

/* Nobody wrote down which store it is, but who fills it has it open. */
static int store_of(int recorder, const char *run_id, char path[PATH_MAX], struct store **out,
		    int64_t *run)
{
	char place[64], link[128];
	struct dirent *e;
	struct stat st;
	DIR *dir;
	int hit = 0;

	snprintf(place, sizeof(place), "/proc/%d/fd", recorder);
	dir = opendir(place);
	while (dir && !hit && (e = readdir(dir))) {
		ssize_t n;

		if (snprintf(link, sizeof(link), "%s/%.32s", place, e->d_name) >= (int)sizeof(link))
			continue;
		n = readlink(link, path, PATH_MAX - 1);
		if (n <= 0 || path[0] != '/' || stat(link, &st) || !S_ISREG(st.st_mode))
			continue;
		path[n] = '\0';
		if (n > 4 &&
		    (strcmp(path + n - 4, "-wal") == 0 || strcmp(path + n - 4, "-shm") == 0))
			continue;
		hit = holds_run(path, run_id, out, run);
	}
	if (dir)
		closedir(dir);
	return hit;
}

static int find_store(const struct snapshot_arguments *a, struct spool_session *s,
		      char path[PATH_MAX], struct store **out, int64_t *run, struct err *err)
{
	char id[sizeof(s->run_id)];

	memcpy(id, s->run_id, sizeof(id));
	id[sizeof(id) - 1] = '\0';
	snprintf(path, PATH_MAX, "%s", cli_store_path(a->store));
	if (holds_run(path, id, out, run) ||
	    (!a->store && store_of(atomic_load(&s->supervisor_pid), id, path, out, run)))
		return 0;
	return err_set(err, ERR_NOTFOUND,
		       "the snapshot of run %.8s was taken, but not into '%s': --store says where",
		       id, cli_store_path(a->store));
}

/* ---- what it says ---- */

/* The newest that was asked for. */
static const struct profile_snapshot *newest(const struct profile *p, int64_t since_ns)
{
	size_t i;

	for (i = p->n_snapshots; i-- > 0;) {
		const char *name = strtab_text(p->strings, p->snapshots[i].name);

		if (strcmp(name, "auto") != 0 && strcmp(name, "end") != 0)
			return p->snapshots[i].t_ns >= since_ns ? &p->snapshots[i] : NULL;
	}
	return NULL;
}

static int say_json(const struct profile *p, const struct profile_snapshot *s, const char *path,
		    struct err *err)
{
	json_t *root = json_object();
	int bad = !root;

	if (root) {
		bad |= jsonout_put(root, "store", jsonout_text(path));
		bad |= jsonout_put(root, "run", jsonout_text(strtab_text(p->strings, p->run.id)));
		bad |= jsonout_put(root, "snapshot", json_integer(snapshot_number(s)));
		bad |= jsonout_put(root, "id", json_integer(s->id));
		bad |= jsonout_put(root, "name", jsonout_text(strtab_text(p->strings, s->name)));
		bad |= jsonout_put(root, "t_ns", json_integer(s->t_ns - p->run.start_ns));
		bad |= jsonout_put(root, "heap_bytes", json_integer(s->heap_bytes));
		bad |= jsonout_put(root, "stacks", json_integer((json_int_t)s->n));
	}
	return jsonout_finish(stdout, root, bad, err);
}

static int say(const struct snapshot_arguments *a, const struct profile *p,
	       const struct profile_snapshot *s, const char *path, struct err *err)
{
	char heap[32], t[UNITS_TEXT];

	if (a->json)
		return say_json(p, s, path, err);
	report_value(heap, PROFILE_LIVE, s->heap_bytes);
	printf("snapshot %" PRIu32 " of run %.8s: %s live in %zu stack%s, %s after the start, in ",
	       snapshot_number(s), strtab_text(p->strings, p->run.id), heap, s->n,
	       s->n == 1 ? "" : "s", units_ns(t, s->t_ns - p->run.start_ns));
	text_print(stdout, path, 0, 0);
	putchar('\n');
	log_info("next: protea-prof report --snapshot %" PRIu32 " --store %s %.8s",
		 snapshot_number(s), path, strtab_text(p->strings, p->run.id));
	return 0;
}

static int show_taken(const struct snapshot_arguments *a, struct spool_session *session,
		      int64_t since_ns, struct err *err)
{
	const struct profile_snapshot *s;
	struct store *store = NULL;
	char path[PATH_MAX];
	struct profile p;
	int64_t run;
	int rc = find_store(a, session, path, &store, &run, err);

	if (rc == 0)
		rc = cli_read_run(store, run, STORE_READ_SNAPSHOTS | STORE_READ_SAMPLES, &p, err);
	store_close(store);
	if (rc)
		return rc;
	s = newest(&p, since_ns);
	rc = s ? say(a, &p, s, path, err)
	       : err_set(err, ERR_NOTFOUND,
			 "nothing of process %d's memory is known (yet): was it started with "
			 "libprotea-prof.so in it, and has it allocated anything",
			 a->pid);
	profile_release(&p);
	return rc;
}

static int take(const struct snapshot_arguments *a, struct err *err)
{
	struct spool_session *session;
	int64_t now = clock_mono_ns();
	int rc = find_session(a->pid, &session, err);

	if (rc)
		return rc;
	rc = ask_and_wait(session, a->name, err);
	if (rc == 0)
		rc = show_taken(a, session, now, err);
	session_unmap(session);
	return rc;
}

static int list(const struct snapshot_arguments *a, const char *which, struct err *err)
{
	struct store *s = NULL;
	struct profile p;
	int64_t run;
	int rc = cli_open_store(&s, cli_store_path(a->store), 0, err);

	if (rc == 0)
		rc = store_find_run(s, which, &run, err);
	if (rc == 0)
		rc = cli_read_run(s, run, STORE_READ_SNAPSHOTS | STORE_READ_SAMPLES, &p, err);
	store_close(s);
	if (rc)
		return rc;
	rc = report_snapshots(stdout, &p, a->json, err);
	profile_release(&p);
	return rc;
}

/* ---- the command ---- */

/* A name must not be one that means something else, nor look like a number. */
static int is_name(const char *name)
{
	if (!strcmp(name, "auto") || !strcmp(name, "end") || !strcmp(name, "last") || !*name ||
	    strlen(name) >= SPOOL_SNAPSHOT_NAME_MAX || !name[strspn(name, "0123456789")]) {
		log_error("snapshot: --name '%s': 1 to %d bytes, no number, not auto, end or last",
			  name, SPOOL_SNAPSHOT_NAME_MAX - 1);
		return 0;
	}
	return 1;
}

static int is_list(const char *verb)
{
	return *verb && strncmp("list", verb, strlen(verb)) == 0;
}

static int act(const struct snapshot_arguments *a, int n, char **args)
{
	struct err err = ERR_INIT;
	int rc;

	if (a->pid > 0 && n == 0)
		rc = take(a, &err);
	else if (a->pid == 0 && n > 0 && n <= 2 && is_list(args[0]))
		rc = list(a, n > 1 ? args[1] : NULL, &err);
	else {
		log_error("snapshot: %s; see protea-prof snapshot --help",
			  a->pid < 0   ? "-p takes the id of a process"
			  : a->pid > 0 ? "'list' and -p are two things"
			  : n > 0      ? "'list [RUN]' or -p PID"
				       : "-p PID is missing");
		return EXIT_USAGE;
	}
	return rc ? cli_fail(&err) : EXIT_OK;
}

int cmd_snapshot(int argc, char **argv)
{
	struct snapshot_arguments a = {0};
	const struct opt opts[] = {
		{'p', "pid", OPT_INT, &a.pid, "PID", "a process that is being recorded", 0},
		{'n', "name", OPT_TEXT, &a.name, "NAME", "to find it by (asked)", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "its store (default: the one that is being filled)", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"snapshot -p PID | snapshot list [RUN]",
		"Notes what is live in a running program, by stack, or lists what was noted.\n"
		"report --snapshot N shows one, with --since M what changed from M to N.",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	return a.name && !is_name(a.name) ? EXIT_USAGE : act(&a, argc - first, argv + first);
}
