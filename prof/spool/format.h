/* What lies in the shared memory between target and supervisor, byte by byte. Both sides map the same
 * files; each side may die at any moment, and what was published before stays readable.
 *
 * A session is a folder:  session   one page: what is recorded and who supervises (struct spool_session)
 *                         PID.N     one file per process image (struct spool_head, then its rings);
 *                                   N counts images of the session (exec starts a new one)
 *                         PID.N.mod what the supervisor notes of its modules, for a successor
 *                         PID.N.heap sums of its memory by site (prof/heap/format.h), when tracked
 * A ring has one producer (a thread of the target, handlers of that thread included, one record at a
 * time) and one consumer. `head` and `tail` count bytes since the beginning, never wrapping; a record
 * lies at (offset % ring_bytes), padded to 8, and never wraps around: a SPOOL_PAD record fills the rest.
 * The producer publishes a record by moving `head` after all its bytes are in place. */
#ifndef SPOOL_FORMAT_H
#define SPOOL_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#define SPOOL_VERSION       1
#define SPOOL_SESSION_MAGIC 0x31534553504f5250u /* "PROPSES1" little-endian */
#define SPOOL_FILE_MAGIC    0x314c4f4f504f5250u /* "PROPOOL1" */
#define SPOOL_PAGE          4096u
#define SPOOL_PATH_MAX      256 /* of a session folder, with its NUL */

enum spool_engine { SPOOL_ENGINE_AUTO, SPOOL_ENGINE_PERF, SPOOL_ENGINE_CLOCK, SPOOL_ENGINE_NONE };
enum spool_mode { SPOOL_MODE_CPU, SPOOL_MODE_WALL };
enum spool_session_state {
	SPOOL_RUNNING = 1,
	SPOOL_STOP_ASKED, /* by pp_stop(): drain everything, complete the store */
	SPOOL_DONE,       /* the store is complete */
	SPOOL_FAILED,     /* the supervisor gave up; `error` says why */
	SPOOL_CLOSED,     /* nobody drains any more: agents fall silent */
};

#define SPOOL_SNAPSHOT_NAME_MAX 32

struct spool_session {
	uint64_t magic;
	uint32_t version, bytes;
	char run_id[40]; /* uuid text */
	int64_t started_real_ns, started_mono_ns;
	uint32_t rate_hz;
	uint32_t engine, mode; /* enums above; as asked for */
	uint32_t children;     /* follow fork and exec */
	uint32_t sql;          /* 1: statements by caller, sqlfile.h */
	uint32_t sql_params;   /* examples of parameters that are kept of a statement; 0: none */
	uint32_t ring_bytes;   /* per thread, a power of two */
	uint32_t memory_mode;  /* enum heap_mode: 0 off, 1 sampled, 2 full */
	uint32_t memory_temporary;  /* blocks freed within that many next allocations are; 0: 1 */
	uint64_t memory_rate_bytes; /* sampled: mean distance of samples; 0: 512 KiB */
	char cache_dir[SPOOL_PATH_MAX]; /* of unwind tables; "" none */
	_Atomic uint32_t state;         /* enum spool_session_state; also a futex word */
	_Atomic int32_t supervisor_pid;
	char error[256];             /* SPOOL_FAILED: why */
	_Atomic uint32_t next_image; /* numbers of PID.N files */
	/* Snapshots of the heap: anyone adds 1 to `asked`; the supervisor sets `done` to the value of `asked`
	 * that it saw before it took one. Futex words. */
	_Atomic uint32_t snapshot_asked, snapshot_done;
	char snapshot_name
		[SPOOL_SNAPSHOT_NAME_MAX]; /* who asks may write one before; "": "asked" */
};

#define SPOOL_RING_BYTES_MIN 4096u
#define SPOOL_RING_BYTES_MAX (64u << 20)
#define SPOOL_RINGS_MAX      4096
#define SPOOL_NAME_MAX       16

enum spool_ring_state {
	SPOOL_RING_FREE = 0,
	SPOOL_RING_USED = 1,
	SPOOL_RING_ENDED = 2, /* its thread is gone; free again once drained */
};

/* Why records are missing; counted by the producer, read by the consumer. Names: spool_loss_name(),
 * the ones of the store's table `loss`. */
