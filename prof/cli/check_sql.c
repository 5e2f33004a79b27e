/* check: can statements be followed (run --sql)? */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "prof/cli/check.h"
#include "prof/spool/sqlfile.h"

/* Where distributions put it. Programs that bring their own are followed all the same. */
static int find_libpq(char *path, size_t size)
{
	static const char *const places[] = {"/usr/lib/*/libpq.so.5", "/usr/lib64/libpq.so.5",
					     "/usr/lib/libpq.so.5", "/usr/local/lib/libpq.so.5",
					     "/usr/pgsql-*/lib/libpq.so.5"};
	int found = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !found; i++) {
		glob_t g;

		if (glob(places[i], GLOB_NOSORT, NULL, &g) == 0) {
			found = g.gl_pathc > 0;
			if (found)
				snprintf(path, size, "%s", g.gl_pathv[0]);
			globfree(&g);
		}
	}
	return found;
}

static int too_small(__rlimit_resource_t what, uint64_t bytes)
{
	struct rlimit r;

	return getrlimit(what, &r) == 0 && r.rlim_cur != RLIM_INFINITY && r.rlim_cur < bytes;
}

void check_sql(struct check_finding *f)
{
	char path[128];

	f->name = "sql";
	if (too_small(RLIMIT_FSIZE, SQL_FILE_BYTES) || too_small(RLIMIT_AS, SQL_FILE_BYTES * 16)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what),
			 "run --sql cannot follow statements: its file needs %u MiB, a process "
			 "%u MiB of address space",
			 (unsigned)(SQL_FILE_BYTES >> 20), (unsigned)(SQL_FILE_BYTES >> 16));
		snprintf(f->remedy, sizeof(f->remedy), "ulimit -f unlimited; ulimit -v unlimited");
		return;
	}
	f->state = CHECK_OK;
	if (find_libpq(path, sizeof(path)))
		snprintf(f->what, sizeof(f->what),
			 "run --sql follows what is sent through %s, or another shared libpq",
			 path);
	else
		snprintf(f->what, sizeof(f->what),
			 "run --sql follows what is sent through a shared libpq; none is installed "
			 "in the usual folders");
}
