/* The files of code that a run's agents told of, held open until its frames are named: a library that is unpacked,
 * loaded and deleted, a program that removes itself, a package that is upgraded meanwhile still have names then.
 * What is gone already when it is told of is taken out of the living process. Not thread-safe. */
#ifndef RECORD_HELD_H
#define RECORD_HELD_H

#include "prof/record/naming.h"

#define HELD_MAX 512 /* files; at most a quarter of the descriptors that the process may have */

struct held;
struct held *held_new(void); /* NULL: no memory */
void held_free(struct held *h);
/* Code of `path` with that build id ("": none) was loaded by process `pid`. Each file is opened once; what cannot be
 * had is looked for by its path at the end. */
void held_add(struct held *h, int pid, const char *path, const char *build_id);
naming_locate held_locate; /* ctx: a struct held */

#endif
