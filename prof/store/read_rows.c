/* Strings, modules, processes, threads, losses; frames and stacks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/reader.h"

#define RANGE " BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id"

static int string_row(struct reader *r, sqlite3_stmt *stmt)
{
	uint32_t id;
	int rc = reader_text(r, stmt, 1, &id);

	return rc < 0 ? rc : places_set(r, &r->strings, store_n(column_int(stmt, 0)), id);
}

static int module_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_module m = {.start = (uint64_t)column_int(stmt, 3),
				   .end = (uint64_t)column_int(stmt, 4),
				   .offset = (uint64_t)column_int(stmt, 5)};
	int rc = reader_text(r, stmt, 1, &m.path);

	if (rc == 0)
		rc = reader_text(r, stmt, 2, &m.build_id);
	if (rc == 0)
		rc = READER_GROW(r, CAP_MODULES, p->modules, (size_t)p->n_modules + 1);
	if (rc == 0)
		rc = places_set(r, &r->modules, store_n(column_int(stmt, 0)), p->n_modules);
	if (rc == 0)
		p->modules[p->n_modules++] = m;
	return rc;
}

static int process_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_process row = {.pid = column_int(stmt, 1),
				      .ppid = column_int(stmt, 2),
				      .start_ns = column_int(stmt, 4),
				      .end_ns = column_int(stmt, 5),
				      .cpu_ns = column_int(stmt, 6),
				      .max_rss_bytes = column_int(stmt, 7)};
	int rc = reader_text(r, stmt, 3, &row.name);

	if (rc == 0)
		rc = READER_GROW(r, CAP_PROCESSES, p->processes, (size_t)p->n_processes + 1);
	if (rc == 0)
		rc = places_set(r, &r->processes, store_n(column_int(stmt, 0)), p->n_processes);
	if (rc == 0)
		p->processes[p->n_processes++] = row;
	return rc;
}

static int add_thread(struct reader *r, const struct profile_thread *t)
{
	struct profile *p = r->p;
	int rc = READER_GROW(r, CAP_THREADS, p->threads, (size_t)p->n_threads + 1);

	if (rc == 0)
		p->threads[p->n_threads++] = *t;
	return rc;
}

static int thread_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile_thread t = {.tid = column_int(stmt, 2),
				   .start_ns = column_int(stmt, 4),
				   .end_ns = column_int(stmt, 5),
				   .cpu_ns = column_int(stmt, 6)};
	int rc = places_get(r, &r->processes, column_int(stmt, 1), "process", &t.process);

	if (rc == 0)
		rc = reader_text(r, stmt, 3, &t.name);
	if (rc == 0)
		rc = places_set(r, &r->threads, store_n(column_int(stmt, 0)), r->p->n_threads);
	return rc < 0 ? rc : add_thread(r, &t);
}

static int make_no_thread(struct reader *r)
{
	struct profile *p = r->p;
	struct profile_thread t = {0};
	int rc = 0;

	if (strtab_intern_text(p->strings, "[no thread]", &t.name) < 0)
		return err_nomem(r->err, "a profile");
	if (p->n_processes == 0) {
		rc = READER_GROW(r, CAP_PROCESSES, p->processes, 1);
		if (rc < 0)
			return rc;
		p->processes[p->n_processes++] = (struct profile_process){.name = t.name};
	}
	r->no_thread = p->n_threads;
	return add_thread(r, &t);
}

int reader_thread(struct reader *r, int64_t n, uint32_t *place)
{
	if (n != 0)
		return places_get(r, &r->threads, n, "thread", place);
	if (r->no_thread == PROFILE_NONE) {
		int rc = make_no_thread(r);

		if (rc < 0)
			return rc;
	}
	*place = r->no_thread;
	return 0;
}

static int loss_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	int64_t count = column_int(stmt, 1);
	struct profile_loss loss = {.count = count < 0 ? 0 : (uint64_t)count};
	int rc = reader_text(r, stmt, 0, &loss.reason);

	if (rc == 0)
		rc = READER_GROW(r, CAP_LOSSES, p->losses, (size_t)p->n_losses + 1);
	if (rc == 0)
		p->losses[p->n_losses++] = loss;
	return rc;
}

int read_places(struct reader *r)
{
	int rc = reader_rows(r, "SELECT id, text FROM string_row WHERE id" RANGE, 0, string_row);

	if (rc == 0)
		rc = reader_rows(r,
				 "SELECT id, path, build_id, start, \"end\", offset FROM module_row"
				 " WHERE id" RANGE,
				 0, module_row);
	if (rc == 0)
		rc = reader_rows(
			r,
			"SELECT id, pid, ppid, name, start_ns, end_ns, cpu_ns, max_rss_bytes"
			" FROM process_row WHERE id" RANGE,
			0, process_row);
	if (rc == 0)
		rc = reader_rows(r,
				 "SELECT id, process, tid, name, start_ns, end_ns, cpu_ns"
				 " FROM thread_row WHERE id" RANGE,
				 0, thread_row);
	if (rc == 0)
		rc = reader_rows(
			r, "SELECT reason, count FROM loss_row WHERE run = ?1 ORDER BY reason", 1,
			loss_row);
	return rc;
}

/* ---- frames ---- */

