/* The heap file of this process: made, mapped, and given memory part by part before it is used, so that a
 * full tmpfs is an error here, never SIGBUS in the program. System calls by number, see own.c. */
#include "prof/heap/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/heap/tables_internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define PAGE        4096u
#define STEP_MIN    (64u << 10)
#define STEP_MAX    (1u << 20)
#define REFUSED     1024u /* after a refusal, so many go without before the kernel is asked again */
#define PATH_BYTES  512u
#define THREADS_MIN 256u /* a page of rows */
#define SITES_MIN   512u
#define STACKS_MIN  (64u << 10)

static struct {
	struct heap_head *_Atomic head; /* NULL: there is no file */
	char path[PATH_BYTES];
	_Atomic uint64_t ready[HEAP_PARTS]; /* bytes with memory under them */
	_Atomic uint32_t refused[HEAP_PARTS];
} own_file;

struct sizes {
	uint32_t threads, sites;
	uint64_t stacks;
};

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t file_bytes(const struct sizes *s)
{
	return HEAP_HEAD_BYTES + (uint64_t)s->threads * sizeof(struct heap_thread_row) +
	       (uint64_t)s->sites * sizeof(struct heap_site) + s->stacks;
}

/* ---- memory under the file */

static uint64_t limit_of(__rlimit_resource_t resource, uint64_t share)
{
	struct rlimit r;

	if (getrlimit(resource, &r) || r.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return r.rlim_cur / share;
}

/* Memory or disk for a part of the file, by its name: no descriptor is kept in other people's programs. */
static int reserve_named(uint64_t offset, uint64_t bytes)
{
	static const char zeros[PAGE];
	long fd = syscall(SYS_openat, AT_FDCWD, own_file.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
	long rc;

	if (fd < 0)
		return -1;
	rc = syscall(SYS_fallocate, fd, 0, offset, bytes);
	/* Writing beyond the limit on files would be SIGXFSZ, even inside the file. */
	if (rc && errno == EOPNOTSUPP && limit_of(RLIMIT_FSIZE, 1) >= offset + bytes) {
		rc = 0;
		for (uint64_t at = offset; at < offset + bytes && rc == 0; at += PAGE)
			rc = syscall(SYS_pwrite64, fd, zeros, sizeof zeros, at) !=
			     (long)sizeof zeros;
	}
	(void)syscall(SYS_close, fd);
	return rc ? -1 : 0;
}

static int reserve(struct heap_head *head, uint64_t offset, uint64_t bytes)
{
	if (syscall(SYS_madvise, (uint8_t *)head + offset, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	return errno == EINVAL ? reserve_named(offset, bytes) : -1;
}

static uint64_t part_offset(const struct heap_head *head, enum heap_part part, uint64_t *end)
{
	switch (part) {
	case HEAP_PART_THREADS:
		*end = head->sites_offset;
		return head->threads_offset;
	case HEAP_PART_SITES:
		*end = head->stacks_offset;
		return head->sites_offset;
	case HEAP_PART_STACKS:
		*end = head->file_bytes;
		return head->stacks_offset;
	default:
		*end = HEAP_HEAD_BYTES;
		return 0;
	}
}

/* Asked again only now and then once refused: a full disk must not cost two system calls per event. */
static int asked_lately(enum heap_part part)
{
	uint32_t n = atomic_load_explicit(&own_file.refused[part], memory_order_relaxed);

	if (n)
		atomic_store_explicit(&own_file.refused[part], n - 1, memory_order_relaxed);
	return n != 0;
}

int heap_file_room(struct heap_head *head, enum heap_part part, uint64_t bytes)
{
	uint64_t ready = atomic_load_explicit(&own_file.ready[part], memory_order_acquire);
	uint64_t end, offset = part_offset(head, part, &end), step = ready / 4, want;

	if (bytes <= ready)
		return 0;
	if (bytes > end - offset || asked_lately(part))
		return -1;
	step = step < STEP_MIN ? STEP_MIN : step > STEP_MAX ? STEP_MAX : step;
	want = round_up(bytes > ready + step ? bytes : ready + step, PAGE);
	want = want > end - offset ? end - offset : want;
	if (reserve(head, offset + ready, want - ready)) {
		want = round_up(bytes, PAGE);
		if (reserve(head, offset + ready, want - ready)) {
			atomic_store_explicit(&own_file.refused[part], REFUSED,
					      memory_order_relaxed);
			return -1;
		}
	}
	while (ready < want && !atomic_compare_exchange_weak(&own_file.ready[part], &ready, want)) {
	}
	return 0;
}

/* ---- the file itself */

static uint64_t half(uint64_t n, uint64_t least, uint64_t step)
{
	return n <= least ? n : round_up(n / 2 < least ? least : n / 2, step);
}

/* Each part begins on a page. */
static int halve(struct sizes *s)
{
	struct sizes was = *s;

	s->threads = (uint32_t)half(s->threads, THREADS_MIN, THREADS_MIN);
	s->sites = (uint32_t)half(s->sites, SITES_MIN, PAGE / sizeof(struct heap_site));
	s->stacks = half(s->stacks, STACKS_MIN, PAGE);
	return s->threads < was.threads || s->sites < was.sites || s->stacks < was.stacks;
}

/* Sizes as asked for, then as many times halved as it takes: a limited program's address space is its own (a
 * 32nd is ours), and a file grown beyond the limit on files would be SIGXFSZ, its death. 0: not even the
 * smallest. */
static int choose(struct sizes *s, uint32_t sites_max, uint64_t stacks_bytes)
{
	uint64_t space = limit_of(RLIMIT_AS, 32), file = limit_of(RLIMIT_FSIZE, 1);

	if (sites_max == 0 || sites_max > HEAP_SITES_MAX)
		sites_max = HEAP_SITES_MAX;
	if (stacks_bytes == 0 || stacks_bytes > HEAP_STACKS_MAX)
		stacks_bytes = HEAP_STACKS_MAX;
	s->threads = HEAP_THREADS_MAX;
	s->sites = (uint32_t)round_up(sites_max < SITES_MIN ? SITES_MIN : sites_max,
				      PAGE / sizeof(struct heap_site));
	s->stacks = round_up(stacks_bytes, PAGE);
	while ((file_bytes(s) > space || file_bytes(s) > file) && halve(s)) {
	}
	return file_bytes(s) <= file;
}

static void *map_new(long fd, struct sizes *s)
{
	void *p = NULL;

	do {
		long at;

		if (syscall(SYS_ftruncate, fd, file_bytes(s)))
			return NULL;
		at = syscall(SYS_mmap, NULL, file_bytes(s), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			     0L);
		p = at == -1 ? NULL : (void *)at;
	} while (!p && halve(s));
	if (p)
		(void)syscall(SYS_madvise, p, file_bytes(s), MADV_DONTDUMP);
	return p;
}

static void fill_head(struct heap_head *h, const struct sizes *s)
{
	h->version = HEAP_VERSION;
	h->head_bytes = HEAP_HEAD_BYTES;
	h->file_bytes = file_bytes(s);
	h->threads_max = s->threads;
	h->sites_max = s->sites;
	h->stacks_bytes = s->stacks;
	h->threads_offset = HEAP_HEAD_BYTES;
	h->sites_offset = h->threads_offset + (uint64_t)s->threads * sizeof(struct heap_thread_row);
	h->stacks_offset = h->sites_offset + (uint64_t)s->sites * sizeof(struct heap_site);
	h->pid = (int32_t)syscall(SYS_getpid);
	h->start_ns = clock_mono_ns();
	h->threads_used = 1;
	h->sites_used = HEAP_SITES_RESERVED;
	h->stacks_used = 1;
}

/* Memory under the head before the first byte of it is written, then under the first of each part. */
static int first_room(struct heap_head *h, const struct sizes *s)
{
	if (reserve(h, 0, HEAP_HEAD_BYTES))
		return -1;
	fill_head(h, s);
	return heap_file_room(h, HEAP_PART_THREADS, sizeof(struct heap_thread_row)) ||
			       heap_file_room(h, HEAP_PART_SITES,
					      HEAP_SITES_RESERVED * sizeof(struct heap_site)) ||
			       heap_file_room(h, HEAP_PART_STACKS, 8)
		       ? -1
		       : 0;
}

static void forget(void)
{
	for (int i = 0; i < HEAP_PARTS; i++) {
		atomic_store(&own_file.ready[i], 0);
		atomic_store(&own_file.refused[i], 0);
	}
}

static int make(struct heap_head **out, const char *path, struct sizes *s, struct err *err)
{
	long fd = syscall(SYS_openat, AT_FDCWD, path,
			  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct heap_head *h;
	int sys = 0;

	if (fd < 0)
		return err_sys(err, errno == EEXIST ? ERR_EXISTS : ERR_IO, "cannot make '%s'",
			       path);
	h = map_new(fd, s);
	if (!h || first_room(h, s)) {
		/* A populating madvise says EFAULT where a write would have been SIGBUS. */
		sys = errno == 0 || errno == EFAULT ? ENOSPC : errno;
		if (h)
			(void)syscall(SYS_munmap, h, file_bytes(s));
	}
	(void)syscall(SYS_close, fd);
	if (sys == 0) {
		*out = h;
		return 0;
	}
	(void)syscall(SYS_unlink, path);
	errno = sys;
	return err_sys(err, sys == ENOMEM ? ERR_NOMEM : ERR_IO, "cannot reserve memory for '%s'",
		       path);
}

int heap_file_make(struct heap_head **out, const char *path, uint32_t sites_max,
		   uint64_t stacks_bytes, struct err *err)
{
	struct heap_head *h = NULL;
	struct sizes s;
	size_t n = strlen(path);
	int rc;

	*out = NULL;
	if (atomic_load(&own_file.head))
		return err_set(err, ERR_EXISTS, "this process has a heap file already");
	if (n >= sizeof own_file.path)
		return err_set(err, ERR_ARG, "path of heap file too long: '%s'", path);
	if (!choose(&s, sites_max, stacks_bytes))
		return err_set(err, ERR_LIMIT,
			       "the limit on file sizes (ulimit -f) leaves no room");
	memcpy(own_file.path, path, n + 1);
	forget();
	rc = make(&h, path, &s, err);
	if (rc)
		return rc;
	heap_own_note_all(h);
	heap_own_add(h, h, h->file_bytes);
	atomic_store(&own_file.head, h);
	atomic_thread_fence(memory_order_release);
	h->magic = HEAP_MAGIC;
	*out = h;
	return 0;
}

void heap_file_drop(struct heap_head *head)
{
	uint64_t bytes;

	if (!head)
		return;
	bytes = head->file_bytes;
	heap_stacks_drop(NULL);
	/* Not in the file: in a child it is the parent's, and the parent still has all of it. */
	heap_own_remove(NULL, head);
	(void)syscall(SYS_munmap, head, bytes);
	forget();
	atomic_store(&own_file.head, NULL);
}
