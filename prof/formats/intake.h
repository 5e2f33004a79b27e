/* Filling a struct profile from a foreign format: each text, frame, call path and sample once, with limits that keep
 * memory bounded whatever the file says. Knows no format. Not thread-safe. */
#ifndef FORMATS_INTAKE_H
#define FORMATS_INTAKE_H

#include "prof/base/err.h"
#include "prof/base/hash.h"
#include "prof/model/profile.h"

#define INTAKE_NAME_MAX  65536u              /* bytes of a name */
#define INTAKE_TEXT_MAX  ((size_t)2 << 30)   /* bytes of all names */
#define INTAKE_DEPTH_MAX 65536u              /* calls of a stack */
#define INTAKE_STACKS    ((uint32_t)1 << 26) /* call paths */
#define INTAKE_ROWS      ((uint32_t)1 << 24) /* of each other table */

struct intake {
	struct profile *p; /* borrowed */
	struct err *err;
	size_t cap_modules, cap_frames, cap_stacks, cap_samples, cap_threads, cap_processes;
	struct hashidx frames, modules, processes, threads;
	struct idmap stacks;                 /* parent << 32 | frame */
	struct idmap samples[PROFILE_KINDS]; /* thread << 32 | stack */
	struct idmap named;                  /* function: the frame that is nothing but a name */
};

/* Makes `p` empty and begins to fill it; ends without p's own rows. All below: 0, ERR_NOMEM, ERR_LIMIT, ERR_FORMAT. */
int intake_begin(struct intake *in, struct profile *p, struct err *err);
void intake_end(struct intake *in);

/* Zero bytes in a name become '?'; "" stays "". */
int intake_text(struct intake *in, const char *bytes, size_t n, uint32_t *id);
int intake_module(struct intake *in, const struct profile_module *m, uint32_t *module);
/* A function without a name gets "[unknown]" or "[unknown in libx.so+0x12]". */
int intake_frame(struct intake *in, const struct profile_frame *f, uint32_t *frame);
/* A frame of which only the name is known. */
int intake_named(struct intake *in, const char *name, size_t n, uint32_t *frame);
int intake_stack(struct intake *in, uint32_t parent, uint32_t frame, uint32_t *stack);
/* The process of that pid; its name is set if it has none yet. */
int intake_process(struct intake *in, int64_t pid, uint32_t name, uint32_t *process);
int intake_thread(struct intake *in, uint32_t process, int64_t tid, uint32_t name,
		  uint32_t *thread);
/* "[no thread]", for formats that do not say. */
int intake_no_thread(struct intake *in, uint32_t *thread);
/* Adds up; value must not be negative. */
int intake_add(struct intake *in, enum profile_kind kind, uint32_t thread, uint32_t stack,
	       uint64_t count, int64_t value);
/* Samples in order, the run's mode by their kinds. ERR_FORMAT when there are none. */
int intake_finish(struct intake *in);

#endif
