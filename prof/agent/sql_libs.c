/* Where libpq's real functions are. Ours are found before them by everything that is linked with libpq, also when it
 * was loaded for a plug-in alone (a Python module), where RTLD_NEXT would not find them; and a module may have
 * brought a libpq of its own along. So loaded modules are read (their dynamic sections, in memory): those that
 * define the functions, and who needs whom by name. With one libpq, that is the one; with several, the caller's
 * module and what it needs are searched in the loader's order. Normal context. */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include "prof/agent/sql.h"
#include "prof/agent/sys.h"

#define MODULES_MAX 4096
#define LIBS_MAX    32 /* that a process may ever have had */
#define NEEDED_MAX  64
#define CALLERS     256 /* a power of two */

struct module {
	uint64_t base, start, end;
	const char *path, *soname, *strings;
	const Elf64_Sym *symbols;
	const uint32_t *gnu_hash;
	uint32_t n_needed, lib; /* number of its library + 1 */
	uint32_t seen,
		queued; /* of a search: this one was met; the module in this place of its queue */
	const char *needed[NEEDED_MAX];
};

/* What one look finds; looks are made one at a time, under the loader's lock, which also keeps modules where they
 * are. */
static struct {
	struct module *modules; /* MODULES_MAX, mapped at first use */
	uint32_t n_modules, n_libs;
	uint32_t lib; /* number of the one for the caller + 1, 0: there is none */
} look;

static const struct sql_lib none;     /* where nothing is found nothing is called */
static struct sql_lib libs[LIBS_MAX]; /* never taken back: a call may be under way */
static uint32_t libs_known;
static _Atomic uint32_t changed = 1;
_Atomic(const struct sql_lib *) sql_only;
static _Atomic uint64_t callers[CALLERS]; /* address << 8 | library + 1 */

void sql_libs_changed(void)
{
	atomic_store(&changed, 1);
	atomic_store(&sql_only, NULL);
}

/* ---- modules ------------------------------------------------------------------------------------- */

static uint64_t place(const struct module *m, uint64_t p)
{
	return p < m->base ? m->base + p : p; /* the loader has moved it, or has not (the vDSO) */
}

static void take_dynamic(struct module *m, const Elf64_Dyn *d)
{
	uint64_t soname = UINT64_MAX, needed[NEEDED_MAX];

	for (; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB)
			m->strings = (const char *)place(m, d->d_un.d_ptr);
		else if (d->d_tag == DT_SYMTAB)
			m->symbols = (const Elf64_Sym *)place(m, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			m->gnu_hash = (const uint32_t *)place(m, d->d_un.d_ptr);
		else if (d->d_tag == DT_SONAME)
			soname = d->d_un.d_val;
		else if (d->d_tag == DT_NEEDED && m->n_needed < NEEDED_MAX)
			needed[m->n_needed++] = d->d_un.d_val;
	}
	if (!m->strings) {
		m->n_needed = 0;
		return;
	}
	if (soname != UINT64_MAX)
		m->soname = m->strings + soname;
	for (uint32_t i = 0; i < m->n_needed; i++)
		m->needed[i] = m->strings + needed[i];
}

static int take_module(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	struct module *m = &look.modules[look.n_modules];
	const Elf64_Dyn *dynamic = NULL;

	(void)bytes;
	(void)arg;
	if (look.n_modules == MODULES_MAX)
		return 1;
	memset(m, 0, sizeof *m);
	m->base = info->dlpi_addr;
	m->path = info->dlpi_name ? info->dlpi_name : "";
	m->start = UINT64_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const Elf64_Phdr *p = &info->dlpi_phdr[i];
		uint64_t from = m->base + p->p_vaddr;

		if (p->p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)from;
		if (p->p_type != PT_LOAD)
			continue;
		m->start = from < m->start ? from : m->start;
		m->end = from + p->p_memsz > m->end ? from + p->p_memsz : m->end;
	}
	if (dynamic)
		take_dynamic(m, dynamic);
	look.n_modules++;
	return 0;
}

/* ---- symbols ------------------------------------------------------------------------------------- */

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* The loader's own table: bloom filter, buckets, chains that end in an odd hash. */
static uint64_t find_symbol(const struct module *m, const char *name)
{
	const uint32_t *t = m->gnu_hash, *buckets, *chain;
	uint32_t n_buckets, first, h, i;
	const uint64_t *bloom;

	if (!t || !m->symbols || !m->strings || t[0] == 0 || t[2] == 0)
		return 0;
	n_buckets = t[0];
	first = t[1];
	bloom = (const uint64_t *)(const void *)(t + 4);
	buckets = (const uint32_t *)(const void *)(bloom + t[2]);
	chain = buckets + n_buckets;
	h = hash_of(name);
	if (!(bloom[h / 64 % t[2]] >> h % 64 & bloom[h / 64 % t[2]] >> (h >> t[3]) % 64 & 1))
		return 0;
	for (i = buckets[h % n_buckets]; i >= first && i != 0; i++) {
		const Elf64_Sym *s = &m->symbols[i];

		if ((chain[i - first] | 1) == (h | 1) && s->st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(s->st_info) == STT_FUNC &&
		    strcmp(m->strings + s->st_name, name) == 0)
			return m->base + s->st_value;
		if (chain[i - first] & 1)
			break;
	}
	return 0;
}

