/* prof/attach/rights on real processes: other users, dropped capabilities, user namespaces, processes that are not
 * dumpable, other tracers, seccomp filters, used-up perf memory. Words: test_attach_rights_words.c. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/rights.h"
#include "prof/attach/rights_internal.h"
#include "tests/unit/live_child.h"

#define NOBODY 65534

static void must_be_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("this needs root, to become others\n");
	skip();
}

static void says(const struct right_finding *f, const char *why, const char *remedy)
{
	if (!strstr(f->why, why))
		fail_msg("'%s' is not in why: %s", why, f->why);
	if (!strstr(f->remedy, remedy))
		fail_msg("'%s' is not in remedy: %s", remedy, f->remedy);
	if (!strstr(f->other, "protea-prof run"))
		fail_msg("no other road: %s", f->other);
}

struct looker {
	int pid;
	int (*become)(void);
};

static int looks(int ready, int go, void *arg)
{
	const struct looker *l = arg;
	struct err err = ERR_INIT;
	struct rights r;
	struct proc p;

	(void)go;
	if (l->become && l->become())
		return 4;
	memset(&r, 0, sizeof r);
	if (proc_open(&p, l->pid, &err))
		return 5;
	rights_look(&r, &p);
	proc_close(&p);
	live_ready(ready);
	return write(ready, &r, sizeof r) == sizeof r ? 0 : 6;
}

/* What somebody else may do with the process. */
static void look_as(struct rights *r, int pid, int (*become)(void))
{
	struct looker l = {pid, become};
	struct live_child c;
	size_t got = 0;

	assert_int_equal(live_start(&c, looks, &l), 0);
	while (got < sizeof *r) {
		ssize_t n = read(c.ready, (char *)r + got, sizeof *r - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	live_end(&c);
}

static void granted(const struct rights *r, int read, int ptrace_too, int perf, int files)
{
	const int want[RIGHTS] = {read, ptrace_too, perf, files};

	for (int i = 0; i < RIGHTS; i++)
		if (r->of[i].granted != want[i])
			fail_msg("%s: granted %d, expected %d: %s", right_name((enum right)i),
				 r->of[i].granted, want[i], r->of[i].why);
		else if (!want[i] && (!r->of[i].why[0] || !r->of[i].sys))
			fail_msg("%s: no reason", right_name((enum right)i));
}

/* Perf events may be out of reach of all on this machine. */
static int perf_works(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof attr,
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .exclude_kernel = 1,
				       .exclude_hv = 1,
				       .disabled = 1};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

static int become_user(unsigned uid)
{
	return setresgid(uid, uid, uid) || setresuid(uid, uid, uid) ? -1 : 0;
}

static int become_nobody(void)
{
	return become_user(NOBODY);
}

static int drop(uint64_t caps)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -1;
	for (int i = 0; i < 2; i++) {
		data[i].effective &= ~(uint32_t)(caps >> 32 * i);
		data[i].permitted &= ~(uint32_t)(caps >> 32 * i);
		data[i].inheritable &= ~(uint32_t)(caps >> 32 * i);
	}
	return (int)syscall(SYS_capset, &head, data);
}

static int become_lesser_root(void)
{
	const int caps[] = {RIGHTS_CAP_SYS_PTRACE, RIGHTS_CAP_PERFMON, RIGHTS_CAP_SYS_ADMIN};
	uint64_t bits = 0;

	for (int i = 0; i < 3; i++) {
		bits |= UINT64_C(1) << caps[i];
		if (prctl(PR_CAPBSET_DROP, caps[i], 0, 0, 0))
			return -1;
	}
	return drop(bits);
}

static int become_root_elsewhere(void)
{
	return unshare(CLONE_NEWUSER);
}

static int target_as(int ready, int go, void *arg)
{
	int how = (int)(intptr_t)
		arg; /* 0: nobody, dumpable; 1: nobody, not; 2: in a namespace of its own */

	if (how == 2 && become_root_elsewhere())
		return 4;
	if (how != 2 && become_nobody())
		return 4;
	if (prctl(PR_SET_DUMPABLE, how != 1))
		return 4;
	return live_pause(ready, go, NULL);
}

static void our_own_child_may_be_looked_at(void **state)
{
	struct err err = ERR_INIT;
	struct live_child c;
	struct rights r;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	rights_look(&r, &p);
	granted(&r, 1, 1, perf_works(), 1);
	assert_true(r.same_user && r.same_userns && r.same_pidns);
	assert_string_equal(r.container, rights_where());
	live_end(&c);
	rights_look(&r, &p); /* it is gone by now */
	granted(&r, 0, 0, 0, 0);
	assert_non_null(strstr(r.of[RIGHT_READ].why, "ended"));
	proc_close(&p);
}

static void others_may_not_look_at_roots(void **state)
{
	struct err err = ERR_INIT;
	struct live_child c;
	struct rights r;
	struct proc p;
	char number[16];

	(void)state;
	must_be_root();
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	look_as(&r, c.pid, become_nobody);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "it belongs to root (uid 0), we are uid 65534", "root");
	assert_int_equal(r.of[RIGHT_READ].sys, EACCES);
	assert_false(r.same_user);
	assert_false(r.has_ptrace_cap);
	/* As an error: the process, the reason, the line, the other road. */
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	assert_int_equal(rights_refuse(&r, RIGHT_READ, &p, &err), ERR_DENIED);
	assert_int_equal(err.sys, EACCES);
	snprintf(number, sizeof number, "process %d", c.pid);
	assert_non_null(strstr(err.text, number));
	assert_non_null(strstr(err.text, r.of[RIGHT_READ].why));
	assert_non_null(strstr(err.text, r.of[RIGHT_READ].remedy));
	assert_non_null(strstr(err.text, "protea-prof run"));
	proc_close(&p);
	live_end(&c);
}

