/* protea-prof runs pull: runs of a team's database into a store. Each is fetched into a store of its own that nobody else
 * sees, checked there, and then copied as from any other store. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "prof/base/log.h"
#include "prof/cli/runs_moved.h"
#include "prof/cli/runs_team.h"
#include "prof/store/raw.h"

/* ---- the URL among the arguments ------------------------------------------------------------------ */

int runs_take_url(const struct runs_wish *w, const char *verb, const char **url, int *n,
		  char **args, struct err *err)
{
	int to = 0;

	*url = w->db;
	for (int i = 0; i < *n; i++) {
		if (!pg_url_is(args[i])) {
			args[to++] = args[i];
			continue;
		}
		if (*url)
			return err_set(err, ERR_ARG, "runs %s: one database at a time", verb);
		*url = args[i];
	}
	*n = to;
	if (!*url)
		return err_set(err, ERR_ARG,
			       "runs %s: name the database: postgresql://HOST/DATABASE", verb);
	if (*n && runs_wish_chooses(w))
		return err_set(
			err, ERR_ARG,
			"runs %s: name runs, or choose them by name, label and time, not both",
			verb);
	return 0;
}

/* ---- which run of the database -------------------------------------------------------------------- */

/* "last", "last~N": *back, and 1. */
static int is_last(const char *text, size_t *back)
{
	char *end = NULL;

	*back = 0;
	if (strcmp(text, "last") == 0)
		return 1;
	if (strncmp(text, "last~", 5) != 0 || text[5] < '0' || text[5] > '9')
		return 0;
	*back = strtoul(text + 5, &end, 10);
	return *end == '\0';
}

static int find_id(const struct team_runs *all, const char *text, size_t *at)
{
	int hits = 0;

	for (size_t i = 0; strlen(text) >= 4 && i < all->n; i++)
		if (strncasecmp(all->items[i].id, text, strlen(text)) == 0) {
			*at = i;
			hits++;
		}
	return hits;
}

/* As store_find_run(): last, a name (its latest run), the beginning of an id. */
static int find_run(const struct team *t, const struct team_runs *all, const char *text, size_t *at,
		    struct err *err)
{
	size_t back;
	int hits;

	if (is_last(text, &back)) {
		*at = back;
		return back < all->n ? 0
				     : err_set(err, ERR_NOTFOUND,
					       "%s holds %zu runs, so none is %zu before the last",
					       team_name(t), all->n, back);
	}
	for (*at = 0; *at < all->n; ++*at)
		if (strcmp(all->items[*at].name, text) == 0)
			return 0;
	hits = find_id(all, text, at);
	if (hits == 1)
		return 0;
	if (hits)
		return err_set(err, ERR_ARG,
			       "several runs of %s begin with '%.100s': give more of the id",
			       team_name(t), text);
	return err_set(err, ERR_NOTFOUND,
		       "no run '%.100s' in %s (an id, its first characters, a name or 'last')",
		       text, team_name(t));
}

/* ---- what the store has --------------------------------------------------------------------------- */

struct known {
	const char *id;
	int64_t key;         /* 0: it is not there */
	char *name, *labels; /* owned */
};

static int look(void *ctx, const struct store_run_row *r)
{
	struct known *k = ctx;

	if (strcmp(r->id, k->id) != 0)
		return 0;
	k->key = r->key;
	k->name = strdup(r->name);
	k->labels = strdup(r->labels_json);
	return k->name && k->labels ? 1 : ERR_NOMEM;
}

static int find_known(struct store *s, const char *id, struct known *k, struct err *err)
{
	int rc;

	*k = (struct known){.id = id};
	rc = store_list_heads(s, look, k, err);
	return rc == ERR_NOMEM ? err_nomem(err, "a run") : rc < 0 ? rc : 0;
}

/* The labels of `keys`, where they differ, become those of `there`, or go. */
static int set_labels(struct store *s, int64_t run, json_t *keys, json_t *here, json_t *there,
		      struct err *err)
{
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(keys, key, value)
	{
		json_t *old = json_object_get(here, key), *new = json_object_get(there, key);

		if (rc == 0 && !(old && new &&json_equal(old, new)))
			rc = store_run_label(s, run, key, json_string_value(new), err);
	}
	return rc;
}

static int bring_in_line(struct store *s, const struct known *k, const struct team_run *r,
			 int *changed, struct err *err)
{
	json_t *here = json_loads(k->labels, 0, NULL), *there = json_loads(r->labels_json, 0, NULL);
	int labels = !json_equal(here, there) && json_is_object(there);
	int names = strcmp(k->name, r->name) != 0;
	int rc = 0;

	*changed = labels || names;
	if (names)
		rc = store_run_rename(s, k->key, r->name, err);
	if (rc == 0 && labels)
		rc = set_labels(s, k->key, there, here, there, err);
	if (rc == 0 && labels)
		rc = set_labels(s, k->key, here, here, there, err);
	json_decref(here);
	json_decref(there);
	return rc;
}

/* ---- pulling --------------------------------------------------------------------------------------- */

static int fetch_and_copy(struct team *t, const struct team_run *r, struct store *to,
			  struct team_moved *sum, int *copied, struct err *err)
{
	struct store *own;
	int64_t run;
	int rc = store_open_private(&own, team_name(t), err);

