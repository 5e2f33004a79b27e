/* Two commands run in turns under `protea-prof run`, for a comparison that stops when it knows enough.
 *
 * Order: AB BA or BA AB, by a coin for each two pairs: what drifts in a straight line over two pairs falls on both sides
 * alike, and what comes and goes in a rhythm of its own meets no rhythm (a fixed order is no randomisation: R. A.
 * Fisher, The Design of Experiments, 1935). Both runs of a pair get the same padding of the environment, another one for
 * each pair: where the stack begins moves the time of a program by some percent (Mytkowicz, Diwan, Hauswirth,
 * Sweeney: Producing wrong data without doing anything obviously wrong, ASPLOS 2009), so it is varied and does not
 * tell the sides apart. Addresses are left to the kernel's randomisation. stdin is /dev/null.
 *
 * Runs go into the store with the labels gate=UUID, side=base or candidate, pair=N, noise=PART; those of one side
 * have a name of their own, so that `diff`, `flame` and `gate` find them again. A pair that is set aside as noisy
 * gets the label noisy=1 and other names: what was judged here is what the names hold.
 *
 * A pair is set aside when the rest of the machine (other processes, and steal time of a virtual machine) took at least
 * GATE_NOISE_PART more of the machine's CPU time during one of its runs than during the other, and at least
 * GATE_NOISE_NS more: the rule knows nothing of the two commands' results. */
#ifndef CLI_GATE_EXEC_H
#define CLI_GATE_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

enum gate_side { GATE_BASE, GATE_CANDIDATE, GATE_SIDES };
const char *gate_side_name(enum gate_side side); /* "base", "candidate" */

#define GATE_NOISE_PART 0.25
#define GATE_NOISE_NS   INT64_C(100000000)

#define GATE_UUID 37

/* What the machine did while a run was on; -1: not known. */
struct gate_noise {
	double others; /* part of the machine's CPU time that went to other processes */
	double steal;  /* part that the host took away */
	double pressure; /* part of the time in which something waited for a CPU (/proc/pressure/cpu) */
	double load;     /* number of runnable processes, mean of a minute, at the end */
	int64_t switches; /* involuntary context switches of the command and its recorder */
};

struct gate_exec_run {
	char id[GATE_UUID]; /* of the store */
	int64_t wall_ns;    /* as the store has it */
	int exit_code;      /* 128 + N: signal N; not 0 only with ignore_failure */
	struct gate_noise noise;
};

struct gate_exec_pair {
	struct gate_exec_run runs[GATE_SIDES];
	enum gate_side first;
	int noisy; /* set aside: not to be judged */
};

/* Called after each pair from `first_look` on, and after the last one: all pairs so far, noisy ones too. 1: enough is known;
 * 0: go on; negative: it failed. The runs are complete in the store by then, and not held open here. */
typedef int gate_exec_look(void *ctx, const struct gate_exec_pair *pairs, size_t n,
			   struct err *err);

struct gate_exec_options { /* texts borrowed */
	const char *commands
		[GATE_SIDES]; /* as one would type them; without shell signs they are started directly,
					   * else by sh -c */
	const char *store_path;
	const char *recorder;      /* path of protea-prof; NULL: this program */
	const char *name;          /* runs are NAME-xxxxxxxx-base …; NULL: "gate" */
	const char *const *labels; /* further k=v of each run */
	size_t n_labels;
	const char *memory;   /* as `run --memory`; NULL: "sampled" */
	const char *mode;     /* as `run --mode`; NULL: "cpu" */
	double rate_hz;       /* 0: as `run` */
	const char *cpus;     /* "0", "0,2-3": all runs on these alone; NULL: any */
	unsigned warmup;      /* of each side, not kept */
	unsigned pairs;       /* at most; at least 1 */
	unsigned first_look;  /* 0: 5, or `pairs` if that is less */
	int64_t max_ns;       /* no further pair begins after that long; 0: no limit */
	int ignore_failure;   /* runs that fail count like others */
	int show_output;      /* the commands' output goes to stderr instead of being dropped */
	int quiet;            /* no progress line, also on a terminal */
	gate_exec_look *look; /* NULL: all pairs are run */
	void *ctx;
};

enum gate_exec_end { GATE_END_LOOK, GATE_END_PAIRS, GATE_END_TIME, GATE_END_INTERRUPTED };

#define GATE_EXEC_REMARKS 8

struct gate_exec_result {
	char session[GATE_UUID];      /* the label gate=… */
	char names[GATE_SIDES][96];   /* of the runs that count */
	struct gate_exec_pair *pairs; /* owned */
	size_t n, n_noisy;
	enum gate_exec_end end;
	int64_t elapsed_ns;
	enum gate_side
		failed;  /* the side whose command failed, when that ended it; GATE_SIDES: none */
	int failed_code; /* its exit code, or 128 + signal */
	char remarks[GATE_EXEC_REMARKS]
		    [256]; /* what people should know, one sentence each; "" unused */
};

/* 0: the comparison came to its end (r->end; GATE_END_INTERRUPTED after Ctrl-C or SIGTERM: whole pairs are kept, the run that
 * was broken off is not). Else *r tells what was run all the same; ERR_ARG: an option or an empty command; ERR_NOTFOUND,
 * ERR_UNSUPPORTED: a command cannot be started. To be released in each case. Owns signals and children of this
 * process while it runs: one thread, no other children. No process that the commands started stays behind. */
int gate_exec(const struct gate_exec_options *o, struct gate_exec_result *r, struct err *err);
void gate_exec_release(struct gate_exec_result *r);

/* `--callgrind`: each command once under valgrind's callgrind, which counts instructions, exactly: the same program gives
 * the same count, whatever the machine does meanwhile. `out` (GATE_SIDES of them, empty on failure, else to be released) are profiles as
 * callgrind_read() makes them, all processes of a command added up, with the run's name, command, and labels; they are not
 * in the store. ERR_NOTFOUND says how to install valgrind. */
int gate_exec_callgrind(const struct gate_exec_options *o, struct profile out[GATE_SIDES],
			struct gate_exec_result *r, struct err *err);

#endif
