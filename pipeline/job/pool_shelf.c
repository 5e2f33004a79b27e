/* Pools that a grid has loaded and will want again: see pool_shelf.h. */
#include "pipeline/job/pool_shelf.h"

#include <stdlib.h>
#include <string.h>

void pool_shelf_put(struct pool_shelf *s, struct pool *pool)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8;
		struct pool *list = realloc(s->list, cap * sizeof *list);

		if (!list) {
			pool_release(pool);
			return;
		}
		s->list = list;
		s->cap = cap;
	}
	s->list[s->n++] = *pool;
	*pool = (struct pool){0};
}

int pool_shelf_take(struct pool_shelf *s, const char *config_id, struct pool *out)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->list[i].config_id, config_id) == 0) {
			*out = s->list[i];
			s->list[i] = s->list[--s->n];
			return 1;
		}
	return 0;
}

uint64_t pool_shelf_bytes(const struct pool_shelf *s, const char *config_id)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->list[i].config_id, config_id) != 0)
			bytes += pool_bytes(&s->list[i]);
	return bytes;
}

void pool_shelf_clear(struct pool_shelf *s)
{
	while (s->n)
		pool_release(&s->list[--s->n]);
	free(s->list);
	*s = (struct pool_shelf){0};
}
