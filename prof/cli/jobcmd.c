/* From an export job to the command line of protea-export: which of its commands, where it lies. */
#include "prof/cli/jobcmd.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF_MAX 4096

char *beside_program(const char *name)
{
	char self[SELF_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path = NULL;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash && asprintf(&path, "%.*s/%s", (int)(slash - self), self, name) < 0)
			return NULL;
		if (path && access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return strdup(name);
}

static int is_uuid(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++) {
		int dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdefABCDEF", text[i]))
			return 0;
	}
	return i == 36;
}

/* "run" or "grid", by the file's "operation". */
static int command_of(const char *path, const char **command, struct err *err)
{
	json_error_t where;
	json_t *job;
	const char *operation;
	struct stat st;

	if (stat(path, &st))
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot read job '%s'",
			       path);
	job = S_ISREG(st.st_mode) ? json_load_file(path, 0, &where) : NULL;
	if (!job && S_ISREG(st.st_mode) && (st.st_mode & 0111))
		return err_set(err, ERR_ARG,
			       "'%s' is a program, not a job file; type: protea-prof run -- %s",
			       path, path);
	if (!job)
		return err_set(err, ERR_ARG, "'%s' is no job file: %s", path,
			       S_ISREG(st.st_mode) ? where.text : "not a regular file");
	operation = json_string_value(json_object_get(job, "operation"));
	*command = operation && strcmp(operation, "export_grid") == 0 ? "grid" : "run";
	json_decref(job);
	return 0;
}

static char *name_of(const char *job)
{
	const char *slash = strrchr(job, '/');
	char *name = strdup(slash ? slash + 1 : job), *dot;

	if (!name)
		return NULL;
	dot = strrchr(name, '.');
	if (dot && dot != name && strcmp(dot, ".json") == 0)
		*dot = '\0';
	if (strcmp(name, "-") == 0) {
		free(name);
		return strdup("job");
	}
	return name;
}

static int append(struct jobcmd *j, int *n, const char *arg)
{
	j->argv[*n] = strdup(arg);
	return j->argv[(*n)++] ? 0 : -1;
}

int jobcmd_make(struct jobcmd *j, const char *job, const char *db, char *const *more, int n_more,
		struct err *err)
{
	const char *command = "run";
	char *program;
	int n = 0, i, rc = 0;

	memset(j, 0, sizeof(*j));
	if (strcmp(job, "-") != 0 && !is_uuid(job)) {
		rc = command_of(job, &command, err);
		if (rc == ERR_NOTFOUND)
			err_prefix(err,
				   "a job is a file, '-' or a UUID (a program goes after '--')");
		if (rc)
			return rc;
	}
	j->name = name_of(job);
	j->argv = calloc((size_t)n_more + 6, sizeof(*j->argv));
	program = beside_program("protea-export");
	if (!j->name || !j->argv || !program)
		goto no_memory;
	j->argv[n++] = program;
	program = NULL;
	rc = append(j, &n, command);
	if (db)
		rc |= append(j, &n, "--db") | append(j, &n, db);
	for (i = 0; i < n_more; i++)
		rc |= append(j, &n, more[i]);
	rc |= append(j, &n, job);
	if (rc == 0)
		return 0;
no_memory:
	free(program);
	jobcmd_release(j);
	return err_nomem(err, "the job's command line");
}

void jobcmd_release(struct jobcmd *j)
{
	size_t i;

	for (i = 0; j->argv && j->argv[i]; i++)
		free(j->argv[i]);
	free(j->argv);
	free(j->name);
	memset(j, 0, sizeof(*j));
}
