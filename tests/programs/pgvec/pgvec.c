/* Types named vector and halfvec for a test's PostgreSQL, with the text and binary forms that pgvector gives them
 * (spec 2.2): in, out, receive, send, nothing else. Built by tests/cli/pg_rig.sh for the server at hand. */
#include <postgres.h>

#include <common/shortest_dec.h>
#include <fmgr.h>
#include <lib/stringinfo.h>
#include <libpq/pqformat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

PG_MODULE_MAGIC;

#define DIM_MAX 16000

struct vec { /* of either type; `bytes` holds dim floats or halves */
	int32 vl_len_;
	int16 dim;
	int16 unused;
	char bytes[FLEXIBLE_ARRAY_MEMBER];
};

static struct vec *make(int dim, int width)
{
	Size size = offsetof(struct vec, bytes) + (Size)dim * (Size)width;
	struct vec *v;

	if (dim < 1 || dim > DIM_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("a vector has 1 to %d dimensions, not %d", DIM_MAX, dim)));
	v = palloc0(size);
	SET_VARSIZE(v, size);
	v->dim = (int16)dim;
	return v;
}

/* ---- halves ------------------------------------------------------------------------------------- */

static float from_half(uint16 h)
{
	int exponent = h >> 10 & 31;
	float fraction = (float)(h & 1023);
	float value = exponent == 31 ? (h & 1023 ? NAN : INFINITY)
		      : exponent     ? ldexpf(fraction + 1024, exponent - 25)
				     : ldexpf(fraction, -24);

	return h & 0x8000 ? -value : value;
}

/* Round to nearest, ties to even, by the unit in the last place. */
static uint16 to_half(float f)
{
	uint16 sign = signbit(f) ? 0x8000 : 0;
	float a = fabsf(f);
	int exponent;
	long n;

	if (isnan(f))
		return sign | 0x7e00;
	if (a >= 65520)
		return sign | 0x7c00;
	if (a < ldexpf(1, -14))
		return (uint16)(sign | (uint16)lrintf(ldexpf(a, 24)));
	frexpf(a, &exponent);                 /* a = m * 2^exponent, m in [0.5, 1) */
	n = lrintf(ldexpf(a, 11 - exponent)); /* 1024 to 2048 */
	return (uint16)(sign | (uint16)(((exponent + 14) << 10) + (int)(n - 1024)));
}

static float value_at(const struct vec *v, int width, int i)
{
	uint16 h;
	float f;

	if (width == 2) {
		memcpy(&h, v->bytes + 2 * i, 2);
		return from_half(h);
	}
	memcpy(&f, v->bytes + 4 * i, 4);
	return f;
}

static void put_value(struct vec *v, int width, int i, float f)
{
	uint16 h;

	if (isnan(f) || isinf(f))
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("NaN and infinity are not allowed in a vector")));
	if (width == 2) {
		h = to_half(f);
		memcpy(v->bytes + 2 * i, &h, 2);
	} else {
		memcpy(v->bytes + 4 * i, &f, 4);
	}
}

/* ---- text --------------------------------------------------------------------------------------- */

static Datum parse(const char *text, int width)
{
	float *values = palloc(DIM_MAX * sizeof *values);
	struct vec *v;
	int n = 0;
	const char *at = text;

	do {
		char *end;

		if (n == DIM_MAX || (n == 0 && *at != '['))
			break;
		values[n++] = strtof(++at, &end);
		if (end == at)
			break;
		at = end;
	} while (*at == ',');
	if (n == 0 || *at != ']' || at[1])
		ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				errmsg("invalid input syntax for type vector")));
	v = make(n, width);
	for (int i = 0; i < n; i++)
		put_value(v, width, i, values[i]);
	pfree(values);
	PG_RETURN_POINTER(v);
}

static Datum print(const struct vec *v, int width)
{
	StringInfoData out;
	char number[FLOAT_SHORTEST_DECIMAL_LEN];

	initStringInfo(&out);
	for (int i = 0; i < v->dim; i++) {
		float_to_shortest_decimal_buf(value_at(v, width, i), number);
		appendStringInfo(&out, "%c%s", i ? ',' : '[', number);
	}
	appendStringInfoChar(&out, ']');
	PG_RETURN_CSTRING(out.data);
}

/* ---- binary ------------------------------------------------------------------------------------- */

static Datum receive(StringInfo in, int width)
{
	int dim = (int)pq_getmsgint(in, 2);
	int unused = (int)pq_getmsgint(in, 2);
	struct vec *v = make(dim, width);

	if (unused)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("expected unused to be 0, not %d", unused)));
	for (int i = 0; i < dim; i++)
		put_value(v, width, i,
			  width == 2 ? from_half((uint16)pq_getmsgint(in, 2))
				     : pq_getmsgfloat4(in));
	PG_RETURN_POINTER(v);
}

static Datum send(const struct vec *v, int width)
{
	StringInfoData out;
	uint16 h;

	pq_begintypsend(&out);
	pq_sendint16(&out, (uint16)v->dim);
	pq_sendint16(&out, 0);
	for (int i = 0; i < v->dim; i++) {
		if (width == 2) {
			memcpy(&h, v->bytes + 2 * i, 2);
			pq_sendint16(&out, h);
		} else {
			pq_sendfloat4(&out, value_at(v, 4, i));
		}
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* ---- the functions that SQL names ----------------------------------------------------------------- */

#define VEC(n) ((struct vec *)PG_DETOAST_DATUM(PG_GETARG_DATUM(n)))

#define TYPE(name, width)                                                                          \
	PG_FUNCTION_INFO_V1(name##_in);                                                            \
	PG_FUNCTION_INFO_V1(name##_out);                                                           \
	PG_FUNCTION_INFO_V1(name##_recv);                                                          \
	PG_FUNCTION_INFO_V1(name##_send);                                                          \
	Datum name##_in(PG_FUNCTION_ARGS)                                                          \
	{                                                                                          \
		return parse(PG_GETARG_CSTRING(0), width);                                         \
	}                                                                                          \
	Datum name##_out(PG_FUNCTION_ARGS)                                                         \
	{                                                                                          \
		return print(VEC(0), width);                                                       \
	}                                                                                          \
	Datum name##_recv(PG_FUNCTION_ARGS)                                                        \
	{                                                                                          \
		return receive((StringInfo)PG_GETARG_POINTER(0), width);                           \
	}                                                                                          \
	Datum name##_send(PG_FUNCTION_ARGS)                                                        \
	{                                                                                          \
		return send(VEC(0), width);                                                        \
	}

TYPE(vector, 4)
TYPE(halfvec, 2)
