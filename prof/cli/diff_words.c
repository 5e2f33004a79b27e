/* Numbers, names and colours of diff's text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/diff_print.h"
#include "prof/cli/gate_view.h"
#include "prof/cli/text.h"

/* ---- numbers ---- */

static const char *const titles[PROFILE_KINDS] = {
	[PROFILE_CPU] = "CPU time",
	[PROFILE_WALL] = "wall time",
	[PROFILE_OFFCPU] = "time off the CPU",
	[PROFILE_ALLOC] = "bytes allocated",
	[PROFILE_LIVE] = "live bytes",
	[PROFILE_PEAK] = "bytes at the peak",
	[PROFILE_LEAK] = "leaked bytes",
	[PROFILE_TEMPORARY] = "temporary bytes",
	[PROFILE_MMAP] = "mapped bytes",
	[PROFILE_COPY] = "bytes copied",
	[PROFILE_SQL] = "SQL time",
	[PROFILE_GPU] = "GPU time",
};

static const char *const count_titles[PROFILE_KINDS] = {
	[PROFILE_CPU] = "CPU samples",
	[PROFILE_WALL] = "wall samples",
	[PROFILE_OFFCPU] = "samples off the CPU",
	[PROFILE_ALLOC] = "blocks allocated",
	[PROFILE_LIVE] = "live blocks",
	[PROFILE_PEAK] = "blocks at the peak",
	[PROFILE_LEAK] = "leaked blocks",
	[PROFILE_TEMPORARY] = "temporary blocks",
	[PROFILE_MMAP] = "mappings",
	[PROFILE_COPY] = "copies",
	[PROFILE_SQL] = "SQL statements",
	[PROFILE_GPU] = "GPU calls",
};

const char *diff_kind_title(const struct compare_options *o)
{
	return o->counts ? count_titles[o->kind] : titles[o->kind];
}

void diff_put_value(char out[UNITS_TEXT], const struct compare_options *o, double value, int sign)
{
	char text[UNITS_TEXT];
	double size = fabs(value);

	if (!isfinite(value))
		snprintf(text, sizeof text, "-");
	else if (o->counts)
		units_count(text, size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX);
	else if (profile_kind_is_time(o->kind))
		units_ns(text, size < 9e18 ? (int64_t)(size + 0.5) : INT64_MAX);
	else
		units_bytes(text, size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX);
	snprintf(out, UNITS_TEXT, "%s%.28s", value < 0 ? "-" : sign && value > 0 ? "+" : "", text);
}

void diff_put_ratio(char out[UNITS_TEXT], double change)
{
	char text[GATE_TEXT];

	if (isfinite(change) && change >= 999 && change < 1e12)
		snprintf(out, UNITS_TEXT, "x %.0f", change + 1);
	else
		snprintf(out, UNITS_TEXT, "%.30s", gate_view_change(text, change));
}

void diff_put_share(char out[UNITS_TEXT], double part, double whole)
{
	double share = whole > 0 ? part / whole : NAN;

	if (!isfinite(share))
		snprintf(out, UNITS_TEXT, "-");
	else if (share > 9.99)
		snprintf(out, UNITS_TEXT, "> 999 %%");
	else
		snprintf(out, UNITS_TEXT, "%+.1f %%", 100 * share);
}

void diff_put_error(char out[UNITS_TEXT], const struct compare_options *o,
		    const struct compare_value *v)
{
	char text[UNITS_TEXT];

	if (!(v->hi > v->lo)) {
		snprintf(out, UNITS_TEXT, "exact");
		return;
	}
	diff_put_value(text, o, (v->hi - v->lo) / 2, 0);
	snprintf(out, UNITS_TEXT, "± %.24s", text);
}

const char *diff_fate_name(enum compare_fate fate)
{
	static const char *const names[] = {NULL, "new", "gone", "inlined", "outlined", "renamed"};

	return names[fate];
}

const char *diff_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- colours: red is more, green is less ---- */

void diff_begin_colour(const struct diff_printing *x, double delta, int moved)
{
	if (x->colour && moved && (delta > 0 || delta < 0))
		fputs(delta > 0 ? "\033[31m" : "\033[32m", x->out);
}

void diff_end_colour(const struct diff_printing *x, double delta, int moved)
{
	if (x->colour && moved && (delta > 0 || delta < 0))
		fputs("\033[0m", x->out);
}

void diff_put_dim(const struct diff_printing *x, const char *text, int indent)
{
	int room = x->line - indent;

	fprintf(x->out, "%*s%s", indent, "", x->colour ? "\033[2m" : "");
	text_print(x->out, text, room > 20 ? room : 20, 0);
	fprintf(x->out, "%s\n", x->colour ? "\033[0m" : "");
}

void diff_put_wrapped(const struct diff_printing *x, const char *text)
{
	size_t room = x->line > 40 ? (size_t)x->line : 40;

	while (strlen(text) > room) {
		const char *blank = memrchr(text, ' ', room);
		char *part = blank && blank > text ? strndup(text, (size_t)(blank - text)) : NULL;

		if (!part)
			break;
		text_print(x->out, part, 0, 0);
		putc('\n', x->out);
		free(part);
		text = blank + 1;
	}
	text_print(x->out, text, 0, 0);
	putc('\n', x->out);
}
