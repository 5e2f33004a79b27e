/* A run out of the store, as a struct profile, and the list of runs. */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "prof/model/profile.h"
#include "prof/store/store.h"

enum store_read_parts {
	STORE_READ_SAMPLES =
		1, /* modules, frames, stacks, samples, threads, processes, losses, stages, SQL */
	STORE_READ_TICKS = 2,
	STORE_READ_COUNTERS = 4,
	STORE_READ_SNAPSHOTS = 8,
	STORE_READ_ALL = 15,
	STORE_READ_STAGES =
		16, /* threads, processes, losses, stages, SQL: of SAMPLES what is small */
};

/* `p` is initialised here; on failure it is empty. Frames without names get "[unknown in …]" names.
 * Rows that contradict each other (a foreign hand in the file) are ERR_FORMAT, never a crash. */
int store_read_run(struct store *s, int64_t run, unsigned parts, struct profile *p,
		   struct err *err);

struct store_run_row {
	int64_t key, started_at, duration_ns;
	const char *id, *name, *command, *labels_json; /* borrowed for the call */
	int has_exit_code, exit_code, signal, finished;
	double rate_hz;
	uint64_t samples; /* of kind cpu or wall */
};
/* Newest first. */
int store_list_runs(struct store *s, int (*each)(void *ctx, const struct store_run_row *row),
		    void *ctx, struct err *err);
/* The same without counting samples (0), which reads all of them. */
int store_list_heads(struct store *s, int (*each)(void *ctx, const struct store_run_row *row),
		     void *ctx, struct err *err);
/* Those with the label `key` of that value, the oldest first; a non-zero answer of `each` ends it and is returned. */
int store_labelled_runs(struct store *s, const char *key, const char *value,
			int (*each)(void *ctx, int64_t run), void *ctx, struct err *err);

/* Changes by hand; each is a transaction of its own. */
int store_run_label(struct store *s, int64_t run, const char *key, const char *value,
		    struct err *err); /* value NULL: removes it */
int store_run_rename(struct store *s, int64_t run, const char *name, struct err *err);
int store_run_remove(struct store *s, int64_t run, struct err *err);
/* Copies a run from another store (`from`) that is not in this one yet; *copied tells. */
int store_run_copy(struct store *s, struct store *from, int64_t run, int *copied, struct err *err);

#endif
