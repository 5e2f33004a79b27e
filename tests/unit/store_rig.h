/* What the tests of the store share: a folder that goes away, a store in it, a small run. */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/store/read.h"
#include "prof/store/write.h"

static char rig_folder[256], rig_path[400];
static int rig_child; /* set in forked children, which must not go on with the next test */

static inline int rig_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(rig_folder, sizeof rig_folder, "%.200s/store.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(rig_folder))
		return -1;
	snprintf(rig_path, sizeof rig_path, "%s/a.sqlite", rig_folder);
	return 0;
}

static inline int rig_teardown(void **state)
{
	DIR *dir = opendir(rig_folder);
	struct dirent *e;
	char path[600];

	(void)state;
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof path, "%s/%s", rig_folder, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path) < 0)
			rmdir(path);
	}
	if (dir)
		closedir(dir);
	return rmdir(rig_folder);
}

/* Entries of the folder besides `.` and `..`. */
static inline int rig_files(void)
{
	DIR *dir = opendir(rig_folder);
	int n = -2;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Fails the test with the error's text. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		struct err rig_err = ERR_INIT;                                                     \
		struct err *const e = &rig_err;                                                    \
		int rig_rc = (call);                                                               \
		if (rig_rc != 0 && rig_child)                                                      \
			_exit(9);                                                                  \
		if (rig_rc != 0)                                                                   \
			fail_msg("%s: %s", #call, rig_err.text);                                   \
	} while (0)

static inline struct store *rig_open(enum store_open_mode mode)
{
	struct store *s = NULL;

	OK(store_open(&s, rig_path, mode, e));
	return s;
}

/* One value by plain SQL on a connection of its own, as an outsider asks; -1 on failure. */
static inline int64_t rig_int(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	int64_t value = -1;

	if (sqlite3_open_v2(rig_path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_busy_timeout(db, 20000) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	else
		print_message("%s: %s\n", sql, db ? sqlite3_errmsg(db) : "?");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

static inline void rig_text(const char *sql, char *out, size_t size)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	out[0] = 0;
	if (sqlite3_open_v2(rig_path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
		snprintf(out, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* A foreign hand: any change. */
static inline int rig_exec(const char *sql)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(rig_path, &db, SQLITE_OPEN_READWRITE, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		print_message("%s: %s\n", sql, db ? sqlite3_errmsg(db) : "?");
	sqlite3_close(db);
	return rc;
}

static inline int rig_sound(void)
{
	char text[256];

	rig_text("PRAGMA integrity_check", text, sizeof text);
	return strcmp(text, "ok") == 0;
}

/* A run with the given id in an open transaction. */
static inline int64_t rig_run(struct store *s, const char *id, const char *name, int64_t started_at)
{
	struct store_run run = {.id = id,
				.name = name,
				.command = "true",
				.argv_json = "[\"true\"]",
				.mode = "cpu",
				.engine = "perf",
				.started_at = started_at,
				.start_ns = 1000,
				.ncpu = 2,
				.rate_hz = 199};
	int64_t key = 0;

	OK(store_run_add(s, &run, &key, e));
	return key;
}

struct rig_run {
	int64_t run, process, thread, module, frames[4], stacks[4], stage;
};

/* main → work → leaf, and main → other; cpu samples in work's leaf and in other. */
static inline struct rig_run rig_small(struct store *s, const char *id, const char *name,
				       int64_t started_at)
{
	struct profile_process p = {.pid = 70, .ppid = 1, .start_ns = 1000};
	struct profile_thread t = {.tid = 71, .start_ns = 1000};
	struct profile_stage end = {.wall_ns = 500,
				    .cpu_ns = 400,
				    .items = 5,
				    .alloc_bytes = 1,
				    .alloc_count = 2,
				    .peak_heap_bytes = 3,
				    .peak_rss_bytes = -1};
	struct rig_run r = {.run = rig_run(s, id, name, started_at)};

	OK(store_process_add(s, r.run, &p, "prog", &r.process, e));
	OK(store_thread_add(s, r.process, &t, "main", &r.thread, e));
	OK(store_module_add(s, r.run, "/usr/bin/prog", "abcd", 0x1000, 0x2000, 0, &r.module, e));
	for (int i = 0; i < 4; i++)
		OK(store_frame_add(s, r.run, r.module, 0x100u + (unsigned)i, &r.frames[i], e));
	OK(store_stack_add(s, 0, r.frames[0], 1, &r.stacks[0], e));
	OK(store_stack_add(s, r.stacks[0], r.frames[1], 2, &r.stacks[1], e));
	OK(store_stack_add(s, r.stacks[1], r.frames[2], 3, &r.stacks[2], e));
	OK(store_stack_add(s, r.stacks[0], r.frames[3], 2, &r.stacks[3], e));
	OK(store_stage_add(s, r.run, 0, r.thread, "knn", 1, 1100, &r.stage, e));
	OK(store_sample_add(s, r.run, PROFILE_CPU, r.stage, r.thread, r.stacks[2], 3, 30, e));
	OK(store_sample_add(s, r.run, PROFILE_CPU, 0, r.thread, r.stacks[3], 1, 10, e));
	OK(store_tick_add(s, r.run, r.thread, 1200, r.stacks[2], PROFILE_RUNNING, e));
	OK(store_counter_add(s, r.run, 1300, "rss_bytes", 4096, e));
	OK(store_loss_add(s, r.run, "late_tick", 2, e));
	OK(store_stage_end(s, r.stage, &end, "{\"n\":1}", e));
	return r;
}

static inline void rig_name(struct store *s, const struct rig_run *r)
{
	static const char *const names[] = {"main", "work", "leaf", "other"};

	for (int i = 0; i < 4; i++) {
		struct store_name n = {.function = names[i],
				       .file = "prog.c",
				       .language = "C",
				       .line = (uint32_t)i + 1};

		OK(store_name_frame(s, r->run, r->frames[i], &n, 1, e));
	}
	OK(store_names_apply(s, r->run, e));
}

static inline void rig_finish(struct store *s, int64_t run)
{
	struct store_run_end end = {.duration_ns = 1000, .has_exit_code = 1, .exit_code = 3};

	OK(store_run_finish(s, run, &end, e));
}

static inline void id_of(char id[40], int a, int b)
{
	snprintf(id, 40, "%08x-0000-4000-8000-%012x", a, b);
}

static inline void add_run(struct store *s, int a, int b)
{
	struct rig_run r;
	char id[40];

	id_of(id, a, b);
	OK(store_begin(s, e));
	r = rig_small(s, id, "run", b);
	rig_name(s, &r);
	rig_finish(s, r.run);
	OK(store_commit(s, e));
}

static inline void make_store(void)
{
	struct store *s = rig_open(STORE_CREATE);

	add_run(s, 1, 1);
	store_close(s);
}

static inline int wait_child(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* A small file system of its own that nobody else sees; 0: not permitted. */
static inline int mount_small(char at[300], const char *size)
{
	snprintf(at, 300, "%.280s/m", rig_folder);
	assert_int_equal(mkdir(at, 0755), 0);
	snprintf(rig_path, sizeof rig_path, "%.280s/m/a.sqlite", rig_folder);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", at, "tmpfs", 0, size) < 0) {
		print_message("no permission to mount: %s\n", strerror(errno));
		return 0;
	}
	return 1;
}

static inline int teardown_mount(void **state)
{
	char at[300];

	snprintf(at, sizeof at, "%.280s/m", rig_folder);
	umount2(at, MNT_DETACH); /* when the test failed before it did */
	return rig_teardown(state);
}

#endif
