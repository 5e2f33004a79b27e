/* Starting the program, and its signals. The program gets what we got: mask, dispositions, files, process
 * group. Until launch_end() the signals that end or concern us are blocked here and read from a file
 * descriptor; Ctrl-C is left to the program, which the terminal sends it to as well. */
#ifndef RECORD_LAUNCH_H
#define RECORD_LAUNCH_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "prof/base/err.h"
#include "prof/record/program.h"

struct launch {
	pid_t pid; /* 0: not started */
	int signal_fd;
	sigset_t old_mask;
	struct sigaction old_chld;
	int exited, status;         /* of wait4 */
	int64_t cpu_ns, own_cpu_ns; /* with the children it waited for; alone, -1 unknown */
	int64_t max_rss_bytes;
	uint64_t start_ticks;
	int64_t start_ns, end_ns;
	int forwarded; /* signals passed on */
	int asked;     /* SIGUSR1: a snapshot is wanted; the caller takes it back */
	int go_fd;     /* of a child that is held back, -1 */
	int report_fd; /* its errno comes here when exec fails, -1 */
};

/* From here on what we say may go into a pipe that nobody reads: neither the recording nor the program's exit code
 * depends on who listens. The program gets SIGPIPE as it was before. */
void launch_outlive_reader(void);
/* Blocks the signals and makes the descriptor. */
int launch_begin(struct launch *l, struct err *err);
void launch_end(struct launch *l); /* twice does no harm */

/* `agent` and `session` NULL: no preload. ERR_NOTFOUND, ERR_UNSUPPORTED with the reason. */
int launch_start(struct launch *l, const struct program *p, char *const *argv, const char *agent,
		 const char *session, struct err *err);
/* The same in two steps: a child that waits before its exec, to be looked at, and the exec. A child that is never told to
 * go on ends with us, and runs nothing. */
int launch_hold(struct launch *l, const struct program *p, char *const *argv, const char *agent,
		const char *session, struct err *err);
int launch_go(struct launch *l, const char *name, struct err *err);
/* The program ended and launch_wait() has not noticed yet: until then the kernel tells its CPU time. */
int launch_ended(const struct launch *l);
/* Waits up to `timeout_ms` (-1: for ever) for a signal, passes on what is to be passed on, notices the
 * program's end. */
void launch_wait(struct launch *l, int timeout_ms);

#endif
