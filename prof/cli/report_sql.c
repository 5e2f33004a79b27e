/* report --sql as text: see report_sql.h. Statements are foreign text: text_print() makes them harmless. */
#include "prof/cli/report_sql.h"

#include <inttypes.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/text.h"

#define ROWS_SHOWN  30
#define SITES_SHOWN 3
#define FRAMES      4

static const char *text_of(const struct profile *p, uint32_t string)
{
	return strtab_text(p->strings, string);
}

double report_sql_share(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

/* What lies further out is the same for everything. */
static int is_outermost(const char *function)
{
	return strcmp(function, "main") == 0 || strcmp(function, "start_thread") == 0;
}

void report_sql_caller(FILE *out, const struct profile *p, uint32_t stack, int frames)
{
	int n = 0;

	if (stack >= p->n_stacks || stack == 0) {
		fputs("[stack not known]", out);
		return;
	}
	for (; stack && n < frames; stack = p->stacks[stack].parent, n++) {
		const struct profile_frame *f = &p->frames[p->stacks[stack].frame];

		if (n)
			fputs(" < ", out);
		text_print(out, text_of(p, f->function), 0, 0);
		if (f->file && f->line) {
			fputs(" (", out);
			text_print(out, text_base(text_of(p, f->file)), 0, 0);
			fprintf(out, ":%" PRIu32 ")", f->line);
		}
		if (is_outermost(text_of(p, f->function)))
			return;
	}
	if (stack)
		fputs(" < ...", out);
}

void report_sql_fault(char *text, size_t size, const struct statement_row *r)
{
	char calls[UNITS_TEXT], sets[UNITS_TEXT], again[UNITS_TEXT];

	text[0] = '\0';
	units_count(calls, r->calls);
	units_count(sets, r->distinct);
	units_count(again, r->duplicates);
	if (r->many_sets && r->duplicates >= STATEMENTS_MANY)
		snprintf(text, size, "N+1: %s calls, %s sets of parameters; %s are duplicates",
			 calls, sets, again);
	else if (r->many_sets)
		snprintf(text, size, "N+1: %s calls, %s sets of parameters", calls, sets);
	else if (r->repeated)
		snprintf(text, size,
			 "duplicates: %s of %s calls had the parameters of an earlier one", again,
			 calls);
}

static void fill(struct columns *c, const struct profile *p, const struct statement_list *l,
		 size_t rows)
{
	int total = columns_add(c, "total", 0), share = columns_add(c, "of wall", 0);
	int calls = columns_add(c, "calls", 0), p95 = columns_add(c, "p95", 2);
	int brought = columns_add(c, "rows", 3), sets = columns_add(c, "sets", 1);
	int sent = columns_add(c, "sent", 5), received = columns_add(c, "received", 5);
	int errors = columns_add(c, "errors", 0);

	for (size_t i = 0; i < rows; i++) {
		const struct statement_row *r = &l->rows[i];

		columns_ns(c, i, total, (double)r->total_ns);
		columns_share(c, i, share, (double)r->total_ns, (double)p->run.duration_ns);
		columns_count(c, i, calls, r->calls);
		columns_ns(c, i, p95, (double)r->p95_ns);
		columns_count(c, i, brought, r->rows);
		columns_count(c, i, sets, r->distinct);
		columns_bytes(c, i, sent, (int64_t)r->sent);
		columns_bytes(c, i, received, (int64_t)r->received);
		columns_count(c, i, errors, r->errors);
	}
}

/* As it is called in lists: what is not a query says so. */
static void print_name(FILE *out, const struct profile *p, const struct statement_row *r, int width)
{
	const char *kind = text_of(p, r->kind);
	int skip = strcmp(kind, "prepare") == 0 || strcmp(kind, "describe") == 0;

	if (skip) {
		fprintf(out, "%s: ", kind);
		width -= (int)strlen(kind) + 2;
	}
	text_print(out, text_of(p, r->text), width > 20 ? width : 20, 0);
	putc('\n', out);
}

static void print_examples(FILE *out, const struct profile *p, const struct profile_sql *q)
{
	const char *examples = text_of(p, q->examples);

	if (!*examples)
		return;
	fputs("      parameters: ", out);
	text_print(out, examples, cli_width() - 18, 0);
	putc('\n', out);
}

static void print_site(FILE *out, const struct profile *p, const struct profile_sql *q, int frames)
{
	char calls[UNITS_TEXT], time[UNITS_TEXT], sets[UNITS_TEXT];

	units_count(calls, q->calls);
	units_ns(time, q->total_ns);
	units_count(sets, q->distinct_params);
	fprintf(out, "    %s call%s, %s", calls, q->calls == 1 ? "" : "s", time);
	if (q->distinct_params > 1)
		fprintf(out, ", %s sets", sets);
	if (q->unfinished)
		fprintf(out, ", %" PRIu64 " under way when it ended", q->unfinished);
	if (q->stage < p->n_stages) {
		fputs(", stage ", out);
		text_print(out, text_of(p, p->stages[q->stage].name), 0, 0);
	}
	fputs(": ", out);
	report_sql_caller(out, p, q->stack, frames);
	putc('\n', out);
}

static void print_sites(FILE *out, const struct profile *p, const struct statement_list *l,
			const struct statement_row *r, int all)
{
	size_t shown = all || r->n <= SITES_SHOWN ? r->n : SITES_SHOWN;
	char fault[160];

	report_sql_fault(fault, sizeof fault, r);
	if (*fault)
		fprintf(out, "    %s\n", fault);
	for (size_t i = 0; i < shown; i++)
		print_site(out, p, &p->sql[l->sites[r->first + i]], all ? 64 : FRAMES);
	if (shown < r->n)
		fprintf(out, "    ... and from %zu other places (--all)\n", r->n - shown);
	if (r->n)
		print_examples(out, p, &p->sql[l->sites[r->first]]);
}

static int print_table(FILE *out, const struct profile *p, const struct statement_list *l,
		       const struct report_options *o, struct err *err)
{
	size_t most = o->rows ? (size_t)o->rows : ROWS_SHOWN, rows = l->n < most ? l->n : most;
	struct columns c;
	int width;

	if (columns_init(&c, rows))
		return err_nomem(err, "the table");
	fill(&c, p, l, rows);
	width = columns_fit(&c, cli_width(), 40);
	columns_print(out, &c, SIZE_MAX);
	fputs("statement\n", out);
	for (size_t i = 0; i < rows; i++) {
		columns_print(out, &c, i);
		print_name(out, p, &l->rows[i], o->all ? 100000 : width);
		print_sites(out, p, l, &l->rows[i], o->all);
	}
	columns_release(&c);
	if (rows < l->n)
		fprintf(out, "\n%zu more (--rows 0)\n", l->n - rows);
	return 0;
}

static void print_stages(FILE *out, const struct profile *p, const struct statement_list *l)
{
	if (l->n_stages == 0 || (l->n_stages == 1 && l->stages[0].stage == STRTAB_EMPTY))
		return;
	fputs("\nby stage:\n", out);
	for (size_t i = 0; i < l->n_stages; i++) {
		char calls[UNITS_TEXT], time[UNITS_TEXT];

		units_count(calls, l->stages[i].calls);
		units_ns(time, l->stages[i].total_ns);
		fprintf(out, "  %10s  %9s calls  ", time, calls);
		text_print(out,
			   l->stages[i].stage == STRTAB_EMPTY ? "[no stage]"
							      : text_of(p, l->stages[i].stage),
			   0, 0);
		putc('\n', out);
	}
}

static int print_all(FILE *out, const struct profile *p, const struct statement_list *l,
		     const struct report_options *o, struct err *err)
{
	char calls[UNITS_TEXT], time[UNITS_TEXT], wall[UNITS_TEXT];
	int rc;

	units_count(calls, l->calls);
	units_ns(time, l->total_ns);
	units_ns(wall, p->run.duration_ns);
	fprintf(out, "%zu statements in %s calls, %s of %s wall time\n\n", l->n, calls, time, wall);
	rc = print_table(out, p, l, o, err);
	if (rc == 0)
		print_stages(out, p, l);
	return rc;
}

int report_sql(FILE *out, const struct profile *p, const struct report_options *o, int json,
	       struct err *err)
{
	struct statement_list l;
	int rc = statements_make(&l, p, o->filter.stage, err);

	if (rc)
		return rc;
	if (json)
		rc = report_sql_json(out, p, &l, o, err);
	else if (l.n == 0)
		rc = err_set(err, ERR_NOTFOUND,
			     "no statements in this run: record it with protea-prof run --sql");
	else
		rc = print_all(out, p, &l, o, err);
	statements_release(&l);
	return rc;
}

void report_sql_line(FILE *out, const struct profile *p)
{
	char calls[UNITS_TEXT], time[UNITS_TEXT], fault[160];
	struct statement_list l;
	const struct statement_row *top;

	if (statements_make(&l, p, NULL, NULL) || l.n == 0)
		return;
	top = &l.rows[0];
	for (size_t i = 0; i < l.n && !top->many_sets && !top->repeated; i++)
		if (l.rows[i].many_sets || l.rows[i].repeated)
			top = &l.rows[i];
	if (report_sql_share(top->total_ns, l.total_ns) < 0.05)
		top = &l.rows[0];
	units_count(calls, l.calls);
	units_ns(time, l.total_ns);
	fprintf(out, "\n  sql: %s statements sent, %s; %.1f %% of that: ", calls, time,
		100 * report_sql_share(top->total_ns, l.total_ns));
	text_print(out, text_of(p, top->text), 80, 0);
	report_sql_fault(fault, sizeof fault, top);
	if (*fault)
		fprintf(out, "\n       %s", fault);
	fputs("\n       from ", out);
	report_sql_caller(out, p, p->sql[l.sites[top->first]].stack, FRAMES);
	putc('\n', out);
	statements_release(&l);
}
