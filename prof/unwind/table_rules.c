/* Rows of call frame information as rules of a table: see table_make.h. Nearly all take the short form
 * of 16 bytes; what that has no room for becomes a struct unwind_ext. Values of registers that no callee
 * keeps (rax, rcx, rdx, rsi, rdi, r8-r11) are dropped from the short form: after a call no rule can
 * depend on them. */
#include "prof/unwind/table_make.h"

#include <dwarf.h>
#include <string.h>

/* From here on the short form forgets rbx and r12-r15, so that what chains frames still finds room. */
#define RULES_FULL 60000
#define RULES_MAX  65535
#define EXPR_MAX   256 /* bytes; real ones take up to 20. Each is hashed for each row it is in */
#define PROBES     128 /* at most half of the slots are taken: chance makes no longer chains */
#define SIGNAL_SP  160 /* struct rt_sigframe: uc at sp; REG_RSP, REG_RIP, REG_RBP in it */
#define SIGNAL_IP  168
#define SIGNAL_BP  120

enum { REG_BX = 3, REG_BP = 6, REG_SP = 7, REG_R12 = 12, REG_R15 = 15, REG_IP = 16 };
#define CALLEE_SAVED ((1U << REG_BX) | (1U << REG_BP) | (0xfU << REG_R12))

