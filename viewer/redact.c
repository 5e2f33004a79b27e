/* Commands without what was said to them: see redact.h. */
#include "viewer/redact.h"

#include <string.h>

const char *redact_program(const char *command, size_t *n)
{
	const char *end = " ", *from;

	if (*command == '\'' || *command == '"')
		end = *command++ == '"' ? "\"" : "'";
	*n = strcspn(command, end);
	for (from = command + *n; from > command && from[-1] != '/'; from--) {
	}
	*n -= (size_t)(from - command);
	return from;
}
