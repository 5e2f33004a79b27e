/* The parts of waits that look at bytes only: text made fit to print, names of flags, structures, lines of /proc. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cmocka.h>

#include "prof/attach/syscalls.h"
#include "prof/attach/waits_fd.h"
#include "prof/attach/waits_lock.h"
#include "prof/attach/waits_names.h"
#include "prof/attach/waits_net.h"
#include "prof/attach/waits_people.h"
#include "prof/attach/waits_structs.h"

static char out[192];
static struct words w;

static struct words *fresh(size_t size)
{
	words_init(&w, out, size);
	return &w;
}

static void text_is_made_fit_to_print(void **state)
{
	(void)state;
	words_text(fresh(sizeof out), "a\tb\033[0m\x7f", 64);
	assert_string_equal(out, "a?b?[0m?");
	words_text(fresh(sizeof out), "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 64);
	assert_string_equal(out, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	words_text(fresh(sizeof out), "\xc3", 64);
	assert_string_equal(out, "?");
	words_text(fresh(sizeof out), "\xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xc2\x9b", 64);
	assert_string_equal(out, "?? ??? ???? ??");
	words_text(fresh(sizeof out), "a\xe2\x80\xaeZ", 64); /* right-to-left override */
	assert_string_equal(out, "a???Z");
	words_text(fresh(sizeof out), "abcdef", 3);
	assert_string_equal(out, "abc");
	words_quote(fresh(sizeof out), "a\"b\\\n\x01", 64, 1);
	assert_string_equal(out, "\"a\\\"b\\\\\\n?\"...");
}

static void what_does_not_fit_is_cut_at_a_character(void **state)
{
	(void)state;
	words_text(fresh(8), "abcdefghij", 64);
	words_end(&w);
	assert_string_equal(out, "abcd...");
	words_text(fresh(8), "ab\xe2\x82\xac\xe2\x82\xac", 64);
	words_end(&w);
	assert_string_equal(out, "ab...");
	words_text(fresh(8), "abcdefg", 64);
	words_end(&w);
	assert_string_equal(out, "abcdefg");
	words_add(fresh(1), "abc");
	words_end(&w);
	assert_string_equal(out, "");
	words_add(fresh(3), "abc");
	words_end(&w);
	assert_true(strlen(out) < 3);
}

