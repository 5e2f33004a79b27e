/* What cmd_pg.c asks of the ways to show and to keep. */
#ifndef CLI_PG_H
#define CLI_PG_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/cli/cmd.h"
#include "prof/cli/pg_look.h"

struct pg_session {
	struct pg_look look;
	int64_t interval_ns; /* between whole looks */
	int64_t every_ns;    /* between looks at sessions */
	int64_t until_ns;    /* CLOCK_MONOTONIC; 0: no end */
	uint64_t frames;     /* at most; 0: no limit */
	int json;
	int wake_fd; /* readable when a signal came */
};

struct pg_keep { /* for --record */
	const char *store, *name;
	struct opt_list labels;
};

/* A part of a period, up to a key or to its end at `until`; *begun is 0 when a new one begins, and again at its end. 0: it
 * ended, PG_LOOK_WOKEN, or negative. (pg_frames.c) */
int pg_part(struct pg_session *r, int *begun, int64_t until_ns, int wake_fd, struct err *err);
/* One period of the interval: 0, PG_LOOK_WOKEN (a signal), or negative. A connection that is lost is no failure: the
 * look says so, and the next period tries again. */
int pg_period(struct pg_session *r, int64_t interval_ns, int wake_fd, struct err *err);

/* Frame after frame on stdout, as text or JSON. Exit code. (pg_frames.c) */
int pg_frames(struct pg_session *r);
/* The live view. Exit code. (pg_screen.c) */
int pg_screen(struct pg_session *r);
/* Into a store until the end; nothing on stdout. Exit code. (pg_record.c) */
int pg_record(struct pg_session *r, const struct pg_keep *keep);

/* The stacks of that process as text. 0 or negative. (pg_dump.c) */
int pg_dump_text(int pid, struct buf *out, struct err *err);

#endif
