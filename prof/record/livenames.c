/* Names of code that runs now: see livenames.h. Answers of the symbolizer are kept by module and address; of
 * code that is made at run time only for a while, since its maps grow and its addresses are used again. */
#include "prof/record/livenames.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define JIT_UNKNOWN_NS INT64_C(1000000000) /* then its map is asked again */
#define JIT_KNOWN_NS   INT64_C(10000000000)

#define NO_FILES_ID "00" /* of a build id's form */

struct row { /* one address */
	struct attach_frame frame;
	uint32_t first, n;  /* of `frames`, innermost first */
	int64_t expires_ns; /* 0: never */
};

struct livenames {
	struct module_set *set; /* borrowed, as strings */
	struct strtab *strings;
	struct symbolizer *symbols;
	struct row *rows; /* owned */
	uint32_t n_rows, cap_rows;
	struct hashidx index;
	struct symbol_frame *frames; /* owned */
	uint32_t n_frames, cap_frames;
};

struct livenames *livenames_new(struct module_set *set, struct strtab *strings,
				const char *cache_dir)
{
	const char *servers = getenv("PROTEA_PROF_DEBUGINFOD");
	struct symbol_options options = {.cache_dir = cache_dir,
					 .debuginfod = servers && strcmp(servers, "1") == 0};
	struct livenames *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->set = set;
	l->strings = strings;
	l->symbols = symbolizer_new(strings, &options);
	if (!l->symbols) {
		free(l);
		return NULL;
	}
	return l;
}

void livenames_free(struct livenames *l)
{
	if (!l)
		return;
	symbolizer_free(l->symbols);
	hashidx_release(&l->index);
	free(l->rows);
	free(l->frames);
	free(l);
}

/* ---- rows ---- */

struct key {
	const struct livenames *l;
	struct attach_frame frame;
};

static int is_frame(const void *ctx, uint32_t id)
{
	const struct key *k = ctx;
	const struct attach_frame *f = &k->l->rows[id].frame;

	return f->module == k->frame.module && f->rel_addr == k->frame.rel_addr;
}

static uint64_t hash_frame(struct attach_frame f)
{
	return hash_u64(f.rel_addr ^ (uint64_t)f.module << 48);
}

static struct row *find_row(const struct livenames *l, struct attach_frame f)
{
	struct key key = {l, f};
	uint32_t id = hashidx_find(&l->index, hash_frame(f), is_frame, &key);

	return id == HASHIDX_NONE ? NULL : &l->rows[id];
}

static struct row *add_row(struct livenames *l, struct attach_frame f)
{
	struct row *row = find_row(l, f);

	if (row)
		return row;
	if (l->n_rows == l->cap_rows) {
		uint32_t cap = l->cap_rows ? 2 * l->cap_rows : 256;
		struct row *p = cap > l->cap_rows ? realloc(l->rows, cap * sizeof *p) : NULL;

		if (!p)
			return NULL;
		l->rows = p;
		l->cap_rows = cap;
	}
	if (hashidx_add(&l->index, hash_frame(f), l->n_rows))
		return NULL;
	row = &l->rows[l->n_rows++];
	*row = (struct row){.frame = f};
	return row;
}

/* Turns the chain round: the symbolizer tells the outermost first. */
static int keep_chain(struct livenames *l, struct row *row, const struct symbol_frame *chain,
		      uint32_t n)
{
	uint32_t cap = l->cap_frames ? l->cap_frames : 512;
	uint32_t first = n <= row->n ? row->first : l->n_frames;

	while (cap - l->n_frames < n) {
		if (cap > UINT32_MAX / 2)
			return ERR_NOMEM;
		cap *= 2;
	}
	if (cap != l->cap_frames) {
		struct symbol_frame *p = realloc(l->frames, cap * sizeof *p);

		if (!p)
			return ERR_NOMEM;
		l->frames = p;
		l->cap_frames = cap;
	}
	for (uint32_t i = 0; i < n; i++)
		l->frames[first + i] = chain[n - 1 - i];
	if (first == l->n_frames)
		l->n_frames += n;
	row->first = first;
	row->n = n;
	return 0;
}

/* ---- asking ---- */

