/* A profile as a file for pprof (https://github.com/google/pprof/blob/main/proto/profile.proto), gzip-packed. Kept: names,
 * files, lines, inlined functions, modules with build ids, addresses, counts and values, thread, process and stage as
 * labels. The same profile gives the same bytes. */
#ifndef FORMATS_PPROF_WRITE_H
#define FORMATS_PPROF_WRITE_H

#include "prof/formats/export.h"

int pprof_write(FILE *out, const struct profile *p, const struct export_options *o,
		struct err *err);

#endif
