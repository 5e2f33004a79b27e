/* The parser of binary COPY streams, and values in PostgreSQL's binary forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/postgres/pgvalue.h"
#include "tests/unit/pgcopy_bytes.h"

/* ---- the stream ------------------------------------------------------------------------------- */

/* Texts of all fields: "a,b|NULL,c|". */
static int print_row(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	(void)err;
	for (int i = 0; i < n_fields; i++) {
		if (fields[i].len >= 0) {
			/* a NUL stands behind, so that texts can be used where they are */
			assert_int_equal(fields[i].bytes[fields[i].len], 0);
			buf_printf(ctx, "%s%s", i ? "," : "", (const char *)fields[i].bytes);
		} else {
			buf_printf(ctx, "%sNULL", i ? "," : "");
		}
	}
	buf_putc(ctx, '|');
	return 0;
}

/* Feeds the stream in pieces of `step` bytes. */
static int parse(const struct buf *stream, size_t step, int n_fields, struct buf *seen,
		 struct err *err)
{
	struct pgcopy_parser p;
	int rc = 0;

	pgcopy_parser_init(&p, n_fields, print_row, seen);
	for (size_t at = 0; rc == 0 && at < stream->len; at += step) {
		size_t n = stream->len - at < step ? stream->len - at : step;
		char *piece = malloc(n + 1); /* so that a sanitizer sees a byte too many */

		assert_non_null(piece);
		memcpy(piece, stream->data + at, n);
		piece[n] = 'x';
		rc = pgcopy_parser_feed(&p, piece, n, err);
		assert_int_equal(piece[n], 'x'); /* put back */
		free(piece);
	}
	if (rc == 0)
		rc = pgcopy_parser_end(&p, err);
	pgcopy_parser_release(&p);
	return rc;
}

static void some_rows(struct buf *b)
{
	put_head(b);
	put_be(b, 2, 2);
	put_field(b, "first", 5);
	put_field(b, "", 0);
	put_be(b, 2, 2);
	put_be(b, UINT32_MAX, 4);
	put_field(b, "a much longer text than the others", 34);
	put_end(b);
}

static void pieces_of_any_size_give_the_same_rows(void **state)
{
	struct buf stream = BUF_INIT;

	(void)state;
	some_rows(&stream);
	for (size_t step = 1; step <= stream.len + 1; step++) {
		struct buf seen = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(parse(&stream, step, 2, &seen, &err), 0);
		assert_string_equal(buf_str(&seen),
				    "first,|NULL,a much longer text than the others|");
		buf_release(&seen);
	}
	buf_release(&stream);
}

static void a_stream_cut_anywhere_is_refused(void **state)
{
	struct buf stream = BUF_INIT;
	size_t whole;

	(void)state;
	some_rows(&stream);
	whole = stream.len;
	for (stream.len = 1; stream.len < whole; stream.len++) {
		struct buf seen = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(parse(&stream, 7, 2, &seen, &err), ERR_FORMAT);
		assert_non_null(strstr(err.text, "cut off"));
		buf_release(&seen);
	}
	buf_release(&stream);
}

static void refuses(struct buf *stream, int n_fields, int code, const char *why)
{
	struct buf seen = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(parse(stream, 1000, n_fields, &seen, &err), code);
	if (!strstr(err.text, why))
		fail_msg("'%s' lacks '%s'", err.text, why);
	buf_release(&seen);
	buf_release(stream);
}

static void damaged_streams_are_refused(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "id,name\n");
	refuses(&b, 2, ERR_FORMAT, "does not begin as one");
	some_rows(&b);
	refuses(&b, 3, ERR_FORMAT, "has 2 fields, 3 are needed");
	some_rows(&b);
	buf_putc(&b, 'x');
	refuses(&b, 2, ERR_FORMAT, "behind the end");
	buf_put(&b, "PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0", 19);
	refuses(&b, 2, ERR_UNSUPPORTED, "object ids");
	buf_put(&b, "PGCOPY\n\377\r\n\0\0\0\0\0\177\0\0\0", 19);
	refuses(&b, 2, ERR_FORMAT, "head of");
	put_head(&b);
	put_be(&b, 1, 2);
	put_be(&b, (uint32_t)-2, 4);
	refuses(&b, 1, ERR_FORMAT, "length -2");
	put_head(&b);
	put_be(&b, 1, 2);
	put_be(&b, 0x7fffffff, 4);
	refuses(&b, 1, ERR_FORMAT, "length 2147483647");
}

