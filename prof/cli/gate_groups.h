/* Which runs are compared: operands as people type them, as groups of runs in the order they were recorded. An operand is
 * the first of these that fits (another one that would fit as well is named on stderr):
 *
 *   last, last~N     the latest run of the store, or the one N before it
 *   FILE             a store: all finished runs in it; or a file of kept values (baseline)
 *   FILE:RUNS        what RUNS is in that store: all that stands below, last and last~N
 *   NAME             all runs of that name
 *   KEY=VALUE        all runs with that label
 *   ID               the run whose id begins so (4 characters at least)
 *   A,B,…            all of these together; behind FILE: that file's, up to the next FILE:
 *   URL, URL#RUNS    runs of a team's database: gate_team.h */
#ifndef CLI_GATE_GROUPS_H
#define CLI_GATE_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/cli/gate_stores.h"
#include "prof/model/profile.h"

struct gate_pick {
	struct store *store;          /* of gate_stores */
	const struct gate_head *head; /* of gate_stores */
};

struct gate_group {             /* {0} to begin with */
	struct gate_pick *runs; /* owned; each run once, by started_at */
	size_t n;
	char *baseline; /* owned: a file of kept values, and n is 0; or NULL */
	char *text;     /* owned: the operands, as typed, with commas between them */
	char *what;     /* owned: what they were read as: "the 3 runs named 'before'" */
	const struct gate_group
		*like; /* borrowed: the other group, for runs of a database; or NULL */
	size_t last;   /* of a database: so many at most; 0: the usual number */
	char *more; /* owned: words for `run` that add a run to the group: "-n before"; NULL: there are none */
};

/* Adds what `operand` names. `store` (may be NULL) is where runs without a FILE are looked for: see cli_store_path().
 * With `runs_only` a file of kept values is an error. A run that is there already is kept once, and said. ERR_NOTFOUND, ERR_ARG,
 * or what opening a store gave. */
int gate_group_add(struct gate_stores *stores, struct gate_group *g, const char *store,
		   const char *operand, int runs_only, struct err *err);
void gate_group_release(struct gate_group *g);

/* ERR_ARG names the run that is in both. */
int gate_groups_apart(const struct gate_group *a, const struct gate_group *b, struct err *err);

/* Reads run `i`; as cli_read_run(). */
int gate_group_read(const struct gate_group *g, size_t i, unsigned parts, struct profile *p,
		    struct err *err);

#endif
