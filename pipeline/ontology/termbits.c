/* Sets of go numbers as bits: see termbits.h. */
#include "pipeline/ontology/termbits.h"

#include <stdlib.h>

int termbits_init(struct termbits *t, uint32_t n, struct err *err)
{
	t->n_used = ((size_t)n >> 12) + 1;
	t->word = calloc(t->n_used * 64, sizeof *t->word);
	t->used = calloc(t->n_used, sizeof *t->used);
	if (t->word && t->used)
		return 0;
	termbits_release(t);
	return err_nomem(err, "a set of terms");
}

void termbits_release(struct termbits *t)
{
	free(t->word);
	free(t->used);
	*t = (struct termbits){0};
}

/* The lowest bit's number; the bit is taken out. */
static size_t next_bit(uint64_t *bits)
{
	size_t at = (size_t)__builtin_ctzll(*bits);

	*bits &= *bits - 1;
	return at;
}

void termbits_clear(struct termbits *t)
{
	size_t u;

	for (u = 0; u < t->n_used; u++) {
		uint64_t used = t->used[u];

		while (used)
			t->word[u * 64 + next_bit(&used)] = 0;
		t->used[u] = 0;
	}
}

void termbits_keep(struct termbits *t, const uint64_t *mask, const struct termbits *gone)
{
	size_t u;

	for (u = 0; u < t->n_used; u++) {
		uint64_t used = t->used[u];

		while (used) {
			size_t w = u * 64 + next_bit(&used);

			t->word[w] &= ~gone->word[w];
			if (mask)
				t->word[w] &= mask[w];
		}
	}
}

void termbits_each(const struct termbits *t, void (*fn)(void *ctx, uint32_t number), void *ctx)
{
	size_t u;

	for (u = 0; u < t->n_used; u++) {
		uint64_t used = t->used[u];

		while (used) {
			size_t w = u * 64 + next_bit(&used);
			uint64_t bits = t->word[w];

			while (bits)
				fn(ctx, (uint32_t)(w * 64 + next_bit(&bits)));
		}
	}
}

uint64_t *termbits_mask(const char *byte, uint32_t n)
{
	uint64_t *mask = calloc((((size_t)n >> 12) + 1) * 64, sizeof *mask);
	uint32_t i;

	for (i = 0; mask && i < n; i++)
		if (byte[i])
			mask[i >> 6] |= UINT64_C(1) << (i & 63);
	return mask;
}
