/* What was loaded where and when in one address space: ranges of addresses with a module each, from
 * a load to an unload. Changes are told in the order of time; questions may be about any time. Not
 * thread-safe (asking may build an index); never from a signal handler.
 *
 * Asking about a time not before the last change costs a binary search in what is loaded; about an
 * earlier time a search in an index of all ranges, which is brought up to date when needed. */
#ifndef MODEL_MODMAP_H
#define MODEL_MODMAP_H

#include <stdint.h>

struct modmap;

#define MODMAP_STILL INT64_MAX
#define MODMAP_LIMIT (UINT32_C(1) << 24) /* 16 M ranges: 600 MiB, far beyond real programs */

struct modrange {
	uint64_t start, end; /* addresses, end exclusive */
	uint64_t bias;    /* address minus bias (modulo 2^64) is the address in the file's terms */
	int64_t from_ns;  /* loaded at */
	int64_t until_ns; /* not any more at; MODMAP_STILL while loaded */
	uint32_t module;
};

struct modmap *modmap_new(void); /* NULL: no memory */
void modmap_free(struct modmap *m);
void modmap_set_limit(struct modmap *m, uint32_t ranges);

/* A module appears at [start, end). What it covers of ranges loaded before is gone from then on; the
 * rest of those stays. 0, ERR_NOMEM, ERR_LIMIT, or ERR_ARG (empty range, or a time before the last
 * change); on failure nothing changed. */
int modmap_load(struct modmap *m, int64_t t_ns, uint64_t start, uint64_t end, uint64_t bias,
		uint32_t module);
/* [start, end) is unmapped, whole ranges or parts of them. Codes as above. */
int modmap_unload(struct modmap *m, int64_t t_ns, uint64_t start, uint64_t end);
/* Everything is gone (exec). 0 or ERR_ARG. */
int modmap_clear(struct modmap *m, int64_t t_ns);
/* `m` loads what `parent` has loaded now (fork). Codes as above; on failure some may be loaded. */
int modmap_inherit(struct modmap *m, const struct modmap *parent, int64_t t_ns);

/* The range that held `address` at `t_ns`. 1 and `*hit`, 0 if there was none, ERR_NOMEM. */
int modmap_find(struct modmap *m, int64_t t_ns, uint64_t address, struct modrange *hit);

/* All ranges there ever were, in the order of their loads; a range that lost a part counts anew. */
uint32_t modmap_count(const struct modmap *m);
const struct modrange *modmap_range(const struct modmap *m, uint32_t i); /* i < count */

#endif
