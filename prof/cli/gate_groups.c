/* Groups of runs: see gate_groups.h. Stores are opened once each, and what runs they have is listed once. */
#include "prof/cli/gate_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/gate_escape.h"
#include "prof/cli/gate_team.h"
#include "prof/cli/text.h"
#include "prof/postgres/pg.h"
#include "prof/store/read.h"

struct finder {
	struct gate_stores *stores;
	struct gate_group *group;
	const char *store; /* the option */
	int runs_only;
	char *file; /* owned: of FILE: in front of an earlier part, or NULL */
	struct err *err;
};

static int no_memory(struct err *err)
{
	return err_nomem(err, "the runs to compare");
}

/* Says what is in `text`, made harmless, and empties it. */
static void say(struct buf *text)
{
	char *shown = buf_failed(text) ? NULL : text_valid(buf_str(text), 1);

	if (shown)
		log_info("%s", shown);
	free(shown);
	buf_release(text);
}

/* ---- files ---- */

/* Bytes of `text` that are the name of a store in front of a colon, 0 if there is none. */
static size_t file_part(const char *text, struct err *err)
{
	const char *colon;

	for (colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
		char *path = strndup(text, (size_t)(colon - text));
		enum gate_file kind = path ? gate_file_kind(path) : GATE_FILE_NONE;

		free(path);
		if (!path)
			no_memory(err);
		if (kind == GATE_FILE_STORE)
			return (size_t)(colon - text);
	}
	return 0;
}

/* ---- runs of a group ---- */

static int same_run(const struct gate_pick *a, const struct gate_pick *b)
{
	if (a->store == b->store)
		return a->head->run == b->head->run;
	return *a->head->id && strcmp(a->head->id, b->head->id) == 0;
}

static int add_run(struct finder *x, const struct gate_store *s, const struct gate_head *h)
{
	struct gate_pick pick = {s->store, h}, *more;
	struct gate_group *g = x->group;
	size_t i;

	for (i = 0; i < g->n; i++)
		if (same_run(&g->runs[i], &pick)) {
			struct buf text = BUF_INIT;

			buf_printf(&text, "the run %.8s is named twice: it counts once", h->id);
			say(&text);
			return 0;
		}
	more = realloc(g->runs, (g->n + 1) * sizeof(*more));
	if (!more)
		return no_memory(x->err);
	g->runs = more;
	for (i = g->n++; i > 0 && more[i - 1].head->started_at > h->started_at; i--)
		more[i] = more[i - 1];
	more[i] = pick;
	return 0;
}

/* Adds to what is said of the group. */
static int describe(struct finder *x, const struct buf *what)
{
	char *old = x->group->what, *new;

	if (buf_failed(what))
		return no_memory(x->err);
	if (asprintf(&new, "%s%s%s", old ? old : "", old ? ", " : "", buf_str(what)) < 0)
		return no_memory(x->err);
	if (old) {
		free(x->group->more);
		x->group->more = NULL;
	}
	x->group->what = new;
	free(old);
	return 0;
}

/* How a further run gets into a group of one reading; of several there is no such way. */
static int set_more(struct finder *x, const char *option, const char *text)
{
	struct gate_group *g = x->group;
	struct buf b = BUF_INIT;
	int several = g->what != NULL;

	free(g->more);
	g->more = NULL;
	if (several)
		return 0;
	if (x->file && strcmp(option, "-o ") != 0) {
		buf_puts(&b, "-o ");
		gate_put_shell(&b, x->file);
		buf_putc(&b, ' ');
	}
	buf_puts(&b, option);
	gate_put_shell(&b, text);
	g->more = buf_steal(&b, NULL);
	buf_release(&b);
	return g->more ? 0 : no_memory(x->err);
}

/* ---- the readings; each gives how many runs it found, or an error ---- */

/* "", "last", "last~N": *back, and 1. */
static int is_last(const char *text, size_t *back)
{
	char *end;

	*back = 0;
	if (!*text || strcmp(text, "last") == 0)
		return 1;
	if (strncmp(text, "last~", 5) != 0 || text[5] < '0' || text[5] > '9')
		return 0;
	errno = 0;
	*back = strtoul(text + 5, &end, 10);
	return !*end && !errno;
}

static int add_last(struct finder *x, struct gate_store *s, size_t back, struct buf *what)
{
	const struct gate_head *h;

	if (!s->n)
		return err_set(x->err, ERR_NOTFOUND,
			       "'%s' holds no run yet; record one with: protea-prof run -- CMD",
			       s->path);
	if (back >= s->n)
		return err_set(x->err, ERR_NOTFOUND,
			       "'%s' holds %zu run%s, so none is %zu before the last", s->path,
			       s->n, s->n == 1 ? "" : "s", back);
	h = &s->heads[back];
	buf_printf(what, "the run %.8s%s%.200s%s", h->id, *h->name ? " (" : "", h->name,
		   *h->name ? ")" : "");
	return add_run(x, s, h) ? x->err->code : 1;
}

