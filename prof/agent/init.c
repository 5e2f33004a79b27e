/* The agent's life in a process: started by the constructor (or pp_start), once more in a forked child,
 * ended by exit. Everything that can fail leaves the program running without us. */
#include <errno.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/handler.h"
#include "prof/agent/mem.h"
#include "prof/agent/modules.h"
#include "prof/agent/slots.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"
#include "prof/agent/thread.h"
#include "prof/base/clock.h"

extern int __cxa_atexit(void (*fn)(void *), void *arg, void *dso);

/* Bounds of the section that AGENT_NEXT fills; made by the linker. */
extern struct agent_next_entry __start_agent_lookups[] __attribute__((visibility("hidden")));
extern struct agent_next_entry __stop_agent_lookups[] __attribute__((visibility("hidden")));

void *agent_next(struct agent_next_entry *entry)
{
	void *p = atomic_load_explicit(&entry->found, memory_order_relaxed);

	if (!p) {
		p = dlsym(RTLD_NEXT, entry->called);
		atomic_store_explicit(&entry->found, p, memory_order_relaxed);
	}
	return p;
}

static void look_up_all(void)
{
	struct agent_next_entry *e;

	for (e = __start_agent_lookups; e < __stop_agent_lookups; e++)
		(void)agent_next(e);
}

static int own_pid(void)
{
	return (int)sys2(SYS_getpid, 0, 0);
}

/* Field 22 of /proc/self/stat; the name before it may hold anything, parentheses too. */
static uint64_t start_ticks(void)
{
	char buf[1024];
	long n = sys_read_file("/proc/self/stat", buf, sizeof buf - 1);
	const char *at;
	uint64_t ticks = 0;

	if (n <= 0)
		return 0;
	buf[n] = '\0';
	at = strrchr(buf, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t)(*at - '0');
	return ticks;
}

static void describe(struct spool_head *head)
{
	long n = sys_read_file("/proc/self/comm", head->name, sizeof head->name - 1);

	if (n > 0 && head->name[n - 1] == '\n')
		head->name[n - 1] = '\0';
	n = sys4(SYS_readlinkat, -100, (long)"/proc/self/exe", (long)head->exe,
		 sizeof head->exe - 1);
	head->exe[n > 0 ? n : 0] = '\0';
	head->start_ticks = start_ticks();
	head->start_ns = clock_mono_ns();
}

/* A spool file for this process image and a slot for the calling thread, which does not tick yet. */
static int begin_image(struct err *err)
{
	struct agent_slot *slot;
	int rc;

	agent.pid = own_pid();
	rc = spool_make(&agent.head, agent.session_path, agent.session, err);
	if (rc)
		return rc;
	describe(agent.head);
	slot = slot_take();
	if (!slot || thread_adopt(slot, 0)) {
		spool_drop(agent.head);
		agent.head = NULL;
		return err_set(err, ERR_LIMIT, "no shared memory for the first thread");
	}
	return 0;
}

static void begin_ticks(void)
{
	struct agent_slot *self = agent_self;

	if (agent.session->rate_hz > 0 && agent.signo == 0)
		agent.signo = agent_signal_choose();
	if (agent.signo > 0 && agent_signal_install(agent.signo, agent_tick))
		agent.signo = 0;
	if (self)
		engine_start(agent.session->engine, agent.session->rate_hz, self);
}

static void at_exit(void *unused)
{
	(void)unused;
	if (agent_live() && own_pid() == agent.pid)
		agent_end(SPOOL_ENDED_EXIT);
}

static void fork_prepare(void)
{
	modules_fork_prepare();
	mem_fork_prepare();
}

static void fork_parent(void)
{
	mem_fork_parent();
	modules_fork_parent();
}

static int begin(const char *session_path, struct err *err)
{
	static int registered;
	size_t len = strlen(session_path);
	int rc;

	if (len >= sizeof agent.session_path)
		return err_set(err, ERR_ARG, "path of session too long: '%s'", session_path);
	if (thread_init())
		return err_set(err, ERR_LIMIT, "no pthread key left");
	memcpy(agent.session_path, session_path, len + 1);
	rc = session_map(&agent.session, session_path, err);
	if (rc)
		return rc;
	agent.engine = SPOOL_ENGINE_NONE;
	rc = begin_image(err);
	if (rc) {
		session_unmap(agent.session);
		agent.session = NULL;
		return rc;
	}
	/* Without a dso of its own it runs after every destructor: nearly the last thing of exit(). */
	if (!registered && __cxa_atexit(at_exit, NULL, NULL) == 0 &&
	    pthread_atfork(fork_prepare, fork_parent, NULL) == 0)
		registered = 1;
	return 0;
}

