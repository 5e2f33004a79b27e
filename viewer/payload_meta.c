/* The JSON head of a payload: see payload.h and docs/viewer.md. Names are foreign bytes: what JSON cannot
 * hold is escaped, what is no UTF-8 is left to the reader, which shows it as U+FFFD. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "viewer/payload_pack.h"
#include "viewer/redact.h"

static void put_escaped(struct buf *json, const char *bytes, size_t len)
{
	size_t i, from = 0;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_put(json, bytes + from, i - from);
		buf_printf(json, "\\u%04x", c);
		from = i + 1;
	}
	buf_put(json, bytes + from, len - from);
}

void payload_json_text(struct buf *json, const char *bytes, size_t len)
{
	struct payload_cut t = payload_cut(bytes, len);

	buf_putc(json, '"');
	put_escaped(json, t.bytes, t.len);
	buf_puts(json, t.note);
	buf_putc(json, '"');
}

void payload_json_name(struct buf *json, const struct flame_options *o, const char *bytes,
		       size_t len)
{
	struct buf name = BUF_INIT;

	if (!o->redact) {
		payload_json_text(json, bytes, len);
		return;
	}
	redact_name(&name, bytes, len);
	payload_json_text(json, buf_str(&name), name.len);
	if (buf_failed(&name))
		json->failed = ERR_NOMEM;
	buf_release(&name);
}

static void put_string(struct buf *json, const struct profile *p, const char *key, uint32_t id)
{
	buf_printf(json, "\"%s\":", key);
	payload_json_text(json, strtab_text(p->strings, id), strtab_len(p->strings, id));
	buf_putc(json, ',');
}

static void put_text(struct buf *json, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(json, "\"%s\":", key);
	payload_json_text(json, text, strlen(text));
	buf_putc(json, ',');
}

/* Nothing of it in a page for strangers. */
static void put_private(struct buf *json, const struct flame_options *o, const struct profile *p,
			const char *key, uint32_t id)
{
	put_string(json, p, key, o->redact ? STRTAB_EMPTY : id);
}

/* Without what was said to the program. */
static void put_program(struct buf *json, const char *command)
{
	size_t len;
	const char *program = redact_program(command, &len);

	buf_puts(json, "\"command\":");
	payload_json_text(json, program, len);
	buf_putc(json, ',');
}

static void put_losses(struct buf *json, const struct flame_options *o, const struct profile *p)
{
	uint32_t i;

	buf_puts(json, "\"losses\":[");
	for (i = 0; i < p->n_losses; i++) {
		const struct profile_loss *l = &p->losses[i];

		buf_puts(json, i ? ",[" : "[");
		payload_json_name(json, o, strtab_text(p->strings, l->reason),
				  strtab_len(p->strings, l->reason));
		buf_printf(json, ",%" PRIu64 "]", l->count);
	}
	buf_puts(json, "],");
}

/* Which kinds the run has samples of, so that an empty page can say what there is. */
static void put_kinds(struct buf *json, const struct profile *p)
{
	uint64_t counts[PROFILE_KINDS] = {0};
	const char *comma = "";
	size_t i;
	int k;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind < PROFILE_KINDS)
			counts[p->samples[i].kind] += p->samples[i].count;
	buf_puts(json, "\"kinds\":{");
	for (k = 0; k < PROFILE_KINDS; k++) {
		if (counts[k] == 0)
			continue;
		buf_printf(json, "%s\"%s\":%" PRIu64, comma,
			   profile_kind_name((enum profile_kind)k), counts[k]);
		comma = ",";
	}
	buf_puts(json, "}");
}

static void put_precisions(struct buf *json, const struct flame_run *r)
{
	size_t i;

	if (r->n_precisions == 0)
		return;
	buf_puts(json, ",\"precision\":{");
	for (i = 0; i < r->n_precisions; i++) {
		const struct flame_precision *at = &r->precisions[i];

		buf_printf(json, "%s\"%s\":{\"text\":", i ? "," : "", profile_kind_name(at->kind));
		payload_json_text(json, at->text, strlen(at->text));
		if (at->hi > at->lo && isfinite(at->lo) && isfinite(at->hi))
			buf_printf(json, ",\"interval\":[%.0f,%.0f]", at->lo, at->hi);
		buf_putc(json, '}');
	}
	buf_putc(json, '}');
}

static void put_run_name(struct buf *json, const struct flame_options *o,
			 const struct flame_run *run)
{
	const struct strtab *strings = run->p->strings;
	uint32_t id = run->p->run.name;

	buf_puts(json, "\"name\":");
	if (run->name)
		payload_json_name(json, o, run->name, strlen(run->name));
	else
		payload_json_name(json, o, strtab_text(strings, id), strtab_len(strings, id));
	buf_putc(json, ',');
}

