/* Masks. A program that blocks all signals for a moment means those that could disturb it; ticks cannot,
 * and without them what it does meanwhile would be invisible. So the tick's signal is left out of masks
 * that block nearly everything, and shown to the program as blocked whenever its neighbours are: there is
 * no state to keep, so that threads, longjmp and sigreturn, which copy masks, need no care. Once the
 * program names the number itself, masks are taken literally.
 *
 * Signal-safe throughout; errno and results are libc's. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <time.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/sigwrap.h"
#include "prof/agent/slots.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"

#define NEIGHBOURS 3 /* nobody blocks just these */

_Atomic int sig_tick, sig_wanted;

static int neighbour[NEIGHBOURS];
/* Masks of this thread were made literal; it sleeps with a mask that lets the tick's number through. */
static __thread volatile int literal, open_mask;

void sig_neighbours(int signo)
{
	int n = 0;

	for (int d = 1; n < NEIGHBOURS; d++) {
		if (signo - d >= SIGRTMIN)
			neighbour[n++] = signo - d;
		if (signo + d <= SIGRTMAX && n < NEIGHBOURS)
			neighbour[n++] = signo + d;
	}
}

int sig_covers(const sigset_t *mask)
{
	for (int i = 0; i < NEIGHBOURS; i++)
		if (sigismember(mask, neighbour[i]) != 1)
			return 0;
	return 1;
}

int sig_held(const sigset_t *mask)
{
	return !literal && !open_mask && sig_covers(mask);
}

void sig_mask_raw(int how, const sigset_t *set, sigset_t *old)
{
	(void)sys4(SYS_rt_sigprocmask, how, (long)set, (long)old, 8);
}

int sig_strip(sigset_t *out, const sigset_t *mask)
{
	int tick = atomic_load_explicit(&sig_tick, memory_order_relaxed);

	if (!tick || atomic_load_explicit(&sig_wanted, memory_order_relaxed) ||
	    sigismember(mask, tick) != 1 || !sig_covers(mask))
		return 0;
	*out = *mask;
	sigdelset(out, tick);
	return 1;
}

void sig_show(sigset_t *mask)
{
	int tick = atomic_load_explicit(&sig_tick, memory_order_relaxed);

	if (tick && !literal && sig_covers(mask))
		sigaddset(mask, tick);
}

/* From here on the kernel's mask of this thread says what the program's does. `literal` comes last: a
 * signal in between must still be held. */
static void make_literal(void)
{
	sigset_t now, tick;

	if (literal)
		return;
	sigemptyset(&now);
	sig_mask_raw(SIG_BLOCK, NULL, &now);
	if (sig_covers(&now)) {
		sigemptyset(&tick);
		sigaddset(&tick, sig_tick);
		sig_mask_raw(SIG_BLOCK, &tick, NULL);
	}
	literal = 1;
}

void sig_want(void)
{
	atomic_store(&sig_wanted, 1);
	make_literal();
}

/* The sleep of this thread that a longjmp() left, engine stopped: it is over. */
static __thread struct agent_slot *quiet_slot;

static void wake_engine(void)
{
	struct agent_slot *slot = quiet_slot;

	quiet_slot = NULL;
	if (slot && slot == agent_self)
		sig_loud(slot);
}

/* Before an operation with `set`: does it speak of the tick's number alone? */
static void look_at(const sigset_t *set)
{
	int tick = sig_tick;

	if (quiet_slot)
		wake_engine();
	if (!sig_wanted && set && sigismember(set, tick) == 1 && !sig_covers(set))
		sig_want();
	else if (sig_wanted)
		make_literal();
}

int agent_signal_thread_create(void)
{
	if (sig_wanted && sig_tick)
		make_literal();
	return literal;
}

void agent_signal_thread_start(int inherited)
{
	literal = inherited;
}

/* ---- masks ----------------------------------------------------------------------------------- */

typedef int mask_fn(int, const sigset_t *, sigset_t *);

static int change_mask(mask_fn *next, int how, const sigset_t *set, sigset_t *old)
{
	sigset_t stripped;
	int rc;

	if (!sig_tick)
		return next(how, set, old);
	look_at(set);
	if (set && (how == SIG_BLOCK || how == SIG_SETMASK) && sig_strip(&stripped, set))
		set = &stripped;
	rc = next(how, set, old);
	if (rc == 0 && old)
		sig_show(old);
	return rc;
}

AGENT_EXPORT int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	return change_mask(AGENT_NEXT(sigprocmask), how, set, old);
}

AGENT_EXPORT int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	return change_mask(AGENT_NEXT(pthread_sigmask), how, set, old);
}

AGENT_EXPORT int pthread_attr_setsigmask_np(pthread_attr_t *attr, const sigset_t *mask)
{
	sigset_t stripped;

	if (sig_tick && mask && sig_strip(&stripped, mask))
		mask = &stripped;
	return AGENT_NEXT(pthread_attr_setsigmask_np)(attr, mask);
}

/* ---- sleeping with another mask -------------------------------------------------------------- */

/* A pending tick must not end the sleep; it can be pending only where masks are literal. */
struct sleep {
	int was_open;
	struct agent_slot *slot;
};

