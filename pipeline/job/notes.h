/* Warnings found before a run has a voice: kept, then said as events. Not thread-safe. */
#ifndef JOB_NOTES_H
#define JOB_NOTES_H

#include <jansson.h>

#include "prof/base/err.h"

struct events;

struct notes {
	json_t *list; /* owned array of {code, text, details}; NULL while empty */
};

#define NOTES_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}
/* `details` is stolen, may be NULL. */
void notes_add(struct notes *n, const char *code, json_t *details, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void notes_say(struct notes *n, struct events *e); /* emits all and forgets them */
size_t notes_count(const struct notes *n);
const char *notes_text(const struct notes *n, size_t i);
void notes_release(struct notes *n);

#endif
