/* A folder of the machine that made the runs, left out of the paths of its pages. */
#ifndef CLI_STRIP_H
#define CLI_STRIP_H

#include "prof/base/err.h"
#include "prof/model/profile.h"

/* A copy of `text` without the folder (NULL: none), wherever it is in it; NULL: no memory. */
char *strip_folder(const char *text, const char *folder);
/* The same for the paths of a profile, and its command. */
int strip_profile(struct profile *p, const char *folder, struct err *err);

#endif
