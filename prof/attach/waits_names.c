/* Names of flags: see waits_names.h. Numbers come from the kernel's and libc's headers; those that an older header
 * lacks are given with the kernel that brought them. */
#include "prof/attach/waits_names.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "prof/attach/syscalls.h"

#define W(name)                                                                                    \
	{                                                                                          \
		(uint64_t)(uint32_t)(name), #name                                                  \
	}

static const struct word at_flags[] = {
	W(AT_SYMLINK_NOFOLLOW), W(AT_SYMLINK_FOLLOW),    W(AT_NO_AUTOMOUNT),
	W(AT_EMPTY_PATH),       {0x200, "AT_REMOVEDIR"},
};
static const struct word clocks[] = {
	W(CLOCK_REALTIME),          W(CLOCK_MONOTONIC),     W(CLOCK_PROCESS_CPUTIME_ID),
	W(CLOCK_THREAD_CPUTIME_ID), W(CLOCK_MONOTONIC_RAW), W(CLOCK_REALTIME_COARSE),
	W(CLOCK_MONOTONIC_COARSE),  W(CLOCK_BOOTTIME),      W(CLOCK_REALTIME_ALARM),
	W(CLOCK_BOOTTIME_ALARM),    W(CLOCK_TAI),
};
static const struct word clone_flags[] = {
	W(CLONE_VM),
	W(CLONE_FS),
	W(CLONE_FILES),
	W(CLONE_SIGHAND),
	W(CLONE_PIDFD),
	W(CLONE_PTRACE),
	W(CLONE_VFORK),
	W(CLONE_PARENT),
	W(CLONE_THREAD),
	W(CLONE_NEWNS),
	W(CLONE_SYSVSEM),
	W(CLONE_SETTLS),
	W(CLONE_PARENT_SETTID),
	W(CLONE_CHILD_CLEARTID),
	W(CLONE_UNTRACED),
	W(CLONE_CHILD_SETTID),
	W(CLONE_NEWCGROUP),
	W(CLONE_NEWUTS),
	W(CLONE_NEWIPC),
	W(CLONE_NEWUSER),
	W(CLONE_NEWPID),
	W(CLONE_NEWNET),
	W(CLONE_IO),
};
static const struct word domains[] = {
	W(AF_UNSPEC), W(AF_UNIX),      W(AF_INET), W(AF_INET6), W(AF_NETLINK),
	W(AF_PACKET), W(AF_BLUETOOTH), W(AF_ALG),  W(AF_VSOCK), W(AF_XDP),
};
static const struct word epoll_ops[] = {W(EPOLL_CTL_ADD), W(EPOLL_CTL_DEL), W(EPOLL_CTL_MOD)};
static const struct word fcntls[] = {
	W(F_DUPFD),      W(F_GETFD),      W(F_SETFD),     W(F_GETFL),     W(F_SETFL),
	W(F_GETLK),      W(F_SETLK),      W(F_SETLKW),    W(F_SETOWN),    W(F_GETOWN),
	W(F_SETSIG),     W(F_GETSIG),     W(F_SETOWN_EX), W(F_GETOWN_EX), W(F_OFD_GETLK),
	W(F_OFD_SETLK),  W(F_OFD_SETLKW), W(F_SETLEASE),  W(F_GETLEASE),  W(F_NOTIFY),
	W(F_SETPIPE_SZ), W(F_GETPIPE_SZ), W(F_ADD_SEALS), W(F_GET_SEALS), W(F_DUPFD_CLOEXEC),
};
static const struct word flocks[] = {W(LOCK_SH), W(LOCK_EX), W(LOCK_UN), W(LOCK_NB)};
static const struct word futex_ops[] = {
	/* FUTEX_* of include/uapi/linux/futex.h, without their two flags */
	{0, "FUTEX_WAIT"},
	{1, "FUTEX_WAKE"},
	{2, "FUTEX_FD"},
	{3, "FUTEX_REQUEUE"},
	{4, "FUTEX_CMP_REQUEUE"},
	{5, "FUTEX_WAKE_OP"},
	{6, "FUTEX_LOCK_PI"},
	{7, "FUTEX_UNLOCK_PI"},
	{8, "FUTEX_TRYLOCK_PI"},
	{9, "FUTEX_WAIT_BITSET"},
	{10, "FUTEX_WAKE_BITSET"},
	{11, "FUTEX_WAIT_REQUEUE_PI"},
	{12, "FUTEX_CMP_REQUEUE_PI"},
	{13, "FUTEX_LOCK_PI2"},
};
static const struct word advices[] = {
	W(MADV_NORMAL),
	W(MADV_RANDOM),
	W(MADV_SEQUENTIAL),
	W(MADV_WILLNEED),
	W(MADV_DONTNEED),
	W(MADV_FREE),
	W(MADV_REMOVE),
	W(MADV_DONTFORK),
	W(MADV_DOFORK),
	W(MADV_MERGEABLE),
	W(MADV_UNMERGEABLE),
	W(MADV_HUGEPAGE),
	W(MADV_NOHUGEPAGE),
	W(MADV_DONTDUMP),
	W(MADV_DODUMP),
	W(MADV_COLD),
	W(MADV_PAGEOUT),
	{22, "MADV_POPULATE_READ"},
	{23, "MADV_POPULATE_WRITE"},
	{25, "MADV_COLLAPSE"},
};
static const struct word id_types[] = {W(P_ALL), W(P_PID), W(P_PGID), {3, "P_PIDFD"}};
static const struct word maps[] = {
	{3, "MAP_SHARED_VALIDATE"},
	W(MAP_SHARED),
	W(MAP_PRIVATE),
	W(MAP_FIXED_NOREPLACE),
	W(MAP_FIXED),
	W(MAP_ANONYMOUS),
	W(MAP_GROWSDOWN),
	W(MAP_DENYWRITE),
	W(MAP_LOCKED),
	W(MAP_NORESERVE),
	W(MAP_POPULATE),
	W(MAP_NONBLOCK),
	W(MAP_STACK),
	W(MAP_HUGETLB),
	W(MAP_SYNC),
};
static const struct word mask_hows[] = {W(SIG_BLOCK), W(SIG_UNBLOCK), W(SIG_SETMASK)};
static const struct word messages[] = {
	W(MSG_OOB),  W(MSG_PEEK),       W(MSG_DONTROUTE), W(MSG_TRUNC),    W(MSG_DONTWAIT),
	W(MSG_EOR),  W(MSG_WAITALL),    W(MSG_CONFIRM),   W(MSG_ERRQUEUE), W(MSG_NOSIGNAL),
	W(MSG_MORE), W(MSG_WAITFORONE), W(MSG_ZEROCOPY),  W(MSG_FASTOPEN), W(MSG_CMSG_CLOEXEC),
};
static const struct word opens[] = {
	/* O_SYNC holds O_DSYNC, O_TMPFILE O_DIRECTORY: the larger first */
	W(O_SYNC),      W(O_TMPFILE),  W(O_CREAT),   W(O_EXCL),
	W(O_NOCTTY),    W(O_TRUNC),    W(O_APPEND),  W(O_NONBLOCK),
	W(O_DSYNC),     W(O_ASYNC),    W(O_DIRECT),  {0100000, "O_LARGEFILE"},
	W(O_DIRECTORY), W(O_NOFOLLOW), W(O_NOATIME), W(O_CLOEXEC),
	W(O_PATH),
};
static const struct word polls[] = {
	W(POLLIN),  W(POLLPRI),  W(POLLOUT),           W(POLLERR),
	W(POLLHUP), W(POLLNVAL), {0x40, "POLLRDNORM"}, {0x2000, "POLLRDHUP"},
};
static const struct word prots[] = {W(PROT_NONE), W(PROT_READ), W(PROT_WRITE), W(PROT_EXEC)};
static const struct word types[] = {
	W(SOCK_STREAM), W(SOCK_DGRAM), W(SOCK_RAW), W(SOCK_RDM), W(SOCK_SEQPACKET),
};
static const struct word type_flags[] = {W(SOCK_CLOEXEC), W(SOCK_NONBLOCK)};
static const struct word urings[] = {
	{1, "IORING_ENTER_GETEVENTS"},        {2, "IORING_ENTER_SQ_WAKEUP"},
	{4, "IORING_ENTER_SQ_WAIT"},          {8, "IORING_ENTER_EXT_ARG"},
	{16, "IORING_ENTER_REGISTERED_RING"}, {32, "IORING_ENTER_ABS_TIMER"}, /* Linux 6.12 */
	{64, "IORING_ENTER_EXT_ARG_REG"},                                     /* 6.12 */
	{128, "IORING_ENTER_NO_IOWAIT"},                                      /* 6.15 */
};
static const struct word waits[] = {
	W(WNOHANG),
	W(WUNTRACED),
	W(WEXITED),
	W(WCONTINUED),
	W(WNOWAIT),
	{0x20000000, "__WNOTHREAD"},
	{0x40000000, "__WALL"},
	{0x80000000, "__WCLONE"},
};
static const struct word whences[] = {
	W(SEEK_SET), W(SEEK_CUR), W(SEEK_END), {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
static const struct word timer_flags[] = {W(TIMER_ABSTIME)};
static const struct word ioctls[] = {
	W(TCGETS),
	W(TCSETS),
	W(TCSETSW),
	W(TCSETSF),
	W(TCSBRK),
	W(TCXONC),
	W(TCFLSH),
	W(TIOCSCTTY),
	W(TIOCGPGRP),
	W(TIOCSPGRP),
	W(TIOCOUTQ),
	W(TIOCGWINSZ),
	W(TIOCSWINSZ),
	W(TIOCMGET),
	W(FIONREAD),
	W(FIONBIO),
	W(TIOCNOTTY),
	W(TIOCGPTN),
	W(TIOCMIWAIT),
	W(TCSBRKP),
	W(TIOCGSID),
	W(FIOASYNC),
	W(FIOCLEX),
	W(TIOCSPTLCK),
	{0xae80, "KVM_RUN"},
	{0x80086601, "FS_IOC_GETFLAGS"},
	{0xc0686200, "DRM_IOCTL"},
};
static const struct word signals[] = {
	{1, "HUP"},   {2, "INT"},     {3, "QUIT"},  {4, "ILL"},     {5, "TRAP"},  {6, "ABRT"},
	{7, "BUS"},   {8, "FPE"},     {9, "KILL"},  {10, "USR1"},   {11, "SEGV"}, {12, "USR2"},
	{13, "PIPE"}, {14, "ALRM"},   {15, "TERM"}, {16, "STKFLT"}, {17, "CHLD"}, {18, "CONT"},
	{19, "STOP"}, {20, "TSTP"},   {21, "TTIN"}, {22, "TTOU"},   {23, "URG"},  {24, "XCPU"},
	{25, "XFSZ"}, {26, "VTALRM"}, {27, "PROF"}, {28, "WINCH"},  {29, "IO"},   {30, "PWR"},
	{31, "SYS"},
};

#define SIGNALS_MAX 64
#define RT_FIRST    32 /* the kernel's; libc keeps 32 and 33 for itself */

void names_signal(struct words *w, uint64_t number)
{
	const char *name = word_of(WORDS(signals), number);

	if (name)
		words_add(w, "%s", name);
	else if (number >= RT_FIRST + 2 && number <= SIGNALS_MAX)
		words_add(w, number == RT_FIRST + 2 ? "RTMIN" : "RTMIN+%d",
			  (int)(number - RT_FIRST - 2));
	else
		words_add(w, "%lld", (long long)number);
}

void names_signals(struct words *w, uint64_t set)
{
	int inverse = __builtin_popcountll(set) > SIGNALS_MAX / 2;
	const char *between = "";

	if (inverse) {
		set = ~set;
		words_add(w, set ? "all but " : "all");
	}
	for (uint64_t i = 0; i < SIGNALS_MAX; i++)
		if (set >> i & 1) {
			words_add(w, "%s", between);
			names_signal(w, i + 1);
			between = " ";
		}
	if (!set && !inverse)
		words_add(w, "none");
}

void names_poll(struct words *w, uint32_t events)
{
	words_flags(w, WORDS(polls), events);
}

static void open_flags(struct words *w, uint64_t flags)
{
	static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};

	words_add(w, "%s", access[flags & O_ACCMODE]);
	flags = (uint32_t)flags & ~(uint32_t)O_ACCMODE;
	if (flags) {
		words_add(w, "|");
		words_flags(w, WORDS(opens), flags);
	}
}

void names_ioctl(struct words *w, uint64_t request)
{
	const char *name = word_of(WORDS(ioctls), (uint32_t)request);

	if (name)
		words_add(w, "%s", name);
	else
		words_add(w, "0x%x", (unsigned)request);
}

static void futex_op(struct words *w, uint64_t op)
{
	words_name(w, WORDS(futex_ops), op & 0x7f);
	words_add(w, "%s%s", op & 0x80 ? "_PRIVATE" : "",
		  op & 0x100 ? "|FUTEX_CLOCK_REALTIME" : "");
}

static void clone_flag(struct words *w, uint64_t flags)
{
	words_flags(w, WORDS(clone_flags), (uint32_t)flags & ~0xffu);
	if (flags & 0xff) {
		words_add(w, "|SIG");
		names_signal(w, flags & 0xff);
	}
}

static void sock_type(struct words *w, uint64_t type)
{
	words_name(w, WORDS(types), type & 0xf);
	if (type & ~UINT64_C(0xf)) {
		words_add(w, "|");
		words_flags(w, WORDS(type_flags), type & ~UINT64_C(0xf));
	}
}

static int names_value(struct words *w, int kind, uint64_t v)
{
	switch (kind) {
	case ARG_ADVICE:
		words_name(w, WORDS(advices), (uint32_t)v);
		return 1;
	case ARG_CLOCK:
		words_name(w, WORDS(clocks), (uint64_t)(int32_t)v);
		return 1;
	case ARG_DOMAIN:
		words_name(w, WORDS(domains), (uint32_t)v);
		return 1;
	case ARG_EPOLL_OP:
		words_name(w, WORDS(epoll_ops), (uint32_t)v);
		return 1;
	case ARG_FCNTL:
		words_name(w, WORDS(fcntls), (uint32_t)v);
		return 1;
	case ARG_ID_TYPE:
		words_name(w, WORDS(id_types), (uint32_t)v);
		return 1;
	case ARG_MASK_HOW:
		words_name(w, WORDS(mask_hows), (uint32_t)v);
		return 1;
	case ARG_WHENCE:
		words_name(w, WORDS(whences), (uint32_t)v);
		return 1;
	case ARG_SIGNAL:
		if (v) /* kill(pid, 0) sends none */
			words_add(w, v <= 31 ? "SIG" : "");
		names_signal(w, (uint32_t)v);
		return 1;
	default:
		return 0;
	}
}

int names_arg(struct words *w, int kind, uint64_t value)
{
	static const struct {
		int kind;
		const struct word *table;
		size_t n;
	} flags[] = {
		{ARG_AT_FLAGS, WORDS(at_flags)}, {ARG_CLOCK_FLAGS, WORDS(timer_flags)},
		{ARG_FLOCK, WORDS(flocks)},      {ARG_MAP, WORDS(maps)},
		{ARG_MSG, WORDS(messages)},      {ARG_PROT, WORDS(prots)},
		{ARG_URING, WORDS(urings)},      {ARG_WAIT, WORDS(waits)},
	};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (flags[i].kind == kind) {
			words_flags(w, flags[i].table, flags[i].n, (uint32_t)value);
			return 1;
		}
	switch (kind) {
	case ARG_OPEN:
		open_flags(w, value);
		return 1;
	case ARG_FUTEX:
		futex_op(w, (uint32_t)value);
		return 1;
	case ARG_CLONE:
		clone_flag(w, value);
		return 1;
	case ARG_SOCK_TYPE:
		sock_type(w, (uint32_t)value);
		return 1;
	default:
		return names_value(w, kind, value);
	}
}
