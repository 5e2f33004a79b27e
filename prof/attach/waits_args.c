/* waits_syscall(): a call with its arguments. Texts and structures are read from the process's memory; what cannot be
 * read stays an address. Contents of buffers are not shown: they are nobody's business. */
#include <string.h>
#include <sys/syscall.h>

#include "prof/attach/syscalls.h"
#include "prof/attach/waits.h"
#include "prof/attach/waits_names.h"
#include "prof/attach/waits_structs.h"

#define TEXT_SHOWN 96 /* of a path: a call has to fit into a line */

struct args {
	struct remote *memory;
	const struct proc_syscall *call;
	const char *kinds;
	int n;
	struct words *w;
};

static void text(struct args *a, uint64_t address)
{
	char bytes[TEXT_SHOWN + 2];
	long n = address ? remote_text(a->memory, address, bytes, sizeof bytes) : -1;

	if (n < 0)
		words_pointer(a->w, address);
	else
		words_quote(a->w, bytes, n > TEXT_SHOWN ? TEXT_SHOWN : (size_t)n, n > TEXT_SHOWN);
}

/* "1.5 s", or seconds of a clock where a moment is meant. */
static void time_arg(struct args *a, uint64_t address, int micro, int absolute)
{
	uint8_t bytes[16];
	int64_t ns;

	if (!address || remote_read(a->memory, address, bytes, sizeof bytes) != sizeof bytes) {
		words_pointer(a->w, address);
		return;
	}
	ns = structs_time(bytes, micro);
	if (ns < 0)
		words_pointer(a->w, address);
	else if (absolute)
		words_add(a->w, "at %lld.%03d", (long long)(ns / 1000000000),
			  (int)(ns % 1000000000 / 1000000));
	else
		words_time(a->w, ns);
}

static void sigset_arg(struct args *a, uint64_t address)
{
	uint64_t set;

	if (!address || remote_read(a->memory, address, &set, sizeof set) != sizeof set) {
		words_pointer(a->w, address);
		return;
	}
	words_add(a->w, "[");
	names_signals(a->w, set);
	words_add(a->w, "]");
}

/* Arrays of `size` bytes an entry, told by `tell`. */
static void array(struct args *a, int i, size_t size,
		  void (*tell)(struct words *, const uint8_t *, size_t, uint64_t))
{
	uint8_t bytes[STRUCTS_POLL_MAX * 8];
	uint64_t address = a->call->args[i], count = i < 5 ? a->call->args[i + 1] : 0;
	size_t want = count < STRUCTS_POLL_MAX ? (size_t)count * size : STRUCTS_POLL_MAX * size;
	long n = address && want ? remote_read(a->memory, address, bytes, want) : -1;

	if (n <= 0)
		words_pointer(a->w, address);
	else
		tell(a->w, bytes, (size_t)n, count);
}

static void sockaddr_arg(struct args *a, int i)
{
	uint8_t bytes[128]; /* sockaddr_storage */
	uint64_t address = a->call->args[i], len = i < 5 ? (uint32_t)a->call->args[i + 1] : 0;
	size_t want = len < sizeof bytes ? (size_t)len : sizeof bytes;
	long n = address && want ? remote_read(a->memory, address, bytes, want) : -1;

	if (n <= 0)
		words_pointer(a->w, address);
	else
		structs_sockaddr(a->w, bytes, (size_t)n);
}

/* Does the timespec at argument `i` tell a moment, not a duration? */
static int is_absolute(const struct args *a, int i)
{
	uint32_t op = (uint32_t)a->call->args[1];

	switch (a->call->nr) {
	case SYS_clock_nanosleep:
		return (a->call->args[1] & 1) != 0; /* TIMER_ABSTIME */
	case SYS_futex:                             /* of FUTEX_WAIT alone it is a duration */
		return (op & 0x7f) != 0;
	case SYS_mq_timedsend:
	case SYS_mq_timedreceive:
	case 449: /* futex_waitv */
	case 455: /* futex_wait */
	case SYS_clock_settime:
		return i > 0;
	default:
		return 0;
	}
}

static void plain(struct args *a, int kind, uint64_t v)
{
	switch (kind) {
	case ARG_FD:
	case ARG_INT:
		words_add(a->w, "%d", (int32_t)v);
		return;
	case ARG_DIR:
		if ((int32_t)v == -100) /* AT_FDCWD */
			words_add(a->w, "AT_FDCWD");
		else
			words_add(a->w, "%d", (int32_t)v);
		return;
	case ARG_LONG:
		words_add(a->w, "%lld", (long long)v);
		return;
	case ARG_UINT:
		words_add(a->w, "%u", (uint32_t)v);
		return;
	case ARG_SIZE:
		words_add(a->w, "%llu", (unsigned long long)v);
		return;
	case ARG_MODE:
		words_add(a->w, v ? "0%o" : "0", (uint32_t)v);
		return;
	case ARG_POINTER:
		words_pointer(a->w, v);
		return;
	default:
		words_add(a->w, v ? "0x%llx" : "0", (unsigned long long)v);
	}
}

