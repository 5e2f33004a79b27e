/* A profile as a file for speedscope (https://www.speedscope.app/file-format-schema.json): one sampled profile per
 * thread. Kept: names, files, lines, threads; left out: modules, addresses, stages, how many samples a value is of
 * (with `count`: the values). */
#ifndef FORMATS_SPEEDSCOPE_WRITE_H
#define FORMATS_SPEEDSCOPE_WRITE_H

#include "prof/formats/export.h"

int speedscope_write(FILE *out, const struct profile *p, const struct export_options *o,
		     struct err *err);

#endif
