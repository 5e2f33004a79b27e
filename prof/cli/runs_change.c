/* Changing a store by hand. */
#include "prof/cli/runs_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/store/read.h"
#include "prof/store/write.h"

struct found { /* a run by key, as the list of runs tells it */
	int64_t key;
	char id[64];
	json_t *object; /* owned; {"id", "name", "labels"} */
};

static int describe(void *ctx, const struct store_run_row *r)
{
	struct found *f = ctx;

	if (r->key != f->key)
		return 0;
	snprintf(f->id, sizeof(f->id), "%s", r->id);
	f->object = json_object();
	if (!f->object || jsonout_put(f->object, "id", jsonout_text(r->id)) ||
	    jsonout_put(f->object, "name", jsonout_text(r->name)) ||
	    jsonout_put(f->object, "labels", jsonout_parsed(r->labels_json)))
		return ERR_NOMEM;
	return 0;
}

/* Says on stdout what a changed run is called now. */
static int say_run(struct store *s, int64_t run, struct err *err)
{
	struct found f = {.key = run};
	int rc = store_list_runs(s, describe, &f, err);

	return rc ? rc : jsonout_finish(stdout, f.object, 0, err);
}

/* ---- labels and names ---- */

static int check_label(const char *text, struct err *err)
{
	if (strchr(text, '=') && *text != '=')
		return 0;
	return err_set(err, ERR_ARG, "label '%s': write key=value, or key= to remove it", text);
}

static int set_label(struct store *s, int64_t run, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	char *key = strndup(text, (size_t)(equals - text));
	int rc = key ? store_run_label(s, run, key, equals[1] ? equals + 1 : NULL, err)
		     : err_nomem(err, "a label");

	free(key);
	return rc;
}

int runs_label(struct change *c, const char *path, int n, char **args, struct err *err)
{
	struct store *s = NULL;
	int64_t run;
	int i, rc = 0;

	for (i = 1; rc == 0 && i < n; i++)
		rc = check_label(args[i], err);
	if (rc == 0)
		rc = cli_open_store(&s, path, 1, err);
	if (rc == 0)
		rc = store_find_run(s, args[0], &run, err);
	for (i = 1; rc == 0 && i < n; i++)
		rc = set_label(s, run, args[i], err);
	if (rc == 0 && c->json)
		rc = say_run(s, run, err);
	store_close(s);
	return rc;
}

int runs_rename(struct change *c, const char *path, int n, char **args, struct err *err)
{
	struct store *s = NULL;
	int64_t run;
	int rc = cli_open_store(&s, path, 1, err);

	(void)n;
	if (rc == 0)
		rc = store_find_run(s, args[0], &run, err);
	if (rc == 0)
		rc = store_run_rename(s, run, args[1], err);
	if (rc == 0 && c->json)
		rc = say_run(s, run, err);
	store_close(s);
	return rc;
}

/* ---- removing ---- */

/* All arguments are looked up before anything goes: after "remove last", "last~1" would be another run. */
static int find_all(struct store *s, int n, char **args, struct found *found, int *n_found,
		    struct err *err)
{
	int i, k, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		struct found *f = &found[*n_found];

		rc = store_find_run(s, args[i], &f->key, err);
		for (k = 0; rc == 0 && k < *n_found && found[k].key != f->key; k++)
			;
		if (rc || k < *n_found)
			continue;
		rc = store_list_runs(s, describe, f, err);
		++*n_found;
	}
	return rc;
}

static int remove_all(struct store *s, struct found *found, int n, json_t *removed, struct err *err)
{
	int i, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		rc = store_run_remove(s, found[i].key, err);
		if (rc == 0 && removed && json_array_append(removed, found[i].object))
			rc = err_nomem(err, "the list of removed runs");
		if (rc == 0 && !removed)
			log_info("removed %s", found[i].id);
	}
	return rc;
}

