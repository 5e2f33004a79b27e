/* A dictionary's short texts where one look at memory finds them: each slot has the text itself, so that a
 * look-up of an accession costs one cache line instead of five. Longer texts, and a table that could not be
 * made, are looked up in the dictionary. Read-only once made: any number of threads. */
#ifndef ONTOLOGY_SHORTNAMES_H
#define ONTOLOGY_SHORTNAMES_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"

#define SHORTNAME_BYTES 12

struct shortnames {
	const struct dict *dict; /* borrowed */
	struct shortname {
		char text[SHORTNAME_BYTES]; /* zeros after it */
		uint32_t id;                /* + 1; 0: nothing here */
	} * slot;                           /* owned; NULL: the dictionary is asked */
	size_t mask;
};

/* Of the texts that are in `d` now. Texts have no NUL bytes. */
void shortnames_make(struct shortnames *s, const struct dict *d);
void shortnames_release(struct shortnames *s);
/* Has memory bring what the next call looks at. */
void shortnames_ask(const struct shortnames *s, const char *text, size_t len);
uint32_t shortnames_find(const struct shortnames *s, const char *text,
			 size_t len); /* DICT_NONE: absent */

#endif
