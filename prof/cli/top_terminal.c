/* The terminal of the live view: can there be one, and who gives it back if we are killed? The view runs in a child
 * for that; the process that the shell knows waits for it, passes signals on, and cleans up behind one that did
 * not end by itself (kill -9, the watchdog that kills whoever stops a thread too long). */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/top.h"

#ifdef HAVE_NCURSES

#include <ncurses.h>
#include <term.h>

static const char *string(const char *capability)
{
	const char *text = tigetstr(capability);

	return text == (const char *)-1 ? NULL : text;
}

int top_screen_usable(const char *command, struct err *err)
{
	const char *term = getenv("TERM");
	int why = 0, rc;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, ERR_ARG,
			       "%s: the live view needs a terminal; --once prints one frame, "
			       "--json frames for scripts",
			       command);
	if (!term || !*term)
		return err_set(
			err, ERR_ARG,
			"%s: TERM is not set; set it to what the terminal is (xterm, screen, "
			"linux), or use --once",
			command);
	rc = setupterm(NULL, STDOUT_FILENO, &why);
	if (rc == OK && string("cup") && string("clear"))
		return 0;
	return err_set(err, ERR_ARG,
		       "%s: %s '%s'; set TERM to what it is (xterm, screen, linux), or use --once",
		       command,
		       rc == OK || why == 1 ? "a screen cannot be drawn on a terminal such as"
		       : why == 0           ? "unknown terminal"
					    : "no description of terminals is installed for",
		       term);
}

static void say(const char *capability)
{
	const char *text = string(capability);

	if (text)
		putp(text);
}

/* As endwin() would. */
static void give_back(const struct termios *modes)
{
	say("sgr0");
	say("rmkx");
	say("cnorm");
	say("rmcup");
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSADRAIN, modes);
}

#else

int top_screen_usable(const char *command, struct err *err)
{
	return err_set(err, ERR_ARG,
		       "%s: this protea-prof was built without ncurses (libncurses-dev) and has no "
		       "live view; --once prints one frame, --json frames for scripts",
		       command);
}

static void give_back(const struct termios *modes)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, modes);
}

#endif

/* ---- the process that waits ---- */

static volatile sig_atomic_t viewer;

/* What a terminal sends goes to both of us anyway. */
static void pass_on(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (viewer > 0 && info->si_code != SI_KERNEL)
		kill(viewer, signo);
	errno = saved;
}

static void pass_signals_on(void)
{
	static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	struct sigaction act, old;
	size_t i;

	memset(&act, 0, sizeof(act));
	act.sa_sigaction = pass_on;
	act.sa_flags = SA_RESTART | SA_SIGINFO;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sigaction(all[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(all[i], &act, NULL);
}

/* Without effect where nobody could let us go on. */
static void stop_like_child(void)
{
	struct sigaction usual, ours;

	memset(&usual, 0, sizeof(usual));
	usual.sa_handler = SIG_DFL;
	sigaction(SIGTSTP, &usual, &ours);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
}

/* Stops with the child, so that the shell gets the terminal when the child has given it back. */
static int wait_for_child(void)
{
	int status;

	for (;;) {
		pid_t pid = waitpid(viewer, &status, WUNTRACED);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return -1;
		if (!WIFSTOPPED(status))
			return status;
		stop_like_child();
		kill(viewer, SIGCONT);
	}
}

static int keep(const char *command, const struct termios *modes)
{
	int status = wait_for_child();

	if (status >= 0 && WIFEXITED(status))
		return WEXITSTATUS(status);
	give_back(modes);
	if (status >= 0 && WTERMSIG(status) == SIGKILL)
		log_error("%s: the live view was killed, by somebody or by its watchdog because a "
			  "stop lasted too long%s",
			  command,
			  strcmp(command, "top") ? "" : "; --nonblocking never stops a thread");
	else if (status >= 0)
		log_error("%s: the live view died of signal %d", command, WTERMSIG(status));
	return EXIT_FAIL;
}

int top_keep_terminal(const char *command, int *exit_code, struct err *err)
{
	sigset_t all, old;
	struct termios modes;
	pid_t child, parent = getpid();

	if (tcgetattr(STDIN_FILENO, &modes))
		return err_sys(err, ERR_IO, "cannot ask the terminal's modes");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		sigprocmask(SIG_SETMASK, &old, NULL);
		return getppid() == parent ? 1 : err_set(err, ERR_CANCELLED, "ended");
	}
	viewer = child;
	if (child > 0)
		pass_signals_on();
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (child < 0)
		return err_sys(err, ERR_LIMIT, "cannot start the live view");
	*exit_code = keep(command, &modes);
	return 0;
}
