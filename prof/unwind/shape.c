/* The shape of a rule: see shape.h. */
#include "prof/unwind/shape.h"

#include "prof/unwind/table_internal.h"

static int may_need_bp(const struct unwind_rule *r)
{
	return r->cfa_kind == UNWIND_CFA_BP || r->cfa_kind == UNWIND_CFA_DEREF_BP ||
	       r->cfa_kind == UNWIND_CFA_EXT;
}

void unwind_shape(const struct unwind_map *map, uint64_t address, struct unwind_shape *shape)
{
	const struct unwind_module *m = unwind_map_find(map, address);
	const struct unwind_rule *r;

	*shape = (struct unwind_shape){.rule = NULL};
	if (!m || !m->table)
		return;
	r = unwind_table_rule(m->table, address - m->bias);
	shape->rule = r;
	shape->has_rule = r->cfa_kind != UNWIND_CFA_NONE;
	shape->may_need_bp = (uint8_t)may_need_bp(r);
	shape->is_entry = r->cfa_kind == UNWIND_CFA_SP && r->cfa_off == 8;
	if (r->cfa_kind == UNWIND_CFA_BP)
		shape->saved = (uint8_t)((r->bx < 0) + (r->r12 < 0) + (r->r13 < 0) + (r->r14 < 0) +
					 (r->r15 < 0));
}
