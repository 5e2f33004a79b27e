/* The parts of a table while it is made: each rule once (table_rules.c), rows in pages (table_rows.c).
 * Shared by the builder's files only. All memory is from pages.h. */
#ifndef UNWIND_TABLE_MAKE_H
#define UNWIND_TABLE_MAKE_H

#include "prof/unwind/cfi.h"
#include "prof/unwind/pages.h"
#include "prof/unwind/table_internal.h"

/* Contents by hash: slots hold number + 1. */
struct seen {
	struct pages slots;
	uint32_t mask, n;
};

struct blob {
	uint32_t off, len;
};

struct rules {
	struct pages rules; /* struct unwind_rule[n] */
	uint32_t n;
	struct seen seen;
	struct pages ext; /* bytes[ext_len]: struct unwind_ext with their registers, expressions */
	uint32_t ext_len;
	struct pages blobs; /* struct blob[n_blobs]: what lies in ext */
	uint32_t n_blobs;
	struct seen seen_blobs;
	uint32_t refused;        /* rows that got rule 0 because there was no room for their rule */
	struct unwind_rule last; /* of the row before, */
	int last_is_short;       /* which had the short form */
};

int rules_init(struct rules *r); /* with rule 0; 0 or ERR_NOMEM */
void rules_free(struct rules *r);
/* The number of the rule that a row says (0: says nothing that could be used), or ERR_NOMEM. `changed`: in
 * what it may differ from the row before. */
int rules_of_row(struct rules *r, const struct cfi_section *s, const struct cfi_cie *cie,
		 const struct cfi_row *row, int changed);
/* The number of "CFA = `kind` with `off`, return address below it, all registers kept", or ERR_NOMEM. */
int rules_plain(struct rules *r, enum unwind_cfa_kind kind, int32_t off);
int rules_signal(struct rules *r); /* the number of the rule of signal trampolines, or ERR_NOMEM */

struct plt_row { /* from `at` bytes into the section on */
	uint32_t at;
	enum unwind_cfa_kind kind;
	int32_t off;
};

/* The rows of a section of linkage stubs (.plt, .plt.sec, .plt.got); how many. */
uint32_t plt_rows(const uint8_t *code, uint64_t addr, uint64_t size, struct plt_row rows[3]);

/* Linux's way back from a signal handler: mov $15, %rax; syscall, at `code` or (libc's entry begins one byte before)
 * at its second byte. */
int code_is_trampoline(const uint8_t *code, uint64_t len);
/* The place that a coroutine returns to when its function is over, as makecontext() prepares it: the first
 * instruction takes another stack from a register that calls keep. Nobody called it. */
int code_starts_coroutine(const uint8_t *code, uint64_t len);

/* Rows in ascending order of address. A row holds until the next one. */
struct rows {
	struct pages low, rule; /* uint16_t[n] each */
	struct pages pages;     /* uint32_t[page + 1]: first row of each */
	uint32_t n;
	uint32_t page; /* being written, from first_page */
	uint64_t first_page;
	int any;           /* first_page is known */
	int page_has_rows; /* of the page being written */
	uint64_t at;       /* the newest row, not written yet: another one may replace it */
	uint16_t at_rule, last_rule;
};

#define ROWS_PAGES_MAX 65536 /* code of 4 GiB; x86-64 modules are below 2 GiB */

/* 0; ERR_NOMEM; ERR_LIMIT: too far from the first row (nothing changed). */
int rows_put(struct rows *w, uint64_t address, uint16_t rule);
int rows_finish(struct rows *w); /* 0 or ERR_NOMEM; the last rule put must be 0 */
void rows_free(struct rows *w);

#define UNWIND_TABLE_MAGIC "PPUNWTB1"

/* Of a whole table of `len` bytes, from the word behind `crc` on. */
uint32_t unwind_table_sum(const void *bytes, size_t len);

#endif
