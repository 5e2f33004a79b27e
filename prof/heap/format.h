/* What a process image's heap file (PID.N.heap, beside its spool file) holds, byte by byte: sums of memory
 * by site, updated in place by the target, readable by others at any time and after its death. All of it is
 * bounded: a site is a place where memory is asked for (stack x thread x stage), not a block.
 *
 *   head | threads: heap_thread_row[threads_max] | sites: heap_site[sites_max] | stacks: bytes
 *
 * The file is sparse. Memory is put under a part before it is used (as with rings), so that writing never
 * faults. Words are relaxed atomics of 8 bytes: a reader of a running target may see one event half done. */
#ifndef HEAP_FORMAT_H
#define HEAP_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_VERSION 1
#define HEAP_MAGIC   0x31504145484f5250u /* "PROHEAP1" little-endian */
#define HEAP_SUFFIX  ".heap"

/* Limits of a file; smaller ones are chosen where address space or the size of files is limited
 * (RLIMIT_AS, RLIMIT_FSIZE). Sites are made as long as
 *   - less than sites_max are in use, and there is memory for them: what comes later is booked at the one
 *     site of last resort that each shard has for each kind ("[site table full]", stack 0, no thread);
 *   - less than HEAP_SITES_STAGED (or half of sites_max) are: later ones know no stage;
 *   - less than HEAP_SITES_THREADED (or three quarters of sites_max) are: later ones know no thread either (row
 *     0), so that what is added then is bounded by the program's code, not by its length;
 *   - of a shard, HEAP_STAGES_MAX different stages have sites of their own: later stages are booked under
 *     stage 0.
 * Each event that is booked more coarsely is counted: HEAP_LOSS_FOLDED, HEAP_LOSS_SITE_TABLE. */
#define HEAP_SITES_MAX      (1u << 20) /* 128 MiB of addresses */
#define HEAP_SITES_STAGED   (1u << 17) /* 16 MiB */
#define HEAP_SITES_THREADED (1u << 18) /* 32 MiB */
#define HEAP_STAGES_MAX     4096u
#define HEAP_THREADS_MAX    (1u << 16)
#define HEAP_STACKS_MAX     (64u << 20) /* bytes */
#define HEAP_DEPTH_MAX      512         /* addresses of a stack; deeper ones keep the leaf end */
#define HEAP_SHARDS         64

enum heap_mode { HEAP_OFF, HEAP_SAMPLED, HEAP_FULL }; /* as spool_session.memory_mode */

enum heap_site_kind {
	HEAP_SITE_MALLOC = 1, /* blocks of the malloc family */
	HEAP_SITE_MAP,        /* address space: mmap and its kin, brk, thread stacks */
	HEAP_SITE_COPY,       /* bytes copied: only alloc_* and variance are used */
};

/* Addresses of a stack below this one stand for words, not code. */
enum heap_label {
	HEAP_LABEL_THREAD_STACK = 1, /* "[thread stack]" */
	HEAP_LABEL_BRK = 2,          /* "[brk]" */
	HEAP_LABEL_TABLE_FULL = 3,   /* "[site table full]" */
	HEAP_LABELS = 16
};

/* Why something is not in the sums; counted in heap_head.losses. */
enum heap_loss {
	HEAP_LOSS_IN_HANDLER, /* a signal handler allocated or freed in the middle of our own work */
	HEAP_LOSS_SITE_TABLE,  /* events that went to the one site that takes all others */
	HEAP_LOSS_STACK_ROOM,  /* stacks for which there was no room: likewise */
	HEAP_LOSS_TAG_TABLE,   /* sampled blocks whose end will not be seen */
	HEAP_LOSS_FREE_UNSEEN, /* blocks whose address was given out again though nobody freed it */
	HEAP_LOSS_NO_MEMORY,   /* no page for our own tables: blocks that are not followed */
	HEAP_LOSS_NO_UNWIND,   /* stacks that end early: no unwind information */
	HEAP_LOSS_TRUNCATED,   /* stacks deeper than HEAP_DEPTH_MAX */
	HEAP_LOSS_NO_THREAD,   /* threads without a row of their own: events under row 0 */
	HEAP_LOSS_FOLDED,      /* events booked without their stage or thread */
	HEAP_LOSSES
};

/* Counts are in units of 1 / count_unit blocks: 1 in full mode, 65536 in sampled mode, where a sampled
 * block stands for 1 / p of them. Bytes are as requested, scaled by 1 / p and rounded in sampled mode. Of
 * copies, which are sampled in both, always 1 / 65536 calls. */
#define HEAP_COUNT_UNIT_SAMPLED 65536u

