/* What works on this machine: one finding per thing tried. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include <jansson.h>
#include <stddef.h>

enum check_state { CHECK_OK, CHECK_POOR, CHECK_BAD };

struct check_finding {
	const char *name; /* "perf-events" */
	enum check_state state;
	char what[320];   /* what was found */
	char remedy[512]; /* the line that would change it; "" none needed */
};

/* One line of the report; two with a remedy. */
void check_print(const struct check_finding *f);
/* Members "works" and "checks" of a report as JSON; what is missing is noted in *bad. */
void check_put_json(json_t *root, const struct check_finding *f, size_t n, int works, int *bad);

/* The report on a live process (check_pid.c): may it be looked at, what would each command do. The exit code. */
int check_pid(const char *pid, int json);

/* Each tries one thing for real. */
void check_perf(struct check_finding *f);
void check_clock(struct check_finding *f);
void check_agent(struct check_finding *f);
void check_shm(struct check_finding *f);
void check_limits(struct check_finding *f);
void check_cache(struct check_finding *f);
void check_store(struct check_finding *f);
void check_debuginfo(struct check_finding *f);
void check_ptrace(struct check_finding *f);
void check_build(struct check_finding *f);
void check_container(struct check_finding *f);
void check_sql(struct check_finding *f);

/* "docker", "kubernetes", "podman", "container" or NULL. */
const char *check_container_kind(void);
/* First line of a small file, "" if it cannot be read. */
void check_read_line(const char *path, char *line, int size);
/* Value of "KEY:" in /proc/self/status, "" if absent. */
void check_status(const char *key, char *value, int size);

#endif
