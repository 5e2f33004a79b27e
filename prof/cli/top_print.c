/* top without a screen: frames as text or JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/text.h"
#include "prof/cli/top.h"

#define TEXT_FUNCTIONS 25
#define TEXT_THREADS   25

/* ---- JSON ---- */

static int put_ns(json_t *object, const char *key, double ns)
{
	return jsonout_put(object, key, json_integer(ns < 9e18 ? (json_int_t)(ns + 0.5) : 0));
}

static int put_text(json_t *object, const char *key, const char *text)
{
	return jsonout_put(object, key, jsonout_text(text));
}

/* null: not known. */
static int put_rate(json_t *object, const char *key, double rate)
{
	return jsonout_put(object, key, rate < 0 ? json_null() : jsonout_real(rate));
}

static json_t *function_json(const struct top_feed *f, const struct top_row *r)
{
	const struct top_function *fn = &f->model.functions[r->item];
	json_t *o = json_object();
	int bad = !o;

	bad |= put_text(o, "function", strtab_text(f->strings, fn->name));
	bad |= put_text(o, "module", strtab_text(f->strings, fn->module));
	bad |= put_ns(o, "self_ns", r->self);
	bad |= put_ns(o, "total_ns", r->total);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *line_json(const struct top_feed *f, const struct top_row *r)
{
	const struct top_line *l = &f->model.lines[r->item];
	json_t *o = json_object();
	int bad = !o;

	bad |= put_text(o, "function",
			strtab_text(f->strings, f->model.functions[l->function].name));
	bad |= put_text(o, "file", strtab_text(f->strings, l->file));
	bad |= jsonout_put(o, "line", json_integer(l->line));
	bad |= put_ns(o, "self_ns", r->self);
	bad |= put_ns(o, "total_ns", r->total);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *thread_json(const struct top_feed *f, const struct top_row *r)
{
	const struct top_thread *t = &f->model.threads[r->item];
	const char *function = strtab_text(f->strings, t->function);
	json_t *o = json_object();
	int bad = !o;

	bad |= jsonout_put(o, "pid", json_integer(t->pid));
	bad |= jsonout_put(o, "tid", json_integer(t->tid));
	bad |= put_text(o, "name", t->name);
	bad |= put_text(o, "state", top_state_name(t));
	bad |= put_ns(o, "cpu_ns", (double)t->cpu_ns);
	bad |= jsonout_put(o, "cpu_pct", jsonout_real(t->cpu_pct));
	bad |= put_ns(o, "total_cpu_ns", (double)t->total_cpu_ns);
	bad |= jsonout_put(o, "samples", json_integer((json_int_t)t->samples));
	bad |= jsonout_put(o, "function", *function ? jsonout_text(function) : json_null());
	bad |= jsonout_put(o, "syscall", t->syscall ? jsonout_text(t->syscall) : json_null());
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

typedef json_t *row_json(const struct top_feed *f, const struct top_row *r);

static json_t *rows_json(const struct top_feed *f, struct top_view *v, enum top_tab tab,
			 row_json *each)
{
	json_t *rows = json_array();
	uint32_t i;

	v->tab = tab;
	if (!rows || top_rows_build(v, &f->model)) {
		json_decref(rows);
		return NULL;
	}
	for (i = 0; i < v->n_rows; i++)
		if (json_array_append_new(rows, each(f, &v->rows[i]))) {
			json_decref(rows);
			return NULL;
		}
	return rows;
}

static json_t *pauses_json(const struct pause_stats *p)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "n", (json_int_t)p->n, "skipped",
			 (json_int_t)p->skipped, "p50", (json_int_t)p->p50_ns, "p99",
			 (json_int_t)p->p99_ns, "max", (json_int_t)p->max_ns);
}

static int put_status(json_t *o, const struct top_feed *f)
{
	const struct top_status *s = &f->status;
	int bad = 0;

	bad |= jsonout_put(o, "pid", json_integer(s->pid));
	bad |= put_text(o, "name", s->name);
	bad |= jsonout_put(o, "processes", json_integer(s->processes));
	bad |= put_text(o, "kind", f->kind == TOP_CPU ? "cpu" : "wall");
	bad |= put_text(o, "engine", s->engine);
	bad |= jsonout_put(o, "rate_hz", jsonout_real(s->rate_hz));
	bad |= jsonout_put(o, "lost", json_integer((json_int_t)s->lost));
	bad |= jsonout_put(o, "folded", json_integer((json_int_t)f->model.pruned));
	bad |= jsonout_put(o, "ended", json_boolean(s->ended));
	bad |= jsonout_put(o, "cpu_pct", jsonout_real(s->cpu_pct));
	bad |= jsonout_put(o, "rss_bytes", json_integer((json_int_t)s->rss_bytes));
	bad |= jsonout_put(o, "rss_bytes_per_s", jsonout_real(s->rss_rate));
	bad |= put_rate(o, "minor_faults_per_s", s->minor_rate);
	bad |= put_rate(o, "major_faults_per_s", s->major_rate);
	bad |= put_rate(o, "voluntary_switches_per_s", s->voluntary_rate);
	bad |= put_rate(o, "involuntary_switches_per_s", s->involuntary_rate);
	bad |= jsonout_put(o, "own_cpu_pct", jsonout_real(s->own_cpu_pct));
	bad |= jsonout_put(o, "pause_ns", pauses_json(&s->pause));
	return bad;
}

static json_t *frame_json(const struct top_feed *f, struct top_view *v)
{
	json_t *o = json_object();
	int bad = !o;

	v->kind = f->kind;
	v->span = TOP_NOW;
	bad |= jsonout_put(o, "interval_ns", json_integer((json_int_t)f->model.interval_ns));
	bad |= jsonout_put(o, "samples",
			   json_integer((json_int_t)f->model.samples[f->kind][TOP_NOW]));
	bad |= put_status(o, f);
	bad |= jsonout_put(o, "functions", rows_json(f, v, TOP_TAB_FUNCTIONS, function_json));
	bad |= jsonout_put(o, "lines", rows_json(f, v, TOP_TAB_LINES, line_json));
	bad |= jsonout_put(o, "threads", rows_json(f, v, TOP_TAB_THREADS, thread_json));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int print_json(const struct top_feed *f, struct top_view *v, int compact, struct err *err)
{
	json_t *root = frame_json(f, v);
	int rc = 0;

	if (!compact)
		return jsonout_finish(stdout, root, 0, err);
	if (!root)
		return err_nomem(err, "the JSON text");
	if (json_dumpf(root, stdout, JSON_COMPACT) || putc('\n', stdout) == EOF || fflush(stdout))
		rc = err_sys(err, ERR_IO, "cannot write to standard output");
	json_decref(root);
	return rc;
}

/* ---- text ---- */

static void text_tab(struct top_page *p, const struct top_feed *f, struct top_view *v,
		     enum top_tab tab, uint32_t rows)
{
	v->tab = tab;
	if (top_rows_build(v, &f->model))
		return;
	top_page_line(p);
	top_page_line(p);
	top_table_heads(p, &f->status, v);
	top_layout_table(p, &f->status, &f->model, v, 0, rows, 0);
	if (v->n_rows > rows) {
		top_page_line(p);
		top_page_printf(p, TOP_PLAIN, "… %u more; --json shows all", v->n_rows - rows);
	}
}

void top_print_text(const struct top_feed *f, struct top_view *v, FILE *out, int both)
{
	struct top_page p;

	top_page_init(&p);
	top_page_begin(&p, cli_width(), 1);
	top_layout_head(&p, &f->status, &f->model, v);
	text_tab(&p, f, v, both ? TOP_TAB_FUNCTIONS : v->tab, TEXT_FUNCTIONS);
	if (both)
		text_tab(&p, f, v, TOP_TAB_THREADS, TEXT_THREADS);
	top_page_print(&p, out);
	top_page_release(&p);
}

/* ---- frames ---- */

static int print_frame(struct top_session *r, int json, int once, struct err *err)
{
	if (json)
		return print_json(&r->feed, &r->view, !once, err);
	r->view.kind = r->feed.kind;
	r->view.span = TOP_NOW;
	top_print_text(&r->feed, &r->view, stdout, 1);
	return 0;
}

/* One interval: 1: the last one, 0, or negative. */
static int one_frame(struct top_session *r, struct err *err)
{
	int64_t due = r->feed.begun_ns + r->interval_ns;
	int event, last = 0;

	if (r->until_ns && due >= r->until_ns) {
		due = r->until_ns;
		last = 1;
	}
	event = top_feed_wait(&r->feed, due, r->wake_fd, err);
	if (event < 0)
		return event;
	r->feed.status.ended = event == TOP_FEED_ENDED;
	event = top_feed_frame(&r->feed, err);
	return event ? event : last || r->feed.status.ended || top_signals.quit;
}

int top_print(struct top_session *r, int json, int once)
{
	struct err err = ERR_INIT;
	uint64_t left = once ? 1 : r->frames;
	int rc, last = 0;

	r->feed.look_at_calls = 1;
	do {
		rc = one_frame(r, &err);
		last = rc > 0;
		if (rc >= 0)
			rc = print_frame(r, json, once, &err);
		if (rc && err.sys == EPIPE) /* whoever read has had enough */
			return EXIT_OK;
		if (rc)
			return cli_fail(&err);
	} while (!last && --left);
	return EXIT_OK;
}
