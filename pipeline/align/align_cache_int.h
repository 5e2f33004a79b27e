/* What the files of the alignment cache share: align_cache.c opens, writes and closes, align_cache_read.c
 * looks up. Private to them. */
#ifndef ALIGN_ALIGN_CACHE_INT_H
#define ALIGN_ALIGN_CACHE_INT_H

#include <sqlite3.h>

#include "pipeline/align/align_cache.h"

#define TROUBLE_TEXT 1024

struct align_cache_queued { /* one row that is not yet written */
	char query_md5[MD5_HEX];
	char ref_md5[MD5_HEX];
	struct align_values values;
};

struct align_cache {
	char *path;               /* owned */
	sqlite3 *db;              /* owned; NULL once there is trouble */
	sqlite3_stmt *select_one; /* owned, like the rest */
	sqlite3_stmt *insert;
	sqlite3_stmt *replace;
	struct align_cache_queued *queue; /* owned */
	size_t queued, queue_cap;
	int64_t oldest_ns; /* when the first queued row came */
	char trouble[TROUBLE_TEXT];
};

/* Notes the trouble and gives the database up. Returns -1. */
int align_cache_give_up(struct align_cache *c, const char *what);
int align_cache_give_up_sql(struct align_cache *c); /* what SQLite says of c->db */
/* A handle may run nothing of the file's own, and load no giant. */
void align_cache_guard(sqlite3 *db);
/* The value in column `column` of the row at hand; ERR_FORMAT when it is none of ours. */
int align_cache_read_value(sqlite3_stmt *st, int column, struct align_values *v);

#endif
