/* One walk over the entries of a unit, for the functions and inlined calls that hold some of the
 * addresses asked. A function that holds none is stepped over as a whole, by DW_AT_sibling where
 * compilers give it; names, types and variables are never looked at. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

#define DEPTH_MAX 1024 /* of entries around code; what lies deeper belongs to the last */

struct walk {
	struct dwarf_scan *s;
	const struct dwarf_unit *u;
	struct cursor c;
	const uint8_t *start; /* of DWARF_INFO */
	int thorough;
	uint32_t node[DEPTH_MAX]; /* the node around each level */
	unsigned depth;
};

struct entry {
	struct dwarf_value low, high, ranges;
	uint64_t call_file, call_line, sibling;
};

/* Claiming the addresses of a range for a node. */
struct claim {
	struct dwarf_scan *s;
	uint32_t node;
	uint64_t low; /* of the first range */
	int first, hits;
};

static size_t first_at_least(const uint64_t *addrs, size_t n, uint64_t low)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (addrs[mid] < low)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The innermost entry is the last one met, and the narrower one where functions overlap. */
static int claim_range(void *ctx, uint64_t low, uint64_t high)
{
	struct claim *k = ctx;
	struct dwarf_scan *s = k->s;

	if (k->first) {
		k->low = low;
		k->first = 0;
	}
	for (size_t i = first_at_least(s->addrs, s->n, low); i < s->n && s->addrs[i] < high; i++) {
		k->hits++;
		if (!dwarf_spend(s->unit->file, 1))
			return 0;
		if (s->node[i] != DWARF_NO_NODE && high - low > s->width[i])
			continue;
		s->node[i] = k->node;
		s->width[i] = high - low;
	}
	return 0;
}

/* Moves to the sibling named at `offset` of the section, if that is ahead. */
static int jump(struct walk *w, uint64_t offset)
{
	uint64_t here = (uint64_t)(w->c.p - w->start);

	if (offset <= here || offset > w->u->end)
		return 0;
	w->c.p = w->start + offset;
	return 1;
}

static uint64_t sibling_of(struct walk *w, const struct dwarf_abbrev *e, const uint8_t *attrs)
{
	struct dwarf_attr a = {.name = DW_AT_sibling, .form = e->sibling_form};
	struct cursor c = w->c;
	struct dwarf_value v;

	c.p = attrs;
	cursor_skip(&c, (uint64_t)e->sibling);
	v = dwarf_form_read(&c, w->u, &a);
	return v.kind == DWARF_V_REF && !c.bad ? v.u : 0;
}

/* Steps over the children of an entry whose attributes have been passed. */
static void skip_children(struct walk *w)
{
	uint64_t level = 1;

	while (level && !w->c.bad && w->c.p < w->c.end) {
		uint64_t code = cursor_uleb(&w->c);
		const struct dwarf_abbrev *e;
		const uint8_t *attrs = w->c.p;

		if (!code) {
			level--;
			continue;
		}
		e = dwarf_abbrev(w->u->abbrevs, code);
		if (!e) {
			cursor_fail(&w->c);
			return;
		}
		if (e->children && e->sibling >= 0 && jump(w, sibling_of(w, e, attrs)))
			continue;
		dwarf_attrs_skip(&w->c, w->u, e);
		level += e->children;
	}
}

static void skip_entry(struct walk *w, const struct dwarf_abbrev *e)
{
	if (e->children && e->sibling >= 0 && jump(w, sibling_of(w, e, w->c.p)))
		return;
	dwarf_attrs_skip(&w->c, w->u, e);
	if (e->children)
		skip_children(w);
}

static void read_entry(struct walk *w, const struct dwarf_abbrev *e, struct entry *out)
{
	const struct dwarf_attr *a = w->u->abbrevs->attrs + e->attrs;

	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < e->n_attrs && !w->c.bad; i++, a++) {
		switch (a->name) {
		case DW_AT_low_pc:
			out->low = dwarf_form_read(&w->c, w->u, a);
			break;
		case DW_AT_high_pc:
			out->high = dwarf_form_read(&w->c, w->u, a);
			break;
		case DW_AT_ranges:
			out->ranges = dwarf_form_read(&w->c, w->u, a);
			break;
		case DW_AT_call_file:
			out->call_file = dwarf_form_read(&w->c, w->u, a).u;
			break;
		case DW_AT_call_line:
			out->call_line = dwarf_form_read(&w->c, w->u, a).u;
			break;
		case DW_AT_sibling:
			out->sibling = dwarf_form_read(&w->c, w->u, a).u;
			break;
		default:
			dwarf_form_skip(&w->c, w->u, a->form);
		}
	}
}

