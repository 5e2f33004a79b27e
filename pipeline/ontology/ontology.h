/* The GO maps of spec 4.2 as arrays. Every go_id that occurs anywhere in a run gets a dense number in
 * ascending byte order, so "ascending go_id" is ascending number. Terms (rows of go_term, scoped to a
 * snapshot) get numbers in ascending id. Read-only after ontology_finish(): any number of threads. */
#ifndef ONTOLOGY_ONTOLOGY_H
#define ONTOLOGY_ONTOLOGY_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "pipeline/core/text.h"
#include "pipeline/ontology/csr.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"

struct source;

#define GO_NONE   UINT32_MAX
#define TERM_NONE UINT32_MAX

/* The three aspects in their fixed processing order, and their names in the files. */
#define ASPECTS 3
extern const char aspect_letter[ASPECTS];        /* 'P', 'F', 'C' */
extern const char *const aspect_export[ASPECTS]; /* "bpo", "mfo", "cco" */

/* 0, 1, 2; -1 for anything else. */
static inline int aspect_index(char letter)
{
	return letter == 'P' ? 0 : letter == 'F' ? 1 : letter == 'C' ? 2 : -1;
}

struct ontology_snapshot {
	char id[UUID_TEXT];
	struct csr parents; /* go -> parent gos over is_a and part_of, ascending */
	struct csr children;
	struct csr ancestors; /* go -> proper ancestors, ascending; see ontology_need_ancestors() */
	int has_ancestors;
	struct csr descendants; /* the other way round; see ontology_need_descendants() */
	int has_descendants;
};

struct ontology {
	uint32_t n_go;
	const char **go_id; /* owned array, texts in `names`; ascending */
	char *pivot_aspect; /* owned: letter in the pivot, 0: no term of the pivot, or no aspect */
	char *aspect_by_go; /* owned: rule of 4.2; 0: none */
	uint32_t n_terms;
	int64_t *term_id;                    /* owned, ascending */
	uint32_t *term_go;                   /* owned */
	char *term_aspect;                   /* owned: letter, 0: none */
	struct idmap term_of;                /* go_term.id -> term number */
	size_t n_snapshots;                  /* S of spec 4.2; [0] is the pivot */
	struct ontology_snapshot *snapshots; /* owned */
	struct dict names;                   /* go_id -> provisional number while building */
	uint32_t *rank;                      /* owned: provisional number -> final number */
};

/* Building: begin, then any number of ontology_name() calls, then finish. */
int ontology_load(struct ontology *o, struct source *s, const char *pivot_id,
		  const char *const *native_ids, size_t n_native, struct err *err);
/* Provisional number of a go_id that comes from elsewhere (materialised ground truth, InterPro);
 * DICT_NONE: no memory. */
uint32_t ontology_name(struct ontology *o, const char *go_id, size_t len);
int ontology_finish(struct ontology *o, struct err *err);
static inline uint32_t ontology_final(const struct ontology *o, uint32_t provisional)
{
	return o->rank[provisional];
}
void ontology_release(struct ontology *o);

uint32_t ontology_find(const struct ontology *o, const char *go_id, size_t len); /* GO_NONE */
uint32_t ontology_term(const struct ontology *o, int64_t go_term_id);            /* TERM_NONE */
int ontology_snapshot_index(const struct ontology *o, const char *id);           /* -1: not in S */

/* Makes the ancestor lists of a snapshot (once). Proper ancestors; a term on a cycle is its own. */
int ontology_need_ancestors(struct ontology *o, size_t snapshot, struct err *err);
/* The same relation the other way round (once). */
int ontology_need_descendants(struct ontology *o, size_t snapshot, struct err *err);
/* Is `ancestor` in the ancestor list of `go`? */
int ontology_has_ancestor(const struct ontology_snapshot *s, uint32_t go, uint32_t ancestor);

#endif
