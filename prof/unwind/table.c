/* Unwind tables as bytes: sum, check, sizes: see table.h. The check reads each byte of the table at most
 * twice and makes 16 steps at a time, since it runs at each start of a profiled program. */
#include "prof/unwind/table.h"

#include <string.h>
#include <sys/mman.h>

#include "prof/unwind/table_internal.h"
#include "prof/unwind/table_make.h"

/* Vectors of the baseline machine, read from anywhere. */
typedef uint64_t lanes64 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint16_t lanes16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef int16_t masks16 __attribute__((vector_size(16)));

#define SUM_FROM (offsetof(struct unwind_table_head, crc) + sizeof(uint32_t))

static uint64_t fold(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15;
	return h ^ h >> 32;
}

/* Fletcher's sum over 64-bit words in 8 lanes: against torn writes and rotten disks, not against malice
 * (the check of structure is for that). A CRC of the same bytes takes some times longer. */
uint32_t unwind_table_sum(const void *bytes, size_t len)
{
	const uint8_t *p = (const uint8_t *)bytes + SUM_FROM;
	size_t n = len - SUM_FROM;
	lanes64 a[4] = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}, b[4] = {{0}}, w[4];
	uint64_t h = len;

	for (; n >= sizeof w; n -= sizeof w, p += sizeof w) {
		const lanes64 *v = (const lanes64 *)(const void *)p;

		b[0] += a[0] += v[0];
		b[1] += a[1] += v[1];
		b[2] += a[2] += v[2];
		b[3] += a[3] += v[3];
	}
	memset(w, 0, sizeof w);
	memcpy(w, p, n);
	for (int i = 0; i < 4; i++) {
		b[i] += a[i] += w[i];
		h = fold(fold(h, a[i][0]), a[i][1]);
		h = fold(fold(h, b[i][0]), b[i][1]);
	}
	return (uint32_t)h;
}

size_t unwind_table_bytes(const struct unwind_table *t)
{
	return t->head.bytes;
}

uint32_t unwind_table_rows(const struct unwind_table *t)
{
	return t->head.n_rows;
}

void unwind_table_free(struct unwind_table *t)
{
	if (t)
		munmap(t, t->head.bytes);
}

static int array_inside(const struct unwind_table_head *h, uint32_t off, uint64_t n, size_t size,
			size_t align)
{
	return off >= sizeof *h && off <= h->bytes && off % align == 0 &&
	       n * size <= h->bytes - off;
}

static const char *check_head(const struct unwind_table_head *h, size_t len)
{
	if (memcmp(h->magic, UNWIND_TABLE_MAGIC, sizeof h->magic) != 0)
		return "it is no unwind table";
	if (h->version != UNWIND_TABLE_VERSION)
		return "it is of another version";
	if (h->bytes != len)
		return "it is cut off";
	if (h->n_rules == 0 || h->n_rules > UINT16_MAX + 1 || h->n_pages > ROWS_PAGES_MAX ||
	    h->first_page > UINT64_MAX >> UNWIND_PAGE_BITS ||
	    !memchr(h->build_id, '\0', sizeof h->build_id))
		return "its counts are wrong";
	if (!array_inside(h, h->rules_off, h->n_rules, sizeof(struct unwind_rule), 4) ||
	    !array_inside(h, h->pages_off, (uint64_t)h->n_pages + 1, sizeof(uint32_t), 4) ||
	    !array_inside(h, h->low_off, h->n_rows, sizeof(uint16_t), 2) ||
	    !array_inside(h, h->rule_off, h->n_rows, sizeof(uint16_t), 2) ||
	    !array_inside(h, h->ext_off, h->ext_bytes, 1, 4))
		return "its offsets are wrong";
	return NULL;
}

/* How often a row does not lie above the one before it. */
static uint32_t count_descents(const uint16_t *low, uint32_t n)
{
	uint32_t count = 0, i = 1;

	while (n - i >= 8) {
		/* 8 rows at a time; a lane counts no higher than its 16 bits hold. */
		uint32_t end = n - i > 8 * 30000 ? i + 8 * 30000 : n;
		masks16 sum = {0};

		for (; end - i >= 8; i += 8) {
			const lanes16 *here = (const lanes16 *)(const void *)(low + i);
			const lanes16 *prev = (const lanes16 *)(const void *)(low + i - 1);

			sum -= (masks16)(*here <= *prev);
		}
		for (int k = 0; k < 8; k++)
			count += (uint16_t)sum[k];
	}
	for (; i < n; i++)
		count += low[i] <= low[i - 1];
	return count;
}

