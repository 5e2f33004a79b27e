/* The opcodes of pickle protocols 2 to 5 that NumPy's object arrays of str use: see pickle.h. What
 * the called names mean is in pickle_numpy.c. */
#include "pipeline/core/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/npy_data.h"
#include "pipeline/core/pickle_internal.h"

enum opcode {
	OP_MARK = '(',
	OP_EMPTY_TUPLE = ')',
	OP_STOP = '.',
	OP_BINBYTES = 'B',
	OP_SHORT_BINBYTES = 'C',
	OP_BININT = 'J',
	OP_BININT1 = 'K',
	OP_BININT2 = 'M',
	OP_NONE = 'N',
	OP_REDUCE = 'R',
	OP_BINSTRING = 'T',
	OP_SHORT_BINSTRING = 'U',
	OP_BINUNICODE = 'X',
	OP_EMPTY_LIST = ']',
	OP_APPEND = 'a',
	OP_BUILD = 'b',
	OP_GLOBAL = 'c',
	OP_APPENDS = 'e',
	OP_BINGET = 'h',
	OP_LONG_BINGET = 'j',
	OP_BINPUT = 'q',
	OP_LONG_BINPUT = 'r',
	OP_TUPLE = 't',
	OP_PROTO = 0x80,
	OP_TUPLE1 = 0x85,
	OP_TUPLE2 = 0x86,
	OP_TUPLE3 = 0x87,
	OP_NEWTRUE = 0x88,
	OP_NEWFALSE = 0x89,
	OP_LONG1 = 0x8a,
	OP_SHORT_BINUNICODE = 0x8c,
	OP_BINUNICODE8 = 0x8d,
	OP_BINBYTES8 = 0x8e,
	OP_STACK_GLOBAL = 0x93,
	OP_MEMOIZE = 0x94,
	OP_FRAME = 0x95,
};

#define PK_STOPPED 1 /* step's answer at OP_STOP */

int pickle_refuse(struct pickle *p, const char *what)
{
	return err_set(
		p->err, ERR_UNSUPPORTED,
		"'%s': offset %zu of its pickled object array: %s; save the names as "
		"fixed-width text in Python: numpy.savez(path, go_ids=go_ids.astype('U'), …)",
		p->name, (size_t)(p->at - p->start), what);
}

static int cut_short(struct pickle *p)
{
	return err_set(p->err, ERR_FORMAT,
		       "'%s': offset %zu: its pickled object array ends early; get the file again",
		       p->name, (size_t)(p->at - p->start));
}

int pickle_put(struct pickle *p, struct pickle_values *to, struct pickle_value v)
{
	if (to->len == to->max)
		return pickle_refuse(p, "it holds more than an array of texts needs");
	if (to->len == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 64;
		struct pickle_value *grown = realloc(to->v, cap * sizeof *grown);

		if (!grown)
			return err_nomem(p->err, "a pickled array");
		to->v = grown;
		to->cap = cap;
	}
	to->v[to->len++] = v;
	return 0;
}

int pickle_push(struct pickle *p, struct pickle_value v)
{
	return pickle_put(p, &p->stack, v);
}

