/* One command after the other, each in a process group of its own: what it prints goes to a file, Ctrl-C is ours and ends it,
 * and whatever it leaves behind is ended before the next one. Owns the process's signals between begin and end. */
#ifndef CLI_GATE_CHILD_H
#define CLI_GATE_CHILD_H

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "prof/base/err.h"

struct gate_rig {
	char folder[PATH_MAX]; /* for what is thrown away afterwards */
	int signal_fd;
	sigset_t old_mask;
	struct sigaction old_chld;
	cpu_set_t cpus;
	int pinned;
	unsigned left_behind; /* processes that had to be ended */
	int interrupted;      /* the signal that asked us to end, 0 */
};

struct gate_child {
	char *const *argv, *const *envp;
	const char *log; /* file for stdout and stderr; NULL: our stderr */
};

struct gate_child_end {
	int status;     /* of wait4() */
	int64_t cpu_ns; /* it and all that came from it */
	int64_t switches;
};

/* `cpus`: "0,2-3" or NULL. ERR_ARG says what is wrong with it. */
int gate_rig_begin(struct gate_rig *rig, const char *cpus, struct err *err);
void gate_rig_end(struct gate_rig *rig); /* the folder goes too */

/* Runs it to its end. ERR_CANCELLED: we were told to end, and it was ended. */
int gate_child_run(struct gate_rig *rig, const struct gate_child *child, struct gate_child_end *end,
		   struct err *err);
/* A list of CPUs as the kernel writes them; ERR_ARG. */
int gate_cpus_parse(cpu_set_t *set, const char *text, struct err *err);

#endif
