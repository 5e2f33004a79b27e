/* The check of tables that come from a file: every flipped bit and every cut is found, and what passes in
 * spite of a right sum never leads a look-up outside the block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/table_rig.h"

/* Two pages, short forms, a long one with an expression. */
static struct unwind_table *sample(void)
{
	static const uint8_t odd[] = {DW_CFA_register, 12, 13, DW_CFA_expression, 6, 2,
				      DW_OP_breg6,     0};
	struct cfi_bytes b = {0};

	cie(&b);
	for (uint64_t i = 0; i < 30; i++)
		fde(&b, 0x1000 + 64 * i, 32, (uint8_t)(8 + 8 * (i % 7)));
	cb_fde(&b, 0x8000, 64, 0, odd, sizeof odd);
	fde(&b, 0x15000, 64, 16);
	return build(&b, NULL, 0);
}

/* A copy of exactly the table's size, so that a sanitizer sees a byte too many. */
static uint8_t *copy_of(const struct unwind_table *t, size_t n)
{
	uint8_t *copy = malloc(n);

	assert_non_null(copy);
	memcpy(copy, t, n);
	return copy;
}

static void a_good_table_passes(void **state)
{
	struct unwind_table *t = sample();
	uint8_t *copy = copy_of(t, unwind_table_bytes(t));
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(unwind_table_check(copy, unwind_table_bytes(t), &err), 0);
	assert_int_equal(err.code, 0);
	free(copy);
	unwind_table_free(t);
}

static void every_flipped_bit_is_found(void **state)
{
	struct unwind_table *t = sample();
	size_t n = unwind_table_bytes(t);
	uint8_t *copy = copy_of(t, n);

	(void)state;
	for (size_t i = 0; i < 8 * n; i++) {
		copy[i / 8] = (uint8_t)(copy[i / 8] ^ 1u << i % 8);
		assert_int_equal(unwind_table_check(copy, n, NULL), ERR_FORMAT);
		copy[i / 8] = (uint8_t)(copy[i / 8] ^ 1u << i % 8);
	}
	assert_int_equal(unwind_table_check(copy, n, NULL), 0);
	free(copy);
	unwind_table_free(t);
}

static void every_cut_and_every_growth_is_found(void **state)
{
	struct unwind_table *t = sample();
	size_t n = unwind_table_bytes(t);
	uint8_t *longer = calloc(1, n + 64);
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(longer);
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *copy = copy_of(t, cut + 1);

		assert_int_equal(unwind_table_check(copy, cut, &err), ERR_FORMAT);
		free(copy);
	}
	memcpy(longer, t, n);
	for (size_t more = 1; more <= 64; more++)
		assert_int_equal(unwind_table_check(longer, n + more, NULL), ERR_FORMAT);
	assert_int_equal(unwind_table_check(longer + 4, n, NULL), ERR_FORMAT); /* not aligned */
	free(longer);
	unwind_table_free(t);
}

static void zeroed_and_swapped_pieces_are_found(void **state)
{
	struct unwind_table *t = sample();
	size_t n = unwind_table_bytes(t);
	uint8_t *copy = copy_of(t, n);

	(void)state;
	/* Pieces as a disk loses or swaps them, in the part that only the sum covers. */
	for (size_t at = t->head.low_off; at + 32 <= n; at += 16) {
		if (memcmp(copy + at, copy + at + 16, 16) == 0)
			continue;
		memcpy(copy + at, (const uint8_t *)t + at + 16, 16);
		memcpy(copy + at + 16, (const uint8_t *)t + at, 16);
		assert_int_equal(unwind_table_check(copy, n, NULL), ERR_FORMAT);
		memset(copy + at, 0, 32);
		assert_int_equal(unwind_table_check(copy, n, NULL), ERR_FORMAT);
		memcpy(copy + at, (const uint8_t *)t + at, 32);
	}
	free(copy);
	unwind_table_free(t);
}

/* ---- tables that lie with a right sum -------------------------------------------------------------- */

struct lie {
	uint8_t *bytes;
	size_t n;
};

static struct unwind_table_head *head(struct lie *l)
{
	return (struct unwind_table_head *)(void *)l->bytes;
}

static void check_lie(struct lie *l, const struct unwind_table *t, int want)
{
	int rc;

	head(l)->crc = unwind_table_sum(l->bytes, l->n);
	rc = unwind_table_check(l->bytes, l->n, NULL);
	assert_int_equal(rc, want);
	memcpy(l->bytes, t, l->n);
}

