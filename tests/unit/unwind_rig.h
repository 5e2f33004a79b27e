/* Hand-made modules, tables and stacks for the tests of the unwinder: rows and rules go in, a table in
 * its real layout comes out; a stack is an array that stands for addresses it does not lie at. */
#ifndef TESTS_UNWIND_RIG_H
#define TESTS_UNWIND_RIG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/unwind/table_internal.h"
#include "prof/unwind/unwind.h"

#define CODE  0x400000u       /* where the module's code is mapped; address 0 of its file */
#define STACK 0x7ffc00000000u /* lowest address of the stack */
#define WORDS 512

struct rig_row {
	uint16_t address;
	uint16_t rule;
};

struct rig {
	_Alignas(64) uint8_t table[32768];
	uint64_t stack[WORDS];
	struct unwind_memory memory;
	struct unwind_module module;
	struct unwind_map map;
	struct unwind_cache *cache;
	struct unwind_regs regs;
	uint64_t out[UNWIND_DEPTH_MAX];
	struct unwind_result result;
};

static inline void rig_table(struct rig *r, const struct rig_row *rows, uint32_t n_rows,
			     const struct unwind_rule *rules, uint32_t n_rules, const void *ext,
			     uint32_t ext_bytes)
{
	struct unwind_table_head h = {.magic = "PPUNWTB", .version = UNWIND_TABLE_VERSION};
	uint32_t pages[2] = {0, n_rows}, at = sizeof h;

	h.magic[7] = '1';
	h.n_rows = n_rows;
	h.n_rules = n_rules;
	h.n_pages = 1;
	h.pages_off = at;
	h.low_off = at += (uint32_t)sizeof pages;
	h.rule_off = at += n_rows * 2;
	h.rules_off = at = (at + n_rows * 2 + 7) & ~7u;
	h.ext_off = at = at + n_rules * (uint32_t)sizeof *rules;
	h.ext_bytes = ext_bytes;
	h.bytes = at + ext_bytes;
	if (h.bytes > sizeof r->table)
		abort();
	memcpy(r->table, &h, sizeof h);
	memcpy(r->table + h.pages_off, pages, sizeof pages);
	for (uint32_t i = 0; i < n_rows; i++) {
		memcpy(r->table + h.low_off + 2 * (size_t)i, &rows[i].address, 2);
		memcpy(r->table + h.rule_off + 2 * (size_t)i, &rows[i].rule, 2);
	}
	memcpy(r->table + h.rules_off, rules, n_rules * sizeof *rules);
	if (ext_bytes)
		memcpy(r->table + h.ext_off, ext, ext_bytes);
}

static inline void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	r->memory = (struct unwind_memory){STACK, STACK + sizeof r->stack,
					   (const uint8_t *)r->stack, NULL, NULL};
	r->module = (struct unwind_module){
		CODE, CODE + 0x10000, CODE, (const struct unwind_table *)(const void *)r->table, 7,
		0};
	r->map = (struct unwind_map){1, 1, &r->module};
	r->cache = aligned_alloc(64, (unwind_cache_bytes() + 63) & ~(size_t)63);
	if (!r->cache)
		abort();
	memset(r->cache, 0, unwind_cache_bytes());
}

static inline void rig_free(struct rig *r)
{
	free(r->cache);
}

/* Only ip and sp are known; `slot` counts words from the stack's low end. */
static inline void rig_start(struct rig *r, uint64_t ip, uint64_t slot)
{
	memset(&r->regs, 0, sizeof r->regs);
	r->regs.reg[UNWIND_IP] = ip;
	r->regs.reg[UNWIND_SP] = STACK + 8 * slot;
	r->regs.known = 1u << UNWIND_IP | 1u << UNWIND_SP;
}

static inline void rig_know(struct rig *r, uint32_t reg, uint64_t value)
{
	r->regs.reg[reg] = value;
	r->regs.known |= 1u << reg;
}

/* The same as unwind() by single steps: n addresses, and why it ended. */
static inline struct unwind_result rig_steps(struct unwind_regs *regs, struct unwind_memory *memory,
					     const struct unwind_map *map, uint64_t *out,
					     uint32_t max)
{
	struct unwind_result r = {0, 0, UNWIND_DEPTH};

	while (r.n < max) {
		uint64_t address = unwind_lookup(regs), ip = regs->reg[UNWIND_IP];
		int is_frame = regs->reg[UNWIND_IP] != 0, signal;
		int rc = unwind_step(regs, memory, map, &signal, &r.end);

		if (rc < 0)
			return r;
		/* A trampoline counts as such, not as the caller of what returns into it. */
		if (rc == 0 && signal)
			address = ip;
		if (rc == 0 || is_frame)
			out[r.n++] = address;
		if (rc > 0) {
			r.end = UNWIND_ROOT;
			return r;
		}
	}
	r.end = UNWIND_DEPTH;
	return r;
}

#endif
