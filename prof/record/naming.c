/* Naming a run: see naming.h. The store is not locked while symbols are looked up, which may take long. */
#include "prof/record/naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/unwind/table.h"

extern char **environ;

struct named_module {    /* answer i is about frames[i] */
	int64_t *frames; /* owned */
	struct symbol_answer answer;
	size_t n;
};

struct naming {
	struct store *store;
	int64_t run;
	struct strtab *strings;
	struct symbolizer *symbols;
	struct named_module *modules; /* owned */
	size_t n_modules, cap_modules;
	naming_locate *locate; /* NULL: by path */
	void *locate_ctx;
	char *warning;
	size_t warning_size;
};

static struct named_module *new_module(struct naming *n)
{
	size_t cap = n->cap_modules ? 2 * n->cap_modules : 32;
	struct named_module *p;

	if (n->n_modules == n->cap_modules) {
		p = realloc(n->modules, cap * sizeof *p);
		if (!p)
			return NULL;
		n->modules = p;
		n->cap_modules = cap;
	}
	p = &n->modules[n->n_modules++];
	memset(p, 0, sizeof *p);
	return p;
}

static int look_up(void *ctx, const struct store_unnamed *u, struct err *err)
{
	struct naming *n = ctx;
	struct symbol_module about = {.path = u->path, .build_id = u->build_id, .pid = u->pid};
	struct named_module *m = new_module(n);
	char warning[256] = "";

	if (!m || !(m->frames = malloc((u->n ? u->n : 1) * sizeof *m->frames)))
		return err_nomem(err, "the names of a run");
	memcpy(m->frames, u->frames, u->n * sizeof *m->frames);
	m->n = u->n;
	if (n->locate)
		n->locate(n->locate_ctx, &about);
	if (symbolize(n->symbols, &about, u->rel_addrs, u->n, &m->answer, warning, sizeof warning))
		return err_nomem(err, "the names of a run");
	if (warning[0] && !n->warning[0])
		snprintf(n->warning, n->warning_size, "%s", warning);
	return 0;
}

static int write_chain(struct naming *n, int64_t frame, const struct symbol_frame *chain,
		       size_t len, struct err *err)
{
	struct store_name few[16], *names = few;
	int rc;

	if (len > sizeof few / sizeof *few && !(names = calloc(len, sizeof *names)))
		return err_nomem(err, "inlined functions");
	for (size_t i = 0; i < len; i++)
		names[i] = (struct store_name){strtab_text(n->strings, chain[i].function),
					       strtab_text(n->strings, chain[i].file),
					       strtab_text(n->strings, chain[i].language),
					       chain[i].line};
	rc = store_name_frame(n->store, n->run, frame, names, len, err);
	if (names != few)
		free(names);
	return rc;
}

static int write_module(struct naming *n, const struct named_module *m, struct err *err)
{
	const struct symbol_answer *a = &m->answer;
	int rc = 0;

	for (uint32_t i = 0; i < a->n && i < m->n && rc == 0; i++)
		rc = write_chain(n, m->frames[i], a->frames + a->first[i],
				 a->first[i + 1] - a->first[i], err);
	return rc;
}

struct due {
	int64_t run;
	int found;
};

static int is_due(void *ctx, int64_t run, const char *id, const char *spool_path)
{
	struct due *d = ctx;

	(void)id, (void)spool_path;
	d->found |= run == d->run;
	return 0;
}

int naming_is_due(struct store *s, int64_t run, struct err *err)
{
	struct due due = {run, 0};
	int rc = store_unfinished(s, is_due, &due, err);

	return rc ? rc : due.found;
}

static int write_all(struct naming *n, const struct store_run_end *end, struct err *err)
{
	int rc = store_begin(n->store, err);

	if (rc)
		return rc;
	rc = naming_is_due(n->store, n->run, err);
	if (rc <= 0) {
		store_rollback(n->store);
		return rc;
	}
	rc = 0;
	for (size_t i = 0; i < n->n_modules && rc == 0; i++)
		rc = write_module(n, &n->modules[i], err);
	if (rc == 0)
		rc = store_names_apply(n->store, n->run, err);
	if (rc == 0)
		rc = store_run_finish(n->store, n->run, end, err);
	if (rc == 0)
		rc = store_commit(n->store, err);
	if (rc)
		store_rollback(n->store);
	return rc;
}

static int start(struct naming *n, const char *cache_dir)
{
	const char *servers = getenv("PROTEA_PROF_DEBUGINFOD");
	/* A network request happens only where it was asked for. */
	struct symbol_options options = {.cache_dir = cache_dir,
					 .debuginfod = servers && strcmp(servers, "1") == 0};

	n->strings = strtab_new();
	n->symbols = n->strings ? symbolizer_new(n->strings, &options) : NULL;
	return n->symbols ? 0 : ERR_NOMEM;
}

static void release(struct naming *n)
{
	for (size_t i = 0; i < n->n_modules; i++) {
		free(n->modules[i].frames);
		symbol_answer_release(&n->modules[i].answer);
	}
	free(n->modules);
	symbolizer_free(n->symbols);
	strtab_free(n->strings);
}

int naming_finish_located(struct store *s, int64_t run, const struct store_run_end *end,
			  naming_locate *locate, void *ctx, char *warning, size_t warning_size,
			  struct err *err)
{
	struct naming n = {.store = s,
			   .run = run,
			   .locate = locate,
			   .locate_ctx = ctx,
			   .warning = warning,
			   .warning_size = warning_size};
	char cache_dir[4096];
	int rc;

	warning[0] = '\0';
	unwind_table_dir(cache_dir, sizeof cache_dir, environ);
	if (start(&n, cache_dir))
		rc = err_nomem(err, "the names of a run");
	else
		rc = store_unnamed(s, run, look_up, &n, err);
	if (rc == 0)
		rc = write_all(&n, end, err);
	release(&n);
	return rc;
}

int naming_finish(struct store *s, int64_t run, const struct store_run_end *end, char *warning,
		  size_t warning_size, struct err *err)
{
	return naming_finish_located(s, run, end, NULL, NULL, warning, warning_size, err);
}
