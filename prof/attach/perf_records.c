/* Decoding of perf records. A cursor walks each record and refuses to leave it; the fields at a record's end
 * (sample_id_all) are found from its end. Leaves the meaning of what is told to perf.c. Any thread, no allocation. */
#include "prof/attach/perf_records.h"

#include <string.h>

struct cursor {
	const uint8_t *at, *end;
	int bad;
};

static uint64_t take64(struct cursor *c)
{
	uint64_t v;

	if ((size_t)(c->end - c->at) < sizeof v) {
		c->bad = 1;
		return 0;
	}
	memcpy(&v, c->at, sizeof v);
	c->at += sizeof v;
	return v;
}

/* Two 32-bit values that share 8 bytes, as all of perf's do. */
static void take32(struct cursor *c, uint32_t *first, uint32_t *second)
{
	uint32_t v[2];
	uint64_t both = take64(c);

	memcpy(v, &both, sizeof v);
	*first = v[0];
	*second = v[1];
}

static void take_ids(struct cursor *c, int *first, int *second)
{
	uint32_t a, b;

	take32(c, &a, &b);
	*first = (int)a;
	*second = (int)b;
}

static const uint8_t *take_bytes(struct cursor *c, uint64_t n)
{
	const uint8_t *at = c->at;

	if (n > (uint64_t)(c->end - c->at)) {
		c->bad = 1;
		return NULL;
	}
	c->at += n;
	return at;
}

/* Texts are NUL-terminated and padded to 8 bytes; what follows them is the sample id. */
static const char *take_text(struct cursor *c)
{
	if (c->bad || !memchr(c->at, 0, (size_t)(c->end - c->at))) {
		c->bad = 1;
		return NULL;
	}
	return (const char *)c->at;
}

/* pid, tid; time; id; stream id; cpu: in that order by the kernel's perf_event__header__init_id(). */
#define ID_BYTES 40u

static struct cursor id_cursor(const uint8_t *bytes, size_t size)
{
	struct cursor c = {bytes + size - ID_BYTES, bytes + size, 0};

	return c;
}

size_t perf_record_size(const uint8_t *header)
{
	struct perf_event_header h;

	memcpy(&h, header, sizeof h);
	return h.size >= sizeof h && h.size % 8 == 0 ? h.size : 0;
}

int64_t perf_record_time(const uint8_t *bytes, size_t size)
{
	struct perf_event_header h;
	struct cursor c;

	if (size < sizeof h)
		return INT64_MIN;
	memcpy(&h, bytes, sizeof h);
	if (h.type == PERF_RECORD_SAMPLE) {
		if (size < sizeof h + 16)
			return INT64_MIN;
		c = (struct cursor){bytes + sizeof h + 8, bytes + size, 0};
	} else {
		if (size < sizeof h + ID_BYTES)
			return INT64_MIN;
		c = id_cursor(bytes, size);
		c.at += 8;
	}
	return (int64_t)take64(&c);
}

/* The place of each register of PERF_REGS_MASK, in the kernel's order, among DWARF's numbers. */
static const uint8_t dwarf_of[PERF_REGS_N] = {0, 3, 2,  1,  4,  5,  6,  7, 16,
					      8, 9, 10, 11, 12, 13, 14, 15};

/* Kernels before 5.11 do not tell the saved registers of a thread inside a system call: all are -1. */
static uint32_t told(const struct unwind_regs *regs)
{
	static const uint8_t saved[] = {UNWIND_BX, UNWIND_BP, 12, 13, 14, 15};
	uint32_t hidden = 0;
	size_t i;

	for (i = 0; i < sizeof saved; i++) {
		if (regs->reg[saved[i]] != UINT64_MAX)
			return UINT32_MAX;
		hidden |= 1u << saved[i];
	}
	return ~hidden;
}

static void take_regs(struct cursor *c, struct unwind_regs *regs)
{
	uint64_t abi = take64(c);
	size_t i;

	if (abi == PERF_SAMPLE_REGS_ABI_NONE)
		return;
	for (i = 0; i < PERF_REGS_N; i++)
		regs->reg[dwarf_of[i]] = take64(c);
	/* A worker of io_uring is a user thread without a user frame: pc 0. */
	if (c->bad || abi != PERF_SAMPLE_REGS_ABI_64 || regs->reg[UNWIND_IP] == 0)
		return;
	regs->known = ((1u << UNWIND_NREGS) - 1) & told(regs);
}

