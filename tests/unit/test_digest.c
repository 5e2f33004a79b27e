/* MD5 and SHA-256 against the vectors of RFC 1321 and FIPS 180-2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pipeline/core/digest.h"
#include "tests/unit/scratch.h"

#define ABC_SHA       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A_SHA "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static void md5_agrees_with_rfc_1321(void **state)
{
	char out[MD5_HEX];

	(void)state;
	assert_int_equal(md5_hex(NULL, 0, out), 0);
	assert_string_equal(out, "d41d8cd98f00b204e9800998ecf8427e");
	assert_int_equal(md5_hex("message digest", 14, out), 0);
	assert_string_equal(out, "f96b697d7cb7938d525a2f31aaf161d0");
}

static void sha256_agrees_with_fips_180(void **state)
{
	char out[SHA256_HEX];

	(void)state;
	assert_int_equal(sha256_hex("abc", 3, out), 0);
	assert_string_equal(out, ABC_SHA);
	assert_int_equal(sha256_hex("", 0, out), 0);
	assert_string_equal(out,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void a_digest_in_pieces_equals_the_whole(void **state)
{
	struct sha256 *s = sha256_new();
	char piece[997], out[SHA256_HEX];
	size_t left = 1000000;

	(void)state;
	assert_non_null(s);
	memset(piece, 'a', sizeof piece);
	while (left > 0) {
		size_t n = left < sizeof piece ? left : sizeof piece;

		sha256_update(s, piece, n);
		sha256_update(s, NULL, 0);
		left -= n;
	}
	assert_int_equal(sha256_finish(s, out), 0);
	assert_string_equal(out, MILLION_A_SHA);
	assert_int_equal(sha256_finish(s, out), ERR_INTERNAL); /* only once */
	assert_string_equal(out, "");
	sha256_free(s);
	sha256_free(NULL);
}

static void a_file_gives_digest_and_size(void **state)
{
	char *bytes = malloc(1000000), out[SHA256_HEX];
	struct err err = ERR_INIT;
	uint64_t size = 0;

	(void)state;
	memset(bytes, 'a', 1000000);
	assert_int_equal(sha256_file(scratch_write("a", bytes, 1000000), out, &size, &err), 0);
	assert_string_equal(out, MILLION_A_SHA);
	assert_int_equal(size, 1000000);
	assert_int_equal(sha256_file(scratch_write("b", "abc", 3), out, NULL, &err), 0);
	assert_string_equal(out, ABC_SHA);
	free(bytes);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	struct err err = ERR_INIT;
	char out[SHA256_HEX];
	uint64_t size;

	(void)state;
	assert_int_equal(sha256_file(scratch("none"), out, &size, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, scratch("none")));
	assert_string_equal(out, "");
	assert_int_equal(sha256_file(scratch_dir, out, &size, &err), ERR_IO); /* a folder */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(md5_agrees_with_rfc_1321),
		cmocka_unit_test(sha256_agrees_with_fips_180),
		cmocka_unit_test(a_digest_in_pieces_equals_the_whole),
		cmocka_unit_test(a_file_gives_digest_and_size),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
