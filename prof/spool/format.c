/* Names of the losses, as the store and every view call them. Signal-safe. */
#include "prof/spool/format.h"

const char *spool_loss_name(enum spool_loss loss)
{
	switch (loss) {
	case SPOOL_LOSS_RING_FULL:
		return "ring_full";
	case SPOOL_LOSS_LATE_TICK:
		return "late_tick";
	case SPOOL_LOSS_TRUNCATED:
		return "truncated";
	case SPOOL_LOSS_NO_UNWIND_INFO:
		return "no_unwind_info";
	case SPOOL_LOSS_TORN:
		return "torn";
	case SPOOL_LOSS_TABLE_FULL:
		return "table_full";
	case SPOOL_LOSS_DISK_FULL:
		return "disk_full";
	case SPOOL_LOSS_RECORD_DROPPED:
		return "record_dropped";
	case SPOOL_LOSS_THREAD_LIMIT:
		return "thread_limit";
	case SPOOL_LOSSES:
		break;
	}
	return "record_dropped";
}
