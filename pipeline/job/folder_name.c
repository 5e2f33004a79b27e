/* Names in the resume folder: see folder_name.h. No state, any thread. */
#include "pipeline/job/folder_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"

int folder_name(const char *name, const char *tail, char out[FOLDER_NAME_TEXT])
{
	size_t len = strlen(name), room = FOLDER_NAME_TEXT - 2 - strlen(tail);
	char sha[SHA256_HEX];
	int rc;

	if (len <= room) {
		snprintf(out, FOLDER_NAME_TEXT, "%s-%s", name, tail);
		return 0;
	}
	rc = sha256_hex(name, len, sha);
	if (!rc)
		snprintf(out, FOLDER_NAME_TEXT, "%.*s~%.*s-%s", (int)room - FOLDER_DIGITS - 1, name,
			 FOLDER_DIGITS, sha, tail);
	return rc;
}

int folder_source(const struct source *source, char sha[SHA256_HEX])
{
	int is_file = strcmp(source_kind(source), "bundle") == 0;
	char *id = is_file ? fsio_absolute(source_name(source)) : strdup(source_name(source));
	int rc = id ? sha256_hex(id, strlen(id), sha) : ERR_NOMEM;

	free(id);
	return rc;
}
