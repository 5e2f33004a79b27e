/* The text of a source file, if it can only be that of the run. */
#ifndef CLI_FLAME_TEXT_H
#define CLI_FLAME_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/model/profile.h"

#define FLAME_TEXT_MAX ((size_t)8 << 20)

struct flame_text {
	char *bytes; /* owned; NULL: none */
	size_t len;
	const char **lines; /* owned; starts of lines, one more than there are */
	uint32_t n;
};

/* Does the run say that it is of this machine? Elsewhere another file may have its files' names. */
int flame_text_is_here(const struct profile *p);

/* Is the file of a store this user's, or the system's? Another user's must not say what is read here. */
int flame_text_is_own(const char *store);

/* 0, whether there is text or not, or ERR_NOMEM. `file`: as in frames; `dir`: see flame_source.h; nothing outside it is
 * read, whatever dots and links say. */
int flame_text_find(struct flame_text *t, const struct profile *p, uint32_t file, const char *dir);
void flame_text_release(struct flame_text *t);

/* Does a path without links and dots name source code? A page must not carry what only a foreign hand called source. */
int flame_text_is_source(const char *path);

#endif
