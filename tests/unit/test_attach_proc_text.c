/* prof/attach/proc: texts of /proc as the kernel writes them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/attach/proc.h"

#define REST                                                                                       \
	" 1 2 3 4 -1 4194560 11 12 13 14 150 250 0 0 20 0 7 0 987654 1000 25 "                     \
	"18446744073709551615 "                                                                    \
	"1 1 0 0 0 0 0 0 0 0 0 0 17 3 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void stat_is_taken_apart(void **state)
{
	int64_t tick = 1000000000 / sysconf(_SC_CLK_TCK);
	struct proc_stat s;

	(void)state;
	assert_int_equal(proc_stat_parse(&s, "4711 (server) S" REST), 0);
	assert_string_equal(s.comm, "server");
	assert_int_equal(s.state, 'S');
	assert_int_equal(s.ppid, 1);
	assert_int_equal(s.flags, 4194560);
	assert_int_equal(s.minor_faults, 11);
	assert_int_equal(s.major_faults, 13);
	assert_int_equal(s.user_ns, 150 * tick);
	assert_int_equal(s.system_ns, 250 * tick);
	assert_int_equal(s.n_threads, 7);
	assert_int_equal(s.start_ticks, 987654);
	assert_int_equal(s.rss_bytes, 25 * sysconf(_SC_PAGESIZE));
	assert_int_equal(s.cpu, 3);
}

static void a_name_may_hold_anything(void **state)
{
	static const char *const names[][2] = {
		{"", ""},
		{")", ")"},
		{") R 99 (", ") R 99 ("},
		{"a) (b", "a) (b"},
		{"line\\nbreak", "line\nbreak"}, /* as the kernel writes it */
		{"back\\\\slash", "back\\slash"},
		{"odd\\x", "odd\\x"},
		{"end\\", "end\\"},
		{"\xff\x01", "\xff\x01"},
	};
	struct proc_stat s;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(text, sizeof text, "1 (%s) D" REST, names[i][0]);
		assert_int_equal(proc_stat_parse(&s, text), 0);
		assert_string_equal(s.comm, names[i][1]);
		assert_int_equal(s.state, 'D');
		assert_int_equal(s.ppid, 1);
	}
	memset(text, 'x', sizeof text);
	snprintf(text, sizeof text, "1 (%0200d) R" REST, 0);
	assert_int_equal(proc_stat_parse(&s, text), 0);
	assert_int_equal(strlen(s.comm), PROC_COMM_MAX - 1);
}

static void stat_that_makes_no_sense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		"1 (a",
		"1 a) R" REST,
		"1 (a)",
		"1 (a) ",
		"1 (a) R",
		"1 (a) R 1 2 3",
		"1 )a( R" REST,
		"1 (a)R" REST,
		"1 (a) R x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"};
	struct proc_stat s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(proc_stat_parse(&s, bad[i]), -1);
	/* Numbers that do not fit become the largest, not something else. */
	assert_int_equal(proc_stat_parse(&s,
					 "1 (a) R 99999999999999999999999 2 3 4 5 6 7 8 9 10 11 "
					 "99999999999999999999 15 16 17 18 19 20 21 22 "
					 "99999999999999999999"),
			 0);
	assert_int_equal(s.ppid, INT32_MAX);
	assert_int_equal(s.rss_bytes, INT64_MAX);
	assert_true(s.user_ns > 0);
}