static void flags_are_named_and_the_rest_is_a_number(void **state)
{
	static const struct {
		int kind;
		uint64_t value;
		const char *text;
	} cases[] = {
		{ARG_PROT, 0, "PROT_NONE"},
		{ARG_PROT, 5, "PROT_READ|PROT_EXEC"},
		{ARG_MAP, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"},
		{ARG_MAP, 0x40000000, "0x40000000"},
		{ARG_MAP, 1, "MAP_SHARED"},
		{ARG_FUTEX, 0, "FUTEX_WAIT"},
		{ARG_FUTEX, 393, "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"},
		{ARG_FUTEX, 77, "77"},
		{ARG_WAIT, 0, "0"},
		{ARG_WAIT, 0x40000001, "WNOHANG|__WALL"},
		{ARG_OPEN, 02000000, "O_RDONLY|O_CLOEXEC"},
		{ARG_OPEN, 020200002, "O_RDWR|O_TMPFILE"},
		{ARG_OPEN, 0101, "O_WRONLY|O_CREAT"},
		{ARG_CLONE, 0x4111, "CLONE_VM|CLONE_VFORK|SIGCHLD"},
		{ARG_SOCK_TYPE, 0x80001, "SOCK_STREAM|SOCK_CLOEXEC"},
		{ARG_SIGNAL, 15, "SIGTERM"},
		{ARG_SIGNAL, 0, "0"},
		{ARG_SIGNAL, 34, "RTMIN"},
		{ARG_SIGNAL, 40, "RTMIN+6"},
		{ARG_WHENCE, 2, "SEEK_END"},
		{ARG_CLOCK, 1, "CLOCK_MONOTONIC"},
		{ARG_CLOCK, (uint64_t)-6, "-6"},
		{ARG_FLOCK, 6, "LOCK_EX|LOCK_NB"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(names_arg(fresh(sizeof out), cases[i].kind, cases[i].value), 1);
		assert_string_equal(out, cases[i].text);
	}
	assert_int_equal(names_arg(fresh(sizeof out), ARG_POINTER, 1), 0);
	names_signals(fresh(sizeof out), UINT64_C(1) << 8 | 1);
	assert_string_equal(out, "HUP KILL");
	names_signals(fresh(sizeof out), ~(UINT64_C(1) << 8));
	assert_string_equal(out, "all but KILL");
	names_signals(fresh(sizeof out), UINT64_MAX);
	assert_string_equal(out, "all");
	names_signals(fresh(sizeof out), 0);
	assert_string_equal(out, "none");
}

/* Names by the C library's own header, for a few of each hundred. */
static void calls_have_their_names(void **state)
{
	static const struct {
		int64_t nr;
		const char *name, *args;
	} calls[] = {
		{SYS_read, "read", "fpz"},
		{SYS_futex, "futex", "pUutpx"},
		{SYS_openat, "openat", "Asom"},
		{SYS_clone3, "clone3", "pz"},
		{SYS_epoll_pwait2, "epoll_pwait2", "fpitGz"},
		{SYS_restart_syscall, "restart_syscall", ""},
		{SYS_pause, "pause", ""},
		{SYS_futex_waitv, "futex_waitv", "puxtc"},
		{SYS_io_uring_enter, "io_uring_enter", "fuuRpz"},
		{452, "fchmodat2", "AsmO"},
		{462, "mseal", "pzx"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		assert_string_equal(syscall_name(calls[i].nr), calls[i].name);
		assert_string_equal(syscall_args(calls[i].nr), calls[i].args);
	}
	assert_null(syscall_name(-1));
	assert_null(syscall_name(400)); /* never given out */
	assert_null(syscall_name(1 << 20));
	assert_null(syscall_name(INT64_MIN));
	for (int64_t nr = -1; nr < 600; nr++)
		assert_true(strlen(syscall_args(nr)) <= 6);
	for (int64_t nr = 0; nr <= 334; nr++)
		assert_non_null(syscall_name(nr));
	for (int64_t nr = 424; nr <= 469; nr++)
		assert_non_null(syscall_name(nr));
}

static void times_are_kept_in_range(void **state)
{
	int64_t t[2] = {1, 500000000};

	(void)state;
	assert_int_equal(structs_time((uint8_t *)t, 0), 1500000000);
	assert_int_equal(structs_time((uint8_t *)t, 1), -1);
	t[1] = 5000;
	assert_int_equal(structs_time((uint8_t *)t, 1), 1005000000);
	t[0] = -1;
	assert_int_equal(structs_time((uint8_t *)t, 0), -1);
	t[0] = INT64_MAX;
	assert_true(structs_time((uint8_t *)t, 0) > 0);
}

static void addresses_of_sockets_are_told(void **state)
{
	struct sockaddr_in four = {
		.sin_family = AF_INET, .sin_port = htons(5432), .sin_addr = {htonl(0x7f000001)}};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6,
				   .sin6_port = htons(80),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};

	(void)state;
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&four, sizeof four);
	assert_string_equal(out, "127.0.0.1:5432");
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&four, 4); /* cut off */
	assert_string_equal(out, "family 2");
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&six, sizeof six);
	assert_string_equal(out, "[::1]:80");
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&un, sizeof un);
	assert_string_equal(out, "unix:/run/x");
	memcpy(un.sun_path, "\0ab\ncd\0\0", 8);
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&un, 10);
	assert_string_equal(out, "unix:@ab?cd");
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&un, 2);
	assert_string_equal(out, "unix:");
	structs_sockaddr(fresh(sizeof out), (uint8_t *)&un, 0);
	assert_string_equal(out, "family 0");
}

static void sets_end_where_they_were_read(void **state)
{
	uint8_t set[8] = {0x80, 0, 1}, polls[16] = {3, 0, 0, 0, 1};

	(void)state;
	structs_fdset(fresh(sizeof out), set, sizeof set, 64);
	assert_string_equal(out, "[7 16]");
	structs_fdset(fresh(sizeof out), set, sizeof set, 10);
	assert_string_equal(out, "[7]");
	structs_fdset(fresh(sizeof out), set, 0, UINT64_MAX);
	assert_string_equal(out, "[]");
	structs_pollfds(fresh(sizeof out), polls, 8, 1);
	assert_string_equal(out, "[{3, POLLIN}]");
	structs_pollfds(fresh(sizeof out), polls, 15, 2);
	assert_string_equal(out, "[{3, POLLIN}, ...]");
}

