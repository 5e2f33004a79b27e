/* Memory tracking in the agent: its life in a process, who may be in it when, and the slow ways of allocating
 * and freeing. Who may be in: a thread sets heap.busy in its own state; a handler that interrupts it there
 * stays outside (what it allocates is counted as lost, what it frees is booked later). Nothing here waits for
 * the program; errno is kept. */
#include "prof/agent/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem_fast.h"
#include "prof/agent/mem_new.h"
#include "prof/agent/mem_next.h"
#include "prof/agent/mem_pool.h"
#include "prof/agent/slots.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"
#include "prof/heap/sampler.h"

#define RATE_DEFAULT    (512u << 10)
#define CLOCK_EVERY     256 /* events between two looks at the clock; ticks look too */
#define HEAP_PATH_BYTES (sizeof agent.head->file + sizeof HEAP_SUFFIX)
#define FORKING         (1u << 31) /* in mem_gate, where its page cannot be wiped: who is it? */
#define LATER           (1u << 30) /* in n_pending: a fork came in the middle, see mem_fork_child() */

__thread struct mem_tls mem_tls __attribute__((tls_model("initial-exec")));

/* The first counter stands for all; as long as the other filter, which readers may take it for. */
static uint8_t plain_filter[1 << HEAP_FILTER_BITS];
uint8_t *mem_filter = plain_filter;
uint64_t mem_filter_mask;

static _Atomic uint32_t closed;
_Atomic uint32_t *mem_gate = &closed;

static struct {
	int mode; /* enum heap_mode of what is or was tracked last */
	uint64_t rate_bytes;
	uint32_t last_gate; /* numbers are not used twice */
	int wiped;          /* the gate's page is, by the kernel */
	_Atomic uint32_t forks;
	uint32_t fork_waits, begin_waits; /* what mem_leave() does */
} mem;

/* ---- who is in ------------------------------------------------------------------------------- */

/* What the fast way counted since the last time goes into the thread's sums. */
static void settle(struct mem_thread *t)
{
	uint64_t n = mem_tls.count - t->counted;

	t->heap.alloc_bytes += t->drawn - mem_tls.left - n;
	t->heap.alloc_count += n;
	t->drawn = mem_tls.left;
	t->counted = mem_tls.count;
}

static void draw(struct mem_thread *t)
{
	mem_tls.left = t->drawn = (uint64_t)heap_sample_gap(&t->random, mem.rate_bytes) - 1;
}

static void begin_thread(struct mem_thread *t, uint32_t gate)
{
	const struct agent_slot *slot = agent_self;
	int64_t now = clock_mono_ns();

	t->thread_pointer = sys_thread_pointer();
	t->heap.stage = slot && slot->thread_pointer == t->thread_pointer ? AGENT_STAGE_ASK : 0;
	t->random = ((uint64_t)now ^ (uint64_t)(uintptr_t)t << 20) | 1;
	t->gate = gate;
	heap_thread_begin(&t->heap, sys_gettid(), now);
	mem_tls.left = t->drawn = 0;
	t->counted = mem_tls.count;
	if (mem.mode == HEAP_SAMPLED)
		draw(t);
	mem_tls.thread = t;
}

/* Handlers are kept out: they would make a second state for the thread. */
static struct mem_thread *make_thread(struct mem_thread *t, uint32_t gate)
{
	uint64_t every = ~UINT64_C(0), mask;

	if (!agent_enter())
		return NULL;
	(void)sys4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&every, (long)&mask, sizeof mask);
	if (!t)
		t = mem_pool_take(sys_gettid());
	if (t && !t->heap.busy)
		begin_thread(t, gate);
	(void)sys4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof mask);
	agent_leave();
	return t;
}

/* The first event of a thread, or of a recording. */
static __attribute__((noinline)) struct mem_thread *find_thread(uint32_t gate)
{
	struct mem_thread *t = mem_tls.thread;

	if (gate & FORKING) {
		if ((int)sys2(SYS_getpid, 0, 0) != agent.pid)
			return NULL;
		gate &= ~FORKING;
	}
	if (t && t->thread_pointer != sys_thread_pointer())
		t = NULL;
	if (!t || t->gate != gate)
		t = make_thread(t, gate);
	if (!t && heap_file() && !atomic_load(&agent.sealed))
		heap_loss(heap_file(), HEAP_LOSS_NO_MEMORY, 1);
	return t;
}

