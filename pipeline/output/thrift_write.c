/* Writer half of thrift.h. Leaves the order of fields and the matching of starts and stops to the
 * caller. One writer belongs to one thread. */
#include "pipeline/output/thrift.h"

#include <assert.h>
#include <string.h>

static void put_varint(struct thrift_out *o, uint64_t v)
{
	char bytes[10];
	size_t n = 0;

	while (v >= 0x80) {
		bytes[n++] = (char)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (char)v;
	buf_put(o->buf, bytes, n);
}

static void put_zigzag(struct thrift_out *o, int64_t v)
{
	put_varint(o, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

/* Short form: the difference to the previous id in the upper half of one byte. */
static void put_field(struct thrift_out *o, int16_t id, enum thrift_type type)
{
	int16_t *last = &o->last[o->depth];
	int delta = id - *last;

	assert(delta > 0);
	if (delta <= 15) {
		buf_putc(o->buf, (char)(delta << 4 | (int)type));
	} else {
		buf_putc(o->buf, (char)type);
		put_zigzag(o, id);
	}
	*last = id;
}

static void push(struct thrift_out *o)
{
	assert(o->depth + 1 < THRIFT_DEPTH);
	o->last[++o->depth] = 0;
}

void thrift_start(struct thrift_out *o, struct buf *buf)
{
	*o = (struct thrift_out){.buf = buf};
}

void thrift_stop(struct thrift_out *o)
{
	buf_putc(o->buf, 0);
	if (o->depth > 0)
		o->depth--;
}

void thrift_bool(struct thrift_out *o, int16_t id, int value)
{
	put_field(o, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_i8(struct thrift_out *o, int16_t id, int8_t value)
{
	put_field(o, id, THRIFT_I8);
	buf_putc(o->buf, (char)value);
}

void thrift_i32(struct thrift_out *o, int16_t id, int32_t value)
{
	put_field(o, id, THRIFT_I32);
	put_zigzag(o, value);
}

void thrift_i64(struct thrift_out *o, int16_t id, int64_t value)
{
	put_field(o, id, THRIFT_I64);
	put_zigzag(o, value);
}

void thrift_binary(struct thrift_out *o, int16_t id, const void *bytes, size_t n)
{
	put_field(o, id, THRIFT_BINARY);
	thrift_item_binary(o, bytes, n);
}

void thrift_text(struct thrift_out *o, int16_t id, const char *text)
{
	thrift_binary(o, id, text, strlen(text));
}

void thrift_struct(struct thrift_out *o, int16_t id)
{
	put_field(o, id, THRIFT_STRUCT);
	push(o);
}

void thrift_list(struct thrift_out *o, int16_t id, enum thrift_type item, size_t n)
{
	put_field(o, id, THRIFT_LIST);
	if (n < 15) {
		buf_putc(o->buf, (char)(n << 4 | (size_t)item));
	} else {
		buf_putc(o->buf, (char)(0xf0 | (int)item));
		put_varint(o, n);
	}
}

void thrift_item_i32(struct thrift_out *o, int32_t value)
{
	put_zigzag(o, value);
}

void thrift_item_binary(struct thrift_out *o, const void *bytes, size_t n)
{
	put_varint(o, n);
	if (n)
		buf_put(o->buf, bytes, n);
}

void thrift_item_struct(struct thrift_out *o)
{
	push(o);
}
