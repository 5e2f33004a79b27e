/* Names for a batch of addresses of one module: the order of the sources, and the answer. */
#include "prof/symbol/symbol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/base/hash.h"
#include "prof/symbol/diskcache.h"
#include "prof/symbol/dwarf_find.h"
#include "prof/symbol/files.h"
#include "prof/symbol/perfmap.h"

struct symbolizer {
	struct strtab *strings;
	struct symbol_options options; /* with copies of the texts */
	char *cache_dir, *debug_dirs, *sysroot;
	uint32_t unknown;
};

/* One module's batch. */
struct work {
	struct symbolizer *s;
	const struct symbol_module *module;
	struct result result;
	struct namer namer;
	struct files files;
	struct elfsym_code code;
	struct elfsym_hit *hits;
	enum symbol_source source;
};

static int copy_text(char **to, const char **option, const char *from)
{
	*option = NULL;
	if (!from)
		return 0;
	*to = strdup(from);
	*option = *to;
	return *to ? 0 : ERR_NOMEM;
}

struct symbolizer *symbolizer_new(struct strtab *strings, const struct symbol_options *options)
{
	static const struct symbol_options none;
	struct symbolizer *s = calloc(1, sizeof *s);
	const struct symbol_options *o = options ? options : &none;

	if (!s)
		return NULL;
	s->strings = strings;
	s->options = *o;
	if (copy_text(&s->cache_dir, &s->options.cache_dir, o->cache_dir) < 0 ||
	    copy_text(&s->debug_dirs, &s->options.debug_dirs, o->debug_dirs) < 0 ||
	    copy_text(&s->sysroot, &s->options.sysroot, o->sysroot) < 0 ||
	    strtab_intern_text(strings, "[unknown]", &s->unknown) == ERR_NOMEM) {
		symbolizer_free(s);
		return NULL;
	}
	return s;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	free(s->cache_dir);
	free(s->debug_dirs);
	free(s->sysroot);
	free(s);
}

void symbol_answer_release(struct symbol_answer *a)
{
	free(a->frames);
	free(a->first);
	memset(a, 0, sizeof *a);
}

/* ---- sources ---- */

static void raise_source(struct work *w, enum symbol_source source)
{
	if (source > w->source)
		w->source = source;
}

static int from_tables(struct work *w)
{
	const struct elf_file *main = w->files.have_main ? &w->files.main : NULL;
	const struct elf_file *debug = w->files.have_debug ? &w->files.debug : NULL;
	const uint64_t *addrs = w->result.addrs;
	size_t n = w->result.n, full = 0, dynamic = 0;
	int rc = 0;

	elfsym_code(main ? main : debug, &w->code);
	if (main)
		full += elfsym_find(main, SHT_SYMTAB, &w->code, addrs, n, w->hits);
	if (debug && !full)
		full += elfsym_find(debug, SHT_SYMTAB, &w->code, addrs, n, w->hits);
	if (w->files.have_mini)
		full += elfsym_find(&w->files.mini, SHT_SYMTAB, &w->code, addrs, n, w->hits);
	if (main) {
		dynamic = elfsym_find(main, SHT_DYNSYM, &w->code, addrs, n, w->hits);
		rc = elfsym_plt(main, &w->code, addrs, n, w->hits);
	}
	elfsym_settle(&w->code, addrs, n, w->hits);
	raise_source(w, full ? SYMBOL_TABLE : dynamic ? SYMBOL_DYNAMIC : SYMBOL_NONE);
	return rc;
}

static int from_dwarf(struct work *w)
{
	const struct elf_file *elf = files_dwarf(&w->files);
	const char *path = elf == &w->files.main ? w->files.main_path : w->files.debug_path;
	struct dwarf_file file, alt = {0};
	struct dwarf_query q = {.file = &file,
				.code = &w->code,
				.symbols = w->hits,
				.namer = &w->namer,
				.fallback = w->s->unknown,
				.out = &w->result};
	int rc;

	/* Objects that were not linked have no addresses of their own. */
	if (elf->type == ET_REL)
		return 0;
	rc = dwarf_open(&file, elf, 0);
	if (rc < 0)
		return rc;
	if (w->files.have_alt && dwarf_open(&alt, &w->files.alt, 0) == ERR_NOMEM)
		rc = ERR_NOMEM;
	file.alt = dwarf_present(&alt) ? &alt : NULL;
	q.splits = rc == 0 ? dwarf_splits_new(path, w->s->options.sysroot) : NULL;
	rc = q.splits ? dwarf_find(&q) : ERR_NOMEM;
	if (dwarf_present(&file))
		raise_source(w, SYMBOL_DEBUG);
	else
		files_warn(&w->files, "%s: its debug information cannot be read", path);
	if (file.exhausted)
		files_warn(&w->files, "%s: its debug information makes no sense", path);
	if (q.split_missing) {
		const char *missing = dwarf_splits_missing(q.splits);

		if (missing[0] && access(missing, F_OK) < 0)
			buf_put(&w->files.missing, missing, strlen(missing) + 1);
		files_warn(&w->files, "%s: split debug information is not there (%s)", path,
			   missing);
	}
	dwarf_splits_free(q.splits);
	dwarf_close(&alt);
	dwarf_close(&file);
	return rc;
}

