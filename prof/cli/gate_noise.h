/* What the rest of the machine does while a command runs, by /proc/stat and /proc/pressure/cpu, and the rule by which a pair
 * of runs is set aside (gate_exec.h). The parsers take any bytes. */
#ifndef CLI_GATE_NOISE_H
#define CLI_GATE_NOISE_H

#include <stdint.h>

#include "prof/cli/gate_exec.h"

struct gate_machine {      /* counted since the machine started; -1: not known */
	int64_t busy_ns;   /* all CPUs, interrupts included; in steps of a tick */
	int64_t steal_ns;  /* likewise */
	int64_t waited_ns; /* something waited for a CPU */
	double load;
	int64_t mono_ns; /* when */
};

void gate_machine_read(struct gate_machine *m);
/* Of the texts of /proc/stat, /proc/pressure/cpu and /proc/loadavg ("" if there is none). */
void gate_machine_parse(struct gate_machine *m, const char *stat, const char *pressure,
			const char *loadavg, int64_t tick_ns);

/* Between two readings, of which the command itself used own_ns of CPU time on a machine of n CPUs. */
void gate_noise_between(struct gate_noise *noise, const struct gate_machine *from,
			const struct gate_machine *to, int64_t own_ns, unsigned cpus);
/* Part of the machine's CPU time that others and steal took; -1: not known. */
double gate_noise_part(const struct gate_noise *noise);
/* Is a pair of runs with these to be set aside? */
int gate_noise_differs(const struct gate_exec_run *a, const struct gate_exec_run *b, unsigned cpus);

#endif
