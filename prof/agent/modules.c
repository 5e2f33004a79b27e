/* Which code is mapped where, as a sequence of snapshots. A snapshot is built in normal context from the
 * loader's list, published by one pointer, and never changed; handlers announce the one they read
 * (agent_slot.in_use), and old ones are given back when nobody does. Tables of modules that went away
 * are given back with the last snapshot that named them. Memory comes from mmap. */
#include "prof/agent/modules.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "prof/agent/modpast.h"
#include "prof/agent/modpath.h"
#include "prof/agent/modpin.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"
#include "prof/elf/elffile.h"
#include "prof/unwind/table.h"

#define MODULE_PATH_MAX 1024
#define CHUNK           32 /* modules mapped at a time */
#define KEPT            8
#define FORK_PATIENCE   20000 /* turns of waiting for another thread's look, a second or so */

struct module { /* one loaded object */
	struct module *next;
	uint64_t start, end, bias, file_offset;
	uint64_t base; /* lowest mapped address: the vDSO's image */
	size_t span;
	const struct unwind_table *table;
	size_t table_bytes;
	int seen, fresh, in_memory;
	char build_id[ELF_BUILD_ID_HEX];
	char path[MODULE_PATH_MAX];
};

struct agent_modules {
	struct unwind_map map;
	struct modules_replaced replaced;
	size_t bytes; /* of this mapping */
	struct agent_modules *older;
	struct module *gone; /* modules that the snapshot after this one does not have */
	struct unwind_module list[];
};

struct kept_table {
	const struct unwind_table *table; /* NULL: none */
	size_t bytes;
	char build_id[ELF_BUILD_ID_HEX];
};

static struct {
	_Atomic uint32_t running; /* 0 nobody, 1 someone is at it, 2 and shall look once more */
	struct module *loaded, *spare;
	struct agent_modules *retired; /* newest first */
	unsigned long long adds, subs; /* the loader's counts at the last look */
	uint32_t generation, next_kept;
	uint32_t forking; /* `running` is held by a fork */
	struct modules_replaced replaced;
	struct kept_table kept[KEPT];
} registry;

struct agent_modules *modules_enter(struct agent_slot *slot)
{
	struct agent_modules *m = atomic_load(&agent.modules), *again;

	for (;;) {
		atomic_store(&slot->in_use, m);
		again = atomic_load(&agent.modules);
		if (again == m)
			return m;
		m = again;
	}
}

void modules_leave(struct agent_slot *slot)
{
	atomic_store_explicit(&slot->in_use, NULL, memory_order_release);
}

const struct unwind_map *modules_map(const struct agent_modules *m)
{
	static const struct unwind_map none = {1, 0, NULL};

	return m ? &m->map : &none;
}

const struct modules_replaced *modules_replaced(const struct agent_modules *m)
{
	static const struct modules_replaced none;

	return m ? &m->replaced : &none;
}

static struct module *module_new(void)
{
	struct module *m = registry.spare;

	if (!m) {
		m = sys_map(CHUNK * sizeof *m);
		if (!m)
			return NULL;
		for (int i = 0; i < CHUNK - 1; i++)
			m[i].next = &m[i + 1];
	}
	registry.spare = m->next;
	memset(m, 0, offsetof(struct module, path));
	return m;
}

/* Tables of modules that went are kept for a while: plugins are often loaded again. */
static void keep_table(const struct module *m)
{
	struct kept_table *k = &registry.kept[registry.next_kept++ % KEPT];

	if (k->table)
		unwind_table_release(k->table, k->bytes);
	k->table = m->table;
	k->bytes = m->table_bytes;
	memcpy(k->build_id, m->build_id, sizeof k->build_id);
}

static int take_kept(struct module *m)
{
	for (int i = 0; i < KEPT && m->build_id[0]; i++) {
		struct kept_table *k = &registry.kept[i];

		if (k->table && strcmp(k->build_id, m->build_id) == 0) {
			m->table = k->table;
			m->table_bytes = k->bytes;
			k->table = NULL;
			return 1;
		}
	}
	return 0;
}

static void module_give_back(struct module *m)
{
	if (m->table_bytes && m->build_id[0])
		keep_table(m);
	else if (m->table_bytes)
		unwind_table_release(m->table, m->table_bytes);
	else if (m->table)
		unwind_table_free((struct unwind_table *)(uintptr_t)m->table);
	m->next = registry.spare;
	registry.spare = m;
}

/* ---- the loader's list */

struct shape { /* what a dl_phdr_info says */
	uint64_t start, end, bias, file_offset, base, top;
};

static struct shape shape_of(const struct dl_phdr_info *info)
{
	struct shape s = {UINT64_MAX, 0, info->dlpi_addr, 0, UINT64_MAX, 0};

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + p->p_vaddr, end = at + p->p_memsz;

