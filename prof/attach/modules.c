/* Modules of live processes, each once: see modules.h. Files are found by modules_open.c, images of those
 * that have none by modules_memory.c. */
#include "prof/attach/modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/attach/modules_internal.h"
#include "prof/unwind/table.h"

#define LOADS_MAX 256 /* PT_LOADs that are kept; linkers make four or five */
#define PAGE      4096u

struct module_set *module_set_new(const char *cache_dir)
{
	struct module_set *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->cache_dir = strdup(cache_dir ? cache_dir : "");
	if (!s->cache_dir) {
		free(s);
		return NULL;
	}
	return s;
}

static void entry_free(struct module_entry *e)
{
	if (!e)
		return;
	if (e->built)
		unwind_table_free(e->built);
	else if (e->table)
		unwind_table_release(e->table, e->table_bytes);
	if (e->fd >= 0)
		(void)close(e->fd);
	free(e->path);
	free(e->name);
	free(e->loads);
	free(e);
}

void module_set_free(struct module_set *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		entry_free(s->entries[i]);
	free(s->entries);
	free(s->cache_dir);
	free(s);
}

uint32_t module_count(const struct module_set *s)
{
	return s->n;
}

const struct attach_module *module_get(const struct module_set *s, uint32_t id)
{
	return id < s->n ? &s->entries[id]->pub : NULL;
}

const struct attach_module *module_named(const struct module_set *s, const char *path,
					 const char *build_id)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct attach_module *m = &s->entries[i]->pub;

		if (strcmp(m->path, path) == 0 &&
		    (!build_id || !build_id[0] || strcmp(m->build_id, build_id) == 0))
			return m;
	}
	return NULL;
}

/* ---- entries ---- */

static struct module_entry *entry_new(int pid, const struct module_mapping *m, const char *path)
{
	struct module_entry *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->fd = -1;
	e->path = strdup(path);
	e->pub = (struct attach_module){.path = e->path,
					.start = m->start,
					.end = m->end,
					.offset = m->offset,
					.source = MODULE_UNKNOWN,
					.deleted = m->deleted,
					.pid = pid};
	e->device = m->device;
	e->inode = m->inode;
	if (!e->path) {
		free(e);
		return NULL;
	}
	return e;
}

/* Those who keep modules tell them apart by build id, or else by path. */
static int make_unique(const struct module_set *s, struct module_entry *e)
{
	size_t size = strlen(e->path) + 48;

	if (e->pub.build_id[0] || !module_named(s, e->path, NULL))
		return 0;
	e->name = malloc(size);
	if (!e->name)
		return ERR_NOMEM;
	snprintf(e->name, size, "%s of %d", e->path, e->pub.pid);
	if (module_named(s, e->name, NULL))
		snprintf(e->name, size, "%s of %d, %u", e->path, e->pub.pid, s->n);
	e->pub.path = e->name;
	return 0;
}

/* Takes the entry over, also on failure. */
static int entry_add(struct module_set *s, struct module_entry *e, uint32_t *id)
{
	if (make_unique(s, e)) {
		entry_free(e);
		return ERR_NOMEM;
	}
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 32;
		struct module_entry **p =
			cap > s->cap ? realloc(s->entries, cap * sizeof *p) : NULL;

		if (!p) {
			entry_free(e);
			return ERR_NOMEM;
		}
		s->entries = p;
		s->cap = cap;
	}
	*id = s->n;
	s->entries[s->n++] = e;
	return 0;
}

void module_set_file(struct module_entry *e, int fd)
{
	e->fd = fd;
	snprintf(e->file, sizeof e->file, "/proc/self/fd/%d", fd);
	e->pub.file = e->file;
}

static int read_loads(struct module_entry *e, const struct elf_file *f)
{
	struct elf_segment s;
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n_segments && n < LOADS_MAX; i++)
		n += elf_segment_at(f, i, &s) && s.type == PT_LOAD;
	e->loads = calloc(n ? n : 1, sizeof *e->loads);
	if (!e->loads)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < f->n_segments && e->n_loads < n; i++)
		if (elf_segment_at(f, i, &s) && s.type == PT_LOAD)
			e->loads[e->n_loads++] =
				(struct module_load){s.offset, s.vaddr, s.filesz, s.memsz, s.flags};
	return 0;
}

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static uint32_t find_file(const struct module_set *s, const struct stat *st)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->entries[i]->pub.source == MODULE_FILE && same_file(&s->entries[i]->st, st))
			return i;
	return MODULE_NONE;
}

