/* What a function is called: its entry refers to a declaration or an abstract instance, perhaps in
 * another unit or another file, which has the names. */
#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

#define HOPS_MAX 16 /* compilers need four at most; more is a loop */

struct links {
	struct dwarf_value origin, specification;
	struct dwarf_value name, linkage;
};

static void read_links(struct cursor *c, const struct dwarf_unit *u, const struct dwarf_abbrev *e,
		       struct links *out)
{
	const struct dwarf_attr *a = u->abbrevs->attrs + e->attrs;

	for (unsigned i = 0; i < e->n_attrs && !c->bad; i++, a++) {
		switch (a->name) {
		case DW_AT_name:
			out->name = dwarf_form_read(c, u, a);
			break;
		case DW_AT_linkage_name:
		case DW_AT_MIPS_linkage_name:
			out->linkage = dwarf_form_read(c, u, a);
			break;
		case DW_AT_abstract_origin:
			out->origin = dwarf_form_read(c, u, a);
			break;
		case DW_AT_specification:
			out->specification = dwarf_form_read(c, u, a);
			break;
		default:
			dwarf_form_skip(c, u, a->form);
		}
	}
}

/* The unit and entry that a reference means; NULL: nowhere. */
static struct dwarf_unit *follow(struct dwarf_unit *u, const struct dwarf_value *v, uint64_t *die)
{
	*die = v->u;
	if (v->kind == DWARF_V_ALT_REF)
		return u->file->alt ? dwarf_unit_at(u->file->alt, v->u) : NULL;
	if (v->kind != DWARF_V_REF)
		return NULL;
	if (v->u >= u->die && v->u < u->end)
		return u;
	return dwarf_unit_at(u->file, v->u);
}

int dwarf_names(struct dwarf_unit *u, uint64_t die, struct dwarf_names *out)
{
	*out = (struct dwarf_names){.language = u->language};
	for (int hop = 0; u && hop < HOPS_MAX; hop++) {
		struct links links = {0};
		const struct dwarf_abbrev *e;
		struct cursor c;

		if (dwarf_root_read(u) < 0)
			return ERR_NOMEM;
		if (u->bad || !dwarf_spend(u->file, 32))
			return 0;
		c = cursor_at(u->file->sections[DWARF_INFO], die);
		c.end = u->file->sections[DWARF_INFO].p + u->end;
		e = dwarf_abbrev(u->abbrevs, cursor_uleb(&c));
		if (!e)
			return 0;
		read_links(&c, u, e, &links);
		if (u->language)
			out->language = u->language;
		if (!out->name.n)
			out->name = dwarf_text(u, &links.name);
		if (!out->linkage.n)
			out->linkage = dwarf_text(u, &links.linkage);
		if (!dwarf_spend(u->file, (out->linkage.n + out->name.n) / 16))
			return 0;
		if (out->linkage.n && out->name.n)
			return 0;
		u = follow(u, links.origin.kind ? &links.origin : &links.specification, &die);
	}
	return 0;
}

static const struct {
	uint16_t code;
	uint8_t linkage;
	char name[14];
} languages[] = {
	{0x0001, 0, "C"},           {0x0002, 0, "C"},
	{0x000c, 0, "C"},           {0x001d, 0, "C"},
	{0x002c, 0, "C"},           {0x0004, 2, "C++"},
	{0x001a, 2, "C++"},         {0x0021, 2, "C++"},
	{0x002b, 2, "C++"},         {0x001c, 2, "Rust"},
	{0x0016, 1, "Go"},          {0x0007, 1, "Fortran"},
	{0x0008, 1, "Fortran"},     {0x000e, 1, "Fortran"},
	{0x0022, 1, "Fortran"},     {0x0023, 1, "Fortran"},
	{0x002d, 1, "Fortran"},     {0x8001, 0, "asm"},
	{0x0031, 0, "asm"},         {0x0003, 2, "Ada"},
	{0x000d, 2, "Ada"},         {0x002e, 2, "Ada"},
	{0x002f, 2, "Ada"},         {0x0009, 1, "Pascal"},
	{0x000a, 1, "Modula-2"},    {0x000b, 2, "Java"},
	{0x0010, 1, "Objective-C"}, {0x0011, 2, "Objective-C++"},
	{0x0013, 2, "D"},           {0x0014, 1, "Python"},
	{0x0015, 1, "OpenCL"},      {0x0018, 1, "Haskell"},
	{0x001b, 1, "OCaml"},       {0x001e, 2, "Swift"},
	{0x001f, 1, "Julia"},       {0x0026, 1, "Kotlin"},
	{0x0027, 1, "Zig"},         {0x0028, 1, "Crystal"},
};

const char *dwarf_language(uint16_t code)
{
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		if (languages[i].code == code)
			return languages[i].name;
	}
	return "";
}

int dwarf_language_linkage(uint16_t code)
{
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		if (languages[i].code == code)
			return languages[i].linkage;
	}
	return DWARF_LINKAGE; /* of an unknown language the linkage name says more */
}
