/* The progress line: its text, and how fast things go. The painter that puts it on a terminal is in
 * progress.c, behind events_progress_*(). Plain values, no I/O; one window belongs to one thread. */
#ifndef EVENTS_PROGRESS_H
#define EVENTS_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"

#define PROGRESS_SAMPLES 51 /* at 5 a second the window is the last 10 seconds */

struct progress_window {
	int64_t t_ns[PROGRESS_SAMPLES];
	uint64_t done[PROGRESS_SAMPLES];
	size_t n; /* samples taken so far; the ring holds the last PROGRESS_SAMPLES of them */
};

/* Adds a sample and returns units per second over the window; 0 while unknown. */
double progress_window_add(struct progress_window *w, int64_t t_ns, uint64_t done);

/* "alignment 12,345 / 50,000 pairs  24.7 %  3,210/s  12 s left", cut to `columns` characters. `what`
 * is bold when `colour`. total 0: unknown. Appended to `out`. */
void progress_text(struct buf *out, const char *what, const char *unit, uint64_t done,
		   uint64_t total, double per_s, size_t columns, int colour);

#endif
