/* Thrift's compact protocol, the RLE / bit-packing hybrid and delta-coded lengths: what Parquet files
 * are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/output/delta.h"
#include "pipeline/output/rle.h"
#include "pipeline/output/thrift.h"

static void fields_have_the_bytes_of_the_protocol(void **state)
{
	/* By hand from thrift-compact-protocol.md. */
	static const unsigned char want[] = {
		0x15, 0x03,                   /* 1: i32 -2 */
		0x11,                         /* 2: true */
		0x12,                         /* 3: false */
		0x28, 0x02, 'h',  'i',        /* 5: binary */
		0x06, 0x50, 0x80, 0x80, 0x04, /* 40: i64 32768, id too far for the short form */
		0x13, 0xff,                   /* 41: i8 -1 */
		0x19, 0x25, 0x02, 0x03,       /* 42: list of two i32: 1, -2 */
		0x1c, 0x15, 0x0e, 0x00,       /* 43: struct { 1: i32 7 } */
		0x00,
	};
	struct buf b = BUF_INIT;
	struct thrift_out o;

	(void)state;
	thrift_start(&o, &b);
	thrift_i32(&o, 1, -2);
	thrift_bool(&o, 2, 1);
	thrift_bool(&o, 3, 0);
	thrift_binary(&o, 5, "hi", 2);
	thrift_i64(&o, 40, 32768);
	thrift_i8(&o, 41, -1);
	thrift_list(&o, 42, THRIFT_I32, 2);
	thrift_item_i32(&o, 1);
	thrift_item_i32(&o, -2);
	thrift_struct(&o, 43);
	thrift_i32(&o, 1, 7);
	thrift_stop(&o);
	thrift_stop(&o);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.data, want, sizeof want);
	buf_release(&b);
}

static void extreme_numbers_come_back(void **state)
{
	static const int64_t v[] = {0,  1,         -1,        63,        -64,
				    64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
	struct thrift_field f = {0};
	struct buf b = BUF_INIT;
	struct thrift_out o;
	struct thrift_in in;

	(void)state;
	thrift_start(&o, &b);
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
		thrift_i64(&o, (int16_t)(i * 1000 + 1), v[i]);
	thrift_stop(&o);
	thrift_open(&in, b.data, b.len);
	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
		assert_int_equal(thrift_next(&in, &f), 1);
		assert_int_equal(f.id, i * 1000 + 1);
		assert_true(thrift_get_int(&in, &f) == v[i]);
	}
	assert_int_equal(thrift_next(&in, &f), 0);
	assert_false(in.failed);
	buf_release(&b);
}

static void long_lists_and_unknown_fields_are_passed_over(void **state)
{
	struct thrift_field f = {0}, inner;
	struct buf b = BUF_INIT;
	struct thrift_out o;
	struct thrift_in in;
	size_t n;

	(void)state;
	thrift_start(&o, &b);
	thrift_list(&o, 1, THRIFT_STRUCT, 40);
	for (int32_t i = 0; i < 40; i++) {
		thrift_item_struct(&o);
		thrift_i32(&o, 1, i);
		thrift_text(&o, 9, "abc");
		thrift_stop(&o);
	}
	thrift_i32(&o, 2, 5);
	thrift_stop(&o);

	thrift_open(&in, b.data, b.len);
	assert_int_equal(thrift_next(&in, &f), 1);
	thrift_skip(&in, &f);
	assert_int_equal(thrift_next(&in, &f), 1);
	assert_int_equal(thrift_get_i32(&in, &f), 5);

	f = (struct thrift_field){0};
	thrift_open(&in, b.data, b.len);
	thrift_next(&in, &f);
	n = thrift_get_list(&in, &f, THRIFT_STRUCT);
	assert_int_equal(n, 40);
	for (size_t i = 0; i < n; i++) {
		thrift_enter_item(&in, &inner);
		assert_int_equal(thrift_next(&in, &inner), 1);
		assert_int_equal(thrift_get_i32(&in, &inner), i);
		assert_int_equal(thrift_next(&in, &inner), 1);
		thrift_skip(&in, &inner);
		assert_int_equal(thrift_next(&in, &inner), 0);
		thrift_leave(&in);
	}
	assert_false(in.failed);
	buf_release(&b);
}

static int skips(const void *bytes, size_t n)
{
	struct thrift_field f = {0};
	struct thrift_in in;

	thrift_open(&in, bytes, n);
	while (thrift_next(&in, &f))
		thrift_skip(&in, &f);
	return !in.failed;
}

static void malformed_bytes_fail(void **state)
{
	static const unsigned char endless_varint[] = {0x15, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
						       0x80, 0x80, 0x80, 0x80, 0x01, 0};
	static const unsigned char long_text[] = {0x18, 0x7f, 'x', 0};
	static const unsigned char long_list[] = {0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0};
	static const unsigned char bad_type[] = {0x1d, 0};
	static const unsigned char map[] = {0x1b, 0x01, 0x88, 0x01, 'k', 0x01, 'v', 0};
	unsigned char deep[200];

	(void)state;
	assert_false(skips(endless_varint, sizeof endless_varint));
	assert_false(skips(long_text, sizeof long_text));
	assert_false(skips(long_list, sizeof long_list));
	assert_false(skips(bad_type, sizeof bad_type));
	assert_true(skips(map, sizeof map));
	assert_false(skips(map, sizeof map - 1));
	memset(deep, 0x1c, sizeof deep); /* a struct in a struct in a … */
	assert_false(skips(deep, sizeof deep));
}

