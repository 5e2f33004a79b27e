/* Locks by their memory: see waits_lock.h. */
#include "prof/attach/waits_lock.h"

#include <string.h>

#define TID_MASK 0x3fffffffu
#define WAITERS  0x80000000u
#define WAIT     0
#define LOCK_PI  6
#define BITSET   9
#define LOCK_PI2 13

/* enum of glibc's nptl/pthreadP.h */
#define KIND_TYPE   3u /* normal, recursive, errorcheck, adaptive */
#define KIND_ROBUST 16u
#define KIND_PI     32u
#define KIND_PP     64u
#define KIND_SHARED 128u
#define KIND_ALL    (KIND_TYPE | KIND_ROBUST | KIND_PI | KIND_PP | KIND_SHARED | 256u | 512u)
#define RECURSIVE   1u

struct view { /* memory around the word; offsets are from the word */
	const struct lock_wait *wait;
	const uint8_t *bytes;
	size_t from, to;
};

/* The 32 bits at `offset`; 0 and *ok = 0 where they were not read. */
static uint32_t at(const struct view *v, int offset, int *ok)
{
	size_t place = (size_t)((int)LOCK_BEFORE + offset);
	uint32_t value = 0;

	if (place < v->from || place + sizeof value > v->to)
		*ok = 0;
	else
		memcpy(&value, v->bytes + place, sizeof value);
	return value;
}

static uint64_t at64(const struct view *v, int offset, int *ok)
{
	return at(v, offset, ok) | (uint64_t)at(v, offset + 4, ok) << 32;
}

/* pthread_mutex_t: lock, count, owner, nusers, kind, spins. */
static int is_mutex(const struct view *v, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t lock = at(v, 0, &ok), count = at(v, 4, &ok), owner = at(v, 8, &ok);
	uint32_t users = at(v, 12, &ok), kind = at(v, 16, &ok);
	int by_kernel = w->op == LOCK_PI || w->op == LOCK_PI2;
	int tid_in_word = (kind & (KIND_ROBUST | KIND_PI)) != 0;

	if (!ok || kind & ~KIND_ALL || !owner || owner > TID_MASK || !users || users > 1u << 20 ||
	    by_kernel != ((kind & KIND_PI) != 0) || (kind & KIND_PP))
		return 0;
	if ((kind & KIND_TYPE) == RECURSIVE ? count == 0 || count > 1u << 20 : count > 1)
		return 0;
	if (tid_in_word ? (lock & TID_MASK) != owner : lock != 2 || w->value != 2)
		return 0;
	if (tid_in_word && !by_kernel && (!(lock & WAITERS) || w->value != lock))
		return 0;
	*l = (struct lock){.kind = LOCK_MUTEX,
			   .address = w->word,
			   .owner = owner,
			   .shared = (kind & KIND_SHARED) != 0};
	return 1;
}

/* musl's pthread_mutex_t: type, lock (the word, with the owner's tid unless of the normal type), waiters. */
static int is_musl_mutex(const struct view *v, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t type = at(v, -4, &ok), lock = at(v, 0, &ok), waiters = at(v, 4, &ok);

	if (!ok || w->op != WAIT || !(type & 3) || (type & 3) == 3 || type & ~(3u | 4u | 128u) ||
	    w->value != lock || !(lock & WAITERS) || !(lock & TID_MASK) || waiters == 0 ||
	    waiters > 1u << 20)
		return 0;
	*l = (struct lock){.kind = LOCK_MUTEX,
			   .address = w->word - 4,
			   .owner = lock & TID_MASK,
			   .shared = (type & 128) != 0};
	return 1;
}

/* pthread_rwlock_t, `base` bytes before the word: readers, writers, wrphase_futex, writers_futex, 2 × padding,
 * cur_writer, shared, …, flags. Readers wait for wrphase_futex, writers for either. */
static int is_rwlock(const struct view *v, int base, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t readers = at(v, -base, &ok), word = at(v, 0, &ok);
	uint32_t pads = at(v, 16 - base, &ok) | at(v, 20 - base, &ok);
	uint32_t writer = at(v, 24 - base, &ok), shared = at(v, 28 - base, &ok), n = readers >> 3;
	int write_locked = (readers & 2) != 0, write_phase = (readers & 1) != 0;

	if (!ok || w->op != BITSET || word != w->value || !(word & 2) || word > 3 || pads ||
	    shared > 1 || writer > TID_MASK || !write_locked)
		return 0;
	if (writer ? !write_phase : write_phase || n == 0 || n > 1u << 20)
		return 0;
	*l = (struct lock){.kind = LOCK_RWLOCK,
			   .address = w->word - (uint64_t)base,
			   .owner = writer,
			   .readers = writer ? 0 : n,
			   .shared = (int)shared};
	return 1;
}