static void lines_of_sockets_are_read(void **state)
{
	static const char four[] =
		"   0: 0100007F:1538 0200007F:9CB0 01 00000000:00000000 00:00000000 00000000 "
		"   0        0 22334 1 0000000000000000 100 0 0 10 0";
	static const char six[] =
		"   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 "
		"0A "
		"00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000";
	static const char un[] =
		"0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/my socket";
	struct net_socket s;

	(void)state;
	assert_int_equal(net_line(&s, NET_TCP, four), 0);
	assert_int_equal(s.inode, 22334);
	net_words(fresh(sizeof out), &s);
	assert_string_equal(out, "TCP 127.0.0.2:40112 from 127.0.0.1:5432");
	assert_int_equal(net_line(&s, NET_TCP6, six), 0);
	assert_int_equal(s.inode, 777);
	net_words(fresh(sizeof out), &s);
	assert_string_equal(out, "TCP [::1]:22 (listening)");
	assert_int_equal(net_line(&s, NET_UNIX, un), 0);
	assert_int_equal(s.inode, 12345);
	net_words(fresh(sizeof out), &s);
	assert_string_equal(out, "unix socket /run/my socket (listening)");
	assert_int_equal(net_line(&s, NET_TCP, "  sl  local_address rem_address   st tx_queue"),
			 -1);
	assert_int_equal(net_line(&s, NET_TCP, "   0: 0100007F"), -1);
	assert_int_equal(net_line(&s, NET_TCP, ""), -1);
	assert_int_equal(net_line(&s, NET_TCP6, four), -1);
	assert_int_equal(
		net_line(&s, NET_UNIX, "Num       RefCount Protocol Flags    Type St Inode Path"),
		-1);
}

static void fdinfo_is_read(void **state)
{
	static const char epoll[] = "pos:\t0\nflags:\t02\ntfd:        5 events:       19 data:   5 "
				    " pos:0 ino:2b58ed sdev:f\n"
				    "tfd:        7 events: 2019 data: ff\ntfd: x\n";
	static const char timer[] =
		"clockid: 0\nticks: 0\nit_value: (12, 250000000)\nit_interval: (0, 0)\n";
	struct fdinfo_watch watch;
	const char *at = epoll;
	uint64_t v;

	(void)state;
	assert_int_equal(fdinfo_watch(epoll, &at, &watch), 0);
	assert_int_equal(watch.fd, 5);
	assert_int_equal(watch.inode, 0x2b58ed);
	assert_int_equal(fdinfo_watch(epoll, &at, &watch), 0);
	assert_int_equal(watch.fd, 7);
	assert_int_equal(watch.inode, 0);
	assert_int_equal(fdinfo_watch(epoll, &at, &watch), -1);
	assert_int_equal(fdinfo_watch(epoll, &at, &watch), -1);
	assert_int_equal(fdinfo_timer_ns(timer), 12250000000);
	assert_int_equal(fdinfo_timer_ns(epoll), -1);
	assert_int_equal(
		fdinfo_number("a:\t1\neventfd-count:               1f\n", "eventfd-count", 16, &v),
		0);
	assert_int_equal(v, 0x1f);
	assert_int_equal(fdinfo_number("xeventfd-count: 1", "eventfd-count", 16, &v), -1);
}

static void lines_of_file_locks_are_read(void **state)
{
	struct file_lock l;

	(void)state;
	assert_int_equal(file_lock_line(&l, "1: POSIX  ADVISORY  WRITE 708 fd:01:263205 100 109"),
			 0);
	assert_int_equal(l.pid, 708);
	assert_int_equal(l.major, 0xfd);
	assert_int_equal(l.minor, 1);
	assert_int_equal(l.inode, 263205);
	assert_int_equal(l.start, 100);
	assert_int_equal(l.end, 109);
	assert_false(l.is_flock || l.waits);
	assert_int_equal(file_lock_line(&l, "1: -> FLOCK  ADVISORY  WRITE 8 00:1c:5 0 EOF"), 0);
	assert_true(l.is_flock && l.waits);
	assert_true(l.end == INT64_MAX);
	assert_int_equal(file_lock_line(&l, "2: LEASE  ACTIVE    READ 8 00:1c:5 0 EOF"), -1);
	assert_int_equal(file_lock_line(&l, "nonsense"), -1);
	assert_int_equal(file_lock_line(&l, ""), -1);
}

/* ---- locks by their bytes ---------------------------------------------------------------------------- */

static uint8_t around[LOCK_BEFORE + LOCK_AFTER];

