/* waits_on(): what a sleeping thread waits for. By the call's number: a descriptor, several, a lock, a child, time, a
 * signal. Nothing is said that the kernel or the process's memory does not bear out. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/waits.h"
#include "prof/attach/waits_fd.h"
#include "prof/attach/waits_lock.h"
#include "prof/attach/waits_names.h"
#include "prof/attach/waits_people.h"
#include "prof/attach/waits_structs.h"

#define FDS_SHOWN 8
#define NO_TIME   INT64_MIN /* no limit is given */

struct on {
	const struct proc *p;
	struct remote *memory;
	const struct proc_syscall *call;
	struct words *w;
};

static uint64_t arg(const struct on *o, int i)
{
	return o->call->args[i];
}

/* ---- time ------------------------------------------------------------------------------------------ */

static int64_t read_time(const struct on *o, uint64_t address, int micro)
{
	uint8_t bytes[16];

	if (!address || remote_read(o->memory, address, bytes, sizeof bytes) != sizeof bytes)
		return NO_TIME;
	return structs_time(bytes, micro);
}

static int64_t milliseconds(uint64_t v)
{
	return (int32_t)v < 0 ? NO_TIME : (int64_t)(int32_t)v * 1000000;
}

/* Behind what else is waited for; alone if that is nothing. */
static void add_limit(const struct on *o, int64_t ns, size_t before)
{
	if (ns < 0)
		return;
	words_add(o->w, o->w->len > before ? ", at most " : "timer, ");
	words_time(o->w, ns);
}

/* Clocks that a time namespace may shift count as ours only in the same one. */
static int same_clock(const struct on *o, int clock)
{
	char theirs[64], ours[64];
	long a, b;

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return clock == CLOCK_REALTIME || clock == CLOCK_TAI;
	a = proc_readlink(o->p, "ns/time", theirs, sizeof theirs);
	b = readlink("/proc/self/ns/time", ours, sizeof ours);
	return a > 0 && a == b && memcmp(theirs, ours, (size_t)a) == 0;
}

