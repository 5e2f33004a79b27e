/* The life of the record of SQL statements in a process. */
#include "prof/agent/sql.h"

#include <errno.h>

#include "prof/agent/agent.h"

_Atomic uint32_t sql_on;

void sql_begin(void)
{
	int saved = errno;

	if (agent.session->sql && !atomic_load(&sql_on) && sql_table_make() == 0) {
		sql_table_forget();
		sql_head = sql_file_make();
		if (sql_head)
			atomic_store_explicit(&sql_on, 1, memory_order_release);
	}
	errno = saved;
}

/* The file stays mapped: another thread may be in the middle of a call. */
void sql_end(void)
{
	if (atomic_exchange(&sql_on, 0) && sql_head)
		atomic_store(&sql_head->ended, 1);
}

void sql_fork_child(void)
{
	int saved = errno;
	int was_on = atomic_exchange(&sql_on, 0) != 0;

	sql_file_drop(sql_head);
	sql_head = NULL;
	if (was_on)
		sql_table_forget();
	sql_conns_forget();
	sql_stack_fork_child();
	errno = saved;
}
