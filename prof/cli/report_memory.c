/* report --memory as text: how memory was followed, the sums, a table by whoever asked for it. */
#include "prof/cli/report_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/text.h"

#define MEMORY_ROWS 20
#define NAME_ROOM   28

/* ---- sums ---- */

struct memory_sum report_memory_sum(const struct profile *p, enum profile_kind kind)
{
	struct memory_sum sum = {0};
	double variance = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		if (s->kind != (uint32_t)kind)
			continue;
		if (__builtin_add_overflow(sum.count, s->count, &sum.count))
			sum.count = UINT64_MAX;
		if (__builtin_add_overflow(sum.value, s->value, &sum.value))
			sum.value = INT64_MAX;
		variance += estimate_variance(p, s);
	}
	estimate_interval(p, kind, (double)sum.value, variance, &sum.lo, &sum.hi);
	return sum;
}

static int64_t whole(double bytes)
{
	return bytes < 9e18 ? (int64_t)bytes : INT64_MAX;
}

void report_estimate(FILE *out, const struct memory_sum *sum)
{
	char a[32], b[32];

	if (!sum->value && !sum->count && sum->hi > 0) {
		report_value(a, PROFILE_ALLOC, whole(sum->hi));
		fprintf(out, "less than %s: none of it was sampled", a);
		return;
	}
	report_value(a, PROFILE_ALLOC, sum->value);
	fprintf(out, "%s", a);
	if (sum->hi > sum->lo) {
		report_value(a, PROFILE_ALLOC, whole(sum->lo));
		report_value(b, PROFILE_ALLOC, whole(sum->hi));
		fprintf(out, " (95 %%: %s … %s)", a, b);
	}
}

int64_t report_peak_ns(const struct profile *p)
{
	const struct profile_counter *best = NULL;
	size_t i;

	for (i = 0; i < p->n_counters; i++) {
		const struct profile_counter *c = &p->counters[i];

		if ((!best || c->value > best->value) &&
		    strcmp(strtab_text(p->strings, c->name), "heap_bytes") == 0)
			best = c;
	}
	return best && best->value > 0 && best->t_ns >= p->run.start_ns
		       ? best->t_ns - p->run.start_ns
		       : -1;
}

int64_t report_peak_rss(const struct profile *p)
{
	int64_t most = -1;
	uint32_t i;

	for (i = 0; i < p->n_processes; i++)
		if (p->processes[i].max_rss_bytes > most)
			most = p->processes[i].max_rss_bytes;
	return most > 0 ? most : -1;
}

/* ---- head ---- */

void report_memory_mode(FILE *out, const struct profile *p)
{
	const char *mode = strtab_text(p->strings, p->run.memory);
	char rate[UNITS_TEXT];

	if (strcmp(mode, "sampled") == 0 && estimate_rate(p, PROFILE_ALLOC) > 0)
		fprintf(out, "sampled: estimates from one sample in %s, with 95 %% intervals",
			units_bytes(rate, p->run.memory_rate_bytes));
	else if (strcmp(mode, "full") == 0 || strcmp(mode, "sampled") == 0)
		fprintf(out, "%s: exact, every allocation was followed", mode);
	else if (strcmp(mode, "off") == 0)
		fprintf(out, "off: it was not followed (protea-prof run --memory full does)");
	else
		fprintf(out, "not known how it was followed");
}

static void head_sum(FILE *out, const char *what, const struct memory_sum *sum, const char *of)
{
	char n[UNITS_TEXT];

	fprintf(out, "%-9s", what);
	report_estimate(out, sum);
	if (sum->count || sum->hi <= 0)
		fprintf(out, " in %s %s%s", units_count(n, sum->count), of,
			sum->count == 1 ? "" : "s");
}