static void on_clock(const struct on *o)
{
	int clock = (int)arg(o, 0);
	int64_t ns = read_time(o, arg(o, 2), 0);
	struct timespec now;

	words_add(o->w, "timer");
	if (ns < 0)
		return;
	if (!(arg(o, 1) & TIMER_ABSTIME)) {
		words_add(o->w, ", ");
		words_time(o->w, ns);
	} else if (same_clock(o, clock) && clock_gettime(clock, &now) == 0) {
		ns -= (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
		words_add(o->w, ", ");
		words_time(o->w, ns);
		words_add(o->w, " left");
	}
}

static void on_sleep(const struct on *o)
{
	int64_t ns = read_time(o, arg(o, 0), 0);

	words_add(o->w, "timer");
	if (ns >= 0) {
		words_add(o->w, ", ");
		words_time(o->w, ns);
	}
}

/* ---- descriptors ------------------------------------------------------------------------------------ */

static void on_fd(const struct on *o, int i)
{
	fd_named(o->w, o->p, (int)arg(o, i));
}

static void on_two(const struct on *o, int from, int to)
{
	on_fd(o, from);
	words_add(o->w, ", ");
	on_fd(o, to);
}

static void between(const struct on *o, uint32_t n)
{
	if (n)
		words_add(o->w, ", ");
}

static void on_poll(const struct on *o, int64_t limit_ns)
{
	uint8_t bytes[FDS_SHOWN * 8];
	uint64_t count = arg(o, 1);
	size_t want = count < FDS_SHOWN ? (size_t)count * 8 : sizeof bytes, before = o->w->len;
	long n = want ? remote_read(o->memory, arg(o, 0), bytes, want) : 0;
	uint32_t events, shown = 0;
	int fd;

	for (size_t i = 0; n > 0 && structs_pollfd(bytes, (size_t)n, i, &fd, &events) == 0; i++)
		if (fd >= 0) { /* a negative one is passed over by the kernel too */
			between(o, shown++);
			fd_named(o->w, o->p, fd);
		}
	if (count > FDS_SHOWN)
		words_add(o->w, " and %llu more", (unsigned long long)(count - FDS_SHOWN));
	if (n >= 0)
		add_limit(o, limit_ns, before);
}

static void on_select(const struct on *o, int64_t limit_ns)
{
	uint64_t nfds = (uint32_t)arg(o, 0);
	size_t want = nfds < STRUCTS_FD_MAX ? (size_t)(nfds + 63) / 64 * 8 : STRUCTS_FD_MAX / 8;
	uint8_t sets[3][STRUCTS_FD_MAX / 8];
	size_t got[3] = {0}, before = o->w->len;
	uint32_t shown = 0, more = 0;

	for (int i = 0; i < 3; i++) {
		long n = want && arg(o, i + 1)
				 ? remote_read(o->memory, arg(o, i + 1), sets[i], want)
				 : 0;

		got[i] = n > 0 ? (size_t)n : 0;
	}
	for (int fd = 0; fd < STRUCTS_FD_MAX; fd++) {
		int in = 0;

		for (int i = 0; i < 3; i++)
			in |= structs_fdset_has(sets[i], got[i], nfds, fd);
		if (in && shown < FDS_SHOWN) {
			between(o, shown++);
			fd_named(o->w, o->p, fd);
		} else {
			more += (uint32_t)in;
		}
	}
	if (more)
		words_add(o->w, " and %u more", more);
	add_limit(o, limit_ns, before);
}

static void on_epoll(const struct on *o, int64_t limit_ns)
{
	size_t before = o->w->len;

	if (!fd_epoll_words(o->w, o->p, (int)arg(o, 0)))
		on_fd(o, 0);
	add_limit(o, limit_ns, before);
}

/* ---- locks ------------------------------------------------------------------------------------------- */

static int64_t read_owner_tid(const struct on *o, uint64_t descriptor)
{
	uint8_t head[24];
	int32_t tid;

	if (remote_read(o->memory, descriptor, head, sizeof head) != sizeof head ||
	    !lock_is_descriptor(descriptor, head) ||
	    remote_read(o->memory, descriptor + LOCK_THREAD_TID, &tid, sizeof tid) != sizeof tid)
		return 0;
	return tid;
}

/* What the guess says if its owner is there; else nothing is added. */
static int confirm(const struct on *o, const struct lock *l)
{
	static const char *const names[LOCK_KINDS] = {"",
						      "mutex",
						      "rwlock",
						      "condition variable",
						      "",
						      "stream lock",
						      "lock with priority inheritance"};
	struct words before = *o->w;
	int64_t owner = (int64_t)l->owner;

	if (l->kind == LOCK_STREAM)
		owner = read_owner_tid(o, l->owner);
	if (l->kind == LOCK_THREAD) {
		if (read_owner_tid(o, l->address) == owner &&
		    people_owner(o->w, o->p, (int)owner, 0)) {
			words_add(o->w, " to end");
			return 1;
		}
		words_back(o->w, &before);
		return 0;
	}
	words_add(o->w, "%s 0x%llx", names[l->kind], (unsigned long long)l->address);
	if (l->kind == LOCK_COND)
		return 1;
	words_add(o->w, " held by ");
	if (l->readers) {
		words_add(o->w, "%u reader%s", l->readers, l->readers == 1 ? "" : "s");
		return 1;
	}
	if (owner > 0 && people_owner(o->w, o->p, (int)owner, l->shared))
		return 1;
	words_back(o->w, &before);
	return 0;
}

/* The bytes around the word; those before it may be on a page that is not there. */
static int read_around(const struct on *o, uint64_t word, uint8_t bytes[LOCK_BEFORE + LOCK_AFTER],
		       size_t *from, size_t *to)
{
	uint64_t page = word & ~UINT64_C(4095);
	long n = remote_read(o->memory, word - LOCK_BEFORE, bytes, LOCK_BEFORE + LOCK_AFTER);

	*from = 0;
	if (n < (long)LOCK_BEFORE + 4 && word - page < LOCK_BEFORE) {
		*from = LOCK_BEFORE - (size_t)(word - page);
		n = remote_read(o->memory, page, bytes + *from, LOCK_BEFORE + LOCK_AFTER - *from);
	}
	*to = *from + (n > 0 ? (size_t)n : 0);
	return n > 0 && *to >= LOCK_BEFORE + 4 ? 0 : -1;
}

static void on_word(const struct on *o, const struct lock_wait *wait)
{
	uint8_t around[LOCK_BEFORE + LOCK_AFTER];
	struct lock guesses[4];
	size_t from, to, n = 0;

	if (wait->word >= LOCK_BEFORE && read_around(o, wait->word, around, &from, &to) == 0)
		n = lock_guess(wait, around, from, to, guesses, sizeof guesses / sizeof *guesses);
	for (size_t i = 0; i < n; i++)
		if (confirm(o, &guesses[i]))
			return;
	words_add(o->w, "futex 0x%llx", (unsigned long long)wait->word);
}

static void on_futex(const struct on *o)
{
	struct lock_wait wait = {
		.word = arg(o, 0),
		.op = (uint32_t)arg(o, 1) & 0x7f,
		.is_private = (arg(o, 1) & 0x80) != 0,
		.value = (uint32_t)arg(o, 2),
	};

	switch (wait.op) {
	case 0:  /* FUTEX_WAIT */
	case 6:  /* FUTEX_LOCK_PI */
	case 9:  /* FUTEX_WAIT_BITSET */
	case 11: /* FUTEX_WAIT_REQUEUE_PI */
	case 13: /* FUTEX_LOCK_PI2 */
		on_word(o, &wait);
		return;
	default: /* wakes others, and waits for nothing */
		return;
	}
}

/* ---- files, children, signals ------------------------------------------------------------------------ */

struct flock_bytes { /* struct flock of 64 bits, asm-generic/fcntl.h */
	int16_t type, whence;
	int32_t pad;
	int64_t start, length;
};

static void on_file_lock(const struct on *o, int is_flock)
{
	struct flock_bytes l = {.length = 0};
	int64_t end = INT64_MAX;

	if (!is_flock && remote_read(o->memory, arg(o, 2), &l, sizeof l) != sizeof l)
		l = (struct flock_bytes){0};
	if (!is_flock && l.whence != SEEK_SET) /* counted from where we do not know */
		l = (struct flock_bytes){0};
	if (l.start >= 0 && l.length > 0 && l.start <= INT64_MAX - l.length)
		end = l.start + l.length - 1;
	words_add(o->w, "lock on ");
	on_fd(o, 0);
	(void)people_file_lock(o->w, o->p, (int)arg(o, 0), is_flock, l.start < 0 ? 0 : l.start,
			       end);
}

/* Opening a fifo waits for somebody at its other end. The path is looked up where the process would, and only for
 * what it is. */
static void on_open(const struct on *o, int dir, uint64_t address)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	char path[1024], at[48];
	struct statx st;
	int base, fd;

	if (remote_text(o->memory, address, path, sizeof path) <= 0)
		return;
	snprintf(at, sizeof at, path[0] == '/' ? "root" : dir == AT_FDCWD ? "cwd" : "fd/%d", dir);
	if (path[0] != '/')
		how.resolve =
			RESOLVE_NO_SYMLINKS; /* an absolute link would lead into our own tree */
	base = proc_openat(o->p, at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return;
	fd = (int)syscall(SYS_openat2, base, path, &how, sizeof how);
	if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	    S_ISFIFO(st.stx_mode)) {
		words_add(o->w, "other end of fifo ");
		words_text(o->w, path, sizeof path);
	}
	if (fd >= 0)
		(void)close(fd);
	(void)close(base);
}

