/* Names of addresses by ELF symbol tables and PLT entries, for a batch of addresses: one pass over each
 * table, nothing sorted or kept. Private to prof/symbol. */
#ifndef SYMBOL_ELFSYM_H
#define SYMBOL_ELFSYM_H

#include "prof/elf/elffile.h"
#include "prof/symbol/cursor.h"

#define ELFSYM_RANGES 64

/* Executable sections of a file (segments if it has no sections), those beyond the 64th forgotten. */
struct elfsym_code {
	struct {
		uint64_t low, high;
	} ranges[ELFSYM_RANGES];
	unsigned n;
	uint64_t low, high; /* of all */
};

struct elfsym_name {
	struct span name; /* in the file; n = 0: none */
	uint64_t value, size;
	uint8_t no_type, binding; /* 0 is better */
};

/* What symbols say of one address. */
struct elfsym_hit {
	struct elfsym_name best; /* covers the address */
	struct elfsym_name near; /* of unknown size, the last one before it */
	uint64_t start;          /* of the last symbol before it */
	uint8_t plt;             /* `best` is the function that this PLT entry calls */
};

void elfsym_code(const struct elf_file *f, struct elfsym_code *code);
/* 1 and the place of the range that holds the address. */
int elfsym_in_code(const struct elfsym_code *code, uint64_t address, unsigned *range);

/* Looks all addresses (ascending, each once) up in a table of `f`, SHT_SYMTAB or SHT_DYNSYM; better
 * hits replace those that are there. Returns the number of symbols of functions. */
size_t elfsym_find(const struct elf_file *f, uint32_t table, const struct elfsym_code *code,
		   const uint64_t *addrs, size_t n, struct elfsym_hit *hits);
/* After all tables: what lies behind a symbol of unknown size is that symbol's, up to the next one. */
void elfsym_settle(const struct elfsym_code *code, const uint64_t *addrs, size_t n,
		   struct elfsym_hit *hits);

/* plt.c: addresses in PLT sections; `f` has code and relocations. 0 or ERR_NOMEM. */
int elfsym_plt(const struct elf_file *f, const struct elfsym_code *code, const uint64_t *addrs,
	       size_t n, struct elfsym_hit *hits);
/* The name of a symbol of a table's section; n = 0 if there is none. Versions are cut off. */
struct span elfsym_text(struct span strings, uint64_t offset);
/* The first of the ascending addresses that is not below. */
size_t elfsym_lower(const uint64_t *addrs, size_t n, uint64_t low);

#endif
