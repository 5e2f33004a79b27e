/* Groups of runs in a team's database: see gate_team.h. */
#include "prof/cli/gate_team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/exchange/team.h"
#include "prof/store/raw.h"

#define PARTS_MAX 16

struct asked {
	char *url, *runs; /* owned; `runs` is cut into the parts */
	const char *labels[PARTS_MAX];
	const char *word; /* a name, or else the beginning of an id */
	struct team_pick pick;
	const struct gate_group *like;
	size_t last;
	struct err *err;
};

/* ---- the operand ----------------------------------------------------------------------------------- */

char *gate_team_shown(const char *operand)
{
	const char *runs = strchr(operand, '#');
	char *url = runs ? strndup(operand, (size_t)(runs - operand)) : strdup(operand);
	char *public = url ? pg_url_public(url) : NULL, *shown = NULL;

	if (public && asprintf(&shown, "%s%s", public, runs ? runs : "") < 0)
		shown = NULL;
	free(public);
	free(url);
	return shown;
}

static int take_part(struct asked *a, const char *part)
{
	if (strcmp(part, "last") == 0) {
		a->last = 1;
	} else if (strchr(part, '=')) {
		if (*part == '=' || a->pick.n_labels == PARTS_MAX)
			return err_set(a->err, ERR_ARG, "'#%.100s': write key=value", part);
		a->labels[a->pick.n_labels++] = part;
	} else if (a->word || !*part) {
		return err_set(a->err, ERR_ARG,
			       "behind '#' stands one name or id, and labels (key=value), with '&' "
			       "between them");
	} else {
		a->word = part;
	}
	return 0;
}

/* The one name that the other group's runs have. */
static int take_name(struct asked *a)
{
	const struct gate_group *g = a->like;

	for (size_t i = 0; g && i < g->n; i++)
		if (!*g->runs[i].head->name ||
		    strcmp(g->runs[i].head->name, g->runs[0].head->name) != 0)
			g = NULL;
	if (!g || !g->n)
		return err_set(
			a->err, ERR_ARG,
			"which runs of the database? write URL#NAME or URL#key=value (the runs "
			"to compare with it have no name in common)");
	a->word = g->runs[0].head->name;
	return 0;
}

static int parse(struct asked *a, const char *operand)
{
	const char *runs = strchr(operand, '#');
	char *rest, *part;
	int rc = 0;

	a->url = runs ? strndup(operand, (size_t)(runs - operand)) : strdup(operand);
	a->runs = strdup(runs ? runs + 1 : "");
	if (!a->url || !a->runs)
		return err_nomem(a->err, "the runs to compare");
	a->pick.labels = a->labels;
	if (!runs)
		return take_name(a);
	rest = a->runs;
	while (rc == 0 && (part = strsep(&rest, "&")))
		rc = take_part(a, part);
	return rc;
}

/* ---- which runs ------------------------------------------------------------------------------------ */

static int is_of_like(const struct asked *a, const char *id)
{
	for (size_t i = 0; a->like && i < a->like->n; i++)
		if (strcmp(a->like->runs[i].head->id, id) == 0)
			return 1;
	return 0;
}

/* By name, else by id; a few more than wanted, as some may be the other group's own. */
static int find(struct asked *a, struct team *t, struct team_runs *runs)
{
	int rc;

	a->pick.last = a->last + (a->like ? a->like->n : 0);
	a->pick.name = a->word;
	rc = team_list(t, &a->pick, runs, a->err);
	if (rc < 0 || runs->n || !a->word || strlen(a->word) < 4)
		return rc;
	a->pick.name = NULL;
	a->pick.id = a->word;
	return team_list(t, &a->pick, runs, a->err);
}

static void put_what(struct buf *what, const struct asked *a, const struct team *t, size_t n)
{
	buf_printf(what, n == 1 ? "the latest run" : "the %zu latest runs", n);
	if (a->pick.name)
		buf_printf(what, " named '%.200s'", a->pick.name);
	if (a->pick.id)
		buf_printf(what, " whose id begins with %.40s", a->pick.id);
	for (size_t i = 0; i < a->pick.n_labels; i++)
		buf_printf(what, "%s %.200s", i ? " and" : " with the label", a->labels[i]);
	buf_printf(what, " of %s", team_name(t));
}

static int none_found(const struct asked *a, const struct team *t)
{
	struct buf what = BUF_INIT;

	if (a->word)
		buf_printf(&what, " named '%.200s'", a->word);
	for (size_t i = 0; i < a->pick.n_labels; i++)
		buf_printf(&what, "%s %.200s", i ? " and" : " with the label", a->labels[i]);
	err_set(a->err, ERR_NOTFOUND,
		"%s has no%s run%s: push some (protea-prof runs push), or see what there is: "
		"protea-prof runs list --db URL",
		team_name(t), a->like ? " other" : "", buf_str(&what));
	buf_release(&what);
	return ERR_NOTFOUND;
}

/* The newest first; `n` counts those that came. */
static int fetch_all(struct asked *a, struct team *t, const struct team_runs *runs,
		     struct store *to, size_t *n)
{
	struct team_moved moved = {0};
	int64_t run;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < runs->n && *n < a->last; i++) {
		if (is_of_like(a, runs->items[i].id))
			continue;
		rc = team_fetch(t, &runs->items[i], to, &run, &moved, a->err);
		++*n;
	}
	return rc == 0 && !*n ? none_found(a, t) : rc;
}

static int fetch(struct asked *a, struct team *t, struct gate_stores *stores, size_t *place,
		 struct buf *what)
{
	struct team_runs runs = {0};
	struct store *own = NULL;
	size_t n = 0;
	int rc = find(a, t, &runs);

	if (rc == 0)
		rc = store_open_private(&own, team_name(t), a->err);
	if (rc == 0)
		rc = fetch_all(a, t, &runs, own, &n);
	if (rc == 0)
		put_what(what, a, t, n);
	team_runs_release(&runs);
	if (rc == 0)
		return gate_store_adopt(stores, own, place, a->err);
	store_close(own);
	return rc;
}

int gate_team_fetch(struct gate_stores *stores, const char *operand, const struct gate_group *like,
		    size_t last, size_t *place, struct buf *what, struct buf *shown,
		    struct err *err)
{
	struct asked a = {.like = like, .last = last ? last : GATE_TEAM_LAST, .err = err};
	char *text = gate_team_shown(operand);
	struct team *t = NULL;
	int rc = text ? parse(&a, operand) : err_nomem(err, "the runs to compare");

	if (rc == 0)
		rc = team_open(&t, a.url, TEAM_READ, NULL, err);
	if (rc == 0)
		rc = fetch(&a, t, stores, place, what);
	if (rc == 0 && (buf_puts(shown, text) || buf_failed(what)))
		rc = err_nomem(err, "the runs to compare");
	team_close(t);
	free(text);
	free(a.url);
	free(a.runs);
	return rc;
}