static void head_peak(FILE *out, const struct profile *p)
{
	struct memory_sum peak = report_memory_sum(p, PROFILE_PEAK);
	int64_t at = report_peak_ns(p);
	char t[UNITS_TEXT];

	head_sum(out, "peak", &peak, "block");
	if (at >= 0 && peak.value)
		fprintf(out, ", %s after the start", units_ns(t, at));
	if (p->n_processes > 1)
		fprintf(out, "; each process at a mark of its own");
	putc('\n', out);
}

static void head_total(FILE *out, const struct profile *p)
{
	struct memory_sum all = report_memory_sum(p, PROFILE_ALLOC);
	struct memory_sum temporary = report_memory_sum(p, PROFILE_TEMPORARY);
	char share[UNITS_TEXT], n[UNITS_TEXT];

	head_sum(out, "total", &all, "block");
	fprintf(out, "\ntemporary ");
	if (temporary.count || temporary.value)
		fprintf(out, "%s of the blocks (%s), ",
			units_pct(share, (double)temporary.count, (double)all.count),
			units_count(n, temporary.count));
	report_estimate(out, &temporary);
	if (p->run.memory_temporary > 1)
		fprintf(out, ": freed within %" PRIu64 " allocations", p->run.memory_temporary);
	putc('\n', out);
}

static void head_end(FILE *out, const struct profile *p)
{
	struct memory_sum live = report_memory_sum(p, PROFILE_LIVE);
	struct memory_sum leak = report_memory_sum(p, PROFILE_LEAK);

	head_sum(out, "live", &live, "block");
	fprintf(out, " at the end");
	if (leak.value == live.value && leak.count == live.count) {
		if (leak.count)
			fprintf(out, ", all of it leaked");
	} else {
		fprintf(out, ", leaked ");
		report_estimate(out, &leak);
	}
	putc('\n', out);
}

static void memory_head(FILE *out, const struct profile *p)
{
	struct memory_sum mapped = report_memory_sum(p, PROFILE_MMAP);
	struct memory_sum copied = report_memory_sum(p, PROFILE_COPY);
	int64_t rss = report_peak_rss(p);
	char text[UNITS_TEXT];

	fprintf(out, "memory   ");
	report_memory_mode(out, p);
	putc('\n', out);
	head_peak(out, p);
	head_total(out, p);
	head_end(out, p);
	head_sum(out, "mapped", &mapped, "range");
	fprintf(out, " at the peak\n");
	head_sum(out, "copied", &copied, "call");
	if (rss >= 0)
		fprintf(out, "\nRSS      %s at its highest", units_bytes(text, (uint64_t)rss));
	putc('\n', out);
}

/* ---- table ---- */

enum { SELF, ERROR, INCLUSIVE, PEAK, LIVE, TOTAL, BLOCKS, TEMPORARY, MEAN, LIFE, CELLS };

static const char *const self_heads[MEMORY_KINDS] = {"peak",      "live",   "leak",  "total",
						     "temporary", "mapped", "copied"};

/* Leaked where the program ended, else live: one of them says nothing that the other does not. */
static enum memory_kind left_over(const struct memory_list *list)
{
	return list->all[MEMORY_LEAK].self > 0 ? MEMORY_LEAK : MEMORY_LIVE;
}

static void make_columns(struct columns *c, const struct memory_list *list, enum memory_sort sort)
{
	enum memory_kind kind = memory_sort_kind(sort);

	columns_add(c, self_heads[kind], 0);
	columns_add(c, "", 1);
	columns_add(c, "with calls", 2);
	columns_add(c, "peak", 3);
	columns_add(c, self_heads[left_over(list)], 4);
	columns_add(c, "total", 1);
	columns_add(c,
		    kind == MEMORY_MMAP   ? "ranges"
		    : kind == MEMORY_COPY ? "calls"
					  : "blocks",
		    0);
	columns_add(c, "temp", 5);
	columns_add(c, "mean", 6);
	columns_add(c, "life", sort == MEMORY_BY_LIFE ? 0 : 7);
}

static void put_other(struct columns *c, size_t i, int column, const struct memory_row *r,
		      enum memory_kind kind, enum memory_kind sorted)
{
	if (kind != sorted)
		columns_bytes(c, i, column, r->cell[kind].self);
}

