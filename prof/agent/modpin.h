/* Snapshots of modules that are read in normal context (modules_pin): what modules.c asks before it gives
 * one back. Private to prof/agent. */
#ifndef AGENT_MODPIN_H
#define AGENT_MODPIN_H

struct agent_modules;

/* Every pin set before a snapshot was replaced can be seen after it: 1. 0: not now, give nothing back. */
int modpin_barrier(void);
int modpin_holds(const struct agent_modules *m);

#endif