/* A frame nobody named yet: "[unknown in libx.so+0x1234]". */
static int unknown_function(struct reader *r, const struct profile_frame *f, uint32_t *string)
{
	char text[300];
	const char *path, *base;

	if (f->module == PROFILE_NONE) {
		snprintf(text, sizeof text, "[unknown 0x%" PRIx64 "]", f->rel_addr);
	} else {
		path = strtab_text(r->p->strings, r->p->modules[f->module].path);
		base = strrchr(path, '/');
		snprintf(text, sizeof text, "[unknown in %.255s+0x%" PRIx64 "]",
			 base ? base + 1 : path, f->rel_addr);
	}
	return strtab_intern_text(r->p->strings, text, string) < 0 ? err_nomem(r->err, "a profile")
								   : 0;
}

static int frame_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_frame f = {.module = PROFILE_NONE,
				  .rel_addr = (uint64_t)column_int(stmt, 2),
				  .line = (uint32_t)column_int(stmt, 5),
				  .inline_depth = (uint32_t)column_int(stmt, 6)};
	int64_t module = column_int(stmt, 1);
	int rc = module ? places_get(r, &r->modules, module, "module", &f.module) : 0;

	if (rc == 0)
		rc = reader_string(r, stmt, 3, &f.function);
	if (rc == 0)
		rc = reader_string(r, stmt, 4, &f.file);
	if (rc == 0)
		rc = reader_string(r, stmt, 7, &f.language);
	if (rc == 0 && f.function == STRTAB_EMPTY)
		rc = unknown_function(r, &f, &f.function);
	if (rc == 0)
		rc = READER_GROW(r, CAP_FRAMES, p->frames, (size_t)p->n_frames + 1);
	if (rc == 0)
		rc = places_set(r, &r->frames, store_n(column_int(stmt, 0)), p->n_frames);
	if (rc == 0)
		p->frames[p->n_frames++] = f;
	return rc;
}

/* ---- stacks ---- */

/* As they lie in the file: `parent` and `depth` still hold the numbers of the parent and of the row. */
static int stack_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	uint32_t n = store_n(column_int(stmt, 0));
	int64_t up = column_int(stmt, 1);
	struct profile_stack row = {.depth = n};
	int rc = places_get(r, &r->frames, column_int(stmt, 2), "frame", &row.frame);

	if (rc == 0 && (up >= n || up <= (int64_t)n - (int64_t)PROFILE_NONE) && up != 0)
		rc = reader_damaged(r, "a stack has no such parent");
	row.parent = up ? (uint32_t)(n - up) : 0;
	if (rc == 0)
		rc = READER_GROW(r, CAP_STACKS, p->stacks, (size_t)p->n_stacks + 1);
	if (rc == 0)
		rc = places_set(r, &r->stacks, n, p->n_stacks);
	if (rc == 0)
		p->stacks[p->n_stacks++] = row;
	return rc;
}

#define UNPLACED 0u /* place 0 is the root's, which is no row of the file */

/* Gives row `i` of `from` and all rows above it that have none yet their places, the outermost first. */
static int place_row(struct reader *r, const struct profile_stack *from, uint32_t *place,
		     uint32_t *above, uint32_t i, uint32_t *next)
{
	struct profile *p = r->p;
	uint32_t n = 0, up;

	for (uint32_t at = i; at != 0 && place[at] == UNPLACED;) {
		if (n >= p->n_stacks)
			return reader_damaged(r, "stacks form a circle");
		above[n++] = at;
		if (from[at].parent == 0)
			break;
		if (places_get(r, &r->stacks, from[at].parent, "stack", &up) < 0)
			return ERR_FORMAT;
		at = up;
	}
	while (n > 0) {
		uint32_t at = above[--n], parent = 0;

		if (from[at].parent != 0)
			parent = place[r->stacks.at[from[at].parent]];
		p->stacks[*next].parent = parent;
		p->stacks[*next].frame = from[at].frame;
		p->stacks[*next].depth = p->stacks[parent].depth + 1;
		place[at] = (*next)++;
	}
	return 0;
}

/* Parents before children, else in the order of the file; depths from the paths themselves. */
static int order_stacks(struct reader *r)
{
	struct profile *p = r->p;
	size_t n = p->n_stacks;
	struct profile_stack *from = malloc(n * sizeof *from);
	uint32_t *place = calloc(n, sizeof *place), *above = malloc(n * sizeof *above);
	uint32_t next = 1;
	int rc = from && place && above ? 0 : err_nomem(r->err, "a profile");

	if (rc == 0)
		memcpy(from, p->stacks, n * sizeof *from);
	for (uint32_t i = 1; i < n && rc == 0; i++)
		rc = place_row(r, from, place, above, i, &next);
	for (uint32_t i = 1; i < n && rc == 0; i++)
		r->stacks.at[from[i].depth] = place[i];
	free(from);
	free(place);
	free(above);
	return rc;
}

int read_stacks(struct reader *r)
{
	int rc = reader_rows(r,
			     "SELECT id, module, rel_addr, function, file, line, inline_depth,"
			     " language FROM frame_row WHERE id" RANGE,
			     0, frame_row);

	if (rc == 0)
		rc = reader_rows(r, "SELECT id, up, frame FROM stack_row WHERE id" RANGE, 0,
				 stack_row);
	return rc < 0 ? rc : order_stacks(r);
}
