/* The stack rows of one run in memory, for rewriting them in one pass. Private to prof/store. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "prof/store/internal.h"

struct stack_row {
	uint32_t parent, frame, depth, path;
};

struct stack_rows {             /* by n, so that row n is at place n - 1 */
	struct stack_row *rows; /* owned */
	uint32_t count, cap;
};

/* All of the run's rows; ERR_FORMAT when their numbers have gaps. */
int stack_rows_load(struct store *s, int64_t run, struct stack_rows *r, struct err *err);
void stack_rows_release(struct stack_rows *r);
/* A new row at the end. 0, ERR_NOMEM, ERR_LIMIT. */
int stack_rows_push(struct stack_rows *r, uint32_t parent, uint32_t frame);
/* Depths from parents; ERR_FORMAT when a parent is not there or rows form a circle. */
int stack_rows_depths(struct store *s, struct stack_rows *r, struct err *err);
/* Puts them in the place of the run's rows in the file. */
int stack_rows_save(struct store *s, int64_t run, const struct stack_rows *r, struct err *err);

#endif
