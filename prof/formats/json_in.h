/* JSON that may be large and hostile, read in place: no tree is made, the reader walks through it and skips what it
 * does not know. A struct json_in stands in front of a value, and behind it after it was read; a copy of its place (at)
 * lets the reader come back. Strict (RFC 8259), depth limited. Not thread-safe. */
#ifndef FORMATS_JSON_IN_H
#define FORMATS_JSON_IN_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

#define JSON_IN_DEPTH 64

enum json_in_type {
	JSON_IN_OBJECT,
	JSON_IN_ARRAY,
	JSON_IN_STRING,
	JSON_IN_NUMBER,
	JSON_IN_TRUE,
	JSON_IN_FALSE,
	JSON_IN_NULL,
	JSON_IN_BAD
};

struct json_in {
	const char *start, *at, *end; /* borrowed; a zero stands behind the end */
	struct buf text;              /* owned: the last string */
	struct err *err;
	int fresh; /* just inside an object or array */
	int depth;
};

void json_in_begin(struct json_in *j, const char *data, size_t n, struct err *err);
void json_in_end(struct json_in *j);

/* In front of the value at `at`, which another reader of the same text was in front of. */
void json_in_go(struct json_in *j, const char *at);

enum json_in_type json_in_peek(struct json_in *j);

/* while ((rc = json_in_key(j, &key, &n)) > 0) reads the members of an object, each followed by its value; 0 behind the
 * object. The key is borrowed until the next string. */
int json_in_object(struct json_in *j);
int json_in_key(struct json_in *j, const char **key, size_t *n);
int json_in_array(struct json_in *j);
int json_in_item(struct json_in *j); /* 1: in front of an item; 0: behind the array */

int json_in_string(struct json_in *j, const char **text,
		   size_t *n); /* UTF-8, borrowed until the next */
int json_in_number(struct json_in *j, double *number);
/* A whole number from 0 on; null and -1 are UINT32_MAX. */
int json_in_index(struct json_in *j, uint32_t *index);
int json_in_skip(struct json_in *j);
/* Skips the value and tells where it stands. */
int json_in_later(struct json_in *j, const char **at);
int json_in_done(struct json_in *j); /* nothing but blanks is left */

int json_in_is(const char *key, size_t n, const char *name);
/* ERR_FORMAT with the place in the text; `what` says what is wrong. */
int json_in_fail(struct json_in *j, const char *what);

#endif