static const char *language_of(struct span name)
{
	const char *p = (const char *)name.p;

	if (name.n > 2 && !memcmp(p, "_R", 2))
		return "Rust";
	if (name.n > 2 && !memcmp(p, "_Z", 2)) {
		/* Rust's older scheme is C++'s with a hash as the last part: 17h and 16 digits. */
		int rust = name.n > 22 && !memcmp(p, "_ZN", 3) &&
			   !memcmp(p + name.n - 20, "17h", 3) && p[name.n - 1] == 'E';

		return rust ? "Rust" : "C++";
	}
	return "";
}

static int put_symbol(struct work *w, size_t i)
{
	const struct elfsym_hit *hit = &w->hits[i];
	struct symbol_frame *f = result_put(&w->result, i, 1);
	const char *language = language_of(hit->best.name), *text;
	int rc;

	if (!f)
		return ERR_NOMEM;
	rc = namer_id(&w->namer, hit->best.name, 1, w->s->unknown, &f->function);
	if (rc == 0 && hit->plt) {
		struct buf name = BUF_INIT;

		text = strtab_text(w->s->strings, f->function);
		buf_printf(&name, "%s@plt", text);
		rc = buf_failed(&name) ? ERR_NOMEM
				       : namer_text(&w->namer, name.data, name.len, w->s->unknown,
						    &f->function);
		buf_release(&name);
	}
	return rc < 0 ? rc
		      : namer_text(&w->namer, language, strlen(language), STRTAB_EMPTY,
				   &f->language);
}

static int from_files(struct work *w)
{
	int rc;

	if (!w->files.have_main && !w->files.have_debug)
		return 0;
	w->hits = calloc(w->result.n, sizeof *w->hits);
	if (!w->hits)
		return ERR_NOMEM;
	rc = from_tables(w);
	if (rc == 0 && !w->s->options.no_dwarf && files_dwarf(&w->files))
		rc = from_dwarf(w);
	for (size_t i = 0; i < w->result.n && rc == 0; i++) {
		if (!w->result.count[i] && w->hits[i].best.name.n)
			rc = put_symbol(w, i);
	}
	return rc;
}

static int from_perfmap(struct work *w)
{
	size_t n = w->result.n, len;
	struct span *names;
	void *bytes;
	int rc = perfmap_read_file(w->module->file, &bytes, &len);

	if (rc == 0)
		rc = perfmap_read(w->module->pid, &bytes, &len);
	if (rc <= 0)
		return rc;
	names = calloc(n, sizeof *names);
	rc = names ? 0 : ERR_NOMEM;
	if (names && perfmap_find((struct span){bytes, len}, w->result.addrs, n, names))
		raise_source(w, SYMBOL_TABLE);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct symbol_frame *f;

		if (!names[i].n)
			continue;
		f = result_put(&w->result, i, 1);
		rc = f ? namer_id(&w->namer, names[i], 1, w->s->unknown, &f->function) : ERR_NOMEM;
	}
	free(names);
	free(bytes);
	return rc;
}

/* ---- the answer ---- */

static int is_file(const char *path)
{
	return path[0] && path[0] != '[' && strncmp(path, "//", 2) != 0;
}

static int put_unknown(struct work *w, size_t i)
{
	const char *path = w->module->path, *slash = is_file(path) ? strrchr(path, '/') : NULL;
	struct symbol_frame *f = result_put(&w->result, i, 1);
	struct buf name = BUF_INIT;
	int rc;

	if (!f)
		return ERR_NOMEM;
	if (path[0])
		buf_printf(&name, "[unknown in %s+0x%llx]", slash ? slash + 1 : path,
			   (unsigned long long)w->result.addrs[i]);
	else
		buf_printf(&name, "[unknown at 0x%llx]", (unsigned long long)w->result.addrs[i]);
	rc = buf_failed(&name)
		     ? ERR_NOMEM
		     : namer_text(&w->namer, name.data, name.len, w->s->unknown, &f->function);
	buf_release(&name);
	return rc;
}

/* ---- the disk cache ---- */

/* Naming a smaller file anew costs no more than reading the cache. */
#define CACHED_FILE_BYTES ((size_t)256 << 10)

static struct diskcache_note note_of(const struct work *w)
{
	const struct symbol_options *o = &w->s->options;
	const char *dirs = o->debug_dirs ? o->debug_dirs : "", *root = o->sysroot ? o->sysroot : "";

	return (struct diskcache_note){
		.source = w->source,
		.servers = o->debuginfod != 0,
		.setup = hash_bytes(dirs, strlen(dirs), hash_bytes(root, strlen(root), 0)),
		.missing = {(const uint8_t *)w->files.missing.data, w->files.missing.len},
	};
}

static int use_cache(const struct work *w)
{
	const struct symbol_options *o = &w->s->options;

	return o->cache_dir && o->cache_dir[0] && !o->no_dwarf && is_file(w->module->path);
}

