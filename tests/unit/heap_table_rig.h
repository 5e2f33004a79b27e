/* For tests of the tracker's tables: a heap file of this process, children in which limits are set, kernels
 * that refuse what older ones do not have, and a tmpfs of a few pages. */
#ifndef TESTS_HEAP_TABLE_RIG_H
#define TESTS_HEAP_TABLE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "prof/heap/tables.h"

/* A sanitizer's own address space leaves no room for limits on it. */
#if defined(__has_feature)
#define HEAP_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_SANITIZED 1
#else
#define HEAP_SANITIZED 0
#endif

#define CHILD_SKIP 77 /* exit code of a child that cannot test what it should */

/* In a child: ends it when a statement is not true. */
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static char rig_path[256];

/* A path that is free, where heap files live. */
static inline const char *rig_name(void)
{
	static int n;
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(rig_path, sizeof rig_path, "%s/protea-test-heap.%d.%d", base, (int)getpid(), n++);
	return rig_path;
}

static inline struct heap_head *rig_file(uint32_t sites_max, uint64_t stacks_bytes)
{
	struct heap_head *head;
	struct err err = ERR_INIT;

	if (heap_file_make(&head, rig_name(), sites_max, stacks_bytes, &err))
		fail_msg("%s", err.text);
	heap_file_describe(head, HEAP_FULL, 0, 1, 0);
	return head;
}

static inline void rig_file_drop(struct heap_head *head)
{
	heap_file_drop(head);
	(void)unlink(rig_path);
}

static inline uint64_t rig_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static inline uint64_t rig_mix(uint64_t x)
{
	x = (x + 1) * 0x9e3779b97f4a7c15u;
	x ^= x >> 31;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

#define RIG_DEPTH 12

/* Stack number i: told by its addresses, its length between 1 and RIG_DEPTH. */
static inline struct heap_stack rig_stack(uint64_t i, uint64_t addresses[RIG_DEPTH])
{
	uint32_t n = (uint32_t)(rig_mix(i) % RIG_DEPTH) + 1;

	for (uint32_t k = 0; k < n; k++)
		addresses[k] = 0x400000 + i * 64 + k;
	return (struct heap_stack){.hash = rig_mix(i), .addresses = addresses, .n = n};
}

static inline const struct heap_stack_row *rig_row(const struct heap_head *head, uint32_t stack)
{
	return (const struct heap_stack_row *)((uintptr_t)head + head->stacks_offset +
					       8 * (uint64_t)stack);
}

static inline const uint64_t *rig_addresses(const struct heap_head *head, uint32_t stack)
{
	return (const uint64_t *)(rig_row(head, stack) + 1);
}

/* The site of stack i in shard 3. */
static inline uint32_t rig_find(struct heap_head *head, struct heap_index *index, uint64_t i,
				uint64_t stage, uint32_t thread)
{
	uint64_t addresses[RIG_DEPTH];
	struct heap_stack stack = rig_stack(i, addresses);
	struct heap_site_key key = {
		.stage = stage, .thread = thread, .kind = HEAP_SITE_MALLOC, .shard = 3};

	return heap_site_find(head, index, &stack, &key, 99);
}

/* Runs `f` in a child; it calls CHECK, or returns CHILD_SKIP with a reason printed. */
static inline void in_child(int (*f)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == CHILD_SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* As on a kernel that does not know this advice of madvise. */
static inline int refuse_advice(uint32_t advice)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, advice, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof code / sizeof *code, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		fprintf(stderr, "skipped: no seccomp filter here\n");
		return -1;
	}
	return 0;
}

/* In a child: a tmpfs of that size over `folder`, seen by nobody else, gone with the child. */
static inline int tiny_tmpfs(const char *folder, const char *size)
{
	char options[64];

	snprintf(options, sizeof options, "size=%s", size);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", folder, "tmpfs", 0, options)) {
		fprintf(stderr, "skipped: a tmpfs cannot be mounted here: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

static inline uint64_t rig_lost(const struct heap_head *head, enum heap_loss loss)
{
	return atomic_load(&head->losses[loss]);
}

#endif
