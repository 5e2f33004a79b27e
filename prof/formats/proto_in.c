/* Fields of messages: see proto_in.h. */
#include "prof/formats/proto_in.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static int varint(struct proto_in *in, uint64_t *value)
{
	unsigned shift = 0;

	*value = 0;
	while (in->at < in->end && shift < 64) {
		unsigned char c = *in->at++;

		if (shift == 63 && c > 1)
			return -1;
		*value |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return 0;
		shift += 7;
	}
	return -1;
}

static int fixed(struct proto_in *in, unsigned n, uint64_t *value)
{
	unsigned i;

	if ((size_t)(in->end - in->at) < n)
		return -1;
	*value = 0;
	for (i = 0; i < n; i++)
		*value |= (uint64_t)in->at[i] << 8 * i;
	in->at += n;
	return 0;
}

int proto_next(struct proto_in *in, struct proto_field *f)
{
	uint64_t tag, n;

	if (in->at == in->end)
		return 0;
	memset(f, 0, sizeof(*f));
	if (varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_C(0x1fffffff))
		return -1;
	f->number = (uint32_t)(tag >> 3);
	switch (tag & 7) {
	case WIRE_VARINT:
		return varint(in, &f->value) ? -1 : 1;
	case WIRE_64:
		return fixed(in, 8, &f->value) ? -1 : 1;
	case WIRE_32:
		return fixed(in, 4, &f->value) ? -1 : 1;
	case WIRE_BYTES:
		if (varint(in, &n) || n > (uint64_t)(in->end - in->at))
			return -1;
		f->is_bytes = 1;
		f->in.at = in->at;
		f->in.end = in->at += n;
		return 1;
	default:
		return -1;
	}
}

int proto_number(struct proto_field *f, uint64_t *value)
{
	if (f->is_bytes) {
		if (f->in.at == f->in.end)
			return 0;
		return varint(&f->in, value) ? -1 : 1;
	}
	if (!f->number)
		return 0;
	*value = f->value;
	f->number = 0;
	return 1;
}