static void put_run(struct buf *json, const struct flame_options *o, const struct flame_run *run)
{
	const struct profile *p = run->p;
	const struct profile_run *r = &p->run;

	buf_putc(json, '{');
	put_string(json, p, "id", r->id);
	put_run_name(json, o, run);
	if (o->redact)
		put_program(json, strtab_text(p->strings, r->command));
	else
		put_string(json, p, "command", r->command);
	put_private(json, o, p, "job", r->job);
	put_private(json, o, p, "host", r->host);
	put_private(json, o, p, "labels", r->labels);
	put_string(json, p, "cpu_model", r->cpu_model);
	put_string(json, p, "kernel", r->kernel);
	put_string(json, p, "version", r->version);
	put_string(json, p, "git_sha", r->git_sha);
	put_string(json, p, "mode", r->mode);
	put_string(json, p, "engine", r->engine);
	if (r->has_exit_code)
		buf_printf(json, "\"exit_code\":%d,", r->exit_code);
	if (isfinite(r->rate_hz))
		buf_printf(json, "\"rate_hz\":%.6g,", r->rate_hz);
	buf_printf(json,
		   "\"signal\":%d,\"ncpu\":%" PRIu32 ",\"finished\":%d,\"started_ms\":%" PRId64
		   ",\"duration_ns\":%" PRId64 ",",
		   r->signal, r->ncpu, r->finished != 0, r->started_at / 1000000, r->duration_ns);
	put_losses(json, o, p);
	put_kinds(json, p);
	put_precisions(json, run);
	buf_putc(json, '}');
}

static void put_runs(struct buf *json, const struct flame_options *o)
{
	size_t i;

	buf_puts(json, "\"runs\":[");
	for (i = 0; i < o->n_runs; i++) {
		if (i > 0)
			buf_putc(json, ',');
		put_run(json, o, &o->runs[i]);
	}
	buf_puts(json, "],");
}

/* ---- what the page has ---- */

static void put_shown_kinds(struct buf *json, const struct graph *g)
{
	uint32_t k;

	buf_printf(json, "\"kind\":\"%s\",\"kinds\":[", profile_kind_name(g->kinds[0]));
	for (k = 0; k < g->n_kinds; k++)
		buf_printf(json, "%s\"%s\"", k ? "," : "", profile_kind_name(g->kinds[k]));
	buf_puts(json, "],");
}

static void put_kept(struct buf *json, const struct graph *g)
{
	uint64_t kept = 0;
	uint32_t i;

	if (g->folded_nodes)
		buf_printf(json, "\"folded\":{\"nodes\":%" PRIu64 ",\"share\":%.6g},",
			   g->folded_nodes, graph_folded_share(g));
	if (g->ticks_of)
		buf_printf(json, "\"ticks\":{\"kept\":%zu,\"of\":%zu},", g->n_ticks, g->ticks_of);
	for (i = 0; i < g->n_spans; i++)
		kept += g->spans[i].folded <= 1;
	if (g->spans_of)
		buf_printf(json, "\"spans\":{\"kept\":%" PRIu64 ",\"of\":%" PRIu64 "},", kept,
			   g->spans_of);
}

static void put_source(struct pack *w, struct buf *json)
{
	const struct flame_source *s = w->options->source;
	size_t i;

	if (!s || w->options->redact)
		return;
	buf_puts(json, "\"source\":{\"columns\":[");
	for (i = 0; i < s->n_columns; i++)
		buf_printf(json, "%s\"%s\"", i ? "," : "", profile_kind_name(s->columns[i]));
	buf_printf(json, "],\"left_out\":%" PRIu32 "},", w->source_left_out);
}

static void put_columns(const struct pack *w, struct buf *json)
{
	const char *comma = "";
	int i;

	buf_puts(json, "\"columns\":[");
	for (i = 0; i < COLUMNS; i++) {
		if (w->columns[i].len == 0)
			continue;
		buf_printf(json, "%s[\"%s\",%zu,%zu]", comma, payload_columns[i], w->rows[i],
			   w->columns[i].len);
		comma = ",";
	}
	buf_puts(json, "]}");
}

void payload_head(struct pack *w, struct buf *json)
{
	const struct flame_options *o = w->options;

	buf_printf(json, "{\"format\":\"%s\",\"version\":%d,", PAYLOAD_FORMAT, PAYLOAD_VERSION);
	put_shown_kinds(json, w->g);
	put_text(json, "title", o->title);
	put_text(json, "filter", o->filter_text);
	if (o->redact)
		buf_puts(json, "\"redacted\":true,");
	put_runs(json, o);
	put_kept(json, w->g);
	if (w->series.len > 0)
		buf_printf(json, "\"series\":[%s],", buf_str(&w->series));
	if (w->series_left_out)
		buf_printf(json, "\"series_left_out\":%" PRIu32 ",", w->series_left_out);
	put_source(w, json);
	put_columns(w, json);
}
