/* Shown command lines: see shown_command.h. */
#include "prof/cli/shown_command.h"

#include <stdio.h>
#include <string.h>

#include "prof/base/secret.h"

#define COMMAND_READ 8192
/* A core file has the first 79 bytes of it (ELF_PRARGSZ less one). */
#define CORE_COMMAND 79

/* What is cut off lies behind what is shown, so that no password loses the sign that ends it. */
void shown_command(const struct proc *p, char *out, size_t size)
{
	char whole[COMMAND_READ];

	proc_command(p, whole, sizeof whole);
	(void)secret_hide(whole);
	snprintf(out, size, "%.*s", (int)size - 1, whole);
}

/* Here it may have lost it. */
void shown_core_command(const struct core *c, char *out, size_t size)
{
	int cut = strlen(core_command(c)) >= CORE_COMMAND;
	char whole[CORE_COMMAND + 8];
	size_t n;

	snprintf(whole, sizeof whole, "%.*s%s", CORE_COMMAND + 1, core_command(c), cut ? "@" : "");
	(void)secret_hide(whole);
	n = strlen(whole);
	if (cut && n)
		n--;
	snprintf(out, size, "%.*s", (int)n, whole);
}
