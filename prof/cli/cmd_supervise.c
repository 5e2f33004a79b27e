/* protea-prof _supervise: started by pp_start() of a program that profiles itself; drains its session into
 * a store until it asks to stop or ends. Not for people. */
#include <stdlib.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/version.h"
#include "prof/record/record.h"

int cmd_supervise(int argc, char **argv)
{
	const char *session = NULL, *store = NULL;
	int pid = 0;
	const struct opt opts[] = {
		{0, "session", OPT_TEXT, &session, "DIR", "session folder", 0},
		{0, "store", OPT_TEXT, &store, "FILE", "store to fill", 0},
		{0, "pid", OPT_INT, &pid, "PID", "the program's process", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"_supervise --session DIR --store FILE --pid PID", NULL, opts};
	struct err err = ERR_INIT;
	int done, first = opts_parse(argc, argv, &usage, 0, &done);

	if (first < 0 || done)
		return done ? EXIT_OK : EXIT_USAGE;
	if (!session || !store || pid <= 0 || first < argc) {
		log_error("_supervise: --session, --store and --pid are needed");
		return EXIT_USAGE;
	}
	if (record_supervise(session, store, pid, prof_version, prof_git_sha, &err))
		return cli_fail(&err);
	return EXIT_OK;
}