		if (p->p_type != PT_LOAD)
			continue;
		s.base = at < s.base ? at : s.base;
		s.top = end > s.top ? end : s.top;
		if (!(p->p_flags & PF_X))
			continue;
		if (at < s.start) {
			s.start = at;
			s.file_offset = p->p_offset;
		}
		s.end = end > s.end ? end : s.end;
	}
	return s;
}

static void read_build_id(struct module *m, const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum && !m->build_id[0]; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_NOTE)
			(void)elf_build_id_notes((const void *)(info->dlpi_addr + p->p_vaddr),
						 p->p_memsz, p->p_align, m->build_id);
	}
}

static void note_replaced(const struct module *m)
{
	struct modules_replaced *r = &registry.replaced;

	r->start = r->times == 0 || m->start < r->start ? m->start : r->start;
	r->end = m->end > r->end ? m->end : r->end;
	r->times++;
}

static void add_module(const struct shape *s, const struct dl_phdr_info *info)
{
	struct module *m = module_new();
	const char *name = info->dlpi_name ? info->dlpi_name : "";
	size_t len = strlen(name);

	if (!m)
		return;
	m->start = s->start;
	m->end = s->end;
	m->bias = s->bias;
	m->file_offset = s->file_offset;
	m->base = s->base;
	m->span = s->top - s->base;
	m->seen = m->fresh = 1;
	m->in_memory = modpath_is_vdso(s->base);
	len = len < sizeof m->path ? len : sizeof m->path - 1;
	memcpy(m->path, name, len);
	m->path[len] = '\0';
	read_build_id(m, info);
	m->next = registry.loaded;
	registry.loaded = m;
	if (modpast_replaced(m->start, m->end, m->build_id))
		note_replaced(m);
}

/* A module unloaded and another one loaded at the same place have the same shape at most when they are
 * the same file: then the table is right for both. The build id tells the rest apart. */
static struct module *find_module(const struct shape *s, const struct dl_phdr_info *info)
{
	for (struct module *m = registry.loaded; m; m = m->next) {
		struct module now;

		if (m->start != s->start || m->end != s->end || m->bias != s->bias)
			continue;
		now.build_id[0] = '\0';
		read_build_id(&now, info);
		if (strcmp(now.build_id, m->build_id) == 0)
			return m;
	}
	return NULL;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *data)
{
	struct shape s;
	struct module *m;
	int *changed = data;

	(void)size;
	if (!*changed) {
		if (registry.adds == info->dlpi_adds && registry.subs == info->dlpi_subs)
			return 1;
		registry.adds = info->dlpi_adds;
		registry.subs = info->dlpi_subs;
		*changed = 1;
	}
	s = shape_of(info);
	if (s.end == 0)
		return 0;
	m = find_module(&s, info);
	if (m)
		m->seen = 1;
	else
		add_module(&s, info);
	return 0;
}

/* ---- from modules to a snapshot */

static void table_from_memory(struct module *m)
{
	struct elf_file file;
	struct unwind_table *t = NULL;
	size_t span = (m->span + 4095) & ~(size_t)4095;

	if (elf_from_bytes(&file, (const void *)m->base, span, m->path, NULL) == 0 &&
	    unwind_table_build(&t, &file, NULL, NULL) == 0)
		m->table = t;
}

static void complete(struct module *m)
{
	const char *file;

	if (m->in_memory) {
		table_from_memory(m);
		return;
	}
	if (m->path[0] != '/')
		modpath_of_address(m->start, m->path, sizeof m->path);
	if (take_kept(m))
		return;
	file = modpath_to_open(m->path);
	(void)unwind_table_get(&m->table, &m->table_bytes, file, m->build_id,
			       agent.session->cache_dir, NULL);
}

static void tell_load(const struct module *m, int64_t t_ns)
{
	struct spool_module out;

	memset(&out, 0, sizeof out);
	out.start = m->start;
	out.end = m->end;
	out.bias = m->bias;
	out.file_offset = m->file_offset;
	memcpy(out.build_id, m->build_id, sizeof m->build_id);
	(void)agent_write(agent_slot_self(), SPOOL_MODULE_LOAD, 0, t_ns, &out, sizeof out, m->path,
			  strlen(m->path) + 1);
}

static void tell_unload(const struct module *m, int64_t t_ns)
{
	uint64_t range[2] = {m->start, m->end};

	(void)agent_write(agent_slot_self(), SPOOL_MODULE_UNLOAD, 0, t_ns, range, sizeof range,
			  NULL, 0);
}

/* Sorted by start: modules are few and mostly come in order. */
static void insert(struct agent_modules *s, const struct module *m)
{
	uint32_t i = s->map.n++;

	while (i > 0 && s->list[i - 1].start > m->start) {
		s->list[i] = s->list[i - 1];
		i--;
	}
	s->list[i].start = m->start;
	s->list[i].end = m->end;
	s->list[i].bias = m->bias;
	s->list[i].table = m->table;
	s->list[i].id = 0;
	s->list[i].flags = 0;
}

static struct agent_modules *build(void)
{
	struct agent_modules *s;
	size_t n = 0, bytes;

