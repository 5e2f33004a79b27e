/* Each string once, as a small id: names of functions, files, stages. Knows nothing of what they
 * mean. Bytes are kept as given, embedded NULs included. Not thread-safe; never from a signal
 * handler. */
#ifndef MODEL_STRTAB_H
#define MODEL_STRTAB_H

#include <stddef.h>
#include <stdint.h>

struct strtab;

#define STRTAB_EMPTY 0u /* the id of "", always present */

/* NULL: no memory. */
struct strtab *strtab_new(void);
void strtab_free(struct strtab *t); /* NULL is fine */

/* The table holds at most `bytes` bytes of text (initially 4 GiB); what is in it stays. */
void strtab_set_limit(struct strtab *t, size_t bytes);

/* Id of the string, the same bytes always giving the same id; ids are 0, 1, 2, … in the order of
 * their first appearance. 0, ERR_NOMEM, or ERR_LIMIT when the table is full; then `*id` and the
 * table are unchanged. */
int strtab_intern(struct strtab *t, const char *bytes, size_t len, uint32_t *id);
int strtab_intern_text(struct strtab *t, const char *text, uint32_t *id);
/* 1 and the id of a string that is in the table; else 0. */
int strtab_find(const struct strtab *t, const char *bytes, size_t len, uint32_t *id);

uint32_t strtab_count(const struct strtab *t);
/* The string, NUL-terminated; lives as long as the table. "" for an id that was never given out. */
const char *strtab_text(const struct strtab *t, uint32_t id);
size_t strtab_len(const struct strtab *t, uint32_t id);

/* Place of each string in byte order (memcmp, shorter first): `rank[id]`, strtab_count() values, for
 * orders that do not depend on who came first. 0 or ERR_NOMEM. */
int strtab_rank(const struct strtab *t, uint32_t *rank);

#endif
