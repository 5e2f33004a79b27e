/* How many bytes the program copies, and where: the copying functions of libc, each of which takes what it is
 * asked for off the thread's countdown and jumps on to the next definition, so that it stands in no stack and
 * overlaps, results and refusals (of the _chk forms) are libc's own. A copy of n bytes counts as n + 1; every so
 * many bytes (heap_head.copy_rate_bytes on average) one is a sample: prof/heap/sampler.h. Strings are measured
 * first, while memory is tracked at all. Copies that compilers put in place of a call are not seen.
 *
 * Other libraries call in here before ours is relocated: until the next definitions are known, which is never
 * looked up from in here, no memory is used that a relocation points at, and libc.c does the copying. Signal-safe,
 * as these functions are; errno is kept. Built without builtins.h, which is for all others. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <wchar.h>

#include "prof/agent/agent.h"
#include "prof/agent/mem.h"
#include "prof/base/clock.h"
#include "prof/heap/sampler.h"

/* Bytes until a thread looks again whether tracking has begun (pp_start). */
#define LOOK_AGAIN (1 << 20)

/* libc.c */
__attribute__((visibility("hidden"))) void *agent_memmove(void *to, const void *from, size_t n);

/* Where the thread's distances come from; 0: none was drawn yet. */
static __thread uint64_t random_state __attribute__((tls_model("initial-exec")));

