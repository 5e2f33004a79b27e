/* What makes a thread tick: a perf event (engine_perf.c) or a timer on its CPU clock (engine_clock.c),
 * behind one face (engine.c). Private to prof/agent. All of it is signal-safe: threads may be attached
 * from a handler, and a tick re-arms its own engine. */
#ifndef AGENT_ENGINE_H
#define AGENT_ENGINE_H

#include "prof/agent/agent.h"

/* Makes the first thread tick by the best engine that works here; sets agent.engine, agent.interval_ns and
 * the head's words about them. */
void engine_start(uint32_t asked, uint32_t rate_hz, struct agent_slot *first);
/* Makes `slot` tick for the thread slot->tid; 0, or -errno. */
int engine_open(struct agent_slot *slot);
void engine_stop(struct agent_slot *slot);  /* no tick after it, from any thread */
void engine_close(struct agent_slot *slot); /* gives its resources back */
/* In a forked child: forgets the parent's events and closes what came along of them. */
void engine_forget(struct agent_slot *slot);

/* The slot a signal is a tick of, or NULL. */
struct agent_slot *engine_slot_of(const siginfo_t *info);
/* After each tick; returns 1 if the engine had run dry (ticks were lost). */
int engine_rearm(struct agent_slot *slot, const siginfo_t *info);

/* Next interval: uniform in [0.75, 1.25) of the mean. */
int64_t engine_draw(struct agent_slot *slot);

/* ---- perf */
int perf_open(struct agent_slot *slot);
void sigio_guard(void); /* sigio.c: before the first event */
int sigio_is_guard(const struct sigaction *action);
void perf_stop(struct agent_slot *slot);
void perf_close(struct agent_slot *slot);
int perf_rearm(struct agent_slot *slot, int ran_dry);
struct agent_slot *perf_slot_of(int fd);
/* Is this descriptor an event of ours? */
int perf_owns(int fd);
/* Takes an event of ours to another number; the old one stays open for the caller to replace. */
void perf_move(int fd);

/* ---- clock */
int clock_open(struct agent_slot *slot);
void clock_stop(struct agent_slot *slot);
void clock_close(struct agent_slot *slot);
void clock_rearm(struct agent_slot *slot);
struct agent_slot *clock_slot_of(uint32_t value);

#endif
