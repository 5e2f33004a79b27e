/* Any bytes as a binary COPY stream of one to four fields, in pieces of any size: each field goes through every
 * decoder, and what a decoder gives lies inside of the field. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/utf8.h"
#include "prof/postgres/pgvalue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void vectors(const struct pgcopy_field *f, int64_t dim)
{
	for (int kind = PGVALUE_VECTOR; kind <= PGVALUE_BYTEA; kind++) {
		struct buf scratch = BUF_INIT;
		struct err err = ERR_INIT;
		struct pgvalue_vector v;
		unsigned sum = 0;

		if (pgvalue_vector(f, (enum pgvalue_vector_kind)kind, dim, &scratch, &v, &err) ==
		    0) {
			must(f->len >= 0 && (v.width == 2 || v.width == 4));
			must(v.dim * (size_t)v.width <= (size_t)f->len);
			for (size_t i = 0; i < v.dim * (size_t)v.width; i++)
				sum += v.values[i];
			must(sum <= 255u * v.dim * (unsigned)v.width);
		} else {
			must(err.code == ERR_FORMAT && *err.text);
		}
		buf_release(&scratch);
	}
}

static int take(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	int64_t number = -1, ns;
	int flag;

	(void)err;
	++*(uint64_t *)ctx;
	for (int i = 0; i < n_fields; i++) {
		const struct pgcopy_field *f = &fields[i];
		char id[PGVALUE_UUID];
		const char *text;
		size_t len, bad;

		must(f->len >= -1 && (f->len < 0 || f->bytes[f->len] == 0));
		if (pgvalue_int(f, &number) == 0)
			must(f->len == 2 || f->len == 4 || f->len == 8);
		if (pgvalue_uuid(f, id) == 0)
			must(strlen(id) == 36);
		if (pgvalue_bool(f, &flag) == 0)
			must(flag == 0 || flag == 1);
		if (pgvalue_stamp(f, &ns) == 0)
			must(f->len == 8 && ns % 1000 == 0);
		if (pgvalue_text(f, &text, &len, &bad) == 0)
			must(strlen(text) == len && utf8_valid(text, len));
		else
			must(f->len < 0 || bad < (size_t)f->len);
		if (pgvalue_jsonb(f, &text, &len) == 0)
			must(len + 1 == (size_t)f->len);
		vectors(f, number);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pgcopy_parser p;
	struct err err = ERR_INIT;
	uint64_t rows = 0;
	size_t step, at;
	int rc = 0;

	if (size < 2)
		return 0;
	step = (size_t)data[1] + 1;
	pgcopy_parser_init(&p, data[0] % 4 + 1, take, &rows);
	p.tuple_max = 1 << 16;
	for (at = 2; rc == 0 && at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *piece = malloc(n + 1);

		must(piece != NULL);
		memcpy(piece, data + at, n);
		piece[n] = 'x';
		rc = pgcopy_parser_feed(&p, piece, n, &err);
		must(piece[n] == 'x');
		free(piece);
	}
	must(rows == p.tuples);
	if (rc == 0)
		rc = pgcopy_parser_end(&p, &err);
	must(rc == 0 || *err.text);
	pgcopy_parser_release(&p);
	return 0;
}
