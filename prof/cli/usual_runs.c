/* The runs that are meant where nobody named any: see usual_runs.h. */
#include "prof/cli/usual_runs.h"

int usual_runs_add(struct gate_stores *stores, struct gate_group *g, const char *store,
		   struct err *err)
{
	struct gate_group last = {0};
	int rc = gate_group_add(stores, &last, store, "last", 1, err);

	if (rc == 0)
		rc = gate_group_add(stores, g, store,
				    *last.runs[0].head->name ? last.runs[0].head->name : "last", 1,
				    err);
	gate_group_release(&last);
	return rc;
}
