/* Which unit each address is in, by the ranges that units state. Where two units claim an address, the
 * one whose range starts last has it. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf_const.h"
#include "prof/symbol/dwarf_find.h"

struct claims {
	const uint64_t *addrs;
	size_t n;
	const struct elfsym_code *code;
	uint32_t *unit;  /* of each address */
	uint64_t *start; /* of the range that claimed it */
	uint32_t now;    /* the unit that claims */
	struct dwarf_file *file;
	int any;
};

static int claim(void *ctx, uint64_t low, uint64_t high)
{
	struct claims *k = ctx;

	k->any = 1;
	/* Code that the linker dropped keeps its range, moved to 0. */
	if (low < k->code->low || low >= k->code->high)
		return 0;
	for (size_t i = elfsym_lower(k->addrs, k->n, low); i < k->n && k->addrs[i] < high; i++) {
		if (!dwarf_spend(k->file, 1))
			return 0;
		if (k->unit[i] == DWARF_NO_NODE || low > k->start[i]) {
			k->unit[i] = k->now;
			k->start[i] = low;
		}
	}
	return 0;
}

static int has_code(const struct dwarf_unit *u)
{
	return !u->bad && (u->tag == DW_TAG_compile_unit || u->tag == DW_TAG_skeleton_unit);
}

static int claim_all(struct claims *k, struct dwarf_file *f, struct dwarf_cover *out)
{
	for (uint32_t i = 0; i < f->n_units; i++) {
		struct dwarf_unit *u = &f->units[i];

		if (u->bad || u->type == DW_UT_type || u->type == DW_UT_partial)
			continue;
		if (dwarf_root_read(u) < 0)
			return ERR_NOMEM;
		if (!has_code(u))
			continue;
		k->now = i;
		k->any = 0;
		dwarf_root_ranges(u, claim, k);
		if (!k->any && !u->has_ranges && !u->high)
			out->loose[out->n_loose++] = i;
	}
	return 0;
}

int dwarf_cover(struct dwarf_file *f, const struct elfsym_code *code, const uint64_t *addrs,
		size_t n, struct dwarf_cover *out)
{
	struct claims k = {.addrs = addrs, .n = n, .code = code, .file = f};
	int rc = ERR_NOMEM;

	memset(out, 0, sizeof *out);
	out->unit = malloc((n + 1) * sizeof *out->unit);
	out->loose = malloc(((size_t)f->n_units + 1) * sizeof *out->loose);
	k.start = calloc(n + 1, sizeof *k.start);
	if (out->unit && out->loose && k.start) {
		memset(out->unit, 0xff, (n + 1) * sizeof *out->unit);
		k.unit = out->unit;
		rc = claim_all(&k, f, out);
	}
	free(k.start);
	if (rc < 0)
		dwarf_cover_release(out);
	return rc;
}

void dwarf_cover_release(struct dwarf_cover *c)
{
	free(c->unit);
	free(c->loose);
	memset(c, 0, sizeof *c);
}
