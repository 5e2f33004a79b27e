/* What `runs` changes in a store: labels, names, removing, merging. */
#ifndef CLI_RUNS_CHANGE_H
#define CLI_RUNS_CHANGE_H

#include "prof/base/err.h"

struct change {
	int json; /* say what was done on stdout, as JSON */
};

/* Each checks all its arguments before it changes anything. 0 or an error code. */
int runs_label(struct change *c, const char *path, int n, char **args, struct err *err);
int runs_rename(struct change *c, const char *path, int n, char **args, struct err *err);
int runs_remove(struct change *c, const char *path, int n, char **args, struct err *err);
/* Takes out the parameters that run --sql-params kept. */
int runs_redact(struct change *c, const char *path, int n, char **args, struct err *err);
int runs_merge(struct change *c, const char *path, int n, char **args, struct err *err);

#endif
