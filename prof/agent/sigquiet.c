/* A thread whose ticks stop for a while: before an exec, which hands pending signals on, and before it
 * sleeps with the tick's number let through, which a pending tick would end. Signals of that number that
 * are the program's stay. Signal-safe. */
#include <linux/perf_event.h>
#include <time.h>

#include "prof/agent/engine.h"
#include "prof/agent/sigwrap.h"
#include "prof/agent/sys.h"

#define KEPT_MAX 64 /* more of the program's own may change places with ticks, not be lost */

/* Sends it once more, as it was: to this thread, or to the process. The kernel lets only the main thread
 * speak for the process in another's name; from the others the sender's pid is lost. */
void sig_requeue(int signo, siginfo_t *info)
{
	long rc;

	if (info->si_code == SI_TKILL)
		rc = sys4(SYS_rt_tgsigqueueinfo, agent.pid, sys_gettid(), signo, (long)info);
	else
		rc = sys3(SYS_rt_sigqueueinfo, agent.pid, signo, (long)info);
	if (rc < 0)
		(void)sys2(SYS_kill, agent.pid, signo);
}

/* Takes all pending signals of the number off the queue and puts back what is not a tick. */
static void drain(const sigset_t *tick)
{
	struct timespec none = {0, 0};
	siginfo_t kept[KEPT_MAX];
	int n = 0;

	while (n < KEPT_MAX &&
	       sys4(SYS_rt_sigtimedwait, (long)tick, (long)&kept[n], (long)&none, 8) > 0)
		if (!engine_slot_of(&kept[n]))
			n++;
	for (int i = 0; i < n; i++)
		sig_requeue(sig_tick, &kept[i]);
}

void sig_quiet(struct agent_slot *slot)
{
	sigset_t tick, old;

	sigemptyset(&tick);
	sigaddset(&tick, sig_tick);
	sig_mask_raw(SIG_BLOCK, &tick, &old); /* the handler would start the engine again */
	engine_stop(slot);
	drain(&tick);
	sig_mask_raw(SIG_SETMASK, &old, NULL);
}

void sig_loud(struct agent_slot *slot)
{
	if (slot->fd >= 0)
		(void)sys3(SYS_ioctl, slot->fd, PERF_EVENT_IOC_ENABLE, 0);
	else if (slot->timer >= 0)
		clock_rearm(slot);
}