static void status_is_taken_apart(void **state)
{
	static const char text[] =
		"Name:\tUid: 5\nUmask:\t0022\nState:\tS "
		"(sleeping)\nTgid:\t4711\nNgid:\t0\nPid:\t4712\n"
		"TracerPid:\t99\nUid:\t1000\t1001\t1002\t1003\nGid:\t100\t101\t102\t103\n"
		"NStgid:\t4711\t12\nNSpid:\t4712\t13\t2\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n"
		"Threads:\t8\nCapPrm:\t0000003fffffffff\nCapEff:\t0000000000080000\n"
		"CapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n";
	struct proc_status s;

	(void)state;
	assert_int_equal(proc_status_parse(&s, text), 0);
	assert_int_equal(s.uid, 1000);
	assert_int_equal(s.euid, 1001);
	assert_int_equal(s.suid, 1002);
	assert_int_equal(s.gid, 100);
	assert_int_equal(s.egid, 101);
	assert_int_equal(s.sgid, 102);
	assert_int_equal(s.tgid, 4711);
	assert_int_equal(s.tracer, 99);
	assert_int_equal(s.ns_pid, 2);
	assert_int_equal(s.threads, 8);
	assert_int_equal(s.cap_permitted, 0x3fffffffff);
	assert_int_equal(s.cap_effective, 0x80000);
	assert_int_equal(s.cap_bounding, 0xa80425fb);
	assert_int_equal(s.no_new_privs, 1);
	assert_int_equal(s.seccomp, 2);
	assert_int_equal(s.rss_bytes, 1024 * 1024);
	assert_int_equal(s.peak_rss_bytes, 2048 * 1024);
	/* An older kernel's, a kernel thread's: what is not there is 0. */
	assert_int_equal(proc_status_parse(&s, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"), 0);
	assert_int_equal(s.ns_pid, 0);
	assert_int_equal(s.rss_bytes, 0);
	assert_int_equal(proc_status_parse(&s, ""), -1);
	assert_int_equal(proc_status_parse(&s, "Uid:\t0\t0\n"), -1);
	assert_int_equal(proc_status_parse(&s, "Uid:\t0\t0\t99999999999\nGid:\t0\t0\t0\n"), -1);
	assert_int_equal(proc_status_parse(&s, "Uid:\t0\nGid:\t0\t0\t0\n"), -1);
}

static void system_calls_are_taken_apart(void **state)
{
	struct proc_syscall s;

	(void)state;
	assert_int_equal(proc_syscall_parse(&s, "running\n"), PROC_CALL_RUNNING);
	assert_int_equal(s.nr, -1);
	assert_int_equal(proc_syscall_parse(&s, "-1 0x7ffd00 0x55aa\n"), PROC_CALL_NONE);
	assert_int_equal(s.nr, -1);
	assert_int_equal(s.sp, 0x7ffd00);
	assert_int_equal(s.pc, 0x55aa);
	assert_int_equal(
		proc_syscall_parse(&s, "202 0x1 0x2 0x3 0x4 0x5 0xffffffffffffffff 0x7 0x8\n"),
		PROC_CALL_IN);
	assert_int_equal(s.nr, 202);
	assert_int_equal(s.args[0], 1);
	assert_int_equal(s.args[5], UINT64_MAX);
	assert_int_equal(s.sp, 7);
	assert_int_equal(s.pc, 8);
	static const char *const bad[] = {"",
					  "\n",
					  "x",
					  "202",
					  "202 0x1",
					  "-1",
					  "-1 0x5",
					  "-2 0x1 0x2",
					  "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7",
					  "99999999999 0 0 0 0 0 0 0 0",
					  "-1 0x1 0x2 0x3",
					  "202 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 0x9"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(proc_syscall_parse(&s, bad[i]), PROC_CALL_DENIED);
		assert_int_equal(s.nr, -1);
		assert_int_equal(s.sp, 0);
	}
}

static void run_times_are_taken_apart(void **state)
{
	struct proc_schedstat s;

	(void)state;
	assert_int_equal(proc_schedstat_parse(&s, "123 456 7\n"), 0);
	assert_int_equal(s.run_ns, 123);
	assert_int_equal(s.wait_ns, 456);
	assert_int_equal(s.slices, 7);
	assert_int_equal(proc_schedstat_parse(&s, "1 2\n"), -1);
	assert_int_equal(proc_schedstat_parse(&s, "1 2\n3"), -1);
	assert_int_equal(proc_schedstat_parse(&s, ""), -1);
	assert_int_equal(s.run_ns, 0);
}

static void letters_are_states(void **state)
{
	(void)state;
	assert_int_equal(proc_state('R'), PROFILE_RUNNING);
	assert_int_equal(proc_state('S'), PROFILE_SLEEPING);
	assert_int_equal(proc_state('I'), PROFILE_SLEEPING);
	assert_int_equal(proc_state('D'), PROFILE_DISK);
	assert_int_equal(proc_state('T'), PROFILE_STOPPED);
	assert_int_equal(proc_state('t'), PROFILE_STOPPED);
	assert_int_equal(proc_state('Z'), PROFILE_ZOMBIE);
	assert_int_equal(proc_state('X'), PROFILE_ZOMBIE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_is_taken_apart),
		cmocka_unit_test(a_name_may_hold_anything),
		cmocka_unit_test(stat_that_makes_no_sense_is_refused),
		cmocka_unit_test(status_is_taken_apart),
		cmocka_unit_test(system_calls_are_taken_apart),
		cmocka_unit_test(run_times_are_taken_apart),
		cmocka_unit_test(letters_are_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
