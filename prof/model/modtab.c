/* Modules as small ids: see modtab.h. */
#include "prof/model/modtab.h"

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/grow.h"

struct modtab {
	struct strtab *names;   /* borrowed */
	struct module *modules; /* owned */
	uint32_t count, cap;
	struct idmap by_name;   /* key_of() to id */
	struct modmap **spaces; /* owned, each of them too */
	uint32_t n_spaces, spaces_cap;
	struct idmap by_space; /* the caller's number to place in spaces */
};

struct modtab *modtab_new(struct strtab *names)
{
	struct modtab *t = calloc(1, sizeof *t);

	if (t)
		t->names = names;
	return t;
}

void modtab_free(struct modtab *t)
{
	uint32_t i;

	if (!t)
		return;
	for (i = 0; i < t->n_spaces; i++)
		modmap_free(t->spaces[i]);
	idmap_release(&t->by_name);
	idmap_release(&t->by_space);
	free(t->spaces);
	free(t->modules);
	free(t);
}

/* What tells modules apart: the build id, or, a bit higher, the path. */
static uint64_t key_of(struct module m)
{
	return m.build_id != STRTAB_EMPTY ? m.build_id : UINT64_C(1) << 32 | m.path;
}

int modtab_module(struct modtab *t, const char *build_id, const char *path, uint32_t *id)
{
	struct module m;
	uint32_t hit;
	int rc = strtab_intern_text(t->names, build_id ? build_id : "", &m.build_id);

	if (rc == 0)
		rc = strtab_intern_text(t->names, path, &m.path);
	if (rc != 0)
		return rc;
	if (t->count == t->cap) {
		uint32_t cap = grow_next(t->cap, MODTAB_NONE - 1);

		if (!cap)
			return ERR_LIMIT;
		if (GROW(t->modules, cap) != 0)
			return ERR_NOMEM;
		t->cap = cap;
	}
	hit = idmap_intern(&t->by_name, key_of(m), t->count);
	if (hit == IDMAP_NONE)
		return ERR_NOMEM;
	if (hit == t->count)
		t->modules[t->count++] = m;
	*id = hit;
	return 0;
}

uint32_t modtab_count(const struct modtab *t)
{
	return t->count;
}

struct module modtab_get(const struct modtab *t, uint32_t id)
{
	return id < t->count ? t->modules[id] : (struct module){STRTAB_EMPTY, STRTAB_EMPTY};
}

struct modmap *modtab_space(struct modtab *t, uint64_t space)
{
	uint32_t at = idmap_get(&t->by_space, space);
	struct modmap *m;

	if (at != IDMAP_NONE)
		return t->spaces[at];
	if (t->n_spaces == t->spaces_cap) {
		uint32_t cap = grow_next(t->spaces_cap, IDMAP_NONE - 1);

		if (!cap || GROW(t->spaces, cap) != 0)
			return NULL;
		t->spaces_cap = cap;
	}
	m = modmap_new();
	if (!m || idmap_set(&t->by_space, space, t->n_spaces) != 0) {
		modmap_free(m);
		return NULL;
	}
	t->spaces[t->n_spaces++] = m;
	return m;
}

int modtab_frame(struct modtab *t, uint64_t space, int64_t t_ns, uint64_t address,
		 struct frame *frame)
{
	uint32_t at = idmap_get(&t->by_space, space);
	struct modrange hit;
	int rc = at == IDMAP_NONE ? 0 : modmap_find(t->spaces[at], t_ns, address, &hit);

	if (rc < 0)
		return rc;
	*frame = rc ? (struct frame){address - hit.bias, hit.module, 0}
		    : (struct frame){address, FRAME_NO_MODULE, 0};
	return 0;
}
