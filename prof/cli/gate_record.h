/* One command of a comparison under `protea-prof run`: its command line, environment and labels, and what the store says of it
 * afterwards. The order of runs is gate_exec.c's. */
#ifndef CLI_GATE_RECORD_H
#define CLI_GATE_RECORD_H

#include "prof/base/buf.h"
#include "prof/cli/gate_child.h"
#include "prof/cli/gate_command.h"
#include "prof/cli/gate_exec.h"

struct gate_recorder {
	const struct gate_exec_options *o; /* borrowed */
	struct gate_rig rig;
	struct gate_command commands[GATE_SIDES];
	char session[GATE_UUID];
	char names[GATE_SIDES][96];
	char noisy_name[96], failed_name[96];
	char self[PATH_MAX];  /* this program */
	char log[PATH_MAX];   /* what the commands print; "" it is shown */
	char spare[PATH_MAX]; /* store of what is not kept */
	char rate[32];
	unsigned cpus; /* of the machine */
};

/* To be ended in each case. */
int gate_recorder_begin(struct gate_recorder *g, const struct gate_exec_options *o,
			struct err *err);
void gate_recorder_end(struct gate_recorder *g);

/* A run into the store. *run is filled as soon as its id is known. */
int gate_recorder_run(struct gate_recorder *g, enum gate_side side, size_t pair,
		      struct gate_exec_run *run, struct err *err);
/* One that is not kept; *code is the command's answer. */
int gate_recorder_warm_up(struct gate_recorder *g, enum gate_side side, int *code, struct err *err);
/* The end of what the last command printed, on stderr. */
void gate_recorder_show_log(const struct gate_recorder *g);
/* A pair that did not become whole: removed, or kept under a name that no comparison has. */
void gate_recorder_drop(struct gate_recorder *g, const struct gate_exec_pair *pair, int remove);
/* Writes down how noisy it was, and takes noisy pairs out of the groups. */
int gate_recorder_label(struct gate_recorder *g, const struct gate_exec_pair *pairs, size_t n,
			struct err *err);

#endif
