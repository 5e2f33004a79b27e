/* Rows of call frame information in words, and sections run to their end. For unit tests only. */
#ifndef TESTS_CFI_LOG_H
#define TESTS_CFI_LOG_H

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>

#include "prof/base/err.h"
#include "prof/unwind/cfi.h"
#include "tests/unit/cfi_bytes.h"

#define START 0x1000
#define SIZE  0x100

/* The usual CIE: CFA rsp + 8, return address at -8. */
static const uint8_t usual[] = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1};

struct log {
	const struct cfi_section *s;
	char text[2000];
	int stop_after; /* rows; 0: never */
	int rows;
};

static inline void say(struct log *l, const char *fmt, ...) ERR_PRINTF(2, 3);
static inline void say(struct log *l, const char *fmt, ...)
{
	size_t n = strlen(l->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->text + n, sizeof l->text - n, fmt, ap);
	va_end(ap);
}

static inline void say_expr(struct log *l, const struct cfi_place *p)
{
	for (uint32_t i = 0; i < p->len; i++)
		say(l, "%s%02x", i ? " " : "", l->s->data[p->value + i]);
}

static inline void say_place(struct log *l, int reg, const struct cfi_place *p)
{
	if (p->where == CFI_UNSPEC)
		return;
	say(l, " %d:", reg);
	switch (p->where) {
	case CFI_SAME:
		say(l, "same");
		break;
	case CFI_UNDEF:
		say(l, "undef");
		break;
	case CFI_OFFSET:
		say(l, "[%+lld]", (long long)p->value);
		break;
	case CFI_VAL_OFFSET:
		say(l, "=%+lld", (long long)p->value);
		break;
	case CFI_REGISTER:
		say(l, "r%lld", (long long)p->value);
		break;
	default:
		say(l, p->where == CFI_EXPR ? "[" : "=");
		say_expr(l, p);
		say(l, p->where == CFI_EXPR ? "]" : "");
	}
}

static inline int on_row(void *ctx, uint64_t start, uint64_t end, const struct cfi_row *row,
			 int changed)
{
	struct log *l = ctx;

	assert_true(start < end);
	assert_true(changed || l->rows > 0);
	say(l, "%s%llx-%llx ", *l->text ? " | " : "", (unsigned long long)start,
	    (unsigned long long)end);
	if (row->cfa_where == CFI_REGISTER)
		say(l, "r%u%+lld", row->cfa_reg, (long long)row->cfa_off);
	else if (row->cfa_where == CFI_VAL_EXPR)
		say_expr(l, &row->cfa);
	else
		say(l, "none");
	for (int i = 0; i < CFI_REGS; i++)
		say_place(l, i, &row->reg[i]);
	return ++l->rows == l->stop_after;
}

/* All FDEs of a section; "bad" for a program that fails, "skipped" for entries that cannot be read. */
static inline void run_section(struct log *l, const struct cfi_section *s)
{
	struct cfi_fde fde = {0};
	size_t offset = 0;
	enum cfi_next kind;

	l->s = s;
	while ((kind = cfi_next(s, &offset, &fde)) != CFI_END) {
		int rc;

		if (kind == CFI_SKIPPED) {
			say(l, "%sskipped", *l->text ? " " : "");
			continue;
		}
		rc = cfi_run(s, &fde, on_row, l);
		if (rc < 0)
			say(l, "%sbad", *l->text ? " " : "");
		if (rc > 0)
			say(l, " stopped");
	}
}

static inline void expect_section(const struct cfi_bytes *b, const char *want)
{
	struct cfi_section s = cb_section(b);
	struct log l = {0};

	/* Exactly as long as the section, so that a sanitizer sees a byte too many. */
	uint8_t *exact = malloc(s.len);

	assert_non_null(exact);
	memcpy(exact, s.data, s.len);
	s.data = exact;
	run_section(&l, &s);
	free(exact);
	assert_string_equal(l.text, want);
}

#endif