static void ones_own_may_be_looked_at_unless_not_dumpable(void **state)
{
	struct live_child c;
	struct rights r;

	(void)state;
	must_be_root();
	assert_int_equal(live_start(&c, target_as, (void *)0), 0);
	look_as(&r, c.pid, become_nobody);
	if (r.yama > 0)
		granted(&r, 0, 0, perf_works() && r.paranoid < 3, 1);
	else
		granted(&r, 1, 1, perf_works() && r.paranoid < 3, 1);
	assert_non_null(strstr(r.of[RIGHT_FILES].why, "map_files"));
	live_end(&c);
	assert_int_equal(live_start(&c, target_as, (void *)1), 0);
	look_as(&r, c.pid, become_nobody);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "not dumpable", "root");
	look_as(&r, c.pid, NULL); /* root may */
	granted(&r, 1, 1, perf_works(), 1);
	live_end(&c);
}

static void root_without_its_capabilities_is_told_so(void **state)
{
	struct live_child c;
	struct rights r;

	(void)state;
	must_be_root();
	assert_int_equal(live_start(&c, target_as, (void *)0), 0);
	look_as(&r, c.pid, become_lesser_root);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "root here has not all of root's rights", "SYS_PTRACE");
	live_end(&c);
	/* Root's own, which has more capabilities. */
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	look_as(&r, c.pid, become_lesser_root);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "it has capabilities that we have not", "SYS_PTRACE");
	live_end(&c);
}

static int can_make_user_namespaces(void)
{
	int status = -1, pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) ? 1 : 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

static void user_namespaces_end_rights(void **state)
{
	struct live_child c;
	struct rights r;

	(void)state;
	must_be_root();
	if (!can_make_user_namespaces()) {
		print_message("no user namespaces here\n");
		skip();
	}
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	look_as(&r, c.pid, become_root_elsewhere);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "not in our user namespace", "outside our user namespace");
	assert_false(r.same_userns);
	live_end(&c);
	assert_int_equal(live_start(&c, target_as, (void *)2), 0);
	look_as(&r, c.pid, NULL); /* one below ours */
	granted(&r, 1, 1, perf_works(), 1);
	assert_false(r.same_userns);
	look_as(&r, c.pid, become_nobody);
	granted(&r, 0, 0, 0, 0);
	says(&r.of[RIGHT_READ], "not in our user namespace", "outside our user namespace");
	live_end(&c);
}

static void *stays(void *arg)
{
	live_ready(*(int *)arg);
	for (;;)
		pause();
	return NULL;
}

static int main_thread_ends(int ready, int go, void *arg)
{
	static int fd;
	pthread_t thread;

	(void)go, (void)arg;
	fd = ready;
	if (pthread_create(&thread, NULL, stays, &fd))
		return 4;
	syscall(SYS_exit, 0); /* this thread's end, not the process's */
	return 0;
}

static void a_process_without_its_main_thread_may_be_looked_at(void **state)
{
	const struct timespec nap = {0, 2000000};
	struct proc_stat stat = {.state = 'R'};
	struct err err = ERR_INIT;
	struct live_child c;
	struct rights r;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, main_thread_ends, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	for (int i = 0; i < LIVE_PATIENCE_MS && stat.state != 'Z'; i++, nanosleep(&nap, NULL))
		assert_int_equal(proc_stat(&p, &stat), 0);
	rights_look(&r, &p);
	granted(&r, 1, 1, perf_works(), 1);
	proc_close(&p);
	live_end(&c);
}

static int traces(int ready, int go, void *arg)
{
	if (ptrace(PTRACE_SEIZE, (int)(intptr_t)arg, NULL, NULL))
		return 4;
	return live_pause(ready, go, NULL);
}

static void another_tracer_is_named(void **state)
{
	struct live_child c, tracer;
	struct err err = ERR_INIT;
	struct rights r;
	struct proc p;
	char says_who[32];

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	if (live_start(&tracer, traces, (void *)(intptr_t)c.pid)) {
		live_end(&tracer);
		live_end(&c);
		print_message("a child of ours may not trace here\n");
		skip();
	}
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	rights_look(&r, &p);
	granted(&r, 1, 0, perf_works(), 1);
	snprintf(says_who, sizeof says_who, "process %d (%.8s", tracer.pid,
		 program_invocation_short_name);
	says(&r.of[RIGHT_PTRACE], says_who, "--nonblocking");
	proc_close(&p);
	live_end(&tracer);
	live_end(&c);
}