enum spool_loss {
	SPOOL_LOSS_RING_FULL,
	SPOOL_LOSS_LATE_TICK,
	SPOOL_LOSS_TRUNCATED,
	SPOOL_LOSS_NO_UNWIND_INFO,
	SPOOL_LOSS_TORN,
	SPOOL_LOSS_TABLE_FULL,
	SPOOL_LOSS_DISK_FULL,
	SPOOL_LOSS_RECORD_DROPPED,
	SPOOL_RING_LOSSES,                           /* the ones above are counted per ring; */
	SPOOL_LOSS_THREAD_LIMIT = SPOOL_RING_LOSSES, /* in spool_head.losses: there is no ring */
	SPOOL_LOSSES
};

struct spool_ring { /* 256 bytes; producer's and consumer's words on lines of their own */
	_Atomic uint32_t state;
	_Atomic int32_t tid;
	_Atomic uint64_t opened; /* how often this ring was claimed */
	uint8_t pad0[48];
	_Atomic uint64_t head;
	_Atomic uint64_t cpu_ns;  /* of the thread, as of its last record */
	_Atomic uint64_t ticks;   /* handler calls of this claim */
	_Atomic uint64_t samples; /* records of kind sample written in this claim */
	uint8_t pad1[32];
	_Atomic uint64_t tail;
	uint8_t pad2[56];
	_Atomic uint64_t losses[SPOOL_RING_LOSSES]; /* since the ring was made */
};
_Static_assert(sizeof(struct spool_ring) == 256, "descriptors are part of the format");

enum spool_ended {
	SPOOL_ENDED_EXIT = 1, /* or the program stopped the recording */
	SPOOL_ENDED_EXEC,     /* replaced by another image */
	SPOOL_ENDED_SEALED,   /* a seccomp filter that would have killed it for our calls */
};

struct spool_head {
	uint64_t magic;
	uint32_t version, head_bytes; /* descriptors begin at head_bytes: rings_max of them */
	uint64_t file_bytes;
	uint64_t rings_offset; /* first ring's bytes; ring i at rings_offset + i * ring_bytes */
	uint32_t ring_bytes, rings_max;
	_Atomic uint32_t rings_used; /* descriptors ever claimed: 0 … rings_used - 1 */
	_Atomic uint32_t ended;      /* enum spool_ended, 0: not yet */
	int32_t pid, ppid;
	uint32_t image;            /* N of the file's name */
	uint32_t engine;           /* in use, not as asked for */
	uint32_t signo;            /* of the agent's ticks */
	int32_t engine_errno;      /* why perf could not be used, 0: it is, or was not tried */
	int64_t start_ns;          /* CLOCK_MONOTONIC */
	uint64_t start_ticks;      /* field 22 of /proc/PID/stat: tells pids apart */
	char name[SPOOL_NAME_MAX]; /* comm */
	char exe[1024];
	_Atomic int64_t self_cpu_ns;    /* spent in handlers, estimated: ticks x measured cost */
	_Atomic int64_t process_cpu_ns; /* of the whole process, at its end (ended != 0) */
	_Atomic int64_t max_rss_bytes;  /* at its end */
	_Atomic int32_t
		ask_tid[16]; /* supervisor to agent: threads it found without a ring; 0: none */
	_Atomic uint64_t losses[SPOOL_LOSSES]; /* of the image, where no ring could count */
	char file[SPOOL_PATH_MAX + 32];        /* path of this file */
};

/* Descriptor i, in a file whose head_bytes was checked. */
#define SPOOL_HEAD_BYTES SPOOL_PAGE
_Static_assert(sizeof(struct spool_head) <= SPOOL_HEAD_BYTES, "the head is one page");

/* Every record: this head, then the payload below, then padding to 8 bytes. */
struct spool_record {
	uint32_t bytes; /* whole record with padding, a multiple of 8 */
	uint16_t type;  /* enum spool_type */
	uint16_t flags;
	uint32_t
		crc; /* CRC-32C of everything after this word and of bytes, type, flags before it */
	uint32_t extra; /* by type */
	int64_t t_ns;   /* CLOCK_MONOTONIC */
};

