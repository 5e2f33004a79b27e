/* What a seccomp filter would do to us. */
#ifndef AGENT_SEAL_H
#define AGENT_SEAL_H

#include <linux/filter.h>
#include <stddef.h>

struct seccomp_data;

/* What the filter answers to a system call: SECCOMP_RET_… with its data, or -1: the kernel will refuse this filter. */
long seal_answer(const struct sock_filter *filter, size_t n, const struct seccomp_data *call);

#endif
