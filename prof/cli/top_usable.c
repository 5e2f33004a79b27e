/* Can there be a live view: this build, this terminal? */
#include <stdlib.h>
#include <unistd.h>

#include "prof/cli/top.h"

#ifdef HAVE_NCURSES

#include <ncurses.h>
#include <term.h>

int top_screen_usable(struct err *err)
{
	const char *term = getenv("TERM");
	int why = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, ERR_ARG,
			       "top: the live view needs a terminal; --once prints one frame, "
			       "--json frames for scripts");
	if (setupterm(NULL, STDOUT_FILENO, &why) == OK)
		return 0;
	return err_set(err, ERR_ARG,
		       "top: %s '%s'; set TERM to what it is (xterm, screen, linux), or use --once",
		       why == 1   ? "a screen cannot be drawn on a terminal such as"
		       : why == 0 ? "unknown terminal"
				  : "no description of terminals is installed for",
		       term && *term ? term : "(TERM is not set)");
}

#else

int top_screen_usable(struct err *err)
{
	return err_set(
		err, ERR_ARG,
		"top: this protea-prof was built without ncurses (libncurses-dev) and has no "
		"live view; --once prints one frame, --json frames for scripts");
}

#endif
