/* What works on this machine: one finding per thing tried. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

enum check_state { CHECK_OK, CHECK_POOR, CHECK_BAD };

struct check_finding {
	const char *name; /* "perf-events" */
	enum check_state state;
	char what[256];   /* what was found */
	char remedy[256]; /* the line that would change it; "" none needed */
};

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

/* "docker", "kubernetes", "podman", "container" or NULL. */
const char *check_container_kind(void);
/* First line of a small file, "" if it cannot be read. */
void check_read_line(const char *path, char *line, int size);
/* Value of "KEY:" in /proc/self/status, "" if absent. */
void check_status(const char *key, char *value, int size);

#endif