/* Where the file could not be had, one that has its name now is another, unless it has its build id. */
static void locate(const struct attach_module *m, struct symbol_module *module)
{
	module->file = m->file;
	module->pid = m->pid;
	if (m->source == MODULE_UNKNOWN && !m->build_id[0])
		module->build_id = NO_FILES_ID;
}

void livenames_locate(void *set, struct symbol_module *module)
{
	const struct attach_module *m = module_named(set, module->path, module->build_id);

	if (m)
		locate(m, module);
}

static int64_t expiry(const struct livenames *l, uint32_t module, const struct symbol_frame *f)
{
	const struct attach_module *m = module_get(l->set, module);
	const char *name = strtab_text(l->strings, f->function);

	if (!m || m->source != MODULE_JIT)
		return 0;
	return clock_mono_ns() +
	       (strncmp(name, "[unknown", 8) == 0 ? JIT_UNKNOWN_NS : JIT_KNOWN_NS);
}

static int keep_answer(struct livenames *l, uint32_t id, const uint64_t *addrs,
		       const struct symbol_answer *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const struct symbol_frame *chain = a->frames + a->first[i];
		struct row *row = add_row(l, (struct attach_frame){id, addrs[i]});

		if (!row || keep_chain(l, row, chain, a->first[i + 1] - a->first[i]))
			return ERR_NOMEM;
		row->expires_ns = expiry(l, id, chain);
	}
	return 0;
}

static int ask_module(struct livenames *l, uint32_t id, const uint64_t *addrs, size_t n)
{
	const struct attach_module *m = module_get(l->set, id);
	struct symbol_module module = {.path = m ? m->path : "", .build_id = m ? m->build_id : ""};
	struct symbol_answer answer;
	int rc;

	if (m)
		locate(m, &module);
	rc = symbolize(l->symbols, &module, addrs, n, &answer, NULL, 0);
	if (rc)
		return rc;
	rc = keep_answer(l, id, addrs, &answer);
	symbol_answer_release(&answer);
	return rc;
}

static int by_module(const void *a, const void *b)
{
	const struct attach_frame *x = a, *y = b;

	if (x->module != y->module)
		return x->module < y->module ? -1 : 1;
	return x->rel_addr < y->rel_addr ? -1 : x->rel_addr > y->rel_addr;
}

/* Those of no known row, sorted, each once. */
static size_t pick_unknown(const struct livenames *l, const struct attach_frame *frames, size_t n,
			   struct attach_frame *out)
{
	int64_t now = 0;
	size_t kept = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		const struct row *row = find_row(l, frames[i]);

		if (row && row->expires_ns && !now)
			now = clock_mono_ns();
		if (!row || (row->expires_ns && row->expires_ns <= now))
			out[kept++] = frames[i];
	}
	qsort(out, kept, sizeof *out, by_module);
	for (size_t i = 0; i < kept; i++)
		if (i == 0 || by_module(&out[i], &out[at - 1]) != 0)
			out[at++] = out[i];
	return at;
}

int livenames_ask(struct livenames *l, const struct attach_frame *frames, size_t n)
{
	struct attach_frame *unknown = malloc((n ? n : 1) * sizeof *unknown);
	uint64_t *addrs = malloc((n ? n : 1) * sizeof *addrs);
	size_t count = unknown && addrs ? pick_unknown(l, frames, n, unknown) : 0, len;
	int rc = unknown && addrs ? 0 : ERR_NOMEM;

	for (size_t i = 0; i < count && rc == 0; i += len) {
		for (len = 0; i + len < count && unknown[i + len].module == unknown[i].module;
		     len++)
			addrs[len] = unknown[i + len].rel_addr;
		rc = ask_module(l, unknown[i].module, addrs, len);
	}
	free(unknown);
	free(addrs);
	return rc;
}

const struct symbol_frame *livenames_of(struct livenames *l, struct attach_frame f, uint32_t *n)
{
	const struct row *row = find_row(l, f);

	if (!row) {
		if (livenames_ask(l, &f, 1))
			return NULL;
		row = find_row(l, f);
	}
	if (!row)
		return NULL;
	*n = row->n;
	return l->frames + row->first;
}
