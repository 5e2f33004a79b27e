/* The verdict as JUnit XML. A regression is a failure, what cannot be said of a row is skipped; the case "verdict" of the class
 * "gate" is an error where the whole is inconclusive, so that a reader of this file alone takes it for no pass. Valid against the
 * schemas of Jenkins and of Ant's report (tests/cli/junit.xsd has what both ask for). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prof/base/clock.h"
#include "prof/base/units.h"
#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_write.h"

struct counts {
	size_t tests, failures, errors, skipped;
};

static int is_skipped(enum gate_state s)
{
	return s == GATE_STATE_INCONCLUSIVE || s == GATE_STATE_REFUSED ||
	       s == GATE_STATE_UNDECIDED || s == GATE_STATE_IGNORED || s == GATE_STATE_MISSING ||
	       s == GATE_STATE_NEW;
}

/* Rows that nobody looks for, beyond that many: a case for all of a state. */
#define QUIET_MAX 5000

static int is_quiet(enum gate_state s)
{
	return s >= GATE_STATE_UNDECIDED;
}

static struct counts count(const struct gate_result *g, size_t left[GATE_STATES])
{
	struct counts c = {.tests = 1};
	size_t i, quiet = 0;

	for (i = 0; i < g->n; i++) {
		enum gate_state s = gate_row_state(&g->rows[i]);

		if (is_quiet(s) && quiet++ >= QUIET_MAX && left[s]++ > 0)
			continue;
		c.tests++;
		c.failures += s == GATE_STATE_REGRESSION;
		c.skipped += is_skipped(s) != 0;
	}
	/* A function that fails by a rule of its own has no row. */
	c.failures += g->verdict == VERDICT_REGRESSION;
	c.errors += g->verdict == VERDICT_INCONCLUSIVE;
	return c;
}

/* What a case with a wall time took: seconds of the candidate. */
static double seconds_of(const struct gate_row *r)
{
	return r->metric == METRIC_WALL && isfinite(r->d.candidate) && r->d.candidate > 0
		       ? r->d.candidate / 1e9
		       : 0;
}

static int64_t last_start(const struct gate_shown *s)
{
	int64_t last = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		last = s->runs[i].started_at > last ? s->runs[i].started_at : last;
	return last;
}

