/* fork() and its kin. libc runs pthread_atfork()'s handlers in fork(), daemon() and forkpty(); _Fork()
 * runs none and is wrapped. vfork() is not: its child shares our memory and may only exec, which exec.c
 * knows. A child made by bare clone() has no engine and makes no records.
 *
 * Runs with one thread in the child; as signal-safe as fork() itself. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/env.h"
#include "prof/agent/exec.h"
#include "prof/agent/mem.h"
#include "prof/agent/sigwrap.h"
#include "prof/base/clock.h"

static void child(void)
{
	int saved = errno;

	sig_fork_child();
	spawn_fork_child();
	if (agent.session && !agent.session->children)
		env_forget();
	agent_on_fork_child();
	errno = saved;
}

static __attribute__((constructor)) void fork_init(void)
{
	(void)pthread_atfork(NULL, NULL, child);
}

/* The parent notes the child's pid; a child also says who its parent is, when it has a spool file. */
static void note(pid_t pid)
{
	struct agent_slot *slot;
	int saved = errno;

	if (pid <= 0 || !agent_live())
		return;
	slot = agent_slot_self();
	if (slot)
		(void)agent_write(slot, SPOOL_FORK, (uint32_t)pid, clock_mono_ns(), NULL, 0, NULL,
				  0);
	errno = saved;
}

AGENT_EXPORT pid_t fork(void)
{
	pid_t pid = AGENT_NEXT(fork)();

	note(pid);
	return pid;
}

AGENT_EXPORT pid_t _Fork(void)
{
	pid_t pid;

	mem_fork_prepare();
	pid = AGENT_NEXT(_Fork)();
	if (pid == 0)
		child();
	else
		mem_fork_parent();
	note(pid);
	return pid;
}
