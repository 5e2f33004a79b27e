/* The lines that a verdict ends with: what to type next, ready for a shell. */
#ifndef CLI_GATE_LINES_H
#define CLI_GATE_LINES_H

#include "prof/cli/gate_args.h"

struct gate_lines { /* {0} to begin with */
	struct buf options, operands, flame, more;
	struct buf counted_options, counted_operands; /* --callgrind */
};

/* Of a comparison of groups. */
void gate_lines_groups(struct gate_lines *l, const struct gate_args *a,
		       const struct gate_input *in);
/* Of one that ran the commands itself, `pairs` of them. */
void gate_lines_exec(struct gate_lines *l, const struct gate_args *a, const struct gate_input *in,
		     char **commands, size_t pairs);
/* Fills the texts of `v`; ERR_NOMEM if one could not be made. */
int gate_lines_use(const struct gate_lines *l, struct gate_view *v, struct err *err);
void gate_lines_release(struct gate_lines *l);

#endif