static void claim_entry(struct walk *w, const struct entry *e, struct claim *k)
{
	uint64_t low, high;

	if (e->ranges.kind != DWARF_V_NONE) {
		dwarf_ranges(w->u, &e->ranges, claim_range, k);
		return;
	}
	if (e->low.kind == DWARF_V_NONE || e->high.kind == DWARF_V_NONE ||
	    !dwarf_address(w->u, &e->low, &low))
		return;
	high = e->high.u;
	if (e->high.kind == DWARF_V_CONST)
		high += low;
	else if (!dwarf_address(w->u, &e->high, &high))
		return;
	if (low < high)
		claim_range(k, low, high);
}

static int add_node(struct dwarf_scan *s, const struct dwarf_node *node)
{
	if (s->n_nodes == s->cap_nodes) {
		uint32_t want = s->cap_nodes ? 2 * s->cap_nodes : 64;
		struct dwarf_node *more = realloc(s->nodes, want * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		s->nodes = more;
		s->cap_nodes = want;
	}
	s->nodes[s->n_nodes++] = *node;
	return 0;
}

static uint32_t clamp32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void descend(struct walk *w, uint32_t node)
{
	if (w->depth + 1 < DEPTH_MAX)
		w->node[++w->depth] = node;
	else
		skip_children(w);
}

/* A function or an inlined call: a node if it holds an address, else stepped over. */
static int visit_code(struct walk *w, const struct dwarf_abbrev *e, uint64_t die)
{
	uint32_t around = w->node[w->depth];
	struct claim k = {.s = w->s, .node = w->s->n_nodes, .first = 1};
	struct entry in;

	read_entry(w, e, &in);
	if (w->c.bad)
		return 0;
	claim_entry(w, &in, &k);
	if (k.hits) {
		struct dwarf_node node = {
			.die = die,
			.low = k.low,
			.parent = around,
			.call_file = clamp32(in.call_file),
			.call_line = clamp32(in.call_line),
			.inlined = e->kind == DWARF_INLINED,
		};

		if (add_node(w->s, &node) < 0)
			return ERR_NOMEM;
		if (e->children)
			descend(w, k.node);
		return 0;
	}
	if (!e->children)
		return 0;
	if (w->thorough)
		descend(w, around);
	else if (!in.sibling || !jump(w, in.sibling))
		skip_children(w);
	return 0;
}

static int visit(struct walk *w)
{
	uint64_t die = (uint64_t)(w->c.p - w->start), code = cursor_uleb(&w->c);
	const struct dwarf_abbrev *e;

	if (!code) {
		/* Surplus ends pad some units; the root's own end ends the walk. */
		if (w->depth)
			w->depth--;
		return 0;
	}
	e = dwarf_abbrev(w->u->abbrevs, code);
	if (!e) {
		cursor_fail(&w->c);
		return 0;
	}
	switch (e->kind) {
	case DWARF_FUNCTION:
	case DWARF_INLINED:
		return visit_code(w, e, die);
	case DWARF_TYPE:
		if (!w->thorough)
			break;
		/* fall through */
	case DWARF_SCOPE:
		dwarf_attrs_skip(&w->c, w->u, e);
		if (e->children)
			descend(w, w->node[w->depth]);
		return 0;
	default:
		break;
	}
	skip_entry(w, e);
	return 0;
}

int dwarf_scan(struct dwarf_scan *s, int thorough)
{
	struct dwarf_unit *u = s->unit;
	struct span info = u->file->sections[DWARF_INFO];
	struct walk *w;
	int rc = dwarf_abbrevs_load(u);

	if (rc < 0 || u->bad)
		return rc == ERR_NOMEM ? rc : 0;
	if (!dwarf_spend(u->file, u->end - u->die))
		return 0;
	w = malloc(sizeof *w);
	if (!w)
		return ERR_NOMEM;
	*w = (struct walk){.s = s, .u = u, .start = info.p, .thorough = thorough};
	w->c = (struct cursor){info.p + u->die, info.p + u->end, 0};
	w->node[0] = DWARF_NO_NODE;
	while (rc == 0 && !w->c.bad && w->c.p < w->c.end)
		rc = visit(w);
	free(w);
	return rc;
}

void dwarf_scan_release(struct dwarf_scan *s)
{
	free(s->nodes);
	s->nodes = NULL;
	s->n_nodes = s->cap_nodes = 0;
}
