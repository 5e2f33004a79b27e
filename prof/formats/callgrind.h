/* Reading callgrind.out files (valgrind --tool=callgrind; also cachegrind's, Xdebug's, and pprof's of that form): costs of
 * lines, and of calls between functions, as a profile. All bytes may be foreign.
 *
 * Such a file has no stacks. It knows what each line cost, and what each call from a line cost with all that was called from there.
 * What a function did is shared out over the ways it was reached, in proportion to what the calls cost (as gprof does:
 * Graham, Kessler, McKusick, SIGPLAN 1982), the largest first. **Costs of lines, functions, files, and the whole are exact,
 * whole numbers; stacks are estimates.** Recursion is folded: functions that call each other in circles share the circle's work over
 * the calls that lead into it, and stand once in a stack. What is too small to be followed stands under the frame "[any caller]".
 *
 * The profile: kind cpu, value and count = cost (instructions, of event Ir); a process and a thread per process id, run.engine
 * "callgrind", run.mode the event's name, run.command, run.name; finished. Times of events that say so (Time_(10ns)) are made ns. */
#ifndef FORMATS_CALLGRIND_H
#define FORMATS_CALLGRIND_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

#define CALLGRIND_ENGINE "callgrind"
#define CALLGRIND_EVENT  "Ir" /* instructions that were executed */

struct callgrind; /* what was read so far, of one file or several */

/* `event` is the name of a column ("Ir", "Dr", "Time_(10ns)"), borrowed; NULL: the first one of the first file. NULL: no
 * memory. */
struct callgrind *callgrind_new(const char *event);
void callgrind_free(struct callgrind *c); /* NULL is fine */

/* Adds a file, with all its parts. ERR_FORMAT names the line; nothing can be done with `c` then but free it. ERR_NOTFOUND: the file
 * has no such event (and says which it has). */
int callgrind_add(struct callgrind *c, const char *bytes, size_t len, struct err *err);

struct callgrind_facts {
	const char *event;   /* borrowed from the callgrind */
	const char *command; /* the first "cmd:", "" none */
	int64_t total;       /* of the event: sum of all lines */
	unsigned parts;      /* "part:" and "thread:" sections, all files */
	int complete;        /* each file ends with sums, and they are what its lines add up to */
};
void callgrind_facts(const struct callgrind *c, struct callgrind_facts *facts);

/* `out` is initialised here, and empty on failure. */
int callgrind_profile(const struct callgrind *c, struct profile *out, struct err *err);

/* One file in one call. */
int callgrind_read(const char *bytes, size_t len, const char *event, struct profile *out,
		   struct err *err);

#endif
