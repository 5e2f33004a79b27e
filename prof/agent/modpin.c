/* Pins: hazard pointers whose readers pay no fence. A reader writes its pin and looks again whether the
 * snapshot is still the current one; between the two the processor may swap them, which membarrier() on the
 * other side mends: after it, either the pin is seen, or the reader sees the new snapshot. Where the kernel
 * refuses membarrier(), readers fence themselves from then on; until all can be sure to do so nothing is
 * given back in that turn. */
#include "prof/agent/modpin.h"

#include <linux/membarrier.h>

#include "prof/agent/modules.h"
#include "prof/agent/sys.h"

_Atomic uint32_t modules_pin_light;

static _Atomic(struct modules_pin *) pins;

void modules_pin_add(struct modules_pin *pin)
{
	struct modules_pin *first = atomic_load(&pins);

	do {
		pin->next = first;
	} while (!atomic_compare_exchange_weak(&pins, &first, pin));
}

static int barrier(void)
{
	if (sys3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
		return 1;
	/* Not asked for yet, in this process. */
	return sys3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
	       sys3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* A reader that saw the light way allowed may be in the middle of it when it no longer is: so once light,
 * a failing barrier means that nothing can be told any more. */
int modpin_barrier(void)
{
	static int was_light;

	if (barrier()) {
		was_light = 1;
		atomic_store(&modules_pin_light, 1);
		return 1;
	}
	atomic_store(&modules_pin_light, 0);
	return !was_light;
}

int modpin_holds(const struct agent_modules *m)
{
	for (struct modules_pin *p = atomic_load(&pins); p; p = p->next)
		if (atomic_load(&p->in_use) == m)
			return 1;
	return 0;
}
