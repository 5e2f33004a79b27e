/* Any bytes as a table from the cache. Magic, version, size and sum are put right, so that the checks behind
 * them are met; what passes answers at every row's address, and each long form is read to its end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/unwind/table_make.h"

static volatile uint8_t sink;

static void touch(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + b[i]);
	sink = sum;
}

static void read_ext(const struct unwind_table *t, const struct unwind_rule *r)
{
	const uint8_t *area = (const uint8_t *)t + t->head.ext_off;
	struct unwind_ext x;

	memcpy(&x, area + r->cfa_off, sizeof x);
	if (x.cfa_is_expr)
		touch(area + x.cfa_off, x.cfa_len);
	for (uint8_t i = 0; i < x.n_regs; i++) {
		struct unwind_ext_reg g;

		memcpy(&g, area + r->cfa_off + sizeof x + i * sizeof g, sizeof g);
		if (g.kind == UNWIND_EXT_EXPR || g.kind == UNWIND_EXT_VAL_EXPR)
			touch(area + g.value, g.len);
	}
}

static void ask(const struct unwind_table *t, uint64_t address)
{
	const struct unwind_rule *r = unwind_table_rule(t, address);

	touch(r, sizeof *r);
	if (r->cfa_kind == UNWIND_CFA_EXT)
		read_ext(t, r);
}

static void ask_all(const struct unwind_table *t)
{
	const struct unwind_table_head *h = &t->head;

	for (uint64_t p = 0; p < h->n_pages && p < 64; p++) {
		uint64_t page = (h->first_page + p) << UNWIND_PAGE_BITS;

		for (uint64_t low = 0; low < 65536; low += 257)
			ask(t, page + low);
		ask(t, page + 65535);
	}
	ask(t, 0);
	ask(t, UINT64_MAX);
	ask(t, (h->first_page << UNWIND_PAGE_BITS) - 1);
	ask(t, (h->first_page + h->n_pages) << UNWIND_PAGE_BITS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct unwind_table *t;

	if (size < sizeof *t) {
		(void)unwind_table_check(data, size, NULL);
		return 0;
	}
	t = malloc(size);
	if (!t)
		return 0;
	memcpy(t, data, size);
	if (unwind_table_check(t, size, NULL) == 0)
		ask_all(t);
	memcpy(t->head.magic, UNWIND_TABLE_MAGIC, sizeof t->head.magic);
	t->head.version = UNWIND_TABLE_VERSION;
	t->head.bytes = (uint32_t)size;
	t->head.crc = unwind_table_sum(t, size);
	if (unwind_table_check(t, size, NULL) == 0)
		ask_all(t);
	free(t);
	return 0;
}
