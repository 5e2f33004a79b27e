/* Command lines of processes as they are shown: in one line, without the passwords in them. */
#ifndef CLI_SHOWN_COMMAND_H
#define CLI_SHOWN_COMMAND_H

#include "prof/attach/core.h"
#include "prof/attach/proc.h"

void shown_command(const struct proc *p, char *out, size_t size);
void shown_core_command(const struct core *c, char *out, size_t size);

#endif
