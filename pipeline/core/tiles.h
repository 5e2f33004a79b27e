/* Matrix tiles (AMX): may this process use them? The processor must have them, the system must keep
 * them over a switch of threads, and Linux wants to be asked before the first use, since frames of
 * signals grow by 8 KiB. Thread-safe. */
#ifndef CORE_TILES_H
#define CORE_TILES_H

/* 1: every thread of this process may use tiles of bfloat16 and bytes (AMX-TILE, AMX-BF16, AMX-INT8). The first call that
 * finds such a processor asks the system for the permission, which lasts as long as the process and
 * passes on to its children; the answer is kept. 0: the processor has none, the system does not
 * support them or refuses (a thread's alternate signal stack is too small, say). */
int tiles_allowed(void);

#endif
