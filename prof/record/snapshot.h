/* Snapshots of live memory by stack, over all processes of a recording: now and then by themselves, ever
 * further apart; when somebody asks; and at the end. They wait here for the next flush. */
#ifndef RECORD_SNAPSHOT_H
#define RECORD_SNAPSHOT_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/spool/format.h"

struct recording;
struct image;

#define SNAPSHOT_AUTO_MAX  32                 /* then every other one goes, and the step doubles */
#define SNAPSHOT_AUTO_ROWS 2000               /* the largest stacks */
#define SNAPSHOT_STEP_NS   INT64_C(250000000) /* at first */
/* Who asks before any process with tracked memory was seen is answered by then, with nothing to show. */
#define SNAPSHOT_PATIENCE_NS INT64_C(1000000000)

struct snapshot_row {
	uint32_t stack;
	uint64_t count;
	int64_t value;
};

struct snapshot_sum {              /* by stack */
	struct snapshot_row *rows; /* owned */
	uint32_t n, cap;
	struct idmap at; /* stack to place in rows */
	int64_t heap_bytes;
};

struct snapshot {                          /* that is not in the store yet */
	int64_t t_ns, heap_bytes, id;      /* id: by the transaction that is open */
	const char *name;                  /* static */
	char own[SPOOL_SNAPSHOT_NAME_MAX]; /* instead of it; "" none */
	struct snapshot_row *rows;         /* owned */
	uint32_t n;
	uint32_t number; /* of an automatic one; 0: it is none */
};

struct snapshot_auto {
	uint32_t number;
	int64_t id; /* 0: not in the store yet */
};

struct snapshots {
	struct snapshot *waiting; /* owned */
	uint32_t n_waiting, cap_waiting;
	struct snapshot_auto autos[SNAPSHOT_AUTO_MAX];
	uint32_t n_autos, numbers;
	int64_t *doomed; /* owned: ids of the store */
	uint32_t n_doomed, cap_doomed;
	int64_t step_ns, next_ns; /* 0: no memory was seen yet */
	uint32_t asked;           /* what session->snapshot_done becomes with the next commit */
	int64_t asked_ns; /* since then somebody waits for a process to be seen; 0: nobody */
	int ending;       /* images that end now count for the last one */
	struct snapshot_sum last;
};

void snapshots_release(struct snapshots *s);

/* Takes what is due at `now_ns`. 1: somebody waits for the next flush; 0; ERR_NOMEM. */
int snapshots_look(struct recording *r, int64_t now_ns);
/* The recording ends: images that end from here on are what the last snapshot shows. */
void snapshots_begin_end(struct recording *r);
int snapshots_image_ended(struct recording *r, const struct image *m);
int snapshots_take_last(struct recording *r, int64_t now_ns);

/* Inside the transaction of a flush, and after its commit. */
int snapshots_write(struct recording *r, struct err *err);
void snapshots_written(struct recording *r);

#endif
