/* Rows of threads and stacks of the heap file. Which stacks are there already is known by a few hash tables,
 * each four times as large as the one before; words are set once, by compare and swap. Lock-free: a stack that
 * two threads meet at the same moment may be there twice. */
#include "prof/heap/tables.h"

#include <string.h>

#include "prof/heap/tables_internal.h"
#include "prof/spool/format.h"

#define TABLES      5
#define FIRST_BITS  12 /* 32 KiB of addresses */
#define OFFSET_BITS 23 /* places of HEAP_STACKS_MAX */
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)
_Static_assert(HEAP_STACKS_MAX / 8 <= 1u << OFFSET_BITS, "an offset fits into a word");

static struct {
	_Atomic uint64_t *_Atomic words[TABLES]; /* high bits of the hash | offset; 0: none */
	_Atomic uint32_t used[TABLES];
} known;

static uint32_t bits_of(uint32_t k)
{
	return FIRST_BITS + 2 * k;
}

static size_t bytes_of(uint32_t k)
{
	return sizeof(uint64_t) << bits_of(k);
}

static struct heap_stack_row *row_at(const struct heap_head *head, uint64_t offset)
{
	return (struct heap_stack_row *)((uintptr_t)head + head->stacks_offset + 8 * offset);
}

static int is(const struct heap_head *head, uint64_t word, uint64_t hash)
{
	return ((word ^ hash) & ~OFFSET_MASK) == 0 &&
	       atomic_load_explicit(&row_at(head, word & OFFSET_MASK)->hash,
				    memory_order_acquire) == hash;
}

/* The offset of a stack in one table, or 0 and *free: where it would go (NULL: the table is full). */
static uint64_t look(const struct heap_head *head, uint32_t k, uint64_t hash,
		     _Atomic uint64_t **free_word)
{
	_Atomic uint64_t *words = atomic_load_explicit(&known.words[k], memory_order_acquire);
	uint32_t mask = (1u << bits_of(k)) - 1;

	*free_word = NULL;
	for (uint32_t i = 0, at = (uint32_t)(hash >> (64 - bits_of(k))); words && i <= mask; i++) {
		uint64_t word = atomic_load_explicit(&words[(at + i) & mask], memory_order_acquire);

		if (!word) {
			*free_word = &words[(at + i) & mask];
			return 0;
		}
		if (is(head, word, hash))
			return word & OFFSET_MASK;
	}
	return 0;
}

static uint64_t look_all(const struct heap_head *head, uint64_t hash)
{
	_Atomic uint64_t *ignored;
	uint64_t found = 0;

	for (uint32_t k = 0; k < TABLES && !found; k++)
		found = look(head, k, hash, &ignored);
	return found;
}

/* The table that new stacks go to, made when the one before is three quarters full; TABLES: none. */
static uint32_t table_for_new(struct heap_head *head)
{
	for (uint32_t k = 0; k < TABLES; k++) {
		_Atomic uint64_t *none = NULL, *fresh;

		if (!atomic_load_explicit(&known.words[k], memory_order_acquire)) {
			fresh = heap_map(head, bytes_of(k));
			if (!fresh)
				return TABLES;
			if (!atomic_compare_exchange_strong(&known.words[k], &none, fresh))
				heap_unmap(head, fresh, bytes_of(k));
		}
		if (atomic_load_explicit(&known.used[k], memory_order_relaxed) <
		    (3u << bits_of(k)) / 4)
			return k;
	}
	return TABLES;
}

/* The offset by which the stack is known from now on: ours, or that of one who was faster. Where there is no
 * table for it, it is not known, and will be written again when it comes again. */
static uint64_t remember(struct heap_head *head, uint64_t hash, uint64_t offset)
{
	uint32_t k = table_for_new(head);
	_Atomic uint64_t *place;

	while (k < TABLES) {
		uint64_t found = look(head, k, hash, &place), none = 0;

		if (found)
			return found;
		if (!place)
			break;
		if (atomic_compare_exchange_strong(place, &none, (hash & ~OFFSET_MASK) | offset)) {
			atomic_fetch_add_explicit(&known.used[k], 1, memory_order_relaxed);
			break;
		}
	}
	return offset;
}

/* Room for so many units of 8 bytes; 0: there is none. */
static uint64_t take_units(struct heap_head *head, uint64_t units)
{
	uint64_t used = atomic_load_explicit(&head->stacks_used, memory_order_relaxed);

	do {
		if ((used + units) * 8 > head->stacks_bytes ||
		    heap_file_room(head, HEAP_PART_STACKS, (used + units) * 8))
			return 0;
	} while (!atomic_compare_exchange_weak(&head->stacks_used, &used, used + units));
	return used;
}

const uint64_t *(*heap_stack_ask)(const struct heap_stack *stack);

static void count_quality(struct heap_head *head, uint32_t flags)
{
	/* Of enum unwind_end, 0 is the root and 1 the depth limit; the others are ends that should not be. */
	uint32_t end = flags & SPOOL_SAMPLE_END_MASK;

	if (flags & SPOOL_SAMPLE_TRUNCATED || end == 1)
		heap_loss(head, HEAP_LOSS_TRUNCATED, 1);
	else if (end > 1)
		heap_loss(head, HEAP_LOSS_NO_UNWIND, 1);
}

uint32_t heap_stack_intern(struct heap_head *head, const struct heap_stack *stack, int64_t now_ns)
{
	uint64_t hash = stack->hash ? stack->hash : 1;
	uint64_t offset = look_all(head, hash);
	uint32_t n = stack->n, flags = stack->flags;
	struct heap_stack_row *row;

	if (offset)
		return (uint32_t)offset;
	if (n > HEAP_DEPTH_MAX) {
		n = HEAP_DEPTH_MAX;
		flags |= SPOOL_SAMPLE_TRUNCATED;
	}
	offset = take_units(head, sizeof *row / 8 + n);
	if (!offset) {
		heap_loss(head, HEAP_LOSS_STACK_ROOM, 1);
		return 0;
	}
	row = row_at(head, offset);
	row->n = n;
	row->flags = flags;
	row->t_ns = now_ns;
	memcpy(row + 1, stack->addresses ? stack->addresses : heap_stack_ask(stack),
	       n * sizeof stack->addresses[0]);
	atomic_store_explicit(&row->hash, hash, memory_order_release);
	count_quality(head, flags);
	return (uint32_t)remember(head, hash, offset);
}

void heap_stacks_drop(struct heap_head *head)
{
	for (uint32_t k = 0; k < TABLES; k++) {
		heap_unmap(head, (void *)atomic_load(&known.words[k]), bytes_of(k));
		atomic_store(&known.words[k], NULL);
		atomic_store(&known.used[k], 0);
	}
}

uint32_t heap_thread_row_add(struct heap_head *head, int tid, int64_t now_ns)
{
	uint32_t used = atomic_load_explicit(&head->threads_used, memory_order_relaxed);
	struct heap_thread_row *row;

	do {
		if (used >= head->threads_max ||
		    heap_file_room(head, HEAP_PART_THREADS, (used + 1) * sizeof *row)) {
			heap_loss(head, HEAP_LOSS_NO_THREAD, 1);
			return 0;
		}
	} while (!atomic_compare_exchange_weak(&head->threads_used, &used, used + 1));
	row = (struct heap_thread_row *)((uintptr_t)head + head->threads_offset) + used;
	row->start_ns = now_ns;
	atomic_store_explicit(&row->tid, tid, memory_order_release);
	return used;
}
