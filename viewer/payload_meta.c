/* The JSON head of a payload: see payload.h and docs/viewer.md. Names are foreign bytes: what JSON cannot
 * hold is escaped, what is no UTF-8 is left to the reader, which shows it as U+FFFD. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "viewer/payload.h"

void payload_cut(struct payload_text *t, const char *bytes, size_t len)
{
	t->bytes = bytes;
	t->len = len;
	t->note[0] = '\0';
	if (len <= PAYLOAD_NAME_MAX)
		return;
	t->len = PAYLOAD_NAME_MAX;
	/* Not within a character: continuation bytes of UTF-8 are 10xxxxxx, three at most. */
	while (t->len > PAYLOAD_NAME_MAX - 3 && ((unsigned char)bytes[t->len] & 0xc0) == 0x80)
		t->len--;
	snprintf(t->note, sizeof t->note, "\xe2\x80\xa6 (%zu bytes in all)", len);
}

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
	struct payload_text t;

	payload_cut(&t, bytes, len);
	buf_putc(json, '"');
	put_escaped(json, t.bytes, t.len);
	buf_puts(json, t.note);
	buf_putc(json, '"');
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

static void put_run(struct buf *json, const struct profile *p)
{
	const struct profile_run *r = &p->run;

	buf_puts(json, "\"run\":{");
	put_string(json, p, "id", r->id);
	put_string(json, p, "name", r->name);
	put_string(json, p, "command", r->command);
	put_string(json, p, "job", r->job);
	put_string(json, p, "host", r->host);
	put_string(json, p, "cpu_model", r->cpu_model);
	put_string(json, p, "kernel", r->kernel);
	put_string(json, p, "version", r->version);
	put_string(json, p, "git_sha", r->git_sha);
	put_string(json, p, "mode", r->mode);
	put_string(json, p, "engine", r->engine);
	put_string(json, p, "labels", r->labels);
	if (r->has_exit_code)
		buf_printf(json, "\"exit_code\":%d,", r->exit_code);
	if (isfinite(r->rate_hz))
		buf_printf(json, "\"rate_hz\":%.6g,", r->rate_hz);
	buf_printf(json,
		   "\"signal\":%d,\"ncpu\":%" PRIu32 ",\"finished\":%d,\"started_ms\":%" PRId64
		   ",\"duration_ns\":%" PRId64 "},",
		   r->signal, r->ncpu, r->finished != 0, r->started_at / 1000000, r->duration_ns);
}

static void put_losses(struct buf *json, const struct profile *p)
{
	uint32_t i;

	buf_puts(json, "\"losses\":[");
	for (i = 0; i < p->n_losses; i++) {
		const struct profile_loss *l = &p->losses[i];

		buf_puts(json, i ? ",[" : "[");
		payload_json_text(json, strtab_text(p->strings, l->reason),
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
	buf_puts(json, "},");
}

void payload_meta(struct buf *json, const struct graph *g, const struct flame_options *options)
{
	const struct profile *p = options->runs[0].p;
	size_t i;

	put_text(json, "title", options->title);
	put_text(json, "filter", options->filter_text);
	for (i = 0; i < options->runs[0].n_precisions; i++) {
		const struct flame_precision *at = &options->runs[0].precisions[i];

		if (at->kind != options->kind)
			continue;
		put_text(json, "precision", at->text);
		if (at->hi > at->lo && isfinite(at->lo) && isfinite(at->hi))
			buf_printf(json, "\"interval\":[%.0f,%.0f],", at->lo, at->hi);
	}
	buf_printf(json, "\"kind\":\"%s\",\"unit\":\"%s\",", profile_kind_name(options->kind),
		   profile_kind_is_time(options->kind) ? "ns" : "bytes");
	put_run(json, p);
	put_losses(json, p);
	put_kinds(json, p);
	if (g->folded_nodes)
		buf_printf(json,
			   "\"folded\":{\"nodes\":%" PRIu64 ",\"count\":%" PRIu64
			   ",\"value\":%" PRIu64 "},",
			   g->folded_nodes, g->folded_count, g->folded_value);
}