/* One field of the head after the other takes each of these. */
static void heads_that_lie_are_found(void **state)
{
	static const uint32_t values[] = {1,          2,          3,          100,       0x10001,
					  0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
	static const size_t fields[] = {
		offsetof(struct unwind_table_head, version),
		offsetof(struct unwind_table_head, bytes),
		offsetof(struct unwind_table_head, n_rows),
		offsetof(struct unwind_table_head, n_pages),
		offsetof(struct unwind_table_head, pages_off),
		offsetof(struct unwind_table_head, low_off),
		offsetof(struct unwind_table_head, rule_off),
		offsetof(struct unwind_table_head, rules_off),
		offsetof(struct unwind_table_head, ext_off),
	};
	struct unwind_table *t = sample();
	struct lie l = {copy_of(t, unwind_table_bytes(t)), unwind_table_bytes(t)};

	(void)state;
	for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
		for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
			if (memcmp(l.bytes + fields[f], &values[v], 4) == 0)
				continue;
			memcpy(l.bytes + fields[f], &values[v], 4);
			check_lie(&l, t, ERR_FORMAT);
		}
	head(&l)->n_rules = 0;
	check_lie(&l, t, ERR_FORMAT);
	head(&l)->n_rules = 1; /* the rows name more */
	check_lie(&l, t, ERR_FORMAT);
	head(&l)->n_rules = 0x20000;
	check_lie(&l, t, ERR_FORMAT);
	head(&l)->ext_bytes = 0xffffff00;
	check_lie(&l, t, ERR_FORMAT);
	head(&l)->ext_bytes = 8; /* the long form lies behind it */
	check_lie(&l, t, ERR_FORMAT);
	head(&l)->first_page = UINT64_MAX;
	check_lie(&l, t, ERR_FORMAT);
	memset(head(&l)->build_id, 'a', sizeof head(&l)->build_id);
	check_lie(&l, t, ERR_FORMAT);
	check_lie(&l, t, 0);
	free(l.bytes);
	unwind_table_free(t);
}

static void rows_and_pages_that_lie_are_found(void **state)
{
	struct unwind_table *t = sample();
	struct lie l = {copy_of(t, unwind_table_bytes(t)), unwind_table_bytes(t)};
	uint32_t *pages = (uint32_t *)(void *)(l.bytes + t->head.pages_off);
	uint16_t *low = (uint16_t *)(void *)(l.bytes + t->head.low_off);
	uint16_t *rule = (uint16_t *)(void *)(l.bytes + t->head.rule_off);

	(void)state;
	assert_int_equal(t->head.n_pages, 2);
	pages[0] = 1;
	check_lie(&l, t, ERR_FORMAT);
	pages[1] = t->head.n_rows + 1;
	check_lie(&l, t, ERR_FORMAT);
	pages[1]--; /* the second page begins in the middle of the first */
	check_lie(&l, t, ERR_FORMAT);
	pages[2]--;
	check_lie(&l, t, ERR_FORMAT);
	for (uint32_t i = 0; i < t->head.n_rows; i++) {
		rule[i] = (uint16_t)t->head.n_rules;
		check_lie(&l, t, ERR_FORMAT);
		rule[i] = UINT16_MAX;
		check_lie(&l, t, ERR_FORMAT);
		if (i + 1 < t->head.n_rows && low[i + 1] != 0) {
			low[i] = low[i + 1];
			check_lie(&l, t, ERR_FORMAT);
		}
	}
	low[0] = 1;
	check_lie(&l, t, ERR_FORMAT);
	free(l.bytes);
	unwind_table_free(t);
}

static void rules_that_lie_are_found(void **state)
{
	struct unwind_table *t = sample();
	struct lie l = {copy_of(t, unwind_table_bytes(t)), unwind_table_bytes(t)};
	struct unwind_rule *rules = (struct unwind_rule *)(void *)(l.bytes + t->head.rules_off);
	uint32_t ext = 0;
	static const int32_t places[] = {-4, 1, 2, INT32_MAX, INT32_MIN, 1 << 20};

	(void)state;
	while (ext < t->head.n_rules && rules[ext].cfa_kind != UNWIND_CFA_EXT)
		ext++;
	assert_true(ext < t->head.n_rules);
	rules[0].cfa_kind = UNWIND_CFA_SP;
	check_lie(&l, t, ERR_FORMAT);
	rules[1].cfa_kind = UNWIND_CFA_EXT + 1;
	check_lie(&l, t, ERR_FORMAT);
	rules[1].cfa_reg = CFI_REGS;
	check_lie(&l, t, ERR_FORMAT);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		rules[ext].cfa_off = places[i];
		check_lie(&l, t, ERR_FORMAT);
	}
	free(l.bytes);
	unwind_table_free(t);
}

