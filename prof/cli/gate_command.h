/* A command as one types it, as an argument vector: words alone are started directly, so that no shell's start-up is
 * measured with them; anything a shell has to read goes to sh -c. */
#ifndef CLI_GATE_COMMAND_H
#define CLI_GATE_COMMAND_H

#include <stddef.h>

#include "prof/base/err.h"

struct gate_command {
	char **argv; /* owned, NULL-terminated */
	size_t n;
	int by_shell;
};

/* ERR_ARG: nothing in it; ERR_NOTFOUND, ERR_UNSUPPORTED: a path that cannot be started. A word that is no program of PATH
 * may be one of the shell's own, and is left to it. */
int gate_command_make(struct gate_command *c, const char *text, struct err *err);
void gate_command_release(struct gate_command *c);

#endif
