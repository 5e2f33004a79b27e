/* Which processes are meant: pids, their children, names; and may and can they be looked at? The answers to
 * a wrong pid are here, in words. Reads /proc only. */
#ifndef ATTACH_PICK_H
#define ATTACH_PICK_H

#include <stdint.h>

#include "prof/attach/proc.h"

#define PICK_PID_MAX 4194304 /* PID_MAX_LIMIT of include/linux/threads.h */

struct pick_list {
	int *pids; /* owned; ascending, each once */
	uint32_t n, cap;
};
void pick_release(struct pick_list *l);
int pick_add(struct pick_list *l, int pid); /* 0 or ERR_NOMEM */

/* "12,0x1f,77": decimal or hexadecimal, commas. ERR_ARG says which part is wrong. */
int pick_parse(struct pick_list *l, const char *text, struct err *err);
/* Processes whose program's name, comm or command line matches the extended regular expression; never
 * ourselves or our parents. ERR_ARG: the pattern; ERR_NOTFOUND: none matches. */
int pick_named(struct pick_list *l, const char *pattern, struct err *err);
/* The same, looking again every 20 ms until there is one, or *stop becomes 1 (then ERR_CANCELLED). */
int pick_wait(struct pick_list *l, const char *pattern, const volatile int *stop, struct err *err);
/* Adds all living descendants. */
int pick_children(struct pick_list *l, struct err *err);

/* Refuses what can never work, each with its reason and what to do instead: pid <= 0, absent, a thread's id,
 * zombie, kernel thread, ourselves, one that traces us if it would be stopped (`stops`; our parents are looked
 * at like any other: they sleep, or run without us), a 32-bit or foreign program. ERR_ARG for numbers that no process can have, ERR_NOTFOUND, ERR_UNSUPPORTED; missing
 * rights are left to rights.h. On success `p` is open. */
int pick_check(struct proc *p, int pid, int stops, struct err *err);

#endif
