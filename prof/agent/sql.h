/* SQL statements by caller: what the files of it share. Who does what:
 *   sql_calls.c   libpq's functions as the program calls them: synchronous ones
 *   sql_async.c   the others: send, results, COPY, pipelines; sql_connect.c: connections
 *   sql_libs.c    where the real functions are
 *   sql_conn.c    connections: what they wait for, what they prepared
 *   sql_table.c   statements, sites, sets of parameters; sql_file.c: the file they are in
 *   sql_params.c  parameters and results
 *   sql_stack.c   the issuing stack
 *   sql.c         life cycle
 * Nothing of libpq is included or linked. Without a recording of statements, and where the calling library is not to be
 * found, the functions only pass on. Normal context; nothing here waits for the program; errno is kept. */
#ifndef AGENT_SQL_H
#define AGENT_SQL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/agent/mem.h"
#include "prof/base/sqlnorm.h"
#include "prof/spool/sqlfile.h"

/* ---- life: sql.c; called by init.c, thread.c, dl.c */
void sql_begin(void); /* by agent.session->sql */
void sql_end(void);
void sql_fork_child(void);
void sql_thread_gone(void);
void sql_libs_changed(void);

/* 1: statements are recorded. */
extern _Atomic uint32_t sql_on MEM_HIDDEN;

/* ---- libraries: sql_libs.c */

/* libpq's functions that are called here or passed on to; X(result, name, parameters). */
#define SQL_FUNCTIONS(X)                                                                           \
	X(void *, PQexec, (void *, const char *))                                                  \
	X(void *, PQexecParams,                                                                    \
	  (void *, const char *, int, const unsigned *, const char *const *, const int *,          \
	   const int *, int))                                                                      \
	X(void *, PQprepare, (void *, const char *, const char *, int, const unsigned *))          \
	X(void *, PQexecPrepared,                                                                  \
	  (void *, const char *, int, const char *const *, const int *, const int *, int))         \
	X(void *, PQdescribePrepared, (void *, const char *))                                      \
	X(void *, PQdescribePortal, (void *, const char *))                                        \
	X(int, PQsendQuery, (void *, const char *))                                                \
	X(int, PQsendQueryParams,                                                                  \
	  (void *, const char *, int, const unsigned *, const char *const *, const int *,          \
	   const int *, int))                                                                      \
	X(int, PQsendPrepare, (void *, const char *, const char *, int, const unsigned *))         \
	X(int, PQsendQueryPrepared,                                                                \
	  (void *, const char *, int, const char *const *, const int *, const int *, int))         \
	X(int, PQsendDescribePrepared, (void *, const char *))                                     \
	X(int, PQsendDescribePortal, (void *, const char *))                                       \
	X(void *, PQgetResult, (void *))                                                           \
	X(int, PQconsumeInput, (void *))                                                           \
	X(int, PQputCopyData, (void *, const char *, int))                                         \
	X(int, PQputCopyEnd, (void *, const char *))                                               \
	X(int, PQgetCopyData, (void *, char **, int))                                              \
	X(int, PQendcopy, (void *))                                                                \
	X(int, PQpipelineSync, (void *))                                                           \
	X(int, PQsendPipelineSync, (void *))                                                       \
	X(int, PQenterPipelineMode, (void *))                                                      \
	X(int, PQexitPipelineMode, (void *))                                                       \
	X(void *, PQfn, (void *, int, int *, int *, int, const void *, int))                       \
	X(void *, PQconnectdb, (const char *))                                                     \
	X(void *, PQconnectdbParams, (const char *const *, const char *const *, int))              \
	X(void *, PQsetdbLogin,                                                                    \
	  (const char *, const char *, const char *, const char *, const char *, const char *,     \
	   const char *))                                                                          \
	X(void *, PQconnectStart, (const char *))                                                  \
	X(void *, PQconnectStartParams, (const char *const *, const char *const *, int))           \
	X(int, PQconnectPoll, (void *))                                                            \
	X(void, PQreset, (void *))                                                                 \
	X(int, PQresetStart, (void *))                                                             \
	X(int, PQresetPoll, (void *))                                                              \
	X(void, PQfinish, (void *))                                                                \
	X(int, PQresultStatus, (const void *))                                                     \
	X(int, PQntuples, (const void *))                                                          \
	X(int, PQnfields, (const void *))                                                          \
	X(int, PQgetlength, (const void *, int, int))                                              \
	X(char *, PQcmdTuples, (void *))                                                           \
	X(int, PQstatus, (const void *))                                                           \
	X(const char *, PQparameterStatus, (const void *, const char *))

#define SQL_POINTER(result, name, parameters) result(*name) parameters;
struct sql_lib { /* one libpq; a function that it lacks is NULL */
	SQL_FUNCTIONS(SQL_POINTER)
};
#undef SQL_POINTER

/* The one libpq there is; NULL: none, several, or not looked for since modules came or went. */
extern _Atomic(const struct sql_lib *) sql_only MEM_HIDDEN;
/* The library whose function the code at `ip` would have reached without us; never NULL. */
const struct sql_lib *sql_lib_find(uint64_t ip);

static inline const struct sql_lib *sql_lib_of(uint64_t ip)
{
	const struct sql_lib *lib = atomic_load_explicit(&sql_only, memory_order_acquire);

	return __builtin_expect(lib != NULL, 1) ? lib : sql_lib_find(ip);
}

