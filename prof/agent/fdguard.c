/* Our descriptors against programs that close what they did not open (daemons before they detach, loops
 * over all numbers): to the program they do not exist, so closing one fails with EBADF as it would
 * without us, ranges are closed around them, and dup2() onto one moves ours away first.
 *
 * These calls are async-signal-safe, and so are the wrappers: the next definitions are looked up by the
 * constructor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"

#define PUBLIC __attribute__((visibility("default")))

/* Each looks up libc's function once. */
static __typeof__(&close) next_close(void)
{
	return AGENT_NEXT(close);
}

static __typeof__(&closefrom) next_closefrom(void)
{
	return AGENT_NEXT(closefrom);
}

static __typeof__(&close_range) next_close_range(void)
{
	return AGENT_NEXT(close_range);
}

static __typeof__(&dup2) next_dup2(void)
{
	return AGENT_NEXT(dup2);
}

static __typeof__(&dup3) next_dup3(void)
{
	return AGENT_NEXT(dup3);
}

static __attribute__((constructor(101))) void resolve(void)
{
	(void)next_close();
	(void)next_closefrom();
	(void)next_close_range();
	(void)next_dup2();
	(void)next_dup3();
}

PUBLIC int close(int fd)
{
	if (perf_owns(fd)) {
		errno = EBADF;
		return -1;
	}
	return next_close()(fd);
}

/* Our lowest descriptor in [from, to], -1: none. */
static int lowest_owned(unsigned int from, unsigned int to)
{
	uint32_t used = atomic_load(&agent.slots_used);
	int low = -1;

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);
		int fd = s ? s->fd : -1;

		if (fd >= 0 && (unsigned int)fd >= from && (unsigned int)fd <= to &&
		    (low < 0 || fd < low))
			low = fd;
	}
	return low;
}

PUBLIC int close_range(unsigned int first, unsigned int last, int flags)
{
	int ours;

	while (first <= last && (ours = lowest_owned(first, last)) >= 0) {
		unsigned int at = (unsigned int)ours;

		if (at > first && next_close_range()(first, at - 1, flags))
			return -1;
		if (at == last)
			return 0;
		first = at + 1;
	}
	return next_close_range()(first, last, flags);
}

PUBLIC void closefrom(int low)
{
	int saved = errno;

	if (lowest_owned(low > 0 ? (unsigned int)low : 0, UINT_MAX) < 0 ||
	    close_range(low > 0 ? (unsigned int)low : 0, UINT_MAX, 0))
		next_closefrom()(low); /* a kernel without close_range(): ours go too */
	errno = saved;
}

/* Makes room at a number that the program wants. */
static void yield_fd(int old, int fd)
{
	int saved = errno;

	if (old != fd && perf_owns(fd) && !perf_owns(old) && fcntl(old, F_GETFD) >= 0)
		perf_move(fd);
	errno = saved;
}

PUBLIC int dup2(int old, int fd)
{
	yield_fd(old, fd);
	return next_dup2()(old, fd);
}

PUBLIC int dup3(int old, int fd, int flags)
{
	yield_fd(old, fd);
	return next_dup3()(old, fd, flags);
}
