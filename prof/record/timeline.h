/* Memory over time: what the recorded processes have resident, allocated and mapped, polled by the supervisor and
 * written as counters of the run; the resident set behind each stage's peak. Names, units and how points are
 * chosen: docs/store.md. Same thread as everything of the recording. */
#ifndef RECORD_TIMELINE_H
#define RECORD_TIMELINE_H

#include <stdint.h>

#include "prof/record/procmem.h"
#include "prof/record/rsshist.h"

struct recording;
struct image;

enum timeline_name {
	TIMELINE_RSS,
	TIMELINE_RSS_SHARED,
	TIMELINE_PSS,
	TIMELINE_HEAP,
	TIMELINE_MAPPED,
	TIMELINE_OWN,
	TIMELINE_FAULTS_MINOR,
	TIMELINE_FAULTS_MAJOR,
	TIMELINE_CGROUP,
	TIMELINE_CGROUP_LIMIT,
	TIMELINE_NAMES
};

struct timeline_value {
	int64_t t_ns, value;
};

struct timeline_line {
	uint32_t name;              /* string of it, once written */
	int known;                  /* written before */
	int fresh, kept;            /* `next`, `last` hold a value that is not written */
	struct timeline_value next; /* since the last point: the highest, or the latest */
	struct timeline_value last; /* a point as high as the one written last */
	int64_t written;
};

struct timeline {
	struct timeline_line lines[TIMELINE_NAMES];
	int64_t start_ns;                   /* of the first poll */
	int64_t polled_ns, point_ns;        /* last poll, last points */
	int64_t cost_ns;                    /* of a poll, on average */
	int64_t limit_ns;                   /* limits of the cgroup were read last */
	uint32_t unchanged;                 /* polls that found nothing new, one after the other */
	int64_t faults_minor, faults_major; /* of processes that ended */
	struct cgroup *cgroup;              /* owned; of the first process */
	int no_cgroup;                      /* it is in none that counts memory */
};

struct image_memory {           /* of a process image */
	int statm_fd;           /* -1: the process is gone, or cannot be looked at */
	int64_t polled_ns;      /* last */
	int64_t rss_bytes;      /* then, all of it */
	int64_t high_bytes;     /* the kernel's high-water mark of it, when last read */
	int64_t high_ns;        /* which was then */
	int64_t own_bytes;      /* ours, of it */
	int64_t shared_bytes;   /* of files and of shared memory, of it */
	int64_t own_shared;     /* ours, of that */
	int64_t pss_bytes;      /* -1: not known */
	int64_t slow_ns;        /* when own and PSS are read again */
	uint64_t heap_gen;      /* mark of the heap that was noted */
	int64_t faults[2];      /* minor, major: since the recording began */
	int64_t faults_base[2]; /* before; -1: not read yet */
	struct rsshist history;
};

/* Looks at all processes, and adds points to the batch if it is time. */
void timeline_poll(struct recording *r);
/* How long until the next poll, at most `left_ms`. */
int timeline_pause_ms(const struct recording *r, int left_ms);
/* All records up to r->round_ns were taken. */
void timeline_settle(struct recording *r);
/* The last points, with what a process had when it was last seen. */
void timeline_end(struct recording *r);
void timeline_release(struct recording *r);

/* The highest resident set of the process that was seen between two times; -1: it was never seen. */
int64_t timeline_peak_rss(const struct image *m, int64_t from_ns, int64_t to_ns);
/* It ended (its heap file was read a last time): marks of its heap that no poll has seen. */
void timeline_image_ended(struct recording *r, const struct image *m);
/* An image goes: what it had is no longer counted. */
void timeline_forget(struct recording *r, struct image *m);

#endif
