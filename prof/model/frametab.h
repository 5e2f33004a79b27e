/* Each frame once, as a small id: an address in a module, in the file's own terms (as nm prints it).
 * Addresses stay raw; who names them comes later. A function that the compiler put into its caller
 * is a frame of its own at the same address, one level deeper. Not thread-safe; never from a signal
 * handler. */
#ifndef MODEL_FRAMETAB_H
#define MODEL_FRAMETAB_H

#include <stdint.h>

struct frametab;

#define FRAME_NO_MODULE UINT32_MAX /* rel_addr is then what the caller makes of it */

struct frame {
	uint64_t rel_addr;
	uint32_t module;       /* id of modtab, or FRAME_NO_MODULE */
	uint32_t inline_depth; /* 0: the function that owns the code */
};

struct frametab *frametab_new(void); /* NULL: no memory */
void frametab_free(struct frametab *t);
void frametab_set_limit(struct frametab *t, uint32_t frames); /* initially 2^32 - 2 */

/* Id of the frame, the same one always giving the same id; ids are 0, 1, 2, … in the order of their
 * first appearance. 0, ERR_NOMEM, or ERR_LIMIT when the table is full. */
int frametab_intern(struct frametab *t, struct frame frame, uint32_t *id);
/* 1 and the id of a frame that is in the table; else 0. */
int frametab_find(const struct frametab *t, struct frame frame, uint32_t *id);

uint32_t frametab_count(const struct frametab *t);
/* The frame of an id; all zero but module = FRAME_NO_MODULE for one that was never given out. */
struct frame frametab_get(const struct frametab *t, uint32_t id);

#endif
