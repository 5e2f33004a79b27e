/* What was drained and is not in the store yet: samples added up, ticks, counters, losses, marks. One
 * flush is one transaction; what fails stays and is tried again. Bounded: what does not fit is counted.
 * Not thread-safe. */
#ifndef RECORD_BATCH_H
#define RECORD_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/profile.h"
#include "prof/record/known.h"
#include "prof/store/write.h"

#define BATCH_SAMPLES_MAX  (1u << 20) /* different (kind, stage, thread, stack): 40 MiB */
#define BATCH_TICKS_MAX    (1u << 18)
#define BATCH_COUNTERS_MAX (1u << 18)

struct batch_sample {
	uint32_t kind, stage, thread, stack; /* stage: KNOWN_NONE for none */
	uint64_t count;
	int64_t value;
};

struct batch_tick {
	int64_t t_ns;
	uint32_t thread, stack, state;
};

struct batch_counter {
	int64_t t_ns;
	uint32_t name; /* string */
	double value;
};

struct batch_mark {
	uint32_t file; /* string */
	uint32_t ring;
	uint64_t offset;
	uint32_t thread, process; /* instead of offset: their row; KNOWN_NONE */
};

struct batch {
	struct batch_sample *samples;
	struct hashidx sample_index;
	struct batch_tick *ticks;
	struct batch_counter *counters;
	struct batch_mark *marks;
	uint32_t n_samples, cap_samples, n_ticks, cap_ticks, n_counters, cap_counters, n_marks,
		cap_marks;
	uint64_t losses[SPOOL_LOSSES];
	uint64_t all_losses[SPOOL_LOSSES]; /* of the run so far */
	uint64_t all_samples;              /* of kind cpu */
};

void batch_init(struct batch *b);
void batch_release(struct batch *b);

/* 0, or ERR_NOMEM / ERR_LIMIT: counted as table_full, nothing else to do. */
int batch_sample(struct batch *b, enum profile_kind kind, uint32_t stage, uint32_t thread,
		 uint32_t stack, uint64_t count, int64_t value);
void batch_tick(struct batch *b, uint32_t thread, int64_t t_ns, uint32_t stack,
		enum profile_state state);
void batch_counter(struct batch *b, int64_t t_ns, uint32_t name, double value);
void batch_loss(struct batch *b, enum spool_loss loss, uint64_t n);
/* 0 or ERR_NOMEM. Marks are made anew for each flush: batch_forget_marks() first. */
int batch_mark(struct batch *b, const struct batch_mark *mark);
void batch_forget_marks(struct batch *b);

/* What else belongs into the transaction, once everything of `k` and the batch is in it. */
struct batch_more {
	int (*write)(void *ctx, struct err *err);
	void *ctx;
};

/* Everything that is new in `k` and all of the batch in one transaction. 0 and the batch is empty;
 * else nothing happened, as far as store and batch go. `more` may be NULL. */
int batch_flush(struct batch *b, struct known *k, struct store *store, int64_t run,
		const struct batch_more *more, struct err *err);

#endif
