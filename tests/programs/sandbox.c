/* A program that shuts itself in, as daemons do: a seccomp filter allows what its threads and malloc need, and not
 * gettid(), ioctl() or perf_event_open(). What it does with all other system calls is the argument:
 *   refuse   EPERM (without an argument, too)
 *   kill     kills the process; installed by prctl()
 *   all      the same for all threads, two of which compute already; installed by syscall()
 *   strict   only read, write, exit and sigreturn are left: one thread, which computes
 *   exec     kill, and then it becomes /bin/true, which is linked dynamically
 *   wrong    a filter that the kernel refuses, by both ways, and then none
 * Then two threads and the main one compute. Prints "done"; 77: seccomp is not to be had. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(n)                                                                                   \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##n, 0, 1),                                        \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(read),
	ALLOW(write),
	ALLOW(newfstatat),
	ALLOW(brk),
	ALLOW(mmap),
	ALLOW(munmap),
	ALLOW(mprotect),
	ALLOW(madvise),
	ALLOW(futex),
	ALLOW(clone),
	ALLOW(clone3),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(getrandom),
	ALLOW(rt_sigaction),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigreturn),
	ALLOW(clock_gettime),
	ALLOW(exit),
	ALLOW(exit_group),
	/* of /bin/true */
	ALLOW(execve),
	ALLOW(access),
	ALLOW(openat),
	ALLOW(close),
	ALLOW(pread64),
	ALLOW(arch_prctl),
	ALLOW(set_tid_address),
	ALLOW(prlimit64),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

static void *work(void *arg)
{
	void *volatile p = malloc(1000);

	(void)arg;
	for (volatile int i = 0; i < 30000000; i++)
		;
	free(p);
	return NULL;
}

static int sealed_by_prctl(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int sealed_by_syscall(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

static int wrong(void)
{
	filter[0].code = 0xffff;
	return !sealed_by_prctl() || !sealed_by_syscall() ||
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) != -1 ||
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (struct sock_fprog *)8) != -1;
}

static int strict(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 77;
	for (volatile int i = 0; i < 90000000; i++)
		;
	if (write(1, "done\n", 5) != 5)
		return 1;
	syscall(SYS_exit, 0);
	return 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "refuse";
	int early = !strcmp(how, "all"), rc;
	pthread_t threads[2];

	work(NULL);
	if (!strcmp(how, "strict"))
		return strict();
	if (!strcmp(how, "refuse"))
		filter[program.len - 1].k = SECCOMP_RET_ERRNO | 1;
	for (int i = 0; early && i < 2; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			return 1;
	rc = !strcmp(how, "wrong") ? wrong() : early ? sealed_by_syscall() : sealed_by_prctl();
	if (rc)
		return 77;
	if (!strcmp(how, "exec"))
		return execl("/bin/true", "true", NULL);
	for (int i = 0; !early && i < 2; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			return 1;
	work(NULL);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(threads[i], NULL);
	puts("done");
	return 0;
}