static uint32_t noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Runs of random lengths, some long, some of one, in `n` values of `width` bits. */
static void make_runs(uint32_t *v, size_t n, unsigned width, uint32_t seed)
{
	uint32_t mask = width == 32 ? UINT32_MAX : ((uint32_t)1 << width) - 1;

	for (size_t i = 0; i < n;) {
		size_t run = noise(&seed) % 4 ? 1 : 1 + noise(&seed) % 40;
		uint32_t value = (noise(&seed) << 16 ^ noise(&seed)) & mask;

		while (run-- && i < n)
			v[i++] = value;
	}
}

static void rle_gives_back_every_width_and_length(void **state)
{
	uint32_t v[1000], back[1000];

	(void)state;
	for (unsigned width = 1; width <= 32; width++) {
		for (size_t n = 0; n <= 1000; n = n < 40 ? n + 1 : n + 107) {
			struct buf b = BUF_INIT;
			struct rle_in in;
			size_t split = n / 3;

			make_runs(v, n, width, (uint32_t)(width * 1000 + n));
			rle_encode(&b, v, n, width);
			rle_open(&in, b.data ? b.data : "", b.len, width);
			assert_int_equal(rle_read(&in, back, split), 0);
			assert_int_equal(rle_read(&in, back + split, n - split), 0);
			assert_memory_equal(v, back, n * sizeof v[0]);
			assert_int_equal(rle_read(&in, back, 9), -1); /* padding is 7 at most */
			buf_release(&b);
		}
	}
}

static void equal_values_take_a_few_bytes(void **state)
{
	static uint32_t ones[65536];
	static const unsigned char want[] = {0x80, 0x80, 0x08, 0x01}; /* 65536 << 1, value 1 */
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 65536; i++)
		ones[i] = 1;
	rle_encode(&b, ones, 65536, 1);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.data, want, sizeof want);
	buf_release(&b);
}

static void rle_of_foreign_bytes_stays_within_them(void **state)
{
	static const unsigned char packed[] = {0x03, 0x88, 0xc6,
					       0xfa}; /* 0 … 7 of 3 bits, from Encodings.md */
	static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xff, 0x01};
	static const unsigned char wide_run[] = {0x10, 195};
	struct rle_in in;
	uint32_t v[8];

	(void)state;
	rle_open(&in, packed, sizeof packed, 3);
	assert_int_equal(rle_read(&in, v, 8), 0);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(v[i], i);
	rle_open(&in, packed, sizeof packed - 1, 3);
	assert_int_equal(rle_read(&in, v, 8), -1);
	rle_open(&in, huge, sizeof huge, 3);
	assert_int_equal(rle_read(&in, v, 1), -1);
	rle_open(&in, wide_run, sizeof wide_run, 1); /* a definition level of 195 */
	assert_int_equal(rle_read(&in, v, 1), -1);
	rle_open(&in, wide_run, sizeof wide_run, 8);
	assert_int_equal(rle_read(&in, v, 1), 0);
	assert_int_equal(v[0], 195);
	rle_open(&in, "", 0, 0);
	assert_int_equal(rle_read(&in, v, 1), -1);
	assert_int_equal(rle_read(&in, v, 0), 0);
}

static void delta_example_of_the_format_is_read(void **state)
{
	/* 1 2 3 4 5: header 128, 4, 5, first 1; block: min delta 1, widths 0 0 0 0. */
	static const unsigned char bytes[] = {0x80, 0x01, 0x04, 0x05, 0x02, 0x02, 0, 0, 0, 0, 'x'};
	struct delta_in in;
	uint32_t v;

	(void)state;
	assert_int_equal(delta_open(&in, bytes, sizeof bytes), 0);
	assert_int_equal(delta_size(&in, bytes), sizeof bytes - 1);
	for (uint32_t i = 1; i <= 5; i++) {
		assert_int_equal(delta_next(&in, &v), 0);
		assert_int_equal(v, i);
	}
	assert_int_equal(delta_next(&in, &v), -1);
}

static void delta_refuses_what_cannot_be(void **state)
{
	static const unsigned char no_block[] = {0x00, 0x04, 0x05, 0x02};
	static const unsigned char odd_block[] = {0x81, 0x01, 0x04, 0x05, 0x02};
	static const unsigned char wide[] = {0x80, 0x01, 0x04, 0x05, 0x02, 0x02, 33, 0, 0, 0};
	static const unsigned char negative[] = {0x80, 0x01, 0x04, 0x01, 0x01};
	static const unsigned char cut[] = {0x80, 0x01, 0x04, 0x05, 0x02, 0x02, 1, 0, 0, 0, 0, 0};
	struct delta_in in;
	uint32_t v;

	(void)state;
	assert_int_equal(delta_open(&in, no_block, sizeof no_block), -1);
	assert_int_equal(delta_open(&in, odd_block, sizeof odd_block), -1);
	assert_int_equal(delta_open(&in, wide, sizeof wide), 0);
	assert_int_equal(delta_size(&in, wide), 0);
	assert_int_equal(delta_open(&in, negative, sizeof negative), 0);
	assert_int_equal(delta_next(&in, &v), -1);
	assert_int_equal(delta_open(&in, cut, sizeof cut), 0);
	assert_int_equal(delta_size(&in, cut), 0);
	assert_int_equal(delta_next(&in, &v), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_have_the_bytes_of_the_protocol),
		cmocka_unit_test(extreme_numbers_come_back),
		cmocka_unit_test(long_lists_and_unknown_fields_are_passed_over),
		cmocka_unit_test(malformed_bytes_fail),
		cmocka_unit_test(rle_gives_back_every_width_and_length),
		cmocka_unit_test(equal_values_take_a_few_bytes),
		cmocka_unit_test(rle_of_foreign_bytes_stays_within_them),
		cmocka_unit_test(delta_example_of_the_format_is_read),
		cmocka_unit_test(delta_refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