static void count_runs(struct buf *what, int n)
{
	if (n == 1)
		buf_puts(what, "the run");
	else
		buf_printf(what, "the %d runs", n);
}

static int add_named(struct finder *x, struct gate_store *s, const char *text, struct buf *what)
{
	int n = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->heads[i].name, text) == 0) {
			if (add_run(x, s, &s->heads[i]))
				return x->err->code;
			n++;
		}
	count_runs(what, n);
	buf_printf(what, " named '%s'", text);
	return n && set_more(x, "-n ", text) ? x->err->code : n;
}

static int has_prefix(const char *id, const char *text)
{
	return strlen(text) >= 4 && strncasecmp(id, text, strlen(text)) == 0;
}

static const struct gate_head *find_id(const struct gate_store *s, const char *text, size_t *n)
{
	const struct gate_head *hit = NULL;
	size_t i;

	*n = 0;
	for (i = 0; i < s->n; i++)
		if (has_prefix(s->heads[i].id, text)) {
			hit = &s->heads[i];
			++*n;
		}
	return hit;
}

static int add_id(struct finder *x, struct gate_store *s, const char *text, struct buf *what)
{
	size_t n;
	const struct gate_head *h = find_id(s, text, &n);

	if (n > 1)
		return err_set(x->err, ERR_ARG,
			       "%zu runs of '%s' begin with '%s': give more of the id", n, s->path,
			       text);
	if (!h)
		return 0;
	buf_printf(what, "the run %.8s%s%.200s%s", h->id, *h->name ? " (" : "", h->name,
		   *h->name ? ")" : "");
	return add_run(x, s, h) ? x->err->code : 1;
}

struct labelled {
	struct finder *x; /* NULL: only count */
	struct gate_store *store;
	int n;
};

static int add_labelled(void *ctx, int64_t run)
{
	struct labelled *l = ctx;
	size_t i;

	for (i = 0; i < l->store->n; i++)
		if (l->store->heads[i].run == run) {
			l->n++;
			return l->x ? add_run(l->x, l->store, &l->store->heads[i]) : 0;
		}
	return 0; /* it began after the list was read */
}

/* Runs with the label `text` is; `x` NULL: only how many. */
static int each_labelled(struct finder *x, struct gate_store *s, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	struct labelled l = {x, s, 0};
	char *key;
	int rc;

	if (!equals || equals == text)
		return 0;
	key = strndup(text, (size_t)(equals - text));
	if (!key)
		return no_memory(err);
	rc = store_labelled_runs(s->store, key, equals + 1, add_labelled, &l, err);
	free(key);
	return rc ? rc : l.n;
}

/* ---- several readings ---- */

/* What else than a name `text` could be. */
static void say_other(struct gate_store *s, const char *text)
{
	struct err ignored = ERR_INIT;
	struct buf said = BUF_INIT;
	size_t n;

	buf_printf(&said, "'%s' is taken as a name", text);
	if (find_id(s, text, &n) && n)
		buf_puts(&said, "; the id of a run begins so too: give more of it for that one");
	else if (each_labelled(NULL, s, text, &ignored) > 0)
		buf_puts(&said,
			 "; runs have it as a label too: rename them (protea-prof runs) for those");
	else
		buf_clear(&said);
	if (said.len)
		say(&said);
	buf_release(&said);
}

static int add_of_store(struct finder *x, struct gate_store *s, const char *text, struct buf *what)
{
	size_t back;
	int n;

	if (is_last(text, &back))
		return add_last(x, s, back, what);
	n = add_named(x, s, text, what);
	if (n > 0)
		say_other(s, text);
	if (n)
		return n;
	buf_clear(what);
	n = add_id(x, s, text, what);
	if (n)
		return n;
	n = each_labelled(x, s, text, x->err);
	count_runs(what, n);
	buf_printf(what, " with the label %s", text);
	return n > 0 && set_more(x, "-l ", text) ? x->err->code : n;
}

static int add_all(struct finder *x, struct gate_store *s, struct buf *what)
{
	struct buf said = BUF_INIT;
	size_t i, left = 0;
	int n = 0;

	for (i = 0; i < s->n; i++) {
		left += !s->heads[i].finished;
		if (!s->heads[i].finished)
			continue;
		if (add_run(x, s, &s->heads[i]))
			return x->err->code;
		n++;
	}
	if (!n)
		return err_set(x->err, ERR_NOTFOUND,
			       left ? "no run of '%s' has finished; name one (protea-prof runs)"
				    : "'%s' holds no run yet; protea-prof run -o puts one there",
			       s->path);
	buf_printf(&said, "%s: %zu run%s did not finish and %s left out", s->path, left,
		   left == 1 ? "" : "s", left == 1 ? "is" : "are");
	if (left)
		say(&said);
	buf_release(&said);
	count_runs(what, n);
	buf_printf(what, " of %s", s->path);
	return set_more(x, "-o ", s->path) ? x->err->code : n;
}