#define TAKE(result, name, parameters) lib.name = (result(*) parameters)find_symbol(m, #name);
static void take_lib(struct module *m)
{
	struct sql_lib lib;

	SQL_FUNCTIONS(TAKE)
	if (!lib.PQexec || !lib.PQresultStatus || !lib.PQntuples || !lib.PQnfields ||
	    !lib.PQgetlength || !lib.PQcmdTuples || !lib.PQgetResult)
		return;
	for (uint32_t i = 0; i < libs_known && !m->lib; i++)
		if (memcmp(&libs[i], &lib, sizeof lib) == 0)
			m->lib = i + 1;
	if (!m->lib && libs_known < LIBS_MAX) {
		libs[libs_known++] = lib;
		m->lib = libs_known;
	}
	look.n_libs += m->lib != 0;
}
#undef TAKE

/* ---- the search ---------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint32_t module_named(const char *name)
{
	for (uint32_t i = 0; i < look.n_modules; i++) {
		const struct module *m = &look.modules[i];

		if ((m->soname && strcmp(m->soname, name) == 0) ||
		    strcmp(base_name(m->path), base_name(name)) == 0)
			return i;
	}
	return MODULES_MAX;
}

static uint32_t module_at(uint64_t ip)
{
	for (uint32_t i = 0; i < look.n_modules; i++)
		if (ip >= look.modules[i].start && ip < look.modules[i].end)
			return i;
	return MODULES_MAX;
}

/* The first library among a module and what it needs, breadth first. */
static uint32_t search(uint32_t from)
{
	uint32_t n = 0;

	if (from >= look.n_modules)
		return 0;
	for (uint32_t i = 0; i < look.n_modules; i++)
		look.modules[i].seen = 0;
	look.modules[n++].queued = from;
	look.modules[from].seen = 1;
	for (uint32_t at = 0; at < n; at++) {
		const struct module *m = &look.modules[look.modules[at].queued];

		if (m->lib)
			return m->lib;
		for (uint32_t i = 0; i < m->n_needed; i++) {
			uint32_t next = module_named(m->needed[i]);

			if (next < MODULES_MAX && !look.modules[next].seen) {
				look.modules[next].seen = 1;
				look.modules[n++].queued = next;
			}
		}
	}
	return 0;
}

/* The program and what it needs come first for everybody; then the caller's own; else the one loaded first. */
static uint32_t lib_for(uint64_t ip)
{
	uint32_t lib = search(0);

	if (!lib)
		lib = search(module_at(ip));
	for (uint32_t i = 0; i < look.n_modules && !lib; i++)
		lib = look.modules[i].lib;
	return lib;
}

/* The first call back of the loader: it holds its lock, so all is done at once. */
static int look_around(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	uint64_t self = (uint64_t)(uintptr_t)&sql_libs_changed;

	(void)info;
	(void)bytes;
	look.lib = look.n_libs = look.n_modules = 0;
	if (!look.modules)
		look.modules = sys_map(MODULES_MAX * sizeof *look.modules);
	if (!look.modules) {
		*(uint64_t *)arg = 0;
		return 1;
	}
	(void)dl_iterate_phdr(take_module, NULL);
	for (uint32_t i = 0; i < look.n_modules; i++) {
		struct module *m = &look.modules[i];

		if ((self < m->start || self >= m->end) && find_symbol(m, "PQexec"))
			take_lib(m);
	}
	look.lib = lib_for(*(const uint64_t *)arg);
	if (look.n_libs == 1)
		atomic_store_explicit(&sql_only, &libs[look.lib - 1], memory_order_release);
	*(uint64_t *)arg = look.lib;
	return 1;
}

static const struct sql_lib *find(uint64_t ip)
{
	uint64_t known, lib = ip;

	if (atomic_exchange(&changed, 0))
		for (uint32_t i = 0; i < CALLERS; i++)
			atomic_store_explicit(&callers[i], 0, memory_order_relaxed);
	known = atomic_load_explicit(&callers[ip % CALLERS], memory_order_relaxed);
	if (known >> 8 == ip && (known & 255))
		return &libs[(known & 255) - 1];
	(void)dl_iterate_phdr(look_around, &lib);
	if (lib == 0 || lib > LIBS_MAX)
		return &none;
	atomic_store_explicit(&callers[ip % CALLERS], ip << 8 | lib, memory_order_relaxed);
	return &libs[lib - 1];
}

const struct sql_lib *sql_lib_find(uint64_t ip)
{
	int saved = errno;
	const struct sql_lib *lib = find(ip);

	errno = saved;
	return lib;
}
