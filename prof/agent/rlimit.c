/* Limits on address space that the program sets for itself (RLIMIT_AS, RLIMIT_DATA). Our own mappings lie in the
 * same address space: the kernel is told the program's limit and what we use beside it, and the program reads
 * back what it set, so that its malloc fails where it would fail without us. What we map later raises the limit
 * by as much. A program that takes this one's place (exec) gets the limit as it was set; one that was limited
 * before it began (ulimit -v) gets small tables instead. Normal context, but heap_maps_more may be called from a
 * handler: system calls only. */
#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

#include "prof/agent/agent.h"
#include "prof/agent/exec.h"
#include "prof/agent/sys.h"
#include "prof/heap/heap.h"

#define ROOM  (UINT64_C(1) << 40) /* that a hard limit leaves for what we map later */
#define SLACK (UINT64_C(2) << 20) /* unwind tables, slots, the library itself */

struct limited {
	_Atomic uint32_t set;
	struct rlimit seen; /* by the program */
};

static struct limited space, data;

static struct limited *limited(int resource)
{
	return resource == RLIMIT_AS ? &space : resource == RLIMIT_DATA ? &data : NULL;
}

/* Bytes of ours that count for that limit: of shared mappings none are data. */
static uint64_t own_bytes(int resource)
{
	uint64_t bytes = SLACK + heap_own_bytes();

	if (agent.head && resource == RLIMIT_AS)
		bytes += agent.head->file_bytes;
	if (heap_file() && resource == RLIMIT_DATA)
		bytes -= heap_file()->file_bytes < bytes ? heap_file()->file_bytes : bytes;
	return bytes;
}

static rlim_t plus(rlim_t limit, uint64_t bytes)
{
	return limit == RLIM_INFINITY || limit > RLIM_INFINITY - 1 - bytes ? limit : limit + bytes;
}

static long kernel_limit(int pid, int resource, const struct rlimit *set, struct rlimit *old)
{
	return sys4(SYS_prlimit64, pid, resource, (long)set, (long)old);
}

/* What is mapped next, beside what was ours when the limit was set. */
static void more(size_t bytes)
{
	static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};

	for (int i = 0; i < 2; i++) {
		struct limited *l = limited(resources[i]);
		struct rlimit now;

		if (!atomic_load_explicit(&l->set, memory_order_acquire) ||
		    kernel_limit(0, resources[i], NULL, &now) || now.rlim_cur == RLIM_INFINITY)
			continue;
		now.rlim_cur = plus(now.rlim_cur, bytes);
		if (now.rlim_cur > now.rlim_max)
			now.rlim_cur = now.rlim_max;
		(void)kernel_limit(0, resources[i], &now, NULL);
	}
}

static long set_limit(int resource, struct limited *l, const struct rlimit *want)
{
	struct rlimit real = {0, 0}, old = {0, 0};
	uint64_t own = own_bytes(resource);
	long rc = kernel_limit(0, resource, NULL, &old);

	if (rc < 0)
		return rc;
	if (want->rlim_cur > want->rlim_max)
		return -EINVAL;
	real.rlim_max = plus(want->rlim_max, own + ROOM);
	/* A hard limit that stays, or that goes down, needs no right. */
	if (want->rlim_max <= (l->set ? l->seen.rlim_max : old.rlim_max) &&
	    real.rlim_max > old.rlim_max)
		real.rlim_max = old.rlim_max;
	real.rlim_cur = plus(want->rlim_cur, own);
	if (real.rlim_cur > real.rlim_max)
		real.rlim_cur = real.rlim_max;
	rc = kernel_limit(0, resource, &real, NULL);
	if (rc < 0)
		return rc;
	l->seen = *want;
	heap_maps_more = more;
	atomic_store_explicit(&l->set,
			      want->rlim_cur != RLIM_INFINITY || want->rlim_max != RLIM_INFINITY,
			      memory_order_release);
	return 0;
}

static long change(int pid, int resource, const struct rlimit *set, struct rlimit *old)
{
	struct limited *l = limited(resource);
	struct rlimit was = {0, 0}, want;
	long rc;

	/* Not agent.pid: in a child that is not followed that is the parent's. */
	if (!l || (pid != 0 && pid != (int)sys2(SYS_getpid, 0, 0)) || (!agent_live() && !l->set))
		return kernel_limit(pid, resource, set, old);
	if (set)
		want = *set; /* it may be the same place as `old` */
	if (l->set)
		was = l->seen;
	else if ((rc = kernel_limit(0, resource, NULL, &was)) < 0)
		return rc;
	rc = set ? set_limit(resource, l, &want) : 0;
	if (rc == 0 && old)
		*old = was;
	return rc;
}

static int answer(long rc)
{
	if (rc >= 0)
		return 0;
	errno = (int)-rc;
	return -1;
}

void rlimit_exec_prepare(void)
{
	struct rlimit now;

	if (space.set && kernel_limit(0, RLIMIT_AS, NULL, &now) == 0) {
		now.rlim_cur = space.seen.rlim_cur;
		(void)kernel_limit(0, RLIMIT_AS, &now, NULL);
	}
	if (data.set && kernel_limit(0, RLIMIT_DATA, NULL, &now) == 0) {
		now.rlim_cur = data.seen.rlim_cur;
		(void)kernel_limit(0, RLIMIT_DATA, &now, NULL);
	}
}

void rlimit_exec_failed(void)
{
	if (space.set)
		(void)set_limit(RLIMIT_AS, &space, &space.seen);
	if (data.set)
		(void)set_limit(RLIMIT_DATA, &data, &data.seen);
}

AGENT_EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return answer(change(0, (int)resource, limit, NULL));
}

AGENT_EXPORT int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	return answer(change(0, (int)resource, NULL, limit));
}

AGENT_EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *set,
			 struct rlimit *old)
{
	return answer(change(pid, (int)resource, set, old));
}

/* The same structures on this machine. */
AGENT_EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return answer(change(0, (int)resource, (const struct rlimit *)limit, NULL));
}

AGENT_EXPORT int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limit)
{
	return answer(change(0, (int)resource, NULL, (struct rlimit *)limit));
}

AGENT_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *set,
			   struct rlimit64 *old)
{
	return answer(change(pid, (int)resource, (const struct rlimit *)set, (struct rlimit *)old));
}
