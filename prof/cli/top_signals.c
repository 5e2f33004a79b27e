/* Signals of top as flags and a pipe: nothing else happens in the handlers. One per process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "prof/cli/top.h"

struct top_signals top_signals;
static int pipe_ends[2] = {-1, -1};

static void on_signal(int signo)
{
	int saved = errno;
	ssize_t n;

	if (signo == SIGWINCH)
		top_signals.resized = 1;
	else if (signo == SIGTSTP)
		top_signals.stop = 1;
	else
		top_signals.quit = signo;
	n = write(pipe_ends[1], "", 1); /* full is as good as written */
	(void)n;
	errno = saved;
}

/* What our parent ignores (nohup, a shell without job control) stays ignored. */
static void take(int signo)
{
	struct sigaction act, old;

	if (sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	memset(&act, 0, sizeof(act));
	act.sa_handler = on_signal;
	act.sa_flags = SA_RESTART;
	sigaction(signo, &act, NULL);
}

int top_signals_init(struct err *err)
{
	if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK))
		return err_sys(err, ERR_IO, "cannot make a pipe");
	take(SIGINT);
	take(SIGTERM);
	take(SIGHUP);
	take(SIGQUIT);
	return pipe_ends[0];
}

void top_signals_screen(void)
{
	take(SIGINT);
	take(SIGTERM);
	take(SIGHUP);
	take(SIGQUIT);
	take(SIGWINCH);
	take(SIGTSTP);
}

void top_signals_drain(void)
{
	char bytes[64];

	while (read(pipe_ends[0], bytes, sizeof(bytes)) > 0)
		;
}
