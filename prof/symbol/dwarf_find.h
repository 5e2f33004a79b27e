/* A batch of addresses through the units of a file's DWARF. Private to prof/symbol. */
#ifndef SYMBOL_DWARF_FIND_H
#define SYMBOL_DWARF_FIND_H

#include "prof/symbol/dwarf.h"
#include "prof/symbol/elfsym.h"
#include "prof/symbol/result.h"
#include "prof/symbol/text.h"

struct dwarf_query {
	struct dwarf_file *file;
	struct dwarf_splits *splits;
	const struct elfsym_code *code;
	const struct elfsym_hit *symbols; /* what symbol tables say of each address */
	struct namer *namer;
	uint32_t fallback; /* the function of those that nothing names */
	struct result *out;
	size_t with_lines; /* how many addresses got a line */
	int split_missing; /* some .dwo was not found */
};

int dwarf_find(struct dwarf_query *q); /* 0 or ERR_NOMEM */

/* dwarf_cover.c: which unit each address is in. */
struct dwarf_cover {
	uint32_t *unit;  /* owned; of each address, DWARF_NO_NODE: none says so */
	uint32_t *loose; /* owned; units that do not say where their code is */
	uint32_t n_loose;
};
int dwarf_cover(struct dwarf_file *f, const struct elfsym_code *code, const uint64_t *addrs,
		size_t n, struct dwarf_cover *out); /* 0 or ERR_NOMEM */
void dwarf_cover_release(struct dwarf_cover *c);

#endif
