/* What /proc says of a process's memory, and the memory cgroup that it lives in. The parsers take any bytes;
 * a file that is kept open is read again without being looked up. Not for the target's side. */
#ifndef RECORD_PROCMEM_H
#define RECORD_PROCMEM_H

#include <stddef.h>
#include <stdint.h>

/* Parsers: `text` is NUL-terminated. Negative: what was looked for is not there. */
int64_t procmem_statm_rss(const char *text);    /* bytes */
int64_t procmem_statm_shared(const char *text); /* of them, of files and of shared memory */
/* "Pss:   12 kB" of smaps_rollup, "VmHWM:" of status: bytes. */
int64_t procmem_field(const char *text, const char *name);
/* Fields of stat: page faults that needed no input, and those that did. 0 or -1. */
int procmem_faults(const char *text, int64_t *minor, int64_t *major);

/* Reads at most size - 1 bytes from the beginning of an open file and ends them; negative: it cannot be read
 * (the process is gone). */
long procmem_read(int fd, char *out, size_t size);
/* /proc/PID/NAME, to be read again and again; -1: not there, or not for us. */
int procmem_open(int pid, const char *name);

/* Bytes of [start, start + bytes) that are resident, by /proc/PID/pagemap; what cannot be read is not. Those of them
 * that are of a file or of shared memory are added to *shared. */
int64_t procmem_resident(int pagemap_fd, uint64_t start, uint64_t bytes, int64_t *shared);

#define CGROUP_PATH_MAX 4096

struct cgroup {                     /* where a process's memory is limited */
	char path[CGROUP_PATH_MAX]; /* of its own group's folder; "": there is none */
	size_t top;                 /* path[0 … top) is where groups begin */
	int unified;                /* version 2 */
	int usage_fd;               /* of the group whose limit counts, -1 */
	size_t level;               /* path[0 … level) is that group */
	int64_t limit_bytes;        /* -1: none */
};

/* Finds the group in the texts of /proc/PID/cgroup and /proc/self/mountinfo. 0 or -1. */
int cgroup_find(struct cgroup *c, const char *groups, const char *mounts);
/* A limit file's bytes; -1: none. */
int64_t cgroup_limit_parse(const char *text);
/* 0, -1: not in a group that counts memory. */
int cgroup_open(struct cgroup *c, int pid);
/* Reads the limits of the group and of those around it; the lowest is what counts. */
void cgroup_look(struct cgroup *c);
int64_t cgroup_usage(struct cgroup *c); /* bytes; -1: not known */
void cgroup_close(struct cgroup *c);

#endif
