/* Which runs a database holds: see team.h. Names and dates are matched by the server, labels here: they are JSON that anyone
 * may have written. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/exchange/internal.h"
#include "prof/exchange/oddtext.h"

int team_has_label(const char *labels_json, const char *label)
{
	const char *equals = strchr(label, '=');
	char *key = equals ? strndup(label, (size_t)(equals - label)) : NULL, *text;
	json_t *labels = json_loads(labels_json, 0, NULL);
	const json_t *value = key ? json_object_get(labels, key) : NULL;
	int has = 0;

	if (json_is_string(value)) {
		has = strcmp(json_string_value(value), equals + 1) == 0;
	} else if (value) {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		has = text && strcmp(text, equals + 1) == 0;
		free(text);
	}
	json_decref(labels);
	free(key);
	return has;
}

static int wanted(const struct team_pick *pick, const char *labels)
{
	for (size_t i = 0; i < pick->n_labels; i++)
		if (!team_has_label(labels, pick->labels[i]))
			return 0;
	return 1;
}

/* A text of the row, malloc'ed and as it was in the store; "" for NULL. */
static char *text_of(const struct pg_rows *rows, int row, int col)
{
	const char *text = pg_rows_text(rows, row, col);
	char *copy = strdup(text ? text : "");

	if (copy)
		copy[oddtext_back(copy, strlen(copy))] = '\0';
	return copy;
}

enum { KEY, ID, NAME, COMMAND, LABELS, STARTED, DURATION, CODE, SIGNAL, RATE, SAMPLES };

static int fill(struct team_run *r, const struct pg_rows *rows, int row)
{
	*r = (struct team_run){
		.key = pg_rows_int(rows, row, KEY, 0),
		.started_at = pg_rows_int(rows, row, STARTED, 0),
		.duration_ns = pg_rows_int(rows, row, DURATION, 0),
		.id = text_of(rows, row, ID),
		.name = text_of(rows, row, NAME),
		.command = text_of(rows, row, COMMAND),
		.labels_json = text_of(rows, row, LABELS),
		.has_exit_code = pg_rows_text(rows, row, CODE) != NULL,
		.exit_code = (int)pg_rows_int(rows, row, CODE, 0),
		.signal = (int)pg_rows_int(rows, row, SIGNAL, 0),
		.rate_hz = pg_rows_real(rows, row, RATE, 0),
		.samples = -1,
	};
	return r->id && r->name && r->command && r->labels_json ? 0 : ERR_NOMEM;
}

static int take(struct team_runs *runs, const struct team_pick *pick, const struct pg_rows *rows,
		int row, struct err *err)
{
	const char *labels = pg_rows_text(rows, row, LABELS);
	struct team_run *more;

	if (!wanted(pick, labels ? labels : "{}"))
		return 0;
	if (pick->last && runs->n == pick->last) {
		runs->more++;
		return 0;
	}
	more = realloc(runs->items, (runs->n + 1) * sizeof *more);
	if (!more)
		return err_nomem(err, "the list of runs");
	runs->items = more;
	return fill(&more[runs->n++], rows, row) ? err_nomem(err, "the list of runs") : 0;
}

static int count_samples(struct team *t, struct team_run *r, struct err *err)
{
	char key[32];
	const char *params[] = {key};
	struct pg_rows *rows;
	int rc;

	snprintf(key, sizeof key, "%lld", (long long)r->key);
	rc = pg_query(t->pg, &rows,
		      "SELECT sum(count)::bigint FROM " TEAM_SCHEMA
		      ".sample_row WHERE run = $1::bigint AND kind IN (0, 1)",
		      params, 1, err);
	if (rc < 0)
		return rc;
	r->samples = pg_rows_int(rows, 0, 0, 0);
	pg_rows_free(rows);
	return 0;
}

#define LIST                                                                                       \
	"SELECT key::bigint, id::text, name::text, command::text, labels::text, "                  \
	"started_at::bigint,"                                                                      \
	" duration_ns::bigint, exit_code::bigint, signal::bigint, rate_hz::double precision"       \
	" FROM " TEAM_SCHEMA ".run WHERE finished = 1 AND started_at >= $1::bigint"                \
	" AND ($2::text IS NULL OR name = $2) AND starts_with(id, $3::text)"                       \
	" ORDER BY started_at DESC, key DESC"

static int query(struct team *t, const struct team_pick *pick, struct pg_rows **rows,
		 struct err *err)
{
	struct buf name = BUF_INIT;
	char since[32];
	const char *params[] = {since, NULL, pick->id ? pick->id : ""};
	int rc;

	snprintf(since, sizeof since, "%lld", (long long)pick->since_ns);
	if (pick->name) {
		oddtext_put(&name, pick->name, strlen(pick->name));
		params[1] = buf_str(&name);
	}
	rc = buf_failed(&name) ? err_nomem(err, "a name")
			       : pg_query(t->pg, rows, LIST, params, 3, err);
	buf_release(&name);
	return rc;
}

int team_list(struct team *t, const struct team_pick *pick, struct team_runs *runs, struct err *err)
{
	struct pg_rows *rows;
	int rc = query(t, pick, &rows, err);

	*runs = (struct team_runs){0};
	if (rc < 0)
		return rc;
	for (int i = 0; rc == 0 && i < pg_rows_count(rows); i++)
		rc = take(runs, pick, rows, i, err);
	pg_rows_free(rows);
	for (size_t i = 0; rc == 0 && pick->samples && i < runs->n; i++)
		rc = count_samples(t, &runs->items[i], err);
	if (rc < 0)
		team_runs_release(runs);
	return rc;
}

void team_runs_release(struct team_runs *runs)
{
	for (size_t i = 0; i < runs->n; i++) {
		free(runs->items[i].id);
		free(runs->items[i].name);
		free(runs->items[i].command);
		free(runs->items[i].labels_json);
	}
	free(runs->items);
	*runs = (struct team_runs){0};
}
