/* `gate --exec`: runs the commands in turns, looks at what is known in between (sequential.h), and leaves the runs that count to the
 * same reading and judging as runs that there were. With --callgrind their instructions are counted, too (or alone). */
#ifndef CLI_GATE_SESSION_H
#define CLI_GATE_SESSION_H

#include "prof/analyze/sequential.h"
#include "prof/cli/gate_args.h"
#include "prof/cli/gate_exec.h"

struct gate_session { /* {0} to begin with */
	struct gate_exec_result runs, counted;
	struct profile profiles[METRICS_GROUPS]; /* under callgrind */
	int has_runs, has_counted;
	struct sequential spent;
	enum sequential_stop stop; /* the last look's answer */
	char end[256];             /* why not all pairs were run; "" they were */
};

/* Ctrl-C ends it: whole pairs are kept. */
int gate_session_run(struct gate_session *s, const struct gate_args *a, char **commands,
		     struct err *err);
/* Reads and judges what was run. */
int gate_session_judge(struct gate_session *s, const struct gate_args *a, struct gate_input *in,
		       char **commands, struct err *err);
/* Sentences to be shown with the verdict; borrowed. How many. */
size_t gate_session_notes(const struct gate_session *s, const char *notes[GATE_NOTES_MAX]);
void gate_session_release(struct gate_session *s);

#endif