int runs_remove(struct change *c, const char *path, int n, char **args, struct err *err)
{
	struct found *found = calloc((size_t)n, sizeof(*found));
	json_t *removed = c->json ? json_array() : NULL;
	struct store *s = NULL;
	int i, n_found = 0, rc;

	if (!found || (c->json && !removed))
		rc = err_nomem(err, "the list of runs");
	else
		rc = cli_open_store(&s, path, 1, err);
	if (rc == 0)
		rc = find_all(s, n, args, found, &n_found, err);
	if (rc == 0)
		rc = remove_all(s, found, n_found, removed, err);
	if (rc == 0 && removed)
		rc = jsonout_finish(stdout, json_pack("{s:O}", "removed", removed), 0, err);
	store_close(s);
	for (i = 0; i < n_found; i++)
		json_decref(found[i].object);
	json_decref(removed);
	free(found);
	return rc;
}

/* ---- parameters of statements ---- */

static int redact_all(struct store *s, struct found *found, int n, int64_t *all, struct err *err)
{
	int64_t some;
	int i, rc = store_begin(s, err);

	if (rc)
		return rc;
	for (i = 0; rc == 0 && i < n; i++) {
		rc = store_sql_redact(s, found[i].key, &some, err);
		*all += rc ? 0 : some;
	}
	if (rc == 0)
		rc = store_commit(s, err);
	else
		store_rollback(s);
	return rc;
}

int runs_redact(struct change *c, const char *path, int n, char **args, struct err *err)
{
	struct found *found = calloc((size_t)n, sizeof(*found));
	struct store *s = NULL;
	int64_t all = 0;
	int i, n_found = 0, rc;

	rc = found ? cli_open_store(&s, path, 1, err) : err_nomem(err, "the list of runs");
	if (rc == 0)
		rc = find_all(s, n, args, found, &n_found, err);
	if (rc == 0)
		rc = redact_all(s, found, n_found, &all, err);
	if (rc == 0 && c->json)
		rc = jsonout_finish(stdout, json_pack("{s:I}", "redacted", (json_int_t)all), 0,
				    err);
	else if (rc == 0)
		log_info("took parameters out of %lld statements", (long long)all);
	store_close(s);
	for (i = 0; i < n_found; i++)
		json_decref(found[i].object);
	free(found);
	return rc;
}

/* ---- merging ---- */

struct merge {
	struct store *to, *from;
	struct err *err;
	int copied, known;
};

static int merge_one(void *ctx, const struct store_run_row *r)
{
	struct merge *m = ctx;
	int copied = 0;
	int rc = store_run_copy(m->to, m->from, r->key, &copied, m->err);

	m->copied += copied;
	m->known += rc == 0 && !copied;
	return rc;
}

/* Can all be read? Asked before a new store is made. */
static int check_sources(int n, char **files, struct err *err)
{
	int i, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		struct store *s = NULL;

		rc = cli_open_store(&s, files[i], 0, err);
		store_close(s);
	}
	return rc;
}

static int merge_file(struct store *s, const char *file, json_t *merged, struct err *err)
{
	struct merge m = {.to = s, .err = err};
	int rc = cli_open_store(&m.from, file, 0, err);

	if (rc == 0)
		rc = store_list_runs(m.from, merge_one, &m, err);
	store_close(m.from);
	if (rc)
		return rc;
	if (!merged)
		log_info("%s: %d copied, %d known already", file, m.copied, m.known);
	else if (json_array_append_new(merged,
				       json_pack("{s:o,s:i,s:i}", "file", jsonout_text(file),
						 "copied", m.copied, "known", m.known)))
		rc = err_nomem(err, "the list of merged files");
	return rc;
}

int runs_merge(struct change *c, const char *path, int n, char **args, struct err *err)
{
	json_t *merged = c->json ? json_array() : NULL;
	struct store *s = NULL;
	int i, rc = check_sources(n, args, err);

	if (rc == 0 && c->json && !merged)
		rc = err_nomem(err, "the list of merged files");
	if (rc == 0)
		rc = store_open(&s, path, STORE_CREATE, err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = merge_file(s, args[i], merged, err);
	if (rc == 0 && merged)
		rc = jsonout_finish(stdout, json_pack("{s:O}", "merged", merged), 0, err);
	store_close(s);
	json_decref(merged);
	return rc;
}
