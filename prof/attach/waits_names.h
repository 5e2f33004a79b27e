/* Names of the flags and operations that system calls take, by the kernel's headers. */
#ifndef ATTACH_WAITS_NAMES_H
#define ATTACH_WAITS_NAMES_H

#include <stdint.h>

#include "prof/attach/waits_words.h"

/* Argument `kind` (enum syscall_arg) by name; 1, or 0: not a kind that names stand for. */
int names_arg(struct words *w, int kind, uint64_t value);

void names_signal(struct words *w, uint64_t number); /* "TERM", "RTMIN+3" */
void names_signals(struct words *w, uint64_t set);   /* "TERM USR1"; "all but KILL" */
void names_poll(struct words *w, uint32_t events);   /* "POLLIN|POLLERR" */
void names_ioctl(struct words *w, uint64_t request);

#endif
