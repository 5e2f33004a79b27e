/* The Firefox profiler's JSON, as profiler.firefox.com saves it and samply writes it (tables by column, for each thread
 * or shared), or raw as Firefox does (rows with a schema), into a profile. A sample is of kind wall and lasts one
 * interval, or what its weight says; where CPU times were measured it is of kind cpu as well. Markers, counters,
 * categories, and allocations beside the samples are left out. */
#ifndef FORMATS_GECKO_READ_H
#define FORMATS_GECKO_READ_H

#include "prof/formats/import.h"

int gecko_read(struct profile *p, struct bytes *from, const struct import_options *o,
	       struct buf *notes, struct err *err);

#endif
