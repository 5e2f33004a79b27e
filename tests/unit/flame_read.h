/* Reads the data of a page for the tests of the viewer: a reader of its own, written after docs/viewer.md and not
 * after what writes them. Included by one test each, after cmocka. */
#ifndef TESTS_FLAME_READ_H
#define TESTS_FLAME_READ_H

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "prof/base/buf.h"
#include "prof/model/strtab.h"
#include "viewer/flame.h"
#include "viewer/graph.h"
#include "viewer/payload.h"

struct data {
	unsigned char *raw; /* inflated */
	size_t n, packed;   /* bytes; as they were written */
	json_t *head;
	size_t columns; /* where they begin */
};

static inline struct data data_of_bytes(const char *bytes, size_t packed)
{
	struct data d = {.packed = packed};
	uLongf n = 64 << 20;
	size_t head;
	json_error_t why;

	d.raw = malloc(n);
	assert_non_null(d.raw);
	assert_int_equal(uncompress(d.raw, &n, (const Bytef *)bytes, packed), Z_OK);
	d.n = n;
	assert_true(n > 4);
	head = d.raw[0] | (size_t)d.raw[1] << 8 | (size_t)d.raw[2] << 16 | (size_t)d.raw[3] << 24;
	assert_true(head <= n - 4);
	d.head = json_loadb((const char *)d.raw + 4, head, JSON_ALLOW_NUL, &why);
	if (!d.head)
		fail_msg("%s at %d: %.*s", why.text, why.position, (int)head, d.raw + 4);
	d.columns = 4 + head;
	return d;
}

static inline struct data data_of(const struct flame_options *o, size_t room)
{
	struct err err = ERR_INIT;
	struct buf bytes = BUF_INIT;
	struct graph g;
	struct data d;

	if (graph_build(&g, o, &err) != 0 || payload_write(&bytes, &g, o, room, &err) != 0)
		fail_msg("%s", err.text);
	d = data_of_bytes(bytes.data, bytes.len);
	graph_release(&g);
	buf_release(&bytes);
	return d;
}

static inline void data_release(struct data *d)
{
	free(d->raw);
	json_decref(d->head);
}

/* ---- columns ---- */

struct column_bytes {
	const unsigned char *at;
	size_t rows, bytes;
};

/* Nothing of a column that is not there. */
static inline struct column_bytes data_column(const struct data *d, const char *name)
{
	const json_t *columns = json_object_get(d->head, "columns");
	struct column_bytes c = {0};
	size_t i, at = d->columns;

	for (i = 0; i < json_array_size(columns); i++) {
		const json_t *column = json_array_get(columns, i);
		size_t bytes = (size_t)json_integer_value(json_array_get(column, 2));

		assert_true(bytes <= d->n - at);
		if (strcmp(json_string_value(json_array_get(column, 0)), name) == 0)
			c = (struct column_bytes){
				d->raw + at, (size_t)json_integer_value(json_array_get(column, 1)),
				bytes};
		at += bytes;
	}
	assert_int_equal(at, d->n);
	return c;
}

/* All numbers of a column (caller frees); `*n` may be NULL. */
static inline uint64_t *data_numbers(const struct data *d, const char *name, size_t *n)
{
	struct column_bytes c = data_column(d, name);
	uint64_t *numbers = calloc(c.rows + 1, sizeof *numbers);
	size_t i, at = 0;

	assert_non_null(numbers);
	for (i = 0; i < c.rows; i++) {
		unsigned shift = 0;

		do {
			assert_true(at < c.bytes && shift < 64);
			numbers[i] |= (uint64_t)(c.at[at] & 127) << shift;
			shift += 7;
		} while (c.at[at++] & 128);
	}
	assert_int_equal(at, c.bytes);
	if (n)
		*n = c.rows;
	return numbers;
}

static inline int64_t data_signed(uint64_t v)
{
	return v & 1 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1);
}

