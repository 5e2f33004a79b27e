/* What our events ask of the kernel, what this kernel and our rights allow, and the words for what it answers. */
#ifndef ATTACH_PERF_ATTR_H
#define ATTACH_PERF_ATTR_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct perf_features {
	int kernel; /* a tick inside a system call gives a sample too: CAP_PERFMON, or paranoid < 2 */
	int value;  /* a sample tells the event's count: Linux 6.12 for inherited events */
	int thread; /* inherited by threads only, not by child processes: Linux 5.13 */
};

struct perf_wish {
	struct perf_features can;
	uint64_t period_ns;
	uint32_t stack_bytes; /* a multiple of 8, at most PERF_STACK_MAX */
	int inherit, children, switches, on_exec;
};

/* perf_event_header.size has 16 bits; the rest of a sample needs less than 512 bytes. */
#define PERF_STACK_MAX 65024u

/* Tries on ourselves. 0, ERR_DENIED, ERR_UNSUPPORTED, ERR_LIMIT, ERR_NOMEM. */
int perf_attr_probe(struct perf_features *can, const struct perf_wish *wish, struct err *err);
/* Disabled, to be enabled when its output has a ring (or by the next exec). */
void perf_attr_sampler(struct perf_event_attr *attr, const struct perf_wish *wish);
/* Samples one thread alone, beside the event that does so for it and its heirs and tells of everything else. */
void perf_attr_early(struct perf_event_attr *attr, const struct perf_wish *wish,
		     uint64_t period_ns);
/* A ring's owner: counts nothing, wakes its reader at `mark` bytes. */
void perf_attr_owner(struct perf_event_attr *attr, size_t mark);

/* A descriptor or -1 and errno. The limit of descriptors is raised as far as it goes when it is reached. */
int perf_open_event(const struct perf_event_attr *attr, int pid, int cpu);
/* errno of perf_open_event() and of mapping a ring, as an error. */
int perf_open_failed(struct err *err, int pid);
int perf_map_failed(struct err *err);

#endif
