/* Failing allocations and system calls on purpose: see fault.h. Counters are atomic because workers allocate too. */
#include "tests/fault/fault.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static atomic_size_t seen;
static atomic_size_t fail_at; /* 0: never */
static atomic_int forever;
static atomic_int fired;
static atomic_size_t calls_seen, call_fails_at;

void fault_arm(size_t n)
{
	fired = 0;
	forever = 0;
	seen = 0;
	fail_at = n;
}

void fault_arm_forever(size_t n)
{
	fault_arm(n);
	forever = 1;
}

void fault_arm_calls(size_t n)
{
	fired = 0;
	calls_seen = 0;
	call_fails_at = n;
}

void fault_disarm(void)
{
	call_fails_at = 0;
	fail_at = 0;
	seen = 0;
}

size_t fault_count(void)
{
	return seen;
}

int fault_fired(void)
{
	return fired;
}

static int must_fail(void)
{
	size_t n = atomic_fetch_add(&seen, 1) + 1;
	size_t at = fail_at;

	if (!at || (n != at && !(forever && n > at)))
		return 0;
	fired = 1;
	errno = ENOMEM;
	return 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return must_fail() ? NULL : __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return must_fail() ? NULL : __real_aligned_alloc(align, size);
}

char *__wrap_strndup(const char *text, size_t n)
{
	size_t len = strnlen(text, n);
	char *copy = must_fail() ? NULL : __real_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

/* ---- system calls ------------------------------------------------------------------------------ */

int __real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const env[]);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *ctx);
pid_t __real_waitpid(pid_t pid, int *status, int options);
int __real_poll(struct pollfd *fds, nfds_t n, int ms);
int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const env[]);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *ctx);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);

static int call_must_fail(void)
{
	if (!call_fails_at || atomic_fetch_add(&calls_seen, 1) + 1 != call_fails_at)
		return 0;
	fired = 1;
	errno = EINTR;
	return 1;
}

int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
	return call_must_fail() ? EAGAIN : __real_posix_spawn(pid, path, actions, attr, argv, env);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
			  void *ctx)
{
	return call_must_fail() ? EAGAIN : __real_pthread_create(thread, attr, fn, ctx);
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	return call_must_fail() ? -1 : __real_waitpid(pid, status, options);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	return call_must_fail() ? -1 : __real_poll(fds, n, ms);
}
