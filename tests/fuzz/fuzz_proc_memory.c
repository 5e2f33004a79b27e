/* What /proc and mountinfo say of a process's memory: any bytes. What is found stays within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/record/procmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void in_bounds(int64_t bytes)
{
	if (bytes < -1 || bytes > INT64_C(1) << 60)
		abort();
}

/* The first line break but one parts the group's text from the mounts'. */
static void find_group(char *text)
{
	static struct cgroup c;
	char *mounts = strstr(text, "\n\n");

	if (!mounts)
		return;
	*mounts = '\0';
	if (cgroup_find(&c, text, mounts + 2))
		return;
	if (c.top > strlen(c.path) || strlen(c.path) >= sizeof c.path || c.usage_fd != -1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* of its own size, so that a byte too far is seen */
	int64_t minor = 0, major = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	in_bounds(procmem_statm_rss(text));
	in_bounds(procmem_statm_shared(text));
	in_bounds(procmem_field(text, "Pss"));
	in_bounds(procmem_field(text, "VmHWM"));
	in_bounds(cgroup_limit_parse(text));
	if (procmem_faults(text, &minor, &major) == 0) {
		in_bounds(minor);
		in_bounds(major);
	}
	find_group(text);
	free(text);
	return 0;
}
