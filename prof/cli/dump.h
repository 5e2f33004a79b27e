/* What dump has read and shows: processes (or a core file) with their threads, each stack once, names on demand.
 * dump.c joins them, dump_text.c and dump_json.c print. */
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include <jansson.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>

#include "prof/attach/core.h"
#include "prof/attach/modules.h"
#include "prof/attach/proc.h"
#include "prof/attach/snap.h"
#include "prof/cli/cmd.h"
#include "prof/model/strtab.h"
#include "prof/record/livenames.h"

struct dump_target {
	int pid;
	int open; /* `proc`, `space` and `snap` are there */
	struct proc proc;
	struct attach_space *space; /* owned unless `core` */
	struct core *core;          /* owned; NULL: a live process */
	struct snap snap;
	char command[1024];
	uint32_t *
		twin; /* owned: for each thread the first one with its stack; its own place if it is that */
	struct err err; /* why it could not be read; code 0: it was */
};

struct dump {
	struct module_set *set;
	struct strtab *strings;
	struct livenames *names;
	struct dump_target *targets; /* owned */
	uint32_t n;
	int all, full_paths, several; /* several: JSON is a list, whatever their number */
};

int dump_init(struct dump *d, uint32_t n, struct err *err); /* `n` targets, empty */
void dump_release(struct dump *d);                          /* a zeroed one is fine */

/* Reads a live process: 0, or negative and the reason in target.err; then it is not open. (dump_take.c) */
int dump_take(struct dump *d, struct dump_target *t, int pid, const struct snap_options *o);

/* Which threads are asked for: by tid, or by a name that matches. */
struct dump_filter {
	struct dump_pattern *patterns; /* owned */
	size_t n;                      /* 0: all */
};
int dump_filter_init(struct dump_filter *f, const struct opt_list *list,
		     struct err *err); /* ERR_ARG, ERR_NOMEM */
void dump_filter_release(struct dump_filter *f);
int dump_filter_wants(void *filter, const struct snap_thread *t); /* as snap_options.wanted */
/* Rows that are not wanted go. */
void dump_filter_apply(struct dump_filter *f, struct snap *s);
int dump_filter_check(const struct dump_filter *f,
		      struct err *err); /* ERR_NOTFOUND: one matched no thread */

/* Finds out which threads have the same stack, and asks for all names at once. 0 or ERR_NOMEM. */
int dump_join(struct dump *d, struct err *err);

struct dump_frame {                                      /* texts live as long as the dump */
	const char *function, *file, *module, *language; /* file, module, language: "" not known */
	uint32_t line;                                   /* 0: not known */
	uint64_t address;
	int inlined; /* into the next one */
};
/* Innermost first. A value other than 0 ends it and is returned; ERR_NOMEM. */
int dump_frames(const struct dump *d, const struct dump_target *t, const struct snap_thread *thread,
		int (*each)(void *ctx, const struct dump_frame *f), void *ctx);
/* How a stack ends that does not end at its root, in words; NULL: at its root. */
const char *dump_stack_end(const struct snap_thread *thread);
const char *
dump_how(const struct snap_thread *thread); /* "blocked", "stopped", "perf", "core", "none" */

int dump_text(FILE *out, const struct dump *d, struct err *err);
int dump_json(FILE *out, const struct dump *d, struct err *err);

#endif
