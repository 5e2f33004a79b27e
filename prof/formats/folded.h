/* Folded stacks: "main;f;g 42\n" per call path, sorted; `;` in names is written `:`, newlines and
 * control characters `?`. Thread or process names are no frames. */
#ifndef FORMATS_FOLDED_H
#define FORMATS_FOLDED_H

#include <stdio.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

enum folded_unit { FOLDED_VALUE, FOLDED_COUNT };

/* `include` says which samples (NULL: all of `kind`). */
int folded_write(FILE *out, const struct profile *p, enum profile_kind kind, enum folded_unit unit,
		 int (*include)(void *ctx, const struct profile_sample *s), void *ctx,
		 struct err *err);

#endif
