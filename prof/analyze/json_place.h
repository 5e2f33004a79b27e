/* Where something lies in a JSON text: for messages that name a line, and for changes that leave the rest of a file as
 * its author wrote it. The text was read by a JSON parser before: it is well-formed. */
#ifndef ANALYZE_JSON_PLACE_H
#define ANALYZE_JSON_PLACE_H

#include <stddef.h>

struct json_step {
	const char *key; /* of an object; NULL: `index` of an array */
	size_t index;
};

struct json_place {
	size_t key; /* where the key's string begins; of array items and the whole text: the value */
	size_t begin, end; /* of the value */
	size_t line;       /* of the key, from 1 */
};

/* The value that the steps lead to; 1 found, 0 not there. */
int json_place_find(const char *text, size_t n, const struct json_step *steps, size_t n_steps,
		    struct json_place *place);
size_t json_place_line(const char *text, size_t at); /* of a byte, from 1 */
size_t json_place_end(const char *text, size_t n,
		      size_t at); /* behind the value that begins there */
size_t json_place_skip(const char *text, size_t n,
		       size_t at); /* the next byte that is no white space */

#endif
