/* A profile in a foreign format: which formats can be written, and what their writers share. Each writer is a file of
 * its own (folded.c, *_write.c). */
#ifndef FORMATS_EXPORT_H
#define FORMATS_EXPORT_H

#include <stdio.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"

enum export_format { EXPORT_FOLDED, EXPORT_SPEEDSCOPE, EXPORT_PPROF, EXPORT_FORMATS };
extern const char *const export_format_names[EXPORT_FORMATS + 1]; /* ends with NULL */

struct export_options {
	enum profile_kind kind;
	int count;           /* samples instead of ns or bytes; pprof has both anyway */
	const char *version; /* of this program, for formats that name who wrote them */
	int (*include)(void *ctx, const struct profile_sample *s); /* NULL: all of the kind */
	void *ctx;
};

int export_write(FILE *out, const struct profile *p, enum export_format format,
		 const struct export_options *o, struct err *err);

/* ---- for writers ---- */

struct export_row {                    /* sums of one stack, by thread, stage name, stack */
	uint32_t thread, stage, stack; /* stage: a string, STRTAB_EMPTY is none */
	uint64_t count;
	int64_t value;
};

/* The samples that are written, owned by the caller. Values of a hostile store that are negative count as 0, sums stop
 * at the limits of their types. */
int export_rows(const struct profile *p, const struct export_options *o, struct export_row **rows,
		size_t *n, struct err *err);

/* Frames of a stack, the outermost first, into `path` (export_deepest() fit); how many. */
uint32_t export_path(const struct profile *p, uint32_t stack, uint32_t *path);
uint32_t export_deepest(const struct profile *p);

/* The text with U+FFFD for what is no UTF-8. 0 or the buffer's failure. */
int export_valid(struct buf *to, const char *text);

#endif