static int numbers_below(const uint16_t *rule, uint32_t n, uint32_t n_rules)
{
	lanes16 bad = {0}, top = bad + (uint16_t)(n_rules - 1);
	uint32_t i = 0;
	int any = 0;

	for (; n - i >= 8; i += 8)
		bad |= (lanes16)(*(const lanes16 *)(const void *)(rule + i) > top);
	for (int k = 0; k < 8; k++)
		any |= bad[k];
	for (; i < n; i++)
		any |= rule[i] >= n_rules;
	return any == 0;
}

static const char *check_rows(const struct unwind_table *t)
{
	const struct unwind_table_head *h = &t->head;
	const char *base = (const char *)t;
	const uint32_t *pages = (const uint32_t *)(const void *)(base + h->pages_off);
	const uint16_t *low = (const uint16_t *)(const void *)(base + h->low_off);
	const uint16_t *rule = (const uint16_t *)(const void *)(base + h->rule_off);
	uint32_t with_rows = 0;

	if (pages[0] != 0 || pages[h->n_pages] != h->n_rows)
		return "its pages are wrong";
	for (uint32_t i = 0; i < h->n_pages; i++) {
		if (pages[i + 1] < pages[i] || pages[i + 1] > h->n_rows)
			return "its pages are wrong";
		if (pages[i + 1] == pages[i])
			continue;
		if (low[pages[i]] != 0)
			return "its pages are wrong";
		with_rows++;
	}
	/* Each page with rows but the first begins with one descent, to 0; there is no other. */
	if (h->n_rows > 0 && count_descents(low, h->n_rows) != with_rows - 1)
		return "its rows are not in order";
	return numbers_below(rule, h->n_rows, h->n_rules) ? NULL : "its rows name no rule";
}

static int expr_inside(const struct unwind_table_head *h, int64_t at, uint32_t len)
{
	return at >= 0 && at <= h->ext_bytes && len <= h->ext_bytes - at;
}

static int ext_is_sound(const struct unwind_table *t, int32_t at)
{
	const struct unwind_table_head *h = &t->head;
	const char *ext = (const char *)t + h->ext_off;
	struct unwind_ext x;

	if (at < 0 || at % 4 != 0 || !expr_inside(h, at, sizeof x))
		return 0;
	memcpy(&x, ext + at, sizeof x);
	if (x.cfa_reg >= CFI_REGS || x.n_regs > CFI_REGS ||
	    (x.cfa_is_expr && !expr_inside(h, x.cfa_off, x.cfa_len)) ||
	    !expr_inside(h, at + (int64_t)sizeof x, x.n_regs * sizeof(struct unwind_ext_reg)))
		return 0;
	for (uint8_t i = 0; i < x.n_regs; i++) {
		struct unwind_ext_reg r;

		memcpy(&r, ext + at + sizeof x + i * sizeof r, sizeof r);
		if (r.reg >= CFI_REGS || r.kind > UNWIND_EXT_SAME ||
		    (r.kind == UNWIND_EXT_REG && (r.value < 0 || r.value >= CFI_REGS)))
			return 0;
		if ((r.kind == UNWIND_EXT_EXPR || r.kind == UNWIND_EXT_VAL_EXPR) &&
		    !expr_inside(h, r.value, r.len))
			return 0;
	}
	return 1;
}

static const char *check_rules(const struct unwind_table *t)
{
	const struct unwind_table_head *h = &t->head;
	const struct unwind_rule *rules =
		(const struct unwind_rule *)(const void *)((const char *)t + h->rules_off);
	static const struct unwind_rule none;

	if (memcmp(rules, &none, sizeof none) != 0)
		return "its first rule is wrong";
	for (uint32_t i = 1; i < h->n_rules; i++) {
		if (rules[i].cfa_kind > UNWIND_CFA_EXT || rules[i].cfa_reg >= CFI_REGS)
			return "a rule is wrong";
		if (rules[i].cfa_kind == UNWIND_CFA_EXT && !ext_is_sound(t, rules[i].cfa_off))
			return "a rule is wrong";
	}
	return NULL;
}

int unwind_table_check(const void *bytes, size_t len, struct err *err)
{
	const struct unwind_table *t = bytes;
	const char *why;

	if (len < sizeof *t || (uintptr_t)bytes % 8 != 0)
		why = "it is no unwind table";
	else
		why = check_head(&t->head, len);
	if (!why && unwind_table_sum(t, len) != t->head.crc)
		why = "its sum is wrong";
	if (!why)
		why = check_rows(t);
	if (!why)
		why = check_rules(t);
	if (why)
		return err_set(err, ERR_FORMAT, "the unwind table cannot be used: %s", why);
	return 0;
}
