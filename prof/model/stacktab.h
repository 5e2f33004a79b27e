/* Each call path once, as a small id: a prefix tree of frames, each row its parent's id and one
 * frame. A parent's id is smaller than its children's, so one pass over the rows in order meets
 * parents first, in reverse order children first. Knows nothing of processes, files or names. Not
 * thread-safe; never from a signal handler. */
#ifndef MODEL_STACKTAB_H
#define MODEL_STACKTAB_H

#include <stddef.h>
#include <stdint.h>

struct stacktab;

#define STACK_ROOT 0u /* the empty path: parent of the outermost frames; always present */

struct stacktab *stacktab_new(void); /* NULL: no memory */
void stacktab_free(struct stacktab *t);
void stacktab_set_limit(struct stacktab *t, uint32_t stacks); /* initially 2^32 - 2 */

/* Id of `parent` followed by `frame`, the same pair always giving the same id; ids are 1, 2, 3, … in
 * the order of their first appearance. 0, ERR_NOMEM, ERR_LIMIT when the table is full, or ERR_ARG for
 * a parent that was never given out. Frame UINT32_MAX is refused too (it belongs to the root). */
int stacktab_intern(struct stacktab *t, uint32_t parent, uint32_t frame, uint32_t *id);
/* The whole path, `frames[0]` the innermost (leaf) as unwinders deliver it. On failure the outer part
 * may already be in the table, which is harmless. */
int stacktab_intern_path(struct stacktab *t, const uint32_t *frames, size_t n, uint32_t *id);

uint32_t stacktab_count(const struct stacktab *t); /* rows, the root included */

/* Of an id that was given out; of any other what the root has. */
uint32_t stacktab_parent(const struct stacktab *t, uint32_t id); /* the root's parent is the root */
uint32_t stacktab_frame(const struct stacktab *t, uint32_t id);  /* UINT32_MAX for the root */
uint32_t stacktab_depth(const struct stacktab *t, uint32_t id);  /* frames in the path */

/* Writes up to `max` frames, the innermost first; returns how many it wrote. */
size_t stacktab_walk(const struct stacktab *t, uint32_t id, uint32_t *frames, size_t max);

#endif
