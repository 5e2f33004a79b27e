/* What was pushed or pulled: see runs_moved.h. */
#include "prof/cli/runs_moved.h"

#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/jsonout.h"

int moved_init(struct moved *m, const char *verb, const char *database, int json, struct err *err)
{
	*m = (struct moved){.verb = verb, .database = database, .start_ns = clock_mono_ns()};
	for (int i = 0; json && i < 4; i++) {
		m->ids[i] = json_array();
		if (!m->ids[i])
			return err_nomem(err, "the list of runs");
	}
	return 0;
}

int moved_add(struct moved *m, int fate, const char *id, struct err *err)
{
	m->n[fate]++;
	if (m->ids[fate] && json_array_append_new(m->ids[fate], jsonout_text(id)))
		return err_nomem(err, "the list of runs");
	return 0;
}

static int say_json(struct moved *m, struct err *err)
{
	json_t *root = json_object();
	double s = (double)(clock_mono_ns() - m->start_ns) / 1e9;
	int bad = !root;

	bad |= jsonout_put(root, "database", jsonout_text(m->database));
	bad |= jsonout_put(root, m->verb, json_incref(m->ids[TEAM_MOVED]));
	bad |= jsonout_put(root, "known", json_incref(m->ids[TEAM_KNOWN]));
	bad |= jsonout_put(root, "updated", json_incref(m->ids[TEAM_UPDATED]));
	bad |= jsonout_put(root, "unfinished", json_incref(m->ids[MOVED_UNFINISHED]));
	bad |= jsonout_put(root, "rows", json_integer((json_int_t)m->sum.rows));
	bad |= jsonout_put(root, "bytes", json_integer((json_int_t)m->sum.bytes));
	bad |= jsonout_put(root, "seconds", jsonout_real(s));
	return jsonout_finish(stdout, root, bad, err);
}

static void say_text(const struct moved *m)
{
	char rows[UNITS_TEXT], bytes[UNITS_TEXT], took[UNITS_TEXT];
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %zu run%s %s %s", m->verb, m->n[TEAM_MOVED],
		   m->n[TEAM_MOVED] == 1 ? "" : "s", strcmp(m->verb, "pushed") == 0 ? "to" : "from",
		   m->database);
	if (m->n[TEAM_MOVED])
		buf_printf(&b, " (%s rows, %s in %s)", units_count(rows, m->sum.rows),
			   units_bytes(bytes, m->sum.bytes),
			   units_ns(took, clock_mono_ns() - m->start_ns));
	if (m->n[TEAM_KNOWN])
		buf_printf(&b, ", %zu known already", m->n[TEAM_KNOWN]);
	if (m->n[TEAM_UPDATED])
		buf_printf(&b, ", name and labels of %zu brought in line", m->n[TEAM_UPDATED]);
	if (m->n[MOVED_UNFINISHED])
		buf_printf(&b, ", %zu still being recorded and left out", m->n[MOVED_UNFINISHED]);
	log_info("%s", buf_str(&b));
	buf_release(&b);
}

int moved_say(struct moved *m, struct err *err)
{
	if (m->ids[0])
		return say_json(m, err);
	say_text(m);
	return 0;
}

void moved_release(struct moved *m)
{
	for (int i = 0; i < 4; i++)
		json_decref(m->ids[i]);
}
