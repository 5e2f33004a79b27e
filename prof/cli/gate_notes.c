/* Annotations: workflow commands of GitHub Actions, and a code quality report of GitLab. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_write.h"
#include "prof/cli/jsonout.h"

/* A runner shows ten of a level for each step: nine and one that counts the rest. */
#define SHOWN 9

/* `file` below `workspace`, or NULL. */
static const char *own_file(const char *file, const char *workspace)
{
	size_t n = workspace ? strlen(workspace) : 0;

	while (n && workspace[n - 1] == '/')
		n--;
	if (!n || strncmp(file, workspace, n) != 0 || file[n] != '/')
		return NULL;
	file += n + 1;
	return *file && !strstr(file, "..") ? file : NULL;
}

static void put_message(struct buf *out, const struct gate_view *v, const struct gate_row *r)
{
	const struct gate_function *f = gate_view_function(v, r);
	const char *note = gate_view_note(r);

	buf_printf(out, "%s: ", gate_view_stage(r->stage));
	gate_view_sentence(out, r);
	if (note)
		buf_printf(out, "; %s", note);
	if (f)
		buf_printf(out, "; most of it in %s", f->function);
}

/* ---- GitHub ---- */

static void put_line(struct buf *out, const char *level, const char *file, const char *title,
		     const char *message)
{
	buf_printf(out, "::%s ", level);
	if (file) {
		buf_puts(out, "file=");
		gate_put_command(out, file, 1);
		buf_putc(out, ',');
	}
	buf_puts(out, "title=");
	gate_put_command(out, title, 1);
	buf_puts(out, "::");
	gate_put_command(out, message, 0);
	buf_putc(out, '\n');
}

static void put_row(struct buf *out, const struct gate_view *v, const char *level,
		    const struct gate_row *r, const char *workspace)
{
	const struct gate_function *f = gate_view_function(v, r);
	struct buf message = BUF_INIT;
	char title[96];

	put_message(&message, v, r);
	snprintf(title, sizeof title, "%s: %s", gate_state_name(gate_row_state(r)),
		 metric_title(r->metric));
	put_line(out, level, f ? own_file(f->file, workspace) : NULL, title, buf_str(&message));
	gate_spoil(out, &message);
	buf_release(&message);
}

/* Rows of that state; the level's last line counts what is not shown. */
static void put_level(struct buf *out, const struct gate_view *v, const struct gate_order *o,
		      const char *level, const enum gate_state *states, const char *workspace)
{
	size_t i, shown = 0, left = 0;
	char text[96];

	for (i = 0; i < o->n; i++) {
		enum gate_state s = gate_row_state(o->rows[i]);

		if (s != states[0] && s != states[1])
			continue;
		if (shown == SHOWN) {
			left++;
			continue;
		}
		put_row(out, v, level, o->rows[i], workspace);
		shown++;
	}
	snprintf(text, sizeof text, "%zu more are in the log and in the reports", left);
	if (left)
		put_line(out, level, NULL, "protea-prof gate", text);
}

void gate_write_github(struct buf *out, const struct gate_view *v, const char *workspace)
{
	static const enum gate_state errors[] = {GATE_STATE_REGRESSION, GATE_STATE_REGRESSION},
				     warnings[] = {GATE_STATE_INCONCLUSIVE, GATE_STATE_REFUSED},
				     notices[] = {GATE_STATE_IMPROVED, GATE_STATE_ACCEPTED};
	struct buf headline = BUF_INIT;
	struct gate_order o;

	if (gate_order_make(&o, v->g)) {
		out->failed = ERR_NOMEM;
		return;
	}
	put_level(out, v, &o, "error", errors, workspace);
	put_level(out, v, &o, "warning", warnings, workspace);
	put_level(out, v, &o, "notice", notices, workspace);
	gate_view_headline(&headline, v);
	/* What no row tells: a rule for functions, runs that were refused. */
	if (v->g->verdict == VERDICT_REGRESSION && !o.of[GATE_STATE_REGRESSION])
		put_line(out, "error", NULL, "protea-prof gate", buf_str(&headline));
	else if (v->g->verdict == VERDICT_INCONCLUSIVE && !o.of[GATE_STATE_INCONCLUSIVE] &&
		 !o.of[GATE_STATE_REFUSED])
		put_line(out, "warning", NULL, "protea-prof gate", buf_str(&headline));
	gate_spoil(out, &headline);
	buf_release(&headline);
	gate_order_release(&o);
}

void gate_write_failed_github(struct buf *out, const char *text)
{
	put_line(out, "error", NULL, "protea-prof gate: nothing was compared", text);
}

/* ---- GitLab ---- */

/* The same for the same row, so that a report is compared with that of the target branch. */
static json_t *fingerprint(const char *stage, const char *metric)
{
	uint64_t a = hash_bytes(stage, strlen(stage), 1), b = hash_bytes(metric, strlen(metric), a);
	char text[40];

	snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
	return json_string(text);
}

static json_t *location(const char *file)
{
	json_t *where = json_object(), *lines = json_object();
	int bad = !where || !lines;

	bad |= jsonout_put(lines, "begin", json_integer(1));
	bad |= jsonout_put(where, "path", jsonout_text(file));
	bad |= jsonout_put(where, "lines", lines);
	if (bad) {
		json_decref(where);
		return NULL;
	}
	return where;
}

static json_t *issue(const char *description, const char *check, const char *severity,
		     const char *file, json_t *print)
{
	json_t *o = json_object();
	struct buf plain = BUF_INIT;
	int bad = !o;

	gate_put_plain(&plain, description);
	bad |= buf_failed(&plain);
	bad |= jsonout_put(o, "description", jsonout_text(buf_str(&plain)));
	bad |= jsonout_put(o, "check_name", json_string(check));
	bad |= jsonout_put(o, "fingerprint", print);
	bad |= jsonout_put(o, "severity", json_string(severity));
	bad |= jsonout_put(o, "location", location(file));
	buf_release(&plain);
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *row_issue(const struct gate_view *v, const struct gate_row *r, const char *workspace,
			 const char *file)
{
	const struct gate_function *f = gate_view_function(v, r);
	const char *own = f ? own_file(f->file, workspace) : NULL;
	int worse = gate_row_state(r) == GATE_STATE_REGRESSION;
	struct buf text = BUF_INIT;
	json_t *o;

	put_message(&text, v, r);
	if (buf_failed(&text)) {
		buf_release(&text);
		return NULL;
	}
	o = issue(buf_str(&text), worse ? "protea-gate-regression" : "protea-gate-inconclusive",
		  worse ? "major" : "info", own ? own : file,
		  fingerprint(gate_view_stage(r->stage), metric_name(r->metric)));
	buf_release(&text);
	return o;
}

json_t *gate_write_gitlab(const struct gate_view *v, const char *workspace, const char *file)
{
	json_t *list = json_array();
	struct gate_order o;
	int bad = !list;
	size_t i;

	if (gate_order_make(&o, v->g))
		bad = 1;
	for (i = 0; i < o.n; i++)
		if (gate_row_state(o.rows[i]) <= GATE_STATE_REFUSED)
			bad |= json_array_append_new(list,
						     row_issue(v, o.rows[i], workspace, file)) != 0;
	gate_order_release(&o);
	if (bad) {
		json_decref(list);
		return NULL;
	}
	return list;
}

json_t *gate_write_failed_gitlab(const char *text, const char *file)
{
	json_t *list = json_array();

	if (json_array_append_new(list, issue(text, "protea-gate-failed", "blocker", file,
					      fingerprint("", "failed")))) {
		json_decref(list);
		return NULL;
	}
	return list;
}
