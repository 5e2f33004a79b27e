/* A guard against the one way in which a tick could kill: when the user's queue of real-time signals is
 * full (RLIMIT_SIGPENDING counts all processes of a user), the kernel sends SIGIO in its place, whose
 * default action is death. Where the program leaves SIGIO at its default, ours takes it: a tick as good as
 * any; a SIGIO of anybody else does what it would have. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "prof/agent/agent.h"
#include "prof/agent/engine.h"
#include "prof/agent/handler.h"
#include "prof/agent/slots.h"
#include "prof/agent/sys.h"

static int set_action(const struct sigaction *new, struct sigaction *old)
{
	return AGENT_NEXT(sigaction)(SIGIO, new, old);
}

static void die_as_by_default(void)
{
	struct sigaction dfl;

	memset(&dfl, 0, sizeof dfl);
	dfl.sa_handler = SIG_DFL;
	(void)set_action(&dfl, NULL);
	(void)sys3(SYS_tgkill, sys2(SYS_getpid, 0, 0), sys_gettid(), SIGIO); /* when we return */
}

static void on_sigio(int signo, siginfo_t *info, void *ucontext)
{
	int saved = errno;
	struct agent_slot *s;

	(void)signo;
	s = slot_of_tid(sys_gettid());
	if (info->si_code != SI_KERNEL)
		die_as_by_default();
	else if (s && s->fd >= 0 && s->ring.ring)
		handler_tick(s, info, ucontext);
	errno = saved;
}

int sigio_is_guard(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_sigio;
}

void sigio_guard(void)
{
	struct sigaction sa, old;

	if (set_action(NULL, &old) || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
		return;
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_sigio;
	sa.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	(void)sigfillset(&sa.sa_mask);
	(void)set_action(&sa, NULL);
}
