/* Reader half of thrift.h: foreign bytes, so every length is held against what is left and nesting is
 * bounded. One reader belongs to one thread. */
#include "pipeline/output/thrift.h"

#include <limits.h>

void thrift_open(struct thrift_in *in, const void *bytes, size_t n)
{
	*in = (struct thrift_in){.at = bytes, .end = (const unsigned char *)bytes + n};
}

static size_t left(const struct thrift_in *in)
{
	return (size_t)(in->end - in->at);
}

static int fail(struct thrift_in *in)
{
	in->failed = 1;
	in->at = in->end;
	return 0;
}

static unsigned char take_byte(struct thrift_in *in)
{
	if (in->at == in->end)
		return (unsigned char)fail(in);
	return *in->at++;
}

static void drop(struct thrift_in *in, uint64_t n)
{
	if (n > left(in))
		fail(in);
	else
		in->at += n;
}

static uint64_t take_varint(struct thrift_in *in)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		unsigned char b = take_byte(in);

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return in->failed ? 0 : v;
	}
	return (uint64_t)fail(in); /* longer than any 64-bit value */
}

static int64_t take_zigzag(struct thrift_in *in)
{
	uint64_t v = take_varint(in);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

int thrift_next(struct thrift_in *in, struct thrift_field *f)
{
	unsigned char head = take_byte(in);
	int64_t id;

	if (in->failed || head == 0)
		return 0;
	f->type = head & 0x0f;
	if (head >> 4)
		id = f->id + (head >> 4);
	else
		id = take_zigzag(in);
	if (f->type == 0 || f->type > THRIFT_STRUCT || id < INT16_MIN || id > INT16_MAX)
		return fail(in);
	f->id = (int16_t)id;
	return !in->failed;
}

static void skip_value(struct thrift_in *in, unsigned type, int in_list);

static size_t take_list(struct thrift_in *in, unsigned *item)
{
	unsigned char head = take_byte(in);
	uint64_t n = head >> 4;

	*item = head & 0x0f;
	if (n == 15)
		n = take_varint(in);
	if (n > left(in)) /* every item takes a byte or more */
		return (size_t)fail(in);
	return (size_t)n;
}

static void skip_map(struct thrift_in *in)
{
	uint64_t n = take_varint(in);
	unsigned char types;

	if (n == 0)
		return;
	types = take_byte(in);
	if (n > left(in))
		fail(in);
	for (uint64_t i = 0; i < n && !in->failed; i++) {
		skip_value(in, types >> 4, 1);
		skip_value(in, types & 0x0f, 1);
	}
}

static void skip_nested(struct thrift_in *in, unsigned type)
{
	struct thrift_field f = {0};
	unsigned item;
	size_t n;

	if (++in->depth > THRIFT_DEPTH) {
		fail(in);
	} else if (type == THRIFT_STRUCT) {
		while (thrift_next(in, &f))
			skip_value(in, f.type, 0);
	} else if (type == THRIFT_MAP) {
		skip_map(in);
	} else {
		n = take_list(in, &item);
		for (size_t i = 0; i < n && !in->failed; i++)
			skip_value(in, item, 1);
	}
	in->depth--;
}

static void skip_value(struct thrift_in *in, unsigned type, int in_list)
{
	switch (type) {
	case THRIFT_TRUE:
	case THRIFT_FALSE:
		if (in_list)
			drop(in, 1);
		break;
	case THRIFT_I8:
		drop(in, 1);
		break;
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		take_varint(in);
		break;
	case THRIFT_DOUBLE:
		drop(in, 8);
		break;
	case THRIFT_BINARY:
		drop(in, take_varint(in));
		break;
	case THRIFT_LIST:
	case THRIFT_SET:
	case THRIFT_MAP:
	case THRIFT_STRUCT:
		skip_nested(in, type);
		break;
	default:
		fail(in);
	}
}

void thrift_skip(struct thrift_in *in, const struct thrift_field *f)
{
	skip_value(in, f->type, 0);
}

int thrift_get_bool(struct thrift_in *in, const struct thrift_field *f)
{
	if (f->type != THRIFT_TRUE && f->type != THRIFT_FALSE)
		return fail(in);
	return f->type == THRIFT_TRUE;
}

int64_t thrift_get_int(struct thrift_in *in, const struct thrift_field *f)
{
	switch (f->type) {
	case THRIFT_I8:
		return (int8_t)take_byte(in);
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		return take_zigzag(in);
	default:
		return fail(in);
	}
}

int32_t thrift_get_i32(struct thrift_in *in, const struct thrift_field *f)
{
	int64_t v = thrift_get_int(in, f);

	if (v < INT32_MIN || v > INT32_MAX)
		return fail(in);
	return (int32_t)v;
}

const void *thrift_get_item_binary(struct thrift_in *in, size_t *n)
{
	uint64_t len = take_varint(in);
	const void *bytes = in->at;

	drop(in, len);
	*n = in->failed ? 0 : (size_t)len;
	return bytes;
}

const void *thrift_get_binary(struct thrift_in *in, const struct thrift_field *f, size_t *n)
{
	if (f->type != THRIFT_BINARY)
		fail(in);
	return thrift_get_item_binary(in, n);
}

void thrift_enter_item(struct thrift_in *in, struct thrift_field *inner)
{
	*inner = (struct thrift_field){0};
	if (++in->depth > THRIFT_DEPTH)
		fail(in);
}

void thrift_enter(struct thrift_in *in, const struct thrift_field *f, struct thrift_field *inner)
{
	if (f->type != THRIFT_STRUCT)
		fail(in);
	thrift_enter_item(in, inner);
}

void thrift_leave(struct thrift_in *in)
{
	in->depth--;
}

size_t thrift_get_list(struct thrift_in *in, const struct thrift_field *f, enum thrift_type item)
{
	unsigned type;
	size_t n;

	if (f->type != THRIFT_LIST && f->type != THRIFT_SET)
		return (size_t)fail(in);
	n = take_list(in, &type);
	if (n && type != (unsigned)item)
		return (size_t)fail(in);
	return n;
}

int32_t thrift_get_item_i32(struct thrift_in *in)
{
	int64_t v = take_zigzag(in);

	if (v < INT32_MIN || v > INT32_MAX)
		return fail(in);
	return (int32_t)v;
}
