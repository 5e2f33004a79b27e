/* Names of code that a running program made, from the /tmp/perf-PID.map that its runtime writes. Private
 * to prof/symbol. */
#ifndef SYMBOL_PERFMAP_H
#define SYMBOL_PERFMAP_H

#include "prof/symbol/cursor.h"

/* For each address (ascending, each once) the text of the last line that covers it, n = 0: none. Lines
 * are "START SIZE NAME" in hex; others are skipped. Returns how many lines were well-formed. */
size_t perfmap_find(struct span text, const uint64_t *addrs, size_t n, struct span *names);

/* The map of a process: its own view of /tmp while it lives, else ours. Only a regular file that belongs to
 * the process's user, to root or to us. 1 and the bytes (to be freed); 0: none; ERR_NOMEM. */
int perfmap_read(int64_t pid, void **bytes, size_t *len);
/* One that somebody trusts and keeps open ("/proc/self/fd/N"); NULL: none. */
int perfmap_read_file(const char *file, void **bytes, size_t *len);

#endif
