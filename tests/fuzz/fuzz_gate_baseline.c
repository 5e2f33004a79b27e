/* Any bytes as a file of kept values: refused with a line, or read, written again, read again: the same bytes; and
 * judged against itself. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/baseline.h"
#include "prof/analyze/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_again(const struct metric_table *t)
{
	struct metric_table u = {0};
	struct buf one = BUF_INIT, two = BUF_INIT;
	int rc = baseline_write(&one, t, METRICS_BASE, 0, NULL);

	if (rc == 0) { /* else it has no value at all */
		if (!baseline_is(one.data, one.len) ||
		    baseline_read(&u, METRICS_BASE, one.data, one.len, "g", NULL) ||
		    baseline_write(&two, &u, METRICS_BASE, 0, NULL) || one.len != two.len ||
		    memcmp(one.data, two.data, one.len) != 0)
			abort();
	}
	metrics_release(&u);
	buf_release(&one);
	buf_release(&two);
}

/* What is the same on both sides is no regression and no improvement. */
static void judge(const struct metric_table *t)
{
	const struct gate_options o = {.anyway = GATE_ANYWAY_ALL};
	struct gate_result g;
	size_t i;

	if (gate_judge(&g, t, NULL, &o, NULL))
		abort();
	for (i = 0; i < g.n; i++)
		if (g.rows[i].d.verdict == VERDICT_REGRESSION ||
		    g.rows[i].d.verdict == VERDICT_IMPROVED)
			abort();
	gate_release(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct metric_table t = {0};
	struct err err = ERR_INIT;
	int rc = baseline_read(&t, METRICS_BASE, text, n, "f", &err);

	if (rc) {
		if ((rc != ERR_FORMAT && rc != ERR_LIMIT) || t.n_a)
			abort();
	} else {
		write_again(&t);
		if (t.n_a <= 50 && t.n <= 200 &&
		    baseline_read(&t, METRICS_CANDIDATE, text, n, "f", &err) == 0)
			judge(&t);
	}
	metrics_release(&t);
	return 0;
}
