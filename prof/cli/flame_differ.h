/* What makes runs hard to compare, said on stderr: rates, machines, ways of recording, kinds of sample. */
#ifndef CLI_FLAME_DIFFER_H
#define CLI_FLAME_DIFFER_H

#include <stddef.h>

#include "prof/base/buf.h"
#include "prof/model/profile.h"

/* One warning for each thing in which the runs differ, with what it is for which run. */
void flame_differ_warn(const struct profile *runs, size_t n);

#endif
