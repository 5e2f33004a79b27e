/* What callgrind.c reads and callgrind_tree.c shares out. Private to these. */
#ifndef FORMATS_CALLGRIND_INTERNAL_H
#define FORMATS_CALLGRIND_INTERNAL_H

#include "prof/base/hash.h"
#include "prof/formats/callgrind.h"
#include "prof/model/strtab.h"

#define CALLGRIND_NONE UINT32_MAX

struct callgrind_function {
	uint32_t process, name, file, object; /* strings */
	int defined;                          /* has a block of its own; else it was only called */
};

struct callgrind_line { /* what was spent in a line itself */
	uint32_t function, file, line;
	uint64_t cost;
};

struct callgrind_call { /* what calls from a line took, with all they led to */
	uint32_t from, file, line, to;
	uint64_t cost;
};

struct callgrind_process {
	int64_t pid; /* 0: not told */
	uint32_t command;
};

struct callgrind {
	const char *wanted;     /* event; NULL: the first */
	uint32_t event;         /* string: which it is, STRTAB_EMPTY before the first file */
	double factor;          /* a cost of 1 in the profile's unit */
	struct strtab *strings; /* owned, as all below */
	struct callgrind_function *functions;
	struct callgrind_line *lines;
	struct callgrind_call *calls;
	struct callgrind_process *processes;
	size_t n_functions, cap_functions, n_lines, cap_lines, n_calls, cap_calls, n_processes,
		cap_processes;
	struct hashidx by_key; /* of functions */
	uint64_t total;
	unsigned parts;
	int incomplete; /* a file without sums at its end, or with wrong ones */
};

#endif
