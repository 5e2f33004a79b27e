/* What /proc says of a process, any bytes: stat, status, schedstat, syscall, cgroup. Names end within their arrays, what
 * is refused leaves nothing behind, an accepted system call has its number. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/pick.h"
#include "prof/attach/proc.h"
#include "prof/attach/rights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_stat(const char *text)
{
	struct proc_stat s;

	memset(&s, 0xff, sizeof s);
	if (proc_stat_parse(&s, text))
		return;
	if (!memchr(s.comm, '\0', sizeof s.comm) || s.ppid < 0 || s.n_threads < 0 || s.cpu < 0 ||
	    s.user_ns < 0 || s.system_ns < 0 || s.rss_bytes < 0)
		abort();
	if (proc_state(s.state) >= PROFILE_STATES)
		abort();
}

static void read_status(const char *text)
{
	struct proc_status s;

	if (proc_status_parse(&s, text))
		return;
	if (s.tracer < 0 || s.ns_pid < 0 || s.threads < 0 || s.rss_bytes < 0 ||
	    s.peak_rss_bytes < 0)
		abort();
}

static void read_call(const char *text)
{
	struct proc_syscall s;
	enum proc_call call = proc_syscall_parse(&s, text);

	if ((call == PROC_CALL_IN) != (s.nr >= 0) || s.nr < -1 || s.nr > INT_MAX)
		abort();
	if ((call == PROC_CALL_RUNNING || call == PROC_CALL_DENIED) && (s.sp || s.pc))
		abort();
}

static void read_list(const char *text)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;

	(void)pick_parse(&l, text, &err);
	for (uint32_t i = 0; i < l.n; i++)
		if (l.pids[i] <= 0 || l.pids[i] > PICK_PID_MAX || (i && l.pids[i] <= l.pids[i - 1]))
			abort();
	pick_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* of its own size, so that a byte too far is seen */
	struct proc_schedstat times;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	read_stat(text);
	read_status(text);
	read_call(text);
	if (size < 4096)
		read_list(text);
	if (proc_schedstat_parse(&times, text) && (times.run_ns || times.wait_ns || times.slices))
		abort();
	if (strlen(rights_container_of(text)) > 16)
		abort();
	free(text);
	return 0;
}