/* Found with all others that the agent stands before, or by find_next(). */
#define NEXT(name)                                                                                 \
	static struct agent_next_entry next_##name                                                 \
		__attribute__((section("agent_lookups"), used)) = {.called = #name}
#define GO(name)                                                                                   \
	((__typeof__(&(name)))atomic_load_explicit(&next_##name.found, memory_order_relaxed))

/* ---- samples --------------------------------------------------------------------------------- */

static _Atomic uint64_t last_rate;

static int64_t draw(uint64_t rate)
{
	atomic_store_explicit(&last_rate, rate, memory_order_relaxed);
	/* The time, so that a forked child does not draw what its parent does. */
	random_state ^= (uint64_t)clock_mono_ns() << 16 ^ (uint64_t)&random_state;
	random_state |= 1;
	return heap_sample_gap(&random_state, rate);
}

/* A handler that interrupted our own work made a copy that would be a sample. */
static void lose(void)
{
	struct heap_head *head = heap_file();

	if (head)
		heap_loss(head, HEAP_LOSS_IN_HANDLER, 1);
	mem_tls.copy_left = draw(atomic_load_explicit(&last_rate, memory_order_relaxed));
}

/* Tracking is off: a distance is drawn when it is on. */
static void look_again(void)
{
	random_state = 0;
	mem_tls.copy_left = LOOK_AGAIN;
}

static void copied(uint64_t bytes, const struct mem_caller *caller)
{
	struct mem_thread *t = mem_enter();
	const struct heap_head *head = t ? heap_file() : NULL; /* another thread may be ending it */
	struct heap_stack stack;
	int64_t left = 0;

	if (!t && mem_tls.thread && mem_heap_thread(mem_tls.thread)->busy && random_state) {
		lose();
	} else if (!head) {
		look_again();
	} else {
		if (!random_state)
			left = draw(head->copy_rate_bytes) - (int64_t)bytes - 1;
		if (left <= 0) {
			mem_stack(t, caller, &stack);
			heap_copied(mem_heap_thread(t), bytes, &stack);
			left = draw(head->copy_rate_bytes);
		}
		mem_tls.copy_left = left;
	}
	if (t)
		mem_leave(t);
}

static inline int is_due(uint64_t bytes)
{
	mem_tls.copy_left -= (int64_t)(bytes + 1);
	return __builtin_expect(mem_tls.copy_left <= 0, 0) != 0;
}

typedef void any_fn(void);
typedef void *words_fn(uint64_t, uint64_t, uint64_t, uint64_t);

/* Reached by a jump from what the program called, hence with its frame; four words are the most that these
 * functions take, and two more what the ABI has registers for. */
static __attribute__((noinline)) void *slow(uint64_t a, uint64_t b, uint64_t c, uint64_t d,
					    any_fn *go, uint64_t bytes)
{
	struct mem_caller caller = MEM_CALLER();
	int saved = errno;

	copied(bytes, &caller);
	errno = saved;
	return ((words_fn *)go)(a, b, c, d);
}

#define WORD(x) ((uint64_t)(x))

/* ---- before the next definition is known ------------------------------------------------------ */

/* What does not fit is refused by the _chk forms, here less politely. Two forms of each: what they return is the
 * beginning, or the end of what was written. */
#define EARLY static __attribute__((noinline))

EARLY void *early_move(void *to, const void *from, size_t bytes, size_t room)
{
	if (bytes > room)
		__builtin_trap();
	return agent_memmove(to, from, bytes);
}

EARLY void *early_move_end(void *to, const void *from, size_t bytes, size_t room)
{
	return (char *)early_move(to, from, bytes, room) + bytes;
}

/* A text of at most `max` characters and its end. */
EARLY char *early_text_end(char *to, const char *from, size_t max, size_t room)
{
	size_t n = strnlen(from, max);

	if (n >= room)
		__builtin_trap();
	agent_memmove(to, from, n);
	to[n] = '\0';
	return to + n;
}

EARLY char *early_text(char *to, const char *from, size_t max, size_t room)
{
	early_text_end(to, from, max, room);
	return to;
}

/* The same, behind the text that is there. */
EARLY char *early_more(char *to, const char *from, size_t max, size_t room)
{
	size_t n = strlen(to);

	early_text_end(to + n, from, max, room > n ? room - n : 0);
	return to;
}

/* As strncpy(): n characters, zeros behind the text. */
EARLY char *early_field_end(char *to, const char *from, size_t n, size_t room)
{
	size_t len = strnlen(from, n);

	if (n > room)
		__builtin_trap();
	agent_memmove(to, from, len);
	memset(to + len, 0, n - len);
	return to + len;
}

EARLY char *early_field(char *to, const char *from, size_t n, size_t room)
{
	early_field_end(to, from, n, room);
	return to;
}

EARLY void *early_until(char *to, const char *from, int last, size_t n)
{
	for (; n > 0; n--) {
		*to++ = *from;
		if ((unsigned char)*from++ == (unsigned char)last)
			return to;
	}
	return NULL;
}

/* ---- by length ------------------------------------------------------------------------------- */

/* name(to, from, n) copies n units; `first` is what it does meanwhile. */
#define BY_LENGTH(name, type, first)                                                               \
	NEXT(name);                                                                                \
	AGENT_EXPORT type *name(type *to, const type *from, size_t n)                              \
	{                                                                                          \
		__typeof__(&(name)) go = GO(name);                                                 \
                                                                                                   \
		if (__builtin_expect(!go, 0))                                                      \
			return first;                                                              \
		if (is_due(n * sizeof *to))                                                        \
			return slow(WORD(to), WORD(from), n, 0, (any_fn *)go, n * sizeof *to);     \
		return go(to, from, n);                                                            \
	}

/* The fortified form, which knows how much room there is, in units. */
#define BY_LENGTH_CHK(name, type, first)                                                           \
	type *name(type *to, const type *from, size_t n, size_t room);                             \
	NEXT(name);                                                                                \
	AGENT_EXPORT type *name(type *to, const type *from, size_t n, size_t room)                 \
	{                                                                                          \
		__typeof__(&(name)) go = GO(name);                                                 \
                                                                                                   \
		if (__builtin_expect(!go, 0))                                                      \
			return first;                                                              \
		if (is_due(n * sizeof *to))                                                        \
			return slow(WORD(to), WORD(from), n, room, (any_fn *)go, n * sizeof *to);  \
		return go(to, from, n, room);                                                      \
	}

#define BYTES (n * sizeof *to)
#define ROOM  (room * sizeof *to)

BY_LENGTH(memcpy, void, early_move(to, from, BYTES, SIZE_MAX))
BY_LENGTH(memmove, void, early_move(to, from, BYTES, SIZE_MAX))
BY_LENGTH(mempcpy, void, early_move_end(to, from, BYTES, SIZE_MAX))
BY_LENGTH(__mempcpy, void, early_move_end(to, from, BYTES, SIZE_MAX))
BY_LENGTH(wmemcpy, wchar_t, early_move(to, from, BYTES, SIZE_MAX))
BY_LENGTH(wmemmove, wchar_t, early_move(to, from, BYTES, SIZE_MAX))
BY_LENGTH(wmempcpy, wchar_t, early_move_end(to, from, BYTES, SIZE_MAX))
BY_LENGTH(strncpy, char, early_field(to, from, n, SIZE_MAX))
BY_LENGTH(stpncpy, char, early_field_end(to, from, n, SIZE_MAX))
BY_LENGTH(__stpncpy, char, early_field_end(to, from, n, SIZE_MAX))

BY_LENGTH_CHK(__memcpy_chk, void, early_move(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__memmove_chk, void, early_move(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__mempcpy_chk, void, early_move_end(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__wmemcpy_chk, wchar_t, early_move(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__wmemmove_chk, wchar_t, early_move(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__wmempcpy_chk, wchar_t, early_move_end(to, from, BYTES, ROOM))
BY_LENGTH_CHK(__strncpy_chk, char, early_field(to, from, n, room))
BY_LENGTH_CHK(__stpncpy_chk, char, early_field_end(to, from, n, room))

NEXT(bcopy);
AGENT_EXPORT void bcopy(const void *from, void *to, size_t n)
{
	__typeof__(&bcopy) go = GO(bcopy);

	if (__builtin_expect(!go, 0))
		early_move(to, from, n, SIZE_MAX);
	else if (is_due(n))
		slow(WORD(from), WORD(to), n, 0, (any_fn *)go, n);
	else
		go(from, to, n);
}

/* ---- texts ----------------------------------------------------------------------------------- */

NEXT(strlen);
NEXT(strnlen);

typedef char sixteen __attribute__((vector_size(16), aligned(1), may_alias));

/* Bytes that a text of less than 32 characters takes with its end, or 0. Reads no page that the text may not
 * touch. */
static inline size_t short_text_bytes(const char *s)
{
	uint32_t ends;

	if (((uintptr_t)s & 4095) > 4096 - 32)
		return 0;
	ends = (uint32_t)__builtin_ia32_pmovmskb128(*(const sixteen *)s == 0) |
	       (uint32_t)__builtin_ia32_pmovmskb128(*(const sixteen *)(s + 16) == 0) << 16;
	return ends ? (size_t)__builtin_ctz(ends) + 1 : 0;
}

static inline int is_tracked(void)
{
	return atomic_load_explicit(mem_gate, memory_order_relaxed) != 0;
}

/* All these functions take the text second. Reached, as slow() is, by a jump. */
static __attribute__((noinline)) void *long_text(uint64_t a, uint64_t from, uint64_t c, uint64_t d,
						 any_fn *go)
{
	uint64_t bytes = GO(strlen)((const char *)from) + 1;

	if (is_due(bytes))
		return slow(a, from, c, d, go, bytes);
	return ((words_fn *)go)(a, from, c, d);
}

/* name(to, from) and its fortified form. */
#define BY_TEXT(name, first)                                                                       \
	NEXT(name);                                                                                \
	AGENT_EXPORT char *name(char *to, const char *from)                                        \
	{                                                                                          \
		__typeof__(&(name)) go = GO(name);                                                 \
		size_t bytes;                                                                      \
                                                                                                   \
		if (__builtin_expect(!go, 0))                                                      \
			return first;                                                              \
		if (!is_tracked())                                                                 \
			return go(to, from);                                                       \
		bytes = short_text_bytes(from);                                                    \
		if (bytes == 0)                                                                    \
			return long_text(WORD(to), WORD(from), 0, 0, (any_fn *)go);                \
		if (is_due(bytes))                                                                 \
			return slow(WORD(to), WORD(from), 0, 0, (any_fn *)go, bytes);              \
		return go(to, from);                                                               \
	}
#define BY_TEXT_CHK(name, first)                                                                   \
	char *name(char *to, const char *from, size_t room);                                       \
	NEXT(name);                                                                                \
	AGENT_EXPORT char *name(char *to, const char *from, size_t room)                           \
	{                                                                                          \
		__typeof__(&(name)) go = GO(name);                                                 \
		size_t bytes;                                                                      \
                                                                                                   \
		if (__builtin_expect(!go, 0))                                                      \
			return first;                                                              \
		if (!is_tracked())                                                                 \
			return go(to, from, room);                                                 \
		bytes = short_text_bytes(from);                                                    \
		if (bytes == 0)                                                                    \
			return long_text(WORD(to), WORD(from), room, 0, (any_fn *)go);             \
		if (is_due(bytes))                                                                 \
			return slow(WORD(to), WORD(from), room, 0, (any_fn *)go, bytes);           \
		return go(to, from, room);                                                         \
	}

BY_TEXT(strcpy, early_text(to, from, PTRDIFF_MAX, SIZE_MAX))
BY_TEXT(stpcpy, early_text_end(to, from, PTRDIFF_MAX, SIZE_MAX))
BY_TEXT(__stpcpy, early_text_end(to, from, PTRDIFF_MAX, SIZE_MAX))
BY_TEXT(strcat, early_more(to, from, PTRDIFF_MAX, SIZE_MAX))
BY_TEXT_CHK(__strcpy_chk, early_text(to, from, PTRDIFF_MAX, room))
BY_TEXT_CHK(__stpcpy_chk, early_text_end(to, from, PTRDIFF_MAX, room))
BY_TEXT_CHK(__strcat_chk, early_more(to, from, PTRDIFF_MAX, room))

NEXT(strncat);
AGENT_EXPORT char *strncat(char *to, const char *from, size_t max)
{
	__typeof__(&strncat) go = GO(strncat);
	size_t bytes;

	if (__builtin_expect(!go, 0))
		return early_more(to, from, max, SIZE_MAX);
	if (is_tracked() && is_due(bytes = GO(strnlen)(from, max) + 1))
		return slow(WORD(to), WORD(from), max, 0, (any_fn *)go, bytes);
	return go(to, from, max);
}

char *__strncat_chk(char *to, const char *from, size_t max, size_t room);
NEXT(__strncat_chk);
AGENT_EXPORT char *__strncat_chk(char *to, const char *from, size_t max, size_t room)
{
	__typeof__(&__strncat_chk) go = GO(__strncat_chk);
	size_t bytes;

	if (__builtin_expect(!go, 0))
		return early_more(to, from, max, room);
	if (is_tracked() && is_due(bytes = GO(strnlen)(from, max) + 1))
		return slow(WORD(to), WORD(from), max, room, (any_fn *)go, bytes);
	return go(to, from, max, room);
}

static void *give_back(uint64_t end, uint64_t b, uint64_t c, uint64_t d)
{
	(void)b;
	(void)c;
	(void)d;
	return (void *)end;
}

/* How much it copied is known when it is done. */
NEXT(memccpy);
AGENT_EXPORT void *memccpy(void *to, const void *from, int last, size_t n)
{
	__typeof__(&memccpy) go = GO(memccpy);
	char *end;
	uint64_t bytes;

	if (__builtin_expect(!go, 0))
		return early_until(to, from, last, n);
	end = go(to, from, last, n);
	bytes = end ? (uint64_t)(end - (char *)to) : n;
	if (is_due(bytes))
		return slow(WORD(end), 0, 0, 0, (any_fn *)give_back, bytes);
	return end;
}

/* Also when nothing is recorded: before its look-up each of these is slow. */
static __attribute__((constructor(101))) void find_next(void)
{
	static struct agent_next_entry *const all[] = {
		&next_memcpy,         &next_memmove,       &next_mempcpy,
		&next___mempcpy,      &next_wmemcpy,       &next_wmemmove,
		&next_wmempcpy,       &next_strncpy,       &next_stpncpy,
		&next___stpncpy,      &next___memcpy_chk,  &next___memmove_chk,
		&next___mempcpy_chk,  &next___wmemcpy_chk, &next___wmemmove_chk,
		&next___wmempcpy_chk, &next___strncpy_chk, &next___stpncpy_chk,
		&next_bcopy,          &next_strlen,        &next_strnlen,
		&next_strcpy,         &next_stpcpy,        &next___stpcpy,
		&next_strcat,         &next___strcpy_chk,  &next___stpcpy_chk,
		&next___strcat_chk,   &next_strncat,       &next___strncat_chk,
		&next_memccpy,
	};

	/* Those of the lengths first: the others count on them. */
	(void)agent_next(&next_strlen);
	(void)agent_next(&next_strnlen);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		(void)agent_next(all[i]);
}
