/* Reading another process's memory: see remote.h. Nothing here stops or changes it; pages that are read are
 * touched as the process itself would by reading them. */
#include "prof/attach/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096u

/* What lies further out than this is not the stack that was copied. Linux allows no larger one without
 * RLIMIT_STACK being raised beyond all reason. */
#define STACK_SPAN ((uint64_t)1 << 30)

void remote_init(struct remote *r, int pid)
{
	*r = (struct remote){.pid = pid, .mem_fd = -1};
}

void remote_close(struct remote *r)
{
	if (r->mem_fd >= 0)
		(void)close(r->mem_fd); /* nothing was written */
	r->mem_fd = -1;
}

static long read_by_file(struct remote *r, uint64_t address, void *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n =
			pread(r->mem_fd, (char *)out + done, len - done, (off_t)(address + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && done == 0) {
			errno = n < 0 && errno != EIO ? errno : EFAULT;
			return -1;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

/* System calls may be filtered (containers) where the file is not. */
static int open_file(struct remote *r)
{
	char path[32];
	int saved = errno;

	(void)snprintf(path, sizeof path, "/proc/%d/mem", r->pid);
	r->mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->mem_fd < 0)
		errno = saved;
	return r->mem_fd < 0 ? -1 : 0;
}

long remote_read(struct remote *r, uint64_t address, void *out, size_t len)
{
	struct iovec to = {out, len};
	struct iovec from = {(void *)(uintptr_t)address, len};
	ssize_t n;

	if (len == 0)
		return 0;
	if (address > (uint64_t)INT64_MAX - len || len > (size_t)INT32_MAX) {
		errno = EFAULT;
		return -1;
	}
	if (r->read)
		return r->read(r->read_ctx, address, out, len);
	if (r->mem_fd >= 0)
		return read_by_file(r, address, out, len);
	n = process_vm_readv(r->pid, &to, 1, &from, 1, 0);
	if (n >= 0)
		return (long)n;
	if ((errno == EPERM || errno == ENOSYS) && open_file(r) == 0)
		return read_by_file(r, address, out, len);
	return -1;
}

long remote_text(struct remote *r, uint64_t address, char *out, size_t size)
{
	size_t done = 0;

	if (size == 0)
		return -1;
	while (done < size - 1) { /* page by page: the next one may not be there */
		size_t want = PAGE - (size_t)((address + done) % PAGE);
		const char *end;
		long n;

		if (want > size - 1 - done)
			want = size - 1 - done;
		n = remote_read(r, address + done, out + done, want);
		if (n <= 0)
			return -1;
		end = memchr(out + done, 0, (size_t)n);
		if (end)
			return (long)(end - out);
		done += (size_t)n;
	}
	out[done] = '\0';
	return (long)done;
}

static int holds(uint64_t lo, size_t bytes, uint64_t address)
{
	return address >= lo && bytes >= 8 && address - lo <= bytes - 8;
}

static int use(struct unwind_memory *m, const uint8_t *base, uint64_t lo, size_t bytes)
{
	m->base = base;
	m->lo = lo;
	m->hi = lo + bytes;
	return 0;
}

/* The copy, the window as it is, else a new window that begins at the address: stacks are walked outwards. */
static int extend(struct unwind_memory *m, uint64_t address)
{
	struct remote_stack *s = m->ctx;
	long n;

	if (holds(s->copy_lo, s->copy_bytes, address))
		return use(m, s->copy, s->copy_lo, s->copy_bytes);
	if (holds(s->window_lo, s->window_bytes, address))
		return use(m, s->window, s->window_lo, s->window_bytes);
	if (!s->remote)
		return -1;
	s->window_bytes = 0;
	/* A piece of what lies before, too: code is read from a few bytes before an address. */
	s->window_lo = address % PAGE >= 64 ? address - 64 : address;
	n = remote_read(s->remote, s->window_lo, s->window, sizeof s->window);
	if (n > 0)
		s->window_bytes = (size_t)n;
	if (!holds(s->window_lo, s->window_bytes, address))
		return -1;
	s->live_reads += s->copy_bytes > 0 && address - s->copy_lo < STACK_SPAN;
	return use(m, s->window, s->window_lo, s->window_bytes);
}

void remote_stack_memory(struct remote_stack *s, struct unwind_memory *m)
{
	s->window_bytes = 0;
	s->window_lo = 0;
	s->live_reads = 0;
	*m = (struct unwind_memory){.extend = extend, .ctx = s};
	(void)use(m, s->copy, s->copy_lo, s->copy_bytes);
}