/* The thread's state, whoever is in; NULL: off, or no memory. */
static inline struct mem_thread *self(void)
{
	uint32_t gate = atomic_load_explicit(mem_gate, memory_order_relaxed);
	struct mem_thread *t = mem_tls.thread;

	if (gate == 0)
		return NULL;
	if (__builtin_expect(!t || t->gate != gate || t->thread_pointer != sys_thread_pointer(), 0))
		return find_thread(gate);
	return t;
}

/* On the stack of who is in: what is there tells a frame that is left from one that is not. */
struct inside {
	volatile uint64_t mark;
};

static uint64_t mark_at(uint64_t address)
{
	return address ^ 0x8f1bbcdc5a827999u;
}

/* Who set `busy` is no longer on the stack, for the program jumped out of a handler that had interrupted it: we
 * are not further down than it was, or others have been there since. */
static __attribute__((noinline)) int is_dead(const struct mem_thread *t, uint64_t sp)
{
	uint64_t at = t->enter_sp;

	if (!t->stack_lo || at < t->stack_lo || at >= t->stack_hi || sp < t->stack_lo ||
	    sp >= t->stack_hi)
		return 0;
	return at <= sp || (t->enter_marked && *(const volatile uint64_t *)at != mark_at(at));
}

/* Takes up what could not be done in the middle of something else; with `busy` set. */
static __attribute__((noinline)) void do_pending(struct mem_thread *t)
{
	uint32_t n, done = 0;

	for (;;) {
		n = atomic_load(&t->heap.n_pending);
		for (; done < (n & ~LATER) && done < HEAP_PENDING; done++) {
			if (mem.mode == HEAP_FULL)
				(void)heap_free(&t->heap, t->heap.pending[done]);
			else
				(void)heap_free_sampled(&t->heap, t->heap.pending[done]);
		}
		if (atomic_compare_exchange_strong(&t->heap.n_pending, &n, 0))
			break;
	}
	if (!(n & LATER))
		return;
	t->heap.busy = 0;
	mem_fork_child();
	if (mem.begin_waits) {
		mem.begin_waits = 0;
		mem_begin();
	}
}

static inline __attribute__((always_inline)) int enter(struct mem_thread *t, struct inside *in)
{
	uint64_t at = (uint64_t)(in ? (void *)in : __builtin_frame_address(0));

	if (__builtin_expect(t->heap.busy, 0)) {
		if (!is_dead(t, at))
			return 0;
		heap_thread_jumped(&t->heap);
	}
	t->enter_sp = at;
	t->enter_marked = in != NULL;
	if (in)
		in->mark = mark_at(at);
	t->heap.busy = 1;
	atomic_signal_fence(memory_order_seq_cst);
	return 1;
}

static inline void leave(struct mem_thread *t)
{
	for (;;) {
		atomic_signal_fence(memory_order_seq_cst);
		t->heap.busy = 0;
		atomic_signal_fence(memory_order_seq_cst);
		if (__builtin_expect(
			    !atomic_load_explicit(&t->heap.n_pending, memory_order_relaxed), 1))
			return;
		t->heap.busy = 1;
		do_pending(t);
	}
}

struct mem_thread *mem_enter(void)
{
	struct mem_thread *t = self();

	return t && enter(t, NULL) ? t : NULL;
}

void mem_leave(struct mem_thread *t)
{
	leave(t);
}

struct heap_thread *mem_heap_thread(struct mem_thread *t)
{
	return &t->heap;
}

/* ---- events ---------------------------------------------------------------------------------- */

static __attribute__((noinline)) void not_seen(void)
{
	struct heap_head *file = heap_file();

	if (file)
		heap_loss(file, HEAP_LOSS_IN_HANDLER, 1);
}

/* Sampled mode: counts a block that was not counted yet; 1: it is a sample. */
static int is_sample(struct mem_thread *t, size_t bytes)
{
	settle(t);
	if (mem_passes(bytes))
		return 0;
	mem_tls.count++;
	t->counted++;
	t->heap.alloc_bytes += bytes;
	t->heap.alloc_count++;
	draw(t);
	return 1;
}

/* Both modes: 1 if the block is to be booked. */
static inline int is_booked(struct mem_thread *t, size_t bytes)
{
	if (++t->events % CLOCK_EVERY == 0)
		heap_now_set(clock_mono_ns());
	if (mem.mode == HEAP_SAMPLED)
		return is_sample(t, bytes);
	mem_tls.count++;
	return 1;
}

