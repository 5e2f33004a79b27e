/* What a sleeping thread waits for, in words: the system call with its arguments, the lock and who holds it, the
 * file or socket behind a descriptor. Reads /proc and the process's memory; stops nothing. What cannot be
 * read is left out, never guessed. All text is safe to print (no control characters). */
#ifndef ATTACH_WAITS_H
#define ATTACH_WAITS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/attach/remote.h"

/* Name of an x86-64 system call, or NULL. (syscalls.c) */
const char *syscall_name(int64_t nr);

/* "read(3, 0x7f…, 4096)": flags by name, texts and structures decoded for the common calls, plain numbers for
 * all others with as many arguments as the call takes. */
void waits_syscall(const struct proc *p, struct remote *memory, const struct proc_syscall *call,
		   char *out, size_t size);
/* "mutex 0x55… held by thread 1234 (worker)", "fd 5: TCP 127.0.0.1:5432 from 127.0.0.1:40112", "child 77 (sh)",
 * "timer, 1.5 s", "fd 3: /tmp/fifo, fd 7: …" (epoll, poll); "" if the call waits for nothing known. */
void waits_on(const struct proc *p, struct remote *memory, const struct proc_syscall *call,
	      char *out, size_t size);
/* What a descriptor of the process is: path, "pipe:[123] (other end: cat 99)", socket with addresses, eventfd. */
void waits_fd(const struct proc *p, int fd, char *out, size_t size);

#endif
