/* protea-prof runs push: runs of a store into a team's database. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/runs_moved.h"
#include "prof/cli/runs_team.h"

#define TRIES 3 /* of a run, when the connection or the server goes away for a moment */

struct chosen { /* runs of the store, newest first */
	const struct team_pick *pick;
	const int64_t *only; /* n_only keys; NULL: by `pick` */
	size_t n_only;
	struct one {
		int64_t key;
		char id[40];
		int finished;
	} * items; /* owned */
	size_t n;
	struct err *err;
};

static int is_wanted(const struct chosen *c, const struct store_run_row *r)
{
	for (size_t i = 0; i < c->n_only; i++)
		if (c->only[i] == r->key)
			return 1;
	if (c->only || (c->pick->name && strcmp(c->pick->name, r->name) != 0) ||
	    r->started_at < c->pick->since_ns || (c->pick->last && c->n >= c->pick->last))
		return 0;
	for (size_t i = 0; i < c->pick->n_labels; i++)
		if (!team_has_label(r->labels_json, c->pick->labels[i]))
			return 0;
	return 1;
}

static int choose(void *ctx, const struct store_run_row *r)
{
	struct chosen *c = ctx;
	struct one *more;

	if (!is_wanted(c, r))
		return 0;
	more = realloc(c->items, (c->n + 1) * sizeof *more);
	if (!more)
		return err_nomem(c->err, "the list of runs");
	c->items = more;
	more[c->n] = (struct one){.key = r->key, .finished = r->finished};
	snprintf(more[c->n].id, sizeof more[c->n].id, "%s", r->id);
	c->n++;
	return 0;
}

static int find_chosen(struct store *s, struct chosen *c, const struct team_pick *pick, int n,
		       char **names, struct err *err)
{
	int64_t *only = n ? calloc((size_t)n, sizeof *only) : NULL;
	int rc = n && !only ? err_nomem(err, "the list of runs") : 0;

	for (int i = 0; rc == 0 && i < n; i++)
		rc = store_find_run(s, names[i], &only[i], err);
	c->pick = pick;
	c->only = only;
	c->n_only = (size_t)n;
	c->err = err;
	if (rc == 0)
		rc = store_list_heads(s, choose, c, err);
	free(only);
	c->only = NULL;
	return rc;
}

static int push_one(struct team *t, struct store *s, const struct one *run, int update,
		    struct moved *m, struct err *err)
{
	enum team_fate fate = TEAM_KNOWN;
	int rc = ERR_NETWORK;

	for (int try = 1; try <= TRIES; try++) {
		rc = try > 1 && !team_usable(t) ? team_reopen(t, err) : 0;
		if (rc == 0)
			rc = team_push(t, s, run->key, update, &fate, &m->sum, err);
		if (rc == 0 || !pg_is_transient(err))
			break;
	}
	return rc < 0 ? err_prefix(err, "run %.8s", run->id)
		      : moved_add(m, (int)fate, run->id, err);
}

/* A run that was named must go; of all runs those that are still being recorded wait for the next time. */
static int push_all(struct team *t, struct store *s, const struct chosen *c, int named, int update,
		    struct moved *m, struct err *err)
{
	int rc = 0;

	for (size_t i = c->n; rc == 0 && i-- > 0;)
		rc = c->items[i].finished || named
			     ? push_one(t, s, &c->items[i], update, m, err)
			     : moved_add(m, MOVED_UNFINISHED, c->items[i].id, err);
	if (rc < 0 && m->n[TEAM_MOVED])
		log_warn("%zu of %zu runs are there; the same command sends the others",
			 m->n[TEAM_MOVED] + m->n[TEAM_KNOWN], c->n);
	return rc;
}

static int push_to(const char *url, struct store *s, const struct chosen *c, int named,
		   const struct runs_wish *w, int json, struct err *err)
{
	struct moved m = {0};
	struct team *t;
	int rc = team_open(&t, url, TEAM_WRITE, NULL, err);

	if (rc < 0)
		return rc;
	rc = moved_init(&m, "pushed", team_name(t), json, err);
	if (rc == 0)
		rc = push_all(t, s, c, named, w->update, &m, err);
	if (rc == 0)
		rc = moved_say(&m, err);
	moved_release(&m);
	team_close(t);
	return rc;
}

int runs_push(const struct runs_wish *w, int json, const char *path, int n, char **args,
	      struct err *err)
{
	const char *url = NULL;
	struct chosen c = {0};
	struct team_pick pick;
	struct store *s = NULL;
	int rc = runs_take_url(w, "push", &url, &n, args, err);

	if (rc == 0)
		rc = runs_wish_pick(w, &pick, err);
	if (rc == 0)
		rc = cli_open_store(&s, path, 0, err);
	if (rc == 0)
		rc = find_chosen(s, &c, &pick, n, args, err);
	if (rc == 0 && !c.n)
		rc = err_set(err, ERR_NOTFOUND,
			     runs_wish_chooses(w) ? "no run of '%s' is of that name, label and time"
						  : "'%s' holds no run yet",
			     store_path(s));
	if (rc == 0)
		rc = push_to(url, s, &c, n > 0, w, json, err);
	store_close(s);
	free(c.items);
	return rc;
}
