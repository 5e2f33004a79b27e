/* What `runs push` and `runs pull` did, said in a line or as JSON. */
#ifndef CLI_RUNS_MOVED_H
#define CLI_RUNS_MOVED_H

#include <jansson.h>

#include "prof/base/err.h"
#include "prof/exchange/team.h"

struct moved {
	const char *verb;     /* "pushed" */
	const char *database; /* as it may be shown */
	json_t *ids[4];       /* owned: by fate, and of what was left out; NULL without --json */
	size_t n[4];
	struct team_moved sum;
	int64_t start_ns; /* clock_mono_ns() */
};

#define MOVED_UNFINISHED 3 /* beside enum team_fate */

int moved_init(struct moved *m, const char *verb, const char *database, int json, struct err *err);
int moved_add(struct moved *m, int fate, const char *id, struct err *err);
int moved_say(struct moved *m, struct err *err); /* on stdout with --json, else on stderr */
void moved_release(struct moved *m);

#endif
