/* Programs to look at from outside: the test's own executable, copied somewhere, started again and told by a pipe
 * what to do. Each answer is one line. Children die with the test. */
#ifndef TESTS_MODULES_RIG_H
#define TESTS_MODULES_RIG_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "prof/attach/modules.h"
#include "tests/unit/scratch.h"

#define RIG_NOBODY 65534
#define RIG_CHILD  "--modules-rig"

/* ---- what the child does ---- */

__attribute__((noinline)) uint64_t modules_rig_known(uint64_t n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 42;
}

static int rig_obey(void); /* one command; 0: the end */

static uint64_t rig_zlib_depth;

static void *rig_zalloc(void *ctx, unsigned n, unsigned size)
{
	(void)ctx;
	if (rig_zlib_depth++ == 0) {
		puts("0");
		(void)rig_obey();
	}
	return calloc(n, size);
}

static void rig_zfree(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

/* Reads the next command inside of the library. */
static uint64_t rig_inside_zlib(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);
	int (*init)(z_stream *, int, const char *, int);
	int (*end)(z_stream *);
	z_stream z = {.zalloc = rig_zalloc, .zfree = rig_zfree};

	*(void **)&init = lib ? dlsym(lib, "deflateInit_") : NULL;
	*(void **)&end = lib ? dlsym(lib, "deflateEnd") : NULL;
	if (!init || !end)
		return 0;
	if (init(&z, 6, ZLIB_VERSION, (int)sizeof z) == Z_OK)
		end(&z);
	return 1;
}

static uint64_t rig_open(char *words)
{
	static void *lib;
	char *symbol = strrchr(words, ' ');

	if (!symbol) { /* closes it */
		if (lib)
			dlclose(lib);
		lib = NULL;
		return 1;
	}
	*symbol++ = '\0';
	lib = dlopen(words, RTLD_NOW | RTLD_LOCAL);
	return lib ? (uint64_t)(uintptr_t)dlsym(lib, symbol) : 0;
}

/* The code of a function in anonymous memory in its place, as programs with large pages do. */
static uint64_t rig_move(void *function)
{
	uint8_t *page = (uint8_t *)((uintptr_t)function & ~(uintptr_t)4095);
	uint8_t *copy =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(copy, page, 4096);
	mprotect(copy, 4096, PROT_READ | PROT_EXEC);
	if (mremap(copy, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page) != page)
		return 0;
	return (uint64_t)(uintptr_t)function;
}

static uint64_t rig_map_many(uint64_t n)
{
	uint8_t *p =
		mmap(NULL, n * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (uint64_t i = 0; i < n && p != MAP_FAILED; i += 2)
		if (mprotect(p + i * 4096, 4096, PROT_READ | PROT_WRITE))
			return i;
	return p == MAP_FAILED ? 0 : n;
}

static void *rig_go_on(void *unused)
{
	(void)unused;
	while (rig_obey())
		;
	exit(0);
}

static uint64_t rig_leave_first(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, rig_go_on, NULL))
		return 0;
	puts("1");
	pthread_exit(NULL);
}

static uint64_t rig_do(char *words)
{
	static char line[64];
	char *rest = strchr(words, ' ');

	if (rest)
		*rest++ = '\0';
	if (!strcmp(words, "known"))
		return (uint64_t)(uintptr_t)modules_rig_known;
	if (!strcmp(words, "open"))
		return rig_open(rest);
	if (!strcmp(words, "close"))
		return rig_open(line);
	if (!strcmp(words, "inside"))
		return rig_inside_zlib(rest);
	if (!strcmp(words, "jit"))
		return (uint64_t)(uintptr_t)mmap(NULL, 4096, PROT_READ | PROT_EXEC,
						 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!strcmp(words, "move"))
		return rig_move((void *)(uintptr_t)modules_rig_known);
	if (!strcmp(words, "many"))
		return rig_map_many(strtoull(rest, NULL, 10));
	if (!strcmp(words, "exec"))
		execl(rest, rest, RIG_CHILD, (char *)NULL);
	if (!strcmp(words, "leave"))
		return rig_leave_first();
	return 0;
}

static int rig_obey(void)
{
	static char line[PATH_MAX + 64];
	size_t n = 0;

	while (n < sizeof line - 1 && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (n == 0)
		return 0;
	line[n] = '\0';
	printf("%llx\n", (unsigned long long)rig_do(line));
	return 1;
}

/* For main(): the child's life, if this process is one. */
static inline int rig_is_child(int argc, char **argv)
{
	return argc == 2 && strcmp(argv[1], RIG_CHILD) == 0;
}

static inline int rig_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdout, NULL, _IONBF, 0);
	while (rig_obey())
		;
	return 0;
}

