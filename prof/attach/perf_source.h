/* A source as its two halves share it: perf.c makes, grows and changes it, perf_read.c reads. Private to
 * prof/attach/perf*.c. */
#ifndef ATTACH_PERF_SOURCE_H
#define ATTACH_PERF_SOURCE_H

#include <stdint.h>

#include "prof/attach/perf.h"
#include "prof/attach/perf_adapt.h"
#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_records.h"
#include "prof/attach/perf_ring.h"
#include "prof/attach/perf_scan.h"
#include "prof/attach/perf_set.h"
#include "prof/attach/perf_weight.h"

struct perf_source {
	struct perf_options o;
	struct perf_features can;
	struct perf_ring *rings;     /* owned */
	uint32_t n_rings, n_offline; /* of them without a ring: their CPUs are not online */
	int64_t cpus_due;
	int epoll;
	struct perf_set set;
	struct perf_weights weights;
	struct perf_adapt adapt;
	struct perf_facts facts;
	int *pids; /* owned: processes with events, to open them anew */
	uint32_t n_pids, cap_pids;
	int stopped, flushed;
	struct perf_counted *counted; /* owned; of each ring */
	int64_t *times;               /* owned; of each ring's next record */
	uint8_t *scratch;             /* owned, PERF_RECORD_MAX bytes: a record that wraps around */
};

/* Processes that have events: a new one (0 or ERR_NOMEM), one whose first thread ended. */
int perf_source_note(struct perf_source *s, int pid);
void perf_source_leader_ended(struct perf_source *s, int pid);
/* Changes the size of copies, and meets CPUs that came online, if that is due. */
void perf_source_adapt(struct perf_source *s, int64_t now);
/* Makes the kernel tell what it dropped last: it does so before the next record of that ring only. */
void perf_source_flush_lost(struct perf_source *s);
/* A decoded sample as it is handed out, but for its weight. */
struct perf_sample perf_sample_of(const struct perf_record *r);

#endif
