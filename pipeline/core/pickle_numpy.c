/* What the few known names of a NumPy pickle do with their arguments: see pickle.h. Every argument is
 * checked; an unexpected one is refused. */
#include "pipeline/core/pickle_internal.h"

#include <string.h>

struct name_row {
	const char *module, *attr;
	enum pickle_name name;
};

static const struct name_row name_rows[] = {
	{"numpy.core.multiarray", "_reconstruct", NAME_RECONSTRUCT},
	{"numpy._core.multiarray", "_reconstruct", NAME_RECONSTRUCT}, /* NumPy 2 */
	{"numpy.core.multiarray", "scalar", NAME_SCALAR},
	{"numpy._core.multiarray", "scalar", NAME_SCALAR},
	{"numpy", "ndarray", NAME_NDARRAY},
	{"numpy", "dtype", NAME_DTYPE},
	{"_codecs", "encode", NAME_ENCODE},
};

static int same(const unsigned char *text, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(text, want, len) == 0;
}

int pickle_find_name(struct pickle *p, const unsigned char *module, size_t module_len,
		     const unsigned char *attr, size_t attr_len, struct pickle_value *out)
{
	for (size_t i = 0; i < sizeof name_rows / sizeof *name_rows; i++) {
		const struct name_row *row = &name_rows[i];

		if (same(module, module_len, row->module) && same(attr, attr_len, row->attr)) {
			*out = (struct pickle_value){.kind = PK_NAME, .number = row->name};
			return 0;
		}
	}
	return pickle_refuse(p, "it names something other than NumPy's array constructors");
}

static const struct pickle_value *element(const struct pickle *p, struct pickle_value tuple,
					  size_t i)
{
	return &p->pool.v[(size_t)tuple.number + i];
}

static int is_text(const struct pickle_value *v, const char *want)
{
	return (v->kind == PK_TEXT || v->kind == PK_BYTES) && same(v->bytes, v->len, want);
}

static int is_name(const struct pickle_value *v, enum pickle_name name)
{
	return v->kind == PK_NAME && v->number == (int64_t)name;
}

/* _reconstruct(ndarray, (0,), b'b') */
static int make_array(struct pickle *p, struct pickle_value args)
{
	if (args.len != 3 || !is_name(element(p, args, 0), NAME_NDARRAY) ||
	    element(p, args, 1)->kind != PK_TUPLE || !is_text(element(p, args, 2), "b"))
		return pickle_refuse(p, "the array is made in an unknown way");
	if (p->has_array)
		return pickle_refuse(p, "it holds a second array");
	p->has_array = 1;
	return pickle_push(p, (struct pickle_value){.kind = PK_ARRAY});
}

/* dtype('O8', False, True) or dtype('U10', False, True) */
static int make_dtype(struct pickle *p, struct pickle_value args)
{
	const struct pickle_value *code = args.len > 0 ? element(p, args, 0) : NULL;

	if (!code || (code->kind != PK_TEXT && code->kind != PK_BYTES) || code->len == 0 ||
	    (code->bytes[0] != 'O' && code->bytes[0] != 'U'))
		return pickle_refuse(p, "an element type is neither object nor str");
	struct pickle_value v = {
		.kind = PK_DTYPE, .code = (char)code->bytes[0], .number = (int64_t)p->dtypes.len};
	int rc = pickle_put(p, &p->dtypes, v);

	return rc < 0 ? rc : pickle_push(p, v);
}

/* _codecs.encode(text, 'latin1'): how protocol 2 spells bytes; the bytes of ASCII are its own. */
static int make_bytes(struct pickle *p, struct pickle_value args)
{
	if (args.len != 2 || element(p, args, 0)->kind != PK_TEXT ||
	    !is_text(element(p, args, 1), "latin1"))
		return pickle_refuse(p, "bytes are made in an unknown way");
	struct pickle_value text = *element(p, args, 0);

	for (uint32_t i = 0; i < text.len; i++) {
		if (text.bytes[i] >= 0x80)
			return pickle_refuse(p, "bytes of protocol 2 are not ASCII");
	}
	text.kind = PK_BYTES;
	return pickle_push(p, text);
}

/* scalar(dtype('U10'), bytes): a numpy.str_ */
static int make_scalar(struct pickle *p, struct pickle_value args)
{
	if (args.len != 2 || element(p, args, 0)->kind != PK_DTYPE ||
	    element(p, args, 1)->kind != PK_BYTES)
		return pickle_refuse(p, "a scalar is made in an unknown way");
	const struct pickle_value *dtype = &p->dtypes.v[element(p, args, 0)->number];
	struct pickle_value v = *element(p, args, 1);

	if (dtype->code != 'U' || v.len % 4 != 0)
		return pickle_refuse(p, "a scalar is no text");
	v.kind = PK_SCALAR;
	v.big_endian = dtype->big_endian;
	return pickle_push(p, v);
}

int pickle_reduce(struct pickle *p, struct pickle_value callable, struct pickle_value args)
{
	if (callable.kind != PK_NAME || args.kind != PK_TUPLE)
		return pickle_refuse(p, "it calls something unknown");
	switch ((enum pickle_name)callable.number) {
	case NAME_RECONSTRUCT:
		return make_array(p, args);
	case NAME_DTYPE:
		return make_dtype(p, args);
	case NAME_ENCODE:
		return make_bytes(p, args);
	case NAME_SCALAR:
		return make_scalar(p, args);
	case NAME_NDARRAY:
		break;
	}
	return pickle_refuse(p, "it calls something unknown");
}

/* (3, '|', None, None, None, -1, -1, 63): only the byte order matters. */
static int build_dtype(struct pickle *p, struct pickle_value object, struct pickle_value state)
{
	const struct pickle_value *order = state.len >= 2 ? element(p, state, 1) : NULL;

	if (!order || (order->kind != PK_TEXT && order->kind != PK_BYTES) || order->len != 1 ||
	    !memchr("|<>=", order->bytes[0], 4))
		return pickle_refuse(p, "an element type has an unknown state");
	p->dtypes.v[object.number].big_endian = order->bytes[0] == '>';
	return 0;
}

static int shape_agrees(const struct pickle *p, struct pickle_value shape)
{
	if (shape.kind != PK_TUPLE || shape.len != p->n_dims)
		return 0;
	return shape.len == 0 || (element(p, shape, 0)->kind == PK_INT &&
				  element(p, shape, 0)->number == (int64_t)p->n_items);
}

/* (1, shape, dtype, fortran_order, list) */
static int build_array(struct pickle *p, struct pickle_value state)
{
	if (p->array_built || state.len != 5 || element(p, state, 2)->kind != PK_DTYPE ||
	    element(p, state, 2)->code != 'O' || element(p, state, 4)->kind != PK_LIST)
		return pickle_refuse(p, "the array has an unknown state");
	if (!shape_agrees(p, *element(p, state, 1)) || p->items.len != p->n_items)
		return pickle_refuse(p, "its number of items is not the one in the npy header");
	p->array_built = 1;
	return 0;
}

int pickle_build(struct pickle *p, struct pickle_value object, struct pickle_value state)
{
	if (state.kind == PK_TUPLE && object.kind == PK_DTYPE)
		return build_dtype(p, object, state);
	if (state.kind == PK_TUPLE && object.kind == PK_ARRAY)
		return build_array(p, state);
	return pickle_refuse(p, "it sets the state of something unknown");
}
