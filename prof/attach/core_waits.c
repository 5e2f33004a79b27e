/* What a thread of a core was in: a thread that was stopped inside a system call has its number in orig_rax and its
 * arguments in their registers. Locks are told by the process's memory: whoever holds one is a thread of the core,
 * or it is not said. */
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "prof/attach/core_internal.h"
#include "prof/attach/remote.h"
#include "prof/attach/waits.h"
#include "prof/attach/waits_lock.h"

#define CALLS_MAX 1024 /* system calls have numbers below; anything else is no call */

/* ---- who holds a lock ---- */

static int name_thread(const struct core_file *f, uint64_t tid, char *out, size_t size)
{
	uint32_t i;

	for (i = 0; i < f->n_threads; i++) {
		if ((uint64_t)f->threads[i].tid != tid)
			continue;
		if (f->threads[i].tid == f->pid)
			snprintf(out, size, "thread %d (%s)", f->pid, f->name);
		else
			snprintf(out, size, "thread %d", f->threads[i].tid);
		return 1;
	}
	return 0;
}

/* The tid in a glibc thread descriptor; 0: there is none at the address. */
static uint64_t descriptor_tid(const struct core *c, uint64_t address)
{
	uint8_t head[24];
	uint32_t tid = 0;

	if (core_memory_read(&c->memory, address, head, sizeof(head)) != sizeof(head) ||
	    !lock_is_descriptor(address, head) ||
	    core_memory_read(&c->memory, address + LOCK_THREAD_TID, &tid, sizeof(tid)) !=
		    sizeof(tid))
		return 0;
	return tid;
}

/* 1, or 0: nobody in the core holds it, so it is something else. */
static int describe_lock(const struct core *c, const struct lock *l, char *out, size_t size)
{
	static const char *const names[LOCK_KINDS] = {[LOCK_MUTEX] = "mutex",
						      [LOCK_RWLOCK] = "rwlock",
						      [LOCK_COND] = "condition variable",
						      [LOCK_STREAM] = "stream lock",
						      [LOCK_PI_WORD] =
							      "lock with priority inheritance"};
	unsigned long long at = l->address;
	uint64_t owner = l->owner;
	char who[64];

	if (l->kind == LOCK_COND)
		return snprintf(out, size, "%s 0x%llx", names[l->kind], at) > 0;
	if (l->readers)
		return snprintf(out, size, "%s 0x%llx held by %u reader%s", names[l->kind], at,
				l->readers, l->readers == 1 ? "" : "s") > 0;
	if (l->kind == LOCK_STREAM)
		owner = descriptor_tid(c, l->owner);
	if (l->kind == LOCK_THREAD && descriptor_tid(c, l->address) != owner)
		return 0;
	if (!name_thread(&c->file, owner, who, sizeof(who)))
		return 0;
	if (l->kind == LOCK_THREAD)
		return snprintf(out, size, "%s to end", who) > 0;
	return snprintf(out, size, "%s 0x%llx held by %s", names[l->kind], at, who) > 0;
}

static void describe_futex(const struct core *c, const struct proc_syscall *call, char *out,
			   size_t size)
{
	uint8_t around[LOCK_BEFORE + LOCK_AFTER];
	struct lock_wait wait = {.word = call->args[0],
				 .op = (uint32_t)call->args[1] & (uint32_t)FUTEX_CMD_MASK,
				 .is_private = (call->args[1] & FUTEX_PRIVATE_FLAG) != 0,
				 .value = (uint32_t)call->args[2]};
	struct lock guesses[4];
	size_t from = LOCK_BEFORE, to, n, i;

	if (wait.op != FUTEX_WAIT && wait.op != FUTEX_WAIT_BITSET && wait.op != FUTEX_LOCK_PI &&
	    wait.op != FUTEX_LOCK_PI2)
		return;
	snprintf(out, size, "futex 0x%llx", (unsigned long long)wait.word);
	/* What is before the word may be on a page that is not there. */
	if (wait.word < LOCK_BEFORE || core_memory_read(&c->memory, wait.word - LOCK_BEFORE, around,
							LOCK_BEFORE) == LOCK_BEFORE)
		from = 0;
	to = LOCK_BEFORE +
	     core_memory_read(&c->memory, wait.word, around + LOCK_BEFORE, LOCK_AFTER);
	if (wait.word < LOCK_BEFORE || to < LOCK_BEFORE + 4)
		return;
	n = lock_guess(&wait, around, from, to, guesses, sizeof(guesses) / sizeof(guesses[0]));
	for (i = 0; i < n; i++)
		if (describe_lock(c, &guesses[i], out, size))
			return;
	snprintf(out, size, "futex 0x%llx", (unsigned long long)wait.word);
}

/* ---- the call ---- */

static long read_core(void *ctx, uint64_t address, void *out, size_t len)
{
	const struct core *c = ctx;
	size_t n = core_memory_read(&c->memory, address, out, len);

	return n ? (long)n : -1;
}

void core_describe_call(struct core *c, const struct core_thread *thread, struct snap_thread *row)
{
	const uint64_t *r = thread->reg;
	struct remote memory = {.mem_fd = -1, .read = read_core, .read_ctx = c};

	row->call_state = PROC_CALL_NONE;
	row->call = (struct proc_syscall){.nr = -1, .sp = r[CORE_SP], .pc = r[CORE_IP]};
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
	/* Arguments are told by the memory alone: there is no process to ask. */
	waits_syscall(NULL, &memory, &row->call, row->syscall, sizeof(row->syscall));
	if (row->call.nr == SYS_futex)
		describe_futex(c, &row->call, row->waits_on, sizeof(row->waits_on));
}
