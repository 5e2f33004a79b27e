/* See strip.h. */
#include "prof/cli/strip.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Is this where a path begins, not the middle of one? */
static int begins(const char *text, char before)
{
	return *text == '/' && !isalnum((unsigned char)before) &&
	       !strchr("._-/", before ? before : ' ');
}

char *strip_folder(const char *text, const char *folder)
{
	size_t len = folder ? strlen(folder) : 0, n = 0;
	char *copy = strdup(text);

	while (len && folder[len - 1] == '/')
		len--;
	if (!copy || !len)
		return copy;
	while (*text)
		if (begins(text, n ? copy[n - 1] : 0) && strncmp(text, folder, len) == 0 &&
		    text[len] == '/')
			text += len + 1;
		else
			copy[n++] = *text++;
	copy[n] = '\0';
	return copy;
}

static int strip_string(struct profile *p, uint32_t *string, const char *folder)
{
	const char *text = strtab_text(p->strings, *string);
	char *copy;
	int rc;

	if (!strstr(text, folder))
		return 0;
	copy = strip_folder(text, folder);
	rc = copy ? strtab_intern_text(p->strings, copy, string) : ERR_NOMEM;
	free(copy);
	return rc;
}

int strip_profile(struct profile *p, const char *folder, struct err *err)
{
	uint32_t *own[] = {&p->run.command, &p->run.argv, &p->run.job};
	int rc = 0;
	uint32_t i;

	for (i = 0; rc == 0 && i < sizeof own / sizeof *own; i++)
		rc = strip_string(p, own[i], folder);
	for (i = 0; rc == 0 && i < p->n_modules; i++)
		rc = strip_string(p, &p->modules[i].path, folder);
	for (i = 0; rc == 0 && i < p->n_frames; i++)
		rc = strip_string(p, &p->frames[i].file, folder);
	return rc ? err_nomem(err, "the paths of a profile") : 0;
}