static void an_extension_of_the_head_is_skipped(void **state)
{
	struct buf b = BUF_INIT, seen = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_put(&b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\4EXTR", 23);
	put_be(&b, 1, 2);
	put_field(&b, "v", 1);
	put_end(&b);
	assert_int_equal(parse(&b, 5, 1, &seen, &err), 0);
	assert_string_equal(buf_str(&seen), "v|");
	buf_release(&b);
	buf_release(&seen);
}

static int refuse_second(void *ctx, const struct pgcopy_field *fields, int n_fields,
			 struct err *err)
{
	(void)fields, (void)n_fields;
	return ++*(int *)ctx == 2 ? err_set(err, ERR_LIMIT, "enough") : 0;
}

static void a_callback_ends_the_stream(void **state)
{
	struct buf stream = BUF_INIT;
	struct pgcopy_parser p;
	struct err err = ERR_INIT;
	int calls = 0;

	(void)state;
	some_rows(&stream);
	pgcopy_parser_init(&p, 2, refuse_second, &calls);
	assert_int_equal(pgcopy_parser_feed(&p, stream.data, stream.len, &err), ERR_LIMIT);
	assert_string_equal(err.text, "enough");
	assert_int_equal(p.tuples, 2);
	pgcopy_parser_release(&p);
	buf_release(&stream);
}

static void a_tuple_beyond_the_limit_is_refused(void **state)
{
	struct buf stream = BUF_INIT, seen = BUF_INIT;
	struct pgcopy_parser p;
	struct err err = ERR_INIT;

	(void)state;
	put_head(&stream);
	put_be(&stream, 1, 2);
	put_be(&stream, 200, 4);
	pgcopy_parser_init(&p, 1, print_row, &seen);
	p.tuple_max = 100;
	assert_int_equal(pgcopy_parser_feed(&p, stream.data, stream.len, &err), ERR_FORMAT);
	pgcopy_parser_release(&p);
	buf_release(&stream);
	buf_release(&seen);
}

/* ---- values ----------------------------------------------------------------------------------- */

#define FIELD(...)                                                                                 \
	((struct pgcopy_field){(const unsigned char[]){__VA_ARGS__, 0},                            \
			       (int32_t)sizeof((unsigned char[]){__VA_ARGS__})})

static const struct pgcopy_field null_field = {(const unsigned char *)"", -1};

static void integers_of_three_widths(void **state)
{
	const struct pgcopy_field two = FIELD(0xff, 0xfe), four = FIELD(0x80, 0, 0, 0),
				  eight = FIELD(0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
				  three = FIELD(1, 2, 3);
	int64_t v = 7;

	(void)state;
	assert_int_equal(pgvalue_int(&two, &v), 0);
	assert_int_equal(v, -2);
	assert_int_equal(pgvalue_int(&four, &v), 0);
	assert_int_equal(v, INT32_MIN);
	assert_int_equal(pgvalue_int(&eight, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(pgvalue_int(&three, &v), ERR_FORMAT);
	assert_int_equal(pgvalue_int(&null_field, &v), ERR_FORMAT);
	assert_true(v == INT64_MAX);
}

static void booleans_and_uuids(void **state)
{
	const struct pgcopy_field yes = FIELD(1), no = FIELD(0), odd = FIELD(2),
				  id = FIELD(0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
					     0xff);
	char text[PGVALUE_UUID];
	int v;

	(void)state;
	assert_int_equal(pgvalue_bool(&yes, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(pgvalue_bool(&no, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(pgvalue_bool(&odd, &v), ERR_FORMAT);
	assert_int_equal(pgvalue_uuid(&id, text), 0);
	assert_string_equal(text, "0a010203-0405-0607-0809-0a0b0c0d0eff");
	assert_int_equal(pgvalue_uuid(&yes, text), ERR_FORMAT);
}

static int stamp_of(int64_t us, int64_t *ns)
{
	struct buf b = BUF_INIT;
	struct pgcopy_field f;
	int rc;

	put_be(&b, (uint64_t)us, 8);
	f = (struct pgcopy_field){(const unsigned char *)b.data, 8};
	rc = pgvalue_stamp(&f, ns);
	buf_release(&b);
	return rc;
}

static void stamps_are_unix_nanoseconds(void **state)
{
	int64_t ns = 0;

	(void)state;
	assert_int_equal(stamp_of(0, &ns), 0);
	assert_true(ns == INT64_C(946684800) * 1000000000);
	assert_int_equal(stamp_of(-INT64_C(946684800) * 1000000, &ns), 0);
	assert_int_equal(ns, 0);
	assert_int_equal(stamp_of(1, &ns), 0);
	assert_true(ns == INT64_C(946684800000001000));
	assert_int_equal(stamp_of(INT64_MAX, &ns), ERR_FORMAT); /* infinity */
	assert_int_equal(stamp_of(INT64_MIN, &ns), ERR_FORMAT);
	assert_int_equal(stamp_of(INT64_MAX / 1000, &ns), ERR_FORMAT);
	assert_int_equal(stamp_of(INT64_MAX / 1000 - INT64_C(946684800) * 1000000, &ns), 0);
	assert_int_equal(stamp_of(INT64_MIN / 1000 - INT64_C(946684800) * 1000000, &ns), 0);
	assert_true(ns < 0);
}

static void texts_are_utf8_without_nul(void **state)
{
	const struct pgcopy_field good = FIELD('M', 0xc3, 0xbc), nul = FIELD('a', 'b', 0, 'c'),
				  latin = FIELD('M', 'u', 0xfc), cut = FIELD('a', 0xc3);
	const char *text = NULL;
	size_t len, bad;

	(void)state;
	assert_int_equal(pgvalue_text(&good, &text, &len, &bad), 0);
	assert_string_equal(text, "Mü");
	assert_int_equal(len, 3);
	assert_int_equal(pgvalue_text(&nul, &text, &len, &bad), ERR_FORMAT);
	assert_int_equal(bad, 2);
	assert_int_equal(pgvalue_text(&latin, &text, &len, &bad), ERR_FORMAT);
	assert_int_equal(bad, 2);
	assert_int_equal(pgvalue_text(&cut, &text, NULL, NULL), ERR_FORMAT);
	assert_int_equal(pgvalue_text(&null_field, &text, NULL, NULL), ERR_FORMAT);
}

static void jsonb_has_a_version(void **state)
{
	const struct pgcopy_field good = FIELD(1, '{', '}'), newer = FIELD(2, '{', '}');
	const char *text;
	size_t len;

	(void)state;
	assert_int_equal(pgvalue_jsonb(&good, &text, &len), 0);
	assert_string_equal(text, "{}");
	assert_int_equal(len, 2);
	assert_int_equal(pgvalue_jsonb(&newer, &text, &len), ERR_FORMAT);
	assert_int_equal(pgvalue_jsonb(&null_field, &text, &len), ERR_FORMAT);
}

/* ---- vectors ---------------------------------------------------------------------------------- */

static struct buf scratch = BUF_INIT;

static int vector_of(const struct pgcopy_field *f, enum pgvalue_vector_kind kind, int64_t dim,
		     struct pgvalue_vector *v, const char *why)
{
	struct err err = ERR_INIT;
	int rc = pgvalue_vector(f, kind, dim, &scratch, v, &err);

	if (why && !strstr(err.text, why))
		fail_msg("'%s' lacks '%s'", err.text, why);
	return rc;
}

static void pgvector_forms(void **state)
{
	const struct pgcopy_field half = FIELD(0, 2, 0, 0, 0x3c, 0, 0xc0, 0),
				  full = FIELD(0, 1, 0, 0, 0x3f, 0x80, 0, 0),
				  lie = FIELD(0, 3, 0, 0, 0x3c, 0, 0xc0, 0),
				  unused = FIELD(0, 2, 0, 1, 0x3c, 0, 0xc0, 0), none = FIELD(0, 1);
	struct pgvalue_vector v;

	(void)state;
	assert_int_equal(vector_of(&half, PGVALUE_HALFVEC, -1, &v, NULL), 0);
	assert_int_equal(v.dim, 2);
	assert_int_equal(v.width, 2);
	assert_int_equal(v.little, 0);
	assert_int_equal(v.values[2], 0xc0);
	assert_int_equal(vector_of(&full, PGVALUE_VECTOR, -1, &v, NULL), 0);
	assert_int_equal(v.dim, 1);
	assert_int_equal(v.width, 4);
	assert_int_equal(vector_of(&lie, PGVALUE_HALFVEC, -1, &v, "says 3 values"), ERR_FORMAT);
	assert_int_equal(vector_of(&half, PGVALUE_VECTOR, -1, &v, "says 2 values"), ERR_FORMAT);
	assert_int_equal(vector_of(&unused, PGVALUE_HALFVEC, -1, &v, "says"), ERR_FORMAT);
	assert_int_equal(vector_of(&none, PGVALUE_HALFVEC, -1, &v, "no head"), ERR_FORMAT);
	assert_int_equal(vector_of(&null_field, PGVALUE_HALFVEC, -1, &v, "NULL"), ERR_FORMAT);
}

/* dimensions, has NULLs, type, length, lower bound, elements */
static void put_array(struct buf *b, uint32_t dims, uint32_t type, uint32_t n)
{
	put_be(b, dims, 4);
	put_be(b, 0, 4);
	put_be(b, type, 4);
	put_be(b, n, 4);
	put_be(b, 1, 4);
}

static struct pgcopy_field field_of(const struct buf *b)
{
	return (struct pgcopy_field){(const unsigned char *)b->data, (int32_t)b->len};
}

static void arrays_of_real(void **state)
{
	struct buf b = BUF_INIT;
	struct pgcopy_field f;
	struct pgvalue_vector v;

	(void)state;
	put_array(&b, 1, 700, 2);
	put_field(&b, "\x3f\x80\0\0", 4);
	put_field(&b, "\xbf\0\0\0", 4);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, NULL), 0);
	assert_int_equal(v.dim, 2);
	assert_int_equal(v.width, 4);
	assert_memory_equal(v.values, "\x3f\x80\0\0\xbf\0\0\0", 8);
	f.len--;
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "no number"), ERR_FORMAT);
	buf_putc(&b, 'x');
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "behind the last"), ERR_FORMAT);
	buf_clear(&b);
	put_array(&b, 1, 700, 2);
	put_field(&b, "\x3f\x80\0\0", 4);
	put_be(&b, UINT32_MAX, 4);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "element 2 of the array is NULL"),
			 ERR_FORMAT);
	buf_release(&b);
}

