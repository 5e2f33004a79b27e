/* Elements of NPY arrays as host values: see npy_data.h. Shapes and limits are the readers' business.
 * Thread-safe. */
#include "pipeline/core/npy_data.h"

#include <string.h>

#include "pipeline/core/half.h"

#define MAX_CODE_POINT 0x10ffffu

int npy_is_float(enum npy_type type)
{
	return type == NPY_F16 || type == NPY_F32 || type == NPY_F64;
}

void npy_halves(int big_endian, const unsigned char *src, size_t n, uint16_t *out)
{
	memcpy(out, src, n * sizeof *out);
	for (size_t i = 0; big_endian && i < n; i++)
		out[i] = __builtin_bswap16(out[i]);
}

static float read_f32(const unsigned char *src, int big_endian)
{
	uint32_t bits;
	float f;

	memcpy(&bits, src, sizeof bits);
	if (big_endian)
		bits = __builtin_bswap32(bits);
	memcpy(&f, &bits, sizeof f);
	return f;
}

static double read_f64(const unsigned char *src, int big_endian)
{
	uint64_t bits;
	double d;

	memcpy(&bits, src, sizeof bits);
	if (big_endian)
		bits = __builtin_bswap64(bits);
	memcpy(&d, &bits, sizeof d);
	return d;
}

static float read_f16(const unsigned char *src, int big_endian)
{
	uint16_t h;

	npy_halves(big_endian, src, 1, &h);
	return half_to_float(h);
}

void npy_floats(enum npy_type type, int big_endian, const unsigned char *src, size_t n, float *out)
{
	if (type == NPY_F32 && !big_endian) {
		memcpy(out, src, n * sizeof *out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (type == NPY_F16)
			out[i] = read_f16(src + 2 * i, big_endian);
		else if (type == NPY_F32)
			out[i] = read_f32(src + 4 * i, big_endian);
		else
			out[i] = (float)read_f64(src + 8 * i, big_endian);
	}
}

/* Bytes of the UTF-8 sequence that `lead` starts; 0: none. */
static size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

static int code_point_valid(uint32_t c)
{
	return c <= MAX_CODE_POINT && (c < 0xd800 || c > 0xdfff);
}

int npy_utf8_valid(const unsigned char *text, size_t n)
{
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < n;) {
		size_t len = utf8_length(text[i]);

		if (len == 0 || len > n - i)
			return 0;
		uint32_t c = len == 1 ? text[i] : text[i] & (0x7fu >> len);

		for (size_t k = 1; k < len; k++) {
			if ((text[i + k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (text[i + k] & 0x3fu);
		}
		if (c < smallest[len] || !code_point_valid(c))
			return 0;
		i += len;
	}
	return 1;
}

static int put_utf8(struct buf *out, uint32_t c)
{
	unsigned char b[4];
	size_t n = 0;

	if (c < 0x80) {
		b[n++] = (unsigned char)c;
	} else if (c < 0x800) {
		b[n++] = (unsigned char)(0xc0 | c >> 6);
		b[n++] = (unsigned char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		b[n++] = (unsigned char)(0xe0 | c >> 12);
		b[n++] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[n++] = (unsigned char)(0x80 | (c & 0x3f));
	} else {
		b[n++] = (unsigned char)(0xf0 | c >> 18);
		b[n++] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		b[n++] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		b[n++] = (unsigned char)(0x80 | (c & 0x3f));
	}
	return buf_put(out, b, n);
}

static uint32_t ucs4_at(const unsigned char *src, size_t i, int big_endian)
{
	uint32_t c;

	memcpy(&c, src + 4 * i, sizeof c);
	return big_endian ? __builtin_bswap32(c) : c;
}

int npy_ucs4_text(const unsigned char *src, size_t n_chars, int big_endian, struct buf *out)
{
	while (n_chars > 0 && ucs4_at(src, n_chars - 1, big_endian) == 0)
		n_chars--;
	for (size_t i = 0; i < n_chars; i++) {
		uint32_t c = ucs4_at(src, i, big_endian);

		if (!code_point_valid(c))
			return ERR_FORMAT;
		int rc = put_utf8(out, c);

		if (rc < 0)
			return rc;
	}
	return 0;
}
