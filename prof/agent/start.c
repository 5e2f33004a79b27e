/* pp_start() and pp_stop(): a program that records itself. Makes the session, starts the supervisor
 * (supervisor.c), then the agent; at the end waits until the store is complete. Nothing is printed; errno
 * says what went wrong. One recording at a time; any thread may start and stop it. */
#include "prof/agent/start.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/slots.h"
#include "prof/agent/stage.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"
#include "prof/heap/format.h"
#include "protea-prof.h"

#define RATE_DEFAULT    199
#define RATE_MAX        20000
#define MEMORY_RATE_MAX (UINT64_C(1) << 40)
#define RING_BYTES      (1u << 20)
#define STEP_NS         1000000              /* between looks at the supervisor while it starts, */
#define WATCH_NS        50000000             /* and while it works */
#define ATTACH_NS       (int64_t)10000000000 /* a store on a slow disk, migrated first */
#define STORE_NAME      "./protea-prof.sqlite"

enum own_state { OWN_NONE, OWN_BUSY, OWN_RECORDING };

static _Atomic uint32_t own_state;
static int own_pid; /* a forked child has nothing to stop */
static struct supervisor supervisor;
static struct spool_session *session;
static char session_path[SPOOL_PATH_MAX];
static _Atomic int retired; /* the last recording's slots and rings are still in place */

/* ---- the session ----------------------------------------------------------------------------- */

static uint32_t rate_hz(void)
{
	const char *text = getenv("PROTEA_PROF_RATE");
	long rate = text ? strtol(text, NULL, 10) : 0;

	return rate > 0 && rate <= RATE_MAX ? (uint32_t)rate : RATE_DEFAULT;
}

static uint32_t memory_mode(void)
{
	const char *text = getenv("PROTEA_PROF_MEMORY");

	if (text && strcmp(text, "off") == 0)
		return HEAP_OFF;
	return text && strcmp(text, "full") == 0 ? HEAP_FULL : HEAP_SAMPLED;
}

/* Bytes, also with k, M or G behind; 0: the default. */
static uint64_t memory_rate(void)
{
	const char *text = getenv("PROTEA_PROF_MEMORY_RATE");
	char *end = NULL;
	unsigned long n = text && *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
	int shift = 0;

	if (n == 0)
		return 0;
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	else if (*end == 'g' || *end == 'G')
		shift = 30;
	if (end[shift != 0] || n > MEMORY_RATE_MAX >> shift)
		return 0;
	return (uint64_t)n << shift;
}

static void put_hex(char *to, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
}

/* A random uuid (RFC 4122, version 4). */
static int make_run_id(char id[40])
{
	uint8_t b[16];

	if (getrandom(b, sizeof b, 0) != sizeof b)
		return -1;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	memcpy(id, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", 37);
	put_hex(id, b, 4);
	put_hex(id + 9, b + 4, 2);
	put_hex(id + 14, b + 6, 2);
	put_hex(id + 19, b + 8, 2);
	put_hex(id + 24, b + 10, 6);
	return 0;
}

static int session_begin(void)
{
	struct spool_session config;

	memset(&config, 0, sizeof config);
	if (make_run_id(config.run_id))
		return -1;
	config.started_real_ns = clock_real_ns();
	config.started_mono_ns = clock_mono_ns();
	config.rate_hz = rate_hz();
	config.engine = SPOOL_ENGINE_AUTO;
	config.mode = SPOOL_MODE_CPU;
	config.children = 0; /* this process, it says */
	config.ring_bytes = RING_BYTES;
	config.memory_mode = memory_mode();
	config.memory_rate_bytes = memory_rate();
	unwind_table_dir(config.cache_dir, sizeof config.cache_dir, environ);
	return session_make(&session, session_path, &config, "/tmp", NULL) ? -1 : 0;
}

static void session_drop(void)
{
	session_unmap(session);
	session = NULL;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_state(uint32_t state, int64_t ns)
{
	struct timespec ts = {0, ns};

	(void)sys4(SYS_futex, (long)&session->state, FUTEX_WAIT, (long)state, (long)&ts);
}

/* Until the supervisor has the store open. */
static int wait_attached(void)
{
	int64_t until = clock_mono_ns() + ATTACH_NS;

	while (atomic_load(&session->supervisor_pid) == 0) {
		uint32_t state = atomic_load(&session->state);

		if (state != SPOOL_RUNNING || !supervisor_alive(&supervisor)) {
			errno = EIO;
			return -1;
		}
		if (clock_mono_ns() > until) {
			errno = ETIMEDOUT;
			return -1;
		}
		wait_state(state, STEP_NS);
	}
	return 0;
}

/* Until the store is complete, or nobody is left to complete it. */
static int wait_done(void)
{
	for (;;) {
		uint32_t state = atomic_load(&session->state);

		if (state == SPOOL_DONE)
			return 0;
		if (state == SPOOL_FAILED) /* SPOOL_CLOSED: all drained, not all named yet */
			break;
		if (!supervisor_alive(&supervisor)) {
			if (atomic_load(&session->state) == SPOOL_DONE)
				return 0;
			break;
		}
		wait_state(state, WATCH_NS);
	}
	errno = EIO;
	return -1;
}

static void ask_to_stop(void)
{
	uint32_t running = SPOOL_RUNNING;

	if (atomic_compare_exchange_strong(&session->state, &running, SPOOL_STOP_ASKED))
		(void)sys3(SYS_futex, (long)&session->state, FUTEX_WAKE, INT_MAX);
}

/* ---- the agent ------------------------------------------------------------------------------- */

/* Threads that were in the middle of a record when the recording ended have finished it long ago when the
 * next one begins; one that was stopped in it keeps the new one from beginning. */
static int slots_are_quiet(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (s && atomic_load(&s->tid) > 0 && (s->ring.busy || atomic_load(&s->in_handler)))
			return 0;
	}
	return 1;
}

/* What agent_end() leaves for threads that may still look at it. */
static int retire(void)
{
	struct timespec step = {0, STEP_NS};
	uint32_t used = atomic_load(&agent.slots_used);

	for (int i = 0; !slots_are_quiet(); i++) {
		if (i == 1000) {
			errno = EBUSY;
			return -1;
		}
		(void)nanosleep(&step, NULL);
	}
	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (!s || atomic_load(&s->tid) <= 0)
			continue;
		slot_forget(s);
	}
	spool_drop(agent.head);
	agent.head = NULL;
	session_unmap(agent.session);
	agent.session = NULL;
	atomic_store(&retired, 0);
	atomic_store(&agent.state, AGENT_IDLE);
	return 0;
}