	if (rc < 0)
		return rc;
	rc = team_fetch(t, r, own, &run, sum, err);
	if (rc == 0)
		rc = store_run_copy(to, own, run, copied, err);
	store_close(own);
	return rc;
}

static int pull_one(struct team *t, const struct team_run *r, struct store *to, int update,
		    struct moved *m, struct err *err)
{
	int fate = TEAM_KNOWN, copied = 0, changed = 0;
	struct known k;
	int rc = find_known(to, r->id, &k, err);

	if (rc == 0 && !k.key) {
		rc = fetch_and_copy(t, r, to, &m->sum, &copied, err);
		fate = copied ? TEAM_MOVED : TEAM_KNOWN;
	} else if (rc == 0 && update) {
		rc = bring_in_line(to, &k, r, &changed, err);
		fate = changed ? TEAM_UPDATED : TEAM_KNOWN;
	}
	free(k.name);
	free(k.labels);
	return rc < 0 ? rc : moved_add(m, fate, r->id, err);
}

/* Oldest first, as they would have come by themselves. */
static int pull_chosen(struct team *t, const struct team_runs *runs, const char *chosen,
		       struct store *to, int update, struct moved *m, struct err *err)
{
	int rc = 0;

	for (size_t i = runs->n; rc == 0 && i-- > 0;)
		if (!chosen || chosen[i])
			rc = pull_one(t, &runs->items[i], to, update, m, err);
	return rc;
}

static int choose(struct team *t, const struct team_runs *runs, int n, char **names, char **chosen,
		  struct err *err)
{
	size_t at;
	int rc = 0;

	*chosen = n ? calloc(runs->n + 1, 1) : NULL;
	if (n && !*chosen)
		return err_nomem(err, "the list of runs");
	for (int i = 0; rc == 0 && i < n; i++) {
		rc = find_run(t, runs, names[i], &at, err);
		if (rc == 0)
			(*chosen)[at] = 1;
	}
	if (rc == 0 && !runs->n)
		rc = err_set(err, ERR_NOTFOUND, "%s has no run of that name, label and time",
			     team_name(t));
	return rc;
}

static int pull_from(struct team *t, const struct runs_wish *w, const struct team_pick *pick,
		     int json, const char *path, int n, char **names, struct err *err)
{
	struct moved m = {0};
	struct team_runs runs;
	struct store *to = NULL;
	char *chosen = NULL;
	int rc = team_list(t, pick, &runs, err);

	if (rc < 0)
		return rc;
	rc = choose(t, &runs, n, names, &chosen, err);
	if (rc == 0)
		rc = moved_init(&m, "pulled", team_name(t), json, err);
	if (rc == 0)
		rc = store_open(&to, path, STORE_CREATE, err);
	if (rc == 0)
		rc = pull_chosen(t, &runs, chosen, to, w->update, &m, err);
	if (rc == 0)
		rc = moved_say(&m, err);
	store_close(to);
	moved_release(&m);
	free(chosen);
	team_runs_release(&runs);
	return rc;
}

int runs_pull(const struct runs_wish *w, int json, const char *path, int n, char **args,
	      struct err *err)
{
	const char *url = NULL;
	struct team_pick pick;
	struct team *t = NULL;
	int rc = runs_take_url(w, "pull", &url, &n, args, err);

	if (rc == 0)
		rc = runs_wish_pick(w, &pick, err);
	if (rc == 0)
		rc = team_open(&t, url, TEAM_READ, NULL, err);
	if (rc == 0)
		rc = pull_from(t, w, &pick, json, path, n, args, err);
	team_close(t);
	return rc;
}

/* ---- the list --------------------------------------------------------------------------------------- */

#define LISTED 100 /* when nobody says how many */

int runs_team_each(const struct runs_wish *w,
		   int (*each)(void *ctx, const struct store_run_row *row), void *ctx,
		   struct err *err)
{
	struct team_runs runs = {0};
	struct team_pick pick;
	struct team *t = NULL;
	int rc = runs_wish_pick(w, &pick, err);

	if (rc == 0)
		rc = team_open(&t, w->db, TEAM_READ, NULL, err);
	pick.samples = 1;
	if (!pick.last)
		pick.last = LISTED;
	if (rc == 0)
		rc = team_list(t, &pick, &runs, err);
	for (size_t i = 0; rc == 0 && i < runs.n; i++) {
		const struct team_run *r = &runs.items[i];
		struct store_run_row row = {.key = r->key,
					    .started_at = r->started_at,
					    .duration_ns = r->duration_ns,
					    .id = r->id,
					    .name = r->name,
					    .command = r->command,
					    .labels_json = r->labels_json,
					    .has_exit_code = r->has_exit_code,
					    .exit_code = r->exit_code,
					    .signal = r->signal,
					    .finished = 1,
					    .rate_hz = r->rate_hz,
					    .samples = r->samples < 0 ? 0 : (uint64_t)r->samples};

		rc = each(ctx, &row);
	}
	if (rc == 0 && runs.more)
		log_info("%zu older run%s: --last %zu", runs.more, runs.more == 1 ? "" : "s",
			 runs.n + runs.more);
	team_runs_release(&runs);
	team_close(t);
	return rc;
}
