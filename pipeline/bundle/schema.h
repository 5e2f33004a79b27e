/* The tables of a bundle (spec 2.1 in SQLite terms, architecture section 6): making them, and telling
 * whether a file has them. Knows no rows. Belongs to the thread of its handle. */
#ifndef BUNDLE_SCHEMA_H
#define BUNDLE_SCHEMA_H

#include <sqlite3.h>

#include "prof/base/err.h"

#define BUNDLE_APPLICATION_ID 0x50525442 /* "PRTB" */
#define BUNDLE_SCHEMA_VERSION 1          /* user_version */

/* Everything of an empty database: tables, indexes, the view job_events, bundle_note (key, value:
 * what in the bundle is derived), application_id and user_version. */
int bundle_schema_create(sqlite3 *db, struct err *err);

/* The same in two steps, for bulk loads: rows go in faster before the indexes exist. Uniqueness
 * beyond primary keys lives in the indexes, so duplicates are refused by the second step. */
int bundle_schema_create_tables(sqlite3 *db, struct err *err);
int bundle_schema_create_indexes(sqlite3 *db, struct err *err);

/* Is this a bundle? ERR_FORMAT names all that is missing at once. Columns marked "-- opt" in spec 2.1
 * may be absent, further tables and columns are ignored, and a file made by other programs passes
 * when its application_id is 0. `name` is for messages. */
int bundle_schema_check(sqlite3 *db, const char *name, struct err *err);

/* 1: the table has the column, 0: not (or no such table), negative: failure. */
int bundle_schema_has_column(sqlite3 *db, const char *table, const char *column, struct err *err);
/* 1: it is the table's whole primary key, so that a look-up by it is quick. */
int bundle_schema_is_key(sqlite3 *db, const char *table, const char *column, struct err *err);

#endif