static int load_cache(struct work *w, struct diskcache *cache, size_t *left)
{
	char id[ELF_BUILD_ID_HEX];
	struct diskcache_note now = note_of(w);
	int rc;

	*left = w->result.n;
	files_copy_id(id, w->module->build_id);
	if (!use_cache(w) || !id[0])
		return 0;
	rc = diskcache_open(cache, w->s->options.cache_dir, id);
	if (rc <= 0)
		return rc;
	if (diskcache_is_stale(cache, &now)) {
		diskcache_close(cache);
		return 0;
	}
	raise_source(w, cache->source);
	return diskcache_fill(cache, w->s->strings, w->s->unknown, &w->result, left);
}

static int save_cache(struct work *w, const struct diskcache *old)
{
	struct diskcache_note note = note_of(w);
	size_t bytes = (w->files.have_main ? w->files.main.len : 0) +
		       (w->files.have_debug ? w->files.debug.len : 0);

	if (!use_cache(w) || !w->files.build_id[0] || w->source == SYMBOL_NONE ||
	    bytes < CACHED_FILE_BYTES || w->files.partial)
		return 0;
	return diskcache_save(w->s->options.cache_dir, w->files.build_id, old->bytes ? old : NULL,
			      w->s->strings, &w->result, &note);
}

static int from_cache_and_files(struct work *w)
{
	struct diskcache cache = {0};
	size_t left;
	int rc = load_cache(w, &cache, &left);

	if (rc == 0 && left) {
		rc = files_open(&w->files, w->module, &w->s->options);
		if (rc == 0)
			rc = from_files(w);
		if (rc == 0)
			rc = save_cache(w, &cache);
	}
	diskcache_close(&cache);
	return rc;
}

static int resolve(struct work *w)
{
	int rc;

	if (is_file(w->module->path) || !strcmp(w->module->path, "[vdso]"))
		rc = from_cache_and_files(w);
	else
		rc = from_perfmap(w);
	/* Compilers also put their code into files that have no name any more. */
	if (rc == 0 && w->source == SYMBOL_NONE && is_file(w->module->path) && !w->files.have_main)
		rc = from_perfmap(w);
	for (size_t i = 0; i < w->result.n && rc == 0; i++) {
		if (!w->result.count[i])
			rc = put_unknown(w, i);
	}
	return rc;
}

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted copies, each once; `n` becomes their number. */
static uint64_t *unique_addresses(const uint64_t *addrs, size_t *n)
{
	uint64_t *out = malloc((*n + 1) * sizeof *out);
	size_t kept = 0;

	if (!out)
		return NULL;
	memcpy(out, addrs, *n * sizeof *out);
	qsort(out, *n, sizeof *out, by_address);
	for (size_t i = 0; i < *n; i++) {
		if (!i || out[i] != out[kept - 1])
			out[kept++] = out[i];
	}
	*n = kept;
	return out;
}

/* From the batch's order to the caller's. */
static int fill_answer(const struct result *r, const uint64_t *addrs, size_t n,
		       struct symbol_answer *a)
{
	size_t total = 0, at;

	for (size_t i = 0; i < n; i++)
		total += r->count[elfsym_lower(r->addrs, r->n, addrs[i])];
	if (total >= UINT32_MAX)
		return ERR_NOMEM;
	a->first = malloc((n + 1) * sizeof *a->first);
	a->frames = malloc((total + 1) * sizeof *a->frames);
	if (!a->first || !a->frames)
		return ERR_NOMEM;
	total = 0;
	for (size_t i = 0; i < n; i++) {
		at = elfsym_lower(r->addrs, r->n, addrs[i]);
		a->first[i] = (uint32_t)total;
		memcpy(a->frames + total, r->frames + r->first[at],
		       r->count[at] * sizeof *a->frames);
		total += r->count[at];
	}
	a->first[n] = (uint32_t)total;
	a->n = (uint32_t)n;
	return 0;
}

int symbolize(struct symbolizer *s, const struct symbol_module *module, const uint64_t *rel_addrs,
	      size_t n, struct symbol_answer *answer, char *warning, size_t warning_size)
{
	struct symbol_module m = *module;
	struct work w = {.s = s, .module = &m};
	size_t n_unique = n;
	uint64_t *unique;
	int rc;

	memset(answer, 0, sizeof *answer);
	if (warning && warning_size)
		warning[0] = 0;
	if (n >= UINT32_MAX / 4)
		return ERR_NOMEM;
	if (!m.path)
		m.path = "";
	unique = unique_addresses(rel_addrs, &n_unique);
	if (!unique)
		return ERR_NOMEM;
	namer_init(&w.namer, s->strings);
	rc = result_init(&w.result, unique, n_unique);
	if (rc == 0)
		rc = resolve(&w);
	if (rc == 0)
		rc = fill_answer(&w.result, rel_addrs, n, answer);
	answer->source = w.source;
	if (warning && warning_size)
		snprintf(warning, warning_size, "%s", buf_str(&w.files.warning));
	files_close(&w.files);
	free(w.hits);
	namer_release(&w.namer);
	result_release(&w.result);
	free(unique);
	if (rc < 0)
		symbol_answer_release(answer);
	return rc;
}
