/* Threads for independent items. The work is cut into items; which thread does which item is not
 * defined, so results must be stored by item and never depend on the thread or on order. */
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include <stddef.h>

#include "prof/base/err.h"

/* More threads than this are never asked for: each has buffers of its own. */
#define WORKERS_MAX 4096

/* Does item `item` on thread `worker` (0 <= worker < n_workers). A negative code stops the whole
 * run as soon as the other threads finish what they hold. */
typedef int workers_fn(void *ctx, size_t worker, size_t item, struct err *err);

/* Runs items 0 … n_items-1 on `n_workers` threads (values below 1 mean 1; with 1 everything runs
 * on the caller's thread). Items are handed out in ascending order, one at a time. Returns 0 or the
 * code of the failed item of lowest number among those that ran. The caller's profiler stage is
 * carried to the threads (pp_stage_token). cancel_requested() is checked between items and gives
 * ERR_CANCELLED. */
int workers_run(size_t n_workers, size_t n_items, workers_fn *fn, void *ctx, struct err *err);

/* Processors this process may use. */
size_t workers_cpu_count(void);

#endif