void mem_allocated(void *p, size_t bytes, const struct mem_caller *caller)
{
	int saved = errno;
	struct mem_thread *t = self();
	struct heap_stack stack;
	struct inside in;

	if (!t)
		return;
	if (!enter(t, &in)) {
		not_seen();
		return;
	}
	if (is_booked(t, bytes)) {
		mem_stack_quick(t, caller, &stack);
		if (mem.mode == HEAP_FULL)
			heap_alloc(&t->heap, (uint64_t)(uintptr_t)p, bytes, &stack);
		else
			heap_alloc_sampled(&t->heap, (uint64_t)(uintptr_t)p, bytes, &stack);
	}
	leave(t);
	errno = saved;
}

/* A handler frees in the middle of our work. */
static __attribute__((noinline)) void freed_later(struct mem_thread *t, uint64_t address)
{
	uint32_t at = atomic_load(&t->heap.n_pending) & ~LATER;

	if (at < HEAP_PENDING) {
		t->heap.pending[at] = address;
		atomic_fetch_add(&t->heap.n_pending, 1);
	}
	not_seen();
}

void mem_freed(void *p)
{
	int saved = errno;
	struct mem_thread *t = self();
	struct inside in;

	if (!t)
		return;
	if (!enter(t, &in)) {
		freed_later(t, (uint64_t)(uintptr_t)p);
		return;
	}
	if (mem.mode == HEAP_FULL) {
		(void)heap_free(&t->heap, (uint64_t)(uintptr_t)p);
	} else {
		settle(t);
		(void)heap_free_sampled(&t->heap, (uint64_t)(uintptr_t)p);
	}
	leave(t);
	errno = saved;
}

void mem_resize_begin(struct mem_resize *r, void *p)
{
	int saved = errno;
	struct mem_thread *t = self();
	struct inside in;

	r->old = (uint64_t)(uintptr_t)p;
	r->block.site = 0;
	if (!p || !t)
		return;
	if (!enter(t, &in)) {
		freed_later(t, r->old);
		return;
	}
	if (mem.mode == HEAP_SAMPLED)
		settle(t);
	(void)heap_resize_begin(&t->heap, r->old, &r->block);
	leave(t);
	errno = saved;
}

/* It became `q`. */
static void resized(struct mem_thread *t, const struct mem_resize *r, void *q, size_t bytes,
		    const struct mem_caller *caller)
{
	struct heap_stack stack;

	if (is_booked(t, bytes)) {
		mem_stack_quick(t, caller, &stack);
		heap_resized(&t->heap, &r->block, (uint64_t)(uintptr_t)q, bytes, &stack);
	} else {
		heap_resize_end(&t->heap, &r->block);
	}
}

