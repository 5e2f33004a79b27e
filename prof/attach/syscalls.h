/* What the arguments of a system call are, a letter each; names are syscall_name()'s of waits.h. Plain data. */
#ifndef ATTACH_SYSCALLS_H
#define ATTACH_SYSCALLS_H

#include <stdint.h>

#include "prof/attach/waits.h"

enum syscall_arg {
	ARG_ADVICE = 'a',
	ARG_AT_FLAGS = 'O',
	ARG_CLOCK = 'c',
	ARG_CLOCK_FLAGS = 'k',
	ARG_CLONE = 'C',
	ARG_DIR = 'A', /* a descriptor, or AT_FDCWD */
	ARG_DOMAIN = 'n',
	ARG_EPOLL_OP = 'E',
	ARG_FCNTL = 'F',
	ARG_FD = 'f',
	ARG_FLOCK = 'L',
	ARG_FUTEX = 'U',
	ARG_HEX = 'x',
	ARG_ID_TYPE = 'd',
	ARG_INT = 'i',
	ARG_LONG = 'l',
	ARG_MAP = 'M',
	ARG_MASK_HOW = 'h',
	ARG_MODE = 'm',
	ARG_MSG = 'y',
	ARG_OPEN = 'o',
	ARG_POINTER = 'p',
	ARG_POLL = 'P', /* pollfd array, the count follows */
	ARG_PROT = 'r',
	ARG_SEM = 'b', /* sembuf array, the count follows */
	ARG_SIGNAL = 'g',
	ARG_SIGSET = 'G',
	ARG_SIZE = 'z',
	ARG_SOCKADDR = 'S', /* the length follows */
	ARG_SOCK_TYPE = 'N',
	ARG_TEXT = 's',
	ARG_TIMESPEC = 't',
	ARG_TIMEVAL = 'v',
	ARG_UINT = 'u',
	ARG_URING = 'R',
	ARG_WAIT = 'w',
	ARG_WHENCE = 'W',
};

/* As many letters as the call takes arguments; six plain ones of a call that is not known. */
const char *syscall_args(int64_t nr);

#endif