static void long_forms_that_lie_are_found(void **state)
{
	struct unwind_table *t = sample();
	struct lie l = {copy_of(t, unwind_table_bytes(t)), unwind_table_bytes(t)};
	const struct unwind_rule *r = unwind_table_rule(t, 0x8000);
	uint8_t *at = l.bytes + t->head.ext_off + r->cfa_off;
	struct unwind_ext x, good_x;
	struct unwind_ext_reg g, good_g;

	(void)state;
	assert_int_equal(r->cfa_kind, UNWIND_CFA_EXT);
	memcpy(&good_x, at, sizeof x);
	memcpy(&good_g, at + sizeof x, sizeof g); /* rbp, by an expression */
	assert_int_equal(good_g.kind, UNWIND_EXT_EXPR);
	for (int i = 0; i < 5; i++) {
		x = good_x;
		if (i == 0)
			x.cfa_reg = CFI_REGS;
		else if (i == 1)
			x.n_regs = CFI_REGS + 1;
		else if (i == 2)
			x.n_regs = CFI_REGS;
		else
			x.cfa_is_expr = 1, x.cfa_len = 0xffffffff, x.cfa_off = i == 3 ? -1 : 0;
		memcpy(at, &x, sizeof x);
		check_lie(&l, t, ERR_FORMAT);
	}
	for (int i = 0; i < 6; i++) {
		g = good_g;
		if (i == 0)
			g.reg = CFI_REGS;
		else if (i == 1)
			g.kind = UNWIND_EXT_SAME + 1;
		else if (i == 2)
			g.kind = UNWIND_EXT_REG, g.value = CFI_REGS;
		else if (i == 3)
			g.value = -1;
		else if (i == 4)
			g.value = INT32_MAX;
		else
			g.len = UINT16_MAX;
		memcpy(at + sizeof x, &g, sizeof g);
		check_lie(&l, t, ERR_FORMAT);
	}
	free(l.bytes);
	unwind_table_free(t);
}

/* More rows than the 16-byte steps count in one go, all in a few pages' descents. */
static void order_is_checked_over_many_rows(void **state)
{
	uint32_t n_pages = 20, per = 30000, n = n_pages * per;
	size_t bytes =
		sizeof(struct unwind_table_head) + 16 + 4 * (n_pages + 1) + 4 * (size_t)n + 64;
	struct unwind_table *t = calloc(1, bytes);
	struct unwind_table_head *h;
	uint32_t *pages;
	uint16_t *low;

	(void)state;
	assert_non_null(t);
	h = &t->head;
	memcpy(h->magic, UNWIND_TABLE_MAGIC, 8);
	h->version = UNWIND_TABLE_VERSION;
	h->bytes = (uint32_t)bytes;
	h->n_rows = n;
	h->n_rules = 1;
	h->n_pages = n_pages;
	h->rules_off = sizeof *h;
	h->pages_off = h->rules_off + 16;
	h->ext_off = h->low_off = h->pages_off + 4 * (n_pages + 1);
	h->rule_off = h->low_off + 2 * n;
	pages = (uint32_t *)(void *)((char *)t + h->pages_off);
	low = (uint16_t *)(void *)((char *)t + h->low_off);
	for (uint32_t p = 0; p <= n_pages; p++)
		pages[p] = p * per;
	for (uint32_t i = 0; i < n; i++)
		low[i] = (uint16_t)(i % per * 2);
	h->crc = unwind_table_sum(t, bytes);
	assert_int_equal(unwind_table_check(t, bytes, NULL), 0);
	low[n - 5] = low[n - 6];
	h->crc = unwind_table_sum(t, bytes);
	assert_int_equal(unwind_table_check(t, bytes, NULL), ERR_FORMAT);
	/* Every row below the one before: as many descents as 16 bits hold, and more. */
	for (uint32_t i = 0; i < n; i++)
		low[i] = 0;
	h->crc = unwind_table_sum(t, bytes);
	assert_int_equal(unwind_table_check(t, bytes, NULL), ERR_FORMAT);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_table_passes),
		cmocka_unit_test(every_flipped_bit_is_found),
		cmocka_unit_test(every_cut_and_every_growth_is_found),
		cmocka_unit_test(zeroed_and_swapped_pieces_are_found),
		cmocka_unit_test(heads_that_lie_are_found),
		cmocka_unit_test(rows_and_pages_that_lie_are_found),
		cmocka_unit_test(rules_that_lie_are_found),
		cmocka_unit_test(long_forms_that_lie_are_found),
		cmocka_unit_test(order_is_checked_over_many_rows),
	};

	return cmocka_run_group_tests_name("unwind table check", tests, NULL, NULL);
}
