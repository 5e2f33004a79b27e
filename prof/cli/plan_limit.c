/* How much memory there is where the plan is made: the limit of the container around us, else what the machine has
 * free. */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "prof/cli/plan.h"
#include "prof/record/procmem.h"

static int read_meminfo(double *available, double *total)
{
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[8192];
	long n = procmem_read(fd, text, sizeof text);
	int64_t bytes;

	if (fd >= 0)
		(void)close(fd);
	*available = *total = (double)NAN;
	if (n <= 0)
		return -1;
	bytes = procmem_field(text, "MemAvailable");
	if (bytes > 0)
		*available = (double)bytes;
	bytes = procmem_field(text, "MemTotal");
	if (bytes > 0)
		*total = (double)bytes;
	return isnan(*total) ? -1 : 0;
}

static double cgroup_limit(void)
{
	static struct cgroup group; /* a path of 4 KiB */
	double limit = (double)NAN;

	if (cgroup_open(&group, getpid()) == 0 && group.limit_bytes > 0)
		limit = (double)group.limit_bytes;
	cgroup_close(&group);
	return limit;
}

int plan_limit_here(struct plan *p, struct err *err)
{
	double total, limit = cgroup_limit();

	(void)read_meminfo(&p->available, &total);
	if (!isnan(limit) && !(limit > total)) {
		p->limits.memory = limit;
		p->limit_from = PLAN_CGROUP;
	} else if (!isnan(p->available)) {
		p->limits.memory = p->available;
		p->limit_from = PLAN_AVAILABLE;
	} else if (!isnan(total)) {
		p->limits.memory = total;
		p->limit_from = PLAN_TOTAL;
	} else {
		return err_set(err, ERR_UNSUPPORTED,
			       "how much memory there is cannot be read here: give --memory");
	}
	return 0;
}
