/* The older ways to say sigaction() and sigprocmask(), for the tick's number and SIGIO; for all others they are
 * libc's own. Signal-safe. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/sigwrap.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* programs call them all the same */

typedef void handler_fn(int);

/* Numbers whose action is not what the kernel says. */
static int is_ours(int signo)
{
	return sig_tick && (signo == sig_tick || signo == SIGIO);
}

static handler_fn *simple_action(int signo, handler_fn *handler, int flags)
{
	struct sigaction a, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	memset(&a, 0, sizeof a);
	a.sa_handler = handler;
	a.sa_flags = flags;
	if (!(flags & (int)SA_NODEFER))
		sigaddset(&a.sa_mask, signo);
	return sigaction(signo, &a, &old) < 0 ? SIG_ERR : old.sa_handler;
}

AGENT_EXPORT sighandler_t signal(int signo, sighandler_t handler)
{
	if (!is_ours(signo))
		return AGENT_NEXT(signal)(signo, handler);
	return simple_action(signo, handler, SA_RESTART);
}

AGENT_EXPORT sighandler_t bsd_signal(int signo, sighandler_t handler)
{
	return signal(signo, handler);
}

AGENT_EXPORT sighandler_t ssignal(int signo, sighandler_t handler)
{
	return signal(signo, handler);
}

AGENT_EXPORT sighandler_t sysv_signal(int signo, sighandler_t handler)
{
	if (!is_ours(signo))
		return AGENT_NEXT(sysv_signal)(signo, handler);
	return simple_action(signo, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

AGENT_EXPORT sighandler_t __sysv_signal(int signo, sighandler_t handler)
{
	return sysv_signal(signo, handler);
}

AGENT_EXPORT int sigignore(int signo)
{
	struct sigaction a;

	memset(&a, 0, sizeof a);
	a.sa_handler = SIG_IGN;
	return sigaction(signo, &a, NULL);
}

static int mask_one(int how, int signo)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signo);
	return sigprocmask(how, &one, NULL);
}

AGENT_EXPORT int sighold(int signo)
{
	return sig_tick && signo == sig_tick ? mask_one(SIG_BLOCK, signo)
					     : AGENT_NEXT(sighold)(signo);
}

AGENT_EXPORT int sigrelse(int signo)
{
	return sig_tick && signo == sig_tick ? mask_one(SIG_UNBLOCK, signo)
					     : AGENT_NEXT(sigrelse)(signo);
}

AGENT_EXPORT sighandler_t sigset(int signo, sighandler_t handler)
{
	struct sigaction a, old;
	sigset_t before;
	int rc;

	if (!is_ours(signo))
		return AGENT_NEXT(sigset)(signo, handler);
	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	memset(&a, 0, sizeof a);
	a.sa_handler = handler;
	rc = sigaction(signo, handler == SIG_HOLD ? NULL : &a, &old);
	if (rc == 0)
		rc = sigprocmask(SIG_BLOCK, NULL, &before);
	if (rc == 0)
		rc = mask_one(handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, signo);
	if (rc < 0)
		return SIG_ERR;
	return sigismember(&before, signo) == 1 ? SIG_HOLD : old.sa_handler;
}

AGENT_EXPORT int siginterrupt(int signo, int on)
{
	struct sigaction a;

	if (!is_ours(signo))
		return AGENT_NEXT(siginterrupt)(signo, on);
	if (sigaction(signo, NULL, &a) < 0)
		return -1;
	a.sa_flags = on ? a.sa_flags & ~SA_RESTART : a.sa_flags | SA_RESTART;
	return sigaction(signo, &a, NULL);
}
