/* Small helpers on system calls: memory and files without libc's malloc, stdio or cancellation. */

#include "prof/agent/sys.h"

#include <fcntl.h>
#include <sys/mman.h>

void *sys_map(size_t bytes)
{
	long p = sys6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void sys_unmap(void *p, size_t bytes)
{
	if (p)
		(void)sys2(SYS_munmap, (long)p, (long)bytes);
}

long sys_read_file(const char *path, void *out, size_t size)
{
	long fd = sys4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	long got = 0, n = 1;

	if (fd < 0)
		return fd;
	while (n > 0 && (size_t)got < size) {
		n = sys3(SYS_read, fd, (long)out + got, (long)size - got);
		if (n > 0)
			got += n;
	}
	(void)sys2(SYS_close, fd, 0);
	return n < 0 ? n : got;
}

char *sys_digits(char *out, uint64_t n)
{
	char tmp[20];
	int len = 0;

	do {
		tmp[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (len > 0)
		*out++ = tmp[--len];
	*out = '\0';
	return out;
}
