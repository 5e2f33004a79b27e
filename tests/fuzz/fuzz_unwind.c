/* Rules, expressions, modules, registers and stacks from arbitrary bytes through unwind() and
 * unwind_step(): nothing is read outside the window (each lies in a block of its own), no more than `max`
 * is written, a warm cache gives what a cold one gave, and both what single steps give. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/unwind/expr.h"
#include "prof/unwind/table_internal.h"
#include "prof/unwind/unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MAX     100
#define RULES   24
#define ROWS    64
#define WINDOWS 3

struct input {
	const uint8_t *at;
	size_t left;
};

/* One of the windows that the memory can be moved to; in a block of exactly its size. */
struct window {
	uint64_t lo;
	size_t n;
	uint8_t *bytes;
};
static struct window windows[WINDOWS];

static void take(struct input *in, void *bytes, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(bytes, 0, n);
	if (have)
		memcpy(bytes, in->at, have);
	in->at += have;
	in->left -= have;
}

static uint8_t byte(struct input *in)
{
	uint8_t b;

	take(in, &b, 1);
	return b;
}

static int move_window(struct unwind_memory *m, uint64_t address)
{
	for (int i = 0; i < WINDOWS; i++) {
		const struct window *w = &windows[i];

		if (w->n >= 8 && address - w->lo <= w->n - 8) {
			m->lo = w->lo;
			m->hi = w->lo + w->n;
			m->base = w->bytes;
			return 0;
		}
	}
	return -1;
}

/* Makes one of the rules with a long form likely: its parts lie in the area, and are short. */
static void tame_ext(uint8_t *area, uint32_t bytes, uint32_t at)
{
	struct unwind_ext ext;
	struct unwind_ext_reg reg;

	if (bytes < 64 || at > bytes - 64)
		return;
	memcpy(&ext, area + at, sizeof ext);
	ext.cfa_is_expr &= 1;
	ext.cfa_reg %= 18;
	ext.n_regs %= 5;
	ext.cfa_off = ext.cfa_is_expr ? ext.cfa_off & 0xff : ext.cfa_off & 0x78;
	ext.cfa_len &= 31;
	ext.is_signal &= ext.cfa_is_expr;
	if (ext.cfa_is_expr && (ext.cfa_len & 16)) { /* a frame that gcc realigned */
		uint8_t ops[] = {0x76, (uint8_t)(ext.cfa_len << 3 & 0x7f), 0x06, 0x76, 0};

		reg = (struct unwind_ext_reg){UNWIND_BP, UNWIND_EXT_EXPR, 2, 3};
		ext.cfa_off = 0;
		ext.cfa_len = 3;
		ext.n_regs = 1;
		if (at >= sizeof ops)
			memcpy(area, ops, sizeof ops);
		memcpy(area + at, &ext, sizeof ext);
		memcpy(area + at + sizeof ext, &reg, sizeof reg);
		return;
	}
	memcpy(area + at, &ext, sizeof ext);
	at += (uint32_t)sizeof ext;
	for (uint32_t i = 0; i < ext.n_regs; i++, at += (uint32_t)sizeof reg) {
		memcpy(&reg, area + at, sizeof reg);
		reg.reg %= 18;
		reg.kind %= 8;
		reg.len &= 31;
		reg.value %= reg.kind == UNWIND_EXT_REG ? 18 : 256;
		memcpy(area + at, &reg, sizeof reg);
	}
}

/* A table with rows anywhere in one page and rules that are raw bytes but for their kind. */
static struct unwind_table *make_table(struct input *in)
{
	uint32_t n_rules = 1 + byte(in) % RULES, n_rows = 1 + byte(in) % ROWS;
	uint32_t ext = (uint32_t)byte(in) * 2;
	size_t low = sizeof(struct unwind_table_head) + 8, rule = low + 2 * (size_t)n_rows,
	       rules = (rule + 2 * (size_t)n_rows + 7) & ~(size_t)7,
	       ext_off = rules + n_rules * sizeof(struct unwind_rule);
	uint8_t *t = calloc(1, ext_off + ext);
	struct unwind_table_head *h = (struct unwind_table_head *)(void *)t;
	uint16_t address = 0;