/* ---- what the test does ---- */

struct rig {
	pid_t pid;
	int to, from;
};

static inline void rig_copy(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof block)) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	assert_int_equal(close(out), 0);
	close(in);
}

/* Becomes an ordinary user, if it is root, in a process that then looks at what it has started itself. */
static inline void rig_be_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) || setresgid(RIG_NOBODY, RIG_NOBODY, RIG_NOBODY) ||
	    setresuid(RIG_NOBODY, RIG_NOBODY, RIG_NOBODY))
		_exit(90);
}

/* Starts `program` (a copy of ourselves, or a descriptor if NULL); `before` (may be NULL) is called in the child. */
static inline struct rig rig_start(const char *program, int fd, void (*before)(void))
{
	int in[2], out[2];
	struct rig r;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	r.pid = fork();
	if (r.pid == 0) {
		char *argv[] = {(char *)"rig", (char *)RIG_CHILD, NULL};

		dup2(in[0], 0);
		dup2(out[1], 1);
		if (before)
			before();
		if (program)
			execv(program, argv);
		else
			fexecve(fd, argv, environ);
		_exit(91);
	}
	assert_true(r.pid > 0);
	close(in[0]);
	close(out[1]);
	r.to = in[1];
	r.from = out[0];
	return r;
}

static inline void rig_send(const struct rig *r, const char *fmt, const char *arg)
{
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof line, fmt, arg);

	assert_int_equal(write(r->to, line, (size_t)n), n);
	assert_int_equal(write(r->to, "\n", 1), 1);
}

static inline uint64_t rig_answer(const struct rig *r)
{
	char line[64];
	size_t n = 0;

	while (n < sizeof line - 1 && read(r->from, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	assert_true(n > 0);
	return strtoull(line, NULL, 16);
}

static inline uint64_t rig_ask(const struct rig *r, const char *fmt, const char *arg)
{
	rig_send(r, fmt, arg);
	return rig_answer(r);
}

static inline void rig_stop(struct rig *r)
{
	close(r->to);
	close(r->from);
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
}

/* The zlib that we are linked with, as a file of its own. */
static inline const char *rig_zlib(void)
{
	static char path[PATH_MAX];
	Dl_info info;

	if (!dladdr((void *)(uintptr_t)zlibVersion, &info) || !realpath(info.dli_fname, path))
		fail_msg("where is zlib");
	return path;
}

struct look { /* a space of a child */
	struct proc proc;
	struct module_set *set;
	struct attach_space *space;
};

/* `l` must stay where it is. */
static inline void look_open(struct look *l, pid_t pid, const char *cache_dir)
{
	struct err err = ERR_INIT;

	if (proc_open(&l->proc, pid, &err))
		fail_msg("%s", err.text);
	l->set = module_set_new(cache_dir);
	assert_non_null(l->set);
	l->space = attach_space_new(l->set, &l->proc);
	assert_non_null(l->space);
	if (attach_space_refresh(l->space, 0, &err))
		fail_msg("%s", err.text);
}

static inline void look_close(struct look *l)
{
	attach_space_free(l->space);
	module_set_free(l->set);
	proc_close(&l->proc);
}

static inline const struct attach_module *look_module(struct look *l, uint64_t address,
						      uint64_t *rel)
{
	struct attach_frame f = attach_space_frame(l->space, address);

	if (rel)
		*rel = f.rel_addr;
	return f.module == MODULE_NONE ? NULL : module_get(l->set, f.module);
}

/* Runs a test as an ordinary user, in a process of its own. */
static inline void as_nobody(CMUnitTestFunction body)
{
	const struct CMUnitTest one[] = {{"as an ordinary user", body, NULL, NULL, NULL}};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		rig_be_nobody();
		_exit(cmocka_run_group_tests(one, NULL, NULL) != 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* May the kernel's links to mapped files be followed? */
static inline int may_follow_maps(void)
{
	char line[256] = "", name[300];
	FILE *f = fopen("/proc/self/maps", "re");
	int fd;

	while (f && !strchr(line, '/') && fgets(line, sizeof line, f))
		;
	if (f)
		fclose(f);
	line[strcspn(line, " ")] = '\0';
	snprintf(name, sizeof name, "/proc/self/map_files/%s", line);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

#endif