/* What the program could see of us: descriptors and timers. */
static void close_engines(void)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load(&agent.slots[i]);

		if (s && atomic_load(&s->tid) > 0)
			engine_close(s);
	}
}

/* The rings' memory goes back at once; their addresses stay until nobody can be writing to them. */
static void free_rings(void)
{
	struct spool_head *h = agent.head;

	(void)madvise((char *)h + SPOOL_HEAD_BYTES, h->file_bytes - SPOOL_HEAD_BYTES, MADV_REMOVE);
}

/* ---- the calls ------------------------------------------------------------------------------- */

static int begin(const char *store)
{
	int saved;

	if (retired && retire())
		return -1;
	if (session_begin())
		return -1;
	if (supervisor_start(&supervisor, session_path, store) == 0 && wait_attached() == 0) {
		if (agent_begin(session_path, NULL) == 0)
			return 0;
		errno = ENOMEM;
	}
	saved = errno;
	ask_to_stop();
	if (supervisor.pid == 0 || !supervisor_alive(&supervisor)) /* nobody else is going to */
		(void)session_remove(session_path, NULL);
	session_drop();
	errno = saved;
	return -1;
}

int pp_agent_start(const char *store_path)
{
	uint32_t none = OWN_NONE, state = atomic_load(&agent.state);
	int rc;

	if (!store_path || !store_path[0])
		store_path = getenv("PROTEA_PROF_STORE");
	if (!store_path || !store_path[0])
		store_path = STORE_NAME;
	if (own_pid != getpid())
		atomic_store(&own_state, OWN_NONE);
	if ((state != AGENT_IDLE && !retired) ||
	    !atomic_compare_exchange_strong(&own_state, &none, OWN_BUSY)) {
		errno = EALREADY;
		return -1;
	}
	own_pid = getpid();
	rc = begin(store_path);
	atomic_store(&own_state, rc ? OWN_NONE : OWN_RECORDING);
	return rc;
}

int pp_agent_stop(void)
{
	uint32_t recording = OWN_RECORDING;
	int rc, saved;

	if (own_pid != getpid() ||
	    !atomic_compare_exchange_strong(&own_state, &recording, OWN_BUSY)) {
		errno = EINVAL;
		return -1;
	}
	agent_end(1);
	close_engines();
	atomic_fetch_add(&stage_epoch, 1);
	atomic_store(&retired, 1);
	ask_to_stop();
	rc = wait_done();
	saved = errno;
	free_rings();
	session_drop();
	atomic_store(&own_state, OWN_NONE);
	errno = saved;
	return rc;
}
