/* The end of a run in a few lines: what it took, what was lost, stages, hottest functions, what to type
 * next. */
#include "prof/cli/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/report_sql.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"

#define HOT_ROWS   5
#define HOT_BARS   19 /* columns before a function */
#define STAGE_ROWS 12

static void print_head(const struct record_result *r, int of_wall)
{
	char wall[UNITS_TEXT], cpu[UNITS_TEXT], n[UNITS_TEXT];
	double ticks = (double)r->samples + (double)r->lost + (double)r->late;

	fprintf(stderr,
		"\nprotea-prof: run %.8s  %s, CPU %s, %" PRIu32 " process%s, %" PRIu32
		" thread%s\n",
		r->run_id, units_ns(wall, r->duration_ns), units_ns(cpu, r->cpu_ns), r->processes,
		r->processes == 1 ? "" : "es", r->threads, r->threads == 1 ? "" : "s");
	fprintf(stderr, "  %s samples by %s", units_count(n, r->samples), r->engine);
	if (r->cpu_ns > 0 && !of_wall)
		fprintf(stderr, ", %.4g per second of CPU",
			(double)r->samples / ((double)r->cpu_ns / 1e9));
	fprintf(stderr, ", lost %.2g %%",
		ticks > 0 ? 100 * ((double)r->lost + (double)r->late) / ticks : 0);
}

static void print_numbers(const struct record_result *r)
{
	print_head(r, 0);
	fprintf(stderr, ", overhead about %.2g %%\n", 100 * r->overhead);
}

/* What it was for the program, and for the machine. */
static void print_outside(const struct outside_result *o)
{
	const struct pause_stats *p = &o->pause;
	char n[UNITS_TEXT], a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT];

	print_head(&o->run, o->wall);
	if (o->torn)
		fprintf(stderr, ", torn %s", units_count(n, o->torn));
	fprintf(stderr, "\n  %s pause%s", units_count(n, p->n), p->n == 1 ? "" : "s");
	if (p->n)
		fprintf(stderr, " (p50 %s, p99 %s, longest %s)", units_ns(a, p->p50_ns),
			units_ns(b, p->p99_ns), units_ns(c, p->max_ns));
	if (p->skipped)
		fprintf(stderr, ", %s left out", units_count(n, p->skipped));
	if (o->first_sample_ns)
		fprintf(stderr, ", first sample after %s", units_ns(a, o->first_sample_ns));
	if (o->run.duration_ns > 0)
		fprintf(stderr, ", profiler %.2g %% CPU",
			100 * (double)o->own_cpu_ns / (double)o->run.duration_ns);
	putc('\n', stderr);
}

static void print_notes(const struct record_result *r)
{
	size_t i;

	for (i = 0; i < sizeof(r->notes) / sizeof(r->notes[0]); i++)
		if (r->notes[i][0])
			log_warn("%s", r->notes[i]);
	if (r->engine_errno)
		log_info("perf events are not permitted (%s): CPU timers are used; 'protea-prof "
			 "check' "
			 "tells what would change it",
			 strerror(r->engine_errno));
}

static void print_hot(struct profile *p, enum profile_kind kind, struct err *err)
{
	struct sample_filter filter = {.kind = kind};
	struct hot_list list;
	size_t i;

	if (hot_list_make(&list, p, HOT_FUNCTION, &filter, err))
		return;
	if (list.n)
		fprintf(stderr, "\n  %7s %7s  function%s\n", "self", "total",
			kind == PROFILE_WALL ? " (wall time)" : "");
	for (i = 0; i < list.n && i < HOT_ROWS && list.value > 0; i++) {
		const struct hot_row *r = &list.rows[i];

		if (!r->self_value)
			break;
		fprintf(stderr, "  %5.1f %% %5.1f %%  ",
			100 * (double)r->self_value / (double)list.value,
			100 * (double)r->total_value / (double)list.value);
		text_pair(stderr, strtab_text(p->strings, r->label),
			  text_base(strtab_text(p->strings, r->detail)),
			  cli_columns(STDERR_FILENO) - HOT_BARS);
		putc('\n', stderr);
	}
	hot_list_release(&list);
}

