/* Process files: made, claimed from and released by the agent (plain system calls, no malloc, no stdio
 * while `err` is NULL), mapped and checked by readers. Shared memory is touched only after it was
 * reserved: a full tmpfs gives an error here, never SIGBUS in the program. */
#include "prof/spool/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/spool/crc32c.h"
#include "prof/spool/path.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static uint64_t rings_offset(uint32_t rings_max)
{
	return SPOOL_HEAD_BYTES + (uint64_t)rings_max * sizeof(struct spool_ring);
}

static uint64_t file_bytes(uint32_t rings_max, uint32_t ring_bytes)
{
	return rings_offset(rings_max) + (uint64_t)rings_max * ring_bytes;
}

static struct spool_ring *descriptor(struct spool_head *head, uint32_t i)
{
	return (struct spool_ring *)(void *)((uint8_t *)head + SPOOL_HEAD_BYTES) + i;
}

#define RINGS_MIN 16u /* their descriptors fill a page: rings begin on a page */

static uint64_t limit_of(__rlimit_resource_t resource, uint64_t share)
{
	struct rlimit r;

	if (getrlimit(resource, &r) || r.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return r.rlim_cur / share;
}

/* How many rings: few where the program's address space is limited (at most an eighth of it is ours) or
 * its files are (growing a file beyond that limit would be SIGXFSZ, its death). 0: not even RINGS_MIN. */
static uint32_t rings_that_fit(uint32_t ring_bytes)
{
	uint64_t space = limit_of(RLIMIT_AS, 8), file = limit_of(RLIMIT_FSIZE, 1);
	uint32_t n = SPOOL_RINGS_MAX;

	while (n > RINGS_MIN &&
	       (file_bytes(n, ring_bytes) > space || file_bytes(n, ring_bytes) > file))
		n /= 2;
	return file_bytes(n, ring_bytes) > file ? 0 : n;
}

static int image_path(char *out, size_t size, const char *session_path, int pid, uint32_t image)
{
	struct path_text p = {out, size, 0, 0};

	path_puts(&p, session_path);
	path_puts(&p, "/");
	path_putn(&p, (uint64_t)pid);
	path_puts(&p, ".");
	path_putn(&p, image);
	return p.full ? ERR_ARG : 0;
}

/* Memory or disk for [offset, offset + n) of an open file. */
static int reserve_fd(int fd, uint64_t offset, uint64_t n)
{
	static const char zeros[SPOOL_PAGE];

	if (fallocate(fd, 0, (off_t)offset, (off_t)n) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -1;
	for (uint64_t at = offset; at < offset + n; at += sizeof zeros)
		if (pwrite(fd, zeros, sizeof zeros, (off_t)at) != (ssize_t)sizeof zeros)
			return -1;
	return 0;
}

/* The same for a part of the mapping, whole pages; the pages are in the page table afterwards, so that
 * handlers do not fault them in one by one. */
static int reserve_mapped(struct spool_head *head, uint64_t offset, uint64_t n)
{
	int fd, rc;

	if (madvise((uint8_t *)head + offset, n, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	fd = open(head->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	rc = reserve_fd(fd, offset, n);
	(void)close(fd);
	return rc;
}

static void *map_new(int fd, uint32_t *rings_max, uint32_t ring_bytes)
{
	void *p = MAP_FAILED;

	for (uint32_t n = *rings_max; n >= RINGS_MIN && p == MAP_FAILED; n /= 2) {
		if (ftruncate(fd, (off_t)file_bytes(n, ring_bytes)))
			break;
		p = mmap(NULL, file_bytes(n, ring_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
		*rings_max = n;
	}
	if (p != MAP_FAILED)
		(void)madvise(p, file_bytes(*rings_max, ring_bytes), MADV_DONTDUMP);
	return p;
}

static void fill_head(struct spool_head *h, uint32_t rings_max, uint32_t ring_bytes, uint32_t image,
		      const char *file)
{
	struct path_text p = {h->file, sizeof h->file, 0, 0};

	h->version = SPOOL_VERSION;
	h->head_bytes = SPOOL_HEAD_BYTES;
	h->file_bytes = file_bytes(rings_max, ring_bytes);
	h->rings_offset = rings_offset(rings_max);
	h->ring_bytes = ring_bytes;
	h->rings_max = rings_max;
	h->pid = getpid();
	h->ppid = getppid();
	h->image = image;
	path_puts(&p, file);
	atomic_thread_fence(memory_order_release);
	h->magic = SPOOL_FILE_MAGIC;
}

int spool_make(struct spool_head **out, const char *session_path, struct spool_session *session,
	       struct err *err)
{
	uint32_t image = atomic_fetch_add(&session->next_image, 1);
	uint32_t ring_bytes = session->ring_bytes, rings_max = rings_that_fit(ring_bytes);
	char file[SPOOL_PATH_MAX + 32];
	void *p = MAP_FAILED;
	int fd, sys;

	*out = NULL;
	crc32c_init();
	if (rings_max == 0)
		return err_set(err, ERR_LIMIT,
			       "the limit on file sizes (ulimit -f) leaves no room");
	if (image_path(file, sizeof file, session_path, getpid(), image))
		return err_set(err, ERR_ARG, "path of session too long: '%s'", session_path);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot make '%s'", file);
	if (reserve_fd(fd, 0, SPOOL_HEAD_BYTES) == 0)
		p = map_new(fd, &rings_max, ring_bytes);
	sys = errno;
	(void)close(fd);
	if (p == MAP_FAILED) {
		(void)unlink(file);
		errno = sys;
		return err_sys(err, ERR_IO, "cannot reserve memory for '%s'", file);
	}
	fill_head(p, rings_max, ring_bytes, image, file);
	*out = p;
	return 0;
}

static void count(struct spool_head *head, enum spool_loss loss)
{
	atomic_fetch_add_explicit(&head->losses[loss], 1, memory_order_relaxed);
}

static int take(struct spool_ring *ring)
{
	uint32_t was = SPOOL_RING_FREE;

	return atomic_load_explicit(&ring->state, memory_order_relaxed) == SPOOL_RING_FREE &&
	       atomic_compare_exchange_strong(&ring->state, &was, SPOOL_RING_USED);
}

/* The index of a ring that is now ours; ERR_LIMIT, ERR_IO. */
static int64_t take_any(struct spool_head *head)
{
	for (;;) {
		uint32_t used = atomic_load(&head->rings_used);
		uint64_t at;

		for (uint32_t i = 0; i < used && i < head->rings_max; i++)
			if (take(descriptor(head, i)))
				return i;
		if (used >= head->rings_max)
			return ERR_LIMIT;
		at = SPOOL_HEAD_BYTES + (uint64_t)used * sizeof(struct spool_ring);
		if (reserve_mapped(head, at & ~(uint64_t)(SPOOL_PAGE - 1), SPOOL_PAGE))
			return ERR_IO;
		/* Whoever wins makes room for one more; the loop finds it, or a faster thread does. */
		(void)atomic_compare_exchange_strong(&head->rings_used, &used, used + 1);
	}
}

/* The first part of a ring's memory, or all of it where the writer cannot ask for more later (before
 * Linux 5.14). How much; 0: there is none. */
static uint32_t ready_ring(struct spool_head *head, uint64_t at)
{
	uint32_t first = head->ring_bytes < RING_READY ? head->ring_bytes : RING_READY;

	if (madvise((uint8_t *)head + at, first, MADV_POPULATE_WRITE) == 0)
		return first;
	return errno == EINVAL && reserve_mapped(head, at, head->ring_bytes) == 0 ? head->ring_bytes
										  : 0;
}

int spool_claim(struct spool_head *head, int tid, struct ring_writer *w)
{
	int64_t i = take_any(head);
	struct spool_ring *ring;
	uint64_t at;

	memset(w, 0, sizeof *w);
	if (i < 0) {
		count(head, i == ERR_LIMIT ? SPOOL_LOSS_THREAD_LIMIT : SPOOL_LOSS_DISK_FULL);
		return (int)i;
	}
	ring = descriptor(head, (uint32_t)i);
	at = head->rings_offset + (uint64_t)i * head->ring_bytes;
	w->ready = ready_ring(head, at);
	if (!w->ready) {
		atomic_store(&ring->state, SPOOL_RING_FREE);
		count(head, SPOOL_LOSS_DISK_FULL);
		return ERR_IO;
	}
	atomic_store(&ring->tid, tid);
	atomic_store(&ring->cpu_ns, 0);
	atomic_store(&ring->ticks, 0);
	atomic_store(&ring->samples, 0);
	atomic_fetch_add_explicit(&ring->opened, 1, memory_order_release);
	w->bytes = (uint8_t *)head + at;
	w->size = head->ring_bytes;
	w->ring = ring;
	return 0;
}

void spool_release(struct spool_head *head, struct ring_writer *w)
{
	struct spool_ring *ring = w->ring;

	(void)head;
	w->ring = NULL;
	if (ring)
		atomic_store_explicit(&ring->state, SPOOL_RING_ENDED, memory_order_release);
}

void spool_drop(struct spool_head *head)
{
	if (head)
		(void)munmap(head, file_bytes(head->rings_max, head->ring_bytes));
}

static int check_head(const struct spool_head *h, uint64_t size, const char *file, struct err *err)
{
	uint32_t n = h->rings_max, bytes = h->ring_bytes;

	if (h->magic != SPOOL_FILE_MAGIC)
		return err_set(err, ERR_FORMAT, "'%s' is no spool file", file);
	if (h->version != SPOOL_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "spool file '%s' has version %u, this program knows version %u",
			       file, h->version, (unsigned int)SPOOL_VERSION);
	if (h->head_bytes != SPOOL_HEAD_BYTES || n < 1 || n > SPOOL_RINGS_MAX || n % RINGS_MIN ||
	    bytes < SPOOL_RING_BYTES_MIN || bytes > SPOOL_RING_BYTES_MAX || (bytes & (bytes - 1)) ||
	    h->rings_offset != rings_offset(n) || h->file_bytes != file_bytes(n, bytes) ||
	    h->file_bytes > size)
		return err_set(err, ERR_FORMAT, "spool file '%s' is damaged", file);
	return 0;
}

static int open_file(const char *file, uint64_t *size, struct err *err)
{
	struct stat st;
	int fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open spool file '%s'", file);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)SPOOL_HEAD_BYTES) {
		(void)close(fd);
		return err_set(err, ERR_FORMAT, "'%s' is no spool file", file);
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

/* Checks a private copy of the head, so that what was checked is what is used. */
static int read_head(struct spool_head *copy, int fd, uint64_t size, const char *file,
		     struct err *err)
{
	if (pread(fd, copy, sizeof *copy, 0) != (ssize_t)sizeof *copy)
		return err_sys(err, ERR_IO, "cannot read spool file '%s'", file);
	return check_head(copy, size, file, err);
}

int spool_map(struct spool_file *out, const char *file, struct err *err)
{
	struct spool_head copy;
	uint64_t size = 0;
	int fd, rc;

	memset(out, 0, sizeof *out);
	fd = open_file(file, &size, err);
	if (fd < 0)
		return fd;
	rc = read_head(&copy, fd, size, file, err);
	if (rc == 0) {
		void *p = mmap(NULL, copy.file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED) {
			rc = err_sys(err, ERR_IO, "cannot map spool file '%s'", file);
		} else {
			out->head = p;
			out->bytes = copy.file_bytes;
			out->rings_max = copy.rings_max;
			out->ring_bytes = copy.ring_bytes;
		}
	}
	(void)close(fd);
	return rc;
}

void spool_unmap(struct spool_file *f)
{
	if (f->head)
		(void)munmap(f->head, f->bytes);
	memset(f, 0, sizeof *f);
}

uint32_t spool_rings(const struct spool_file *f)
{
	uint32_t used = atomic_load_explicit(&f->head->rings_used, memory_order_acquire);

	return used < f->rings_max ? used : f->rings_max;
}

struct spool_ring *spool_ring_at(const struct spool_file *f, uint32_t i)
{
	return descriptor(f->head, i);
}
