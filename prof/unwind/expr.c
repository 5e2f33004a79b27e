/* The stack machine of DWARF expressions, as far as call frame information may use it. Leaves
 * everything about frames to its caller. Signal-safe: no allocation, no library call; operators are
 * counted, so that a loop in an expression ends. */
#include "prof/unwind/expr.h"

#include <dwarf.h>

#include "prof/unwind/memory.h"

struct machine {
	const uint8_t *ops, *at, *end;
	const struct unwind_regs *regs;
	struct unwind_memory *memory;
	enum unwind_end why;
	uint32_t n;
	uint64_t stack[UNWIND_EXPR_STACK];
};

static int refuse(struct machine *m, enum unwind_end why)
{
	m->why = why;
	return -1;
}

static int push(struct machine *m, uint64_t v)
{
	if (m->n == UNWIND_EXPR_STACK)
		return refuse(m, UNWIND_NO_RULE);
	m->stack[m->n++] = v;
	return 0;
}

static int fixed(struct machine *m, uint32_t size, uint64_t *v)
{
	*v = 0;
	if ((size_t)(m->end - m->at) < size)
		return refuse(m, UNWIND_NO_RULE);
	for (uint32_t i = 0; i < size; i++)
		*v |= (uint64_t)m->at[i] << (8 * i);
	m->at += size;
	return 0;
}

static int signed_fixed(struct machine *m, uint32_t size, int64_t *v)
{
	uint64_t raw;
	uint32_t spare = 64 - 8 * size;

	if (fixed(m, size, &raw) < 0)
		return -1;
	*v = (int64_t)(raw << spare) >> spare;
	return 0;
}

static int leb(struct machine *m, int is_signed, uint64_t *v)
{
	uint32_t shift = 0;
	uint8_t byte;

	*v = 0;
	do {
		if (m->at == m->end || shift > 63)
			return refuse(m, UNWIND_NO_RULE);
		byte = *m->at++;
		*v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && shift < 64 && (byte & 0x40))
		*v |= ~(uint64_t)0 << shift;
	return 0;
}

static int push_register(struct machine *m, uint64_t reg, uint64_t offset)
{
	if (reg >= UNWIND_NREGS || !(m->regs->known >> reg & 1))
		return refuse(m, UNWIND_NEED_REG);
	return push(m, m->regs->reg[reg] + offset);
}

static int constant(struct machine *m, uint8_t op)
{
	uint32_t size = 1u << ((op - DW_OP_const1u) / 2);
	uint64_t u = 0;
	int64_t s = 0;

	if (op & 1)
		return signed_fixed(m, size, &s) < 0 ? -1 : push(m, (uint64_t)s);
	return fixed(m, size, &u) < 0 ? -1 : push(m, u);
}

static int load(struct machine *m, uint32_t size)
{
	uint64_t word, *top = &m->stack[m->n - 1];

	if (size == 0 || size > 8)
		return refuse(m, UNWIND_NO_RULE);
	if (memory_load(m->memory, *top, &word) < 0)
		return refuse(m, UNWIND_BAD_READ);
	*top = size == 8 ? word : word & (((uint64_t)1 << (8 * size)) - 1);
	return 0;
}

static int jump(struct machine *m, int taken)
{
	int64_t by;

	if (signed_fixed(m, 2, &by) < 0)
		return -1;
	if (!taken)
		return 0;
	if (by < m->ops - m->at || by > m->end - m->at)
		return refuse(m, UNWIND_NO_RULE);
	m->at += by;
	return 0;
}

static uint64_t shift(uint8_t op, uint64_t a, uint64_t by)
{
	if (op == DW_OP_shl)
		return by < 64 ? a << by : 0;
	if (op == DW_OP_shr)
		return by < 64 ? a >> by : 0;
	return (uint64_t)((int64_t)a >> (by < 64 ? by : 63));
}

/* a OP b for the operators with two operands. */
static int binary(struct machine *m, uint8_t op)
{
	uint64_t b = m->stack[--m->n], *a = &m->stack[m->n - 1];
	int64_t sa = (int64_t)*a, sb = (int64_t)b;

	switch (op) {
	case DW_OP_and:
		*a &= b;
		return 0;
	case DW_OP_or:
		*a |= b;
		return 0;
	case DW_OP_xor:
		*a ^= b;
		return 0;
	case DW_OP_plus:
		*a += b;
		return 0;
	case DW_OP_minus:
		*a -= b;
		return 0;
	case DW_OP_mul:
		*a *= b;
		return 0;
	case DW_OP_div:
		if (sb == 0)
			return refuse(m, UNWIND_NO_RULE);
		*a = sb == -1 ? 0 - *a : (uint64_t)(sa / sb);
		return 0;
	case DW_OP_mod:
		if (b == 0)
			return refuse(m, UNWIND_NO_RULE);
		*a %= b;
		return 0;
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
		*a = shift(op, *a, b);
		return 0;
	case DW_OP_eq:
		*a = sa == sb;
		return 0;
	case DW_OP_ge:
		*a = sa >= sb;
		return 0;
	case DW_OP_gt:
		*a = sa > sb;
		return 0;
	case DW_OP_le:
		*a = sa <= sb;
		return 0;
	case DW_OP_lt:
		*a = sa < sb;
		return 0;
	default:
		*a = sa != sb;
		return 0; /* DW_OP_ne: nothing else gets here */
	}
}