void mem_resize_end(const struct mem_resize *r, void *q, size_t bytes,
		    const struct mem_caller *caller)
{
	int saved = errno;
	struct mem_thread *t = self();
	struct inside in;

	if (!t)
		return;
	if (!enter(t, &in)) {
		not_seen();
		return;
	}
	if (q)
		resized(t, r, q, bytes, caller);
	else
		heap_resize_failed(&t->heap, r->old, &r->block);
	leave(t);
	errno = saved;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void open_filter(void)
{
	uint8_t *filter = heap_filter();

	plain_filter[0] = mem.mode == HEAP_FULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (!filter)
		return;
	mem_filter = filter;
	atomic_signal_fence(memory_order_seq_cst);
	mem_filter_mask = ~UINT64_C(0);
}

static void close_filter(void)
{
	plain_filter[0] = 0;
	mem_filter_mask = 0;
	atomic_signal_fence(memory_order_seq_cst);
	mem_filter = plain_filter;
}

static int make_gate(void)
{
	void *page =
		mem_gate == &closed ? heap_map_wiped(NULL, sizeof *mem_gate, &mem.wiped) : NULL;

	if (page)
		mem_gate = page;
	return mem_gate == &closed ? -1 : 0;
}

/* Field 20 of /proc/self/stat. */
static int thread_count(void)
{
	char buf[1024];
	long n = sys_read_file("/proc/self/stat", buf, sizeof buf - 1);
	const char *at;
	int count = 0;

	buf[n > 0 ? n : 0] = '\0';
	at = strrchr(buf, ')');
	for (int field = 2; at && field < 20; field++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9' && count < 2; at++)
		count = count * 10 + (*at - '0');
	return count;
}

static void path_of_file(char path[HEAP_PATH_BYTES])
{
	size_t n = strnlen(agent.head->file, sizeof agent.head->file - 1);

	memcpy(path, agent.head->file, n);
	memcpy(path + n, HEAP_SUFFIX, sizeof HEAP_SUFFIX);
}

static int begin(void)
{
	char path[HEAP_PATH_BYTES];
	const struct spool_session *session = agent.session;
	struct heap_config config = {.path = path,
				     .mode = (enum heap_mode)session->memory_mode,
				     .rate_bytes = session->memory_rate_bytes,
				     .temporary = session->memory_temporary,
				     .pid = agent.pid,
				     .image = agent.head->image};

	path_of_file(path);
	if (config.rate_bytes == 0)
		config.rate_bytes = RATE_DEFAULT;
	if (thread_count() != 1)
		heap_threads_many();
	if (make_gate() || heap_begin(&config, NULL))
		return -1;
	mem.mode = (int)config.mode;
	mem.rate_bytes = config.rate_bytes;
	heap_file()->foreign_malloc = (uint32_t)mem_foreign;
	return 0;
}

void mem_begin(void)
{
	int saved = errno;

	mem_next_find();
	mem_new_find();
	if (agent.session->memory_mode != HEAP_OFF && begin() == 0) {
		mem.last_gate = (mem.last_gate + 1) & ~FORKING;
		mem.last_gate += mem.last_gate == 0;
		open_filter();
		atomic_store_explicit(mem_gate, mem.last_gate, memory_order_release);
	}
	errno = saved;
}

void mem_end(void)
{
	int saved = errno;

	if (atomic_load(mem_gate)) {
		atomic_store(mem_gate, 0);
		close_filter();
		heap_end();
	}
	errno = saved;
}

int mem_is_busy(void)
{
	for (const struct mem_thread *t = mem_pool_all(); t; t = t->next)
		if (t->heap.busy && atomic_load(&t->tid) && !atomic_load(&t->gone))
			return 1;
	return 0;
}

void mem_threads_many(void)
{
	if (!atomic_load_explicit(&heap_lock_many, memory_order_relaxed))
		heap_threads_many();
}

void mem_thread_gone(void)
{
	struct mem_thread *t = mem_tls.thread;

	if (t && t->thread_pointer == sys_thread_pointer())
		atomic_store(&t->gone, 1);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* Where the kernel wipes the gate's page, the child is outside from its first instruction. */
void mem_fork_prepare(void)
{
	if (!mem.wiped && atomic_load(mem_gate) && atomic_fetch_add(&mem.forks, 1) == 0)
		atomic_fetch_or(mem_gate, FORKING);
}

void mem_fork_parent(void)
{
	if (!mem.wiped && atomic_load(mem_gate) && atomic_load(&mem.forks) &&
	    atomic_fetch_sub(&mem.forks, 1) == 1)
		atomic_fetch_and(mem_gate, ~FORKING);
}

/* From here on the file's place holds a copy of this process's own. */
static void copy_file(struct heap_head *file)
{
	char path[HEAP_PATH_BYTES];
	long fd;

	path_of_file(path);
	fd = sys4(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sys6(SYS_mmap, (long)file, (long)file->file_bytes, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_FIXED, fd, 0);
	(void)sys2(SYS_close, fd, 0);
}

/* A handler that interrupted our own work may fork. Its child goes on with that work when the handler returns,
 * so it needs the tables until then; but what it does there is the parent's, who does it too. */
void mem_fork_child(void)
{
	struct mem_thread *t = mem_tls.thread;
	int saved = errno;

	atomic_store(mem_gate, 0);
	atomic_store(&mem.forks, 0);
	close_filter();
	if (t && t->thread_pointer != sys_thread_pointer())
		t = NULL;
	mem.fork_waits = t && t->heap.busy && !is_dead(t, (uint64_t)__builtin_frame_address(0));
	mem_pool_fork_child(t);
	if (!mem.fork_waits) {
		heap_fork_child();
	} else {
		atomic_fetch_or(&t->heap.n_pending, LATER);
		if (heap_file())
			copy_file(heap_file());
	}
	errno = saved;
}

void mem_fork_begin(void)
{
	if (mem.fork_waits)
		mem.begin_waits = 1;
	else
		mem_begin();
}

/* ---- stages ---------------------------------------------------------------------------------- */

int mem_totals(uint64_t *bytes, uint64_t *count)
{
	struct mem_thread *t = self();

	*bytes = *count = 0;
	if (!t)
		return atomic_load_explicit(mem_gate, memory_order_relaxed) ? 0 : -1;
	if (mem.mode == HEAP_SAMPLED)
		settle(t);
	*bytes = t->heap.alloc_bytes;
	*count = t->heap.alloc_count;
	return 0;
}

void mem_stage_changed(uint64_t stage_id)
{
	struct mem_thread *t = mem_tls.thread;

	if (t && t->thread_pointer == sys_thread_pointer())
		t->heap.stage = stage_id;
}
