/* May we look at a process, and what is missing if not: Yama, perf_event_paranoid, capabilities, seccomp, user
 * and pid namespaces, dumpable, another tracer, containers. Each missing right has the line that grants it.
 * Tries things for real where that harms nothing; never stops the target. */
#ifndef ATTACH_RIGHTS_H
#define ATTACH_RIGHTS_H

#include <stdint.h>

#include "prof/attach/proc.h"

enum right {
	RIGHT_READ,   /* /proc/PID/maps, syscall; process_vm_readv (PTRACE_MODE_ATTACH or READ) */
	RIGHT_PTRACE, /* PTRACE_SEIZE: stacks of running threads in dump */
	RIGHT_PERF,   /* perf_event_open on it: record and top without stops */
	RIGHT_FILES,  /* its executables: map_files, root */
	RIGHTS
};
const char *right_name(enum right r); /* "read", "ptrace", "perf", "files" */

struct right_finding {
	enum right right;
	int granted;
	int sys;       /* errno of the try that failed */
	char why[256]; /* "Yama lets only parents trace (kernel.yama.ptrace_scope = 1)" */
	char remedy
		[512]; /* the line to type, fit for where we run: plain, sudo, docker, compose, k8s, podman */
	char other[256]; /* the road without privilege: run, preload */
};

struct rights {
	struct right_finding of[RIGHTS];
	char container[32];        /* we are in: "docker", "kubernetes", "podman", "lxc", ""; */
	char target_container[32]; /* the target is in */
	int yama, paranoid;        /* -1: not there */
	int same_user, same_userns, same_pidns, has_ptrace_cap, has_perf_cap, has_admin_cap;
};

void rights_look(struct rights *r, const struct proc *p);
/* One finding as an error: what, why, the line, the other road. Returns ERR_DENIED. */
int rights_refuse(const struct rights *r, enum right right, const struct proc *p, struct err *err);

/* The kind of container that a text of /proc/PID/cgroup tells: "docker", "kubernetes", "podman", "lxc", "nspawn",
 * "containerd", or "" (none noticed). */
const char *rights_container_of(const char *cgroup_text);
/* That we are in; "container": one of an unknown kind. */
const char *rights_where(void);

#endif
