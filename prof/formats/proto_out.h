/* Fields of Protocol Buffers, appended to a buffer whose failures stick (buf_failed()). */
#ifndef FORMATS_PROTO_OUT_H
#define FORMATS_PROTO_OUT_H

#include "prof/base/buf.h"

void proto_put_varint(struct buf *b, uint64_t value);
void proto_put_number(struct buf *b, uint32_t field, uint64_t value); /* nothing for 0 */
void proto_put_bytes(struct buf *b, uint32_t field, const void *bytes, size_t n);
/* A message that failed makes `b` fail. */
void proto_put_message(struct buf *b, uint32_t field, const struct buf *message);

#endif
