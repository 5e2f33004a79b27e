/* Runs by what people type: see flame_runs.h. Stores are opened once each. */
#include "prof/cli/flame_runs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/store/read.h"
#include "viewer/flame.h"

static int no_memory(struct err *err)
{
	return err_nomem(err, "the runs of a page");
}

/* ---- stores ---- */

static int open_store(struct flame_picks *p, const char *path, struct store **out, struct err *err)
{
	struct flame_store *more, *own;
	size_t i;
	int rc;

	for (i = 0; i < p->n_stores; i++)
		if (strcmp(p->stores[i].path, path) == 0) {
			*out = p->stores[i].store;
			return 0;
		}
	more = realloc(p->stores, (p->n_stores + 1) * sizeof(*more));
	if (!more)
		return no_memory(err);
	p->stores = more;
	own = &more[p->n_stores];
	own->path = strdup(path);
	if (!own->path)
		return no_memory(err);
	rc = cli_open_store(&own->store, path, 0, err);
	if (rc) {
		free(own->path);
		return rc;
	}
	p->n_stores++;
	*out = own->store;
	return 0;
}

/* The store of FILE:RUN and what is behind the colon, or the store that `file` names and all of the text. */
static int split_store(struct flame_picks *p, const char *file, const char *text,
		       struct store **store, const char **which, struct err *err)
{
	const char *colon = strchr(text, ':');
	char *path;
	int rc;

	for (; colon; colon = strchr(colon + 1, ':')) {
		struct stat st;

		path = strndup(text, (size_t)(colon - text));
		if (!path)
			return no_memory(err);
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
			*which = colon + 1;
			rc = open_store(p, path, store, err);
			free(path);
			return rc;
		}
		free(path);
	}
	*which = text;
	return open_store(p, cli_store_path(file), store, err);
}

/* ---- runs ---- */

struct adding {
	struct flame_picks *p;
	struct store *store;
	const char *text; /* as typed */
	size_t found;
	struct err *err;
};

static int add(void *ctx, int64_t run)
{
	struct adding *x = ctx;
	struct flame_picks *p = x->p;
	struct flame_pick *more;
	size_t i;

	x->found++;
	for (i = 0; i < p->n; i++)
		if (p->items[i].store == x->store && p->items[i].run == run) {
			log_warn("'%s' is a run that was named already: it is shown once", x->text);
			return 0;
		}
	if (p->n == FLAME_RUNS_MAX)
		return err_set(x->err, ERR_ARG, "more than %d runs do not go into one page",
			       FLAME_RUNS_MAX);
	more = realloc(p->items, (p->n + 1) * sizeof(*more));
	if (!more)
		return no_memory(x->err);
	p->items = more;
	p->items[p->n++] = (struct flame_pick){x->store, run};
	return 0;
}

/* Runs with the label k=v. `told` says that there is no run of that name, in case there is no such label. */
static int add_group(struct adding *x, const char *which, const struct err *told)
{
	const char *equals = strchr(which, '=');
	char *key;
	int rc;

	if (!equals || equals == which) {
		*x->err = *told;
		return told->code;
	}
	key = strndup(which, (size_t)(equals - which));
	if (!key)
		return no_memory(x->err);
	rc = store_labelled_runs(x->store, key, equals + 1, add, x, x->err);
	free(key);
	if (rc == 0 && x->found == 0)
		rc = err_set(x->err, ERR_NOTFOUND,
			     "no run of '%s' has the name or the label '%s'; protea-prof runs "
			     "lists them",
			     store_path(x->store), which);
	return rc;
}

static int add_text(struct flame_picks *p, const char *file, const char *text, struct err *err)
{
	struct adding x = {.p = p, .text = text, .err = err};
	struct err told = ERR_INIT;
	const char *which = text;
	int64_t run;
	int rc = split_store(p, file, text, &x.store, &which, err);

	if (rc)
		return rc;
	rc = store_find_run(x.store, which, &run, &told);
	if (rc == 0)
		return add(&x, run);
	if (rc == ERR_NOTFOUND)
		return add_group(&x, which, &told);
	*err = told;
	return rc;
}

int flame_picks_make(struct flame_picks *p, const char *store, int n, char **args, struct err *err)
{
	int rc = 0, i;

	memset(p, 0, sizeof(*p));
	if (n == 0)
		rc = add_text(p, store, "last", err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = add_text(p, store, args[i], err);
	if (rc)
		flame_picks_release(p);
	return rc;
}

void flame_picks_release(struct flame_picks *p)
{
	size_t i;

	for (i = 0; i < p->n_stores; i++) {
		store_close(p->stores[i].store);
		free(p->stores[i].path);
	}
	free(p->stores);
	free(p->items);
	memset(p, 0, sizeof(*p));
}
