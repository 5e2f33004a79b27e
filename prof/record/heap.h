/* Memory of the processes that are recorded: the heap files of their images are looked at while they grow
 * (stacks, threads and stages get their rows then), and become samples of the store when an image ends.
 * Snapshots on the way are snapshot.h's. Same thread as everything of the recording. */
#ifndef RECORD_HEAP_H
#define RECORD_HEAP_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/heap/reader.h"

struct recording;
struct image;

#define HEAP_LATE_MAX 64

struct heap_stage {
	uint64_t id;
	uint32_t row; /* its number in the store, by the transaction that is open; 0: not known */
};

struct image_heap {
	struct heap_reader reader;
	uint32_t sites; /* that were looked at, as far as their stacks, threads and stages go */
	uint32_t late[HEAP_LATE_MAX]; /* of them, those that were not complete then */
	uint32_t n_late;
	struct idmap stacks; /* stacks of the file that have a row, to it */
	uint32_t *threads;   /* owned: row of the file to known thread or KNOWN_NONE */
	uint32_t n_threads, cap_threads;
	struct idmap stages;           /* ids that sites name, to numbers in the store; 0: new */
	struct heap_stage *new_stages; /* owned: those not committed yet */
	uint32_t n_new_stages, cap_new_stages;
	int64_t ended_ns;
	int left;   /* its process ended (or became another program): what lives is leaked */
	int stored; /* its sums are in the store */
};

/* The image's file, if it is there by now, and what is new in it. 0 or ERR_NOMEM. */
int heap_look(struct recording *r, struct image *m);
/* The last look: nothing that comes later counts. */
int heap_last_look(struct recording *r, struct image *m, int64_t t_ns);
void heap_release(struct image *m);

/* Of all images; called after the rings were read and before every flush, so that a stage that sites name is
 * still known. */
int heap_look_all(struct recording *r);

/* Inside the transaction of a flush, after everything that samples refer to has its row. */
int heap_write(struct recording *r, struct err *err);
void heap_written(struct recording *r); /* it was committed */

#endif