static struct sleep enter(const sigset_t *mask)
{
	struct sleep s = {open_mask, NULL};
	int tick = sig_tick;

	if (!tick || !mask)
		return s;
	look_at(mask);
	if (sigismember(mask, tick) != 0)
		return s;
	open_mask = 1;
	if (literal && agent_live() && agent_self) {
		s.slot = quiet_slot = agent_self;
		sig_quiet(s.slot);
	}
	return s;
}

static void leave(struct sleep s)
{
	int saved = errno;

	open_mask = s.was_open;
	if (s.slot)
		wake_engine();
	errno = saved;
}

AGENT_EXPORT int sigsuspend(const sigset_t *mask)
{
	struct sleep s = enter(mask);
	int rc = AGENT_NEXT(sigsuspend)(mask);

	leave(s);
	return rc;
}

AGENT_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask)
{
	struct sleep s = enter(mask);
	int rc = AGENT_NEXT(ppoll)(fds, n, timeout, mask);

	leave(s);
	return rc;
}

AGENT_EXPORT int pselect(int n, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
			 const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	struct sleep s = enter(mask);
	int rc = AGENT_NEXT(pselect)(n, in, out, except, timeout, mask);

	leave(s);
	return rc;
}

AGENT_EXPORT int epoll_pwait(int fd, struct epoll_event *events, int n, int timeout,
			     const sigset_t *mask)
{
	struct sleep s = enter(mask);
	int rc = AGENT_NEXT(epoll_pwait)(fd, events, n, timeout, mask);

	leave(s);
	return rc;
}

AGENT_EXPORT int epoll_pwait2(int fd, struct epoll_event *events, int n,
			      const struct timespec *timeout, const sigset_t *mask)
{
	struct sleep s = enter(mask);
	int rc = AGENT_NEXT(epoll_pwait2)(fd, events, n, timeout, mask);

	leave(s);
	return rc;
}

/* ---- waiting for signals --------------------------------------------------------------------- */

/* Did the wait return a tick that was pending? It is spent; the next one may come. */
static int swallowed(int signo, const siginfo_t *info)
{
	struct agent_slot *slot;

	if (signo != sig_tick)
		return 0;
	slot = engine_slot_of(info);
	if (slot)
		(void)engine_rearm(slot, info);
	return slot != NULL;
}

static int wait_info(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	int64_t end_ns = 0;
	struct timespec left;
	siginfo_t own;
	int signo;

	if (timeout) {
		left = *timeout;
		end_ns = clock_mono_ns() + (int64_t)left.tv_sec * 1000000000 + left.tv_nsec;
	}
	for (;;) {
		int64_t ns;

		signo = timeout ? AGENT_NEXT(sigtimedwait)(set, &own, &left)
				: AGENT_NEXT(sigwaitinfo)(set, &own);
		if (signo < 0 || !swallowed(signo, &own))
			break;
		ns = timeout ? end_ns - clock_mono_ns() : 0;
		ns = ns < 0 ? 0 : ns;
		left.tv_sec = ns / 1000000000;
		left.tv_nsec = ns % 1000000000;
	}
	if (signo > 0 && info)
		*info = own;
	return signo;
}

static int waits_for_tick(const sigset_t *set)
{
	int tick = sig_tick;

	if (!tick || !set || sigismember(set, tick) != 1)
		return 0;
	look_at(set);
	return 1;
}

AGENT_EXPORT int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
	if (!waits_for_tick(set))
		return AGENT_NEXT(sigwaitinfo)(set, info);
	return wait_info(set, info, NULL);
}

AGENT_EXPORT int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
			      const struct timespec *restrict timeout)
{
	if (!waits_for_tick(set) || !timeout || timeout->tv_sec < 0 ||
	    timeout->tv_sec > INT32_MAX || timeout->tv_nsec < 0 || timeout->tv_nsec > 999999999)
		return AGENT_NEXT(sigtimedwait)(set, info, timeout);
	return wait_info(set, info, timeout);
}

AGENT_EXPORT int sigwait(const sigset_t *restrict set, int *restrict signo)
{
	int saved = errno, rc;

	if (!waits_for_tick(set))
		return AGENT_NEXT(sigwait)(set, signo);
	do
		rc = wait_info(set, NULL, NULL);
	while (rc < 0 && errno == EINTR);
	if (rc > 0)
		*signo = rc;
	rc = rc < 0 ? errno : 0;
	errno = saved;
	return rc;
}

AGENT_EXPORT int signalfd(int fd, const sigset_t *mask, int flags)
{
	sigset_t stripped;

	if (sig_tick) {
		look_at(mask);
		if (sig_strip(&stripped, mask))
			mask = &stripped;
	}
	return AGENT_NEXT(signalfd)(fd, mask, flags);
}

AGENT_EXPORT int sigpending(sigset_t *set)
{
	int rc = AGENT_NEXT(sigpending)(set), tick = sig_tick;

	/* Pending and not wanted: a tick between two instructions of a mask operation. */
	if (rc == 0 && tick && !sig_wanted)
		sigdelset(set, tick);
	return rc;
}
