/* Statements over a watching period, by fingerprint: what sessions were seen to run when they were looked at again and
 * again, and what pg_stat_statements counted meanwhile. Texts are normalised: no literal of a statement is kept. */
#ifndef PGWATCH_STMTS_H
#define PGWATCH_STMTS_H

#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/model/strtab.h"
#include "prof/pgwatch/counts.h"
#include "prof/pgwatch/shot.h"

#define STMT_PIDS    8
#define STMT_CLIENTS 8

struct stmt_client { /* a process of this machine (clients.h) */
	int pid;
	uint32_t name; /* string */
};

struct stmt {
	uint64_t fingerprint;
	uint32_t text; /* string */
	/* pg_stat_statements: */
	int counted;
	uint64_t calls, rows, hit, read;
	double total_ms;
	/* Seen: */
	uint64_t seen;       /* executions that were told apart: at most one a session and look */
	uint64_t distinct;   /* different literals of those */
	uint64_t active;     /* times a session was found running it */
	double active_s;     /* that, as time */
	int pids[STMT_PIDS]; /* of sessions that ran it, the first ones */
	uint32_t n_pids;     /* of those */
	uint32_t sessions;   /* how many ran it */
	struct stmt_client clients[STMT_CLIENTS]; /* processes behind those, the first ones */
	uint32_t n_clients;                       /* of those */
	uint32_t processes, linked; /* how many processes, and sessions of which it is known */
	int repeated;               /* the same again and again: see stmts_end() */
};

struct stmts {
	struct strtab *texts; /* owned */
	struct stmt *rows;    /* owned; by time, most first, once ended */
	uint32_t n, cap;
	struct idmap by_fingerprint, sessions, literals, members, known_texts;
	struct seen_session *seen; /* owned */
	uint32_t n_seen, cap_seen, looks;
	int64_t begun_ns, last_ns, ended_ns;
	double counted_s; /* period of the counters; 0: since they were reset */
	int counted;
};

int stmts_init(struct stmts *s); /* 0 or ERR_NOMEM */
void stmts_release(struct stmts *s);
/* A new period: rows go, what is known of texts and sessions stays. */
void stmts_begin(struct stmts *s);
/* One look at the sessions. 0 or ERR_NOMEM. */
int stmts_look(struct stmts *s, const struct shot *shot);
/* What was counted in the period (of `period_s`; 0: ever); texts are asked for where they are not known, of the `most`
 * statements that took most time or were called most often. */
int stmts_count(struct stmts *s, struct watch *w, const struct counts *delta, double period_s,
		uint32_t most, struct err *err);
/* The period is over: sorts, and finds what is repeated: at least STMT_REPEAT_HZ calls a second of at most one and a
 * half rows each; where nothing is counted, a new execution found in at least every fourth look, STMT_REPEAT_SEEN
 * times or more. */
#define STMT_REPEAT_HZ   10
#define STMT_REPEAT_SEEN 5
void stmts_end(struct stmts *s, int64_t now_ns);
double stmt_calls(const struct stmt *q);    /* counted, else seen */
double stmt_total_ms(const struct stmt *q); /* likewise */
double stmts_period_s(const struct stmts *s);
/* ERR_NOMEM or the row of a statement, made if needed; NULL: no memory. */
struct stmt *stmts_row(struct stmts *s, uint64_t fingerprint, const char *text, size_t len);

#endif
