/* Memory of a batch of rows: see rows.h. Filling and reading are plain array accesses of the users.
 * A batch belongs to one thread. */
#include "pipeline/output/rows.h"

#include <stdlib.h>

/* What is in the arrays beyond `count` is anything, at first and after growing. */
static int add_column(struct rows *r, enum schema_column c)
{
	size_t cap = r->cap ? r->cap : 1;

	switch (schema_column_type(c)) {
	case SCHEMA_DOUBLE:
		r->number[c] = malloc(cap * sizeof r->number[c][0]);
		return r->number[c] ? 0 : ERR_NOMEM;
	case SCHEMA_STRING:
		r->string[c] = malloc(cap * sizeof r->string[c][0]);
		return r->string[c] ? 0 : ERR_NOMEM;
	case SCHEMA_INT8:
	case SCHEMA_BOOL:
		r->small[c] = malloc(cap * sizeof r->small[c][0]);
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

/* The array with room for `cap` items; NULL: no memory, and the old one is untouched. */
static void *grown(void *array, size_t cap, size_t item_bytes)
{
	return cap > SIZE_MAX / item_bytes ? NULL : realloc(array, cap * item_bytes);
}

static int grow_column(struct rows *r, size_t c, size_t cap)
{
	void *more = NULL;

	if (r->number[c] && (more = grown(r->number[c], cap, sizeof r->number[c][0])))
		r->number[c] = more;
	else if (r->string[c] && (more = grown(r->string[c], cap, sizeof r->string[c][0])))
		r->string[c] = more;
	else if (r->small[c] && (more = grown(r->small[c], cap, sizeof r->small[c][0])))
		r->small[c] = more;
	return more ? 0 : ERR_NOMEM;
}

/* After a failure some arrays have more room than `r->cap` says; the batch is as good as before. */
int rows_reserve(struct rows *r, size_t cap, struct err *err)
{
	if (cap <= r->cap)
		return 0;
	for (enum schema_column c = 0; c < SCHEMA_COLUMNS; c++)
		if (schema_in_profile(c, r->profile) && grow_column(r, c, cap) < 0)
			return err_nomem(err, "a batch of rows");
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
