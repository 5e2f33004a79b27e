/* V8's CPU profiles (.cpuprofile: node --cpu-prof, Chrome's developer tools) into a profile of kind wall: each sample
 * lasts until the next. (idle) and (garbage collector) are functions like others, (root) is left out. */
#ifndef FORMATS_CPUPROFILE_READ_H
#define FORMATS_CPUPROFILE_READ_H

#include "prof/formats/import.h"

int cpuprofile_read(struct profile *p, struct bytes *from, const struct import_options *o,
		    struct buf *notes, struct err *err);

#endif
