/* The snapshot of loaded modules that handlers unwind with. Private to prof/agent. */
#ifndef AGENT_MODULES_H
#define AGENT_MODULES_H

#include "prof/agent/agent.h"

/* Handler: the snapshot to use, which stays valid until modules_leave(); NULL: none yet. */
struct agent_modules *modules_enter(struct agent_slot *slot);
void modules_leave(struct agent_slot *slot);
const struct unwind_map *modules_map(const struct agent_modules *m); /* of NULL: no modules */

/* The same in normal context, where the tick's handler may come in between: a hazard of its own, a place for
 * life. Signal-safe too, but one user at a time. */
struct modules_pin {
	_Atomic(struct agent_modules *) in_use;
	struct modules_pin *next;
};
void modules_pin_add(struct modules_pin *pin); /* once, zeroed */
/* Whoever gives snapshots back makes all threads pass a barrier first (membarrier): readers need none. 0:
 * that cannot be had, they need one. */
extern _Atomic uint32_t modules_pin_light;
static inline struct agent_modules *modules_pin_enter(struct modules_pin *pin)
{
	struct agent_modules *m = atomic_load_explicit(&agent.modules, memory_order_acquire);

	for (;;) {
		struct agent_modules *again;

		atomic_store_explicit(&pin->in_use, m, memory_order_relaxed);
		if (atomic_load_explicit(&modules_pin_light, memory_order_relaxed))
			atomic_signal_fence(memory_order_seq_cst);
		else
			atomic_thread_fence(memory_order_seq_cst);
		again = atomic_load_explicit(&agent.modules, memory_order_acquire);
		if (again == m)
			return m;
		m = again;
	}
}
static inline void modules_pin_leave(struct modules_pin *pin)
{
	atomic_store_explicit(&pin->in_use, NULL, memory_order_release);
}
/* How often code was replaced by other code at the same place, and where: addresses of before and after are
 * not the same. */
struct modules_replaced {
	uint32_t times;
	uint64_t start, end; /* all of it lies in here */
};
const struct modules_replaced *modules_replaced(const struct agent_modules *m);

/* Around fork(), in the order of pthread_atfork()'s handlers. In the child the snapshot stays. */
void modules_fork_prepare(void);
void modules_fork_parent(void);
void modules_fork_child(void);
/* All modules into the calling thread's ring: a forked child has a spool file of its own. */
void modules_tell_all(void);

#endif