static void take_stack(struct cursor *c, struct perf_record *r)
{
	uint64_t asked = take64(c), copied;

	if (asked == 0 || c->bad)
		return;
	r->stack = take_bytes(c, asked);
	copied = take64(c);
	if (c->bad || copied > asked) {
		c->bad = 1;
		return;
	}
	r->stack_asked = (size_t)asked;
	r->stack_bytes = (size_t)copied;
}

static void take_sample(struct cursor *c, struct perf_record *r, int with_value)
{
	uint32_t unused;

	take_ids(c, &r->pid, &r->tid);
	r->t_ns = (int64_t)take64(c);
	r->event = take64(c);
	r->stream = take64(c);
	take32(c, &r->cpu, &unused);
	if (with_value)
		r->value = take64(c);
	take_regs(c, &r->regs);
	take_stack(c, r);
}

static void take_task(struct cursor *c, struct perf_record *r)
{
	take_ids(c, &r->pid, &r->ppid);
	take_ids(c, &r->tid, &r->ptid);
	(void)take64(c); /* the same time again */
}

static void take_mmap2(struct cursor *c, struct perf_record *r, const struct perf_event_header *h)
{
	uint64_t device, inode;

	take_ids(c, &r->pid, &r->tid);
	r->address = take64(c);
	r->length = take64(c);
	r->offset = take64(c);
	device = take64(c);
	inode = take64(c);
	(void)take64(c); /* the inode's generation */
	if (!(h->misc & PERF_RECORD_MISC_MMAP_BUILD_ID)) {
		r->major = (uint32_t)device;
		r->minor = (uint32_t)(device >> 32);
		r->inode = inode;
	}
	(void)take64(c); /* protection and flags */
	r->text = take_text(c);
}

static void take_other(struct cursor *c, struct perf_record *r, const struct perf_event_header *h)
{
	switch (h->type) {
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		r->kind = h->type == PERF_RECORD_FORK ? PERF_IS_FORK : PERF_IS_EXIT;
		take_task(c, r);
		break;
	case PERF_RECORD_COMM:
		r->kind = h->misc & PERF_RECORD_MISC_COMM_EXEC ? PERF_IS_EXEC : PERF_IS_COMM;
		take_ids(c, &r->pid, &r->tid);
		r->text = take_text(c);
		break;
	case PERF_RECORD_MMAP2:
		r->kind = PERF_IS_MMAP;
		take_mmap2(c, r, h);
		break;
	case PERF_RECORD_SWITCH:
		r->kind = PERF_IS_SWITCH;
		r->in = !(h->misc & PERF_RECORD_MISC_SWITCH_OUT);
		r->preempted = !r->in && h->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;
		break;
	case PERF_RECORD_LOST:
		r->kind = PERF_IS_LOST;
		(void)take64(c); /* the event's id */
		r->lost = take64(c);
		break;
	case PERF_RECORD_LOST_SAMPLES:
		r->kind = PERF_IS_LOST;
		r->lost = take64(c);
		break;
	case PERF_RECORD_THROTTLE:
		r->kind = PERF_IS_THROTTLE;
		break;
	default:
		break;
	}
}

/* What all records but samples end with. Its pid and tid are those of who ran: a new thread's parent. */
static void take_id(struct cursor *c, struct perf_record *r)
{
	uint32_t unused;
	int pid, tid;

	take_ids(c, &pid, &tid);
	if (r->kind == PERF_IS_SWITCH) {
		r->pid = pid;
		r->tid = tid;
	}
	r->t_ns = (int64_t)take64(c);
	r->event = take64(c);
	r->stream = take64(c);
	take32(c, &r->cpu, &unused);
}

int perf_record_decode(struct perf_record *r, const uint8_t *bytes, size_t size, int with_value)
{
	struct perf_event_header h;
	struct cursor c = {bytes + sizeof h, bytes + size, 0};

	memset(r, 0, sizeof *r);
	r->kind = PERF_IS_OTHER;
	if (size < sizeof h || perf_record_size(bytes) != size)
		return -1;
	memcpy(&h, bytes, sizeof h);
	if (h.type == PERF_RECORD_SAMPLE) {
		r->kind = PERF_IS_SAMPLE;
		take_sample(&c, r, with_value);
		return c.bad ? -1 : 0;
	}
	if (size < sizeof h + ID_BYTES)
		return -1;
	c.end -= ID_BYTES;
	take_other(&c, r, &h);
	if (c.bad)
		return -1;
	c = id_cursor(bytes, size);
	take_id(&c, r);
	return 0;
}
