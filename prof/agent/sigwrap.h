/* The tick's signal and the program: what sigwrap.c (actions) and sigmask.c (masks) share, and what exec
 * needs. Private to prof/agent. */
#ifndef AGENT_SIGWRAP_H
#define AGENT_SIGWRAP_H

#include <signal.h>
#include <stdatomic.h>

/* Number of the tick's signal, 0: none was installed. */
extern _Atomic int sig_tick;
/* The program uses this number itself: masks are taken literally from now on. */
extern _Atomic int sig_wanted;

/* Does a mask that blocks these signals block the tick's as far as the program knows? */
int sig_covers(const sigset_t *mask);
/* Takes the tick's signal out of a mask that blocks nearly everything. 1: `out` is to be used. */
int sig_strip(sigset_t *out, const sigset_t *mask);
/* Puts it back into a mask that the program reads. */
void sig_show(sigset_t *mask);
/* The program means this very signal. */
void sig_want(void);
/* Signal-safe: is the tick's signal blocked in the program's eyes, though not in the kernel's? */
int sig_held(const sigset_t *mask);
void sig_neighbours(int signo);
/* A child forked while another thread held the lock of the actions. */
void sig_fork_child(void);

/* libc's function for the kernel's mask, by system call: no cancellation, no errno. */
void sig_mask_raw(int how, const sigset_t *set, sigset_t *old);

/* No tick of this thread is pending or will be, until sig_loud(). */
struct agent_slot;
void sig_quiet(struct agent_slot *slot);
void sig_loud(struct agent_slot *slot);
/* Queues a signal once more, for this thread or the process as it was. */
void sig_requeue(int signo, siginfo_t *info);

/* Before an exec or a spawn: mask and action of the tick's signal become what the program has them for,
 * because they are inherited. Undone by sig_exec_failed(). */
struct sig_exec {
	int blocked, ignored;
	struct sigaction action;
};
void sig_exec_prepare(struct sig_exec *s, int action_too);
void sig_exec_undo(const struct sig_exec *s);

#endif