/* pthread_cond_t: wseq and g1_start of 64 bits, then g_refs[2] (until glibc 2.41), g_size[2], g1_orig_size, wrefs,
 * g_signals[2]: a waiter waits for one of the last. */
static int is_cond(const struct view *v, int signals, int group, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int base = -signals - 4 * group, ok = 1;
	uint64_t sequence = at64(v, base, &ok) >> 1, start = at64(v, base + 8, &ok) >> 1;
	uint32_t waiters = at(v, base + signals - 4, &ok) >> 3;
	uint32_t refs = signals == 40 ? at(v, base + 16 + 4 * group, &ok) >> 1 : 1;

	if (!ok || w->op != BITSET || (w->word + (uint64_t)(int64_t)base) % 8 || waiters == 0 ||
	    waiters > 1u << 20 || refs == 0 || refs > waiters || sequence <= start ||
	    sequence - start > 1u << 24)
		return 0;
	*l = (struct lock){.kind = LOCK_COND, .address = w->word + (uint64_t)(int64_t)base};
	return 1;
}

/* pthread_join() waits for the kernel to clear the tid in the thread's descriptor, which is a wake-up across processes. */
static int is_join(const struct view *v, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t tid = at(v, 0, &ok);

	if (!ok || w->is_private || (w->op != BITSET && w->op != WAIT) || tid != w->value || !tid ||
	    tid > TID_MASK || w->word < LOCK_THREAD_TID)
		return 0;
	*l = (struct lock){.kind = LOCK_THREAD, .address = w->word - LOCK_THREAD_TID, .owner = tid};
	return 1;
}

/* _IO_lock_t: lock, count, address of the owner's descriptor. */
static int is_stream(const struct view *v, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t lock = at(v, 0, &ok), count = at(v, 4, &ok);
	uint64_t owner = at64(v, 8, &ok);

	if (!ok || w->op != WAIT || !w->is_private || lock != 2 || w->value != 2 || count == 0 ||
	    count > 1u << 20 || owner < 4096 || owner % 64 || owner >> 47)
		return 0;
	*l = (struct lock){.kind = LOCK_STREAM, .address = w->word, .owner = owner};
	return 1;
}

/* What FUTEX_LOCK_PI means is the kernel's own, whoever's lock it is. */
static int is_pi_word(const struct view *v, struct lock *l)
{
	const struct lock_wait *w = v->wait;
	int ok = 1;
	uint32_t owner = at(v, 0, &ok) & TID_MASK;

	if (!ok || (w->op != LOCK_PI && w->op != LOCK_PI2) || !owner)
		return 0;
	*l = (struct lock){
		.kind = LOCK_PI_WORD, .address = w->word, .owner = owner, .shared = !w->is_private};
	return 1;
}

size_t lock_guess(const struct lock_wait *wait, const uint8_t *around, size_t from, size_t to,
		  struct lock *out, size_t max)
{
	struct view v = {wait, around, from, to};
	struct lock l;
	size_t k = 0;

	if (k < max && is_join(&v, &l))
		out[k++] = l;
	if (k < max && is_mutex(&v, &l))
		out[k++] = l;
	if (k < max && is_musl_mutex(&v, &l))
		out[k++] = l;
	if (k < max && is_stream(&v, &l))
		out[k++] = l;
	if (k < max && is_pi_word(&v, &l))
		out[k++] = l;
	for (int base = 8; base <= 12; base += 4)
		if (k < max && is_rwlock(&v, base, &l))
			out[k++] = l;
	for (int signals = 40; signals >= 32; signals -= 8)
		for (int group = 0; group < 2; group++)
			if (k < max && is_cond(&v, signals, group, &l))
				out[k++] = l;
	return k;
}

int lock_is_descriptor(uint64_t address, const uint8_t head[24])
{
	uint64_t tcb, self;

	memcpy(&tcb, head, sizeof tcb);
	memcpy(&self, head + 16, sizeof self);
	return tcb == address && self == address;
}
