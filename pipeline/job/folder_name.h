/* Names of what lies in the resume folder: "NAME-TAIL", where a file name must hold a data set name of
 * up to 255 bytes (spec 3), and whose they are. */
#ifndef JOB_FOLDER_NAME_H
#define JOB_FOLDER_NAME_H

#include <stddef.h>

#include "pipeline/core/digest.h"
#include "pipeline/source/source.h"

#define FOLDER_NAME_TEXT 256 /* NAME_MAX and NUL */
#define FOLDER_DIGITS    12  /* shown of a digest */

/* `name`, "-" and `tail` (at most 64 bytes). A name that leaves no room for the tail is cut and gets 12
 * digits of its digest behind a '~', which no data set name contains. 0 or a failed digest. */
int folder_name(const char *name, const char *tail, char out[FOLDER_NAME_TEXT]);

/* Digest of the source's identity: absolute path of a bundle, name of another. 0, ERR_NOMEM or a failed
 * digest. */
int folder_source(const struct source *source, char sha[SHA256_HEX]);

#endif
