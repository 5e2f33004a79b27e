/* Inside of the pickle reader: values, the machine, and the rules for NumPy's constructors. */
#ifndef CORE_PICKLE_INTERNAL_H
#define CORE_PICKLE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

enum pickle_kind {
	PK_MARK,
	PK_NONE,
	PK_INT,  /* number; booleans too */
	PK_TEXT, /* UTF-8 bytes inside the pickle */
	PK_BYTES,
	PK_NAME,   /* number: enum pickle_name */
	PK_TUPLE,  /* number: first element in the pool */
	PK_LIST,   /* the one list of the array's items */
	PK_DTYPE,  /* number: index of dtypes, where the value lies that __setstate__ changes */
	PK_ARRAY,  /* the one array */
	PK_SCALAR, /* numpy.str_: UCS-4 bytes inside the pickle */
};

enum pickle_name {
	NAME_RECONSTRUCT,
	NAME_SCALAR,
	NAME_NDARRAY,
	NAME_DTYPE,
	NAME_ENCODE,
};

struct pickle_value {
	uint8_t kind;
	uint8_t big_endian; /* of a scalar or dtype */
	char code;          /* of a dtype: 'O' or 'U' */
	uint32_t len;       /* bytes of a text, elements of a tuple */
	union {
		const unsigned char *bytes; /* borrowed from the pickle */
		int64_t number;
	};
};

struct pickle_values {
	struct pickle_value *v; /* owned */
	size_t len, cap, max;
};

/* Picklers append lists in batches of 1000 (_BATCHSIZE of CPython). */
#define PICKLE_MAX_STACK 4096
/* A numpy.str_ of protocol 2, the costliest item, keeps 13 values and has 18 in its tuples. */
#define PICKLE_PER_ITEM  20
#define PICKLE_PER_ARRAY 256

struct pickle {
	const char *name;
	const unsigned char *start, *at, *end;
	size_t n_dims;
	uint64_t n_items;
	struct pickle_values stack, memo, pool, dtypes, items;
	int has_list, has_array, array_built;
	struct err *err;
};

int pickle_refuse(struct pickle *p, const char *what);
int pickle_push(struct pickle *p, struct pickle_value v);
int pickle_put(struct pickle *p, struct pickle_values *to, struct pickle_value v);
/* The name a module and attribute mean; refused: negative. */
int pickle_find_name(struct pickle *p, const unsigned char *module, size_t module_len,
		     const unsigned char *attr, size_t attr_len, struct pickle_value *out);
/* callable(*args), and object.__setstate__(state). */
int pickle_reduce(struct pickle *p, struct pickle_value callable, struct pickle_value args);
int pickle_build(struct pickle *p, struct pickle_value object, struct pickle_value state);

#endif
