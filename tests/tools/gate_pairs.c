/* Two commands in turns by gate_exec(), without a verdict: a line for each run, for tests and benchmarks.
 *   gate_pairs RECORDER STORE PAIRS WARMUP MEMORY COMMAND_A COMMAND_B [stop-after N] [ignore] [cpus LIST] [callgrind]
 * With callgrind: instructions of both, alone. Columns: pair, side, 1 if it ran first, wall ns, exit code, noise (others + steal, -1 unknown), involuntary switches,
 * noisy, id. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/gate_exec.h"
#include "prof/cli/gate_noise.h"

static size_t stop_after;

static int look(void *ctx, const struct gate_exec_pair *pairs, size_t n, struct err *err)
{
	(void)ctx, (void)pairs, (void)err;
	return stop_after && n >= stop_after;
}

static void print_run(size_t pair, enum gate_side side, const struct gate_exec_pair *p)
{
	const struct gate_exec_run *r = &p->runs[side];

	printf("%zu\t%s\t%d\t%" PRId64 "\t%d\t%.4f\t%" PRId64 "\t%d\t%s\n", pair,
	       gate_side_name(side), p->first == side, r->wall_ns, r->exit_code,
	       gate_noise_part(&r->noise), r->noise.switches, p->noisy, r->id);
}

static int count(const struct gate_exec_options *o)
{
	struct profile p[GATE_SIDES];
	struct gate_exec_result r;
	struct err err = ERR_INIT;
	int rc = gate_exec_callgrind(o, p, &r, &err);

	if (rc)
		log_error("%s", err.text);
	for (int i = 0; rc == 0 && i < GATE_SIDES; i++) {
		int64_t sum = 0;

		for (size_t k = 0; k < p[i].n_samples; k++)
			sum += p[i].samples[k].value;
		printf("%s\t%" PRId64 "\t%.0f\t%s\n", gate_side_name(i), sum,
		       p[i].counters[0].value, strtab_text(p[i].strings, p[i].run.command));
		profile_release(&p[i]);
	}
	gate_exec_release(&r);
	return rc ? 1 : 0;
}

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

int main(int argc, char **argv)
{
	static const char *const ends[] = {"enough", "pairs", "time", "interrupted"};
	struct gate_exec_options o = {.look = look, .first_look = 1};
	struct gate_exec_result r;
	struct err err = ERR_INIT;
	int rc, callgrind = 0;

	log_init("gate_pairs", LOG_INFO);
	if (argc < 8)
		return 2;
	o.recorder = argv[1];
	o.store_path = argv[2];
	o.pairs = (unsigned)number(argv[3]);
	o.warmup = (unsigned)number(argv[4]);
	o.memory = argv[5];
	o.commands[GATE_BASE] = argv[6];
	o.commands[GATE_CANDIDATE] = argv[7];
	for (int i = 8; i < argc; i++) {
		if (strcmp(argv[i], "stop-after") == 0 && i + 1 < argc)
			stop_after = (size_t)number(argv[++i]);
		else if (strcmp(argv[i], "cpus") == 0 && i + 1 < argc)
			o.cpus = argv[++i];
		else if (strcmp(argv[i], "ignore") == 0)
			o.ignore_failure = 1;
		else if (strcmp(argv[i], "callgrind") == 0)
			callgrind = 1;
		else
			return 2;
	}
	if (callgrind)
		return count(&o);
	rc = gate_exec(&o, &r, &err);
	for (size_t i = 0; i < r.n; i++) {
		print_run(i + 1, GATE_BASE, &r.pairs[i]);
		print_run(i + 1, GATE_CANDIDATE, &r.pairs[i]);
	}
	for (size_t i = 0; i < GATE_EXEC_REMARKS && r.remarks[i][0]; i++)
		printf("# %s\n", r.remarks[i]);
	printf("# end: %s, %s, %s\n", ends[r.end], r.names[0], r.names[1]);
	if (rc)
		log_error("%s", err.text);
	gate_exec_release(&r);
	return rc ? 1 : 0;
}
