/* What a process image's file of SQL statements (PID.N.sql, beside its spool file) holds, byte by byte: sums by
 * statement, issuing stack and stage, updated in place by the target, readable by others at any time and after
 * its death. No literal of a statement is in it but those that spool_session.sql_params asks for.
 *
 *   head | connections | statements | sites | stacks: bytes | texts: bytes
 *
 * The file is sparse; memory is put under a part before it is used, so that writing never faults. Words are
 * relaxed atomics: a reader of a running target may see one call half done. */
#ifndef SPOOL_SQLFILE_H
#define SPOOL_SQLFILE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/sqltimes.h"

#define SQL_VERSION 1
#define SQL_MAGIC   0x0031514c534f5250u /* "PROSLQ1" little-endian */
#define SQL_SUFFIX  ".sql"

#define SQL_CONNS_MAX      2048u
#define SQL_STATEMENTS_MAX 8192u
#define SQL_SITES_MAX      16384u
#define SQL_STACKS_BYTES   (8u << 20)
#define SQL_TEXTS_BYTES    (16u << 20)
#define SQL_TEXT_MAX       4096u /* of a normalised statement, its NUL included */
#define SQL_EXAMPLE_MAX    512u  /* of a set of parameters */
#define SQL_EXAMPLES_MAX   64u   /* that may be asked for, of a statement */
#define SQL_DEPTH_MAX      512u

enum sql_kind { /* what a statement row stands for */
		SQL_QUERY = 1,
		SQL_PREPARE,     /* the round trip that prepares it */
		SQL_DESCRIBE,    /* that asks for its columns */
		SQL_CONNECT,     /* making a connection; the text says nothing of it */
		SQL_FUNCTION,    /* PQfn() */
		SQL_LAST_RESORT, /* statements for which there was no room */
};

enum sql_loss {                      /* counted in sql_head.losses */
		SQL_LOSS_STATEMENTS, /* calls booked at the statement of last resort */
		SQL_LOSS_SITES,      /* calls that are in no site: no room for one */
		SQL_LOSS_STACKS,     /* sites without their stack */
		SQL_LOSS_CONNS,      /* connections whose asynchronous calls are not followed */
		SQL_LOSS_QUEUE, /* calls that waited for their results behind too many others */
		SQL_LOSS_SETS,  /* calls whose parameters were not compared with earlier ones */
		SQL_LOSS_BUSY,  /* calls met in a signal handler, in the middle of our own work */
		SQL_LOSS_TRUNCATED, /* stacks that are cut */
		SQL_LOSS_NO_UNWIND, /* stacks that end early */
		SQL_LOSSES
};

struct sql_conn_row {          /* what a connection waits for */
	_Atomic uint32_t site; /* 0: nothing */
	uint32_t pad;
	_Atomic int64_t start_ns;
};

struct sql_statement_row { /* 64 bytes */
	uint64_t fingerprint;
	uint32_t text, text_len;   /* offset in texts; cut at SQL_TEXT_MAX */
	_Atomic uint64_t distinct; /* sets of parameters seen, wherever it was issued */
	_Atomic uint64_t unjudged; /* calls whose set was not looked for */
	_Atomic uint32_t example;  /* offset of the last one, 0: none */
	_Atomic uint32_t n_examples;
	uint32_t params;       /* placeholders in the text, literals included */
	_Atomic uint32_t kind; /* written last; 0: not complete */
	uint8_t pad[16];
};
_Static_assert(sizeof(struct sql_statement_row) == 64, "part of the format");

struct sql_site { /* 1024 bytes: two lines that each call writes, then the histogram */
	_Atomic uint64_t calls, total_ns, inside_ns, max_ns;
	_Atomic uint64_t rows, sent, received, errors;
	_Atomic uint64_t distinct, unjudged; /* sets of parameters, as above, from here */
	uint64_t stage;                      /* as spool_stage_begin.id; 0: none */
	uint32_t statement, stack; /* row; offset of the stack in units of 8 bytes, 0: none */
	_Atomic uint32_t ready;    /* 1, written last */
	uint32_t pad[7];
	_Atomic uint32_t times[SQL_BUCKETS];
};
_Static_assert(sizeof(struct sql_site) == 1024, "part of the format");

struct sql_stack_row { /* then n addresses, the innermost first */
	uint32_t n;
	uint32_t flags; /* enum spool_sample_flags */
	int64_t t_ns;
};

struct sql_example {   /* in texts; then the bytes */
	uint32_t next; /* the one before, 0: none */
	uint32_t len;
};

struct sql_head {
	uint64_t magic;
	uint32_t version, head_bytes;
	uint64_t file_bytes;
	int32_t pid;
	uint32_t image;
	int64_t start_ns;
	/* Row 0 of statements and sites is never used; offsets in stacks (units of 8 bytes) and texts begin at 1
	 * and 8. */
	_Atomic uint32_t statements_used, sites_used;
	_Atomic uint64_t stacks_used, texts_used;
	_Atomic uint64_t ended;
	_Atomic uint64_t losses[SQL_LOSSES];
};

#define SQL_HEAD_BYTES 4096u
_Static_assert(sizeof(struct sql_head) <= SQL_HEAD_BYTES, "the head is one page");

/* Where the parts begin. */
#define SQL_CONNS_OFFSET      ((uint64_t)SQL_HEAD_BYTES)
#define SQL_STATEMENTS_OFFSET (SQL_CONNS_OFFSET + SQL_CONNS_MAX * sizeof(struct sql_conn_row))
#define SQL_SITES_OFFSET                                                                           \
	(SQL_STATEMENTS_OFFSET + SQL_STATEMENTS_MAX * sizeof(struct sql_statement_row))
#define SQL_STACKS_OFFSET (SQL_SITES_OFFSET + SQL_SITES_MAX * sizeof(struct sql_site))
#define SQL_TEXTS_OFFSET  (SQL_STACKS_OFFSET + SQL_STACKS_BYTES)
#define SQL_FILE_BYTES    (SQL_TEXTS_OFFSET + SQL_TEXTS_BYTES)

#endif
