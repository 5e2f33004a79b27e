/* The call tree of a profile by function (or line), for text and pages, with library code folded. */
#ifndef ANALYZE_TREE_H
#define ANALYZE_TREE_H

#include "prof/analyze/hot.h"
#include "prof/model/calltree.h"

struct profile_tree {
	struct calltree tree; /* node labels are places in `labels` */
	struct tree_label {
		uint32_t function, module, file; /* strings */
		uint32_t line;                   /* file and line: trees by line only */
		int library; /* not the user's own code: libc, ld.so, libstdc++, [vdso], … */
	} * labels;          /* owned */
	uint32_t n_labels;
};

/* fold_library: runs of library frames below user code become one node "[libc.so.6]"-like. */
int profile_tree_build(struct profile_tree *t, struct profile *p,
		       const struct sample_filter *filter, int by_line, int fold_library,
		       struct err *err);
void profile_tree_release(struct profile_tree *t);

#endif
