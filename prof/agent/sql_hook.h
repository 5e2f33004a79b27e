/* Between the wrappers of libpq's functions. Private to prof/agent/sql_calls.c and sql_async.c. */
#ifndef AGENT_SQL_HOOK_H
#define AGENT_SQL_HOOK_H

#include "prof/agent/sql.h"

/* Is this call ours to record? Until sql_leave() then. */
static inline int sql_take(void)
{
	return __builtin_expect(atomic_load_explicit(&sql_on, memory_order_relaxed), 0) &&
	       sql_enter();
}

struct sql_sync { /* a call that waits for its answer */
	struct sql_call call;
	struct sql_conn *conn;
	const struct mem_caller *caller;
};
void sql_sync_begin(struct sql_sync *s, void *pg, const struct mem_caller *caller);
void sql_sync_start(struct sql_sync *s, uint32_t statement);
/* Books it, and leaves. errno is kept. */
void sql_sync_end(struct sql_sync *s, const struct sql_lib *lib, void *result);

/* All that waits on the connection ends now. */
void sql_drain(struct sql_conn *c, int64_t now_ns);

#endif
