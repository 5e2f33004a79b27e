/* Folded stacks ("main;f;g 42" lines, as stackcollapse-*.pl, py-spy and others write them) into a profile. Names may
 * hold blanks; marks such as _[k] stay. Lines that begin with "# " are remarks. */
#ifndef FORMATS_FOLDED_READ_H
#define FORMATS_FOLDED_READ_H

#include "prof/formats/import.h"

int folded_read(struct profile *p, struct bytes *from, const struct import_options *o,
		struct buf *notes, struct err *err);

/* "path number" apart: 1, or 0 if the line is none. `n_path` without the blanks before the number. */
int folded_line(const char *line, size_t n, size_t *n_path, double *number);

#endif
