/* Checks of what takes samples: perf events, CPU timers, limits on signals and files. */
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/cli/check.h"

static void why_not_perf(struct check_finding *f, int error)
{
	char paranoid[16], seccomp[16];
	const char *container = check_container_kind();
	int level;

	check_read_line("/proc/sys/kernel/perf_event_paranoid", paranoid, sizeof(paranoid));
	check_status("Seccomp", seccomp, sizeof(seccomp));
	level = (int)strtol(paranoid, NULL, 10);
	snprintf(f->what, sizeof(f->what),
		 "perf_event_open: %s (perf_event_paranoid %s, seccomp mode %s); CPU timers are "
		 "used",
		 strerror(error), *paranoid ? paranoid : "unknown", *seccomp ? seccomp : "0");
	if (level > 2 && geteuid() != 0)
		snprintf(f->remedy, sizeof(f->remedy), "sudo sysctl kernel.perf_event_paranoid=2");
	else if (container && strcmp(container, "kubernetes") == 0)
		snprintf(f->remedy, sizeof(f->remedy),
			 "pod: securityContext: {capabilities: {add: [PERFMON]}, "
			 "seccompProfile: {type: Unconfined}}");
	else if (container || strcmp(seccomp, "2") == 0)
		snprintf(f->remedy, sizeof(f->remedy),
			 "docker run --cap-add PERFMON --security-opt seccomp=unconfined …");
	else
		snprintf(f->remedy, sizeof(f->remedy), "a kernel with CONFIG_PERF_EVENTS");
}

void check_perf(struct check_finding *f)
{
	struct perf_event_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.size = sizeof(attr);
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.sample_period = 1000000;
	attr.exclude_kernel = 1;
	attr.exclude_hv = 1;
	attr.disabled = 1;
	f->name = "perf-events";
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0) {
		f->state = CHECK_POOR;
		why_not_perf(f, errno);
		return;
	}
	close((int)fd);
	snprintf(f->what, sizeof(f->what),
		 "per-thread task-clock events: any rate to 10 kHz and more");
}

/* ---- CPU timers ---- */

static volatile sig_atomic_t ticks;

static void on_tick(int signo)
{
	(void)signo;
	ticks++;
}

/* How many ticks a second of CPU time a 2 kHz timer really gives. */
static double timer_rate(void)
{
	struct sigaction act, old;
	struct sigevent event;
	struct itimerspec every = {{0, 500000}, {0, 500000}};
	int64_t end;
	timer_t timer;

	memset(&act, 0, sizeof(act));
	memset(&event, 0, sizeof(event));
	act.sa_handler = on_tick;
	act.sa_flags = SA_RESTART;
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGRTMAX;
	if (sigaction(SIGRTMAX, &act, &old))
		return 0;
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer)) {
		sigaction(SIGRTMAX, &old, NULL);
		return 0;
	}
	ticks = 0;
	end = clock_thread_cpu_ns() + 100000000;
	if (timer_settime(timer, 0, &every, NULL) == 0)
		while (clock_thread_cpu_ns() < end)
			;
	timer_delete(timer);
	sigaction(SIGRTMAX, &old, NULL);
	return ticks * 10.0;
}

void check_clock(struct check_finding *f)
{
	double rate = timer_rate();

	f->name = "cpu-timers";
	if (rate < 10) {
		f->state = CHECK_BAD;
		snprintf(f->what, sizeof(f->what),
			 "thread CPU timers do not tick: --engine clock cannot work");
		snprintf(f->remedy, sizeof(f->remedy), "a kernel with CONFIG_POSIX_TIMERS");
		return;
	}
	snprintf(f->what, sizeof(f->what),
		 "--engine clock reaches about %.0f Hz here (the kernel's tick)", rate);
}

static void limit_text(char text[24], const struct rlimit *limit)
{
	if (limit->rlim_cur == RLIM_INFINITY)
		snprintf(text, 24, "unlimited");
	else
		snprintf(text, 24, "%llu", (unsigned long long)limit->rlim_cur);
}

void check_limits(struct check_finding *f)
{
	struct rlimit pending, files;
	char signals[24], opens[24];

	f->name = "limits";
	if (getrlimit(RLIMIT_SIGPENDING, &pending) || getrlimit(RLIMIT_NOFILE, &files)) {
		f->state = CHECK_BAD;
		snprintf(f->what, sizeof(f->what), "getrlimit: %s", strerror(errno));
		return;
	}
	limit_text(signals, &pending);
	limit_text(opens, &files);
	snprintf(f->what, sizeof(f->what),
		 "pending signals %s, open files %s (one per thread is used)", signals, opens);
	if (files.rlim_cur < 256 || pending.rlim_cur < 64) {
		f->state = CHECK_POOR;
		snprintf(f->remedy, sizeof(f->remedy), "ulimit -n 1024 -i 1024");
	}
}
