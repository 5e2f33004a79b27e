/* Embeddings between a bundle and a database's column types: bytes of each form, rounding on midpoints, back
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "pipeline/bundle/transfer_vector.h"
#include "pipeline/core/half.h"

#define MIDPOINT 1.00048828125f /* shortest decimal 1.0004883: above, so the half is 1.0009765625 */

static struct transfer_vector vector;

/* The field that goes to the server, without its length. */
static struct pgcopy_field put(struct pgcopy_writer *w, const void *bytes, size_t len, int64_t dim,
			       const char *type, int want)
{
	*w = (struct pgcopy_writer){0};
	buf_init(&w->out, BUF_NO_LIMIT);
	assert_int_equal(transfer_vector_put(&vector, w, bytes, len, dim, type), want);
	if (want < 0)
		return (struct pgcopy_field){NULL, -1};
	return (struct pgcopy_field){(const unsigned char *)w->out.data + 4,
				     (int32_t)w->out.len - 4};
}

static void halves_go_there_and_back_in_every_type(void **state)
{
	static const struct {
		const char *type;
		enum pgvalue_vector_kind kind;
	} types[] = {{"halfvec", PGVALUE_HALFVEC},
		     {"vector", PGVALUE_VECTOR},
		     {"_float4", PGVALUE_REAL},
		     {"bytea", PGVALUE_BYTEA}};
	static const uint16_t halves[] = {0x3c00, 0x8001, 0x7bff, 0x0400, 0xc123};

	(void)state;
	if (!pg_available())
		skip();
	for (size_t t = 0; t < 4; t++) {
		struct pgcopy_writer w;
		struct pgcopy_field f = put(&w, halves, sizeof halves, 5, types[t].type, 0);
		struct pgvalue_vector v;
		struct err err = ERR_INIT;
		struct buf scratch = BUF_INIT;
		const void *bytes;
		size_t len;

		assert_int_equal(pgvalue_vector(&f, types[t].kind, 5, &scratch, &v, &err), 0);
		assert_int_equal(v.dim, 5);
		bytes = transfer_vector_bytes(&vector, &v, &len);
		assert_int_equal(len, 5 * (size_t)v.width);
		for (size_t i = 0; i < 5; i++) {
			float want = half_to_float(halves[i]), got;

			if (v.width == 2) {
				assert_memory_equal((const char *)bytes + 2 * i, &halves[i], 2);
				continue;
			}
			memcpy(&got, (const char *)bytes + 4 * i, 4);
			assert_memory_equal(&got, &want, 4);
		}
		buf_release(&scratch);
		buf_release(&w.out);
	}
}

static void floats_become_halves_by_the_text_route(void **state)
{
	const float values[] = {MIDPOINT, 1.0f, -MIDPOINT, 2049.0f};
	struct pgcopy_writer w;
	struct pgcopy_field f;

	(void)state;
	if (!pg_available())
		skip();
	f = put(&w, values, sizeof values, 4, "halfvec", 0);
	assert_int_equal(f.len, 12);
	assert_memory_equal(f.bytes, "\0\4\0\0\x3c\1\x3c\0\xbc\1\x68\0", 12);
	buf_release(&w.out);
}

static void floats_stay_what_they_are_elsewhere(void **state)
{
	const float values[] = {MIDPOINT};
	struct pgcopy_writer w;
	struct pgcopy_field f;

	(void)state;
	if (!pg_available())
		skip();
	f = put(&w, values, sizeof values, 1, "vector", 0);
	assert_int_equal(f.len, 8);
	assert_memory_equal(f.bytes, "\0\1\0\0\x3f\x80\x10\0", 8);
	buf_release(&w.out);
	f = put(&w, values, sizeof values, 1, "bytea", 0);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.bytes, values, 4);
	buf_release(&w.out);
}

static void length_and_dimension_must_fit(void **state)
{
	static const char bytes[12] = {0};
	struct pgcopy_writer w;

	(void)state;
	put(&w, bytes, 12, 5, "halfvec", ERR_FORMAT);
	put(&w, bytes, 12, 0, "halfvec", ERR_FORMAT);
	put(&w, bytes, 12, -1, "bytea", ERR_FORMAT);
	put(&w, bytes, 12, 12, "bytea", ERR_FORMAT);
	put(&w, bytes, 11, 5, "bytea", ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(halves_go_there_and_back_in_every_type),
		cmocka_unit_test(floats_become_halves_by_the_text_route),
		cmocka_unit_test(floats_stay_what_they_are_elsewhere),
		cmocka_unit_test(length_and_dimension_must_fit),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	transfer_vector_release(&vector);
	return rc;
}