	for (const struct module *m = registry.loaded; m; m = m->next)
		n++;
	bytes = sizeof *s + n * sizeof s->list[0];
	s = sys_map(bytes);
	if (!s)
		return NULL;
	s->bytes = bytes;
	s->map.generation = ++registry.generation;
	if (s->map.generation == 0)
		s->map.generation = registry.generation = 1;
	s->map.modules = s->list;
	s->replaced = registry.replaced;
	for (const struct module *m = registry.loaded; m; m = m->next)
		insert(s, m);
	return s;
}

/* ---- old snapshots */

static int used_by_handler(const struct agent_modules *m)
{
	uint32_t used = atomic_load(&agent.slots_used);

	for (uint32_t i = 0; i < used; i++) {
		struct agent_slot *s = atomic_load_explicit(&agent.slots[i], memory_order_acquire);

		if (s && atomic_load(&s->in_use) == m)
			return 1;
	}
	return modpin_holds(m);
}

/* A table may be in use through any snapshot up to the one before its module went: give back from the
 * oldest on, up to the first that is still read. */
static void reclaim(void)
{
	struct agent_modules **keep = &registry.retired, *m;

	if (!modpin_barrier())
		return;
	for (struct agent_modules **at = &registry.retired; *at; at = &(*at)->older)
		if (used_by_handler(*at))
			keep = &(*at)->older;
	m = *keep;
	*keep = NULL;
	while (m) {
		struct agent_modules *older = m->older;

		while (m->gone) {
			struct module *gone = m->gone;

			m->gone = gone->next;
			module_give_back(gone);
		}
		sys_unmap(m, m->bytes);
		m = older;
	}
}

/* Takes modules that are no longer there out of the list. */
static struct module *take_gone(int64_t t_ns)
{
	struct module *gone = NULL;

	for (struct module **at = &registry.loaded; *at;) {
		struct module *m = *at;

		if (m->seen) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		m->next = gone;
		gone = m;
		modpast_note(m->start, m->end, m->build_id);
		tell_unload(m, t_ns);
	}
	return gone;
}

static void publish(struct module *gone)
{
	struct agent_modules *next = build(), *old;

	if (!next) { /* the old one stays; what is gone is only not given back */
		return;
	}
	old = atomic_exchange(&agent.modules, next);
	if (old) {
		old->older = registry.retired;
		old->gone = gone;
		registry.retired = old;
	}
	reclaim();
}

static void refresh_once(void)
{
	int64_t now = clock_mono_ns();
	int changed = 0;
	struct module *gone;

	for (struct module *m = registry.loaded; m; m = m->next)
		m->seen = 0;
	(void)dl_iterate_phdr(look_at, &changed);
	if (!changed)
		return;
	gone = take_gone(now);
	for (struct module *m = registry.loaded; m; m = m->next) {
		if (!m->fresh)
			continue;
		m->fresh = 0;
		complete(m);
		tell_load(m, now);
	}
	publish(gone);
}

/* Nothing may leave this function but by its end: no cancellation in open(), no longjmp out of a signal
 * handler of the program. */
void agent_modules_refresh(void)
{
	uint32_t was = 0;
	int saved = errno, cancel;
	uint64_t all = ~0ull, mask = 0;

	if (!atomic_compare_exchange_strong(&registry.running, &was, 1)) {
		atomic_store(&registry.running, 2);
		return;
	}
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	(void)sys4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof mask);
	do {
		atomic_store(&registry.running, 1);
		refresh_once();
		was = 1;
	} while (!atomic_compare_exchange_strong(&registry.running, &was, 0));
	(void)sys4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof mask);
	(void)pthread_setcancelstate(cancel, &cancel);
	errno = saved;
}

/* A fork while we hold the loader's lock (dl_iterate_phdr) would leave it held for ever in the child, so
 * forks wait for our look to end; it is short. */
void modules_fork_prepare(void)
{
	uint32_t nobody = 0;

	for (int i = 0; i < FORK_PATIENCE; i++) {
		if (atomic_compare_exchange_strong(&registry.running, &nobody, 1)) {
			registry.forking = 1;
			return;
		}
		nobody = 0;
		(void)sys2(SYS_sched_yield, 0, 0);
	}
}

void modules_fork_parent(void)
{
	uint32_t was = 1;

	if (!registry.forking)
		return;
	registry.forking = 0;
	if (atomic_compare_exchange_strong(&registry.running, &was, 0))
		return;
	atomic_store(&registry.running, 0); /* somebody asked meanwhile */
	agent_modules_refresh();
}

void modules_fork_child(void)
{
	/* Whoever was at it is not in this process: a whole look next time, not now. */
	if (atomic_exchange(&registry.running, 0) != 1 || !registry.forking)
		registry.adds = 0;
	registry.forking = 0;
}

void modules_tell_all(void)
{
	int64_t now = clock_mono_ns();

	for (const struct module *m = registry.loaded; m; m = m->next)
		if (!m->fresh)
			tell_load(m, now);
}
