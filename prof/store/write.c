/* Rows of runs, processes, threads, modules, frames and stacks. */
#include "prof/store/write.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/secret.h"
#include "prof/store/internal.h"

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

static int add_run(struct store *s, const struct store_run *run, const char *command,
		   const char *argv, int64_t *key, struct err *err)
{
	const char *texts[] = {run->id,      run->name,    command,          argv,
			       run->job,     run->host,    run->cpu_model,   run->kernel,
			       run->version, run->git_sha, run->labels_json, run->mode,
			       run->engine,  run->memory,  run->spool_path};
	sqlite3_stmt *stmt;
	int rc;

	stmt = store_stmt(s, SQL_RUN_ADD, err);
	if (!stmt)
		return no_stmt(err);
	for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)
		bind_text(stmt, i + 1, texts[i]);
	sqlite3_bind_int64(stmt, 16, run->started_at);
	sqlite3_bind_int64(stmt, 17, run->start_ns);
	sqlite3_bind_int64(stmt, 18, run->ncpu);
	sqlite3_bind_double(stmt, 19, isfinite(run->rate_hz) ? run->rate_hz : 0);
	sqlite3_bind_int64(stmt, 20, (int64_t)run->memory_rate_bytes);
	sqlite3_bind_int64(stmt, 21, (int64_t)run->memory_temporary);
	rc = store_step(s, stmt, "add a run to", err);
	sqlite3_clear_bindings(stmt);
	if (rc < 0)
		return rc;
	*key = sqlite3_last_insert_rowid(s->db);
	if (*key > STORE_RUN_MAX)
		return err_set(err, ERR_LIMIT, "'%s' is full: begin a new store", s->path);
	return 0;
}

/* A copy without passwords: a store goes from hand to hand. NULL: there is none, or no memory. */
static char *without_passwords(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (copy)
		secret_hide(copy);
	return copy;
}

int store_run_add(struct store *s, const struct store_run *run, int64_t *key, struct err *err)
{
	char *command, *argv;
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!run->id || !*run->id)
		return err_set(err, ERR_ARG, "a run needs an id");
	command = without_passwords(run->command);
	argv = without_passwords(run->argv_json);
	if ((run->command && !command) || (run->argv_json && !argv))
		rc = err_nomem(err, "a run");
	else
		rc = add_run(s, run, command, argv, key, err);
	free(command);
	free(argv);
	return rc;
}

static void bind_process(sqlite3_stmt *stmt, int64_t id, const struct profile_process *p,
			 const char *name)
{
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, p->pid);
	sqlite3_bind_int64(stmt, 3, p->ppid);
	bind_text(stmt, 4, name);
	sqlite3_bind_int64(stmt, 5, p->start_ns);
	sqlite3_bind_int64(stmt, 6, p->end_ns);
	sqlite3_bind_int64(stmt, 7, p->cpu_ns);
	sqlite3_bind_int64(stmt, 8, p->max_rss_bytes);
}

int store_process_add(struct store *s, int64_t run, const struct profile_process *p,
		      const char *name, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_PROCESS_ADD, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, run, TABLE_PROCESS, id, err);
	if (rc < 0)
		return rc;
	bind_process(stmt, *id, p, name);
	return store_step(s, stmt, "write to", err);
}

int store_process_update(struct store *s, int64_t id, const struct profile_process *p,
			 const char *name, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_PROCESS_SET, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	bind_process(stmt, id, p, name);
	return store_step(s, stmt, "write to", err);
}

static void bind_thread(sqlite3_stmt *stmt, int64_t id, uint32_t process,
			const struct profile_thread *t, const char *name)
{
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, process);
	sqlite3_bind_int64(stmt, 3, t->tid);
	bind_text(stmt, 4, name);
	sqlite3_bind_int64(stmt, 5, t->start_ns);
	sqlite3_bind_int64(stmt, 6, t->end_ns);
	sqlite3_bind_int64(stmt, 7, t->cpu_ns);
}

int store_thread_add(struct store *s, int64_t process, const struct profile_thread *t,
		     const char *name, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_THREAD_ADD, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, store_run_of(process), TABLE_THREAD, id, err);
	if (rc < 0)
		return rc;
	bind_thread(stmt, *id, store_n(process), t, name);
	return store_step(s, stmt, "write to", err);
}

int store_thread_update(struct store *s, int64_t id, const struct profile_thread *t,
			const char *name, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_THREAD_SET, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	bind_thread(stmt, id, 0, t, name);
	return store_step(s, stmt, "write to", err);
}

int store_module_add(struct store *s, int64_t run, const char *path, const char *build_id,
		     uint64_t start, uint64_t end, uint64_t offset, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_MODULE_ADD, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, run, TABLE_MODULE, id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, *id);
	bind_text(stmt, 2, path ? path : "");
	bind_text(stmt, 3, build_id && *build_id ? build_id : NULL);
	sqlite3_bind_int64(stmt, 4, (int64_t)start);
	sqlite3_bind_int64(stmt, 5, (int64_t)end);
	sqlite3_bind_int64(stmt, 6, (int64_t)offset);
	return store_step(s, stmt, "write to", err);
}

static int add_frame(struct store *s, int64_t run, uint32_t module, uint64_t rel_addr,
		     uint32_t function, int64_t *id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_FRAME_ADD, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, run, TABLE_FRAME, id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, *id);
	sqlite3_bind_int64(stmt, 2, module);
	sqlite3_bind_int64(stmt, 3, (int64_t)rel_addr);
	sqlite3_bind_int64(stmt, 4, function);
	return store_step(s, stmt, "write to", err);
}

/* A row that is named must be one of this run: a mix-up would show up only in someone's report. */
static int same_run(struct store *s, int64_t run, int64_t id, struct err *err)
{
	if (id == 0 || store_run_of(id) == run)
		return 0;
	return err_set(err, ERR_ARG, "row %lld of '%s' does not belong to run %lld", (long long)id,
		       s->path, (long long)run);
}

int store_frame_add(struct store *s, int64_t run, int64_t module, uint64_t rel_addr, int64_t *id,
		    struct err *err)
{
	int rc = same_run(s, run, module, err);

	return rc < 0 ? rc : add_frame(s, run, store_n(module), rel_addr, 0, id, err);
}

int store_frame_add_label(struct store *s, int64_t run, const char *label, int64_t *id,
			  struct err *err)
{
	uint32_t n;
	int rc = store_string(s, run, label && *label ? label : "[unknown]", &n, err);

	return rc < 0 ? rc : add_frame(s, run, 0, 0, n, id, err);
}

int store_stack_add(struct store *s, int64_t parent, int64_t frame, uint32_t depth, int64_t *id,
		    struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STACK_ADD, err);
	int64_t run = store_run_of(frame);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = same_run(s, run, parent, err);
	if (rc == 0)
		rc = store_next_id(s, run, TABLE_STACK, id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, *id);
	sqlite3_bind_int64(stmt, 2, parent ? *id - parent : 0);
	sqlite3_bind_int64(stmt, 3, store_n(frame));
	sqlite3_bind_int64(stmt, 4, depth);
	return store_step(s, stmt, "write to", err);
}
