/* Threads: attached before their first instruction, detached after their last. pthread_create() and
 * thrd_create() start a trampoline, which jumps to the program's function so that no frame of ours stays
 * on the stack; the end is seen by the destructor of a pthread key, which return, pthread_exit() and
 * cancellation all pass. Threads made otherwise are named by the supervisor (spool_head.ask_tid). */
#include "prof/agent/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "prof/agent/mem.h"
#include "prof/agent/slots.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"

#define TCB_ABOVE  (8192)         /* glibc's struct pthread ends this close below the stack's end */
#define MAIN_SPAN  (128ull << 20) /* nothing is mapped this close below the main stack (mmap_base) */
#define LAST_ROUND 2              /* destructors run in up to 4 rounds; others go first */

extern void *__libc_stack_end;

static pthread_key_t end_key;
static size_t default_stack_size;
static __thread int end_rounds __attribute__((tls_model("initial-exec")));
static __thread int is_gone __attribute__((tls_model("initial-exec")));

static void set_stack(struct agent_slot *s, size_t stack_size)
{
	uint64_t tp = sys_thread_pointer(), end;

	if (sys_gettid() == agent.pid) {
		end = ((uint64_t)__libc_stack_end | 4095) + 1;
		s->stack_lo = end - MAIN_SPAN;
		s->stack_hi = end;
		return;
	}
	if (stack_size <= TCB_ABOVE)
		return; /* every read is checked by the kernel then */
	s->stack_lo = tp - stack_size + TCB_ABOVE;
	s->stack_hi = tp;
}

static int adopt(struct agent_slot *slot, size_t stack_size)
{
	int old, fresh, tid = sys_gettid();

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	fresh = slot_prepare(slot, tid, 0) == 0;
	if (!fresh) /* no ring left, or the supervisor was faster */
		slot = tid > 0 ? slot_of_tid(tid) : NULL;
	if (slot) {
		slot->thread_pointer = sys_thread_pointer();
		set_stack(slot, stack_size);
		agent_self = slot;
		end_rounds = 0;
		(void)pthread_setspecific(end_key, slot);
		if (fresh)
			slot_tick(slot);
	}
	(void)pthread_setcancelstate(old, &old);
	return slot ? 0 : -1;
}

int thread_adopt(struct agent_slot *slot, size_t stack_size)
{
	int rc;

	if (!agent_enter())
		return -1;
	rc = adopt(slot, stack_size);
	agent_leave();
	return rc;
}

struct agent_slot *agent_thread_attach(size_t stack_size)
{
	struct agent_slot *slot;

	if (!agent_live() || is_gone)
		return NULL;
	slot = slot_take();
	if (!slot || thread_adopt(slot, stack_size))
		return NULL;
	return agent_self;
}

struct agent_slot *agent_slot_self(void)
{
	struct agent_slot *s = agent_self;

	if (s && s->thread_pointer == sys_thread_pointer() &&
	    atomic_load_explicit(&s->tid, memory_order_relaxed) > 0)
		return s;
	agent_self = NULL;
	return agent_thread_attach(0);
}

void agent_thread_detach(void)
{
	struct agent_slot *s = agent_self;

	agent_self = NULL;
	if (!s || s->thread_pointer != sys_thread_pointer() || atomic_load(&s->tid) <= 0)
		return;
	agent_stages_thread_end(s);
	slot_end(s);
}

static void thread_ends(void *slot)
{
	int saved = errno;

	if (end_rounds++ < LAST_ROUND) {
		(void)pthread_setspecific(end_key, slot);
		return;
	}
	is_gone = 1;
	if (!agent_enter())
		return;
	mem_map_thread_ends();
	mem_thread_gone();
	sql_thread_gone();
	if (agent_live() && agent_self == slot)
		agent_thread_detach();
	agent_leave();
	errno = saved;
}

void thread_on_fork_child(void)
{
	agent_self = NULL;
	is_gone = 0;
	end_rounds = 0;
}

/* ---- wrappers */

/* <threads.h>'s, by the types it has in glibc. */
int thrd_create(unsigned long *thread, int (*fn)(void *), void *arg);

/* Each looks up libc's function once. */
static __typeof__(&pthread_create) next_pthread_create(void)
{
	return AGENT_NEXT(pthread_create);
}

static __typeof__(&thrd_create) next_thrd_create(void)
{
	return AGENT_NEXT(thrd_create);
}

int thread_init(void)
{
	static int done;
	pthread_attr_t attr;

	if (done)
		return 0;
	if (pthread_key_create(&end_key, thread_ends))
		return -1;
	(void)next_pthread_create();
	(void)next_thrd_create();
	if (pthread_getattr_default_np(&attr) == 0) {
		(void)pthread_attr_getstacksize(&attr, &default_stack_size);
		(void)pthread_attr_destroy(&attr);
	}
	done = 1;
	return 0;
}