enum { /* of libpq's ExecStatusType, which is part of its interface */
       PQ_COMMAND_OK = 1,
       PQ_TUPLES_OK = 2,
       PQ_COPY_OUT = 3,
       PQ_COPY_IN = 4,
       PQ_BAD_RESPONSE = 5,
       PQ_FATAL = 7,
       PQ_COPY_BOTH = 8,
       PQ_SINGLE_TUPLE = 9,
       PQ_PIPELINE_SYNC = 10,
       PQ_PIPELINE_ABORTED = 11,
       PQ_TUPLES_CHUNK = 12,
};
#define PQ_POLLING_FAILED 0
#define PQ_POLLING_OK     3

/* As strlen(), which is the agent's own in here and no match for long texts. Aligned words never cross a page. */
static inline size_t sql_length(const char *s)
{
	const uint64_t ones = 0x0101010101010101u;
	uintptr_t at = (uintptr_t)s & ~(uintptr_t)7;
	uint64_t skip = ((uintptr_t)s & 7) * 8, v, zero;

	__asm__("movq (%1), %0" : "=r"(v) : "r"(at) : "memory");
	v |= skip ? ~UINT64_C(0) >> (64 - skip) : 0; /* what lies before it */
	while (!(zero = (v - ones) & ~v & 0x80 * ones)) {
		at += 8;
		__asm__("movq (%1), %0" : "=r"(v) : "r"(at) : "memory");
	}
	return at + (size_t)__builtin_ctzll(zero) / 8 - (uintptr_t)s;
}

/* ---- the issuing stack: sql_stack.c */

struct sql_where {
	uint64_t hash, stage;
	const uint64_t *addresses; /* valid while the caller is in its call */
	uint32_t n, flags;
	uint64_t only;
};
/* One user of a thread at a time: 1, or 0: we are inside already (libpq calls its own functions, handlers). */
int sql_enter(void);
void sql_leave(void);
int sql_inside(void);
void sql_where(const struct mem_caller *caller, struct sql_where *w);
const uint64_t *sql_where_addresses(struct sql_where *w);
void sql_stack_fork_child(void);

/* ---- statements and sites: sql_table.c */

struct sql_head *
sql_file_make(void); /* sql_file.c: NULL, the reason is counted nowhere: no file is there */
void sql_file_drop(struct sql_head *head);
enum sql_part { SQL_PART_STATEMENTS, SQL_PART_SITES, SQL_PART_STACKS, SQL_PART_TEXTS, SQL_PARTS };
int sql_file_room(struct sql_head *head, enum sql_part part, uint64_t bytes); /* 0 or -1 */
extern struct sql_head *sql_head MEM_HIDDEN;
void sql_loss(enum sql_loss why);

struct sql_call {                 /* what a statement came to, and where it is booked */
	uint32_t site, statement; /* 0: nowhere */
	uint64_t set;             /* hash of its parameters */
	int64_t start_ns, last_ns, inside_ns;
	uint64_t rows, sent, received;
	uint8_t failed, answered, sync, open;
};

struct sql_text { /* a statement as it was looked up */
	uint32_t statement;
	uint64_t literals;
	size_t len;
};
/* The row of a statement's text; `conn` and `lib` to ask how it writes strings. */
struct sql_text sql_text_find(enum sql_kind kind, const char *sql, void *conn,
			      const struct sql_lib *lib);
/* The same statement as another kind. */
uint32_t sql_statement_as(uint32_t statement, enum sql_kind kind);

struct sql_params {
	int n;
	const char *const *values;
	const int *lengths, *formats;
};
/* sql_params.c: values as text, at most SQL_EXAMPLE_MAX bytes; of a statement with literals its own text. */
uint32_t sql_example_text(char *out, const char *sql, const struct sql_params *p);
uint64_t sql_params_hash(const struct sql_params *p, uint64_t seed, uint64_t *bytes);

/* Books the begin: finds the site, looks the set of parameters up. `example`: what may be kept of it (NULL). */
void sql_call_begin(struct sql_call *c, uint32_t statement, const struct mem_caller *caller);
void sql_call_set(struct sql_call *c, uint64_t set, const char *sql, const struct sql_params *p);
void sql_call_end(const struct sql_call *c);
int sql_table_make(void); /* 0 or -1 */
void sql_table_forget(void);
void sql_result_add(struct sql_call *c, const struct sql_lib *lib, void *result);

/* ---- connections: sql_conn.c */

struct sql_conn;
struct sql_conn *sql_conn_of(void *pg); /* made at first sight; NULL: no room (counted) */
void sql_conn_gone(void *pg);
void sql_conn_reset(struct sql_conn *c);
void sql_conns_forget(void);
void sql_conn_waits(struct sql_conn *c, const struct sql_call *call); /* NULL: no longer */
void sql_conn_prepared(struct sql_conn *c, const char *name, const struct sql_text *text);
struct sql_text sql_conn_find(struct sql_conn *c, const char *name);
/* Statements that wait for their results, in their order. */
struct sql_call *sql_conn_push(struct sql_conn *c); /* NULL: too many (counted) */
struct sql_call *sql_conn_first(struct sql_conn *c);
void sql_conn_pop(struct sql_conn *c);
int *sql_conn_pipeline(struct sql_conn *c);
struct sql_call *sql_conn_connecting(struct sql_conn *c);

#endif