static uint64_t hash(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t h = n, w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	if (n) {
		w = 0;
		memcpy(&w, p, n);
		h = (h ^ w) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

static const void *item(const struct rules *r, const struct seen *seen, uint32_t i, uint32_t *len)
{
	const struct blob *b = r->blobs.data;

	if (seen == &r->seen) {
		*len = sizeof(struct unwind_rule);
		return (const struct unwind_rule *)r->rules.data + i;
	}
	*len = b[i].len;
	return (const uint8_t *)r->ext.data + b[i].off;
}

static int same_bytes(const void *a, const void *b, uint32_t n)
{
	uint64_t x[2], y[2];

	if (n != sizeof x)
		return memcmp(a, b, n) == 0;
	memcpy(x, a, sizeof x); /* a rule: most often */
	memcpy(y, b, sizeof y);
	return x[0] == y[0] && x[1] == y[1];
}

/* The slot of a content: of its number + 1, or an empty one. NULL: all the places it may have are taken,
 * which only happens to contents that were chosen for it. */
static uint32_t *slot_of(const struct rules *r, const struct seen *seen, const void *bytes,
			 uint32_t n)
{
	uint32_t *slots = seen->slots.data;
	uint32_t len, i = (uint32_t)hash(bytes, n) & seen->mask;

	for (int probe = 0; probe < PROBES; probe++, i = (i + 1) & seen->mask) {
		const void *have;

		if (slots[i] == 0)
			return &slots[i];
		have = item(r, seen, slots[i] - 1, &len);
		if (len == n && same_bytes(have, bytes, n))
			return &slots[i];
	}
	return NULL;
}

/* Room for one more; all are placed anew when the slots double. */
static int seen_grow(struct rules *r, struct seen *seen)
{
	struct seen bigger = {.mask = seen->mask ? seen->mask * 2 + 1 : 1023};
	uint32_t len;

	if (seen->mask && seen->n < seen->mask / 2)
		return 0;
	if (pages_need(&bigger.slots, ((size_t)bigger.mask + 1) * sizeof(uint32_t)) < 0)
		return ERR_NOMEM;
	bigger.n = seen->n;
	pages_free(&seen->slots);
	*seen = bigger;
	for (uint32_t i = 0; i < seen->n; i++) {
		const void *bytes = item(r, seen, i, &len);
		uint32_t *slot = slot_of(r, seen, bytes, len);

		if (slot)
			*slot = i + 1;
	}
	return 0;
}

static int rule_number(struct rules *r, struct unwind_rule *rule)
{
	uint32_t *slot;

	if (seen_grow(r, &r->seen) < 0)
		return ERR_NOMEM;
	slot = slot_of(r, &r->seen, rule, sizeof *rule);
	if (slot && *slot == 0 && r->n >= RULES_FULL && rule->cfa_kind != UNWIND_CFA_EXT) {
		rule->bx = rule->r12 = rule->r13 = rule->r14 = rule->r15 = UNWIND_UNDEF;
		slot = slot_of(r, &r->seen, rule, sizeof *rule);
	}
	if (slot && *slot != 0)
		return (int)(*slot - 1);
	if (!slot || r->n == RULES_MAX) {
		r->refused++;
		return 0;
	}
	if (pages_need(&r->rules, ((size_t)r->n + 1) * sizeof *rule) < 0)
		return ERR_NOMEM;
	((struct unwind_rule *)r->rules.data)[r->n] = *rule;
	r->seen.n = *slot = ++r->n;
	return (int)(r->n - 1);
}

/* Where `n` bytes lie in the ext area; ERR_NOMEM, or ERR_LIMIT. */
static int64_t blob_place(struct rules *r, const void *bytes, uint32_t n, uint32_t align)
{
	struct blob *b;
	uint32_t *slot, off = (r->ext_len + align - 1) & ~(align - 1);

	if (seen_grow(r, &r->seen_blobs) < 0)
		return ERR_NOMEM;
	slot = slot_of(r, &r->seen_blobs, bytes, n);
	b = r->blobs.data;
	if (slot && *slot != 0 && (b[*slot - 1].off & (align - 1)) == 0)
		return b[*slot - 1].off;
	if (n > INT32_MAX / 4 || off > INT32_MAX / 2)
		return ERR_LIMIT;
	if (pages_need(&r->ext, (size_t)off + n) < 0 ||
	    pages_need(&r->blobs, ((size_t)r->n_blobs + 1) * sizeof *b) < 0)
		return ERR_NOMEM;
	memcpy((uint8_t *)r->ext.data + off, bytes, n);
	r->ext_len = off + n;
	if (slot && *slot == 0) {
		b = r->blobs.data;
		b[r->n_blobs] = (struct blob){off, n};
		r->seen_blobs.n = *slot = ++r->n_blobs;
	}
	return off;
}

int rules_init(struct rules *r)
{
	struct unwind_rule none = {0};

	memset(r, 0, sizeof *r);
	return rule_number(r, &none);
}

void rules_free(struct rules *r)
{
	pages_free(&r->rules);
	pages_free(&r->seen.slots);
	pages_free(&r->ext);
	pages_free(&r->blobs);
	pages_free(&r->seen_blobs.slots);
}

int rules_plain(struct rules *r, enum unwind_cfa_kind kind, int32_t off)
{
	struct unwind_rule rule = {.cfa_kind = (uint8_t)kind, .ra = -1, .cfa_off = off};

	return rule_number(r, &rule);
}

int rules_signal(struct rules *r)
{
	struct unwind_rule rule = {.cfa_kind = UNWIND_CFA_SIGNAL, .is_signal = 1};

	return rule_number(r, &rule);
}

/* Is this the expression "register + offset", or with `deref` what is stored there? */
static int is_breg(const struct cfi_section *s, const struct cfi_place *p, uint8_t reg,
		   int64_t *offset, int deref)
{
	const uint8_t *e = s->data + p->value;
	uint64_t v = 0;
	uint32_t i = 1, shift = 0;

	if (p->len < 2 || e[0] != DW_OP_breg0 + reg)
		return 0;
	do {
		if (i == p->len || shift > 28)
			return 0;
		v |= (uint64_t)(e[i] & 0x7f) << shift;
		shift += 7;
	} while (e[i++] & 0x80);
	if (e[i - 1] & 0x40)
		v |= ~(uint64_t)0 << shift;
	*offset = (int64_t)v;
	return deref ? i + 1 == p->len && e[i] == DW_OP_deref : i == p->len;
}

static int is_breg_at(const struct cfi_section *s, const struct cfi_place *p, uint8_t reg,
		      int64_t want, int deref)
{
	int64_t offset;

	return is_breg(s, p, reg, &offset, deref) && offset == want;
}

/* What ld makes for .plt: CFA = rsp + 8 + ((rip & 15) >= N) << 3. */
static int is_plt(const struct cfi_section *s, const struct cfi_place *p, int32_t *n)
{
	static const uint8_t head[] = {DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and};
	static const uint8_t tail[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	const uint8_t *e = s->data + p->value;

	if (p->len != sizeof head + 1 + sizeof tail || memcmp(e, head, sizeof head) != 0 ||
	    memcmp(e + sizeof head + 1, tail, sizeof tail) != 0)
		return 0;
	*n = e[sizeof head] - DW_OP_lit0;
	return *n >= 0 && *n <= 15;
}

/* The frame the kernel makes for a handler, as libc describes it. */
static int is_signal_frame(const struct cfi_section *s, const struct cfi_row *row)
{
	const struct cfi_place *bp = &row->reg[REG_BP], *ip = &row->reg[REG_IP];

	return row->cfa_where == CFI_VAL_EXPR && ip->where == CFI_EXPR && bp->where == CFI_EXPR &&
	       is_breg_at(s, &row->cfa, REG_SP, SIGNAL_SP, 1) &&
	       is_breg_at(s, ip, REG_SP, SIGNAL_IP, 0) && is_breg_at(s, bp, REG_SP, SIGNAL_BP, 0);
}

static int short_cfa(const struct cfi_section *s, const struct cfi_row *row,
		     struct unwind_rule *rule)
{
	int64_t offset = row->cfa_off;

	if (row->cfa_where == CFI_REGISTER) {
		rule->cfa_kind = row->cfa_reg == REG_SP   ? UNWIND_CFA_SP
				 : row->cfa_reg == REG_BP ? UNWIND_CFA_BP
							  : UNWIND_CFA_REG;
		rule->cfa_reg = rule->cfa_kind == UNWIND_CFA_REG ? (uint8_t)row->cfa_reg : 0;
	} else if (is_breg(s, &row->cfa, REG_BP, &offset, 1)) {
		rule->cfa_kind = UNWIND_CFA_DEREF_BP;
	} else if (is_plt(s, &row->cfa, &rule->cfa_off)) {
		rule->cfa_kind = UNWIND_CFA_PLT;
		return 1;
	} else {
		return 0;
	}
	rule->cfa_off = (int32_t)offset;
	return offset == rule->cfa_off;
}

static inline int short_place(const struct cfi_place *p, int8_t *out)
{
	int64_t units = p->value >> 3;

	switch (p->where) {
	case CFI_UNSPEC:
	case CFI_SAME:
		*out = UNWIND_SAME;
		return 1;
	case CFI_UNDEF:
		*out = UNWIND_UNDEF;
		return 1;
	case CFI_OFFSET:
		*out = (int8_t)units;
		return (p->value & 7) == 0 && units == *out && units != UNWIND_SAME &&
		       units != UNWIND_UNDEF;
	default:
		return 0;
	}
}

static int short_rule(const struct cfi_section *s, const struct cfi_row *row,
		      const struct cfi_place *ra, struct unwind_rule *rule)
{
	const struct cfi_place *reg = row->reg;

	return short_cfa(s, row, rule) && ra->where == CFI_OFFSET && short_place(ra, &rule->ra) &&
	       short_place(&reg[REG_BP], &rule->bp) && short_place(&reg[REG_BX], &rule->bx) &&
	       short_place(&reg[12], &rule->r12) && short_place(&reg[13], &rule->r13) &&
	       short_place(&reg[14], &rule->r14) && short_place(&reg[15], &rule->r15) &&
	       reg[REG_SP].where == CFI_UNSPEC;
}

/* 1 and the register's entry; 0: the default says it; ERR_NOMEM. */
static int ext_reg(struct rules *r, const struct cfi_section *s, uint8_t reg,
		   const struct cfi_place *p, struct unwind_ext_reg *out)
{
	static const uint8_t kinds[] = {
		[CFI_SAME] = UNWIND_EXT_SAME,         [CFI_UNDEF] = UNWIND_EXT_UNDEF,
		[CFI_OFFSET] = UNWIND_EXT_OFFSET,     [CFI_VAL_OFFSET] = UNWIND_EXT_VALUE,
		[CFI_REGISTER] = UNWIND_EXT_REG,      [CFI_EXPR] = UNWIND_EXT_EXPR,
		[CFI_VAL_EXPR] = UNWIND_EXT_VAL_EXPR,
	};
	int64_t value = p->value;

	if (p->where == CFI_UNSPEC || (p->where == CFI_SAME && (CALLEE_SAVED >> reg & 1)))
		return 0;
	*out = (struct unwind_ext_reg){.reg = reg, .kind = kinds[p->where]};
	if (p->where == CFI_EXPR || p->where == CFI_VAL_EXPR) {
		value = p->len > 0 && p->len <= EXPR_MAX
				? blob_place(r, s->data + p->value, p->len, 1)
				: ERR_LIMIT;
		if (value == ERR_NOMEM)
			return ERR_NOMEM;
		if (value < 0)
			value = INT64_MAX;
		out->len = (uint16_t)p->len;
	}
	out->value = (int32_t)value;
	if (out->value != value)
		*out = (struct unwind_ext_reg){.reg = reg, .kind = UNWIND_EXT_UNDEF};
	return 1;
}

static int ext_rule(struct rules *r, const struct cfi_section *s, const struct cfi_row *row,
		    const struct cfi_place *ra, struct unwind_rule *rule)
{
	struct {
		struct unwind_ext head;
		struct unwind_ext_reg reg[CFI_REGS];
	} x = {0};
	int64_t at = row->cfa_off;
	uint8_t n = 0;

	if (r->n >= RULES_FULL)
		return ERR_LIMIT;
	if (row->cfa_where == CFI_VAL_EXPR) {
		x.head.cfa_is_expr = 1;
		x.head.cfa_len = row->cfa.len;
		at = row->cfa.len > 0 && row->cfa.len <= EXPR_MAX
			     ? blob_place(r, s->data + row->cfa.value, row->cfa.len, 1)
			     : ERR_LIMIT;
		if (at < 0)
			return (int)at;
	}
	x.head.cfa_off = (int32_t)at;
	if (x.head.cfa_off != at)
		return ERR_LIMIT;
	x.head.cfa_reg = x.head.cfa_is_expr ? 0 : (uint8_t)row->cfa_reg;
	x.head.is_signal = rule->is_signal;
	for (uint8_t i = 0; i < CFI_REGS; i++) {
		int rc = ext_reg(r, s, i, i == REG_IP ? ra : &row->reg[i], &x.reg[n]);

		if (rc < 0)
			return rc;
		n = (uint8_t)(n + rc);
	}
	x.head.n_regs = n;
	at = blob_place(r, &x, (uint32_t)(sizeof x.head + n * sizeof x.reg[0]), 4);
	if (at < 0)
		return (int)at;
	*rule = (struct unwind_rule){
		.cfa_kind = UNWIND_CFA_EXT, .cfa_off = (int32_t)at, .is_signal = rule->is_signal};
	return 0;
}

/* Where the return address is. Where the program does not say, it is where the call pushed it. */
static struct cfi_place return_address(const struct cfi_cie *cie, const struct cfi_row *row)
{
	struct cfi_place p = row->reg[cie->ra_reg];

	if (cie->ra_reg == REG_IP && p.where == CFI_UNSPEC)
		return (struct cfi_place){.value = -8, .where = CFI_OFFSET};
	if (cie->ra_reg != REG_IP && (p.where == CFI_UNSPEC || p.where == CFI_SAME))
		return (struct cfi_place){.value = cie->ra_reg, .where = CFI_REGISTER};
	return p;
}

/* Pushes and pops around calls change the CFA's offset only. */
static int moved_cfa(struct rules *r, const struct cfi_section *s, const struct cfi_row *row,
		     int changed, struct unwind_rule *rule)
{
	*rule = r->last;
	return changed == CFI_CHANGED_CFA && r->last_is_short && row->cfa_where == CFI_REGISTER &&
	       short_cfa(s, row, rule);
}

static int other_rule(struct rules *r, const struct cfi_section *s, const struct cfi_cie *cie,
		      const struct cfi_row *row, struct unwind_rule *rule)
{
	struct cfi_place ra = return_address(cie, row);

	*rule = (struct unwind_rule){.is_signal = cie->is_signal};
	r->last_is_short = 0;
	if (ra.where == CFI_UNDEF) {
		*rule = (struct unwind_rule){.cfa_kind = UNWIND_CFA_ROOT};
	} else if (row->cfa_where == CFI_UNSPEC) {
		rule->is_signal = 0;
	} else if (cie->is_signal && is_signal_frame(s, row)) {
		rule->cfa_kind = UNWIND_CFA_SIGNAL;
	} else if (short_rule(s, row, &ra, rule)) {
		r->last_is_short = 1;
	} else {
		*rule = (struct unwind_rule){.is_signal = cie->is_signal};
		return ext_rule(r, s, row, &ra, rule);
	}
	return 0;
}

int rules_of_row(struct rules *r, const struct cfi_section *s, const struct cfi_cie *cie,
		 const struct cfi_row *row, int changed)
{
	struct unwind_rule rule;

	if (!moved_cfa(r, s, row, changed, &rule)) {
		int rc = other_rule(r, s, cie, row, &rule);

		if (rc == ERR_LIMIT) {
			r->refused++;
			return 0;
		}
		if (rc < 0)
			return rc;
	}
	r->last = rule;
	return rule_number(r, &rule);
}
