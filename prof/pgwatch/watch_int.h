/* Inside of watching a server; private to this room. */
#ifndef PGWATCH_WATCH_INT_H
#define PGWATCH_WATCH_INT_H

#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "prof/model/strtab.h"
#include "prof/pgwatch/watch.h"

/* By this our own statements are known in pg_stat_statements. */
#define WATCH_MARK "/* protea-prof */"

struct watch {
	struct pg *pg; /* owned */
	struct watch_facts facts;
	char name[320];         /* may be shown */
	int raw_texts;          /* the server sends bytes as they are */
	struct strtab *names;   /* owned: of relations */
	struct idmap relations; /* (database, oid) to its name */
};

/* pg_query() without parameters; once more with raw texts where they cannot be turned into UTF-8. */
int watch_query(struct watch *w, struct pg_rows **rows, const char *sql, struct err *err);
/* Locks that are waited for, who has them, who blocks whom, prepared transactions among them. (watch_locks.c) */
int watch_locks(struct watch *w, struct shot *s, struct err *err);
/* For ALTER SYSTEM: the libraries of shared_preload_libraries and pg_stat_statements. ERR_UNSUPPORTED: a name is not
 * plain. */
int watch_put_libraries(struct buf *out, const char *preload);

#endif