static void arg(struct args *a, int i)
{
	uint64_t v = a->call->args[i];

	switch (a->kinds[i]) {
	case ARG_TEXT:
		text(a, v);
		return;
	case ARG_TIMESPEC:
	case ARG_TIMEVAL:
		time_arg(a, v, a->kinds[i] == ARG_TIMEVAL, is_absolute(a, i));
		return;
	case ARG_SIGSET:
		sigset_arg(a, v);
		return;
	case ARG_POLL:
		array(a, i, 8, structs_pollfds);
		return;
	case ARG_SEM:
		array(a, i, 6, structs_sembufs);
		return;
	case ARG_SOCKADDR:
		sockaddr_arg(a, i);
		return;
	default:
		if (!names_arg(a->w, a->kinds[i], v))
			plain(a, a->kinds[i], v);
	}
}

/* select(): sets as large as the first argument says. */
static void fdset_arg(struct args *a, int i)
{
	uint8_t bytes[STRUCTS_FD_MAX / 8];
	uint64_t address = a->call->args[i], nfds = (uint32_t)a->call->args[0];
	size_t want = nfds < STRUCTS_FD_MAX ? (size_t)(nfds + 63) / 64 * 8 : sizeof bytes;
	long n = address && want ? remote_read(a->memory, address, bytes, want) : -1;

	if (n <= 0)
		words_pointer(a->w, address);
	else
		structs_fdset(a->w, bytes, (size_t)n, nfds);
}

/* How many of the six arguments the operation looks at. */
static int futex_args(const struct proc_syscall *c)
{
	switch (c->args[1] & 0x7f) {
	case 0: /* FUTEX_WAIT */
	case 6: /* LOCK_PI */
	case 13:
		return 4;
	case 1: /* WAKE */
		return 3;
	case 7: /* UNLOCK_PI */
	case 8: /* TRYLOCK_PI */
		return 2;
	default:
		return 6;
	}
}

static int is_flag_open(const struct proc_syscall *c, int i)
{
	return ((uint32_t)c->args[i] & 0100) != 0 ||
	       ((uint32_t)c->args[i] & 020200000) == 020200000;
}

/* Arguments that this very call does not look at are left out. */
static int count_args(const struct args *a)
{
	const struct proc_syscall *c = a->call;
	int n = (int)strlen(a->kinds);

	if (c->nr == SYS_futex)
		return futex_args(c);
	if (c->nr == SYS_open && !is_flag_open(c, 1)) /* no O_CREAT, no O_TMPFILE: no mode */
		return 2;
	if (c->nr == SYS_openat && !is_flag_open(c, 2))
		return 3;
	return n;
}

/* Of locks: F_GETLK, F_SETLK, F_SETLKW, and the same of open files. */
static int is_lock_command(uint64_t command)
{
	return ((uint32_t)command >= 5 && (uint32_t)command <= 7) ||
	       ((uint32_t)command >= 36 && (uint32_t)command <= 38);
}

static void flock_arg(struct args *a, uint64_t address)
{
	uint8_t bytes[STRUCTS_FLOCK];

	if (!address || remote_read(a->memory, address, bytes, sizeof bytes) != sizeof bytes)
		words_pointer(a->w, address);
	else
		structs_flock(a->w, bytes);
}

static void special(struct args *a, int i)
{
	int64_t nr = a->call->nr;
	uint64_t v = a->call->args[i];

	if ((nr == SYS_select || nr == SYS_pselect6) && i >= 1 && i <= 3)
		fdset_arg(a, i);
	else if (nr == SYS_fcntl && i == 2 && is_lock_command(a->call->args[1]))
		flock_arg(a, v);
	else if (nr == SYS_ioctl && i == 1)
		names_ioctl(a->w, v);
	else if (nr == SYS_futex && i == 5)
		words_add(a->w, v == UINT32_MAX ? "FUTEX_BITSET_MATCH_ANY" : "0x%x", (uint32_t)v);
	else if (nr == SYS_futex && i == 2 && (uint32_t)v > 0xffff) /* a word with flags, a tid */
		words_add(a->w, "0x%x", (uint32_t)v);
	else
		arg(a, i);
}

void waits_syscall(const struct proc *p, struct remote *memory, const struct proc_syscall *call,
		   char *out, size_t size)
{
	const char *name = syscall_name(call->nr);
	struct words w;
	struct args a = {memory, call, syscall_args(call->nr), 0, &w};

	(void)p;
	words_init(&w, out, size);
	if (call->nr < 0)
		return;
	if (name)
		words_add(&w, "%s(", name);
	else
		words_add(&w, "syscall_%lld(", (long long)call->nr);
	a.n = count_args(&a);
	for (int i = 0; i < a.n; i++) {
		if (i)
			words_add(&w, ", ");
		special(&a, i);
	}
	words_add(&w, ")");
	words_end(&w);
}
