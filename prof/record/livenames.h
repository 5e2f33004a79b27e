/* Names of code while it runs: addresses of a module set to functions, lines and inlined calls, kept in memory and
 * in the disk cache. For dump and top, which show names at once; and for a profile that was read from a store whose
 * run is still being recorded, or was left unnamed. */
#ifndef RECORD_LIVENAMES_H
#define RECORD_LIVENAMES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/modules.h"
#include "prof/base/err.h"
#include "prof/model/profile.h"
#include "prof/symbol/symbol.h"

struct livenames;
/* NULL: no memory. `cache_dir` as of symbolizer_new(). */
struct livenames *livenames_new(struct module_set *set, struct strtab *strings,
				const char *cache_dir);
void livenames_free(struct livenames *l);

/* The frames of one address, the innermost (inlined) first, the function that owns the code last: as dump prints
 * them. At least one; valid until the next call. Looks unknown addresses up one by one: tell many at once with
 * livenames_ask() before. NULL: no memory. */
const struct symbol_frame *livenames_of(struct livenames *l, struct attach_frame f, uint32_t *n);
int livenames_ask(struct livenames *l, const struct attach_frame *frames,
		  size_t n); /* 0 or ERR_NOMEM */

/* A naming_locate (naming.h): where the code of a module can be read while the set (`set`, a struct module_set) lives,
 * also when the process that ran it has ended. */
void livenames_locate(void *set, struct symbol_module *module);

/* The modules of a profile's processes that still live. To be freed by module_set_free(); NULL: no memory. */
struct module_set *livenames_files(const struct profile *p);

/* Gives names to the frames of a profile that have none, inlined functions as stack rows of their own, as the
 * store's naming would at the end of the run. 0 or ERR_NOMEM. */
int livenames_profile(struct profile *p, const char *cache_dir);

#endif
