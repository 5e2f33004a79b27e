/* Leaks that are known and wanted: rules in the manner of LeakSanitizer's suppressions, and built-in ones for what
 * libc, libstdc++ and the dynamic linker keep by design. */
#ifndef ANALYZE_SUPPRESS_H
#define ANALYZE_SUPPRESS_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

#define SUPPRESS_NONE    UINT32_MAX
#define SUPPRESS_RULES   10000 /* in a file; more are no rules that anyone keeps in mind */
#define SUPPRESS_PATTERN 1024  /* bytes */

struct suppress_rule {
	char *pattern; /* owned: as written, or the name of a built-in rule */
	char *reason;  /* owned; "" none */
	int builtin;   /* 0: of a file, else which */
};

struct suppress {
	struct suppress_rule *rules; /* owned */
	uint32_t n, cap;
};

void suppress_release(struct suppress *s);
/* Adds what libc and its kin keep. */
int suppress_add_builtin(struct suppress *s, struct err *err);
/* Adds the rules of a text, one a line: "leak:PATTERN", and a reason behind two blanks (or a tab). '#' begins a
 * comment line. ERR_FORMAT names `file` and the line; the rules before it stay. */
int suppress_add_text(struct suppress *s, const char *text, size_t n, const char *file,
		      struct err *err);

/* Does the pattern match a part of the text? '*' is any number of characters, '^' at the beginning and '$' at the end
 * tie the pattern to the text's ends. */
int suppress_matches(const char *pattern, const char *text);
/* The first rule that one of the stack's functions, files or modules meets, or SUPPRESS_NONE. */
uint32_t suppress_find(const struct suppress *s, const struct profile *p, uint32_t stack);

#endif
