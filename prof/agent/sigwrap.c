/* Actions of the tick's signal. The kernel's action is the agent's; what the program sets for that number
 * is kept here, shown when it asks, and called for signals that are not ticks, with the mask and flags it
 * asked for. Other signals pass, but for the tick in their sa_mask (sigmask.c says why).
 *
 * Signal-safe: libc's sigaction() is, so ours must be. The lock is taken with all signals blocked. */
#include "prof/agent/sigwrap.h"

#include <errno.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/sys.h"

#define SA_RESTORER_BIT 0x04000000 /* the kernel's, which libc does not name */

typedef void handler_fn(int);
typedef void info_fn(int, siginfo_t *, void *);
typedef int action_fn(int, const struct sigaction *, struct sigaction *);

static info_fn *tick_handler;
/* The program's action: the current one is shadow[turn & 1]; a reader in a handler sees a whole one. */
static struct sigaction shadow[2];
static _Atomic uint32_t turn, lock;

static action_fn *next_sigaction(void)
{
	return AGENT_NEXT(sigaction);
}

static void shadow_lock(sigset_t *old)
{
	sigset_t all;

	memset(&all, 0xff, sizeof all);
	sig_mask_raw(SIG_SETMASK, &all, old);
	while (atomic_exchange_explicit(&lock, 1, memory_order_acquire))
		;
}

static void shadow_unlock(const sigset_t *old)
{
	atomic_store_explicit(&lock, 0, memory_order_release);
	sig_mask_raw(SIG_SETMASK, old, NULL);
}

void sig_fork_child(void)
{
	atomic_store_explicit(&lock, 0, memory_order_release);
}

static struct sigaction shadow_get(void)
{
	struct sigaction a;
	uint32_t t;

	do {
		t = atomic_load_explicit(&turn, memory_order_acquire);
		a = shadow[t & 1];
		atomic_thread_fence(memory_order_acquire);
	} while (t != atomic_load_explicit(&turn, memory_order_relaxed));
	return a;
}

/* With the lock. */
static void shadow_put(const struct sigaction *a)
{
	uint32_t t = atomic_load_explicit(&turn, memory_order_relaxed);

	shadow[(t + 1) & 1] = *a;
	atomic_store_explicit(&turn, t + 1, memory_order_release);
}

static int is_handler(const struct sigaction *a)
{
	return a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN;
}

/* ---- ours ------------------------------------------------------------------------------------ */