static void fill(struct columns *c, size_t i, const struct profile *p,
		 const struct memory_list *list, const struct memory_row *r, enum memory_sort sort)
{
	enum memory_kind kind = memory_sort_kind(sort);
	const struct memory_cell *own = &r->cell[kind], *all = &r->cell[MEMORY_ALLOC];
	/* Blocks are those of the column that the list is sorted by only where no others are. */
	int apart =
		kind == MEMORY_MMAP || kind == MEMORY_COPY || !list->all[MEMORY_ALLOC].self_count;
	const struct memory_cell *counted = apart ? own : all;
	double lo, hi;

	columns_bytes(c, i, SELF, own->self);
	estimate_interval(p, memory_profile_kind(kind), (double)own->self, own->self_variance, &lo,
			  &hi);
	columns_error(c, i, ERROR, (double)own->self, lo, hi);
	columns_share(c, i, INCLUSIVE, (double)own->total, (double)list->all[kind].self);
	if (!apart) {
		put_other(c, i, PEAK, r, MEMORY_PEAK, kind);
		put_other(c, i, LIVE, r, left_over(list), kind);
		put_other(c, i, TOTAL, r, MEMORY_ALLOC, kind);
		columns_share(c, i, TEMPORARY, (double)r->cell[MEMORY_TEMPORARY].self_count,
			      (double)all->self_count);
		columns_ns(c, i, LIFE, memory_mean_life_ns(r));
	}
	columns_count(c, i, BLOCKS, counted->self_count);
	if (counted->self_count)
		columns_bytes(c, i, MEAN,
			      whole((double)counted->self / (double)counted->self_count + 0.5));
}

static int is_wanted(const struct memory_list *list, const struct memory_row *r,
		     const struct report_options *o, enum memory_sort sort)
{
	enum memory_kind kind = memory_sort_kind(sort);
	const struct memory_cell *own = &r->cell[kind];

	if (!own->total && !own->total_count)
		return 0;
	/* Callers alone: trees show them better. Stages within stages and -a are worth it. */
	if (o->filter.user_sites && o->by != HOT_STAGE && !own->self && !own->self_count)
		return 0;
	return list->all[kind].self <= 0 ||
	       (double)own->total >= o->min_share * (double)list->all[kind].self;
}

static void print_rows(FILE *out, const struct profile *p, const struct memory_list *list,
		       const struct report_options *o, struct columns *c, const size_t *which,
		       size_t n)
{
	int room = columns_fit(c, cli_width(), NAME_ROOM);
	size_t i;

	columns_print(out, c, SIZE_MAX);
	fprintf(out, "%s\n", report_by_name(o->by));
	for (i = 0; i < n; i++) {
		const struct memory_row *r = &list->rows[which[i]];
		const char *detail =
			r->detail == r->label ? "" : strtab_text(p->strings, r->detail);

		columns_print(out, c, i);
		text_pair(out, strtab_text(p->strings, r->label),
			  o->by == HOT_FUNCTION ? text_base(detail) : detail, room);
		putc('\n', out);
	}
}

static int memory_table(FILE *out, const struct profile *p, const struct memory_list *list,
			const struct report_options *o, enum memory_sort sort, struct err *err)
{
	size_t limit = o->rows ? (size_t)o->rows : MEMORY_ROWS, wanted = 0, i, n = 0;
	size_t *which = malloc((list->n + 1) * sizeof(*which));
	struct columns c;

	if (!which)
		return err_nomem(err, "the table of memory");
	for (i = 0; i < list->n; i++)
		if (is_wanted(list, &list->rows[i], o, sort)) {
			if (n < limit)
				which[n++] = i;
			wanted++;
		}
	if (columns_init(&c, n)) {
		free(which);
		return err_nomem(err, "the table of memory");
	}
	make_columns(&c, list, sort);
	for (i = 0; i < n; i++)
		fill(&c, i, p, list, &list->rows[which[i]], sort);
	print_rows(out, p, list, o, &c, which, n);
	if (n < wanted)
		fprintf(out, "… %zu more; -n 0 shows all\n", wanted - n);
	columns_release(&c);
	free(which);
	return 0;
}

