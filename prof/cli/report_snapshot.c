/* Snapshots: their list, and the difference of two, as text and as JSON. */
#include <inttypes.h>
#include <limits.h>

#include "prof/analyze/library.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/report_json.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/text.h"

#define DIFF_ROWS    15
#define STACK_FRAMES 4

/* ---- list ---- */

static json_t *snapshot_object(const struct profile *p, const struct profile_snapshot *s)
{
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, "snapshot", json_integer(snapshot_number(s)));
		bad |= jsonout_put(row, "id", json_integer(s->id));
		bad |= jsonout_put(row, "name", report_json_text(p, s->name));
		bad |= jsonout_put(row, "t_ns", json_integer(s->t_ns - p->run.start_ns));
		bad |= jsonout_put(row, "heap_bytes", json_integer(s->heap_bytes));
		bad |= jsonout_put(row, "stacks", json_integer((json_int_t)s->n));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static int list_json(FILE *out, const struct profile *p, struct err *err)
{
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;
	size_t i;

	for (i = 0; !bad && i < p->n_snapshots; i++)
		bad |= json_array_append_new(rows, snapshot_object(p, &p->snapshots[i]));
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "snapshots", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}

int report_snapshots(FILE *out, const struct profile *p, int json, struct err *err)
{
	size_t i;

	if (json)
		return list_json(out, p, err);
	if (!p->n_snapshots) {
		fprintf(out, "no snapshots: they are taken where memory is followed, from 250 ms "
			     "on, and by protea-prof snapshot -p PID\n");
		return 0;
	}
	fprintf(out, "%8s  %12s  %10s  %8s  %s\n", "snapshot", "after start", "heap", "stacks",
		"name");
	for (i = 0; i < p->n_snapshots; i++) {
		const struct profile_snapshot *s = &p->snapshots[i];
		char t[UNITS_TEXT], n[UNITS_TEXT], heap[32];

		report_value(heap, PROFILE_LIVE, s->heap_bytes);
		fprintf(out, "%8" PRIu32 "  %12s  %10s  %8s  ", snapshot_number(s),
			units_ns(t, s->t_ns - p->run.start_ns), heap, units_count(n, s->n));
		text_print(out, strtab_text(p->strings, s->name), 40, 0);
		putc('\n', out);
	}
	return 0;
}

/* ---- difference ---- */

static void signed_bytes(char text[UNITS_TEXT + 1], int64_t change)
{
	text[0] = change < 0 ? '-' : '+';
	units_bytes(text + 1, change < 0 ? 0 - (uint64_t)change : (uint64_t)change);
}

static void diff_head(FILE *out, const struct profile *p, const struct snapdiff *d, size_t before,
		      size_t after)
{
	const struct profile_snapshot *a = &p->snapshots[before], *b = &p->snapshots[after];
	char change[UNITS_TEXT + 1], t[UNITS_TEXT], from[32], to[32];
	int64_t span, grown;

	if (__builtin_sub_overflow(b->t_ns, a->t_ns, &span) || span == INT64_MIN)
		span = INT64_MAX;
	if (__builtin_sub_overflow(d->after, d->before, &grown))
		grown = INT64_MAX;
	fprintf(out, "memory   ");
	report_memory_mode(out, p);
	fprintf(out, "\nbetween  snapshot %" PRIu32 " (", snapshot_number(a));
	text_print(out, strtab_text(p->strings, a->name), 30, 0);
	fprintf(out, ") and %" PRIu32 " (", snapshot_number(b));
	text_print(out, strtab_text(p->strings, b->name), 30, 0);
	fprintf(out, "), %s%s\n", units_ns(t, span < 0 ? -span : span), span < 0 ? " before" : "");
	report_value(from, PROFILE_LIVE, d->before);
	report_value(to, PROFILE_LIVE, d->after);
	signed_bytes(change, grown);
	fprintf(out, "live     %s, %s before: %s; %zu stack%s changed, %zu did not\n", to, from,
		change, d->n, d->n == 1 ? "" : "s", d->n_same);
}