static void on_child(const struct on *o, int64_t pid)
{
	if (pid == -1 || pid > 0)
		(void)people_children(o->w, o->p, (int)pid);
	else if (pid < 0)
		words_add(o->w, "child of process group %lld", (long long)-pid);
	else
		words_add(o->w, "child of its own process group");
}

static void on_waitid(const struct on *o)
{
	switch ((int)arg(o, 0)) {
	case P_ALL:
		on_child(o, -1);
		return;
	case P_PID:
		on_child(o, (int32_t)arg(o, 1));
		return;
	case P_PGID:
		on_child(o, -(int64_t)(int32_t)arg(o, 1));
		return;
	case 3: /* P_PIDFD */
		fd_named(o->w, o->p, (int)arg(o, 1));
		return;
	default:
		return;
	}
}

static void on_signals(const struct on *o)
{
	uint64_t set;

	words_add(o->w, "signal");
	if (remote_read(o->memory, arg(o, 0), &set, sizeof set) == sizeof set) {
		words_add(o->w, " ");
		names_signals(o->w, set);
	}
	add_limit(o, read_time(o, arg(o, 2), 0), 0);
}

static void on_semaphore(const struct on *o)
{
	uint16_t number;

	words_add(o->w, "semaphore");
	if (arg(o, 2) == 1 &&
	    remote_read(o->memory, arg(o, 1), &number, sizeof number) == sizeof number)
		words_add(o->w, " %u", number);
	words_add(o->w, " of set %d", (int)arg(o, 0));
}

static int is_vfork(const struct on *o)
{
	uint64_t flags = arg(o, 0);

	if (o->call->nr == SYS_clone3 &&
	    remote_read(o->memory, arg(o, 0), &flags, sizeof flags) != sizeof flags)
		return 0;
	return o->call->nr == SYS_vfork || (flags & 0x4000) != 0; /* CLONE_VFORK */
}