static void set_word(int offset, uint32_t value)
{
	memcpy(around + (int)LOCK_BEFORE + offset, &value, sizeof value);
}

static size_t guess(const struct lock_wait *wait, struct lock *l)
{
	return lock_guess(wait, around, 0, sizeof around, l, 1);
}

static void a_mutex_has_to_fit_in_every_field(void **state)
{
	static const struct {
		int offset;
		uint32_t value;
	} spoil[] = {
		{0, 1},         {4, 2},  {8, 0},         {8, 0x40000000}, {12, 0},
		{12, 1u << 30}, {16, 4}, {16, 1u << 20}, {16, 32},        {16, 1},
	};
	struct lock_wait wait = {.word = 0x1000, .is_private = 1, .value = 2};
	struct lock l;

	(void)state;
	for (size_t i = 0; i <= sizeof spoil / sizeof *spoil; i++) {
		memset(around, 0, sizeof around);
		set_word(0, 2);
		set_word(8, 77);
		set_word(12, 1);
		if (i > 0)
			set_word(spoil[i - 1].offset, spoil[i - 1].value);
		assert_int_equal(guess(&wait, &l), i == 0);
		if (i == 0) {
			assert_int_equal(l.kind, LOCK_MUTEX);
			assert_int_equal(l.owner, 77);
			assert_int_equal(l.address, 0x1000);
		}
	}
	wait.value = 1;
	assert_int_equal(guess(&wait, &l), 0);
}

static void memory_of_zeros_or_ones_is_no_lock(void **state)
{
	static const uint32_t ops[] = {0, 6, 9, 13};
	struct lock_wait wait = {.word = 0x1000};
	struct lock l;

	(void)state;
	for (int byte = 0; byte < 256; byte += 255)
		for (size_t i = 0; i < 4; i++)
			for (int k = 0; k < 4; k++) {
				memset(around, byte, sizeof around);
				wait.op = ops[i];
				wait.is_private = k & 1;
				wait.value = k & 2 ? 0 : UINT32_MAX;
				if (guess(&wait,
					  &l)) /* whose word is a tid, which has to be there */
					assert_true(l.owner != 0 && l.kind != LOCK_COND);
			}
}

static void a_mutex_of_musl_is_known(void **state)
{
	struct lock_wait wait = {.word = 0x1004, .is_private = 1, .value = 0x80000000u | 77};
	struct lock l;

	(void)state;
	memset(around, 0, sizeof around);
	set_word(-4, 1); /* recursive */
	set_word(0, wait.value);
	set_word(4, 1);
	assert_int_equal(guess(&wait, &l), 1);
	assert_int_equal(l.owner, 77);
	assert_int_equal(l.address, 0x1000);
	set_word(-4, 0);
	assert_int_equal(guess(&wait, &l), 0);
}

static void nothing_outside_what_was_read_counts(void **state)
{
	struct lock_wait wait = {.word = 0x1000, .is_private = 1, .value = 2};
	struct lock l;

	(void)state;
	memset(around, 0, sizeof around);
	set_word(0, 2);
	set_word(8, 77);
	set_word(12, 1);
	assert_int_equal(lock_guess(&wait, around, LOCK_BEFORE, LOCK_BEFORE + 20, &l, 1), 1);
	assert_int_equal(lock_guess(&wait, around, LOCK_BEFORE, LOCK_BEFORE + 19, &l, 1), 0);
	assert_int_equal(lock_guess(&wait, around, LOCK_BEFORE + 1, sizeof around, &l, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_made_fit_to_print),
		cmocka_unit_test(what_does_not_fit_is_cut_at_a_character),
		cmocka_unit_test(flags_are_named_and_the_rest_is_a_number),
		cmocka_unit_test(calls_have_their_names),
		cmocka_unit_test(times_are_kept_in_range),
		cmocka_unit_test(addresses_of_sockets_are_told),
		cmocka_unit_test(sets_end_where_they_were_read),
		cmocka_unit_test(lines_of_sockets_are_read),
		cmocka_unit_test(fdinfo_is_read),
		cmocka_unit_test(lines_of_file_locks_are_read),
		cmocka_unit_test(a_mutex_has_to_fit_in_every_field),
		cmocka_unit_test(memory_of_zeros_or_ones_is_no_lock),
		cmocka_unit_test(a_mutex_of_musl_is_known),
		cmocka_unit_test(nothing_outside_what_was_read_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