	if (!t)
		abort();
	h->n_rows = n_rows;
	h->n_rules = n_rules;
	h->n_pages = 1;
	h->pages_off = sizeof *h;
	h->low_off = (uint32_t)low;
	h->rule_off = (uint32_t)rule;
	h->rules_off = (uint32_t)rules;
	h->ext_off = (uint32_t)ext_off;
	h->ext_bytes = ext;
	memcpy(t + sizeof *h + 4, &n_rows, sizeof n_rows);
	for (uint32_t i = 0; i < n_rows; i++) {
		uint16_t number = (uint16_t)(byte(in) % n_rules);

		memcpy(t + low + 2 * (size_t)i, &address, 2);
		memcpy(t + rule + 2 * (size_t)i, &number, 2);
		address = (uint16_t)(address + 1 + byte(in));
	}
	for (uint32_t i = 1; i < n_rules; i++) {
		struct unwind_rule r;

		take(in, &r, sizeof r);
		r.cfa_kind %= UNWIND_CFA_EXT + 1;
		if (r.pad[0] & 1) { /* of the usual size, or walks end at once */
			r.ra = -1;
			r.cfa_off &= 0x78;
		}
		memcpy(t + rules + i * sizeof r, &r, sizeof r);
	}
	take(in, t + ext_off, ext);
	for (uint32_t i = 1; i < n_rules; i++) {
		struct unwind_rule r;

		memcpy(&r, t + rules + i * sizeof r, sizeof r);
		if (r.cfa_kind == UNWIND_CFA_EXT && (r.pad[0] & 1))
			tame_ext(t + ext_off, ext, (uint32_t)r.cfa_off);
	}
	return (struct unwind_table *)(void *)t;
}

static void make_windows(struct input *in)
{
	static const uint64_t places[] = {0x7ffc00000000u, 0, 0x1000, UINT64_MAX - 2047};

	for (int i = 0; i < WINDOWS; i++) {
		struct window *w = &windows[i];

		w->lo = places[byte(in) & 3] + (uint64_t)i * 0x1000;
		w->n = i == 0 ? 8 * (size_t)byte(in) : byte(in);
		w->bytes = malloc(w->n ? w->n : 1);
		if (!w->bytes)
			abort();
	}
	if (windows[0].lo > UINT64_MAX - windows[0].n)
		windows[0].n = 0;
}

static uint64_t code_or_stack(struct input *in, uint64_t start)
{
	uint8_t kind = byte(in);
	uint64_t v = 0;

	if (kind & 1)
		return start + byte(in) + 256 * (uint64_t)(kind >> 4);
	if (kind & 2)
		return windows[kind >> 6 ? 0 : 1].lo + 8 * (uint64_t)byte(in);
	take(in, &v, kind & 4 ? 8 : 2);
	return v;
}

static void fill_windows(struct input *in, uint64_t start)
{
	for (int i = 0; i < WINDOWS; i++)
		for (size_t k = 0; k + 8 <= windows[i].n; k += 8) {
			uint64_t v = code_or_stack(in, start);

			memcpy(windows[i].bytes + k, &v, 8);
		}
}

/* What is left of the input as one expression. */
static void evaluate(const struct input *in, const struct unwind_regs *regs,
		     const struct unwind_memory *memory)
{
	struct unwind_memory m = *memory;
	uint64_t cfa = windows[0].lo, value = 0;
	enum unwind_end why = UNWIND_ROOT;
	uint8_t *ops = malloc(in->left + 1);

	if (!ops)
		abort();
	if (in->left)
		memcpy(ops, in->at, in->left);
	if (unwind_expr(ops, (uint32_t)in->left, regs, &m, &cfa, &value, &why) < 0 &&
	    why != UNWIND_NEED_REG && why != UNWIND_BAD_READ && why != UNWIND_NO_RULE)
		abort();
	free(ops);
}

