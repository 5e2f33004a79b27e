/* One live process by /proc, safe against pid reuse: everything is read through a descriptor of its folder,
 * which answers ESRCH once that very process is gone, whoever has its number then. The parsers take any
 * bytes. Nothing here stops, signals or changes the process. Not thread-safe per struct proc. */
#ifndef ATTACH_PROC_H
#define ATTACH_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

#define PROC_COMM_MAX 64 /* the kernel's is 15 bytes, a kernel thread's may be longer */

struct proc {
	int pid;              /* in our pid namespace */
	int dir;              /* /proc/PID, -1: not open */
	int pidfd;            /* readable once it ended; -1: the kernel has none */
	uint64_t start_ticks; /* field 22 of stat */
};

/* ERR_ARG: pid <= 0; ERR_NOTFOUND: no such process, with what to do. */
int proc_open(struct proc *p, int pid, struct err *err);
void proc_close(struct proc *p);         /* one with dir -1 is fine */
int proc_is_alive(const struct proc *p); /* 0 also for a zombie whose threads are all gone */

/* A file below /proc/PID ("stat", "task/12/syscall") in one read, NUL-terminated, at most size - 1 bytes: its
 * length, or -1 and errno (ESRCH, ENOENT: gone; EACCES, EPERM: not for us). */
long proc_read(const struct proc *p, const char *name, char *out, size_t size);
/* Opens one for repeated reads; the descriptor or -1. */
int proc_openat(const struct proc *p, const char *name, int flags);
/* The length of a path without the " (deleted)" that the kernel says behind that of a file that is gone. */
size_t proc_plain_length(const char *path);
/* What a link ("exe", "fd/3", "ns/pid", "task/12/cwd") points at: its length or -1. */
long proc_readlink(const struct proc *p, const char *name, char *out, size_t size);

struct proc_stat { /* of a process or a thread */
	char comm[PROC_COMM_MAX];
	char state; /* R S D T t Z X I */
	int ppid, n_threads, cpu;
	uint32_t flags; /* PF_*: PROC_KTHREAD */
	uint64_t minor_faults, major_faults;
	int64_t user_ns, system_ns; /* in steps of a tick */
	uint64_t start_ticks;
	int64_t rss_bytes;
};
#define PROC_KTHREAD 0x00200000u /* PF_KTHREAD of include/linux/sched.h */

int proc_stat_parse(struct proc_stat *s, const char *text); /* 0 or -1 */
int proc_stat(const struct proc *p, struct proc_stat *s);   /* 0 or -1: gone */
int proc_task_stat(const struct proc *p, int tid, struct proc_stat *s);
enum profile_state proc_state(char letter);

struct proc_status {
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;
	int tgid;   /* the process, of a thread */
	int tracer; /* pid of who traces it, 0: nobody */
	int ns_pid; /* as its own pid namespace counts; 0: not told */
	int threads, seccomp, no_new_privs;
	uint64_t cap_effective, cap_permitted, cap_bounding;
	int64_t rss_bytes, peak_rss_bytes; /* VmRSS, VmHWM; 0: none (kernel thread, zombie) */
};
int proc_status_parse(struct proc_status *s, const char *text);
int proc_status(const struct proc *p, struct proc_status *s);
int proc_task_status(const struct proc *p, int tid, struct proc_status *s);
/* The tid of our namespace for one of the process's (robust mutexes, futex owners hold those). 0: none. */
int proc_tid_from_ns(const struct proc *p, int ns_tid);

/* Tids in ascending order. `*tids` is owned by the caller, grown as needed. 0, ERR_NOTFOUND, ERR_NOMEM. */
int proc_tasks(const struct proc *p, int **tids, uint32_t *n, uint32_t *cap);
int proc_all(int **pids, uint32_t *n, uint32_t *cap); /* the same: all processes there are */

struct proc_schedstat {
	uint64_t run_ns, wait_ns,
		slices; /* on a CPU; runnable, waiting for one; times it got one */
};
int proc_schedstat_parse(struct proc_schedstat *s, const char *text);
int proc_schedstat(const struct proc *p, int tid, struct proc_schedstat *s);

/* /proc/PID/task/TID/syscall. */
enum proc_call {
	PROC_CALL_RUNNING, /* on a CPU or waiting for one: nothing is known */
	PROC_CALL_IN,      /* blocked in system call `nr` */
	PROC_CALL_NONE,    /* blocked, but in no system call (a page fault, a stop): nr is -1 */
	PROC_CALL_DENIED,  /* may not be asked, or gone: see errno */
};
struct proc_syscall {
	int64_t nr;
	uint64_t args[6];
	uint64_t sp, pc;
};
enum proc_call proc_syscall_parse(struct proc_syscall *s, const char *text);
enum proc_call proc_syscall(const struct proc *p, int tid, struct proc_syscall *s);

/* The name of a process: its program's base name, else comm. Always NUL-terminated. */
void proc_name(const struct proc *p, char *out, size_t size);

/* Its arguments with a blank between them, as they are: what is shown goes through secret_hide(). Of a line longer than
 * `size` the beginning; "" if it has none. */
void proc_command(const struct proc *p, char *out, size_t size);

#endif
