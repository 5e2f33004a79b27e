/* What `gate` was asked for: options, thresholds, and the lines a reader may type next. */
#ifndef CLI_GATE_ARGS_H
#define CLI_GATE_ARGS_H

#include "prof/analyze/thresholds.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_output.h"
#include "prof/cli/gate_read.h"

struct gate_args {
	/* As typed; NULL or 0: not given. */
	const char *store, *thresholds, *alpha, *min_effect, *kind, *normalise, *pairing,
		*annotations, *baseline, *save, *accept, *reason, *until, *owner;
	struct opt_list metrics, stages, anyway;
	int counts, all, last;
	/* --exec */
	int exec, pairs, warmup /* -1: not given */, callgrind, ignore_failure, show_output;
	const char *name, *memory, *mode, *cpus;
	struct opt_list labels;
	double rate_hz;
	int64_t max_ns;

	struct gate_output output;
	/* Read from the above. */
	struct gate_wish wish;
	struct thresholds limits; /* released by gate_args_release() */
	int64_t now_ns;
	char *shown; /* owned: `baseline` where others read it; NULL: as it is */
};

/* Values of options that have several words, and the thresholds' file. ERR_ARG or what reading gave. */
int gate_args_read(struct gate_args *a, struct err *err);
/* The file alone: after it was changed. */
int gate_args_thresholds(struct gate_args *a, struct err *err);
void gate_args_release(struct gate_args *a);

/* The thresholds' file: what was named, or the usual one. */
const char *gate_args_file(const struct gate_args *a);
/* " --store x --metric wall": the options that decide what is compared. */
void gate_args_options(struct buf *out, const struct gate_args *a);
/* Those of --exec that decide how commands are run. */
void gate_args_exec_options(struct buf *out, const struct gate_args *a);

#endif
