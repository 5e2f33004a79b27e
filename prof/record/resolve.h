/* From addresses of a process to rows of the stack table: by what its agent told of its modules, by
 * /proc/PID/maps where that knows nothing, and by unwinding on where the agent could not. */
#ifndef RECORD_RESOLVE_H
#define RECORD_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/record/batch.h"
#include "prof/record/known.h"
#include "prof/unwind/unwind.h"

#define SPACE_CACHE 4096 /* frames looked up last, per address space: 64 KiB */

struct space_entry {
	uint64_t address; /* 0: empty */
	uint32_t frame;
};

struct space { /* one address space: a process image */
	uint64_t id;
	int pid;         /* 0: gone, nothing more to be read of it */
	int64_t maps_ns; /* when its maps were read last, 0: never */
	int maps_reads;
	int64_t changed_ns;           /* time of the last change told to its modmap */
	uint32_t generation;          /* of its modules */
	struct space_entry *cache;    /* owned, SPACE_CACHE; NULL until used */
	struct unwind_module *unwind; /* owned: modules as of `unwind_generation` */
	uint32_t n_unwind, unwind_generation;
};

struct resolve_table { /* by module */
	const struct unwind_table *table;
	size_t mapped_bytes;
	int tried;
};

struct resolver {
	struct known *k;              /* borrowed */
	struct batch *b;              /* borrowed: losses */
	const char *cache_dir;        /* borrowed: of unwind tables */
	struct resolve_table *tables; /* owned */
	uint32_t n_tables;
	uint32_t truncated; /* label frames, made on first use: KNOWN_NONE before */
	uint32_t frames[UNWIND_DEPTH_MAX + 2];
	uint64_t addresses[UNWIND_DEPTH_MAX];
};

void resolver_init(struct resolver *r, struct known *k, struct batch *b, const char *cache_dir);
void resolver_release(struct resolver *r);
void space_release(struct space *s);

/* Modules of a space, told in any order of time. 0, ERR_NOMEM, ERR_LIMIT. */
int space_load(struct resolver *r, struct space *s, int64_t t_ns, const struct spool_module *m,
	       const char *path);
int space_unload(struct resolver *r, struct space *s, int64_t t_ns, uint64_t start, uint64_t end);

struct resolve_request {
	int64_t t_ns;
	const uint64_t *addresses; /* innermost first */
	size_t n;
	enum unwind_end end; /* how the unwinding of `addresses` ended */
	int truncated;
	const struct spool_raw *raw;            /* NULL: none */
	const uint8_t *stack;                   /* raw->stack_bytes */
	const char *(*label)(uint64_t address); /* what stands for a word; NULL, or NULL's: none */
	int counted; /* what is missing of the stack is counted elsewhere */
};
/* The stack's row. 0, ERR_NOMEM, ERR_LIMIT. */
int resolve_stack(struct resolver *r, struct space *s, const struct resolve_request *q,
		  uint32_t *stack);
/* A stack of one label frame. */
int resolve_label(struct resolver *r, const char *label, uint32_t *stack);

/* Reads /proc/PID/maps for what the agent did not tell of; not too often. 0, ERR_NOMEM, ERR_LIMIT. */
int space_read_maps(struct resolver *r, struct space *s);

/* The map to unwind with, up to date. 0 or ERR_NOMEM. */
int space_unwind_map(struct resolver *r, struct space *s, struct unwind_map *map);

#endif