struct kernel_action {
	info_fn *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* What stands before libc's sigaction() may have put a handler of its own in front of ours: gcc's thread sanitizer
 * keeps signals back until the program's next call of libc, so that loops would have no ticks. */
static void without_detour(int signo)
{
	struct kernel_action a;

	if (sys4(SYS_rt_sigaction, signo, 0, (long)&a, sizeof a.mask) < 0 ||
	    a.handler == tick_handler)
		return;
	a.handler = tick_handler;
	(void)sys4(SYS_rt_sigaction, signo, (long)&a, 0, sizeof a.mask);
}

static int kernel_install(int signo, int restart)
{
	struct sigaction a;
	int rc;

	memset(&a, 0, sizeof a);
	a.sa_sigaction = tick_handler;
	a.sa_flags = SA_SIGINFO | SA_ONSTACK | restart;
	sigfillset(&a.sa_mask);
	rc = next_sigaction()(signo, &a, NULL);
	if (rc == 0)
		without_detour(signo);
	return rc;
}

/* Nobody's: no action but `unused`, and not blocked by itself. */
static int is_free(int signo, void (*unused)(int))
{
	struct sigaction a;
	sigset_t now;

	if (next_sigaction()(signo, NULL, &a) < 0 || a.sa_handler != unused)
		return 0;
	sigemptyset(&now);
	sig_mask_raw(SIG_BLOCK, NULL, &now);
	sig_neighbours(signo);
	return sigismember(&now, signo) != 1 || sig_covers(&now);
}

/* Programs take their numbers from both ends of the range, so ours is near its top but not at it. */
static int choose(void (*unused)(int))
{
	for (int signo = SIGRTMAX - 3; signo >= SIGRTMIN; signo--)
		if (is_free(signo, unused))
			return signo;
	for (int signo = SIGRTMAX; signo > SIGRTMAX - 3; signo--)
		if (is_free(signo, unused))
			return signo;
	return 0;
}

/* A number that is ignored serves as well, if there is no other: chaining ignores it too. */
int agent_signal_choose(void)
{
	int signo = sig_tick;

	if (!signo)
		signo = choose(SIG_DFL);
	return signo ? signo : choose(SIG_IGN);
}

int agent_signal_install(int signo, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction was;
	sigset_t old, tick;
	int rc = 0;

	sig_neighbours(signo);
	shadow_lock(&old);
	tick_handler = handler;
	if (sig_tick != signo) {
		rc = next_sigaction()(signo, NULL, &was);
		if (rc == 0)
			rc = kernel_install(signo, SA_RESTART);
		if (rc == 0) {
			shadow_put(&was);
			atomic_store(&sig_tick, signo);
		}
	}
	shadow_unlock(&old);
	if (rc == 0 && !sig_wanted) { /* inherited or made in a program that blocks nearly all */
		sigemptyset(&tick);
		sigaddset(&tick, signo);
		sig_mask_raw(SIG_UNBLOCK, &tick, NULL);
	}
	return rc;
}

/* ---- signals that are not ticks -------------------------------------------------------------- */

/* Sent by a process, not by the kernel on behalf of an event or a timer that ended meanwhile. */
static int was_sent(const siginfo_t *info)
{
	return info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
}

/* The default action: the process dies of this signal when the handler returns. */
static void die_of(int signo, siginfo_t *info, ucontext_t *uc)
{
	struct sigaction dfl;

	memset(&dfl, 0, sizeof dfl);
	dfl.sa_handler = SIG_DFL;
	(void)next_sigaction()(signo, &dfl, NULL);
	sigdelset(&uc->uc_sigmask, signo);
	(void)sys4(SYS_rt_tgsigqueueinfo, agent.pid, sys_gettid(), signo, (long)info);
}

static void reset_hand(struct sigaction *a)
{
	struct sigaction dfl = *a;
	sigset_t old;

	dfl.sa_handler = SIG_DFL;
	shadow_lock(&old);
	shadow_put(&dfl);
	shadow_unlock(&old);
}

static void call_handler(struct sigaction *a, int signo, siginfo_t *info, ucontext_t *uc)
{
	sigset_t mask = uc->uc_sigmask;

	for (int s = 1; s <= SIGRTMAX; s++)
		if (sigismember(&a->sa_mask, s) == 1)
			sigaddset(&mask, s);
	if (!(a->sa_flags & SA_NODEFER))
		sigaddset(&mask, signo);
	if (a->sa_flags & (int)SA_RESETHAND)
		reset_hand(a);
	sig_mask_raw(SIG_SETMASK, &mask, NULL);
	if (a->sa_flags & SA_SIGINFO)
		a->sa_sigaction(signo, info, uc);
	else
		((handler_fn *)a->sa_handler)(signo);
}

void agent_signal_chain(int signo, siginfo_t *info, void *ucontext)
{
	struct sigaction a = shadow_get();
	ucontext_t *uc = ucontext;

	if (a.sa_handler == SIG_IGN || (!is_handler(&a) && !was_sent(info)))
		return;
	if (sig_held(&uc->uc_sigmask)) { /* blocked, as far as the program knows: so it waits */
		sig_want();
		sigaddset(&uc->uc_sigmask, signo);
		sig_requeue(signo, info);
	} else if (is_handler(&a)) {
		call_handler(&a, signo, info, uc);
	} else {
		die_of(signo, info, uc);
	}
}

/* ---- wrappers -------------------------------------------------------------------------------- */

/* In a child of vfork(): memory is the parent's, actions are its own. */
static int is_borrowed(void)
{
	return getpid() != agent.pid;
}

static int borrowed_action(int signo, const struct sigaction *act, struct sigaction *old)
{
	int rc = next_sigaction()(signo, act, old);

	if (rc == 0 && old && old->sa_sigaction == tick_handler)
		*old = shadow_get();
	return rc;
}

static int own_action(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction want, was;
	sigset_t mask;

	if (act) { /* a bad pointer faults here, without the lock */
		want = *act;
		want.sa_flags |= SA_RESTORER_BIT; /* as libc and the kernel change it */
		sigdelset(&want.sa_mask, SIGKILL);
		sigdelset(&want.sa_mask, SIGSTOP);
	}
	shadow_lock(&mask);
	was = shadow_get();
	if (act) {
		shadow_put(&want);
		(void)kernel_install(signo,
				     is_handler(&want) ? want.sa_flags & SA_RESTART : SA_RESTART);
	}
	shadow_unlock(&mask);
	if (act && is_handler(&want))
		sig_want();
	if (old)
		*old = was;
	return 0;
}

/* SIGIO has a guard where the program leaves it alone (sigio.c), of which the program sees nothing. */
static int guarded_action(const struct sigaction *act, struct sigaction *old)
{
	struct sigaction was;
	int rc = next_sigaction()(SIGIO, act, &was);

	if (rc == 0 && sigio_is_guard(&was)) {
		memset(&was, 0, sizeof was);
		was.sa_handler = SIG_DFL;
		if (act && act->sa_handler == SIG_DFL)
			sigio_guard();
	}
	if (rc == 0 && old)
		*old = was;
	return rc;
}

AGENT_EXPORT int sigaction(int signo, const struct sigaction *restrict act,
			   struct sigaction *restrict old)
{
	struct sigaction changed;
	int tick = sig_tick, rc;

	if (!tick)
		return next_sigaction()(signo, act, old);
	if (signo == tick)
		return is_borrowed() ? borrowed_action(signo, act, old)
				     : own_action(signo, act, old);
	if (act) {
		changed = *act;
		if (sig_strip(&changed.sa_mask, &act->sa_mask))
			act = &changed;
	}
	rc = signo == SIGIO ? guarded_action(act, old) : next_sigaction()(signo, act, old);
	if (rc == 0 && old && !sig_wanted)
		sig_show(&old->sa_mask);
	return rc;
}

/* ---- exec ------------------------------------------------------------------------------------ */

void sig_exec_prepare(struct sig_exec *s, int action_too)
{
	struct sigaction a;
	sigset_t now, one;
	int tick = sig_tick;

	memset(s, 0, sizeof *s);
	if (!tick)
		return;
	sigemptyset(&now);
	sig_mask_raw(SIG_BLOCK, NULL, &now);
	if (sigismember(&now, tick) == 0 && sig_held(&now)) {
		sigemptyset(&one);
		sigaddset(&one, tick);
		sig_mask_raw(SIG_BLOCK, &one, NULL);
		s->blocked = 1;
	}
	a = shadow_get();
	if (action_too && a.sa_handler == SIG_IGN) {
		memset(&a, 0, sizeof a);
		a.sa_handler = SIG_IGN;
		s->ignored = next_sigaction()(tick, &a, &s->action) == 0;
	}
}

void sig_exec_undo(const struct sig_exec *s)
{
	sigset_t one;

	if (s->ignored)
		(void)next_sigaction()(sig_tick, &s->action, NULL);
	if (!s->blocked)
		return;
	sigemptyset(&one);
	sigaddset(&one, sig_tick);
	sig_mask_raw(SIG_UNBLOCK, &one, NULL);
}
