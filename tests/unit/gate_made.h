/* A verdict made by hand, with names that want to act in whatever is written of it. */
#ifndef TESTS_GATE_MADE_H
#define TESTS_GATE_MADE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/gate_write.h"

#define HOSTILE                                                                                    \
	"a|b`c`<script>alert(1)</script>]]>&amp;\n::error::x\r\n##[error]y\x1b[31m\xff @who #1 "   \
	"\xe2\x80\xae"
#define ROWS 4

struct made {
	struct gate_run runs[2][3];
	struct gate_row *rows;
	struct gate_function functions[2];
	char *remarks[2];
	struct gate_result g;
	struct gate_view v;
};

static double values[3] = {1e9, 1.1e9, 1.2e9};

static inline void make_run(struct gate_run *r, int i)
{
	static char id[] = "0123456789ab", json[] = "{}", none[] = "", host[] = HOSTILE;

	*r = (struct gate_run){.id = id,
			       .name = host,
			       .command = host,
			       .label = json,
			       .host = host,
			       .cpu_model = none,
			       .kernel = none,
			       .mode = none,
			       .engine = none,
			       .memory = none,
			       .version = none,
			       .git_sha = none,
			       .source = none,
			       .rate_hz = 199,
			       .started_at = INT64_C(1700000000000000000) + i,
			       .finished = 1};
}

static inline struct gate_row make_row(const char *stage, enum metric m, enum verdict verdict,
				       double change)
{
	return (struct gate_row){.stage = stage,
				 .metric = m,
				 .kind = m == METRIC_WALL ? METRIC_KIND_TIME : METRIC_KIND_COUNT,
				 .d = {.verdict = verdict,
				       .test = DECIDE_PAIRED,
				       .base = 1e9,
				       .candidate = 1e9 * (1 + change),
				       .change = change,
				       .lo = change - 0.01,
				       .hi = change + 0.01,
				       .n_a = 3,
				       .n_b = 3},
				 .relevant = 1,
				 .a = values,
				 .b = values,
				 .n_a = 3,
				 .n_b = 3};
}

static inline void make(struct made *m, size_t rows)
{
	static char remark[] = HOSTILE, second[] = "a second one";
	size_t i;

	memset(m, 0, sizeof *m);
	for (i = 0; i < 3; i++) {
		make_run(&m->runs[0][i], (int)i);
		make_run(&m->runs[1][i], (int)i + 5);
	}
	m->rows = calloc(rows, sizeof *m->rows);
	for (i = 0; i < rows; i++)
		m->rows[i] = make_row(HOSTILE, METRIC_WALL, VERDICT_OK, 0);
	m->functions[0] = (struct gate_function){.function = HOSTILE,
						 .module = HOSTILE,
						 .file = "/srv/project/src/" HOSTILE,
						 .base = 1e9,
						 .candidate = 2e9,
						 .change = 1,
						 .lo = 0.9,
						 .hi = 1.1,
						 .verdict = VERDICT_REGRESSION,
						 .stack_text = "main;" HOSTILE ";" HOSTILE,
						 .stage = HOSTILE};
	m->functions[1] = m->functions[0];
	m->functions[1].verdict = VERDICT_IMPROVED;
	m->functions[1].lo = m->functions[1].hi = m->functions[1].change = NAN;
	m->remarks[0] = remark;
	m->remarks[1] = second;
	m->g = (struct gate_result){.verdict = VERDICT_REGRESSION,
				    .why = HOSTILE " rose",
				    .rows = m->rows,
				    .n = rows,
				    .functions = m->functions,
				    .n_functions = 2,
				    .remarks = m->remarks,
				    .n_remarks = 2,
				    .alpha = 0.01};
	m->v = (struct gate_view){
		.g = &m->g,
		.sides = {{HOSTILE, HOSTILE, m->runs[0], 3}, {HOSTILE, HOSTILE, m->runs[1], 3}},
		.options = "",
		.operands = "before after"};
}

/* A regression, one that cannot be said, one that improved, one that is fine. */
static inline void make_four(struct made *m)
{
	make(m, ROWS);
	m->rows[1] = make_row(NULL, METRIC_WALL, VERDICT_REGRESSION, 0.05);
	m->rows[1].accept = "--accept wall";
	m->rows[2] = make_row(HOSTILE, METRIC_ALLOC_COUNT, VERDICT_INCONCLUSIVE, NAN);
	m->rows[2].note = HOSTILE;
	m->rows[3] = make_row("fine", METRIC_WALL, VERDICT_IMPROVED, -0.5);
	m->g.of[VERDICT_REGRESSION] = 1;
}

#endif