enum spool_type {
	SPOOL_PAD = 0, /* no crc, no t_ns; only `bytes` counts (may be 8: no more than that word) */
	SPOOL_THREAD_START,  /* extra tid; payload: struct spool_thread */
	SPOOL_THREAD_NAME,   /* payload: name, SPOOL_NAME_MAX bytes */
	SPOOL_THREAD_END,    /* payload: u64 CPU ns of the thread since it started */
	SPOOL_MODULE_LOAD,   /* payload: struct spool_module, path (NUL-terminated) */
	SPOOL_MODULE_UNLOAD, /* payload: u64 start, u64 end */
	SPOOL_SAMPLE, /* extra: number of addresses; payload: struct spool_sample, u64 addresses */
	SPOOL_SAMPLE_RAW, /* as above, then struct spool_raw and stack bytes: unwind on from there */
	SPOOL_STAGE_BEGIN, /* payload: struct spool_stage_begin, name */
	SPOOL_STAGE_END,   /* payload: struct spool_stage_end, `extra` parameters */
	SPOOL_COUNTER,     /* payload: f64 value, name */
	SPOOL_FORK,        /* extra: the child's pid */
	SPOOL_ENV,         /* reserved */
	SPOOL_STAGE_WHOLE, /* payload: struct spool_stage_whole, `extra` parameters, name: BEGIN and END
	                      of a stage in which nothing was recorded; t_ns: its end */
	SPOOL_STAGE_FOLD, /* payload: struct spool_stage_fold, name: many short stages of one name, their
	                      number beyond what rows of their own are good for; t_ns: end of the last */
	SPOOL_STAGE_ADD, /* payload: struct spool_stage_add: what a thread that had adopted the stage
	                      used on its behalf; counts for the stage and for all around it, also when
	                      they have ended */
};

enum spool_stage_flags { /* of SPOOL_STAGE_END and SPOOL_STAGE_WHOLE */
			 SPOOL_STAGE_SHARED =
				 1, /* it had a token: what others do for it may come later */
};

enum spool_sample_flags { /* spool_record.flags of samples: enum unwind_end in the low 4 bits */
			  SPOOL_SAMPLE_END_MASK = 15,
			  SPOOL_SAMPLE_TRUNCATED = 16, /* leaf end kept */
			  SPOOL_SAMPLE_GUESSED = 32,   /* some frames without CFI */
			  SPOOL_SAMPLE_WALL = 64,      /* value is wall time */
};

struct spool_thread {
	int64_t start_cpu_ns; /* the thread's CPU clock when it got its ring */
	char name[SPOOL_NAME_MAX];
};

struct spool_module {
	uint64_t start, end; /* code range mapped executable */
	uint64_t bias;
	uint64_t file_offset; /* of `start` */
	char build_id[88];    /* hex, "" none */
};

struct spool_sample {
	int64_t value_ns; /* CPU time since the thread's sample before (or since it got its ring) */
	uint64_t stage_id; /* innermost open stage, 0: none */
	uint32_t state;    /* enum profile_state; 0 running */
	uint32_t reserved;
};

struct spool_raw { /* registers of the first frame that is not in the addresses, DWARF order */
	uint64_t reg[17];
	uint32_t known;
	uint32_t stack_bytes; /* copied from reg[7] (the stack pointer) upwards */
};

struct spool_stage_begin {
	uint64_t id;     /* unique in the process image, never 0 */
	uint64_t parent; /* 0: none */
	int64_t cpu_ns;  /* the thread's CPU clock */
};

#define SPOOL_PARAM_NAME_MAX 32
struct spool_param {
	char name[SPOOL_PARAM_NAME_MAX];
	double value;
};

struct spool_stage_end {
	uint64_t id;
	int64_t cpu_ns; /* used by the thread between begin and end */
	double items;   /* NaN: not given */
	int64_t alloc_bytes, alloc_count, peak_heap_bytes, peak_rss_bytes; /* -1: not measured */
};

/* A stage's BEGIN precedes everything that names it (samples, inner stages) in its thread's ring; its t_ns
 * may lie before that of records already read. A stage may end (END) on the ring it began on only. */
struct spool_stage_whole {
	uint64_t id, parent;
	int64_t wall_ns, cpu_ns; /* began at t_ns - wall_ns */
	double items;            /* NaN: not given */
	int64_t alloc_bytes, alloc_count, peak_heap_bytes, peak_rss_bytes; /* -1: not measured */
};

struct spool_stage_fold {
	uint64_t parent;
	uint64_t count;                   /* stages */
	int64_t first_ns;                 /* begin of the first */
	int64_t wall_ns, cpu_ns;          /* sums */
	int64_t wall_min_ns, wall_max_ns; /* of one */
	double items;                     /* sum; NaN: none of them gave any */
	int64_t alloc_bytes, alloc_count; /* sums; -1: not measured */
	int64_t peak_heap_bytes;          /* the highest; -1: not measured */
};

struct spool_stage_add {
	uint64_t id;
	int64_t cpu_ns;
	int64_t alloc_bytes, alloc_count; /* -1: not measured */
};

const char *spool_loss_name(enum spool_loss loss);

#endif
