/* What a seccomp filter answers: classic BPF over struct seccomp_data, as the kernel runs it (kernel documentation,
 * userspace-api/seccomp_filter; instructions that seccomp allows: seccomp_check_filter() in kernel/seccomp.c). Jumps
 * lead forward only, so it ends. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "prof/agent/seal.h"

#define REFUSED -1L

struct machine {
	uint32_t a, x, memory[BPF_MEMWORDS];
};

/* 0, or REFUSED. */
static long load(struct machine *m, const struct sock_filter *f, const struct seccomp_data *call)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		if (f->k >= sizeof *call || f->k & 3)
			return REFUSED;
		memcpy(&m->a, (const char *)call + f->k, sizeof m->a);
		return 0;
	case BPF_LD | BPF_W | BPF_LEN:
		m->a = sizeof *call;
		return 0;
	case BPF_LDX | BPF_W | BPF_LEN:
		m->x = sizeof *call;
		return 0;
	case BPF_LD | BPF_IMM:
		m->a = f->k;
		return 0;
	case BPF_LDX | BPF_IMM:
		m->x = f->k;
		return 0;
	default:
		break;
	}
	if (f->k >= BPF_MEMWORDS)
		return REFUSED;
	switch (f->code) {
	case BPF_LD | BPF_MEM:
		m->a = m->memory[f->k];
		return 0;
	case BPF_LDX | BPF_MEM:
		m->x = m->memory[f->k];
		return 0;
	case BPF_ST:
		m->memory[f->k] = m->a;
		return 0;
	case BPF_STX:
		m->memory[f->k] = m->x;
		return 0;
	default:
		return REFUSED;
	}
}

/* 0; 1: a division by zero, which ends the filter with 0; or REFUSED. */
static long compute(struct machine *m, const struct sock_filter *f)
{
	uint32_t by = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		m->a += by;
		return 0;
	case BPF_SUB:
		m->a -= by;
		return 0;
	case BPF_MUL:
		m->a *= by;
		return 0;
	case BPF_DIV:
		if (by == 0)
			return BPF_SRC(f->code) == BPF_X ? 1 : REFUSED;
		m->a /= by;
		return 0;
	case BPF_AND:
		m->a &= by;
		return 0;
	case BPF_OR:
		m->a |= by;
		return 0;
	case BPF_XOR:
		m->a ^= by;
		return 0;
	case BPF_LSH:
		m->a <<= by & 31;
		return 0;
	case BPF_RSH:
		m->a >>= by & 31;
		return 0;
	case BPF_NEG:
		m->a = 0 - m->a;
		return 0;
	default:
		return REFUSED;
	}
}

/* How many instructions to pass over, or REFUSED. */
static long jump(const struct machine *m, const struct sock_filter *f)
{
	uint32_t by = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	int is;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		return f->k;
	case BPF_JEQ:
		is = m->a == by;
		break;
	case BPF_JGT:
		is = m->a > by;
		break;
	case BPF_JGE:
		is = m->a >= by;
		break;
	case BPF_JSET:
		is = (m->a & by) != 0;
		break;
	default:
		return REFUSED;
	}
	return is ? f->jt : f->jf;
}

long seal_answer(const struct sock_filter *filter, size_t n, const struct seccomp_data *call)
{
	struct machine m = {0};

	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &filter[i];
		long rc;

		switch (BPF_CLASS(f->code)) {
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
		case BPF_JMP:
			rc = jump(&m, f);
			if (rc > 0)
				i += (size_t)rc;
			break;
		case BPF_ALU:
			rc = compute(&m, f);
			if (rc == 1)
				return SECCOMP_RET_KILL_THREAD;
			break;
		case BPF_MISC:
			rc = f->code == (BPF_MISC | BPF_TAX) || f->code == (BPF_MISC | BPF_TXA)
				     ? 0
				     : REFUSED;
			if (f->code == (BPF_MISC | BPF_TAX))
				m.x = m.a;
			else
				m.a = m.x;
			break;
		default:
			rc = load(&m, f, call);
			break;
		}
		if (rc < 0)
			return REFUSED;
	}
	return REFUSED;
}
