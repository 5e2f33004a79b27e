/* Memory of a batch of rows: see rows.h. Filling and reading are plain array accesses of the users.
 * A batch belongs to one thread. */
#include "pipeline/output/rows.h"

#include <stdlib.h>

static int add_column(struct rows *r, enum schema_column c)
{
	size_t cap = r->cap ? r->cap : 1;

	switch (schema_column_type(c)) {
	case SCHEMA_DOUBLE:
		r->number[c] = calloc(cap, sizeof r->number[c][0]);
		return r->number[c] ? 0 : ERR_NOMEM;
	case SCHEMA_STRING:
		r->string[c] = calloc(cap, sizeof r->string[c][0]);
		return r->string[c] ? 0 : ERR_NOMEM;
	case SCHEMA_INT8:
	case SCHEMA_BOOL:
		r->small[c] = calloc(cap, sizeof r->small[c][0]);
		return r->small[c] ? 0 : ERR_NOMEM;
	}
	return ERR_INTERNAL;
}

int rows_init(struct rows *r, enum schema_profile profile, struct dict *strings, size_t cap,
	      struct err *err)
{
	*r = (struct rows){.cap = cap, .profile = profile, .strings = strings};
	for (enum schema_column c = 0; c < SCHEMA_COLUMNS; c++) {
		if (schema_in_profile(c, profile) && add_column(r, c) < 0) {
			rows_release(r);
			return err_nomem(err, "a batch of rows");
		}
	}
	return 0;
}

static int grow_array(void *array, size_t cap, size_t size)
{
	void **slot = array, *grown;

	if (!*slot) /* a column outside the profile */
		return 0;
	grown = realloc(*slot, cap * size);
	if (!grown)
		return ERR_NOMEM;
	*slot = grown;
	return 0;
}

int rows_reserve(struct rows *r, size_t cap, struct err *err)
{
	if (cap <= r->cap)
		return 0;
	for (size_t c = 0; c < SCHEMA_COLUMNS; c++) {
		if (grow_array(&r->number[c], cap, sizeof r->number[c][0]) ||
		    grow_array(&r->string[c], cap, sizeof r->string[c][0]) ||
		    grow_array(&r->small[c], cap, sizeof r->small[c][0]))
			return err_nomem(err, "a batch of rows");
	}
	r->cap = cap;
	return 0;
}

void rows_release(struct rows *r)
{
	for (size_t c = 0; c < SCHEMA_COLUMNS; c++) {
		free(r->number[c]);
		free(r->string[c]);
		free(r->small[c]);
	}
	*r = (struct rows){.profile = r->profile};
}
