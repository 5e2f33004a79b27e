/* Growing buffers: bytes kept in order, the maximum, failures that stick, giving bytes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"

static void appends_follow_each_other(void **state)
{
	static const unsigned char want[] =
		"ab\0cx7\x34\x12\x78\x56\x34\x12\xf0\xde\xbc\x9a\x78\x56\x34\x12";
	struct buf b = BUF_INIT;

	(void)state;
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_puts(&b, "ab"), 0);
	assert_int_equal(buf_put(&b, "\0c", 2), 0);
	assert_int_equal(buf_putc(&b, 'x'), 0);
	assert_int_equal(buf_printf(&b, "%d", 7), 0);
	assert_int_equal(buf_put_u16(&b, 0x1234), 0);
	assert_int_equal(buf_put_u32(&b, 0x12345678), 0);
	assert_int_equal(buf_put_u64(&b, 0x123456789abcdef0), 0);
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	assert_int_equal(b.len, sizeof want - 1);
	assert_memory_equal(b.data, want, sizeof want); /* with its NUL */
	buf_release(&b);
	assert_null(b.data);
	assert_int_equal(buf_puts(&b, "again"), 0);
	assert_string_equal(buf_str(&b), "again");
	buf_release(&b);
}

static void the_maximum_is_exact_and_sticks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_puts(&b, "abcde"), 0);
	assert_int_equal(buf_putc(&b, 'f'), ERR_LIMIT);
	assert_int_equal(buf_put(&b, NULL, 0), ERR_LIMIT);
	assert_int_equal(buf_printf(&b, "%s", ""), ERR_LIMIT);
	assert_null(buf_reserve(&b, 0));
	assert_int_equal(buf_failed(&b), ERR_LIMIT);
	assert_string_equal(buf_str(&b), "abcde");
	assert_null(buf_steal(&b, NULL));
	buf_clear(&b);
	assert_int_equal(buf_failed(&b), 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_puts(&b, "12345"), 0);
	buf_release(&b);
	assert_int_equal(b.max, 5); /* releasing keeps it */
	assert_int_equal(buf_puts(&b, "123456"), ERR_LIMIT);
	buf_release(&b);
}

static void absurd_sizes_are_refused_not_computed(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_putc(&b, 'x');
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_failed(&b), ERR_LIMIT);
	buf_clear(&b);
	assert_null(buf_reserve(&b, BUF_NO_LIMIT + 1));
	assert_int_equal(buf_failed(&b), ERR_LIMIT);
	buf_release(&b);
	buf_init(&b, SIZE_MAX);
	buf_putc(&b, 'x');
	assert_null(
		buf_reserve(&b, SIZE_MAX - 1)); /* with the byte and its NUL it passes SIZE_MAX */
	assert_int_equal(buf_failed(&b), ERR_LIMIT);
	buf_release(&b);
}

static void reserved_room_is_the_callers(void **state)
{
	struct buf b = BUF_INIT;
	char *at;

	(void)state;
	buf_puts(&b, "12");
	at = buf_reserve(&b, 1000);
	assert_non_null(at);
	assert_ptr_equal(at, b.data + 2);
	memset(at, '3', 1000);
	b.len += 3;
	b.data[b.len] = '\0';
	assert_string_equal(b.data, "12333");
	buf_release(&b);
}

static void stolen_bytes_are_the_callers(void **state)
{
	struct buf b = BUF_INIT;
	size_t len = 9;
	char *bytes;

	(void)state;
	assert_null(buf_steal(&b, &len));
	assert_int_equal(len, 0);
	buf_puts(&b, "gift");
	bytes = buf_steal(&b, &len);
	assert_string_equal(bytes, "gift");
	assert_int_equal(len, 4);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_puts(&b, "new"), 0);
	assert_string_equal(bytes, "gift");
	free(bytes);
	buf_release(&b);
}

static void long_formats_are_written_whole(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 1; i < 2000; i += 37) {
		buf_clear(&b);
		assert_int_equal(buf_printf(&b, "%*d|", i, 7), 0);
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[i - 1], '7');
		assert_int_equal(b.data[b.len], 0);
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_follow_each_other),
		cmocka_unit_test(the_maximum_is_exact_and_sticks),
		cmocka_unit_test(absurd_sizes_are_refused_not_computed),
		cmocka_unit_test(reserved_room_is_the_callers),
		cmocka_unit_test(stolen_bytes_are_the_callers),
		cmocka_unit_test(long_formats_are_written_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
