/* The supervisor of a program that profiles itself: found, started, watched. Private to prof/agent;
 * normal context, no malloc. */
#ifndef AGENT_START_H
#define AGENT_START_H

#include <stdint.h>

#include "prof/spool/format.h"

struct supervisor {
	int pid;
	uint64_t start_ticks; /* of that pid: tells it from a later one */
};

/* Starts `protea-prof _supervise` as nobody's child of ours: no SIGCHLD, nothing to wait for. 0, or -1
 * and errno (ENOENT: no protea-prof found). */
int supervisor_start(struct supervisor *s, const char *session, const char *store);
int supervisor_alive(const struct supervisor *s);

#endif
