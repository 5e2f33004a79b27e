/* From a row of a Firefox profile's stack table to a call path: through the tables of stacks, frames, functions,
 * resources and libraries, each row once. Private to the reader. */
#ifndef FORMATS_GECKO_STACKS_H
#define FORMATS_GECKO_STACKS_H

#include "prof/formats/intake.h"
#include "prof/formats/json_in.h"

struct gecko_places { /* of tables in the text; NULL: there is none */
	const char *strings, *stacks, *frames, *funcs, *resources, *sources;
};

struct gecko_stacks {
	struct intake *in; /* borrowed */
	struct json_in *j;
	struct gecko_places places; /* of what is read */
	uint32_t *libs;             /* owned, modules of the intake; as all below */
	uint32_t n_libs;
	uint32_t *strings, n_strings;
	uint32_t *prefix, *frame, n_stacks;
	uint32_t *func, *location, *line, *address, *depth, n_frames;
	uint32_t *name, *file, *source, *resource, n_funcs;
	uint32_t *lib, n_resources;
	uint32_t *source_file, n_sources;
	uint32_t *made_frame, *made_stack; /* of the intake; UINT32_MAX: not yet */
	uint32_t *above;
};

void gecko_stacks_begin(struct gecko_stacks *s, struct intake *in, struct json_in *j);
void gecko_stacks_end(struct gecko_stacks *s);
/* Libraries of the profile, or of one of its processes; `at` NULL: none. */
int gecko_stacks_libs(struct gecko_stacks *s, const char *at);
/* Reads the tables, unless they are those that were read last. */
int gecko_stacks_use(struct gecko_stacks *s, const struct gecko_places *places);
/* The call path of a row of the stack table. */
int gecko_stack(struct gecko_stacks *s, uint32_t row, uint32_t *stack);

#endif