static void print_stages(const struct profile *p, struct err *err)
{
	struct stage_list list;
	size_t i;

	if (stage_list_make(&list, p, err))
		return;
	if (list.n)
		fprintf(stderr, "\n  %-32s %8s %10s %10s\n", "stage", "n", "wall", "CPU");
	for (i = 0; i < list.n && i < STAGE_ROWS; i++) {
		const struct stage_row *r = &list.rows[i];
		char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT];
		int indent = r->depth < 6 ? 2 * (int)r->depth : 12;

		fprintf(stderr, "  %*s", indent, "");
		text_print(stderr, strtab_text(p->strings, r->name), 32 - indent, 32 - indent);
		fprintf(stderr, " %8s %10s %10s\n", units_count(a, r->n),
			units_ns(b, (int64_t)(r->wall_ns.sum > 0 ? r->wall_ns.sum : 0)),
			units_ns(c, (int64_t)(r->cpu_ns.sum > 0 ? r->cpu_ns.sum : 0)));
	}
	if (list.n > STAGE_ROWS)
		fprintf(stderr, "  … %zu more: protea-prof report --stages\n", list.n - STAGE_ROWS);
	stage_list_release(&list);
}

static void print_memory(struct profile *p)
{
	struct memory_sum peak = report_memory_sum(p, PROFILE_PEAK);
	struct memory_sum all = report_memory_sum(p, PROFILE_ALLOC);
	struct memory_sum leak = report_memory_sum(p, PROFILE_LEAK);
	char a[UNITS_TEXT], b[UNITS_TEXT], n[UNITS_TEXT];

	if (!all.count && !all.value)
		return;
	report_value(a, PROFILE_PEAK, peak.value);
	report_value(b, PROFILE_ALLOC, all.value);
	fprintf(stderr, "\n  heap: %s at its highest; %s allocated in %s blocks", a, b,
		units_count(n, all.count));
	report_value(a, PROFILE_LEAK, leak.value);
	fprintf(stderr, ", %s never freed", a);
	if (all.hi > all.lo)
		fprintf(stderr, " (estimates)");
	putc('\n', stderr);
}

/* `text` as one word of a shell. */
static void print_word(const char *text)
{
	if (*text && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_-./,:+@%=")] == '\0') {
		fputs(text, stderr);
		return;
	}
	putc('\'', stderr);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stderr);
		else
			putc(*text, stderr);
	putc('\'', stderr);
}

static void print_next(const char *store_path, int name_store, int memory, int sql)
{
	static const char *const next[] = {"report --sql", "report --tree", "report --memory",
					   "flame"};
	int said = 0;
	size_t i;

	fprintf(stderr, "\nprotea-prof: in ");
	text_print(stderr, store_path, 0, 0);
	putc('\n', stderr);
	for (i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		if ((i == 0 && !sql) || (i == 2 && !memory))
			continue;
		fprintf(stderr, "protea-prof: %s protea-prof %s",
			said++ ? "  or:" : "next:", next[i]);
		if (name_store) {
			fputs(" --store ", stderr);
			print_word(store_path);
		}
		putc('\n', stderr);
	}
}

static void print_run(const char *store_path, int name_store, const struct record_result *result,
		      int memory)
{
	struct err err = ERR_INIT;
	struct store *s = NULL;
	struct profile p;
	int64_t run;
	int rc, sql = 0;

	print_notes(result);
	rc = store_open(&s, store_path, STORE_READ, &err);
	if (rc == 0)
		rc = store_find_run(s, result->run_id, &run, &err);
	if (rc == 0)
		rc = store_read_run(s, run, STORE_READ_SAMPLES, &p, &err);
	store_close(s);
	if (rc == 0) {
		print_stages(&p, &err);
		print_memory(&p);
		sql = p.n_sql > 0;
		if (sql)
			report_sql_line(stderr, &p);
		print_hot(&p, (enum profile_kind)profile_kind_parse(cli_default_kind(&p)), &err);
		if (p.n_losses) {
			fprintf(stderr, "\n  lost: ");
			if (!report_losses(stderr, &p))
				fprintf(stderr, "nothing");
			putc('\n', stderr);
		}
		profile_release(&p);
	}
	if (err.code)
		log_warn("the summary is not complete: %s", err.text);
	print_next(store_path, name_store, memory, sql);
}

void summary_print(const char *store_path, int name_store, const struct record_result *result)
{
	if (log_get_level() < LOG_INFO)
		return;
	print_numbers(result);
	print_run(store_path, name_store, result, 1);
}

void summary_print_outside(const char *store_path, int name_store,
			   const struct outside_result *result)
{
	if (log_get_level() < LOG_INFO)
		return;
	print_outside(result);
	print_run(store_path, name_store, &result->run, 0);
}