/* One program in many containers is many files with one build id. */
static uint32_t find_id(const struct module_set *s, enum module_source source, const char *build_id,
			const char *path)
{
	for (uint32_t i = 0; i < s->n && build_id[0]; i++) {
		const struct attach_module *m = &s->entries[i]->pub;

		if (m->source == source && strcmp(m->build_id, build_id) == 0 &&
		    strcmp(m->path, path) == 0)
			return i;
	}
	return MODULE_NONE;
}

static uint32_t find_of_process(const struct module_set *s, enum module_source source, int pid,
				const struct module_mapping *m)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct module_entry *e = s->entries[i];

		if (e->pub.source == source && e->pub.pid == pid && e->device == m->device &&
		    e->inode == m->inode && strcmp(e->path, m->path) == 0)
			return i;
	}
	return MODULE_NONE;
}

/* ---- the kinds of modules ---- */

int module_meet_plain(struct module_set *s, int pid, const struct module_mapping *m,
		      enum module_source source, uint32_t *id)
{
	struct module_entry *e;

	*id = find_of_process(s, source, pid, m);
	if (*id != MODULE_NONE)
		return 0;
	e = entry_new(pid, m, m->path);
	if (!e)
		return ERR_NOMEM;
	e->pub.source = source;
	return entry_add(s, e, id);
}

/* `fd` is ours to keep or close. ERR_FORMAT: no ELF file of 64 bits. */
static int add_file(struct module_set *s, int pid, const struct module_mapping *m,
		    enum module_source source, int fd, uint32_t *id)
{
	struct module_entry *e = entry_new(pid, m, m->path);
	struct elf_file f;
	int rc = e ? 0 : ERR_NOMEM;

	if (e && (fstat(fd, &e->st) != 0 || elf_open_fd(&f, fd, m->path, NULL)))
		rc = ERR_FORMAT;
	if (rc == 0) {
		(void)elf_build_id(&f, e->pub.build_id);
		rc = read_loads(e, &f);
		elf_close(&f);
	}
	*id = rc == 0 ? find_id(s, source, e->pub.build_id, m->path) : MODULE_NONE;
	if (rc || *id != MODULE_NONE) {
		entry_free(e);
		(void)close(fd);
		return rc;
	}
	module_set_file(e, fd);
	e->pub.source = source;
	return entry_add(s, e, id);
}

/* Compilers also put their code into files that nobody else has. */
static int meet_jit(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		    uint32_t *id)
{
	struct module_mapping jit = *m;

	if (m->deleted || strncmp(m->path, "/memfd:", 7) == 0 || strncmp(m->path, "/dev/", 5) == 0)
		jit.path = "[jit]";
	return module_meet_plain(s, p->pid, &jit, MODULE_JIT, id);
}

static int meet_memory(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		       uint32_t *id)
{
	int fd;

	*id = find_of_process(s, MODULE_MEMORY, p->pid, m);
	if (*id != MODULE_NONE)
		return 0;
	fd = module_open_memory(p, m);
	if (fd >= 0)
		return add_file(s, p->pid, m, MODULE_MEMORY, fd, id);
	return fd == MODULE_NO_ELF ? meet_jit(s, p, m, id)
				   : module_meet_plain(s, p->pid, m, MODULE_UNKNOWN, id);
}

static int meet_file(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		     uint32_t *id)
{
	int fd = module_open_file(p, m);
	struct stat st;
	int rc;

	if (fd < 0)
		return meet_memory(s, p, m, id);
	if (fstat(fd, &st) == 0 && (*id = find_file(s, &st)) != MODULE_NONE) {
		(void)close(fd);
		return 0;
	}
	rc = add_file(s, p->pid, m, MODULE_FILE, fd, id);
	return rc == ERR_FORMAT ? meet_jit(s, p, m, id) : rc;
}

static int meet_vdso(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		     uint32_t *id)
{
	uint8_t bytes[16 * PAGE];
	long n = module_read_vdso(p, m, bytes, sizeof bytes);
	int rc = ERR_IO;

	if (n > 0)
		rc = module_meet_image(s, p->pid, m, MODULE_VDSO, bytes, (size_t)n, id, NULL);
	return rc == 0 || rc == ERR_NOMEM ? rc
					  : module_meet_plain(s, p->pid, m, MODULE_UNKNOWN, id);
}

int module_meet_image(struct module_set *s, int pid, const struct module_mapping *m,
		      enum module_source source, const void *bytes, size_t len, uint32_t *id,
		      struct err *err)
{
	struct module_entry *e;
	struct elf_file f;
	int rc = elf_from_bytes(&f, bytes, len, m->path, err), fd;