/* A file is meant; says so where a run of the usual store has its name. */
static void say_file(struct finder *x, const char *text)
{
	const char *path = cli_store_path(x->store);
	struct err ignored = ERR_INIT;
	struct buf said = BUF_INIT;
	size_t place, i, n = 0;

	if (gate_file_kind(path) != GATE_FILE_STORE ||
	    gate_store_open(x->stores, path, &place, &ignored))
		return;
	for (i = 0; i < x->stores->items[place].n; i++)
		n += strcmp(x->stores->items[place].heads[i].name, text) == 0;
	buf_printf(&said, "'%s' is taken as the file; for the run%s of that name: %s:%s", text,
		   n == 1 ? "" : "s", path, text);
	if (n)
		say(&said);
	buf_release(&said);
}

static int add_values(struct finder *x, const char *path, struct buf *what)
{
	if (x->runs_only)
		return err_set(x->err, ERR_ARG,
			       "'%s' holds kept values: the runs themselves are needed here", path);
	if (x->group->baseline)
		return err_set(x->err, ERR_ARG,
			       "'%s' and '%s': one file of kept values is a whole group",
			       x->group->baseline, path);
	x->group->baseline = strdup(path);
	buf_printf(what, "the values kept in %s", path);
	return x->group->baseline ? 1 : no_memory(x->err);
}

/* What is in front of `text` when it is of a file, else the file of the part before. */
static int add_elsewhere(struct finder *x, const char *text, struct buf *what)
{
	size_t place, skip = file_part(text, x->err);
	const char *path = x->file ? x->file : cli_store_path(x->store);
	int rc, n;

	if (x->err->code)
		return x->err->code;
	if (skip) {
		free(x->file);
		x->file = strndup(text, skip);
		path = x->file;
		text += skip + 1;
		if (!path)
			return no_memory(x->err);
	}
	rc = gate_store_open(x->stores, path, &place, x->err);
	if (rc)
		return rc;
	n = add_of_store(x, &x->stores->items[place], text, what);
	if (n > 0 && x->file)
		buf_printf(what, " of %s", x->file);
	return n;
}

/* One part, or all of the operand: how many runs (files) that gave. */
static int add_part(struct finder *x, const char *text)
{
	enum gate_file kind = gate_file_kind(text);
	struct buf what = BUF_INIT;
	size_t place;
	int rc;

	if (kind == GATE_FILE_STORE || kind == GATE_FILE_VALUES)
		say_file(x, text);
	if (kind == GATE_FILE_VALUES) {
		rc = add_values(x, text, &what);
	} else if (kind == GATE_FILE_STORE) {
		rc = gate_store_open(x->stores, text, &place, x->err);
		if (rc == 0)
			rc = add_all(x, &x->stores->items[place], &what);
	} else {
		rc = add_elsewhere(x, text, &what);
	}
	if (rc > 0 && describe(x, &what))
		rc = x->err->code;
	buf_release(&what);
	return rc;
}

/* ---- nothing found ---- */

static int looks_like_a_file(const char *text)
{
	const char *dot = strrchr(text, '.');

	return strchr(text, '/') ||
	       (dot && (!strcmp(dot, ".sqlite") || !strcmp(dot, ".json") || !strcmp(dot, ".db")));
}

static void put_latest(struct buf *out, const struct gate_store *s)
{
	size_t i;

	if (!s->n)
		buf_puts(out, "; it holds no run yet: protea-prof run -- CMD");
	for (i = 0; i < s->n && i < 5; i++)
		buf_printf(out, "%s%.8s%s%.40s%s", i ? ", " : "; the latest are ", s->heads[i].id,
			   *s->heads[i].name ? " (" : "", s->heads[i].name,
			   *s->heads[i].name ? ")" : "");
}