static void diff_rows(FILE *out, const struct profile *p, const struct snapdiff *d,
		      const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : DIFF_ROWS, i;

	for (i = 0; i < d->n && i < limit; i++) {
		const struct snapdiff_row *r = &d->rows[i];
		char change[UNITS_TEXT + 1], from[32], to[32], m[UNITS_TEXT], n[UNITS_TEXT];

		signed_bytes(change, r->change);
		report_value(from, PROFILE_LIVE, r->before);
		report_value(to, PROFILE_LIVE, r->after);
		fprintf(out, "\n%s  %s: from %s in %s block%s to %s in %s\n", change,
			snapdiff_state_name(r->state), from, units_count(m, r->before_count),
			r->before_count == 1 ? "" : "s", to, units_count(n, r->after_count));
		report_stack(out, p, r->stack, o->all ? INT_MAX : STACK_FRAMES, 4);
	}
	if (i < d->n)
		fprintf(out, "\n… %zu more stacks; -n 0 shows all\n", d->n - i);
}

static json_t *diff_object(const struct profile *p, const struct snapdiff_row *r)
{
	json_t *row = json_object();
	int bad = !row;

	if (row) {
		bad |= jsonout_put(row, "state", json_string(snapdiff_state_name(r->state)));
		bad |= jsonout_put(row, "change_bytes", json_integer(r->change));
		bad |= jsonout_put(row, "before_bytes", json_integer(r->before));
		bad |= jsonout_put(row, "after_bytes", json_integer(r->after));
		bad |= jsonout_put(row, "before_blocks", json_integer((json_int_t)r->before_count));
		bad |= jsonout_put(row, "after_blocks", json_integer((json_int_t)r->after_count));
		bad |= jsonout_put(row, "stack", report_json_stack(p, r->stack));
	}
	if (bad) {
		json_decref(row);
		return NULL;
	}
	return row;
}

static int diff_json(FILE *out, const struct profile *p, const struct snapdiff *d, size_t before,
		     size_t after, const struct report_options *o, struct err *err)
{
	size_t limit = o->rows ? (size_t)o->rows : d->n, i;
	json_t *root = json_object(), *rows = json_array();
	int bad = !root || !rows;

	for (i = 0; !bad && i < d->n && i < limit; i++)
		bad |= json_array_append_new(rows, diff_object(p, &d->rows[i]));
	if (root) {
		bad |= jsonout_put(root, "run", report_json_run(p));
		bad |= jsonout_put(root, "unit", json_string("bytes"));
		bad |= jsonout_put(root, "since", snapshot_object(p, &p->snapshots[before]));
		bad |= jsonout_put(root, "snapshot", snapshot_object(p, &p->snapshots[after]));
		bad |= jsonout_put(root, "before_bytes", json_integer(d->before));
		bad |= jsonout_put(root, "after_bytes", json_integer(d->after));
		bad |= jsonout_put(root, "unchanged", json_integer((json_int_t)d->n_same));
		bad |= jsonout_put(root, "rows", json_incref(rows));
	}
	json_decref(rows);
	return jsonout_finish(out, root, bad, err);
}

int report_snapshot_diff(FILE *out, const struct profile *p, const struct report_options *o,
			 const struct memory_view *v, struct err *err)
{
	size_t before, after;
	struct snapdiff d;
	int rc = snapshot_find(p, v->since, &before, err);

	if (rc == 0)
		rc = snapshot_find(p, v->snapshot, &after, err);
	if (rc == 0)
		rc = snapdiff_make(&d, p, before, after, err);
	if (rc)
		return rc;
	if (v->json) {
		rc = diff_json(out, p, &d, before, after, o, err);
	} else {
		diff_head(out, p, &d, before, after);
		diff_rows(out, p, &d, o);
	}
	snapdiff_release(&d);
	return rc;
}
