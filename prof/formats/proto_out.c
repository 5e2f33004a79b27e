/* Fields of messages: see proto_out.h. */
#include "prof/formats/proto_out.h"

void proto_put_varint(struct buf *b, uint64_t value)
{
	unsigned char bytes[10];
	size_t n = 0;

	do {
		bytes[n] = (unsigned char)(value & 0x7f);
		value >>= 7;
		bytes[n++] |= value ? 0x80 : 0;
	} while (value);
	buf_put(b, bytes, n);
}

void proto_put_number(struct buf *b, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	proto_put_varint(b, (uint64_t)field << 3);
	proto_put_varint(b, value);
}

void proto_put_bytes(struct buf *b, uint32_t field, const void *bytes, size_t n)
{
	proto_put_varint(b, (uint64_t)field << 3 | 2);
	proto_put_varint(b, n);
	buf_put(b, bytes, n);
}

void proto_put_message(struct buf *b, uint32_t field, const struct buf *message)
{
	if (buf_failed(message) && !b->failed)
		b->failed = message->failed;
	proto_put_bytes(b, field, buf_str(message), message->len);
}
