/* Session folders. Compiled into the agent too: plain system calls, no malloc, and no stdio as long as
 * `err` is NULL. Process files are file.c's. */
#include "prof/spool/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "prof/spool/path.h"

#define SESSION_FILE  "session"
#define SESSION_TRIES 64
#define FILE_PATH_MAX (SPOOL_PATH_MAX + 32)

static int session_file(char out[FILE_PATH_MAX], const char *folder)
{
	struct path_text p = {out, FILE_PATH_MAX, 0, 0};

	path_puts(&p, folder);
	path_puts(&p, "/" SESSION_FILE);
	return p.full ? ERR_ARG : 0;
}

static int ring_bytes_fit(uint32_t n)
{
	return n >= SPOOL_RING_BYTES_MIN && n <= SPOOL_RING_BYTES_MAX && (n & (n - 1)) == 0;
}

/* A new folder DIR/protea-prof-UID-RANDOM, of mode 0700 whatever the umask. */
static int make_folder(char path[SPOOL_PATH_MAX], const char *dir)
{
	for (int i = 0; i < SESSION_TRIES; i++) {
		struct path_text p = {path, SPOOL_PATH_MAX, 0, 0};
		uint32_t salt;

		if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
			return -1;
		path_puts(&p, dir);
		path_puts(&p, "/protea-prof-");
		path_putn(&p, geteuid());
		path_puts(&p, "-");
		path_putn(&p, salt);
		if (p.full) {
			errno = ENAMETOOLONG;
			return -1;
		}
		if (mkdir(path, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/* One page on disk or in memory for sure, so that writing to it cannot fault. */
static int make_page(const char *file, void **page)
{
	static const char zeros[SPOOL_PAGE];
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n;
	int sys;

	if (fd < 0)
		return -1;
	n = write(fd, zeros, sizeof zeros);
	if (n != (ssize_t)sizeof zeros) {
		sys = n < 0 ? errno : ENOSPC;
		(void)close(fd);
		errno = sys;
		return -1;
	}
	*page = mmap(NULL, SPOOL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys = errno;
	(void)close(fd);
	errno = sys;
	return *page == MAP_FAILED ? -1 : 0;
}

static void fill_session(struct spool_session *s, const struct spool_session *config)
{
	memcpy(s, config, sizeof *s);
	s->version = SPOOL_VERSION;
	s->bytes = sizeof *s;
	s->run_id[sizeof s->run_id - 1] = '\0';
	s->cache_dir[sizeof s->cache_dir - 1] = '\0';
	memset(s->error, 0, sizeof s->error);
	atomic_store(&s->next_image, 0);
	atomic_store(&s->state, SPOOL_RUNNING);
	atomic_thread_fence(memory_order_release);
	s->magic = SPOOL_SESSION_MAGIC;
}

static int make_in(struct spool_session **out, char path[SPOOL_PATH_MAX], const char *dir,
		   const struct spool_session *config)
{
	char file[FILE_PATH_MAX];
	void *page;
	int sys;

	if (make_folder(path, dir))
		return -1;
	if (session_file(file, path) || make_page(file, &page)) {
		sys = errno;
		(void)unlink(file);
		(void)rmdir(path);
		errno = sys;
		return -1;
	}
	*out = page;
	fill_session(*out, config);
	return 0;
}

int session_make(struct spool_session **out, char path[SPOOL_PATH_MAX],
		 const struct spool_session *config, const char *fallback, struct err *err)
{
	const char *dirs[2] = {"/dev/shm", fallback};

	_Static_assert(sizeof(struct spool_session) <= SPOOL_PAGE, "a session is one page");
	*out = NULL;
	if (!ring_bytes_fit(config->ring_bytes))
		return err_set(err, ERR_ARG,
			       "rings of %u bytes: a power of two from 4 KiB to 64 MiB",
			       config->ring_bytes);
	for (int i = 0; i < 2; i++) {
		if (dirs[i] && dirs[i][0] && make_in(out, path, dirs[i], config) == 0)
			return 0;
	}
	path[0] = '\0';
	return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO,
		       "cannot make a session folder in /dev/shm%s%s", fallback ? " or " : "",
		       fallback ? fallback : "");
}

static int check_session(const struct spool_session *s, const char *path, struct err *err)
{
	if (s->magic != SPOOL_SESSION_MAGIC)
		return err_set(err, ERR_FORMAT, "'%s' is no session of protea-prof", path);
	if (s->version != SPOOL_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "session '%s' has version %u, this program knows version %u", path,
			       s->version, (unsigned int)SPOOL_VERSION);
	if (s->bytes != sizeof *s || !ring_bytes_fit(s->ring_bytes) ||
	    s->run_id[sizeof s->run_id - 1] || s->cache_dir[sizeof s->cache_dir - 1] ||
	    s->error[sizeof s->error - 1])
		return err_set(err, ERR_FORMAT, "session '%s' is damaged", path);
	return 0;
}

static int open_session(const char *path, struct err *err)
{
	char file[FILE_PATH_MAX];
	struct stat st;
	int fd;

	if (session_file(file, path))
		return err_set(err, ERR_ARG, "path of session too long: '%s'", path);
	fd = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO,
			       "cannot open session '%s'", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)SPOOL_PAGE) {
		(void)close(fd);
		return err_set(err, ERR_FORMAT, "'%s' is no session of protea-prof", path);
	}
	return fd;
}

int session_map(struct spool_session **out, const char *path, struct err *err)
{
	int fd, rc, sys;
	void *page;

	*out = NULL;
	fd = open_session(path, err);
	if (fd < 0)
		return fd;
	page = mmap(NULL, SPOOL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys = errno;
	(void)close(fd);
	errno = sys;
	if (page == MAP_FAILED)
		return err_sys(err, ERR_IO, "cannot map session '%s'", path);
	rc = check_session(page, path, err);
	if (rc) {
		(void)munmap(page, SPOOL_PAGE);
		return rc;
	}
	*out = page;
	return 0;
}

void session_unmap(struct spool_session *s)
{
	if (s)
		(void)munmap(s, SPOOL_PAGE);
}

/* "session", digits.digits, and that with .mod (the supervisor's) or .heap: nothing else is ours to
 * remove. */
static int name_is_ours(const char *name)
{
	size_t a, b;

	if (strcmp(name, SESSION_FILE) == 0)
		return 1;
	a = strspn(name, "0123456789");
	if (a == 0 || name[a] != '.')
		return 0;
	b = strspn(name + a + 1, "0123456789");
	name += a + 1 + b;
	return b > 0 &&
	       (name[0] == '\0' || strcmp(name, ".mod") == 0 || strcmp(name, ".heap") == 0);
}

struct dirent_kernel { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

static int remove_some(int fd)
{
	_Alignas(8) char buf[4096];
	long n = syscall(SYS_getdents64, fd, buf, sizeof buf);

	for (long at = 0; at < n;) {
		const struct dirent_kernel *d = (const void *)(buf + at);

		if (name_is_ours(d->name) && unlinkat(fd, d->name, 0) && errno != ENOENT)
			return -1;
		at += d->bytes;
	}
	return n < 0 ? -1 : n > 0;
}

int session_remove(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 1, sys;

	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(err, ERR_IO, "cannot open session folder '%s'", path);
	while (rc > 0)
		rc = remove_some(fd);
	sys = errno;
	(void)close(fd);
	errno = sys;
	if (rc < 0 || (rmdir(path) && errno != ENOENT))
		return err_sys(err, ERR_IO, "cannot remove session folder '%s'", path);
	return 0;
}