static inline double *data_reals(const struct data *d, const char *name, size_t *n)
{
	struct column_bytes c = data_column(d, name);
	double *reals = calloc(c.rows + 1, sizeof *reals);

	assert_non_null(reals);
	assert_int_equal(c.bytes, 8 * c.rows);
	memcpy(reals, c.at ? c.at : (const unsigned char *)"", c.bytes);
	*n = c.rows;
	return reals;
}

/* String `i` (caller frees). */
static inline char *data_string(const struct data *d, uint64_t i)
{
	size_t n, k, from = 0;
	uint64_t *sizes = data_numbers(d, "string.size", &n);
	struct column_bytes bytes = data_column(d, "string.bytes");
	char *text;

	assert_true(i < n);
	for (k = 0; k < i; k++)
		from += sizes[k];
	text = malloc(sizes[i] + 1);
	assert_non_null(text);
	assert_true(from + sizes[i] <= bytes.bytes);
	memcpy(text, bytes.at + from, sizes[i]);
	text[sizes[i]] = '\0';
	free(sizes);
	return text;
}

/* All strings (caller frees them and the array). */
static inline char **data_strings(const struct data *d, size_t *n)
{
	uint64_t *sizes = data_numbers(d, "string.size", n);
	struct column_bytes bytes = data_column(d, "string.bytes");
	char **texts = calloc(*n + 1, sizeof *texts);
	size_t i, at = 0;

	assert_non_null(texts);
	for (i = 0; i < *n; i++) {
		texts[i] = malloc(sizes[i] + 1);
		assert_non_null(texts[i]);
		assert_true(sizes[i] <= bytes.bytes - at);
		memcpy(texts[i], bytes.at + at, sizes[i]);
		texts[i][sizes[i]] = '\0';
		at += sizes[i];
	}
	assert_int_equal(at, bytes.bytes);
	free(sizes);
	return texts;
}

static inline void data_free_strings(char **texts, size_t n)
{
	while (n-- > 0)
		free(texts[n]);
	free(texts);
}

/* ---- sums by name ---- */

struct tally {
	struct strtab *keys;
	uint64_t *counts, *values; /* by key */
	size_t room;
};

static inline struct tally tally_new(void)
{
	struct tally t = {.keys = strtab_new()};

	assert_non_null(t.keys);
	return t;
}

static inline void tally_release(struct tally *t)
{
	strtab_free(t->keys);
	free(t->counts);
	free(t->values);
}

static inline void tally_add(struct tally *t, const char *key, uint64_t count, uint64_t value)
{
	uint32_t id = 0;

	assert_int_equal(strtab_intern_text(t->keys, key, &id), 0);
	if (id >= t->room) {
		size_t room = 2 * (size_t)id + 64;

		t->counts = realloc(t->counts, room * sizeof *t->counts);
		t->values = realloc(t->values, room * sizeof *t->values);
		assert_true(t->counts && t->values);
		memset(t->counts + t->room, 0, (room - t->room) * sizeof *t->counts);
		memset(t->values + t->room, 0, (room - t->room) * sizeof *t->values);
		t->room = room;
	}
	t->counts[id] += count;
	t->values[id] += value;
}

/* Everything in `part` is in `all` with the same sums. The number of keys. */
static inline uint32_t tally_is_part(const struct tally *part, const struct tally *all)
{
	uint32_t i, id, n = strtab_count(part->keys);

	for (i = 1; i < n; i++) {
		const char *key = strtab_text(part->keys, i);

		if (!strtab_find(all->keys, key, strtab_len(part->keys, i), &id))
			fail_msg("'%s' is not in the profile", key);
		if (part->counts[i] != all->counts[id] || part->values[i] != all->values[id])
			fail_msg("'%s': %llu/%llu, in the profile %llu/%llu", key,
				 (unsigned long long)part->counts[i],
				 (unsigned long long)part->values[i],
				 (unsigned long long)all->counts[id],
				 (unsigned long long)all->values[id]);
	}
	return n;
}

static inline void tally_is(const struct tally *a, const struct tally *b)
{
	assert_int_equal(tally_is_part(a, b), strtab_count(b->keys));
}

#endif
