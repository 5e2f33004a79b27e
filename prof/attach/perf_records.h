/* Records of perf rings, decoded: pure functions over bytes, every size checked against the record's own and the
 * record's against what is there. One layout for all our events (PERF_SAMPLE_FIELDS, sample_id_all), so that a record
 * needs no event to be understood. Foreign bytes. Source: perf_event_open(2), include/uapi/linux/perf_event.h. */
#ifndef ATTACH_PERF_RECORDS_H
#define ATTACH_PERF_RECORDS_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/unwind/unwind.h"

/* What every event of ours asks for; PERF_SAMPLE_READ beside it where the kernel can. */
#define PERF_SAMPLE_FIELDS                                                                         \
	(PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID |             \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER)
/* AX BX CX DX SI DI BP SP IP, R8 to R15 (enum perf_event_x86_regs). */
#define PERF_REGS_MASK 0xff01ffull
#define PERF_REGS_N    17

#define PERF_RECORD_MAX 65536 /* perf_event_header.size has 16 bits */

enum perf_record_kind {
	PERF_IS_SAMPLE,
	PERF_IS_FORK,
	PERF_IS_EXIT,
	PERF_IS_COMM,
	PERF_IS_EXEC,
	PERF_IS_MMAP,
	PERF_IS_SWITCH,
	PERF_IS_LOST,
	PERF_IS_THROTTLE,
	PERF_IS_OTHER, /* nothing we ask for: skipped */
};

struct perf_record { /* what the kind does not have is 0; pointers go into the bytes */
	enum perf_record_kind kind;
	int pid, tid, ppid, ptid;
	int64_t t_ns;
	uint32_t cpu;
	uint64_t
		event; /* of those we opened, the one that wrote it or that the writer was inherited from */
	uint64_t stream;   /* the writer: an inherited event has a number of its own */
	uint64_t value;    /* SAMPLE: the event's count in ns, with PERF_SAMPLE_READ */
	uint64_t lost;     /* LOST */
	int in, preempted; /* SWITCH */
	const char *text;  /* COMM, EXEC, MMAP: ends with NUL inside the record */
	uint64_t address, length, offset; /* MMAP */
	uint32_t major, minor;            /* MMAP: of its file's device */
	uint64_t inode;                   /* 0: not told */
	struct unwind_regs regs;          /* SAMPLE */
	const uint8_t *stack;
	size_t stack_bytes; /* that the kernel could copy */
	size_t stack_asked; /* that it was to copy */
};

/* What the header of 8 bytes says is the record's size: a multiple of 8 that holds the header; 0: nonsense. */
size_t perf_record_size(const uint8_t *header);
/* `bytes`: one whole record of perf_record_size() bytes. `with_value`: PERF_SAMPLE_READ was asked
 * for. 0, or -1: it contradicts itself. */
int perf_record_decode(struct perf_record *r, const uint8_t *bytes, size_t size, int with_value);
/* Its time alone: INT64_MIN for a record that has none. */
int64_t perf_record_time(const uint8_t *bytes, size_t size);

#endif
