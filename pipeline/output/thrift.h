/* Thrift's compact protocol (thrift-compact-protocol.md), as far as Parquet's footers and page
 * headers need it: a writer into a buffer and a bounds-checked reader of foreign bytes. Knows no
 * Parquet. One writer or reader belongs to one thread. */
#ifndef OUTPUT_THRIFT_H
#define OUTPUT_THRIFT_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"

enum thrift_type {
	THRIFT_TRUE = 1, /* as a field: the value itself; as a list element: any boolean */
	THRIFT_FALSE = 2,
	THRIFT_I8 = 3,
	THRIFT_I16 = 4,
	THRIFT_I32 = 5,
	THRIFT_I64 = 6,
	THRIFT_DOUBLE = 7,
	THRIFT_BINARY = 8,
	THRIFT_LIST = 9,
	THRIFT_SET = 10,
	THRIFT_MAP = 11,
	THRIFT_STRUCT = 12,
};

#define THRIFT_DEPTH 16 /* Parquet's own structs nest 7 deep */

/* Writer: fields in ascending id order, failures stick in the buffer. */
struct thrift_out {
	struct buf *buf; /* borrowed */
	int16_t last[THRIFT_DEPTH];
	int depth;
};

void thrift_start(struct thrift_out *o, struct buf *buf); /* ready for the fields of a struct */
void thrift_stop(struct thrift_out *o);                   /* ends the innermost struct */
void thrift_bool(struct thrift_out *o, int16_t id, int value);
void thrift_i8(struct thrift_out *o, int16_t id, int8_t value);
void thrift_i32(struct thrift_out *o, int16_t id, int32_t value);
void thrift_i64(struct thrift_out *o, int16_t id, int64_t value);
void thrift_binary(struct thrift_out *o, int16_t id, const void *bytes, size_t n);
void thrift_text(struct thrift_out *o, int16_t id, const char *text);
void thrift_struct(struct thrift_out *o, int16_t id); /* ended by thrift_stop */
void thrift_list(struct thrift_out *o, int16_t id, enum thrift_type item, size_t n);
void thrift_item_i32(struct thrift_out *o, int32_t value);
void thrift_item_binary(struct thrift_out *o, const void *bytes, size_t n);
void thrift_item_struct(struct thrift_out *o); /* ended by thrift_stop */

/* Reader. After the first malformed byte `failed` is set, every getter gives 0 and thrift_next ends
 * each loop, so that a caller may ask once, after the outermost struct. */
struct thrift_in {
	const unsigned char *at; /* borrowed bytes */
	const unsigned char *end;
	int depth;
	int failed;
};

struct thrift_field { /* one per struct being read; zero it at the start */
	int16_t id;
	uint8_t type; /* enum thrift_type */
};

void thrift_open(struct thrift_in *in, const void *bytes, size_t n);
/* 1: *f describes the next field, whose value must be taken or skipped; 0: the struct has ended. */
int thrift_next(struct thrift_in *in, struct thrift_field *f);
void thrift_skip(struct thrift_in *in, const struct thrift_field *f);
/* Values of a field; a field of another type is malformed. */
int thrift_get_bool(struct thrift_in *in, const struct thrift_field *f);
int64_t thrift_get_int(struct thrift_in *in, const struct thrift_field *f); /* i8 … i64 */
int32_t thrift_get_i32(struct thrift_in *in, const struct thrift_field *f); /* i8 … i32 */
const void *thrift_get_binary(struct thrift_in *in, const struct thrift_field *f, size_t *n);
/* Enters a struct that is the field's value, or the next item of a list; leave with
 * thrift_leave once thrift_next has given 0. */
void thrift_enter(struct thrift_in *in, const struct thrift_field *f, struct thrift_field *inner);
void thrift_enter_item(struct thrift_in *in, struct thrift_field *inner);
void thrift_leave(struct thrift_in *in);
/* Number of items of a list of `item`; never more than the bytes left. */
size_t thrift_get_list(struct thrift_in *in, const struct thrift_field *f, enum thrift_type item);
int32_t thrift_get_item_i32(struct thrift_in *in);
const void *thrift_get_item_binary(struct thrift_in *in, size_t *n);

#endif
