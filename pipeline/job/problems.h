/* A list of everything that is wrong, so that a user sees all of it at once. Not thread-safe. */
#ifndef JOB_PROBLEMS_H
#define JOB_PROBLEMS_H

#include <stddef.h>

#include "prof/base/err.h"

struct problem {
	int code;   /* enum err_code: ERR_ARG for payload faults, … */
	char *text; /* owned: what, where, what to do next */
};

struct problems {
	struct problem *list; /* owned */
	size_t count;
	size_t cap;
	int lost; /* some could not be kept: no memory */
};

#define PROBLEMS_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}
void problems_add(struct problems *p, int code, const char *fmt, ...) ERR_PRINTF(3, 4);
void problems_add_err(struct problems *p, const struct err *err);
void problems_release(struct problems *p);
/* All texts joined by "; ", malloc'ed; NULL when there is none or no memory. */
char *problems_text(const struct problems *p);
/* 0 when empty; else fills err with that text, cut to what an err holds, and returns the first code. */
int problems_result(const struct problems *p, struct err *err);
/* Is the payload alone at fault? Then nothing is left behind. */
int problems_of_payload(const struct problems *problems);

#endif