/* Operators that rearrange or change what is on the stack; how many values they need is checked. */
static int on_stack(struct machine *m, uint8_t op)
{
	uint64_t *top = &m->stack[m->n - 1], v = 0, third;

	switch (op) {
	case DW_OP_dup:
		return push(m, *top);
	case DW_OP_drop:
		m->n--;
		return 0;
	case DW_OP_over:
		return push(m, top[-1]);
	case DW_OP_swap:
		v = top[0], top[0] = top[-1], top[-1] = v;
		return 0;
	case DW_OP_rot:
		third = top[0], top[0] = top[-1], top[-1] = top[-2], top[-2] = third;
		return 0;
	case DW_OP_pick:
		if (fixed(m, 1, &v) < 0)
			return -1;
		return v < m->n ? push(m, m->stack[m->n - 1 - v]) : refuse(m, UNWIND_NO_RULE);
	case DW_OP_abs:
		*top = (int64_t)*top < 0 ? 0 - *top : *top;
		return 0;
	case DW_OP_neg:
		*top = 0 - *top;
		return 0;
	case DW_OP_not:
		*top = ~*top;
		return 0;
	case DW_OP_plus_uconst:
		if (leb(m, 0, &v) < 0)
			return -1;
		*top += v;
		return 0;
	case DW_OP_deref:
		return load(m, 8);
	case DW_OP_deref_size:
		return fixed(m, 1, &v) < 0 ? -1 : load(m, v < 9 ? (uint32_t)v : 0);
	default: /* DW_OP_bra */
		return jump(m, m->stack[--m->n] != 0);
	}
}

/* How many values an operator takes from the stack; -1: it is none of on_stack() and binary(). */
static int needs(uint8_t op)
{
	switch (op) {
	case DW_OP_dup:
	case DW_OP_drop:
	case DW_OP_pick:
	case DW_OP_abs:
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_plus_uconst:
	case DW_OP_deref:
	case DW_OP_deref_size:
	case DW_OP_bra:
		return 1;
	case DW_OP_over:
	case DW_OP_swap:
		return 2;
	case DW_OP_rot:
		return 3;
	case DW_OP_and:
	case DW_OP_or:
	case DW_OP_xor:
	case DW_OP_plus:
	case DW_OP_minus:
	case DW_OP_mul:
	case DW_OP_div:
	case DW_OP_mod:
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
	case DW_OP_eq:
	case DW_OP_ge:
	case DW_OP_gt:
	case DW_OP_le:
	case DW_OP_lt:
	case DW_OP_ne:
		return 2;
	default:
		return -1;
	}
}

static int is_binary(uint8_t op)
{
	return needs(op) == 2 && op != DW_OP_over && op != DW_OP_swap;
}

/* Operators that only push. */
static int pushes(struct machine *m, uint8_t op)
{
	uint64_t v, reg = op - DW_OP_breg0;

	if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
		return push(m, op - DW_OP_lit0);
	if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		return leb(m, 1, &v) < 0 ? -1 : push_register(m, reg, v);
	if (op >= DW_OP_const1u && op <= DW_OP_const8s)
		return constant(m, op);
	switch (op) {
	case DW_OP_addr:
		return fixed(m, 8, &v) < 0 ? -1 : push(m, v);
	case DW_OP_constu:
		return leb(m, 0, &v) < 0 ? -1 : push(m, v);
	case DW_OP_consts:
		return leb(m, 1, &v) < 0 ? -1 : push(m, v);
	case DW_OP_bregx:
		return leb(m, 0, &reg) < 0 || leb(m, 1, &v) < 0 ? -1 : push_register(m, reg, v);
	case DW_OP_skip:
		return jump(m, 1);
	case DW_OP_nop:
		return 0;
	default:
		return refuse(m, UNWIND_NO_RULE);
	}
}

static int one(struct machine *m)
{
	uint8_t op = *m->at++;
	int need = needs(op);

	if (need < 0)
		return pushes(m, op);
	if (m->n < (uint32_t)need)
		return refuse(m, UNWIND_NO_RULE);
	return is_binary(op) ? binary(m, op) : on_stack(m, op);
}

int unwind_expr(const uint8_t *ops, uint32_t len, const struct unwind_regs *regs,
		struct unwind_memory *memory, const uint64_t *first, uint64_t *value,
		enum unwind_end *why)
{
	struct machine m;

	m.ops = m.at = ops;
	m.end = ops + len;
	m.regs = regs;
	m.memory = memory;
	m.why = UNWIND_NO_RULE;
	m.n = 0;
	if (first)
		m.stack[m.n++] = *first;
	for (int steps = 0; m.at < m.end; steps++) {
		if (steps == UNWIND_EXPR_STEPS || one(&m) < 0) {
			*why = m.why;
			return -1;
		}
	}
	if (m.n == 0) {
		*why = UNWIND_NO_RULE;
		return -1;
	}
	*value = m.stack[m.n - 1];
	return 0;
}