/* Walks by single steps; what is found without the limit of unwind() on nested signals. */
static struct unwind_result by_steps(struct unwind_regs *regs, struct unwind_memory *m,
				     const struct unwind_map *map, uint64_t *out)
{
	struct unwind_result r = {0, 0, UNWIND_DEPTH};

	while (r.n < MAX) {
		uint64_t address = unwind_lookup(regs);
		int is_frame = regs->reg[UNWIND_IP] != 0, signal;
		int called = (regs->known & UNWIND_IP_IS_RETURN) != 0;
		int rc = unwind_step(regs, m, map, &signal, &r.end);

		if (rc < 0)
			return r;
		if (rc == 0 || is_frame)
			out[r.n++] = address + (uint64_t)(signal && called);
		if (rc > 0) {
			r.end = UNWIND_ROOT;
			return r;
		}
	}
	r.end = UNWIND_DEPTH;
	return r;
}

static void compare(const struct unwind_regs *start, const struct unwind_memory *memory,
		    const struct unwind_map *map, struct unwind_cache *cache)
{
	uint64_t cold[MAX], warm[MAX], none[MAX], steps[MAX];
	struct unwind_regs r[4] = {*start, *start, *start, *start};
	struct unwind_memory m[4] = {*memory, *memory, *memory, *memory};
	struct unwind_result a = unwind(&r[0], &m[0], map, cache, cold, MAX);
	struct unwind_result b = unwind(&r[1], &m[1], map, cache, warm, MAX);
	struct unwind_result c = unwind(&r[2], &m[2], map, NULL, none, MAX);
	struct unwind_result d;

	if (a.n > MAX || a.n != b.n || a.end != b.end || a.n != c.n || a.end != c.end ||
	    memcmp(cold, warm, a.n * 8) != 0 || memcmp(cold, none, a.n * 8) != 0)
		abort();
	d = by_steps(&r[3], &m[3], map, steps);
	if (a.end == UNWIND_BAD_FRAME && d.n > a.n)
		return; /* too many signals inside each other */
	if (a.n != d.n || a.end != d.end || memcmp(cold, steps, a.n * 8) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = {data, n};
	uint8_t flags = byte(&in);
	struct unwind_table *table = make_table(&in);
	struct unwind_module modules[2] = {
		{0x400000, 0x404000, 0x400000, table, 0, flags & UNWIND_MODULE_PENDING},
		{0x500000, 0x500000 + 64 * (uint64_t)flags, 0, NULL, 1, 0},
	};
	struct unwind_map map = {1, 1 + (flags >> 7), modules};
	struct unwind_cache *cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	struct unwind_memory memory;
	struct unwind_regs regs;

	if (!cache)
		abort();
	memset(cache, 0, unwind_cache_bytes());
	make_windows(&in);
	memory = (struct unwind_memory){windows[0].lo, windows[0].lo + windows[0].n,
					windows[0].bytes, flags & 8 ? move_window : NULL, NULL};
	regs.known = (1u << UNWIND_NREGS) - 1;
	if (flags & 16)
		regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP | UNWIND_IP_IS_RETURN;
	for (uint32_t i = 0; i < UNWIND_NREGS; i++)
		regs.reg[i] = code_or_stack(&in, 0x400000);
	if (flags & 32)
		regs.reg[UNWIND_SP] = windows[0].lo + byte(&in);
	fill_windows(&in, 0x400000);
	compare(&regs, &memory, &map, cache);
	evaluate(&in, &regs, &memory);
	for (int i = 0; i < WINDOWS; i++)
		free(windows[i].bytes);
	free(table);
	free(cache);
	return 0;
}