struct heap_site {            /* 128 bytes: the first line is what each event writes */
	_Atomic uint64_t key; /* of (stack, stage, kind, thread) in its shard's index */
	_Atomic uint64_t alloc_bytes, alloc_count;
	_Atomic uint64_t freed_bytes, freed_count; /* live = alloc - freed */
	/* Number of the heap's high-water mark that peak_* are of. If it is not heap_head.gen, then what is live
	 * now was live at the last mark, because nothing happened here since. */
	_Atomic uint64_t gen;
	/* Sums over blocks of the time of their begin and of their end, in ticks of 2^16 ns since
	 * heap_head.start_ns: (died + live_count * now - born) / alloc_count is the mean life. */
	_Atomic uint64_t born, died;
	_Atomic uint64_t peak_bytes, peak_count; /* live at that mark */
	_Atomic uint64_t temporary_bytes, temporary_count;
	/* Sampled: bits of a double, estimated variance of alloc_bytes. */
	_Atomic uint64_t variance;
	_Atomic uint64_t stage; /* as spool_stage_begin.id; 0: none */
	/* Its record at stacks_offset + 8 * stack; 0: none (labelled table full). */
	_Atomic uint32_t stack;
	_Atomic uint32_t thread; /* row in the table of threads; 0: unknown */
	_Atomic uint32_t kind;   /* enum heap_site_kind, written last; 0: not in use (yet) */
	uint32_t shard;
};
_Static_assert(sizeof(struct heap_site) == 128, "two cache lines, part of the format");
_Static_assert(offsetof(struct heap_site, peak_bytes) == 64, "the second line");

/* Site 0 is never used: 0 is "none" wherever a site is meant. Then the sites of last resort, kind by kind
 * within shard by shard; then the others as they come. */
#define HEAP_SITE_KINDS     3u
#define HEAP_SITES_RESERVED (1u + HEAP_SHARDS * HEAP_SITE_KINDS)

static inline uint32_t heap_site_last_resort(uint32_t shard, enum heap_site_kind kind)
{
	return 1 + shard * HEAP_SITE_KINDS + (uint32_t)kind - 1;
}

struct heap_thread_row {     /* row 0 stands for threads that have none */
	_Atomic int32_t tid; /* written last; 0: not in use (yet) */
	uint32_t reserved;
	int64_t start_ns; /* CLOCK_MONOTONIC when it was first seen here */
};

struct heap_stack_row { /* then n addresses, as spool_sample's: the innermost first */
	uint32_t n;
	uint32_t flags; /* enum spool_sample_flags */
	int64_t t_ns;
	_Atomic uint64_t hash; /* written last, never 0 then: a row of 0 is not complete */
};
_Static_assert(sizeof(struct heap_stack_row) == 24, "part of the format");

struct heap_shard_sum { /* a line each */
	_Atomic int64_t live_bytes;
	_Atomic int64_t live_count; /* in count units */
	uint64_t pad[6];
};

#define HEAP_OWN_RANGES 256
struct heap_range {
	_Atomic uint64_t start, bytes; /* bytes 0: not in use */
};

struct heap_head {
	uint64_t magic;
	uint32_t version, head_bytes; /* head_bytes: threads begin there */
	uint64_t file_bytes;
	uint64_t threads_offset, sites_offset, stacks_offset, stacks_bytes;
	uint32_t threads_max, sites_max;
	uint32_t mode, count_unit;
	uint64_t rate_bytes;      /* sampled: mean distance of samples */
	uint64_t copy_rate_bytes; /* the same for bytes copied, which are sampled in both modes */
	uint32_t
		temporary; /* blocks freed within that many next allocations of their thread, 1: at once */
	int32_t pid;
	uint32_t image;
	uint32_t
		foreign_malloc; /* 1: the program has a malloc of its own, whose calls do not leave it */
	int64_t start_ns;
	/* Used so far. Below, memory is under everything, but what is just being made is not complete: see kind,
	 * tid, hash. Stacks: units of 8 bytes, the first one is never used. */
	_Atomic uint32_t threads_used, sites_used;
	_Atomic uint64_t stacks_used;
	/* The heap's high-water mark: its number, bytes, blocks, time; and address space mapped at it. */
	_Atomic uint64_t gen;
	_Atomic int64_t peak_bytes, peak_count, peak_ns;
	_Atomic int64_t peak_mapped_bytes;
	_Atomic int64_t mapped_bytes; /* now */
	_Atomic uint64_t ended;       /* 1: the tables are final */
	_Atomic uint64_t losses[HEAP_LOSSES];
	_Alignas(64) struct heap_shard_sum shards[HEAP_SHARDS];
	/* Our own memory in the target, to be taken off its resident set. */
	struct heap_range own[HEAP_OWN_RANGES];
};

#define HEAP_HEAD_BYTES 16384u
_Static_assert(sizeof(struct heap_head) <= HEAP_HEAD_BYTES, "the head is four pages");

#endif
