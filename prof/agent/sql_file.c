/* The file of SQL statements of this process: made, mapped, and given memory part by part before it is used, so that
 * a full tmpfs is a loss that is counted, never SIGBUS in the program. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"
#include "prof/agent/sys.h"
#include "prof/base/clock.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define PAGE    4096u
#define STEP    (64u << 10)
#define REFUSED 1024u /* after a refusal, so many go without before the kernel is asked again */

static struct {
	char path[sizeof agent.head->file + sizeof SQL_SUFFIX];
	_Atomic uint64_t ready[SQL_PARTS];
	_Atomic uint32_t refused;
} own;

struct sql_head *sql_head;

static uint64_t part_offset(enum sql_part part, uint64_t *bytes)
{
	static const uint64_t from[SQL_PARTS + 1] = {SQL_STATEMENTS_OFFSET, SQL_SITES_OFFSET,
						     SQL_STACKS_OFFSET, SQL_TEXTS_OFFSET,
						     SQL_FILE_BYTES};

	*bytes = from[part + 1] - from[part];
	return from[part];
}

/* Before Linux 5.14: by the file's name, for no descriptor is kept in other people's programs. */
static int reserve_named(uint64_t offset, uint64_t bytes)
{
	long fd = sys4(SYS_openat, AT_FDCWD, (long)own.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
	long rc;

	if (fd < 0)
		return -1;
	rc = sys4(SYS_fallocate, fd, 0, (long)offset, (long)bytes);
	(void)sys2(SYS_close, fd, 0);
	return rc < 0 ? -1 : 0;
}

static int reserve(struct sql_head *head, uint64_t offset, uint64_t bytes)
{
	uint64_t from = offset & ~(uint64_t)(PAGE - 1);
	uint64_t all = (offset + bytes - from + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	long rc = sys3(SYS_madvise, (long)((uint8_t *)head + from), (long)all, MADV_POPULATE_WRITE);

	return rc == 0 ? 0 : rc == -EINVAL ? reserve_named(from, all) : -1;
}

int sql_file_room(struct sql_head *head, enum sql_part part, uint64_t bytes)
{
	uint64_t ready = atomic_load_explicit(&own.ready[part], memory_order_relaxed), end;
	uint64_t offset = part_offset(part, &end), want;
	uint32_t refused = atomic_load_explicit(&own.refused, memory_order_relaxed);

	if (bytes <= ready)
		return 0;
	if (bytes > end)
		return -1;
	if (refused) {
		atomic_store_explicit(&own.refused, refused - 1, memory_order_relaxed);
		return -1;
	}
	want = (bytes + STEP - 1) / STEP * STEP;
	want = want > end ? end : want;
	if (reserve(head, offset + ready, want - ready)) {
		atomic_store_explicit(&own.refused, REFUSED, memory_order_relaxed);
		return -1;
	}
	atomic_store_explicit(&own.ready[part], want, memory_order_relaxed);
	return 0;
}

/* A limited program's address space is its own, and a file grown beyond the limit on files would be its death. */
static int fits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_cur != RLIM_INFINITY &&
	    r.rlim_cur < SQL_FILE_BYTES)
		return 0;
	return getrlimit(RLIMIT_AS, &r) || r.rlim_cur == RLIM_INFINITY ||
	       r.rlim_cur / 16 >= SQL_FILE_BYTES;
}

static struct sql_head *map(long fd)
{
	long at;

	if (sys2(SYS_ftruncate, fd, (long)SQL_FILE_BYTES) < 0)
		return NULL;
	at = sys6(SYS_mmap, 0, (long)SQL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at < 0 && at > -PAGE)
		return NULL;
	(void)sys3(SYS_madvise, at, (long)SQL_FILE_BYTES, MADV_DONTDUMP);
	return (struct sql_head *)at;
}

static int first_room(struct sql_head *h)
{
	uint64_t before = SQL_STATEMENTS_OFFSET; /* the head and all connections */

	return reserve(h, 0, before) || sql_file_room(h, SQL_PART_STATEMENTS, 1) ||
	       sql_file_room(h, SQL_PART_SITES, 1) || sql_file_room(h, SQL_PART_STACKS, 1) ||
	       sql_file_room(h, SQL_PART_TEXTS, 1);
}

static void fill(struct sql_head *h)
{
	h->version = SQL_VERSION;
	h->head_bytes = SQL_HEAD_BYTES;
	h->file_bytes = SQL_FILE_BYTES;
	h->pid = agent.pid;
	h->image = agent.head->image;
	h->start_ns = clock_mono_ns();
	atomic_store(&h->statements_used, 1);
	atomic_store(&h->sites_used, 1);
	atomic_store(&h->stacks_used, 1);
	atomic_store(&h->texts_used, 8);
	atomic_thread_fence(memory_order_release);
	h->magic = SQL_MAGIC;
}

struct sql_head *sql_file_make(void)
{
	size_t n = strnlen(agent.head->file, sizeof agent.head->file - 1);
	struct sql_head *h;
	long fd;

	memset(&own, 0, sizeof own);
	memcpy(own.path, agent.head->file, n);
	memcpy(own.path + n, SQL_SUFFIX, sizeof SQL_SUFFIX);
	if (!fits())
		return NULL;
	fd = sys4(SYS_openat, AT_FDCWD, (long)own.path,
		  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	h = map(fd);
	(void)sys2(SYS_close, fd, 0);
	if (h && first_room(h)) {
		sys_unmap(h, SQL_FILE_BYTES);
		h = NULL;
	}
	if (h)
		fill(h);
	else
		(void)sys3(SYS_unlinkat, AT_FDCWD, (long)own.path, 0);
	return h;
}

void sql_file_drop(struct sql_head *head)
{
	if (head)
		sys_unmap(head, SQL_FILE_BYTES);
}

void sql_loss(enum sql_loss why)
{
	if (sql_head)
		atomic_fetch_add_explicit(&sql_head->losses[why], 1, memory_order_relaxed);
}
