/* The functions of one or two runs by what they cost: the rows of the plain table. Private to viewer. */
#ifndef VIEWER_STATIC_LIST_H
#define VIEWER_STATIC_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/hash.h"
#include "viewer/flame.h"

#define STATIC_SIDES 2 /* A and B */

struct static_row {
	uint32_t name; /* of `names` */
	uint64_t self[STATIC_SIDES], total[STATIC_SIDES];
};

struct static_list {
	struct strtab *names; /* owned, all of it */
	struct static_row *rows;
	uint32_t n_rows;
	size_t cap;
	uint32_t *
		order; /* rows that cost something, the heaviest first: by self, on the side where it is more */
	uint32_t n_order;
	struct idmap index;
	uint32_t *label_of[STATIC_SIDES];   /* per frame */
	unsigned char *first[STATIC_SIDES]; /* per stack: outermost.h */
	uint64_t *sums;                     /* per stack, of the run that is summed */
	uint64_t value[STATIC_SIDES], count[STATIC_SIDES]; /* of the kind */
	const struct flame_options *options;
	size_t n_sides;
};

/* 0 or ERR_NOMEM. A function is one of its name in one of its module's name, wherever the module lies. */
int static_list_init(struct static_list *l, const struct flame_options *o);
/* Sums and order of a kind. 0 or ERR_NOMEM. */
int static_list_sum(struct static_list *l, enum profile_kind kind);
void static_list_release(struct static_list *l);

#endif
