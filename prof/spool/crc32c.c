/* CRC-32C: the SSE4.2 instruction where the CPU has it, slicing by eight otherwise, a nibble at a time
 * before crc32c_init(). All three give the same sum. Nothing here locks or allocates. */
#include "prof/spool/crc32c.h"

#include <stdatomic.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#define CRC32C_POLY 0x82f63b78u /* reflected 0x1edc6f41 */

enum crc32c_way { CRC32C_NIBBLE, CRC32C_SLICING, CRC32C_SSE42 };

static _Atomic int crc_way;
static uint32_t slices[8][256];

static const uint32_t nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_nibbles(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return crc;
}

static uint32_t by_slices(uint32_t crc, const uint8_t *p, size_t n)
{
	while (n >= 8) {
		uint32_t lo, hi;

		memcpy(&lo, p, 4);
		memcpy(&hi, p + 4, 4);
		lo ^= crc;
		crc = slices[7][lo & 255] ^ slices[6][lo >> 8 & 255] ^ slices[5][lo >> 16 & 255] ^
		      slices[4][lo >> 24] ^ slices[3][hi & 255] ^ slices[2][hi >> 8 & 255] ^
		      slices[1][hi >> 16 & 255] ^ slices[0][hi >> 24];
		p += 8;
		n -= 8;
	}
	while (n--)
		crc = crc >> 8 ^ slices[0][(crc ^ *p++) & 255];
	return crc;
}

static void make_slices(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;

		slices[0][i] = by_nibbles(0, &byte, 1);
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			slices[k][i] = slices[k - 1][i] >> 8 ^ slices[0][slices[k - 1][i] & 255];
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t sum = crc;

	while (n >= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		sum = _mm_crc32_u64(sum, word);
		p += 8;
		n -= 8;
	}
	crc = (uint32_t)sum;
	while (n--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

static int have_sse42(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2);
}
#else
static uint32_t by_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
	return by_slices(crc, p, n);
}

static int have_sse42(void)
{
	return 0;
}
#endif

void crc32c_init(void)
{
	int way = have_sse42() ? CRC32C_SSE42 : CRC32C_SLICING;

	if (atomic_load_explicit(&crc_way, memory_order_acquire) != CRC32C_NIBBLE)
		return;
	if (way == CRC32C_SLICING)
		make_slices(); /* twice at the same time writes the same values */
	atomic_store_explicit(&crc_way, way, memory_order_release);
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
	crc = ~crc;
	switch (atomic_load_explicit(&crc_way, memory_order_acquire)) {
	case CRC32C_SSE42:
		crc = by_sse42(crc, bytes, n);
		break;
	case CRC32C_SLICING:
		crc = by_slices(crc, bytes, n);
		break;
	default:
		crc = by_nibbles(crc, bytes, n);
	}
	return ~crc;
}
