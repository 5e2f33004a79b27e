/* The last losses. The kernel tells how many records did not fit into a ring before the next one that does; after the
 * last sample there is none, so this thread writes one: it goes to each CPU whose ring was full and gives itself the
 * name it has, which an event of its own records. */
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "prof/attach/perf_source.h"

static int open_comm(const struct perf_source *s, const struct perf_ring *ring)
{
	struct perf_event_attr attr;
	struct perf_wish w = s->set.wish;
	int fd;

	w.inherit = w.switches = w.on_exec = 0;
	perf_attr_sampler(&attr, &w);
	attr.config = PERF_COUNT_SW_DUMMY; /* takes no samples: only the name is recorded */
	attr.mmap = attr.mmap2 = attr.task = 0;
	fd = perf_open_event(&attr, 0, (int)ring->cpu);
	if (fd >= 0 && (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) ||
			ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void write_name(void)
{
	char name[16] = "";

	if (prctl(PR_GET_NAME, name) == 0)
		(void)prctl(PR_SET_NAME, name);
}

static void flush_ring(const struct perf_source *s, const struct perf_ring *ring)
{
	cpu_set_t *one = CPU_ALLOC(ring->cpu + 1);
	size_t size = CPU_ALLOC_SIZE(ring->cpu + 1);
	int fd;

	if (!one)
		return;
	CPU_ZERO_S(size, one);
	CPU_SET_S(ring->cpu, size, one);
	fd = open_comm(s, ring);
	if (fd >= 0 && sched_setaffinity(0, size, one) == 0)
		write_name();
	if (fd >= 0)
		(void)close(fd);
	CPU_FREE(one);
}

void perf_source_flush_lost(struct perf_source *s)
{
	size_t size = CPU_ALLOC_SIZE(8192); /* the kernel's largest */
	cpu_set_t *mine = CPU_ALLOC(8192);
	uint32_t i;

	if (mine && sched_getaffinity(0, size, mine) == 0) {
		for (i = 0; i < s->n_rings; i++) {
			if (s->rings[i].fd >= 0 && s->rings[i].near_full)
				flush_ring(s, &s->rings[i]);
		}
		(void)sched_setaffinity(0, size, mine);
	}
	CPU_FREE(mine);
}
