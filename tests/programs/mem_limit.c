/* mem_limit as|data MIB [soft]: limits its own address space, or data, then takes all there is in blocks of a MiB.
 * Prints the limit that it reads back, and how many blocks it got; then what a program it executes reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int show(__rlimit_resource_t resource)
{
	struct rlimit r;

	if (getrlimit(resource, &r))
		return 1;
	printf("%lu %s\n", (unsigned long)r.rlim_cur,
	       r.rlim_max == RLIM_INFINITY ? "soft" : "hard");
	return fflush(stdout);
}

int main(int argc, char **argv)
{
	__rlimit_resource_t resource =
		argc > 1 && strcmp(argv[1], "as") == 0 ? RLIMIT_AS : RLIMIT_DATA;
	struct rlimit r;
	int blocks = 0;

	if (argc < 3)
		return show(resource);
	r.rlim_cur = (rlim_t)strtoul(argv[2], NULL, 10) << 20;
	r.rlim_max = argc > 3 ? RLIM_INFINITY : r.rlim_cur;
	if (setrlimit(resource, &r) || show(resource))
		return 1;
	while (malloc(1 << 20))
		blocks++;
	printf("%s\n%d\n", errno == ENOMEM ? "ENOMEM" : "?", blocks);
	if (fflush(stdout))
		return 1;
	execl(argv[0], argv[0], argv[1], (char *)NULL);
	return 1;
}
