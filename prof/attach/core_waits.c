/* What a thread of a core was in: a thread that the kernel stopped inside a system call has its number in orig_rax and
 * its arguments in their registers. Locks are told by the process's memory: who holds one is one of the core's
 * threads, or it is not said. */
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "prof/attach/core_internal.h"
#include "prof/attach/syscalls.h"
#include "prof/attach/waits.h"

#define CALLS_MAX 1024 /* system calls have numbers below; anything else is no call */

/* Where glibc's pthread_mutex_t keeps things (sysdeps/nptl/bits/struct_mutex.h): the futex is the first word. */
struct mutex {
	uint32_t lock, count;
	int32_t owner;
	uint32_t users;
	int32_t kind;
};

static int is_thread(const struct core_file *f, int tid)
{
	uint32_t i;

	for (i = 0; i < f->n_threads; i++)
		if (f->threads[i].tid == tid)
			return 1;
	return 0;
}

/* A mutex that is waited for: its word says locked and waited for, its owner is one of the threads. */
static void name_mutex(const struct core *c, const struct core_thread *t, uint64_t address,
		       struct snap_thread *row)
{
	struct mutex m;

	if (core_memory_read(&c->memory, address, &m, sizeof(m)) != sizeof(m))
		return;
	if (m.lock != 2 || !m.users || m.owner == t->tid || !is_thread(&c->file, m.owner))
		return;
	snprintf(row->waits_on, sizeof(row->waits_on), "mutex 0x%llx held by thread %d%s%s%s",
		 (unsigned long long)address, m.owner, m.owner == c->file.pid ? " (" : "",
		 m.owner == c->file.pid ? c->file.name : "", m.owner == c->file.pid ? ")" : "");
}

static void print_call(const struct proc_syscall *call, char *out, size_t size)
{
	const char *name = syscall_name(call->nr), *args = syscall_args(call->nr);
	size_t n = args ? strlen(args) : 6, i;
	int len = name ? snprintf(out, size, "%s(", name)
		       : snprintf(out, size, "syscall_%lld(", (long long)call->nr);

	for (i = 0; i < n && i < 6 && len > 0 && (size_t)len < size; i++) {
		uint64_t v = call->args[i];

		len += snprintf(out + len, size - (size_t)len,
				v < 65536 || v > UINT64_MAX - 65536 ? "%s%lld" : "%s0x%llx",
				i ? ", " : "", (long long)v);
	}
	if (len > 0 && (size_t)len < size)
		snprintf(out + len, size - (size_t)len, ")");
}

void core_describe_call(const struct core *c, const struct core_thread *thread,
			struct snap_thread *row)
{
	const uint64_t *r = thread->reg;

	row->call_state = PROC_CALL_NONE;
	row->call.nr = -1;
	row->call.sp = r[CORE_SP];
	row->call.pc = r[CORE_IP];
	if (r[CORE_ORIG_AX] >= CALLS_MAX)
		return;
	row->call_state = PROC_CALL_IN;
	row->call.nr = (int64_t)r[CORE_ORIG_AX];
	row->call.args[0] = r[CORE_DI];
	row->call.args[1] = r[CORE_SI];
	row->call.args[2] = r[CORE_DX];
	row->call.args[3] = r[CORE_R10];
	row->call.args[4] = r[CORE_R8];
	row->call.args[5] = r[CORE_R9];
	print_call(&row->call, row->syscall, sizeof(row->syscall));
	if (row->call.nr == SYS_futex && ((int)r[CORE_SI] & FUTEX_CMD_MASK) == FUTEX_WAIT &&
	    (uint32_t)r[CORE_DX] == 2)
		name_mutex(c, thread, r[CORE_DI], row);
}