static struct agent_slot *begin_start(void *fn, void *arg, const pthread_attr_t *attr,
				      const struct mem_caller *caller)
{
	struct agent_slot *s = slot_take();

	if (!s)
		return NULL;
	s->start_fn = fn;
	s->start_arg = arg;
	s->start_signal = agent_signal_thread_create();
	s->start_stack_bytes = default_stack_size;
	if (attr)
		(void)pthread_attr_getstacksize(attr, &s->start_stack_bytes);
	mem_map_thread_made(s, attr, caller);
	return s;
}

static void *run_posix(void *p)
{
	struct agent_slot *s = p;
	void *(*fn)(void *) = (void *(*)(void *))s->start_fn;
	void *arg = s->start_arg;

	agent_signal_thread_start(s->start_signal);
	mem_map_thread_begins(s);
	(void)thread_adopt(s, s->start_stack_bytes);
	return fn(arg); /* a jump: see the head of this file */
}

static int run_c11(void *p)
{
	struct agent_slot *s = p;
	int (*fn)(void *) = (int (*)(void *))s->start_fn;
	void *arg = s->start_arg;

	agent_signal_thread_start(s->start_signal);
	mem_map_thread_begins(s);
	(void)thread_adopt(s, s->start_stack_bytes);
	return fn(arg);
}

__attribute__((visibility("default"))) int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	const struct mem_caller caller = MEM_CALLER();
	struct agent_slot *s = agent_live() ? begin_start((void *)fn, arg, attr, &caller) : NULL;
	int rc;

	mem_threads_many();
	if (!s)
		return next_pthread_create()(thread, attr, fn, arg);
	rc = next_pthread_create()(thread, attr, run_posix, s);
	if (rc)
		slot_forget(s);
	return rc;
}

__attribute__((visibility("default"))) int thrd_create(unsigned long *thread, int (*fn)(void *),
						       void *arg)
{
	const struct mem_caller caller = MEM_CALLER();
	struct agent_slot *s = agent_live() ? begin_start((void *)fn, arg, NULL, &caller) : NULL;
	int rc;

	mem_threads_many();
	if (!s)
		return next_thrd_create()(thread, fn, arg);
	rc = next_thrd_create()(thread, run_c11, s);
	if (rc != 0) /* thrd_success */
		slot_forget(s);
	return rc;
}

/* ---- threads that others made */

/* Alive, not the husk of a main thread that ended before the others. */
static int is_alive(int tid)
{
	char path[64] = "/proc/self/task/", buf[128];
	const char *at;
	long n;

	memcpy(sys_digits(path + strlen(path), (uint64_t)tid), "/stat", 6);
	n = sys_read_file(path, buf, sizeof buf - 1);
	buf[n > 0 ? n : 0] = '\0';
	at = strrchr(buf, ')'); /* the name is at most 15 bytes and may hold anything */
	return at && at[1] == ' ' && at[2] != 'Z' && at[2] != 'X';
}

static void attach_foreign(int tid)
{
	struct agent_slot *s;

	if (tid <= 0 || slot_of_tid(tid) || !is_alive(tid))
		return;
	s = slot_take();
	if (s && slot_prepare(s, tid, 1) == 0)
		slot_tick(s);
}

void agent_threads_asked(void)
{
	struct spool_head *head = agent.head;
	int any = 0;

	for (size_t i = 0; i < sizeof head->ask_tid / sizeof head->ask_tid[0]; i++)
		any |= atomic_load_explicit(&head->ask_tid[i], memory_order_relaxed);
	if (!any)
		return;
	slots_reap();
	for (size_t i = 0; i < sizeof head->ask_tid / sizeof head->ask_tid[0]; i++) {
		int tid = atomic_exchange(&head->ask_tid[i], 0);

		attach_foreign(tid);
	}
}

struct dirent_kernel { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

static int parse_tid(const char *name)
{
	int n = 0;

	for (; *name >= '0' && *name <= '9' && n < INT_MAX / 10 - 1; name++)
		n = n * 10 + (*name - '0');
	return *name ? 0 : n;
}

void threads_find(void)
{
	_Alignas(8) char buf[2048];
	long fd = sys4(SYS_openat, AT_FDCWD, (long)"/proc/self/task",
		       O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long n;

	if (fd < 0)
		return;
	while ((n = sys3(SYS_getdents64, fd, (long)buf, sizeof buf)) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent_kernel *d = (const void *)(buf + at);

			attach_foreign(parse_tid(d->name));
			at += d->bytes;
		}
	}
	(void)sys2(SYS_close, fd, 0);
}