static const char *sort_text(enum memory_sort sort)
{
	static const char *const texts[MEMORY_SORTS] = {
		[MEMORY_BY_PEAK] = "by what was live at the heap's high-water mark",
		[MEMORY_BY_LIVE] = "by what was not freed when recording ended",
		[MEMORY_BY_LEAK] = "by what was never freed",
		[MEMORY_BY_TOTAL] = "by what was allocated in all",
		[MEMORY_BY_TEMPORARY] = "by what was freed again at once",
		[MEMORY_BY_MMAP] = "by what was mapped at the peak",
		[MEMORY_BY_COPY] = "by what was copied",
		[MEMORY_BY_COUNT] = "by how many blocks were allocated",
		[MEMORY_BY_LIFE] = "by how long blocks live",
	};

	return texts[sort];
}

static int is_sorted_by_nothing(const struct memory_list *list, enum memory_sort sort)
{
	const struct memory_cell *all = &list->all[memory_sort_kind(sort)];

	return !all->self && !all->self_count;
}

static int show_list(FILE *out, struct profile *p, const struct memory_list *list,
		     const struct report_options *o, const struct memory_view *v, struct err *err)
{
	if (v->json)
		return report_memory_json(out, p, list, o, v, err);
	if (is_sorted_by_nothing(list, v->sort)) {
		fprintf(out, "no samples of kind %s\n",
			profile_kind_name(memory_profile_kind(memory_sort_kind(v->sort))));
		return 0;
	}
	if (v->snapshot)
		fprintf(out, "live memory by %s\n", report_by_name(o->by));
	else
		fprintf(out, "memory by %s, %s\n", report_by_name(o->by), sort_text(v->sort));
	if (o->filter.user_sites && o->by <= HOT_MODULE)
		fprintf(out, "library code counts for its caller (-a: by itself)\n");
	putc('\n', out);
	return memory_table(out, p, list, o, v->sort, err);
}

static void snapshot_head(FILE *out, const struct profile *p, const struct profile_snapshot *s)
{
	struct memory_sum live = report_memory_sum(p, PROFILE_LIVE);
	char t[UNITS_TEXT];

	fprintf(out, "memory   ");
	report_memory_mode(out, p);
	fprintf(out, "\nsnapshot %" PRIu32 " (", snapshot_number(s));
	text_print(out, strtab_text(p->strings, s->name), 40, 0);
	fprintf(out, "), %s after the start\n", units_ns(t, s->t_ns - p->run.start_ns));
	head_sum(out, "live", &live, "block");
	if (s->heap_bytes > live.value)
		fprintf(out, "; %s with the stacks that were too small to be kept",
			units_bytes(t, (uint64_t)s->heap_bytes));
	putc('\n', out);
}

int report_memory(FILE *out, struct profile *p, const struct report_options *o,
		  const struct memory_view *v, struct err *err)
{
	struct memory_view view = *v;
	struct memory_list list;
	size_t place;
	int rc;

	if (v->snapshot) {
		rc = snapshot_find(p, v->snapshot, &place, err);
		if (rc == 0)
			rc = snapshot_as_samples(p, place, err);
		if (rc)
			return rc;
		view.sort = MEMORY_BY_LIVE;
	}
	if (!v->json) {
		if (v->snapshot)
			snapshot_head(out, p, &p->snapshots[place]);
		else
			memory_head(out, p);
		putc('\n', out);
	}
	rc = memory_list_make(&list, p, o->by, &o->filter, view.sort, err);
	if (rc)
		return rc;
	rc = show_list(out, p, &list, o, &view, err);
	memory_list_release(&list);
	return rc;
}
