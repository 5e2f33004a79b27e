/* speedscope's file format (https://www.speedscope.app/file-format-schema.json), sampled and evented profiles, into a
 * profile: each of the file's profiles becomes a thread. Units that are times become kind cpu, bytes kind alloc,
 * "none" counts samples. Columns of lines are left out. */
#ifndef FORMATS_SPEEDSCOPE_READ_H
#define FORMATS_SPEEDSCOPE_READ_H

#include "prof/formats/import.h"

int speedscope_read(struct profile *p, struct bytes *from, const struct import_options *o,
		    struct buf *notes, struct err *err);

#endif
