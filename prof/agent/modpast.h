/* What was mapped where before: a profile keeps addresses, so it must know when one comes to mean other code.
 * Private to prof/agent, for modules.c: one caller at a time. */
#ifndef AGENT_MODPAST_H
#define AGENT_MODPAST_H

#include <stdint.h>

/* A module is gone from [start, end). */
void modpast_note(uint64_t start, uint64_t end, const char *build_id);
/* One came to [start, end): 1 if a piece of it was another module's before. */
uint32_t modpast_replaced(uint64_t start, uint64_t end, const char *build_id);

#endif
