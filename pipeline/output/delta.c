/* Delta-coded lengths: see delta.h. */
#include "pipeline/output/delta.h"

#include <string.h>

/* Writers use blocks of 128 values in 4 miniblocks; the format sets no bound, we do: it limits how
 * many values a byte can stand for. */
#define BLOCK_MAX 65536
#define MINIS_MAX 512
#define WIDTH_MAX 32

static int take_varint(struct delta_in *in, uint64_t *v)
{
	*v = 0;
	for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
		unsigned char b = *in->at++;

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return 0;
	}
	return -1;
}

static int take_zigzag(struct delta_in *in, uint32_t *v)
{
	uint64_t u;

	if (take_varint(in, &u) < 0)
		return -1;
	*v = (uint32_t)((u >> 1) ^ (0 - (u & 1)));
	return 0;
}

int delta_open(struct delta_in *in, const unsigned char *bytes, size_t n)
{
	uint64_t block, minis;

	*in = (struct delta_in){.at = bytes, .end = bytes + n};
	if (take_varint(in, &block) < 0 || take_varint(in, &minis) < 0 ||
	    take_varint(in, &in->left) < 0 || take_zigzag(in, &in->value) < 0)
		return -1;
	if (!block || block > BLOCK_MAX || !minis || minis > MINIS_MAX || block % (minis * 8))
		return -1;
	in->n_minis = in->mini = (uint32_t)minis;
	in->per_mini = (uint32_t)(block / minis);
	return 0;
}

static int next_block(struct delta_in *in)
{
	if (take_zigzag(in, &in->min_delta) < 0 || (size_t)(in->end - in->at) < in->n_minis)
		return -1;
	in->widths = in->at;
	in->at += in->n_minis;
	in->mini = 0;
	return 0;
}

static int next_mini(struct delta_in *in)
{
	size_t bytes;

	if (in->mini == in->n_minis && next_block(in) < 0)
		return -1;
	in->width = in->widths[in->mini++];
	bytes = (size_t)in->per_mini / 8 * in->width;
	if (in->width > WIDTH_MAX || (size_t)(in->end - in->at) < bytes)
		return -1;
	in->packed = in->at;
	in->packed_at = 0;
	in->packed_left = in->per_mini;
	in->at += bytes;
	return 0;
}

static uint32_t unpack(const struct delta_in *in)
{
	uint64_t bit = (uint64_t)in->packed_at * in->width, word = 0;
	size_t bytes = ((bit & 7) + in->width + 7) / 8; /* at most 5 */

	memcpy(&word, in->packed + bit / 8, bytes);
	return (uint32_t)(word >> (bit & 7) & (((uint64_t)1 << in->width) - 1));
}

int delta_next(struct delta_in *in, uint32_t *value)
{
	if (!in->left)
		return -1;
	*value = in->value;
	if (*value > INT32_MAX)
		return -1;
	if (--in->left == 0)
		return 0;
	if (!in->packed_left && next_mini(in) < 0)
		return -1;
	in->value += in->min_delta + unpack(in);
	in->packed_at++;
	in->packed_left--;
	return 0;
}

size_t delta_size(const struct delta_in *in, const unsigned char *bytes)
{
	struct delta_in scan = *in;
	uint64_t left = scan.left ? scan.left - 1 : 0; /* the first value is in the header */

	while (left) {
		if (next_mini(&scan) < 0)
			return 0;
		left -= left < scan.per_mini ? left : scan.per_mini;
	}
	return (size_t)(scan.at - bytes);
}
