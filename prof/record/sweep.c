/* Removing session folders that are left: see sweep.h. */
#include "prof/record/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/lease.h"
#include "prof/spool/session.h"

static int is_old(const char *path, int64_t age_ns)
{
	struct stat st;
	int64_t changed;

	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return 0;
	changed = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	return clock_real_ns() - changed > age_ns;
}

/* Does a process live that a file PID.N of the folder names? Its number may be another's by now: then the
 * folder stays a while longer. */
static int has_process(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int found = 0;

	if (!dir)
		return 1;
	while (!found && (e = readdir(dir))) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		found = end != e->d_name && *end == '.' && pid > 0 &&
			(kill((pid_t)pid, 0) == 0 || errno == EPERM);
	}
	closedir(dir);
	return found;
}

static int sweep_one(const char *path, int64_t age_ns)
{
	int lease, rc;

	if (!is_old(path, age_ns) || has_process(path))
		return 0;
	lease = lease_take(path);
	if (lease < 0 && lease != ERR_NOTFOUND)
		return 0;
	rc = session_remove(path, NULL);
	lease_drop(lease);
	return rc == 0;
}

int sweep_sessions(const char *dir, int64_t age_ns)
{
	char prefix[64], path[SPOOL_PATH_MAX];
	DIR *d = opendir(dir);
	struct dirent *e;
	int removed = 0;

	if (!d)
		return 0;
	snprintf(prefix, sizeof prefix, "protea-prof-%u-", (unsigned)geteuid());
	while ((e = readdir(d)))
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
		    snprintf(path, sizeof path, "%s/%s", dir, e->d_name) < (int)sizeof path)
			removed += sweep_one(path, age_ns);
	closedir(d);
	return removed;
}
