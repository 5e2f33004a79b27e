/* The names of a run's frames, at its end: from the store's addresses to functions and lines. */
#ifndef RECORD_NAMING_H
#define RECORD_NAMING_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/store/write.h"
#include "prof/symbol/symbol.h"

/* Looks everything up first, then opens a transaction, in which the names and the end of the run are
 * written, unless another process finished it meanwhile. `warning` says what was wrong with a module's
 * file, "" nothing. */
int naming_finish(struct store *s, int64_t run, const struct store_run_end *end, char *warning,
		  size_t warning_size, struct err *err);
/* Tells where a module can be read: may set `file` and `pid`, whose texts last until the end of naming.
 * livenames_locate() is one, of a module set. */
typedef void naming_locate(void *ctx, struct symbol_module *module);
/* The same, asking `locate` for each module. */
int naming_finish_located(struct store *s, int64_t run, const struct store_run_end *end,
			  naming_locate *locate, void *ctx, char *warning, size_t warning_size,
			  struct err *err);
/* Is the run still unfinished? 1, 0, or a code. */
int naming_is_due(struct store *s, int64_t run, struct err *err);

#endif
