/* Chooses the engine and hands each call to it. A thread for which the chosen engine fails (descriptors
 * are scarce) gets the other one. */
#include "prof/agent/engine.h"

#include <errno.h>

#define RATE_MAX 20000 /* above this a thread would mostly be in our handler */

void engine_start(uint32_t asked, uint32_t rate_hz, struct agent_slot *first)
{
	struct spool_head *head = agent.head;
	int rc = 0;

	agent.engine = SPOOL_ENGINE_NONE;
	agent.interval_ns = 0;
	if (rate_hz > 0 && asked != SPOOL_ENGINE_NONE && agent.signo > 0) {
		agent.interval_ns = 1000000000 / (rate_hz > RATE_MAX ? RATE_MAX : rate_hz);
		agent.engine = SPOOL_ENGINE_CLOCK;
		if (asked != SPOOL_ENGINE_CLOCK) {
			sigio_guard();
			rc = perf_open(first);
			if (rc == 0)
				agent.engine = SPOOL_ENGINE_PERF;
		}
	}
	if (agent.engine == SPOOL_ENGINE_CLOCK && clock_open(first))
		agent.engine = SPOOL_ENGINE_NONE;
	head->engine = agent.engine;
	head->engine_errno = -rc;
	head->signo = (uint32_t)agent.signo;
}

int64_t engine_draw(struct agent_slot *slot)
{
	uint64_t r = slot->random;

	r ^= r << 13; /* xorshift64 (Marsaglia 2003) */
	r ^= r >> 7;
	r ^= r << 17;
	slot->random = r;
	return agent.interval_ns - agent.interval_ns / 4 +
	       (int64_t)((r >> 32) * (uint64_t)(agent.interval_ns / 2) >> 32);
}

int engine_open(struct agent_slot *slot)
{
	int rc;

	if (agent.engine == SPOOL_ENGINE_NONE)
		return 0;
	if (agent.engine == SPOOL_ENGINE_PERF) {
		rc = perf_open(slot);
		if (rc == 0 || rc == -ESRCH)
			return rc;
	}
	return clock_open(slot);
}

void engine_stop(struct agent_slot *slot)
{
	perf_stop(slot);
	clock_stop(slot);
}

void engine_close(struct agent_slot *slot)
{
	perf_close(slot);
	clock_close(slot);
}

void engine_forget(struct agent_slot *slot)
{
	perf_close(slot);
	slot->timer = -1; /* timers are not inherited */
}

struct agent_slot *engine_slot_of(const siginfo_t *info)
{
	if (info->si_code == POLL_IN || info->si_code == POLL_HUP)
		return perf_slot_of(info->si_fd);
	if (info->si_code == SI_TIMER)
		return clock_slot_of((uint32_t)info->si_value.sival_int);
	return NULL;
}

int engine_rearm(struct agent_slot *slot, const siginfo_t *info)
{
	if (slot->fd >= 0)
		return perf_rearm(slot, info->si_code == POLL_HUP);
	clock_rearm(slot);
	return 0;
}