static void on_vfork(const struct on *o)
{
	if (is_vfork(o))
		words_add(o->w, "child to exec or end");
}

/* ---- which call waits for what ------------------------------------------------------------------------- */

static int on_lists(const struct on *o)
{
	switch (o->call->nr) {
	case SYS_poll:
		on_poll(o, milliseconds(arg(o, 2)));
		return 1;
	case SYS_ppoll:
		on_poll(o, read_time(o, arg(o, 2), 0));
		return 1;
	case SYS_select:
		on_select(o, read_time(o, arg(o, 4), 1));
		return 1;
	case SYS_pselect6:
		on_select(o, read_time(o, arg(o, 4), 0));
		return 1;
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		on_epoll(o, milliseconds(arg(o, 3)));
		return 1;
	case SYS_epoll_pwait2:
		on_epoll(o, read_time(o, arg(o, 3), 0));
		return 1;
	case SYS_sendfile:
		on_two(o, 1, 0);
		return 1;
	case SYS_splice:
	case SYS_copy_file_range:
		on_two(o, 0, 2);
		return 1;
	case SYS_tee:
		on_two(o, 0, 1);
		return 1;
	default:
		return 0;
	}
}

/* Calls whose first argument is the one descriptor they may wait for. */
static int is_on_first(int64_t nr)
{
	static const short calls[] = {
		SYS_read,      SYS_write,           SYS_pread64,         SYS_pwrite64,
		SYS_readv,     SYS_writev,          SYS_preadv,          SYS_pwritev,
		SYS_preadv2,   SYS_pwritev2,        SYS_recvfrom,        SYS_sendto,
		SYS_recvmsg,   SYS_sendmsg,         SYS_recvmmsg,        SYS_sendmmsg,
		SYS_accept,    SYS_accept4,         SYS_connect,         SYS_fsync,
		SYS_fdatasync, SYS_sync_file_range, SYS_syncfs,          SYS_ftruncate,
		SYS_fallocate, SYS_getdents,        SYS_getdents64,      SYS_ioctl,
		SYS_vmsplice,  SYS_mq_timedsend,    SYS_mq_timedreceive, SYS_io_uring_enter,
		SYS_close,     SYS_fstat,           SYS_fcntl,
	};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i] == nr)
			return 1;
	return 0;
}

static int on_process(const struct on *o)
{
	switch (o->call->nr) {
	case SYS_wait4:
		on_child(o, (int32_t)arg(o, 0));
		return 1;
	case SYS_waitid:
		on_waitid(o);
		return 1;
	case SYS_vfork:
	case SYS_clone:
	case SYS_clone3:
		on_vfork(o);
		return 1;
	case SYS_rt_sigtimedwait:
		on_signals(o);
		return 1;
	case SYS_pause:
	case SYS_rt_sigsuspend:
		words_add(o->w, "signal");
		return 1;
	case SYS_semop:
	case SYS_semtimedop:
		on_semaphore(o);
		return 1;
	case SYS_msgrcv:
	case SYS_msgsnd:
		words_add(o->w, "message queue %d", (int)arg(o, 0));
		return 1;
	default:
		return 0;
	}
}

static void on_call(const struct on *o)
{
	switch (o->call->nr) {
	case SYS_futex:
		on_futex(o);
		return;
	case SYS_nanosleep:
		on_sleep(o);
		return;
	case SYS_clock_nanosleep:
		on_clock(o);
		return;
	case SYS_flock:
		on_file_lock(o, 1);
		return;
	case SYS_open:
		on_open(o, AT_FDCWD, arg(o, 0));
		return;
	case SYS_openat:
	case SYS_openat2:
		on_open(o, (int)arg(o, 0), arg(o, 1));
		return;
	case SYS_fcntl:
		if ((int)arg(o, 1) == F_SETLKW || (int)arg(o, 1) == 38) { /* F_OFD_SETLKW */
			on_file_lock(o, 0);
			return;
		}
		break;
	default:
		break;
	}
	if (!on_lists(o) && !on_process(o) && is_on_first(o->call->nr))
		on_fd(o, 0);
}

void waits_on(const struct proc *p, struct remote *memory, const struct proc_syscall *call,
	      char *out, size_t size)
{
	struct words w;
	struct on o = {p, memory, call, &w};

	words_init(&w, out, size);
	if (call->nr >= 0)
		on_call(&o);
	words_end(&w);
}
