/* Messages of Protocol Buffers, field by field (https://protobuf.dev/programming-guides/encoding). Knows no message.
 * Groups are refused: nothing has used them for long. */
#ifndef FORMATS_PROTO_IN_H
#define FORMATS_PROTO_IN_H

#include <stddef.h>
#include <stdint.h>

struct proto_in {
	const unsigned char *at, *end;
};

struct proto_field {
	uint32_t number;
	int is_bytes;   /* `in` holds them; else `value` */
	uint64_t value; /* of fixed32 and fixed64 too */
	struct proto_in in;
};

/* 1 and the next field, 0 at the end, -1: the bytes are no message. */
int proto_next(struct proto_in *in, struct proto_field *f);
/* The numbers of a repeated field, packed or one at a time: 1 and the next one, 0 when there are no more, -1.
 * `*f` is used up. */
int proto_number(struct proto_field *f, uint64_t *value);

#endif
