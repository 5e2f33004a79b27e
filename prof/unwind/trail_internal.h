/* What is remembered of a thread's stacks, piece by piece; shared by trail.c (the walk) and trail_parts.c
 * (the pieces). Private to prof/unwind. */
#ifndef UNWIND_TRAIL_INTERNAL_H
#define UNWIND_TRAIL_INTERNAL_H

#include "prof/unwind/cache.h"
#include "prof/unwind/memory.h"
#include "prof/unwind/trail.h"

#define TRAIL_DEPTH UNWIND_TRAIL_DEPTH_MAX
#define TRAIL_PART  8 /* frames of a piece, but of the outermost one */

/* Sizes by which a thread's memory holds what a busy one does in turn; older pieces give way. */
#define TRAIL_SETS      256 /* of so many shapes: 64 KiB */
#define TRAIL_WAYS      4
#define TRAIL_KNOWN     512 /* sets of four sums: 16 KiB */
#define TRAIL_WORDS_MAX 15  /* of a part */

#define TRAIL_PATHS       64 /* sets of two: 40 KiB */
#define TRAIL_PATH_FRAMES 48 /* deeper stacks are put together from pieces */
#define TRAIL_PATH_WORDS  8
/* A stack without a path weighs as much as so many with one; when that grows over the limit, none is tried for
 * a while. */
#define TRAIL_PATH_MISS  4
#define TRAIL_PATH_BAD   64
#define TRAIL_PATH_PAUSE 512

#define TRAIL_MIX 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */

/* Where everything lies that decides on a piece that begins with the frame (ra, sp): a cache line. Places
 * are offsets from sp. Frames are told by the return address that leads into them, as it lies in the stack. */
struct trail_shape {
	uint64_t ra, sp;
	uint64_t salt;              /* another one for each shape that was ever made; 0: none */
	uint32_t place[TRAIL_PART]; /* of the return addresses */
	uint32_t save;              /* of bp, the last time it was saved, plus 1; 0: it was not */
	uint8_t frames;
	uint8_t has_bp; /* the value that bp has at its beginning matters */
	uint8_t words;  /* others that do */
	uint8_t flags;
};

enum trail_flags {
	TRAIL_ROOT = 1,  /* the last frame is the outermost: one return address less */
	TRAIL_WORDS = 2, /* there is more to check than return addresses */
};

/* The words of a shape, each with its value: saved frame pointers that a CFA counts from, the CFA that a
 * realigned frame keeps; all as offsets from sp. */
struct trail_words {
	uint32_t at[TRAIL_WORDS_MAX], value[TRAIL_WORDS_MAX];
	uint32_t bp, pad; /* the value of bp, if it matters */
};

/* The same for a whole stack, so that no load waits for what a piece before it held. */
struct trail_path {
	uint64_t ra, sp, salt;
	uint8_t parts, last_frames, words, has_bp;
	uint32_t bp;
	uint32_t place[TRAIL_PATH_FRAMES];
	uint32_t at[TRAIL_PATH_WORDS], value[TRAIL_PATH_WORDS];
};

struct unwind_trail {
	uint32_t depth_max;
	uint32_t generation;     /* of the map that all of this is about */
	volatile uint32_t at_it; /* something is being remembered, or that never came to its end */
	uint32_t victim;
	uint64_t made; /* shapes */
	uint64_t hi;   /* of the stack */
	uint64_t bp;   /* the first one of the walk at hand */

	/* The walk at hand or the last one, as far as it came: along a path, in pieces, or in `out` as
	 * unwind() wrote it. */
	const struct trail_path *path;
	uint32_t parts;
	uint32_t path_bad, path_pause;
	const struct trail_shape *part[TRAIL_DEPTH / TRAIL_PART];

	struct unwind_entry start; /* only `next`: of the leaf */
	uint64_t out[TRAIL_DEPTH + TRAIL_PART];
	_Alignas(64) struct trail_shape shapes[TRAIL_SETS][TRAIL_WAYS];
	uint64_t known[TRAIL_KNOWN][4]; /* sums of pieces, each with its shape's salt */
	struct trail_words words[TRAIL_SETS][TRAIL_WAYS];
	_Alignas(64) struct trail_path paths[TRAIL_PATHS][2];
};

/* A walk under way: the frame at hand is in none of the pieces yet. */
struct trail_walk {
	uint64_t ra, sp;
	uint64_t sum; /* of the hash */
	uint32_t parts;
};

/* ---- the hash ----------------------------------------------------------------------------------- */

/* Factors of the return addresses of a piece, counted from its end; zeros where there is none. */
extern const uint64_t trail_factors[2 * TRAIL_PART];
#define TRAIL_FACTOR(frames) (&trail_factors[TRAIL_PART + (frames)-1])

static inline uint64_t trail_add(uint64_t sum, uint64_t part)
{
	return sum * 0x9fb21c651e98df25u + part;
}

/* Of the stack, between sp and its end; it may belong to anything there, which sanitizers would not like. */
__attribute__((no_sanitize("address"))) static inline uint64_t trail_word(uint64_t address)
{
	uint64_t word;

	__builtin_memcpy(&word, (const void *)(uintptr_t)address, sizeof word);
	return word;
}

static inline struct trail_shape *trail_set(struct unwind_trail *t, uint64_t ra, uint64_t sp)
{
	return t->shapes[((ra ^ sp << 20) * TRAIL_MIX >> 40) % TRAIL_SETS];
}

static inline struct trail_words *trail_words_of(struct unwind_trail *t,
						 const struct trail_shape *s)
{
	return &t->words[0][0] + (s - &t->shapes[0][0]);
}

static inline struct trail_path *trail_paths(struct unwind_trail *t, uint64_t ra, uint64_t sp)
{
	return t->paths[((ra ^ sp << 20) * TRAIL_MIX >> 40) % TRAIL_PATHS];
}

/* Where a sum is found if it is that of a piece of this shape, or of a stack along this path. */
static inline uint64_t *trail_known(struct unwind_trail *t, uint64_t salt, uint64_t sum,
				    uint64_t *tag)
{
	*tag = (sum + salt) | 1; /* 0: empty */
	return t->known[*tag >> 40 & (TRAIL_KNOWN - 1)];
}

static inline void trail_note(struct unwind_trail *t, uint64_t salt, uint64_t sum)
{
	uint64_t tag, *set = trail_known(t, salt, sum, &tag);

	set[t->victim++ % 4] = tag;
}

/* Where the bp of the frame at hand is to be had, with so many parts before it. */
static inline uint64_t trail_bp_at(const struct unwind_trail *t, uint32_t parts)
{
	while (parts-- > 0)
		if (t->part[parts]->save)
			return t->part[parts]->sp + t->part[parts]->save - 1;
	return (uint64_t)(uintptr_t)&t->bp;
}

/* ---- trail_parts.c, trail_path.c */

void trail_forget(struct unwind_trail *t);
void trail_forget_paths(struct unwind_trail *t);
/* The walk that is in t->part, to the root and with this sum, is known as a path from now on. */
void trail_add_path(struct unwind_trail *t, uint64_t sum);
/* The piece at hand by its rules, remembered from now on; w is at the next one then. 0, or -1: it is not
 * plain. */
int trail_by_rules(struct unwind_trail *t, struct trail_walk *w, const struct unwind_memory *memory,
		   const struct unwind_map *map, struct unwind_cache *cache);

#endif