static int forbid(const int *calls, size_t n, unsigned action)
{
	struct sock_filter code[16];
	struct sock_fprog program = {.filter = code};
	unsigned short at = 0;

	code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						  offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n; i++) {
		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							  (unsigned)calls[i], 0, 1);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	}
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int become_filtered(void)
{
	const int calls[] = {SYS_perf_event_open, SYS_process_vm_readv, SYS_ptrace};

	return forbid(calls, 3, SECCOMP_RET_ERRNO | EPERM);
}

static int become_filtered_as_if_absent(void)
{
	const int calls[] = {SYS_perf_event_open};

	return forbid(calls, 1, SECCOMP_RET_ERRNO | ENOSYS);
}

static int become_killed_for_it(void)
{
	const int calls[] = {SYS_perf_event_open, SYS_process_vm_readv, SYS_ptrace};

	return forbid(calls, 3, SECCOMP_RET_KILL_PROCESS);
}

static void filters_of_system_calls_are_noticed(void **state)
{
	struct live_child c;
	struct rights r;

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	look_as(&r, c.pid, become_filtered);
	granted(&r, 0, 0, 0, 1);
	says(&r.of[RIGHT_READ], "seccomp filter on us forbids the system call process_vm_readv",
	     "process_vm_readv");
	says(&r.of[RIGHT_PTRACE], "system call ptrace", "ptrace");
	says(&r.of[RIGHT_PERF], "system call perf_event_open", "perf_event_open");
	look_as(&r, c.pid, become_killed_for_it);
	granted(&r, 0, 0, 0, 1);
	says(&r.of[RIGHT_PERF], "system call perf_event_open", "perf_event_open");
	look_as(&r, c.pid, become_filtered_as_if_absent);
	granted(&r, 1, 1, 0, 1);
	says(&r.of[RIGHT_PERF], "seccomp filter on us forbids the system call perf_event_open",
	     "perf_event_open");
	live_end(&c);
}

/* A user of its own, for what others of its buffers are is counted by user. Maps buffers until there is no room. */
static int become_out_of_locked_memory(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof attr,
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .exclude_kernel = 1,
				       .exclude_hv = 1,
				       .disabled = 1};
	struct rlimit none = {0, 0};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (become_user(2000000 + (unsigned)getpid() % 1000000) || setrlimit(RLIMIT_MEMLOCK, &none))
		return -1;
	for (size_t pages = 4096; pages;) {
		int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

		if (fd < 0)
			return -1;
		if (mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
		    MAP_FAILED) {
			close(fd);
			pages /= 2;
		}
	}
	return prctl(PR_SET_DUMPABLE, 1);
}

static int target_of_locked_memory(int ready, int go, void *arg)
{
	(void)arg;
	return become_out_of_locked_memory() ? 4
					     : looks(ready, go, &(struct looker){getpid(), NULL});
}

static void used_up_memory_of_perf_is_noticed(void **state)
{
	struct live_child c;
	struct rights r;
	size_t got = 0;

	(void)state;
	must_be_root();
	if (live_start(&c, target_of_locked_memory, NULL)) {
		live_end(&c);
		print_message("users have no perf events here\n");
		skip();
	}
	while (got < sizeof r) {
		ssize_t n = read(c.ready, (char *)&r + got, sizeof r - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
	live_end(&c);
	granted(&r, 1, 1, 0, 1);
	says(&r.of[RIGHT_PERF], "kernel.perf_event_mlock_kb", "kernel.perf_event_mlock_kb=");
}

static void facts_are_gathered(void **state)
{
	struct err err = ERR_INIT;
	struct rights_facts f;
	struct live_child c;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	rights_gather(&f, &p);
	assert_int_equal(f.pid, c.pid);
	assert_true(f.below_us && f.same_user && f.same_pidns && !f.not_dumpable);
	assert_int_equal(f.userns, USERNS_SAME);
	assert_int_equal(f.self.tgid, getpid());
	assert_int_equal(f.target.tgid, c.pid);
	assert_int_equal(f.filtered[RIGHT_READ], 0);
	assert_int_equal(f.filtered[RIGHT_PTRACE], 0);
	proc_close(&p);
	live_end(&c);
	if (getppid() > 1 && proc_open(&p, getppid(), &err) == 0) {
		rights_gather(&f, &p);
		assert_false(f.below_us);
		proc_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_gathered),
		cmocka_unit_test(our_own_child_may_be_looked_at),
		cmocka_unit_test(others_may_not_look_at_roots),
		cmocka_unit_test(ones_own_may_be_looked_at_unless_not_dumpable),
		cmocka_unit_test(root_without_its_capabilities_is_told_so),
		cmocka_unit_test(user_namespaces_end_rights),
		cmocka_unit_test(a_process_without_its_main_thread_may_be_looked_at),
		cmocka_unit_test(another_tracer_is_named),
		cmocka_unit_test(filters_of_system_calls_are_noticed),
		cmocka_unit_test(used_up_memory_of_perf_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
