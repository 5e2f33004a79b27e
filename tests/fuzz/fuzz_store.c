/* Any bytes as a profile store: opened, its runs listed and read, then opened for writing, named and
 * finished. What is read must be whole. */
#include <stdint.h>
#include <string.h>

#include "prof/store/read.h"
#include "prof/store/write.h"
#include "tests/fuzz/scratch.h"
#include "tests/unit/store_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[SCRATCH_PATH];

static int on_run(void *ctx, const struct store_run_row *row)
{
	int64_t *runs = ctx;

	if (strlen(row->id) + strlen(row->name) + strlen(row->command) + strlen(row->labels_json) >
	    (1u << 30))
		__builtin_trap();
	if (runs[0] < 4)
		runs[++runs[0]] = row->key;
	return 0;
}

static int on_unnamed(void *ctx, const struct store_unnamed *u, struct err *err)
{
	static const struct store_name chain[2] = {{.function = "a"}, {.function = "b", .line = 3}};
	int64_t *of = ctx;
	struct store *s = (struct store *)(intptr_t)of[0];
	int rc = 0;

	for (size_t i = 0; i < u->n && rc == 0; i++)
		rc = store_name_frame(s, of[1], u->frames[i], chain, 1 + (u->rel_addrs[i] & 1),
				      err);
	return rc;
}

static void read_runs(void)
{
	int64_t runs[5] = {0}, found;
	struct err err = ERR_INIT;
	struct profile p;
	struct store *s;

	if (store_open(&s, path, STORE_READ, &err) < 0)
		return;
	(void)!store_list_runs(s, on_run, runs, &err);
	(void)!store_find_run(s, "abcd", &found, &err);
	for (int64_t i = 1; i <= runs[0]; i++) {
		if (store_read_run(s, runs[i], STORE_READ_ALL, &p, &err) < 0)
			continue;
		if (!store_check_profile(&p))
			__builtin_trap();
		profile_release(&p);
	}
	store_close(s);
}

static void change_runs(void)
{
	struct store_run_end end = {.duration_ns = 5};
	int64_t ctx[2] = {0, 1};
	struct err err = ERR_INIT;
	struct store *s;
	int rc;

	if (store_open(&s, path, STORE_WRITE, &err) < 0)
		return;
	ctx[0] = (int64_t)(intptr_t)s;
	rc = store_begin(s, &err);
	if (rc == 0)
		rc = store_unnamed(s, 1, on_unnamed, ctx, &err);
	if (rc == 0)
		rc = store_names_apply(s, 1, &err);
	if (rc == 0)
		rc = store_run_finish(s, 1, &end, &err);
	if (rc == 0)
		rc = store_commit(s, &err);
	if (rc < 0)
		store_rollback(s);
	(void)!store_run_label(s, 1, "k", "v", &err);
	(void)!store_run_remove(s, 1, &err);
	store_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char beside[SCRATCH_PATH + 8];
	FILE *f;

	if (!path[0])
		scratch_path(path, "s.sqlite");
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size)
		abort();
	fclose(f);
	read_runs();
	change_runs();
	unlink(path);
	snprintf(beside, sizeof beside, "%s-wal", path);
	unlink(beside);
	snprintf(beside, sizeof beside, "%s-shm", path);
	unlink(beside);
	return 0;
}