static int not_found(struct finder *x, const char *text)
{
	const char *path = x->file ? x->file : cli_store_path(x->store);
	enum gate_file kind = gate_file_kind(text);
	struct buf latest = BUF_INIT;
	size_t place;
	int rc;

	if (kind == GATE_FILE_FOLDER)
		return err_set(x->err, ERR_NOTFOUND,
			       "'%s' is a folder: name a store or a file of kept values in it",
			       text);
	if (kind == GATE_FILE_DEVICE)
		return err_set(x->err, ERR_NOTFOUND, "'%s' is not a regular file", text);
	if (kind == GATE_FILE_DENIED)
		return err_set(x->err, ERR_IO, "'%s': you may not read this file", text);
	if (kind == GATE_FILE_NONE && looks_like_a_file(text))
		return err_set(x->err, ERR_NOTFOUND, "there is no file '%s'", text);
	rc = gate_store_open(x->stores, path, &place, x->err);
	if (rc)
		return rc;
	put_latest(&latest, &x->stores->items[place]);
	err_set(x->err, ERR_NOTFOUND,
		"%s'%.200s' is no name, label (key=value), id, or 'last' of a run in '%s'%s",
		kind == GATE_FILE_OTHER
			? "the file of that name is neither a store nor kept values, and "
			: "",
		text, path, buf_str(&latest));
	buf_release(&latest);
	return ERR_NOTFOUND;
}

/* ---- operands ---- */

static int add_parts(struct finder *x, const char *operand)
{
	char *list = strdup(operand), *part = list, *comma;
	int rc = list ? 0 : no_memory(x->err);

	while (rc == 0 && part) {
		comma = strchr(part, ',');
		if (comma)
			*comma = '\0';
		if (!*part)
			rc = err_set(x->err, ERR_ARG,
				     "'%s': nothing stands in front of or behind a comma", operand);
		else
			rc = add_part(x, part);
		if (rc == 0)
			rc = not_found(x, part);
		rc = rc > 0 ? 0 : rc;
		part = comma ? comma + 1 : NULL;
	}
	free(list);
	return rc;
}

static int keep_text(struct finder *x, const char *operand)
{
	char *old = x->group->text, *new;

	if (asprintf(&new, "%s%s%s", old ? old : "", old ? "," : "", operand) < 0)
		return no_memory(x->err);
	x->group->text = new;
	free(old);
	return 0;
}

/* Runs of a team's database, and what the operand may be called where others read it. */
static int add_team(struct finder *x, const char *operand)
{
	struct buf what = BUF_INIT, shown = BUF_INIT;
	struct gate_group *g = x->group;
	size_t place;
	int rc = gate_team_fetch(x->stores, operand, g->like, g->last, &place, &what, &shown,
				 x->err);

	for (size_t i = 0; rc == 0 && i < x->stores->items[place].n; i++)
		rc = add_run(x, &x->stores->items[place], &x->stores->items[place].heads[i]);
	if (rc == 0)
		rc = describe(x, &what);
	if (rc == 0)
		rc = keep_text(x, buf_str(&shown));
	buf_release(&what);
	buf_release(&shown);
	return rc;
}

int gate_group_add(struct gate_stores *stores, struct gate_group *g, const char *store,
		   const char *operand, int runs_only, struct err *err)
{
	struct err own = ERR_INIT;
	struct finder x = {stores, g, store, runs_only, NULL, &own};
	int rc;

	if (!*operand)
		return err_set(err, ERR_ARG, "an operand is empty: is a variable unset?");
	x.err = pg_url_is(operand) ? err : x.err;
	if (pg_url_is(operand))
		return add_team(&x, operand);
	rc = add_part(&x, operand);
	if (rc == 0 && strchr(operand, ',')) {
		free(x.file);
		x.file = NULL;
		rc = add_parts(&x, operand);
	} else if (rc == 0) {
		rc = not_found(&x, operand);
	}
	rc = rc > 0 ? 0 : rc;
	if (rc == 0 && g->baseline && g->n)
		rc = err_set(&own, ERR_ARG,
			     "'%s' holds kept values and cannot be joined with runs; compare with "
			     "one or the other",
			     g->baseline);
	if (rc == 0)
		rc = keep_text(&x, operand);
	free(x.file);
	if (rc && err)
		*err = own;
	return rc;
}

void gate_group_release(struct gate_group *g)
{
	free(g->runs);
	free(g->baseline);
	free(g->text);
	free(g->what);
	free(g->more);
	*g = (struct gate_group){0};
}

int gate_groups_apart(const struct gate_group *a, const struct gate_group *b, struct err *err)
{
	size_t i, j;

	for (i = 0; i < a->n; i++)
		for (j = 0; j < b->n; j++)
			if (same_run(&a->runs[i], &b->runs[j]))
				return err_set(err, ERR_ARG,
					       "the run %.8s is in both groups, '%.200s' and "
					       "'%.200s': compare runs that differ",
					       a->runs[i].head->id, a->text, b->text);
	if (a->baseline && b->baseline && strcmp(a->baseline, b->baseline) == 0)
		return err_set(err, ERR_ARG, "'%s' is compared with itself", a->baseline);
	return 0;
}

int gate_group_read(const struct gate_group *g, size_t i, unsigned parts, struct profile *p,
		    struct err *err)
{
	return cli_read_run(g->runs[i].store, g->runs[i].head->run, parts, p, err);
}