int agent_begin(const char *session_path, struct err *err)
{
	uint32_t idle = AGENT_IDLE;
	int rc;

	if (!atomic_compare_exchange_strong(&agent.state, &idle, AGENT_BUSY))
		return err_set(err, ERR_EXISTS, "this process is being profiled already");
	rc = begin(session_path, err);
	if (rc) {
		atomic_store(&agent.state, AGENT_IDLE);
		return rc;
	}
	agent_modules_refresh();
	mem_begin();
	sql_begin();
	begin_ticks();
	atomic_store(&agent.state, AGENT_LIVE);
	threads_find();
	return 0;
}

static void totals(uint32_t ended)
{
	struct rusage u;

	if (sys2(SYS_getrusage, RUSAGE_SELF, (long)&u) < 0)
		return;
	atomic_store(&agent.head->process_cpu_ns,
		     (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
			     (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000);
	atomic_store(&agent.head->max_rss_bytes, u.ru_maxrss * 1024);
	atomic_store(&agent.head->ended, ended);
}

/* Other threads go on running: their ticks stop, their CPU time is noted. */
static void stop_others(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);
		int tid = s ? atomic_load(&s->tid) : 0;
		int64_t cpu;

		if (tid <= 0 || s == agent_self)
			continue;
		engine_stop(s);
		cpu = slot_cpu_ns(tid);
		if (cpu > 0 && s->ring.ring)
			atomic_store_explicit(&s->ring.ring->cpu_ns, (uint64_t)cpu,
					      memory_order_relaxed);
	}
}

void agent_end(uint32_t ended)
{
	uint32_t live = AGENT_LIVE;

	if (!atomic_compare_exchange_strong(&agent.state, &live, AGENT_ENDED))
		return;
	stop_others();
	agent_thread_detach();
	sql_end();
	mem_end();
	totals(ended);
}

void agent_exec_prepare(void)
{
	if (agent_live() && own_pid() == agent.pid)
		totals(SPOOL_ENDED_EXEC);
}

void agent_exec_failed(void)
{
	if (agent_live() && own_pid() == agent.pid)
		atomic_store(&agent.head->ended, 0);
}

static void forget_parent(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (!s || atomic_load(&s->tid) == 0)
			continue;
		engine_forget(s);
		slot_forget(s);
	}
	spool_drop(agent.head);
	agent.head = NULL;
	thread_on_fork_child();
}

void agent_on_fork_child(void)
{
	int saved = errno;

	atomic_store(&agent.coming, 0); /* those threads are not here */
	modules_fork_child();
	mem_fork_child();
	sql_fork_child();
	if (!agent_live())
		return;
	atomic_store(&agent.state, AGENT_BUSY);
	agent_stages_fork_child(agent_self);
	forget_parent();
	agent.engine = SPOOL_ENGINE_NONE;
	if (!agent.session->children || begin_image(NULL)) {
		atomic_store(&agent.state, AGENT_IDLE);
	} else {
		modules_tell_all();
		mem_fork_begin();
		sql_begin();
		begin_ticks();
		atomic_store(&agent.state, AGENT_LIVE);
	}
	errno = saved;
}

void agent_start(void)
{
	static int done;
	const char *path;
	int saved = errno;

	if (done)
		return;
	done = 1;
	path = agent_env_session();
	if (path && path[0]) {
		char copy[SPOOL_PATH_MAX];
		size_t len = strlen(path);

		if (len < sizeof copy) {
			memcpy(copy, path, len + 1);
			agent_env_hide();
			look_up_all();
			(void)agent_begin(copy, NULL);
		}
	}
	errno = saved;
}

static void process_ends(int status)
{
	at_exit(NULL);
	for (;;)
		(void)sys2(SYS_exit_group, status, 0);
}

__attribute__((constructor)) static void start(void)
{
	agent_start();
}

__attribute__((visibility("default"), noreturn)) void _exit(int status)
{
	process_ends(status);
	__builtin_unreachable();
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status)
{
	process_ends(status);
	__builtin_unreachable();
}
