/* The text of perf script into a profile: samples with or without call chains, as it prints them by default and with
 * -F fields in their usual order (comm, pid, tid, cpu, time, period, event, ip, sym, dso, srcline), inlined functions,
 * and the head that --header prints. Of several events the first is taken, or the one that is asked for. */
#ifndef FORMATS_PERF_READ_H
#define FORMATS_PERF_READ_H

#include "prof/formats/import.h"
#include "prof/formats/perf_line.h"

int perf_read(struct profile *p, struct bytes *from, const struct import_options *o,
	      struct buf *notes, struct err *err);

#endif