static int pop(struct pickle *p, struct pickle_value *v)
{
	if (p->stack.len == 0 || p->stack.v[p->stack.len - 1].kind == PK_MARK)
		return pickle_refuse(p, "it takes a value that is not there");
	*v = p->stack.v[--p->stack.len];
	return 0;
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static int take_number(struct pickle *p, size_t n_bytes, uint64_t *v)
{
	*v = 0;
	if ((size_t)(p->end - p->at) < n_bytes)
		return cut_short(p);
	for (size_t i = 0; i < n_bytes; i++)
		*v |= (uint64_t)p->at[i] << (8 * i);
	p->at += n_bytes;
	return 0;
}

static int push_int(struct pickle *p, int64_t v)
{
	return pickle_push(p, (struct pickle_value){.kind = PK_INT, .number = v});
}

static int op_int(struct pickle *p, size_t n_bytes)
{
	uint64_t v;
	int rc = take_number(p, n_bytes, &v);

	if (rc < 0)
		return rc;
	return push_int(p, n_bytes == 4 ? (int32_t)v : (int64_t)v);
}

/* A length byte and that many bytes of a signed number; only non-negative ones of up to 8. */
static int op_long(struct pickle *p)
{
	uint64_t n, v = 0;
	int rc = take_number(p, 1, &n);

	if (rc == 0 && n > 8)
		return pickle_refuse(p, "a number is too large");
	if (rc == 0)
		rc = take_number(p, (size_t)n, &v);
	if (rc < 0)
		return rc;
	if (n > 0 && v >> (8 * n - 1))
		return pickle_refuse(p, "a number is negative");
	return push_int(p, (int64_t)v);
}

/* A length of `n_bytes` bytes and that many bytes of text or data. */
static int op_string(struct pickle *p, enum pickle_kind kind, size_t n_bytes)
{
	uint64_t len;
	int rc = take_number(p, n_bytes, &len);

	if (rc < 0)
		return rc;
	if (len > (size_t)(p->end - p->at))
		return cut_short(p);
	if (kind == PK_TEXT && !npy_utf8_valid(p->at, (size_t)len))
		return pickle_refuse(p, "a text is not valid UTF-8");
	/* The whole pickle is below PICKLE_MAX_BYTES, so the length fits. */
	struct pickle_value v = {.kind = (uint8_t)kind, .len = (uint32_t)len, .bytes = p->at};

	p->at += len;
	return pickle_push(p, v);
}

/* The last `n` values of the stack as one tuple. */
static int make_tuple(struct pickle *p, size_t n)
{
	size_t first = p->pool.len;

	if (n > p->stack.len)
		return pickle_refuse(p, "it takes a value that is not there");
	for (size_t i = 0; i < n; i++) {
		struct pickle_value v = p->stack.v[p->stack.len - n + i];
		int rc = v.kind == PK_MARK ? pickle_refuse(p, "it takes a value that is not there")
					   : pickle_put(p, &p->pool, v);

		if (rc < 0)
			return rc;
	}
	p->stack.len -= n;
	return pickle_push(p, (struct pickle_value){.kind = PK_TUPLE,
						    .len = (uint32_t)n,
						    .number = (int64_t)first});
}

/* Values above the last mark. */
static int count_to_mark(struct pickle *p, size_t *n)
{
	for (*n = 0; *n < p->stack.len; ++*n) {
		if (p->stack.v[p->stack.len - 1 - *n].kind == PK_MARK)
			return 0;
	}
	return pickle_refuse(p, "a mark is missing");
}

static int op_tuple(struct pickle *p)
{
	size_t n;
	int rc = count_to_mark(p, &n);

	if (rc == 0)
		rc = make_tuple(p, n);
	if (rc < 0)
		return rc;
	p->stack.v[p->stack.len - 2] = p->stack.v[p->stack.len - 1];
	p->stack.len--;
	return 0;
}

static int op_list(struct pickle *p)
{
	if (p->has_list)
		return pickle_refuse(p, "it holds a second list");
	p->has_list = 1;
	return pickle_push(p, (struct pickle_value){.kind = PK_LIST});
}

/* Appends the last `n` values; below them, and below the mark if there is one, is the list. */
static int append(struct pickle *p, size_t n, size_t n_marks)
{
	size_t below = n + n_marks + 1;

	if (p->stack.len < below || p->stack.v[p->stack.len - below].kind != PK_LIST)
		return pickle_refuse(p, "it appends to something that is no list");
	for (size_t i = p->stack.len - n; i < p->stack.len; i++) {
		struct pickle_value v = p->stack.v[i];

		if (v.kind == PK_BYTES && !npy_utf8_valid(v.bytes, v.len))
			return pickle_refuse(p, "an item is not valid UTF-8");
		if (v.kind != PK_TEXT && v.kind != PK_BYTES && v.kind != PK_SCALAR)
			return pickle_refuse(p, "an item is no text");
		int rc = pickle_put(p, &p->items, v);

		if (rc < 0)
			return rc;
	}
	p->stack.len -= n + n_marks;
	return 0;
}

static int op_appends(struct pickle *p)
{
	size_t n;
	int rc = count_to_mark(p, &n);

	return rc < 0 ? rc : append(p, n, 1);
}

/* Picklers number their memo 0, 1, 2, …; so a slot is the next one or an old one. */
static int memoize(struct pickle *p, uint64_t slot)
{
	if (p->stack.len == 0)
		return pickle_refuse(p, "it remembers a value that is not there");
	if (slot < p->memo.len) {
		p->memo.v[slot] = p->stack.v[p->stack.len - 1];
		return 0;
	}
	if (slot > p->memo.len)
		return pickle_refuse(p, "it numbers its values in an unknown way");
	return pickle_put(p, &p->memo, p->stack.v[p->stack.len - 1]);
}

static int op_put(struct pickle *p, size_t n_bytes)
{
	uint64_t slot;
	int rc = take_number(p, n_bytes, &slot);

	return rc < 0 ? rc : memoize(p, slot);
}

static int op_get(struct pickle *p, size_t n_bytes)
{
	uint64_t slot;
	int rc = take_number(p, n_bytes, &slot);

	if (rc < 0)
		return rc;
	if (slot >= p->memo.len)
		return pickle_refuse(p, "it recalls a value that is not there");
	return pickle_push(p, p->memo.v[slot]);
}

/* Two lines: module and attribute. */
static int op_global(struct pickle *p)
{
	const unsigned char *module = p->at, *attr, *stop;
	struct pickle_value name;

	attr = memchr(module, '\n', (size_t)(p->end - module));
	if (!attr)
		return cut_short(p);
	attr++;
	stop = memchr(attr, '\n', (size_t)(p->end - attr));
	if (!stop)
		return cut_short(p);
	int rc = pickle_find_name(p, module, (size_t)(attr - 1 - module), attr,
				  (size_t)(stop - attr), &name);

	if (rc < 0)
		return rc;
	p->at = stop + 1;
	return pickle_push(p, name);
}

static int op_stack_global(struct pickle *p)
{
	struct pickle_value module, attr, name;
	int rc = pop(p, &attr);

	if (rc == 0)
		rc = pop(p, &module);
	if (rc < 0)
		return rc;
	if (module.kind != PK_TEXT || attr.kind != PK_TEXT)
		return pickle_refuse(p, "a name is no text");
	rc = pickle_find_name(p, module.bytes, module.len, attr.bytes, attr.len, &name);
	return rc < 0 ? rc : pickle_push(p, name);
}

static int op_reduce(struct pickle *p)
{
	struct pickle_value callable, args;
	int rc = pop(p, &args);

	if (rc == 0)
		rc = pop(p, &callable);
	return rc < 0 ? rc : pickle_reduce(p, callable, args);
}

static int op_build(struct pickle *p)
{
	struct pickle_value state;
	int rc = pop(p, &state);

	if (rc == 0 && p->stack.len == 0)
		rc = pickle_refuse(p, "it takes a value that is not there");
	return rc < 0 ? rc : pickle_build(p, p->stack.v[p->stack.len - 1], state);
}

static int op_proto(struct pickle *p)
{
	uint64_t version;
	int rc = take_number(p, 1, &version);

	if (rc == 0 && (version < 2 || version > 5))
		return pickle_refuse(p, "its protocol is not 2 to 5");
	return rc;
}

static int op_frame(struct pickle *p)
{
	uint64_t len;
	int rc = take_number(p, 8, &len);

	return rc == 0 && len > (size_t)(p->end - p->at) ? cut_short(p) : rc;
}

static int op_stop(struct pickle *p)
{
	struct pickle_value v;
	int rc = pop(p, &v);

	if (rc == 0 && (v.kind != PK_ARRAY || !p->array_built || p->stack.len != 0))
		rc = pickle_refuse(p, "it is no array");
	return rc < 0 ? rc : PK_STOPPED;
}

static int step_string(struct pickle *p, enum opcode op)
{
	switch (op) {
	case OP_BINUNICODE:
		return op_string(p, PK_TEXT, 4);
	case OP_SHORT_BINUNICODE:
		return op_string(p, PK_TEXT, 1);
	case OP_BINUNICODE8:
		return op_string(p, PK_TEXT, 8);
	case OP_BINBYTES:
	case OP_BINSTRING: /* str of Python 2 */
		return op_string(p, PK_BYTES, 4);
	case OP_SHORT_BINBYTES:
	case OP_SHORT_BINSTRING:
		return op_string(p, PK_BYTES, 1);
	case OP_BINBYTES8:
		return op_string(p, PK_BYTES, 8);
	default:
		return pickle_refuse(p, "it uses an unexpected opcode");
	}
}

static int step_value(struct pickle *p, enum opcode op)
{
	switch (op) {
	case OP_NONE:
		return pickle_push(p, (struct pickle_value){.kind = PK_NONE});
	case OP_NEWTRUE:
		return push_int(p, 1);
	case OP_NEWFALSE:
		return push_int(p, 0);
	case OP_BININT:
		return op_int(p, 4);
	case OP_BININT1:
		return op_int(p, 1);
	case OP_BININT2:
		return op_int(p, 2);
	case OP_LONG1:
		return op_long(p);
	case OP_EMPTY_LIST:
		return op_list(p);
	case OP_EMPTY_TUPLE:
		return make_tuple(p, 0);
	case OP_TUPLE1:
		return make_tuple(p, 1);
	case OP_TUPLE2:
		return make_tuple(p, 2);
	case OP_TUPLE3:
		return make_tuple(p, 3);
	case OP_TUPLE:
		return op_tuple(p);
	default:
		return step_string(p, op);
	}
}

static int step(struct pickle *p)
{
	enum opcode op = (enum opcode) * p->at++;

	switch (op) {
	case OP_PROTO:
		return op_proto(p);
	case OP_FRAME:
		return op_frame(p);
	case OP_STOP:
		return op_stop(p);
	case OP_MARK:
		return pickle_push(p, (struct pickle_value){.kind = PK_MARK});
	case OP_APPEND:
		return append(p, 1, 0);
	case OP_APPENDS:
		return op_appends(p);
	case OP_BINPUT:
		return op_put(p, 1);
	case OP_LONG_BINPUT:
		return op_put(p, 4);
	case OP_MEMOIZE:
		return memoize(p, p->memo.len);
	case OP_BINGET:
		return op_get(p, 1);
	case OP_LONG_BINGET:
		return op_get(p, 4);
	case OP_GLOBAL:
		return op_global(p);
	case OP_STACK_GLOBAL:
		return op_stack_global(p);
	case OP_REDUCE:
		return op_reduce(p);
	case OP_BUILD:
		return op_build(p);
	default:
		return step_value(p, op);
	}
}

static int run(struct pickle *p)
{
	int rc = 0;

	while (rc == 0)
		rc = p->at < p->end ? step(p) : cut_short(p);
	return rc == PK_STOPPED ? 0 : rc;
}

static int emit(struct pickle *p, npz_text_fn *fn, void *ctx)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < p->items.len; i++) {
		const struct pickle_value *v = &p->items.v[i];

		if (v->kind != PK_SCALAR) {
			rc = fn(ctx, i, (const char *)v->bytes, v->len, p->err);
			continue;
		}
		buf_clear(&text);
		rc = npy_ucs4_text(v->bytes, v->len / 4, v->big_endian, &text);
		if (rc == ERR_FORMAT)
			rc = pickle_refuse(p, "an item is not valid Unicode");
		else if (rc < 0)
			rc = err_nomem(p->err, "a pickled text");
		else
			rc = fn(ctx, i, buf_str(&text), text.len, p->err);
	}
	buf_release(&text);
	return rc < 0 ? rc : 0;
}

int pickle_texts(const char *name, const unsigned char *bytes, size_t n, size_t n_dims,
		 uint64_t n_items, npz_text_fn *fn, void *ctx, struct err *err)
{
	struct pickle p = {.name = name,
			   .start = bytes,
			   .at = bytes,
			   .end = bytes + n,
			   .n_dims = n_dims,
			   .n_items = n_items,
			   .err = err};

	if (n > PICKLE_MAX_BYTES)
		return pickle_refuse(&p, "it is larger than 32 MiB");
	if (n_items > n) /* an item takes at least a byte */
		return cut_short(&p);
	p.stack.max = PICKLE_MAX_STACK;
	p.items.max = (size_t)n_items;
	p.dtypes.max = PICKLE_PER_ARRAY + (size_t)n_items;
	p.pool.max = PICKLE_PER_ARRAY + PICKLE_PER_ITEM * (size_t)n_items;
	p.memo.max = p.pool.max;
	int rc = run(&p);

	if (rc == 0)
		rc = emit(&p, fn, ctx);
	free(p.stack.v);
	free(p.memo.v);
	free(p.pool.v);
	free(p.dtypes.v);
	free(p.items.v);
	return rc;
}
