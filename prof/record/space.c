/* Modules of an address space: told by the agent, read from /proc/PID/maps where it said nothing, and as
 * the unwinder wants them. */
#include "prof/record/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/elf/elffile.h"
#include "prof/attach/procmaps.h"

#define MAPS_PAUSE_NS INT64_C(250000000) /* between two looks at a process's maps; */
#define MAPS_READS    40                 /* then ever longer: a JIT has new code all the time */

void space_release(struct space *s)
{
	free(s->cache);
	free(s->unwind);
	memset(s, 0, sizeof *s);
}

static void space_changed(struct space *s, int64_t t_ns)
{
	s->generation++;
	if (s->generation == 0)
		s->generation = 1;
	if (t_ns > s->changed_ns)
		s->changed_ns = t_ns;
	if (s->cache)
		memset(s->cache, 0, SPACE_CACHE * sizeof *s->cache);
}

static int load(struct resolver *r, struct space *s, int64_t t_ns, const struct spool_module *m,
		const char *path)
{
	struct modmap *map = modtab_space(r->k->modules, s->id);
	uint32_t module;
	int rc;

	if (!map)
		return ERR_NOMEM;
	rc = known_module(r->k, m->build_id, path, m->start, m->end, m->file_offset, &module);
	if (rc)
		return rc;
	if (t_ns < s->changed_ns) /* told late: known from here on */
		t_ns = s->changed_ns;
	rc = modmap_load(map, t_ns, m->start, m->end, m->bias, module);
	space_changed(s, t_ns);
	return rc == ERR_ARG ? 0 : rc; /* an empty range is nobody's */
}

/* What the loader calls the vDSO; it has no file. */
static int is_vdso(const char *path)
{
	return strncmp(path, "linux-vdso.so", 13) == 0;
}

int space_load(struct resolver *r, struct space *s, int64_t t_ns, const struct spool_module *m,
	       const char *path)
{
	struct spool_module copy = *m;

	copy.build_id[sizeof copy.build_id - 1] = '\0';
	if (copy.build_id[strspn(copy.build_id, "0123456789abcdef")] != '\0')
		copy.build_id[0] = '\0';
	return load(r, s, t_ns, &copy, is_vdso(path) ? "[vdso]" : path);
}

int space_unload(struct resolver *r, struct space *s, int64_t t_ns, uint64_t start, uint64_t end)
{
	struct modmap *map = modtab_space(r->k->modules, s->id);
	int rc;

	if (!map)
		return ERR_NOMEM;
	if (t_ns < s->changed_ns)
		t_ns = s->changed_ns;
	rc = modmap_unload(map, t_ns, start, end);
	space_changed(s, t_ns);
	return rc == ERR_ARG ? 0 : rc;
}

struct maps_walk {
	struct resolver *r;
	struct space *s;
	int64_t now;
};

/* Build id and bias of a mapped file; the bias alone tells where nothing can be read. */
static void look_into(struct spool_module *m, const char *path)
{
	struct elf_file f;
	uint64_t vaddr;

	m->bias = m->start - m->file_offset;
	if (path[0] != '/' || elf_open(&f, path, NULL))
		return;
	_Static_assert(sizeof m->build_id >= ELF_BUILD_ID_HEX, "a build id fits");
	(void)elf_build_id(&f, m->build_id);
	if (elf_offset_to_vaddr(&f, m->file_offset, &vaddr))
		m->bias = m->start - vaddr;
	elf_close(&f);
}

static int take_mapping(void *ctx, const struct procmap *map)
{
	struct maps_walk *w = ctx;
	struct modmap *known = modtab_space(w->r->k->modules, w->s->id);
	struct spool_module m = {.start = map->start, .end = map->end, .file_offset = map->offset};
	const char *path = map->path;
	struct modrange hit;
	int rc;

	if (!map->executable || !known)
		return 0;
	rc = modmap_find(known, MODMAP_STILL - 1, map->start, &hit);
	if (rc)
		return rc < 0 ? rc : 0; /* told already */
	if (path[0] == '/') {
		look_into(&m, path);
	} else if (strcmp(path, "[vdso]") == 0) {
		m.bias = m.start;
	} else { /* made at run time: its addresses are the only name it has */
		path = path[0] == '[' ? path : "//anon";
		m.bias = 0;
		m.file_offset = 0;
	}
	return load(w->r, w->s, w->now, &m, path);
}

int space_read_maps(struct resolver *r, struct space *s)
{
	struct maps_walk w = {r, s, clock_mono_ns()};
	int64_t pause = MAPS_PAUSE_NS;
	int rc;

	if (s->maps_reads > MAPS_READS)
		pause *= s->maps_reads - MAPS_READS;
	if (s->pid <= 0 || (s->maps_ns && w.now - s->maps_ns < pause))
		return 0;
	s->maps_ns = w.now;
	s->maps_reads++;
	rc = procmaps_read(s->pid, take_mapping, &w, NULL);
	return rc == ERR_NOMEM || rc == ERR_LIMIT ? rc : 0;
}

static const struct unwind_table *table_of(struct resolver *r, uint32_t module)
{
	struct module m = modtab_get(r->k->modules, module);
	struct resolve_table *p;

	if (module >= r->n_tables) {
		uint32_t n = modtab_count(r->k->modules);

		p = realloc(r->tables, (size_t)n * sizeof *p);
		if (!p)
			return NULL;
		memset(p + r->n_tables, 0, (size_t)(n - r->n_tables) * sizeof *p);
		r->tables = p;
		r->n_tables = n;
	}
	p = &r->tables[module];
	if (!p->tried) {
		p->tried = 1;
		if (unwind_table_get(&p->table, &p->mapped_bytes,
				     strtab_text(r->k->strings, m.path),
				     strtab_text(r->k->strings, m.build_id), r->cache_dir, NULL))
			p->table = NULL;
	}
	return p->table;
}

static int by_start(const void *a, const void *b)
{
	const struct unwind_module *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int collect(struct resolver *r, struct space *s, struct modmap *map)
{
	uint32_t n = modmap_count(map);

	free(s->unwind);
	s->n_unwind = 0;
	s->unwind = calloc(n ? n : 1, sizeof *s->unwind);
	if (!s->unwind)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct modrange *range = modmap_range(map, i);

		if (range->until_ns != MODMAP_STILL)
			continue;
		s->unwind[s->n_unwind++] = (struct unwind_module){
			.start = range->start,
			.end = range->end,
			.bias = range->bias,
			.table = table_of(r, range->module),
			.id = range->module,
		};
	}
	qsort(s->unwind, s->n_unwind, sizeof *s->unwind, by_start);
	return 0;
}

int space_unwind_map(struct resolver *r, struct space *s, struct unwind_map *map)
{
	struct modmap *modules = modtab_space(r->k->modules, s->id);

	if (!modules)
		return ERR_NOMEM;
	if (!s->unwind || s->unwind_generation != s->generation) {
		int rc = collect(r, s, modules);

		if (rc)
			return rc;
		s->unwind_generation = s->generation;
	}
	*map = (struct unwind_map){s->generation ? s->generation : 1, s->n_unwind, s->unwind};
	return 0;
}
