/* The profile store: one SQLite file that many runs share. This room holds the only SQL against it.
 * Opening: the file's application id, version and soundness are checked before anything is written; what
 * is foreign, newer, corrupt or no SQLite file is refused and left byte for byte as it was. Older
 * versions are migrated forward in one transaction. One thread per handle; many processes may have the
 * same file open and write. Tables, columns, units: docs/store.md. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "prof/base/err.h"

#define STORE_APPLICATION_ID 0x50505246 /* "PPRF" */
#define STORE_VERSION        2

struct store;

enum store_open_mode {
	STORE_READ,   /* must exist; never written to, works on read-only media */
	STORE_WRITE,  /* must exist */
	STORE_CREATE, /* made if absent (its folder must exist) */
};

int store_open(struct store **out, const char *path, enum store_open_mode mode, struct err *err);
void store_close(struct store *s); /* NULL is fine */
const char *store_path(const struct store *s);

/* One transaction around many writes; waits for other writers up to 30 s, or as long as was said. */
void store_wait(struct store *s, int ms);
int store_begin(struct store *s, struct err *err);
int store_commit(struct store *s, struct err *err);
void store_rollback(struct store *s);

/* Which run: an id prefix (at least 4 characters), a name (its latest run), "last" (NULL, ""), or
 * "last~N" (N runs before the last). `*run` is the run's internal key. ERR_NOTFOUND says what there is,
 * ERR_ARG when a prefix is ambiguous. */
int store_find_run(struct store *s, const char *which, int64_t *run, struct err *err);

#endif
