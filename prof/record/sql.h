/* SQL statements of the processes that are recorded: the files of their images (prof/spool/sqlfile.h) are looked at
 * while they grow (stacks and stages get their rows then), and become statements and samples of the store when an
 * image ends. Same thread as everything of the recording. */
#ifndef RECORD_SQL_H
#define RECORD_SQL_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/spool/sqlread.h"

struct recording;
struct image;

struct image_sql {
	struct sql_reader reader;
	uint32_t sites;               /* 1 … sites - 1 were looked at */
	struct sql_place {            /* of a site */
		uint32_t stack, leaf; /* issuing stack, and that with the statement's frame */
		uint32_t stage;       /* its number in the store; 0: none, or not known yet */
		uint64_t stage_id;
	} * places; /* owned; by site */
	uint32_t cap_places;
	struct idmap stacks; /* of the file, to rows */
	int64_t ended_ns;
	int stored; /* it is in the store */
};

/* What is new in the files of all images, after the rings were read. 0 or ERR_NOMEM. */
int sql_look_all(struct recording *r);
/* The last look at an image: nothing that comes later counts. */
int sql_last_look(struct recording *r, struct image *m, int64_t t_ns);
void sql_release(struct image *m);

/* Inside the transaction of a flush, after everything that it refers to has its row. */
int sql_write(struct recording *r, struct err *err);
void sql_written(struct recording *r); /* it was committed */

#endif
