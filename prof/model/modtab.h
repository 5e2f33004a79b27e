/* Modules (programs, libraries, JIT regions) as small ids, and one modmap per address space: from an
 * address at a time to a frame. Knows nothing of files or processes: a space is whatever number the
 * caller gives it. Not thread-safe; never from a signal handler. */
#ifndef MODEL_MODTAB_H
#define MODEL_MODTAB_H

#include <stdint.h>

#include "prof/model/frametab.h"
#include "prof/model/modmap.h"
#include "prof/model/strtab.h"

struct modtab;

#define MODTAB_NONE FRAME_NO_MODULE

struct module {
	uint32_t build_id; /* strings of the strtab; STRTAB_EMPTY: none */
	uint32_t path;     /* the first that was told */
};

/* `names` is borrowed and must live as long. NULL: no memory. */
struct modtab *modtab_new(struct strtab *names);
void modtab_free(struct modtab *t);

/* Id of the module, 0, 1, 2, … in the order of their first appearance. Two are the same if their
 * build ids (hexadecimal) are; without one (NULL or "") if their paths are. 0, ERR_NOMEM, ERR_LIMIT. */
int modtab_module(struct modtab *t, const char *build_id, const char *path, uint32_t *id);
uint32_t modtab_count(const struct modtab *t);
/* Both empty for an id that was never given out. */
struct module modtab_get(const struct modtab *t, uint32_t id);

/* The map of the address space `space`, made on first use; belongs to the table. NULL: no memory. */
struct modmap *modtab_space(struct modtab *t, uint64_t space);

/* The frame of `address` in `space` at `t_ns`: the module and the address in its terms, or
 * FRAME_NO_MODULE and the address as it is where nothing was loaded. 0 or ERR_NOMEM. */
int modtab_frame(struct modtab *t, uint64_t space, int64_t t_ns, uint64_t address,
		 struct frame *frame);

#endif