	if (rc)
		return rc;
	e = entry_new(pid, m, m->path);
	if (!e || read_loads(e, &f)) {
		entry_free(e);
		return err_nomem(err, "a module");
	}
	(void)elf_build_id(&f, e->pub.build_id);
	*id = find_id(s, source, e->pub.build_id, m->path);
	if (*id != MODULE_NONE) {
		entry_free(e);
		return 0;
	}
	fd = memfd_create("protea-prof module", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len) {
		rc = err_sys(err, ERR_IO, "cannot keep an image of %s", m->path);
		if (fd >= 0)
			(void)close(fd);
		entry_free(e);
		return rc;
	}
	module_set_file(e, fd);
	e->pub.source = source;
	return entry_add(s, e, id);
}

int module_meet_path(struct module_set *s, const struct module_mapping *m, const char *file,
		     uint32_t *id)
{
	int fd = file ? module_open_path(file) : -1, rc;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (*id = find_file(s, &st)) != MODULE_NONE) {
		(void)close(fd);
		return 0;
	}
	rc = fd < 0 ? ERR_FORMAT : add_file(s, 0, m, MODULE_FILE, fd, id);
	return rc == ERR_FORMAT ? module_meet_plain(s, 0, m, MODULE_UNKNOWN, id) : rc;
}

int module_meet_told(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		     uint32_t *id)
{
	int fd = module_open_below(p->dir, m->path), rc;
	struct stat st;

	if (fd < 0)
		return ERR_NOTFOUND;
	if (fstat(fd, &st) || st.st_ino != m->inode || st.st_dev != m->device) {
		(void)close(fd);
		return ERR_NOTFOUND;
	}
	*id = find_file(s, &st);
	if (*id != MODULE_NONE) {
		(void)close(fd);
		return 0;
	}
	rc = add_file(s, p->pid, m, MODULE_FILE, fd, id);
	return rc == ERR_FORMAT ? ERR_NOTFOUND : rc;
}

/* As the profiler calls executable memory without a file (as prof/record/space.c does). */
static const char *memory_name(const struct module_mapping *m)
{
	return m->path[0] == '[' ? m->path : "//anon";
}

int module_meet(struct module_set *s, const struct proc *p, const struct module_mapping *m,
		uint32_t *id)
{
	struct module_mapping plain = *m;

	if (m->path[0] == '/')
		return meet_file(s, p, m, id);
	if (strcmp(m->path, "[vdso]") == 0)
		return meet_vdso(s, p, m, id);
	plain.path = memory_name(m);
	return module_meet_plain(s, p->pid, &plain, MODULE_JIT, id);
}

/* ---- what is asked of a module ---- */

static int holds(const struct module_load *l, uint64_t offset)
{
	uint64_t first = l->offset & ~(uint64_t)(PAGE - 1);

	return l->filesz && offset >= first && offset - first < l->filesz + (l->offset - first);
}

/* Mappings begin at a page: the end of one segment and the beginning of the next are on one, and only the
 * flags tell them apart. */
uint64_t module_bias(const struct module_set *s, uint32_t id, uint64_t start, uint64_t offset)
{
	const struct module_entry *e = s->entries[id];
	const struct module_load *hit = NULL;

	if (e->pub.source == MODULE_JIT)
		return 0;
	for (uint32_t i = 0; i < e->n_loads; i++) {
		const struct module_load *l = &e->loads[i];

		if (holds(l, offset) && (!hit || (l->flags & ~hit->flags & PF_X)))
			hit = l;
	}
	return hit ? start - offset - (hit->vaddr - hit->offset) : start - offset;
}

int module_has_code(const struct module_set *s, uint32_t id, uint64_t lo, uint64_t hi)
{
	const struct module_entry *e = s->entries[id];

	for (uint32_t i = 0; i < e->n_loads; i++) {
		const struct module_load *l = &e->loads[i];

		if ((l->flags & PF_X) && lo >= l->vaddr && hi >= lo &&
		    hi - l->vaddr <= ((l->memsz + PAGE - 1) & ~(uint64_t)(PAGE - 1)))
			return 1;
	}
	return 0;
}

static void build_vdso_table(struct module_entry *e)
{
	struct elf_file f;

	if (elf_open_fd(&f, e->fd, e->pub.path, NULL))
		return;
	if (unwind_table_build(&e->built, &f, NULL, NULL))
		e->built = NULL;
	e->table = e->built;
	elf_close(&f);
}

const struct unwind_table *module_table(struct module_set *s, uint32_t id)
{
	struct module_entry *e = s->entries[id];

	if (e->table_tried || !e->pub.file || e->pub.source == MODULE_JIT)
		return e->table;
	e->table_tried = 1;
	if (e->pub.source == MODULE_VDSO) /* small: no use in a cache on disk */
		build_vdso_table(e);
	else if (unwind_table_get(&e->table, &e->table_bytes, e->pub.file, e->pub.build_id,
				  s->cache_dir, NULL))
		e->table = NULL;
	return e->table;
}