static void odd_arrays_are_refused(void **state)
{
	struct buf b = BUF_INIT;
	struct pgcopy_field f;
	struct pgvalue_vector v;

	(void)state;
	put_array(&b, 1, 701, 0);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "type 701"), ERR_FORMAT);
	buf_clear(&b);
	put_array(&b, 2, 700, 1);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "2 dimensions"), ERR_FORMAT);
	buf_clear(&b);
	put_array(&b, 1, 700, 0x7fffffff);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "2147483647 elements"), ERR_FORMAT);
	f.len = 12;
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "1 dimensions"), ERR_FORMAT);
	f.len = 11;
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, "no head"), ERR_FORMAT);
	buf_clear(&b);
	put_be(&b, 0, 4); /* '{}' */
	put_be(&b, 0, 4);
	put_be(&b, 700, 4);
	f = field_of(&b);
	assert_int_equal(vector_of(&f, PGVALUE_REAL, -1, &v, NULL), 0);
	assert_int_equal(v.dim, 0);
	buf_release(&b);
}

static void bytes_need_their_dimension(void **state)
{
	const struct pgcopy_field eight = FIELD(1, 2, 3, 4, 5, 6, 7, 8);
	struct pgvalue_vector v;

	(void)state;
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, 4, &v, NULL), 0);
	assert_int_equal(v.width, 2);
	assert_int_equal(v.little, 1);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, 2, &v, NULL), 0);
	assert_int_equal(v.width, 4);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, 8, &v, "8 bytes for"), ERR_FORMAT);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, 3, &v, "8 bytes for"), ERR_FORMAT);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, 0, &v, "8 bytes for"), ERR_FORMAT);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, -1, &v, "8 bytes for"), ERR_FORMAT);
	assert_int_equal(vector_of(&eight, PGVALUE_BYTEA, INT64_MAX, &v, "8 bytes"), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_give_the_same_rows),
		cmocka_unit_test(a_stream_cut_anywhere_is_refused),
		cmocka_unit_test(damaged_streams_are_refused),
		cmocka_unit_test(an_extension_of_the_head_is_skipped),
		cmocka_unit_test(a_callback_ends_the_stream),
		cmocka_unit_test(a_tuple_beyond_the_limit_is_refused),
		cmocka_unit_test(integers_of_three_widths),
		cmocka_unit_test(booleans_and_uuids),
		cmocka_unit_test(stamps_are_unix_nanoseconds),
		cmocka_unit_test(texts_are_utf8_without_nul),
		cmocka_unit_test(jsonb_has_a_version),
		cmocka_unit_test(pgvector_forms),
		cmocka_unit_test(arrays_of_real),
		cmocka_unit_test(odd_arrays_are_refused),
		cmocka_unit_test(bytes_need_their_dimension),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	buf_release(&scratch);
	return rc;
}
