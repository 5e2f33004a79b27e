/* Rows of a table straight from the pages of the file, as "Database File Format" of SQLite describes them: a
 * few times as quick as stepping a statement. Only what is plain is read so: a table with row ids, rows that
 * fit on their page, pages that are in the file and not in its write-ahead log. Whatever else is met ends the
 * walk, and the caller goes on by a statement, which also says what is wrong with a damaged file. A walk
 * belongs to the thread of its handle. */
#ifndef SOURCE_BUNDLE_PAGES_H
#define SOURCE_BUNDLE_PAGES_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define BUNDLE_PAGES_DEPTH 12 /* levels of a tree: a full one of these is larger than any file */

struct bundle_pages {
	sqlite3 *db;
	sqlite3_file *file;                      /* of the handle */
	const char *table;                       /* borrowed; for messages */
	uint32_t page_size, usable, root;        /* usable: without what extensions reserve */
	uint32_t *logged;                        /* owned: pages of the log, ascending */
	size_t n_logged;                         /* pages that were written twice count twice */
	unsigned char *page[BUNDLE_PAGES_DEPTH]; /* owned: one per level */
	int began;                               /* the read transaction is ours */
	int has_last;                            /* a row was met, and its id */
	int64_t last;
};

/* Begins a read transaction, in which the pages stay as they are. 1: the table can be walked; 0: it cannot;
 * negative: failure. End it in any case. */
int bundle_pages_begin(struct bundle_pages *p, sqlite3 *db, const char *table, struct err *err);
void bundle_pages_end(struct bundle_pages *p);

/* A row as it is stored (header and body of its record). 0: go on, 1: not plain, or enough, negative:
 * failure. */
typedef int bundle_pages_fn(void *ctx, int64_t id, const unsigned char *record, size_t len,
			    struct err *err);
/* Rows with ids from `first` to `last`, ascending. 0: all of them; 1: something was not plain, and rows after
 * those that `fn` was happy with are missing; negative: failure. */
int bundle_pages_walk(struct bundle_pages *p, int64_t first, int64_t last, bundle_pages_fn *fn,
		      void *ctx, struct err *err);

/* A number of one to nine bytes at `at`, which moves on; 0: there is none before `end`. */
static inline int bundle_pages_varint(const unsigned char **at, const unsigned char *end,
				      uint64_t *value)
{
	uint64_t v = 0;

	for (int i = 0; i < 9 && *at < end; i++) {
		unsigned char byte = *(*at)++;

		if (i == 8) {
			*value = v << 8 | byte;
			return 1;
		}
		v = v << 7 | (byte & 0x7f);
		if (byte < 0x80) {
			*value = v;
			return 1;
		}
	}
	return 0;
}

#endif