/* Without a zone, as the schema has it: UTC. */
static void put_time(struct buf *out, int64_t unix_ns)
{
	time_t t = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (t < 0 || t > 253402300799) /* year 9999 */
		t = 0;
	gmtime_r(&t, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_suite(struct buf *out, const struct counts *c, const char *host, int64_t unix_ns,
		      double seconds)
{
	buf_printf(out,
		   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		   "<testsuite name=\"protea-prof gate\" package=\"gate\" id=\"0\" tests=\"%zu\" "
		   "failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\" timestamp=\"",
		   c->tests, c->failures, c->errors, c->skipped, seconds);
	put_time(out, unix_ns);
	buf_puts(out, "\" hostname=\"");
	gate_put_xml(out, *host ? host : "unknown");
	buf_puts(out, "\">\n");
}

static void put_property(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "<property name=\"%s\" value=\"", name);
	gate_put_xml(out, value);
	buf_puts(out, "\"/>\n");
}

static void put_properties(struct buf *out, const struct gate_view *v)
{
	static const char *const names[METRICS_GROUPS] = {"base", "candidate"};
	struct buf text = BUF_INIT;
	int i;

	buf_puts(out, "<properties>\n");
	put_property(out, "verdict", verdict_name(v->g->verdict));
	for (i = 0; i < METRICS_GROUPS; i++) {
		buf_clear(&text);
		gate_view_side(&text, &v->sides[i]);
		put_property(out, names[i], buf_str(&text));
		gate_spoil(out, &text);
	}
	if (v->page)
		put_property(out, "page", v->page);
	buf_puts(out, "</properties>\n");
	gate_spoil(out, &text);
	buf_release(&text);
}

/* <tag message="…" type="…"/> */
static void put_outcome(struct buf *out, const char *tag, const char *type, const char *message)
{
	buf_printf(out, "<%s message=\"", tag);
	gate_put_xml(out, message);
	buf_puts(out, "\"");
	if (type)
		buf_printf(out, " type=\"%s\"", type);
	buf_puts(out, "/>");
}

static void put_case(struct buf *out, const char *class, const char *name, double seconds)
{
	buf_puts(out, "<testcase classname=\"");
	gate_put_xml(out, class);
	buf_puts(out, "\" name=\"");
	gate_put_xml(out, name);
	buf_printf(out, "\" time=\"%.6f\">", seconds);
}

static void put_row(struct buf *out, const struct gate_view *v, const struct gate_row *r)
{
	enum gate_state s = gate_row_state(r);
	const struct gate_function *f = gate_view_function(v, r);
	const char *note = gate_view_note(r);
	struct buf text = BUF_INIT;

	put_case(out, gate_view_stage(r->stage), metric_name(r->metric), seconds_of(r));
	gate_view_sentence(&text, r);
	if (s == GATE_STATE_REGRESSION)
		put_outcome(out, "failure", "regression", buf_str(&text));
	else if (is_skipped(s))
		put_outcome(out, "skipped", NULL, note ? note : gate_state_name(s));
	buf_printf(out, "<system-out>%s: ", gate_state_name(s));
	gate_put_xml(out, buf_str(&text));
	if (f) {
		buf_puts(out, "\nmost of it in ");
		gate_put_xml(out, f->function);
	}
	if (note) {
		buf_puts(out, r->accepted_by ? "\naccepted: " : "\n");
		gate_put_xml(out, note);
	}
	buf_puts(out, "</system-out></testcase>\n");
	gate_spoil(out, &text);
	buf_release(&text);
}

/* "12,345 more, all ok" */
static void put_left(struct buf *out, const size_t left[GATE_STATES])
{
	char name[96], text[UNITS_TEXT];
	int s;

	for (s = 0; s < GATE_STATES; s++) {
		if (!left[s])
			continue;
		snprintf(name, sizeof name, "%s more, all %s", units_count(text, left[s]),
			 gate_state_name((enum gate_state)s));
		put_case(out, "gate", name, 0);
		if (is_skipped((enum gate_state)s))
			put_outcome(out, "skipped", NULL, gate_state_name((enum gate_state)s));
		buf_puts(out, "<system-out>protea-prof gate --json has them all</system-out>"
			      "</testcase>\n");
	}
}

/* Those that have a case of their own. */
static void put_rows(struct buf *out, const struct gate_view *v)
{
	size_t i, quiet = 0;

	for (i = 0; i < v->g->n; i++)
		if (!is_quiet(gate_row_state(&v->g->rows[i])) || quiet++ < QUIET_MAX)
			put_row(out, v, &v->g->rows[i]);
}

static void put_verdict(struct buf *out, const struct gate_view *v)
{
	struct buf text = BUF_INIT;

	gate_view_headline(&text, v);
	put_case(out, "gate", "verdict", 0);
	if (v->g->verdict == VERDICT_REGRESSION)
		put_outcome(out, "failure", "regression", buf_str(&text));
	else if (v->g->verdict == VERDICT_INCONCLUSIVE)
		put_outcome(out, "error", "inconclusive", buf_str(&text));
	buf_puts(out, "<system-out>");
	gate_put_xml(out, buf_str(&text));
	buf_puts(out, "</system-out></testcase>\n");
	gate_spoil(out, &text);
	buf_release(&text);
}

static void put_functions(struct buf *out, const struct gate_view *v)
{
	struct gate_moved *moved = NULL;
	char change[GATE_TEXT];
	size_t n = 0, i;

	if (gate_view_moved(v, &moved, &n))
		out->failed = ERR_NOMEM;
	for (i = 0; i < n; i++) {
		buf_printf(out, "%s %s: ", gate_view_kind(&moved[i]),
			   gate_view_change(change, moved[i].f->change));
		gate_put_xml(out, moved[i].f->function);
		if (*moved[i].f->stack_text) {
			buf_puts(out, " by ");
			gate_put_xml(out, moved[i].f->stack_text);
		}
		buf_putc(out, '\n');
	}
	free(moved);
}

void gate_write_junit(struct buf *out, const struct gate_view *v)
{
	const struct gate_shown *side = &v->sides[METRICS_CANDIDATE];
	size_t left[GATE_STATES] = {0};
	struct counts c = count(v->g, left);
	const char *remark;
	double seconds = 0;
	size_t i;

	for (i = 0; i < v->g->n; i++)
		seconds += v->g->rows[i].stage ? 0 : seconds_of(&v->g->rows[i]);
	put_suite(out, &c, side->n ? side->runs[0].host : "", last_start(side), seconds);
	put_properties(out, v);
	put_verdict(out, v);
	put_rows(out, v);
	put_left(out, left);
	buf_puts(out, "<system-out>");
	put_functions(out, v);
	buf_puts(out, "</system-out>\n<system-err>");
	for (i = 0; (remark = gate_view_remark(v, i)); i++) {
		gate_put_xml(out, remark);
		buf_putc(out, '\n');
	}
	buf_puts(out, "</system-err>\n</testsuite>\n</testsuites>\n");
}

void gate_write_failed_junit(struct buf *out, const char *text)
{
	static const struct counts c = {.tests = 1, .errors = 1};

	put_suite(out, &c, "", clock_real_ns(), 0);
	buf_puts(out, "<properties/>\n");
	put_case(out, "gate", "verdict", 0);
	put_outcome(out, "error", "failed", text);
	buf_puts(out, "</testcase>\n<system-out/>\n<system-err/>\n</testsuite>\n</testsuites>\n");
}
