/* Clocks as int64 nanoseconds. Signal-safe. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void);        /* CLOCK_MONOTONIC: for durations */
int64_t clock_real_ns(void);        /* unix time: for stamps */
int64_t clock_process_cpu_ns(void); /* user + system of all threads */
int64_t clock_thread_cpu_ns(void);
/* Seconds since `start_ns` of clock_mono_ns(), with millisecond resolution (rounded). */
double clock_elapsed_s(int64_t start_ns);

#endif
